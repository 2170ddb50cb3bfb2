"""Where Tax-Calculator departs from the statute or from jaxsim's reading of it: regular, minimum and investment tax."""

from __future__ import annotations

import dataclasses

import numpy as np
from departures import JAXSIM, Case, Departure, differing, nothing
from departures_taxcalc_income import capital_gain_without_distributions

import jaxsim as js
from jaxsim.engine import of_head, of_spouse
from jaxsim.numerics import above, below, choose, equals, lower_of, pick, relu
from jaxsim.rules.us import system
from jaxsim.rules.us.entities import TaxUnit
from jaxsim.rules.us.inputs import SEPARATE


def top_bracket(case: Case) -> Departure:
    """Tax-Calculator has the top rate of separate filers begin at $578,125 in 2023, the amount of single filers. It
    is half of the joint amount, $346,875."""
    return Departure(
        "Top bracket of separate filers",
        "26 USC 1(j)(2)(D), Rev. Proc. 2022-38",
        JAXSIM,
        parameters=differing(case, "irs.income_tax.rates.threshold", "II_brk6", row=6),
    )


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
    fixed amount. Since 2018 the law sets this limit aside, since 2026 without end."""
    adult = float(np.ravel(case.policy.AMT_child_em_c_age)[0])
    addition = float(np.ravel(case.policy.AMT_child_em)[0])

    @js.rule(TaxUnit)
    def amt_exemption_of_children(amt_exemption, head_age, spouse_age, earned_income):
        """Exemption with the limit for children."""
        young = below(head_age, adult, "year") * below(spouse_age, adult, "year") * (1 - equals(head_age, 0))
        return choose(young, lower_of(amt_exemption, earned_income + addition), amt_exemption)

    return Departure(
        "Exemption of children in the minimum tax",
        "26 USC 55(d)(4)(A)(iii), 59(j)",
        JAXSIM,
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
        reads={"gross_investment_income": {"capital_gain_in_income": "capital_gain_without_distributions"}},
    )


def deductions_of_investment_income(case: Case) -> Departure:
    """Tax-Calculator taxes investment income without deductions. The law allows those allocable to it: investment
    interest and a share of state income taxes of those who itemize, and penalties on savings."""
    return Departure(
        "Deductions from investment income",
        "26 USC 1411(c)(1)(B), Treas. Reg. 1.1411-4(f)",
        JAXSIM,
        rules=(nothing,),
        reads={"net_investment_income": {"net_investment_income_deductions": "nothing"}},
    )


@js.rule(TaxUnit, parameters="irs.income_tax.capital_gains")
def room_below_25_percent(taxable_income, preferential_income, filing_status, p):
    """What ordinary income leaves of the income at which gains are taxed at nothing."""
    return relu(pick(p.threshold[1], filing_status) - relu(taxable_income - preferential_income))


def brackets_of_gain_groups(case: Case) -> Departure:
    """Tax-Calculator lets the gains taxed at 25 and 28 percent at most fill the brackets only up to the income at
    which other gains cease to be free of tax. By the law they fill all brackets below 25 percent: they are taxed at
    22 or 24 percent until ordinary income and they reach the end of the 24 percent bracket."""
    return Departure(
        "Brackets for gains at 25 and 28 percent",
        "26 USC 1(h)(1)(A)(ii)(I), Schedule D Tax Worksheet line 18",
        JAXSIM,
        rules=(room_below_25_percent,),
    )


@js.rule(TaxUnit)
def preferential_net_gain(net_capital_gain):
    """Net capital gain, whatever is taken as investment income."""
    return net_capital_gain


@js.rule(TaxUnit)
def preferential_dividends(qualified_dividend_income, gain_elected_as_investment_income):
    """Qualified dividends without all that is taken as investment income."""
    return relu(qualified_dividend_income - gain_elected_as_investment_income)


def election_of_investment_income(case: Case) -> Departure:
    """Tax-Calculator takes what is elected to be investment income out of qualified dividends alone, as its input
    does not give line 4e of Form 4952. By the form it comes out of net capital gain first."""
    return Departure(
        "Gain elected as investment income",
        "26 USC 1(h)(2) and (11)(D)(i), Form 4952 lines 4e and 4g",
        JAXSIM,
        rules=(preferential_net_gain, preferential_dividends),
    )


@js.rule(TaxUnit)
def foreign_tax_credit_before_limit(reported_foreign_tax_credit):
    """Foreign tax credit as reported."""
    return reported_foreign_tax_credit


def foreign_tax_against_minimum_tax(case: Case) -> Departure:
    """Tax-Calculator sets the foreign tax credit against the alternative minimum tax too. By the law that tax has a
    foreign tax credit of its own, and the credit of section 901 is not allowed against it."""
    return Departure(
        "Foreign tax credit against the minimum tax",
        "26 USC 26(b)(2)(A), 59(a), 901(a)",
        JAXSIM,
        rules=(foreign_tax_credit_before_limit,),
    )


DEPARTURES = (
    top_bracket,
    brackets_of_gain_groups,
    election_of_investment_income,
    limit_in_minimum_tax,
    gifts_in_minimum_tax,
    addition_of_separate_filers,
    exemption_of_separate_filers,
    exemption_of_children,
    foreign_tax_against_minimum_tax,
    distributions_in_investment_income,
    deductions_of_investment_income,
)
