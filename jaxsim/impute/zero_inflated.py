"""Zero inflation over any model: a classifier of the sign, and the model for the amounts of each sign."""

from __future__ import annotations

from dataclasses import dataclass, field

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from jaxsim.errors import InputError, JaxsimError
from jaxsim.impute.base import Conditional, Model, number
from jaxsim.impute.classifier import Classifier, ClassifierConditional
from jaxsim.impute.columns import Column, Columns
from jaxsim.impute.uniforms import for_name

SIGNS = (-1, 0, 1)


@dataclass(frozen=True)
class ZeroInflated(Model):
    """Settings of a model with zero inflation, three-way where amounts can be negative.

    Attributes:
        model: of the amounts; negative ones are learnt by their size.
        classifier: of the sign: `Classifier()` or `Forest()`.
        threshold: amounts up to this size count as zero, $.
    """

    model: Model
    classifier: Model = field(default_factory=Classifier)
    threshold: float = 0.0

    one_target = True
    categories = False

    def __post_init__(self) -> None:
        number("threshold", self.threshold, 0)
        for name in ("model", "classifier"):
            if not isinstance(getattr(self, name), Model):
                raise InputError(f"ZeroInflated: {name}={getattr(self, name)!r} is no model: give e.g. Forest()")
        if not self.classifier.categories:
            raise InputError(
                f"ZeroInflated: classifier={self.classifier!r} does not draw categories: give Classifier() or Forest()"
            )

    def _learn(
        self, given: Columns, x: np.ndarray, targets: Columns, y: np.ndarray, weights: np.ndarray, key: jax.Array,
        progress: bool,
    ) -> Conditional:  # fmt: skip
        name = targets.names[0]
        sign = np.where(np.abs(y) > self.threshold, np.sign(y), 0)
        signs = tuple(s for s in SIGNS if (sign == s).any())
        codes = np.searchsorted(signs, sign).astype(float)
        target = Columns((Column(f"{name}.sign", "category", signs),))
        classifier = self.classifier._learn(given, x, target, codes, weights, for_name(key, "sign"), progress)
        parts = []
        for s in signs:
            rows = sign[:, 0] == s
            if s == 0:
                continue
            part = Columns((Column(f"{name}.{'negative' if s < 0 else 'positive'}", "number"),))
            w = weights[rows] / weights[rows].mean()
            parts.append(
                self.model._learn(given, x[rows], part, np.abs(y[rows]), w, for_name(key, part.names[0]), progress)
            )
        streams = (*classifier.streams, *(s for part in parts for s in part.streams))
        return ZeroInflatedConditional(streams, classifier, tuple(parts), signs, self.threshold)


class ZeroInflatedConditional(Conditional):
    """Chances of signs, and the distribution of amounts of each sign but zero."""

    classifier: Conditional
    parts: tuple[Conditional, ...]
    signs: tuple[int, ...] = eqx.field(static=True)
    threshold: float = eqx.field(static=True, default=0.0)

    @property
    def traceable(self) -> bool:
        return all(part.traceable for part in (self.classifier, *self.parts))

    def draw(self, x: jax.Array, u: jax.Array) -> jax.Array:
        count = self.classifier.uniforms
        code = self.classifier.draw(x, u[:, :count])
        drawn = jnp.zeros_like(code)
        for part, side in zip(self.parts, (s for s in self.signs if s), strict=True):
            amount = part.draw(x, u[:, count : count + part.uniforms])
            drawn = jnp.where(code == self.signs.index(side), side * amount, drawn)
            count += part.uniforms
        return drawn

    def quantiles(self, x: jax.Array, levels: jax.Array) -> jax.Array:
        chances = jnp.exp(self._log_chances(x))
        wide = jnp.broadcast_to(jnp.asarray(levels, x.dtype), (x.shape[0], jnp.shape(levels)[-1]))
        found, below = jnp.zeros((x.shape[0], 1, wide.shape[1]), x.dtype), jnp.zeros((x.shape[0], 1), x.dtype)
        parts = iter(self.parts)
        for k, sign in enumerate(self.signs):
            chance = chances[:, k : k + 1]
            if sign:
                here = (wide > below) & (wide <= below + chance)
                level = jnp.where(here, (wide - below) / jnp.where(chance > 0, chance, 1.0), 0.5)
                level = jnp.where(level < 1, level, 1 - 1e-9)
                amount = next(parts).quantiles(x, level if sign > 0 else 1 - level)
                found = jnp.where(here[:, None, :], sign * amount, found)
            below = below + chance
        return found

    def log_prob(self, x: jax.Array, y: jax.Array) -> jax.Array:
        chances = self._log_chances(x)
        signs = jnp.where(jnp.abs(y[:, 0]) > self.threshold, jnp.sign(y[:, 0]), 0)
        total = jnp.full(y.shape[0], -jnp.inf, x.dtype)
        parts = iter(self.parts)
        for k, sign in enumerate(self.signs):
            here = signs == sign
            part = next(parts).log_prob(x, jnp.where(here[:, None], jnp.abs(y), 1.0)) if sign else 0.0
            total = jnp.where(here, chances[:, k] + part, total)
        return total

    def _log_chances(self, x: jax.Array) -> jax.Array:
        if not isinstance(self.classifier, ClassifierConditional):
            raise JaxsimError("quantiles and densities of ZeroInflated need classifier=Classifier(), which has chances")
        return self.classifier.log_chances(x)
