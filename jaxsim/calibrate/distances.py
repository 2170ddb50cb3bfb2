"""How far weights may go from the base weights: distances and the ratios that they imply.

Calibration in the sense of Deville and Sarndal (1992, JASA 87:376-382): the weights nearest to the base weights that
meet the targets have ratios F(u), where u is the sum over a household's targets of its entries times their prices.
Each distance has its F.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from jaxsim.errors import JaxsimError

KINDS = ("entropy", "chi_square", "logit")
STEEPEST = 60.0
"""Largest exponent: beyond it a ratio is 1e26 and no calibration."""


@jax.tree_util.register_static
@dataclass(frozen=True)
class Distance:
    """A distance of weights from base weights; to JAX a constant.

    Attributes:
        kind: "entropy" (ratios exp(u), always positive), "chi_square" (1 + u, generalised regression) or "logit"
            (smooth between both bounds).
        low: least ratio of weight to base weight.
        high: largest ratio; None is unbounded.
    """

    kind: str = "entropy"
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise JaxsimError(f"distance {self.kind!r}: use one of {', '.join(KINDS)}")
        for name, bound in (("low", self.low), ("high", self.high)):
            if bound is not None and (isinstance(bound, bool) or not np.isfinite(bound)):
                raise JaxsimError(f"bound {name}={bound!r}: give a finite ratio of weight to base weight, or None")
        if self.low is not None and not 0 <= self.low < 1:
            raise JaxsimError(f"bound low={self.low!r}: the least ratio must be at least 0 and below 1")
        if self.high is not None and self.high <= 1:
            raise JaxsimError(f"bound high={self.high!r}: the largest ratio must be above 1")
        if self.kind == "logit" and (self.low is None or self.high is None):
            raise JaxsimError("the logit distance lies between two bounds: give bounds=(low, high)")

    @property
    def limits(self) -> tuple[float, float]:
        """Least and largest ratio that it allows."""
        least = 0.0 if self.kind == "entropy" else -np.inf
        return (least if self.low is None else self.low), (np.inf if self.high is None else self.high)

    def ratio(self, u: jax.Array) -> jax.Array:
        """Weight over base weight at prices' sum u.

        Its clips are never differentiated: the derivative is `slope`, and that of the weights comes from it by the
        implicit function theorem.
        """
        return self._clip(self._plain(u))

    def slope(self, u: jax.Array) -> jax.Array:
        """Derivative of `ratio`; 0 where a bound holds the ratio."""
        plain = self._plain(u)
        low, high = self.limits
        if self.kind == "entropy":
            slope = plain * (jnp.abs(u) < STEEPEST)
        elif self.kind == "chi_square":
            slope = jnp.ones_like(u)
        else:
            slope = (plain - low) * (high - plain) / ((1.0 - low) * (high - 1.0))
            return slope
        return slope * ((plain > low) & (plain < high))

    def _plain(self, u: jax.Array) -> jax.Array:
        if self.kind == "entropy":
            return jnp.exp(jnp.clip(u, -STEEPEST, STEEPEST))
        if self.kind == "chi_square":
            return 1.0 + u
        low, high = self.limits
        # F rises from low to high with F(0) = 1 and F'(0) = 1
        pace = (high - low) / ((1.0 - low) * (high - 1.0))
        share = jax.nn.sigmoid(pace * u + jnp.log((1.0 - low) / (high - 1.0)))
        return low + (high - low) * share

    def _clip(self, ratio: jax.Array) -> jax.Array:
        low, high = self.limits
        if self.kind == "logit" or (low == -np.inf and high == np.inf):
            return ratio
        return jnp.clip(ratio, low, high)
