"""What every imputation model has: `fit` on donors, then `sample`, `quantiles` and `log_prob` on receivers.

A *model* is its settings. Fitting it gives an *imputer*: the columns it knows, and a *conditional*, the distribution
of the targets given the predictors as a pytree of arrays with pure functions. Write a new model as a dataclass with
`_learn`, which returns a conditional; everything else is shared.
"""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from jaxsim.columns import refuse
from jaxsim.errors import InputError, JaxsimError
from jaxsim.impute.columns import Columns, ids_of, require, weights_of
from jaxsim.impute.uniforms import as_key, for_name, split_ids, uniforms
from jaxsim.precision import precision
from jaxsim.progress import Progress

BLOCK = 65_536  # rows drawn at once
LEAST_BLOCK = 1_024  # smaller tables are padded to a power of two, so that they share compiled programs


class Conditional(eqx.Module):
    """The distribution of targets given predictors: arrays, and pure functions of them.

    Predictors are the matrix of `Columns.read`: numbers in the units of the table, codes of categories, NaN where a
    value is missing. Targets are drawn in the same form.
    """

    streams: tuple[tuple[str, int], ...] = eqx.field(static=True)  # names of independent uniforms, and how many of each

    @abc.abstractmethod
    def draw(self, x: jax.Array, u: jax.Array) -> jax.Array:
        """Targets [rows, targets] of predictors [rows, columns] at uniforms [rows, `uniforms`]."""

    def quantiles(self, x: jax.Array, levels: jax.Array) -> jax.Array:
        """Quantiles [rows, targets, levels] of each target given the predictors [rows, columns]."""
        raise JaxsimError(f"{type(self).__name__} has no quantiles: take them from many draws (`sample`)")

    def log_prob(self, x: jax.Array, y: jax.Array) -> jax.Array:
        """Log of the density of targets [rows, targets], or of the probability where they have one; [rows]."""
        raise JaxsimError(f"{type(self).__name__} has no density")

    @property
    def traceable(self) -> bool:
        """Whether `draw` can be traced by JAX; otherwise it runs on NumPy arrays."""
        return True

    @property
    def uniforms(self) -> int:
        """Uniforms that a draw takes."""
        return sum(count for _, count in self.streams)


def draw(conditional: Conditional, x: jax.Array, halves: jax.Array, key: jax.Array) -> jax.Array:
    """Targets [rows, targets] drawn by key and record: pure, for `jit` and `vmap`.

    Args:
        conditional: a fitted distribution.
        x: predictors [rows, columns].
        halves: each record's id in two halves [rows, 2] (`uniforms.split_ids`).
        key: of `jax.random`.
    """
    parts = [
        uniforms(for_name(key, name), halves, count, jnp.result_type(float)) for name, count in conditional.streams
    ]
    return conditional.draw(x, jnp.concatenate(parts, axis=1))


def _shared(conditional: Conditional) -> Conditional:
    """A conditional with the forests in it padded."""
    found: Any = jax.tree.map(
        lambda x: x.padded() if hasattr(x, "padded") else x, conditional, is_leaf=lambda x: hasattr(x, "padded")
    )
    return found


_draw = eqx.filter_jit(draw)
_quantiles = eqx.filter_jit(lambda conditional, x, levels: conditional.quantiles(x, levels))
_log_prob = eqx.filter_jit(lambda conditional, x, y: conditional.log_prob(x, y))


