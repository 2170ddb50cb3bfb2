"""Medical expenses (26 USC 213)."""

from jaxsim.engine import rule
from jaxsim.numerics import relu
from jaxsim.rules.us.entities import TaxUnit


@rule(TaxUnit, parameters="irs.deductions.itemized.medical", reference="26 USC 213(a)")
def medical_deduction(medical_expense, adjusted_gross_income, p):
    """Medical expenses above a share of adjusted gross income."""
    return relu(medical_expense - p.floor_rate * relu(adjusted_gross_income))
