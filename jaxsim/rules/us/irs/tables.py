"""Tax and earned income credit as the tables of the forms give them: `Simulation(..., tables=True)`.

Section 3 lets the Secretary prescribe tax tables, which filers with taxable income below $100,000 must use; 32(f) has
the earned income credit determined under tables. Both give whole dollars for brackets of income, computed at the
middle of each bracket: steps in place of the statute's schedules. Rules here replace those of the same name.

*Tax Table* (instructions for Form 1040): brackets of $50 from $3,000 on, of $25 below, and 0, 5, 15, 25 at the start.
It serves all taxable income and the ordinary part of it in the worksheets for gains; Form 8615 uses it for each of its
taxes.

*Earned Income Credit Table*: brackets of $50; the maximum is rounded first, a bracket in which the credit reaches the
maximum or begins to fall has the maximum, and the last bracket ends where the credit does.
"""

from jaxsim.engine import rule, same_law
from jaxsim.numerics import (
    above,
    at_least,
    below,
    choose,
    higher_of,
    lower_of,
    pick,
    relu,
    round_down,
    round_nearest,
    schedule,
)
from jaxsim.rules.us.entities import TaxUnit
from jaxsim.rules.us.irs.income_tax import tax_of_children

OPTION = "tables"

END = 100_000.0
WIDE_FROM = 3_000.0
WIDE = 50.0
NARROW = 25.0
EITC_BRACKET = 50.0
FIRST_DOLLAR = 1.0


@rule(TaxUnit, parameters="irs.income_tax.rates", reference="26 USC 3(a), Tax Table in the instructions for Form 1040")
def tax_without_preference(taxable_income, filing_status, p):
    """Tax by the table on all taxable income; by the schedule from $100,000."""
    # as a correction of income, so that smoothing, which averages it to nothing, leaves the schedule
    narrow = round_down(taxable_income, NARROW) + NARROW / 2
    wide = round_down(taxable_income, WIDE) + WIDE / 2
    first = (
        -10.0 * at_least(taxable_income, 0.0)
        + 7.5 * at_least(taxable_income, 5.0)
        + 10.0 * at_least(taxable_income, 15.0)
        - 7.5 * at_least(taxable_income, 25.0)
    )  # moves the middle of the brackets from 0, 5 and 15 to 2.50, 10 and 20
    middle = choose(at_least(taxable_income, WIDE_FROM), wide, narrow + first)
    in_table = below(taxable_income, END)
    income = taxable_income + in_table * (middle - taxable_income)
    tax = schedule(income, p.rate, p.threshold, filing_status)
    return tax + in_table * (round_nearest(tax, 1.0) - tax)


# the same table wherever the statute's schedule serves
tax_on_ordinary_income = same_law(
    tax_without_preference,
    "tax_on_ordinary_income",
    label="Tax by the table on ordinary taxable income; by the schedule from $100,000",
    taxable_income="ordinary_taxable_income",
)
RULES = tuple(
    same_law(
        computed,
        f"{whose}_{computed.name}",
        label=f"{who}: {computed.label[0].lower()}{computed.label[1:]}",
        reference=reference,
        **{a: status if a == "filing_status" else f"{whose}_{a}" for a in computed.arguments},
    )
    for whose, who, status, reference in tax_of_children.INCOMES
    for computed in (tax_without_preference, tax_on_ordinary_income)
)


@rule(TaxUnit, parameters="irs.credits.eitc", reference="26 USC 32(f), Earned Income Credit Table")
def eitc_phase_in(earned_income, eitc_qualifying_children, p):
    """Credit percentage times the middle of the bracket of earned income; the maximum from the bracket it falls in."""
    rate = pick(p.phase_in_rate, eitc_qualifying_children)
    amount = pick(p.earned_income_amount, eitc_qualifying_children)
    bracket = round_down(earned_income, EITC_BRACKET)
    reached = above(bracket + EITC_BRACKET, amount)
    credit = choose(reached, round_nearest(rate * amount, 1.0), rate * (bracket + EITC_BRACKET / 2))
    return credit * at_least(earned_income, FIRST_DOLLAR)


@rule(TaxUnit, parameters="irs.credits.eitc", reference="26 USC 32(f), Earned Income Credit Table")
def eitc_phase_out(earned_income, adjusted_gross_income, eitc_qualifying_children, filing_status, p):
    """Reduction at the middle of the bracket of income; none in the bracket in which the credit begins to fall."""
    children = eitc_qualifying_children
    maximum = round_nearest(pick(p.phase_in_rate, children) * pick(p.earned_income_amount, children), 1.0)
    rate = pick(p.phase_out_rate, children)
    threshold = pick(p.phase_out_threshold, children, filing_status)
    end = round_nearest(threshold + maximum / rate, 1.0)
    income = higher_of(adjusted_gross_income, earned_income)
    bracket = round_down(income, EITC_BRACKET)
    middle = bracket + lower_of(EITC_BRACKET, relu(end - bracket)) / 2
    reduction = rate * relu(middle - threshold) * at_least(bracket, threshold)
    return choose(at_least(income, end), maximum, reduction)


@rule(TaxUnit, parameters="irs.credits.eitc", reference="26 USC 32(a) and (f)")
def eitc(is_eitc_eligible, eitc_phase_in, eitc_phase_out, eitc_qualifying_children, p):
    """Earned income credit by the table, in whole dollars."""
    children = eitc_qualifying_children
    maximum = round_nearest(pick(p.phase_in_rate, children) * pick(p.earned_income_amount, children), 1.0)
    return is_eitc_eligible * round_nearest(lower_of(relu(maximum - eitc_phase_out), eitc_phase_in), 1.0)
