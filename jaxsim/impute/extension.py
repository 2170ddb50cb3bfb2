"""The two-copy extension of a survey: its households twice, once as answered and once with better measured incomes.

extended = two_copies(survey, fitted, missing=["cash_charity"], mismeasured=["employment_income"], key=0)
extended.card["two_copies"], copy_of(extended)

In both copies the variables that the survey lacks are drawn by fitted imputers; in the second copy those it measures
badly are drawn too. Each copy has half of every weight, so that totals of what is not drawn stay exactly as they were,
and a calibration afterwards decides how much of each copy to keep.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import jax
import numpy as np
import pandas as pd

from jaxsim.columns import refuse, to_number
from jaxsim.engine import System
from jaxsim.errors import InputError, nearest
from jaxsim.impute.uniforms import as_key
from jaxsim.population import GROUPS, HEAD, NESTED, Population, default_system

Tables = dict[str, pd.DataFrame]
COPY = "copy"
NOTE = (
    "Every household stands twice with half its weight. In both copies the missing variables are drawn; in the second "
    "the mismeasured ones too. Ids of the second copy are those of the first plus the offset."
)


class Draws(Protocol):
    """A fitted imputer, as far as it is needed here: also `jaxsim.impute.base.Imputer`."""

    @property
    def targets(self) -> Any:
        """Names of what it draws: a list, or an object with `names`."""

    def sample(self, X: pd.DataFrame, key: Any, *, ids: Any) -> pd.DataFrame:
        """One draw of the targets for every row, with the index of `X`."""


def two_copies(
    survey: Population | Mapping[str, Any],
    imputers: Draws | Iterable[Draws],
    *,
    missing: Iterable[str],
    mismeasured: Iterable[str] = (),
    key: Any = 0,
    fixed: Iterable[str] = (),
    system: System | None = None,
) -> Any:
    """A survey stacked twice, with variables drawn in both copies or in the second alone.

    Imputers see the table of their targets' entity (`view`), both copies at once and by their new ids: draws in the
    two copies are independent. Where the ages of persons are drawn, columns derived from them stay as they were.

    Args:
        survey: a population, or tables of persons and groups by name with a column "household_weight" (or other
            "<entity>_weight"), ids of 0 or more and pointers ("..._id", -1 or missing for none).
        imputers: one or several; each name below is a target of exactly one.
        missing: variables that the survey lacks, drawn in both copies.
        mismeasured: variables of the survey that are replaced by draws in the second copy.
        key: whole number or JAX key; each imputer gets its own.
        fixed: columns of tables that end in "_id" and are none, such as a "state_id".
        system: whose inputs these are; the US by default.

    Returns:
        A population (see its card, and `copy_of`), or tables with a column `copy`, 1 or 2. The first copy keeps its
        ids; those of the second are greater by one offset, a power of ten.

    Raises:
        InputError: a name is unknown, is not drawn by one imputer, or is (not) in the survey against what is said;
            draws lack rows or values; ids are negative; the survey has two copies already.
    """
    system, key = system or default_system(), as_key(key)
    missing, mismeasured = list(dict.fromkeys(missing)), list(dict.fromkeys(mismeasured))
    source = survey.source if isinstance(survey, Population) else "tables"
    tables = _tables(survey)
    drawn = _plan(source, tables, imputers, missing, mismeasured, system, getattr(survey, "provided", None))
    offset = _offset(source, tables, set(fixed))
    stacked = {entity: _stack(entity, table, offset, set(fixed)) for entity, table in tables.items()}
    for number, (imputer, entity, names) in enumerate(drawn):
        found = view(stacked, entity, system)
        draws = _draw(imputer, found, names, jax.random.fold_in(key, number))
        table = stacked[entity]
        half = len(table) // 2  # of the rows, the first copy
        answered = {name: draws[name][:half] if name in missing else table[name][:half] for name in names}
        stacked[entity] = table.assign(**{name: pd.concat([answered[name], draws[name][half:]]) for name in names})
    if not isinstance(survey, Population):
        return stacked
    about = {
        "what": NOTE,
        "offset": offset,
        "missing": missing,
        "mismeasured": mismeasured,
        "imputers": [repr(imputer) for imputer, *_ in drawn],
        "key": jax.random.key_data(key).tolist(),
    }
    return Population.from_tables(
        {entity: table.drop(columns=COPY) for entity, table in stacked.items()},
        year=survey.year,
        source=f"{source}, two copies",
        system=system,
        card={**survey.card, "two_copies": about},
        provided=survey.provided | set(missing),
    )


def copy_of(survey: Population | Mapping[str, Any], entity: str = "household") -> np.ndarray:
    """Which copy each row of an entity belongs to, 1 or 2 [rows]. Populations have no such column: ids tell.

    Raises:
        InputError: the survey was not made by `two_copies`.
    """
    if not isinstance(survey, Population):
        if COPY not in survey[entity]:
            raise refuse(f"tables ({entity})", COPY, "missing", remedy="Make the tables with two_copies.")
        return np.asarray(survey[entity][COPY])
    if "two_copies" not in survey.card:
        raise InputError(f"{survey.source}: not made of two copies, by its card: make it with two_copies")
    return 1 + (survey.tables[entity][f"{entity}_id"] >= survey.card["two_copies"]["offset"])


def view(survey: Population | Mapping[str, Any], entity: str, system: System | None = None) -> pd.DataFrame:
    """All that is known of each row of an entity, indexed by its id: what imputers fitted elsewhere may ask for.

    Its own columns; then those of its members, money summed and all else from the head (of lowest id; without one, the
    lowest id); then those of the groups it lies in. A name that stands already is not taken again.

    Args:
        survey: a population, or tables by name with their ids as columns.
        entity: "person", "tax_unit", "spm_unit", "family" or "household".
        system: says which columns are money; the US by default.

    Raises:
        InputError: an id of a group is not in its table.
    """
    system = system or default_system()
    given = survey.tables if isinstance(survey, Population) else survey
    tables = {name: pd.DataFrame(dict(table)).reset_index(drop=True) for name, table in given.items()}
    own = tables[entity]
    columns = {str(name): own[name] for name in own if name != COPY}
    members = [child for child in ("person", *NESTED) if child != entity and entity in GROUPS]
    for child in members:
        if child in tables and f"{entity}_id" in tables[child]:
            _summed(columns, tables[child], child, entity, system)
    for group in GROUPS:
        if group in tables and group != entity and f"{group}_id" in own:
            table = tables[group]
            row = _rows(table[f"{group}_id"], own, entity, group)
            for name in table.columns.difference([COPY, *columns], sort=False):
                columns[name] = table[name].iloc[row].reset_index(drop=True)
    index = pd.Index(columns.pop(f"{entity}_id").to_numpy(), name=f"{entity}_id")
    return pd.DataFrame(columns).set_axis(index, axis=0)


def _summed(columns: dict[str, pd.Series], table: pd.DataFrame, child: str, entity: str, system: System) -> None:
    """Add a group's columns of its members' table: money summed, persons' other columns from the head."""
    ids = columns[f"{entity}_id"]
    group = _rows(ids, table, child, entity)
    if child == "person":
        head = table["role"].isin(["head", HEAD]) if "role" in table else np.zeros(len(table), dtype=bool)
        order = np.lexsort((table["person_id"], ~np.asarray(head), group))
        first = order[np.unique(group[order], return_index=True)[1]]
        row = pd.Series(first, index=group[first]).reindex(range(len(ids)))
    for name in table.columns.difference([COPY, *columns], sort=False):
        known = system.inputs.get(name)
        if known is not None and known.kind == "money":
            values = to_number(f"tables ({child})", name, table[name].to_numpy())
            columns[name] = pd.Series(np.bincount(group, weights=values, minlength=len(ids)))
        elif child == "person" and not name.endswith("_id") and name != "role":
            columns[name] = table[name].reindex(row).reset_index(drop=True)


