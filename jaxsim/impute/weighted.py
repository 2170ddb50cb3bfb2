"""Weighted statistics of one column that more than one model needs."""

from __future__ import annotations

from typing import Any

import numpy as np


def quantile(values: np.ndarray, levels: Any, weights: np.ndarray) -> np.ndarray:
    """Weighted quantiles: the least value at which the distribution function reaches the level."""
    order = np.argsort(values, kind="stable")
    total = np.cumsum(weights[order])
    reached = np.searchsorted(total, np.asarray(levels) * total[-1] * (1 - 1e-12), side="left")
    return values[order][np.minimum(reached, len(values) - 1)]


def midranks(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted ranks in (0, 1): the share of weight below a value and half of that at it; NaN stays NaN."""
    known = ~np.isnan(values)
    distinct, where = np.unique(values[known], return_inverse=True)
    held = np.bincount(where, weights[known], minlength=len(distinct))
    ranks = np.full(len(values), np.nan)
    ranks[known] = ((np.cumsum(held) - held / 2) / max(held.sum(), 1e-300))[where]
    return ranks
