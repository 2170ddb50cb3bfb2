"""Credit for retirement savings and, from 2027, for ABLE accounts alone (26 USC 25B).

Retirement contributions are `elective_deferrals` and all others in `retirement_savings_contributions`, those to
traditional IRAs included. Distributions that reduce them (25B(d)(2)) are left out. A dependent of another who files is
barred, on a joint return with the spouse.
"""

from jaxsim.engine import rule, sum_of_filers
from jaxsim.numerics import at_least, at_most, lower_of, pick
from jaxsim.rules.us.entities import Person, TaxUnit

PATH = "irs.credits.savers"


@rule(Person, parameters=PATH, reference="26 USC 25B(a), (c) and (d)(1)")
def savers_credit_contributions(
    retirement_savings_contributions, elective_deferrals, able_contributions, age, is_full_time_student, p
):
    """Contributions of one person that count, up to a limit; none of the young and of students."""
    retirement = retirement_savings_contributions + elective_deferrals
    counted = retirement * p.retirement_contributions_count + able_contributions
    eligible = at_least(age, p.minimum_age, unit="year") * (1 - is_full_time_student)
    return eligible * lower_of(counted, p.contribution_limit)


filers_savers_credit_contributions = sum_of_filers(
    "filers_savers_credit_contributions", of="savers_credit_contributions", to=TaxUnit,
    label="Contributions of both filers that count for the saver's credit", reference="26 USC 25B(a)",
)  # fmt: skip


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
    filers_savers_credit_contributions, savers_credit_rate, reported_savers_credit, head_is_dependent_elsewhere, p
):
    """Saver's credit before the limit by tax; a reported credit, which is for retirement savings, ends with them."""
    computed = savers_credit_rate * filers_savers_credit_contributions * (1 - head_is_dependent_elsewhere)
    return computed + reported_savers_credit * p.retirement_contributions_count
