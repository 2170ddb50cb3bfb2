"""Where TAXSIM departs from the statute or from jaxsim's reading of it, each as a change of jaxsim.

As in `departures.py`: docstrings are printed, no function looks at TAXSIM's results, and rules written here follow what
TAXSIM does as far as it differs; they are no reading of the law. Its source is not published: what it does is inferred
from its answers.
"""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
from departures import EITHER, JAXSIM, UNKNOWN, Case, Departure, itemizes, never_itemizes, nothing, simulate

import jaxsim as js
from jaxsim.numerics import at_least, either, equals, higher_of, lower_of, relu
from jaxsim.parameters import NO_LIMIT
from jaxsim.rules.us import system
from jaxsim.rules.us.entities import Person, TaxUnit
from jaxsim.rules.us.inputs import HEAD_OF_HOUSEHOLD, JOINT, SEPARATE, SINGLE

DOLLAR = 1.0


@js.rule(Person)
def taxable_self_employment_earnings(net_earnings_from_self_employment):
    """Net earnings from self-employment without a minimum."""
    return net_earnings_from_self_employment


def self_employment_minimum(case: Case) -> Departure:
    """TAXSIM taxes net earnings from self-employment below $400. The law does not."""
    return Departure("Minimum of self-employment income", "26 USC 1402(b)(2)", JAXSIM,
                     rules=(taxable_self_employment_earnings,))  # fmt: skip


def wages_above_the_base(case: Case) -> Departure:
    """The build in testing takes one side of the Social Security tax on wages above the contribution and benefit base;
    TAXSIM-35 does not. The law limits both sides."""
    person = case.population.tables["person"]
    base = float(case.law["irs.payroll.social_security.wage_base"])
    head, spouse, _ = case.population.filers
    high = person["employment_income"] + relu_of(person["self_employment_income"]) > base
    units = high[head] | ((spouse >= 0) & high[spouse])
    return Departure("Wages above the contribution base", "26 USC 3111(a), 3121(a)(1)", JAXSIM, units=units,
                     outputs=frozenset({"payroll_tax"}))  # fmt: skip


def relu_of(values: np.ndarray) -> np.ndarray:
    return np.maximum(values, 0)


def additional_medicare_tax(case: Case) -> Departure:
    """The build in testing counts additional Medicare tax in income tax until 2023 and, as TAXSIM-35 does, in payroll
    taxes. Chapters 2 and 21 are no part of the income tax of chapter 1; where to count them is a matter of
    presentation."""
    total = system().rules["income_tax"]
    counted = float(case.year < 2024)

    def function(additional_medicare_tax, **others):
        return total.function(**others) + counted * additional_medicare_tax

    arguments = (*total.arguments, "additional_medicare_tax")
    rule = dataclasses.replace(total, function=function, arguments=arguments)
    return Departure("Additional Medicare tax", "26 USC 1401(b)(2), 3101(b)(2)", EITHER, rules=(rule,))


@js.rule(TaxUnit)
def taxes_without_limit(state_and_local_income_or_sales_tax):
    """State and local income or sales taxes as they are."""
    return state_and_local_income_or_sales_tax


def taxes_in_other_deductions(case: Case) -> Departure:
    """TAXSIM neither limits other itemized deductions (`otheritem`) nor adds them back in the minimum tax, though its
    instructions call them state and local taxes and miscellaneous expenses that the minimum tax does not allow. jaxsim
    reads them as such taxes, which the law limits together with those on property."""
    return Departure(
        "Taxes and other itemized deductions",
        "26 USC 56(b)(1)(A)(ii), 164(b)(6)",
        UNKNOWN,
        rules=(nothing, taxes_without_limit),
        reads={
            "state_and_local_tax_deduction": {"state_and_local_income_or_sales_tax": "nothing"},
            "itemized_deductions_before_limit": {"miscellaneous_deduction": "taxes_without_limit"},
        },
    )


@js.rule(TaxUnit)
def state_tax_on_investment_income():
    """No tax falls on investment income."""
    return 0.0


def state_taxes_in_investment_income(case: Case) -> Departure:
    """TAXSIM deducts nothing from investment income. The law allows deductions allocable to it, among them state
    income taxes."""
    return Departure("Deductions from investment income", "26 USC 1411(c)(1)(B), Treas. Reg. 1.1411-4(f)(3)(iii)",
                     JAXSIM, rules=(state_tax_on_investment_income,))  # fmt: skip


