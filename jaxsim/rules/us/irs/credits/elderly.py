"""Credit for the elderly (26 USC 22). Retirement on disability before 65 is not covered."""

from jaxsim.engine import of_head, of_spouse, rule
from jaxsim.numerics import at_least, choose, either, equals, pick, relu
from jaxsim.rules.us.entities import Person, TaxUnit
from jaxsim.rules.us.inputs import JOINT, SEPARATE

PATH = "irs.credits.elderly"


@rule(Person, parameters=PATH, unit="count", reference="26 USC 22(b)(1)")
def is_elderly_credit_age(age, p):
    """1 for a person old enough for the credit, else 0."""
    return at_least(age, p.minimum_age, unit="year")


head_is_elderly_credit_age = of_head(
    "head_is_elderly_credit_age", of="is_elderly_credit_age", to=TaxUnit, label="Head's age qualifies", unit="count"
)
spouse_is_elderly_credit_age = of_spouse(
    "spouse_is_elderly_credit_age", of="is_elderly_credit_age", to=TaxUnit, label="Spouse's age qualifies",
    unit="count",
)  # fmt: skip


@rule(TaxUnit, parameters=PATH, reference="26 USC 22(c)(2)(A), (e)(1)")
def elderly_credit_initial_amount(
    head_is_elderly_credit_age, spouse_is_elderly_credit_age, lives_apart_from_spouse, filing_status, p
):
    """Initial amount by the spouses who qualify; none for separate filers who live together."""
    joint = equals(filing_status, JOINT)
    spouse = spouse_is_elderly_credit_age * joint
    only_one = joint * (1 - head_is_elderly_credit_age * spouse)
    amount = choose(only_one, p.initial_amount_one_spouse, pick(p.initial_amount, filing_status))
    barred = equals(filing_status, SEPARATE) * (1 - lives_apart_from_spouse)
    return amount * either(head_is_elderly_credit_age, spouse) * (1 - barred)


@rule(TaxUnit, parameters=PATH, reference="26 USC 22(c)(3) and (d)")
def elderly_credit_reduction(social_security, taxable_social_security, adjusted_gross_income, filing_status, p):
    """Reduction by Social Security that is not taxed and by half of the income above a threshold."""
    # pensions that return the worker's own contributions are untaxed by section 72, which 22(c)(3)(A)(ii) leaves out
    excess = relu(adjusted_gross_income - pick(p.phase_out.threshold, filing_status))
    return social_security - taxable_social_security + p.phase_out.rate * excess


@rule(TaxUnit, parameters=PATH, reference="26 USC 22(a)")
def elderly_credit_before_limit(elderly_credit_initial_amount, elderly_credit_reduction, p):
    """Credit before the limit by tax."""
    return p.rate * relu(elderly_credit_initial_amount - elderly_credit_reduction)
