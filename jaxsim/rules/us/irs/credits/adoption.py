"""Adoption credit (26 USC 23), from 2025 refundable in part.

Expenses are taken to be spread evenly over the children adopted, and those of a child with special needs not to exceed
the amount deemed to be paid for it. Credits carried from earlier years are left out, and modified adjusted gross income
is taken to be adjusted gross income.
"""

from jaxsim.engine import rule
from jaxsim.numerics import equals, lower_of, relu, safe_div
from jaxsim.rules.us.entities import TaxUnit
from jaxsim.rules.us.inputs import SEPARATE

PATH = "irs.credits.adoption"


@rule(TaxUnit, parameters=f"{PATH}.phase_out", unit="/1", reference="26 USC 23(b)(2) and (f)(1)")
def adoption_credit_share(adjusted_gross_income, filing_status, lives_apart_from_spouse, p):
    """Share of the credit that income leaves; none for the married who file separately and do not live apart."""
    lost = lower_of(relu(adjusted_gross_income - p.threshold), p.range) / p.range
    return (1 - lost) * (1 - equals(filing_status, SEPARATE) * (1 - lives_apart_from_spouse))


@rule(TaxUnit, parameters=PATH, reference="26 USC 23(a)(1) and (b)(1)")
def adoption_credit_of_each_child(adoption_expenses, adopted_children, adoption_credit_share, p):
    """Credit for each child without special needs: the expenses, up to a limit, after the phase-out."""
    return adoption_credit_share * lower_of(safe_div(adoption_expenses, adopted_children), p.expense_limit)


@rule(TaxUnit, parameters=PATH, reference="26 USC 23(a)(3)")
def adoption_credit_of_each_special_needs_child(adoption_credit_share, p):
    """Credit for each child with special needs: the whole limit, after the phase-out."""
    return adoption_credit_share * p.expense_limit


@rule(TaxUnit, reference="26 USC 23(a) and (b)")
def adoption_credit_allowed(
    adoption_credit_of_each_child,
    adoption_credit_of_each_special_needs_child,
    adopted_children,
    special_needs_adoptions,
):
    """Adoption credit for all children, the refundable part included."""
    others = relu(adopted_children - special_needs_adoptions, unit="count")
    special = adoption_credit_of_each_special_needs_child * special_needs_adoptions
    return adoption_credit_of_each_child * others + special


@rule(TaxUnit, parameters=PATH, reference="26 USC 23(a)(4), P.L. 119-21 sec. 70402")
def refundable_adoption_credit(
    adoption_credit_of_each_child,
    adoption_credit_of_each_special_needs_child,
    adopted_children,
    special_needs_adoptions,
    p,
):
    """Part of the adoption credit paid whatever the tax, up to a limit for each child."""
    others = relu(adopted_children - special_needs_adoptions, unit="count")
    ordinary = lower_of(adoption_credit_of_each_child, p.refundable_limit)
    special = lower_of(adoption_credit_of_each_special_needs_child, p.refundable_limit)
    return ordinary * others + special * special_needs_adoptions


@rule(TaxUnit, reference="26 USC 23(a)(4) and (c)")
def adoption_credit_before_limit(adoption_credit_allowed, refundable_adoption_credit):
    """Adoption credit that only offsets tax, before the limit by tax."""
    return adoption_credit_allowed - refundable_adoption_credit
