"""Credit for coverage bought on a marketplace, and its reconciliation with what was paid in advance (26 USC 36B).

Premiums are given for a full year and hold for the months enrolled; income and family are those of the year. Separate
filers have no credit: the exceptions for abuse and abandonment (1.36B-2(b)(2)) are not modelled, nor are the offer of
other coverage, the status of aliens, and the circle with the deduction for health insurance of the self-employed (Rev.
Proc. 2014-41). Advance payments are settled by the unit that carries them.
"""

from jaxsim.engine import rule
from jaxsim.numerics import (
    above,
    at_least,
    at_most,
    choose,
    either,
    equals,
    higher_of,
    linear_bands,
    lower_of,
    pick,
    relu,
    round_down,
    round_nearest,
)
from jaxsim.rules.us.entities import TaxUnit
from jaxsim.rules.us.inputs import SEPARATE

PATH = "irs.credits.premium"
MONTHS = 12


@rule(TaxUnit, reference="26 USC 36B(d)(2); Form 8962 line 3")
def premium_credit_household_income(
    adjusted_gross_income,
    tax_exempt_interest_income,
    social_security,
    taxable_social_security,
    dependents_modified_income,
):
    """Household income: modified adjusted gross income of the filers and of dependents who must file."""
    untaxed_benefits = social_security - taxable_social_security
    modified = adjusted_gross_income + tax_exempt_interest_income + untaxed_benefits
    return higher_of(modified + dependents_modified_income, 0.0)  # unlike relu with the slope of a first dollar


@rule(TaxUnit, parameters=f"{PATH}.poverty_percentage", unit="/1", reference="26 CFR 1.36B-3(g)(1); Form 8962 line 5")
def premium_credit_poverty_percentage(premium_credit_household_income, poverty_line_at_open_enrollment, p):
    """Household income as a share of the poverty line, rounded down to a percent, and 401 percent above four times."""
    line = poverty_line_at_open_enrollment
    rounded = round_down(premium_credit_household_income, to=p.step * line) / line
    return choose(above(premium_credit_household_income, p.top * line), p.top + p.step, rounded)


@rule(TaxUnit, parameters=f"{PATH}.applicable_percentage", unit="/1", reference="26 USC 36B(b)(3)(A)")
def premium_credit_applicable_percentage(premium_credit_poverty_percentage, poverty_line_at_open_enrollment, p):
    """Share of household income that the benchmark plan is taken to cost: linear within bands of the poverty line."""
    # steps are taken in dollars of the poverty line, where a smoothing width in dollars finds them
    line = poverty_line_at_open_enrollment
    share = linear_bands(premium_credit_poverty_percentage * line, p.lower, p.initial, p.final, scale=line)
    return round_nearest(share * line, to=p.step * line) / line


@rule(TaxUnit, reference="26 USC 36B(b)(2)(B)(ii); Form 8962 line 8a")
def premium_credit_contribution(premium_credit_applicable_percentage, premium_credit_household_income):
    """What the unit is taken to contribute to the benchmark plan in a full year."""
    return premium_credit_applicable_percentage * premium_credit_household_income


@rule(TaxUnit, parameters=PATH, unit="flag", reference="26 USC 36B(c)(1); 26 CFR 1.36B-2(b)(6)")
def is_premium_credit_eligible(
    premium_credit_household_income,
    poverty_line_at_open_enrollment,
    advance_premium_tax_credit,
    filing_status,
    head_is_dependent_elsewhere,
    p,
):
    """1 where income is in range, or below it with advance payments, and a credit is not barred by status."""
    income, line = premium_credit_household_income, poverty_line_at_open_enrollment
    # almost all have no advance payments: their zeros are left out of any smoothing
    advanced = above(advance_premium_tax_credit, 0.0, unit="count")
    enough = either(at_least(income, p.minimum_income * line), advanced)
    within = enough * at_most(income, p.maximum_income * line)
    return within * (1 - equals(filing_status, SEPARATE)) * (1 - head_is_dependent_elsewhere)


@rule(TaxUnit, reference="26 USC 36B(a) and (b)")
def premium_tax_credit(
    is_premium_credit_eligible, marketplace_months, marketplace_premium, benchmark_premium, premium_credit_contribution
):
    """Premium of the benchmark plan above the contribution, at most the premium, for the months enrolled."""
    of_full_year = lower_of(relu(benchmark_premium - premium_credit_contribution), marketplace_premium)
    return is_premium_credit_eligible * of_full_year * marketplace_months / MONTHS


@rule(TaxUnit, reference="26 USC 36B(f)(1); Form 8962 line 26")
def net_premium_tax_credit(premium_tax_credit, advance_premium_tax_credit):
    """Premium tax credit above the advance payments, refundable."""
    return relu(premium_tax_credit - advance_premium_tax_credit)


@rule(TaxUnit, parameters=f"{PATH}.repayment", reference="26 USC 36B(f)(2); Form 8962 line 29")
def excess_advance_premium_credit(
    advance_premium_tax_credit,
    premium_tax_credit,
    premium_credit_poverty_percentage,
    poverty_line_at_open_enrollment,
    filing_status,
    p,
):
    """Advance payments above the credit that are repaid: until 2025 within limits by income, from 2026 in full."""
    excess = relu(advance_premium_tax_credit - premium_tax_credit)
    line = poverty_line_at_open_enrollment
    income = premium_credit_poverty_percentage * line
    # amounts repaid are chosen rather than limits, since a share of no limit would be none
    lowest = lower_of(excess, pick(p.limit[0], filing_status))
    second = lower_of(excess, pick(p.limit[1], filing_status))
    third = lower_of(excess, pick(p.limit[2], filing_status))
    highest = lower_of(excess, pick(p.limit[3], filing_status))
    repaid = choose(at_least(income, p.lower[1] * line), second, lowest)
    repaid = choose(at_least(income, p.lower[2] * line), third, repaid)
    return choose(at_least(income, p.lower[3] * line), highest, repaid)
