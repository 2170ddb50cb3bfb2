"""Workers and families made at random, as arrays for the library and as records for the oracle.

A case is one worker with a family. Careers include the edges: nothing earned, one year, the same wage for life,
always the taxable maximum, low pay just at a year of coverage for the special minimum.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxsim.dynamic.oasdi.careers import KINDS, NEVER, Workers
from jaxsim.dynamic.oasdi.family import RELATIONS, Members
from jaxsim.dynamic.oasdi.law import FIRST_YEAR, oasdi_law

UNTIL = 2100
DAYS = (1, 2, 3, 15, 28)  # on the first and second of a month ages are attained otherwise
CAREERS = ("usual", "usual", "usual", "steady", "maximum", "low", "short", "nothing")
FIRST_AS_OF = 1982 * 12 + 5
"""The oracle knows no earlier rounding."""


class Case(NamedTuple):
    """A worker's record and earnings, and the members of the family, as the oracle takes them."""

    record: dict[str, Any]
    earnings: dict[int, float]
    members: list[dict[str, Any]]


@cache
def law() -> Any:
    """The law of every year, NumPy float64."""
    return oasdi_law(UNTIL)


@cache
def oracle_law() -> dict[str, Any]:
    """The same law as the oracle takes it. Its rule on recomputations of less than a dollar is not modelled."""
    p = law()

    def series(leaf: np.ndarray, first: int, scale: float = 1.0, places: int = 2) -> dict[int, float]:
        return {year: round(scale * float(leaf[year - FIRST_YEAR]), places) for year in range(first, UNTIL + 1)}

    points = np.concatenate((p.pia.bend_points, p.family_maximum.bend_points), axis=1)
    return {
        "awi": series(p.wage_index, 1951),
        "wage_base": series(p.taxable_maximum, 1951),
        "wage_base_old": series(p.old_law_base, 1951),
        "qc": series(p.quarter_of_coverage.amount, 1978),
        "cola": series(p.cola.percent, 1975, 100, 1),
        "bend_points": {year: tuple(map(float, points[year - FIRST_YEAR])) for year in range(1979, UNTIL + 1)},
        "recomputation_minimum": 0,
    }


def pair(month: int) -> tuple[int, int]:
    return month // 12, month % 12 + 1


def number(when: tuple[int, int] | None) -> int:
    return NEVER if when is None else when[0] * 12 + when[1] - 1


def month_of(day: datetime.date | None) -> int:
    return NEVER if day is None else day.year * 12 + day.month - 1


def eve(day: datetime.date) -> datetime.date:
    return day - datetime.timedelta(days=1)


def some_day(rng: np.random.Generator, month: int) -> datetime.date:
    return datetime.date(*pair(month), int(rng.choice(DAYS)))


def some_earnings(rng: np.random.Generator, first: int, last: int) -> dict[int, float]:
    """Covered earnings of a career, $/year."""
    wages, maximum, base = (oracle_law()[name] for name in ("awi", "wage_base", "wage_base_old"))
    kind, level = rng.choice(CAREERS), 0.6 * np.exp(rng.normal())
    years = range(max(first, 1951), min(last, UNTIL - 1) + 1)
    if kind == "usual":
        paid = {y: wages[y] * level * np.exp(0.4 * rng.normal()) * (rng.random() < 0.85) for y in years}
    elif kind == "steady":
        paid = dict.fromkeys(years, float(rng.integers(1, 40)) * 1000)
    elif kind == "maximum":
        paid = {y: maximum[y] * rng.choice([1.0, 1.5]) for y in years}
    elif kind == "low":
        paid = {y: base[y] * (0.25 if y < 1991 else 0.15) * rng.choice([0.99, 1.0, 1.1]) for y in years}
    elif kind == "short":
        paid = {y: wages[y] * level for y in list(years)[-int(rng.integers(1, 12)) :]}
    else:
        paid = {}
    return {y: round(float(amount), 2) for y, amount in paid.items() if amount > 0}


def some_member(rng: np.random.Generator, kind: str, worker_born: int, first: int) -> dict[str, Any]:
    """A member of a family whose benefits begin in a month `first` at the earliest."""
    relations = (
        ("widow", "disabled_widow", "parent_with_child", "child", "parent") if kind == "survivor" else RELATIONS[:3]
    )
    relation = str(rng.choice(relations))
    birth = some_day(rng, worker_born + int(rng.integers(-60, 90)))
    born = month_of(eve(birth))
    entitlement = first + int(rng.choice([0, 0, 14]))
    if relation == "spouse":
        entitlement = max(first, born + 744 + (eve(birth).day != 1)) + int(rng.integers(0, 72))
    elif relation == "widow":
        entitlement = max(first, born + 720) + int(rng.integers(0, 100))
    elif relation == "disabled_widow":
        low, high = max(first, born + 600), born + 719
        if low > high:
            relation = "parent_with_child"
        else:
            entitlement = int(rng.integers(low, high + 1))
    elif relation == "parent":
        birth = some_day(rng, worker_born - int(rng.integers(200, 500)))
        entitlement = max(first, month_of(eve(birth)) + 744) + int(rng.integers(0, 30))
    elif relation == "child":
        birth = some_day(rng, max(first - int(rng.integers(0, 200)), worker_born + 216))
    member = {"relation": relation, "birth_date": birth, "entitlement": pair(entitlement)}
    return member | some_pension(rng, entitlement, month_of(birth))


