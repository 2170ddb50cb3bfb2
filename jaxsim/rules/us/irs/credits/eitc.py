"""Earned income credit (26 USC 32)."""

from jaxsim.engine import of_head, of_spouse, rule
from jaxsim.numerics import at_least, at_most, either, equals, higher_of, lower_of, pick, relu
from jaxsim.rules.us.entities import Person, TaxUnit
from jaxsim.rules.us.inputs import JOINT, SEPARATE

PATH = "irs.credits.eitc"


@rule(Person, parameters=PATH, unit="count", reference="26 USC 32(c)(1)(A)(ii)(II)")
def is_eitc_age(age, p):
    """1 for a person of an age at which the credit needs no child, else 0."""
    return at_least(age, p.minimum_age, unit="year") * at_most(age, p.maximum_age, unit="year")


head_is_eitc_age = of_head("head_is_eitc_age", of="is_eitc_age", to=TaxUnit, label="Head's age fits", unit="count")
spouse_is_eitc_age = of_spouse(
    "spouse_is_eitc_age", of="is_eitc_age", to=TaxUnit, label="Spouse's age fits", unit="count"
)


@rule(TaxUnit, reference="26 USC 32(i)(2)")
def eitc_disqualified_income(
    taxable_interest_income,
    tax_exempt_interest_income,
    ordinary_dividend_income,
    capital_gain_in_income,
    rental_partnership_s_corp_income,
    active_partnership_s_corp_income,
):
    """Investment income that bars the credit above a limit."""
    passive = relu(rental_partnership_s_corp_income - active_partnership_s_corp_income)
    gains = relu(capital_gain_in_income)
    return taxable_interest_income + tax_exempt_interest_income + ordinary_dividend_income + gains + passive


@rule(TaxUnit, parameters=PATH, unit="count", reference="26 USC 32(c)(1), (d), (i)")
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
    """1 where the unit may have the credit: a child or the right age, unmarried or joint, little investment income."""
    spouse = spouse_is_eitc_age * equals(filing_status, JOINT)
    by_age = either(head_is_eitc_age, spouse)
    by_child = at_least(eitc_qualifying_children, 1.0, unit="count")
    # a separate filer with a child counts as unmarried when living apart (32(d)(2)(B))
    married_separate = equals(filing_status, SEPARATE) * (1 - lives_apart_from_spouse * by_child)
    return (
        either(by_child, by_age)
        * (1 - married_separate)
        * (1 - head_is_dependent_elsewhere)
        * at_most(eitc_disqualified_income, p.investment_income_limit)
    )


@rule(TaxUnit, parameters=PATH, reference="26 USC 32(a)(1), (b)")
def eitc_phase_in(earned_income, eitc_qualifying_children, p):
    """Credit percentage times earned income up to the earned income amount."""
    children = eitc_qualifying_children
    limit = pick(p.earned_income_amount, children)
    return pick(p.phase_in_rate, children) * lower_of(earned_income, limit)


@rule(TaxUnit, parameters=PATH, reference="26 USC 32(a)(2), (b)")
def eitc_phase_out(earned_income, adjusted_gross_income, eitc_qualifying_children, filing_status, p):
    """Reduction above the phase-out amount by earned or adjusted gross income, whichever is greater."""
    children = eitc_qualifying_children
    threshold = pick(p.phase_out_threshold, children, filing_status)
    income = higher_of(adjusted_gross_income, earned_income)
    return pick(p.phase_out_rate, children) * relu(income - threshold)


@rule(TaxUnit, parameters=PATH, reference="26 USC 32(a)")
def eitc(is_eitc_eligible, eitc_phase_in, eitc_phase_out, eitc_qualifying_children, p):
    """Earned income credit: the phased-in amount, at most the maximum less the reduction."""
    maximum = pick(p.phase_in_rate, eitc_qualifying_children) * pick(p.earned_income_amount, eitc_qualifying_children)
    return is_eitc_eligible * lower_of(relu(maximum - eitc_phase_out), eitc_phase_in)
