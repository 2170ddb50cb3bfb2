"""Deduction for moving expenses (26 USC 217), since 2018 of the Armed Forces, since 2026 of the intelligence community.

The data do not tell these two apart: the input for a military move is to be 0 for the intelligence community before
2026.
"""

from jaxsim.engine import rule
from jaxsim.numerics import either
from jaxsim.rules.us.entities import TaxUnit

PATH = "irs.adjustments.moving_expense"


@rule(TaxUnit, parameters=PATH, reference="26 USC 217(a), (g) and (k), as amended by P.L. 119-21 sec. 70113")
def moving_expense_deduction(moving_expense, is_military_move, p):
    """Deduction for moving expenses of those whose moves count."""
    return moving_expense * either(is_military_move, p.counts_civilian_moves)
