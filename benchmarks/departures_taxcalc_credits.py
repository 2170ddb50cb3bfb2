"""Where Tax-Calculator departs from the statute or from jaxsim's reading of it: credits."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from departures import JAXSIM, UNKNOWN, Case, Departure
from departures_taxcalc_income import capital_gain_without_distributions

import jaxsim as js
from jaxsim.numerics import at_least, at_most, either, equals, lower_of, pick, relu
from jaxsim.population import SPOUSE
from jaxsim.rules.us.entities import Person, TaxUnit
from jaxsim.rules.us.inputs import JOINT, SEPARATE


@js.rule(TaxUnit, parameters="irs.credits.elderly")
def elderly_credit_reduction(
    social_security,
    taxable_social_security,
    pension_income,
    taxable_pension_income,
    adjusted_gross_income,
    filing_status,
    p,
):
    """Reduction by Social Security and pensions that are not taxed and by half of the income above a threshold."""
    untaxed = relu(social_security - taxable_social_security) + relu(pension_income - taxable_pension_income)
    return untaxed + p.phase_out.rate * relu(adjusted_gross_income - pick(p.phase_out.threshold, filing_status))


def pensions_in_elderly_credit(case: Case) -> Departure:
    """Tax-Calculator reduces the credit for the elderly by all pensions that are not taxed. The law reduces it by
    those excluded under laws other than the Internal Revenue Code; what the file has is the part of annuities that
    section 72 of the Code excludes."""
    return Departure(
        "Untaxed pensions in the credit for the elderly",
        "26 USC 22(c)(3)(A)(ii), 72",
        JAXSIM,
        rules=(elderly_credit_reduction,),
    )


@js.rule(Person, parameters="irs.credits.eitc", unit="count")
def is_eitc_age(age, p):
    """1 for a person of an age at which the credit needs no child, or of age 0, else 0."""
    fits = at_least(age, p.minimum_age, unit="year") * at_most(age, p.maximum_age, unit="year")
    return either(equals(age, 0), fits)


def unknown_ages(case: Case) -> Departure:
    """Tax-Calculator takes a head or spouse whose age is 0 in the file to be of the age for the earned income credit
    without a child. jaxsim's reader gives such a spouse the age of the head, at most 64, and keeps heads as they
    are."""
    population = case.population
    unknown = case.frame.loc[(case.frame["MARS"] == 2) & (case.frame["age_spouse"] == 0), "RECID"]
    person = population.tables["person"]
    without_age = (person["role"] == SPOUSE) & np.isin(person["tax_unit_id"], unknown)
    return Departure(
        "Unknown ages in the earned income credit",
        "26 USC 32(c)(1)(A)(ii)(II)",
        UNKNOWN,
        rules=(is_eitc_age,),
        columns={"age": np.where(without_age, 0.0, person["age"])},
    )


@js.rule(TaxUnit, parameters="irs.credits.eitc", unit="count")
def is_eitc_eligible(
    eitc_qualifying_children,
    head_is_eitc_age,
    spouse_is_eitc_age,
    head_is_dependent_elsewhere,
    filing_status,
    lives_apart_from_spouse,
    eitc_disqualified_income,
    p,
):
    """1 where the unit may have the credit, separate filers without a child included."""
    by_age = either(head_is_eitc_age, spouse_is_eitc_age * equals(filing_status, JOINT))
    by_child = at_least(eitc_qualifying_children, 1.0, unit="count")
    barred = equals(filing_status, SEPARATE) * by_child * (1 - lives_apart_from_spouse)
    return (
        either(by_child, by_age)
        * (1 - barred)
        * (1 - head_is_dependent_elsewhere)
        * at_most(eitc_disqualified_income, p.investment_income_limit)
    )


def separate_filers_without_child(case: Case) -> Departure:
    """Tax-Calculator gives the earned income credit to separate filers without a child. By the law a separate filer
    needs a child to count as unmarried."""
    return Departure(
        "Earned income credit of separate filers without a child",
        "26 USC 32(d)",
        JAXSIM,
        rules=(is_eitc_eligible,),
    )


def distributions_in_disqualified_income(case: Case) -> Departure:
    """Tax-Calculator leaves capital gain distributions out of the investment income that bars the earned income
    credit. The law includes capital gain net income, to which they belong."""
    return Departure(
        "Distributions in the investment income limit",
        "26 USC 32(i)(2)(D), 852(b)(3)(B)",
        JAXSIM,
        rules=(capital_gain_without_distributions,),
        reads={"eitc_disqualified_income": {"capital_gain_in_income": "capital_gain_without_distributions"}},
    )


@js.rule(TaxUnit)
def social_security_taxes_for_ctc(
    tax_unit_employee_social_security_tax,
    employee_medicare_tax,
    self_employment_tax_deduction,
    excess_payroll_tax_withheld,
):
    """Payroll taxes without additional Medicare tax, less what employers withheld in excess of them."""
    paid = tax_unit_employee_social_security_tax + employee_medicare_tax + self_employment_tax_deduction
    return paid - excess_payroll_tax_withheld


def payroll_taxes_of_large_families(case: Case) -> Departure:
    """Tax-Calculator leaves additional Medicare tax out of the payroll taxes that limit the refundable child tax
    credit of families with three children, and takes what several employers withheld in excess off the tax that is
    due without it. The law counts all taxes of section 3101, and no more than is due."""
    return Departure(
        "Payroll taxes in the refundable child tax credit",
        "26 USC 24(d)(2)(A) and (C)",
        JAXSIM,
        rules=(social_security_taxes_for_ctc,),
    )


@js.rule(TaxUnit, parameters="irs.credits.education.phase_out", unit="/1")
def education_credit_share(adjusted_gross_income, filing_status, p):
    """Share of the credits that income leaves, whoever claims them."""
    width = pick(p.range, filing_status)
    return 1 - lower_of(relu(adjusted_gross_income - pick(p.threshold, filing_status)), width) / width


def education_credits_of_all(case: Case) -> Departure:
    """Tax-Calculator gives education credits to separate filers and to filers who are dependents of others. By the
    law the married must file jointly for them, and a dependent has none: those who claim the dependent do."""
    return Departure(
        "Education credits of separate filers and dependents",
        "26 USC 25A(g)(3) and (6)",
        JAXSIM,
        rules=(education_credit_share,),
    )


@js.rule(TaxUnit, unit="/1")
def rounded_education_credit_share(education_credit_share):
    """Share of the credits that income leaves, to three decimals, halves to the even one."""
    thousandths = jnp.round(1000 * education_credit_share, 6)  # without rounding errors, so that halves are halves
    return jnp.round(thousandths) / 1000


def rounding_of_education_credits(case: Case) -> Departure:
    """Tax-Calculator rounds the share of the education credits that income leaves to three decimals. The law does not
    round; Form 8863 asks for at least three decimals."""
    instead = {"education_credit_share": "rounded_education_credit_share"}
    return Departure(
        "Rounding of the phase-out of education credits",
        "26 USC 25A(d), Form 8863 lines 6 and 17",
        JAXSIM,
        rules=(rounded_education_credit_share,),
        reads={"american_opportunity_credit": instead, "lifetime_learning_credit": instead},
    )


@js.rule(Person)
def no_deferrals():
    """Nothing."""
    return 0.0


def savers_credit_of_deferrals(case: Case) -> Departure:
    """Tax-Calculator has the saver's credit as reported and computes none from deferrals into an employer's plan, of
    which its input tells. The law credits them."""
    return Departure(
        "Saver's credit for deferrals",
        "26 USC 25B(d)(1)(B)",
        JAXSIM,
        rules=(no_deferrals,),
        reads={"savers_credit_contributions": {"elective_deferrals": "no_deferrals"}},
    )


def energy_credit_after_its_end(case: Case) -> Departure:
    """Tax-Calculator allows a reported energy credit in 2026. The law ended both credits for expenses after 2025; an
    amount of 2026 could only be carried from earlier years, which jaxsim does not model."""
    count = {"irs.credits.residential_clean_energy.reported_credits_count": 1.0}
    return Departure(
        "Energy credit after 2025",
        "26 USC 25C(h), 25D(h), P.L. 119-21 sec. 70505, 70506",
        JAXSIM,
        parameters=count if case.year >= 2026 else {},
    )


@js.rule(TaxUnit)
def elderly_credit_considered(elderly_credit_before_limit, tax_after_dependent_care_credit):
    """Credit for the elderly as other credits make room for it."""
    return lower_of(elderly_credit_before_limit, tax_after_dependent_care_credit)


@js.rule(TaxUnit)
def tax_after_elderly_credit(tax_after_dependent_care_credit):
    """Tax left with the credit for the elderly put off."""
    return tax_after_dependent_care_credit


@js.rule(TaxUnit)
def nonrefundable_education_credit(education_credit_before_limit, tax_after_elderly_credit, elderly_credit_considered):
    """Education credits, with room for the credit for the elderly."""
    return lower_of(education_credit_before_limit, tax_after_elderly_credit - elderly_credit_considered)


@js.rule(TaxUnit)
def ctc_used_before_adoption_credit(
    ctc,
    tax_after_nonrefundable_education_credit,
    savers_credit_before_limit,
    residential_clean_energy_credit_before_limit,
    elderly_credit_considered,
):
    """Child tax credit, with room for all other credits as claimed."""
    others = savers_credit_before_limit + residential_clean_energy_credit_before_limit + elderly_credit_considered
    return lower_of(ctc, relu(tax_after_nonrefundable_education_credit - others))


@js.rule(TaxUnit)
def ctc_used_after_clean_energy_credit():
    """Nothing: the child tax credit is used at once."""
    return 0.0


@js.rule(TaxUnit)
def elderly_credit(elderly_credit_considered, tax_after_prior_year_minimum_tax_credit):
    """Credit for the elderly, last but one."""
    return lower_of(elderly_credit_considered, tax_after_prior_year_minimum_tax_credit)


@js.rule(TaxUnit)
def other_nonrefundable_credits(
    reported_other_nonrefundable_credits, tax_after_prior_year_minimum_tax_credit, elderly_credit
):
    """Other credits, last."""
    return lower_of(reported_other_nonrefundable_credits, tax_after_prior_year_minimum_tax_credit - elderly_credit)


def order_of_credits(case: Case) -> Departure:
    """Tax-Calculator uses the reported energy credit before the child tax credit, of which more is then refunded, and
    the credit for the elderly after those for businesses and earlier minimum tax, though education and child credits
    leave room for it. By the law clean energy comes after all credits of the subpart but what is open to refund of the
    child tax credit, and credits of businesses and earlier minimum tax come after the subpart."""
    return Departure(
        "Order of credits",
        "26 USC 24(d)(1), 25D(c), 38(c)(1), 53(c)",
        JAXSIM,
        rules=(
            elderly_credit_considered,
            tax_after_elderly_credit,
            nonrefundable_education_credit,
            ctc_used_before_adoption_credit,
            ctc_used_after_clean_energy_credit,
            elderly_credit,
            other_nonrefundable_credits,
        ),
    )


DEPARTURES = (
    pensions_in_elderly_credit,
    education_credits_of_all,
    rounding_of_education_credits,
    savers_credit_of_deferrals,
    energy_credit_after_its_end,
    order_of_credits,
    unknown_ages,
    separate_filers_without_child,
    distributions_in_disqualified_income,
    payroll_taxes_of_large_families,
)
