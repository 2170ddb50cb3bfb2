"""Populations: persons in tax units, SPM units and families, all within households with one weight each.

A population is checked once, when it is made: every error names the source, the column, the first offending rows
and what to do. Tables are columns of NumPy arrays sorted by household; DataFrames are made on request.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from jaxsim.engine import Input, System
from jaxsim.errors import InputError, nearest

Table = dict[str, np.ndarray]

HEAD, SPOUSE, DEPENDENT = range(3)
ROLES = ("head", "spouse", "dependent")
GROUPS = ("tax_unit", "spm_unit", "family", "household")
NESTED = ("tax_unit", "spm_unit", "family")
WEIGHT = "household_weight"


def refuse(source: str, column: str, problem: str, rows: Any = (), remedy: str = "") -> InputError:
    """The error for bad data: source, column, first offending rows, remedy."""
    rows = np.asarray(rows)
    shown = ", ".join(str(int(r)) for r in rows[:5]) + (f" and {len(rows) - 5} more" if len(rows) > 5 else "")
    where = f" in row{'s' if len(rows) > 1 else ''} {shown}" if len(rows) else ""
    return InputError(f"{source}: column {column!r}: {problem}{where}.{' ' + remedy if remedy else ''}")


@dataclass(frozen=True, eq=False)
class Population:
    """A survey population, valid and sorted by household.

    Attributes:
        tables: columns by entity name. Persons have ids of all their groups and a role in the tax unit (0 head,
            1 spouse, 2 dependent); each group has its id and household; households have `household_weight`.
        year: the year its amounts and weights stand for.
        source: where it came from, for messages and provenance.
        provided: names of the inputs that the source supplied; the others are at their defaults.
        card: facts about the data that users should read (`population.card`).
    """

    tables: Mapping[str, Table]
    year: int
    source: str
    provided: frozenset[str]
    card: Mapping[str, Any] = field(default_factory=dict)

    @staticmethod
    def from_tables(
        tables: Mapping[str, Any],
        *,
        year: int,
        source: str = "tables",
        system: System | None = None,
        card: Mapping[str, Any] | None = None,
        provided: Iterable[str] | None = None,
    ) -> Population:
        """A population from one table an entity (DataFrames or mappings of columns).

        Args:
            tables: `person` with person_id, household_id, tax_unit_id, `role` ("head", "spouse", "dependent" or its
                code) and inputs; optionally spm_unit_id and family_id (by default the household); `tax_unit`,
                `household` (with household_weight) and other groups with their id and inputs.
            year: the year of the amounts.
            source: name for messages.
            system: whose inputs these are; the US by default.
            card: facts about the data.
            provided: names of the inputs that the source really supplies; by default all columns given.

        Raises:
            InputError: the first problem found, with source, column, rows and remedy.
        """
        return _Builder(tables, year, source, system or _us()).build(card or {}, provided)

    @staticmethod
    def from_persons(persons: Any, *, year: int, source: str = "persons", system: System | None = None) -> Population:
        """A population from one row a person in jaxsim's columns.

        Group inputs may stand on persons: money is summed over the group, other inputs are taken from its head.
        `household_id` and `tax_unit_id` default to one household per row's `household_id` and one unit in it; `role`
        to head, spouse (second adult of the unit) and dependent by order and age; `household_weight` to 1.
        """
        return _from_persons(_columns(persons), year, source, system or _us())

    @property
    def weights(self) -> np.ndarray:
        """Household weights, in household order."""
        return self.tables["household"][WEIGHT]

    def count(self, entity: str) -> int:
        return len(self.tables[entity][f"{entity}_id"])

    def frame(self, entity: str) -> Any:
        """The table of an entity as a DataFrame indexed by its id."""
        import pandas as pd

        frame = pd.DataFrame(dict(self.tables[entity]))
        return frame.set_index(f"{entity}_id")

    def __repr__(self) -> str:
        sizes = ", ".join(f"{self.count(e):,} {n}" for e, n in (("household", "households"), ("person", "persons")))
        people = float(self.weights[self.links["household_of_person"]].sum())
        return f"<Population {self.source}, {self.year}: {sizes}, {people / 1e6:,.1f} million people>"

    @functools.cached_property
    def links(self) -> dict[str, np.ndarray]:
        """Row of the parent for every row of the child, by "parent_of_child"."""
        found: dict[str, np.ndarray] = {}
        rows = {g: {"id": self.tables[g][f"{g}_id"]} for g in GROUPS}
        for parent in GROUPS:
            ids = rows[parent]["id"]
            order = np.argsort(ids, kind="stable")
            for child in ("person", *NESTED):
                if child != parent and f"{parent}_id" in self.tables[child]:
                    wanted = self.tables[child][f"{parent}_id"]
                    found[f"{parent}_of_{child}"] = order[np.searchsorted(ids[order], wanted)]
        return found

    @functools.cached_property
    def filers(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Person row of each tax unit's head and spouse (-1 where there is none), and the rows of all others."""
        unit, role = self.links["tax_unit_of_person"], self.tables["person"]["role"]
        n = self.count("tax_unit")
        head, spouse = np.full(n, -1), np.full(n, -1)
        head[unit[role == HEAD]] = np.flatnonzero(role == HEAD)
        spouse[unit[role == SPOUSE]] = np.flatnonzero(role == SPOUSE)
        others = np.flatnonzero(role == DEPENDENT)
        return head, spouse, others[np.argsort(unit[others], kind="stable")]

    def with_weights(self, weights: Any) -> Population:
        """The same households with other weights."""
        weights = np.asarray(weights, dtype=np.float64)
        if weights.shape != self.weights.shape:
            raise InputError(
                f"{self.source}: {weights.shape[0] if weights.ndim else 'one'} weights for {len(self.weights)} "
                "households: give one weight a household, in household order"
            )
        bad = np.flatnonzero(~np.isfinite(weights) | (weights < 0))
        if len(bad):
            raise refuse(self.source, WEIGHT, "weights must be finite and not negative", bad)
        tables = {**self.tables, "household": {**self.tables["household"], WEIGHT: weights}}
        return Population(tables, self.year, self.source, self.provided, self.card)

    def with_column(self, name: str, values: Any) -> Population:
        """A copy in which one input column is replaced, in the row order of its entity."""
        entity = next((e for e, table in self.tables.items() if name in table), None)
        i = _us().inputs.get(name)
        if entity is None or i is None:
            raise InputError(f"{self.source}: unknown input {name!r}.{nearest(name, self._names())}")
        values = np.asarray(values)
        if values.shape != self.tables[entity][name].shape:
            raise InputError(
                f"{self.source}: column {name!r}: {values.shape} values for {self.count(entity)} rows of {entity}"
            )
        column = check_input(f"{self.source} ({entity})", i, values)
        tables = {**self.tables, entity: {**self.tables[entity], name: column}}
        return Population(tables, self.year, self.source, self.provided | {name}, self.card)

    def only_household(self, row: int) -> Population:
        """The household in that row, alone, with its own weight."""
        chosen = self.tables["household"]["household_id"][row]
        tables = {
            entity: {name: column[table["household_id"] == chosen] for name, column in table.items()}
            for entity, table in self.tables.items()
        }
        return Population(tables, self.year, self.source, self.provided, self.card)

    def _names(self) -> list[str]:
        return [name for table in self.tables.values() for name in table]

    def digest(self) -> str:
        """SHA-256 over all columns, for provenance."""
        sha = hashlib.sha256()
        for entity in sorted(self.tables):
            for name in sorted(self.tables[entity]):
                sha.update(f"{entity}.{name}".encode())
                sha.update(np.ascontiguousarray(self.tables[entity][name]).tobytes())
        return sha.hexdigest()

    def to_parquet(self, folder: str | os.PathLike[str]) -> None:
        """Write a folder with one Parquet file an entity and the card; written whole or not at all.

        Inputs at their default in every row are left out: reading fills them in.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        folder = Path(folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        temporary.chmod(0o755)  # mkdtemp keeps others out
        try:
            for entity, table in self.tables.items():
                kept = {name: _compact(column) for name, column in table.items() if not _at_default(name, column)}
                ids = {name: "DELTA_BINARY_PACKED" for name in kept if name.endswith("_id")}
                pq.write_table(
                    pa.table(kept),
                    temporary / f"{entity}.parquet",
                    compression="zstd",
                    compression_level=19,
                    use_dictionary=[name for name in kept if name not in ids],
                    column_encoding=ids,
                    write_statistics=False,
                )
            about = {"year": self.year, "source": self.source, "provided": sorted(self.provided), "card": self.card}
            (temporary / "card.json").write_text(json.dumps(about, indent=1, ensure_ascii=False), encoding="utf-8")
            if folder.exists():
                old = Path(tempfile.mkdtemp(prefix=f".{folder.name}-old-", dir=folder.parent))
                os.replace(folder, old / folder.name)
                os.replace(temporary, folder)
                shutil.rmtree(old)
            else:
                os.replace(temporary, folder)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise

    @staticmethod
    def from_parquet(folder: str | os.PathLike[str], *, check: bool = True) -> Population:
        """Read a folder written by `to_parquet`."""
        folder = Path(folder)
        year, source, provided, card = _read_card(folder)
        tables = {entity: _read_table(folder / f"{entity}.parquet") for entity in ("person", *GROUPS)}
        if check:
            return Population.from_tables(tables, year=year, source=source, card=card, provided=provided)
        for i in _us().inputs.values():
            table = tables[i.entity.name]
            if i.name not in table:
                table[i.name] = np.full(len(table[f"{i.entity.name}_id"]), i.default)
        return Population(tables, year, source, provided, card)


def _read_card(folder: Path) -> tuple[int, str, frozenset[str], dict[str, Any]]:
    """Year, source, inputs provided and card of a folder written by `to_parquet`."""
    path = folder / "card.json"
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        return int(about["year"]), str(about["source"]), frozenset(about["provided"]), dict(about["card"])
    except FileNotFoundError:
        raise InputError(f"{path}: missing: write the folder again with to_parquet") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: not a card written by to_parquet ({type(error).__name__}: {error})") from None


def _read_table(path: Path) -> Table:
    """The columns of one Parquet file of such a folder: ids as integers, all else as floats."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        read = pq.read_table(path)
    except FileNotFoundError:
        raise InputError(f"{path}: missing: write the folder again with to_parquet") from None
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(f"{path}: not a Parquet file written by to_parquet ({error})") from None
    table: Table = {}
    for name, column in zip(read.column_names, read.columns, strict=True):
        values = to_number(str(path), name, column.to_numpy())
        table[name] = values.astype(np.int64) if pa.types.is_integer(column.type) and _is_key(name) else values
    return table


