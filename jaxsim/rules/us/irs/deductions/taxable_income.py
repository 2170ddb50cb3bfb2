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


@rule(TaxUnit, reference="26 USC 63(a) and (b)")
def taxable_income(adjusted_gross_income, deduction_taken, senior_deduction, qbi_deduction):
    """Adjusted gross income less deductions, if positive."""
    return relu(adjusted_gross_income - deduction_taken - senior_deduction - qbi_deduction)
