"""Tables of persons and groups that are linked by ids: their columns, the rows that ids lead to, sums by group.

Tables are DataFrames by name ("person", "household", ...), each with its id ("person_id", ...) as a column or as its
named index. All raise InputError, which names table, column and rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from jaxsim.columns import refuse, to_number
from jaxsim.errors import nearest
from jaxsim.population import HEAD

Tables = Mapping[str, pd.DataFrame]


def group_sums(parts: np.ndarray, group: np.ndarray, groups: int) -> np.ndarray:
    """Exact sums [groups] of whole numbers [rows], whose groups are known by row [rows]."""
    sums = np.zeros(groups, dtype=np.int64)
    np.add.at(sums, group, parts)
    return sums


def group_ranks(group: np.ndarray, *keys: np.ndarray) -> np.ndarray:
    """Place of each row within its group [rows], from 0, by the keys in order of importance."""
    order, sizes = np.lexsort((*keys[::-1], group)), np.bincount(group)
    ranks = np.empty(len(group), dtype=np.int64)
    ranks[order] = np.arange(len(group)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return ranks


def reference_rows(
    tables: Tables, table: str, column: str, of: str, by: str, group: np.ndarray, groups: int
) -> np.ndarray:
    """Row of the reference member of each group [groups], -1 where it has no member.

    Args:
        table: of the members.
        column: of theirs, the greatest of which counts for "largest".
        of: their column with the id of their group.
        by: "first" (lowest id), "head", "largest", a pointer or another column: see `hierarchy.Shared`.
        group: of each member [rows].
        groups: how many.
    """
    prefer: np.ndarray = np.zeros(len(group))
    whole = of.removesuffix("_id")
    if by == "head":
        prefer = column_of(tables, table, "role").isin(["head", HEAD]).to_numpy(dtype=float)
    elif by.endswith("_id"):
        holder = whole if whole in tables and by in tables[whole].columns else table
        to = rows_of(tables, holder, by, table, nobody=True)
        at = np.flatnonzero(to >= 0)
        astray = at[numbers_of(tables, holder, of)[at] != numbers_of(tables, table, of)[to[at]]]
        if len(astray):
            raise refuse(holder, by, f"points out of the group of {of!r}", astray, "Point to a member.")
        prefer[to[at]] = 1
    elif by != "first":
        prefer = numbers_of(tables, table, column if by == "largest" else by)
    first = np.flatnonzero(group_ranks(group, -prefer, ids_of(tables, table)) == 0)
    rows = np.full(groups, -1)
    rows[group[first]] = first
    return rows


def pointed_rows(tables: Tables, pointer: str, anywhere: bool) -> tuple[np.ndarray, np.ndarray]:
    """Rows of persons who point to another, and of those pointed to; `anywhere` allows other households."""
    to = rows_of(tables, "person", pointer, "person", nobody=True)
    rows = np.flatnonzero(to >= 0)
    home = np.zeros(len(to)) if anywhere else numbers_of(tables, "person", "household_id")
    for bad, problem in (
        (to[rows] == rows, "points to oneself"),
        (home[rows] != home[to[rows]], "leaves the household"),
    ):
        if bad.any():
            raise refuse(
                "person", pointer, problem, rows[bad], "Set it to -1, or allow other homes with anywhere=True."
            )
    return rows, to[rows]


def rows_of(tables: Tables, table: str, key: str, whole: str, nobody: bool = False) -> np.ndarray:
    """Row in the table `whole` of each id; -1 where it is -1 or missing, if that is allowed."""
    wanted = column_of(tables, table, key)
    found = pd.Index(ids_of(tables, whole)).get_indexer(pd.Index(wanted.to_numpy()))
    none = (wanted.isna() | (wanted == -1)).to_numpy(dtype=bool) & nobody
    lost = np.flatnonzero((found < 0) & ~none)
    if len(lost):
        raise refuse(
            table, key, f"{wanted.iloc[lost[0]]} is not in the table {whole!r}", lost, "Use ids that are there."
        )
    return np.where(none, -1, found)


def ids_of(tables: Tables, table: str) -> np.ndarray:
    """Ids of a table [rows], each there once."""
    ids = numbers_of(tables, table, f"{table}_id").astype(np.int64)
    again = np.flatnonzero(pd.Series(ids).duplicated())
    if len(again):
        raise refuse(table, f"{table}_id", f"{ids[again[0]]} stands more than once", again, "Ids must be unique.")
    return ids


def ages_of(tables: Tables, age: str) -> np.ndarray:
    """Ages of persons [persons], years, 0 or more."""
    ages = numbers_of(tables, "person", age)
    if (ages < 0).any():
        raise refuse("person", age, "an age below 0", np.flatnonzero(ages < 0), "Give ages of 0 or more.")
    return ages


def numbers_of(tables: Tables, table: str, column: str) -> np.ndarray:
    """A column as float64 [rows], without missing values."""
    return to_number(table, column, column_of(tables, table, column).to_numpy())


def column_of(tables: Tables, table: str, column: str) -> pd.Series:
    """A column, or the index of that name, in the order of rows."""
    frame = tables.get(table, pd.DataFrame())
    if column not in frame.columns and frame.index.name != column:
        raise refuse(table, column, "missing", remedy=nearest(column, map(str, frame.columns)).strip() or "Add it.")
    return frame[column].reset_index(drop=True) if column in frame.columns else pd.Series(frame.index)


def with_column(tables: Tables, table: str, column: str, values: Any) -> Tables:
    """Tables with another column; whole numbers keep an integer type."""
    new, kind = pd.Series(values), tables[table][column].dtype
    if new.dtype.kind == "f" and kind.kind in "iu" and (new == np.trunc(new)).all():
        new = new.astype(kind)
    return {**tables, table: tables[table].assign(**{column: new.set_axis(tables[table].index)})}


def table_and_column(name: str) -> tuple[str, str]:
    """Table and column of "table.column"; a column alone is of persons."""
    table, _, column = name.rpartition(".")
    return table or "person", column
