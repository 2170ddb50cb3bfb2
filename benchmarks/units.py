"""Made tax units that reach every provision of the federal income tax: no survey, no weights, no realistic totals.

    from units import generate
    population = js.Population.from_persons(generate(5_000, seed=0, year=2026), year=2026)

Draws are counter-based and keyed by what they are for: more units leave the first ones as they are, and an input added
leaves the others as they are. About one unit in six is plain: nothing but wages that stand at, or a dollar or a few
hundred beside, an amount of the law, or not even wages. The others have each rare input with a chance of about one in
eight, incomes that reach from nothing to several million, and losses.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping

import numpy as np

import jaxsim as js
from jaxsim.engine import System
from jaxsim.parameters import NO_LIMIT
from jaxsim.population import DEPENDENT, HEAD, SPOUSE
from jaxsim.rules.us import system
from jaxsim.rules.us.inputs import HEAD_OF_HOUSEHOLD, JOINT, SEPARATE, SINGLE, SURVIVING_SPOUSE

Columns = dict[str, np.ndarray]

PEOPLE = 6  # head, spouse and up to four dependents
STRUCTURE = ("age", "filing_status", "is_full_time_student", "eitc_qualifying_children", "state_fips")
STATUS_SHARES = ((SINGLE, 0.30), (JOINT, 0.36), (SEPARATE, 0.11), (HEAD_OF_HOUSEHOLD, 0.16), (SURVIVING_SPOUSE, 0.07))
DEPENDENT_SHARES = (0.40, 0.22, 0.19, 0.11, 0.08)
PLAIN = 0.15  # share of units that have nothing but wages at amounts of the law
TEXAS = 48.0  # a state without income tax: what other programs would compute for the state is 0
OFTEN, RARE, SELDOM = 0.30, 0.12, 0.05

# Amounts of the tax unit that stand for themselves: chance, median where not 0, spread of its logarithm.
AMOUNTS: Mapping[str, tuple[float, float, float]] = {
    "taxable_interest_income": (0.45, 600, 2.2),
    "tax_exempt_interest_income": (RARE, 1_500, 1.8),
    "capital_gain_distributions": (RARE, 1_500, 1.6),
    "state_tax_refund": (RARE, 800, 1.2),
    "alimony_income": (SELDOM, 15_000, 1.0),
    "taxable_ira_distributions": (RARE, 15_000, 1.3),
    "unemployment_compensation": (RARE, 6_000, 0.9),
    "reported_health_savings_account_deduction": (RARE, 2_000, 0.6),
    "early_withdrawal_penalty": (SELDOM, 150, 1.0),
    "alimony_paid": (SELDOM, 12_000, 0.9),
    "medical_expense": (OFTEN, 8_000, 1.2),
    "state_and_local_income_or_sales_tax": (0.50, 5_000, 1.3),
    "real_estate_tax": (0.50, 4_500, 1.1),
    "personal_property_tax": (RARE, 500, 1.0),
    "cash_charity": (0.50, 2_000, 1.8),
    "noncash_charity": (OFTEN, 1_000, 1.8),
    "care_expense": (OFTEN, 5_000, 0.9),
    "business_w2_wages": (OFTEN, 60_000, 1.5),
    "business_property": (OFTEN, 150_000, 1.8),
    "miscellaneous_income": (RARE, 3_000, 1.5),
    "gambling_winnings": (RARE, 3_000, 1.6),
    "gambling_losses": (RARE, 3_000, 1.6),
    "moving_expense": (SELDOM, 4_000, 0.8),
    "early_distributions": (SELDOM, 8_000, 1.2),
    "dependent_care_benefits": (RARE, 3_500, 0.6),
    "student_loan_interest": (RARE, 1_600, 0.8),
    "qualified_vehicle_loan_interest": (RARE, 3_000, 1.0),
    "mortgage_insurance_premiums": (RARE, 1_200, 0.6),
    "investment_interest_expense": (RARE, 3_000, 1.6),
    "disaster_casualty_loss": (SELDOM, 12_000, 1.2),
    "other_casualty_loss": (SELDOM, 12_000, 1.2),
    "miscellaneous_expense": (RARE, 3_000, 1.2),
    "other_itemized_deductions": (SELDOM, 2_000, 1.2),
    "amt_foreign_tax_credit": (0.5, 600, 1.4),
    "qbi_loss_carryforward": (SELDOM, 6_000, 1.2),
    "foreign_tax_paid": (RARE, 400, 1.5),
    "reported_american_opportunity_credit": (RARE, 2_200, 0.4),
    "lifetime_learning_expenses": (RARE, 5_000, 0.9),
    "residential_clean_energy_expense": (SELDOM, 20_000, 0.6),
    "energy_efficient_window_expense": (SELDOM, 3_000, 0.8),
    "energy_efficient_door_expense": (SELDOM, 1_500, 0.8),
    "insulation_expense": (SELDOM, 2_500, 0.8),
    "energy_property_expense": (SELDOM, 5_000, 0.7),
    "heat_pump_expense": (SELDOM, 8_000, 0.6),
    "home_energy_audit_expense": (SELDOM, 400, 0.5),
    "reported_general_business_credit": (SELDOM, 1_500, 1.4),
    "reported_prior_year_minimum_tax_credit": (SELDOM, 1_500, 1.4),
    "reported_other_nonrefundable_credits": (SELDOM, 500, 1.2),
    "reported_other_taxes": (SELDOM, 500, 1.2),
    "excess_payroll_tax_withheld": (SELDOM, 800, 1.0),
}

# The same, gain or loss.
SIGNED_AMOUNTS: Mapping[str, tuple[float, float, float]] = {
    "short_term_capital_gains": (0.22, 2_000, 2.0),
    "long_term_capital_gains": (OFTEN, 8_000, 2.2),
    "other_net_gain": (SELDOM, 3_000, 1.5),
    "qualified_reit_and_ptp_income": (RARE, 2_000, 1.6),
    "collectibles_gain": (SELDOM, 5_000, 1.4),
    "amt_adjustments": (RARE, 20_000, 1.6),
}

# Amounts of each filer: chance, median, spread.
FILER_AMOUNTS: Mapping[str, tuple[float, float, float]] = {
    "educator_expense": (RARE, 250, 0.6),
    "traditional_ira_contributions": (RARE, 4_000, 0.6),
    "health_savings_account_contributions": (RARE, 3_000, 0.6),
    "self_employed_pension_contributions": (RARE, 6_000, 1.0),
    "self_employed_health_insurance_premiums": (RARE, 6_000, 0.7),
    "retirement_savings_contributions": (RARE, 1_500, 0.9),
    "able_contributions": (SELDOM, 1_500, 0.8),
}
SIGNED_FILER_AMOUNTS: Mapping[str, tuple[float, float, float]] = {
    "self_employment_income": (0.22, 25_000, 1.6),
    "farm_income": (0.06, 15_000, 1.4),
}

FLAGS: Mapping[str, float] = {
    "alimony_agreement_after_2018": 0.5,
    "is_military_move": 0.5,
    "mortgage_predates_2018": 0.4,
    "business_is_sstb": 0.3,
    "vehicle_bought_after_september": 0.3,
}

# What a unit reports ready-made, and what the same is computed from: a unit has the one or the other.
READY_MADE: Mapping[str, tuple[str, ...]] = {
    "reported_educator_expense_deduction": ("educator_expense",),
    "reported_health_savings_account_deduction": ("health_savings_account_contributions",),
    "reported_self_employed_pension_deduction": ("self_employed_pension_contributions",),
    "reported_self_employed_health_insurance_deduction": ("self_employed_health_insurance_premiums",),
    "reported_ira_deduction": ("traditional_ira_contributions",),
    "reported_student_loan_interest_deduction": ("student_loan_interest",),
    "reported_foreign_tax_credit": ("foreign_tax_paid", "foreign_source_taxable_income"),
    "reported_american_opportunity_credit": ("qualified_tuition_expenses",),
    "reported_savers_credit": ("retirement_savings_contributions", "able_contributions"),
    "reported_energy_credit": (
        "residential_clean_energy_expense", "energy_efficient_window_expense", "energy_efficient_door_expense",
        "insulation_expense", "energy_property_expense", "heat_pump_expense", "home_energy_audit_expense",
    ),
    "deductible_interest_expense": (
        "home_mortgage_interest", "home_mortgage_balance", "mortgage_insurance_premiums", "investment_interest_expense",
    ),
}  # fmt: skip

# Parts that cannot stand without what they are part of.
PART_OF = {
    "qualified_dividend_income": "ordinary_dividend_income",
    "taxable_pension_income": "pension_income",
    "active_partnership_s_corp_income": "rental_partnership_s_corp_income",
    "partnership_self_employment_income": "active_partnership_s_corp_income",
    "unrecaptured_section_1250_gain": "long_term_capital_gains",
    "collectibles_gain": "long_term_capital_gains",
    "gain_elected_as_investment_income": "long_term_capital_gains",
    "capital_gain_property_gifts": "noncash_charity",
    "home_mortgage_balance": "home_mortgage_interest",
    "foreign_source_taxable_income": "foreign_tax_paid",
    "special_needs_adoptions": "adopted_children",
    "adoption_expenses": "adopted_children",
    "used_clean_vehicle_price": "used_clean_vehicles",
    "qualified_tips": "employment_income",
    "qualified_overtime_compensation": "employment_income",
    "elective_deferrals": "employment_income",
    "benchmark_premium": "marketplace_premium",
    "advance_premium_tax_credit": "marketplace_premium",
    "is_american_opportunity_student": "qualified_tuition_expenses",
    "health_savings_account_coverage": "health_savings_account_contributions",
    "is_retired_on_disability": "disability_income",
    "parents_taxable_income": "is_taxed_at_parents_rate",
    "parents_adjusted_net_capital_gain": "is_taxed_at_parents_rate",
    "siblings_net_unearned_income": "is_taxed_at_parents_rate",
}


class Draws:
    """Random numbers by purpose: each purpose has a stream of its own, read in the order of units."""

    def __init__(self, units: int, seed: int):
        self.units, self.seed = units, seed

    def uniform(self, purpose: str, slots: int = 0) -> np.ndarray:
        """Numbers in [0, 1) of a purpose: one a unit, or one for each slot of a unit."""
        key = int.from_bytes(hashlib.sha256(purpose.encode()).digest()[:16], "little")
        stream = np.random.Generator(np.random.Philox(np.random.SeedSequence([self.seed, key])))
        return stream.random((self.units, slots) if slots else self.units)

    def happens(self, purpose: str, chance: float, slots: int = 0) -> np.ndarray:
        return self.uniform(f"{purpose}: whether", slots) < chance

    def normal(self, purpose: str, slots: int = 0) -> np.ndarray:
        radius = np.sqrt(-2 * np.log1p(-self.uniform(f"{purpose}: radius", slots)))
        return radius * np.cos(2 * np.pi * self.uniform(f"{purpose}: angle", slots))

    def amount(self, purpose: str, chance: float, median: float, spread: float, slots: int = 0) -> np.ndarray:
        """Whole dollars: 0, or lognormal with a chance."""
        size = np.round(median * np.exp(spread * self.normal(purpose, slots)))
        return self.happens(purpose, chance, slots) * np.minimum(size, 2e7)

    def signed(self, purpose: str, chance: float, median: float, spread: float, slots: int = 0) -> np.ndarray:
        """The same, a loss in one case of four."""
        sign = np.where(self.happens(f"{purpose}: loss", 0.25, slots), -1.0, 1.0)
        return sign * self.amount(purpose, chance, median, spread, slots)

    def whole(self, purpose: str, low: int, high: int, slots: int = 0) -> np.ndarray:
        """Whole numbers from low to high, both included."""
        return np.floor(low + self.uniform(purpose, slots) * (high + 1 - low))

    def among(self, purpose: str, shares: tuple[float, ...]) -> np.ndarray:
        """Indices drawn with these shares."""
        edges = np.cumsum(shares)
        return np.searchsorted(edges / edges[-1], self.uniform(purpose), side="right").clip(0, len(shares) - 1)


def generate(units: int, seed: int, year: int, inputs: Collection[str] | None = None) -> Columns:
    """Columns of persons, one row a person and one household a unit, for `Population.from_persons`.

    Args:
        units: number of tax units.
        seed: of all draws.
        year: whose amounts of the law the plain units stand at.
        inputs: inputs that may differ from their defaults (what another program knows, say); all by default. Ages,
            filing status, dependents, students and the children that count by their ages are always drawn.
    """
    us, draw = system(), Draws(units, seed)
    made = Maker(draw, year, us)
    values = made.all()
    kept = set(us.inputs if inputs is None else inputs)
    for part, whole in PART_OF.items():  # in order: a whole may itself be a part
        if whole not in kept:
            kept.discard(part)
    present = made.present
    role = np.where(np.arange(PEOPLE) == 0, HEAD, np.where(np.arange(PEOPLE) == 1, SPOUSE, DEPENDENT))
    unit = np.broadcast_to(np.arange(units)[:, None], present.shape)[present]
    columns: Columns = {
        "household_id": unit,
        "tax_unit_id": unit,
        "role": np.broadcast_to(role, present.shape)[present],
    }
    for name, column in values.items():
        if name not in kept and name not in STRUCTURE:
            continue
        i = us.inputs[name]
        if column.ndim == 1:
            whole_unit = np.zeros(present.shape)
            whole_unit[:, 0] = column
            if i.kind == "category":
                whole_unit[:] = column[:, None]
            column = whole_unit
        columns[name] = np.clip(column[present], i.low, i.high)
    return columns


def inputs_read(law: System | None = None) -> frozenset[str]:
    """Inputs that some rule reads."""
    law = law or system()
    return frozenset(a for rule in law.rules.values() for a in rule.arguments if a in law.inputs) | _crossed(law)


def _crossed(law: System) -> frozenset[str]:
    """Inputs that a sum or look-up between entities reads."""
    return frozenset(
        str(of) for rule in law.rules.values() if (of := getattr(rule, "of", None)) is not None and of in law.inputs
    )


def landmarks(year: int) -> np.ndarray:
    """All dollar amounts of the year's income tax law."""
    law = js.load_law()
    values = [
        np.ravel(value)
        for path, value in law.in_year(year).items()
        if path.startswith("irs.") and law[path].unit == "USD/year"
    ]
    amounts = np.unique(np.concatenate(values))
    return amounts[(amounts > 0) & (amounts < min(NO_LIMIT, 2e6))]


