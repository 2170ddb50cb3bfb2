"""Quantile regression forest with donor draws: the default for building data.

Trees partition donors by predictors; given a record, every donor counts with its survey weight's share of the leaf it
has in common with the record, averaged over trees (Meinshausen 2006, "Quantile regression forests", JMLR 7). To draw
from exactly that distribution, choose a tree at random, and in the record's leaf a donor in proportion to weight: no
grid of quantiles, so zeros, heaps and the tail come out as the donors have them. Several targets come from one donor,
with all they have in common.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from jaxsim.errors import InputError
from jaxsim.impute.base import Conditional, Model, number
from jaxsim.impute.columns import Columns
from jaxsim.impute.design import Design
from jaxsim.impute.trees import Donors, Trees, longer
from jaxsim.impute.weighted import midranks


@dataclass(frozen=True)
class Forest(Model):
    """Settings of a forest.

    Attributes:
        trees: how many.
        least_leaf: donors a leaf holds at least: more make smoother, fewer make sharper distributions.
        features: share of the features tried at each split.
        ordered: draw one target by its distribution function, so that it rises with its uniform; slower, and what a
            copula or a paired comparison needs.
        jobs: processes of scikit-learn's fit; the trees do not depend on it.
    """

    trees: int = 50
    least_leaf: int = 20
    features: float = 0.5
    ordered: bool = False
    jobs: int | None = None

    def __post_init__(self) -> None:
        number("trees", self.trees, 1, whole=True)
        number("least_leaf", self.least_leaf, 1, whole=True)
        number("features", self.features, 0, 1, open_low=True)
        if self.jobs is not None and self.jobs != -1:
            number("jobs", self.jobs, 1, whole=True)

    def _learn(
        self, given: Columns, x: np.ndarray, targets: Columns, y: np.ndarray, weights: np.ndarray, key: jax.Array,
        progress: bool,
    ) -> Conditional:  # fmt: skip
        from sklearn.ensemble import RandomForestRegressor

        if self.ordered and (len(targets) > 1 or targets.columns[0].kind == "category"):
            raise InputError(
                "Forest(ordered=True) draws one number: give one target that is no category, or chain them"
            )
        design = Design.learn(given, x, weights)
        features = design(x.astype(np.float32))
        if not features.shape[1]:  # nothing is known of the receivers: every donor lies in one leaf
            features = np.zeros((len(x), 1), np.float32)
        forest = RandomForestRegressor(
            self.trees, min_samples_leaf=self.least_leaf, max_features=self.features, n_jobs=self.jobs,
            random_state=int(jax.random.bits(key, dtype=jnp.uint32)),
        )  # fmt: skip
        scores = split_scores(targets, y, weights)
        forest.fit(features, scores[:, 0] if scores.shape[1] == 1 else scores, sample_weight=weights)
        trees = Trees.flatten([e.tree_ for e in forest.estimators_])
        leaf = forest.apply(features).reshape(len(x), -1) + trees.root
        donors = Donors.gather(leaf, len(trees.feature), weights, y[:, 0] if self.ordered else None)
        streams = (("+".join(targets.names), 1 if self.ordered else 2),)
        return ForestConditional(streams, design, trees, donors, y, self.ordered)


def split_scores(targets: Columns, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """What splits try to tell apart [donors, scores]: ranks and roots of numbers, one score a level of a category.

    Ranks, because the squared error of dollars hears only the largest incomes; square roots, because ranks do not hear
    how large these are.
    """
    parts = []
    for values, column in zip(y.T, targets.columns, strict=True):
        if column.kind == "category":
            scores = (values[:, None] == np.arange(column.width)).astype(float)
        else:
            root = np.sign(values) * np.sqrt(np.abs(values))
            scores = np.stack([midranks(values, weights), root / (root.std() or 1.0)], axis=1)
            scores[:, 0] /= scores[:, 0].std() or 1.0
        spread = np.sqrt(scores.var(axis=0).sum())
        parts.append(scores / (spread if spread > 0 else 1.0))
    return np.concatenate(parts, axis=1)


class ForestConditional(Conditional):
    """Donors in the leaves of trees."""

    design: Design
    trees: Trees
    donors: Donors
    y: Any
    ordered: bool = eqx.field(static=True)

    def draw(self, x: jax.Array, u: jax.Array) -> jax.Array:
        values = jnp.asarray(self.y, x.dtype)
        if self.ordered:
            return self._at(self._features(x), u, 0)
        return values[self.pick(x, u)]

    def padded(self) -> ForestConditional:
        """The same distribution in arrays whose sizes other forests have too, to share compiled programs."""
        return ForestConditional(
            self.streams, self.design, self.trees.padded(), self.donors.padded(), longer(self.y), self.ordered
        )

    def pick(self, x: jax.Array, u: jax.Array) -> jax.Array:
        """The donor [rows] of every record: a tree by the first uniform, a donor in its leaf by the second."""
        count = self.trees.root.shape[0]
        tree = (u[:, 0] * count).astype(jnp.int32)
        tree = jnp.where(tree < count, tree, count - 1)
        return self.donors.pick(self.trees.leaves(self._features(x), tree), u[:, 1])

    def quantiles(self, x: jax.Array, levels: jax.Array) -> jax.Array:
        features = self._features(x)
        level = jnp.broadcast_to(jnp.asarray(levels, x.dtype), (x.shape[0], jnp.shape(levels)[-1]))
        return jnp.stack([self._at(features, level, k) for k in range(self.y.shape[1])], axis=1)

    def _features(self, x: jax.Array) -> jax.Array:
        features = self.design(x)
        return features if features.shape[1] else jnp.zeros((x.shape[0], 1), x.dtype)

    def _at(self, features: jax.Array, level: jax.Array, target: int) -> jax.Array:
        """Values [rows, levels] at which the distribution function of a target reaches the levels [rows, levels].

        The function at a value is the mean over trees of the share of the leaf's weight up to it; the value is found by
        bisection among the donors' values.
        """
        y = jnp.asarray(self.y, features.dtype)[:, target]
        donors = self.donors if self.ordered else self.donors.sorted_by(y)
        values = y[jnp.asarray(donors.row)]
        known = jnp.sort(y)
        rows = features.shape[0]
        count = self.trees.root.shape[0]
        leaf = jax.lax.map(lambda t: self.trees.leaves(features, jnp.full(rows, t)), jnp.arange(count))

        def reached(bound: jax.Array) -> jax.Array:
            def add(total: jax.Array, of_tree: jax.Array) -> tuple[jax.Array, None]:
                wide = jnp.broadcast_to(of_tree[:, None], bound.shape)
                return total + donors.share_below(values, wide, bound).astype(total.dtype), None

            return jax.lax.scan(add, jnp.zeros(bound.shape, features.dtype), leaf)[0] / count

        def step(_: int, ends: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
            low, high = ends
            middle = (low + high) // 2
            share = reached(known[middle])
            enough = (share > 0) & (share >= level - 1e-6)  # shares are float32
            return jnp.where(enough, low, middle + 1), jnp.where(enough, middle, high)

        steps = int(np.ceil(np.log2(max(len(self.y), 2)))) + 1
        low = jnp.zeros(level.shape, jnp.int32)
        last = len(self.y) - 1
        found = jax.lax.fori_loop(0, steps, step, (low, jnp.full(level.shape, last, jnp.int32)))[0]
        return known[jnp.where(found < last, found, last)]
