"""Where PolicyEngine departs from the statute or from jaxsim's reading of it, each as a change of jaxsim.

As in `departures.py`: docstrings are printed, no function looks at PolicyEngine's results, and rules written here
follow what PolicyEngine does as far as it differs; they are no reading of the law.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from departures import EITHER, JAXSIM, UNKNOWN, Case, Departure, nothing

import jaxsim as js
from jaxsim.engine import sum_of_filers
from jaxsim.numerics import choose, equals, higher_of, lower_of, relu
from jaxsim.rules.us import system
from jaxsim.rules.us.entities import Person, TaxUnit
from jaxsim.rules.us.inputs import JOINT, SEPARATE, SINGLE, SURVIVING_SPOUSE


@js.rule(TaxUnit)
def state_and_local_taxes_within_income(state_and_local_tax_deduction, adjusted_gross_income):
    """State and local taxes, at most adjusted gross income."""
    return lower_of(state_and_local_tax_deduction, relu(adjusted_gross_income))


def taxes_within_income(case: Case) -> Departure:
    """PolicyEngine allows no more state and local taxes than adjusted gross income. The law sets no such limit."""
    instead = {"state_and_local_tax_deduction": "state_and_local_taxes_within_income"}
    return Departure(
        "State and local taxes within income",
        "26 USC 164",
        JAXSIM,
        rules=(state_and_local_taxes_within_income,),
        reads={"itemized_deductions_before_limit": instead, "alternative_minimum_income_before_addition": instead},
    )


@js.rule(Person, parameters="irs.payroll.self_employment")
def person_earned_income(employment_income, self_employment_income, person_self_employment_tax, p):
    """Wages and profit of sole proprietorships less half of the self-employment tax, if positive."""
    net = employment_income + self_employment_income - p.deduction_share * person_self_employment_tax
    return higher_of(net, 0.0)


def care_for_farmers_and_partners(case: Case) -> Departure:
    """PolicyEngine leaves farms and partners' net earnings out of the earned income that limits care expenses. The law
    counts all net earnings from self-employment."""
    return Departure(
        "Earnings of farmers and partners in the care credit",
        "26 USC 21(d)(1), 32(c)(2)(A)(ii), 1402(a), Treas. Reg. 1.21-2(b)(3)",
        JAXSIM,
        rules=(person_earned_income,),
    )


partners_earnings = sum_of_filers(
    "partners_earnings", of="partnership_self_employment_income", to=TaxUnit, label="Net earnings of partners"
)


@js.rule(TaxUnit)
def earned_income_without_partners(
    tax_unit_wages, tax_unit_self_employment_profit, partners_earnings, self_employment_tax_deduction
):
    """Wages and profits but those of partners, less half of the self-employment tax."""
    return tax_unit_wages + tax_unit_self_employment_profit - partners_earnings - self_employment_tax_deduction


def dependents_who_are_partners(case: Case) -> Departure:
    """PolicyEngine leaves partners' net earnings out of the earned income that sets the standard deduction of
    dependents. The law counts all net earnings from self-employment."""
    return Departure(
        "Standard deduction of dependents who are partners",
        "26 USC 63(c)(5)(B), 32(c)(2)(A)(ii), 1402(a)",
        JAXSIM,
        rules=(partners_earnings, earned_income_without_partners),
        reads={"basic_standard_deduction": {"earned_income": "earned_income_without_partners"}},
    )


def surviving_spouses(case: Case) -> Departure:
    """PolicyEngine gives surviving spouses the joint amounts of the income at which the child tax credit falls and at
    which the limits of business income begin. The law has them for joint returns only."""
    paths = (
        "irs.credits.ctc.phase_out.threshold",
        "irs.deductions.qbi.threshold",
        "irs.deductions.qbi.phase_in_range",
    )
    parameters = {}
    for path in paths:
        amounts = np.array(case.law[path])
        amounts[SURVIVING_SPOUSE] = amounts[JOINT]
        parameters[path] = amounts
    return Departure("Amounts of surviving spouses", "26 USC 24(h)(3), 199A(e)(2)", JAXSIM, parameters=parameters)


@js.rule(TaxUnit, unit="category")
def status_as_if_unmarried(filing_status):
    """Filing status, single for separate filers."""
    return choose(equals(filing_status, SEPARATE), float(SINGLE), filing_status)


def earned_income_credit_of_separate_filers(case: Case) -> Departure:
    """PolicyEngine gives the earned income credit to all separate filers. By the law one must have a qualifying child
    and live apart from the spouse to count as unmarried."""
    return Departure(
        "Earned income credit of separate filers",
        "26 USC 32(d)",
        JAXSIM,
        rules=(status_as_if_unmarried,),
        reads={"is_eitc_eligible": {"filing_status": "status_as_if_unmarried"}},
    )


@js.rule(TaxUnit)
def standard_deduction(basic_standard_deduction, additional_standard_deduction, filing_status, separate_filer_itemizes):
    """Standard deduction: of a separate filer whose spouse itemizes, the additional amounts alone."""
    barred = equals(filing_status, SEPARATE) * separate_filer_itemizes
    return basic_standard_deduction * (1 - barred) + additional_standard_deduction


def additional_amounts_of_separate_filers(case: Case) -> Departure:
    """PolicyEngine leaves separate filers whose spouse itemizes the additional amounts for age and blindness. The law
    makes their whole standard deduction zero."""
    return Departure(
        "Additional amounts of separate filers", "26 USC 63(c)(1) and (6)(A)", JAXSIM, rules=(standard_deduction,)
    )


def refunds_in_minimum_tax(case: Case) -> Departure:
    """PolicyEngine leaves refunds of state and local taxes in minimum taxable income. By the law taxes recovered are no
    income there, as taxes paid are no deduction."""
    return Departure(
        "Tax refunds in the minimum tax",
        "26 USC 56(b)(1)(C)",
        JAXSIM,
        rules=(nothing,),
        reads={"alternative_minimum_income_before_addition": {"state_tax_refund": "nothing"}},
    )


def benefits_against_losses(case: Case) -> Departure:
    """PolicyEngine takes modified adjusted gross income to be at least zero before it adds half of the benefits. The
    law adds them to the income as it is, a loss included."""
    provisional = system().rules["social_security_provisional_income"]

    def function(p, social_security, **others):
        half = p.benefit_share_in_modified_income * social_security
        return relu(provisional.function(p=p, social_security=social_security, **others) - half) + half

    return Departure(
        "Benefits against losses",
        "26 USC 86(b)(1)(A) and (2)",
        JAXSIM,
        rules=(dataclasses.replace(provisional, function=function),),
    )


def businesses_of_both_spouses(case: Case) -> Departure:
    """PolicyEngine applies the limits by wages and property to each spouse, does not set the loss of one against the
    profit of the other, and is given all wages and property as the greater business's; jaxsim takes the businesses as
    one. The law applies the limits to each trade or business, which our units do not tell apart, and sets losses
    against profits."""
    person, joint = case.population.tables["person"], case.population.filers[1] >= 0
    head, spouse, _ = case.population.filers
    business = sum(
        np.abs(person[name]) for name in ("self_employment_income", "farm_income", "partnership_self_employment_income")
    )
    both = joint & (business[head] > 0) & (business[spouse] > 0)
    return Departure("Businesses of both spouses", "26 USC 199A(b)(2), Treas. Reg. 1.199A-1(d)", EITHER, units=both)


def plans_of_the_self_employed(case: Case) -> Departure:
    """PolicyEngine deducts contributions of the self-employed to their own plan up to all of their earnings, and
    neither these nor premiums of health insurance against partners' and farmers' earnings. The law limits
    contributions to a share of earnings and counts all net earnings from self-employment."""
    person = case.population.tables["person"]
    of_person = (person["self_employed_pension_contributions"] > 0) | (
        person["self_employed_health_insurance_premiums"] > 0
    )
    units = np.bincount(case.population.links["tax_unit_of_person"], of_person, case.population.count("tax_unit")) > 0
    return Departure("Plans and insurance of the self-employed", "26 USC 162(l)(2)(A), 401(c)(2), 404(a)(8)", JAXSIM,
                     units=units)  # fmt: skip


def tips_in_service_businesses(case: Case) -> Departure:
    """PolicyEngine denies the deduction for tips to persons whose business is a specified service trade. The law denies
    it for tips received in such a trade; our units do not say where they were received."""
    unit = case.population.tables["tax_unit"]
    units = (unit["qualified_tips"] > 0) & (unit["business_is_sstb"] > 0)
    return Departure("Tips in service businesses", "26 USC 224(d)(2)(B)", UNKNOWN, units=units)


def deductions_from_investment_income(case: Case) -> Departure:
    """PolicyEngine takes net investment income without deductions. The law takes off what is properly allocable to it:
    penalties on early withdrawal, investment interest and state income taxes."""
    unit = case.population.tables["tax_unit"]
    names = (
        "early_withdrawal_penalty", "investment_interest_expense", "state_and_local_income_or_sales_tax",
        "deductible_interest_expense", "personal_property_tax",
    )  # fmt: skip
    units = np.logical_or.reduce([unit[name] > 0 for name in names])
    return Departure("Deductions from net investment income", "26 USC 1411(c)(1)(B), Treas. Reg. 1.1411-4(f)", JAXSIM,
                     units=units, outputs=frozenset({"niit", "income_tax"}))  # fmt: skip


def choice_to_itemize(case: Case) -> Departure:
    """PolicyEngine itemizes where that leads to less tax, the minimum tax included; jaxsim takes the greater deduction.
    The law leaves the choice to the filer."""
    values = js.Simulation(case.population, case.year, age=False).columns("alternative_minimum_tax")
    units = values["alternative_minimum_tax"] > 0
    return Departure("Choice to itemize", "26 USC 63(e)", EITHER, units=units)


DEPARTURES = (
    choice_to_itemize,
    deductions_from_investment_income,
    plans_of_the_self_employed,
    tips_in_service_businesses,
    benefits_against_losses,
    additional_amounts_of_separate_filers,
    taxes_within_income,
    surviving_spouses,
    businesses_of_both_spouses,
    refunds_in_minimum_tax,
    care_for_farmers_and_partners,
    dependents_who_are_partners,
    earned_income_credit_of_separate_filers,
)