@dataclasses.dataclass(frozen=True, eq=False)
class Imputer:
    """A fitted model: draws targets for any table that has its predictors.

    Attributes:
        model: the settings it was fitted with.
        given: the predictors.
        targets: what it draws.
        conditional: their distribution, a pytree with pure functions: `conditional.draw(x, u)` can be
            differentiated, in `x = imputer.matrix(table)` and in its own leaves.
    """

    model: Any
    given: Columns
    targets: Columns
    conditional: Conditional
    marked: tuple[bool, ...]  # predictors that were missing for some donors, so that they may be missing here

    def sample(self, X: pd.DataFrame, key: Any = 0, *, ids: Any = None, progress: bool = False) -> pd.DataFrame:
        """One draw of the targets for every row.

        Args:
            X: receivers, with the predictors' columns; others are ignored.
            key: whole number or JAX key; the same key gives the same draws, whatever the order of rows.
            ids: of the records, by which they get their uniforms: a column, an array, or None for the table's index.
            progress: show a bar.

        Returns:
            A table of the targets with the index of `X`.

        Raises:
            InputError: a predictor is absent or has values the donors do not know; ids are missing or not unique.
        """
        x = self.matrix(X)
        halves = split_ids(ids_of(X, ids, "receivers"))
        key = as_key(key)
        run: Any = _draw if self.conditional.traceable else draw
        conditional = _shared(self.conditional)
        values = [np.empty((0, len(self.targets)))]
        with precision("float64"), Progress("drawing", len(X), progress) as bar:
            for rows, size in blocks(len(X)):
                padded = (_padded(x[rows], size), jnp.asarray(_padded(halves[rows], size)))
                values.append(np.asarray(run(conditional, *padded, key))[: rows.stop - rows.start])
                bar.advance(rows.stop - rows.start)
        return self.targets.write(np.concatenate(values), X.index)

    def quantiles(self, X: pd.DataFrame, levels: Sequence[float]) -> pd.DataFrame:
        """Quantiles of the targets given the predictors.

        Args:
            X: receivers.
            levels: between 0 and 1.

        Returns:
            A table with a column a level; with several targets, columns by target and level.

        Raises:
            InputError: levels outside (0, 1), categorical targets, or bad receivers.
            JaxsimError: the model has no quantiles.
        """
        try:
            found = np.asarray(levels, dtype=np.float64)
        except (TypeError, ValueError):
            raise InputError(f"levels={levels!r}: give numbers between 0 and 1") from None
        if found.ndim != 1 or not len(found) or not ((found > 0) & (found < 1)).all():
            raise InputError(f"levels={levels!r}: give numbers between 0 and 1, both excluded")
        for column in self.targets.columns:
            if column.kind == "category":
                raise InputError(f"{column.name!r} is a category: it has no quantiles")
        x = self.matrix(X)
        values = [np.empty((0, len(self.targets), len(found)))]
        with precision("float64"):
            for rows, size in blocks(len(X), 4_096):
                values.append(
                    np.asarray(_quantiles(self.conditional, _padded(x[rows], size), found))[: rows.stop - rows.start]
                )
        table = np.concatenate(values)
        if len(self.targets) == 1:
            return pd.DataFrame(table[:, 0], index=X.index, columns=list(found))
        table = table.reshape(len(X), len(self.targets) * len(found))
        names = pd.MultiIndex.from_product([self.targets.names, list(found)], names=["variable", "level"])
        return pd.DataFrame(table, index=X.index, columns=names)

    def log_prob(self, X: pd.DataFrame, y: Any = None) -> pd.Series:
        """Log density of targets given the predictors; the log of the probability where a value has one.

        Args:
            X: receivers.
            y: their targets; by default the columns of `X`.

        Raises:
            InputError: bad receivers or targets.
            JaxsimError: the model has no density, as where donors are drawn.
        """
        table = X if y is None else as_table(y, self.targets.names, X.index)
        x, values = self.matrix(X), self.targets.read(table, "targets")
        for name, column in zip(self.targets.names, values.T, strict=True):
            missing = np.flatnonzero(np.isnan(column))
            if len(missing):
                raise refuse("targets", name, "missing values", missing, "Leave the rows out.")
        found = [np.empty(0)]
        with precision("float64"):
            for rows, size in blocks(len(X)):
                part = _log_prob(self.conditional, _padded(x[rows], size), _padded(values[rows], size))
                found.append(np.asarray(part)[: rows.stop - rows.start])
        return pd.Series(np.concatenate(found), index=X.index, name="log_prob")

    def matrix(self, X: pd.DataFrame) -> np.ndarray:
        """The predictors of a table [rows, columns], float64, as `conditional.draw` takes them."""
        x = self.given.read(X, "receivers")
        for name, values, marked in zip(self.given.names, x.T, self.marked, strict=True):
            missing = np.flatnonzero(np.isnan(values))
            if len(missing) and not marked:
                raise refuse(
                    "receivers",
                    name,
                    "missing values, which no donor had",
                    missing,
                    "Fill them, or leave the column out.",
                )
        return x

    def save(self, path: Any) -> Any:
        """Write the imputer to one .npz file (`jaxsim.impute.load` reads it)."""
        from jaxsim.impute.files import save

        return save(self, path)

    def __repr__(self) -> str:
        return f"<Imputer of {', '.join(self.targets.names)} given {', '.join(self.given.names)}: {self.model}>"


