"""Nearest-neighbour hot deck: a whole donor from among the records most alike, in proportion to weight."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import numpy as np

from jaxsim.impute.base import Conditional, Model, number
from jaxsim.impute.columns import Columns
from jaxsim.impute.design import Design, Scale

HAIR = 1e-3  # of a standard deviation
FEW = 8
"""Dimensions in which a tree finds neighbours sooner than plain distances do."""


@dataclass(frozen=True)
class HotDeck(Model):
    """Settings of a hot deck.

    Attributes:
        neighbours: donors among whom one is drawn; 1 is nearest-neighbour matching.
    """

    neighbours: int = 10

    def __post_init__(self) -> None:
        number("neighbours", self.neighbours, 1, whole=True)

    def _learn(
        self, given: Columns, x: np.ndarray, targets: Columns, y: np.ndarray, weights: np.ndarray, key: jax.Array,
        progress: bool,
    ) -> Conditional:  # fmt: skip
        design = Design.learn(given, x, weights)
        features = design(x)
        scale = Scale.learn(features, weights)
        places = scale(features).astype(np.float32)
        places += HAIR * np.asarray(jax.random.uniform(key, places.shape, "float32", -1, 1))
        streams = (("+".join(targets.names), 1 + features.shape[1]),)
        return HotDeckConditional(streams, design, scale, places, y, weights, min(self.neighbours, len(y)))


class HotDeckConditional(Conditional):
    """Donors by place; scikit-learn searches among them, so draws run outside JAX and have no derivative.

    Donors often stand at equal distances, above all where predictors are few and whole numbers. So that none of them
    is preferred, donors and records are moved by a hair, records by uniforms of their own.
    """

    design: Design
    scale: Scale
    places: Any
    y: Any
    weights: Any
    neighbours: int = eqx.field(static=True)

    @property
    def traceable(self) -> bool:
        return False

    @functools.cached_property
    def _search(self) -> Any:
        from sklearn.neighbors import NearestNeighbors

        method = "kd_tree" if self.places.shape[1] <= FEW else "brute"
        return NearestNeighbors(n_neighbors=self.neighbours, algorithm=method).fit(self.places)

    def draw(self, x: Any, u: Any) -> Any:
        u = np.asarray(u)
        if not self.places.shape[1]:  # nothing is known of the receivers: any donor
            reached = np.cumsum(self.weights)
            return self.y[np.minimum(np.searchsorted(reached, u[:, 0] * reached[-1]), len(self.y) - 1)]
        features = self.scale(self.design(np.asarray(x))).astype(np.float32)
        features = features + HAIR * (2 * u[:, 1:] - 1).astype(np.float32)
        near = self._search.kneighbors(features, return_distance=False)
        reached = np.cumsum(self.weights[near], axis=1)
        which = np.sum(u[:, :1] * reached[:, -1:] > reached, axis=1)
        return self.y[near[np.arange(len(near)), which]]
