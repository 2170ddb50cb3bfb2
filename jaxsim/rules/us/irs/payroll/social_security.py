"""Old-age, survivors and disability tax on wages (26 USC 3101(a), 3111(a))."""

from jaxsim.engine import rule, sum_of_filers
from jaxsim.numerics import lower_of
from jaxsim.rules.us.entities import Person, TaxUnit

PATH = "irs.payroll.social_security"


@rule(Person, reference="26 USC 3121(a) and (v)(1)(A)")
def payroll_tax_wages(employment_income, elective_deferrals):
    """Wages for payroll taxes: what is deferred into an employer's plan counts."""
    return employment_income + elective_deferrals


@rule(Person, parameters=PATH, reference="26 USC 3121(a)(1)")
def social_security_taxable_wages(payroll_tax_wages, p):
    """Wages up to the contribution and benefit base."""
    return lower_of(payroll_tax_wages, p.wage_base)


@rule(Person, parameters=PATH, reference="26 USC 3101(a)")
def employee_social_security_tax(social_security_taxable_wages, p):
    """Employee's Social Security tax."""
    return p.employee_rate * social_security_taxable_wages


@rule(Person, parameters=PATH, reference="26 USC 3111(a)")
def employer_social_security_tax(social_security_taxable_wages, p):
    """Employer's Social Security tax."""
    return p.employer_rate * social_security_taxable_wages


tax_unit_employee_social_security_tax = sum_of_filers(
    "tax_unit_employee_social_security_tax",
    of="employee_social_security_tax",
    to=TaxUnit,
    label="Employee's Social Security tax of both filers",
)
tax_unit_employer_social_security_tax = sum_of_filers(
    "tax_unit_employer_social_security_tax",
    of="employer_social_security_tax",
    to=TaxUnit,
    label="Employer's Social Security tax of both filers",
)
tax_unit_wages = sum_of_filers(
    "tax_unit_wages", of="employment_income", to=TaxUnit, label="Wages, salaries and tips of both filers"
)
tax_unit_payroll_tax_wages = sum_of_filers(
    "tax_unit_payroll_tax_wages", of="payroll_tax_wages", to=TaxUnit, label="Wages for payroll taxes of both filers"
)
