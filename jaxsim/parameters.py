"""Parameters of the law: dated, cited YAML cells and the pytree of values in force that rules read.

Two trees. `Law` holds published cells by date with their metadata; `Law.resolve` carries them forward and applies
statutory uprating, in NumPy or traced by JAX (then outcomes are differentiable in inflation too). The result for
one year is a `Parameters` pytree: attribute access, no metadata, every leaf a float array.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np

from jaxsim.errors import ParameterError, nearest

FIRST_YEAR, LAST_YEAR = 2022, 2036
YEARS = tuple(range(FIRST_YEAR, LAST_YEAR + 1))
NO_LIMIT = 1e9


@jax.tree_util.register_pytree_with_keys_class
class Parameters:
    """An immutable tree of arrays with attribute access, `p.phase_out.rate`, and paths, `p["phase_out.rate"]`."""

    __slots__ = ("_children",)
    _children: dict[str, Any]

    def __init__(self, children: Mapping[str, Any]):
        object.__setattr__(self, "_children", dict(children))

    def __getattr__(self, name: str) -> Any:
        try:
            return self._children[name]
        except KeyError:
            raise AttributeError(f"no parameter {name!r} here.{nearest(name, self._children)}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError("parameters are immutable: use a Reform, or .replace({path: value})")

    def __reduce__(self) -> tuple[Any, ...]:
        return Parameters, (self._children,)

    def __getitem__(self, path: str) -> Any:
        node: Any = self
        for key in path.split(".") if path else ():
            if not isinstance(node, Parameters) or key not in node._children:
                raise ParameterError(f"unknown parameter {path!r}.{nearest(path, self.paths())}")
            node = node._children[key]
        return node

    def __contains__(self, path: str) -> bool:
        try:
            self[path]
        except ParameterError:
            return False
        return True

    def __repr__(self) -> str:
        return f"Parameters({', '.join(self._children)})"

    def items(self, prefix: str = "") -> Iterator[tuple[str, Any]]:
        """(path, leaf) pairs, depth first in sorted order."""
        for key in sorted(self._children):
            child, path = self._children[key], f"{prefix}{key}"
            if isinstance(child, Parameters):
                yield from child.items(path + ".")
            else:
                yield path, child

    def paths(self) -> list[str]:
        return [path for path, _ in self.items()]

    @staticmethod
    def from_paths(leaves: Mapping[str, Any]) -> Parameters:
        """The tree with the given leaves by dotted path."""
        tree: dict[str, Any] = {}
        for path, leaf in leaves.items():
            *parents, last = path.split(".")
            node = tree
            for key in parents:
                node = node.setdefault(key, {})
            node[last] = leaf

        def wrap(node: Any) -> Any:
            return Parameters({k: wrap(v) for k, v in node.items()}) if isinstance(node, dict) else node

        return wrap(tree)

    def select(self, prefixes: Iterable[str]) -> Parameters:
        """The smallest tree that holds every leaf at or below the given paths."""
        prefixes = tuple(prefixes)
        return Parameters.from_paths(
            {path: leaf for path, leaf in self.items() if any(_is_under(path, prefix) for prefix in prefixes)}
        )

    def replace(self, changes: Mapping[str, Any]) -> Parameters:
        """A copy with some leaves replaced."""
        leaves = dict(self.items())
        for path, value in changes.items():
            if path not in leaves:
                raise ParameterError(f"unknown parameter {path!r}.{nearest(path, leaves)}")
            leaves[path] = value
        return Parameters.from_paths(leaves)

    def tree_flatten_with_keys(self) -> tuple[list[tuple[Any, Any]], tuple[str, ...]]:
        keys = tuple(sorted(self._children))
        return [(jax.tree_util.GetAttrKey(k), self._children[k]) for k in keys], keys

    @classmethod
    def tree_unflatten(cls, keys: tuple[str, ...], children: Iterable[Any]) -> Parameters:
        return cls(dict(zip(keys, children, strict=True)))


def _is_under(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith(prefix + ".") or prefix == ""


@dataclass(frozen=True)
class Uprating:
    """Statutory indexing of a leaf: which index, from which base amount and year, rounded how.

    `plus` is a second indexed amount, (base, base year), inside the same rounding. `base_index` is the series of the
    denominator where a later vintage of the index applies to it.
    """

    index: str
    base_index: str
    lag: int
    base: np.ndarray
    base_year: np.ndarray
    first_year: np.ndarray
    last_year: int
    to: np.ndarray
    direction: str
    of: str
    plus: tuple[np.ndarray, np.ndarray] | None = None

    def amount(self, xp: Any, series: Callable[[str, Any], Any], year: int) -> Any:
        """The statutory amount of a tax year; `series(path, year)` gives index values."""

        def indexed(base: Any, base_year: Any) -> Any:
            ratio = series(self.index, year - self.lag) / series(self.base_index, base_year)
            return base * xp.where(ratio > 1, ratio, 1.0)

        amount = indexed(self.base, self.base_year)
        if self.plus is not None:
            amount = amount + indexed(*self.plus)
        if self.of == "increase":
            return self.base + _round(xp, amount - self.base, self.to, self.direction)
        return _round(xp, amount, self.to, self.direction)


def _round(xp: Any, x: Any, to: Any, direction: str) -> Any:
    guard = 1e-6
    if direction == "up":
        return xp.ceil((x - guard) / to) * to
    shift = to / 2 if direction == "nearest" else 0.0
    return xp.floor((x + shift + guard) / to) * to


@dataclass(frozen=True)
class Leaf:
    """One parameter: metadata and its cells by year."""

    path: str
    label: str
    unit: str
    reference: tuple[tuple[str, str], ...]
    dims: tuple[str, ...]
    labels: tuple[tuple[str, ...], ...]
    bounds: tuple[float, float]
    years: tuple[int, ...]
    cells: np.ndarray  # [len(years), *dims]
    uprating: Uprating | None = None
    previous_uprating: Uprating | None = None
    note: str = ""
    forecast_from: int | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(len(names) for names in self.labels)

    def cell_names(self) -> list[str]:
        """Full path of each scalar cell, in the order of the flattened array."""
        return [".".join((self.path, *labels)) for labels in itertools.product(*self.labels)]

    def in_year(self, year: int, cells: Any, series: Callable[[str, Any], Any], xp: Any) -> Any:
        """The value in force in a year: the last cell, or its statutory uprating."""
        k = max((i for i, y in enumerate(self.years) if y <= year), default=0)
        value, since = cells[k], self.years[k]
        rule = self.uprating
        if rule is None or year <= since:
            return value
        return xp.where(year >= rule.first_year, rule.amount(xp, series, year), value)


@dataclass(frozen=True)
class Law:
    """The law in force: every parameter's published cells by date, with labels, units and citations."""

    leaves: Mapping[str, Leaf]
    name: str = "current law"

    def __getitem__(self, path: str) -> Leaf:
        if path not in self.leaves:
            raise ParameterError(f"unknown parameter {path!r}.{nearest(path, self.leaves)}")
        return self.leaves[path]

    def cells(self) -> dict[str, np.ndarray]:
        """Published cells by path, each [years, *dims]: the argument of `resolve` to differentiate."""
        return {path: leaf.cells for path, leaf in self.leaves.items()}

    def resolve(self, cells: Mapping[str, Any] | None = None, years: Iterable[int] = YEARS) -> Parameters:
        """Values in force, each leaf [years, *dims]: a pure function of the cells, indices and forecasts included.

        Args:
            cells: published cells by path (see `cells`). JAX arrays or tracers give a traced result; the default is
                this law's own cells, in NumPy float64.
            years: tax years wanted, within 2022 to 2036.
        """
        values = self.cells() if cells is None else cells
        leaves = [leaf for leaf in self.leaves.values() if leaf.unit != "index"]
        xp = np if cells is None else jax.numpy
        return Parameters.from_paths({leaf.path: self._by_year(leaf, values, tuple(years), xp) for leaf in leaves})

    def by_year(self, leaf: Leaf) -> np.ndarray:
        """Values of one leaf, perhaps changed, in every tax year under this law's indices, [years, *dims]."""
        return self._by_year(leaf, {**self.cells(), leaf.path: leaf.cells}, YEARS, np)

    def _by_year(self, leaf: Leaf, values: Mapping[str, Any], years: tuple[int, ...], xp: Any) -> Any:
        def series(path: str, year: Any) -> Any:
            """Values of an index in the given years (an integer or an array of them)."""
            index = self[path]
            wanted = np.asarray(year, dtype=int)
            missing = np.setdiff1d(wanted, index.years)
            if len(missing):
                raise ParameterError(f"index {path} has no value for {missing.tolist()}: add it to its file")
            return values[path][np.searchsorted(index.years, wanted)]

        return xp.stack([xp.asarray(leaf.in_year(y, values[leaf.path], series, xp)) for y in years])

    @functools.cached_property
    def _resolved(self) -> Parameters:
        return self.resolve()

    def in_year(self, year: int) -> Parameters:
        """The parameter tree of one tax year (NumPy float64)."""
        if year not in YEARS:
            raise ParameterError(f"tax year {year} is outside {FIRST_YEAR} to {LAST_YEAR}")
        return jax.tree.map(lambda leaf: leaf[year - FIRST_YEAR], self._resolved)

    def moved_on(self, leaf: Leaf, value: Any, since: int, year: int, index: tuple[int, ...] = ()) -> Any:
        """A value of the year `since` moved on to a later year as the law indexes this parameter."""
        rule = leaf.uprating
        if rule is None or year == since:
            return value
        prices = self[rule.index]
        ratio = prices.cells[prices.years.index(year - rule.lag)] / prices.cells[prices.years.index(since - rule.lag)]
        return _round(np, value * max(ratio, 1.0), rule.to[index], rule.direction)

    def find(self, text: str = "") -> Any:
        """Parameters whose path or label holds every word of `text`, as a DataFrame."""
        import pandas as pd

        words = text.lower().split()
        rows = [
            {"path": p, "label": leaf.label, "unit": leaf.unit, "dims": " x ".join(leaf.dims)}
            for p, leaf in self.leaves.items()
            if all(w in f"{p} {leaf.label}".lower() for w in words)
        ]
        return pd.DataFrame(rows, columns=["path", "label", "unit", "dims"]).set_index("path")

    def history(self, path: str) -> Any:
        """Values of one parameter by tax year, published and forecast, as a DataFrame (one column a cell)."""
        import pandas as pd

        leaf = self[path]
        if leaf.unit == "index":
            values, years = leaf.cells, leaf.years
            last = (leaf.forecast_from or years[-1] + 1) - 1
        else:
            values, years, last = self._resolved[path], YEARS, leaf.years[-1]
        columns = [name[len(path) + 1 :] or leaf.label for name in leaf.cell_names()]
        table = pd.DataFrame(np.reshape(values, (len(years), -1)), index=pd.Index(years, name="year"), columns=columns)
        indexed = leaf.uprating is not None or leaf.unit == "index"
        table.insert(0, "status", ["forecast" if indexed and y > last else "law" for y in years])
        return table

    def with_leaves(self, leaves: Iterable[Leaf], name: str) -> Law:
        """A copy with some leaves replaced (what a reform does)."""
        return replace(self, leaves={**self.leaves, **{leaf.path: leaf for leaf in leaves}}, name=name)


DIMENSIONS = {"filing_status": ("SINGLE", "JOINT", "SEPARATE", "HEAD_OF_HOUSEHOLD", "SURVIVING_SPOUSE")}
"""Dimensions whose labels are fixed everywhere; others take the labels of their first value."""


def to_array(value: Any, labels: tuple[tuple[str, ...], ...]) -> np.ndarray:
    """A number, or mappings nested by the labels of each dimension, as a float64 array."""
    if not labels:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ValueError(f"expected a number, found {value!r}")
        return np.float64(value)  # type: ignore[return-value]
    if not isinstance(value, Mapping):
        raise ValueError(f"expected a value for each of {', '.join(labels[0])}, found {value!r}")
    value = {str(k): v for k, v in value.items()}
    if set(value) != set(labels[0]):
        raise ValueError(f"expected a value for each of {', '.join(labels[0])}, found {', '.join(value)}")
    return np.stack([to_array(value[name], labels[1:]) for name in labels[0]])
