"""Columns of a table in memory or on disk, read fast and refused clearly.

CSV (plain or gzip, told by their first bytes, not their names) and Parquet go through pyarrow. Rows in messages count
from 0 at the first row of data, as a DataFrame of the file would.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jaxsim.columns import refuse
from jaxsim.errors import InputError

Columns = dict[str, np.ndarray]

GZIP, PARQUET = b"\x1f\x8b", b"PAR1"
TEXT = "OUST"


def is_path(source: Any) -> bool:
    """Whether a source is a file name, not a table."""
    return isinstance(source, (str, os.PathLike))


def read_columns(source: Any, name: str | None = None) -> tuple[str, Columns]:
    """The name of a source for messages, and its columns as arrays of numbers or text.

    Args:
        source: path of a CSV (plain or gzip) or Parquet file, a DataFrame, or a mapping of columns.
        name: name for messages instead of the path.

    Raises:
        InputError: no such file, not a table, a column given twice, no rows.
    """
    if is_path(source):
        where = name or str(source)
        columns = _from_file(Path(source), where)
    else:
        where = name or "DataFrame"
        columns = _from_frame(source, where)
    lengths = {len(column) for column in columns.values()}
    if not columns or lengths == {0}:
        raise InputError(f"{where}: there are no rows")
    if len(lengths) > 1:
        raise InputError(f"{where}: columns differ in length: { {n: len(c) for n, c in columns.items()} }")
    return where, columns


def _from_file(path: Path, where: str) -> Columns:
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    try:
        with path.open("rb") as file:
            start = file.read(1024)
    except FileNotFoundError:
        raise InputError(f"{where}: there is no such file") from None
    except IsADirectoryError:
        raise InputError(f"{where}: is a folder, not a file") from None
    except OSError as error:
        raise InputError(f"{where}: cannot be read ({error.strerror})") from None
    if not start.strip():
        raise InputError(f"{where}: the file is empty")
    try:
        if start.startswith(PARQUET):
            table = pyarrow.parquet.read_table(path)
        else:
            compression = "gzip" if start.startswith(GZIP) else None
            if compression is None and b"\0" in start:
                raise InputError(f"{where}: is binary, neither CSV nor Parquet")
            with pa.input_stream(str(path), compression=compression) as stream:
                table = pyarrow.csv.read_csv(stream, pyarrow.csv.ReadOptions(block_size=1 << 23))
    except (pa.ArrowException, OSError, EOFError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        first = str(error).strip().split("\n")[0]
        raise InputError(
            f"{where}: cannot be read as a table: {first}. Is the file whole, and comma separated?"
        ) from None
    _header(table.column_names, where)
    return {n: _array(column) for n, column in zip(table.column_names, table.columns, strict=True)}


def _header(names: list[str], where: str) -> None:
    if len(names) == 1:
        for mark, called in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars"), (" ", "spaces")):
            if mark in names[0].strip():
                raise InputError(f"{where}: the header is separated by {called}: separate columns by commas")
    for n in names:
        if not n.strip():
            raise InputError(f"{where}: column {names.index(n)} has no name: give every column a name")
        if not n.isprintable():
            raise InputError(f"{where}: column {n!r}: the header is not text")
    if len(set(names)) != len(names):
        twice = next(n for n in names if names.count(n) > 1)
        raise refuse(where, twice, "given twice", remedy="Keep one of them.")


def _array(column: Any) -> np.ndarray:
    import pyarrow as pa

    kind = column.type
    if pa.types.is_null(kind):
        return np.full(len(column), np.nan)
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
    return column.to_numpy()


def _from_frame(source: Any, where: str) -> Columns:
    if isinstance(source, Mapping):
        return {str(n): np.asarray(column) for n, column in source.items()}
    if not hasattr(source, "columns") or not hasattr(source, "items"):
        raise InputError(f"{where}: {type(source).__name__} is not a table: give a path, a DataFrame or a mapping")
    if getattr(source.index, "name", None):
        source = source.reset_index()
    names = [str(n) for n in source.columns]
    if len(set(names)) != len(names):
        twice = next(n for n in names if names.count(n) > 1)
        raise refuse(where, twice, "given twice", remedy="Keep one of them.")
    return {str(n): _plain(column) for n, column in source.items()}


def _plain(column: Any) -> np.ndarray:
    """A pandas column as a NumPy array; nullable numbers become floats, so that a gap is NaN."""
    if isinstance(column.dtype, np.dtype):
        return np.asarray(column)
    import pandas as pd

    if pd.api.types.is_numeric_dtype(column.dtype):
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    return column.to_numpy(dtype=object)


def numbers(source: str, name: str, column: np.ndarray, empty: float | None = None) -> np.ndarray:
    """A column as float64, text that spells a number included.

    Args:
        source, name: for messages.
        column: numbers or text.
        empty: value of an empty field; None refuses them.
    """
    if column.dtype.kind in "biuf":
        values = column.astype(np.float64)
    elif column.dtype.kind in TEXT:
        values = _spelled(source, name, column)
    else:
        raise refuse(source, name, f"{column[0]!r} is not a number", [0])
    if column.dtype.kind not in "biu":
        missing = np.isnan(values)
        if empty is not None:
            values[missing] = empty
        elif missing.any():
            raise refuse(
                source, name, "missing values", np.flatnonzero(missing), "Fill them, or leave the column out for 0."
            )
        infinite = np.flatnonzero(np.isinf(values))
        if len(infinite):
            raise refuse(source, name, "infinite values", infinite)
    return values


def _spelled(source: str, name: str, column: np.ndarray) -> np.ndarray:
    values, bad = np.full(len(column), np.nan), []
    for row, item in enumerate(column):
        text = item if isinstance(item, str) else None
        try:
            if text is not None:
                if text.strip():
                    values[row] = float(text) if "_" not in text else float("x")
            elif item is not None and type(item).__name__ != "NAType":
                values[row] = float(item)
        except (TypeError, ValueError, OverflowError):
            bad.append(row)
    if bad:
        raise refuse(source, name, f"{column[bad[0]]!r} is not a number", bad, "Write numbers without units or commas.")
    return values


class Reading:
    """The columns of one source, handed out as checked numbers."""

    def __init__(self, source: str, columns: Columns, empty: float | None = None):
        self.source, self.columns, self.empty = source, columns, empty
        self.rows = len(next(iter(columns.values())))

    def __contains__(self, name: str) -> bool:
        return name in self.columns

    def number(self, name: str, low: float = -np.inf, high: float = np.inf, remedy: str = "") -> np.ndarray:
        """A column as float64 within bounds; zeros where the source lacks it."""
        if name not in self.columns:
            return np.zeros(self.rows)
        values = numbers(self.source, name, self.columns[name], self.empty)
        if low > -np.inf or high < np.inf:
            outside = np.flatnonzero((values < low) | (values > high))
            if len(outside):
                bounds = f"from {low:g} to {high:g}" if high < 1e9 else f"at least {low:g}"
                raise refuse(self.source, name, f"{values[outside[0]]:g} is not {bounds}", outside, remedy)
        return values

    def whole(self, name: str, low: float = -(2**53), high: float = 2**53, remedy: str = "") -> np.ndarray:
        """A column as int64 within bounds; zeros where the source lacks it."""
        values = self.number(name, low, high, remedy)
        broken = np.flatnonzero(values != np.trunc(values))
        if len(broken):
            raise refuse(self.source, name, f"{values[broken[0]]:g} is not a whole number", broken, remedy)
        return values.astype(np.int64)

    def require(self, names: Iterable[str], remedy: str) -> None:
        """Refuse a source that lacks one of these columns."""
        for name in names:
            if name not in self.columns:
                raise refuse(self.source, name, "missing", remedy=remedy)

    def refuse_where(self, wrong: Any, name: str, problem: str, remedy: str = "") -> None:
        """Refuse the rows where `wrong`."""
        rows = np.flatnonzero(wrong)
        if len(rows):
            raise refuse(self.source, name, problem, rows, remedy)

    def non_zero(self, name: str) -> bool:
        return bool(np.any(self.number(name)))