def some_pension(rng: np.random.Generator, begins: int | None, born: int) -> dict[str, Any]:
    """A pension from work that is not covered, in two of five cases, before, with or after a benefit."""
    if rng.random() > 0.4:
        return {}
    pension = {"pension": round(float(rng.choice([600.0, rng.uniform(0, 500), rng.uniform(0, 4000)])), 2)}
    if begins is None or rng.random() < 0.4:
        return pension
    return pension | {"pension_from": pair(max(begins + int(rng.integers(-120, 60)), born))}


def some_case(rng: np.random.Generator) -> Case:
    kind = str(rng.choice(KINDS, p=(0.45, 0.25, 0.3)))
    birth = some_day(rng, 12 * int(rng.integers(1930, 2001)) + int(rng.integers(0, 12)))
    born, at_62 = month_of(eve(birth)), month_of(eve(birth)) + 744
    onset = death = own = None
    if kind == "old_age":
        own = first = at_62 + (eve(birth).day != 1) + int(rng.choice([0, 1, 24, 60, 96, rng.integers(0, 110)]))
        last = first // 12 + int(rng.integers(-3, 6))
    else:
        earliest = max(born + 252, 1979 * 12)  # the formula of the 1977 act
        if kind == "disability" or rng.random() < 0.3:
            began = int(rng.integers(max(earliest, 1980 * 12 + 1), at_62 + 30))
            onset = some_day(rng, began)
            own = first = began + (onset.day != 1) + 5 + int(rng.choice([0, 0, 6]))
            last = began // 12 + int(rng.choice([0, 0, 0, 3]))
        if kind == "survivor":
            died = int(rng.integers(earliest if onset is None else own, born + 1100))
            death, first = some_day(rng, died), died
            if onset is None:
                last = died // 12 - int(rng.choice([0, 0, 0, 8]))
                early = at_62 + (eve(birth).day != 1)
                own = int(rng.integers(early, died)) if died > early and rng.random() < 0.7 else None
            elif rng.random() < 0.3:
                own = None  # disabled at death and never entitled
    as_of = min(max(first + int(rng.choice([0, 0, rng.integers(0, 200)])), FIRST_AS_OF), UNTIL * 12 - 1)
    record = {
        "sex": "male",
        "birth_date": birth,
        "benefit_type": kind,
        "entitlement": None if own is None else pair(own),
        "as_of": pair(as_of),
        "onset_date": onset,
        "death_date": death,
        "quarters": None,
    }
    record |= some_pension(rng, own, month_of(birth))
    if onset is not None:
        record["care_years"] = int(rng.choice([0, 1, 2, 3, 5]))
    members = [some_member(rng, kind, born, first) for _ in range(int(rng.choice([0, 1, 1, 2, 3])))]
    return Case(record, some_earnings(rng, born // 12 + int(rng.integers(16, 30)), last), members)


def some_cases(count: int, seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    return [some_case(rng) for _ in range(count)]


def pension_from(of: Mapping[str, Any]) -> int:
    """First month of the pension of a worker or member, `NEVER` without one."""
    return number(of.get("pension_from") or of["entitlement"]) if "pension" in of else NEVER


def as_workers(cases: Sequence[Case], **changes: Any) -> Workers:
    """The workers of cases as arrays."""
    records = [case.record for case in cases]
    earnings = np.zeros((len(cases), UNTIL - FIRST_YEAR + 1))
    for row, case in enumerate(cases):
        for year, amount in case.earnings.items():
            earnings[row, year - FIRST_YEAR] = amount

    def months(read: Any) -> jax.Array:
        return jnp.asarray([read(record) for record in records], jnp.int32)

    return Workers(
        born=months(lambda r: month_of(eve(r["birth_date"]))),
        whole_month=months(lambda r: eve(r["birth_date"]).day == 1),
        kind=months(lambda r: KINDS.index(r["benefit_type"])),
        entitlement=months(lambda r: number(r["entitlement"])),
        as_of=months(lambda r: number(r["as_of"])),
        onset=months(lambda r: month_of(r["onset_date"])),
        onset_first=months(lambda r: r["onset_date"] is not None and r["onset_date"].day == 1),
        death=months(lambda r: month_of(r["death_date"])),
        quarters=jnp.full(len(cases), -1.0),
        earnings=jnp.asarray(earnings),
        pension=jnp.asarray([record.get("pension", 0.0) for record in records]),
        pension_from=months(pension_from),
        care_years=months(lambda r: r.get("care_years", 0)),
    )._replace(**changes)


def as_members(cases: Sequence[Case], rows: int | None = None) -> Members:
    """The members of the families of cases as arrays, one case after the other, filled up to `rows` with nobody."""
    members = [(row, member) for row, case in enumerate(cases) for member in case.members]
    nobody: Mapping[str, Any] = {"relation": "child", "birth_date": datetime.date(2000, 1, 5), "entitlement": None}
    members += [(0, nobody)] * ((rows or len(members)) - len(members))
    read = {
        "worker": [row for row, _ in members],
        "relation": [RELATIONS.index(member["relation"]) for _, member in members],
        "born": [month_of(eve(member["birth_date"])) for _, member in members],
        "entitlement": [number(member["entitlement"]) for _, member in members],
        "pension_from": [pension_from(member) for _, member in members],
    }
    pension = jnp.asarray([member.get("pension", 0.0) for _, member in members])
    return Members(**{name: jnp.asarray(values, jnp.int32) for name, values in read.items()}, pension=pension)