def _is_key(name: str) -> bool:
    return name.endswith("_id") or name == "role"


def _at_default(name: str, column: np.ndarray) -> bool:
    """Whether a column need not be written. Derived columns are: where one is missing it is derived anew."""
    from jaxsim.rules.us.units import DERIVED

    i = _us().inputs.get(name)
    return i is not None and name not in DERIVED and bool((column == i.default).all())


def _compact(column: np.ndarray) -> np.ndarray:
    """Whole numbers as the smallest integer type: files a fifth of the size, the same values."""
    if column.dtype.kind == "f":
        if not np.array_equal(column, np.trunc(column)):
            return column
        column = column.astype(np.int64)
    low, high = (int(column.min()), int(column.max())) if len(column) else (0, 0)
    for kind in (np.int8, np.int16, np.int32):
        if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
            return column.astype(kind)
    return column


def _us() -> System:
    from jaxsim.rules.us import system

    return system()


def _columns(table: Any) -> dict[str, np.ndarray]:
    """Columns of a DataFrame or mapping as arrays; text stays text until checked."""
    if hasattr(table, "reset_index") and getattr(table.index, "name", None):
        table = table.reset_index()
    if hasattr(table, "columns") and len(set(table.columns)) != len(table.columns):
        twice = next(c for c in table.columns if list(table.columns).count(c) > 1)
        raise InputError(f"column {twice!r} is given twice")
    items = table.items() if hasattr(table, "items") else dict(table).items()
    return {str(name): np.asarray(column) for name, column in items}


