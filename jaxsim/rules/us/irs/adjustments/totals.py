"""Adjustments to gross income, in the order in which the limits of some look at the others (26 USC 62)."""

from jaxsim.engine import rule
from jaxsim.rules.us.entities import TaxUnit


@rule(TaxUnit, reference="26 USC 62(a), 219(g)(3)(A)")
def adjustments_before_ira_deduction(
    self_employment_tax_deduction,
    educator_expense_deduction,
    health_savings_account_deduction,
    moving_expense_deduction,
    self_employed_pension_deduction,
    self_employed_health_insurance_deduction,
    early_withdrawal_penalty,
    alimony_deduction,
):
    """Deductions from gross income that depend on no other income, without those for IRAs and student loans."""
    return (
        self_employment_tax_deduction
        + educator_expense_deduction
        + health_savings_account_deduction
        + moving_expense_deduction
        + self_employed_pension_deduction
        + self_employed_health_insurance_deduction
        + early_withdrawal_penalty
        + alimony_deduction
    )


@rule(TaxUnit, reference="26 USC 62(a), 86(b)(2)(A), 221(b)(2)(C)")
def adjustments_before_student_loan_interest(adjustments_before_ira_deduction, ira_deduction):
    """Deductions from gross income without that for student loan interest."""
    return adjustments_before_ira_deduction + ira_deduction


@rule(TaxUnit, reference="26 USC 62(a)")
def adjustments(adjustments_before_student_loan_interest, student_loan_interest_deduction):
    """Deductions from gross income."""
    return adjustments_before_student_loan_interest + student_loan_interest_deduction
