"""A smooth, increasing map between positive amounts and standard normal scores, through weighted quantiles.

Models of scores see one shape of distribution whatever the units and the tail; what they draw goes back through the
map. It is smooth, so that gradients pass. Below the smallest amount of the donors it goes to 0 as a line in logs; above
the largest it levels off within a factor of two: what donors say nothing of is not made up.
"""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import ndtr, ndtri

from jaxsim.impute import rational_quadratic
from jaxsim.impute.design import TWICE
from jaxsim.impute.weighted import quantile

KNOTS = 33


class Marginal(eqx.Module):
    """Scores and amounts of one variable.

    Attributes:
        scores: at the knots [knots], standard normal.
        logs: of the amounts at the knots [knots].
        slopes: of logs by scores at the knots [knots].
    """

    scores: Any
    logs: Any
    slopes: Any

    @staticmethod
    def learn(amounts: np.ndarray, weights: np.ndarray, knots: int = KNOTS) -> Marginal:
        """The map through weighted quantiles of donors' positive amounts [donors].

        Knots stand closer at the ends; where amounts heap they are kept apart by a hair, so that the map increases.
        """
        size = weights.sum() ** 2 / np.sum(weights**2)  # effective number of donors
        end = -ndtri(0.5 / max(size, 4.0))
        scores = np.linspace(-end, end, min(knots, max(int(size), 3)))
        logs = np.log(quantile(amounts, ndtr(scores), weights))
        least = max(np.ptp(logs), 1e-3) * 1e-3 * np.diff(scores, prepend=scores[0] - 1.0)
        least[0] = 0.0
        logs = np.maximum.accumulate(logs - np.cumsum(least)) + np.cumsum(least)
        return Marginal(scores, logs, rational_quadratic.slopes_through(scores, logs))

    def amount(self, score: jax.Array) -> jax.Array:
        """Amounts [rows] of scores [rows]."""
        end, room = jnp.asarray(self.scores, score.dtype)[-1], self._room(score)
        above = jnp.where(score > end, score - end, 0.0)
        near = jnp.where(score > end, end, score) + room * jnp.tanh(above / room)
        return jnp.exp(rational_quadratic.forward(near, *self._knots(score))[0])

    def score(self, amount: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Scores [rows] of positive amounts [rows], and the logs of their slopes by the amount.

        An amount beyond all that `amount` gives has a large score, and a slope of 0: it has no density.
        """
        log = jnp.log(amount)
        end = jnp.asarray(self.scores, log.dtype)[-1]
        score = rational_quadratic.inverse(log, *self._knots(log))
        _, slope = rational_quadratic.forward(score, *self._knots(score))
        room = self._room(log)
        share = jnp.where(score > end, (score - end) / room, 0.0)
        reached = jnp.where(share < 1 - 1e-6, share, 1 - 1e-6)
        steep = jnp.where(share < 1, -slope - log - jnp.log1p(-(reached**2)), -jnp.inf)
        return jnp.where(score > end, end + room * jnp.arctanh(reached), score), steep

    def _room(self, like: jax.Array) -> jax.Array:
        """Scores above the end, on whose line amounts double."""
        return np.log(TWICE) / jnp.asarray(self.slopes, like.dtype)[-1]

    def _knots(self, like: jax.Array) -> tuple[jax.Array, ...]:
        return tuple(jnp.asarray(a, like.dtype) for a in (self.scores, self.logs, self.slopes))
