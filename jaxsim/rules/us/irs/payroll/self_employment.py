"""Tax on self-employment income (26 USC 1401, 1402), each spouse alone (1402(b), Treas. Reg. 1.6017-1(b))."""

from jaxsim.engine import rule, sum_of_filers
from jaxsim.numerics import at_least, higher_of, lower_of, relu
from jaxsim.rules.us.entities import Person, TaxUnit

SELF_EMPLOYMENT = "irs.payroll.self_employment"
SOCIAL_SECURITY = "irs.payroll.social_security"
MEDICARE = "irs.payroll.medicare"


@rule(Person, reference="26 USC 1402(a)")
def self_employment_profit(self_employment_income, farm_income, partnership_self_employment_income):
    """Net profit or loss from every trade or business carried on as a sole proprietor or partner."""
    return self_employment_income + farm_income + partnership_self_employment_income


@rule(
    Person,
    parameters={"social_security": SOCIAL_SECURITY, "medicare": MEDICARE},
    reference="26 USC 1402(a)(12)",
)
def net_earnings_from_self_employment(self_employment_profit, social_security, medicare):
    """Profit less the deduction in place of half the tax: 92.35 percent at a combined rate of 15.3 percent."""
    half_rate = (social_security.self_employment_rate + medicare.self_employment_rate) / 2
    return relu(self_employment_profit) * (1 - half_rate)


@rule(Person, parameters=SELF_EMPLOYMENT, reference="26 USC 1402(b)(2)")
def taxable_self_employment_earnings(net_earnings_from_self_employment, p):
    """Net earnings, or nothing below $400."""
    return net_earnings_from_self_employment * at_least(net_earnings_from_self_employment, p.minimum_net_earnings)


@rule(Person, parameters=SOCIAL_SECURITY, reference="26 USC 1401(a), 1402(b)(1)")
def self_employment_social_security_tax(taxable_self_employment_earnings, social_security_taxable_wages, p):
    """Old-age, survivors and disability part of the tax, up to the base that wages leave."""
    room = relu(p.wage_base - social_security_taxable_wages)
    return p.self_employment_rate * lower_of(taxable_self_employment_earnings, room)


@rule(Person, parameters=MEDICARE, reference="26 USC 1401(b)(1)")
def person_self_employment_tax(self_employment_social_security_tax, taxable_self_employment_earnings, p):
    """Self-employment tax: the part for Social Security, and Medicare on all earnings."""
    return self_employment_social_security_tax + p.self_employment_rate * taxable_self_employment_earnings


self_employment_tax = sum_of_filers(
    "self_employment_tax", of="person_self_employment_tax", to=TaxUnit, label="Self-employment tax of both filers"
)
tax_unit_taxable_self_employment_earnings = sum_of_filers(
    "tax_unit_taxable_self_employment_earnings",
    of="taxable_self_employment_earnings",
    to=TaxUnit,
    label="Net earnings from self-employment that are taxed, of both filers",
)
tax_unit_self_employment_profit = sum_of_filers(
    "tax_unit_self_employment_profit",
    of="self_employment_profit",
    to=TaxUnit,
    label="Net profit or loss from self-employment of both filers",
)


@rule(TaxUnit, parameters=SELF_EMPLOYMENT, reference="26 USC 164(f)")
def self_employment_tax_deduction(self_employment_tax, p):
    """Deduction for half of the self-employment tax."""
    return p.deduction_share * self_employment_tax


@rule(TaxUnit, reference="26 USC 32(c)(2)(A), Treas. Reg. 1.32-2(c)(2)")
def earned_income(
    tax_unit_wages,
    taxable_dependent_care_benefits,
    tax_unit_self_employment_profit,
    self_employment_tax_deduction,
):
    """Wages in gross income plus self-employment profit or loss, less half of the self-employment tax, if positive."""
    wages = tax_unit_wages + taxable_dependent_care_benefits
    net = wages + tax_unit_self_employment_profit - self_employment_tax_deduction
    return higher_of(net, 0.0)  # with the slope of a first dollar


@rule(Person, parameters=SELF_EMPLOYMENT, reference="26 USC 21(d)(1), 32(c)(2)(A), Treas. Reg. 1.21-2(b)(3)")
def person_earned_income(employment_income, self_employment_profit, person_self_employment_tax, p):
    """Earned income of one person: wages plus profit or loss, less half of the self-employment tax, if positive."""
    net = employment_income + self_employment_profit - p.deduction_share * person_self_employment_tax
    return higher_of(net, 0.0)
