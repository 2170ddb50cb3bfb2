"""Adjustments to income: switches of earlier law, forecast limits, and that reported amounts add to computed ones."""

import numpy as np
import pytest

import jaxsim as js
from jaxsim.parameter_files import load_law

ALIMONY = "irs.adjustments.alimony.counts_later_instruments"
MOVES = "irs.adjustments.moving_expense.counts_civilian_moves"


def home(year=2025, adults=({},), **inputs):
    return js.household(adults=[{"age": 40, **adult} for adult in adults], year=year, **inputs)


def value(sim, name):
    return float(sim.columns(name)[name][0])


def test_law_before_2018_comes_back_by_switches():
    sim = home(moving_expense=3000.0, alimony_paid=500.0, alimony_income=700.0, alimony_agreement_after_2018=1)
    assert value(sim, "adjustments") == 0
    before = sim.with_reform({ALIMONY: {2025: 1}, MOVES: {2025: 1}})
    assert value(before, "adjustments") == 3500
    assert value(before, "adjusted_gross_income") == 700 - 3500


def test_published_limits_of_2027():
    saver = {"health_savings_account_coverage": 1, "health_savings_account_contributions": 9000.0}
    assert value(home(2027, [saver]), "health_savings_account_deduction") == 4500  # Rev. Proc. 2026-24


@pytest.mark.parametrize(
    "path",
    [
        "irs.adjustments.ira_deduction.limit",
        "irs.adjustments.ira_deduction.catch_up.amount",
        "irs.adjustments.ira_deduction.phase_out.spouse.threshold",
        "irs.adjustments.health_savings_account.limit.family",
        "irs.adjustments.self_employed_pension.maximum",
        "irs.adjustments.self_employed_pension.compensation_limit",
        "irs.adjustments.educator_expense.maximum",
    ],
)
def test_forecast_limits_grow(path):
    amounts = np.array([float(load_law().in_year(year)[path]) for year in range(2026, 2037)])
    assert np.all(np.diff(amounts) >= 0)
    assert 1.1 * amounts[0] < amounts[-1] < 1.45 * amounts[0]


REPORTED = {
    "ira_deduction": ("traditional_ira_contributions", 1000.0),
    "educator_expense_deduction": ("educator_expense", 100.0),
    "self_employed_pension_deduction": ("self_employed_pension_contributions", 1000.0),
    "self_employed_health_insurance_deduction": ("self_employed_health_insurance_premiums", 1000.0),
}


@pytest.mark.parametrize("name", REPORTED)
def test_reported_amounts_add_to_computed_ones(name):
    column, amount = REPORTED[name]
    worker = {"employment_income": 40_000.0, "self_employment_income": 20_000.0}
    sim = home(adults=[{**worker, column: amount}], **{f"reported_{name}": 250.0})
    assert value(sim, name) == amount + 250


@pytest.mark.parametrize("wages", np.arange(77_000, 87_500, 1_234.0))
def test_ira_limit_falls_by_steps_of_ten(wages):
    saver = {"employment_income": wages, "is_covered_by_employer_plan": 1, "traditional_ira_contributions": 7000.0}
    allowed = value(home(2024, [saver]), "ira_deduction")
    exact = 7000 * (1 - (wages - 77_000) / 10_000)
    assert allowed % 10 == 0
    assert exact <= allowed < max(exact + 10, 200.01) or wages >= 87_000


def test_the_limit_of_the_saver_slopes():
    """In the phase-out a dollar of wages costs 70 cents of the deduction, which only smoothing of steps shows."""
    saver = {"employment_income": 81_000.0, "is_covered_by_employer_plan": 1, "traditional_ira_contributions": 7000.0}
    sim = home(2024, [saver])
    plain = sim.with_column("employment_income", np.array([80_500.0]))
    more = sim.with_column("employment_income", np.array([81_500.0]))
    assert value(plain, "ira_deduction") - value(more, "ira_deduction") == 700
