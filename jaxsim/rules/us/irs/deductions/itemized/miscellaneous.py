"""Miscellaneous itemized deductions (26 USC 67), suspended from 2018 and for good by P.L. 119-21 sec. 70110.

Those exempt from the floor (67(b)), among them from 2026 unreimbursed expenses of educators, are
`other_itemized_deductions`.
"""

from jaxsim.engine import rule
from jaxsim.numerics import relu
from jaxsim.rules.us.entities import TaxUnit


@rule(TaxUnit, parameters="irs.deductions.itemized.miscellaneous", reference="26 USC 67(a) and (g)")
def miscellaneous_deduction(miscellaneous_expense, adjusted_gross_income, p):
    """Expenses of employees and others above a share of adjusted gross income, where they are allowed."""
    return p.allowed * relu(miscellaneous_expense - p.floor_rate * relu(adjusted_gross_income))
