"""Forests walked in NumPy: the draws of `Imputer.sample`, where nothing is compiled.

A synthesis of households asks dozens of forests for a few records each: programs for each of them would take longer to
compile than to run.
"""

from __future__ import annotations

import jax
import numpy as np
import pandas as pd

from jaxsim.impute.base import Imputer
from jaxsim.impute.forest import ForestConditional
from jaxsim.impute.uniforms import for_name, split_ids, uniforms
from jaxsim.precision import precision

SIZES = (1 << 10, 1 << 15)
"""Records for whom uniforms are drawn at once: each size is compiled, once."""

_uniforms = jax.jit(uniforms, static_argnames=("count", "dtype"))


def draw_numbers(imputer: Imputer, x: pd.DataFrame, key: jax.Array, ids: np.ndarray) -> np.ndarray:
    """What `imputer.sample` draws, as an array [rows, targets], for tables of numbers without missing values.

    Other models than forests go by `sample` itself.

    Args:
        imputer: fitted to numbers only.
        x: columns in the order of the fit.
        key: JAX key.
        ids: whole numbers, of the records.
    """
    forest = imputer.conditional
    if not isinstance(forest, ForestConditional) or forest.ordered or any(imputer.marked):
        return imputer.sample(x, key, ids=ids).to_numpy(dtype=np.float64)
    ((name, count),) = forest.streams
    rows = [np.empty(0, dtype=np.int64)]
    values = x.to_numpy(dtype=np.float32)
    values = values if values.shape[1] else np.zeros((len(x), 1), np.float32)
    halves = split_ids(ids.astype(np.int64).view(np.uint64))
    with precision("float64"):
        own = for_name(key, name)
        for start in range(0, len(x), SIZES[-1]):
            part = halves[start : start + SIZES[-1]]
            padded = np.zeros((next(s for s in SIZES if s >= len(part)), 2), np.uint32)
            padded[: len(part)] = part
            u = np.asarray(_uniforms(own, padded, count, "float64"))[: len(part)]
            rows.append(_walk(forest, values[start : start + SIZES[-1]], u))
    return np.asarray(forest.y)[np.concatenate(rows)]


def _walk(forest: ForestConditional, x: np.ndarray, u: np.ndarray) -> np.ndarray:
    """`ForestConditional.pick` in NumPy: the donor of each record."""
    trees, donors = forest.trees, forest.donors
    count = len(trees.root)
    node = np.asarray(trees.root)[np.minimum((u[:, 0] * count).astype(np.int64), count - 1)]
    moving = np.arange(len(x))
    while len(moving):
        at = node[moving]
        below = x[moving, trees.feature[at]] <= trees.threshold[at]
        after = np.where(below, at + 1, trees.right[at])
        node[moving] = after
        moving = moving[after != at]
    low, high = donors.first[node], donors.first[node + 1] - 1
    sought = u[:, 1].astype(donors.reached.dtype)
    for _ in range(donors.steps):
        middle = (low + high) // 2
        found = donors.reached[np.minimum(middle, len(donors.reached) - 1)] >= sought
        open_ = low < high
        low, high = np.where(open_ & ~found, middle + 1, low), np.where(open_ & found, middle, high)
    return donors.row[low]
