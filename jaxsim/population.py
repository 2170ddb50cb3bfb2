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

from jaxsim.columns import Table, check_input, refuse, to_number
from jaxsim.engine import System
from jaxsim.errors import InputError, nearest

HEAD, SPOUSE, DEPENDENT = range(3)
ROLES = ("head", "spouse", "dependent")
GROUPS = ("tax_unit", "spm_unit", "family", "household")
NESTED = ("tax_unit", "spm_unit", "family")
WEIGHT = "household_weight"


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
        from jaxsim.build import PopulationBuilder

        return PopulationBuilder(tables, year, source, system or default_system()).build(card or {}, provided)

    @staticmethod
    def from_persons(persons: Any, *, year: int, source: str = "persons", system: System | None = None) -> Population:
        """A population from one row a person in jaxsim's columns.

        Group inputs may stand on persons: money is summed over the group, other inputs are taken from its head.
        `household_id` and `tax_unit_id` default to one household per row's `household_id` and one unit in it; `role`
        to head, spouse (second adult of the unit) and dependent by order and age; `household_weight` to 1.
        """
        from jaxsim.build import build_from_persons

        return build_from_persons(persons, year, source, system or default_system())

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
        i = default_system().inputs.get(name)
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
        for i in default_system().inputs.values():
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

    i = default_system().inputs.get(name)
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


def default_system() -> System:
    """The US system."""
    from jaxsim.rules.us import system

    return system()
