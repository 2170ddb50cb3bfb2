"""A sparse matrix of targets by households as dense tiles, for products with weights and with prices.

Administrative targets are cells (a state, an income band, a filing status), so households of one cell carry the same
few targets of thousands. Households are put in an order in which neighbours carry the same ones and cut into tiles; a
tile is a dense block over the targets that any of its households carries. Products become batched dense products:
several times as fast as gathers and scatters over single entries, on CPU and GPU alike, and the Gram matrix of
Newton's method is one too.

Vectors over households are kept in the order of the tiles ("rows", with padding); `Tiles.rows` and
`Tiles.households` convert.
"""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxsim.errors import JaxsimError

SIZES = (8, 16, 32, 64, 128, 256)
"""Households a tile from which the one with the fewest padded entries is chosen."""
WIDTHS = 6
"""Most different widths of tiles: more pad less and compile longer."""
ENTRY_OF_TARGET = 6
"""What a tile's target costs beside its entries (a scatter), in entries."""
PARTS = 8
"""Parts in which totals are added up, in one order, on however many devices: so they are the same on each."""


@functools.partial(
    jax.tree_util.register_dataclass,
    data_fields=("blocks", "targets", "order", "place"),
    meta_fields=("count",),
)
@dataclass(frozen=True)
class Tiles:
    """The matrix [targets, households].

    Attributes:
        blocks: for each width dense entries [part, tile, household in tile, target in tile].
        targets: for each width the target of each column [part, tile, target in tile]; `count[0]` is padding.
        order: household of every row [part, rows]; `count[1]` is padding.
        place: row of every household [households], parts one after the other.
        count: number of targets and of households.
    """

    blocks: tuple[jax.Array, ...]
    targets: tuple[jax.Array, ...]
    order: jax.Array
    place: jax.Array
    count: tuple[int, int]

    def rows(self, vector: Any, fill: float = 0.0) -> jax.Array:
        """A vector over households [households] in the order of the tiles [part, rows], padding filled."""
        vector = jnp.asarray(vector)
        return jnp.append(vector, jnp.asarray(fill, vector.dtype))[self.order]

    def households(self, vector: jax.Array) -> jax.Array:
        """A vector in the order of the tiles [part, rows] back over households [households]."""
        return vector.reshape(-1)[self.place]

    def totals(self, weights: jax.Array) -> jax.Array:
        """Matrix times a vector in the order of the tiles: [part, rows] to [targets]."""
        parts = jnp.zeros((PARTS, self.count[0]), weights.dtype)
        for block, target, piece in zip(self.blocks, self.targets, self.pieces(weights), strict=True):
            sums = jnp.einsum("ptbw,ptb->ptw", block, piece)
            parts = jax.vmap(lambda total, t, s: total.at[t].add(s, mode="drop"))(parts, target, sums)
        return in_order(parts)

    def prices(self, of_targets: jax.Array) -> jax.Array:
        """Transposed matrix times a vector over targets: [targets] to [part, rows]."""
        padded = jnp.append(of_targets, jnp.zeros((), of_targets.dtype))
        found = [
            jnp.einsum("ptbw,ptw->ptb", block, padded[target]).reshape(PARTS, -1)
            for block, target in zip(self.blocks, self.targets, strict=True)
        ]
        return jnp.concatenate(found, axis=1)

    def gram(self, of_rows: jax.Array) -> jax.Array:
        """Matrix times diagonal times transposed matrix: [part, rows] to [targets, targets]."""
        m = self.count[0]

        def add(total: jax.Array, tile: tuple[jax.Array, ...]) -> tuple[jax.Array, None]:
            block, target, piece = tile
            product = (block * piece[:, None]).T @ block
            return total.at[target[:, None], target[None, :]].add(product, mode="drop"), None

        parts = jnp.zeros((PARTS, m, m), of_rows.dtype)
        for tiles in zip(self.blocks, self.targets, self.pieces(of_rows), strict=True):
            parts = jax.vmap(lambda total, *tile: jax.lax.scan(add, total, tile)[0])(parts, *tiles)
        return in_order(parts)

    def squared(self) -> Tiles:
        """The matrix with every entry squared."""
        return replace(self, blocks=tuple(b * b for b in self.blocks))

    def pieces(self, vector: jax.Array) -> list[jax.Array]:
        """A vector in the order of the tiles [part, rows] cut up as `blocks`: each [part, tile, household in tile]."""
        pieces, start = [], 0
        for block in self.blocks:
            rows = block.shape[1] * block.shape[2]
            pieces.append(vector[:, start : start + rows].reshape(block.shape[:3]))
            start += rows
        return pieces

    @property
    def entries(self) -> int:
        """Entries held, padding included."""
        return sum(int(block.size) for block in self.blocks)


