"""Reforms of parameters: from a dict of paths, a YAML or JSON file, or a Tax-Calculator reform.

    Reform({"irs.credits.ctc.amount": 3000})                      # in every year
    Reform({"irs.credits.ctc.amount": {2026: 3000, 2028: 3200}})  # from each year on
    Reform({"irs.deductions.standard.amount.JOINT": {"2026-01-01.2028-12-31": 40_000}})  # within a period
    Reform({"irs.credits.ctc.amount": {2026: 3000}}, uprated=["irs.credits.ctc.amount"])  # then indexed

A value stays as given in later years unless its path is listed in `uprated`; it is then moved on with the index and
the rounding that the law uses for that parameter. In place of a value from some year on there may be a rule of
indexing, with the keys of an `uprating` block of the parameter files:

    Reform({"irs.credits.ctc.amount": {2026: {"index": "irs.indexing.chained_cpi", "base": 3000, "base_year": 2025,
                                              "rounding": {"to": 100, "direction": "down", "of": "amount"}}}})
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from jaxsim.errors import ParameterError, ReformError, nearest
from jaxsim.parameter_files import read_uprating, strict_yaml
from jaxsim.parameters import FIRST_YEAR, LAST_YEAR, Law, Leaf, to_array

Spans = list[tuple[int, int, Any]]  # first year, last year, value

FILE_KEYS = {"name", "description", "reference", "changes", "uprated"}
RULE_KEYS = {"index", "base", "base_year", "lag", "first_year", "rounding"}  # of a rule of indexing
RULE_OPTIONS = {"base_index", "plus"}


@dataclass(frozen=True)
class Reform:
    """A change of parameters, by path. Reforms add up: in `a + b` the values of b win.

    Attributes:
        changes: new values by parameter path. A path may go on into an array by its labels, e.g.
            `irs.income_tax.rates.rate.7`. A value is a number, an array or a mapping by labels for all years; or a
            mapping from years or periods to such values. A year stands for itself and all later ones.
        name: shown in tables and plots.
        uprated: paths whose new value is indexed after its last year given.
    """

    changes: Mapping[str, Any]
    name: str = "reform"
    uprated: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        if not isinstance(self.changes, Mapping):
            raise ReformError(
                f"a reform is a mapping from parameter paths to values, not {type(self.changes).__name__}"
            )
        if not isinstance(self.name, str):
            raise ReformError(f"the name of a reform is text, not {self.name!r}")
        uprated = (self.uprated,) if isinstance(self.uprated, str) else tuple(self.uprated)
        object.__setattr__(self, "uprated", uprated)
        unknown = set(self.uprated) - set(self.changes)
        if unknown:
            raise ReformError(
                f"uprated path {min(unknown)!r} is not among the changes.{nearest(min(unknown), self.changes)}"
            )

    def __add__(self, other: Any) -> Reform:
        other = as_reform(other)
        changes: dict[str, Any] = dict(self.changes)
        for path, value in other.changes.items():
            changes.pop(path, None)
            changes[path] = value
        uprated = [p for p in self.uprated if p not in other.changes] + list(other.uprated)
        return Reform(changes, f"{self.name} + {other.name}", tuple(uprated))

    def apply(self, law: Law) -> Law:
        """The law with these changes.

        Raises:
            ReformError: unknown path, label, date or shape, or a value outside the parameter's range.
        """
        located = {path: _locate(law, path) for path in self.changes}
        for path, (leaf_path, _) in located.items():  # indices first: they move what is uprated
            leaf = law[leaf_path]
            if leaf.unit == "index":
                spans = _spans(path, self.changes[path], leaf.years[0], leaf.years[-1])
                law = law.with_leaves([_reform_index(leaf, spans)], self.name)
        leaves: dict[str, Leaf] = {}
        for path, (leaf_path, labels) in located.items():
            leaf = leaves.get(leaf_path) or law[leaf_path]
            if leaf.unit != "index":
                spans = []
                for first, last, value in _spans(path, self.changes[path], FIRST_YEAR, LAST_YEAR):
                    indexed = _is_rule(value)
                    spans += (
                        _indexed(law, leaf, labels, first, last, value, path) if indexed else [(first, last, value)]
                    )
                leaves[leaf_path] = _overlay(law, leaf, labels, spans, path, path in self.uprated)
        return law.with_leaves(leaves.values(), self.name)

    @staticmethod
    def from_file(path: str | os.PathLike[str]) -> Reform:
        """Read a reform from YAML or JSON: our own form, or a Tax-Calculator reform (told apart by its names).

        Our form is the mapping itself, or `{name: ..., changes: {...}, uprated: [...]}`.
        """
        path = Path(path)
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            raise ReformError(f"{path}: there is no such file") from None
        except (OSError, UnicodeDecodeError) as error:
            raise ReformError(f"{path}: cannot be read as text ({error})") from None
        try:
            if path.suffix == ".json":
                content = json.loads(_without_comments(text), object_pairs_hook=_each_once)
            else:
                content = strict_yaml(text)
        except (json.JSONDecodeError, yaml.YAMLError, ReformError) as error:
            problem = " ".join(str(error).split())
            raise ReformError(f"{path}: not valid {path.suffix.lstrip('.').upper() or 'YAML'}: {problem}") from None
        if not isinstance(content, dict) or not content:
            raise ReformError(f"{path}: expected a mapping from parameter paths to values")
        try:
            if FILE_KEYS & set(content):
                unknown = set(content) - FILE_KEYS
                if unknown or "changes" not in content:
                    what = f"unknown key {min(map(str, unknown))!r}" if unknown else "the key 'changes' is missing"
                    raise ReformError(f"{what}: use name, changes and uprated, or paths alone")
                return Reform(content["changes"], content.get("name", path.stem), tuple(content.get("uprated", ())))
            if not any("." in str(key) for key in content):
                from jaxsim.data.taxcalc_reform import from_taxcalc

                return replace(from_taxcalc(content), name=path.stem)
            return Reform({str(k): v for k, v in content.items()}, path.stem)
        except ReformError as error:
            raise ReformError(f"{path}: {error}") from None


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object that refuses a key given twice (the second would silently win)."""
    keys = [key for key, _ in pairs]
    for key in keys:
        if keys.count(key) > 1:
            raise ReformError(f"{key!r} is given twice")
    return dict(pairs)


