"""Administrative targets in a SQLite database: sources, strata with constraints, targets; checks and selections.

A stratum is a set of constraints (variable, operation, value), e.g. returns with an adjusted gross income of at least
25,000 and below 50,000 in California; its parent has one of them less. A target says what a concept adds up to (or how
many have it) in a stratum in a year, after which source.

    store = js.calibrate.TargetStore.shipped()
    store.targets("source = 'soi_2022' and concept = 'employment_income'")
    store.check()
"""

from __future__ import annotations

import functools
import itertools
import json
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxsim.errors import InputError, nearest
from jaxsim.files import write_atomic

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = """
create table sources (
    id text primary key, title text not null, agency text not null, href text not null, period integer not null,
    vintage text, band text, counts text not null, notes text not null
) strict;
create table strata (
    id integer primary key, parent integer references strata (id), label text not null, key text not null unique
) strict;
create table constraints (
    stratum integer not null references strata (id), variable text not null,
    operation text not null check (operation in ('=', '>=', '<')), value text not null,
    unique (stratum, variable, operation)
) strict;
create table targets (
    id integer primary key, source text not null references sources (id),
    stratum integer not null references strata (id), concept text not null,
    statistic text not null check (statistic in ('count', 'amount')), period integer not null,
    geography text not null, value real not null, tolerance real not null check (tolerance >= 0),
    active integer not null check (active in (0, 1)), cited text not null,
    unique (source, stratum, concept, statistic, period)
) strict;
create index targets_stratum on targets (stratum);
"""
OPERATIONS = ("=", ">=", "<")
NATION = "US"
AREAS = 51
"""States and the District of Columbia."""
APART = 0.02
"""Relative difference from which sources of one fact, or cells and their total, are reported."""
BANDS = {"adjusted_gross_income": "income of", "age": "age"}

Constraint = tuple[str, str, str]


