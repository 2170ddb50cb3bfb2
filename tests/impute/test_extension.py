"""The two-copy extension: what is drawn, what stays, and that totals are exactly as before."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
import pandas as pd
import pytest

import jaxsim as js
from jaxsim.errors import InputError
from jaxsim.impute.extension import copy_of, two_copies, view
from tests.conftest import make_population


class Drawer:
    """Draws amounts of 100 and more, by id and key; keeps the tables it was given."""

    def __init__(self, *targets: str):
        self.targets: Sequence[str] = targets
        self.seen: list[pd.DataFrame] = []

    def sample(self, X: pd.DataFrame, key: Any, *, ids: Any) -> pd.DataFrame:
        self.seen.append(X)
        one = jax.vmap(lambda i: jax.random.exponential(jax.random.fold_in(key, i), (len(self.targets),)))
        return pd.DataFrame(100 + np.asarray(one(np.asarray(ids))), index=X.index, columns=list(self.targets))


@pytest.fixture(scope="module")
def survey() -> js.Population:
    return make_population(60)


@pytest.fixture(scope="module")
def extended(survey: js.Population) -> js.Population:
    units = Drawer("noncash_charity", "real_estate_tax")
    return two_copies(
        survey, [Drawer("pension_income", "employment_income", "farm_income"), units],
        missing=["noncash_charity", "farm_income"], mismeasured=["employment_income"], key=3,
    )  # fmt: skip


def total(population: js.Population, entity: str, name: str) -> float:
    """A weighted total without rounding error."""
    home = slice(None) if entity == "household" else population.links[f"household_of_{entity}"]
    return math.fsum(population.weights[home] * population.tables[entity][name])


def test_what_is_drawn_and_what_stays(survey: js.Population, extended: js.Population) -> None:
    assert extended.count("household") == 2 * survey.count("household")
    for entity, table in extended.tables.items():
        second = copy_of(extended, entity) == 2
        assert second.sum() == (~second).sum() == survey.count(entity)
        for name, column in table.items():
            before = survey.tables[entity][name]
            if name in ("noncash_charity", "farm_income"):
                assert (column >= 100).all()
                assert (column[second] != column[~second]).all()
            elif name == "household_weight":
                assert np.array_equal(column, np.tile(before / 2, 2))
            elif name.endswith("_id"):
                assert np.array_equal(column, np.concatenate([before, before + extended.card["two_copies"]["offset"]]))
            else:
                assert np.array_equal(column[~second], before)
                changed = (column[second] != before).any()
                assert changed == (name == "employment_income")
    drawn = extended.tables["person"]["employment_income"][copy_of(extended, "person") == 2]
    assert (drawn >= 100).all()
    assert extended.provided == survey.provided | {"noncash_charity", "farm_income"}


def test_links_are_those_of_the_survey(survey: js.Population, extended: js.Population) -> None:
    for name, rows in survey.links.items():
        parents = survey.count(name.split("_of_")[0])
        assert np.array_equal(extended.links[name], np.concatenate([rows, rows + parents]))


def test_totals_of_what_is_not_drawn_are_exactly_the_same(survey: js.Population, extended: js.Population) -> None:
    for entity, table in survey.tables.items():
        for name in table:
            if not name.endswith("_id") and name not in ("noncash_charity", "farm_income", "employment_income"):
                weight = name == "household_weight"
                before = math.fsum(survey.weights) if weight else total(survey, entity, name)
                assert before == (math.fsum(extended.weights) if weight else total(extended, entity, name)), name


def test_draws_of_the_copies_are_independent() -> None:
    survey = make_population(600)
    found = two_copies(survey, Drawer("farm_income"), missing=["farm_income"])
    column, second = found.tables["person"]["farm_income"], copy_of(found, "person") == 2
    assert abs(np.corrcoef(column[second], column[~second])[0, 1]) < 0.1
    again = two_copies(survey, Drawer("farm_income"), missing=["farm_income"])
    assert np.array_equal(again.tables["person"]["farm_income"], column)
    other = two_copies(survey, Drawer("farm_income"), missing=["farm_income"], key=1)
    assert not np.array_equal(other.tables["person"]["farm_income"], column)


def test_card_says_what_was_done(survey: js.Population, extended: js.Population, tmp_path: Any) -> None:
    about = extended.card["two_copies"]
    assert (about["missing"], about["mismeasured"]) == (["noncash_charity", "farm_income"], ["employment_income"])
    assert "half its weight" in about["what"]
    json.dumps(extended.card)
    extended.to_parquet(tmp_path / "two")
    assert np.array_equal(copy_of(js.Population.from_parquet(tmp_path / "two")), copy_of(extended))
    assert "two copies" in repr(extended)
    with pytest.raises(InputError, match="has two copies already"):
        two_copies(extended, Drawer("alimony_income"), missing=["alimony_income"])
    with pytest.raises(InputError, match="not made of two copies"):
        copy_of(survey)


def test_imputers_of_units_see_their_persons(survey: js.Population) -> None:
    imputer = Drawer("noncash_charity")
    two_copies(survey, imputer, missing=["noncash_charity"])
    (seen,) = imputer.seen
    assert seen.index.name == "tax_unit_id"
    unit, person = survey.links["tax_unit_of_person"], survey.tables["person"]
    n = survey.count("tax_unit")
    assert np.allclose(seen["employment_income"][:n], np.bincount(unit, weights=person["employment_income"]))
    assert np.array_equal(seen["age"][n:], person["age"][survey.filers[0]])
    assert np.array_equal(
        seen["state_fips"],
        np.tile(survey.tables["household"]["state_fips"], 2)[[*survey.links["household_of_tax_unit"]] * 2],
    )
    persons = view(survey, "person")
    assert np.array_equal(persons["filing_status"], survey.tables["tax_unit"]["filing_status"][unit])
    homes = view(survey, "household")
    interest = np.bincount(
        survey.links["household_of_tax_unit"], weights=survey.tables["tax_unit"]["taxable_interest_income"]
    )
    assert np.allclose(homes["taxable_interest_income"], interest)


@pytest.fixture
def tables() -> dict[str, pd.DataFrame]:
    person = pd.DataFrame(
        {
            "person_id": [5, 3, 8],
            "household_id": [1, 0, 1],
            "spouse_id": [8, -1, 5],
            "mother_id": [np.nan, np.nan, 5.0],
            "state_id": [9, 8, 9],
            "wages": [1, 2, 3],
        }
    )
    household = pd.DataFrame(
        {"household_weight": [3.0, 5.0], "rent": np.nan}, index=pd.Index([0, 1], name="household_id")
    )
    return {"person": person, "household": household}


def test_tables_get_a_column_of_copies_and_pointers_stay_in_their_copy(tables: dict[str, pd.DataFrame]) -> None:
    before = {name: table.copy() for name, table in tables.items()}
    new = two_copies(
        tables, [Drawer("rent"), Drawer("wages")], missing=["rent"], mismeasured=["wages"], fixed=["state_id"]
    )
    person = new["person"]
    assert person["copy"].tolist() == [1, 1, 1, 2, 2, 2]
    assert person["person_id"].tolist() == [5, 3, 8, 15, 13, 18]
    assert person["spouse_id"].tolist() == [8, -1, 5, 18, -1, 15]
    assert person["mother_id"].fillna(-1).tolist() == [-1, -1, 5, -1, -1, 15]
    assert person["state_id"].tolist() == [9, 8, 9] * 2
    assert person["wages"].tolist()[:3] == [1, 2, 3]
    assert (person["wages"][3:] >= 100).all()
    assert new["household"]["household_weight"].tolist() == [1.5, 2.5, 1.5, 2.5]
    assert (new["household"]["rent"] >= 100).all()
    assert copy_of(new).tolist() == [1, 1, 2, 2]
    for name, table in tables.items():
        pd.testing.assert_frame_equal(table, before[name])
    with pytest.raises(InputError, match="stands already"):
        two_copies(new, Drawer("wages"), missing=[], mismeasured=["wages"])
    with pytest.raises(InputError, match="column 'copy': missing"):
        copy_of(tables)


@pytest.mark.parametrize(
    ("imputer", "missing", "mismeasured", "message"),
    [
        (Drawer("rent"), [], [], "nothing to draw"),
        (Drawer("rents"), ["rents"], [], "unknown variable 'rents'"),
        (Drawer("wages"), ["wages"], [], r"column 'wages': the survey has it: list it as mismeasured"),
        (Drawer("rent"), [], ["rent"], r"column 'rent': the survey lacks it: list it as missing"),
        (Drawer("rents"), ["rent"], [], "'rent' is a target of 0 imputers.*Nearest: rents"),
        ([Drawer("rent"), Drawer("rent")], ["rent"], [], "'rent' is a target of 2 imputers"),
        (Drawer("rent", "wages"), ["rent"], ["wages"], "one imputer draws variables of household, person"),
    ],
)
def test_bad_requests_are_refused(
    tables: dict[str, pd.DataFrame], imputer: Any, missing: list[str], mismeasured: list[str], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        two_copies(tables, imputer, missing=missing, mismeasured=mismeasured)


def test_bad_tables_and_draws_are_refused(tables: dict[str, pd.DataFrame]) -> None:
    def refused(message: str, imputer: Any = None, **changed: pd.DataFrame) -> None:
        with pytest.raises(InputError, match=message):
            two_copies({**tables, **changed}, imputer or Drawer("rent"), missing=["rent"])

    class Holes(Drawer):
        def sample(self, X: pd.DataFrame, key: Any, *, ids: Any) -> pd.DataFrame:
            return super().sample(X, key, ids=ids).iloc[1:]

    refused(r"draws: column 'rent': missing values in row 0", Holes("rent"))
    refused("'household_weight': missing", household=tables["household"].drop(columns="household_weight"))
    refused("'household_id': missing", household=tables["household"].reset_index(drop=True))
    refused("-2 is no id in row 0", person=tables["person"].assign(person_id=[-2, 3, 8]))
    refused("7 is not in the table 'household' in rows 1", person=tables["person"].assign(household_id=[1, 7, 1]))
    refused("ids up to", person=tables["person"].assign(person_id=[10**15, 3, 8]))
