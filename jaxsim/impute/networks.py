"""Networks of predictors, and the loop that trains them on weighted donors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxsim.errors import InputError, JaxsimError
from jaxsim.impute.base import number
from jaxsim.impute.columns import Columns
from jaxsim.impute.design import Design, Scale
from jaxsim.precision import precision
from jaxsim.progress import Progress

M = TypeVar("M")

HELD_OUT = 0.1  # share of donors that training does not see: it stops where their loss is least


@dataclass(frozen=True)
class Training:
    """How a network is trained.

    Attributes:
        width: units of a hidden layer.
        layers: hidden layers.
        epochs: passes over the donors at most.
        patience: passes without a better held-out loss after which training stops.
        batch: donors a step.
        rate: learning rate of Adam at the start; it falls to 0 as a cosine.
        decay: weight decay.
    """

    width: int = 96
    layers: int = 3
    epochs: int = 60
    patience: int = 15
    batch: int = 512
    rate: float = 3e-3
    decay: float = 1e-4

    def __post_init__(self) -> None:
        for name in ("width", "layers", "epochs", "patience", "batch"):
            number(name, getattr(self, name), 1, whole=True)
        number("rate", self.rate, 0, 1, open_low=True)
        number("decay", self.decay, 0)


def require_training(given: Any) -> None:
    """Refuse what is no `Training`."""
    if not isinstance(given, Training):
        raise InputError(f"training={given!r}: give e.g. Training(epochs=30)")


class Network(eqx.Module):
    """A function of predictors: design, scale, layers."""

    design: Design
    scale: Scale
    layers: eqx.nn.MLP

    @staticmethod
    def new(
        given: Columns, x: np.ndarray, weights: np.ndarray, outputs: int, training: Training, key: jax.Array
    ) -> Network:
        """An untrained network of donors' predictors [rows, columns]."""
        design = Design.learn(given, x, weights)
        features = design(x)
        with precision("float32"):
            layers = layers_of(features.shape[1], outputs, training.width, training.layers, key)
        return Network(design, Scale.learn(features, weights), layers)

    def features(self, x: Any) -> Any:
        """What the layers see [rows, features]."""
        return self.scale.near(self.scale(self.design(x)))

    def __call__(self, x: jax.Array) -> jax.Array:
        """Outputs [rows, outputs] of predictors [rows, columns]."""
        return jax.vmap(self.layers)(self.features(x))


def layers_of(inputs: int, outputs: int, width: int, layers: int, key: jax.Array) -> eqx.nn.MLP:
    """Layers with smooth units, so that draws are smooth in the predictors."""
    return eqx.nn.MLP(inputs, outputs, width, layers, activation=jax.nn.silu, key=key)


def train(
    trained: M,
    loss: Callable[[M, tuple[jax.Array, ...]], jax.Array],
    rows: tuple[np.ndarray, ...],
    weights: np.ndarray,
    key: jax.Array,
    training: Training,
    title: str,
    progress: bool,
) -> M:
    """The module with the least weighted held-out loss over the epochs.

    Args:
        trained: a module whose arrays are all trained.
        loss: of each row [batch], from the module and a batch of `rows`.
        rows: arrays [donors, ...].
        weights: survey weights [donors], mean 1.
        key: of the split and the batches.
        training: how.
        title: of the progress bar.
        progress: whether to show it.

    Raises:
        JaxsimError: the loss is not finite.
    """
    count = len(weights)
    with precision("float32"):
        key, split = jax.random.split(key)
        order = np.asarray(jax.random.permutation(split, count))
        held = order[: max(1, int(HELD_OUT * count))] if count >= 20 else order
        used = order[len(held) :] if count >= 20 else order
        batch = min(training.batch, len(used))
        steps = max(1, len(used) // batch)
        optimiser = optax.adamw(
            optax.cosine_decay_schedule(training.rate, steps * training.epochs), weight_decay=training.decay
        )
        arrays, frame = eqx.partition(trained, eqx.is_inexact_array)

        def mean_loss(arrays: Any, part: tuple[jax.Array, ...], weight: jax.Array) -> jax.Array:
            return jnp.sum(weight * loss(eqx.combine(arrays, frame), part)) / jnp.sum(weight)

        def at(data: Any, index: jax.Array) -> Any:
            return jax.tree.map(lambda a: a[index], data)

        @jax.jit
        def epoch(arrays: Any, state: Any, best: Any, data: Any, ahead: Any, key: jax.Array) -> Any:
            shuffled = jax.random.permutation(key, len(used))[: steps * batch].reshape(steps, batch)

            def step(carry: Any, index: jax.Array) -> Any:
                arrays, state = carry
                value, slope = jax.value_and_grad(mean_loss)(arrays, *at(data, index))
                updates, state = optimiser.update(slope, state, arrays)
                return (optax.apply_updates(arrays, updates), state), value

            (arrays, state), _ = jax.lax.scan(step, (arrays, state), shuffled)
            value = mean_loss(arrays, *ahead)
            least, kept = best
            better = value < least
            kept = jax.tree.map(lambda new, old: jnp.where(better, new, old), arrays, kept)
            return arrays, state, (jnp.where(better, value, least), kept), value

        floats = tuple(jnp.asarray(r, jnp.float32) if r.dtype.kind == "f" else jnp.asarray(r) for r in rows)
        data = (floats, jnp.asarray(weights, jnp.float32))
        seen, ahead = at(data, jnp.asarray(used)), at(data, jnp.asarray(held))
        state, best, since = optimiser.init(arrays), (jnp.asarray(jnp.inf, jnp.float32), arrays), 0
        with Progress(title, training.epochs, progress) as bar:
            for number_of in range(training.epochs):
                before = float(best[0])
                arrays, state, best, value = epoch(arrays, state, best, seen, ahead, jax.random.fold_in(key, number_of))
                bar.advance(1, held_out_loss=float(value))
                since = 0 if float(best[0]) < before else since + 1
                if since >= training.patience:
                    break
        if not np.isfinite(float(best[0])):
            raise JaxsimError(f"{title}: training diverged; lower the rate ({training.rate:g})")
        return eqx.combine(jax.tree.map(np.asarray, best[1]), frame)
