"""Distributional outcomes as pure functions of columns and weights: differentiable, in JAX, any dtype.

All take arrays of equal length, one entry a person or household, and weights.
"""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array

from jaxsim.numerics import below, relu, safe_div


def mean(x: Array, weights: Array) -> Array:
    """Weighted mean."""
    return safe_div((x * weights).sum(), weights.sum())


def quantile(x: Array, weights: Array, level: float) -> Array:
    """Weighted quantile: the least value with at least `level` of the weight at or below it.

    Its derivative is that of the one row that holds the quantile.
    """
    order = jnp.argsort(x)
    share = jnp.cumsum(weights[order])
    at = jnp.searchsorted(share, level * share[-1])
    return x[order][jnp.minimum(at, len(x) - 1)]


def gini(x: Array, weights: Array) -> Array:
    """Gini coefficient of the weighted distribution of `x`, negative amounts counted as 0.

    One minus twice the area under the Lorenz curve by trapezes (Lerman and Yitzhaki 1989, equation 3).
    """
    order = jnp.argsort(x)
    amount, weight = relu(x[order]), weights[order]
    share = weight / weight.sum()
    received = share * amount / (share * amount).sum()
    before = jnp.cumsum(received) - received
    return 1 - (share * (2 * before + received)).sum()


def poverty_rate(x: Array, weights: Array, line: Array) -> Array:
    """Share of weight below the line. A headcount: its plain derivative is 0, use `smoothing`."""
    return mean(below(x, line), weights)


def poverty_gap(x: Array, weights: Array, line: Array) -> Array:
    """Weighted sum of what is missing to the line."""
    return (relu(line - x) * weights).sum()


def equivalised(income: Array, size: Array) -> Array:
    """Income by the square root of household size."""
    return income / jnp.sqrt(relu(size - 1) + 1)


def decile(x: Array, weights: Array) -> Array:
    """Decile of each row, 1 to 10 by rank of `x`; 0 for negative amounts, which stand apart."""
    order = jnp.argsort(x, stable=True)
    counted = jnp.where(x[order] >= 0, weights[order], 0)
    middle = jnp.cumsum(counted) - counted / 2
    rank = jnp.zeros(len(x), dtype=middle.dtype).at[order].set(middle)
    tenth = jnp.floor(10 * safe_div(rank, counted.sum())).astype(jnp.int32)
    return jnp.where(x >= 0, jnp.minimum(tenth, 9) + 1, 0)
