"""Where TAXSIM departs from the statute or from jaxsim's reading of it, each as a change of jaxsim.

As in `departures.py`: docstrings are printed, no function looks at TAXSIM's results, and rules written here follow what
TAXSIM does as far as it differs; they are no reading of the law. Its source is not published: what it does is inferred
from its answers.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from departures import EITHER, JAXSIM, UNKNOWN, Case, Departure

import jaxsim as js
from jaxsim.numerics import above, at_least, choose, either, equals, higher_of, relu
from jaxsim.parameters import NO_LIMIT
from jaxsim.rules.us import system
from jaxsim.rules.us.entities import Person, TaxUnit
from jaxsim.rules.us.inputs import JOINT, SEPARATE, SINGLE

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
    """The build in testing takes one side of the Social Security tax on wages above the contribution and benefit
    base; TAXSIM-35 does not. The law limits both sides."""
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
    """The build in testing counts additional Medicare tax in income tax and, as TAXSIM-35 does, in payroll taxes.
    Chapters 2 and 21 are no part of the income tax of chapter 1; where to count them is a matter of presentation."""
    total = system().rules["income_tax"]

    def function(additional_medicare_tax, **others):
        return total.function(**others) + additional_medicare_tax

    arguments = (*total.arguments, "additional_medicare_tax")
    rule = dataclasses.replace(total, function=function, arguments=arguments)
    return Departure("Additional Medicare tax", "26 USC 1401(b)(2), 3101(b)(2)", EITHER, rules=(rule,))


@js.rule(TaxUnit)
def qbi_wage_and_property_limit():
    """No limit."""
    return NO_LIMIT


def wages_of_businesses(case: Case) -> Departure:
    """TAXSIM does not know the wages businesses pay and sets no limit by them; jaxsim takes them to be none."""
    return Departure("Wages of businesses", "26 USC 199A(b)(2)(B)", UNKNOWN, rules=(qbi_wage_and_property_limit,))


@js.rule(TaxUnit)
def all_gains_and_losses(capital_gain_in_income, qualified_dividend_income, taxable_income_before_qbi_deduction):
    """Gains and deductible losses in income, short-term ones included, and qualified dividends."""
    total = capital_gain_in_income + qualified_dividend_income
    return choose(above(taxable_income_before_qbi_deduction, 0.0), total, relu(total))


@js.rule(TaxUnit)
def all_gains_and_losses_but_dividends(all_gains_and_losses, qualified_dividend_income):
    """The same without dividends."""
    return all_gains_and_losses - qualified_dividend_income


def gains_in_the_business_limit(case: Case) -> Departure:
    """TAXSIM subtracts all capital gains, short-term ones too, from the income that limits the deduction for business
    income, and adds deductible losses. The law subtracts net capital gain, which is net long-term gain above net
    short-term loss and not less than zero."""
    if "net_capital_gain" in system().rules["qbi_deduction"].arguments:
        instead = {"net_capital_gain": "all_gains_and_losses_but_dividends"}
    else:
        instead = {"adjusted_net_capital_gain": "all_gains_and_losses"}
    return Departure(
        "Gains in the limit of business income",
        "26 USC 199A(a)(2), 1222(11)",
        JAXSIM,
        rules=(all_gains_and_losses, all_gains_and_losses_but_dividends),
        reads={"qbi_deduction": instead},
    )


@js.rule(TaxUnit)
def qualified_business_income(
    tax_unit_self_employment_profit, active_partnership_s_corp_income, self_employment_tax_deduction
):
    """Profit from self-employment less half of the tax on it, a loss left out, and income of S corporations."""
    profit = relu(tax_unit_self_employment_profit - self_employment_tax_deduction)
    return higher_of(profit + active_partnership_s_corp_income, 0.0)


def losses_of_businesses(case: Case) -> Departure:
    """TAXSIM does not set a loss from self-employment against the income of S corporations in the deduction for
    business income. The law does, in proportion."""
    return Departure(
        "Losses of businesses",
        "26 USC 199A(c)(2), Treas. Reg. 1.199A-1(d)(2)(iii)",
        JAXSIM,
        rules=(qualified_business_income,),
    )


@js.rule(TaxUnit)
def net_investment_income(
    taxable_interest_income, ordinary_dividend_income, capital_gain_in_income, rental_partnership_s_corp_income
):
    """Interest, dividends and gains, capital losses beyond them left out, and rents and S corporations."""
    portfolio = relu(taxable_interest_income + ordinary_dividend_income + capital_gain_in_income)
    return relu(portfolio + rental_partnership_s_corp_income)


def investment_income(case: Case) -> Departure:
    """TAXSIM counts income from S corporations as net investment income, sets no deductible capital losses against
    rents, and makes no deductions. jaxsim reads the income as of active shareholders, which the law leaves out, and
    the law sets losses and allocable deductions against each kind."""
    return Departure(
        "Net investment income",
        "26 USC 1411(c)(1) and (2)(A), Treas. Reg. 1.1411-4(f)",
        JAXSIM,
        rules=(net_investment_income,),
    )


@js.rule(TaxUnit)
def earned_income(
    tax_unit_wages,
    tax_unit_self_employment_profit,
    self_employment_tax_deduction,
    active_partnership_s_corp_income,
    alimony_income,
):
    """Wages, self-employment less half of the tax on it, S corporations and other income that is not of property."""
    profit = tax_unit_self_employment_profit - self_employment_tax_deduction
    return higher_of(tax_unit_wages + profit + active_partnership_s_corp_income + alimony_income, 0.0)


@js.rule(TaxUnit)
def head_earned_income_of_shareholder(head_earned_income, active_partnership_s_corp_income, filing_status):
    """Earned income of the head with the income of S corporations, half of it on a joint return."""
    return relu(head_earned_income + active_partnership_s_corp_income * (1 - equals(filing_status, JOINT) / 2))


@js.rule(TaxUnit)
def spouse_earned_income_of_shareholder(spouse_earned_income, active_partnership_s_corp_income):
    """Earned income of the spouse with half of the income of S corporations."""
    return relu(spouse_earned_income + active_partnership_s_corp_income / 2)


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
    tax_unit_wages, tax_unit_self_employment_profit, self_employment_tax_deduction, active_partnership_s_corp_income
):
    """Wages, and profit from self-employment and of S corporations without losses."""
    profit = relu(tax_unit_self_employment_profit) - self_employment_tax_deduction
    return tax_unit_wages + profit + relu(active_partnership_s_corp_income)


def standard_deduction_of_dependents(case: Case) -> Departure:
    """TAXSIM gives dependents the standard deduction of 2021: at least $1,100, and earned income with $350 more, though
    it reports $400 more, and leaves business losses out of earned income. The amounts are indexed: $1,150 and $400 in
    2022, $1,250 and $400 in 2023."""
    path = "irs.deductions.standard.dependent"
    return Departure(
        "Standard deduction of dependents",
        "26 USC 63(c)(5), Rev. Proc. 2021-45 and 2022-38",
        JAXSIM,
        rules=(earned_income_of_dependent,),
        reads={"basic_standard_deduction": {"earned_income": "earned_income_of_dependent"}},
        parameters={f"{path}.minimum": 1_100.0, f"{path}.earned_income_addition": 350.0},
        units=case.population.tables["tax_unit"]["head_is_dependent_elsewhere"] > 0,
        outputs=frozenset({"standard"}),
    )


@js.rule(TaxUnit, name="excess_business_loss")
def no_excess_business_loss():
    """Nothing."""
    return 0.0


def excess_business_losses(case: Case) -> Departure:
    """TAXSIM does not limit business losses. The law does."""
    return Departure("Excess business losses", "26 USC 461(l)", JAXSIM, rules=(no_excess_business_loss,))


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
    """TAXSIM lets the rate of the care credit and the child tax credit fall in proportion to income; the law has them
    fall by whole steps for each step "or fraction thereof"."""
    care = "irs.credits.dependent_care"
    step = float(case.law[f"{care}.first_phase_out.increment"])
    ratio = DOLLAR / step
    return Departure(
        "Steps of credits",
        "26 USC 21(a)(2), 24(b)(1)",
        JAXSIM,
        parameters={
            f"{care}.first_phase_out.increment": DOLLAR,
            f"{care}.second_phase_out.increment": np.array(case.law[f"{care}.second_phase_out.increment"]) * ratio,
            f"{care}.rate_step": float(case.law[f"{care}.rate_step"]) * ratio,
            "irs.credits.ctc.phase_out.increment": DOLLAR,
        },
    )


def choice_to_itemize(case: Case) -> Departure:
    """TAXSIM chooses between the standard and the itemized deductions by the tax they lead to, and takes the standard
    deduction where no tax is due either way; jaxsim takes the greater. The law leaves the choice to the filer."""
    sim = js.Simulation(case.population, case.year, age=False)
    values = sim.columns("itemized_deductions", "itemizes", "income_tax_before_refundable_credits")
    standard = sim.with_rules(never_itemizes).columns("income_tax_before_refundable_credits")
    same = np.abs(standard["income_tax_before_refundable_credits"] - values["income_tax_before_refundable_credits"]) < 1
    outputs = frozenset({"standard", "itemized", "taxable_income", "qbi", "before_credits", "care", "refundable_ctc"})
    return Departure("Choice to itemize", "26 USC 63(e)", EITHER, units=same & (values["itemizes"] > 0),
                     outputs=outputs)  # fmt: skip


@js.rule(TaxUnit, unit="flag", name="itemizes")
def never_itemizes():
    """Nobody itemizes."""
    return 0.0


DEPARTURES = (
    excess_business_losses,
    self_employment_minimum,
    wages_above_the_base,
    additional_medicare_tax,
    wages_of_businesses,
    gains_in_the_business_limit,
    losses_of_businesses,
    investment_income,
    earnings_of_shareholders,
    ages_of_filers_with_dependents,
    reduction_reported_as_refund,
    standard_deduction_of_dependents,
    payroll_taxes_of_large_families,
    medicare_threshold_of_separate_filers,
    smooth_steps,
    choice_to_itemize,
)
