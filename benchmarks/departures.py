"""Where Tax-Calculator departs from the statute or from jaxsim's reading of it, each as a change of jaxsim.

Each function below describes one departure. Its docstring is printed in AGREEMENT.md: what Tax-Calculator does, then
what the law says. Rules here follow Tax-Calculator's formulas and are no reading of the law; none of them looks at
Tax-Calculator's results.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import taxcalc

import jaxsim as js
from jaxsim.engine import of_head, of_spouse, sum_of_filers
from jaxsim.numerics import (
    above,
    at_least,
    at_most,
    below,
    choose,
    either,
    equals,
    higher_of,
    lower_of,
    pick,
    relu,
    safe_div,
)
from jaxsim.parameters import NO_LIMIT
from jaxsim.population import SPOUSE
from jaxsim.rules.us import system
from jaxsim.rules.us.entities import Person, TaxUnit
from jaxsim.rules.us.inputs import JOINT, SEPARATE

JAXSIM, TAX_CALCULATOR = "jaxsim", "Tax-Calculator"
EITHER, UNKNOWN = "either, an election", "the data do not say"
ITEMIZED = "irs.deductions.itemized"


@dataclass(frozen=True)
class Case:
    """What a departure may depend on: the year, the input file, and both programs' parameters of the year.

    Only Tax-Calculator's cases have its input file and its policy.
    """

    year: int
    frame: pd.DataFrame | None
    population: js.Population
    policy: taxcalc.Policy | None
    law: js.Parameters


@dataclass(frozen=True)
class Departure:
    """A difference between the two programs, as changes under which jaxsim does as Tax-Calculator does.

    Attributes:
        name: what differs.
        law: the section it is about.
        who_is_right: which program follows the law, or why that cannot be said.
        rules: rules that replace jaxsim's or are added.
        reads: for some rules, variables that they read in place of one of their arguments.
        parameters: values of the year by parameter path.
        columns: input columns replaced.
        by_tax: itemizing is chosen by the tax it leads to, as Tax-Calculator compares it.
        units: tax units whose differences it accounts for as they are, where it has no formula here.
        outputs: the outputs in which it does; all by default.
        text: what the other program does and what the law says, filled in from the docstring of its maker.
    """

    name: str
    law: str
    who_is_right: str
    rules: tuple[js.Rule, ...] = ()
    reads: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    columns: Mapping[str, np.ndarray] = field(default_factory=dict)
    by_tax: bool = False
    units: np.ndarray | None = None
    outputs: frozenset[str] | None = None
    text: str = ""


def simulate(sim: js.Simulation, departures: Iterable[Departure], targets: Iterable[str]) -> dict[str, np.ndarray]:
    """Targets of a simulation in which the departures hold, in the order of tax units."""
    targets = tuple(dict.fromkeys((*targets, "tax_before_credits")))
    rules: dict[str, js.Rule] = {}
    reads: dict[str, dict[str, str]] = {}
    parameters: dict[str, Any] = {}
    by_tax = False
    for departure in departures:
        by_tax = by_tax or departure.by_tax
        parameters.update({path: {sim.year: value} for path, value in departure.parameters.items()})
        for rule in departure.rules:
            if rules.setdefault(rule.name, rule) is not rule:
                raise ValueError(f"two departures replace the rule {rule.name}")
        for name, instead in departure.reads.items():
            if set(instead) & set(reads.get(name, ())):
                raise ValueError(f"two departures change what the rule {name} reads")
            reads.setdefault(name, {}).update(instead)
        for name, column in departure.columns.items():
            sim = sim.with_column(name, column)
    for name, instead in reads.items():
        rules[name] = reading(rules.get(name, system().rules[name]), instead)
    if parameters:
        sim = sim.with_reform(parameters)
    if not by_tax:
        return (sim.with_rules(*rules.values()) if rules else sim).columns(*targets)
    standard = sim.with_rules(*rules.values(), never_itemizes).columns(*targets)
    if_itemized = sim.with_rules(*rules.values(), itemizes)
    itemized = if_itemized.columns(*targets)
    minimum_income = if_itemized.system.rules["alternative_minimum_income_before_addition"]
    no_taxes_added_back = reading(minimum_income, {"state_and_local_tax_deduction": "nothing"})
    compared = if_itemized.with_rules(nothing, no_taxes_added_back).columns("tax_before_credits")
    chosen = compared["tax_before_credits"] < standard["tax_before_credits"]
    return {name: np.where(chosen, itemized[name], standard[name]) for name in targets}


def reading(rule: js.Rule, instead: Mapping[str, str]) -> js.Rule:
    """The same rule, where it reads other variables in place of some of its arguments."""
    missing = set(instead) - set(rule.arguments)
    if missing:
        raise ValueError(f"the rule {rule.name} does not read {', '.join(sorted(missing))}")
    variable_of = {argument: instead.get(argument, argument) for argument in rule.arguments}

    def function(**values: Any) -> Any:
        read = {argument: values[variable] for argument, variable in variable_of.items()}
        return rule.function(**read, **{name: values[name] for name in rule.parameters})

    return dataclasses.replace(rule, function=function, arguments=tuple(dict.fromkeys(variable_of.values())))


def differing(case: Case, path: str, name: str, row: int | None = None) -> dict[str, np.ndarray]:
    """Tax-Calculator's value of a parameter under jaxsim's path, if it differs; `row` for one bracket of several."""
    ours = np.array(case.law[path])
    theirs = ours.copy()
    theirs[... if row is None else row] = np.minimum(getattr(case.policy, name)[0], NO_LIMIT)
    return {} if np.allclose(ours, theirs) else {path: theirs}


@js.rule(TaxUnit)
def nothing():
    """Nothing."""
    return 0.0


# --- income ------------------------------------------------------------------------------------------------------


def alimony(case: Case) -> Departure:
    """Tax-Calculator counts no alimony, received or paid. Alimony under instruments executed before 2019 remains income
    of the recipient and a deduction of the payer unless a later change of the instrument says otherwise; the file does
    not give the dates."""
    none = np.zeros(case.population.count("tax_unit"))
    law = "26 USC 71 and 215 before their repeal, P.L. 115-97 sec. 11051(c)"
    return Departure("Alimony", law, UNKNOWN, columns={"alimony_income": none, "alimony_paid": none})


@js.rule(TaxUnit, parameters="irs.income_tax.capital_loss")
def capital_gain_without_distributions(short_term_capital_gains, long_term_capital_gains, filing_status, p):
    """Net gain or deductible loss without capital gain distributions."""
    return higher_of(short_term_capital_gains + long_term_capital_gains, -pick(p.limit, filing_status))


@js.rule(TaxUnit)
def net_capital_gain_without_distributions(
    short_term_capital_gains, long_term_capital_gains, qualified_dividend_income
):
    """Net capital gain with qualified dividends, without capital gain distributions."""
    return relu(relu(long_term_capital_gains) - relu(-short_term_capital_gains)) + qualified_dividend_income


@js.rule(TaxUnit)
def capital_gain_in_income(capital_gain_without_distributions, capital_gain_distributions):
    """Net gain or deductible loss, and distributions beside it."""
    return capital_gain_without_distributions + capital_gain_distributions


@js.rule(TaxUnit)
def adjusted_net_capital_gain(
    short_term_capital_gains, long_term_capital_gains, capital_gain_distributions, qualified_dividend_income
):
    """Net capital gain, distributions beside it, and qualified dividends."""
    net = relu(lower_of(long_term_capital_gains, short_term_capital_gains + long_term_capital_gains))
    return net + capital_gain_distributions + qualified_dividend_income


def losses_against_distributions(case: Case) -> Departure:
    """Tax-Calculator adds capital gain distributions to income beside the net gain or loss, so that losses are not
    set against them. They are long-term capital gains of the shareholder and go into the netting."""
    return Departure(
        "Capital losses and capital gain distributions",
        "26 USC 852(b)(3)(B), 1222",
        JAXSIM,
        rules=(capital_gain_without_distributions, capital_gain_in_income, adjusted_net_capital_gain),
    )


sole_proprietors_income = sum_of_filers(
    "sole_proprietors_income", of="self_employment_income", to=TaxUnit, label="Sole proprietorships of both filers"
)


def excess_business_loss(case: Case) -> Departure:
    """Tax-Calculator limits the loss from sole proprietorships with rents, partnerships and S corporations. jaxsim
    has no such limit yet. The law limits the aggregate of all trades or businesses, farms included."""
    cap = np.array(case.policy.ALD_BusinessLosses_c[0])
    total = system().rules["income_before_social_security"]

    def function(sole_proprietors_income, filing_status, **incomes):
        loss = -(sole_proprietors_income + incomes["rental_partnership_s_corp_income"])
        return total.function(**incomes) + relu(loss - pick(cap, filing_status))

    arguments = (*total.arguments, "sole_proprietors_income", "filing_status")
    limited = dataclasses.replace(total, function=function, arguments=arguments)
    law = "26 USC 461(l)"
    return Departure("Excess business losses", law, TAX_CALCULATOR, rules=(sole_proprietors_income, limited))


@js.rule(Person)
def taxable_self_employment_earnings(net_earnings_from_self_employment):
    """Net earnings from self-employment without a minimum."""
    return net_earnings_from_self_employment


filers_self_employment_tax = sum_of_filers(
    "filers_self_employment_tax", of="person_self_employment_tax", to=TaxUnit, label="Tax of both filers, no minimum"
)


@js.rule(
    TaxUnit,
    parameters={
        "p": "irs.payroll.self_employment",
        "social_security": "irs.payroll.social_security",
        "medicare": "irs.payroll.medicare",
    },
)
def self_employment_tax(filers_self_employment_tax, tax_unit_self_employment_profit, p, social_security, medicare):
    """Tax of both filers where their profits and losses together exceed the minimum."""
    half_rate = (social_security.self_employment_rate + medicare.self_employment_rate) / 2
    return filers_self_employment_tax * above(tax_unit_self_employment_profit * (1 - half_rate), p.minimum_net_earnings)


def self_employment_minimum(case: Case) -> Departure:
    """Tax-Calculator compares the net earnings of both spouses, losses of one included, with the minimum of $400,
    leaves it out of additional Medicare tax, and deducts the tax from earnings of a spouse even where none is due.
    The law defines self-employment income person by person: none below $400."""
    return Departure(
        "Minimum of self-employment income",
        "26 USC 1402(b)(2), Treas. Reg. 1.6017-1(b)",
        JAXSIM,
        rules=(taxable_self_employment_earnings, filers_self_employment_tax, self_employment_tax),
    )


# --- deductions --------------------------------------------------------------------------------------------------


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


def top_bracket(case: Case) -> Departure:
    """Tax-Calculator has the top rate of separate filers begin at $578,125 in 2023, the amount of single filers. It
    is half of the joint amount, $346,875."""
    return Departure(
        "Top bracket of separate filers",
        "26 USC 1(j)(2)(D), Rev. Proc. 2022-38",
        JAXSIM,
        parameters=differing(case, "irs.income_tax.rates.threshold", "II_brk6", row=6),
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
    """Tax-Calculator takes the floor of 2026 from both kinds of gifts in proportion and puts all gifts under the
    ceiling of 60 percent. By the law the floor is first absorbed by gifts other than cash, and these are allowed
    only as far as gifts of cash leave room below their own lower ceiling."""
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
    senior_deduction,
):
    """Taxable income with the deduction taken, before the deduction for business income."""
    standard = standard_deduction + nonitemizer_charitable_deduction
    deduction = choose(itemizes, itemized_deductions_before_limit, standard)
    return relu(adjusted_gross_income - deduction - senior_deduction)


@js.rule(TaxUnit, unit="flag")
def itemizes():
    """Everyone itemizes."""
    return 1.0


@js.rule(TaxUnit, unit="flag", name="itemizes")
def never_itemizes():
    """Nobody itemizes."""
    return 0.0


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
        reads={"qbi_deduction": {"adjusted_net_capital_gain": "net_capital_gain_without_distributions"}},
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
    phase in (and in 2022 of where it begins) and of the income at which the child tax credit falls. The law doubles
    them for joint returns only."""
    return Departure(
        "Amounts of surviving spouses",
        "26 USC 199A(b)(3)(B), 24(h)(3)",
        JAXSIM,
        parameters={
            **differing(case, "irs.deductions.qbi.threshold", "PT_qbid_taxinc_thd"),
            **differing(case, "irs.deductions.qbi.phase_in_range", "PT_qbid_taxinc_gap"),
            **differing(case, "irs.credits.ctc.phase_out.threshold", "CTC_ps"),
        },
    )


