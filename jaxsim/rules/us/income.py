"""Household income before and after taxes, and its equivalised form."""

from jaxsim.engine import rule, sum_over_members
from jaxsim.rules.us.entities import Household, TaxUnit


@rule(TaxUnit)
def market_income(
    tax_unit_payroll_tax_wages,
    business_income,
    taxable_interest_income,
    tax_exempt_interest_income,
    ordinary_dividend_income,
    short_term_capital_gains,
    long_term_capital_gains,
    capital_gain_distributions,
    other_net_gain,
    alimony_income,
    taxable_ira_distributions,
    pension_income,
    rental_partnership_s_corp_income,
    miscellaneous_income,
    gambling_winnings,
):
    """Money income from work, wages deferred into plans included, capital, pensions, alimony, prizes and gambling."""
    return (
        tax_unit_payroll_tax_wages
        + business_income
        + taxable_interest_income
        + tax_exempt_interest_income
        + ordinary_dividend_income
        + short_term_capital_gains
        + long_term_capital_gains
        + capital_gain_distributions
        + other_net_gain
        + alimony_income
        + taxable_ira_distributions
        + pension_income
        + rental_partnership_s_corp_income
        + miscellaneous_income
        + gambling_winnings
    )


@rule(TaxUnit)
def cash_benefits(social_security, unemployment_compensation, ssi, tanf, veterans_benefits):
    """Public benefits paid in cash."""
    return social_security + unemployment_compensation + ssi + tanf + veterans_benefits


@rule(TaxUnit)
def after_tax_income(market_income, cash_benefits, household_side_tax):
    """Market income and cash benefits of the tax unit less the taxes it pays itself."""
    return market_income + cash_benefits - household_side_tax


household_units_after_tax_income = sum_over_members(
    "household_units_after_tax_income",
    of="after_tax_income",
    child=TaxUnit,
    to=Household,
    label="After-tax income of the household's tax units",
)


@rule(Household)
def household_after_tax_income(household_units_after_tax_income, snap, housing_assistance):
    """Income of the household after taxes, with SNAP and housing assistance."""
    return household_units_after_tax_income + snap + housing_assistance
