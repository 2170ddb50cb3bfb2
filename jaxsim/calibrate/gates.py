"""Hard Concrete gates: a penalty on the number of records that differentiates.

Every record (or group of records) has a gate between 0 and 1, random while it is learnt: a Binary Concrete variable
stretched to (-0.1, 1.1) and cut off, so that it is exactly 0 or 1 with positive probability. The expected number of
open gates is a smooth function of their logits (Louizos, Welling and Kingma 2018, "Learning sparse neural networks
through L0 regularization", ICLR). The pieces are functions: use them in any loss with any Optax optimiser.

    gates = HardConcrete()
    open_ = gates.sample(logits, key)                 # in the loss
    penalty = strength * gates.expected_open(logits).mean()
    optimiser = optax.chain(optax.adam(0.15), clamped(gates))
    kept = gates.deterministic(logits) > 0
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxsim.errors import JaxsimError


@dataclass(frozen=True)
class HardConcrete:
    """The distribution of a gate.

    Attributes:
        temperature: of the Concrete distribution; lower is nearer to 0 or 1.
        low: lower end of the stretch, below 0.
        high: upper end of the stretch, above 1.
        clamp: largest size of a logit: beyond it the gate has no gradient left and never comes back.
    """

    temperature: float = 0.65
    low: float = -0.1
    high: float = 1.1
    clamp: float = 8.0

    def __post_init__(self) -> None:
        if not (self.temperature > 0 and self.low < 0 and self.high > 1 and self.clamp > 0):
            raise JaxsimError(f"{self}: needs temperature and clamp above 0, low below 0 and high above 1")

    def sample(self, logits: jax.Array, key: jax.Array) -> jax.Array:
        """Gates drawn at random [records], differentiable in the logits."""
        least = 1e-6
        uniform = jax.random.uniform(key, logits.shape, logits.dtype, minval=least, maxval=1.0 - least)
        noise = jnp.log(uniform) - jnp.log1p(-uniform)
        return self._cut(jax.nn.sigmoid((noise + logits) / self.temperature))

    def deterministic(self, logits: jax.Array) -> jax.Array:
        """Gates without noise [records]: what a fit ends with."""
        return self._cut(jax.nn.sigmoid(logits))

    def expected_open(self, logits: jax.Array) -> jax.Array:
        """Probability that a sampled gate is not 0 [records]: the expected L0 norm, gate by gate."""
        return jax.nn.sigmoid(logits - self.temperature * np.log(-self.low / self.high))

    def logits(self, probability: float) -> float:
        """The logit at which a gate is open with a probability."""
        if not 0 < probability < 1:
            raise JaxsimError(f"probability {probability} of an open gate must lie between 0 and 1")
        return float(np.log(probability / (1.0 - probability)) + self.temperature * np.log(-self.low / self.high))

    def _cut(self, open_: jax.Array) -> jax.Array:
        """The stretched gate, cut off at 0 and 1; a closed or open gate has no derivative, at the ends as beyond."""
        stretched = open_ * (self.high - self.low) + self.low
        return jnp.where(stretched <= 0.0, 0.0, jnp.where(stretched >= 1.0, 1.0, stretched))


def clamped(gates: HardConcrete) -> optax.GradientTransformation:
    """An Optax transformation that keeps logits within the clamp; last in a chain."""

    def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        if params is None:
            raise JaxsimError("clamped needs the parameters: call update(updates, state, params)")
        # a projection after the gradient is taken: nothing differentiates through this clip
        kept = jax.tree.map(lambda u, p: jnp.clip(p + u, -gates.clamp, gates.clamp) - p, updates, params)
        return kept, state

    return optax.GradientTransformation(lambda params: optax.EmptyState(), update)


@dataclass(frozen=True)
class Preset:
    """Settings of a sparse fit as a pipeline in the field uses them.

    Attributes:
        raw: weight of the expected number of open gates in the loss (sum over records).
        l2: weight of the squared log ratios.
        temperature: of the gates.
        learning_rate: of the optimiser.
    """

    raw: float
    l2: float = 1e-12
    temperature: float = 0.65
    learning_rate: float = 0.15


PRESETS = {"local": Preset(raw=1e-8), "national": Preset(raw=1e-4)}
"""Strengths of PolicyEngine's data pipeline: many records for local areas, few for the nation."""
