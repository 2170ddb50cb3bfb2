"""Which targets a fit holds, brought to one year and one level.

A selection names sources and concepts. Where agencies disagree one of them rules: `reconcile` scales cells of states so
that they add up to another source's totals, which also moves a table of another year. Every factor is reported in
`Targets.factors`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxsim.calibrate.load import read_selection
from jaxsim.calibrate.store import AREAS, NATION, Constraint, TargetStore, label
from jaxsim.errors import InputError, nearest

if TYPE_CHECKING:
    import pandas as pd

KEYS = {"source", "concepts", "statistics", "states", "bands", "filing_status", "where", "reconcile", "factor",
        "because", "tolerance"}  # fmt: skip


WITHIN = {"states": {"state"}, "bands": {"adjusted_gross_income", "age"}, "filing_status": {"filing_status"}}


@dataclass(frozen=True, eq=False)
class Targets:
    """Targets of one year.

    Attributes:
        table: one row a target, by id: source, concept, statistic, geography, label, counts, value (as it is fitted),
            published (as it was printed), tolerance, family, cited.
        constraints: those of every target's stratum, in the order of the table.
        factors: what values were multiplied by and why: one row a group of targets.
        period: the year.
    """

    table: pd.DataFrame
    constraints: tuple[tuple[Constraint, ...], ...]
    factors: pd.DataFrame
    period: int

    def __len__(self) -> int:
        return len(self.table)

    @property
    def names(self) -> list[str]:
        """A name for each target, e.g. "soi_2022: employment_income amount, CA, income of 25,000 to 50,000"."""
        t = self.table
        return [f"{s}: {c} {k}, {w}" for s, c, k, w in zip(t.source, t.concept, t.statistic, t.label, strict=True)]

    def keep(self, which: Any) -> Targets:
        """Some of the targets, by a boolean array or positions."""
        rows = np.arange(len(self))[which]
        return Targets(self.table.iloc[rows], tuple(self.constraints[r] for r in rows), self.factors, self.period)

    def __repr__(self) -> str:
        return f"<{len(self)} targets for {self.period} in {self.table.family.nunique()} families>"


def select(
    selection: str | os.PathLike[str] | Mapping[str, Any] = "us_2022", store: TargetStore | None = None
) -> Targets:
    """The targets of a selection.

    Args:
        selection: the name of one that is shipped, a YAML file, or the mapping itself: `period` and `targets`, a list
            of entries with `source` and, where wanted, `concepts`, `statistics`, `states` ("only" or "none"), `bands`
            ("only" or "none"), `where` (SQL), `tolerance`; `reconcile` (a source to whose totals the cells are
            scaled) or `factor` with `because`.
        store: where from; the targets that come with the package by default.

    Raises:
        InputError: an unknown source, concept or key; cells that cannot be reconciled; a target selected twice; a
            source of another year without a factor.
    """
    import pandas as pd

    given = dict(selection) if isinstance(selection, Mapping) else read_selection(selection)
    if set(given) != {"period", "targets"} or not isinstance(given["targets"], list) or not given["targets"]:
        raise InputError("a selection has `period` (a year) and `targets` (a list of entries with `source`)")
    period = given["period"]
    if isinstance(period, bool) or not isinstance(period, int):
        raise InputError(f"selection: period {period!r} is not a year")
    store = TargetStore.shipped() if store is None else store
    sources, of = store.sources(), store.constraints()
    tables, factors = [], []
    for number, entry in enumerate(given["targets"], 1):
        where = f"selection, entry {number}"
        chosen = _entry(store, sources, entry, where)
        chosen["published"] = chosen["value"]
        if "reconcile" in entry:
            found, scaled = _reconcile(store, of, chosen, entry["reconcile"], period, where)
        elif "factor" in entry:
            if not entry.get("because"):
                raise InputError(f"{where}: a factor needs its reason: add `because`")
            factor = _number(entry["factor"], f"{where}, factor")
            chosen["value"] *= factor
            found, scaled = [{"group": "all", "factor": factor, "because": entry["because"]}], np.array(True)
        else:
            found, scaled = [], np.array(False)
        other = chosen[(chosen["period"] != period) & ~scaled]
        if len(other):
            first = other.iloc[0]
            raise InputError(
                f"{where}: {entry['source']} is of {first.period}, the selection of {period}: "
                + (
                    f"{entry['reconcile']} has no total for {first.concept} {first.statistic} ({first.label}): "
                    "narrow the entry or give a `factor` with its reason"
                    if "reconcile" in entry
                    else "add `reconcile` or a `factor` with its reason"
                )
            )
        factors += [{"source": entry["source"], **f} for f in found]
        if "tolerance" in entry:
            chosen["tolerance"] = _number(entry["tolerance"], f"{where}, tolerance")
        chosen["family"] = chosen["source"] + "." + chosen["concept"]
        tables.append(chosen)
    table = pd.concat(tables)
    again = table.index[table.index.duplicated()]
    if len(again):
        twice = table.loc[again[0]].iloc[0]
        raise InputError(
            f"selection: {twice.source} {twice.concept} {twice.statistic} ({twice.label}) is selected twice"
        )
    constraints = tuple(tuple(of[s]) for s in table["stratum"])
    return Targets(table, constraints, pd.DataFrame(factors, columns=["source", "group", "factor", "because"]), period)


def _entry(store: TargetStore, sources: pd.DataFrame, entry: Any, where: str) -> pd.DataFrame:
    """The targets that an entry names, as they were published."""
    if not isinstance(entry, Mapping) or "source" not in entry:
        raise InputError(f"{where}: needs `source`")
    unknown = set(entry) - KEYS
    if unknown:
        key = sorted(unknown)[0]
        raise InputError(f"{where}: unknown key {key!r}.{nearest(key, KEYS)}")
    source = entry["source"]
    if source not in sources.index:
        raise InputError(f"{where}: unknown source {source!r}.{nearest(str(source), sources.index)}")
    if sum(k in entry for k in ("reconcile", "factor")) > 1:
        raise InputError(f"{where}: give reconcile or factor, not both")
    table = store.targets(f"source = ? and active and ({entry.get('where', 1)})", [source])
    for key, column in (("concepts", "concept"), ("statistics", "statistic")):
        if key in entry:
            wanted = _texts(entry[key], f"{where}, {key}")
            for name in wanted:
                if name not in set(table[column]):
                    raise InputError(f"{where}: {source} has no {column} {name!r}.{nearest(name, set(table[column]))}")
            table = table[table[column].isin(wanted)]
    of = store.constraints()
    for key, variables in WITHIN.items():
        if key in entry:
            if entry[key] not in ("only", "none"):
                raise InputError(f"{where}: {key}: {entry[key]!r}: use 'only' or 'none'")
            has = np.array([any(v in variables for v, _, _ in of[s]) for s in table["stratum"]], dtype=bool)
            table = table[has if entry[key] == "only" else ~has]
    if not len(table):
        raise InputError(f"{where}: no target of {source} is left: widen the entry")
    return table.copy()


def _texts(given: Any, where: str) -> list[str]:
    found = [given] if isinstance(given, str) else given
    if not isinstance(found, list) or not all(isinstance(x, str) for x in found):
        raise InputError(f"{where}: must be a list of names")
    return found


def _number(given: Any, where: str) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given < np.inf:
        raise InputError(f"{where}: {given!r} must be a number of at least 0")
    return float(given)


Band = tuple[str, float, float]
WHOLE: Band = ("", -np.inf, np.inf)


def _band(constraints: Iterable[Constraint]) -> Band:
    """Variable and bounds of a stratum's band; without one, all."""
    ends = {"<": np.inf, ">=": -np.inf}
    variable = ""
    for name, operation, value in constraints:
        if operation != "=" and name != "eitc_qualifying_children":
            # nobody is younger than 0, so that an age from 0 is without a lower bound
            ends[operation] = -np.inf if (name, operation) == ("age", ">=") and float(value) <= 0 else float(value)
            variable = name
    return variable, ends[">="], ends["<"]


