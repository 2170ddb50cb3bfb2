"""Categories given predictors: a network with a softmax."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from jaxsim.errors import InputError
from jaxsim.impute.base import Conditional, Model, number
from jaxsim.impute.columns import Columns
from jaxsim.impute.networks import Network, Training, require_training, train


@dataclass(frozen=True)
class Classifier(Model):
    """Settings of a classifier: for categories, switches and small whole numbers.

    Attributes:
        training: of the network.
        most: values it takes at most.
    """

    training: Training = field(default_factory=Training)
    most: int = 200

    one_target = True

    def __post_init__(self) -> None:
        number("most", self.most, 1, whole=True)
        require_training(self.training)

    def _learn(
        self, given: Columns, x: np.ndarray, targets: Columns, y: np.ndarray, weights: np.ndarray, key: jax.Array,
        progress: bool,
    ) -> Conditional:  # fmt: skip
        values, code = np.unique(y[:, 0], return_inverse=True)
        if len(values) > self.most:
            raise InputError(
                f"donors: {targets.names[0]!r} has {len(values):,} different values, a Classifier takes {self.most}: "
                "use Forest or Spline for amounts"
            )
        network = Network.new(given, x, weights, len(values), self.training, jax.random.fold_in(key, 0))
        conditional = ClassifierConditional(((targets.names[0], 1),), network, values)
        if len(values) == 1:
            return conditional
        features = network.features(x)

        def loss(layers: eqx.nn.MLP, rows: tuple[jax.Array, ...]) -> jax.Array:
            chances = jax.nn.log_softmax(jax.vmap(layers)(rows[0]))
            return -jnp.take_along_axis(chances, rows[1][:, None], axis=1)[:, 0]

        layers = train(
            network.layers, loss, (features, code.astype(np.int32)), weights, jax.random.fold_in(key, 1), self.training,
            f"classes of {targets.names[0]}", progress,
        )  # fmt: skip
        return eqx.tree_at(lambda c: c.network.layers, conditional, layers)


class ClassifierConditional(Conditional):
    """Chances of values."""

    network: Network
    values: Any

    def log_chances(self, x: jax.Array) -> jax.Array:
        """Log probability of each value [rows, values]."""
        return jax.nn.log_softmax(self.network(x))

    def draw(self, x: jax.Array, u: jax.Array) -> jax.Array:
        """The value at which the distribution function reaches the uniform: a step, so its derivative is zero."""
        reached = jnp.cumsum(jnp.exp(self.log_chances(x)), axis=1)[:, :-1]
        return jnp.asarray(self.values, x.dtype)[jnp.sum(u[:, :1] >= reached, axis=1)][:, None]

    def quantiles(self, x: jax.Array, levels: jax.Array) -> jax.Array:
        wide = jnp.broadcast_to(jnp.asarray(levels, x.dtype), (x.shape[0], jnp.shape(levels)[-1]))
        reached = jnp.cumsum(jnp.exp(self.log_chances(x)), axis=1)[:, :-1]
        which = jnp.sum(wide[:, :, None] > reached[:, None, :], axis=2)
        return jnp.asarray(self.values, x.dtype)[which][:, None, :]

    def log_prob(self, x: jax.Array, y: jax.Array) -> jax.Array:
        same = y[:, :1] == jnp.asarray(self.values, y.dtype)
        return jnp.where(same.any(axis=1), jnp.sum(jnp.where(same, self.log_chances(x), 0.0), axis=1), -jnp.inf)
