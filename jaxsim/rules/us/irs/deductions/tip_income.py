"""Deduction for qualified tips, 2025 to 2028 (26 USC 224, P.L. 119-21 sec. 70201).

The need for a Social Security number, and the limit of tips of the self-employed to the profit of the business, are
not modelled. Modified adjusted gross income is adjusted gross income.
"""

from jaxsim.engine import rule
from jaxsim.numerics import equals, higher_of, lower_of, pick, relu, round_down
from jaxsim.rules.us.entities import TaxUnit
from jaxsim.rules.us.inputs import SEPARATE


@rule(
    TaxUnit, parameters="irs.deductions.tip_income", reference="26 USC 224(a), (b), (f) and (h); Schedule 1-A part II"
)
def tip_income_deduction(qualified_tips, adjusted_gross_income, filing_status, p):
    """Tips up to a limit, reduced for each full step of income above a threshold; none for separate filers."""
    excess = adjusted_gross_income - pick(p.phase_out.threshold, filing_status)
    reduction = p.phase_out.rate * relu(round_down(excess, to=p.phase_out.increment))
    # with the slope of a first dollar of tips, but not where the limit is 0
    allowed = higher_of(lower_of(p.limit, qualified_tips) - reduction, 0.0)
    return allowed * (1 - equals(filing_status, SEPARATE))
