"""Deduction for expenses of elementary and secondary school teachers (26 USC 62(a)(2)(D)).

From 2026 expenses above the limit are itemized deductions (67(b)(13), P.L. 119-21 sec. 70110), which is not modelled.
"""

from jaxsim.engine import rule, sum_of_filers
from jaxsim.numerics import lower_of
from jaxsim.rules.us.entities import Person, TaxUnit

PATH = "irs.adjustments.educator_expense"


@rule(Person, parameters=PATH, reference="26 USC 62(a)(2)(D) and (d)(3)")
def person_educator_expense_deduction(educator_expense, p):
    """Expenses of one teacher up to the limit."""
    return lower_of(educator_expense, p.maximum)


tax_unit_educator_expense_deduction = sum_of_filers(
    "tax_unit_educator_expense_deduction",
    of="person_educator_expense_deduction",
    to=TaxUnit,
    label="Expenses of teachers up to the limit, both filers",
)


@rule(TaxUnit, reference="26 USC 62(a)(2)(D)")
def educator_expense_deduction(tax_unit_educator_expense_deduction, reported_educator_expense_deduction):
    """Deduction for educator expenses: worked out from expenses, and as reported."""
    return tax_unit_educator_expense_deduction + reported_educator_expense_deduction
