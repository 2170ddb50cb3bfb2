"""National totals by kind of amount and year, and what one person's amounts grow by.

A total is that of administrative records where they are published, moved by a national aggregate in other years: the
ratio of the record to the aggregate is interpolated (geometrically) between years with records and kept beyond them.
"""

from __future__ import annotations

import csv
import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jaxsim.errors import InputError

FACTS = Path(__file__).parent / "facts"
EDGES = (0, 6, 13, 18, 21, 25, 30, 35, 40, 45, 50, 55, 60, 65, 70, 75, 80, 85)  # lower ends of the age groups
FIRST, LAST = 2014, 2036


@dataclass(frozen=True)
class Kind:
    """How a kind of amount grows.

    Attributes:
        series: the column of economy.csv that moves it.
        record: the item of administrative.csv that fixes its level; "" for none.
        each: True if the series is a price or benefit level, so that it is the growth for each person; False if it
            is a total, which more people must share.
    """

    series: str
    record: str = ""
    each: bool = False


KINDS = {
    "wages": Kind("wages", "wages"),
    "business": Kind("proprietors", "business"),
    "farm": Kind("farm_proprietors"),
    "partnerships_and_rents": Kind("proprietors", "partnerships_and_rents"),
    "taxable_interest": Kind("interest", "taxable_interest"),
    "tax_exempt_interest": Kind("interest", "tax_exempt_interest"),
    "qualified_dividends": Kind("dividends", "qualified_dividends"),
    "nonqualified_dividends": Kind("dividends", "nonqualified_dividends"),
    "capital_gains": Kind("capital_gains", "capital_gains"),
    "ira_distributions": Kind("taxable_personal_income", "ira_distributions"),
    "taxable_pensions": Kind("taxable_personal_income", "taxable_pensions"),
    "exempt_pensions": Kind("taxable_personal_income", "exempt_pensions"),
    "unemployment": Kind("unemployment", "unemployment"),
    "social_security": Kind("oasi_benefits", "social_security"),
    "medicare": Kind("medical_care_of_the_old", "medicare"),
    "income": Kind("taxable_personal_income"),
    "prices": Kind("cpi_u", each=True),
    "medical_prices": Kind("cpi_medical", each=True),
    "cost_of_living": Kind("cost_of_living_adjusted", each=True),
    "fixed": Kind("", each=True),
}

# What grows with what. Ordinary dividends and pensions are taken apart: see `ageing`.
KIND_OF = {
    "employment_income": "wages",
    "self_employment_income": "business",
    "partnership_self_employment_income": "partnerships_and_rents",
    "farm_income": "farm",
    "taxable_interest_income": "taxable_interest",
    "tax_exempt_interest_income": "tax_exempt_interest",
    "qualified_dividend_income": "qualified_dividends",
    "short_term_capital_gains": "capital_gains",
    "long_term_capital_gains": "capital_gains",
    "capital_gain_distributions": "capital_gains",
    "other_net_gain": "capital_gains",
    "state_tax_refund": "income",
    "alimony_income": "prices",
    "taxable_ira_distributions": "ira_distributions",
    "taxable_pension_income": "taxable_pensions",
    "rental_partnership_s_corp_income": "partnerships_and_rents",
    "active_partnership_s_corp_income": "partnerships_and_rents",
    "unemployment_compensation": "unemployment",
    "social_security": "social_security",
    "reported_educator_expense_deduction": "prices",
    "reported_health_savings_account_deduction": "medical_prices",
    "reported_self_employed_pension_deduction": "business",
    "reported_self_employed_health_insurance_deduction": "medical_prices",
    "early_withdrawal_penalty": "taxable_interest",
    "alimony_paid": "prices",
    "reported_ira_deduction": "wages",
    "reported_student_loan_interest_deduction": "fixed",  # its ceiling is fixed in dollars, 26 USC 221(b)(1)
    "medical_expense": "medical_prices",
    "state_and_local_income_or_sales_tax": "income",
    "real_estate_tax": "income",
    "deductible_interest_expense": "prices",
    "cash_charity": "income",
    "noncash_charity": "income",
    "capital_gain_property_gifts": "income",  # a part of gifts other than cash
    "qualified_tips": "wages",
    "qualified_overtime_compensation": "wages",
    "qualified_vehicle_loan_interest": "prices",
    "home_mortgage_interest": "prices",
    "home_mortgage_balance": "prices",
    "mortgage_insurance_premiums": "prices",
    "investment_interest_expense": "taxable_interest",
    "gain_elected_as_investment_income": "capital_gains",
    "personal_property_tax": "income",
    "disaster_casualty_loss": "prices",
    "other_casualty_loss": "prices",
    "gambling_losses": "income",
    "miscellaneous_expense": "income",
    "other_itemized_deductions": "income",
    "qualified_reit_and_ptp_income": "nonqualified_dividends",
    "qbi_loss_carryforward": "business",
    "care_expense": "prices",
    "ssi": "cost_of_living",
    "tanf": "fixed",  # a block grant fixed in dollars, 42 USC 603(a)(1)
    "veterans_benefits": "cost_of_living",
    "wic": "prices",
    "medicaid_value": "medical_prices",
    "medicare_value": "medicare",
    "other_benefits": "prices",
    "marketplace_premium": "medical_prices",
    "benchmark_premium": "medical_prices",
    "advance_premium_tax_credit": "medical_prices",
    "dependents_modified_income": "wages",
    "elective_deferrals": "wages",
    "miscellaneous_income": "income",
    "gambling_winnings": "income",
    "moving_expense": "prices",
    "early_distributions": "ira_distributions",
    "dependent_care_benefits": "prices",
    "educator_expense": "prices",
    "traditional_ira_contributions": "wages",
    "health_savings_account_contributions": "medical_prices",
    "self_employed_pension_contributions": "business",
    "self_employed_health_insurance_premiums": "medical_prices",
    "student_loan_interest": "fixed",  # as what is reported of it
    "reported_other_taxes": "income",
    "excess_payroll_tax_withheld": "wages",
    "business_w2_wages": "wages",
    "business_property": "prices",
    "snap": "prices",
    "housing_assistance": "prices",
    "reported_foreign_tax_credit": "qualified_dividends",
    "foreign_tax_paid": "qualified_dividends",
    "foreign_source_taxable_income": "qualified_dividends",
    "qualified_tuition_expenses": "prices",
    "reported_american_opportunity_credit": "fixed",  # its expenses are limited in dollars, 26 USC 25A(b)(1)
    "lifetime_learning_expenses": "prices",
    "reported_savers_credit": "fixed",  # its contributions are limited in dollars, 26 USC 25B(a)
    "retirement_savings_contributions": "wages",
    "able_contributions": "prices",
    "adoption_expenses": "prices",
    "reported_energy_credit": "prices",
    "residential_clean_energy_expense": "prices",
    "energy_efficient_window_expense": "prices",
    "energy_efficient_door_expense": "prices",
    "insulation_expense": "prices",
    "energy_property_expense": "prices",
    "heat_pump_expense": "prices",
    "home_energy_audit_expense": "prices",
    "used_clean_vehicle_price": "prices",
    "disability_income": "cost_of_living",
    "reported_general_business_credit": "partnerships_and_rents",
    "reported_prior_year_minimum_tax_credit": "income",
    "reported_other_nonrefundable_credits": "income",
}
OTHERWISE = "prices"

