"""The highest years of a career by bisection equal those by sorting."""

from __future__ import annotations

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsim as js
from jaxsim.dynamic.oasdi.highest import value_of_rank, which_count

YEARS, WORKERS = 40, 300
TINY = {"float32": 2.0**-126, "float64": 2.0**-1022}


@pytest.fixture(params=["float32", "float64"])
def dtype(request: pytest.FixtureRequest) -> Iterator[str]:
    with js.precision(request.param):
        yield request.param


def careers(dtype: str) -> np.ndarray:
    """Earnings [years, workers]: of all sizes, with ties, zeros, years that must not count, and all alike."""
    rng = np.random.default_rng(0)
    amounts = np.exp(rng.normal(8, 3, (YEARS, WORKERS))).round(2)
    amounts[:, 0::3] = rng.integers(0, 4, (YEARS, WORKERS // 3)) * 1000.0
    amounts[rng.random((YEARS, WORKERS)) < 0.2] = 0.0
    amounts[rng.random((YEARS, WORKERS)) < 0.1] = -1.0
    amounts[:, 1], amounts[:, 2], amounts[:, 3] = 50_000.0, 0.0, -1.0
    amounts[:, 4] = np.geomspace(TINY[dtype], 1e30, YEARS)
    amounts[:, 5] = np.nextafter(np.asarray(1e5, dtype), np.asarray(np.inf, dtype))
    amounts[::2, 5] = 1e5
    return amounts.astype(dtype)


def by_sorting(amounts: np.ndarray, number: np.ndarray) -> np.ndarray:
    """The highest years, of equal ones the earlier; years below 0 last."""
    order = np.argsort(-amounts, axis=0, kind="stable")
    chosen = np.zeros(amounts.shape, bool)
    for worker, count in enumerate(number):
        chosen[order[:count, worker], worker] = True
    return chosen & (amounts >= 0)


@pytest.mark.parametrize("count", [0, 1, 2, 10, 35, YEARS])
def test_the_highest_years_are_those_by_sorting(dtype: str, count: int) -> None:
    amounts = careers(dtype)
    number = np.full(WORKERS, count)
    found = np.asarray(jax.jit(which_count)(jnp.asarray(amounts), jnp.asarray(number)))
    assert np.array_equal(found & (amounts >= 0), by_sorting(amounts, number))


def test_the_number_of_years_is_each_workers_own(dtype: str) -> None:
    amounts = careers(dtype)
    number = np.random.default_rng(1).integers(0, YEARS + 1, WORKERS)
    found = np.asarray(jax.jit(which_count)(jnp.asarray(amounts), jnp.asarray(number, dtype)))
    assert np.array_equal(found & (amounts >= 0), by_sorting(amounts, number))
    assert np.all(found.sum(axis=0) <= np.maximum(number, (amounts >= 0).sum(axis=0)))


def test_compiled_equals_eager(dtype: str) -> None:
    amounts, number = jnp.asarray(careers(dtype)[:, :8]), jnp.full(8, 5)
    with jax.disable_jit():
        eager = which_count(amounts, number)
    assert np.array_equal(eager, jax.jit(which_count)(amounts, number))


def test_the_value_of_a_rank(dtype: str) -> None:
    amounts = careers(dtype)
    for rank in (1, 7, YEARS):
        found = np.asarray(value_of_rank(jnp.asarray(amounts), jnp.full(WORKERS, rank)))
        assert np.array_equal(found, np.maximum(-np.sort(-amounts, axis=0)[rank - 1], 0))


def test_the_sum_has_the_derivative_of_the_years_that_count(dtype: str) -> None:
    amounts, number = careers(dtype), np.random.default_rng(2).integers(1, YEARS, WORKERS)

    def total(amounts: jax.Array) -> jax.Array:
        counted = which_count(amounts, jnp.asarray(number)) & (amounts > 0)
        return jnp.sum(jnp.where(counted, amounts, 0))

    gradient = np.asarray(jax.jit(jax.grad(total))(jnp.asarray(amounts)))
    assert np.array_equal(gradient, by_sorting(amounts, number) & (amounts > 0))
