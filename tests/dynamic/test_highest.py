"""The highest years of a career by bisection equal those by sorting."""

from __future__ import annotations

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsim as js
from jaxsim.dynamic.oasdi.highest import share_counted, value_of_rank, whole_units

YEARS, WORKERS = 40, 300


@pytest.fixture(params=["float32", "float64"])
def dtype(request: pytest.FixtureRequest) -> Iterator[str]:
    with js.precision(request.param):
        yield request.param


def careers(dtype: str) -> np.ndarray:
    """Earnings [years, workers]: of all sizes, with ties, zeros, years that must not count, and all alike."""
    rng = np.random.default_rng(0)
    amounts = np.minimum(np.exp(rng.normal(8, 3, (YEARS, WORKERS))), 160_000).round(2)  # float32 knows cents
    amounts[:, 0::3] = rng.integers(0, 4, (YEARS, WORKERS // 3)) * 1000.0
    amounts[rng.random((YEARS, WORKERS)) < 0.2] = 0.0
    amounts[rng.random((YEARS, WORKERS)) < 0.1] = -1.0
    amounts[:, 1], amounts[:, 2], amounts[:, 3] = 50_000.0, 0.0, -1.0
    amounts[:, 4] = 1e5 + 0.01 * rng.permutation(YEARS)
    amounts[:, 5] = 0.01
    return amounts.astype(dtype)


def highest(amounts: np.ndarray, number: np.ndarray) -> np.ndarray:
    """The highest amounts added up, in whole cents [workers]."""
    cents = -np.sort(-np.maximum(np.rint(amounts.astype(float) * 100), 0), axis=0)
    return np.array([cents[:count, worker].sum() for worker, count in enumerate(number)])


@pytest.mark.parametrize("count", [0, 1, 2, 10, 35, YEARS])
def test_the_highest_years_add_up_as_sorted(dtype: str, count: int) -> None:
    amounts = careers(dtype)
    number = np.full(WORKERS, count)
    share = np.asarray(jax.jit(share_counted)(jnp.asarray(amounts), jnp.asarray(number)), float)
    found = np.rint(amounts.astype(float) * 100) * share
    np.testing.assert_allclose(found.sum(axis=0), highest(amounts, number), rtol=1e-6 if dtype == "float32" else 1e-14)
    assert ((share >= 0) & (share <= 1)).all()
    assert (share[amounts < 0] == 0).all()
    paid, few = amounts > 0, (amounts > 0).sum(axis=0) < number
    np.testing.assert_allclose((share * paid).sum(axis=0), np.minimum(number, paid.sum(axis=0)), rtol=1e-6)
    assert (share[(amounts == 0) & few] == 1).all()  # one more year of work would count
    assert (share[(amounts == 0) & ~few] == 0).all()


def test_the_number_of_years_is_each_workers_own(dtype: str) -> None:
    amounts = careers(dtype)
    number = np.random.default_rng(1).integers(0, YEARS + 1, WORKERS)
    share = np.asarray(jax.jit(share_counted)(jnp.asarray(amounts), jnp.asarray(number, dtype)), float)
    found = np.rint(amounts.astype(float) * 100) * share
    np.testing.assert_allclose(found.sum(axis=0), highest(amounts, number), rtol=1e-6 if dtype == "float32" else 1e-14)


def test_compiled_equals_eager(dtype: str) -> None:
    amounts, number = jnp.asarray(careers(dtype)[:, :8]), jnp.full(8, 5)
    with jax.disable_jit():
        eager = share_counted(amounts, number)
    np.testing.assert_allclose(eager, jax.jit(share_counted)(amounts, number), rtol=1e-6)


def test_the_value_of_a_rank(dtype: str) -> None:
    units = np.asarray(whole_units(jnp.asarray(careers(dtype))))
    for rank in (1, 7, YEARS):
        found = np.asarray(value_of_rank(jnp.asarray(units), jnp.full(WORKERS, rank)))
        assert np.array_equal(found, np.maximum(-np.sort(-units, axis=0)[rank - 1], 0))


def test_units_are_cents_until_amounts_are_too_large(dtype: str) -> None:
    assert whole_units(jnp.asarray([0.01, -1.0, 1234.56])).tolist() == [1, -1, 123_456]
    large = np.asarray(whole_units(jnp.asarray([5e9, 2.5e9, 0.0, -1.0])))
    assert large[3] == -1
    assert large[2] == 0
    assert 2 * large[1] == pytest.approx(large[0], rel=1e-6)
    assert 2**30 < large[0] < 2**31


def test_the_sum_has_the_derivative_of_the_years_that_count(dtype: str) -> None:
    amounts, number = careers(dtype), jnp.asarray(np.random.default_rng(2).integers(1, YEARS, WORKERS))
    share = share_counted(jnp.asarray(amounts), number)
    gradient = jax.jit(jax.grad(lambda a: jnp.sum(a * share_counted(a, number))))(jnp.asarray(amounts))
    np.testing.assert_allclose(gradient, share, rtol=1e-6)
