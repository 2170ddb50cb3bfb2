"""Gross income and adjusted gross income (26 USC 61, 62)."""

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


@rule(TaxUnit, reference="26 USC 61(a), 71 (before repeal), 72, 74, 85, 129(a), 165(d), 408(d), 461(l)")
def income_before_social_security(
    tax_unit_wages,
    taxable_dependent_care_benefits,
    business_income,
    excess_business_loss,
    taxable_interest_income,
    ordinary_dividend_income,
    capital_gain_in_income,
    other_net_gain,
    state_tax_refund,
    taxable_alimony_income,
    taxable_ira_distributions,
    taxable_pension_income,
    rental_partnership_s_corp_income,
    unemployment_compensation,
    gambling_winnings,
    miscellaneous_income,
):
    """Income from all taxable sources but Social Security, losses included as far as they are deducted."""
    work = tax_unit_wages + taxable_dependent_care_benefits + business_income + excess_business_loss
    capital = (
        taxable_interest_income
        + ordinary_dividend_income
        + capital_gain_in_income
        + other_net_gain
        + rental_partnership_s_corp_income
    )
    pensions = taxable_ira_distributions + taxable_pension_income
    other = (
        state_tax_refund + taxable_alimony_income + unemployment_compensation + gambling_winnings + miscellaneous_income
    )
    return work + capital + pensions + other


@rule(TaxUnit, reference="26 USC 62(a)")
def adjusted_gross_income(income_before_social_security, taxable_social_security, adjustments):
    """Gross income less adjustments."""
    return income_before_social_security + taxable_social_security - adjustments
