"""State and local taxes (26 USC 164). Modified adjusted gross income is adjusted gross income here."""

from jaxsim.engine import rule
from jaxsim.numerics import equals, higher_of, lower_of, pick, relu
from jaxsim.rules.us.entities import TaxUnit
from jaxsim.rules.us.inputs import SEPARATE


@rule(TaxUnit, parameters="irs.deductions.itemized.salt", reference="26 USC 164(a), (b)(5), (b)(6) and (b)(7)")
def state_and_local_tax_deduction(
    state_and_local_income_or_sales_tax,
    real_estate_tax,
    personal_property_tax,
    adjusted_gross_income,
    filing_status,
    p,
):
    """State and local taxes up to a limit, which falls with income but not below a floor."""
    # the limit of a separate filer is half of what the reduction leaves of the full limit
    rate = p.phase_down.rate * (1 - equals(filing_status, SEPARATE) / 2)
    cap = pick(p.cap, filing_status)
    excess = relu(adjusted_gross_income - pick(p.phase_down.threshold, filing_status))
    limit = higher_of(cap - rate * excess, lower_of(pick(p.phase_down.floor, filing_status), cap))
    return lower_of(state_and_local_income_or_sales_tax + real_estate_tax + personal_property_tax, limit)
