"""Interest on debt of homes and on debt for investments (26 USC 163(d) and (h)(3)).

The acquisition debt is taken to be all of one time, before or after December 15, 2017. Interest on home equity debt
has no input of its own: where the law allows it, its limit adds to that of acquisition debt (Rev. Rul. 2010-25).
Interest disallowed as above investment income is not carried forward (163(d)(2)).
"""

from jaxsim.engine import rule
from jaxsim.numerics import choose, higher_of, lower_of, pick, relu, round_up, safe_div
from jaxsim.rules.us.entities import TaxUnit

PATH = "irs.deductions.itemized"


@rule(
    TaxUnit,
    parameters=f"{PATH}.mortgage",
    reference="26 USC 163(h)(3)(B), (C) and (F); Temp. Treas. Reg. 1.163-10T(e)",
)
def home_mortgage_interest_deduction(
    home_mortgage_interest, home_mortgage_balance, mortgage_predates_2018, filing_status, p
):
    """Interest on acquisition debt, in the proportion that the limit bears to the debt where that is more."""
    limit = choose(mortgage_predates_2018, pick(p.earlier_debt_limit, filing_status), pick(p.debt_limit, filing_status))
    within = lower_of(home_mortgage_balance, limit + pick(p.home_equity_limit, filing_status))
    return home_mortgage_interest * safe_div(within, home_mortgage_balance, otherwise=1.0)


@rule(TaxUnit, parameters=f"{PATH}.mortgage_insurance", reference="26 USC 163(h)(3)(E) and (F)(i)(III)")
def mortgage_insurance_deduction(mortgage_insurance_premiums, adjusted_gross_income, filing_status, p):
    """Mortgage insurance premiums, less a tenth for each step of income above the threshold."""
    step = pick(p.phase_out.increment, filing_status)
    excess = relu(round_up(adjusted_gross_income - pick(p.phase_out.threshold, filing_status), to=step))
    lost = lower_of(p.phase_out.rate * excess, step) / step
    return p.allowed * mortgage_insurance_premiums * (1 - lost)


@rule(TaxUnit, reference="26 USC 163(d)(4)")
def net_investment_income_for_interest(
    taxable_interest_income,
    ordinary_dividend_income,
    qualified_dividend_income,
    short_term_capital_gains,
    net_long_term_gain,
    gain_elected_as_investment_income,
):
    """Interest, dividends and gains that are not taxed at preferential rates, with gains elected to count as such."""
    # investment expenses are miscellaneous itemized deductions and not allowed; gains of business property do not count
    net_gain = higher_of(short_term_capital_gains + net_long_term_gain, 0.0)
    net_capital_gain = higher_of(net_long_term_gain - relu(-short_term_capital_gains), 0.0)
    preferential = net_capital_gain + qualified_dividend_income
    return (
        taxable_interest_income
        + (ordinary_dividend_income - qualified_dividend_income)
        + (net_gain - lower_of(net_capital_gain, net_gain))
        + lower_of(gain_elected_as_investment_income, preferential)
    )


@rule(TaxUnit, reference="26 USC 163(d)(1)")
def investment_interest_deduction(investment_interest_expense, net_investment_income_for_interest):
    """Interest on debt for investments up to net investment income."""
    return lower_of(investment_interest_expense, higher_of(net_investment_income_for_interest, 0.0))


@rule(TaxUnit, reference="26 USC 163(a), (d) and (h)(3)")
def interest_deduction(
    home_mortgage_interest_deduction,
    mortgage_insurance_deduction,
    investment_interest_deduction,
    deductible_interest_expense,
):
    """Interest on debt of homes and for investments, with what is reported as deductible already."""
    return (
        home_mortgage_interest_deduction
        + mortgage_insurance_deduction
        + investment_interest_deduction
        + deductible_interest_expense
    )
