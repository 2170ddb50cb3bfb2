"""Deduction for contributions to traditional individual retirement arrangements (26 USC 219).

Contributions to Roth accounts, which share the limit, are not in the data. Whether the spouse of a separate filer is an
active participant is not known, so that only the filer's own participation counts; alimony is compensation of the head.
"""

from jaxsim.engine import of_head, of_spouse, rule, same_law
from jaxsim.numerics import above, at_least, below, choose, either, equals, higher_of, lower_of, pick, relu, round_down
from jaxsim.rules.us.entities import Person, TaxUnit
from jaxsim.rules.us.inputs import JOINT, SEPARATE, SINGLE

PATH = "irs.adjustments.ira_deduction"


@rule(Person, parameters=PATH, reference="26 USC 219(b)(5)(A) and (B)")
def ira_dollar_limit(age, p):
    """Contributions deducted at most, with the addition for age."""
    return p.limit + p.catch_up.amount * at_least(age, p.catch_up.minimum_age, unit="year")


@rule(Person, reference="26 USC 219(f)(1), 401(c)(2)")
def person_ira_compensation(employment_income, self_employed_compensation, person_self_employed_pension_deduction):
    """Wages in gross income and earnings from self-employment less the deduction for the own plan."""
    return employment_income + self_employed_compensation - person_self_employed_pension_deduction


head_ira_dollar_limit = of_head(
    "head_ira_dollar_limit", of="ira_dollar_limit", to=TaxUnit, label="IRA contributions of the head deducted at most"
)
spouse_ira_dollar_limit = of_spouse(
    "spouse_ira_dollar_limit", of="ira_dollar_limit", to=TaxUnit,
    label="IRA contributions of the spouse deducted at most",
)  # fmt: skip
head_ira_earnings = of_head(
    "head_ira_earnings", of="person_ira_compensation", to=TaxUnit,
    label="Compensation of the head for IRA contributions, without alimony",
)  # fmt: skip
spouse_ira_compensation = of_spouse(
    "spouse_ira_compensation", of="person_ira_compensation", to=TaxUnit,
    label="Compensation of the spouse for IRA contributions",
)  # fmt: skip
head_ira_contributions = of_head(
    "head_ira_contributions", of="traditional_ira_contributions", to=TaxUnit,
    label="Contributions of the head to traditional IRAs",
)  # fmt: skip
spouse_ira_contributions = of_spouse(
    "spouse_ira_contributions", of="traditional_ira_contributions", to=TaxUnit,
    label="Contributions of the spouse to traditional IRAs",
)  # fmt: skip
head_is_covered_by_employer_plan = of_head(
    "head_is_covered_by_employer_plan", of="is_covered_by_employer_plan", to=TaxUnit,
    label="The head is an active participant in an employer's plan", unit="flag",
)  # fmt: skip
spouse_is_covered_by_employer_plan = of_spouse(
    "spouse_is_covered_by_employer_plan", of="is_covered_by_employer_plan", to=TaxUnit,
    label="The spouse is an active participant in an employer's plan", unit="flag",
)  # fmt: skip


@rule(TaxUnit, reference="26 USC 219(f)(1)")
def head_ira_compensation(head_ira_earnings, taxable_alimony_income):
    """Compensation of the head for IRA contributions."""
    return head_ira_earnings + taxable_alimony_income


@rule(TaxUnit, reference="26 USC 219(g)(3)(A); Pub. 590-A appendix B worksheet 1")
def ira_modified_income(
    income_before_social_security, taxable_social_security_before_ira_deduction, adjustments_before_ira_deduction
):
    """Adjusted gross income with Social Security taxed as if there were no IRA deduction, and without that."""
    income = income_before_social_security + taxable_social_security_before_ira_deduction
    return income - adjustments_before_ira_deduction


