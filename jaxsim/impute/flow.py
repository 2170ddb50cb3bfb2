"""Masked autoregressive flow of all targets together, with FlowJAX (extra `flows`), for comparison.

Papamakarios, Pavlakou and Murray 2017, "Masked autoregressive flow for density estimation", NeurIPS.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jax.scipy.special import ndtri

from jaxsim.errors import JaxsimError
from jaxsim.impute.base import Conditional, Model, number
from jaxsim.impute.columns import Columns
from jaxsim.impute.design import Design, Scale
from jaxsim.impute.networks import Training, require_training, train
from jaxsim.precision import precision


@dataclass(frozen=True)
class Flow(Model):
    """Settings of a flow.

    Attributes:
        flows: autoregressive layers one after another.
        training: of the networks in them; it gives their width and depth too.
    """

    flows: int = 4
    training: Training = field(default_factory=Training)

    categories = False

    def __post_init__(self) -> None:
        number("flows", self.flows, 1, whole=True)
        require_training(self.training)

    def _learn(
        self, given: Columns, x: np.ndarray, targets: Columns, y: np.ndarray, weights: np.ndarray, key: jax.Array,
        progress: bool,
    ) -> Conditional:  # fmt: skip
        design = Design.learn(given, x, weights)
        features = design(x)
        scale, of_targets = Scale.learn(features, weights), Scale.learn(y, weights)
        seen, sought = scale(features), of_targets(y)
        shape = (y.shape[1], features.shape[1], self.flows, self.training.width, self.training.layers)
        with precision("float32"):
            flow = build(shape, jax.random.fold_in(key, 0))

        def loss(flow: Any, rows: tuple[jax.Array, ...]) -> jax.Array:
            from paramax import unwrap

            return -unwrap(flow).log_prob(rows[1], rows[0] if features.shape[1] else None)

        flow = train(
            flow, loss, (seen, sought), weights, jax.random.fold_in(key, 1), self.training,
            f"flow of {', '.join(targets.names)}", progress,
        )  # fmt: skip
        leaves = tuple(np.asarray(a) for a in jax.tree.leaves(eqx.filter(flow, eqx.is_inexact_array)))
        return FlowConditional(tuple((n, 1) for n in targets.names), design, scale, of_targets, leaves, shape)


def build(shape: tuple[int, ...], key: jax.Array) -> Any:
    """An untrained flow of FlowJAX: targets, features, layers, width and depth of its networks.

    Raises:
        JaxsimError: FlowJAX is not installed.
    """
    try:
        from flowjax.distributions import StandardNormal
        from flowjax.flows import masked_autoregressive_flow
    except ImportError:
        raise JaxsimError("flows need FlowJAX: pip install 'jaxsim[flows]'") from None
    targets, features, flows, width, depth = shape
    base: Any = StandardNormal
    return masked_autoregressive_flow(
        key, base_dist=base((targets,)), cond_dim=features or None, flow_layers=flows, nn_width=width,
        nn_depth=depth, invert=True,
    )  # fmt: skip


class FlowConditional(Conditional):
    """A flow as the list of its arrays; its form is built again from its shape."""

    design: Design
    scale: Scale
    of_targets: Scale
    leaves: tuple[Any, ...]
    shape: tuple[int, ...] = eqx.field(static=True)

    def _flow(self) -> Any:
        from paramax import unwrap

        frame = build(self.shape, jax.random.key(0))
        arrays, rest = eqx.partition(frame, eqx.is_inexact_array)
        return unwrap(eqx.combine(jax.tree.unflatten(jax.tree.structure(arrays), list(self.leaves)), rest))

    def _seen(self, x: jax.Array) -> jax.Array | None:
        features = self.design(x)
        return self.scale.near(self.scale(features)) if features.shape[1] else None

    def draw(self, x: jax.Array, u: jax.Array) -> jax.Array:
        flow, seen, noise = self._flow(), self._seen(x), ndtri(u)
        if seen is None:
            drawn = jax.vmap(flow.bijection.transform)(noise)
        else:
            drawn = jax.vmap(flow.bijection.transform)(noise, seen)
        return self.of_targets.amounts(drawn)

    def log_prob(self, x: jax.Array, y: jax.Array) -> jax.Array:
        drawn, slope = self.of_targets.of_amounts(y)
        return self._flow().log_prob(drawn, self._seen(x)) + slope.sum(axis=1)