class _Builder:
    """Checks tables and puts them in order, one step a method."""

    def __init__(self, tables: Mapping[str, Any], year: int, source: str, system: System):
        unknown = set(tables) - {"person", *GROUPS}
        if unknown:
            raise InputError(f"{source}: unknown table {min(unknown)!r}: use {', '.join(('person', *GROUPS))}")
        if "person" not in tables:
            raise InputError(f"{source}: the table 'person' is missing")
        if not isinstance(year, (int, np.integer)) or not 1900 <= year <= 2200:
            raise InputError(f"{source}: year {year!r} is not a year")
        self.tables = {entity: _columns(table) for entity, table in tables.items()}
        self.year, self.source, self.system = int(year), source, system

    def build(self, card: Mapping[str, Any], supplied: Iterable[str] | None = None) -> Population:
        for entity in ("person", *GROUPS):
            self._shape(entity)
        self._keys()
        self._groups()
        provided = set()
        for entity in ("person", *GROUPS):
            provided |= self._inputs(entity)
        self._weights()
        self._sort()
        supplied = frozenset(provided if supplied is None else supplied)
        population = Population(self.tables, self.year, self.source, supplied, dict(card))
        self._units(population)
        self._derive(population, provided)
        return population

    def _name(self, entity: str) -> str:
        return f"{self.source} ({entity})"

    def _shape(self, entity: str) -> None:
        table = self.tables.get(entity)
        if table is None:
            return
        lengths = {name: len(column) if column.ndim == 1 else -1 for name, column in table.items()}
        if len(set(lengths.values())) > 1 or -1 in lengths.values():
            raise InputError(f"{self._name(entity)}: columns differ in length: {lengths}")
        if not table or not next(iter(lengths.values())):
            raise InputError(f"{self._name(entity)}: there are no rows")
        known = {i.name for i in self.system.inputs.values() if i.entity.name == entity} | self._key_columns(entity)
        for name in table:
            if name not in known:
                elsewhere = self.system.inputs.get(name)
                table_of = f" It belongs to the table {elsewhere.entity.name!r}." if elsewhere else ""
                hint = table_of or nearest(name, sorted(known))
                raise refuse(self._name(entity), name, "unknown column", remedy=hint.strip())

    @staticmethod
    def _key_columns(entity: str) -> set[str]:
        if entity == "person":
            return {"person_id", "role", *(f"{g}_id" for g in GROUPS)}
        return {f"{entity}_id", "household_id"} | ({WEIGHT} if entity == "household" else set())

    def _keys(self) -> None:
        person = self.tables["person"]
        n = len(next(iter(person.values())))
        person.setdefault("person_id", np.arange(n))
        for needed in ("household_id", "tax_unit_id", "role"):
            if needed not in person:
                raise refuse(self._name("person"), needed, "missing", remedy="Every person needs it.")
        for group in ("spm_unit", "family"):
            if f"{group}_id" not in person:
                person[f"{group}_id"] = person["household_id"]
        person["role"] = self._roles(person["role"])
        for entity, table in self.tables.items():
            for name in list(table):
                if name.endswith("_id"):
                    table[name] = self._whole(entity, name, table[name])
        self._unique("person")

    def _roles(self, role: np.ndarray) -> np.ndarray:
        if role.dtype.kind in "OUST":
            codes = {name: code for code, name in enumerate(ROLES)}
            strange = [i for i, r in enumerate(role) if str(r) not in codes]
            if strange:
                raise refuse(self._name("person"), "role", f"{role[strange[0]]!r} is not a role", strange,
                             f"Use {', '.join(ROLES)}.")  # fmt: skip
            return np.array([codes[str(r)] for r in role], dtype=np.int64)
        values = self._number("person", "role", role)
        bad = np.flatnonzero(~np.isin(values, (HEAD, SPOUSE, DEPENDENT)))
        if len(bad):
            raise refuse(self._name("person"), "role", f"{values[bad[0]]:g} is not a role", bad, "Use 0, 1 or 2.")
        return values.astype(np.int64)

    def _whole(self, entity: str, name: str, column: np.ndarray) -> np.ndarray:
        if column.dtype.kind in "iu" and column.dtype != np.uint64:
            return column.astype(np.int64)
        values = self._number(entity, name, column)
        bad = np.flatnonzero((values != np.trunc(values)) | (np.abs(values) > 2**53))
        if len(bad):
            raise refuse(self._name(entity), name, f"{values[bad[0]]!r} is not a whole number", bad)
        return values.astype(np.int64)

    def _number(self, entity: str, name: str, column: np.ndarray) -> np.ndarray:
        return to_number(self._name(entity), name, column)

    def _unique(self, entity: str) -> None:
        ids = self.tables[entity][f"{entity}_id"]
        _, first = np.unique(ids, return_index=True)
        if len(first) != len(ids):
            again = np.setdiff1d(np.arange(len(ids)), first)
            raise refuse(self._name(entity), f"{entity}_id", f"{ids[again[0]]} stands more than once", again,
                         "Ids must be unique.")  # fmt: skip

    def _groups(self) -> None:
        person = self.tables["person"]
        for group in GROUPS:
            ids, first = np.unique(person[f"{group}_id"], return_index=True)
            households = person["household_id"][first]
            home = households[np.searchsorted(ids, person[f"{group}_id"])]
            astray = np.flatnonzero(home != person["household_id"])
            if len(astray):
                raise refuse(self._name("person"), f"{group}_id",
                             f"{group} {person[f'{group}_id'][astray[0]]} spans two households", astray,
                             "Units must lie within one household.")  # fmt: skip
            table = self.tables.setdefault(group, {f"{group}_id": ids})
            if f"{group}_id" not in table:
                raise refuse(self._name(group), f"{group}_id", "missing")
            self._unique(group)
            given = table[f"{group}_id"]
            dangling = np.flatnonzero(~np.isin(given, ids))
            if len(dangling):
                raise refuse(self._name(group), f"{group}_id", f"{given[dangling[0]]} has no persons", dangling)
            missing = np.flatnonzero(~np.isin(person[f"{group}_id"], given))
            if len(missing):
                raise refuse(self._name("person"), f"{group}_id",
                             f"{person[f'{group}_id'][missing[0]]} is not in the table {group!r}", missing)  # fmt: skip
            if group != "household":
                at_home = households[np.searchsorted(ids, given)]
                if "household_id" in table and not np.array_equal(table["household_id"], at_home):
                    bad = np.flatnonzero(table["household_id"] != at_home)
                    raise refuse(self._name(group), "household_id", "differs from its persons' household", bad)
                table["household_id"] = at_home

    def _inputs(self, entity: str) -> set[str]:
        """Check given inputs, add the others at their defaults; names of those given."""
        table, given = self.tables[entity], set()
        n = len(table[f"{entity}_id"])
        for i in self.system.inputs.values():
            if i.entity.name != entity:
                continue
            if i.name in table:
                table[i.name] = check_input(self._name(entity), i, table[i.name])
                given.add(i.name)
            else:
                table[i.name] = np.full(n, i.default)
        return given

    def _weights(self) -> None:
        table = self.tables["household"]
        weights = table.get(WEIGHT)
        if weights is None:
            weights = np.ones(len(table["household_id"]))
        weights = self._number("household", WEIGHT, weights)
        bad = np.flatnonzero(weights < 0)
        if len(bad):
            raise refuse(self._name("household"), WEIGHT, f"{weights[bad[0]]:g} is negative", bad)
        if weights.sum() == 0:
            raise refuse(self._name("household"), WEIGHT, "every weight is 0")
        table[WEIGHT] = weights

    def _sort(self) -> None:
        for entity in ("person", *GROUPS):
            table = self.tables[entity]
            keys = {
                "person": ("person_id", "role", "tax_unit_id", "household_id"),
                "household": ("household_id",),
            }.get(entity, (f"{entity}_id", "household_id"))
            order = np.lexsort([table[k] for k in keys])
            if not np.array_equal(order, np.arange(len(order))):
                table = {name: column[order] for name, column in table.items()}
            self.tables[entity] = table

    def _units(self, population: Population) -> None:
        unit, role = population.links["tax_unit_of_person"], population.tables["person"]["role"]
        ids = population.tables["tax_unit"]["tax_unit_id"]
        for code, name, most in ((HEAD, "head", 1), (SPOUSE, "spouse", 1)):
            count = np.bincount(unit[role == code], minlength=len(ids))
            bad = np.flatnonzero((count > most) | ((code == HEAD) & (count == 0)))
            if len(bad):
                raise refuse(self._name("person"), "role",
                             f"tax unit {ids[bad[0]]} has {count[bad[0]]} persons with role {name}",
                             remedy="A tax unit has one head and at most one spouse.")  # fmt: skip

    def _derive(self, population: Population, provided: set[str]) -> None:
        """Filing status and counts of the unit where the source lacks them, from its persons."""
        if "filing_status" in self.system.inputs:
            from jaxsim.rules.us.units import check_units, derive_units

            derive_units(population, provided)
            check_units(population, self._name("tax_unit"))


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


