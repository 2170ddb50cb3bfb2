"""Least squares with noise: the textbook's stochastic regression imputation, for comparison."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import ndtri
from jax.scipy.stats import norm

from jaxsim.impute.base import Conditional, Model
from jaxsim.impute.columns import Columns
from jaxsim.impute.design import Design


@dataclass(frozen=True)
class LeastSquares(Model):
    """Settings of weighted least squares with normal noise; several targets keep the covariance of their noise."""

    categories = False

    def _learn(
        self, given: Columns, x: np.ndarray, targets: Columns, y: np.ndarray, weights: np.ndarray, key: jax.Array,
        progress: bool,
    ) -> Conditional:  # fmt: skip
        design = Design.learn(given, x, weights)
        features = design(x)
        centre, root = weights @ features / weights.sum(), np.sqrt(weights)[:, None]
        slope = np.linalg.lstsq(root * (features - centre), root * (y - weights @ y / weights.sum()), rcond=None)[0]
        level = weights @ y / weights.sum() - centre @ slope
        rest = y - level - features @ slope
        freedom = max(len(y) - 1 - np.linalg.matrix_rank(features - centre), 1)
        spread = (weights[:, None] * rest).T @ rest / weights.sum() * len(y) / freedom
        values, vectors = np.linalg.eigh(spread)  # a root exists even where targets depend on each other
        lower = np.linalg.qr((vectors * np.sqrt(np.where(values > 0, values, 0.0))).T)[1].T
        lower = lower * np.where(np.diag(lower) < 0, -1.0, 1.0)
        return LeastSquaresConditional(tuple((n, 1) for n in targets.names), design, slope, level, lower)


class LeastSquaresConditional(Conditional):
    """Normal targets around a line; `lower` is the triangular root of the noise's covariance."""

    design: Design
    slope: Any
    level: Any
    lower: Any

    def draw(self, x: jax.Array, u: jax.Array) -> jax.Array:
        return self.mean(x) + ndtri(u) @ jnp.asarray(self.lower, x.dtype).T

    def mean(self, x: jax.Array) -> jax.Array:
        """Expected targets [rows, targets]."""
        return jnp.asarray(self.level, x.dtype) + self.design(x) @ jnp.asarray(self.slope, x.dtype)

    def quantiles(self, x: jax.Array, levels: jax.Array) -> jax.Array:
        spread = jnp.sqrt(jnp.sum(jnp.asarray(self.lower, x.dtype) ** 2, axis=1))
        wide = jnp.broadcast_to(jnp.asarray(levels, x.dtype), (x.shape[0], jnp.shape(levels)[-1]))
        return self.mean(x)[:, :, None] + spread[None, :, None] * ndtri(wide)[:, None, :]

    def log_prob(self, x: jax.Array, y: jax.Array) -> jax.Array:
        lower = jnp.asarray(self.lower, x.dtype)
        noise = jax.scipy.linalg.solve_triangular(lower, (y - self.mean(x)).T, lower=True).T
        return jnp.sum(norm.logpdf(noise), axis=1) - jnp.sum(jnp.log(jnp.diag(lower)))
