"""Net investment income tax (26 USC 1411)."""

from jaxsim.engine import rule
from jaxsim.numerics import higher_of, lower_of, pick, relu
from jaxsim.rules.us.entities import TaxUnit


@rule(TaxUnit, reference="26 USC 1411(c), Treas. Reg. 1.1411-4(f)(4)")
def net_investment_income(
    taxable_interest_income,
    ordinary_dividend_income,
    capital_gain_in_income,
    rental_partnership_s_corp_income,
    active_partnership_s_corp_income,
):
    """Interest, dividends, gains and passive income, with deductible capital losses set against the rest."""
    passive = rental_partnership_s_corp_income - active_partnership_s_corp_income
    net = taxable_interest_income + ordinary_dividend_income + capital_gain_in_income + passive
    return higher_of(net, 0.0)  # with the slope of a first dollar


@rule(TaxUnit, parameters="irs.income_tax.net_investment_income", reference="26 USC 1411(a)(1)")
def net_investment_income_tax(net_investment_income, adjusted_gross_income, filing_status, p):
    """Tax on the lesser of net investment income and income above the threshold."""
    excess = relu(adjusted_gross_income - pick(p.threshold, filing_status))
    return p.rate * lower_of(excess, net_investment_income)
