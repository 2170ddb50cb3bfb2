"""Where PolicyEngine departs from the statute or from jaxsim's reading of it in credits (`departures_policyengine`)."""

from __future__ import annotations

import dataclasses

import numpy as np
from departures import JAXSIM, UNKNOWN, Case, Departure, nothing
from departures_taxcalc_credits import elderly_credit_reduction

import jaxsim as js
from jaxsim.engine import sum_over_members
from jaxsim.numerics import choose, equals, higher_of, lower_of, pick, relu
from jaxsim.rules.us import system
from jaxsim.rules.us.entities import Person, TaxUnit
from jaxsim.rules.us.inputs import JOINT, SEPARATE, SINGLE


@js.rule(Person, parameters="irs.payroll.self_employment")
def person_earned_income(payroll_tax_wages, self_employment_income, person_self_employment_tax, p):
    """Wages with deferrals and profit of sole proprietorships less half of the self-employment tax, if positive."""
    net = payroll_tax_wages + self_employment_income - p.deduction_share * person_self_employment_tax
    return higher_of(net, 0.0)


def earnings_in_the_care_credit(case: Case) -> Departure:
    """In the earned income that limits care expenses PolicyEngine leaves out farms and partners' net earnings and
    counts wages deferred into a plan. The law counts all net earnings from self-employment, and wages as far as they
    are gross income."""
    return Departure(
        "Earnings in the care credit",
        "26 USC 21(d)(1), 32(c)(2)(A), 1402(a), Treas. Reg. 1.21-2(b)(3)",
        JAXSIM,
        rules=(person_earned_income,),
    )


@js.rule(TaxUnit, parameters="irs.credits.dependent_care")
def creditable_care_expense(
    care_expense, excluded_dependent_care_benefits, care_qualifying_persons, care_earned_income_limit, p
):
    """Care expenses, not reduced by benefits, within the limits by number of persons and by earned income."""
    limit = relu(pick(p.expense_limit, care_qualifying_persons) - excluded_dependent_care_benefits)
    return lower_of(lower_of(limit, care_expense), care_earned_income_limit)


def expenses_paid_by_benefits(case: Case) -> Departure:
    """PolicyEngine lowers only the limit of care expenses by the benefits that are excluded. The law also gives no
    credit for what these have paid (129(e)(7)); jaxsim takes them to be part of the expenses given, PolicyEngine beside
    them."""
    return Departure(
        "Care expenses paid by benefits", "26 USC 21(c), 129(e)(7)", UNKNOWN, rules=(creditable_care_expense,)
    )


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


def rounding_of_the_applicable_percentage(case: Case) -> Departure:
    """PolicyEngine does not round the percentage of income that the benchmark plan is taken to cost. The regulation
    rounds it to a hundredth of a percent."""
    return Departure(
        "Rounding of the applicable percentage",
        "26 CFR 1.36B-3(g)(1)",
        JAXSIM,
        parameters={"irs.credits.premium.applicable_percentage.step": 1e-6},
    )


@js.rule(Person)
def contributions_with_the_own_plan(retirement_savings_contributions, self_employed_pension_contributions):
    """Contributions to IRAs and plans, those of the self-employed to their own plan included."""
    return retirement_savings_contributions + self_employed_pension_contributions


def own_plans_in_the_savers_credit(case: Case) -> Departure:
    """PolicyEngine counts contributions of the self-employed to their own plan, deductible or not, for the saver's
    credit. The law counts elective deferrals and voluntary contributions of employees, which these are not."""
    return Departure(
        "Own plans in the saver's credit",
        "26 USC 25B(d)(1)",
        JAXSIM,
        rules=(contributions_with_the_own_plan,),
        reads={
            "savers_credit_contributions": {"retirement_savings_contributions": "contributions_with_the_own_plan"},
        },
    )


def distributions_of_the_spouse(case: Case) -> Departure:
    """PolicyEngine reduces contributions for the saver's credit by a person's own distributions; our units have them
    all with the head. By the law those of either spouse reduce the contributions of both on a joint return."""
    return Departure(
        "Distributions of the spouse in the saver's credit",
        "26 USC 25B(d)(2)(D)",
        JAXSIM,
        rules=(nothing,),
        reads={"spouse_savers_credit_base": {"taxable_ira_distributions": "nothing"}},
    )