# --- alternative minimum and net investment income tax -----------------------------------------------------------


def limit_in_minimum_tax(case: Case) -> Departure:
    """From 2026 Tax-Calculator applies the limit on itemized deductions in the alternative minimum tax too. By the
    law the limit does not apply there."""
    return Departure(
        "Limit on itemized deductions in the minimum tax",
        "26 USC 56(b)(1)(E)",
        JAXSIM,
        reads={
            "alternative_minimum_income_before_addition": {"itemized_deductions_before_limit": "itemized_deductions"}
        },
    )


def gifts_in_minimum_tax(case: Case) -> Departure:
    """From 2026 Tax-Calculator treats gifts of non-itemizers as part of the standard deduction, which the
    alternative minimum tax does not allow. They are a deduction of their own, which it allows."""
    return Departure(
        "Gifts of non-itemizers in the minimum tax",
        "26 USC 56(b)(1)(D), 63(b)(4), 170(p)",
        JAXSIM,
        rules=(nothing,),
        reads={"alternative_minimum_income_before_addition": {"nonitemizer_charitable_deduction": "nothing"}},
    )


def addition_of_separate_filers(case: Case) -> Departure:
    """Tax-Calculator leaves out the amount that separate filers add to alternative minimum taxable income above the
    income at which their exemption is used up."""
    return Departure(
        "Addition to minimum taxable income",
        "26 USC 55(d)(2), last sentence",
        JAXSIM,
        reads={
            "amt_taxable_excess": {"alternative_minimum_taxable_income": "alternative_minimum_income_before_addition"}
        },
    )