def _rest(constraints: Iterable[Constraint]) -> frozenset[Constraint]:
    """Constraints of a stratum other than state and band."""
    return frozenset(c for c in constraints if c[0] != "state" and (c[1] == "=" or c[0] == "eitc_qualifying_children"))


Values = dict[Any, dict[Band, dict[str, float]]]
"""By concept, statistic and other constraints, then by band: a value for each state, or the nation."""


def _values(table: pd.DataFrame, of: Mapping[int, list[Constraint]]) -> Values:
    found: Values = {}
    for concept, statistic, stratum, where, value in zip(
        table.concept, table.statistic, table.stratum, table.geography, table.value, strict=True
    ):
        cell = of[stratum]
        bands = found.setdefault((concept, statistic, _rest(cell)), {})
        bands.setdefault(_band(cell), {})[where] = float(value)
    return found


def _within(values: Mapping[Band, float], band: Band) -> float | None:
    """The value of a band, added up from narrower ones where they tile it; None where they do not."""
    if band in values:
        return values[band]
    variable, low, high = band
    parts = sorted((a, b, v) for (name, a, b), v in values.items() if name == variable or not variable)
    total, upto = 0.0, low
    for a, b, value in parts:
        if a == upto and b <= high:
            total, upto = total + value, b
    return total if upto == high else None


