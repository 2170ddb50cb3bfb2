"""Credit for retirement savings and, from 2027, for ABLE accounts alone (26 USC 25B).

Retirement contributions are `elective_deferrals` and all others in `retirement_savings_contributions`, those to
traditional IRAs included. Of the distributions that reduce them (25B(d)(2)) the taxable ones of IRAs in the year are
taken; those of plans, which `taxable_pension_income` does not tell from pensions, and those of the two years before are
left out. A dependent of another who files is barred, on a joint return with the spouse.
"""

from jaxsim.engine import of_head, of_spouse, rule, same_law
from jaxsim.numerics import at_least, at_most, higher_of, lower_of, pick
from jaxsim.rules.us.entities import Person, TaxUnit

PATH = "irs.credits.savers"


@rule(Person, parameters=PATH, reference="26 USC 25B(c) and (d)(1)")
def savers_credit_contributions(
    retirement_savings_contributions, elective_deferrals, able_contributions, age, is_full_time_student, p
):
    """Contributions of one person that count, before distributions; none of the young and of students."""
    retirement = retirement_savings_contributions + elective_deferrals
    counted = retirement * p.retirement_contributions_count + able_contributions
    return counted * at_least(age, p.minimum_age, unit="year") * (1 - is_full_time_student)


head_savers_credit_contributions = of_head(
    "head_savers_credit_contributions", of="savers_credit_contributions", to=TaxUnit,
    label="Contributions of the head that count for the saver's credit, before distributions",
)  # fmt: skip
spouse_savers_credit_contributions = of_spouse(
    "spouse_savers_credit_contributions", of="savers_credit_contributions", to=TaxUnit,
    label="Contributions of the spouse that count for the saver's credit, before distributions",
)  # fmt: skip


@rule(TaxUnit, parameters=PATH, reference="26 USC 25B(a) and (d)(2)")
def head_savers_credit_base(head_savers_credit_contributions, taxable_ira_distributions, p):
    """Contributions of the head less distributions, up to a limit."""
    # on a joint return each spouse is treated as receiving what the other receives, too (25B(d)(2)(D))
    net = higher_of(
        head_savers_credit_contributions - taxable_ira_distributions * p.retirement_contributions_count, 0.0
    )
    return lower_of(net, p.contribution_limit)


spouse_savers_credit_base = same_law(
    head_savers_credit_base,
    "spouse_savers_credit_base",
    label="Contributions of the spouse less distributions, up to a limit",
    head_savers_credit_contributions="spouse_savers_credit_contributions",
)


@rule(TaxUnit, parameters=PATH, unit="/1", reference="26 USC 25B(b)")
def savers_credit_rate(adjusted_gross_income, filing_status, p):
    """Share of contributions credited: it falls in three steps of income."""
    share = pick(p.status_share, filing_status)
    first = at_most(adjusted_gross_income, p.threshold[0] * share)
    second = at_most(adjusted_gross_income, p.threshold[1] * share)
    third = at_most(adjusted_gross_income, p.threshold[2] * share)
    return (p.rate[0] - p.rate[1]) * first + (p.rate[1] - p.rate[2]) * second + p.rate[2] * third


@rule(TaxUnit, parameters=PATH, reference="26 USC 25B(a) and (c)(2)(A)")
def savers_credit_before_limit(
    head_savers_credit_base,
    spouse_savers_credit_base,
    savers_credit_rate,
    reported_savers_credit,
    head_is_dependent_elsewhere,
    p,
):
    """Saver's credit before the limit by tax; a reported credit, which is for retirement savings, ends with them."""
    base = head_savers_credit_base + spouse_savers_credit_base
    computed = savers_credit_rate * base * (1 - head_is_dependent_elsewhere)
    return computed + reported_savers_credit * p.retirement_contributions_count