def exemption_of_separate_filers(case: Case) -> Departure:
    """Tax-Calculator ends the exemption of separate filers at an amount of its own, in 2026 $1,000 before the
    phase-out has used it up. The law knows no such end."""
    end = float(np.ravel(case.policy.AMT_em_pe)[0])
    exemption = system().rules["amt_exemption"]

    def function(alternative_minimum_income_before_addition, filing_status, p):
        amount = exemption.function(alternative_minimum_income_before_addition, filing_status, p)
        ended = equals(filing_status, SEPARATE) * above(alternative_minimum_income_before_addition, end)
        return amount * (1 - ended)

    return Departure(
        "End of the exemption of separate filers",
        "26 USC 55(d)(2)",
        JAXSIM,
        rules=(dataclasses.replace(exemption, function=function),),
    )


head_age = of_head("head_age", of="age", to=TaxUnit, label="Age of the head", unit="year")
spouse_age = of_spouse("spouse_age", of="age", to=TaxUnit, label="Age of the spouse", unit="year")


def exemption_of_children(case: Case) -> Departure:
    """Tax-Calculator limits the exemption of heads under 18, without an older spouse, to their earned income and a
    fixed amount, as the law does for children whose unearned income is taxed at their parents' rates. jaxsim has no
    such limit yet."""
    adult = float(np.ravel(case.policy.AMT_child_em_c_age)[0])
    addition = float(np.ravel(case.policy.AMT_child_em)[0])

    @js.rule(TaxUnit)
    def amt_exemption_of_children(amt_exemption, head_age, spouse_age, earned_income):
        """Exemption with the limit for children."""
        young = below(head_age, adult, "year") * below(spouse_age, adult, "year") * (1 - equals(head_age, 0))
        return choose(young, lower_of(amt_exemption, earned_income + addition), amt_exemption)

    return Departure(
        "Exemption of children in the minimum tax",
        "26 USC 59(j)",
        TAX_CALCULATOR,
        rules=(head_age, spouse_age, amt_exemption_of_children),
        reads={"amt_taxable_excess": {"amt_exemption": "amt_exemption_of_children"}},
    )