def _rows(ids: pd.Series, table: pd.DataFrame, entity: str, group: str) -> np.ndarray:
    """Row of the group of each row of a table."""
    row = pd.Index(ids).get_indexer(pd.Index(table[f"{group}_id"]))
    lost = np.flatnonzero(row < 0)
    if len(lost):
        problem = f"{table[f'{group}_id'].iloc[lost[0]]} is not in the table {group!r}"
        raise refuse(f"tables ({entity})", f"{group}_id", problem, lost, "Use ids that are there.")
    return row


def _tables(survey: Population | Mapping[str, Any]) -> Tables:
    """DataFrames whose ids are columns."""
    if isinstance(survey, Population):
        if "two_copies" in survey.card:
            raise InputError(f"{survey.source}: has two copies already: extend the survey that it was made of")
        return {entity: pd.DataFrame(dict(table)) for entity, table in survey.tables.items()}
    tables = {}
    for entity, given in survey.items():
        table = pd.DataFrame(given)
        tables[entity] = table.reset_index(drop=table.index.name is None or table.index.name in table)
        if COPY in table:
            raise refuse(f"tables ({entity})", COPY, "stands already", remedy="Extend the survey it was made of.")
        if f"{entity}_id" not in tables[entity]:
            raise refuse(f"tables ({entity})", f"{entity}_id", "missing", remedy="Every table needs its ids.")
    if not any(f"{entity}_weight" in table for entity, table in tables.items()):
        raise refuse("tables (household)", "household_weight", "missing", remedy="Each copy gets half of it.")
    return tables


