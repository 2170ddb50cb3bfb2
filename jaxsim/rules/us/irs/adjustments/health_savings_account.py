"""Deduction for health savings accounts (26 USC 223), coverage and eligibility the same in all months.

Contributions by the employer, which lower the limit (223(b)(4)(B)), are not in the data.
"""

from jaxsim.engine import of_head, of_spouse, rule, sum_of_filers
from jaxsim.numerics import at_least, choose, either, equals, lower_of
from jaxsim.rules.us.entities import Person, TaxUnit
from jaxsim.rules.us.inputs import SEPARATE

PATH = "irs.adjustments.health_savings_account"
SELF_ONLY = 1
FAMILY = 2

head_health_savings_account_coverage = of_head(
    "head_health_savings_account_coverage", of="health_savings_account_coverage", to=TaxUnit,
    label="High-deductible coverage of the head: 0 none, 1 self-only, 2 family", unit="count",
)  # fmt: skip
spouse_health_savings_account_coverage = of_spouse(
    "spouse_health_savings_account_coverage", of="health_savings_account_coverage", to=TaxUnit,
    label="High-deductible coverage of the spouse: 0 none, 1 self-only, 2 family", unit="count",
)  # fmt: skip


@rule(Person, reference="26 USC 223(a) and (c)(1)(A)")
def eligible_health_savings_account_contributions(
    health_savings_account_contributions, health_savings_account_coverage
):
    """Contributions of a person with high-deductible coverage."""
    covered = at_least(health_savings_account_coverage, SELF_ONLY, unit="count")
    return health_savings_account_contributions * covered


@rule(Person, parameters=PATH, reference="26 USC 223(b)(3)")
def health_savings_account_catch_up(eligible_health_savings_account_contributions, age, p):
    """Part of the contributions within the addition for age, which spouses do not share."""
    addition = p.catch_up.amount * at_least(age, p.catch_up.minimum_age, unit="year")
    return lower_of(eligible_health_savings_account_contributions, addition)


@rule(Person, reference="26 USC 223(b)(1)")
def regular_health_savings_account_contributions(
    eligible_health_savings_account_contributions, health_savings_account_catch_up
):
    """Contributions beyond the addition for age."""
    return eligible_health_savings_account_contributions - health_savings_account_catch_up


@rule(Person, parameters=PATH, reference="26 USC 223(b)(2)(A)")
def self_only_health_savings_account_contributions(regular_health_savings_account_contributions, p):
    """Contributions within the limit of self-only coverage."""
    return lower_of(regular_health_savings_account_contributions, p.limit.self_only)


filers_health_savings_account_catch_up = sum_of_filers(
    "filers_health_savings_account_catch_up",
    of="health_savings_account_catch_up",
    to=TaxUnit,
    label="Contributions within the addition for age, both filers",
)
filers_regular_health_savings_account_contributions = sum_of_filers(
    "filers_regular_health_savings_account_contributions",
    of="regular_health_savings_account_contributions",
    to=TaxUnit,
    label="Contributions beyond the addition for age, both filers",
)
filers_self_only_health_savings_account_contributions = sum_of_filers(
    "filers_self_only_health_savings_account_contributions",
    of="self_only_health_savings_account_contributions",
    to=TaxUnit,
    label="Contributions within the limits of self-only coverage, both filers",
)


@rule(TaxUnit, parameters=PATH, reference="26 USC 223(b)(2), (5) and (6)")
def computed_health_savings_account_deduction(
    filers_regular_health_savings_account_contributions,
    filers_self_only_health_savings_account_contributions,
    filers_health_savings_account_catch_up,
    head_health_savings_account_coverage,
    spouse_health_savings_account_coverage,
    head_is_dependent_elsewhere,
    filing_status,
    p,
):
    """Contributions within the limits: one family limit for a couple, which agrees on its division."""
    family = either(
        at_least(head_health_savings_account_coverage, FAMILY, unit="count"),
        at_least(spouse_health_savings_account_coverage, FAMILY, unit="count"),
    )
    # divided equally where the spouse files separately, as long as nothing is known of an agreement
    limit = p.limit.family * (1 - equals(filing_status, SEPARATE) / 2)
    with_family = lower_of(filers_regular_health_savings_account_contributions, limit)
    regular = choose(family, with_family, filers_self_only_health_savings_account_contributions)
    return (regular + filers_health_savings_account_catch_up) * (1 - head_is_dependent_elsewhere)


@rule(TaxUnit, reference="26 USC 223(a)")
def health_savings_account_deduction(
    computed_health_savings_account_deduction, reported_health_savings_account_deduction
):
    """Deduction for health savings accounts: worked out from contributions, and as reported."""
    return computed_health_savings_account_deduction + reported_health_savings_account_deduction