def distributions_in_investment_income(case: Case) -> Departure:
    """Tax-Calculator leaves capital gain distributions out of net investment income. The law includes net gain from
    the disposition of property, and capital gain distributions are such gains of the shareholder."""
    return Departure(
        "Distributions in net investment income",
        "26 USC 1411(c)(1)(A)(iii), 852(b)(3)(B)",
        JAXSIM,
        rules=(capital_gain_without_distributions,),
        reads={"net_investment_income": {"capital_gain_in_income": "capital_gain_without_distributions"}},
    )


# --- credits -----------------------------------------------------------------------------------------------------


@js.rule(TaxUnit)
def dependent_care_credit_before_limit(creditable_care_expense, dependent_care_rate):
    """Credit before the limit by tax, for separate filers too."""
    return creditable_care_expense * dependent_care_rate


def care_credit_of_separate_filers(case: Case) -> Departure:
    """Tax-Calculator gives the credit for dependent care to separate filers. By the law the married must file
    jointly for it, unless they count as unmarried."""
    return Departure(
        "Care credit of separate filers",
        "26 USC 21(e)(2) and (4)",
        JAXSIM,
        rules=(dependent_care_credit_before_limit,),
    )


@js.rule(TaxUnit, parameters="irs.credits.elderly")
def elderly_credit_reduction(
    social_security,
    taxable_social_security,
    pension_income,
    taxable_pension_income,
    adjusted_gross_income,
    filing_status,
    p,
):
    """Reduction by Social Security and pensions that are not taxed and by half of the income above a threshold."""
    untaxed = relu(social_security - taxable_social_security) + relu(pension_income - taxable_pension_income)
    return untaxed + p.phase_out.rate * relu(adjusted_gross_income - pick(p.phase_out.threshold, filing_status))


