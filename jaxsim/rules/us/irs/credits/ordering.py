"""The order in which credits that only offset tax are used, and the tax that each leaves to the next (26 USC 26).

Section 26(a) limits the credits of its subpart together to the regular tax left by the foreign tax credit (27) and the
minimum tax. Which of them is used first matters to what is carried forward or refunded. Sections 23(c)(1) and 25D(c)
put adoption and clean energy after the others; 38(c) and 53(c) put the business credit and the credit for prior year
minimum tax after the subpart. Among the others the statute is silent, and Schedule 3 and the credit limit worksheets
of Schedule 8812 settle the order: the child tax credit comes after all of them.
"""

from types import MappingProxyType

from jaxsim.engine import Rule
from jaxsim.numerics import lower_of
from jaxsim.rules.us.entities import TaxUnit

# credit, the amount that may be claimed, reference, label
ORDER = (
    ("dependent_care_credit", "dependent_care_credit_before_limit", "26 USC 21(a)(1), 26(a); Form 2441",
     "Credit for dependent care that is used against tax"),
    ("elderly_credit", "elderly_credit_before_limit", "26 USC 22(a), 26(a); Schedule R",
     "Credit for the elderly and disabled that is used against tax"),
    ("nonrefundable_ctc", "ctc", "26 USC 24(a), 26(a); Schedule 8812, credit limit worksheet A",
     "Part of the child tax credit that is used against tax"),
)  # fmt: skip


def _used_in_order() -> tuple[Rule, ...]:
    """For each credit the part used, and the tax it leaves."""
    rules = []
    left = "tax_before_credits"
    for credit, claimed, reference, label in ORDER:

        def used(*, claimed=claimed, left=left, **values):
            return lower_of(values[claimed], values[left])

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
