"""Unearned income of a child taxed at the parents' rate (26 USC 1(g), Form 8615). The unit is the child's own return.

Three taxes are computed as `regular_tax` computes the child's own: on the income of the parents, on the same with the
net unearned income of their children, and on what is left of the child's income. Gains and dividends go with net
unearned income in proportion to unearned income (the form takes the proportion of adjusted gross income where taxable
income limits net unearned income). Simplified: deductions connected with unearned income beyond the fixed amount are
not modelled, the gains of the parents count as taxed at 0, 15 and 20 percent, and the net unearned income of their
other children holds no gains.
"""

from jaxsim.engine import rule, same_law
from jaxsim.numerics import lower_of, relu, safe_div, schedule
from jaxsim.rules.us.entities import TaxUnit
from jaxsim.rules.us.irs.income_tax import regular_tax as own


@rule(TaxUnit, reference="26 USC 1(g)(4)(A)(i)")
def unearned_income_of_child(adjusted_gross_income, earned_income, is_taxed_at_parents_rate):
    """Adjusted gross income of a child that is not earned income."""
    return is_taxed_at_parents_rate * relu(adjusted_gross_income - earned_income)


@rule(TaxUnit, parameters="irs.deductions.standard", reference="26 USC 1(g)(4)")
def net_unearned_income(unearned_income_of_child, taxable_income, is_taxed_at_parents_rate, p):
    """Unearned income above twice the smallest standard deduction of a dependent, within taxable income."""
    above = relu(unearned_income_of_child - 2 * p.dependent.minimum)
    return lower_of(above, taxable_income * is_taxed_at_parents_rate)


@rule(TaxUnit, unit="/1", reference="Form 8615, worksheets for line 5")
def net_unearned_share(net_unearned_income, unearned_income_of_child):
    """Share of unearned income, and of the gains and dividends in it, that is net unearned income."""
    return safe_div(net_unearned_income, unearned_income_of_child)


# --- income of the parents with the net unearned income of their children ----------------------------------------


@rule(TaxUnit, reference="26 USC 1(g)(3)(A)(i), Form 8615 line 8")
def family_taxable_income(parents_taxable_income, siblings_net_unearned_income, net_unearned_income):
    """Taxable income of the parents with the net unearned income of their children."""
    return parents_taxable_income + siblings_net_unearned_income + net_unearned_income


@rule(TaxUnit, reference="Form 8615, instructions for line 9")
def family_preferential_income(parents_adjusted_net_capital_gain, preferential_income, net_unearned_share):
    """Net capital gain and qualified dividends in the income of the family."""
    return parents_adjusted_net_capital_gain + net_unearned_share * preferential_income


@rule(TaxUnit, reference="Form 8615, instructions for line 9")
def family_adjusted_net_capital_gain(parents_adjusted_net_capital_gain, adjusted_net_capital_gain, net_unearned_share):
    """Adjusted net capital gain in the income of the family."""
    return parents_adjusted_net_capital_gain + net_unearned_share * adjusted_net_capital_gain


@rule(TaxUnit, reference="Form 8615, instructions for line 9")
def family_section_1250_gain_in_net_gain(section_1250_gain_in_net_gain, net_unearned_share):
    """Unrecaptured section 1250 gain in the income of the family."""
    return net_unearned_share * section_1250_gain_in_net_gain


# --- income of the parents alone ---------------------------------------------------------------------------------


@rule(TaxUnit, reference="26 USC 1(h)(1)(A), Form 8615 line 10")
def parents_ordinary_taxable_income(parents_taxable_income, parents_adjusted_net_capital_gain):
    """Taxable income of the parents without net capital gain and qualified dividends."""
    return relu(parents_taxable_income - parents_adjusted_net_capital_gain)