def in_order(parts: jax.Array) -> jax.Array:
    """The sum over the first axis, one part after the other: the same bits however the parts are spread on devices."""
    return functools.reduce(jnp.add, [parts[k] for k in range(PARTS)])


def fold(rows: jax.Array) -> jax.Array:
    """The sum of a vector over rows [part, rows], the same on any number of devices."""
    return in_order(rows.sum(1))


def spread(tree: Any, devices: int | None) -> Any:
    """Arrays with a first axis of parts (tiles, and vectors over rows) spread over several devices, the others on each.

    Results are the same on any number of devices: no sum runs across parts but `in_order`.

    Raises:
        JaxsimError: a number that is not available or does not divide the parts.
    """
    if devices is None or devices == 1:
        return tree
    if isinstance(devices, bool) or not isinstance(devices, int) or devices < 1 or PARTS % devices:
        raise JaxsimError(f"devices={devices!r}: use a number that divides {PARTS}")
    if devices > jax.device_count():
        raise JaxsimError(f"devices={devices}: this machine has {jax.device_count()}; see `jaxsim doctor`")
    mesh = jax.sharding.Mesh(np.array(jax.devices()[:devices]), ("records",))

    def put(leaf: Any) -> Any:
        whole = np.ndim(leaf) < 2 or np.shape(leaf)[0] != PARTS
        spec = jax.sharding.PartitionSpec() if whole else jax.sharding.PartitionSpec("records")
        return jax.device_put(leaf, jax.sharding.NamedSharding(mesh, spec))

    return jax.tree.map(put, tree)


