"""Folders of Parquet: what is written is read, whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from jaxsim.data import load_population
from jaxsim.population import Population
from jaxsim.rules.us import system


def population() -> Population:
    persons = {
        "household_id": [7, 7, 7, 2**40],
        "tax_unit_id": [1, 1, 1, 9],
        "role": ["head", "spouse", "dependent", "head"],
        "age": [40.0, 39.5, 3.0, 70.0],
        "employment_income": [1e5 + 0.25, 0.0, 0.0, 0.0],
        "farm_income": [-3.0, 0.0, 0.0, 0.0],
        "social_security": [0.0, 0.0, 0.0, 12_345.0],
        "household_weight": [2.5, 2.5, 2.5, 1e-3],
    }
    return Population.from_persons(persons, year=2023, source="test")


@pytest.mark.parametrize("check", [True, False])
def test_round_trip(tmp_path: Path, check: bool) -> None:
    made = population()
    made.to_parquet(tmp_path / "folder")
    read = Population.from_parquet(tmp_path / "folder", check=check)
    assert read.digest() == made.digest()
    assert (read.year, read.source, read.provided, read.card) == (made.year, made.source, made.provided, made.card)
    for entity, table in made.tables.items():
        for name, column in table.items():
            assert read.tables[entity][name].dtype == column.dtype, name


def test_load_population_reads_the_folder(tmp_path: Path) -> None:
    population().to_parquet(tmp_path / "folder")
    assert load_population(tmp_path / "folder").digest() == population().digest()


def test_defaults_are_left_out_and_filled_in(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    population().to_parquet(tmp_path / "folder")
    written = pq.read_schema(tmp_path / "folder" / "tax_unit.parquet").names
    assert "social_security" in written
    assert "taxable_interest_income" not in written
    read = Population.from_parquet(tmp_path / "folder", check=False)
    assert {i.name for i in system().inputs.values()} <= {n for t in read.tables.values() for n in t}


def test_writing_again_replaces_the_folder(tmp_path: Path) -> None:
    made = population()
    made.to_parquet(tmp_path / "folder")
    twice = made.with_weights(made.weights * 2)
    twice.to_parquet(tmp_path / "folder")
    assert Population.from_parquet(tmp_path / "folder").digest() == twice.digest()
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]  # nothing temporary is left behind


def test_a_failed_write_leaves_the_old_folder(tmp_path: Path) -> None:
    made = population()
    made.to_parquet(tmp_path / "folder")
    broken = Population(made.tables, made.year, made.source, made.provided, {"card": object()})
    with pytest.raises(TypeError):
        broken.to_parquet(tmp_path / "folder")
    assert Population.from_parquet(tmp_path / "folder").digest() == made.digest()
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]


def test_others_may_read_the_folder(tmp_path: Path) -> None:
    population().to_parquet(tmp_path / "folder")
    assert (tmp_path / "folder").stat().st_mode & 0o055 == 0o055


def test_digest_tells_columns_apart() -> None:
    made = population()
    changed = made.with_column("employment_income", made.tables["person"]["employment_income"] + 0.01)
    assert changed.digest() != made.digest()


def test_card_is_plain_json(tmp_path: Path) -> None:
    sample = load_population("cps_sample")
    sample.to_parquet(tmp_path / "sample")
    about = json.loads((tmp_path / "sample" / "card.json").read_text())
    assert about["card"] == sample.card


def test_persons_from_csv_and_frame_agree(tmp_path: Path) -> None:
    import pandas as pd

    frame = pd.DataFrame({"household_id": [1, 1, 2], "age": [30, 4, 71], "employment_income": [10.5, 0, 0]})
    frame.to_csv(tmp_path / "persons.csv", index=False)
    frame.to_parquet(tmp_path / "persons.parquet")
    read = [load_population(tmp_path / f"persons.{kind}", year=2023).digest() for kind in ("csv", "parquet")]
    assert read == [load_population(frame, year=2023).digest()] * 2


def test_roles_by_order_in_every_unit() -> None:
    made = Population.from_persons({"household_id": [5, 1, 5, 1, 5, 8], "age": [10, 40, 30, 41, 29, 12]}, year=2023)
    person = made.frame("person")
    assert person.role.to_dict() == {0: 2, 1: 0, 2: 0, 3: 1, 4: 1, 5: 0}
    assert np.array_equal(made.tables["tax_unit"]["filing_status"], [1, 1, 0])
