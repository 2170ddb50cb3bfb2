"""One outcome for many values of some parameters, in memory: a sweep without a ledger."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxsim.errors import JaxsimError, ParameterError, nearest
from jaxsim.measures import resolve

if TYPE_CHECKING:
    import pandas as pd

    from jaxsim.parameters import Law
    from jaxsim.simulation import Simulation


def vary(
    sim: Simulation,
    outcomes: Any,
    values: Mapping[str, Any],
    *,
    kernel: str = "auto",
    progress: bool = False,
) -> pd.DataFrame:
    """Figures for many values of some parameters.

    Args:
        sim: the simulation; values not named stay as in its law.
        outcomes: variables whose weighted totals are wanted, or other measures (see `measures.resolve`).
        values: arrays of equal length by parameter path: entry r of each belongs to reform r. A path of an array
            parameter needs its labels (`...amount.JOINT`), or values of shape [reforms, *dims].
        kernel: "generic", "specialised" or "auto".
        progress: show a progress bar.

    Returns:
        One row a reform: the values of the parameters, then the figures.
    """
    import pandas as pd

    from jaxsim.sweep.kernel import Kernel

    names, table = cell_table(sim.law, values)
    made = Kernel(sim, resolve(sim, outcomes), names, kernel=kernel, laws=len(table))
    figures = _run(made, table, progress)
    return pd.DataFrame({**{n: table[:, i] for i, n in enumerate(names)},
                         **{t: figures[:, i] for i, t in enumerate(made.names)}})  # fmt: skip


def vary_cells(sim: Simulation, targets: tuple[str, ...], cells: list[str], values: np.ndarray) -> np.ndarray:
    """Totals [reforms, targets] where reform r changes the one cell `cells[r]` to `values[r]`."""
    from jaxsim.sweep.kernel import Kernel

    names = list(dict.fromkeys(cells))
    table = np.full((len(cells), len(names)), np.nan)
    table[np.arange(len(cells)), [names.index(c) for c in cells]] = values
    return _run(Kernel(sim, resolve(sim, targets), names, kernel="generic", laws=len(table)), table, progress=False)


def _run(kernel: Any, table: np.ndarray, progress: bool) -> np.ndarray:
    starts: Iterable[int] = range(0, len(table), kernel.size)
    if progress:
        from rich.progress import track

        starts = track(starts, description=f"{len(table):,} reforms", total=-(-len(table) // kernel.size))
    return np.concatenate([kernel.figures(table[first : first + kernel.size]) for first in starts])


def cell_table(law: Law, values: Mapping[str, Any], missing: bool = False) -> tuple[list[str], np.ndarray]:
    """Cell names and a table of values [reforms, cells] from arrays by path, checked.

    Args:
        law: whose parameters they are.
        values: arrays of equal length by path.
        missing: whether NaN may stand for the value of the law.
    """
    if not isinstance(values, Mapping) or not values:
        raise JaxsimError("give a mapping from at least one parameter path to its values")
    names: list[str] = []
    columns: list[np.ndarray] = []
    count = None
    known = {c: p for p, leaf in law.leaves.items() for c in leaf.cell_names()}
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
        leaf = law.leaves.get(path) or law.leaves.get(known.get(path, ""))
        if leaf is None:
            raise ParameterError(f"unknown parameter {path!r}.{nearest(path, known)}")
        if leaf.unit == "index":
            raise ParameterError(f"{path} is an index: the amounts of one year do not vary with it, use a Reform")
        cells = leaf.cell_names() if path in law.leaves else [path]
        if array[0].size != len(cells):
            raise JaxsimError(f"{path} has {len(cells)} cells: name one, e.g. {cells[0]}, or give all for each reform")
        names += cells
        columns += list(array.reshape(count, -1).T)
        low, high = leaf.bounds
        wrong = ~((array >= low) & (array <= high)) & ~(np.isnan(array) & missing)
        if wrong.any():
            row = int(np.argmax(wrong.reshape(count, -1).any(1)))
            found = array[row][wrong[row]] if array.ndim > 1 else array[row]
            raise ParameterError(
                f"{path}: reform {row} has {np.ravel(found)[0]:g}, outside the valid range {low:g} to {high:g}"
            )
    if len(set(names)) != len(names):
        raise JaxsimError("a parameter cell is given twice")
    return names, np.stack(columns, axis=1)
