"""Gross income, adjustments and adjusted gross income (26 USC 61, 62)."""

from jaxsim.engine import rule, sum_of_filers
from jaxsim.rules.us.entities import Person, TaxUnit


@rule(Person, reference="26 USC 61(a)(2)")
def person_business_income(self_employment_income, farm_income):
    """Net profit or loss of sole proprietorships and farms."""
    return self_employment_income + farm_income


business_income = sum_of_filers(
    "business_income",
    of="person_business_income",
    to=TaxUnit,
    label="Net profit or loss of sole proprietorships and farms, both filers",
)


@rule(TaxUnit, reference="26 USC 61(a), 71 (before repeal), 72, 85, 408(d)")
def income_before_social_security(
    tax_unit_wages,
    business_income,
    taxable_interest_income,
    ordinary_dividend_income,
    capital_gain_in_income,
    other_net_gain,
    state_tax_refund,
    alimony_income,
    taxable_ira_distributions,
    taxable_pension_income,
    rental_partnership_s_corp_income,
    unemployment_compensation,
):
    """Income from all taxable sources but Social Security, losses included."""
    return (
        tax_unit_wages
        + business_income
        + taxable_interest_income
        + ordinary_dividend_income
        + capital_gain_in_income
        + other_net_gain
        + state_tax_refund
        + alimony_income
        + taxable_ira_distributions
        + taxable_pension_income
        + rental_partnership_s_corp_income
        + unemployment_compensation
    )


@rule(TaxUnit, reference="26 USC 62(a)(2)(D)")
def educator_expense_deduction(reported_educator_expense_deduction):
    """Deduction for educator expenses."""
    return reported_educator_expense_deduction


@rule(TaxUnit, reference="26 USC 223")
def health_savings_account_deduction(reported_health_savings_account_deduction):
    """Deduction for health savings accounts."""
    return reported_health_savings_account_deduction


@rule(TaxUnit, reference="26 USC 404")
def self_employed_pension_deduction(reported_self_employed_pension_deduction):
    """Deduction for plans of the self-employed."""
    return reported_self_employed_pension_deduction


@rule(TaxUnit, reference="26 USC 162(l)")
def self_employed_health_insurance_deduction(reported_self_employed_health_insurance_deduction):
    """Deduction for health insurance of the self-employed."""
    return reported_self_employed_health_insurance_deduction


@rule(TaxUnit, reference="26 USC 219")
def ira_deduction(reported_ira_deduction):
    """Deduction for individual retirement arrangements."""
    return reported_ira_deduction


@rule(TaxUnit, reference="26 USC 221")
def student_loan_interest_deduction(reported_student_loan_interest_deduction):
    """Deduction for student loan interest."""
    return reported_student_loan_interest_deduction


@rule(TaxUnit, reference="26 USC 62(a)")
def adjustments(
    self_employment_tax_deduction,
    educator_expense_deduction,
    health_savings_account_deduction,
    self_employed_pension_deduction,
    self_employed_health_insurance_deduction,
    early_withdrawal_penalty,
    alimony_paid,
    ira_deduction,
    student_loan_interest_deduction,
):
    """Deductions from gross income: half of the self-employment tax, others as reported."""
    return (
        self_employment_tax_deduction
        + educator_expense_deduction
        + health_savings_account_deduction
        + self_employed_pension_deduction
        + self_employed_health_insurance_deduction
        + early_withdrawal_penalty
        + alimony_paid
        + ira_deduction
        + student_loan_interest_deduction
    )


@rule(TaxUnit, reference="26 USC 62(a)")
def adjusted_gross_income(income_before_social_security, taxable_social_security, adjustments):
    """Gross income less adjustments."""
    return income_before_social_security + taxable_social_security - adjustments