@dataclasses.dataclass(frozen=True)
class Model(abc.ABC):
    """Settings of a model of P(targets | predictors)."""

    one_target: ClassVar[bool] = False  # several targets are then chained in the order given
    categories: ClassVar[bool] = True  # whether a target may be a category

    def fit(
        self, X: pd.DataFrame, y: Any, weights: Any = None, key: Any = 0, *, given: Sequence[str] | None = None,
        progress: bool = False,
    ) -> Imputer:  # fmt: skip
        """Learn the distribution of targets given predictors from donors.

        Args:
            X: donors, one row a record.
            y: targets: names of columns of `X`, or an array, Series or DataFrame with as many rows. Several are drawn
                jointly; models of one target chain them in this order, each given those before it.
            weights: survey weights: the name of a column, an array, or None for equal weights.
            key: whole number or JAX key of the fit.
            given: the predictors; by default all columns but targets and weights.
            progress: show bars.

        Rows with a missing target or without weight are left out; missing predictors are allowed.

        Raises:
            InputError: bad columns, weights, key or settings: what, where and the remedy.
        """
        table, given, names = donors(X, y, weights, given)
        w = weights_of(X, weights, "donors")
        if self.one_target and len(names) > 1:
            from jaxsim.impute.chain import Chain

            return Chain(tuple(names), model=self).fit(table, names, w, key, given=given, progress=progress)
        columns = Columns.learn(table, given, "donors")
        targets = Columns.learn(table, names, "donors")
        x, values = columns.read(table, "donors"), targets.read(table, "donors")
        keep = (w > 0) & ~np.isnan(values).any(axis=1)
        if keep.sum() < 2:
            raise InputError(
                f"donors: {keep.sum()} rows with weight and with known {', '.join(names)}: at least 2 needed"
            )
        if not self.categories:
            for column in targets.columns:
                if column.kind == "category":
                    raise InputError(
                        f"donors: {column.name!r} is a category, which {type(self).__name__} does not draw: use "
                        "Forest, HotDeck or Classifier"
                    )
        x, values, w = x[keep], values[keep], w[keep]
        conditional = self._learn(columns, x, targets, values, w / w.mean(), as_key(key), progress)
        return Imputer(self, columns, targets, conditional, tuple(bool(m) for m in np.isnan(x).any(axis=0)))

    @abc.abstractmethod
    def _learn(
        self, given: Columns, x: np.ndarray, targets: Columns, y: np.ndarray, weights: np.ndarray, key: jax.Array,
        progress: bool,
    ) -> Conditional:  # fmt: skip
        """The conditional of donors without missing targets; weights have mean 1."""