def _from_persons(person: dict[str, np.ndarray], year: int, source: str, system: System) -> Population:
    if not person:
        raise InputError(f"{source}: there are no columns")
    n = len(next(iter(person.values())))
    person.setdefault("household_id", np.zeros(n, dtype=np.int64))
    person.setdefault("tax_unit_id", person["household_id"])
    if "role" not in person:
        age = to_number(source, "age", person["age"]) if "age" in person else np.full(n, 40.0)
        person["role"] = _roles_by_order(person["tax_unit_id"], age)
    tables: dict[str, dict[str, np.ndarray]] = {"person": {}}
    role = np.array([ROLES.index(str(r)) if str(r) in ROLES else r for r in person["role"]])
    grouped: dict[str, list[str]] = {}
    for name, column in person.items():
        i = system.inputs.get(name)
        if name == WEIGHT:
            grouped.setdefault("household", []).append(name)
        elif i is not None and i.entity.name != "person":
            grouped.setdefault(i.entity.name, []).append(name)
        else:
            tables["person"][name] = column
    for group, names in grouped.items():
        key = f"{group}_id"
        ids, position = np.unique(person.get(key, person["household_id"]), return_inverse=True)
        order = np.argsort(np.where(role == HEAD, 0, 1), kind="stable")[::-1]
        first = np.zeros(len(ids), dtype=int)
        first[position[order]] = order  # the head's row wins
        tables[group] = {key: ids}
        for name in names:
            i = system.inputs.get(name)
            if i is not None and i.kind == "money":
                values = check_input(source, i, person[name])
                tables[group][name] = np.bincount(position, weights=values, minlength=len(ids))
            else:
                tables[group][name] = person[name][first]
    return Population.from_tables(tables, year=year, source=source, system=system)


def _roles_by_order(unit: np.ndarray, age: np.ndarray) -> np.ndarray:
    """First adult of a unit head, second adult spouse, others dependents; without adults the first is head."""
    order = np.lexsort((np.arange(len(unit)), age < 18, unit))  # in each unit adults first, each in the order given
    starts = np.flatnonzero(unit[order][1:] != unit[order][:-1]) + 1
    starts = np.concatenate([[0], starts]) if len(unit) else starts
    role = np.full(len(unit), DEPENDENT)
    role[order[starts]] = HEAD
    second = starts + 1
    second = second[(second < len(unit)) & ~np.isin(second, starts)]
    second = order[second]
    role[second[age[second] >= 18]] = SPOUSE
    return role
