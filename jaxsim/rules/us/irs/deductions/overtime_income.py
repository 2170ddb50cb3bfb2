"""Deduction for qualified overtime compensation, 2025 to 2028 (26 USC 225, P.L. 119-21 sec. 70202).

The need for a Social Security number is not modelled. Modified adjusted gross income is adjusted gross income.
"""

from jaxsim.engine import rule
from jaxsim.numerics import equals, higher_of, lower_of, pick, relu, round_down
from jaxsim.rules.us.entities import TaxUnit
from jaxsim.rules.us.inputs import SEPARATE


@rule(
    TaxUnit,
    parameters="irs.deductions.overtime_income",
    reference="26 USC 225(a), (b), (e) and (g); Schedule 1-A part III",
)
def overtime_income_deduction(qualified_overtime_compensation, adjusted_gross_income, filing_status, p):
    """Overtime pay up to a limit, reduced for each full step of income above a threshold; none for separate filers."""
    excess = adjusted_gross_income - pick(p.phase_out.threshold, filing_status)
    reduction = p.phase_out.rate * relu(round_down(excess, to=p.phase_out.increment))
    within = lower_of(pick(p.limit, filing_status), qualified_overtime_compensation)
    return higher_of(within - reduction, 0.0) * (1 - equals(filing_status, SEPARATE))
