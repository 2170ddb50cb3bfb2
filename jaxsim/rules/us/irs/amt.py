"""Alternative minimum tax of individuals (26 USC 55 to 59).

Separate filers have half of the joint exemption and brackets, and add to income what a joint exemption would have lost
above the income at which theirs is used up (55(d)(2)). The limit of section 59(j) on the exemption of a child taxed at
the parents' rate does not apply: 55(d)(4)(A)(iii) has set it aside since 2018 (P.L. 116-94 sec. 501(b)), without end
since P.L. 119-21 sec. 70107, though Revenue Procedures still print its amount. Gains count as for the regular tax:
bases that differ between the taxes stand in `amt_adjustments`.
"""

from jaxsim.engine import rule
from jaxsim.numerics import above, choose, equals, lower_of, pick, relu, schedule
from jaxsim.rules.us.entities import TaxUnit
from jaxsim.rules.us.inputs import SEPARATE

PATH = "irs.amt"


@rule(TaxUnit, reference="26 USC 55(b)(1)(D), 56(b)(1)")
def alternative_minimum_income_before_addition(
    adjusted_gross_income,
    state_tax_refund,
    itemizes,
    itemized_deductions_before_limit,
    state_and_local_tax_deduction,
    miscellaneous_deduction,
    nonitemizer_charitable_deduction,
    tip_income_deduction,
    overtime_income_deduction,
    auto_loan_interest_deduction,
    qbi_deduction,
    amt_adjustments,
):
    """Adjusted gross income less what the minimum tax allows of refunds and deductions; it may be negative."""
    # Not allowed: taxes (56(b)(1)(A)(ii)), miscellaneous itemized deductions ((A)(i)), the standard deduction and the
    # deductions of section 151 (56(b)(1)(D)): personal exemptions and the one for seniors, which stands in
    # 151(d)(5)(C) (Form 6251 for 2025, line 1a, leaves it out too).
    # Allowed: itemized deductions without the limits of section 68 (56(b)(1)(E)), gifts of non-itemizers (170(p),
    # no part of the standard deduction), tips and overtime pay (224 and 225, which 56 does not name), interest on
    # vehicles (56(b)(1)(B) applies 163(h) with its paragraph (4)) and qualified business income as for the regular
    # tax (199A(f)(2)). Interest on debt of homes is of debt incurred to acquire them, as 56(e) demands.
    # Recovered taxes are no income (56(b)(1)(C)).
    # Other adjustments and preferences (56 to 58), such as the bargain of incentive stock options, are an input.
    itemized = itemized_deductions_before_limit - state_and_local_tax_deduction - miscellaneous_deduction
    beside = tip_income_deduction + overtime_income_deduction + auto_loan_interest_deduction + qbi_deduction
    allowed = choose(itemizes, itemized, nonitemizer_charitable_deduction)
    return adjusted_gross_income - state_tax_refund - allowed - beside + amt_adjustments


@rule(TaxUnit, parameters=PATH, reference="26 USC 55(d)(1), (2) and (4)")
def amt_exemption(alternative_minimum_income_before_addition, filing_status, p):
    """Exemption, reduced above a threshold."""
    excess = relu(alternative_minimum_income_before_addition - pick(p.phase_out.threshold, filing_status))
    return relu(pick(p.exemption, filing_status) - p.phase_out.rate * excess)


@rule(TaxUnit, parameters=PATH, reference="26 USC 55(d)(2), last sentence")
def alternative_minimum_taxable_income(alternative_minimum_income_before_addition, filing_status, p):
    """Alternative minimum taxable income; a separate filer adds back what a joint exemption would have lost."""
    exemption = pick(p.exemption, filing_status)
    excess = relu(alternative_minimum_income_before_addition - pick(p.phase_out.threshold, filing_status))
    addition = lower_of(relu(p.phase_out.rate * excess - exemption), exemption)
    return alternative_minimum_income_before_addition + addition * equals(filing_status, SEPARATE)


@rule(TaxUnit, reference="26 USC 55(b)(1)(B)")
def amt_taxable_excess(alternative_minimum_taxable_income, amt_exemption):
    """Alternative minimum taxable income above the exemption."""
    return relu(alternative_minimum_taxable_income - amt_exemption)


@rule(
    TaxUnit,
    parameters={"p": PATH, "gains": "irs.income_tax.capital_gains"},
    reference="26 USC 55(b)(1)(A) and (3)",
)
def tentative_minimum_tax_before_credit(
    amt_taxable_excess,
    adjusted_net_capital_gain,
    section_1250_gain_in_net_gain,
    ordinary_taxable_income,
    filing_status,
    p,
    gains,
):
    """Tax on the excess by two rates, with net capital gain at its preferential rates if that is less."""
    gain = lower_of(amt_taxable_excess, adjusted_net_capital_gain)
    gain_with_25_percent = lower_of(amt_taxable_excess, adjusted_net_capital_gain + section_1250_gain_in_net_gain)
    # the gain fills the brackets of section 1(h) above ordinary income as the regular tax counts it (55(b)(3)(B), (C));
    # gain taxed at 28 percent is none of it and counts with the rest
    on_gain = schedule(ordinary_taxable_income + gain, gains.rate, gains.threshold, filing_status) - schedule(
        ordinary_taxable_income, gains.rate, gains.threshold, filing_status
    )
    on_rest = schedule(amt_taxable_excess - gain_with_25_percent, p.rate, p.threshold, filing_status)
    with_preference = on_rest + on_gain + gains.section_1250_rate * (gain_with_25_percent - gain)
    return lower_of(with_preference, schedule(amt_taxable_excess, p.rate, p.threshold, filing_status))


@rule(TaxUnit, reference="26 USC 59(a), Form 6251 line 8")
def foreign_tax_credit_of_minimum_tax(amt_foreign_tax_credit, foreign_tax_credit_before_limit):
    """Foreign tax credit of the minimum tax; where none is reported that of the regular tax."""
    # without Form 1116 the two are the same by the instructions; the zeros of others are left out of any smoothing
    reported = above(amt_foreign_tax_credit, 0.0, unit="count")
    return choose(reported, amt_foreign_tax_credit, foreign_tax_credit_before_limit)


@rule(TaxUnit, reference="26 USC 55(b)(1)(A)")
def tentative_minimum_tax(tentative_minimum_tax_before_credit, foreign_tax_credit_of_minimum_tax):
    """Tentative minimum tax after its foreign tax credit."""
    return relu(tentative_minimum_tax_before_credit - foreign_tax_credit_of_minimum_tax)


@rule(TaxUnit, reference="26 USC 55(a) and (c)(1), 26(b); Form 6251 line 10")
def alternative_minimum_tax(tentative_minimum_tax, regular_tax_liability, foreign_tax_credit_before_limit):
    """Tentative minimum tax as far as it exceeds the regular tax liability after the foreign tax credit."""
    return relu(tentative_minimum_tax - relu(regular_tax_liability - foreign_tax_credit_before_limit))
