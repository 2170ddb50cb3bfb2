"""Standard deduction (26 USC 63(c), 63(f)) and the deduction for gifts of those who do not itemize (170(p))."""

from jaxsim.engine import of_head, of_spouse, rule
from jaxsim.numerics import at_least, choose, equals, higher_of, lower_of, pick
from jaxsim.rules.us.entities import Person, TaxUnit
from jaxsim.rules.us.inputs import JOINT, SEPARATE

PATH = "irs.deductions.standard"


@rule(Person, parameters=PATH, unit="count", reference="26 USC 63(f)(1) and (2)")
def is_aged(age, p):
    """1 for a person who has attained 65, else 0."""
    return at_least(age, p.aged.minimum_age, unit="year")


@rule(Person, unit="count", reference="26 USC 63(f)")
def aged_and_blind_count(is_aged, is_blind):
    """Additional amounts of the standard deduction a person is entitled to: one for age, one for blindness."""
    return is_aged + is_blind


head_aged_and_blind_count = of_head(
    "head_aged_and_blind_count", of="aged_and_blind_count", to=TaxUnit, label="Additional amounts of the head",
    unit="count",
)  # fmt: skip
spouse_aged_and_blind_count = of_spouse(
    "spouse_aged_and_blind_count", of="aged_and_blind_count", to=TaxUnit, label="Additional amounts of the spouse",
    unit="count",
)  # fmt: skip


@rule(TaxUnit, parameters=PATH, reference="26 USC 63(c)(2) and (5)")
def basic_standard_deduction(earned_income, filing_status, head_is_dependent_elsewhere, p):
    """Basic amount by filing status; for a dependent, earned income plus an addition within two bounds."""
    full = pick(p.amount, filing_status)
    of_dependent = lower_of(full, higher_of(earned_income + p.dependent.earned_income_addition, p.dependent.minimum))
    return choose(head_is_dependent_elsewhere, of_dependent, full)


@rule(TaxUnit, parameters=PATH, reference="26 USC 63(c)(3), 63(f)")
def additional_standard_deduction(head_aged_and_blind_count, spouse_aged_and_blind_count, filing_status, p):
    """Additional amount for each filer aged 65 or blind; the spouse counts on a joint return."""
    count = head_aged_and_blind_count + spouse_aged_and_blind_count * equals(filing_status, JOINT)
    return pick(p.additional, filing_status) * count


@rule(TaxUnit, reference="26 USC 63(c)(1) and (6)(A)")
def standard_deduction(basic_standard_deduction, additional_standard_deduction, filing_status, separate_filer_itemizes):
    """Standard deduction: none for a separate filer whose spouse itemizes."""
    barred = equals(filing_status, SEPARATE) * separate_filer_itemizes
    return (basic_standard_deduction + additional_standard_deduction) * (1 - barred)


@rule(TaxUnit, parameters=PATH, reference="26 USC 170(p)")
def nonitemizer_charitable_deduction(cash_charity, filing_status, p):
    """Gifts of cash to public charities that may be deducted without itemizing."""
    # the floor of 170(b)(1)(I) does not apply to them; the ceiling of 60 percent, which would bind only at incomes
    # below 1,667 dollars (3,334 joint), is left out
    return lower_of(pick(p.nonitemizer_charity, filing_status), cash_charity)
