"""Where Tax-Calculator departs from the statute or from jaxsim's reading of it: income and payroll taxes."""

from __future__ import annotations

import numpy as np
from departures import JAXSIM, UNKNOWN, Case, Departure, nothing

import jaxsim as js
from jaxsim.engine import sum_of_filers
from jaxsim.numerics import above, higher_of, lower_of, pick, relu
from jaxsim.rules.us.entities import Person, TaxUnit


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
def net_capital_gain_without_distributions(short_term_capital_gains, long_term_capital_gains):
    """Net capital gain without capital gain distributions."""
    return relu(relu(long_term_capital_gains) - relu(-short_term_capital_gains))


@js.rule(TaxUnit)
def capital_gain_in_income(capital_gain_without_distributions, capital_gain_distributions):
    """Net gain or deductible loss, and distributions beside it."""
    return capital_gain_without_distributions + capital_gain_distributions


@js.rule(TaxUnit)
def net_capital_gain(short_term_capital_gains, long_term_capital_gains, capital_gain_distributions):
    """Net capital gain, and distributions beside it."""
    net = relu(lower_of(long_term_capital_gains, short_term_capital_gains + long_term_capital_gains))
    return net + capital_gain_distributions


def losses_against_distributions(case: Case) -> Departure:
    """Tax-Calculator adds capital gain distributions to income beside the net gain or loss, so that losses are not
    set against them. They are long-term capital gains of the shareholder and go into the netting."""
    return Departure(
        "Capital losses and capital gain distributions",
        "26 USC 852(b)(3)(B), 1222",
        JAXSIM,
        rules=(capital_gain_without_distributions, capital_gain_in_income, net_capital_gain),
    )


sole_proprietors_income = sum_of_filers(
    "sole_proprietors_income", of="self_employment_income", to=TaxUnit, label="Sole proprietorships of both filers"
)


def excess_business_loss(case: Case) -> Departure:
    """Tax-Calculator limits the loss from sole proprietorships together with rents, partnerships and S corporations,
    passive ones included, leaves out farms and gains on business property, and gives surviving spouses the limit of
    joint returns. The law limits the aggregate of all trades or businesses and doubles the limit of joint returns
    alone; which rents are a trade or business the file does not say."""
    cap = np.array(case.policy.ALD_BusinessLosses_c[0])

    @js.rule(TaxUnit)
    def excess_business_loss(sole_proprietors_income, rental_partnership_s_corp_income, filing_status):
        """Loss of sole proprietorships, rents, partnerships and S corporations above a limit."""
        return relu(-(sole_proprietors_income + rental_partnership_s_corp_income) - pick(cap, filing_status))

    law = "26 USC 461(l)"
    return Departure("Excess business losses", law, JAXSIM, rules=(sole_proprietors_income, excess_business_loss))


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


def deferrals_in_additional_medicare_tax(case: Case) -> Departure:
    """Tax-Calculator leaves wages deferred into an employer's plan out of additional Medicare tax, though it counts
    them for the other payroll taxes. By the law they are wages for all taxes of section 3101."""
    instead = {"tax_unit_payroll_tax_wages": "tax_unit_wages"}
    return Departure(
        "Deferrals in additional Medicare tax",
        "26 USC 3101(b)(2), 3121(v)(1)(A)",
        JAXSIM,
        reads={
            "additional_medicare_tax_on_wages": instead,
            "additional_medicare_tax_on_self_employment": instead,
        },
    )


def excess_tax_withheld(case: Case) -> Departure:
    """Tax-Calculator counts Social Security tax that several employers withheld above the tax of one neither as paid
    nor as credited against income tax. By the law it is credited; the sum of both taxes is the same."""
    instead = {"excess_payroll_tax_withheld": "nothing"}
    return Departure(
        "Excess Social Security tax withheld",
        "26 USC 31(b), 6413(c)(1)",
        JAXSIM,
        rules=(nothing,),
        reads={"refundable_credits": instead, "employee_payroll_tax": instead},
    )


DEPARTURES = (
    alimony,
    losses_against_distributions,
    excess_business_loss,
    self_employment_minimum,
    deferrals_in_additional_medicare_tax,
    excess_tax_withheld,
)