def pensions_in_elderly_credit(case: Case) -> Departure:
    """Tax-Calculator reduces the credit for the elderly by all pensions that are not taxed. The law reduces it by
    those excluded under laws other than the Internal Revenue Code; what the file has is the part of annuities that
    section 72 of the Code excludes."""
    return Departure(
        "Untaxed pensions in the credit for the elderly",
        "26 USC 22(c)(3)(A)(ii), 72",
        JAXSIM,
        rules=(elderly_credit_reduction,),
    )


@js.rule(Person, parameters="irs.credits.eitc", unit="count")
def is_eitc_age(age, p):
    """1 for a person of an age at which the credit needs no child, or of age 0, else 0."""
    fits = at_least(age, p.minimum_age, unit="year") * at_most(age, p.maximum_age, unit="year")
    return either(equals(age, 0), fits)


def unknown_ages(case: Case) -> Departure:
    """Tax-Calculator takes a head or spouse whose age is 0 in the file to be of the age for the earned income credit
    without a child. jaxsim's reader gives such a spouse the age of the head, at most 64, and keeps heads as they
    are."""
    population = case.population
    unknown = case.frame.loc[(case.frame["MARS"] == 2) & (case.frame["age_spouse"] == 0), "RECID"]
    person = population.tables["person"]
    without_age = (person["role"] == SPOUSE) & np.isin(person["tax_unit_id"], unknown)
    return Departure(
        "Unknown ages in the earned income credit",
        "26 USC 32(c)(1)(A)(ii)(II)",
        UNKNOWN,
        rules=(is_eitc_age,),
        columns={"age": np.where(without_age, 0.0, person["age"])},
    )


