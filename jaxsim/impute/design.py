"""From the matrix of columns to the features of a model: gradients pass through to the columns.

Given JAX arrays, features are computed in JAX; given NumPy arrays, in NumPy, as where a model is fitted: there every
shape of a table would cost a compilation.
"""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from jaxsim.impute.columns import Columns
from jaxsim.impute.weighted import quantile

NEAR = 1.0
"""Spreads within which features level off beyond the donors' range."""
TWICE = 2.0
"""Amounts above the largest donor's level off within this multiple of it."""


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

    The inverse hyperbolic sine is linear near 0 and logarithmic far away, smooth, and takes negative amounts. Beyond
    the donors' range networks were never taught: there features level off, and so do amounts.

    Attributes:
        unit: median size of what is not 0 [width].
        mean: of the donors [width].
        spread: of the donors [width].
        low: the donors' least value, scaled [width].
        high: their largest [width].
    """

    unit: Any
    mean: Any
    spread: Any
    low: Any
    high: Any

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
        spread = np.where(spread > 1e-9, spread, 1.0)
        placed = (scaled - mean) / spread
        return Scale(unit, mean, spread, placed.min(axis=0), placed.max(axis=0))

    def __call__(self, features: Any) -> Any:
        """Scaled features [rows, width]."""
        xp = _module(features)
        unit, mean, spread = (xp.asarray(a, features.dtype) for a in (self.unit, self.mean, self.spread))
        return (xp.arcsinh(features / unit) - mean) / spread

    def near(self, scaled: Any, room: Any = NEAR) -> Any:
        """Scaled features [rows, width] that level off beyond the donors' range, smoothly, within a room [width]."""
        xp = _module(scaled)
        low, high, room = (xp.asarray(a, scaled.dtype) for a in (self.low, self.high, room))
        above, below = xp.where(scaled > high, scaled - high, 0.0), xp.where(scaled < low, low - scaled, 0.0)
        return scaled - above + room * xp.tanh(above / room) + below - room * xp.tanh(below / room)

    def amounts(self, scaled: Any) -> Any:
        """Amounts [rows, width] of scaled ones, at most about `TWICE` as far out as the donors'."""
        unit, mean, spread = (jnp.asarray(a, scaled.dtype) for a in (self.unit, self.mean, self.spread))
        return unit * jnp.sinh(mean + spread * self.near(scaled, self._room))

    def of_amounts(self, amounts: jax.Array) -> tuple[jax.Array, jax.Array]:
        """What `amounts` makes amounts [rows, width] of, and the logs of its slopes by them.

        The slope of what lies beyond all that `amounts` gives is 0: it has no density.
        """
        unit, spread, low, high, room = (
            jnp.asarray(a, amounts.dtype) for a in (self.unit, self.spread, self.low, self.high, self._room)
        )
        placed = self(amounts)
        outside = jnp.where(placed > high, placed - high, jnp.where(placed < low, placed - low, 0.0))
        share = outside / room
        within = jnp.abs(share) < 1
        reached = jnp.where(within, share, 0.0)
        steep = -jnp.log1p(-(reached**2)) - jnp.log(spread * jnp.sqrt(unit**2 + amounts**2))
        return placed - outside + room * jnp.arctanh(reached), jnp.where(within, steep, -jnp.inf)

    @property
    def _room(self) -> Any:
        """Scaled amounts above the largest, within which amounts double [width]."""
        return np.log(TWICE) / self.spread
