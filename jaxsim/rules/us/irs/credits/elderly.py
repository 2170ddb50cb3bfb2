"""Credit for the elderly and for those retired on permanent and total disability (26 USC 22).

`disability_income` is the part of wages or taxable pensions that 22(c)(2)(B)(iii) speaks of; it is taxed with them. A
mandatory age of retirement, at which such income ends, is taken to be 65.
"""

from jaxsim.engine import of_head, of_spouse, rule, sum_of_filers
from jaxsim.numerics import at_least, choose, either, equals, lower_of, pick, relu
from jaxsim.rules.us.entities import Person, TaxUnit
from jaxsim.rules.us.inputs import JOINT, SEPARATE

PATH = "irs.credits.elderly"


@rule(Person, parameters=PATH, unit="count", reference="26 USC 22(b)(1)")
def is_elderly_credit_age(age, p):
    """1 for a person old enough for the credit, else 0."""
    return at_least(age, p.minimum_age, unit="year")


@rule(Person, unit="count", reference="26 USC 22(b)(2)")
def is_elderly_credit_disabled(is_elderly_credit_age, is_retired_on_disability):
    """1 for a younger person retired on permanent and total disability, else 0."""
    return is_retired_on_disability * (1 - is_elderly_credit_age)


@rule(Person, unit="count", reference="26 USC 22(b)")
def is_elderly_credit_qualified(is_elderly_credit_age, is_elderly_credit_disabled):
    """1 for a person who qualifies by age or disability, else 0."""
    return is_elderly_credit_age + is_elderly_credit_disabled


@rule(Person, parameters=PATH, reference="26 USC 22(c)(2)(B)")
def elderly_credit_person_limit(is_elderly_credit_age, is_elderly_credit_disabled, disability_income, p):
    """What one person adds to the limit of the initial amount: disability income, or a fixed amount for the aged."""
    return is_elderly_credit_age * p.initial_amount_one_spouse + is_elderly_credit_disabled * disability_income


head_is_elderly_credit_qualified = of_head(
    "head_is_elderly_credit_qualified", of="is_elderly_credit_qualified", to=TaxUnit,
    label="The head qualifies by age or disability", unit="count",
)  # fmt: skip
spouse_is_elderly_credit_qualified = of_spouse(
    "spouse_is_elderly_credit_qualified", of="is_elderly_credit_qualified", to=TaxUnit,
    label="The spouse qualifies by age or disability", unit="count",
)  # fmt: skip
filers_elderly_credit_disabled = sum_of_filers(
    "filers_elderly_credit_disabled", of="is_elderly_credit_disabled", to=TaxUnit,
    label="Filers who qualify by disability", unit="count", reference="26 USC 22(b)(2)",
)  # fmt: skip
filers_elderly_credit_limit = sum_of_filers(
    "filers_elderly_credit_limit", of="elderly_credit_person_limit", to=TaxUnit,
    label="Limit of the initial amount by disability income", reference="26 USC 22(c)(2)(B)(ii)",
)  # fmt: skip


@rule(TaxUnit, parameters=PATH, reference="26 USC 22(c)(2), (e)(1)")
def elderly_credit_initial_amount(
    head_is_elderly_credit_qualified,
    spouse_is_elderly_credit_qualified,
    filers_elderly_credit_disabled,
    filers_elderly_credit_limit,
    lives_apart_from_spouse,
    filing_status,
    p,
):
    """Initial amount by the spouses who qualify; none for separate filers who live together."""
    joint = equals(filing_status, JOINT)
    spouse = spouse_is_elderly_credit_qualified * joint
    only_one = joint * (1 - head_is_elderly_credit_qualified * spouse)
    amount = choose(only_one, p.initial_amount_one_spouse, pick(p.initial_amount, filing_status))
    barred = equals(filing_status, SEPARATE) * (1 - lives_apart_from_spouse)
    qualified = either(head_is_elderly_credit_qualified, spouse) * (1 - barred)
    some_disabled = at_least(filers_elderly_credit_disabled, 1.0, unit="count")
    return qualified * choose(some_disabled, lower_of(amount, filers_elderly_credit_limit), amount)


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
