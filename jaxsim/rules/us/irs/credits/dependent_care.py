"""Credit for expenses of household and dependent care that allow the filers to work (26 USC 21)."""

from jaxsim.engine import of_head, of_spouse, rule
from jaxsim.numerics import equals, higher_of, lower_of, pick, relu, round_up
from jaxsim.rules.us.entities import TaxUnit
from jaxsim.rules.us.inputs import JOINT, SEPARATE

PATH = "irs.credits.dependent_care"
MONTHS = 12

head_earned_income = of_head(
    "head_earned_income", of="person_earned_income", to=TaxUnit, label="Earned income of the head"
)
spouse_earned_income = of_spouse(
    "spouse_earned_income", of="person_earned_income", to=TaxUnit, label="Earned income of the spouse"
)
head_months_of_study_or_incapacity = of_head(
    "head_months_of_study_or_incapacity", of="months_of_study_or_incapacity", to=TaxUnit,
    label="Months in which the head studies or cannot care for herself or himself", unit="count",
)  # fmt: skip
spouse_months_of_study_or_incapacity = of_spouse(
    "spouse_months_of_study_or_incapacity", of="months_of_study_or_incapacity", to=TaxUnit,
    label="Months in which the spouse studies or cannot care for herself or himself", unit="count",
)  # fmt: skip


@rule(TaxUnit, parameters=PATH, reference="26 USC 21(d)")
def care_earned_income_limit(
    head_earned_income,
    spouse_earned_income,
    head_months_of_study_or_incapacity,
    spouse_months_of_study_or_incapacity,
    care_qualifying_persons,
    filing_status,
    p,
):
    """Earned income of the filer, or of the spouse who earns less, with an amount deemed earned while studying."""
    joint = equals(filing_status, JOINT)
    monthly = pick(p.deemed_earned_income, care_qualifying_persons)
    # deemed of spouses only, and of one of them in any month
    head_months = head_months_of_study_or_incapacity * joint
    spouse_months = lower_of(spouse_months_of_study_or_incapacity, MONTHS - head_months, unit="month")
    head = higher_of(head_earned_income, monthly * head_months)
    spouse = higher_of(spouse_earned_income, monthly * spouse_months)
    return head - joint * relu(head - spouse)


@rule(TaxUnit, parameters=PATH, reference="26 USC 21(b)(2), (c) and (d)(1), 129(e)(7); Form 2441 lines 27 to 31")
def creditable_care_expense(
    care_expense, excluded_dependent_care_benefits, care_qualifying_persons, care_earned_income_limit, p
):
    """Care expenses within the limits by number of persons cared for and by earned income, net of benefits."""
    # benefits that are no income lower both the expenses and the limit on them
    limit = relu(pick(p.expense_limit, care_qualifying_persons) - excluded_dependent_care_benefits)
    expense = higher_of(care_expense - excluded_dependent_care_benefits, 0.0)  # with the slope of a first dollar
    return lower_of(lower_of(limit, expense), care_earned_income_limit)


@rule(TaxUnit, parameters=PATH, unit="/1", reference="26 USC 21(a)(2)")
def dependent_care_rate(adjusted_gross_income, filing_status, p):
    """Share of expenses credited: it falls by steps of income, from 2026 in two stretches."""
    first, second = p.first_phase_out, p.second_phase_out
    steps = relu(round_up(adjusted_gross_income - first.threshold, to=first.increment)) / first.increment
    rate = p.maximum_rate - lower_of(p.rate_step * steps, relu(p.maximum_rate - first.minimum_rate, "/1"), "/1")
    increment = pick(second.increment, filing_status)
    excess = adjusted_gross_income - pick(second.threshold, filing_status)
    further = p.rate_step * relu(round_up(excess, to=increment)) / increment
    return rate - lower_of(further, relu(rate - second.minimum_rate, "/1"), "/1")


@rule(TaxUnit, reference="26 USC 21(a)(1), (e)(2) and (4)")
def dependent_care_credit_before_limit(
    creditable_care_expense, dependent_care_rate, filing_status, lives_apart_from_spouse
):
    """Credit before the limit by tax; none for the married who file separately and do not live apart."""
    married = equals(filing_status, SEPARATE) * (1 - lives_apart_from_spouse)
    return creditable_care_expense * dependent_care_rate * (1 - married)
