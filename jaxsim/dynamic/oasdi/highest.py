"""Sums over the highest years of a career, without sorting.

The number of years that count differs between workers and is law, so it is data here, no static `k`. Amounts are told
apart to the cent, as whole numbers; the value of the last year that counts is found by bisection over their bits: some
25 counts of the years at or above a candidate. Years above that value count, and those equal to it share what is left
to count, evenly. Derivatives go to the years that count; the search has none.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

CENT = 0.01
MOST = 2.0**31 - 256
"""Largest whole number of units; where amounts reach 21 million dollars units are larger than a cent."""
COUNT = jnp.int16
"""Type of counts of years: narrow, as a search takes some 25 of them."""


def share_counted(amounts: jax.Array, number: jax.Array) -> jax.Array:
    """How much of each year counts among the highest.

    Args:
        amounts: of each year [years, workers], at least 0; years that must not count are below 0.
        number: of years that count, whole [workers].

    Returns:
        [years, workers], 1 for years above the last that counts, 0 for those below, and for those equal to it the share
        by which they add up to `number`. Where fewer years have amounts, each of the others has 1: it would count.
    """
    units = whole_units(jax.lax.stop_gradient(amounts))
    number = number.astype(units.dtype)
    last = value_of_rank(units, number)
    higher, level = units > last, units == last
    left = number - jnp.sum(higher, axis=0, dtype=COUNT)
    alike = jnp.sum(level, axis=0, dtype=COUNT)
    share = left.astype(amounts.dtype) / jnp.where(alike > left, alike, jnp.where(left > 0, left, 1))
    share = jnp.where(units > 0, share, 1.0)
    return jnp.where(higher, 1.0, jnp.where(level, share, 0.0))


def whole_units(amounts: jax.Array) -> jax.Array:
    """Amounts as whole numbers of cents, -1 where below 0 [years, workers]."""
    highest = jnp.max(amounts)
    unit = jnp.where(highest < CENT * MOST, CENT, highest / MOST)
    return jnp.where(amounts < 0, -1, jnp.round(amounts / unit)).astype(jnp.int32)


def value_of_rank(units: jax.Array, rank: jax.Array) -> jax.Array:
    """The value of a rank [workers], 1 the highest, of whole numbers [years, workers]; 0 where fewer are above it."""
    one = jnp.ones((), units.dtype)
    bits = 32 - jax.lax.clz(jnp.max(units, initial=0))

    def step(k: jax.Array, found: jax.Array) -> jax.Array:
        higher = found | (one << (bits - 1 - k))
        enough = jnp.sum(units >= higher, axis=0, dtype=COUNT) >= rank.astype(COUNT)
        return jnp.where(enough, higher, found)

    return jax.lax.fori_loop(0, bits, step, jnp.zeros(units.shape[1:], units.dtype))
