"""Deduction for qualified passenger vehicle loan interest, 2025 to 2028 (26 USC 163(h)(4), P.L. 119-21 sec. 70203).

Modified adjusted gross income is adjusted gross income.
"""

from jaxsim.engine import rule
from jaxsim.numerics import higher_of, lower_of, pick, relu, round_up
from jaxsim.rules.us.entities import TaxUnit


@rule(
    TaxUnit,
    parameters="irs.deductions.auto_loan_interest",
    reference="26 USC 63(b)(7), 163(h)(4); Schedule 1-A part IV",
)
def auto_loan_interest_deduction(qualified_vehicle_loan_interest, adjusted_gross_income, filing_status, p):
    """Interest up to a limit, reduced for each step of income, begun or full, above a threshold."""
    excess = adjusted_gross_income - pick(p.phase_out.threshold, filing_status)
    reduction = p.phase_out.rate * relu(round_up(excess, to=p.phase_out.increment))
    return higher_of(lower_of(p.limit, qualified_vehicle_loan_interest) - reduction, 0.0)
