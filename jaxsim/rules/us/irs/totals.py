"""Liability: what credits leave of the taxes, by tax and in all."""

from jaxsim.engine import rule
from jaxsim.rules.us.entities import TaxUnit


@rule(TaxUnit, reference="26 USC 26(b), 36B(f)(2)(A)")
def regular_tax_liability(regular_tax, excess_advance_premium_credit):
    """Regular tax with the premium credit repaid."""
    # the repayment increases the tax of the chapter, and 26(b)(2) does not except it
    return regular_tax + excess_advance_premium_credit


@rule(TaxUnit, reference="26 USC 26(a)")
def tax_before_credits(regular_tax_liability, alternative_minimum_tax):
    """Regular tax, premium credit repaid and alternative minimum tax: what other credits may offset."""
    return regular_tax_liability + alternative_minimum_tax


@rule(TaxUnit, reference="26 USC 1, 26, 55, 72(t), 1411")
def income_tax_before_refundable_credits(
    tax_before_credits, nonrefundable_credits, net_investment_income_tax, other_taxes
):
    """Income tax after credits that only offset tax, with the taxes that these credits do not offset."""
    return tax_before_credits - nonrefundable_credits + net_investment_income_tax + other_taxes


@rule(TaxUnit, reference="26 USC 23(a)(4), 24(d), 25A(i), 31(b), 32, 36B")
def refundable_credits(
    eitc,
    refundable_ctc,
    refundable_american_opportunity_credit,
    refundable_adoption_credit,
    net_premium_tax_credit,
    excess_payroll_tax_withheld,
):
    """Credits paid even where they exceed the tax."""
    families = eitc + refundable_ctc + refundable_adoption_credit
    return families + refundable_american_opportunity_credit + net_premium_tax_credit + excess_payroll_tax_withheld


@rule(TaxUnit, reference="26 USC subtitle A, chapters 1 and 2A")
def income_tax(income_tax_before_refundable_credits, refundable_credits):
    """Individual income tax after all credits, negative where credits exceed it."""
    return income_tax_before_refundable_credits - refundable_credits


@rule(TaxUnit, reference="26 USC 3101, 1401, 6413(c)")
def employee_payroll_tax(
    tax_unit_employee_social_security_tax,
    excess_payroll_tax_withheld,
    employee_medicare_tax,
    self_employment_tax,
    additional_medicare_tax,
):
    """Payroll taxes the filers pay themselves: the employee's part, self-employment and additional Medicare tax."""
    # what several employers withhold above the tax of one is paid here and credited against income tax (31(b))
    social_security = tax_unit_employee_social_security_tax + excess_payroll_tax_withheld
    return social_security + employee_medicare_tax + self_employment_tax + additional_medicare_tax


@rule(TaxUnit, reference="26 USC 3111")
def employer_payroll_tax(tax_unit_employer_social_security_tax, employer_medicare_tax):
    """Payroll taxes the employers pay."""
    return tax_unit_employer_social_security_tax + employer_medicare_tax


@rule(TaxUnit, reference="26 USC 1401, 3101, 3111")
def payroll_tax(employee_payroll_tax, employer_payroll_tax):
    """All payroll taxes, the self-employment and additional Medicare taxes included."""
    return employee_payroll_tax + employer_payroll_tax


@rule(TaxUnit)
def combined_tax(income_tax, payroll_tax):
    """Income and payroll taxes, both sides."""
    return income_tax + payroll_tax


@rule(TaxUnit)
def household_side_tax(income_tax, employee_payroll_tax):
    """Income tax and the payroll taxes the filers pay themselves: the tax behind a marginal tax rate."""
    return income_tax + employee_payroll_tax
