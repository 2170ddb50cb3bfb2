"""Itemized deductions: medical, taxes, interest, gifts, and the limit from 2026 (26 USC 63(d), 68)."""

from jaxsim.engine import rule
from jaxsim.numerics import equals, higher_of, lower_of, pick, relu
from jaxsim.rules.us.entities import TaxUnit
from jaxsim.rules.us.inputs import SEPARATE

PATH = "irs.deductions.itemized"


@rule(TaxUnit, parameters=f"{PATH}.medical", reference="26 USC 213(a)")
def medical_deduction(medical_expense, adjusted_gross_income, p):
    """Medical expenses above a share of adjusted gross income."""
    return relu(medical_expense - p.floor_rate * relu(adjusted_gross_income))


@rule(TaxUnit, parameters=f"{PATH}.salt", reference="26 USC 164(b)(6) and (7)")
def state_and_local_tax_deduction(
    state_and_local_income_or_sales_tax, real_estate_tax, adjusted_gross_income, filing_status, p
):
    """State and local taxes up to a limit, which falls with income but not below a floor."""
    # the limit of a separate filer is half of what the reduction leaves of the full limit
    rate = p.phase_down.rate * (1 - equals(filing_status, SEPARATE) / 2)
    cap = pick(p.cap, filing_status)
    excess = relu(adjusted_gross_income - pick(p.phase_down.threshold, filing_status))
    limit = higher_of(cap - rate * excess, lower_of(pick(p.phase_down.floor, filing_status), cap))
    return lower_of(state_and_local_income_or_sales_tax + real_estate_tax, limit)


@rule(TaxUnit, parameters=f"{PATH}.charity", reference="26 USC 170(b)(1)(A), (G) and (I)")
def charitable_deduction(cash_charity, noncash_charity, adjusted_gross_income, p):
    """Gifts within shares of adjusted gross income, above a floor that gifts other than cash absorb first."""
    base = relu(adjusted_gross_income)
    floor = p.floor_rate * base
    noncash = higher_of(noncash_charity - floor, 0.0)
    cash = higher_of(cash_charity - relu(floor - noncash_charity), 0.0)
    cash_allowed = lower_of(cash, p.ceiling_rate * base)
    return cash_allowed + lower_of(noncash, relu(p.noncash_ceiling_rate * base - cash_allowed))


@rule(TaxUnit, reference="26 USC 63(d), 163, 164, 170, 213")
def itemized_deductions_before_limit(
    medical_deduction, state_and_local_tax_deduction, deductible_interest_expense, charitable_deduction
):
    """Sum of itemized deductions before the overall limit."""
    return medical_deduction + state_and_local_tax_deduction + deductible_interest_expense + charitable_deduction


@rule(
    TaxUnit,
    parameters={"p": f"{PATH}.limitation", "rates": "irs.income_tax.rates"},
    reference="26 USC 68, as amended by P.L. 119-21 sec. 70111",
)
def itemized_deductions(
    itemized_deductions_before_limit,
    adjusted_gross_income,
    deductions_beside_itemizing,
    qbi_deduction,
    filing_status,
    p,
    rates,
):
    """Itemized deductions less 2/37 of the lesser of them and income in the top bracket."""
    # taxable income "without regard to this section" is net of the deduction for qualified business income, which in
    # turn leaves this limit aside (199A(e)(1)), so there is no circle
    taxable = relu(
        adjusted_gross_income - deductions_beside_itemizing - qbi_deduction - itemized_deductions_before_limit
    )
    in_top_bracket = relu(taxable + itemized_deductions_before_limit - pick(rates.threshold[-1], filing_status))
    return itemized_deductions_before_limit - p.rate * lower_of(itemized_deductions_before_limit, in_top_bracket)