def excess_business_loss(case: Case) -> Departure:
    """TAXSIM deducts business losses of any size until 2023. From 2024 it limits losses with limits of its own (of the
    unmarried $313,308 in 2024 and 3 percent more in each later year), and among them losses on property, set off
    against gains and other income. The law limits losses of trades and businesses alone, to published amounts."""
    path = "irs.income_tax.excess_business_loss.threshold"
    unit = case.population.tables["tax_unit"]
    business = np.bincount(
        case.population.links["tax_unit_of_person"],
        case.population.tables["person"]["self_employment_income"],
        len(unit["filing_status"]),
    )
    passive = unit["rental_partnership_s_corp_income"] - unit["active_partnership_s_corp_income"]
    loss = -(business + unit["active_partnership_s_corp_income"] + np.minimum(passive, 0))
    return Departure("Excess business losses", "26 USC 461(l)", JAXSIM,
                     parameters={path: np.full_like(case.law[path], NO_LIMIT)},
                     units=(loss > 300_000) & (case.year >= 2024))  # fmt: skip


def businesses_without_self_employment_tax(case: Case) -> Departure:
    """The build in testing takes no self-employment tax on business income (`pbusinc`) and counts it with income from
    S corporations; TAXSIM-35 and the instructions tax it. By the law profit of a trade of one's own is self-employment
    income and, unless passive, no investment income."""
    person, unit = case.population.tables["person"], case.population.tables["tax_unit"]
    of_unit = case.population.links["tax_unit_of_person"]
    of_business = (unit["business_w2_wages"] > 0) & (unit["business_is_sstb"] == 0)
    moved = person["self_employment_income"] * of_business[of_unit]
    total = np.bincount(of_unit, moved, len(unit["filing_status"]))
    # here it counts as income of shareholders, of which the care credit of couples takes half for each
    couples = of_business & (unit["filing_status"] == JOINT) & (unit["care_expense"] > 0)
    columns = {"self_employment_income": person["self_employment_income"] - moved}
    for name in ("active_partnership_s_corp_income", "rental_partnership_s_corp_income"):
        columns[name] = unit[name] + total
    return Departure("Self-employment tax on business income", "26 USC 1402(a), 1411(c)(1)(A)(ii) and (2)(A)", JAXSIM,
                     columns=columns, units=couples, outputs=frozenset({"care", "income_tax"}))  # fmt: skip


def bracket_of_heads_of_household(case: Case) -> Departure:
    """TAXSIM ends the lowest bracket of heads of household in 2024 at $16,650. It ends at $16,550."""
    path = "irs.income_tax.rates.threshold"
    amounts = np.array(case.law[path])
    if case.year == 2024:
        amounts[1, HEAD_OF_HOUSEHOLD] = 16_650.0
    return Departure("Lowest bracket of heads of household", "26 USC 1(j)(2)(B), Rev. Proc. 2023-34", JAXSIM,
                     parameters={path: amounts})  # fmt: skip


@js.rule(TaxUnit)
def income_with_losses_as_gains(rental_partnership_s_corp_income, active_partnership_s_corp_income):
    """Passive losses with the sign of gains."""
    passive = rental_partnership_s_corp_income - active_partnership_s_corp_income
    return active_partnership_s_corp_income + relu(passive) + relu(-passive)


def losses_as_gains(case: Case) -> Departure:
    """From 2024 the build in testing adds losses from rents and other property (`otherprop`) to income. The law
    subtracts them."""
    read = {"rental_partnership_s_corp_income": "income_with_losses_as_gains"} if case.year >= 2024 else {}
    return Departure(
        "Sign of losses on property",
        "26 USC 62(a)(4), 165(c)",
        JAXSIM,
        rules=(income_with_losses_as_gains,),
        reads={name: read for name in ("income_before_social_security", "gross_investment_income",
                                       "eitc_disqualified_income") if read},
    )  # fmt: skip


def thresholds_of_gains(case: Case) -> Departure:
    """TAXSIM starts the rate of 20 percent on the gains of the unmarried in 2022 at $459,650 instead of $459,750 and
    of separate filers in 2023 at half of the joint amount, and from 2024 raises the amounts of 2023 by factors of its
    own (5.4 percent, then 3). The amounts are published; that of separate filers is rounded down by itself."""
    path = "irs.income_tax.capital_gains.threshold"
    amounts = np.array(case.law[path])
    if case.year == 2022:
        amounts[-1, SINGLE] = 459_650.0
    if case.year >= 2023:
        amounts = np.array(js.load_law().in_year(2023)[path])
        amounts[-1, SEPARATE] = amounts[-1, JOINT] / 2
        amounts = amounts * {2023: 1.0, 2024: 1.054, 2025: 1.054 * 1.03}.get(case.year, 1.054 * 1.03**2)
    return Departure("Thresholds of the rates on gains", "26 USC 1(h)(1), (j)(5), Rev. Procs. 2022-38 to 2025-32",
                     JAXSIM, parameters={path: amounts})  # fmt: skip