@js.rule(TaxUnit, parameters="irs.credits.eitc", unit="count")
def is_eitc_eligible(
    eitc_qualifying_children,
    head_is_eitc_age,
    spouse_is_eitc_age,
    head_is_dependent_elsewhere,
    filing_status,
    lives_apart_from_spouse,
    eitc_disqualified_income,
    p,
):
    """1 where the unit may have the credit, separate filers without a child included."""
    by_age = either(head_is_eitc_age, spouse_is_eitc_age * equals(filing_status, JOINT))
    by_child = at_least(eitc_qualifying_children, 1.0, unit="count")
    barred = equals(filing_status, SEPARATE) * by_child * (1 - lives_apart_from_spouse)
    return (
        either(by_child, by_age)
        * (1 - barred)
        * (1 - head_is_dependent_elsewhere)
        * at_most(eitc_disqualified_income, p.investment_income_limit)
    )


def separate_filers_without_child(case: Case) -> Departure:
    """Tax-Calculator gives the earned income credit to separate filers without a child. By the law a separate filer
    needs a child to count as unmarried."""
    return Departure(
        "Earned income credit of separate filers without a child",
        "26 USC 32(d)",
        JAXSIM,
        rules=(is_eitc_eligible,),
    )


def distributions_in_disqualified_income(case: Case) -> Departure:
    """Tax-Calculator leaves capital gain distributions out of the investment income that bars the earned income
    credit. The law includes capital gain net income, to which they belong."""
    return Departure(
        "Distributions in the investment income limit",
        "26 USC 32(i)(2)(D), 852(b)(3)(B)",
        JAXSIM,
        rules=(capital_gain_without_distributions,),
        reads={"eitc_disqualified_income": {"capital_gain_in_income": "capital_gain_without_distributions"}},
    )


def payroll_taxes_of_large_families(case: Case) -> Departure:
    """Tax-Calculator leaves additional Medicare tax out of the payroll taxes that limit the refundable child tax
    credit of families with three children. The law counts all taxes of section 3101."""
    return Departure(
        "Additional Medicare tax in the refundable child tax credit",
        "26 USC 24(d)(2)(A)",
        JAXSIM,
        rules=(nothing,),
        reads={"social_security_taxes_for_ctc": {"additional_medicare_tax_on_wages": "nothing"}},
    )


DEPARTURES: tuple[Callable[[Case], Departure], ...] = (
    alimony,
    losses_against_distributions,
    excess_business_loss,
    self_employment_minimum,
    additional_standard_deduction,
    gifts_of_separate_filers,
    top_bracket,
    taxes_threshold,
    taxes_of_separate_filers,
    order_of_gifts,
    ceiling_of_noncash_gifts,
    limit_on_itemized_deductions,
    choice_to_itemize,
    gains_in_the_business_limit,
    minimum_of_service_businesses,
    surviving_spouses,
    limit_in_minimum_tax,
    gifts_in_minimum_tax,
    addition_of_separate_filers,
    exemption_of_separate_filers,
    exemption_of_children,
    distributions_in_investment_income,
    care_credit_of_separate_filers,
    pensions_in_elderly_credit,
    unknown_ages,
    separate_filers_without_child,
    distributions_in_disqualified_income,
    payroll_taxes_of_large_families,
)
