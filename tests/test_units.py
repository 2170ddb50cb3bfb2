"""The generator of tax units that benchmarks and tests share."""

from __future__ import annotations

import numpy as np
import pytest

import jaxsim as js
from benchmarks.units import PART_OF, PEOPLE, READY_MADE, generate, inputs_read, landmarks
from jaxsim.rules.us import system
from jaxsim.rules.us.inputs import JOINT

YEAR = 2026


@pytest.fixture(scope="module")
def population() -> js.Population:
    return js.Population.from_persons(generate(2_000, 0, YEAR), year=YEAR)


def test_more_units_leave_the_first_ones_as_they_are() -> None:
    few, many = generate(50, 3, YEAR), generate(200, 3, YEAR)
    first = many["household_id"] < 50
    assert set(few) == set(many)
    for name, column in few.items():
        np.testing.assert_array_equal(column, many[name][first], err_msg=name)


def test_fewer_inputs_leave_the_others_as_they_are() -> None:
    everything = generate(200, 3, YEAR)
    some = generate(200, 3, YEAR, {"employment_income", "social_security"})
    assert "cash_charity" not in some
    for name, column in some.items():
        np.testing.assert_array_equal(column, everything[name], err_msg=name)


def test_seeds_differ() -> None:
    assert not np.array_equal(generate(50, 0, YEAR)["age"][:50], generate(50, 1, YEAR)["age"][:50])


def test_every_input_that_a_rule_reads_is_drawn(population: js.Population) -> None:
    for name in sorted(inputs_read()):
        i = system().inputs[name]
        if i.entity.name == "household" or name in ("ssi", "tanf", "veterans_benefits"):
            continue  # benefits are no income under the tax
        column = population.tables[i.entity.name][name]
        assert (column != i.default).sum() >= 10, name


def test_all_filing_statuses_ages_and_sizes(population: js.Population) -> None:
    unit, person = population.tables["tax_unit"], population.tables["person"]
    assert set(unit["filing_status"]) == {0, 1, 2, 3, 4}
    assert set(unit["dependents"]) == {0, 1, 2, 3, 4}
    assert population.count("person") <= PEOPLE * population.count("tax_unit")
    filers = person["age"][person["role"] < 2]
    assert filers.min() < 18
    assert filers.max() > 80


def test_incomes_reach_from_losses_to_millions_and_to_nothing() -> None:
    sim = js.Simulation(js.Population.from_persons(generate(2_000, 0, YEAR), year=YEAR), YEAR)
    income = sim.columns("adjusted_gross_income")["adjusted_gross_income"]
    assert income.min() < -100_000
    assert income.max() > 2e6
    assert (income == 0).sum() > 20


def test_plain_units_stand_at_amounts_of_the_law(population: js.Population) -> None:
    head = population.filers[0]
    wages = population.tables["person"]["employment_income"][head]
    amounts = landmarks(YEAR)
    at = np.isin(wages, amounts) | np.isin(wages - 1, amounts) | np.isin(wages + 1, amounts)
    assert at.mean() > 0.05


def test_a_unit_reports_or_computes(population: js.Population) -> None:
    unit = population.tables["tax_unit"]
    at, n = population.links["tax_unit_of_person"], population.count("tax_unit")
    for ready, computed in READY_MADE.items():
        for name in computed:
            if name in unit:
                both = (unit[ready] != 0) & (unit[name] != 0)
            else:
                both = (unit[ready] != 0) & (np.bincount(at, population.tables["person"][name], n) != 0)
            assert not both.any(), (ready, name)


def test_parts_need_their_whole() -> None:
    for part, whole in PART_OF.items():
        assert part not in generate(20, 0, YEAR, {part}), (part, whole)


def test_spouses_are_of_joint_returns(population: js.Population) -> None:
    assert ((population.filers[1] >= 0) == (population.tables["tax_unit"]["filing_status"] == JOINT)).all()