def law_of_2026(case: Case) -> Departure:
    """TAXSIM knows neither the rates of the credit for dependent care from 2026, nor the limit on itemized deductions,
    nor the minimum deduction for business income, and keeps the limit on taxes of 2025."""
    care, salt = "irs.credits.dependent_care", "irs.deductions.itemized.salt"
    paths = (
        *(f"{care}.{name}" for name in ("maximum_rate", "first_phase_out.minimum_rate")),
        *(f"{care}.second_phase_out.{name}" for name in ("threshold", "increment")),
        *(f"{salt}.{name}" for name in ("cap", "phase_down.threshold")),
        "irs.deductions.itemized.limitation.rate",
        "irs.deductions.qbi.minimum_deduction",
    )
    before = js.load_law().in_year(2025)
    return Departure("Amendments of 2026", "26 USC 21(a)(2), 68, 164(b)(7), 199A(i)", JAXSIM,
                     parameters={path: before[path] for path in paths} if case.year == 2026 else {})  # fmt: skip


def amounts_of_minimum_tax(case: Case) -> Departure:
    """From 2025 TAXSIM raises the exemption and the start of its phase-out of 2024 by 3 percent a year. The amounts
    are published, and from 2026 the phase-out starts lower and is faster."""
    path = "irs.amt"
    before, growth = js.load_law().in_year(2024), 1.03 ** max(case.year - 2024, 0)
    values = {f"{path}.{name}": np.array(before[f"{path}.{name}"]) * growth
              for name in ("exemption", "phase_out.threshold")}  # fmt: skip
    # the published exemption in what separate filers add to income
    values[f"{path}.exemption"][SEPARATE] = np.array(case.law[f"{path}.exemption"])[SEPARATE]
    values[f"{path}.phase_out.rate"] = before[f"{path}.phase_out.rate"]
    return Departure("Amounts of the minimum tax", "26 USC 55(d)(4), P.L. 119-21 sec. 70107, Rev. Procs. 2024-40 and "
                     "2025-32", JAXSIM, parameters=values if case.year >= 2025 else {})  # fmt: skip


def threshold_of_gains_in_minimum_tax(case: Case) -> Departure:
    """TAXSIM has the rate of 20 percent on gains start elsewhere in the minimum tax: in 2022 at the right amount of
    the unmarried, from 2024 at the amounts of 2023. The law uses the same for both taxes."""
    rule = system().rules["tentative_minimum_tax_before_credit"]
    top = np.array(js.load_law().in_year(min(case.year, 2023))["irs.income_tax.capital_gains.threshold"])[-1]
    top[SEPARATE] = top[JOINT] / 2

    def function(gains, **others):
        threshold = jnp.asarray(gains.threshold).at[-1].set(top)
        gains = SimpleNamespace(rate=gains.rate, threshold=threshold, section_1250_rate=gains.section_1250_rate)
        return rule.function(gains=gains, **others)

    rules = (dataclasses.replace(rule, function=function),) if case.year != 2023 else ()
    return Departure("Threshold of gains in the minimum tax", "26 USC 55(b)(3)(C)", JAXSIM, rules=rules)


def taxes_of_separate_filers(case: Case) -> Departure:
    """TAXSIM lowers the limit on state and local taxes of separate filers above the income of others. By the law it
    falls above half of that."""
    path = "irs.deductions.itemized.salt.phase_down.threshold"
    amounts = np.array(js.load_law().in_year(min(case.year, 2025))[path])
    amounts[SEPARATE] = amounts[SINGLE]
    return Departure("Limit on taxes of separate filers", "26 USC 164(b)(7)(B)", JAXSIM, parameters={path: amounts})


def seniors_in_the_business_limit(case: Case) -> Departure:
    """TAXSIM does not subtract the deduction for seniors from the income that limits the deduction for business
    income. That limit is of taxable income, computed without this deduction only."""
    return Departure("Seniors in the limit of business income", "26 USC 199A(a)(2) and (e)(1)", JAXSIM,
                     rules=(nothing,), reads={
                         "taxable_income_before_qbi_deduction": {"deductions_beside_itemizing": "nothing"}
                     })  # fmt: skip


