"""Personal exemptions (26 USC 151), suspended from 2018 and for good by P.L. 119-21 sec. 70103.

A baseline of earlier law turns them on with `irs.deductions.personal_exemption.allowed`. The exemption for the spouse
of a separate filer (151(b)) is not modelled.
"""

from jaxsim.engine import rule
from jaxsim.numerics import equals, lower_of, pick, relu, round_up
from jaxsim.rules.us.entities import TaxUnit
from jaxsim.rules.us.inputs import JOINT

PATH = "irs.deductions.personal_exemption"


@rule(TaxUnit, unit="count", reference="26 USC 151(b), (c) and (d)(2), 152(b)(1)")
def personal_exemptions(dependents, filing_status, head_is_dependent_elsewhere):
    """Filers and dependents for whom there is an exemption; a dependent has none, and no dependents."""
    return (1 + dependents) * (1 - head_is_dependent_elsewhere) + equals(filing_status, JOINT)


@rule(
    TaxUnit,
    parameters={"p": PATH, "pease": "irs.deductions.itemized.limitation.pease"},
    reference="26 USC 151(a), (d)(1), (3) and (5)(A)",
)
def personal_exemption_deduction(personal_exemptions, adjusted_gross_income, filing_status, p, pease):
    """Exemption amount for each, less two percent for each step of income above the threshold of section 68(b)."""
    step = pick(p.phase_out.increment, filing_status)
    excess = relu(round_up(adjusted_gross_income - pick(pease.threshold, filing_status), to=step))
    lost = lower_of(p.phase_out.rate * excess, step) / step
    return p.allowed * p.amount * personal_exemptions * (1 - lost)
