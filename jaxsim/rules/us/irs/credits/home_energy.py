"""Credits for energy efficient improvements and clean energy of homes, both ended after 2025 (26 USC 25C, 25D).

Simplified: the limits of the law of 2022 over a lifetime are taken to be unused, and its smaller amounts for furnaces
and fans, fuel cells, and the start of batteries in 2023 are left out. A reported credit counts with that for clean
energy, the larger of the two, while either is in force; what is carried from earlier years is left out.
"""

from jaxsim.engine import rule
from jaxsim.numerics import higher_of, lower_of
from jaxsim.rules.us.entities import TaxUnit

EFFICIENCY = "irs.credits.energy_efficient_home"
CLEAN = "irs.credits.residential_clean_energy"


@rule(TaxUnit, parameters=EFFICIENCY, reference="26 USC 25C(a)(1) and (b)(3) and (4)")
def energy_improvement_credit(
    energy_efficient_window_expense, energy_efficient_door_expense, energy_efficient_doors, insulation_expense, p
):
    """Credit for windows, doors and insulation within the limits for each."""
    rate, limit = p.rate.improvements, p.limit
    windows = lower_of(rate * energy_efficient_window_expense, limit.windows)
    doors = lower_of(higher_of(energy_efficient_doors, 1.0, unit="count") * limit.door, limit.doors)
    return windows + lower_of(rate * energy_efficient_door_expense, doors) + rate * insulation_expense


@rule(TaxUnit, parameters=EFFICIENCY, reference="26 USC 25C(a)(2) and (3), (b)(2) and (6)")
def energy_property_and_audit_credit(energy_property_expense, energy_property_items, home_energy_audit_expense, p):
    """Credit for energy property other than heat pumps and for audits, within the limits for each."""
    items = higher_of(energy_property_items, 1.0, unit="count")
    return lower_of(p.rate.property * energy_property_expense, items * p.limit.property_item) + lower_of(
        p.rate.audit * home_energy_audit_expense, p.limit.audit
    )


@rule(TaxUnit, parameters=EFFICIENCY, reference="26 USC 25C(b)(5)")
def heat_pump_credit(heat_pump_expense, p):
    """Credit for heat pumps and biomass stoves within the limit of their own."""
    return lower_of(p.rate.property * heat_pump_expense, p.limit.heat_pumps)


@rule(TaxUnit, parameters=EFFICIENCY, reference="26 USC 25C(a) and (b)(1) and (5)")
def energy_efficient_home_credit_before_limit(
    energy_improvement_credit, energy_property_and_audit_credit, heat_pump_credit, p
):
    """Credit for energy efficient improvements of homes, before the limit by tax."""
    within = heat_pump_credit * p.heat_pumps_within_total
    limited = lower_of(energy_improvement_credit + energy_property_and_audit_credit + within, p.limit.total)
    return limited + heat_pump_credit - within


@rule(TaxUnit, parameters=CLEAN, reference="26 USC 25D(a), (g) and (h)")
def residential_clean_energy_credit_before_limit(residential_clean_energy_expense, reported_energy_credit, p):
    """Credit for clean energy of homes, before the limit by tax."""
    return p.rate * residential_clean_energy_expense + reported_energy_credit * p.reported_credits_count