@rule(TaxUnit, parameters=own.GAINS, reference="26 USC 1(h)(1)(B) to (D), Form 8615 line 10")
def parents_capital_gains_tax(parents_taxable_income, parents_ordinary_taxable_income, parents_filing_status, p):
    """Tax at 0, 15 and 20 percent on the parents' income above ordinary income."""
    return schedule(parents_taxable_income, p.rate, p.threshold, parents_filing_status) - schedule(
        parents_ordinary_taxable_income, p.rate, p.threshold, parents_filing_status
    )


# --- what is left of the child's income --------------------------------------------------------------------------


@rule(TaxUnit, reference="26 USC 1(g)(1)(B)(i), Form 8615 line 14")
def child_taxable_income(taxable_income, net_unearned_income, is_taxed_at_parents_rate):
    """Taxable income of the child without net unearned income."""
    return is_taxed_at_parents_rate * taxable_income - net_unearned_income


@rule(TaxUnit, reference="Form 8615, instructions for line 15")
def child_preferential_income(preferential_income, net_unearned_share, is_taxed_at_parents_rate):
    """Net capital gain and qualified dividends that stay with the child."""
    return (is_taxed_at_parents_rate - net_unearned_share) * preferential_income


@rule(TaxUnit, reference="Form 8615, instructions for line 15")
def child_adjusted_net_capital_gain(adjusted_net_capital_gain, net_unearned_share, is_taxed_at_parents_rate):
    """Adjusted net capital gain that stays with the child."""
    return (is_taxed_at_parents_rate - net_unearned_share) * adjusted_net_capital_gain


@rule(TaxUnit, reference="Form 8615, instructions for line 15")
def child_section_1250_gain_in_net_gain(section_1250_gain_in_net_gain, net_unearned_share, is_taxed_at_parents_rate):
    """Unrecaptured section 1250 gain that stays with the child."""
    return (is_taxed_at_parents_rate - net_unearned_share) * section_1250_gain_in_net_gain


# --- the three taxes, each by the rules of the child's own -------------------------------------------------------

INCOMES = (
    ("family", "Parents and net unearned income", "parents_filing_status", "26 USC 1(g)(3)(A)(i), Form 8615 line 9"),
    ("parents", "Parents", "parents_filing_status", "26 USC 1(g)(3)(A)(ii), Form 8615 line 10"),
    ("child", "Child without net unearned income", "filing_status", "26 USC 1(g)(1)(B)(i), Form 8615 line 15"),
)
BY_GROUP = (own.room_below_25_percent, own.ordinary_taxable_income, own.capital_gains_tax)
BY_SCHEDULE = (own.tax_on_ordinary_income, own.tax_without_preference, own.tax_on_taxable_income)
RULES = tuple(
    same_law(
        computed,
        f"{whose}_{computed.name}",
        label=f"{who}: {computed.label[0].lower()}{computed.label[1:]}",
        reference=reference,
        **{a: status if a == "filing_status" else f"{whose}_{a}" for a in computed.arguments},
    )
    for whose, who, status, reference in INCOMES
    for computed in (BY_SCHEDULE if whose == "parents" else BY_GROUP + BY_SCHEDULE)
)


@rule(TaxUnit, reference="26 USC 1(g)(3), Form 8615 lines 11 to 13")
def allocable_parental_tax(
    family_tax_on_taxable_income, parents_tax_on_taxable_income, net_unearned_income, siblings_net_unearned_income
):
    """The child's share of the tax that net unearned income adds to that of the parents."""
    share = safe_div(net_unearned_income, net_unearned_income + siblings_net_unearned_income)
    return share * (family_tax_on_taxable_income - parents_tax_on_taxable_income)


@rule(TaxUnit, reference="26 USC 1(g)(1)(B), Form 8615 line 16")
def tax_at_parents_rate(child_tax_on_taxable_income, allocable_parental_tax):
    """Tax on the income that stays with the child and on net unearned income at the parents' rate."""
    return child_tax_on_taxable_income + allocable_parental_tax
