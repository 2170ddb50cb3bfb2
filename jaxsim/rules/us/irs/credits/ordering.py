"""The order in which credits that only offset tax are used, and the tax that each leaves to the next (26 USC 26).

Section 26(a) limits the credits of its subpart together to the regular tax left by the foreign tax credit (27) and
the minimum tax. Which of them is used first matters to what is carried forward or refunded.

What the statute says: the foreign tax credit comes before the subpart (26(a)(1)); the adoption credit after all of it
but the credit for clean energy of homes (23(c)(1)); that one after all of it (25D(c)); the general business credit
after the subpart (38(c)(1)), the credit for prior year minimum tax after that (53(c)). Among the others it is silent,
and the credit limit worksheets decide, each of which subtracts what comes before: dependent care (Form 2441), elderly
(Schedule R), education (Form 8863), saver's (Form 8880), home improvements (Form 5695, line 31), used and new clean
vehicles (Form 8936, lines 16 and 11), child tax credit (Schedule 8812, worksheet A). That is not the order of the
lines of Schedule 3, where the elderly stand behind the saver's credit and clean energy before the child tax credit.

The child tax credit stands in two places. Section 24(d)(1) refunds what a higher limit of 26(a) would add to the
credits of the whole subpart, and takes it from the child tax credit first, so that adoption and clean energy are used
before the part of the child tax credit that is open to refund: worksheet B of Schedule 8812. Without those two
credits it is all one.

Amounts reported for the business credit and the credit for prior year minimum tax are taken to be within the limits
that 38(c) and 53(c) set by the tentative minimum tax.
"""

from types import MappingProxyType

from jaxsim.engine import Rule
from jaxsim.numerics import lower_of
from jaxsim.rules.us.entities import TaxUnit

# credit, the amount that may be claimed, reference, label
ORDER = (
    ("foreign_tax_credit", "foreign_tax_credit_before_limit", "26 USC 27, 26(a)(1); Form 1116",
     "Foreign tax credit that is used against tax"),
    ("dependent_care_credit", "dependent_care_credit_before_limit", "26 USC 21(a)(1), 26(a); Form 2441",
     "Credit for dependent care that is used against tax"),
    ("elderly_credit", "elderly_credit_before_limit", "26 USC 22(a), 26(a); Schedule R",
     "Credit for the elderly and disabled that is used against tax"),
    ("nonrefundable_education_credit", "education_credit_before_limit", "26 USC 25A(a), 26(a); Form 8863",
     "Education credits that are used against tax"),
    ("savers_credit", "savers_credit_before_limit", "26 USC 25B(a), 26(a); Form 8880",
     "Saver's credit that is used against tax"),
    ("energy_efficient_home_credit", "energy_efficient_home_credit_before_limit", "26 USC 25C(a), 26(a); Form 5695",
     "Credit for energy efficient improvements of homes that is used against tax"),
    ("used_clean_vehicle_credit", "used_clean_vehicle_credit_before_limit", "26 USC 25E(a), 26(a); Form 8936",
     "Credit for used clean vehicles that is used against tax"),
    ("new_clean_vehicle_credit", "new_clean_vehicle_credit_before_limit", "26 USC 30D(a) and (c)(2), 26(a); Form 8936",
     "Credit for new clean vehicles that is used against tax"),
    ("ctc_used_before_adoption_credit", "ctc_beyond_refund", "26 USC 24(a), 26(a); Schedule 8812, worksheet B",
     "Child tax credit that cannot be refunded and is used against tax"),
    ("adoption_credit", "adoption_credit_before_limit", "26 USC 23(a) and (c)(1), 26(a); Form 8839",
     "Adoption credit that is used against tax"),
    ("residential_clean_energy_credit", "residential_clean_energy_credit_before_limit",
     "26 USC 25D(a) and (c), 26(a); Form 5695", "Credit for clean energy of homes that is used against tax"),
    ("ctc_used_after_clean_energy_credit", "ctc_open_to_refund", "26 USC 24(d)(1), 26(a); Schedule 8812, worksheet B",
     "Child tax credit that could be refunded and is used against tax"),
    ("general_business_credit", "reported_general_business_credit", "26 USC 38(a) and (c)(1); Form 3800",
     "General business credit that is used against tax"),
    ("prior_year_minimum_tax_credit", "reported_prior_year_minimum_tax_credit", "26 USC 53(a) and (c); Form 8801",
     "Credit for prior year minimum tax that is used against tax"),
    ("other_nonrefundable_credits", "reported_other_nonrefundable_credits", "26 USC 26(a); Schedule 3, line 6z",
     "Other credits that are used against tax"),
)  # fmt: skip


def _used_in_order() -> tuple[Rule, ...]:
    """For each credit the part used, and the tax it leaves."""
    rules = []
    left = "tax_before_credits"
    for credit, claimed, reference, label in ORDER:

        def used(*, claimed=claimed, left=left, **values):
            return lower_of(values[left], values[claimed])  # without tax a first dollar of credit is worth nothing

        def remaining(*, credit=credit, left=left, **values):
            return values[left] - values[credit]

        rules.append(_rule(credit, used, (claimed, left), reference, label))
        if credit != ORDER[-1][0]:
            after = f"tax_after_{credit}"
            rules.append(_rule(after, remaining, (left, credit), "26 USC 26(a)", f"Tax left by {credit} and before"))
            left = after

    def all_used(**values):
        return sum(values.values())

    credits = tuple(credit for credit, *_ in ORDER)
    label = "Credits that only offset tax, each within the tax that those before it leave"
    return (*rules, _rule("nonrefundable_credits", all_used, credits, "26 USC 26(a)", label))


def _rule(name, function, arguments, reference, label):
    function.__doc__ = label + "."
    return Rule(name, TaxUnit, function, arguments, MappingProxyType({}), "USD/year", reference, label, module=__name__)


RULES = _used_in_order()
