"""Taxable income (26 USC 63).

The choice to itemize is the filer's (63(e)(1)). Here whoever has more itemized deductions than the standard deduction
and the gifts of non-itemizers takes them, and nobody else; whether the minimum tax would make the other choice better
is not looked at.
"""

from jaxsim.engine import rule
from jaxsim.numerics import above, higher_of, relu
from jaxsim.rules.us.entities import TaxUnit


@rule(TaxUnit, reference="26 USC 63(a), (b) and (e)")
def deduction_taken(itemized_deductions, standard_deduction, nonitemizer_charitable_deduction):
    """Itemized deductions or the standard deduction with gifts of non-itemizers, whichever is greater."""
    return higher_of(standard_deduction + nonitemizer_charitable_deduction, itemized_deductions)


@rule(TaxUnit, unit="flag", reference="26 USC 63(e)")
def itemizes(itemized_deductions, standard_deduction, nonitemizer_charitable_deduction):
    """1 where itemized deductions are the greater and taken, else 0."""
    return above(itemized_deductions, standard_deduction + nonitemizer_charitable_deduction)


@rule(TaxUnit, reference="26 USC 63(b)(2) and (5) to (7), (d)")
def deductions_beside_itemizing(
    personal_exemption_deduction,
    senior_deduction,
    tip_income_deduction,
    overtime_income_deduction,
    auto_loan_interest_deduction,
):
    """Deductions allowed beside the standard deduction or the itemized ones, without that for business income."""
    return (
        personal_exemption_deduction
        + senior_deduction
        + tip_income_deduction
        + overtime_income_deduction
        + auto_loan_interest_deduction
    )


@rule(TaxUnit, reference="26 USC 63(a) and (b)")
def taxable_income(adjusted_gross_income, deduction_taken, deductions_beside_itemizing, qbi_deduction):
    """Adjusted gross income less deductions, if positive."""
    return relu(adjusted_gross_income - deduction_taken - deductions_beside_itemizing - qbi_deduction)
