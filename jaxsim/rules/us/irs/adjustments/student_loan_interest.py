"""Deduction for interest on education loans (26 USC 221)."""

from jaxsim.engine import rule
from jaxsim.numerics import equals, lower_of, pick, relu
from jaxsim.rules.us.entities import TaxUnit
from jaxsim.rules.us.inputs import SEPARATE

PATH = "irs.adjustments.student_loan_interest"


@rule(TaxUnit, reference="26 USC 221(b)(2)(C)")
def student_loan_interest_modified_income(
    income_before_social_security, taxable_social_security, adjustments_before_student_loan_interest
):
    """Adjusted gross income before this deduction, after Social Security and the IRA deduction."""
    return income_before_social_security + taxable_social_security - adjustments_before_student_loan_interest


@rule(TaxUnit, parameters=PATH, reference="26 USC 221(a), (b), (c) and (e)(2)")
def computed_student_loan_interest_deduction(
    student_loan_interest, student_loan_interest_modified_income, filing_status, head_is_dependent_elsewhere, p
):
    """Interest up to the maximum, less a share that grows with income; none for dependents and separate filers."""
    width = pick(p.phase_out.width, filing_status)
    excess = relu(student_loan_interest_modified_income - pick(p.phase_out.threshold, filing_status))
    allowed = lower_of(student_loan_interest, p.maximum) * (1 - lower_of(excess, width) / width)
    return allowed * (1 - equals(filing_status, SEPARATE)) * (1 - head_is_dependent_elsewhere)


@rule(TaxUnit, reference="26 USC 221(a)")
def student_loan_interest_deduction(computed_student_loan_interest_deduction, reported_student_loan_interest_deduction):
    """Deduction for student loan interest: worked out from interest, and as reported."""
    return computed_student_loan_interest_deduction + reported_student_loan_interest_deduction
