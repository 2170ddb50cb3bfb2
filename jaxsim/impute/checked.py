"""Input of scores: arrays of float64 from whatever is given, or an error that says what is wrong and where.

The argument `name`, or `what` for a table, is what messages call it. All raise InputError.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from jaxsim.errors import InputError, nearest


def first_rows(bad: Any) -> str:
    """How many rows are bad [rows], and the first of them, in words."""
    rows = np.flatnonzero(np.asarray(bad))
    return f"{len(rows):,} rows, first {', '.join(map(str, rows[:3]))}"


def weights(weights: Any, n: int, name: str = "weights") -> np.ndarray:
    """Weights of n rows as float64 [n], ones for None; none is negative, and not all are 0."""
    if weights is None:
        return np.ones(n)
    w = vector(weights, name)
    if len(w) != n:
        raise InputError(f"{name}: {len(w):,} of them for {n:,} rows")
    if (w < 0).any():
        raise InputError(f"{name}: negative in {first_rows(w < 0)}")
    if not w.any():
        raise InputError(f"{name}: all are 0")
    return w


def numbers(x: Any, name: str) -> np.ndarray:
    """Finite float64 of any shape."""
    try:
        values = np.asarray(x)
        if values.dtype.kind not in "biufO" or (
            values.dtype == object and any(isinstance(v, str) for v in values.flat)
        ):
            raise TypeError
        values = values.astype(np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{name}: give numbers, of a category its codes, without missing values") from None
    if values.size == 0:
        raise InputError(f"{name}: there are no rows")
    bad = ~np.isfinite(values)
    if bad.any():
        rows = bad if values.ndim < 2 else bad.any(axis=tuple(range(1, values.ndim)))
        raise InputError(f"{name}: missing or infinite in {first_rows(rows)}")
    return values


def vector(x: Any, name: str) -> np.ndarray:
    """One finite number a record, float64 [n]."""
    values = numbers(x, name)
    if values.ndim != 1:
        raise InputError(f"{name}: shape {values.shape}, give one number a record")
    return values


def grid(x: Any, name: str, n: int, columns: int | None = None) -> np.ndarray:
    """Finite float64 [n, columns]; any number of columns by default."""
    values = numbers(x, name)
    if values.ndim != 2 or len(values) != n or columns not in (None, values.shape[1]):
        raise InputError(f"{name}: shape {values.shape}, expected ({n}, {'any' if columns is None else columns})")
    return values


def levels(levels: Any) -> np.ndarray:
    """Levels of quantiles [levels], increasing, between 0 and 1."""
    tau = vector(levels, "levels")
    if (tau <= 0).any() or (tau >= 1).any() or (np.diff(tau) <= 0).any():
        raise InputError("levels: give increasing numbers between 0 and 1, both excluded")
    return tau


def chosen(table: pd.DataFrame, names: Iterable[str] | None, what: str) -> list[str]:
    """Chosen columns of a table, each once; all by default."""
    known = list(table.columns)
    found = known if names is None else [names] if isinstance(names, str) else list(names)
    for name in found:
        if name not in known:
            raise InputError(f"{what}: there is no column {name!r}.{nearest(str(name), map(str, known))}")
    if not found:
        raise InputError(f"{what}: there are no columns")
    return list(dict.fromkeys(found))


def matrix(table: pd.DataFrame, names: Sequence[str], what: str) -> np.ndarray:
    """Columns as float64 [n, columns]."""
    return np.column_stack([vector(table[n], f"{what}, column {n}") for n in chosen(table, names, what)])


def draws(draws: Any, names: Sequence[str], n: int) -> np.ndarray:
    """Draws as float64 [m, n, variables], from m tables or such an array."""
    if isinstance(draws, Mapping) or hasattr(draws, "columns"):
        raise InputError("draws: give a list of tables, one a draw (of a single table, [table])")
    if hasattr(draws, "shape"):
        values = numbers(draws, "draws")
        if values.ndim != 3 or values.shape[1:] != (n, len(names)):
            raise InputError(f"draws: shape {values.shape}, expected (draws, {n}, {len(names)})")
        return values
    tables = list(draws)
    if not tables:
        raise InputError("draws: there are none")
    for k, table in enumerate(tables):
        if len(table) != n:
            raise InputError(f"draws, table {k}: {len(table):,} rows, the truth has {n:,}")
    return np.stack([matrix(table, names, f"draws, table {k}") for k, table in enumerate(tables)])
