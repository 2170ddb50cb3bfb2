"""Hurdle and conditional spline: the default where gradients must flow through the draw.

A network gives, for each record, the chances of a negative amount, of none and of a positive one, and for the amounts
a monotone spline between normal noise and normal scores, which a smooth map takes to dollars (neural spline flow,
Durkan et al. 2019, in one dimension; two-part model, Cragg 1971). One uniform makes the whole draw, from the most
negative amount over zero to the largest, so the draw rises with its uniform without a jump: as the chance of having
an income rises, amounts near zero grow out of zero, and derivatives at the same uniform are those of the distribution.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import ndtri
from jax.scipy.stats import norm

from jaxsim.impute import rational_quadratic
from jaxsim.impute.base import Conditional, Model, number
from jaxsim.impute.columns import Columns
from jaxsim.impute.marginal import Marginal
from jaxsim.impute.networks import Network, Training, require_training, train
from jaxsim.precision import precision

REACH = 4.0  # the spline bends within this many standard deviations
LEAST = 1e-3  # least width, height and slope of a piece
SIGNS = (-1, 0, 1)


@dataclass(frozen=True)
class Spline(Model):
    """Settings of a hurdle with conditional splines.

    Attributes:
        pieces: of a spline.
        threshold: amounts up to this size count as zero, $.
        training: of the network.
    """

    pieces: int = 8
    threshold: float = 0.0
    training: Training = field(default_factory=Training)

    one_target = True
    categories = False

    def __post_init__(self) -> None:
        number("pieces", self.pieces, 2, 64, whole=True)
        number("threshold", self.threshold, 0)
        require_training(self.training)

    def _learn(
        self, given: Columns, x: np.ndarray, targets: Columns, y: np.ndarray, weights: np.ndarray, key: jax.Array,
        progress: bool,
    ) -> Conditional:  # fmt: skip
        sign = np.where(np.abs(y[:, 0]) > self.threshold, np.sign(y[:, 0]), 0)
        signs = tuple(s for s in SIGNS if (sign == s).any())
        sides = tuple(s for s in signs if s)
        scores, marginals = np.zeros(len(y)), []
        for side in sides:
            rows = sign == side
            marginals.append(Marginal.learn(np.abs(y[rows, 0]), weights[rows]))
            with precision("float64"):
                scores[rows] = np.asarray(marginals[-1].score(jnp.asarray(np.abs(y[rows, 0])))[0])
        outputs = len(signs) + len(sides) * (3 * self.pieces + 1)
        network = Network.new(given, x, weights, outputs, self.training, jax.random.fold_in(key, 0))
        conditional = SplineConditional(
            ((targets.names[0], 1),), network, tuple(marginals), signs, self.pieces, self.threshold
        )
        if outputs == 1:  # nothing but zeros
            return conditional
        features = network.features(x)
        layers = train(
            network.layers, conditional.loss, (features, sign.astype(np.int32), scores), weights,
            jax.random.fold_in(key, 1), self.training, f"spline of {targets.names[0]}", progress,
        )  # fmt: skip
        return eqx.tree_at(lambda c: c.network.layers, conditional, layers)


class SplineConditional(Conditional):
    """Chances of signs, and splines of the amounts."""

    network: Network
    marginals: tuple[Marginal, ...]
    signs: tuple[int, ...] = eqx.field(static=True)
    pieces: int = eqx.field(static=True)
    threshold: float = eqx.field(static=True)

    def loss(self, layers: eqx.nn.MLP, rows: tuple[jax.Array, ...]) -> jax.Array:
        """Negative log probability of sign and score [rows]."""
        features, sign, score = rows
        chances, splines = self._parts(jax.vmap(layers)(features))
        total = sum(
            (jnp.where(sign == s, chances[:, k], 0.0) for k, s in enumerate(self.signs)), start=jnp.zeros(len(sign))
        )
        for side, knots in zip(self._sides, splines, strict=True):
            total += jnp.where(sign == side, _density(score, knots), 0.0)
        return -total

    def draw(self, x: jax.Array, u: jax.Array) -> jax.Array:
        return self._at(self._parts(self.network(x)), u[:, 0])[:, None]

    def quantiles(self, x: jax.Array, levels: jax.Array) -> jax.Array:
        parts = self._parts(self.network(x))
        wide = jnp.broadcast_to(jnp.asarray(levels, x.dtype), (x.shape[0], jnp.shape(levels)[-1]))
        return jax.vmap(lambda u: self._at(parts, u), in_axes=1, out_axes=1)(wide)[:, None, :]

    def log_prob(self, x: jax.Array, y: jax.Array) -> jax.Array:
        chances, splines = self._parts(self.network(x))
        value = y[:, 0]
        sign = jnp.where(jnp.abs(value) > self.threshold, jnp.sign(value), 0)
        total = jnp.full(value.shape, -jnp.inf)
        for k, s in enumerate(self.signs):
            total = jnp.where(sign == s, chances[:, k], total)
        for side, knots, marginal in zip(self._sides, splines, self.marginals, strict=True):
            here = sign == side
            score, slope = marginal.score(jnp.where(here, jnp.abs(value), 1.0))
            total += jnp.where(here, _density(score, knots) + slope, 0.0)
        return total

    @property
    def _sides(self) -> tuple[int, ...]:
        return tuple(s for s in self.signs if s)

    def _parts(self, outputs: jax.Array) -> tuple[jax.Array, list[tuple[jax.Array, ...]]]:
        """Log chances of the signs [rows, signs], and shift, size and knots of each side's spline."""
        chances = jax.nn.log_softmax(outputs[:, : len(self.signs)])
        splines: list[tuple[jax.Array, ...]] = []
        start, n = len(self.signs), self.pieces
        for _ in self._sides:
            raw = outputs[:, start : start + 3 * n + 1]
            start += 3 * n + 1
            ends = [
                jnp.cumsum(LEAST + (1 - LEAST * n) * jax.nn.softmax(p), axis=1)
                for p in (raw[:, 2 : 2 + n], raw[:, 2 + n : 2 + 2 * n])
            ]
            knots, values = (jnp.pad(2 * REACH * e - REACH, ((0, 0), (1, 0)), constant_values=-REACH) for e in ends)
            inner = LEAST + jax.nn.softplus(raw[:, 2 + 2 * n :] + np.log(np.expm1(1 - LEAST)))
            slopes = jnp.pad(inner, ((0, 0), (1, 1)), constant_values=1.0)
            splines.append((raw[:, 0], jnp.exp(raw[:, 1]), knots, values, slopes))
        return chances, splines

    def _at(self, parts: tuple[jax.Array, list[tuple[jax.Array, ...]]], u: jax.Array) -> jax.Array:
        """Amounts [rows] at uniforms [rows], which they rise with."""
        log_chances, splines = parts
        chances = jnp.exp(log_chances)
        amount, below = jnp.zeros_like(u), jnp.zeros_like(u)
        of_side = dict(zip(self._sides, zip(splines, self.marginals, strict=True), strict=True))
        for k, sign in enumerate(self.signs):
            chance = chances[:, k]
            if sign:
                (shift, size, *knots), marginal = of_side[sign]
                last = sign == self.signs[-1]
                here = (u >= below) if last else (u < below + chance)
                if k and not last:
                    here &= u >= below
                left = jnp.where(here & (chance > 0), (u - below) / jnp.where(chance > 0, chance, 1.0), 0.5)
                level = left if sign > 0 else 1 - left
                least = jnp.finfo(u.dtype).tiny
                level = jnp.where(level > least, level, least)
                level = jnp.where(level < 1, level, 1 - jnp.finfo(u.dtype).epsneg)
                score = shift + size * rational_quadratic.inverse(ndtri(level), *knots)
                amount = jnp.where(here, sign * marginal.amount(score), amount)
            below = below + chance
        return amount


def _density(score: jax.Array, parts: tuple[jax.Array, ...]) -> jax.Array:
    """Log density of scores [rows]."""
    shift, size, *knots = parts
    noise, slope = rational_quadratic.forward((score - shift) / size, *knots)
    return norm.logpdf(noise) + slope - jnp.log(size)
