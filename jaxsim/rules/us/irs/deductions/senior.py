"""Deduction for seniors, 2025 to 2028 (26 USC 151(d)(5)(C), P.L. 119-21 sec. 70103)."""

from jaxsim.engine import of_head, of_spouse, rule
from jaxsim.numerics import at_least, equals, pick, relu
from jaxsim.rules.us.entities import Person, TaxUnit
from jaxsim.rules.us.inputs import JOINT, SEPARATE

PATH = "irs.deductions.senior"


@rule(Person, parameters=PATH, unit="count", reference="26 USC 151(d)(5)(C)(ii)")
def is_senior(age, p):
    """1 for a person old enough for the deduction, else 0."""
    return at_least(age, p.minimum_age, unit="year")


head_is_senior = of_head("head_is_senior", of="is_senior", to=TaxUnit, label="The head is a senior", unit="count")
spouse_is_senior = of_spouse(
    "spouse_is_senior", of="is_senior", to=TaxUnit, label="The spouse is a senior", unit="count"
)


@rule(TaxUnit, parameters=PATH, reference="26 USC 151(d)(5)(C)(iii) and (v)")
def senior_deduction(head_is_senior, spouse_is_senior, adjusted_gross_income, filing_status, p):
    """Amount for each senior on the return, phased out with income; none for separate filers."""
    seniors = head_is_senior + spouse_is_senior * equals(filing_status, JOINT)
    reduction = p.phase_out.rate * relu(adjusted_gross_income - pick(p.phase_out.threshold, filing_status))
    return seniors * relu(p.amount - reduction) * (1 - equals(filing_status, SEPARATE))