def losses_of_dependents(case: Case) -> Departure:
    """TAXSIM mixes losses and adjustments (`nonprop` below zero) of dependents of others into their standard deduction
    until 2023; from 2024 the build in testing does not let them lower income. By the law they lower income and not the
    standard deduction, but for losses from self-employment."""
    person, unit = case.population.tables["person"], case.population.tables["tax_unit"]
    head, _, _ = case.population.filers
    passive = unit["rental_partnership_s_corp_income"] - unit["active_partnership_s_corp_income"]
    negative = np.minimum.reduce([
        person["self_employment_income"][head], unit["short_term_capital_gains"], unit["long_term_capital_gains"],
        passive, unit["active_partnership_s_corp_income"], -unit["alimony_paid"],
    ])  # fmt: skip
    of_another = unit["head_is_dependent_elsewhere"] > 0
    return Departure("Losses of dependents", "26 USC 61, 62, 63(a) and (c)(5)", JAXSIM,
                     units=of_another & (negative < 0))  # fmt: skip


def minimum_tax_of_children(case: Case) -> Departure:
    """From 2024 TAXSIM limits the exemption of the minimum tax of dependents up to 24 to earned income and a fixed
    amount, and lets them itemize for it. Section 55(d)(4)(A)(iii) sets that limit (59(j)) aside."""
    values = js.Simulation(case.population, case.year, age=False).columns("adjusted_gross_income", "earned_income")
    unearned = values["adjusted_gross_income"] - values["earned_income"]
    head, _, _ = case.population.filers
    young = case.population.tables["person"]["age"][head] < 25
    of_another = case.population.tables["tax_unit"]["head_is_dependent_elsewhere"] > 0
    outputs = frozenset({"standard", "itemized", "taxable_income", "qbi", "amt", "before_credits", "income_tax"})
    return Departure("Minimum tax of children", "26 USC 55(d)(4)(A)(iii), 59(j)", JAXSIM,
                     units=of_another & young & (unearned > 9_000) & (case.year >= 2024), outputs=outputs)  # fmt: skip


def range_of_service_trades(case: Case) -> Departure:
    """TAXSIM ends the deduction for business income of service trades on joint returns over the $50,000 of the
    unmarried. The law takes $100,000 on joint returns."""
    path = "irs.deductions.qbi.phase_in_range"
    amounts = np.array(case.law[path])
    amounts[JOINT] = amounts[SINGLE]
    return Departure("Range of service trades", "26 USC 199A(b)(3)(B)(ii), (d)(3)", JAXSIM, parameters={path: amounts})


@js.rule(TaxUnit, unit="category")
def joint_or_not(filing_status):
    """Joint or single."""
    return equals(filing_status, JOINT) * JOINT


def separate_seniors(case: Case) -> Departure:
    """TAXSIM gives separate filers the deduction for seniors. By the law the married must file jointly for it."""
    return Departure("Deduction of separate seniors", "26 USC 151(d)(5)(C)(v)", JAXSIM, rules=(joint_or_not,),
                     reads={"senior_deduction": {"filing_status": "joint_or_not"}})  # fmt: skip


def childless_threshold(case: Case) -> Departure:
    """TAXSIM reduces the earned income credit of the unmarried without a child in 2024 from $10,300. It falls from
    $10,330."""
    path = "irs.credits.eitc.phase_out_threshold"
    amounts = np.array(case.law[path])
    if case.year == 2024:
        amounts[0, [SINGLE, SEPARATE, HEAD_OF_HOUSEHOLD]] = 10_300.0
    return Departure("Childless earned income credit", "26 USC 32(b)(2) and (j), Rev. Proc. 2023-34", JAXSIM,
                     parameters={path: amounts})  # fmt: skip


@js.rule(TaxUnit)
def eitc_disqualified_income(
    taxable_interest_income,
    ordinary_dividend_income,
    capital_gain_in_income,
    rental_partnership_s_corp_income,
    active_partnership_s_corp_income,
):
    """Investment income with all losses set off."""
    passive = rental_partnership_s_corp_income - active_partnership_s_corp_income
    return taxable_interest_income + ordinary_dividend_income + capital_gain_in_income + passive


def losses_in_disqualified_income(case: Case) -> Departure:
    """TAXSIM sets losses on property and capital losses off against the investment income that bars the earned income
    credit. The law counts each kind as far as it is positive."""
    return Departure("Losses in the investment income limit", "26 USC 32(i)(2)", JAXSIM,
                     rules=(eitc_disqualified_income,))  # fmt: skip


@js.rule(TaxUnit)
def second_reduction(ctc_phase_out, ctc):
    """The reduction of the credit, within what it leaves."""
    return lower_of(ctc_phase_out, ctc)


