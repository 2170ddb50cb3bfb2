"""Deduction of the self-employed for contributions to their own simplified employee pension (26 USC 404(a)(8), (h)).

The limits are those of one plan that covers all of a person's businesses, without employees.
"""

from jaxsim.engine import rule, sum_of_filers
from jaxsim.numerics import lower_of, relu
from jaxsim.rules.us.entities import Person, TaxUnit

PATH = "irs.adjustments.self_employed_pension"


@rule(Person, parameters="irs.payroll.self_employment", reference="26 USC 401(c)(2)(A)(vi), 1402(a)")
def self_employed_compensation(self_employment_profit, person_self_employment_tax, p):
    """Profit of a self-employed person less half of the self-employment tax, if positive."""
    return relu(self_employment_profit - p.deduction_share * person_self_employment_tax)


@rule(Person, parameters=PATH, reference="26 USC 404(a)(8)(D), (h)(1)(C) and (l), 415(c)(1)(A); Pub. 560")
def person_self_employed_pension_deduction(self_employed_pension_contributions, self_employed_compensation, p):
    """Contributions of one person up to a share of compensation and the limit in dollars."""
    # the share is of compensation less this deduction: 25 percent of it are 20 percent of compensation before it
    by_compensation = p.rate / (1 + p.rate) * self_employed_compensation
    limit = lower_of(by_compensation, lower_of(p.rate * p.compensation_limit, p.maximum))
    return lower_of(limit, self_employed_pension_contributions)  # no slope of contributions where there is no business


tax_unit_self_employed_pension_deduction = sum_of_filers(
    "tax_unit_self_employed_pension_deduction",
    of="person_self_employed_pension_deduction",
    to=TaxUnit,
    label="Contributions to plans of the self-employed within the limits, both filers",
)


@rule(TaxUnit, reference="26 USC 62(a)(6), 404(a)(8)")
def self_employed_pension_deduction(tax_unit_self_employed_pension_deduction, reported_self_employed_pension_deduction):
    """Deduction for plans of the self-employed: worked out from contributions, and as reported."""
    return tax_unit_self_employed_pension_deduction + reported_self_employed_pension_deduction
