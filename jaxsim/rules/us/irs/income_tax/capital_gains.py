"""Capital gains and losses (26 USC 1211, 1222), and which of them the preferential rates reach (1(h)).

Net capital gain falls into three groups: what is taxed at 28 percent at most (collectibles, part of the gain on small
business stock), the part of gains on buildings that recovers depreciation (25 percent, unrecaptured section 1250
gain), and the rest, which with qualified dividends is the adjusted net capital gain. Losses go first against the
28 percent group, then against the 25 percent group. The input for the first is net of losses on collectibles and of
long-term losses carried from earlier years (28% Rate Gain Worksheet, lines 1 to 5); the limit of the second by the net
gain on business property (1(h)(6)(B)) is taken to be in its input. A separate filer may deduct half of what others may
of a loss (1211(b)(1)).
"""

from jaxsim.engine import rule
from jaxsim.numerics import higher_of, lower_of, pick, relu
from jaxsim.rules.us.entities import TaxUnit


@rule(TaxUnit, reference="26 USC 852(b)(3)(B), 1222(7)")
def net_long_term_gain(long_term_capital_gains, capital_gain_distributions):
    """Net long-term gain or loss; capital gain distributions are long-term gains."""
    return long_term_capital_gains + capital_gain_distributions


@rule(TaxUnit, parameters="irs.income_tax.capital_loss", reference="26 USC 1211(b)")
def capital_gain_in_income(short_term_capital_gains, net_long_term_gain, filing_status, p):
    """Net gain, or net loss as far as it may be deducted from other income."""
    return higher_of(short_term_capital_gains + net_long_term_gain, -pick(p.limit, filing_status))


@rule(TaxUnit, reference="26 USC 1222(11)")
def net_capital_gain(short_term_capital_gains, net_long_term_gain):
    """Net long-term gain above net short-term loss."""
    return higher_of(net_long_term_gain - relu(-short_term_capital_gains), 0.0)  # with the slope of a first gain


@rule(TaxUnit, reference="26 USC 1(h)(2), 163(d)(4)(B)(iii)")
def preferential_net_gain(net_capital_gain, gain_elected_as_investment_income):
    """Net capital gain without what is taken as investment income."""
    return higher_of(net_capital_gain - gain_elected_as_investment_income, 0.0)


@rule(TaxUnit, reference="26 USC 1(h)(11)(D)(i), Form 4952 line 4g")
def preferential_dividends(qualified_dividend_income, net_capital_gain, gain_elected_as_investment_income):
    """Qualified dividends without what is taken as investment income, which is gain before it is dividends."""
    return higher_of(qualified_dividend_income - relu(gain_elected_as_investment_income - net_capital_gain), 0.0)


@rule(TaxUnit, reference="26 USC 1(h)(11)(A)")
def preferential_income(preferential_net_gain, preferential_dividends):
    """Net capital gain with qualified dividends: what is taxed at other rates than ordinary income."""
    return preferential_dividends + preferential_net_gain


@rule(TaxUnit, reference="26 USC 1(h)(4)")
def gain_at_28_percent(collectibles_gain, short_term_capital_gains):
    """28-percent rate gain: collectibles and small business stock, less net short-term loss."""
    return higher_of(collectibles_gain - relu(-short_term_capital_gains), 0.0)


@rule(TaxUnit, reference="26 USC 1(h)(6)(A)")
def gain_at_25_percent(unrecaptured_section_1250_gain, collectibles_gain, short_term_capital_gains):
    """Unrecaptured section 1250 gain less the loss that the 28 percent group leaves."""
    loss = relu(relu(-short_term_capital_gains) - collectibles_gain)
    return higher_of(unrecaptured_section_1250_gain - loss, 0.0)


@rule(TaxUnit, reference="26 USC 1(h)(3)")
def adjusted_net_capital_gain(preferential_net_gain, preferential_dividends, gain_at_28_percent, gain_at_25_percent):
    """Net capital gain without the 28 and the 25 percent group, plus qualified dividends."""
    return preferential_dividends + higher_of(preferential_net_gain - (gain_at_28_percent + gain_at_25_percent), 0.0)


@rule(TaxUnit, reference="26 USC 1(h)(1)(E)(i)")
def section_1250_gain_in_net_gain(gain_at_25_percent, preferential_net_gain):
    """Unrecaptured section 1250 gain, or net capital gain if less."""
    return lower_of(gain_at_25_percent, preferential_net_gain)