@js.rule(TaxUnit, parameters="irs.credits.ctc.refundable")
def part_of_large_families(nonrefundable_ctc, ctc_qualifying_children, p):
    """Credit against tax of three children or more above the refundable amount."""
    large = at_least(ctc_qualifying_children, 3.0, unit="count")
    return large * relu(nonrefundable_ctc - p.maximum * ctc_qualifying_children)


@js.rule(TaxUnit, parameters="irs.credits.ctc.refundable")
def credit_beyond_refund(second_reduction, part_of_large_families, earned_income, ctc_qualifying_children, p):
    """Credit against tax given as refundable that earnings and the number of children do not allow."""
    by_earnings = p.rate * relu(earned_income - p.earned_income_threshold)
    allowed = lower_of(by_earnings, p.maximum * ctc_qualifying_children)
    return relu(second_reduction + part_of_large_families - allowed)


def credit_given_as_refund(case: Case) -> Departure:
    """TAXSIM takes the reduction of the child tax credit by income twice from what offsets tax and returns it once as
    refundable, as far as earnings allow a refund; in 2022 and 2023 it does the same with what families with three
    children or more have above the refundable amount. Whoever has tax but no earnings loses it. By the law the credit
    offsets tax first, whatever the earnings."""
    total = system().rules["income_tax_before_refundable_credits"]

    def function(credit_beyond_refund, **others):
        return total.function(**others) + credit_beyond_refund

    rule = dataclasses.replace(total, function=function, arguments=(*total.arguments, "credit_beyond_refund"))
    part = part_of_large_families if case.year < 2024 else dataclasses.replace(nothing, name="part_of_large_families")
    return Departure("Child tax credit given as refund", "26 USC 24(b)(1) and (d)", JAXSIM,
                     rules=(rule, second_reduction, part, credit_beyond_refund))  # fmt: skip


def refunds_of_large_families(case: Case) -> Departure:
    """For some families with three children or more TAXSIM reports in 2022 and 2023 as refundable what exceeds the
    refundable amount of the credit used against tax; its income tax is not touched."""
    values = js.Simulation(case.population, case.year, age=False).columns("nonrefundable_ctc", "refundable_ctc")
    large = case.population.tables["tax_unit"]["ctc_qualifying_children"] >= 3
    used = (values["nonrefundable_ctc"] > 0) & (values["refundable_ctc"] == 0)
    return Departure("Refundable credit as reported", "26 USC 24(d)", JAXSIM, units=large & used & (case.year < 2024),
                     outputs=frozenset({"refundable_ctc"}))  # fmt: skip


@js.rule(TaxUnit)
def qbi_wage_and_property_limit():
    """No limit."""
    return NO_LIMIT


def wages_of_businesses(case: Case) -> Departure:
    """TAXSIM does not know the wages businesses pay and sets no limit by them; jaxsim takes them to be none."""
    return Departure("Wages of businesses", "26 USC 199A(b)(2)(B)", UNKNOWN, rules=(qbi_wage_and_property_limit,))


@js.rule(TaxUnit)
def taxable_income_before_qbi_deduction(
    adjusted_gross_income,
    itemized_deductions_before_limit,
    standard_deduction,
    nonitemizer_charitable_deduction,
    deductions_beside_itemizing,
):
    """Income less deductions, negative where they exceed it."""
    deduction = higher_of(standard_deduction + nonitemizer_charitable_deduction, itemized_deductions_before_limit)
    return adjusted_gross_income - deduction - deductions_beside_itemizing


def gains_in_the_business_limit(case: Case) -> Departure:
    """TAXSIM subtracts all capital gains, short-term ones too, from the income that limits the deduction for business
    income, and adds deductible losses, also where deductions exceed income. The law subtracts net capital gain, which
    is net long-term gain above net short-term loss and not less than zero."""
    return Departure(
        "Gains in the limit of business income",
        "26 USC 199A(a)(2), 1222(11)",
        JAXSIM,
        rules=(taxable_income_before_qbi_deduction,),
        reads={"qbi_deduction": {"net_capital_gain": "capital_gain_in_income"}},
    )


@js.rule(TaxUnit)
def qualified_business_income(
    tax_unit_self_employment_profit,
    active_partnership_s_corp_income,
    self_employment_tax_deduction,
    qbi_applicable_share,
):
    """Profit from self-employment, a loss left out, as far as it qualifies, and all income of S corporations."""
    profit = relu(tax_unit_self_employment_profit) * qbi_applicable_share
    return higher_of(profit + active_partnership_s_corp_income - self_employment_tax_deduction, 0.0)


@js.rule(TaxUnit, unit="/1")
def all_of_it():
    """All."""
    return 1.0


