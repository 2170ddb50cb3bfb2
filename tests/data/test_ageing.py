"""Ageing: totals follow national ones, people the Census, and nothing is counted twice."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from jaxsim.data import growth, load_population
from jaxsim.data.ageing import administrative_ratios, age_to, household_sum, totals
from jaxsim.errors import InputError
from jaxsim.population import Population
from jaxsim.rules.us import system


@pytest.fixture(scope="module")
def base() -> Population:
    return load_population("cps_sample")


@pytest.fixture(scope="module")
def aged(base: Population) -> Population:
    return age_to(base, 2026)


def people(population: Population) -> np.ndarray:
    """Weighted people by age group."""
    weight = population.weights[population.links["household_of_person"]]
    group = np.searchsorted(growth.EDGES, population.tables["person"]["age"], side="right") - 1
    return np.bincount(group, weights=weight, minlength=len(growth.EDGES))


def test_population_is_that_of_the_census(aged: Population) -> None:
    assert people(aged).sum() == pytest.approx(339_513_045, rel=1e-12)  # Census 2023 projections, middle series


def test_each_age_grows_about_as_the_census_says(base: Population, aged: Population) -> None:
    """Children and the old exactly would need one weight a person; the mean over members comes near."""
    ratio = people(aged) / people(base) / (people(aged).sum() / people(base).sum())
    census = growth.people_growth(2014, 2026)
    census = census / (growth.population()[2026].sum() / growth.population()[2014].sum())
    old = growth.EDGES.index(65)
    assert np.corrcoef(ratio, census)[0, 1] > 0.95
    assert (ratio[old:] > 1.05).all()
    assert ratio[0] < 1.0


@pytest.mark.parametrize("item", ["wages", "business", "taxable_interest", "qualified_dividends", "capital_gains",
                                  "ira_distributions", "taxable_pensions", "unemployment", "social_security",
                                  "medicare"])  # fmt: skip
def test_totals_grow_as_the_nations(base: Population, aged: Population, item: str) -> None:
    """The shares by age are of the whole file: for the sample they hold within a hundredth."""
    expected = growth.level(item, 2026) / growth.level(item, 2014)
    assert totals(aged)[item] / totals(base)[item] == pytest.approx(expected, rel=0.01)


def test_prices_are_growth_of_each(base: Population, aged: Population) -> None:
    rows = base.tables["household"]["snap"] > 0
    ratio = aged.tables["household"]["snap"][rows] / base.tables["household"]["snap"][rows]
    assert np.allclose(ratio, 331.807 / 236.7, rtol=1e-12)  # CPI-U of CBO, February 2026


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ssi", 1.37797),  # cost-of-living adjustments of 2014 to 2025
        ("veterans_benefits", 1.37797),
        ("tanf", 1.0),  # a grant fixed in dollars
        ("reported_student_loan_interest_deduction", 1.0),  # a ceiling fixed in dollars
        ("medical_expense", 600.3 / 435.3),  # CPI medical care
        ("farm_income", 72.1 / 78.1),  # farm proprietors' income, shared by more people
        ("cash_charity", 27_377.1 / 14_694.2),  # taxable personal income, shared
    ],
)
def test_what_grows_with_what(base: Population, aged: Population, name: str, expected: float) -> None:
    entity = "person" if name == "farm_income" else "tax_unit"
    rows = base.tables[entity][name] != 0
    ratios = aged.tables[entity][name][rows] / base.tables[entity][name][rows]
    assert np.ptp(ratios) < 1e-9
    kind = growth.KINDS[growth.KIND_OF[name]]
    shared = 1.0 if kind.each else growth.weight_growth(growth.KIND_OF[name], 2014, 2026)
    if not kind.each:
        shared *= aged.card["people"]["ratio beyond growth by age"]
    assert ratios[0] * shared == pytest.approx(expected, rel=1e-4)


def test_only_money_and_weights_change(base: Population, aged: Population) -> None:
    inputs = system().inputs
    for entity, table in base.tables.items():
        for name, column in table.items():
            if name == "household_weight" or (name in inputs and inputs[name].kind == "money"):
                continue
            assert np.array_equal(column, aged.tables[entity][name]), name
    assert aged.year == 2026
    assert aged.card["aged from"] == 2014
    assert base.year == 2014


def test_parts_stay_within_wholes(base: Population) -> None:
    for year in (2015, 2023, 2036):
        unit = age_to(base, year).tables["tax_unit"]
        assert (unit["qualified_dividend_income"] <= unit["ordinary_dividend_income"] + 1e-6).all()
        assert (unit["taxable_pension_income"] <= unit["pension_income"] + 1e-6).all()


def test_through_a_year_between_is_the_same(base: Population, aged: Population) -> None:
    twice = age_to(age_to(base, 2022), 2026)
    wages, directly = twice.tables["person"]["employment_income"], aged.tables["person"]["employment_income"]
    # the one ratio to the residents is found twice, on weights that differ a little
    assert np.allclose(wages, directly, rtol=2e-3)
    assert twice.card["aged from"] == 2014


def test_the_same_year_is_the_same_population(base: Population) -> None:
    assert age_to(base, 2014) is base


def test_back_again(base: Population) -> None:
    back = age_to(age_to(base, 2023), 2014)
    assert np.allclose(totals(back)["wages"], totals(base)["wages"], rtol=1e-2)


def test_a_few_households_keep_their_weights() -> None:
    one = Population.from_persons({"age": [70.0], "social_security": [10_000.0]}, year=2014)
    later = age_to(one, 2023)
    assert later.weights.tolist() == [1.0]
    # benefits paid grew by 62%, people of the ages that have them by a third
    assert 11_500 < later.tables["tax_unit"]["social_security"][0] < 14_000


def test_a_region_keeps_its_scale(base: Population) -> None:
    region = base.with_weights(base.weights * (base.tables["household"]["state_fips"] == 6))
    later = age_to(region, 2026)
    assert people(later).sum() / people(region).sum() == pytest.approx(1.07, abs=0.02)


def test_ratios_to_administrative_totals(base: Population, aged: Population) -> None:
    ratios = aged.card["aged CPS / administrative"]
    assert ratios == administrative_ratios(base)
    assert ratios["residents"] == {"2022": 1.0, "2023": 1.0, "2024": 1.0}
    assert ratios["wages"]["2023"] == pytest.approx(1.0, abs=0.02)
    assert ratios["social_security"]["2023"] == pytest.approx(1.0, abs=0.02)
    assert ratios["capital_gains"]["2023"] < 0.6  # thin high incomes, said and not mended
    assert ratios["taxable_pensions"]["2023"] < 0.6


@pytest.mark.parametrize("year", [2013, 2037, 2020])
def test_years_without_totals_are_refused(base: Population, year: int) -> None:
    with pytest.raises(InputError, match=str(year)):
        age_to(base, year)


@pytest.mark.parametrize("year", ["2026", None, 2026.5])
def test_a_year_is_a_whole_number(base: Population, year: object) -> None:
    with pytest.raises(InputError, match="is not a year"):
        age_to(base, year)  # type: ignore[arg-type]


def test_every_kind_has_its_facts() -> None:
    money = {i.name for i in system().inputs.values() if i.kind == "money"}
    assert set(growth.KIND_OF) | set(growth.PARTS) <= money
    assert set(growth.KIND_OF.values()) <= set(growth.KINDS)
    for kind in growth.KINDS.values():
        assert not kind.series or kind.series in growth.economy()
        assert not kind.record or kind.record in growth.records()


def test_facts_name_their_sources() -> None:
    for path in sorted(growth.FACTS.glob("*.csv")):
        lines = path.read_text().splitlines()
        head = [line for line in lines if line.startswith("#")]
        assert len(head) >= 3, path.name
        rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
        assert all(None not in row and None not in row.values() for row in rows), path.name
    shares = growth.shares_by_age()
    assert all(abs(row.sum() - 1) < 1e-4 for row in shares.values())
    assert {k for k, kind in growth.KINDS.items() if not kind.each} - {"partnerships_and_rents"} <= set(shares)


def test_levels_are_records_where_there_are_records() -> None:
    assert growth.level("wages", 2023) == pytest.approx(10_204.096)  # SOI Publication 1304 Table 1.4
    assert growth.level("social_security", 2014) == pytest.approx(848.443)  # Supplement Table 4.A4
    assert growth.level("farm", 2030) == 66.8
    beyond = growth.level("wages", 2030) / growth.level("wages", 2023)
    assert beyond == pytest.approx(15_912.1 / 11_732.4)


def test_household_sum(base: Population) -> None:
    assert household_sum(base, "employment_income").sum() == base.tables["person"]["employment_income"].sum()
    with pytest.raises(InputError, match="no input"):
        household_sum(base, "wages")
