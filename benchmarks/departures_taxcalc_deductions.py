"""Where Tax-Calculator departs from the statute or from jaxsim's reading of it: deductions."""

from __future__ import annotations

from departures import EITHER, JAXSIM, UNKNOWN, Case, Departure, differing
from departures_taxcalc_income import net_capital_gain_without_distributions

import jaxsim as js
from jaxsim.numerics import choose, equals, higher_of, lower_of, pick, relu, safe_div
from jaxsim.rules.us.entities import TaxUnit
from jaxsim.rules.us.inputs import SEPARATE

ITEMIZED = "irs.deductions.itemized"


def additional_standard_deduction(case: Case) -> Departure:
    """Tax-Calculator has $1,800 for 2023 where the unmarried get $1,850, and for surviving spouses the amount of the
    unmarried, who are those "not married and not a surviving spouse"."""
    return Departure(
        "Additional standard deduction",
        "26 USC 63(f)(3), Rev. Proc. 2022-38",
        JAXSIM,
        parameters=differing(case, "irs.deductions.standard.additional", "STD_Aged"),
    )


@js.rule(TaxUnit, parameters="irs.deductions.standard")
def nonitemizer_charitable_deduction(cash_charity, filing_status, separate_filer_itemizes, p):
    """Gifts of cash without itemizing, none for a separate filer whose spouse itemizes."""
    barred = equals(filing_status, SEPARATE) * separate_filer_itemizes
    return lower_of(pick(p.nonitemizer_charity, filing_status), cash_charity) * (1 - barred)


def gifts_of_separate_filers(case: Case) -> Departure:
    """From 2026 Tax-Calculator denies the deduction of gifts without itemizing, with the standard deduction, to
    separate filers whose spouse itemizes. The law denies them the standard deduction; the gifts are a deduction of
    their own for all who do not itemize."""
    return Departure(
        "Gifts of separate filers whose spouse itemizes",
        "26 USC 63(b)(4) and (c)(6)(A), 170(p)",
        JAXSIM,
        rules=(nonitemizer_charitable_deduction,),
    )


def taxes_threshold(case: Case) -> Departure:
    """Tax-Calculator raises with prices the income above which the limit on state and local taxes falls. The law
    sets 101 percent of the amount of the year before: $505,000 in 2026."""
    return Departure(
        "Income at which the limit on taxes falls",
        "26 USC 164(b)(7)(B)",
        JAXSIM,
        parameters=differing(case, f"{ITEMIZED}.salt.phase_down.threshold", "ID_AllTaxes_c_ps"),
    )


@js.rule(TaxUnit, parameters=f"{ITEMIZED}.salt")
def state_and_local_tax_deduction(
    state_and_local_income_or_sales_tax, real_estate_tax, adjusted_gross_income, filing_status, p
):
    """State and local taxes up to a limit that falls at the same rate for all."""
    excess = relu(adjusted_gross_income - pick(p.phase_down.threshold, filing_status))
    cap = pick(p.cap, filing_status)
    limit = higher_of(cap - p.phase_down.rate * excess, lower_of(pick(p.phase_down.floor, filing_status), cap))
    return lower_of(state_and_local_income_or_sales_tax + real_estate_tax, limit)


def taxes_of_separate_filers(case: Case) -> Departure:
    """Tax-Calculator lowers the limit on state and local taxes of separate filers by 30 percent of their excess
    income. The law halves what the reduction leaves of the full limit, so theirs falls by 15 percent."""
    return Departure(
        "Limit on taxes of separate filers",
        "26 USC 164(b)(6) and (7)(B)",
        JAXSIM,
        rules=(state_and_local_tax_deduction,),
    )


@js.rule(TaxUnit, parameters=f"{ITEMIZED}.charity")
def charitable_deduction(cash_charity, noncash_charity, adjusted_gross_income, p):
    """Gifts above a floor taken from both kinds in proportion, within one ceiling and one for other than cash."""
    base = relu(adjusted_gross_income)
    gifts = cash_charity + noncash_charity
    above_floor = relu(gifts - p.floor_rate * base)
    noncash = above_floor * safe_div(noncash_charity, gifts)
    return lower_of(lower_of(p.noncash_ceiling_rate * base, noncash) + above_floor - noncash, p.ceiling_rate * base)


def order_of_gifts(case: Case) -> Departure:
    """Tax-Calculator takes the floor of 2026 from both kinds of gifts in proportion and puts all gifts that are left
    under the ceiling of 60 percent. By the law gifts other than cash are allowed only as far as gifts of cash leave
    room below their own lower ceiling, and the floor comes off what the ceilings allow."""
    return Departure(
        "Floor and ceilings of gifts", "26 USC 170(b)(1)(A), (G) and (I)", JAXSIM, rules=(charitable_deduction,)
    )


def ceiling_of_noncash_gifts(case: Case) -> Departure:
    """Tax-Calculator allows gifts other than cash up to 30 percent of income, the ceiling for appreciated property;
    jaxsim up to 50 percent, the ceiling for others. The file does not tell them apart."""
    return Departure(
        "Ceiling of gifts other than cash",
        "26 USC 170(b)(1)(A) and (C)",
        UNKNOWN,
        parameters=differing(case, f"{ITEMIZED}.charity.noncash_ceiling_rate", "ID_Charity_crt_noncash"),
    )