def _reconcile(
    store: TargetStore, of: Mapping[int, list[Constraint]], chosen: pd.DataFrame, to: Any, period: int, where: str
) -> tuple[list[dict[str, Any]], np.ndarray]:
    """Scale cells so that, over all states, they add up to the totals of another source.

    Factors are those of all states of the source, also where fewer are chosen. A state that has its total alone (no
    ages, say) is taken to have the bands of the others. A national cell is scaled to its own total.

    Returns:
        the factors, and which of the chosen were brought to a total.
    """
    about = store.sources()
    if to not in about.index:
        raise InputError(f"{where}: reconcile: unknown source {to!r}.{nearest(str(to), about.index)}")
    table = store.targets("source = ? and geography = ? and period = ?", [to, NATION, period])
    if not len(table):
        raise InputError(f"{where}: source {to!r} has no national totals of {period}: name another")
    totals = {key: {band: v[NATION] for band, v in bands.items()} for key, bands in _values(table, of).items()}
    years = chosen["period"].unique()
    if len(years) > 1:
        raise InputError(f"{where}: cells of {years[0]} and {years[1]}: narrow the entry to one year")
    every = store.targets(
        "source = ? and active and geography != ? and period = ?", [chosen["source"].iloc[0], NATION, int(years[0])]
    )
    states = _values(every, of)
    groups: dict[Any, list[int]] = {}
    for k, (concept, statistic, stratum, place) in enumerate(
        zip(chosen.concept, chosen.statistic, chosen.stratum, chosen.geography, strict=True)
    ):
        cell = of[stratum]
        groups.setdefault(((concept, statistic, _rest(cell)), _band(cell), place == NATION), []).append(k)
    values, scaled, found = chosen["value"].to_numpy(copy=True), np.zeros(len(chosen), dtype=bool), []
    for (key, band, national), rows in groups.items():
        total, because = _within(totals.get(key, {}), band), f"{to} has no total that these cells add up to"
        cells, share = (values[rows[0]], 1.0) if national else _cells(states[key], band)
        if not national and cells is None:
            because = f"other states have it in other bands: {to} has no total of these alone"
        factor = 1.0
        if total is not None and cells and total / cells > 0:
            factor, because = total * share / cells, f"cells add up to {to}"
            values[rows] *= factor
            scaled[rows] = True
        named = label([c for c in of[chosen.stratum.iloc[rows[0]]] if c[0] != "state"])
        group = f"{key[0]} {key[1]}, {named}{', nation' if national and key in states else ''}"
        found.append({"group": group, "factor": float(factor), "because": because})
    if not scaled.any():
        raise InputError(f"{where}: nothing of it can be reconciled with {to}: name a source with the same concepts")
    chosen["value"] = values
    return found, scaled


def _cells(bands: Mapping[Band, Mapping[str, float]], band: Band) -> tuple[float | None, float]:
    """What the states' cells of a band add up to (None where some states lack it), and their share of the total.

    The share is below 1 where states have their total alone.
    """
    whole = bands.get(WHOLE, {})
    parts: dict[str, float] = {}
    for values in (v for b, v in bands.items() if b != WHOLE):
        for state, value in values.items():
            parts[state] = parts.get(state, 0.0) + value
    if len({*whole, *parts}) < AREAS:
        return None, 1.0
    if band == WHOLE:
        return sum(whole.values()) + sum(v for s, v in parts.items() if s not in whole), 1.0
    alone = sum(v for s, v in whole.items() if s not in parts)
    if set(bands[band]) != set(parts):
        return None, 1.0
    banded = sum(whole.get(s, v) for s, v in parts.items())
    return sum(bands[band].values()), banded / (banded + alone)
