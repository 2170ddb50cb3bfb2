"""Regular tax: the rate schedule (26 USC 1(j)) and the lower rates on net capital gain (1(h)).

The groups of 25 and 28 percent fill what ordinary income leaves of the brackets below 25 percent and are taxed there
like it; what lies above is taxed at 25 and 28 percent (Schedule D Tax Worksheet, lines 18 to 21 and 35 to 43). The law
compares the sum with the schedule as a whole, not group by group.
"""

from jaxsim.engine import rule
from jaxsim.numerics import choose, higher_of, lower_of, pick, relu, schedule, upper_bound_below
from jaxsim.rules.us.entities import TaxUnit

GAINS = "irs.income_tax.capital_gains"
RATES = "irs.income_tax.rates"


@rule(TaxUnit, parameters={"rates": RATES, "gains": GAINS}, reference="26 USC 1(h)(1)(A)(ii)(I)")
def room_below_25_percent(taxable_income, preferential_income, filing_status, rates, gains):
    """What ordinary income leaves of the brackets below 25 percent."""
    bound = upper_bound_below(rates.rate, rates.threshold, gains.section_1250_rate)
    return relu(pick(bound, filing_status) - relu(taxable_income - preferential_income))


@rule(TaxUnit, reference="26 USC 1(h)(1)(A)")
def ordinary_taxable_income(taxable_income, adjusted_net_capital_gain, preferential_income, room_below_25_percent):
    """Taxable income taxed by the schedule: all but net gain, with the groups that fit below 25 percent."""
    without_gain = relu(taxable_income - preferential_income)
    groups = relu(taxable_income - adjusted_net_capital_gain) - without_gain
    return without_gain + lower_of(room_below_25_percent, groups)


@rule(TaxUnit, parameters=RATES, reference="26 USC 1(h)(1)(A), 1(j)(2)")
def tax_on_ordinary_income(ordinary_taxable_income, filing_status, p):
    """Tax by the schedule on ordinary taxable income."""
    return schedule(ordinary_taxable_income, p.rate, p.threshold, filing_status)


@rule(TaxUnit, parameters=GAINS, reference="26 USC 1(h)(1)(B) to (F), 1(j)(5)")
def capital_gains_tax(
    taxable_income,
    ordinary_taxable_income,
    adjusted_net_capital_gain,
    preferential_income,
    section_1250_gain_in_net_gain,
    room_below_25_percent,
    filing_status,
    p,
):
    """Tax on the part of taxable income above ordinary income: at 0, 15 and 20 percent, and at 25 and 28 percent."""
    gain = lower_of(adjusted_net_capital_gain, taxable_income)
    on_gain = schedule(ordinary_taxable_income + gain, p.rate, p.threshold, filing_status) - schedule(
        ordinary_taxable_income, p.rate, p.threshold, filing_status
    )
    # deductions that reach into net gain, and the room, are used by the 25 percent group first (1(h)(1)(E)(ii))
    used = relu(preferential_income - taxable_income) + room_below_25_percent
    at_25_percent = higher_of(section_1250_gain_in_net_gain - used, 0.0)
    at_28_percent = taxable_income - ordinary_taxable_income - gain - at_25_percent
    return on_gain + p.section_1250_rate * at_25_percent + p.collectibles_rate * at_28_percent


@rule(TaxUnit, parameters=RATES, reference="26 USC 1(j)(2)")
def tax_without_preference(taxable_income, filing_status, p):
    """Tax by the schedule on all taxable income."""
    return schedule(taxable_income, p.rate, p.threshold, filing_status)


@rule(TaxUnit, reference="26 USC 1(h)(1)")
def tax_on_taxable_income(tax_on_ordinary_income, capital_gains_tax, tax_without_preference):
    """Tax with preferential rates, or by the schedule alone if that is less."""
    return lower_of(tax_on_ordinary_income + capital_gains_tax, tax_without_preference)


@rule(TaxUnit, reference="26 USC 1(g)(1)")
def regular_tax(tax_on_taxable_income, tax_at_parents_rate, is_taxed_at_parents_rate):
    """Tax before credits; for a child with unearned income that at the parents' rate, if greater."""
    of_child = higher_of(tax_on_taxable_income, tax_at_parents_rate)
    return choose(is_taxed_at_parents_rate, of_child, tax_on_taxable_income)
