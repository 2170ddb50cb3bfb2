"""One outcome for many values of some parameters, in one batched run.

Two kernels. The *generic* one takes the cells to change and their values as data, so any set of parameters is served
by one compiled program. The *specialised* one batches only the parameters that vary: rules that do not depend on
them are computed once for all reforms of a chunk. It is faster and is compiled for each set of parameters.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxsim import program
from jaxsim.engine import Block, System
from jaxsim.errors import JaxsimError, ParameterError, nearest
from jaxsim.parameters import Parameters
from jaxsim.precision import precision

if TYPE_CHECKING:
    import pandas as pd

    from jaxsim.simulation import Simulation

SPECIALISE_FROM = 2_000_000
"""Tax units times reforms from which the specialised kernel pays for its compilation."""


def vary(
    sim: Simulation,
    outcomes: str | Iterable[str],
    values: Mapping[str, Any],
    *,
    kernel: str = "auto",
    progress: bool = False,
) -> pd.DataFrame:
    """Weighted totals for many values of some parameters.

    Args:
        sim: the simulation; values not named stay as in its law.
        outcomes: variables whose weighted totals are wanted.
        values: arrays of equal length by parameter path: entry r of each belongs to reform r. A path of an array
            parameter needs its labels (`...amount.JOINT`), or values of shape [reforms, *dims].
        kernel: "generic", "specialised" or "auto".
        progress: show a progress bar.

    Returns:
        One row a reform: the values of the parameters, then the totals.
    """
    import pandas as pd

    targets = (outcomes,) if isinstance(outcomes, str) else tuple(outcomes)
    sim._check(targets)
    names, table = _table(sim, targets, values)
    sums = vary_table(sim, targets, names, table, kernel, progress)
    return pd.DataFrame({**{n: table[:, i] for i, n in enumerate(names)},
                         **{t: sums[:, i] for i, t in enumerate(targets)}})  # fmt: skip


def _table(sim: Simulation, targets: tuple[str, ...], values: Mapping[str, Any]) -> tuple[list[str], np.ndarray]:
    """Cell names and a table of values [reforms, cells] from arrays by path."""
    if not isinstance(values, Mapping) or not values:
        raise JaxsimError("give a mapping from at least one parameter path to its values")
    names: list[str] = []
    columns: list[np.ndarray] = []
    count = None
    known = [c for p, leaf in sim.law.leaves.items() for c in leaf.cell_names() if leaf.unit != "index"]
    for path, given in values.items():
        try:
            array = np.asarray(given, dtype=np.float64)
        except (TypeError, ValueError):
            raise JaxsimError(f"{path}: the values must be numbers") from None
        if array.ndim == 0 or len(array) == 0:
            raise JaxsimError(f"{path}: give an array with one value a reform")
        if count is not None and len(array) != count:
            raise JaxsimError(f"{path}: {len(array)} values where other parameters have {count}")
        count = len(array)
        leaf = sim.law.leaves.get(path)
        if leaf is not None and leaf.unit == "index":
            raise ParameterError(f"{path} is an index: the amounts of one year do not vary with it, use a Reform")
        cells = leaf.cell_names() if leaf is not None else [path]
        if leaf is None and path not in known:
            raise ParameterError(f"unknown parameter {path!r}.{nearest(path, known)}")
        if array[0].size != len(cells):
            raise JaxsimError(f"{path} has {len(cells)} cells: name one, e.g. {cells[0]}, or give all for each reform")
        names += cells
        columns += list(array.reshape(count, -1).T)
        low, high = (leaf or sim.law[path.rsplit(".", 1)[0] if path.rsplit(".", 1)[0] in sim.law.leaves
                                     else path.rsplit(".", 2)[0]]).bounds  # fmt: skip
        if not np.all(np.isfinite(array)) or array.min() < low or array.max() > high:
            raise ParameterError(f"{path}: values outside the valid range {low:g} to {high:g}")
    if len(set(names)) != len(names):
        raise JaxsimError("a parameter cell is given twice")
    return names, np.stack(columns, axis=1)


def vary_cells(sim: Simulation, targets: tuple[str, ...], cells: list[str], values: np.ndarray) -> np.ndarray:
    """Totals [reforms, targets] where reform r changes the one cell `cells[r]` to `values[r]`: generic kernel."""
    position = _positions(sim, targets)
    index = np.array([[position.get(c, -1)] for c in cells], dtype=np.int32)
    return _run_generic(sim, targets, index, values[:, None], progress=False)


def vary_table(
    sim: Simulation, targets: tuple[str, ...], names: list[str], table: np.ndarray, kernel: str, progress: bool = False
) -> np.ndarray:
    """Totals [reforms, targets] for a table of cell values [reforms, cells]."""
    if kernel not in ("auto", "generic", "specialised"):
        raise JaxsimError(f"kernel {kernel!r} is unknown: use 'auto', 'generic' or 'specialised'")
    position = _positions(sim, targets)
    used = [i for i, n in enumerate(names) if n in position]  # cells the targets do not read change nothing
    if kernel == "auto":
        large = len(table) * sim.population.count("tax_unit") >= SPECIALISE_FROM
        kernel = "specialised" if large and len(used) <= len(position) // 4 else "generic"
    index = np.array([position[names[i]] for i in used], dtype=np.int32)
    if kernel == "generic":
        rows = np.broadcast_to(index, (len(table), len(index)))
        return _run_generic(sim, targets, rows, table[:, used], progress)
    return _run_specialised(sim, targets, index, table[:, used], progress)


def _positions(sim: Simulation, targets: tuple[str, ...]) -> dict[str, int]:
    """Place of each parameter cell that the targets may read in the flattened tree."""
    tree = sim.parameters.select(sim.system.parameter_prefixes(targets))
    return {name: i for i, name in enumerate(c for path, _ in tree.items() for c in sim.law[path].cell_names())}


def _run(sim: Simulation, reforms: int, size: int, progress: bool, targets: int, chunk: Any) -> np.ndarray:
    """Call `chunk(rows)` for the reforms in chunks of `size`; the last is padded, so that it compiles once."""
    out = np.empty((reforms, targets))
    starts: Iterable[int] = range(0, reforms, size)
    if progress:
        from rich.progress import track

        starts = track(starts, description=f"{reforms:,} reforms", total=-(-reforms // size))
    with precision(sim.precision):
        for first in starts:
            last = min(first + size, reforms)
            rows = np.minimum(np.arange(first, first + size), reforms - 1)
            out[first:last] = chunk(rows)[: last - first]
    return out


def _run_generic(
    sim: Simulation, targets: tuple[str, ...], index: np.ndarray, values: np.ndarray, progress: bool
) -> np.ndarray:
    _, size = sim.layout.resolve(sim.population.count("tax_unit"), len(values), calls=True)
    parameters, stacked = sim.arguments(*targets, reforms=len(values), calls=True)
    kernel = _generic(sim.system, targets)
    typed = values.astype(sim._dtype)
    with precision(sim.precision):
        blocks = program.unstack(stacked)

    def chunk(rows: np.ndarray) -> np.ndarray:
        # all calls are under way before the first is waited for
        sums = [kernel(parameters, block, index[rows], typed[rows]) for block in blocks]
        return np.sum([np.asarray(s, dtype=np.float64) for s in sums], axis=0)

    return _run(sim, len(values), size, progress, len(targets), chunk)


@functools.cache
def _generic(system: System, targets: tuple[str, ...]) -> Any:
    def chunk(parameters: Parameters, population: Block, index: jax.Array, values: jax.Array) -> jax.Array:
        leaves, tree = jax.tree.flatten(parameters)
        base = jnp.concatenate([jnp.ravel(leaf) for leaf in leaves])
        sizes = [leaf.size for leaf in leaves]

        def one(where: jax.Array, to: jax.Array, block: Block) -> jax.Array:
            flat = base.at[jnp.where(where < 0, base.size, where)].set(to, mode="drop")
            parts = jnp.split(flat, np.cumsum(sizes)[:-1])
            changed = jax.tree.unflatten(tree, [p.reshape(leaf.shape) for p, leaf in zip(parts, leaves, strict=True)])
            return program.totals(system, targets, changed, block)

        return jax.vmap(one, in_axes=(0, 0, None))(index, values, population)

    return jax.jit(chunk)


def _run_specialised(
    sim: Simulation, targets: tuple[str, ...], index: np.ndarray, values: np.ndarray, progress: bool
) -> np.ndarray:
    _, size = sim.layout.resolve(sim.population.count("tax_unit"), len(values))
    parameters, block = sim.arguments(*targets, reforms=len(values))
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(parameters)]
    ends = np.cumsum([leaf.size for leaf in leaves])
    varied = sorted({int(np.searchsorted(ends, i, side="right")) for i in index})
    kernel = _specialised(sim.system, targets, tuple(varied))

    def chunk(rows: np.ndarray) -> np.ndarray:
        batch = []
        for k in varied:
            start = ends[k] - leaves[k].size
            flat = np.repeat(leaves[k].reshape(1, -1), len(rows), axis=0)
            for column, i in enumerate(index):
                if start <= i < ends[k]:
                    flat[:, i - start] = values[rows, column]
            batch.append(flat.reshape(len(rows), *leaves[k].shape))
        return np.asarray(kernel(parameters, block, batch), dtype=np.float64)

    return _run(sim, len(values), size, progress, len(targets), chunk)


@functools.cache
def _specialised(system: System, targets: tuple[str, ...], varied: tuple[int, ...]) -> Any:
    def chunk(parameters: Parameters, population: Block, batch: list[jax.Array]) -> jax.Array:
        leaves, tree = jax.tree.flatten(parameters)

        def one(changed: list[jax.Array], block: Block) -> jax.Array:
            new = list(leaves)
            for k, leaf in zip(varied, changed, strict=True):
                new[k] = leaf
            return program.totals(system, targets, jax.tree.unflatten(tree, new), block)

        return program.walk(lambda b: jax.vmap(one, in_axes=(0, None))(batch, b), population)

    return jax.jit(chunk)