def kinds_of_businesses(case: Case) -> Departure:
    """TAXSIM does not set a loss from self-employment against the income of S corporations in the deduction for
    business income, takes S corporations for no service trades and subtracts all of the deduction for self-employment
    tax from what qualifies of a service trade. The law sets losses off in proportion; jaxsim's reader takes all
    businesses of a unit for service trades if one is; the law counts the qualifying share of all items of a service
    trade, deductions too."""
    return Departure(
        "Kinds of businesses",
        "26 USC 199A(c)(2) and (d)(3)(A)(ii), Treas. Reg. 1.199A-1(d)(2)(iii)",
        JAXSIM,
        rules=(qualified_business_income, all_of_it),
        reads={"combined_qbi_amount": {"qbi_applicable_share": "all_of_it"}},
    )


@js.rule(TaxUnit, unit="/1")
def qbi_applicable_share():
    """Service trades qualify."""
    return 1.0


def service_trades(case: Case) -> Departure:
    """From 2024 the build in testing gives service trades (`pprofinc`) the deduction for business income whatever the
    income; until 2023 it does not. The law ends it."""
    rules = (qbi_applicable_share,) if case.year >= 2024 else ()
    return Departure("Service trades", "26 USC 199A(d)(3)", JAXSIM, rules=rules)


@js.rule(TaxUnit)
def gross_investment_income(
    taxable_interest_income,
    ordinary_dividend_income,
    capital_gain_in_income,
    rental_partnership_s_corp_income,
    active_partnership_s_corp_income,
):
    """Interest, dividends and gains, capital losses beyond them left out, and passive income or loss."""
    portfolio = relu(taxable_interest_income + ordinary_dividend_income + capital_gain_in_income)
    return portfolio + rental_partnership_s_corp_income - active_partnership_s_corp_income


def losses_in_investment_income(case: Case) -> Departure:
    """TAXSIM does not set deductible capital losses against rents in net investment income. The law does."""
    return Departure(
        "Losses in net investment income",
        "26 USC 1411(c)(1), Treas. Reg. 1.1411-4(f)(4)",
        JAXSIM,
        rules=(gross_investment_income,),
    )


@js.rule(TaxUnit)
def no_active_income():
    """Nothing is active."""
    return 0.0


def shareholders_in_investment_income(case: Case) -> Departure:
    """TAXSIM counts income from S corporations as net investment income. jaxsim reads it as of active shareholders,
    and the law leaves income of a trade or business out unless it is passive."""
    return Departure(
        "S corporations in net investment income",
        "26 USC 1411(c)(1)(A)(ii) and (2)(A)",
        UNKNOWN,
        rules=(no_active_income,),
        reads={"gross_investment_income": {"active_partnership_s_corp_income": "no_active_income"}},
    )


@js.rule(TaxUnit)
def earned_income(
    tax_unit_wages,
    tax_unit_self_employment_profit,
    self_employment_tax_deduction,
    income_of_shareholders,
):
    """Wages, self-employment less half of the tax on it, S corporations and other income that is not of property."""
    profit = tax_unit_self_employment_profit - self_employment_tax_deduction
    return higher_of(tax_unit_wages + profit + income_of_shareholders, 0.0)


@js.rule(TaxUnit)
def income_of_shareholders(active_partnership_s_corp_income, miscellaneous_income, alimony_paid):
    """Income of S corporations and other income that is not of property."""
    return active_partnership_s_corp_income + miscellaneous_income - alimony_paid


@js.rule(TaxUnit)
def head_earned_income_of_shareholder(head_earned_income, income_of_shareholders, filing_status):
    """Earned income of the head with that of shareholders, half of it on a joint return."""
    return relu(head_earned_income + income_of_shareholders * (1 - equals(filing_status, JOINT) / 2))


@js.rule(TaxUnit)
def spouse_earned_income_of_shareholder(spouse_earned_income, income_of_shareholders):
    """Earned income of the spouse with half of that of shareholders."""
    return relu(spouse_earned_income + income_of_shareholders / 2)


@js.rule(Person, parameters="irs.payroll.self_employment")
def person_earned_income(employment_income, self_employment_profit, person_self_employment_tax, p):
    """Wages and profit without a loss, less half of the self-employment tax."""
    return employment_income + relu(self_employment_profit) - p.deduction_share * person_self_employment_tax