def donors(X: Any, y: Any, weights: Any, given: Sequence[str] | None) -> tuple[pd.DataFrame, list[str], list[str]]:
    """The donors' table with targets in it, and the names of predictors and targets."""
    require(X, [], "donors")
    if not len(X):
        raise InputError("donors: the table has no rows")
    if isinstance(y, str) or (isinstance(y, (list, tuple)) and all(isinstance(n, str) for n in y)):
        names = [y] if isinstance(y, str) else list(y)
        table = X
    else:
        targets = as_table(y, None, X.index)
        names = [str(n) for n in targets.columns]
        table = X.assign(**{n: targets[n] for n in names})
    if given is None:
        given = [c for c in X.columns if c not in names and not (isinstance(weights, str) and c == weights)]
    given = [given] if isinstance(given, str) else given
    if not isinstance(given, Sequence) or not all(isinstance(n, str) for n in given):
        raise InputError(
            f"donors: given={given!r}: list the names of predictors; names are text: X.columns = X.columns.astype(str)"
        )
    given = list(given)
    if not names:
        raise InputError("donors: name at least one target")
    for kind, listed in (("target", names), ("predictor", given)):
        twice = sorted({n for n in listed if listed.count(n) > 1})
        if twice:
            raise InputError(f"donors: {kind} {twice[0]!r} is named twice")
    both = [n for n in names if n in given]
    if both:
        raise InputError(f"donors: {both[0]!r} is a target and a predictor: leave it out of one")
    if isinstance(weights, str) and weights in [*names, *given]:
        raise InputError(f"donors: the weight {weights!r} is no variable: leave it out of targets and predictors")
    require(table, [*given, *names], "donors")
    return table, given, names


def as_table(y: Any, names: list[str] | None, index: Any) -> pd.DataFrame:
    """Targets given as an array, Series or DataFrame, as a table with the index of the records."""
    if isinstance(y, (pd.Series, pd.DataFrame)):
        unnamed = names[0] if names and len(names) == 1 else "y"
        table = y.to_frame(y.name if y.name is not None else unnamed) if isinstance(y, pd.Series) else y
        table = table.set_axis(table.columns.astype(str), axis=1)
        if not table.index.equals(index) and table.index.sort_values().equals(index.sort_values()):
            raise InputError("targets: their index is that of the table in another order: sort one like the other")
    else:
        values = np.asarray(y)
        values = values[:, None] if values.ndim == 1 else values
        if values.ndim != 2:
            raise InputError(f"targets of shape {values.shape}: give one column a target")
        if names and values.shape[1] != len(names):
            raise InputError(f"targets of shape {values.shape}: give {len(names)} columns, {', '.join(names)}")
        table = pd.DataFrame(
            values, columns=names or (["y"] if values.shape[1] == 1 else [f"y{k}" for k in range(values.shape[1])])
        )
    if len(table) != len(index):
        raise InputError(f"targets have {len(table)} rows, the table {len(index)}")
    return table.set_axis(index, axis=0)


def blocks(rows: int, most: int | None = None) -> Iterator[tuple[slice, int]]:
    """Slices of rows, and the size to which each is padded; `most` is BLOCK unless given."""
    most = BLOCK if most is None else most
    for start in range(0, rows, most):
        stop = min(start + most, rows)
        yield slice(start, stop), min(most, max(LEAST_BLOCK, 1 << (stop - start - 1).bit_length()))


def _padded(array: np.ndarray, rows: int) -> np.ndarray:
    """An array lengthened by its first row."""
    if len(array) == rows:
        return array
    return np.concatenate([array, np.repeat(array[:1], rows - len(array), axis=0)])


def number(
    name: str, value: Any, low: float, high: float = np.inf, *, whole: bool = False, open_low: bool = False
) -> None:
    """Refuse a setting outside its range."""
    fine = isinstance(value, (int, float)) and not isinstance(value, bool) and np.isfinite(value)
    fine = fine and (not whole or isinstance(value, int)) and low <= value <= high and not (open_low and value == low)
    if not fine:
        bound = "above" if open_low else "of at least"
        raise InputError(
            f"{name}={value!r}: give a {'whole ' if whole else ''}number {bound} {low:g}"
            + (f" and at most {high:g}" if np.isfinite(high) else "")
        )
