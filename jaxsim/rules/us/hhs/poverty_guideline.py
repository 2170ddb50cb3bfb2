"""Poverty line of a tax unit, as the premium tax credit takes it (42 USC 9902(2), 26 USC 36B(d)(3)).

The line of a tax year is that of the guidelines in effect when the enrolment for it opens, in the autumn before. Where
the state is not known, the guidelines of the contiguous states stand in.
"""

from jaxsim.engine import from_group, rule
from jaxsim.numerics import equals, pick
from jaxsim.rules.us.entities import Household, TaxUnit
from jaxsim.rules.us.inputs import JOINT

ALASKA = 2
HAWAII = 15

tax_unit_state_fips = from_group(
    "tax_unit_state_fips", of="state_fips", parent=Household, to=TaxUnit, label="State of the tax unit, FIPS code",
    unit="category",
)  # fmt: skip


@rule(TaxUnit, unit="count", reference="26 USC 36B(d)(1), 151")
def tax_unit_size(filing_status, dependents):
    """Persons on the return: the filers and their dependents."""
    return 1 + equals(filing_status, JOINT) + dependents


@rule(TaxUnit, parameters="hhs.poverty_guideline.at_open_enrollment", reference="42 USC 9902(2); 26 USC 36B(d)(3)")
def poverty_line_at_open_enrollment(tax_unit_size, tax_unit_state_fips, p):
    """Poverty guideline for the unit's size and state, as of the open enrolment for the year."""
    region = equals(tax_unit_state_fips, ALASKA) + 2 * equals(tax_unit_state_fips, HAWAII)
    return pick(p.first_person, region) + pick(p.further_person, region) * (tax_unit_size - 1)
