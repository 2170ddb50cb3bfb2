"""Columns of donor and receiver tables as one matrix of numbers, and back.

Numbers stay what they are, switches are 0 and 1, categories are codes in the order of their levels; a missing value is
NaN. Everything a model learns, it learns from this matrix.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from jaxsim.columns import refuse
from jaxsim.errors import InputError, nearest

MOST_LEVELS = 1_000
KINDS = (str, bool, int, float, np.number, np.bool_)  # of values of a category


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        name: of the column.
        kind: "number", "integer", "switch" or "category".
        levels: the values of a category, in the order of its codes.
    """

    name: str
    kind: str
    levels: tuple[Any, ...] = ()

    @property
    def width(self) -> int:
        """Numbers that stand for the column in a model: one a level of a category."""
        return len(self.levels) if self.kind == "category" else 1


@dataclass(frozen=True)
class Columns:
    """Columns of a table, as a model knows them."""

    columns: tuple[Column, ...]

    @property
    def names(self) -> list[str]:
        return [c.name for c in self.columns]

    def __len__(self) -> int:
        return len(self.columns)

    def __getitem__(self, which: slice) -> Columns:
        return Columns(self.columns[which])

    def __add__(self, other: Columns) -> Columns:
        return Columns((*self.columns, *other.columns))

    def pick(self, names: Iterable[str]) -> Columns:
        """Some of the columns, in the order of `names`."""
        by_name = {c.name: c for c in self.columns}
        return Columns(tuple(by_name[n] for n in names))

    @staticmethod
    def learn(table: pd.DataFrame, names: Sequence[str], where: str) -> Columns:
        """The columns of a donor table.

        Raises:
            InputError: a column is absent, empty, of a kind that is not understood, or has too many levels.
        """
        require(table, names, where)
        return Columns(tuple(_learn(table[name], name, where) for name in names))

    def read(self, table: pd.DataFrame, where: str) -> np.ndarray:
        """The matrix [rows, columns] of a table, float64, missing values NaN.

        Raises:
            InputError: a column is absent or has a value the donors do not know; column, rows and remedy named.
        """
        require(table, self.names, where)
        if not self.columns:
            return np.empty((len(table), 0))
        return np.column_stack([_read(table[c.name], c, where) for c in self.columns])

    def write(self, matrix: np.ndarray, index: Any) -> pd.DataFrame:
        """The table of a matrix [rows, columns]: what `read` took, as it was."""
        return pd.DataFrame({c.name: _write(matrix[:, k], c) for k, c in enumerate(self.columns)}, index=index)


def require(table: Any, names: Iterable[str], where: str) -> None:
    """Refuse a table that lacks columns, or that is no table."""
    if not isinstance(table, pd.DataFrame):
        raise InputError(f"{where}: give a DataFrame, not {type(table).__name__}")
    twice = table.columns[table.columns.duplicated()]
    if len(twice):
        raise InputError(f"{where}: column {twice[0]!r} stands twice: rename one")
    for name in names:
        if name not in table.columns:
            raise InputError(f"{where}: there is no column {name!r}.{nearest(str(name), map(str, table.columns))}")


def _learn(values: pd.Series, name: str, where: str) -> Column:
    if len(values) and values.isna().all():
        raise refuse(where, name, "every value is missing", (), "Leave the column out.")
    if isinstance(values.dtype, pd.CategoricalDtype):
        levels: Any = values.cat.categories
        wrong = [v for v in levels if not isinstance(v, KINDS)]
        if wrong:
            raise refuse(where, name, f"category {wrong[0]!r} is neither a number nor a name", (), "Use astype(str).")
        return Column(name, "category", _plain(levels, name, where))
    if pd.api.types.is_bool_dtype(values.dtype):
        return Column(name, "switch")
    if pd.api.types.is_integer_dtype(values.dtype):
        return Column(name, "integer")
    if pd.api.types.is_float_dtype(values.dtype):
        return Column(name, "number")
    if values.dtype.kind in "Mmc":
        raise refuse(where, name, f"{values.dtype} is not understood", (), "Give numbers, e.g. years.")
    wrong = [v for v in values.dropna() if not isinstance(v, KINDS)]
    if wrong:
        raise refuse(
            where, name, f"{wrong[0]!r} is neither a number nor a name", (), "Use astype(str), or leave it out."
        )
    levels = values.dropna().unique()
    if all(isinstance(v, (bool, np.bool_)) for v in levels):
        return Column(name, "switch")
    if all(isinstance(v, (int, float, np.number)) for v in levels):
        return Column(name, "number")
    return Column(name, "category", _plain(sorted(levels, key=lambda v: (str(type(v)), v)), name, where))


