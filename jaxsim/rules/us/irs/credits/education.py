"""American opportunity and lifetime learning credits (26 USC 25A).

The expenses of every member who studies count, those of dependents included (25A(g)(3)). Modified adjusted gross
income is taken to be adjusted gross income.
"""

from jaxsim.engine import rule, sum_over_members
from jaxsim.numerics import equals, lower_of, pick, relu
from jaxsim.rules.us.entities import Person, TaxUnit
from jaxsim.rules.us.inputs import SEPARATE

PATH = "irs.credits.education"


@rule(Person, parameters=f"{PATH}.american_opportunity", reference="26 USC 25A(b)(1)")
def student_american_opportunity_amount(qualified_tuition_expenses, is_american_opportunity_student, p):
    """American opportunity credit for one student, before the phase-out."""
    first = lower_of(qualified_tuition_expenses, p.first_expense)
    second = lower_of(relu(qualified_tuition_expenses - p.first_expense), p.second_expense)
    return is_american_opportunity_student * (p.first_rate * first + p.second_rate * second)


@rule(Person, reference="26 USC 25A(c)(2)")
def student_lifetime_learning_expense(qualified_tuition_expenses, is_american_opportunity_student):
    """Expenses of a student for whom there is no American opportunity credit."""
    return qualified_tuition_expenses * (1 - is_american_opportunity_student)


members_american_opportunity_amount = sum_over_members(
    "members_american_opportunity_amount", of="student_american_opportunity_amount", child=Person, to=TaxUnit,
    label="American opportunity credit for all students, before the phase-out",
)  # fmt: skip
members_lifetime_learning_expense = sum_over_members(
    "members_lifetime_learning_expense", of="student_lifetime_learning_expense", child=Person, to=TaxUnit,
    label="Expenses of students for whom there is no American opportunity credit",
)  # fmt: skip


@rule(TaxUnit, parameters=f"{PATH}.phase_out", unit="/1", reference="26 USC 25A(d), (g)(3) and (g)(6)")
def education_credit_share(adjusted_gross_income, filing_status, head_is_dependent_elsewhere, p):
    """Share of the credits that income leaves; none for dependents of others and the married who file separately."""
    width = pick(p.range, filing_status)
    excess = relu(adjusted_gross_income - pick(p.threshold, filing_status))
    eligible = (1 - equals(filing_status, SEPARATE)) * (1 - head_is_dependent_elsewhere)
    return eligible * (1 - lower_of(excess, width) / width)


@rule(TaxUnit, reference="26 USC 25A(a)(1), (b) and (d)")
def american_opportunity_credit(
    members_american_opportunity_amount, reported_american_opportunity_credit, education_credit_share
):
    """American opportunity credit after the phase-out, the refundable part included."""
    return education_credit_share * (members_american_opportunity_amount + reported_american_opportunity_credit)


@rule(TaxUnit, parameters=f"{PATH}.american_opportunity", reference="26 USC 25A(i)")
def refundable_american_opportunity_credit(american_opportunity_credit, is_taxed_at_parents_rate, p):
    """Part of the American opportunity credit paid whatever the tax; none to a child taxed at the parents' rate."""
    return p.refundable_share * american_opportunity_credit * (1 - is_taxed_at_parents_rate)


@rule(TaxUnit, parameters=f"{PATH}.lifetime_learning", reference="26 USC 25A(c)(1) and (d)")
def lifetime_learning_credit(members_lifetime_learning_expense, lifetime_learning_expenses, education_credit_share, p):
    """Lifetime learning credit after the phase-out."""
    expense = lower_of(members_lifetime_learning_expense + lifetime_learning_expenses, p.expense_limit)
    return education_credit_share * p.rate * expense


@rule(TaxUnit, reference="26 USC 25A(a) and (i)")
def education_credit_before_limit(
    american_opportunity_credit, refundable_american_opportunity_credit, lifetime_learning_credit
):
    """Education credits that only offset tax, before the limit by tax."""
    return american_opportunity_credit - refundable_american_opportunity_credit + lifetime_learning_credit
