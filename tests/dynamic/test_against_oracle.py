"""Every amount of random workers and their families equals the oracle's, to the cent."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import date
from math import ceil
from typing import Any

import jax
import jax.numpy as jnp
import pytest

import jaxsim as js
from jaxsim.dynamic.oasdi.careers import KINDS
from jaxsim.dynamic.oasdi.family import RELATIONS, Members, family_benefits
from jaxsim.dynamic.oasdi.worker import worker_benefits

from . import oracle, oracle_family
from .random_workers import Case, as_members, as_workers, law, oracle_law, some_cases

CHUNK = 400
MEMBERS = 800
MODELLED = (*RELATIONS[:6], "parent")
"""Divorced spouses the oracle does not know."""
MEMBER = ("full", "after_maximum", "reduced", "benefit")
UNKNOWN = {  # what the oracle does not compute: a few of the workers
    "eligible before 1979: the average monthly wage formula is not covered",
    "eligible in 1979-81 under $122: the frozen minimum of 1977 is not covered",
    "disability entitlement before July 1980 drops five years: not covered",
    "a disability benefit needs an onset before it, and to begin before retirement age",
}


@pytest.fixture(autouse=True)
def float64() -> Iterator[None]:
    with js.precision("float64"):
        yield


@jax.jit
def answer(w: Any, m: Members, p: Any) -> Any:
    paid = worker_benefits(w, p)
    return paid, family_benefits(w, paid, m, p)


def of_worker(case: Case, found: dict[str, Any]) -> dict[str, float]:
    """The oracle's answers under the library's names.

    Left out are the average earnings of a worker who has the special minimum, which they do not matter to; and, where
    such a worker works on, the benefit: the statute leaves open whether that raises the ordinary amount, to which
    delayed credits are added and of which the family maximum of the disabled is made. The oracle takes it not to, the
    library to.
    """
    record = case.record
    kind, fully = record["benefit_type"], found["fully_insured"]
    insured = {
        "old_age": fully,
        "disability": found["disability_insured"],
        "survivor": fully or found["currently_insured"],
    }
    numbers = {"aime", "pia", "family_maximum", "months", "benefit", "quarters"}
    if found["method"] == "special_minimum":
        numbers -= {"aime"} | ({"benefit"} if works_on(case) else set())
        numbers -= {"family_maximum"} if works_on(case) and kind == "disability" else set()
    answers = {name: float(found[name]) for name in numbers}
    if kind == "survivor" and found["worker_amount"] is not None:
        answers["amount"] = float(found["worker_amount"])
    return {**answers, "insured": insured[kind], "fully_insured": fully}


def works_on(case: Case) -> bool:
    """Whether there are earnings after the claim of a living worker."""
    record = case.record
    return record["benefit_type"] != "survivor" and max(case.earnings, default=0) >= record["entitlement"][0]


def differences(cases: Sequence[Case]) -> tuple[dict[tuple[str, str], list[Any]], Counter]:
    """Where library and oracle differ, by kind and field, and how many workers and members were compared."""
    rows = max(MEMBERS, sum(len(case.members) for case in cases))
    paid, families = jax.device_get(answer(as_workers(cases), as_members(cases, rows), law()))
    wrong, counts, place = defaultdict(list), Counter(), 0
    for row, case in enumerate(cases):
        places = range(place, place + len(case.members))
        place += len(case.members)
        try:
            found = oracle.worker(case.record, case.earnings, oracle_law())
            expected = of_worker(case, found)
            family = oracle_family.family(case.record, case.earnings, case.members, oracle_law())
        except ValueError as error:
            if str(error) not in UNKNOWN:
                raise
            counts["unknown"] += 1
            continue
        kind = case.record["benefit_type"]
        counts[kind] += 1
        counts["windfall"] += found["windfall"]
        counts["care"] += found["care_years_dropped"] > 0
        for name, value in expected.items():
            if abs(getattr(paid, name)[row] - value) > 1e-6:
                wrong[kind, name].append((row, getattr(paid, name)[row], value))
        if kind == "disability" and found["method"] == "special_minimum" and works_on(case):
            continue  # see `of_worker`
        for at, member in zip(places, family, strict=True):
            counts[member["relation"]] += 1
            counts["offset"] += member["offset"] > 0
            for name in MEMBER:
                if abs(getattr(families, name)[at] - float(member[name])) > 1e-6:
                    wrong[member["relation"], name].append((row, getattr(families, name)[at], float(member[name])))
    return dict(wrong), counts


def compare(chunks: int, seed: int) -> Counter:
    counts: Counter = Counter()
    for chunk in range(chunks):
        wrong, found = differences(some_cases(CHUNK, seed + chunk))
        assert not wrong, f"seed {seed + chunk}: {wrong}"
        counts += found
    return counts


def test_random_workers_and_families() -> None:
    counts = compare(3, seed=1)
    assert sum(counts[kind] for kind in KINDS) >= 1190
    assert min(counts[kind] for kind in KINDS) >= 250
    assert sum(counts[relation] for relation in MODELLED) >= 1600
    assert min(counts[relation] for relation in MODELLED) >= 40
    assert min(counts[of] for of in ("windfall", "care", "offset")) >= 30


@pytest.mark.slow
def test_ten_thousand_workers_and_families() -> None:
    counts = compare(26, seed=100)
    assert sum(counts[kind] for kind in KINDS) >= 10_000


def case_of(birth: str, kind: str, entitlement: tuple[int, int], as_of: tuple[int, int], **others: Any) -> Case:
    """A worker with earnings by spans of years, and perhaps a child."""
    earnings, children = others.pop("earnings"), others.pop("children", [])
    record = {"sex": "male", "birth_date": date.fromisoformat(birth), "benefit_type": kind, "entitlement": entitlement}
    record |= {"as_of": as_of, "onset_date": None, "death_date": None, "quarters": None} | others
    return Case(record, {year: amount for first, last, amount in earnings for year in range(first, last + 1)}, children)


def covered(first: int, last: int) -> list[tuple[int, int, float]]:
    """Earnings that just make years of coverage of the special minimum."""
    base = oracle_law()["wage_base_old"]
    return [(year, year, float(ceil(base[year] * (0.25 if year < 1991 else 0.15)))) for year in range(first, last + 1)]


LATE, CAREER, LONG = [(2010, 2019, 2e4)], [(1960, 1999, 2e4)], [(1959, 1985, 1.5e4)]
CHILD = {"relation": "child", "birth_date": date(1995, 5, 5), "entitlement": (2003, 9)}
DETAILED = {
    "insured only after full retirement age": (
        case_of("1950-11-02", "old_age", (2021, 3), (2021, 3), earnings=LATE), (476, 486.4, 729.9, 13, 528),
    ),
    "and claimed sooner": (
        case_of("1950-11-02", "old_age", (2019, 12), (2020, 6), earnings=LATE), (476, 480.2, 720.6, 2, 486),
    ),
    "27 years of coverage in 1988": (
        case_of("1925-07-15", "old_age", (1988, 8), (1988, 8), earnings=LONG, pension=900.0),
        (1522, 630.2, 1162.0, -23, 549),
    ),
    "in 1989": (
        case_of("1925-07-15", "old_age", (1988, 8), (1989, 1), earnings=LONG, pension=900.0),
        (1522, 672.1, 1231.0, -23, 586),
    ),
    "half of a pension": (
        case_of("1950-07-15", "old_age", (2015, 8), (2015, 8), earnings=[(1990, 2010, 2e4)], pension=181.16),
        (1398, 841.5, 1262.3, -11, 790),
    ),
    "special minimum of the disabled": (
        case_of("1945-07-15", "disability", (2003, 9), (2005, 2), earnings=covered(1965, 2002), pension=3000.0,
                onset_date=date(2003, 3, 10), children=[CHILD]), (None, 655.9, 876.4, 0, 655),
    ),
    "June 2001": (
        case_of("1935-03-15", "old_age", (2000, 3), (2001, 6), earnings=CAREER), (2591, 1198.0, 2097.3, 0, 1198),
    ),
    "July 2001": (
        case_of("1935-03-15", "old_age", (2000, 3), (2001, 7), earnings=CAREER), (2591, 1199.1, 2099.3, 0, 1199),
    ),
    "insured for disability in the quarter after the onset, claimed late": (
        case_of("1970-07-02", "disability", (2021, 3), (2021, 3), onset_date=date(2019, 9, 3),
                earnings=[(1990, 2000, 2e4), (2015, 2019, 5e4)]), None,
    ),
    "fully insured in the quarter after the onset alone": (
        case_of("1959-07-02", "disability", (2006, 3), (2006, 3), onset_date=date(2005, 9, 3),
                earnings=[(2000, 2005, 5e4)]), None,
    ),
    "insured in a quarter after the onset": (
        case_of("1970-07-02", "disability", (2020, 3), (2020, 3), onset_date=date(2019, 9, 3),
                earnings=[(1990, 2000, 2e4), (2015, 2019, 5e4)]), (2626, 1399.4, 2099.1, 0, 1399),
    ),
}  # fmt: skip
"""Average, amount, family maximum, months and benefit by pyanypia, a port of SSA's Detailed Calculator (2026); None
leaves them to the oracle."""


def test_amounts_of_the_detailed_calculator() -> None:
    cases = [case for case, _ in DETAILED.values()]
    padded = [*cases, *cases[:1] * (CHUNK - len(cases))]  # as many as of the others: one program
    paid, families = jax.device_get(answer(as_workers(padded), as_members(padded, MEMBERS), law()))
    assert paid.insured[: len(cases)].all()
    for row, (name, (_, expected)) in enumerate(DETAILED.items()):
        for field, value in zip(
            ("aime", "pia", "family_maximum", "months", "benefit"), expected or [None] * 5, strict=True
        ):
            assert value is None or getattr(paid, field)[row] == pytest.approx(value), (name, field)
    assert [families.after_maximum[0], families.benefit[0]] == pytest.approx([220.5, 220])
    assert not differences(padded)[0]
    dated = as_workers(padded)  # quarters that are given have no dates: they count from full retirement age on
    given = answer(dated._replace(quarters=jnp.full(CHUNK, 40.0)), as_members(padded, MEMBERS), law())[0]
    assert (given.months[0], given.benefit[0]) == (48, 642)