@rule(TaxUnit, reference="26 USC 219(b)(1)(B) and (c)")
def head_ira_compensation_limit(
    head_ira_compensation, spouse_ira_compensation, spouse_ira_contributions, spouse_ira_dollar_limit, filing_status
):
    """Compensation of the head; on a joint return, if it is the lower, with what the spouse's contributions leave."""
    of_spouse_used = lower_of(spouse_ira_contributions, lower_of(spouse_ira_dollar_limit, spouse_ira_compensation))
    is_lower = above(spouse_ira_compensation, head_ira_compensation) * equals(filing_status, JOINT)
    return head_ira_compensation + is_lower * (spouse_ira_compensation - of_spouse_used)


@rule(TaxUnit, parameters=f"{PATH}.phase_out", reference="26 USC 219(g)")
def head_ira_limit_after_phase_out(
    head_ira_dollar_limit,
    head_is_covered_by_employer_plan,
    spouse_is_covered_by_employer_plan,
    ira_modified_income,
    filing_status,
    lives_apart_from_spouse,
    p,
):
    """Limit of the head, reduced by income where the head or the spouse is an active participant."""
    apart = equals(filing_status, SEPARATE) * lives_apart_from_spouse
    covered = head_is_covered_by_employer_plan
    own_threshold = choose(apart, p.threshold[SINGLE], pick(p.threshold, filing_status))
    own_width = choose(apart, p.width[SINGLE], pick(p.width, filing_status))
    threshold = choose(covered, own_threshold, p.spouse.threshold)
    width = choose(covered, own_width, p.spouse.width)
    excess = ira_modified_income - threshold
    reduction = relu(round_down(head_ira_dollar_limit * excess / width, to=p.increment))
    left = higher_of(head_ira_dollar_limit - reduction, p.minimum) * below(excess, width)
    limited = either(covered, spouse_is_covered_by_employer_plan * equals(filing_status, JOINT))
    return choose(limited, left, head_ira_dollar_limit)


@rule(TaxUnit, reference="26 USC 219(a), (b)(1) and (c)(1)")
def head_ira_deduction(head_ira_contributions, head_ira_compensation_limit, head_ira_limit_after_phase_out):
    """Contributions of the head within the limits by compensation and by income."""
    # no slope of contributions where income leaves no limit, nor of earnings where there are no contributions
    return lower_of(lower_of(head_ira_limit_after_phase_out, head_ira_contributions), head_ira_compensation_limit)


spouse_ira_compensation_limit = same_law(
    head_ira_compensation_limit,
    "spouse_ira_compensation_limit",
    label="Compensation of the spouse; if it is the lower, with what the head's contributions leave",
    head_ira_compensation="spouse_ira_compensation",
    spouse_ira_compensation="head_ira_compensation",
    spouse_ira_contributions="head_ira_contributions",
    spouse_ira_dollar_limit="head_ira_dollar_limit",
)
spouse_ira_limit_after_phase_out = same_law(
    head_ira_limit_after_phase_out,
    "spouse_ira_limit_after_phase_out",
    label="Limit of the spouse, reduced by income where the spouse or the head is an active participant",
    head_ira_dollar_limit="spouse_ira_dollar_limit",
    head_is_covered_by_employer_plan="spouse_is_covered_by_employer_plan",
    spouse_is_covered_by_employer_plan="head_is_covered_by_employer_plan",
)
spouse_ira_deduction = same_law(
    head_ira_deduction,
    "spouse_ira_deduction",
    label="Contributions of the spouse within the limits by compensation and by income",
    head_ira_contributions="spouse_ira_contributions",
    head_ira_compensation_limit="spouse_ira_compensation_limit",
    head_ira_limit_after_phase_out="spouse_ira_limit_after_phase_out",
)


@rule(TaxUnit, reference="26 USC 219(a)")
def ira_deduction(head_ira_deduction, spouse_ira_deduction, reported_ira_deduction):
    """Deduction for individual retirement arrangements: worked out from contributions, and as reported."""
    return head_ira_deduction + spouse_ira_deduction + reported_ira_deduction
