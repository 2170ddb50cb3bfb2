"""Deduction for health insurance of the self-employed (26 USC 162(l)).

All of a person's businesses count as the one the plan is established for. Premiums are to be given net of the premium
credit and for months without a subsidized plan of an employer. Wages of an S corporation's shareholder do not count.
"""

from jaxsim.engine import rule, sum_of_filers
from jaxsim.numerics import lower_of
from jaxsim.rules.us.entities import Person, TaxUnit


@rule(Person, reference="26 USC 162(l)(2)(A), 401(c)(2); Form 7206 lines 4 to 14")
def person_self_employed_health_insurance_deduction(
    self_employed_health_insurance_premiums, self_employed_compensation, person_self_employed_pension_deduction
):
    """Premiums of one person up to earnings from self-employment less half of the tax on them and the own pension."""
    # in this order the premiums of those without a business are worth nothing from the first dollar
    return lower_of(
        self_employed_compensation - person_self_employed_pension_deduction, self_employed_health_insurance_premiums
    )


tax_unit_self_employed_health_insurance_deduction = sum_of_filers(
    "tax_unit_self_employed_health_insurance_deduction",
    of="person_self_employed_health_insurance_deduction",
    to=TaxUnit,
    label="Health insurance premiums of the self-employed within the limit, both filers",
)


@rule(TaxUnit, reference="26 USC 162(l)")
def self_employed_health_insurance_deduction(
    tax_unit_self_employed_health_insurance_deduction, reported_self_employed_health_insurance_deduction
):
    """Deduction for health insurance of the self-employed: worked out from premiums, and as reported."""
    return tax_unit_self_employed_health_insurance_deduction + reported_self_employed_health_insurance_deduction