def _plan(
    source: str, tables: Tables, imputers: Any, missing: list[str], mismeasured: list[str], system: System,
    provided: frozenset[str] | None,
) -> list[tuple[Draws, str, list[str]]]:  # fmt: skip
    """Imputers that are needed, each with the entity and the names it draws."""
    imputers = [imputers] if hasattr(imputers, "sample") else list(imputers)
    targets = [list(getattr(imputer.targets, "names", imputer.targets)) for imputer in imputers]
    wanted: dict[int, dict[str, str]] = {}
    if not missing + mismeasured:
        raise InputError(f"{source}: nothing to draw: name variables that are missing or mismeasured")
    for name in missing + mismeasured:
        holder = next((entity for entity, table in tables.items() if name in table), None)
        known = system.inputs.get(name)
        entity = holder or (known.entity.name if known is not None and known.entity.name in tables else None)
        if entity is None:
            raise InputError(f"{source}: unknown variable {name!r}: add an empty column of that name to the table it "
                             f"belongs to.{nearest(name, system.inputs)}")  # fmt: skip
        has = name in provided if provided is not None else holder is not None and tables[entity][name].notna().any()
        if has == (name in missing) or (name in missing and name in mismeasured):
            state = "has it: list it as mismeasured alone" if has else "lacks it: list it as missing alone"
            raise refuse(f"{source} ({entity})", name, f"the survey {state}")
        by = [number for number, names in enumerate(targets) if name in names]
        if len(by) != 1:
            known_targets = nearest(name, (target for names in targets for target in names))
            raise InputError(
                f"{source}: {name!r} is a target of {len(by)} imputers: give one that draws it.{known_targets}"
            )
        wanted.setdefault(by[0], {})[name] = entity
    plan = []
    for number, names in sorted(wanted.items()):
        if len(set(names.values())) > 1:
            raise InputError(f"{source}: one imputer draws variables of {', '.join(sorted(set(names.values())))}: "
                             "fit one for each entity")  # fmt: skip
        plan.append((imputers[number], next(iter(names.values())), list(names)))
    return plan


def _moving(table: pd.DataFrame, fixed: set[str]) -> list[str]:
    return [str(name) for name in table if str(name).endswith("_id") and name not in fixed]


def _offset(source: str, tables: Tables, fixed: set[str]) -> int:
    """A power of ten above all ids."""
    greatest = 0
    for entity, table in tables.items():
        for name in _moving(table, fixed):
            ids = to_number(f"{source} ({entity})", name, table[name].fillna(-1).to_numpy())
            bad = np.flatnonzero((ids < 0) if name == f"{entity}_id" else (ids < -1))
            if len(bad):
                raise refuse(f"{source} ({entity})", name, f"{ids[bad[0]]:g} is no id", bad, "Use ids of 0 or more.")
            greatest = max(greatest, int(ids.max(initial=0)))
    if greatest > 10**14:
        raise InputError(f"{source}: ids up to {greatest}: use smaller ones, so that a second copy has room")
    return int(10 ** len(str(greatest)))


def _stack(entity: str, table: pd.DataFrame, offset: int, fixed: set[str]) -> pd.DataFrame:
    """Both copies of a table: ids and pointers of the second moved, weights halved."""
    halved = {w: table[w] / 2 for w in table if w in [f"{e}_weight" for e in ("person", *GROUPS)]}
    first = table.assign(**halved, **{COPY: 1})
    ids = {n: table[n].where(table[n].isna() | (table[n] == -1), table[n] + offset) for n in _moving(table, fixed)}
    return pd.concat([first, first.assign(**ids, **{COPY: 2})], ignore_index=True)


def _draw(imputer: Draws, table: pd.DataFrame, names: list[str], key: jax.Array) -> pd.DataFrame:
    """Draws of the names for each row of the table, in its order and without its index."""
    draws = imputer.sample(table, key, ids=table.index.to_numpy())
    for name in names:
        if name not in draws:
            raise refuse("draws", name, "missing", remedy="The imputer names it as a target.")
    draws = draws[names].reindex(table.index)
    for name in names:
        empty = np.flatnonzero(draws[name].isna())
        if len(empty):
            raise refuse("draws", name, "missing values", empty, "Draws need a value and the id of every row.")
    return draws.reset_index(drop=True)
