"""Tables of earnings and assumptions, and what all tables share: columns read as dates, identifiers and codes.

A table is a DataFrame, a mapping of columns, or a CSV or Parquet file. Dates are YYYY-MM-DD and months YYYY-MM, where
a date stands for its month. What cannot be used is refused with table, column, rows (from 0) and remedy. Nothing here
loops over rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from jaxsim.columns import refuse
from jaxsim.data.tabular import TEXT, Reading, is_path, read_columns
from jaxsim.dynamic.oasdi.careers import NEVER, Workers
from jaxsim.dynamic.oasdi.law import FIRST_YEAR
from jaxsim.errors import InputError, nearest

ASSUMED = {"awi": 1.0, "cola_pct": 0.01, "base_oasdi": 1.0, "base_old_law": 1.0, "qc_amount": 1.0}
"""Columns of assumptions, and their unit in that of the law."""


def told(month: Any) -> str:
    """A month as YYYY-MM."""
    return f"{month // 12}-{month % 12 + 1:02d}"


class Table(Reading):
    """A table whose columns are handed out checked.

    Args:
        source: a DataFrame, a mapping, or the path of a CSV or Parquet file.
        name: of a table that is no file, in messages.
    """

    def __init__(self, source: Any, name: str):
        super().__init__(*read_columns(source, None if is_path(source) else name))

    def require(self, names: Iterable[str], remedy: str = "") -> None:
        """Refuse a table that lacks one of these columns."""
        for name in names:
            if name not in self.columns:
                known = nearest(name, self.columns).strip() or f"There are {', '.join(self.columns)}."
                raise refuse(self.source, name, "missing", remedy=remedy or known)

    def deny(self, wrong: Any, name: str, problem: str, remedy: str = "", *values: Any, show: Any = str) -> None:
        """Refuse the rows where `wrong`: {} in the problem are the values [rows] of the first, as `show` words them."""
        rows = np.flatnonzero(wrong)
        if len(rows):
            words = problem.format(*(show(value[rows[0]]) for value in values))
            raise refuse(self.source, name, words, rows, remedy)

    def blank(self, name: str) -> np.ndarray:
        """Whether cells are empty [rows]."""
        column = self.columns[name]
        return np.asarray(pd.isna(column)) | (column == "" if column.dtype.kind in TEXT else False)

    def ids(self, name: str) -> np.ndarray:
        """Identifiers [rows]: int64 where all are whole numbers, else text."""
        self.deny(self.blank(name), name, "missing identifiers", "Give every row one.")
        column = self.columns[name]
        if column.dtype.kind in "iu" or (column.dtype.kind == "f" and bool((column == np.trunc(column)).all())):
            return column.astype(np.int64)
        return column.astype(str).astype(object)

    def codes(self, name: str, known: tuple[str, ...]) -> Any:
        """Words as their place in `known` [rows]."""
        column = self.columns[name].astype(object)
        found = pd.Index(known, dtype=object).get_indexer(pd.Index(column, dtype=object))
        unlike = nearest(str(column[int(np.argmin(found))]), known).strip()
        self.deny(found < 0, name, f"{{}} is not one of {', '.join(known)}", unlike, column, show=repr)
        return found

    def dates(self, name: str, *, month: bool = False, empty: bool = False) -> tuple[Any, Any]:
        """Months since the year 0, `NEVER` where empty, and days of the month, 1 where empty; each [rows].

        Args:
            name: of the column; without it all are empty.
            month: months are wanted, and dates stand for theirs.
            empty: whether cells may be empty.
        """
        if name not in self.columns:
            return np.full(self.rows, NEVER), np.ones(self.rows, np.int64)
        column, blank = self.columns[name], self.blank(name)
        what, remedy = ("month", "Write YYYY-MM.") if month else ("date", "Write YYYY-MM-DD.")
        if not empty:
            self.deny(blank, name, f"missing {what}s", remedy)
        days = column.astype("datetime64[D]") if column.dtype.kind == "M" else _days(column, month)
        wrong = np.isnat(days) & ~blank
        self.deny(wrong, name, f"{{}} is not a {what}", remedy, column, show=lambda value: repr(str(value)))
        months = days.astype("datetime64[M]")
        of_month = (days - months.astype("datetime64[D]")).astype(np.int64) + 1
        return np.where(blank, NEVER, months.astype(np.int64) + 12 * 1970), np.where(blank, 1, of_month)

    def rows_of(self, ids: np.ndarray, name: str = "id") -> Any:
        """Rows of the workers that a column names [rows]."""
        given = self.ids(name)
        if given.dtype != ids.dtype:
            given, ids = given.astype(str).astype(object), ids.astype(str).astype(object)
        found = pd.Index(ids).get_indexer(pd.Index(given))
        self.deny(found < 0, name, "{} is not among the workers", "Add the worker, or leave the row out.", given)
        return found


def _days(column: np.ndarray, month: bool) -> np.ndarray:
    """Days of text or of objects that print as dates, NaT where they do not; different values are parsed once."""
    codes, different = pd.factorize(column)
    text = pd.Series([str(value).strip() for value in different], dtype=object).str.removesuffix(" 00:00:00")
    whole = text.where(text.str.len() != 7, text + "-01") if month else text
    whole = whole.where(whole.str.fullmatch(r"[12]\d{3}-\d\d-\d\d").astype(bool))
    parsed = pd.to_datetime(whole, format="%Y-%m-%d", errors="coerce").to_numpy("datetime64[D]")
    return np.append(parsed, np.datetime64("NaT", "D"))[codes]  # the code of what is missing is -1


def last_year(p: Any) -> int:
    """The last year of the law's arrays."""
    return FIRST_YEAR + len(p.wage_index) - 1


