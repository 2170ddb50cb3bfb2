"""Hospital insurance tax on wages and the additional tax above the threshold (26 USC 3101(b), 3111(b), 1401(b))."""

from jaxsim.engine import rule
from jaxsim.numerics import pick, relu
from jaxsim.rules.us.entities import TaxUnit

PATH = "irs.payroll.medicare"


@rule(TaxUnit, parameters=PATH, reference="26 USC 3101(b)(1)")
def employee_medicare_tax(tax_unit_payroll_tax_wages, p):
    """Employee's Medicare tax, without the additional tax."""
    return p.employee_rate * tax_unit_payroll_tax_wages


@rule(TaxUnit, parameters=PATH, reference="26 USC 3111(b)")
def employer_medicare_tax(tax_unit_payroll_tax_wages, p):
    """Employer's Medicare tax."""
    return p.employer_rate * tax_unit_payroll_tax_wages


@rule(TaxUnit, parameters=PATH, reference="26 USC 3101(b)(2)")
def additional_medicare_tax_on_wages(tax_unit_payroll_tax_wages, filing_status, p):
    """Additional Medicare tax on wages above the threshold of the return."""
    return p.additional.rate * relu(tax_unit_payroll_tax_wages - pick(p.additional.threshold, filing_status))


@rule(TaxUnit, parameters=PATH, reference="26 USC 1401(b)(2)")
def additional_medicare_tax_on_self_employment(
    tax_unit_taxable_self_employment_earnings, tax_unit_payroll_tax_wages, filing_status, p
):
    """Additional Medicare tax on self-employment income above the threshold less wages."""
    room = relu(pick(p.additional.threshold, filing_status) - tax_unit_payroll_tax_wages)
    return p.additional.rate * relu(tax_unit_taxable_self_employment_earnings - room)


@rule(TaxUnit, reference="26 USC 3101(b)(2), 1401(b)(2)")
def additional_medicare_tax(additional_medicare_tax_on_wages, additional_medicare_tax_on_self_employment):
    """Additional Medicare tax on wages and self-employment income."""
    return additional_medicare_tax_on_wages + additional_medicare_tax_on_self_employment
