"""Itemized deductions in all and the overall limits on them (26 USC 63(d), 68).

The limit of P.L. 119-21 applies from 2026. The former one ("Pease"), suspended in 2018 and repealed with effect from
2026, is off; a baseline of earlier law turns it on with `irs.deductions.itemized.limitation.pease.rate`.
"""

from jaxsim.engine import rule
from jaxsim.numerics import lower_of, pick, relu
from jaxsim.rules.us.entities import TaxUnit

PATH = "irs.deductions.itemized.limitation"


@rule(TaxUnit, reference="26 USC 63(d), 67, 163, 164, 165, 170, 213")
def itemized_deductions_before_limit(
    medical_deduction,
    state_and_local_tax_deduction,
    interest_deduction,
    charitable_deduction,
    casualty_loss_deduction,
    gambling_loss_deduction,
    miscellaneous_deduction,
    other_itemized_deductions,
):
    """Sum of itemized deductions before the overall limits."""
    return (
        medical_deduction
        + state_and_local_tax_deduction
        + interest_deduction
        + charitable_deduction
        + casualty_loss_deduction
        + gambling_loss_deduction
        + miscellaneous_deduction
        + other_itemized_deductions
    )


@rule(TaxUnit, parameters=f"{PATH}.pease", reference="26 USC 68(a) to (c), before P.L. 119-21 sec. 70111")
def pease_limitation(
    itemized_deductions_before_limit,
    medical_deduction,
    investment_interest_deduction,
    casualty_loss_deduction,
    gambling_loss_deduction,
    adjusted_gross_income,
    filing_status,
    p,
):
    """A share of income above a threshold, at most a share of the deductions concerned."""
    exempt = medical_deduction + investment_interest_deduction + casualty_loss_deduction + gambling_loss_deduction
    by_income = p.rate * relu(adjusted_gross_income - pick(p.threshold, filing_status))
    return lower_of(by_income, p.maximum_share * (itemized_deductions_before_limit - exempt))


@rule(
    TaxUnit,
    parameters={"p": PATH, "rates": "irs.income_tax.rates"},
    reference="26 USC 68, as amended by P.L. 119-21 sec. 70111",
)
def itemized_deductions(
    itemized_deductions_before_limit,
    pease_limitation,
    adjusted_gross_income,
    deductions_beside_itemizing,
    qbi_deduction,
    filing_status,
    p,
    rates,
):
    """Itemized deductions less 2/37 of the lesser of them and income in the top bracket."""
    # taxable income "without regard to this section" is net of the deduction for qualified business income, which in
    # turn leaves this limit aside (199A(e)(1)), so there is no circle; the bracket is the highest of the schedule
    taxable = relu(
        adjusted_gross_income - deductions_beside_itemizing - qbi_deduction - itemized_deductions_before_limit
    )
    in_top_bracket = relu(taxable + itemized_deductions_before_limit - pick(rates.threshold[-1], filing_status))
    in_both = lower_of(itemized_deductions_before_limit, in_top_bracket)
    return itemized_deductions_before_limit - p.rate * in_both - pease_limitation
