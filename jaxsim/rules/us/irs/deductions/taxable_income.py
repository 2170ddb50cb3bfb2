"""Taxable income (26 USC 63)."""

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
def deductions_beside_itemizing(senior_deduction):
    """Deductions allowed beside the standard deduction or the itemized ones, without that for business income."""
    return senior_deduction


@rule(TaxUnit, reference="26 USC 63(a) and (b)")
def taxable_income(adjusted_gross_income, deduction_taken, deductions_beside_itemizing, qbi_deduction):
    """Adjusted gross income less deductions, if positive."""
    return relu(adjusted_gross_income - deduction_taken - deductions_beside_itemizing - qbi_deduction)
