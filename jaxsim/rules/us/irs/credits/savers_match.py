"""Saver's match from 2027 (26 USC 6433): paid into the retirement account, so no part of the income tax.

Simplified: distributions that reduce contributions (6433(d)(2)) and the choice to take a small match as a refundable
credit (6433(a)(2)(B)) are left out.
"""

from jaxsim.engine import rule, sum_of_filers
from jaxsim.numerics import at_least, lower_of, pick, relu, round_down
from jaxsim.rules.us.entities import Person, TaxUnit

PATH = "irs.credits.savers_match"


@rule(Person, parameters=PATH, reference="26 USC 6433(a)(1), (c) and (d)(1)")
def savers_match_contributions(retirement_savings_contributions, elective_deferrals, age, is_full_time_student, p):
    """Contributions of one person that are matched, up to a limit; none of the young and of students."""
    eligible = at_least(age, p.minimum_age, unit="year") * (1 - is_full_time_student)
    return eligible * lower_of(retirement_savings_contributions + elective_deferrals, p.contribution_limit)


filers_savers_match_contributions = sum_of_filers(
    "filers_savers_match_contributions", of="savers_match_contributions", to=TaxUnit,
    label="Contributions of both filers that are matched", reference="26 USC 6433(a)",
)  # fmt: skip


@rule(TaxUnit, parameters=PATH, unit="/1", reference="26 USC 6433(b)")
def savers_match_rate(adjusted_gross_income, filing_status, p):
    """Share of contributions matched: it falls with income by whole percentage points."""
    share = pick(p.phase_out.status_share, filing_status)
    width = p.phase_out.range * share
    income_a_step = width * p.phase_out.step / p.phase_out.reduction
    excess = relu(round_down(adjusted_gross_income - p.phase_out.threshold * share, to=income_a_step))
    return relu(p.rate - p.phase_out.reduction * excess / width, "/1")


@rule(TaxUnit, parameters=PATH, reference="26 USC 6433(a) and (c)(2)(A)")
def savers_match(filers_savers_match_contributions, savers_match_rate, head_is_dependent_elsewhere, p):
    """Match of retirement contributions, paid into the accounts."""
    return p.in_force * savers_match_rate * filers_savers_match_contributions * (1 - head_is_dependent_elsewhere)
