"""Members with benefits of their own, and divorced spouses: cases computed by hand from the amounts of two workers."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsim as js
from jaxsim.dynamic.oasdi.careers import NEVER
from jaxsim.dynamic.oasdi.family import RELATIONS, Members, family_benefits
from jaxsim.dynamic.oasdi.worker import worker_benefits

from .random_workers import Case, as_workers, eve, law, month_of

pytestmark = pytest.mark.usefixtures("quick_programs")

HIGH, LOW, NONE = 0, 1, 2
"""Rows of the workers: the record on which benefits are claimed, that of the spouse, no pay."""
DEAD = 3


@pytest.fixture(autouse=True)
def float64() -> Iterator[None]:
    with js.precision("float64"):
        yield


def retired(birth: datetime.date, claim: tuple[int, int], pay: float, death: datetime.date | None = None) -> Case:
    record: dict[str, Any] = {"birth_date": birth, "benefit_type": "survivor" if death else "old_age"}
    record |= {"entitlement": claim, "as_of": (2025, 3), "onset_date": None, "death_date": death}
    return Case(record, dict.fromkeys(range(1980, 2015), pay) if pay else {}, [])


def workers(claim: tuple[int, int] = (2020, 1)) -> Any:
    """A worker paid from full retirement age; a spouse, born in 1957 (66 years and six months), with lower pay."""
    born = datetime.date(1957, 1, 15)
    return as_workers([
        retired(datetime.date(1954, 1, 15), (2020, 1), 60_000.0), retired(born, claim, 5_000.0),
        retired(born, claim, 0.0), retired(datetime.date(1954, 1, 15), (2020, 1), 60_000.0, datetime.date(2024, 5, 5)),
    ])  # fmt: skip


@jax.jit
def compiled(w: Any, m: Members, p: Any) -> Any:
    paid = worker_benefits(w, p)
    return paid, family_benefits(w, paid, m, p)


def paid(w: Any, *members: tuple[str, int, int, tuple[int, int]]) -> tuple[Any, Any]:
    """Amounts of the workers and of members: relation, row of the worker, own row, first month."""
    born = month_of(eve(datetime.date(1957, 1, 15)))
    rows = [(row, RELATIONS.index(of), born, 12 * y + m - 1, own) for of, row, own, (y, m) in members]
    rows += [(0, 0, born, NEVER, -1)] * (4 - len(rows))  # of one size, so compiled once
    m = Members(*(jnp.asarray(column, jnp.int32) for column in zip(*rows, strict=True)))
    return jax.device_get(compiled(w, m, law()))


def dime(amount: float) -> float:
    return np.floor(amount * 10 + 1e-6) / 10


def test_excess_of_a_spouse() -> None:
    """Claimed together, 42 months early: each part is reduced by itself (42 USC 402(q)(3), POMS RS 00615.250)."""
    own, found = paid(workers(), ("spouse", HIGH, LOW, (2020, 1)))
    factor = 1 - 36 * 25 / 3600 - 6 * 5 / 1200
    half = dime(own.pia[HIGH] / 2)
    assert 0 < own.pia[LOW] < half
    assert own.months[LOW] == -42
    assert found.after_maximum[0] == pytest.approx(half)
    assert found.reduced[0] == pytest.approx(dime((half - own.pia[LOW]) * factor))


def test_spouse_before_their_own_benefit() -> None:
    """A reduced spouse's benefit is made up to by the own benefit that follows (POMS RS 00615.240)."""
    own, found = paid(workers(claim=(2023, 7)), ("spouse", HIGH, LOW, (2020, 1)))
    factor = 1 - 36 * 25 / 3600 - 6 * 5 / 1200
    half = dime(own.pia[HIGH] / 2)
    assert own.months[LOW] == 0
    assert found.reduced[0] == pytest.approx(max(dime(half * factor) - own.amount[LOW], 0))
    # the two are paid together, in whole dollars
    assert found.benefit[0] == np.floor(own.amount[LOW] + found.reduced[0] + 1e-6) - own.benefit[LOW]


def test_own_credits_come_off_the_excess() -> None:
    """POMS RS 00615.694: credits for claiming late replace a part of the spouse's excess."""
    own, found = paid(workers(claim=(2024, 7)), ("spouse", HIGH, LOW, (2024, 7)))
    half = dime(own.pia[HIGH] / 2)
    assert own.months[LOW] == 12
    assert found.reduced[0] == pytest.approx(half - own.amount[LOW])


def test_widow_with_a_benefit_of_their_own() -> None:
    """A widow's benefit is reduced for age, then by the own reduced benefit (POMS RS 00615.694, note)."""
    w = workers()
    children = [("child", DEAD, -1, (2024, 5))] * 2
    own, found = paid(w, ("widow", DEAD, LOW, (2024, 5)), *children)
    assert found.full[0] == pytest.approx(own.pia[DEAD])
    assert found.reduced[0] == pytest.approx(found.after_maximum[0] - own.amount[LOW])
    _, alone = paid(w, ("widow", DEAD, NONE, (2024, 5)), *children)
    assert alone.reduced[0] == pytest.approx(alone.after_maximum[0])
    # what the own benefit frees under the maximum goes to the child (20 CFR 404.403(a))
    assert found.reduced[1] > alone.reduced[1]
    assert found.reduced.sum() <= own.family_maximum[DEAD] + 1e-6


def test_a_higher_own_benefit_leaves_nothing() -> None:
    w = workers()
    own, found = paid(w, ("spouse", LOW, HIGH, (2024, 1)))
    assert own.pia[HIGH] > own.pia[LOW] / 2
    assert found.reduced[0] == found.benefit[0] == 0
    assert found.full[0] > 0


def test_divorced_spouses_stand_outside_the_maximum() -> None:
    """42 USC 403(a)(3)(C)."""
    w, first = workers(), (2024, 1)
    married = [("spouse_with_child", HIGH, -1, first), ("child", HIGH, -1, first), ("child", HIGH, -1, first)]
    own, without = paid(w, *married)
    _, found = paid(w, *married, ("divorced_spouse", HIGH, -1, first))
    np.testing.assert_allclose(found.reduced[:3], without.reduced[:3])
    assert without.after_maximum.sum() < without.full.sum()
    assert found.after_maximum[3] == found.full[3] == pytest.approx(dime(own.pia[HIGH] / 2))
    died = (2024, 5)
    _, widows = paid(w, ("widow", DEAD, -1, died), ("child", DEAD, -1, died), ("divorced_widow", DEAD, -1, died))
    assert widows.after_maximum[2] == pytest.approx(own.pia[DEAD])
    assert widows.after_maximum[:2].sum() <= own.family_maximum[DEAD] + 1e-6
