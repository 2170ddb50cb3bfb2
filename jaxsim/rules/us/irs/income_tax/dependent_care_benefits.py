"""Dependent care benefits provided by employers (26 USC 129).

The benefits are taken as spent on care and as part of the care expenses. Payroll taxes on what exceeds the exclusion
are left out, and a separate filer's limit looks at the own earned income, as that of the spouse is not known.
"""

from jaxsim.engine import rule
from jaxsim.numerics import at_least, choose, equals, lower_of, pick
from jaxsim.rules.us.entities import TaxUnit
from jaxsim.rules.us.inputs import SEPARATE, SINGLE

PATH = "irs.income_tax.dependent_care_benefits"


@rule(TaxUnit, parameters=PATH, reference="26 USC 129(a)(2), (b) and (e)(1), P.L. 119-21 sec. 70404")
def excluded_dependent_care_benefits(
    dependent_care_benefits,
    care_earned_income_limit,
    care_qualifying_persons,
    filing_status,
    lives_apart_from_spouse,
    p,
):
    """Benefits for the care of qualifying persons up to the limit and the earned income of the lesser earner."""
    # who lives apart from the spouse with a qualifying person counts as unmarried (129(a)(2)(C), 21(e)(4))
    apart = equals(filing_status, SEPARATE) * lives_apart_from_spouse
    amount = choose(apart, p.limit[SINGLE], pick(p.limit, filing_status))
    limit = lower_of(amount, care_earned_income_limit)
    return lower_of(dependent_care_benefits, limit) * at_least(care_qualifying_persons, 1.0, unit="count")


@rule(TaxUnit, reference="26 USC 61(a)(1), 129(a)(2)(B); Form 2441 line 26")
def taxable_dependent_care_benefits(dependent_care_benefits, excluded_dependent_care_benefits):
    """Benefits above the exclusion, which are wages."""
    return dependent_care_benefits - excluded_dependent_care_benefits