class Maker:
    """The columns of units: of the unit with shape [units], of persons with shape [units, PEOPLE]."""

    def __init__(self, draw: Draws, year: int, us: System):
        self.draw, self.year, self.us = draw, year, us
        self.values: Columns = {}
        status = np.array([code for code, _ in STATUS_SHARES])[
            draw.among("filing_status", tuple(share for _, share in STATUS_SHARES))
        ]
        dependents = draw.among("dependents", DEPENDENT_SHARES)
        with_child = np.isin(status, (HEAD_OF_HOUSEHOLD, SURVIVING_SPOUSE))
        self.dependents = np.where(with_child, np.maximum(dependents, 1), dependents)
        self.status, self.joint = status, status == JOINT
        self.of_another = (status == SINGLE) & draw.happens("head_is_dependent_elsewhere", 0.2)
        self.dependents[self.of_another] = 0
        slot = np.arange(PEOPLE)
        self.present = np.where(slot == 1, self.joint[:, None], slot < self.dependents[:, None] + 2)
        self.filer = self.present & (slot < 2)
        self.plain = draw.happens("plain", PLAIN)

    def all(self) -> Columns:
        """All inputs of the federal income tax."""
        self.people()
        self.work()
        self.simple_amounts()
        self.wholes_and_parts()
        self.deductions()
        self.credits()
        self.marketplace()
        self.children_of_parents()
        self.ready_made_or_computed()
        self.plain_units()
        self.aged_units()
        self.disabled_units()
        return self.values

    def people(self) -> None:
        draw, values = self.draw, self.values
        u = draw.uniform("age", PEOPLE)
        adult = np.floor(np.where(u < 0.75, 19 + 46 * u / 0.75, 65 + 26 * (u - 0.75) / 0.25))
        child = np.floor(
            np.where(u < 0.8, 19 * u / 0.8, np.where(u < 0.93, 19 + (u - 0.8) / 0.13 * 8, 60 + 400 * (u - 0.93)))
        )
        young = np.floor(10 + 16 * u)
        age = np.where(np.arange(PEOPLE) < 2, adult, child)
        age[:, 0] = np.where(self.of_another, young[:, 0], age[:, 0])
        needs_child = np.isin(self.status, (HEAD_OF_HOUSEHOLD, SURVIVING_SPOUSE))
        age[:, 2] = np.where(needs_child, np.minimum(age[:, 2], 18), age[:, 2])
        values["age"] = age
        values["filing_status"] = self.status.astype(float)
        values["head_is_dependent_elsewhere"] = self.of_another.astype(float)
        values["state_fips"] = np.full(draw.units, TEXAS)
        values["is_blind"] = (draw.happens("is_blind", 0.04, PEOPLE) & self.filer).astype(float)
        apart = self.status == SEPARATE
        values["separate_filer_itemizes"] = (draw.happens("separate_filer_itemizes", 0.25) & apart).astype(float)
        values["lives_apart_from_spouse"] = (draw.happens("lives_apart_from_spouse", 0.4) & apart).astype(float)
        dependent = self.present & ~self.filer
        student = draw.happens("is_full_time_student", 0.5, PEOPLE) & (age >= 18) & (age < 24)
        values["is_full_time_student"] = (student & self.present).astype(float)
        qualifies = dependent & ((age < 19) | ((age < 24) & student))
        values["eitc_qualifying_children"] = qualifies.sum(axis=1).astype(float)
        months = np.where(
            draw.happens("months_of_study_or_incapacity", 0.07, PEOPLE), draw.whole("months", 1, 12, PEOPLE), 0
        )
        values["months_of_study_or_incapacity"] = months * self.filer

    def work(self) -> None:
        draw, values, filer = self.draw, self.values, self.filer
        high = 10 ** (5 + 1.7 * draw.uniform("wages: high", PEOPLE))
        usual = np.exp(10.4 + 1.1 * draw.normal("wages", PEOPLE))
        wages = np.round(np.where(draw.happens("wages: high", 0.12, PEOPLE), high, usual))
        wages = wages * draw.happens("wages", 0.72, PEOPLE) * filer
        values["employment_income"] = wages
        for name, (chance, median, spread) in SIGNED_FILER_AMOUNTS.items():
            values[name] = draw.signed(name, chance, median, spread, PEOPLE) * filer
        for name, (chance, median, spread) in FILER_AMOUNTS.items():
            values[name] = draw.amount(name, chance, median, spread, PEOPLE) * filer
        limit = np.where(values["age"] >= 50, 31_000, 23_000)
        deferred = np.round(np.minimum(wages * 0.2 * draw.uniform("elective_deferrals", PEOPLE), limit))
        values["elective_deferrals"] = deferred * draw.happens("elective_deferrals", 0.2, PEOPLE)
        covered = draw.happens("is_covered_by_employer_plan", 0.3, PEOPLE) | (values["elective_deferrals"] > 0)
        values["is_covered_by_employer_plan"] = (covered & filer).astype(float)
        head = wages[:, 0]
        for name, chance, share in (("qualified_tips", RARE, 0.6), ("qualified_overtime_compensation", 0.2, 0.3)):
            values[name] = np.round(head * share * draw.uniform(name)) * draw.happens(name, chance)
        contributes = values["health_savings_account_contributions"] > 0
        coverage = draw.whole("health_savings_account_coverage", 1, 2, PEOPLE)
        values["health_savings_account_coverage"] = coverage * contributes

    def simple_amounts(self) -> None:
        for name, (chance, median, spread) in AMOUNTS.items():
            self.values[name] = self.draw.amount(name, chance, median, spread)
        for name, (chance, median, spread) in SIGNED_AMOUNTS.items():
            self.values[name] = self.draw.signed(name, chance, median, spread)
        for name, chance in FLAGS.items():
            self.values[name] = self.draw.happens(name, chance).astype(float)

    def wholes_and_parts(self) -> None:
        draw, values = self.draw, self.values
        dividends = draw.amount("ordinary_dividend_income", 0.35, 1_500, 2.0)
        values["ordinary_dividend_income"] = dividends
        values["qualified_dividend_income"] = np.round(dividends * draw.uniform("qualified_dividend_income"))
        old = (values["age"][:, 0] >= 55) | (self.joint & (values["age"][:, 1] >= 55))
        pension = draw.amount("pension_income", 0.5, 18_000, 1.1) * old
        values["pension_income"] = pension
        taxed = np.where(draw.happens("taxable_pension_income", 0.3), draw.uniform("taxable_pension_income"), 1.0)
        values["taxable_pension_income"] = np.round(pension * taxed)
        retired = (values["age"][:, 0] >= 62) | (self.joint & (values["age"][:, 1] >= 62))
        values["social_security"] = draw.amount("social_security", 0.9, 20_000, 0.6) * retired
        partner = draw.signed("partnership_self_employment_income", 0.06, 40_000, 1.4, PEOPLE) * self.filer
        values["partnership_self_employment_income"] = partner
        active = partner.sum(axis=1) + draw.signed("active_partnership_s_corp_income", RARE, 30_000, 1.8)
        values["active_partnership_s_corp_income"] = active
        passive = draw.signed("rental_partnership_s_corp_income", RARE, 8_000, 1.6)
        values["rental_partnership_s_corp_income"] = active + passive
        long = values["long_term_capital_gains"]
        for name, chance in (("unrecaptured_section_1250_gain", 0.25), ("gain_elected_as_investment_income", 0.06)):
            part = np.round(np.maximum(long, 0) * draw.uniform(name))
            values[name] = part * draw.happens(name, chance)

    def deductions(self) -> None:
        draw, values = self.draw, self.values
        balance = draw.amount("home_mortgage_balance", 0.5, 350_000, 0.8)
        values["home_mortgage_balance"] = balance
        values["home_mortgage_interest"] = np.round(balance * (0.03 + 0.04 * draw.uniform("home_mortgage_interest")))
        gifts = values["noncash_charity"] * draw.uniform("capital_gain_property_gifts")
        values["capital_gain_property_gifts"] = np.round(gifts) * draw.happens("capital_gain_property_gifts", 0.4)
        for name in READY_MADE:
            if name not in values:
                median = {"deductible_interest_expense": 9_000, "reported_foreign_tax_credit": 300}.get(name, 1_500)
                values[name] = draw.amount(name, RARE, median, 0.9)
        values["deductible_interest_expense"] = draw.amount("deductible_interest_expense", 0.7, 9_000, 0.9)
        limit = 300.0 * (1 + self.joint)
        values["reported_educator_expense_deduction"] = np.minimum(values["reported_educator_expense_deduction"], limit)
        interest = values["reported_student_loan_interest_deduction"]
        values["reported_student_loan_interest_deduction"] = np.minimum(interest, 2_500)

    def credits(self) -> None:
        draw, values = self.draw, self.values
        age, dependent = values["age"], self.present & ~self.filer
        tuition = draw.amount("qualified_tuition_expenses", 0.10, 4_500, 0.9, PEOPLE)
        student = self.filer | (dependent & (age >= 17) & (age < 30))
        tuition = np.where(
            dependent & student, tuition + draw.amount("tuition of dependents", 0.5, 5_000, 0.8, PEOPLE), tuition
        )
        values["qualified_tuition_expenses"] = tuition * student
        early = draw.happens("is_american_opportunity_student", 0.6, PEOPLE)
        values["is_american_opportunity_student"] = (early & (tuition > 0) & student).astype(float)
        adopted = np.minimum(
            draw.happens("adopted_children", 0.06) * draw.whole("adopted_children", 1, 2), self.dependents
        )
        values["adopted_children"] = adopted
        special = draw.happens("special_needs_adoptions", 0.4) & (adopted > 0)
        values["special_needs_adoptions"] = special.astype(float)
        values["adoption_expenses"] = draw.amount("adoption_expenses", 1.0, 12_000, 0.6) * (adopted > 0)
        values["foreign_source_taxable_income"] = np.round(
            values["foreign_tax_paid"] * (2 + 8 * draw.uniform("foreign_source_taxable_income"))
        )
        values["energy_efficient_doors"] = draw.whole("energy_efficient_doors", 1, 3) * (
            values["energy_efficient_door_expense"] > 0
        )
        values["energy_property_items"] = draw.whole("energy_property_items", 1, 3) * (
            values["energy_property_expense"] > 0
        )
        values["new_clean_vehicles"] = draw.happens("new_clean_vehicles", SELDOM).astype(float)
        used = draw.happens("used_clean_vehicles", SELDOM).astype(float)
        values["used_clean_vehicles"] = used
        values["used_clean_vehicle_price"] = used * np.round(5_000 + 20_000 * draw.uniform("used_clean_vehicle_price"))
        disabled = draw.happens("is_retired_on_disability", 0.05, PEOPLE) & self.filer & (age < 65)
        values["is_retired_on_disability"] = disabled.astype(float)
        values["disability_income"] = draw.amount("disability_income", 0.9, 9_000, 0.8, PEOPLE) * disabled

    def marketplace(self) -> None:
        draw, values = self.draw, self.values
        enrolled = draw.happens("marketplace_premium", 0.15) & ~self.of_another
        people = 1.0 + self.joint + self.dependents
        benchmark = np.round(enrolled * people * (2_500 + 6_000 * draw.uniform("benchmark_premium")))
        values["benchmark_premium"] = benchmark
        values["marketplace_premium"] = np.round(benchmark * (0.6 + 0.8 * draw.uniform("marketplace_premium")))
        paid = benchmark * draw.uniform("advance_premium_tax_credit") * draw.happens("advance_premium_tax_credit", 0.7)
        values["advance_premium_tax_credit"] = np.round(np.minimum(paid, values["marketplace_premium"]))
        some = draw.happens("marketplace_months", 0.3)
        values["marketplace_months"] = np.where(some & enrolled, draw.whole("marketplace_months", 1, 11), 12.0)
        values["dependents_modified_income"] = draw.amount("dependents_modified_income", 0.1, 16_000, 0.4) * (
            self.dependents > 0
        )

    def children_of_parents(self) -> None:
        draw, values = self.draw, self.values
        child = self.of_another & (values["age"][:, 0] < 24) & draw.happens("is_taxed_at_parents_rate", 0.7)
        values["is_taxed_at_parents_rate"] = child.astype(float)
        values["parents_filing_status"] = draw.among("parents_filing_status", (0.2, 0.6, 0.1, 0.1)).astype(float)
        values["parents_taxable_income"] = draw.amount("parents_taxable_income", 1.0, 120_000, 1.2) * child
        values["parents_adjusted_net_capital_gain"] = np.round(
            values["parents_taxable_income"] * draw.uniform("parents_adjusted_net_capital_gain")
        ) * draw.happens("parents_adjusted_net_capital_gain", 0.3)
        values["siblings_net_unearned_income"] = draw.amount("siblings_net_unearned_income", 0.2, 2_000, 1.2) * child

    def ready_made_or_computed(self) -> None:
        for ready, computed in READY_MADE.items():
            is_ready = self.draw.happens(f"{ready}: ready-made", 0.5)
            self.values[ready] = self.values[ready] * is_ready
            for name in computed:
                column = self.values[name]
                self.values[name] = column * ~(is_ready if column.ndim == 1 else is_ready[:, None])
        abroad = (self.values["foreign_tax_paid"] > 0) | (self.values["reported_foreign_tax_credit"] > 0)
        self.values["amt_foreign_tax_credit"] = self.values["amt_foreign_tax_credit"] * abroad

    def plain_units(self) -> None:
        """Units with nothing but wages at an amount of the law, with or without a standard deduction on top."""
        draw, plain = self.draw, self.plain
        self._without_amounts(plain)
        amounts = landmarks(self.year)
        at = amounts[(draw.uniform("landmark") * len(amounts)).astype(int)]
        standard = js.load_law().in_year(self.year)["irs.deductions.standard.amount"]
        at = at + np.asarray(standard)[self.status] * draw.happens("landmark: taxable income", 0.4)
        beside = np.array([0.0, 1.0, -1.0, 0.0])[draw.among("landmark: beside", (0.4, 0.2, 0.2, 0.2))]
        further = draw.happens("landmark: further", 0.2) * draw.whole("landmark: further", -999, 999)
        wages = np.maximum(at + beside + further, 0) * ~draw.happens("landmark: nothing", 0.08)
        self.values["employment_income"][plain, 0] = wages[plain]

    def aged_units(self) -> None:
        """Aged filers with a pension that leaves some of the credit for the elderly and some tax to use it against."""
        draw, values = self.draw, self.values
        apart = self.status == SEPARATE
        aged = draw.happens("aged", 0.08) & (apart | (self.status == SINGLE)) & ~self.of_another & ~self.plain
        self._without_amounts(aged)
        values["age"][aged, 0] = np.floor(65 + 25 * draw.uniform("aged: age"))[aged]
        values["separate_filer_itemizes"][aged & apart] = 1.0
        share = draw.uniform("aged: pension")
        pension = np.round(np.where(apart, 1_000 + 12_000 * share, 15_500 + 2_500 * share))
        untaxed = np.round(3_000 * draw.uniform("aged: untaxed pension")) * draw.happens("aged: untaxed pension", 0.3)
        values["taxable_pension_income"][aged] = pension[aged]
        values["pension_income"][aged] = (pension + untaxed)[aged]

    def disabled_units(self) -> None:
        """Single filers retired on disability, a little above the standard deduction: who get the credit of 22."""
        draw = self.draw
        chosen = draw.happens("disabled", RARE) & (self.status == SINGLE) & ~self.of_another
        self._without_amounts(chosen)
        standard = np.asarray(js.load_law().in_year(self.year)["irs.deductions.standard.amount"])[SINGLE]
        wages = np.round(standard + draw.uniform("disabled: wages") * (18_000 - standard))
        for name in ("employment_income", "disability_income"):
            self.values[name][chosen, 0] = wages[chosen]
        self.values["is_retired_on_disability"][chosen, 0] = 1.0
        self.values["age"][chosen, 0] = draw.whole("disabled: age", 25, 64)[chosen]

    def _without_amounts(self, units: np.ndarray) -> None:
        """Take all amounts and counts from these units."""
        for name, column in self.values.items():
            i = self.us.inputs[name]
            if i.kind in ("money", "count") and name not in STRUCTURE:
                column[units] = i.default