def _plain(levels: Iterable[Any], name: str, where: str) -> tuple[Any, ...]:
    """Levels as Python's own types, which JSON can hold."""
    found = tuple(v.item() if isinstance(v, np.generic) else v for v in levels)
    if len(found) > MOST_LEVELS:
        remedy = "Is it an identifier? Leave it out; or give numbers."
        raise refuse(where, name, f"{len(found):,} different values are too many for a category", (), remedy)
    return found


def _read(values: pd.Series, column: Column, where: str) -> np.ndarray:
    if column.kind == "category":
        codes = pd.Index(column.levels, dtype=object).get_indexer(pd.Index(values.astype(object)))
        missing = values.isna().to_numpy()
        unknown = np.flatnonzero((codes < 0) & ~missing)
        if len(unknown):
            known = ", ".join(map(str, column.levels[:8])) + (" ..." if len(column.levels) > 8 else "")
            raise refuse(
                where, column.name, f"{values.iloc[unknown[0]]!r} is not among the donors' values ({known})", unknown,
                "Recode it, or leave the rows out.",
            )  # fmt: skip
        return np.where(missing, np.nan, codes)
    try:
        numbers = values.astype(object).where(values.notna(), np.nan).to_numpy().astype(np.float64)
    except (TypeError, ValueError):
        missing = values.isna().to_numpy()
        bad = [r for r, v in enumerate(values) if not missing[r] and not _is_number(v)]
        shown = values.iloc[bad[0]] if bad else values.iloc[0]
        raise refuse(where, column.name, f"{shown!r} is not a number", bad) from None
    infinite = np.flatnonzero(np.isinf(numbers))
    if len(infinite):
        raise refuse(where, column.name, "infinite values", infinite, "Give finite numbers, or NaN for missing.")
    return numbers


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def _write(values: np.ndarray, column: Column) -> Any:
    if column.kind == "category":
        return pd.Categorical.from_codes(np.rint(values).astype(np.int64), categories=pd.Index(column.levels))
    if column.kind == "switch":
        return values > 0.5
    return np.rint(values).astype(np.int64) if column.kind == "integer" else values


def ids_of(table: pd.DataFrame, ids: Any, where: str) -> np.ndarray:
    """The id of every record, by which its uniforms are drawn: what is given, or the table's index.

    Args:
        table: of receivers.
        ids: an array, the name of a column, or None for the index.

    Returns:
        uint64 [rows]: whole numbers as they are, anything else hashed.

    Raises:
        InputError: ids are missing, stand twice or are of another length.
    """
    if isinstance(ids, str):
        require(table, [ids], where)
        ids = table[ids]
    found = pd.Index(table.index if ids is None else np.asarray(ids))
    name = "index" if ids is None else "ids"
    if len(found) != len(table):
        raise InputError(f"{where}: {len(found)} ids for {len(table)} rows")
    if found.hasnans:
        raise refuse(where, name, "missing ids", np.flatnonzero(found.isna()))
    if found.has_duplicates:
        raise refuse(
            where, name, "the same id twice, so that both would be drawn alike",
            np.flatnonzero(found.duplicated()), "Give unique ids: sample(..., ids=...).",
        )  # fmt: skip
    if pd.api.types.is_integer_dtype(found.dtype):
        return found.to_numpy().astype(np.int64).view(np.uint64)
    return np.asarray(pd.util.hash_array(found.to_numpy()), dtype=np.uint64)


def weights_of(table: pd.DataFrame, weights: Any, where: str) -> np.ndarray:
    """Survey weights [rows], float64: an array, the name of a column, or None for equal weights.

    Raises:
        InputError: missing, negative or infinite weights, no weight above zero, or another length.
    """
    if weights is None:
        return np.ones(len(table))
    name = weights if isinstance(weights, str) else "weights"
    if isinstance(weights, str):
        require(table, [weights], where)
        weights = table[weights]
    try:
        found = np.asarray(weights, dtype=np.float64)
    except (TypeError, ValueError):
        raise refuse(where, name, "weights are not numbers") from None
    if found.shape != (len(table),):
        raise InputError(f"{where}: weights of shape {found.shape} for {len(table)} rows: give one a row")
    bad = np.flatnonzero(~(np.isfinite(found) & (found >= 0)))
    if len(bad):
        raise refuse(where, name, f"weight {found[bad[0]]:g}", bad, "Give finite weights of at least 0.")
    if len(found) and not found.any():
        raise refuse(where, name, "all weights are 0")
    return found
