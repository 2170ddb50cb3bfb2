"""From the matrix of columns to the features of a model: gradients pass through to the columns.

Given JAX arrays, features are computed in JAX; given NumPy arrays, in NumPy, as where a model is fitted: there every
shape of a table would cost a compilation.
"""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from jaxsim.impute.columns import Columns
from jaxsim.impute.weighted import quantile


def _module(array: Any) -> Any:
    """NumPy for its arrays, JAX for all others."""
    return np if isinstance(array, np.ndarray) else jnp


class Design(eqx.Module):
    """Features of predictors: numbers with missing values filled and marked, one feature a level of a category.

    Attributes:
        fill: what stands for a missing number, the donors' weighted median [columns].
        marked: whether donors had missing values there, so that missing is a feature of its own.
        levels: of each column; 0 for a number.
    """

    fill: Any
    marked: tuple[bool, ...] = eqx.field(static=True)
    levels: tuple[int, ...] = eqx.field(static=True)

    @staticmethod
    def learn(columns: Columns, matrix: np.ndarray, weights: np.ndarray) -> Design:
        """The design of donors' predictors [rows, columns]."""
        levels = tuple(len(c.levels) for c in columns.columns)
        marked = tuple(bool(m) for m in np.isnan(matrix).any(axis=0))
        fill = []
        for values, count in zip(matrix.T, levels, strict=True):
            known = ~np.isnan(values)
            fill.append(0.0 if count or not known.any() else quantile(values[known], [0.5], weights[known])[0])
        return Design(np.asarray(fill, dtype=np.float64), marked, levels)

    @property
    def width(self) -> int:
        """Number of features."""
        return sum(max(n, 1) for n in self.levels) + sum(
            m and n == 0 for m, n in zip(self.marked, self.levels, strict=True)
        )

    def __call__(self, matrix: Any) -> Any:
        """Features [rows, width] of a matrix [rows, columns]."""
        xp, parts = _module(matrix), []
        for k, (count, marked) in enumerate(zip(self.levels, self.marked, strict=True)):
            values = matrix[:, k]
            if count:  # a missing category has none of the levels
                parts.append((values[:, None] == xp.arange(count)).astype(matrix.dtype))
                continue
            missing = xp.isnan(values)
            parts.append(xp.where(missing, xp.asarray(self.fill, matrix.dtype)[k], values)[:, None])
            if marked:
                parts.append(missing[:, None].astype(matrix.dtype))
        return xp.concatenate(parts, axis=1) if parts else xp.zeros((matrix.shape[0], 0), matrix.dtype)


class Scale(eqx.Module):
    """Features for networks: the inverse hyperbolic sine, in units of a column's own size, then mean 0 and spread 1.

    The inverse hyperbolic sine is linear near 0 and logarithmic far away, smooth, and takes negative amounts.
    """

    unit: Any
    mean: Any
    spread: Any

    @staticmethod
    def learn(features: np.ndarray, weights: np.ndarray) -> Scale:
        """The scale of donors' features [rows, width]."""
        unit = np.ones(features.shape[1])
        for k, values in enumerate(features.T):
            nonzero = values != 0
            if nonzero.any():
                unit[k] = quantile(np.abs(values[nonzero]), [0.5], weights[nonzero])[0]
        scaled = np.arcsinh(features / unit)
        share = weights / weights.sum()
        mean = share @ scaled
        spread = np.sqrt(share @ (scaled - mean) ** 2)
        return Scale(unit, mean, np.where(spread > 1e-9, spread, 1.0))

    def __call__(self, features: Any) -> Any:
        """Scaled features [rows, width]."""
        xp = _module(features)
        unit, mean, spread = (xp.asarray(a, features.dtype) for a in (self.unit, self.mean, self.spread))
        return (xp.arcsinh(features / unit) - mean) / spread