def _without_comments(text: str) -> str:
    """JSON as Tax-Calculator writes it, with // comments."""
    lines = []
    for line in text.splitlines():
        outside = line.split("//")
        kept = outside[0]
        for part in outside[1:]:  # // within a string (an address) is no comment
            if kept.count('"') % 2 == 0:
                break
            kept += "//" + part
        lines.append(kept)
    return "\n".join(lines)


def _locate(law: Law, path: str) -> tuple[str, tuple[str, ...]]:
    """The leaf a path names, and the labels that go on into its array."""
    if not isinstance(path, str):
        raise ReformError(f"a parameter path is text, not {path!r}")
    if path in law.leaves:
        return path, ()
    parts = path.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        leaf = law.leaves.get(".".join(parts[:cut]))
        if leaf is None:
            continue
        labels = tuple(parts[cut:])
        for label, names, dim in zip(labels, leaf.labels, leaf.dims, strict=False):
            if label not in names:
                raise ReformError(f"{path}: {label!r} is not a {dim} of {leaf.path}: use {', '.join(names)}")
        if len(labels) > len(leaf.labels):
            raise ReformError(f"{path}: {leaf.path} has {len(leaf.labels)} dimensions")
        return leaf.path, labels
    children = [p for p in law.leaves if p.startswith(path + ".")]
    if children:
        raise ReformError(f"{path} is a group of parameters: name one, e.g. {children[0]}")
    raise ReformError(f"unknown parameter {path!r}.{nearest(path, law.leaves)}")


def _spans(path: str, value: Any, first: int, last: int) -> Spans:
    """Years from and to, and the value between: a plain value holds in every year."""
    if not (isinstance(value, Mapping) and value and all(_period(k) for k in value)):
        return [(first, last, value)]
    spans: Spans = []
    for key, item in value.items():
        start, end = _period(key)  # type: ignore[misc]
        end = last if end is None else end
        if start > last or end < first or start > end:
            raise ReformError(f"{path}: period {key!r} is outside {first} to {last}")
        spans.append((max(start, first), min(end, last), item))
    return sorted(spans, key=lambda s: s[0])


def _is_rule(value: Any) -> bool:
    return isinstance(value, Mapping) and {"index", "base"} <= set(value)


def _indexed(
    law: Law, leaf: Leaf, labels: tuple[str, ...], first: int, last: int, rule: Mapping[str, Any], path: str
) -> Spans:
    """Amounts of each year by a rule of indexing that the reform brings."""
    given = {"lag": 1, "first_year": first, **rule}
    missing, unknown = RULE_KEYS - set(given), set(given) - RULE_KEYS - RULE_OPTIONS
    if missing or unknown:
        what = f"lacks {min(missing)!r}" if missing else f"has the unknown key {min(map(str, unknown))!r}"
        raise ReformError(f"{path}: the rule of indexing {what}: give {', '.join(sorted(RULE_KEYS))}")
    for index in {given["index"], given.get("base_index", given["index"])}:
        if index not in law.leaves or law[index].unit != "index":
            raise ReformError(f"{path}: {index!r} is not an index, e.g. irs.indexing.chained_cpi")
    wanted = leaf.labels[len(labels) :]
    try:
        uprating = read_uprating(given, wanted)
        assert uprating is not None
        cells = np.asarray(uprating.base)[None]
        amounts = law.by_year(replace(leaf, labels=wanted, years=(FIRST_YEAR,), cells=cells, uprating=uprating))
    except (KeyError, TypeError, ValueError, ParameterError) as error:
        raise ReformError(f"{path}: the rule of indexing cannot be read: {error}") from None
    return [(year, year, amounts[year - FIRST_YEAR]) for year in range(first, last + 1)]


