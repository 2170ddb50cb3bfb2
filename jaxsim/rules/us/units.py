"""Filing status and counts of a US tax unit, derived from its persons where the data lack them, and their checks."""

from __future__ import annotations

import numpy as np

from jaxsim.columns import refuse
from jaxsim.population import DEPENDENT, SPOUSE, Population
from jaxsim.rules.us.inputs import FILING_STATUS, HEAD_OF_HOUSEHOLD, JOINT, SINGLE

DERIVED = (
    "filing_status",
    "dependents",
    "ctc_qualifying_children",
    "eitc_qualifying_children",
    "children_under_6",
    "children_under_13",
    "care_qualifying_persons",
    "elderly_dependents",
    "members_under_18",
    "members_18_to_20",
    "members_21_and_over",
)


def derive_units(population: Population, provided: set[str]) -> None:
    """Fill the columns of the tax unit that the source does not supply (in place, while it is being built).

    Qualifying children are dependents by age alone: under 17 for the child tax credit (26 USC 24(c)(1)), under 19
    for the earned income credit (32(c)(3), 152(c)(3); full-time students under 24 need a count of their own).
    """
    unit, person = population.links["tax_unit_of_person"], population.tables["person"]
    table, n = population.tables["tax_unit"], population.count("tax_unit")
    age, role = person["age"], person["role"]
    dependent = role == DEPENDENT

    def count(which: np.ndarray) -> np.ndarray:
        return np.bincount(unit[which], minlength=n).astype(np.float64)

    counts = {
        "dependents": dependent,
        "ctc_qualifying_children": dependent & (age < 17),
        "eitc_qualifying_children": dependent & (age < 19),
        "children_under_6": dependent & (age < 6),
        "children_under_13": dependent & (age < 13),
        "care_qualifying_persons": dependent & (age < 13),
        "elderly_dependents": dependent & (age >= 65),
        "members_under_18": age < 18,
        "members_18_to_20": (age >= 18) & (age < 21),
        "members_21_and_over": age >= 21,
    }
    for name, which in counts.items():
        if name not in provided:
            table[name] = count(which)
    if "filing_status" not in provided:
        married = count(role == SPOUSE) > 0
        with_child = table["eitc_qualifying_children"] > 0
        table["filing_status"] = np.select(
            [married, with_child], [float(JOINT), float(HEAD_OF_HOUSEHOLD)], default=float(SINGLE)
        )
    provided.update(DERIVED)


def check_units(population: Population, source: str) -> None:
    """Refuse units whose columns contradict each other."""
    table = population.tables["tax_unit"]
    spouses = np.bincount(
        population.links["tax_unit_of_person"][population.tables["person"]["role"] == SPOUSE],
        minlength=population.count("tax_unit"),
    )
    status = table["filing_status"]
    wrong = np.flatnonzero((status == JOINT) != (spouses == 1))
    if len(wrong):
        name = FILING_STATUS[int(status[wrong[0]])]
        raise refuse(
            source, "filing_status", f"{name} with {spouses[wrong[0]]} spouse in the unit", wrong,
            "A joint return has a spouse in the unit, and no other return has one.",
        )  # fmt: skip
    for part, whole in (
        ("qualified_dividend_income", "ordinary_dividend_income"),
        ("taxable_pension_income", "pension_income"),
        ("ctc_qualifying_children", "dependents"),
    ):
        wrong = np.flatnonzero(table[part] > table[whole] + 0.01)
        if len(wrong):
            raise refuse(
                source, part, f"{table[part][wrong[0]]:,.0f} is more than {whole} {table[whole][wrong[0]]:,.0f}", wrong
            )
