"""Making a population: tables are checked, completed and put in order, one step a method."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from jaxsim.columns import check_input, refuse, to_number
from jaxsim.engine import System
from jaxsim.errors import InputError, nearest
from jaxsim.population import DEPENDENT, GROUPS, HEAD, ROLES, SPOUSE, WEIGHT, Population


def _columns(table: Any) -> dict[str, np.ndarray]:
    """Columns of a DataFrame or mapping as arrays; text stays text until checked."""
    if hasattr(table, "reset_index") and getattr(table.index, "name", None):
        table = table.reset_index()
    if hasattr(table, "columns") and len(set(table.columns)) != len(table.columns):
        twice = next(c for c in table.columns if list(table.columns).count(c) > 1)
        raise InputError(f"column {twice!r} is given twice")
    items = table.items() if hasattr(table, "items") else dict(table).items()
    return {str(name): np.asarray(column) for name, column in items}


class PopulationBuilder:
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
        population = Population(self.tables, self.year, self.source, frozenset(), dict(card))
        self._units(population)
        given = set(provided)
        self._derive(population, provided)
        supplied = (given if supplied is None else set(supplied)) | (provided - given)
        return dataclasses.replace(population, provided=frozenset(supplied))

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


def build_from_persons(persons: Any, year: int, source: str, system: System) -> Population:
    """A population from one row a person, see `Population.from_persons`."""
    person = _columns(persons)
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