def earnings_of_shareholders(case: Case) -> Departure:
    """TAXSIM counts income of S corporations and what it calls other income not of property (`nonprop`, read here as
    alimony) as earned income, and leaves losses from self-employment out of the earned income that limits care
    expenses. The law counts wages and net earnings from self-employment, losses included."""
    return Departure(
        "Earnings of shareholders and losses of the self-employed",
        "26 USC 32(c)(2)(A), 1402(a)(2), Treas. Reg. 1.32-2(c)(2), Rev. Rul. 59-221",
        JAXSIM,
        rules=(
            income_of_shareholders,
            earned_income,
            person_earned_income,
            head_earned_income_of_shareholder,
            spouse_earned_income_of_shareholder,
        ),
        reads={
            "care_earned_income_limit": {
                "head_earned_income": "head_earned_income_of_shareholder",
                "spouse_earned_income": "spouse_earned_income_of_shareholder",
            }
        },
    )


@js.rule(TaxUnit, unit="count")
def head_is_eitc_age_or_has_dependents(head_is_eitc_age, dependents):
    """The head's age fits, or there are dependents."""
    return either(head_is_eitc_age, at_least(dependents, 1.0, unit="count"))


def ages_of_filers_with_dependents(case: Case) -> Departure:
    """TAXSIM gives the earned income credit without a qualifying child to filers of any age who have other dependents.
    By the law the filer or the spouse must be 25 to 64."""
    return Departure(
        "Ages in the earned income credit",
        "26 USC 32(c)(1)(A)(ii)(II)",
        JAXSIM,
        rules=(head_is_eitc_age_or_has_dependents,),
        reads={"is_eitc_eligible": {"head_is_eitc_age": "head_is_eitc_age_or_has_dependents"}},
    )


def reduction_reported_as_refund(case: Case) -> Departure:
    """For incomes at which the child tax credit falls, TAXSIM reports the reduction where it reports the refundable
    part (v23); its income tax is not touched."""
    sim = js.Simulation(case.population, case.year, age=False)
    reduced = sim.columns("ctc_phase_out")["ctc_phase_out"] > 0
    return Departure("Reduction reported as refundable credit", "26 USC 24(b), (d)", JAXSIM, units=reduced,
                     outputs=frozenset({"refundable_ctc"}))  # fmt: skip


@js.rule(TaxUnit)
def earned_income_of_dependent(
    tax_unit_wages,
    tax_unit_self_employment_profit,
    self_employment_tax_deduction,
    active_partnership_s_corp_income,
    alimony_paid,
):
    """Wages, and profit from self-employment and of S corporations without losses, less adjustments."""
    profit = relu(tax_unit_self_employment_profit) - self_employment_tax_deduction
    return tax_unit_wages + profit + relu(active_partnership_s_corp_income) - alimony_paid


@js.rule(TaxUnit)
def all_income_of_dependent(earned_income_of_dependent, miscellaneous_income):
    """The same with other income."""
    return earned_income_of_dependent + miscellaneous_income


def standard_deduction_of_dependents(case: Case) -> Departure:
    """TAXSIM gives dependents the standard deduction of 2021 until 2023: at least $1,100, and earned income with $350
    more, though it reports $400 more; in 2024 at least the $1,350 of 2025. It leaves business losses out of earned
    income, subtracts adjustments and from 2024 adds other income (`nonprop`). The amounts are indexed: $1,150 and $400
    in 2022, $1,250 and $400 in 2023, $1,300 in 2024, and earned income is that of section 911(d)(2)."""
    path = "irs.deductions.standard.dependent"
    parameters = {f"{path}.minimum": 1_350.0} if case.year >= 2024 else {
        f"{path}.minimum": 1_100.0, f"{path}.earned_income_addition": 350.0}  # fmt: skip
    earned = "all_income_of_dependent" if case.year >= 2024 else "earned_income_of_dependent"
    return Departure(
        "Standard deduction of dependents",
        "26 USC 63(c)(5), Rev. Procs. 2021-45 to 2023-34",
        JAXSIM,
        rules=(earned_income_of_dependent, all_income_of_dependent),
        reads={"basic_standard_deduction": {"earned_income": earned}},
        parameters=parameters,
        units=(case.population.tables["tax_unit"]["head_is_dependent_elsewhere"] > 0) & (case.year < 2024),
        outputs=frozenset({"standard"}),
    )


def payroll_taxes_of_large_families(case: Case) -> Departure:
    """TAXSIM does not let families with three children or more take the payroll taxes in place of a share of earnings
    as the limit of the refundable child tax credit. The law does."""
    path = "irs.credits.ctc.refundable.minimum_children_for_payroll_tax_option"
    greatest = float(js.load_law()[path].bounds[1])
    return Departure("Refundable credit of large families", "26 USC 24(d)(1)(B)(ii)", JAXSIM,
                     parameters={path: greatest})  # fmt: skip


