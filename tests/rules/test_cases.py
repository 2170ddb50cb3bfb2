"""Worked cases of tests/cases: values derived from the law by hand or stated by the IRS; a year's cases in one run."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from jaxsim.household import household
from jaxsim.population import GROUPS, Population
from jaxsim.simulation import Simulation

FOLDER = Path(__file__).parents[1] / "cases"
HALF_A_CENT = 0.005
ALLOWED = {"name", "source", "year", "adults", "children", "inputs", "expect", "tolerance", "reason"}


def read_cases() -> list[dict[str, Any]]:
    cases = []
    files = [*FOLDER.glob("*.yaml"), *(FOLDER / "irs").rglob("*.yaml")]
    for file in sorted(files, key=lambda f: f.stem):
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        cases += [{**case, "file": file.stem} for case in content["cases"]]
    return cases


CASES = read_cases()
TARGETS = tuple(sorted({variable for case in CASES for variable in case["expect"]}))


def test_cases_are_well_formed() -> None:
    names = [f"{c['file']}: {c['name']}" for c in CASES]
    assert len(set(names)) == len(names) >= 60
    for case, name in zip(CASES, names, strict=True):
        assert set(case) <= ALLOWED | {"file"}, name
        assert {"name", "source", "year", "adults", "expect"} <= set(case), name
        assert case["source"].strip(), name
        assert case["expect"], name
        assert "tolerance" not in case or case["reason"].strip(), f"{name}: a tolerance needs its reason"


@functools.cache
def results(year: int) -> dict[tuple[str, str], dict[str, float]]:
    """Values of all targets by case, for the cases of a year as one population."""
    chosen = [c for c in CASES if c["year"] == year]
    tables: dict[str, list[dict[str, np.ndarray]]] = {entity: [] for entity in ("person", *GROUPS)}
    for k, case in enumerate(chosen):
        alone = household(case["adults"], case.get("children", ()), year=year, **case.get("inputs", {})).population
        for entity, rows in tables.items():
            table = dict(alone.tables[entity])
            for group in GROUPS:
                if f"{group}_id" in table:
                    table[f"{group}_id"] = np.full_like(table[f"{group}_id"], k)
            rows.append(table)
    joined = {
        entity: {name: np.concatenate([t[name] for t in rows]) for name in rows[0]} for entity, rows in tables.items()
    }
    joined["person"]["person_id"] = np.arange(len(joined["person"]["person_id"]))
    population = Population.from_tables(joined, year=year, source=f"cases of {year}")
    sim = Simulation(population, year)
    assert all(sim.system.variable(t).entity.name == "tax_unit" for t in TARGETS)
    values = sim.columns(*TARGETS)
    assert population.tables["tax_unit"]["tax_unit_id"].tolist() == list(range(len(chosen)))
    return {(c["file"], c["name"]): {t: float(values[t][k]) for t in TARGETS} for k, c in enumerate(chosen)}


@pytest.mark.parametrize("case", CASES, ids=[f"{c['file']}-{c['name']}" for c in CASES])
def test_case(case: dict[str, Any]) -> None:
    got = results(case["year"])[case["file"], case["name"]]
    expected = case["expect"]
    tolerance = case.get("tolerance", HALF_A_CENT)
    wrong = {v: (got[v], want) for v, want in expected.items() if not abs(got[v] - want) <= tolerance}
    assert not wrong, f"{case['source']}: (computed, expected) {wrong}"


def test_a_case_alone_is_the_same() -> None:
    """Batching changes nothing: one household by itself gives what it gave among the others."""
    case = next(c for c in CASES if c["file"] == "child_tax_credit")
    sim = household(case["adults"], case.get("children", ()), year=case["year"], **case.get("inputs", {}))
    alone = sim.calculate(*case["expect"]).iloc[0]
    together = results(case["year"])[case["file"], case["name"]]
    for variable in case["expect"]:
        assert alone[variable] == pytest.approx(together[variable], abs=1e-9)
