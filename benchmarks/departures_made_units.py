"""Departures of Tax-Calculator that its CPS file does not show: inputs that the file does not have.

As in `departures.py`. Those of rules that this version lacks do not fit and are left out of the report with a note.
"""

from __future__ import annotations

import numpy as np
from departures import JAXSIM, UNKNOWN, Case, Departure, nothing

import jaxsim as js
from jaxsim.numerics import choose, equals
from jaxsim.rules.us.entities import Person, TaxUnit
from jaxsim.rules.us.inputs import JOINT, SEPARATE, SINGLE, SURVIVING_SPOUSE


@js.rule(TaxUnit, unit="category")
def status_as_if_unmarried(filing_status):
    """Filing status, single for separate filers."""
    return choose(equals(filing_status, SEPARATE), float(SINGLE), filing_status)


@js.rule(TaxUnit, unit="flag")
def no_dependent():
    """Nobody is a dependent of another."""
    return 0.0


def education_credits(case: Case) -> Departure:
    """Tax-Calculator gives the education credits to separate filers and to dependents of others. The law gives them to
    neither."""
    instead = {"filing_status": "status_as_if_unmarried", "head_is_dependent_elsewhere": "no_dependent"}
    return Departure(
        "Education credits of separate filers and dependents",
        "26 USC 25A(f)(1), (g)(3) and (g)(6)",
        JAXSIM,
        rules=(status_as_if_unmarried, no_dependent),
        reads={"education_credit_share": instead},
    )


@js.rule(Person)
def no_deferrals():
    """Nothing is deferred."""
    return 0.0


def savers_credit_of_deferrals(case: Case) -> Departure:
    """Tax-Calculator takes the credit for retirement savings as it is reported. jaxsim adds what the law gives for
    wages deferred into a plan, which the format reports beside it."""
    return Departure(
        "Credit for deferred wages",
        "26 USC 25B(d)(1)(B)",
        JAXSIM,
        rules=(no_deferrals,),
        reads={"savers_credit_contributions": {"elective_deferrals": "no_deferrals"}},
    )


def deferrals_in_additional_medicare_tax(case: Case) -> Departure:
    """Tax-Calculator leaves wages deferred into a plan out of additional Medicare tax. The law counts them as wages, as
    it does for the tax of which this is an addition."""
    instead = {"tax_unit_payroll_tax_wages": "tax_unit_wages"}
    return Departure(
        "Deferred wages in additional Medicare tax",
        "26 USC 3101(b)(2), 3121(v)(1)(A)",
        JAXSIM,
        reads={
            "additional_medicare_tax_on_wages": instead,
            "additional_medicare_tax_on_self_employment": instead,
        },
    )


def tax_withheld_in_excess(case: Case) -> Departure:
    """Tax-Calculator does not credit Social Security tax that several employers withheld in excess. The law credits it
    against income tax."""
    instead = {"excess_payroll_tax_withheld": "nothing"}
    return Departure(
        "Social Security tax withheld in excess",
        "26 USC 31(b), 6413(c)",
        JAXSIM,
        rules=(nothing,),
        reads={"refundable_credits": instead, "employee_payroll_tax": instead},
    )


def vehicle_loans_of_surviving_spouses(case: Case) -> Departure:
    """Tax-Calculator gives surviving spouses the joint amount of income at which the deduction for vehicle loan
    interest falls. The law has it for joint returns only."""
    path = "irs.deductions.auto_loan_interest.phase_out.threshold"
    amounts = np.array(case.law[path])
    amounts[SURVIVING_SPOUSE] = amounts[JOINT]
    return Departure(
        "Vehicle loans of surviving spouses", "26 USC 163(h)(4)(C)(ii)", JAXSIM, parameters={path: amounts}
    )


def elected_gains(case: Case) -> Departure:
    """Tax-Calculator takes what is elected as investment income out of qualified dividends alone; jaxsim out of gains,
    then dividends. The law lets the filer elect either; the format gives the sum."""
    elected = case.population.tables["tax_unit"]["gain_elected_as_investment_income"] > 0
    return Departure("Gains elected as investment income", "26 USC 1(h)(2), 163(d)(4)(B)", UNKNOWN, units=elected)


def gains_at_25_and_28_percent(case: Case) -> Departure:
    """Tax-Calculator leaves out that gain on depreciated real property and collectibles is taxed by the schedule as far
    as that is below 25 percent (Schedule D Tax Worksheet, lines 19 to 21), and lets a loss on collectibles add to the
    gain at preferential rates. The law lets it set off gains only."""
    unit = case.population.tables["tax_unit"]
    units = (unit["unrecaptured_section_1250_gain"] > 0) | (unit["collectibles_gain"] != 0)
    return Departure("Gains at 25 and 28 percent", "26 USC 1(h)(1)(A)(ii)(I), (4) and (6)", JAXSIM, units=units)


def foreign_tax_credit_against_minimum_tax(case: Case) -> Departure:
    """Tax-Calculator lets the foreign tax credit offset the minimum tax. By the law it is limited by the regular tax;
    the minimum tax has a credit of its own."""
    sim = js.Simulation(case.population, case.year, age=False)
    regular = sim.columns("regular_tax")["regular_tax"]
    credit = case.population.tables["tax_unit"]["reported_foreign_tax_credit"]
    return Departure("Foreign tax credit against the minimum tax", "26 USC 27, 59(a), 904(a)", JAXSIM,
                     units=credit > regular)  # fmt: skip


def order_of_energy_credits(case: Case) -> Departure:
    """Tax-Calculator uses energy credits before the child tax credit. jaxsim takes what is reported as the credit for
    clean energy, which by the law comes after the child tax credit as far as that cannot be refunded; the credit for
    efficient homes comes before it. The format gives the sum, and the sum of credits used is the same."""
    reported = case.population.tables["tax_unit"]["reported_energy_credit"] > 0
    return Departure("Order of energy credits", "26 USC 25C, 25D(c)", UNKNOWN, units=reported,
                     outputs=frozenset({"energy", "ctc", "refundable_ctc"}))  # fmt: skip


DEPARTURES = (
    order_of_energy_credits,
    education_credits,
    savers_credit_of_deferrals,
    deferrals_in_additional_medicare_tax,
    tax_withheld_in_excess,
    vehicle_loans_of_surviving_spouses,
    elected_gains,
    gains_at_25_and_28_percent,
    foreign_tax_credit_against_minimum_tax,
)