def tile(matrix: Any, dtype: Any = np.float64, size: int | None = None) -> Tiles:
    """Tiles of a scipy sparse matrix [targets, households].

    Args:
        matrix: any scipy sparse matrix or array, or a dense array.
        dtype: of the entries. float64 needs JAX in 64 bits when they are put on a device.
        size: households a tile; chosen by the padding by default.
    """
    import scipy.sparse as sparse

    rows = sparse.csr_array(matrix.T)  # by household
    rows.sum_duplicates()
    rows.eliminate_zeros()
    n, m = rows.shape
    if not n or not m:
        raise JaxsimError(f"a matrix of {m} targets by {n} households has nothing to tile")
    order = _order(rows)
    rows = rows[order]
    household = np.repeat(np.arange(n), np.diff(rows.indptr))
    sizes = (size,) if size else [s for s in SIZES if s == SIZES[0] or s * PARTS <= n]
    found: dict[int, np.ndarray] = {}
    for s in sizes:  # each size from the one before: its tiles are two of them
        pairs = found.get(s // 2)
        found[s] = _pairs(household // s, rows.indices, m) if pairs is None else _pairs(pairs // m // 2, pairs % m, m)
    plans = {s: _plan(np.bincount(p // m, minlength=-(-n // s))) for s, p in found.items()}

    def cost(s: int) -> int:
        return sum(len(t) * w * (s + ENTRY_OF_TARGET) for w, t in plans[s])

    best = min(sizes, key=cost)
    return _fill(rows, order, household, best, found[best], plans[best], np.dtype(dtype))


def _order(rows: Any) -> np.ndarray:
    """Households such that neighbours carry the same targets: by their rarest targets, the commonest left to last."""
    n, m = rows.shape
    rank = np.empty(m, dtype=np.int64)
    rank[np.argsort(np.bincount(rows.indices, minlength=m), kind="stable")] = np.arange(m)
    keys = np.full((4, n), m, dtype=np.int64)  # the four rarest
    ranked = rows.copy()
    ranked.indices = rank[rows.indices].astype(rows.indices.dtype)
    ranked.has_sorted_indices = False
    ranked.sort_indices()
    for k in range(len(keys)):
        has = np.diff(ranked.indptr) > k
        keys[k, has] = ranked.indices[ranked.indptr[:-1][has] + k]
    return np.lexsort(keys[::-1])


def _pairs(tiles: np.ndarray, targets: np.ndarray, m: int) -> np.ndarray:
    """The different (tile, target), as tile * m + target, sorted."""
    pairs = np.sort(tiles.astype(np.int64) * m + targets)  # several times as fast as np.unique, which hashes
    return pairs[np.append(True, pairs[1:] != pairs[:-1])] if len(pairs) else pairs


def _plan(active: np.ndarray) -> list[tuple[int, np.ndarray]]:
    """Widths and the tiles of each, from the number of targets of every tile: few widths, little padding."""
    by = np.argsort(active, kind="stable")
    cuts = {round(len(by) * q) for q in np.linspace(0, 1, WIDTHS + 1)} if len(by) >= 64 * WIDTHS else {0, len(by)}
    edges = sorted(cuts)
    groups = [by[a:b] for a, b in itertools.pairwise(edges)]
    plan: dict[int, list[np.ndarray]] = {}
    for group in groups:
        width = max(8, -(-int(active[group].max()) // 8) * 8)
        plan.setdefault(width, []).append(group)
    return [(width, np.concatenate(parts)) for width, parts in plan.items()]


def _fill(
    rows: Any,
    order: np.ndarray,
    household: np.ndarray,
    size: int,
    pairs: np.ndarray,
    plan: list[tuple[int, np.ndarray]],
    dtype: np.dtype[Any],
) -> Tiles:
    n, m = rows.shape
    first = np.searchsorted(pairs, np.arange(-(-n // size) + 1) * m)
    entry = household // size * m + rows.indices
    column = np.searchsorted(pairs, entry) - first[household // size]
    blocks, targets, of_row = [], [], []
    for width, tiles in plan:
        each = -(-len(tiles) // PARTS)
        position = np.full(len(first) - 1, -1)
        position[tiles] = np.arange(len(tiles))
        at = position[household // size]
        mine = at >= 0
        block = np.zeros((PARTS * each, size, width), dtype)
        block[at[mine], household[mine] % size, column[mine]] = rows.data[mine]
        target = np.full((PARTS * each, width), m, dtype=np.int32)
        which = position[pairs // m]
        held = which >= 0
        target[which[held], (np.arange(len(pairs)) - first[pairs // m])[held]] = pairs[held] % m
        row = np.full((PARTS * each, size), n, dtype=np.int32)
        consecutive = tiles[:, None] * size + np.arange(size)
        row[: len(tiles)] = np.append(order, n)[np.minimum(consecutive, n)]
        blocks.append(block.reshape(PARTS, each, size, width))
        targets.append(target.reshape(PARTS, each, width))
        of_row.append(row.reshape(PARTS, -1))
    all_rows = np.concatenate(of_row, axis=1)
    place = np.empty(n + 1, dtype=np.int32)
    place[all_rows.reshape(-1)] = np.arange(all_rows.size)
    return Tiles(
        tuple(map(jnp.asarray, blocks)),
        tuple(map(jnp.asarray, targets)),
        jnp.asarray(all_rows),
        jnp.asarray(place[:n]),
        (m, n),
    )
