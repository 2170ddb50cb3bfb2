"""Capital gains and losses (26 USC 1211, 1222) and the tax at preferential rates (1(h))."""

from jaxsim.engine import rule
from jaxsim.numerics import higher_of, lower_of, pick, relu, schedule
from jaxsim.rules.us.entities import TaxUnit

GAINS = "irs.income_tax.capital_gains"
RATES = "irs.income_tax.rates"


@rule(TaxUnit, reference="26 USC 852(b)(3)(B), 1222(7)")
def net_long_term_gain(long_term_capital_gains, capital_gain_distributions):
    """Net long-term gain or loss; capital gain distributions are long-term gains."""
    return long_term_capital_gains + capital_gain_distributions


@rule(TaxUnit, parameters="irs.income_tax.capital_loss", reference="26 USC 1211(b)")
def capital_gain_in_income(short_term_capital_gains, net_long_term_gain, filing_status, p):
    """Net gain, or net loss as far as it may be deducted from other income."""
    return higher_of(short_term_capital_gains + net_long_term_gain, -pick(p.limit, filing_status))


@rule(TaxUnit, reference="26 USC 1(h)(11), 1222(11)")
def adjusted_net_capital_gain(short_term_capital_gains, net_long_term_gain, qualified_dividend_income):
    """Net long-term gain above net short-term loss, plus qualified dividends."""
    gain = higher_of(net_long_term_gain - relu(-short_term_capital_gains), 0.0)  # with the slope of a first gain
    return gain + qualified_dividend_income


@rule(TaxUnit, reference="26 USC 1(h)(1)(A)")
def ordinary_taxable_income(taxable_income, adjusted_net_capital_gain):
    """Taxable income without what is taxed at preferential rates."""
    return relu(taxable_income - adjusted_net_capital_gain)


@rule(TaxUnit, parameters=GAINS, reference="26 USC 1(h)(1)(B) to (D), 1(j)(5)")
def capital_gains_tax(taxable_income, ordinary_taxable_income, filing_status, p):
    """Tax at preferential rates on the part of taxable income that lies above ordinary income."""
    return schedule(taxable_income, p.rate, p.threshold, filing_status) - schedule(
        ordinary_taxable_income, p.rate, p.threshold, filing_status
    )


@rule(TaxUnit, parameters=RATES, reference="26 USC 1(h)(1), 1(j)(2)")
def regular_tax(taxable_income, ordinary_taxable_income, capital_gains_tax, filing_status, p):
    """Tax before credits: with preferential rates, or by the schedule alone if that is less."""
    with_preference = schedule(ordinary_taxable_income, p.rate, p.threshold, filing_status) + capital_gains_tax
    return lower_of(with_preference, schedule(taxable_income, p.rate, p.threshold, filing_status))
