"""Deductions on account of work against a plain loop over months with the oracle's benefits."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from math import floor
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsim as js
from jaxsim.dynamic.oasdi.earnings_test import deductions, work_deductions
from jaxsim.dynamic.oasdi.retirement import paid, retirement
from jaxsim.dynamic.oasdi.worker import worker_benefits

from . import oracle
from .random_workers import Case, as_workers, law, oracle_law, pair

pytestmark = pytest.mark.usefixtures("quick_programs")

EXEMPT = {2019: 17_640, 2020: 18_240, 2021: 18_960, 2022: 19_560, 2023: 21_240}  # ssa.gov/oact/cola/rtea.html
OF_FULL_AGE = {2022: 51_960, 2023: 56_520}


@pytest.fixture(autouse=True)
def float64() -> Iterator[None]:
    with js.precision("float64"):
        yield


def worker(earnings: dict[int, float], claim: tuple[int, int]) -> Case:
    """Born on 15 June 1957: 62 years and a month in July 2019, full retirement age in December 2023."""
    record: dict[str, Any] = {"sex": "male", "birth_date": datetime.date(1957, 6, 15), "benefit_type": "old_age"}
    record |= {"entitlement": claim, "as_of": (2026, 1), "onset_date": None, "death_date": None, "quarters": None}
    return Case(record, earnings, [])


def before(last: int) -> dict[int, float]:
    return dict.fromkeys(range(1985, last + 1), 40_000.0)


CASES = [
    worker(before(2025), (2019, 7)),  # works on
    worker(before(2018), (2019, 7)),  # stops
    worker(before(2020) | {2021: 25_000.0, 2022: 25_000.0, 2023: 70_000.0}, (2021, 1)),
    worker(before(2022) | {2023: 200_000.0}, (2023, 1)),  # loses every month of the year of full retirement age
    worker(before(2025), (2023, 12)),  # not tested
]


@pytest.mark.slow
def test_months_without_work_in_the_first_year_are_not_charged() -> None:
    """Born in June 1957, at work until the end of August 2021, when the claim begins."""
    case = worker(before(2020) | {2021: 80_000.0, 2022: 25_000.0}, (2021, 9))
    w = as_workers([case])
    known = w._replace(retired=jnp.asarray([12 * 2021 + 8], jnp.int32))
    without, found = (jax.jit(work_deductions)(x, law()) for x in (w, known))
    assert without.withheld[0, 0] > 0
    assert found.withheld[0, 0] == 0
    assert found.withheld[1, 0] == without.withheld[1, 0] > 0  # there is one such year
    later = w._replace(retired=jnp.asarray([12 * 2022 + 8], jnp.int32))
    assert jax.jit(work_deductions)(later, law()).withheld[0, 0] == without.withheld[0, 0]
    of = jax.jit(retirement)(w, law())
    months = np.asarray(of.month)[:108, 0]
    charged = np.asarray(paid(of, w, law(), earnings_test=False) - paid(of, known, law()))[:108, 0]
    assert charged[(months >= 12 * 2021) & (months < 12 * 2022)].sum() == 0
    assert charged[(months >= 12 * 2022) & (months < 12 * 2023)].sum() > 0


def by_hand(case: Case) -> tuple[dict[int, float], int]:
    """Amounts withheld by year, and the months with a deduction, month by month as 42 USC 403(f)(1) has it."""
    first = oracle.month_of(case.record["entitlement"])
    withheld: dict[int, float] = {}
    months = 0
    for year in range(first // 12, 2024):
        earned = case.earnings.get(year, 0.0)
        if year == 2023:  # eleven months before full retirement age
            excess = floor(max(earned * 11 / 12 - OF_FULL_AGE[year], 0) / 3 + 1e-9)
        else:
            excess = floor(max(earned - EXEMPT[year], 0) / 2)
        left = float(excess)
        for month in range(max(first, 12 * year), min(12 * year + 12, 12 * 2023 + 11)):
            found = oracle.worker(case.record | {"as_of": pair(month)}, case.earnings, oracle_law())
            taken = min(left, float(found["unrounded"]))
            left -= taken
            months += taken > 0
            withheld[year] = withheld.get(year, 0.0) + taken
    return withheld, months


def test_work_after_the_claim() -> None:
    found = jax.device_get(jax.jit(work_deductions)(as_workers(CASES), law()))
    for row, case in enumerate(CASES):
        withheld, months = by_hand(case)
        years = dict(zip(found.year[:, row].tolist(), found.withheld[:, row].tolist(), strict=True))
        assert {year: round(amount, 2) for year, amount in years.items() if amount} == {
            year: round(amount, 2) for year, amount in withheld.items() if amount
        }
        assert found.months[row] == months
    assert found.months.tolist() == [26, 0, 6, 11, 0]


def test_the_months_are_given_back_at_full_retirement_age() -> None:
    w = as_workers(CASES)
    months = np.array([26.0, 0.0, 6.0, 11.0, 0.0])
    compiled = jax.jit(worker_benefits)
    early = w._replace(as_of=np.full(len(CASES), 12 * 2023 + 10, np.int32))
    assert compiled(early, law(), withheld=months).months.tolist() == [-53, -53, -35, -11, 0]
    after = compiled(w, law(), withheld=months)
    assert after.months.tolist() == [-27, -53, -29, 0, 0]
    # 5/9 of one percent for each of 36 months, 5/12 for each further month
    expected = [1 - 27 * 5 / 900, 1 - 0.2 - 17 * 5 / 1200, 1 - 29 * 5 / 900, 1, 1]
    np.testing.assert_allclose(after.factor, expected, rtol=1e-12)


def test_deductions_follow_the_months() -> None:
    monthly = np.array([0.0, 100.0, 100.0, 0.0, 100.0])[:, None] * np.ones(3)
    taken = np.asarray(deductions(np.array([0.0, 150.0, 1000.0]), monthly))
    assert taken.T.tolist() == [[0] * 5, [0, 100, 50, 0, 0], [0, 100, 100, 0, 100]]
