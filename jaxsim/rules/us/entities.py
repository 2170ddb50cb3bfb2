"""Units of US law and surveys. Every group nests in one household."""

from jaxsim.engine import Entity

Person = Entity("person", "persons")
TaxUnit = Entity("tax_unit", "tax_units")
SPMUnit = Entity("spm_unit", "spm_units")
Family = Entity("family", "families")
Household = Entity("household", "households")

ENTITIES = (Person, TaxUnit, SPMUnit, Family, Household)
