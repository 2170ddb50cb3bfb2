"""Decision trees as flat arrays, walked in JAX, and the donors that lie in their leaves."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

STEPS = 4  # steps of a bisection come in multiples of this, so that forests share compiled programs
LARGE = 50_000  # donors of a leaf above which shares need 64 bits


class Trees(eqx.Module):
    """Trees of a forest, one after another.

    A node sends a record to the left, the node after it, where its feature is at most the threshold, and else to the
    right. A leaf sends every record to itself.

    Attributes:
        feature: [nodes].
        threshold: [nodes], float32; minus infinity in leaves.
        right: [nodes]; a leaf's own number in leaves.
        root: first node of each tree [trees].
    """

    feature: Any
    threshold: Any
    right: Any
    root: Any

    @staticmethod
    def flatten(trees: list[Any]) -> Trees:
        """Trees as scikit-learn grows them, depth first: the left child of a node is the node after it."""
        root = np.cumsum([0, *(t.node_count for t in trees)])
        feature = np.concatenate([t.feature for t in trees])
        leaf = feature < 0
        right = np.concatenate([t.children_right + start for t, start in zip(trees, root[:-1], strict=True)])
        exact = np.concatenate([t.threshold for t in trees])
        threshold = exact.astype(np.float32)  # features are float32: a threshold may fall to the next such number below
        threshold = np.where(threshold > exact, np.nextafter(threshold, np.float32(-np.inf)), threshold)
        return Trees(
            np.where(leaf, 0, feature).astype(np.int32),
            np.where(leaf, np.float32(-np.inf), threshold),
            np.where(leaf, np.arange(len(leaf)), right).astype(np.int32),
            root[:-1].astype(np.int32),
        )

    def padded(self) -> Trees:
        """The same trees with nodes that none reaches, so that other forests share its compiled programs."""
        return Trees(longer(self.feature), longer(self.threshold), longer(self.right), self.root)

    def leaves(self, x: jax.Array, tree: jax.Array) -> jax.Array:
        """The leaf [rows] that features [rows, width] reach in a tree each [rows].

        Every step takes all records one node down; records in a leaf stay there.
        """
        x = jnp.asarray(x, jnp.float32)
        feature, threshold, right = (jnp.asarray(a) for a in (self.feature, self.threshold, self.right))
        rows = jnp.arange(x.shape[0])

        def step(state: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
            node, _ = state
            below = x[rows, feature[node]] <= threshold[node]
            after = jnp.where(below, node + 1, right[node])
            return after, (after != node).any()

        start = jnp.asarray(self.root)[tree]
        return jax.lax.while_loop(lambda s: s[1], step, (start, jnp.asarray(True)))[0]


class Donors(eqx.Module):
    """Donors by leaf, for draws in proportion to their weights.

    Attributes:
        first: place of a leaf's first donor [nodes + 1]; nodes that are no leaf have none.
        row: donors in the order of leaves [trees x donors].
        reached: share of the leaf's weight up to and with each donor [trees x donors]; float32 unless a leaf is large.
        steps: of a bisection of the largest leaf, a few more at most.
    """

    first: Any
    row: Any
    reached: Any
    steps: int = eqx.field(static=True)

    @staticmethod
    def gather(leaf: np.ndarray, nodes: int, weights: np.ndarray, by: np.ndarray | None = None) -> Donors:
        """Donors whose leaves [donors, trees] are known; `by` orders them within a leaf."""
        donors, trees = leaf.shape
        node = leaf.T.ravel()
        row = np.tile(np.arange(donors), trees)
        order = np.lexsort((row if by is None else np.tile(by, trees), node))
        node, row = node[order], row[order]
        size = np.bincount(node, minlength=nodes)
        first = np.concatenate([[0], np.cumsum(size)])
        total = np.cumsum(weights[row])
        before = np.concatenate([[0.0], total])[first[node]]
        whole = np.bincount(node, weights[row], minlength=nodes)[node]
        reached = ((total - before) / whole).astype(np.float32 if size.max() < LARGE else np.float64)
        steps = STEPS * -(-int(np.ceil(np.log2(max(size.max(), 2))) + 1) // STEPS)
        return Donors(first.astype(np.int32), row.astype(np.int32), reached, steps)

    def padded(self) -> Donors:
        """The same donors with places that none is drawn from; see `Trees.padded`."""
        return Donors(longer(self.first), longer(self.row), longer(self.reached), self.steps)

    def pick(self, leaf: jax.Array, u: jax.Array) -> jax.Array:
        """The donor [rows] at uniform `u` [rows] of a leaf each [rows]: the first whose share reaches u."""
        first, row, reached = (jnp.asarray(a) for a in (self.first, self.row, self.reached))
        return row[self._search(reached, first[leaf], first[leaf + 1] - 1, u.astype(reached.dtype))]

    def share_below(self, values: jax.Array, leaf: jax.Array, bound: jax.Array) -> jax.Array:
        """Share of a leaf's weight whose value, ascending within leaves [trees x donors], is at most the bound."""
        first = jnp.asarray(self.first)
        start = first[leaf]
        after = self._search(values, start, first[leaf + 1], bound, strict=True)
        share = jnp.asarray(self.reached)[jnp.where(after > start, after - 1, start)]
        return jnp.where(after > start, share, 0.0)

    def _search(
        self, values: jax.Array, low: jax.Array, high: jax.Array, sought: jax.Array, strict: bool = False
    ) -> Any:
        """First place from low to high where the value is at least what is sought, or above it; else high."""

        def step(_: int, ends: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
            low, high = ends
            middle = (low + high) // 2
            at = values[jnp.where(middle < values.shape[0], middle, values.shape[0] - 1)]
            found = (at > sought) if strict else (at >= sought)
            open_ = low < high
            return jnp.where(open_ & ~found, middle + 1, low), jnp.where(open_ & found, middle, high)

        return jax.lax.fori_loop(0, self.steps, step, (low, high))[0]

    def sorted_by(self, values: jax.Array) -> Donors:
        """The same donors, ascending by value [donors] within each leaf."""
        first, row, reached = (jnp.asarray(a) for a in (self.first, self.row, self.reached))
        places = jnp.arange(row.shape[0])
        leaf = jnp.searchsorted(first, places, side="right") - 1
        start = places == first[leaf]
        share = reached - jnp.where(start, 0.0, reached[jnp.where(start, places, places - 1)])
        order = jnp.lexsort((values[row], leaf))
        total = jnp.cumsum(share[order].astype(jnp.result_type(float)))
        before = jnp.where(first[leaf] > 0, total[first[leaf] - 1], 0.0)
        return Donors(first, row[order], (total - before).astype(reached.dtype), self.steps)


def longer(array: Any) -> np.ndarray:
    """An array [n] lengthened by its last value to the next size of a series that grows by a quarter."""
    size = 64
    while size < len(array):
        size += size // 4
    return np.pad(np.asarray(array), [(0, size - len(array))] + [(0, 0)] * (np.ndim(array) - 1), mode="edge")
