"""Foreign tax credit (26 USC 27, 901, 904).

Simplified: all foreign income is in one category of 904(d) and taxed at ordinary rates (904(b)(2) is left out), nothing
is carried from other years, and small amounts of foreign tax are taken to be on passive income reported by payers.
"""

from jaxsim.engine import rule
from jaxsim.numerics import at_most, choose, lower_of, pick, safe_div
from jaxsim.rules.us.entities import TaxUnit

PATH = "irs.credits.foreign_tax"


@rule(TaxUnit, reference="26 USC 904(a); Form 1116 line 20")
def foreign_tax_credit_limit(regular_tax_liability, foreign_source_taxable_income, taxable_income):
    """The part of the regular tax liability that falls on taxable income from foreign sources."""
    foreign = lower_of(foreign_source_taxable_income, taxable_income)
    return regular_tax_liability * safe_div(foreign, taxable_income)


@rule(TaxUnit, parameters=PATH, reference="26 USC 27, 901(a), 904(a) and (j)")
def foreign_tax_credit_before_limit(
    foreign_tax_paid, foreign_tax_credit_limit, reported_foreign_tax_credit, regular_tax_liability, filing_status, p
):
    """Foreign taxes within the limit, or all of them if they are small, with the credit as reported."""
    small = at_most(foreign_tax_paid, pick(p.election_limit, filing_status))
    computed = choose(small, foreign_tax_paid, lower_of(foreign_tax_paid, foreign_tax_credit_limit))
    # never against the minimum tax, which 901(a) and 26(b)(2)(A) set apart
    return lower_of(regular_tax_liability, reported_foreign_tax_credit + computed)
