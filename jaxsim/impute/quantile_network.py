"""Network of quantiles that do not cross, trained on the pinball loss (Koenker and Bassett 1978)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import ndtri
from scipy import special

from jaxsim.impute.base import Conditional, Model, number
from jaxsim.impute.columns import Columns
from jaxsim.impute.design import Scale
from jaxsim.impute.networks import Network, Training, require_training, train


@dataclass(frozen=True)
class QuantileNetwork(Model):
    """Settings of a network of quantiles.

    Attributes:
        levels: how many quantiles, evenly spaced on the scale of normal scores from 1 - `last` to `last`.
        last: level of the highest quantile; beyond it amounts follow the line through the last two, and level
            off above the donors' largest.
        training: of the network.
    """

    levels: int = 31
    last: float = 0.995
    training: Training = field(default_factory=Training)

    one_target = True
    categories = False

    def __post_init__(self) -> None:
        number("levels", self.levels, 3, whole=True)
        number("last", self.last, 0.5, 0.99999, open_low=True)
        require_training(self.training)

    def _learn(
        self, given: Columns, x: np.ndarray, targets: Columns, y: np.ndarray, weights: np.ndarray, key: jax.Array,
        progress: bool,
    ) -> Conditional:  # fmt: skip
        end = special.ndtri(self.last)
        scores = np.linspace(-end, end, self.levels)
        scale = Scale.learn(y, weights)
        network = Network.new(given, x, weights, self.levels, self.training, jax.random.fold_in(key, 0))
        conditional = QuantileNetworkConditional(((targets.names[0], 1),), network, scores, scale)
        features = network.features(x)
        level = special.ndtr(scores)

        def loss(layers: eqx.nn.MLP, rows: tuple[jax.Array, ...]) -> jax.Array:
            rest = rows[1][:, None] - ascending(jax.vmap(layers)(rows[0]))
            return jnp.mean(jnp.where(rest > 0, level * rest, (level - 1) * rest), axis=1)

        layers = train(
            network.layers, loss, (features, scale(y)[:, 0]), weights, jax.random.fold_in(key, 1),
            self.training, f"quantiles of {targets.names[0]}", progress,
        )  # fmt: skip
        return eqx.tree_at(lambda c: c.network.layers, conditional, layers)


def ascending(raw: jax.Array) -> jax.Array:
    """Quantiles [rows, levels] that do not cross, from free numbers: the middle one, and positive steps from it."""
    count = raw.shape[1]
    middle = count // 2
    steps = jax.nn.softplus(raw[:, 1:])
    total = jnp.pad(jnp.cumsum(steps, axis=1), ((0, 0), (1, 0)))
    return raw[:, :1] + total - total[:, middle : middle + 1]


class QuantileNetworkConditional(Conditional):
    """Quantiles at fixed levels, straight lines between and beyond them on the scale of normal scores."""

    network: Network
    scores: Any
    scale: Scale

    def draw(self, x: jax.Array, u: jax.Array) -> jax.Array:
        return self.quantiles(x, u[:, :1])[:, :, 0]

    def quantiles(self, x: jax.Array, levels: jax.Array) -> jax.Array:
        known = ascending(self.network(x))
        scores = jnp.asarray(self.scores, x.dtype)
        wide = ndtri(jnp.broadcast_to(jnp.asarray(levels, x.dtype), (x.shape[0], jnp.shape(levels)[-1])))
        piece = jnp.sum(wide[:, :, None] >= scores[1:-1], axis=2)
        low, high = (jnp.take_along_axis(known, piece + k, axis=1) for k in (0, 1))
        value = low + (high - low) * (wide - scores[piece]) / (scores[1] - scores[0])
        return self.scale.amounts(value)[:, None, :]
