"""A single household in keywords."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from jaxsim.errors import InputError, nearest
from jaxsim.population import DEPENDENT, HEAD, SPOUSE, Population
from jaxsim.simulation import Simulation

STATES = {
    "AL": 1, "AK": 2, "AZ": 4, "AR": 5, "CA": 6, "CO": 8, "CT": 9, "DE": 10, "DC": 11, "FL": 12, "GA": 13, "HI": 15,
    "ID": 16, "IL": 17, "IN": 18, "IA": 19, "KS": 20, "KY": 21, "LA": 22, "ME": 23, "MD": 24, "MA": 25, "MI": 26,
    "MN": 27, "MS": 28, "MO": 29, "MT": 30, "NE": 31, "NV": 32, "NH": 33, "NJ": 34, "NM": 35, "NY": 36, "NC": 37,
    "ND": 38, "OH": 39, "OK": 40, "OR": 41, "PA": 42, "RI": 44, "SC": 45, "SD": 46, "TN": 47, "TX": 48, "UT": 49,
    "VT": 50, "VA": 51, "WA": 53, "WV": 54, "WI": 55, "WY": 56,
}  # fmt: skip


def household(
    adults: Iterable[Mapping[str, Any]],
    children: Iterable[Any] = (),
    *,
    year: int = 2026,
    state: str | None = None,
    reform: Any = None,
    tables: bool = False,
    **inputs: Any,
) -> Simulation:
    """Simulate one household of one tax unit.

    Args:
        adults: one or two mappings of inputs by person, e.g. `dict(age=35, employment_income=60_000)`. Two adults
            file jointly. Amounts of the tax unit (interest, pensions, ...) may stand here too and are summed.
        children: ages, or mappings of inputs, of the dependents.
        year: tax year.
        state: two-letter code.
        reform: changes to the law.
        tables: tax and earned income credit by the tables of the forms.
        **inputs: inputs of the tax unit or household, e.g. `filing_status="HEAD_OF_HOUSEHOLD"`,
            `taxable_interest_income=500`.

    Returns:
        A Simulation of this household with weight 1.

    Example:
        js.household(adults=[dict(age=35, employment_income=60_000)], children=[5], state="CA").explain("ctc")
    """
    from jaxsim.rules.us import system as us

    system = us(tables=True) if tables else us()
    grown, young = _people("adults", adults), _people("children", children)
    if not 1 <= len(grown) <= 2:
        raise InputError(f"household: column 'adults': {len(grown)} adults: give one or two")
    for adult in grown:
        adult.setdefault("age", 40)
    columns: dict[str, list[Any]] = {"role": [HEAD, SPOUSE][: len(grown)] + [DEPENDENT] * len(young)}
    people = grown + young
    for person in people:
        for name in person:
            if name not in system.inputs:
                raise InputError(f"household: unknown input {name!r}.{nearest(name, system.inputs)}")
    if state is not None:
        if str(state).upper() not in STATES:
            raise InputError(f"household: unknown state {state!r}: use two letters, e.g. CA")
        inputs["state_fips"] = STATES[str(state).upper()]
    for name, value in inputs.items():
        i = system.inputs.get(name)
        if i is None or i.entity.name == "person":
            where = "give it on an adult or child" if i else "unknown input"
            raise InputError(f"household: {name!r}: {where}.{'' if i else nearest(name, system.inputs)}")
        if any(name in p for p in people):
            raise InputError(f"household: {name!r} is given on a person and on the household")
        people[0][name] = value
    for name in dict.fromkeys(n for p in people for n in p):
        i = system.inputs[name]
        missing = None if i.kind == "category" else i.default
        columns[name] = [p.get(name, missing) for p in people]
        if i.kind == "category":
            columns[name] = [c if c is not None else people[0].get(name) for c in columns[name]]
    population = Population.from_persons(
        {**columns, "household_id": [1] * len(people), "tax_unit_id": [1] * len(people)},
        year=year,
        source="household",
        system=system,
    )
    return Simulation(population, year, reform=reform, system=system)


def _people(name: str, given: Any) -> list[dict[str, Any]]:
    """Mappings of inputs, one a person; a child may be given by age alone."""
    if isinstance(given, (Mapping, str)) or not isinstance(given, Iterable):
        raise InputError(
            f"household: column {name!r}: give a list, e.g. {name}=[{'dict(age=35)' if name == 'adults' else 5}]"
        )
    people = []
    for person in given:
        by_age = name == "children" and isinstance(person, (int, float)) and not isinstance(person, bool)
        if not by_age and not isinstance(person, Mapping):
            raise InputError(f"household: column {name!r}: {person!r} is not a mapping of inputs such as dict(age=35)")
        people.append({"age": person} if by_age else dict(person))
    return people
