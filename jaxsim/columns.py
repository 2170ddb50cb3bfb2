"""Columns of input data: numbers, or an error that names source, column, rows and remedy."""

from __future__ import annotations

from typing import Any

import numpy as np

from jaxsim.engine import Input
from jaxsim.errors import InputError

Table = dict[str, np.ndarray]


def refuse(source: str, column: str, problem: str, rows: Any = (), remedy: str = "") -> InputError:
    """The error for bad data: source, column, first offending rows, remedy."""
    rows = np.asarray(rows)
    shown = ", ".join(str(int(r)) for r in rows[:5]) + (f" and {len(rows) - 5} more" if len(rows) > 5 else "")
    where = f" in row{'s' if len(rows) > 1 else ''} {shown}" if len(rows) else ""
    return InputError(f"{source}: column {column!r}: {problem}{where}.{' ' + remedy if remedy else ''}")


def to_number(source: str, name: str, column: np.ndarray) -> np.ndarray:
    """A column as float64; text, missing and infinite values are refused with their rows."""
    if column.dtype.kind in "biuf":
        values = column.astype(np.float64)
    else:
        values = np.empty(len(column))
        bad = []
        for i, item in enumerate(column):
            try:
                if item is None or (isinstance(item, str) and not item.strip()):
                    values[i] = np.nan
                elif isinstance(item, (bool, int, float, np.number)):
                    values[i] = float(item)
                else:
                    raise ValueError
            except (TypeError, ValueError, OverflowError):
                bad.append(i)
        if bad:
            raise refuse(source, name, f"{column[bad[0]]!r} is not a number", bad)
    missing = np.flatnonzero(np.isnan(values))
    if len(missing):
        raise refuse(source, name, "missing values", missing, "Fill them, or leave the column out for its default.")
    infinite = np.flatnonzero(np.isinf(values))
    if len(infinite):
        raise refuse(source, name, "infinite values", infinite)
    return values


def check_input(source: str, i: Input, column: np.ndarray) -> np.ndarray:
    """A valid input column as float64, categories as codes."""
    if i.kind == "category" and column.dtype.kind in "OUST":
        codes = {name: code for code, name in enumerate(i.categories)}
        bad = [r for r, item in enumerate(column) if str(item) not in codes]
        if bad:
            raise refuse(source, i.name, f"{column[bad[0]]!r} is not one of {', '.join(i.categories)}", bad)
        return np.array([codes[str(item)] for item in column], dtype=np.float64)
    values = to_number(source, i.name, column)
    outside = np.flatnonzero((values < i.low) | (values > i.high))
    if len(outside):
        raise refuse(source, i.name, f"{values[outside[0]]:g} is outside {i.low:g} to {i.high:g} ({i.label})", outside)
    if i.kind in ("category", "code", "flag", "count"):
        broken = np.flatnonzero(values != np.trunc(values))
        if len(broken):
            raise refuse(source, i.name, f"{values[broken[0]]:g} is not a whole number", broken)
    return values