def read_earnings(source: Any, ids: np.ndarray, w: Workers, p: Any, last: int) -> Any:
    """Covered earnings before the taxable maximum [workers, years from 1937], $/year.

    Args:
        source: table with id, year and earnings, where years without a row are years without earnings; or an array
            [workers, years from 1937].
        ids: of the workers.
        w: the workers, see `read_workers`.
        p: the law.
        last: last year that is needed; earnings after it are checked and left out.

    Raises:
        InputError: an unknown id, a year twice, earnings below 0, not finite, before birth, after death or in a year
            that the law does not have.
    """
    first, final, end = w.born // 12, np.where(w.death < NEVER, w.death // 12, 9999), last_year(p)
    found = np.zeros((len(ids), last - FIRST_YEAR + 1))
    if isinstance(source, np.ndarray):
        _check_wide(source, ids, first, final, end)
        width = min(source.shape[1], found.shape[1])
        found[:, :width] = source[:, :width]
        return found
    t = Table(source, "earnings")
    t.require(("id", "year", "earnings"))
    row, year, paid = t.rows_of(ids), t.whole("year"), t.number("earnings")
    outside = f"{{}} is outside {FIRST_YEAR} to {end}, the years of the law"
    t.deny((year < FIRST_YEAR) | (year > end), "year", outside, "Leave the row out.", year)
    t.deny(paid < 0, "earnings", "{} is below 0", "Covered earnings are at least 0.", paid)
    _check_alive(t, row, year, paid > 0, first, final, ids)
    given = np.zeros((len(ids), end - FIRST_YEAR + 1), bool)
    given[row, year - FIRST_YEAR] = True
    if np.count_nonzero(given) < t.rows:
        twice = pd.Series(row * 10_000 + year).duplicated().to_numpy()
        t.deny(twice, "year", "{} stands twice for worker {}", "Add the amounts up.", year, _Of(ids, row))
    kept = year <= last
    found[row[kept], year[kept] - FIRST_YEAR] = paid[kept]
    return found


def _check_alive(t: Table, row: Any, year: Any, some: Any, first: Any, final: Any, ids: np.ndarray) -> None:
    """Refuse `some` rows [rows] in years before the birth or after the death of their workers [workers]."""
    check = "Check id and year."
    t.deny(some & (year < first[row]), "year", "{} is before the birth of worker {}", check, year, _Of(ids, row))
    t.deny(some & (year > final[row]), "year", "{} is after the death of worker {}", check, year, _Of(ids, row))


