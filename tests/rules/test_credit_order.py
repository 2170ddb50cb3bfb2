"""Credits that only offset tax: in order, each within what the others leave, together within the tax."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxsim.household import household
from jaxsim.population import DEPENDENT, HEAD, SPOUSE, Population
from jaxsim.precision import precision
from jaxsim.rules.us import system
from jaxsim.rules.us.inputs import JOINT
from jaxsim.rules.us.irs.credits.ordering import ORDER, RULES
from jaxsim.simulation import Simulation

CREDITS = tuple(credit for credit, *_ in ORDER)
CLAIMS = tuple(claimed for _, claimed, *_ in ORDER)
REFUNDABLE = ("eitc", "refundable_american_opportunity_credit", "refundable_adoption_credit")
ROUNDING = 1e-6
UNITS = 400


# --- the rules of the order alone ---------------------------------------------------------------------------------


def use(claims: Mapping[str, Any], tax: Any) -> dict[str, Any]:
    """Values of the rules of the order, which stand in the order in which they need each other."""
    values = {**claims, "tax_before_credits": tax}
    for rule in RULES:
        values[rule.name] = rule(**{name: values[name] for name in rule.arguments})
    return values


AMOUNTS = st.lists(st.integers(0, 5_000), min_size=len(ORDER), max_size=len(ORDER))


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(AMOUNTS, st.integers(0, 40_000))
def test_each_is_used_in_turn(amounts: list[int], tax: int) -> None:
    values = use(dict(zip(CLAIMS, map(float, amounts), strict=True)), float(tax))
    left = float(tax)
    for credit, amount in zip(CREDITS, amounts, strict=True):
        assert values[credit] == min(amount, left), credit
        left -= min(amount, left)
    assert values["nonrefundable_credits"] == tax - left


@pytest.mark.parametrize("tax", [0.0, 950.0, 7_450.0, 100_000.0])
def test_a_dollar_of_credit_is_worth_a_dollar_where_there_is_tax(tax: float) -> None:
    """-1 where tax is left after all credits; else 0, as a dollar more of one displaces a dollar of those after it."""
    amounts = {claimed: 1_000.0 for claimed in CLAIMS}

    def remaining(claims: Mapping[str, Any]) -> Any:
        return tax - use(claims, jnp.asarray(tax))["nonrefundable_credits"]

    with precision("float64"):
        slopes = jax.grad(remaining)(amounts)
    worth = -1.0 if tax > 1_000.0 * len(ORDER) else 0.0
    assert {name: float(slope) for name, slope in slopes.items()} == dict.fromkeys(CLAIMS, worth)


@pytest.mark.parametrize("last", range(len(ORDER)))
def test_a_credit_alone_is_worth_a_dollar(last: int) -> None:
    name = CLAIMS[last]

    def remaining(amount: Any) -> Any:
        claims = {**dict.fromkeys(CLAIMS, 0.0), name: amount}
        return 500.0 - use(claims, jnp.asarray(500.0))["nonrefundable_credits"]

    assert float(jax.grad(remaining)(499.0)) == -1
    assert float(jax.grad(remaining)(501.0)) == 0


# --- within the law -----------------------------------------------------------------------------------------------


def test_the_order_is_that_of_the_law() -> None:
    place = {credit: k for k, credit in enumerate(CREDITS)}
    stated = (
        "foreign_tax_credit", "dependent_care_credit", "elderly_credit", "nonrefundable_education_credit",
        "savers_credit", "energy_efficient_home_credit", "used_clean_vehicle_credit", "new_clean_vehicle_credit",
        "ctc_used_before_adoption_credit", "adoption_credit", "residential_clean_energy_credit",
        "ctc_used_after_clean_energy_credit", "general_business_credit", "prior_year_minimum_tax_credit",
        "other_nonrefundable_credits",
    )  # fmt: skip
    assert sorted(stated, key=place.__getitem__) == list(stated)
    assert len(stated) == len(CREDITS)


@functools.cache
def drawn(year: int) -> Population:
    """Units with every input of a credit, many of them with less tax than credits."""
    rng = np.random.default_rng(year)
    status = rng.integers(0, 5, UNITS).astype(float)
    children = rng.integers(0, 4, UNITS)
    unit: dict[str, np.ndarray] = {"filing_status": status}
    joint = np.flatnonzero(status == JOINT)
    at = np.concatenate([np.arange(UNITS), joint, np.repeat(np.arange(UNITS), children)])
    role = np.repeat([HEAD, SPOUSE, DEPENDENT], [UNITS, len(joint), children.sum()])
    adult = role != DEPENDENT
    person: dict[str, np.ndarray] = {
        "tax_unit_id": at,
        "household_id": at,
        "role": role,
        "age": np.where(adult, *(rng.choice(ages, len(at)) for ages in ([19.0, 30, 60, 70], [3.0, 10, 17, 20]))),
        "employment_income": np.round(10 ** rng.uniform(3.5, 5.6, len(at))) * (role == HEAD),
    }  # fmt: skip
    used = {name for claim in CLAIMS for name in system().inputs_of([claim])}
    scale = {"foreign_source_taxable_income": 50_000.0, "reported_foreign_tax_credit": 1_000.0}
    for name, i in system().inputs.items():
        if name in person or name in unit or name not in used:
            continue
        rows, table = (len(at), person) if i.entity.name == "person" else (UNITS, unit)
        if i.kind == "money" and not _counts_as_income(name):
            table[name] = np.round(rng.uniform(0, scale.get(name, 4_000.0), rows)) * (rng.random(rows) < 0.3)
        elif i.kind == "flag":
            table[name] = (rng.random(rows) < 0.15).astype(float)
        elif name in ("adopted_children", "new_clean_vehicles", "used_clean_vehicles", "energy_efficient_doors"):
            table[name] = (rng.random(rows) < 0.3).astype(float)
    unit["special_needs_adoptions"] = unit["adopted_children"] * (rng.random(UNITS) < 0.3)
    for name in CLAIMS[-3:]:
        unit[name] = np.round(rng.uniform(0, 4_000, UNITS)) * (rng.random(UNITS) < 0.3)
    number = np.arange(UNITS)
    tables = {
        "person": person,
        "tax_unit": {**unit, "tax_unit_id": number, "household_id": number},
        "household": {"household_id": number, "household_weight": np.ones(UNITS)},
    }
    return Population.from_tables(tables, year=year, source="generated")


def _counts_as_income(name: str) -> bool:
    """Whether an input moves adjusted gross income or taxable income, which are left to wages here."""
    return name in system().inputs_of(["taxable_income"])


@pytest.mark.parametrize("year", [2022, 2024, 2025, 2026, 2027])
def test_the_credits_of_a_population_are_within_its_tax(year: int) -> None:
    sim = Simulation(drawn(year), year)
    value = sim.columns(
        "tax_before_credits", "nonrefundable_credits", "ctc", "nonrefundable_ctc", "refundable_ctc",
        "regular_tax_liability", "income_tax", "net_investment_income_tax", "refundable_credits", *CREDITS, *CLAIMS,
    )  # fmt: skip
    left = value["tax_before_credits"].copy()
    for credit, claimed in zip(CREDITS, CLAIMS, strict=True):
        assert value[credit].min() >= 0, credit
        assert (left - value[credit]).min() >= -ROUNDING, credit
        np.testing.assert_allclose(value[credit], np.minimum(value[claimed], left), atol=ROUNDING, err_msg=credit)
        left -= value[credit]
    np.testing.assert_allclose(value["nonrefundable_credits"], value["tax_before_credits"] - left, atol=1e-5)
    assert (value["foreign_tax_credit"] <= value["regular_tax_liability"] + ROUNDING).all()
    assert (value["nonrefundable_ctc"] + value["refundable_ctc"] <= value["ctc"] + ROUNDING).all()
    before = value["income_tax"] + value["refundable_credits"]
    np.testing.assert_allclose(before, left + value["net_investment_income_tax"], atol=1e-5)
    # the draw says something about each credit of the year, and many credits find too little tax
    ended = {"energy_efficient_home_credit", "residential_clean_energy_credit", "new_clean_vehicle_credit"}
    none = (ended if year >= 2026 else set()) | ({"used_clean_vehicle_credit"} if year in (2022, 2026, 2027) else set())
    assert {credit for credit, claim in zip(CREDITS, CLAIMS, strict=True) if not value[claim].any()} == none
    short = {c for c, claim in zip(CREDITS, CLAIMS, strict=True) if (value[c] < value[claim] - 1).any()}
    assert short >= {"adoption_credit", "savers_credit", "nonrefundable_education_credit", *CREDITS[-3:]}


def test_other_credits_leave_the_refundable_ones_alone() -> None:
    """A credit that only offsets tax changes no refundable one but the child tax credit, of which more is left over."""
    inputs: dict[str, Any] = {
        "adults": [{"age": 30, "employment_income": 40_000}],
        "children": [6, {"age": 19, "qualified_tuition_expenses": 4_000, "is_american_opportunity_student": 1}],
    }
    adoption = {"adoption_expenses": 9_000, "adopted_children": 1}
    targets = (*REFUNDABLE, "refundable_ctc", "nonrefundable_ctc", "tax_before_credits")
    plain = household(**inputs, **adoption).calculate(*targets).iloc[0]
    for name in ("reported_foreign_tax_credit", "reported_savers_credit", "reported_general_business_credit"):
        more = household(**inputs, **adoption, **{name: 5_000}).calculate(*targets).iloc[0]
        for refundable in REFUNDABLE:
            assert more[refundable] == plain[refundable] > 0
        assert more["refundable_ctc"] >= plain["refundable_ctc"]


def worksheet_b(ctc: float, children: int, earned: float, tax: float, adoption: float) -> tuple[float, float]:
    """Child tax credit and adoption credit by worksheets A and B of Schedule 8812, for fewer than three children."""
    line_5 = 0.15 * max(earned - 2_500, 0)
    line_13 = min(1_700 * children, line_5)
    line_14 = max(ctc - line_13, 0)
    line_15 = min(adoption, max(tax - line_14, 0))  # Form 8839 subtracts line 14
    used = min(ctc, tax - line_15)
    return used, min(adoption, tax - used)


@pytest.mark.parametrize("wages", [15_000, 25_000, 33_000, 45_000, 60_000, 80_000, 120_000])
@pytest.mark.parametrize("expenses", [2_000, 6_000, 16_000])
def test_child_tax_credit_beside_adoption(wages: int, expenses: int) -> None:
    sim = household(
        [{"age": 30, "employment_income": wages}], [6, 17], year=2024, adoption_expenses=expenses, adopted_children=1
    )
    value = sim.calculate("ctc", "tax_before_credits", "nonrefundable_ctc", "refundable_ctc", "adoption_credit").iloc[0]
    used, adoption = worksheet_b(2_500, 1, wages, value["tax_before_credits"], expenses)
    assert value["nonrefundable_ctc"] == pytest.approx(used, abs=0.005)
    assert value["adoption_credit"] == pytest.approx(adoption, abs=0.005)
    assert value["refundable_ctc"] == pytest.approx(min(2_500 - used, 1_700, 0.15 * (wages - 2_500)), abs=0.005)


@pytest.mark.slow
def test_slopes_of_the_income_tax_on_reported_credits() -> None:
    """-1 where there is tax for the credit, 0 where there is none or where it only displaces another."""
    reported = ("reported_foreign_tax_credit", "reported_savers_credit", "reported_energy_credit",
                "reported_general_business_credit", "reported_prior_year_minimum_tax_credit",
                "reported_other_nonrefundable_credits")  # fmt: skip

    def slopes(wages: int) -> dict[str, float]:
        home = household([{"age": 40, "employment_income": wages}], year=2024, **dict.fromkeys(reported, 200))
        f = home.function("income_tax")

        def tax(amounts: dict[str, Any]) -> Any:
            return f(f.parameters, dataclasses.replace(f.population, columns={**f.population.columns, **amounts}))

        with precision("float64"):
            found = jax.jit(jax.grad(tax))({name: f.population.columns[name] for name in reported})
        return {name: float(np.asarray(slope).sum()) for name, slope in found.items()}

    assert slopes(60_000) == dict.fromkeys(reported, -1.0)
    assert slopes(20_000) == dict.fromkeys(reported, 0.0)


@pytest.mark.parametrize(("wages", "worth"), [(0, 0.0), (60_000, 0.2)])
def test_a_first_dollar_of_expenses_is_worth_what_tax_it_offsets(wages: float, worth: float) -> None:
    home = household(adults=[{"age": 40, "employment_income": wages}], year=2026)
    slope = home.input_derivative("income_tax", "lifetime_learning_expenses")
    np.testing.assert_allclose(slope, -worth, atol=1e-9)


@pytest.mark.parametrize(
    ("wages", "profit", "name", "deducted"),
    [
        (60_000, 0, "self_employed_health_insurance_premiums", 0),
        (60_000, 0, "self_employed_pension_contributions", 0),
        (0, 60_000, "self_employed_health_insurance_premiums", 1),
        (0, 60_000, "self_employed_pension_contributions", 1),
        (60_000, 0, "student_loan_interest", 1),
        (600_000, 0, "student_loan_interest", 0),
    ],
)
def test_a_first_dollar_is_deducted_where_there_is_room(wages: float, profit: float, name: str, deducted: int) -> None:
    adult = {"age": 40, "employment_income": wages, "self_employment_income": profit}
    home = household(adults=[adult], year=2026)
    np.testing.assert_allclose(home.input_derivative("adjusted_gross_income", name).sum(), -deducted, atol=1e-9)
