"""Sums over the highest years of a career, without sorting.

The number of years that count differs between workers and is law, so it is data here, no static `k`. The value of the
last year that counts is found by bisection over the bits of the amounts: non-negative floats are in the order of their
bits, so 31 (or 63) counts of the years at or above a candidate find it exactly. The sum is then one over the years
above that value, and over as many of those equal to it, the earliest first, as are left to count. Derivatives go to
the years that count; the search has none.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp


def which_count(amounts: jax.Array, number: jax.Array) -> jax.Array:
    """Whether each year is among the highest.

    Args:
        amounts: of each year [years, workers], at least 0; years that must not count are below 0.
        number: of years that count [workers].

    Returns:
        [years, workers], boolean: `number` years, all where there are fewer; of equal years the earlier.
    """
    amounts = jax.lax.stop_gradient(amounts)
    last = value_of_rank(amounts, number)
    higher = amounts > last
    level = amounts == last
    return higher | (level & (jnp.cumsum(level, axis=0) <= number - jnp.sum(higher, axis=0)))


def value_of_rank(amounts: jax.Array, rank: jax.Array) -> jax.Array:
    """The value of a rank [workers], 1 the highest, of amounts [years, workers]; 0 where fewer are above it."""
    kind = jnp.int64 if amounts.dtype == jnp.float64 else jnp.int32
    bits = 8 * amounts.dtype.itemsize - 1  # all but the sign, which is set for amounts below 0: they order last
    order = jax.lax.bitcast_convert_type(jnp.where(amounts > 0, amounts, jnp.where(amounts < 0, -1.0, 0.0)), kind)

    def step(k: jax.Array, found: jax.Array) -> jax.Array:
        higher = found | (jnp.ones((), kind) << jnp.asarray(bits - 1 - k, kind))
        return jnp.where(jnp.sum(order >= higher, axis=0) >= rank, higher, found)

    found = jax.lax.fori_loop(0, bits, step, jnp.zeros(amounts.shape[1:], kind))
    return jax.lax.bitcast_convert_type(found, amounts.dtype)