class TargetStore:
    """Targets in a SQLite database, in memory by default.

    Args:
        path: of a database written by `save`, opened read-only as a copy in memory; None for an empty one.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None):
        # every statement stands at once: a transaction left open would make `save` wait for its end for ever
        self.connection = sqlite3.connect(":memory:", isolation_level=None)
        self.connection.execute("pragma foreign_keys = on")
        if path is None:
            self.connection.executescript(SCHEMA)
            return
        path = Path(path)
        if not path.is_file():
            raise InputError(f"{path}: no such target store: write one with TargetStore.save")
        try:
            with sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True) as disk:
                disk.backup(self.connection)
            for table in ("sources", "strata", "constraints", "targets"):
                self.connection.execute(f"select 1 from {table} limit 1")
        except sqlite3.DatabaseError as error:
            raise InputError(f"{path}: not a target store ({error}): write one with TargetStore.save") from None
        finally:
            if "disk" in locals():
                disk.close()

    @staticmethod
    def shipped() -> TargetStore:
        """The targets that come with the package, built from its tables of facts; a copy of one's own."""
        store = TargetStore()
        _shipped().connection.backup(store.connection)
        return store

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the database to a file, whole or not at all."""

        def write(temporary: Path) -> None:
            with tempfile.TemporaryDirectory(dir=temporary.parent) as folder:
                made = Path(folder) / "targets.db"
                disk = sqlite3.connect(made)
                self.connection.backup(disk)
                disk.close()
                shutil.copyfile(made, temporary)

        return write_atomic(path, write)

    # --- adding -----------------------------------------------------------------------------------------------

    def add_source(self, id: str, /, **about: Any) -> None:
        """Add a source: title, agency, href, period, counts (what a count counts), band, vintage and notes."""
        missing = [k for k in ("title", "agency", "href", "period", "counts") if not about.get(k)]
        if missing:
            raise InputError(f"source {id!r} lacks {', '.join(missing)}: every target cites where it is from")
        unknown = set(about) - {"title", "agency", "href", "period", "counts", "band", "vintage", "notes"}
        if unknown:
            raise InputError(f"source {id!r}: unknown {', '.join(sorted(unknown))}")
        period, notes = about["period"], about.get("notes") or []
        if isinstance(period, bool) or not isinstance(period, int | np.integer):
            raise InputError(f"source {id!r}: period {period!r} is not a year")
        row = (id, about["title"], about["agency"], about["href"], int(period),
               None if about.get("vintage") is None else str(about["vintage"]), about.get("band"), about["counts"],
               json.dumps([notes] if isinstance(notes, str) else list(notes)))  # fmt: skip
        try:
            self.connection.execute("insert into sources values (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        except sqlite3.IntegrityError:
            raise InputError(f"source {id!r} is in the store already: give it another id") from None

    def stratum(self, constraints: Iterable[Constraint]) -> int:
        """The id of the stratum with these constraints, added with its parents where it is new.

        Args:
            constraints: (variable, operation, value); the last one is what the parent lacks (the two ends of a band
                are one).
        """
        given = [(str(v), str(o), _plain(x)) for v, o, x in constraints]
        key = json.dumps(sorted(given))
        found = self.connection.execute("select id from strata where key = ?", (key,)).fetchone()
        if found:
            return int(found[0])
        _refuse(given)
        parent = None
        if given:
            last = given[-1][0]
            parent = self.stratum([c for c in given if c[0] != last])
        made = self.connection.execute(
            "insert into strata (parent, label, key) values (?, ?, ?)", (parent, label(given), key)
        ).lastrowid
        self.connection.executemany("insert into constraints values (?, ?, ?, ?)", [(made, *c) for c in given])
        return int(made or 0)

    def add(
        self,
        source: str,
        concept: str,
        statistic: str,
        value: float,
        *,
        constraints: Iterable[Constraint] = (),
        period: int | None = None,
        tolerance: float = 0.0,
        active: bool = True,
        cited: str = "",
    ) -> int:
        """Add a target and return its id.

        Args:
            source: id of a source in the store.
            concept: what is counted or added up, see `concepts`.
            statistic: "count" or "amount".
            value: units counted, or dollars.
            constraints: of its stratum.
            period: year; the source's by default.
            tolerance: relative error within which it counts as met; 0 leaves it to the fit.
            active: whether selections take it.
            cited: table and cell.
        """
        value = float(value)
        where = f"target {concept} {statistic} of {source}"
        if not np.isfinite(value):
            raise InputError(f"{where}: value {value} is not a finite number")
        if not (np.isfinite(tolerance) and tolerance >= 0):
            raise InputError(f"{where}: tolerance {tolerance} must be a number of at least 0")
        known = self.connection.execute("select period from sources where id = ?", (source,)).fetchone()
        if known is None:
            ids = [r[0] for r in self.connection.execute("select id from sources")]
            raise InputError(f"{where}: no such source: add it with add_source first.{nearest(source, ids)}")
        constraints = list(constraints)
        geography = next((v for n, o, v in constraints if n == "state" and o == "="), NATION)
        row = (source, self.stratum(constraints), concept, statistic, period or known[0], geography, value, tolerance,
               int(active), cited)  # fmt: skip
        try:
            return int(
                self.connection.execute(
                    "insert into targets (source, stratum, concept, statistic, period, geography, value, tolerance, "
                    "active, cited) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    row,
                ).lastrowid
                or 0
            )
        except sqlite3.IntegrityError as error:
            if "unique" in str(error).lower():
                raise InputError(f"{where} in {label(constraints)}: stated twice: keep one of them") from None
            raise InputError(f"{where}: statistic {statistic!r} must be 'count' or 'amount'") from None

    # --- reading ----------------------------------------------------------------------------------------------

    def sources(self) -> pd.DataFrame:
        """One row a source."""
        import pandas as pd

        return pd.read_sql_query("select * from sources order by id", self.connection, index_col="id")

    def targets(self, where: str = "1", values: Iterable[Any] = ()) -> pd.DataFrame:
        """Targets with the label of their stratum and what their source counts, one row each, by id.

        Args:
            where: a condition in SQL on source, concept, statistic, period, geography, value, tolerance, active,
                counts, stratum, label.
            values: for question marks in it.
        """
        import pandas as pd

        query = f"""select * from (select targets.id, source, concept, statistic, targets.period, geography, value,
            tolerance, active, cited, counts, stratum, parent, label
            from targets join strata on strata.id = stratum join sources on sources.id = source) where {where}
            order by id"""
        try:
            return pd.read_sql_query(query, self.connection, params=list(values), index_col="id")
        except (sqlite3.Error, pd.errors.DatabaseError) as error:
            raise InputError(f"condition {where!r} on targets: {error.__cause__ or error}") from None

    def constraints(self) -> dict[int, list[Constraint]]:
        """Constraints by stratum."""
        found: dict[int, list[Constraint]] = {s: [] for (s,) in self.connection.execute("select id from strata")}
        for stratum, variable, operation, value in self.connection.execute(
            "select stratum, variable, operation, value from constraints order by rowid"
        ):
            found[stratum].append((variable, operation, value))
        return found

    def set_active(self, active: bool, where: str, values: Iterable[Any] = ()) -> int:
        """Switch targets on or off by a condition as in `targets`; returns how many."""
        ids = self.targets(where, values).index.tolist()
        self.connection.executemany("update targets set active = ? where id = ?", [(int(active), i) for i in ids])
        return len(ids)

    # --- checks -----------------------------------------------------------------------------------------------

    def check(self, apart: float = APART) -> pd.DataFrame:
        """What does not fit together: cells against their total, and sources of the same fact against each other.

        Returns:
            one row a finding: kind ("cells and total", "sources"), concept, statistic, where, both values and their
            relative difference, largest first.
        """
        import pandas as pd

        found = [*self._cells(apart), *self._sources(apart)]
        columns = ["kind", "concept", "statistic", "where", "source", "value", "other", "other value", "difference"]
        frame = pd.DataFrame(found, columns=columns)
        return frame.sort_values("difference", key=np.abs, ascending=False).reset_index(drop=True)

    def _cells(self, apart: float) -> Iterable[tuple[Any, ...]]:
        """Cells of a stratum that partition it (the bands of one variable, or the states) against its total."""
        of = self.constraints()
        rows: list[Any] = list(self.targets().itertuples())
        totals = {(t.source, t.concept, t.statistic, t.period, t.stratum): t.value for t in rows}
        groups: dict[tuple[Any, ...], list[Any]] = {}
        for t in rows:
            if of[t.stratum] and not np.isnan(t.parent):
                own = of[t.stratum][-1][0]
                groups.setdefault((t.source, t.concept, t.statistic, t.period, int(t.parent), own), []).append(t)
        for (source, concept, statistic, period, parent, own), cells in groups.items():
            total = totals.get((source, concept, statistic, period, parent))
            if total is None or not _partition([of[c.stratum] for c in cells], own):
                continue
            adds = sum(c.value for c in cells)
            difference = (adds - total) / max(abs(total), 1.0)
            if abs(difference) > apart:
                where = f"{label(of[parent])} by {own}"
                yield "cells and total", concept, statistic, where, source, adds, source, total, difference

    def _sources(self, apart: float) -> Iterable[tuple[Any, ...]]:
        firsts: dict[tuple[Any, ...], Any] = {}
        rows: Iterable[Any] = self.targets().itertuples()
        for t in rows:
            first = firsts.setdefault((t.concept, t.statistic, t.period, t.counts, t.stratum), t)
            difference = (t.value - first.value) / max(abs(first.value), 1.0)
            if abs(difference) > apart:
                yield ("sources", t.concept, t.statistic, t.label, t.source, t.value, first.source, first.value,
                       difference)  # fmt: skip


def _refuse(given: list[Constraint]) -> None:
    """Refuse unknown operations, bounds that are no band, and what is stated twice."""
    ends: dict[str, dict[str, str]] = {}
    for variable, operation, value in given:
        if operation not in OPERATIONS:
            raise InputError(f"constraint on {variable}: unknown operation {operation!r}: use {', '.join(OPERATIONS)}")
        if operation in ends.setdefault(variable, {}) or (ends[variable] and "=" in (operation, *ends[variable])):
            raise InputError(f"constraint on {variable}: stated twice: give a value or the two ends of a band")
        if operation != "=" and not _is_number(value):
            raise InputError(f"constraint on {variable}: bound {value!r} is not a finite number")
        ends[variable][operation] = value
    for variable, of in ends.items():
        if len(of) == 2 and not float(of[">="]) < float(of["<"]):
            raise InputError(f"constraint on {variable}: a band from {of['>=']} to {of['<']} holds nothing")


def _is_number(value: str) -> bool:
    try:
        return bool(np.isfinite(float(value)))
    except ValueError:
        return False


@functools.cache
def _shipped() -> TargetStore:
    """The shipped targets, loaded once."""
    from jaxsim.calibrate.load import load_facts

    store = TargetStore()
    load_facts(store)
    return store


def label(constraints: Iterable[Constraint]) -> str:
    """A stratum in words."""
    given = [(v, o, _plain(x)) for v, o, x in constraints]
    words = []
    for variable in dict.fromkeys(v for v, _, _ in given):
        ends = {o: x for v, o, x in given if v == variable}
        name = BANDS.get(variable, variable)
        if "=" in ends:
            words.append(ends["="] if variable in ("state", "filing_status") else f"{name} {ends['=']}")
        elif len(ends) == 2:
            words.append(f"{name} {_short(ends['>='])} to {_short(ends['<'])}")
        else:
            end = f"{_short(ends['>='])} or more" if ">=" in ends else f"below {_short(ends['<'])}"
            words.append(f"{name if '>=' in ends else name.removesuffix(' of')} {end}")
    return ", ".join(words) or "all"


def _plain(value: Any) -> str:
    """A constraint's value as text: whole numbers without a decimal point."""
    if isinstance(value, str):
        return value
    number = float(value)
    return str(int(number)) if number.is_integer() else repr(number)


def _short(number: str) -> str:
    value = float(number)
    return f"{value:,.0f}" if value.is_integer() else f"{value:,}"


def _partition(cells: list[list[Constraint]], own: str) -> bool:
    """Whether cells cover their parent without overlap: bands that join up without ends, or all states."""
    ends = [{o: v for n, o, v in cell if n == own} for cell in cells]
    if all("=" in e for e in ends):
        return own == "state" and len({e["="] for e in ends}) >= AREAS
    if any("=" in e for e in ends):
        return False
    bands = sorted((float(e.get(">=", "-inf")), float(e.get("<", "inf"))) for e in ends)
    joined = all(a[1] == b[0] for a, b in itertools.pairwise(bands))
    return joined and bands[0][0] in (-np.inf, 0.0) and bands[-1][1] == np.inf