def heat_pumps_within_the_total(case: Case) -> Departure:
    """PolicyEngine gives the credit for heat pumps or that for all improvements of homes, the greater of the two. By
    the law the limit of 1,200 dollars is for the others; heat pumps have one of their own beside it."""
    rule = system().rules["energy_efficient_home_credit_before_limit"]

    def function(p, heat_pump_credit, **others):
        total = rule.function(p=p, heat_pump_credit=heat_pump_credit, **others)
        return higher_of(lower_of(total, p.limit.total), heat_pump_credit)

    return Departure(
        "Heat pumps and other improvements",
        "26 USC 25C(b)(1) and (5)",
        JAXSIM,
        rules=(dataclasses.replace(rule, function=function),),
    )


@js.rule(TaxUnit)
def not_a_dependent():
    """0 for all: no filer is a dependent of another."""
    return 0.0


def used_vehicles_of_dependents(case: Case) -> Departure:
    """PolicyEngine gives the credit for used clean vehicles to dependents of others. The law does not."""
    return Departure(
        "Used clean vehicles of dependents",
        "26 USC 25E(c)(3)(C)",
        JAXSIM,
        rules=(not_a_dependent,),
        reads={"used_clean_vehicle_credit_before_limit": {"head_is_dependent_elsewhere": "not_a_dependent"}},
    )


def able_contributions(case: Case) -> Departure:
    """From 2026 PolicyEngine counts no contributions to ABLE accounts for the saver's credit. P.L. 119-21 has made
    their end in 2025 void."""
    none = np.zeros(case.population.count("person"))
    return Departure(
        "ABLE accounts in the saver's credit",
        "26 USC 25B(d)(1)(D), P.L. 119-21 sec. 70116",
        JAXSIM,
        columns={"able_contributions": none} if case.year >= 2026 else {},
    )


def single_doors(case: Case) -> Departure:
    """PolicyEngine limits the credit for exterior doors in all, not for each door."""
    path = "irs.credits.energy_efficient_home.limit"
    return Departure(
        "Single doors",
        "26 USC 25C(b)(4)(A)",
        JAXSIM,
        parameters={f"{path}.door": case.law[f"{path}.doors"]},
    )


def end_of_the_vehicle_credits(case: Case) -> Departure:
    """PolicyEngine gives the credits for clean vehicles for all of 2025. The law ends them with acquisitions after
    September 30."""
    none = np.zeros(case.population.count("tax_unit"))
    return Departure(
        "End of the credits for clean vehicles",
        "26 USC 25E(g), 30D(h), P.L. 119-21 sec. 70501 and 70502",
        JAXSIM,
        columns={"vehicle_bought_after_september": none},
    )


members_in_elderly_credit = sum_over_members(
    "members_in_elderly_credit", of="is_elderly_credit_qualified", child=Person, to=TaxUnit,
    label="Members, dependents among them, who qualify by age or disability", unit="count",
)  # fmt: skip


@js.rule(TaxUnit, parameters="irs.credits.elderly")
def elderly_credit_initial_amount(members_in_elderly_credit, filers_elderly_credit_limit, p):
    """Initial amount by the number of members who qualify, within the limit of the filers."""
    one, two = (equals(members_in_elderly_credit, n) for n in (1, 2))
    return lower_of(one * p.initial_amount_one_spouse + two * p.initial_amount[JOINT], filers_elderly_credit_limit)


def elderly_credit_by_number(case: Case) -> Departure:
    """PolicyEngine sets the initial amount of the credit for the elderly by the number of members who qualify alone:
    dependents count, and separate filers get that of single persons, also those who live together. The law counts the
    filers, gives separate filers 3,750 dollars, and nothing to those who live together."""
    return Departure(
        "Who counts in the credit for the elderly",
        "26 USC 22(b), (c)(2)(A), (e)(1)",
        JAXSIM,
        rules=(members_in_elderly_credit, elderly_credit_initial_amount),
    )


def untaxed_pensions(case: Case) -> Departure:
    """PolicyEngine reduces the credit for the elderly by all pensions that are not taxed. The law reduces it by those
    excluded under laws other than the Internal Revenue Code, not by the part of annuities that its section 72
    excludes."""
    return Departure(
        "Untaxed pensions in the credit for the elderly",
        "26 USC 22(c)(3)(A)(ii), 72",
        JAXSIM,
        rules=(elderly_credit_reduction,),
    )


DEPARTURES = (
    elderly_credit_by_number,
    untaxed_pensions,
    single_doors,
    end_of_the_vehicle_credits,
    earnings_in_the_care_credit,
    expenses_paid_by_benefits,
    earned_income_credit_of_separate_filers,
    rounding_of_the_applicable_percentage,
    own_plans_in_the_savers_credit,
    distributions_of_the_spouse,
    heat_pumps_within_the_total,
    used_vehicles_of_dependents,
    able_contributions,
)
