"""Where PolicyEngine departs from the statute or from jaxsim's reading of it, up to taxable income and the taxes.

Those of credits are in `departures_policyengine_credits.py`. As in `departures.py`: docstrings are printed, no function
looks at PolicyEngine's results, and rules written here follow what PolicyEngine does as far as it differs; they are no
reading of the law.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from departures import EITHER, JAXSIM, UNKNOWN, Case, Departure, nothing

import jaxsim as js
from jaxsim.engine import sum_of_filers
from jaxsim.numerics import above, equals, higher_of, lower_of, relu
from jaxsim.rules.us import system
from jaxsim.rules.us.entities import Person, TaxUnit
from jaxsim.rules.us.inputs import JOINT, SEPARATE, SURVIVING_SPOUSE


def changed(name: str, change: Callable[[dict[str, Any], Any], Any], *further: str) -> js.Rule:
    """The rule of this name with its result changed: by a function of what it and `further` read, and the result."""
    rule = system().rules[name]

    def function(**values: Any) -> Any:
        read = {k: v for k, v in values.items() if k in rule.arguments or k in rule.parameters}
        return change(values, rule.function(**read))

    return dataclasses.replace(rule, function=function, arguments=tuple(dict.fromkeys((*rule.arguments, *further))))


# --- income and adjustments --------------------------------------------------------------------------------------


def gambling_winnings(case: Case) -> Departure:
    """PolicyEngine leaves gambling winnings out of gross income, though it limits the deduction of losses by them."""
    return Departure(
        "Gambling winnings",
        "26 USC 61(a), 165(d)",
        JAXSIM,
        rules=(nothing,),
        reads={"income_before_social_security": {"gambling_winnings": "nothing"}},
    )


@js.rule(Person)
def person_self_employed_pension_deduction(self_employed_pension_contributions, self_employment_income):
    """Contributions up to the profit of sole proprietorships other than farms."""
    return lower_of(self_employed_pension_contributions, higher_of(self_employment_income, 0.0))


@js.rule(Person)
def person_ira_compensation(employment_income, self_employed_compensation, person_self_employed_pension_deduction):
    """Wages and earnings from self-employment less the deduction for the own plan as far as it goes."""
    return employment_income + relu(self_employed_compensation - person_self_employed_pension_deduction)


def pensions_of_the_self_employed(case: Case) -> Departure:
    """PolicyEngine deducts contributions to plans of the self-employed up to the whole profit of sole proprietorships,
    leaving farms and partners out. The law limits them to 25 percent of compensation, that is 20 percent of net
    earnings from all self-employment before this deduction, and to an amount in dollars."""
    return Departure(
        "Plans of the self-employed",
        "26 USC 404(a)(8) and (h)(1)(C), 401(c)(2), 415(c)(1)",
        JAXSIM,
        rules=(person_self_employed_pension_deduction, person_ira_compensation),
    )


@js.rule(Person)
def person_self_employed_health_insurance_deduction(self_employed_health_insurance_premiums, self_employment_income):
    """Premiums up to the profit of sole proprietorships other than farms."""
    return lower_of(self_employed_health_insurance_premiums, higher_of(self_employment_income, 0.0))


def health_insurance_of_the_self_employed(case: Case) -> Departure:
    """PolicyEngine deducts premiums up to the profit of sole proprietorships, leaving farms and partners out and half
    of the self-employment tax and the pension in. The law limits them to earned income, which counts all and is net of
    both."""
    return Departure(
        "Health insurance of the self-employed",
        "26 USC 162(l)(2)(A), 401(c)(2)(A)(v) and (vi)",
        JAXSIM,
        rules=(person_self_employed_health_insurance_deduction,),
    )


def taxable_care_benefits(case: Case) -> Departure:
    """PolicyEngine leaves dependent care benefits above the exclusion out of income and of earned income. By the law
    they are wages."""
    instead = {"taxable_dependent_care_benefits": "nothing"}
    return Departure(
        "Taxable dependent care benefits",
        "26 USC 61(a)(1), 129(a)(2)(B)",
        JAXSIM,
        rules=(nothing,),
        reads={"income_before_social_security": instead, "earned_income": instead},
    )


@js.rule(TaxUnit)
def aggregate_business_income(business_income, rental_partnership_s_corp_income, other_net_gain):
    """Net income or loss of all trades or businesses, rents and all partnerships included."""
    return business_income + rental_partnership_s_corp_income + other_net_gain


def rents_in_the_limit_of_business_losses(case: Case) -> Departure:
    """PolicyEngine counts rents as trades or businesses in the limit of business losses. Which of them are, the units
    do not say; jaxsim leaves them out."""
    return Departure(
        "Rents in the limit of business losses", "26 USC 461(l)(3)", UNKNOWN, rules=(aggregate_business_income,)
    )


# --- deductions --------------------------------------------------------------------------------------------------


def taxes_within_income(case: Case) -> Departure:
    """PolicyEngine allows no more state and local taxes than adjusted gross income. The law sets no such limit."""

    def change(read: dict[str, Any], deduction: Any) -> Any:
        taxes = read["state_and_local_income_or_sales_tax"] + read["real_estate_tax"]
        return lower_of(deduction, lower_of(taxes, relu(read["adjusted_gross_income"])))

    return Departure(
        "State and local taxes within income",
        "26 USC 164",
        JAXSIM,
        rules=(changed("state_and_local_tax_deduction", change),),
    )


def casualty_losses(case: Case) -> Departure:
    """PolicyEngine has suspended the deduction of casualty losses altogether. By the law losses of declared disasters
    have remained deductible."""
    return Departure(
        "Casualty losses",
        "26 USC 165(h)(5)",
        JAXSIM,
        rules=(nothing,),
        reads={"casualty_loss_deduction": {"disaster_casualty_loss": "nothing", "other_casualty_loss": "nothing"}},
    )


@js.rule(TaxUnit)
def investment_interest_deduction(investment_interest_expense):
    """All interest on debt for investments."""
    return investment_interest_expense


def investment_interest(case: Case) -> Departure:
    """PolicyEngine deducts all investment interest. The law allows it up to net investment income."""
    return Departure("Investment interest", "26 USC 163(d)(1)", JAXSIM, rules=(investment_interest_deduction,))


def gambling_losses_in_full(case: Case) -> Departure:
    """PolicyEngine allows gambling losses in full. From 2026 the law allows 90 percent of them."""
    return Departure(
        "Share of gambling losses",
        "26 USC 165(d)(1), P.L. 119-21 sec. 70114",
        JAXSIM,
        parameters={"irs.deductions.itemized.gambling.share_of_losses": 1.0},
    )


@js.rule(TaxUnit)
def gambling_losses_beside(
    gambling_loss_deduction,
    itemized_deductions_before_limit,
    standard_deduction,
    nonitemizer_charitable_deduction,
):
    """Gambling losses of those whose other itemized deductions exceed the standard deduction."""
    itemizes = above(itemized_deductions_before_limit, standard_deduction + nonitemizer_charitable_deduction)
    return gambling_loss_deduction * itemizes


def gambling_losses_beside_itemizing(case: Case) -> Departure:
    """PolicyEngine deducts gambling losses beside the itemized deductions: they count neither in the choice to itemize
    nor in the limit of 2026. By the law they are itemized deductions like others."""
    beside = "gambling_losses_beside"
    rules = (
        changed("deductions_beside_itemizing", lambda read, sum_: sum_ + read[beside], beside),
        changed("alternative_minimum_income_before_addition", lambda read, income: income - read[beside],
                beside),
    )  # fmt: skip
    return Departure(
        "Gambling losses beside the itemized deductions",
        "26 USC 63(d), 68, 165(d)",
        JAXSIM,
        rules=(nothing, gambling_losses_beside, *rules),
        reads={"itemized_deductions_before_limit": {"gambling_loss_deduction": "nothing"}},
    )


def tips_beside_a_service_business(case: Case) -> Departure:
    """PolicyEngine denies the deduction for tips to those who have a specified service business of their own. The law
    denies it for tips received in the course of such a business; of what business the tips are, our units do not say,
    and jaxsim takes their tips to be wages of another's."""
    return Departure(
        "Tips and service businesses",
        "26 USC 224(d)(2)(B)",
        UNKNOWN,
        rules=(
            changed(
                "tip_income_deduction", lambda read, tips: tips * (1 - read["business_is_sstb"]), "business_is_sstb"
            ),
        ),
    )


