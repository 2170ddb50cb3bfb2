"""Work of the disabled against a plain walk through the months by the regulation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsim as js
from jaxsim.dynamic.oasdi import disability_work
from jaxsim.dynamic.oasdi.careers import DISABILITY, NEVER, OLD_AGE, Workers
from jaxsim.dynamic.oasdi.law import FIRST_YEAR

from .random_workers import UNTIL, law

ONSET, ENTITLEMENT, BORN = 12 * 2003 + 2, 12 * 2003 + 8, 12 * 1962
FULL_AGE = BORN + 12 * 67


@pytest.fixture(autouse=True)
def float64() -> Iterator[None]:
    with js.precision("float64"):
        yield


def workers(earnings: list[dict[int, float]], as_of: Any, **changes: Any) -> Workers:
    paid = np.zeros((len(earnings), UNTIL - FIRST_YEAR + 1))
    for row, by_year in enumerate(earnings):
        for year, amount in by_year.items():
            paid[row, year - FIRST_YEAR] = amount

    def same(value: int) -> jax.Array:
        return jnp.full(len(earnings), value, jnp.int32)

    w = Workers(
        born=same(BORN), whole_month=same(0), kind=same(DISABILITY), entitlement=same(ENTITLEMENT),
        as_of=jnp.broadcast_to(jnp.asarray(as_of, jnp.int32), len(earnings)), onset=same(ONSET), onset_first=same(0),
        death=same(NEVER), quarters=-jnp.ones(len(earnings)), earnings=jnp.asarray(paid),
    )  # fmt: skip
    return w._replace(**changes)


def walk(
    earnings: dict[int, float], until: int, gainful: str = "non_blind", entitlement: int = ENTITLEMENT
) -> tuple[int, int, int, dict[int, bool]]:
    """Months by 20 CFR 404.1592, 404.1592a and 404.325, one after the other: what is paid in each."""
    trial, series = law().sga.trial_work, getattr(law().sga, gainful)
    services: list[int] = []
    trial_ends = ceases = terminates = NEVER
    paid = {}
    for month in range(entitlement, until + 1):
        year = month // 12
        monthly = earnings.get(year, 0.0) / 12 if year > ONSET // 12 and month < FULL_AGE else 0.0
        works = monthly > series[year - FIRST_YEAR]
        if trial_ends == NEVER:
            services = [m for m in services if m > month - 60]
            if monthly > trial[year - FIRST_YEAR]:
                services.append(month)
            trial_ends = month if len(services) == 9 else NEVER
            paid[month] = True
            continue
        if works and ceases == NEVER:
            ceases = month
        if works and terminates == NEVER and month > trial_ends + 36:  # 423(a)(1): or the third month after cessation
            terminates = max(month, ceases + 3)
        paid[month] = month < terminates and (not works or month <= ceases + 2)
    return trial_ends, ceases, terminates, paid


CAREERS = {
    "no work": {},
    "below trial work": {2006: 7000},
    "trial work alone, twelve months": {2006: 9000, 2012: 9300},
    "in the year of the onset": {2003: 90_000, 2008: 9000},
    "before entitlement and in its first year": {2004: 9000, 2005: 9000},
    "in grace at the end of the three years": {2006: 9000, 2009: 40_000, 2010: 40_000},
    "works from 2006 on": dict.fromkeys(range(2006, 2040), 40_000),
    "one year, in the three years": {2006: 9000, 2008: 30_000},
    "stops and resumes": {2006: 9000, 2007: 20_000, 2009: 20_000, 2015: 30_000},
    "after the three years": {2006: 9000, 2013: 30_000},
    "at full retirement age": {2027: 50_000, 2028: 50_000, 2029: 90_000, 2030: 90_000},
    "between the amounts": dict.fromkeys(range(2006, 2020), 11_000),
}


def test_months_paid_are_those_of_a_walk() -> None:
    months = np.array([ENTITLEMENT, *(12 * 2004 + np.arange(0, 12 * 30, 5)), 12 * 2006 + 8, 12 * 2006 + 11])
    for blind in (False, True):
        found = disability_work(workers([c for c in CAREERS.values() for _ in months], np.tile(months, len(CAREERS))),
                                law(), blind)  # fmt: skip
        by_career = jax.tree.map(lambda x: np.asarray(x).reshape(len(CAREERS), len(months)), found)
        for row, (name, earnings) in enumerate(CAREERS.items()):
            *expected, paid = walk(earnings, int(months.max()), "blind" if blind else "non_blind")
            for field, value in zip(("trial_ends", "ceases", "terminates"), expected, strict=True):
                assert set(getattr(by_career, field)[row]) == {value}, (name, field)
            assert by_career.payable[row].tolist() == [float(paid[month]) for month in months], name


@pytest.mark.parametrize("entitlement", [12 * 2004 + 7, 12 * 2005 + 4])
def test_entitlement_within_a_year_of_work(entitlement: int) -> None:
    """Trial months then begin within a year, and nine of them may lie too far apart."""
    months = np.arange(12 * 2006, 12 * 2022, 7)
    careers = {**CAREERS, "nine months, too far apart": {entitlement // 12: 9000, 2011: 9600, 2012: 9600}}
    asked = workers([c for c in careers.values() for _ in months], np.tile(months, len(careers)))
    asked = asked._replace(entitlement=jnp.full(len(asked.born), entitlement, jnp.int32))
    found = disability_work(asked, law())
    for row, (name, earnings) in enumerate(careers.items()):
        *expected, paid = walk(earnings, 12 * 2034, entitlement=entitlement)
        mine = slice(row * len(months), (row + 1) * len(months))
        for field, value in zip(("trial_ends", "ceases", "terminates"), expected, strict=True):
            assert set(np.asarray(getattr(found, field)[mine])) == {value}, (name, field)
        assert found.payable[mine].tolist() == [float(paid[month]) for month in months], name
    assert found.trial_ends[-1] == 12 * 2011 + 8


def test_months_of_grace_are_paid_before_entitlement_ends() -> None:
    p = law()
    longer = p.replace({"sga.grace_months": p.sga.grace_months + 9})
    career = [{2006: 9000, 2009: 40_000}]
    found = disability_work(workers(career, 12 * 2010 + 1), longer)
    assert (found.ceases[0], found.terminates[0], found.payable[0]) == (12 * 2009, 12 * 2010, 0)
    assert disability_work(workers(career, 12 * 2009 + 11), longer).payable[0] == 1


def test_by_hand() -> None:
    """Works from January 2006: nine months of trial, cessation in October, paid to December and never again."""
    career = [CAREERS["works from 2006 on"]] * 4
    found = disability_work(workers(career, [12 * 2006 + 11, 12 * 2007, 12 * 2009 + 9, FULL_AGE]), law())
    assert found.trial_ends[0] == 12 * 2006 + 8
    assert found.ceases[0] == 12 * 2006 + 9
    assert found.terminates[0] == 12 * 2009 + 9
    assert found.payable.tolist() == [1, 0, 0, 0]


def test_others_are_let_alone_and_reforms_count() -> None:
    career = [CAREERS["works from 2006 on"]]
    retired = disability_work(workers(career, 12 * 2015, kind=jnp.array([OLD_AGE])), law())
    assert (retired.trial_ends[0], retired.payable[0]) == (NEVER, 1)
    p = law()
    generous = p.replace({"sga.non_blind": p.sga.non_blind + 5000})
    assert disability_work(workers(career, 12 * 2015), generous).payable[0] == 1
    longer = p.replace({"sga.trial_months": p.sga.trial_months + 3})
    assert disability_work(workers(career, 12 * 2015), longer).trial_ends[0] == 12 * 2006 + 11