def read_care(source: Any, ids: np.ndarray, w: Workers, p: Any, last: int) -> Any:
    """1 in years of care that a reform credits, 0 in others [workers, years from 1937].

    Args:
        source: table with id and year.
        ids: of the workers.
        w: the workers.
        p: the law.
        last: last year that is needed.

    Raises:
        InputError: an unknown id, a year twice, before birth, after death or in a year that the law does not have.
    """
    t = Table(source, "care")
    t.require(("id", "year"))
    row, year, end = t.rows_of(ids), t.whole("year"), last_year(p)
    outside = f"{{}} is outside {FIRST_YEAR} to {end}, the years of the law"
    t.deny((year < FIRST_YEAR) | (year > end), "year", outside, "Leave the row out.", year)
    _check_alive(t, row, year, np.full(t.rows, True), w.born // 12, w.death // 12, ids)
    twice = pd.Series(row * 10_000 + year).duplicated().to_numpy()
    t.deny(twice, "year", "{} stands twice for worker {}", "Keep one row.", year, _Of(ids, row))
    found = np.zeros((len(ids), last - FIRST_YEAR + 1), np.int64)
    kept = year <= last
    found[row[kept], year[kept] - FIRST_YEAR] = 1
    return found


class _Of:
    """Ids of rows, looked up one at a time."""

    def __init__(self, ids: np.ndarray, row: np.ndarray):
        self.ids, self.row = ids, row

    def __getitem__(self, r: int) -> Any:
        return self.ids[self.row[r]]


def _check_wide(array: np.ndarray, ids: np.ndarray, first: Any, final: Any, end: int) -> None:
    """Refuse an array of earnings that does not fit its workers."""
    most = end - FIRST_YEAR + 1
    if array.dtype.kind not in "iuf" or array.ndim != 2 or len(array) != len(ids) or array.shape[1] > most:
        raise InputError(
            f"earnings: {array.dtype} of shape {array.shape}: give numbers of {len(ids)} workers in at most {most} "
            f"years from {FIRST_YEAR}"
        )
    years = np.arange(FIRST_YEAR, FIRST_YEAR + array.shape[1])
    for bad, problem in (
        (~np.isfinite(array), "missing or infinite"),
        (array < 0, "below 0"),
        ((array > 0) & (years < first[:, None]), "before the birth"),
        ((array > 0) & (years > final[:, None]), "after the death"),
    ):
        if bad.any():
            row, column = np.argwhere(bad)[0]
            raise InputError(f"earnings: {problem} in row {row} (worker {ids[row]}), {years[column]}. Give 0 for none.")


def read_assumptions(source: Any, end: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Years, and series by column of `ASSUMED` in units of the law, NaN where the law's own hold; each [years].

    Args:
        source: table with year and some of awi, base_oasdi, base_old_law, qc_amount ($) and cola_pct (percent). Its
            years follow each other; an empty cell leaves our value.
        end: last year of the law.

    Raises:
        InputError: unknown columns, years twice, missing in between or outside the law, amounts that are none.
    """
    t = Table(source, "assumptions")
    t.require(("year",))
    given, known = [name for name in t.columns if name != "year"], f"Give year and some of {', '.join(ASSUMED)}."
    for name in given:
        if name not in ASSUMED:
            raise refuse(t.source, name, "not known", remedy=f"{nearest(name, ASSUMED).strip()} {known}".strip())
    if not given:
        raise refuse(t.source, "year", "there is no other column", remedy=known)
    year = t.whole("year")
    t.deny((year < FIRST_YEAR) | (year > end), "year", f"{{}} is outside {FIRST_YEAR} to {end}", "", year)
    t.deny(pd.Series(year).duplicated().to_numpy(), "year", "{} stands twice", "Keep one of them.", year)
    missing = np.setdiff1d(np.arange(year.min(), year.max() + 1), year)
    if len(missing):
        raise refuse(t.source, "year", f"{missing[0]} is missing", (), "Give it; empty cells leave our values.")
    found = {}
    for name in given:
        values = np.where(t.blank(name), np.nan, Reading(t.source, t.columns, empty=np.nan).number(name))
        if name == "cola_pct":
            t.deny((values < 0) | (values > 100), name, "{} percent is outside 0 to 100", "Write 2.5 for 2.5%.", values)
        else:
            t.deny(values <= 0, name, "{} is not above 0", "Leave the cell empty for our value.", values)
        found[name] = values * ASSUMED[name]
    return year, found
