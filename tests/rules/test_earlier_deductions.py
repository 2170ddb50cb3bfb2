"""Deductions that present law suspends, turned on by parameter as in the law before P.L. 115-97 (2017)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import jaxsim as js
from jaxsim.parameter_files import load_law

LIMITATION = "irs.deductions.itemized.limitation"
EARLIER = {
    "irs.deductions.itemized.mortgage.debt_limit": {"SINGLE": 1e6, "JOINT": 1e6, "SEPARATE": 5e5,
                                                    "HEAD_OF_HOUSEHOLD": 1e6, "SURVIVING_SPOUSE": 1e6},
    "irs.deductions.itemized.mortgage.home_equity_limit": {"SINGLE": 1e5, "JOINT": 1e5, "SEPARATE": 5e4,
                                                           "HEAD_OF_HOUSEHOLD": 1e5, "SURVIVING_SPOUSE": 1e5},
    "irs.deductions.itemized.casualty.other_losses_allowed": 1,
    "irs.deductions.itemized.miscellaneous.allowed": 1,
    "irs.deductions.itemized.charity.ceiling_rate": 0.5,
    "irs.deductions.itemized.charity.floor_rate": 0,
    f"{LIMITATION}.rate": 0,
    f"{LIMITATION}.pease.rate": 0.03,
    "irs.deductions.personal_exemption.allowed": 1,
}  # fmt: skip
CHANGES = {
    **{path: value for path, value in EARLIER.items() if not isinstance(value, dict)},
    **{f"{path}.{cell}": x for path, cells in EARLIER.items() if isinstance(cells, dict) for cell, x in cells.items()},
}
SINGLE = [{"age": 40}]
JOINT = [{"age": 40}, {"age": 40}]


def of(variable: str, adults: list[dict[str, Any]], wages: float, **options: Any) -> float:
    """A variable of a household in 2026 under earlier law."""
    people = [{**adults[0], "employment_income": wages}, *adults[1:]]
    home = js.household(adults=people, year=2026, **options).with_reform(CHANGES)
    return float(home.calculate(variable)[variable].iloc[0])


def test_thresholds_and_exemption_of_2026() -> None:
    """By the formulas: 250,000 (2012) and 2,000 (1988) with the index of 2025; the Rev. Proc. has 5,300 too."""
    law = load_law().in_year(2026)
    ratio = 177.1122 / 130.009862
    expected = [50 * np.floor(base * ratio / 50) for base in (250_000, 300_000, 0, 275_000, 300_000)]
    expected[2] = expected[1] / 2
    assert law[f"{LIMITATION}.pease.threshold"].tolist() == expected == [340550, 408650, 204325, 374600, 408650]
    assert law["irs.deductions.personal_exemption.amount"] == 5300


@pytest.mark.parametrize(
    ("adults", "balance", "options", "expected"),
    [
        (JOINT, 1_000_000, {}, 50_000),
        (JOINT, 1_100_000, {}, 50_000),  # the last 100,000 as home equity debt
        (JOINT, 1_375_000, {}, 40_000),
        (SINGLE, 1_100_000, {"filing_status": "SEPARATE"}, 25_000),
        (JOINT, 1_375_000, {"mortgage_predates_2018": 1}, 40_000),
        (SINGLE, 2_200_000, {}, 25_000),
    ],
)
def test_mortgage_interest(adults: Any, balance: float, options: dict[str, Any], expected: float) -> None:
    got = of("home_mortgage_interest_deduction", adults, 300_000, home_mortgage_interest=50_000,
             home_mortgage_balance=balance, **options)  # fmt: skip
    assert got == pytest.approx(expected, abs=0.005)


@pytest.mark.parametrize(
    ("adults", "wages", "options", "expected"),
    [
        (SINGLE, 340_550, {"deductible_interest_expense": 30_000}, 0),
        (SINGLE, 440_550, {"deductible_interest_expense": 30_000}, 3_000),  # 3% x 100,000
        (JOINT, 440_550, {"deductible_interest_expense": 30_000}, 957),  # 3% x 31,900
        (SINGLE, 304_325, {"filing_status": "SEPARATE", "deductible_interest_expense": 30_000}, 3_000),
        (SINGLE, 2_340_550, {"deductible_interest_expense": 30_000}, 24_000),  # 80% of the deductions
        # investment interest, gambling losses and medical expenses are exempt: 80% of 10,000
        (SINGLE, 2_340_550, {"deductible_interest_expense": 10_000, "investment_interest_expense": 1_000,
                             "taxable_interest_income": 1_000, "gambling_losses": 500, "gambling_winnings": 500,
                             "medical_expense": 200_000}, 8_000),
        (SINGLE, 1_340_550, {"disaster_casualty_loss": 300_000}, 0),
    ],
)  # fmt: skip
def test_pease_limitation(adults: Any, wages: float, options: dict[str, Any], expected: float) -> None:
    assert of("pease_limitation", adults, wages, **options) == pytest.approx(expected, abs=0.005)
    before = of("itemized_deductions_before_limit", adults, wages, **options)
    assert of("itemized_deductions", adults, wages, **options) == pytest.approx(before - expected, abs=0.005)


@pytest.mark.parametrize(
    ("adults", "wages", "options", "expected"),
    [
        (SINGLE, 50_000, {}, 5_300),
        (JOINT, 50_000, {"children": [5, 8]}, 21_200),
        (SINGLE, 50_000, {"head_is_dependent_elsewhere": 1}, 0),
        (SINGLE, 340_550, {}, 5_300),
        (SINGLE, 340_551, {}, 5_194),  # 2% for a step begun
        (SINGLE, 365_550, {}, 4_240),  # ten steps of 2,500
        (SINGLE, 204_325 + 12_500, {"filing_status": "SEPARATE"}, 4_240),  # ten steps of 1,250
        (SINGLE, 340_550 + 122_501, {}, 0),  # fifty steps, the last begun
    ],
)
def test_personal_exemptions(adults: Any, wages: float, options: dict[str, Any], expected: float) -> None:
    assert of("personal_exemption_deduction", adults, wages, **options) == pytest.approx(expected, abs=0.005)
    assert of("deductions_beside_itemizing", adults, wages, **options) == pytest.approx(expected, abs=0.005)


def test_miscellaneous_deductions_and_other_casualties() -> None:
    options = {"miscellaneous_expense": 5_000, "other_casualty_loss": 20_000, "disaster_casualty_loss": 1_100}
    assert of("miscellaneous_deduction", SINGLE, 100_000, **options) == pytest.approx(3_000)
    assert of("casualty_loss_deduction", SINGLE, 100_000, **options) == pytest.approx(10_900)  # 100 off each
    assert of("miscellaneous_deduction", SINGLE, 300_000, **options) == 0
    assert of("charitable_deduction", SINGLE, 100_000, cash_charity=60_000) == 50_000


def test_minimum_tax_allows_neither_exemptions_nor_miscellaneous_deductions() -> None:
    """26 USC 56(b)(1)(A)(i), (D) and (E)."""
    options = {"miscellaneous_expense": 22_000, "deductible_interest_expense": 100_000}
    income = of("alternative_minimum_income_before_addition", SINGLE, 1_000_000, **options)
    assert of("miscellaneous_deduction", SINGLE, 1_000_000, **options) == pytest.approx(2_000)
    assert income == pytest.approx(900_000)


def test_all_of_it_is_off_in_present_law() -> None:
    home = js.household(
        adults=[{"age": 40, "employment_income": 900_000}], children=[5], year=2026, miscellaneous_expense=50_000,
        other_casualty_loss=500_000, deductible_interest_expense=50_000,
    )  # fmt: skip
    off = ["miscellaneous_deduction", "casualty_loss_deduction", "pease_limitation", "personal_exemption_deduction"]
    assert (home.calculate(*off)[off] == 0).all(axis=None)


@pytest.mark.parametrize(("year", "slope"), [(2024, 0.0), (2026, -0.12), (2029, 0.0)])
@pytest.mark.parametrize(
    "column", ["qualified_tips", "qualified_overtime_compensation", "qualified_vehicle_loan_interest"]
)
def test_first_dollars_count(year: int, slope: float, column: str) -> None:
    """At nothing the derivative is that of a first dollar; 0 in years without the deduction."""
    home = js.household(adults=[{"age": 40, "employment_income": 50_000}], year=year)
    assert home.input_derivative("income_tax", column).iloc[0] == pytest.approx(slope, abs=1e-12)


def test_first_short_term_gain_makes_room_for_investment_interest() -> None:
    """And a first long-term gain does not (26 USC 163(d)(4)(B)(ii))."""
    home = js.household(adults=[{"age": 40}], year=2026, investment_interest_expense=1_000)
    assert home.input_derivative("investment_interest_deduction", "short_term_capital_gains").iloc[0] == 1
    assert home.input_derivative("investment_interest_deduction", "long_term_capital_gains").iloc[0] == 0