def medicare_threshold_of_separate_filers(case: Case) -> Departure:
    """TAXSIM gives separate filers the threshold of the unmarried for additional Medicare tax. By the law theirs is
    half of that of joint returns, $125,000."""
    path = "irs.payroll.medicare.additional.threshold"
    amounts = np.array(case.law[path])
    amounts[SEPARATE] = amounts[SINGLE]
    return Departure("Additional Medicare tax of separate filers", "26 USC 1401(b)(2)(A)(ii), 3101(b)(2)(B)", JAXSIM,
                     parameters={path: amounts})  # fmt: skip


def smooth_steps(case: Case) -> Departure:
    """TAXSIM lets the child tax credit and, until 2023, the rate of the care credit fall in proportion to income; the
    law has them fall by whole steps for each step "or fraction thereof"."""
    care = "irs.credits.dependent_care"
    step = float(case.law[f"{care}.first_phase_out.increment"])
    ratio = DOLLAR / step
    rate = {
        f"{care}.first_phase_out.increment": DOLLAR,
        f"{care}.second_phase_out.increment": np.array(case.law[f"{care}.second_phase_out.increment"]) * ratio,
        f"{care}.rate_step": float(case.law[f"{care}.rate_step"]) * ratio,
    }
    return Departure("Steps of credits", "26 USC 21(a)(2), 24(b)(1)", JAXSIM,
                     parameters={"irs.credits.ctc.phase_out.increment": DOLLAR, **(rate if case.year < 2024 else {})}
                     )  # fmt: skip


def choice_to_itemize(case: Case) -> Departure:
    """TAXSIM chooses between the standard and the itemized deductions by the tax they lead to, and takes the standard
    deduction where no tax is due either way; jaxsim takes the greater. The law leaves the choice to the filer."""
    sim = js.Simulation(case.population, case.year, age=False)
    tax = "income_tax_before_refundable_credits"
    with_taxes = (taxes_in_other_deductions(case),)
    values = simulate(sim, with_taxes, ("itemizes",))
    standard = simulate(sim.with_rules(never_itemizes), with_taxes, (tax,))[tax]
    itemized = simulate(sim.with_rules(itemizes), with_taxes, (tax,))[tax]
    same = (np.abs(itemized - standard) <= 1) & (values["itemizes"] > 0)
    outputs = frozenset({"standard", "itemized", "taxable_income", "qbi", "before_credits", "care", "refundable_ctc"})
    return Departure("Choice to itemize", "26 USC 63(e)", EITHER, units=same, outputs=outputs)


def choice_by_minimum_tax(case: Case) -> Departure:
    """Where the minimum tax does not allow the standard deduction but lesser itemized deductions (and TAXSIM's
    `otheritem`), TAXSIM itemizes if that leads to less tax; jaxsim takes the greater deduction. The law leaves the
    choice to the filer."""
    sim = js.Simulation(case.population, case.year, age=False)
    tax, with_taxes = "income_tax_before_refundable_credits", (taxes_in_other_deductions(case),)
    taken = simulate(sim, with_taxes, (tax, "itemizes"))
    itemized = simulate(sim.with_rules(itemizes), with_taxes, (tax,))[tax]
    return Departure("Choice by the minimum tax", "26 USC 56(b)(1)(D), 63(e)", EITHER,
                     units=(taken["itemizes"] == 0) & (itemized < taken[tax] - 1))  # fmt: skip


DEPARTURES = (
    self_employment_minimum,
    wages_above_the_base,
    additional_medicare_tax,
    taxes_in_other_deductions,
    state_taxes_in_investment_income,
    excess_business_loss,
    businesses_without_self_employment_tax,
    bracket_of_heads_of_household,
    losses_as_gains,
    thresholds_of_gains,
    law_of_2026,
    amounts_of_minimum_tax,
    threshold_of_gains_in_minimum_tax,
    taxes_of_separate_filers,
    seniors_in_the_business_limit,
    losses_of_dependents,
    minimum_tax_of_children,
    range_of_service_trades,
    separate_seniors,
    childless_threshold,
    losses_in_disqualified_income,
    credit_given_as_refund,
    refunds_of_large_families,
    wages_of_businesses,
    gains_in_the_business_limit,
    kinds_of_businesses,
    service_trades,
    losses_in_investment_income,
    shareholders_in_investment_income,
    earnings_of_shareholders,
    ages_of_filers_with_dependents,
    reduction_reported_as_refund,
    standard_deduction_of_dependents,
    payroll_taxes_of_large_families,
    medicare_threshold_of_separate_filers,
    smooth_steps,
    choice_to_itemize,
    choice_by_minimum_tax,
)