# --- taxes -------------------------------------------------------------------------------------------------------


def deductions_from_investment_income(case: Case) -> Departure:
    """PolicyEngine deducts nothing from investment income. The law allows what is allocable to it: investment interest,
    state income taxes on it, penalties on early withdrawal."""
    return Departure(
        "Deductions from investment income",
        "26 USC 1411(c)(1)(B), Treas. Reg. 1.1411-4(f)",
        JAXSIM,
        rules=(nothing,),
        reads={"net_investment_income": {"net_investment_income_deductions": "nothing"}},
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


def limit_in_the_minimum_tax(case: Case) -> Departure:
    """From 2026 PolicyEngine applies the limit on itemized deductions in the minimum tax too. By the law it does not
    apply there."""
    return Departure(
        "Limit on itemized deductions in the minimum tax",
        "26 USC 56(b)(1)(E)",
        JAXSIM,
        reads={
            "alternative_minimum_income_before_addition": {"itemized_deductions_before_limit": "itemized_deductions"}
        },
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


DEPARTURES = (
    gambling_winnings,
    taxable_care_benefits,
    pensions_of_the_self_employed,
    health_insurance_of_the_self_employed,
    casualty_losses,
    investment_interest,
    gambling_losses_in_full,
    gambling_losses_beside_itemizing,
    rents_in_the_limit_of_business_losses,
    tips_beside_a_service_business,
    deductions_from_investment_income,
    benefits_against_losses,
    additional_amounts_of_separate_filers,
    taxes_within_income,
    surviving_spouses,
    businesses_of_both_spouses,
    refunds_in_minimum_tax,
    limit_in_the_minimum_tax,
    dependents_who_are_partners,
)