@js.rule(TaxUnit, parameters={"p": f"{ITEMIZED}.limitation", "rates": "irs.income_tax.rates"})
def itemized_deductions(itemized_deductions_before_limit, adjusted_gross_income, filing_status, p, rates):
    """Itemized deductions less a share of adjusted gross income above the top bracket."""
    excess = relu(relu(adjusted_gross_income) - pick(rates.threshold[-1], filing_status))
    return relu(itemized_deductions_before_limit - p.rate * excess)


def limit_on_itemized_deductions(case: Case) -> Departure:
    """From 2026 Tax-Calculator takes 2/37 of adjusted gross income above the top bracket from itemized deductions,
    and computes the deduction for business income with what is left. The law takes 2/37 of the lesser of the
    deductions and of taxable income (net of the deductions for seniors and business income) above the top bracket,
    and leaves the limit aside for the deduction for business income."""
    return Departure(
        "Limit on itemized deductions",
        "26 USC 68(a), 199A(e)(1)",
        JAXSIM,
        rules=(itemized_deductions,),
        reads={"taxable_income_before_qbi_deduction": {"itemized_deductions_before_limit": "itemized_deductions"}},
    )


@js.rule(TaxUnit)
def deduction_taken(itemizes, itemized_deductions, standard_deduction, nonitemizer_charitable_deduction):
    """Itemized deductions of those who itemize, the standard deduction of others."""
    return choose(itemizes, itemized_deductions, standard_deduction + nonitemizer_charitable_deduction)


@js.rule(TaxUnit)
def taxable_income_before_qbi_deduction(
    itemizes,
    adjusted_gross_income,
    itemized_deductions_before_limit,
    standard_deduction,
    nonitemizer_charitable_deduction,
    deductions_beside_itemizing,
):
    """Taxable income with the deduction taken, before the deduction for business income."""
    standard = standard_deduction + nonitemizer_charitable_deduction
    deduction = choose(itemizes, itemized_deductions_before_limit, standard)
    return relu(adjusted_gross_income - deduction - deductions_beside_itemizing)


def choice_to_itemize(case: Case) -> Departure:
    """Tax-Calculator computes regular and alternative minimum tax both ways and itemizes where that is less; where
    no tax is due either way it reports the standard deduction. jaxsim takes the greater deduction. The law leaves
    the choice to the filer. In its comparison Tax-Calculator does not add state and local taxes back to minimum
    taxable income, though it does in the tax itself, so that some filers itemize at a loss."""
    rules = (deduction_taken, taxable_income_before_qbi_deduction)
    return Departure("Choice to itemize", "26 USC 63(e)", EITHER, rules=rules, by_tax=True)


def gains_in_the_business_limit(case: Case) -> Departure:
    """Tax-Calculator leaves capital gain distributions out of the net capital gain that reduces the income limit of
    the deduction for business income. They are long-term capital gains and belong to it."""
    return Departure(
        "Distributions in the limit of business income",
        "26 USC 199A(a)(2), 852(b)(3)(B)",
        JAXSIM,
        rules=(net_capital_gain_without_distributions,),
        reads={"qbi_deduction": {"net_capital_gain": "net_capital_gain_without_distributions"}},
    )


@js.rule(TaxUnit, unit="/1")
def whole_share():
    """All of it."""
    return 1.0


def minimum_of_service_businesses(case: Case) -> Departure:
    """From 2026 Tax-Calculator gives the minimum deduction for business income to specified service businesses as
    to others. By the law their income counts only as far as it qualifies."""
    return Departure(
        "Minimum deduction of service businesses",
        "26 USC 199A(d)(3), (i)(2)",
        JAXSIM,
        rules=(whole_share,),
        reads={"qbi_deduction": {"qbi_applicable_share": "whole_share"}},
    )


def surviving_spouses(case: Case) -> Departure:
    """Tax-Calculator gives surviving spouses the joint amounts of the range over which the limits of business income
    phase in, of the income at which the child tax credit falls and of that at which the deduction for interest on
    vehicle loans does. The law doubles them for joint returns only."""
    return Departure(
        "Amounts of surviving spouses",
        "26 USC 199A(b)(3)(B), 24(h)(3), 163(h)(4)(C)(ii)",
        JAXSIM,
        parameters={
            **differing(case, "irs.deductions.qbi.phase_in_range", "PT_qbid_taxinc_gap"),
            **differing(case, "irs.credits.ctc.phase_out.threshold", "CTC_ps"),
            **differing(case, "irs.deductions.auto_loan_interest.phase_out.threshold", "AutoLoanInterestDed_ps"),
        },
    )


DEPARTURES = (
    additional_standard_deduction,
    gifts_of_separate_filers,
    taxes_threshold,
    taxes_of_separate_filers,
    order_of_gifts,
    ceiling_of_noncash_gifts,
    limit_on_itemized_deductions,
    choice_to_itemize,
    gains_in_the_business_limit,
    minimum_of_service_businesses,
    surviving_spouses,
)