# A whole amount, the part of it that is an input of its own, and what the rest grows with.
PARTS = {
    "ordinary_dividend_income": ("qualified_dividend_income", "nonqualified_dividends"),
    "pension_income": ("taxable_pension_income", "exempt_pensions"),
}


def _rows(name: str) -> list[dict[str, str]]:
    with (FACTS / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


@functools.cache
def population() -> dict[int, np.ndarray]:
    """Residents by age group, [groups] by year, persons: facts/population_by_age.csv."""
    return {
        int(row["year"]): np.array([float(row[f"age_{edge}"]) for edge in EDGES])
        for row in _rows("population_by_age.csv")
    }


@functools.cache
def economy() -> dict[str, dict[int, float]]:
    """National aggregates by series and year, $ billion or index: facts/economy.csv."""
    found: dict[str, dict[int, float]] = {}
    for row in _rows("economy.csv"):
        for name, value in row.items():
            if name != "year" and value:
                found.setdefault(name, {})[int(row["year"])] = float(value)
    old = EDGES.index(65)
    found["medical_care_of_the_old"] = {
        year: price * population()[year][old:].sum() for year, price in found["cpi_medical"].items()
    }
    return found


@functools.cache
def records() -> dict[str, dict[int, float]]:
    """Administrative totals by item and year, $ billion: facts/administrative.csv."""
    found: dict[str, dict[int, float]] = {}
    for row in _rows("administrative.csv"):
        found.setdefault(row["item"], {})[int(row["year"])] = float(row["value"])
    return found


@functools.cache
def shares_by_age() -> dict[str, np.ndarray]:
    """Of each kind's total in the CPS file of 2014, the share by age of the people in the household, [groups].

    An amount is spread evenly over the members of the household, as the growth of weights is (facts/amounts_by_age.csv,
    made by `python -m jaxsim.data.ageing`).
    """
    return {row["kind"]: np.array([float(row[f"age_{edge}"]) for edge in EDGES]) for row in _rows("amounts_by_age.csv")}


def check_year(year: int, what: str) -> None:
    if not FIRST <= year <= LAST:
        raise InputError(f"{what} {year} is outside {FIRST} to {LAST}, the years with national totals")


def level(name: str, year: int) -> float:
    """National total of a kind in a year, $ billion, or its price level.

    Raises:
        InputError: no figure for that kind and year.
    """
    kind = KINDS[name]
    if not kind.series:
        return 1.0
    known = records().get(kind.record, {})
    if year in known:
        return known[year]
    series = economy()[kind.series]
    if year not in series:
        raise InputError(f"there is no national total of {name} for {year}: choose another year")
    anchors = sorted(y for y in known if y in series)
    if not anchors:
        return series[year]
    ratios = np.log([known[y] / series[y] for y in anchors])
    return float(series[year] * np.exp(np.interp(year, anchors, ratios)))


def people_growth(start: int, end: int) -> np.ndarray:
    """Growth of residents between two years by age group, [groups]."""
    return population()[end] / population()[start]


def weight_growth(kind: str, start: int, end: int) -> float:
    """Growth of a kind's total that weights bring by themselves, by the ages of the people who have it."""
    shares = shares_by_age().get(kind, population()[FIRST] / population()[FIRST].sum())
    return float(shares @ people_growth(FIRST, end)) / float(shares @ people_growth(FIRST, start))


def growth_of_each(kind: str, start: int, end: int) -> float:
    """What a person's amount of a kind grows by, so that the total grows as the national one."""
    growth = level(kind, end) / level(kind, start)
    return growth if KINDS[kind].each else growth / weight_growth(kind, start, end)