def _period(key: Any) -> tuple[int, int | None] | None:
    """(first year, last year or None) of 2026, "2026", "2026-01-01", "2026-01-01.2028-12-31" or "year:2026:3"."""
    text = str(key)
    if text.startswith("year:"):
        parts = text.split(":")
        if len(parts) in (2, 3) and all(p.isdigit() for p in parts[1:]):
            start = int(parts[1])
            return start, start + int(parts[2]) - 1 if len(parts) == 3 else start
        return None
    dates = text.split(".")
    years = [d[:4] for d in dates]
    if len(dates) > 2 or not all(y.isdigit() and len(y) == 4 for y in years):
        return None
    for d, whole in zip(dates, ("-01-01", "-12-31"), strict=False):
        if len(d) != 4 and not (len(d) == 10 and d[4] == d[7] == "-" and (d[5:7] + d[8:]).isdigit()):
            return None
        if len(d) == 10 and d[4:] != whole:
            raise ReformError(f"{text}: tax law changes with the year: begin at -01-01 and end at -12-31")
    return int(years[0]), int(years[1]) if len(dates) == 2 else None


def _overlay(law: Law, leaf: Leaf, labels: tuple[str, ...], spans: Spans, path: str, uprated: bool) -> Leaf:
    """The leaf written down for every year: the reform's values in their years, the law's own in the others."""
    if uprated and leaf.uprating is None:
        raise ReformError(f"{path} is not indexed by law, so it cannot be listed in uprated: give a value by year")
    years = np.arange(FIRST_YEAR, LAST_YEAR + 1)
    cells = np.array(law.by_year(leaf))
    index = tuple(names.index(label) for names, label in zip(leaf.labels, labels, strict=False))
    for first, last, value in spans:
        array = _value(path, leaf, labels, value)
        for year in range(first, last + 1):
            cell = array if not uprated else law.moved_on(law[leaf.path], array, first, year, index)
            cells[(year - FIRST_YEAR, *index)] = cell
    return replace(leaf, years=tuple(years.tolist()), cells=cells)


def _value(path: str, leaf: Leaf, labels: tuple[str, ...], value: Any) -> np.ndarray:
    """A valid value for the cells a path names, broadcast from a number if need be."""
    wanted = leaf.labels[len(labels) :]
    shape = tuple(len(names) for names in wanted)
    try:
        if isinstance(value, (bool, str)) or value is None:
            raise ValueError(f"expected a number, found {value!r}")
        if isinstance(value, Mapping):
            array = to_array(value, wanted)
        else:
            array = np.asarray(value, dtype=np.float64)
            if array.shape not in ((), shape):
                raise ValueError(f"expected a number or shape {shape}, found shape {array.shape}")
            array = np.broadcast_to(array, shape)
    except (TypeError, ValueError) as error:
        raise ReformError(f"{path}: {error}") from None
    low, high = leaf.bounds
    if not np.all(np.isfinite(array)) or np.any(array < low) or np.any(array > high):
        raise ReformError(
            f"{path}: {np.array2string(np.asarray(array))} is outside the valid range {low:g} to {high:g}"
        )
    return array


def _reform_index(leaf: Leaf, spans: Spans) -> Leaf:
    cells = np.array(leaf.cells)
    for first, last, value in spans:
        inside = np.array([first <= y <= last for y in leaf.years])
        cells[inside] = _value(leaf.path, leaf, (), value)
    return replace(leaf, cells=cells)


def as_reform(reform: Reform | Mapping[str, Any] | Iterable[Reform] | str | os.PathLike[str]) -> Reform:
    """A Reform from one, a mapping, a file, or several that compose in order."""
    if isinstance(reform, Reform):
        return reform
    if isinstance(reform, Mapping):
        return Reform(reform)
    if isinstance(reform, (str, os.PathLike)):
        return Reform.from_file(reform)
    if not isinstance(reform, Iterable):
        raise ReformError(f"a reform is a Reform, a mapping of paths, a file or several of these, not {reform!r}")
    parts = [as_reform(r) for r in reform]
    if not parts:
        raise ReformError("no reform given")
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total
