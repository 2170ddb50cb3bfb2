"""Uniform numbers by key, variable and record: never by position, batch or order of calls.

One seed reused for every variable makes independent variables move together; numbers that depend on the position of a
record change when rows are sorted. Here the key is folded with the name of the variable and with the record's id.
"""

from __future__ import annotations

import functools
import zlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxsim.errors import InputError


def as_key(key: Any) -> jax.Array:
    """A JAX key from a key or a whole number.

    Raises:
        InputError: it is neither.
    """
    if isinstance(key, (int, np.integer)) and not isinstance(key, bool) and 0 <= key < 2**32:
        return jax.random.key(int(key), impl="threefry2x32")
    if isinstance(key, jax.Array) and jnp.issubdtype(key.dtype, jax.dtypes.prng_key) and key.ndim == 0:
        if jax.random.key_data(key).shape == (2,):
            return key
        raise InputError(  # of other generators, a record's numbers depend on the records beside it
            f"key={key!r}: give a key of Threefry, jax.random.key(seed, impl='threefry2x32'), or a whole number"
        )
    if isinstance(key, (jax.Array, np.ndarray)) and key.shape == (2,) and key.dtype == np.uint32:
        return jax.random.wrap_key_data(jnp.asarray(key), impl="threefry2x32")
    raise InputError(f"key={key!r}: give a whole number from 0 to 2**32 - 1 or a key of jax.random")


def for_name(key: jax.Array, name: str) -> jax.Array:
    """The key of a variable: independent of other variables' keys and of their order."""
    return jax.random.fold_in(key, zlib.crc32(name.encode()))


def split_ids(ids: np.ndarray) -> np.ndarray:
    """Ids [rows] as two halves of 32 bits [rows, 2], which JAX holds in any precision."""
    return np.ascontiguousarray(ids, dtype=np.uint64).view(np.uint32).reshape(-1, 2)


@functools.partial(jax.jit, static_argnames=("count", "dtype"))
def uniforms(key: jax.Array, ids: Any, count: int, dtype: Any = None) -> jax.Array:
    """Uniform numbers in (0, 1), the same for the same key and id.

    Args:
        key: of `jax.random`.
        ids: two halves of each record's id, [rows, 2] (`split_ids`).
        count: numbers a record.
        dtype: of the result; JAX's default float.

    Returns:
        [rows, count], of 32 random bits each: float32 and float64 draw the same numbers up to rounding.
    """
    dtype = jnp.result_type(float) if dtype is None else dtype

    def of_record(halves: jax.Array) -> jax.Array:
        own = jax.random.fold_in(jax.random.fold_in(key, halves[0]), halves[1])
        return jax.random.bits(own, (count,), jnp.uint32)

    bits = jax.vmap(of_record)(jnp.asarray(ids, jnp.uint32))
    found = (bits.astype(dtype) + 0.5) * 2.0**-32
    return jnp.where(found < 1, found, jnp.asarray(1 - jnp.finfo(dtype).epsneg, dtype))
