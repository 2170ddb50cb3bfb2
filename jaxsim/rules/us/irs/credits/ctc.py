"""Child tax credit, credit for other dependents and the refundable part (26 USC 24)."""

from jaxsim.engine import rule
from jaxsim.numerics import at_least, choose, higher_of, lower_of, pick, relu, round_up, safe_div
from jaxsim.rules.us.entities import TaxUnit

PATH = "irs.credits.ctc"


@rule(TaxUnit, parameters=PATH, reference="26 USC 24(a), (h)(2)")
def ctc_for_children(ctc_qualifying_children, p):
    """Child tax credit for qualifying children before the phase-out."""
    return p.amount * ctc_qualifying_children


@rule(TaxUnit, parameters=PATH, reference="26 USC 24(h)(4)")
def ctc_for_other_dependents(dependents, ctc_qualifying_children, p):
    """Credit for dependents who are not qualifying children, before the phase-out."""
    return p.other_dependent_amount * relu(dependents - ctc_qualifying_children, unit="count")


@rule(TaxUnit, parameters=f"{PATH}.phase_out", reference="26 USC 24(b)(1), (h)(3)")
def ctc_phase_out(adjusted_gross_income, filing_status, p):
    """Reduction of the credit above the income threshold, by steps."""
    excess = adjusted_gross_income - pick(p.threshold, filing_status)
    return p.rate * relu(round_up(excess, to=p.increment))


@rule(TaxUnit, reference="26 USC 24(a), (b), (h)")
def ctc(ctc_for_children, ctc_for_other_dependents, ctc_phase_out):
    """Child tax credit with the credit for other dependents, before the limit by tax."""
    return relu(ctc_for_children + ctc_for_other_dependents - ctc_phase_out)


@rule(TaxUnit, reference="26 USC 24(d)(2)")
def social_security_taxes_for_ctc(
    tax_unit_employee_social_security_tax,
    employee_medicare_tax,
    additional_medicare_tax_on_wages,
    self_employment_tax_deduction,
):
    """The employee's payroll taxes and half of the self-employment tax."""
    return (
        tax_unit_employee_social_security_tax
        + employee_medicare_tax
        + additional_medicare_tax_on_wages
        + self_employment_tax_deduction
    )


@rule(TaxUnit, parameters=f"{PATH}.refundable", reference="26 USC 24(d)(1), (h)(5) and (6)")
def ctc_open_to_refund(ctc, ctc_qualifying_children, earned_income, social_security_taxes_for_ctc, eitc, p):
    """Part of the credit that could be refunded: up to a limit a child, as far as earnings or taxes allow."""
    by_earnings = p.rate * relu(earned_income - p.earned_income_threshold)
    by_taxes = relu(social_security_taxes_for_ctc - eitc)
    large_family = at_least(ctc_qualifying_children, p.minimum_children_for_payroll_tax_option, unit="count")
    allowed = choose(large_family, higher_of(by_earnings, by_taxes), by_earnings)
    return lower_of(lower_of(p.maximum * ctc_qualifying_children, allowed), ctc)


@rule(TaxUnit, reference="26 USC 24(d)(1)")
def ctc_beyond_refund(ctc, ctc_open_to_refund):
    """Part of the credit that can only offset tax."""
    return ctc - ctc_open_to_refund


@rule(TaxUnit, reference="26 USC 24(a), 26(a); Schedule 8812, credit limit worksheets A and B")
def nonrefundable_ctc(ctc_used_before_adoption_credit, ctc_used_after_clean_energy_credit):
    """Part of the child tax credit that is used against tax."""
    return ctc_used_before_adoption_credit + ctc_used_after_clean_energy_credit


@rule(TaxUnit, reference="26 USC 24(h)(4)")
def other_dependent_credit(nonrefundable_ctc, ctc_for_other_dependents, ctc_for_children):
    """The share of the credit used against tax that is for other dependents, in proportion to the amounts."""
    share = safe_div(ctc_for_other_dependents, ctc_for_other_dependents + ctc_for_children)
    return nonrefundable_ctc * share


@rule(TaxUnit, reference="26 USC 24(d), (h)(5) and (6)")
def refundable_ctc(ctc, nonrefundable_ctc, ctc_open_to_refund):
    """Additional child tax credit: what is open to refund of the unused credit."""
    return lower_of(ctc - nonrefundable_ctc, ctc_open_to_refund)
