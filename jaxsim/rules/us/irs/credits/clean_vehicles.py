"""Credits for new and previously owned clean vehicles, ended in 2025 (26 USC 30D, 25E).

Simplified: the vehicles counted qualify in full, for their price too; only income of the year is looked at, not that of
the year before; credits transferred to the dealer, which the tax does not limit, are left out; so are the phase-outs by
manufacturer of 2022.
"""

from jaxsim.engine import rule
from jaxsim.numerics import at_most, lower_of, pick, safe_div
from jaxsim.rules.us.entities import TaxUnit

PATH = "irs.credits.clean_vehicles"


@rule(TaxUnit, parameters=PATH, unit="flag", reference="26 USC 25E(g), 30D(h)")
def vehicles_acquired_in_time(vehicle_bought_after_september, p):
    """1 where the vehicles were acquired before the credits ended."""
    return 1 - vehicle_bought_after_september * p.ends_in_september


@rule(TaxUnit, parameters=f"{PATH}.new", reference="26 USC 30D(a), (b) and (f)(10)")
def new_clean_vehicle_credit_before_limit(
    new_clean_vehicles, vehicles_acquired_in_time, adjusted_gross_income, filing_status, p
):
    """Credit for new clean vehicles, before the limit by tax; none above a limit of income."""
    below_limit = at_most(adjusted_gross_income, pick(p.income_limit, filing_status))
    return p.amount * new_clean_vehicles * below_limit * vehicles_acquired_in_time


@rule(TaxUnit, parameters=f"{PATH}.used", reference="26 USC 25E(a), (b) and (c)(3)(B)")
def used_clean_vehicle_credit_before_limit(
    used_clean_vehicles,
    used_clean_vehicle_price,
    vehicles_acquired_in_time,
    adjusted_gross_income,
    filing_status,
    head_is_dependent_elsewhere,
    p,
):
    """Credit for used clean vehicles, before the limit by tax; none above a limit of income, none to dependents."""
    each = lower_of(p.rate * safe_div(used_clean_vehicle_price, used_clean_vehicles), p.maximum)
    eligible = at_most(adjusted_gross_income, pick(p.income_limit, filing_status)) * (1 - head_is_dependent_elsewhere)
    return each * used_clean_vehicles * eligible * vehicles_acquired_in_time
