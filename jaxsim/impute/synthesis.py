"""Synthetic records from several surveys: what each source knows, joined through what they share.

    sources = [Source("CPS", cps, weights="weight", identifiers=["household_id"]), Source("PUF", puf, weights="s006")]
    synthesis = Synthesizer(sources, shared=["age", "wages"], bridges={"bracket": {"CPS": f, "PUF": g}}).fit(key=0)
    synthesis.sample(1_000_000, key=1)
    synthesis.statement()      # what the sources identify, what is assumed, and how far that could be wrong

Sources are stacked, and a chain of conditionals is learnt: shared variables as whole records of the pool, then bridges,
then what each source alone has, as whole records of it. A step learns from all sources that have its variables, given
what stands before it and any of them has; a predictor may be missing in some of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import combinations, pairwise
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from jaxsim.errors import InputError, nearest
from jaxsim.impute.base import Conditional, Imputer, Model, number
from jaxsim.impute.chain import Chain, Step
from jaxsim.impute.columns import Column, Columns, require, weights_of
from jaxsim.impute.copula import RECORDS, Statement, bounds, pairs, statement
from jaxsim.impute.design import Design
from jaxsim.impute.forest import Forest, ForestConditional, split_scores
from jaxsim.impute.trees import Donors, Trees
from jaxsim.impute.uniforms import as_key

Derived = str | Callable[[pd.DataFrame], Any]


@dataclass(frozen=True, eq=False)
class Source:
    """A survey.

    Attributes:
        name: of the survey.
        table: one row a record.
        weights: the name of a column, an array [rows], or None for equal weights.
        identifiers: columns that name records or places in a file; never synthesised.
        variables: columns it contributes beside shared variables and bridges; by default all the others.
    """

    name: str
    table: pd.DataFrame
    weights: Any = None
    identifiers: Sequence[str] = ()
    variables: Sequence[str] | None = None

    def __post_init__(self) -> None:
        for name in ("identifiers", "variables"):
            given = getattr(self, name)
            object.__setattr__(self, name, (given,) if isinstance(given, str) else given and tuple(given))
        require(self.table, [*self.identifiers, *(self.variables or ())], self.where)
        if self.table.empty:
            raise InputError(f"{self.where}: the table is empty")

    @property
    def where(self) -> str:
        return f"source {self.name!r}"

    @property
    def private(self) -> tuple[str, ...]:
        """Columns that are never synthesised: identifiers and the weight."""
        return (*self.identifiers, *((self.weights,) if isinstance(self.weights, str) else ()))

    def share(self) -> np.ndarray:
        """Weights [rows] that add up to the effective number of records, (sum w)^2 / sum w^2 (Kish 1965)."""
        w = weights_of(self.table, self.weights, self.where)
        return w * w.sum() / np.sum(w**2)


@dataclass(frozen=True, eq=False)
class Synthesizer:
    """Settings of a synthesis.

    Attributes:
        sources: surveys of one population. Where several have a variable they are pooled, each with a total weight of
            its effective number of records.
        shared: columns of the same name and meaning in two sources or more.
        bridges: variables that sources have in other forms, such as brackets of income: by name, for each source a
            column or a function of its table that gives one value a row. A source without an entry knows the bridge if
            it has a column of that name.
        order: steps in the order they are drawn, names or tuples of names, where not the default (`steps`). Variables
            of a tuple are drawn together and must be known to the same sources.
        model: of every step that `models` does not name.
        models: by the name of a step's first variable.
        exact: categories, switches or whole numbers among shared variables and bridges: whatever is drawn later
            comes from donors of the very same value, not just a similar one. Takes models that are forests.
    """

    sources: Sequence[Source]
    shared: Sequence[str] = ()
    bridges: Mapping[str, Mapping[str, Derived]] = field(default_factory=dict)
    order: Sequence[Step] | None = None
    model: Model = field(default_factory=Forest)
    models: Mapping[str, Model] = field(default_factory=dict)
    exact: Sequence[str] = ()

    def __post_init__(self) -> None:
        for name in ("sources", "shared", "exact"):
            given = getattr(self, name)
            object.__setattr__(self, name, (given,) if isinstance(given, (str, Source)) else tuple(given))
        names = [s.name for s in self.sources if isinstance(s, Source)]
        if not names or len(names) < len(self.sources):
            raise InputError("sources: give one Source or more, Source(name, table, weights=..., identifiers=...)")
        if len(set(names)) < len(names):
            raise InputError(f"sources: {next(n for n in names if names.count(n) > 1)!r} stands twice: rename one")
        for bridge, name in ((bridge, name) for bridge, of in self.bridges.items() for name in of):
            if name not in names:
                raise InputError(f"bridge {bridge!r}: there is no source {name!r}.{nearest(name, names)}")
        private = {name: s for s in self.sources for name in s.private}
        listed = [("shared", self.shared), ("bridges", self.bridges), ("order", _flat(self.order or ()))]
        for kind, given in [*listed, *((f"{s.where}, variables", s.variables or ()) for s in self.sources)]:
            for name in given:
                if name in private:
                    what = f"an identifier or weight of {private[name].where}"
                    raise InputError(f"{kind}: {name!r} is {what}, and never synthesised: leave it out")
        for name in set(self.shared) & set(self.bridges):
            raise InputError(f"{name!r} is shared and a bridge: leave it out of one")

    def fit(self, key: Any = 0, *, progress: bool = False) -> Synthesis:
        """Learn every step.

        Args:
            key: whole number or JAX key.
            progress: show bars.

        Raises:
            InputError: what is wrong with sources, variables, order, models or `exact`, and the remedy.
        """
        pool = self._pool()
        steps = self._order(pool)
        self._check_exact(pool, _flat(steps))
        given = {s[0]: [n for n in _flat(steps[:k]) if pool.together(n, s[0])] for k, s in enumerate(steps)}
        models = {**self.models, **{s[0]: self._model(s, given[s[0]], pool) for s in steps}}
        chain = Chain(tuple(steps), self.model, models, given)
        imputer = chain.fit(pool.table, None, pool.weights, as_key(key), given=[], progress=progress)
        sizes = {s.name: (len(s.table), float(s.share().sum())) for s in self.sources}
        of = {n: given[s[0]] for s in steps for n in s}
        apart = {p: [n for n in of[p[0]] if n in of[p[1]]] for p in combinations(of, 2) if not pool.together(*p)}
        found = bounds(imputer.targets.read(pool.table, "sources"), imputer.targets, pool.weights, apart)
        return Synthesis(imputer, sizes, pool.known, found)

    @property
    def steps(self) -> list[tuple[str, ...]]:
        """The steps in the order they are drawn, to be changed and given as `order`."""
        return self._order(self._pool())

    def _pool(self) -> _Pool:
        """The sources, one below another."""
        held = {s.name: self._columns(s) for s in self.sources}
        known: dict[str, tuple[str, ...]] = {}
        for name in [*self.shared, *self.bridges, *dict.fromkeys(n for columns in held.values() for n in columns)]:
            known[name] = tuple(s for s, columns in held.items() if name in columns)
            if len(known[name]) < (min(2, len(self.sources)) if name in self.shared else 1):
                have = f"only {known[name][0]!r} has it" if known[name] else "no source has it"
                raise InputError(f"{'shared' if name in self.shared else 'bridges'}: {name!r}: {have}")
        rows = {s.name: len(s.table) for s in self.sources}
        table = pd.DataFrame({name: _stacked(name, held, rows) for name in known})
        return _Pool(table, np.concatenate([s.share() for s in self.sources]), known)

    def _columns(self, source: Source) -> dict[str, pd.Series]:
        """What a source knows: shared variables, bridges, and its own."""
        table, never = source.table, {name for s in self.sources for name in s.private}
        found = {n: table[n] for n in self.shared if n in table.columns}
        for name, of in self.bridges.items():
            if source.name not in of and name not in table.columns:
                continue
            how, where = of.get(source.name, name), f"bridge {name!r}, {source.where}"
            if isinstance(how, str):
                require(table, [how], where)
                never.add(how)  # it is the bridge under another name
            values = table[how] if isinstance(how, str) else how(table)
            if np.ndim(values) != 1 or len(values) != len(table):
                raise InputError(f"{where}: give one value for each of its {len(table)} rows")
            found[name] = pd.Series(values)
        own = [n for n in table.columns if n not in never] if source.variables is None else source.variables
        return {**found, **{str(n): table[n] for n in own if n not in found}}

    def _order(self, pool: _Pool) -> list[tuple[str, ...]]:
        if self.order is not None:
            steps = [(s,) if isinstance(s, str) else tuple(s) for s in self.order]
            for name in sorted(set(_flat(steps)) ^ set(pool.known)):
                held = "is left out" if name in pool.known else "is known to no source"
                raise InputError(f"order: {name!r} {held}.{nearest(name, pool.known)}")
            for step in steps:
                if len({pool.known[n] for n in step}) > 1:
                    raise InputError(f"order: {step} are not known to the same sources: take them apart")
            return steps
        groups: dict[tuple[int, tuple[str, ...]], list[str]] = {}
        for name, of in pool.known.items():
            role = 0 if name in self.shared else 1 if name in self.bridges else 2
            groups.setdefault((role, of), []).append(name)
        steps = []
        for (_, _), names in sorted(groups.items(), key=lambda g: (g[0][0], -len(g[0][1]))):
            steps += [(n,) for n in names] if self.models.get(names[0], self.model).one_target else [tuple(names)]
        return steps

    def _check_exact(self, pool: _Pool, order: list[str]) -> None:
        for name in self.exact:
            if name not in (known := [*self.shared, *self.bridges]):
                raise InputError(f"exact: {name!r} is neither shared nor a bridge.{nearest(name, known)}")
            kind = Columns.learn(pool.table, [name], "sources").columns[0].kind
            if kind == "number" or (kind == "integer" and pool.table[name].abs().max() >= 2**24):
                raise InputError(f"exact: {name!r} is no category: give brackets of it as a bridge")
        drawn = sorted(self.exact, key=order.index)
        for first, second in pairwise(drawn):
            lack = [s for s in pool.known[second] if s not in pool.known[first]]
            if lack:  # else what is drawn might join values that no donor joins
                raise InputError(f"exact: {lack[0]!r} knows {second!r} but not {first!r}, which is drawn before it")

    def _model(self, step: tuple[str, ...], given: list[str], pool: _Pool) -> Model:
        """The model of a step: stratified by what must be exact."""
        model = self.models.get(step[0], self.model)
        by = tuple(n for n in given if n in self.exact and set(pool.known[step[0]]) <= set(pool.known[n]))
        if not by:  # without predictors all trees are one leaf
            return replace(model, trees=1) if type(model) is Forest and not given else model
        if type(model) is not Forest or (model.ordered and len(step) > 1):
            raise InputError(f"exact: {', '.join(step)}, drawn by {model}: use Forest(), ordered for one number alone")
        weighed = pool.weights > 0
        donors = pool.table[list(step)].notna().all(axis=1).to_numpy() & weighed
        held, has = (set(map(tuple, pool.table.loc[r, list(by)].dropna().to_numpy())) for r in (weighed, donors))
        absent = sorted(held - has, key=str)
        if absent:
            value, where = ", ".join(map(str, absent[0])), " and ".join(pool.known[step[0]])
            problem = f"{', '.join(by)} = {value} has no donor of {', '.join(step)} in {where}"
            raise InputError(f"exact: {problem}: join levels, or leave it out of exact")
        return StrataForest(**{f.name: getattr(model, f.name) for f in fields(model)}, by=by)


@dataclass(frozen=True, eq=False)
class _Pool:
    """Sources one below another: values, missing where a source lacks them; weights; which sources know a variable."""

    table: pd.DataFrame
    weights: np.ndarray
    known: dict[str, tuple[str, ...]]

    def together(self, a: str, b: str) -> bool:
        """Whether a source knows both."""
        return bool(set(self.known[a]) & set(self.known[b]))


def _flat(steps: Sequence[Step]) -> list[str]:
    return [n for s in steps for n in ((s,) if isinstance(s, str) else s)]


def _stacked(name: str, held: Mapping[str, Mapping[str, pd.Series]], rows: Mapping[str, int]) -> Any:
    """A variable's values in all sources, of one kind."""
    tables = {s: pd.DataFrame({name: columns[name]}) for s, columns in held.items() if name in columns}
    each = {s: Columns.learn(t, [name], f"source {s!r}").columns[0] for s, t in tables.items()}
    kinds = {c.kind: s for s, c in each.items()}
    if "category" in kinds and len(kinds) > 1:
        other = next(k for k in kinds if k != "category")
        raise InputError(f"{name!r}: source {kinds['category']!r} has category, {kinds[other]!r} {other}: recode one")
    kind = next(k for k in ("category", "number", "integer", "switch") if k in kinds)
    column = Column(name, kind, tuple(dict.fromkeys(level for c in each.values() for level in c.levels)))
    read = {s: Columns((column,)).read(t, f"source {s!r}")[:, 0] for s, t in tables.items()}
    values = np.concatenate([read[s] if s in read else np.full(n, np.nan) for s, n in rows.items()])
    missing = np.isnan(values)
    if kind == "category":
        codes = np.where(missing, -1, values).astype(np.int64)
        return pd.Categorical.from_codes(codes, dtype=pd.CategoricalDtype(list(column.levels)))
    if kind == "switch":
        return pd.arrays.BooleanArray(values > 0.5, missing)
    return pd.arrays.IntegerArray(np.nan_to_num(values).astype(np.int64), missing) if kind == "integer" else values


@dataclass(frozen=True, eq=False)
class Synthesis:
    """Fitted synthesizer: draws records of all its variables.

    Attributes:
        imputer: of all variables given nothing, a chain.
        sources: number of records and effective number of records of each.
        known: sources that know each variable.
        bounds: for each pair of variables never observed together the least, assumed and greatest rank correlation,
            NaN for categories.
        stated: rank correlations that were stated (`copula.with_correlations`).
    """

    imputer: Imputer
    sources: dict[str, tuple[int, float]]
    known: dict[str, tuple[str, ...]]
    bounds: dict[tuple[str, str], tuple[float, float, float]]
    stated: dict[tuple[str, str], float] = field(default_factory=dict)

    @property
    def targets(self) -> Columns:
        return self.imputer.targets

    def sample(self, n: int, key: Any = 0, start: int = 0, *, progress: bool = False) -> pd.DataFrame:
        """Records of equal weight.

        Args:
            n: how many.
            key: whole number or JAX key.
            start: number of the first; a record depends on the key and its own number alone, so batches do not matter.
            progress: show a bar.

        Returns:
            A table with a column a variable, its index the numbers start .. start + n - 1.

        Raises:
            InputError: n, start or key out of range.
        """
        number("n", n, 1, whole=True)
        number("start", start, 0, whole=True)
        return self.imputer.sample(pd.DataFrame(index=pd.RangeIndex(start, start + n)), key, progress=progress)

    def pairs(self, records: int = RECORDS, key: Any = 0) -> pd.DataFrame:
        """Pairs of variables never observed together and their rank correlations (`copula.pairs`)."""
        return pairs(self, records, key)

    def statement(self, records: int = RECORDS, key: Any = 0) -> Statement:
        """What the sources identify, and what they do not (`copula.statement`)."""
        return statement(self, records, key)

    def save(self, path: Any) -> Any:
        """Write it to one .npz file (`jaxsim.impute.load` reads it)."""
        from jaxsim.impute.files import save

        return save(self, path)

    def __repr__(self) -> str:
        return f"<Synthesis of {', '.join(self.targets.names)} from {', '.join(self.sources)}>"


@dataclass(frozen=True)
class StrataForest(Forest):
    """A forest whose trees first tell apart every value of some predictors: donors share them exactly.

    Attributes:
        by: categories, switches or whole numbers among the predictors, all of whose combinations donors must have.
    """

    by: tuple[str, ...] = ()

    def _learn(
        self, given: Columns, x: np.ndarray, targets: Columns, y: np.ndarray, weights: np.ndarray, key: jax.Array,
        progress: bool,
    ) -> Conditional:  # fmt: skip
        from sklearn.ensemble import RandomForestRegressor

        places = [given.names.index(n) for n in self.by]
        keep = ~np.isnan(x[:, places]).any(axis=1)
        x, y, weights = x[keep], y[keep], weights[keep]
        design = Design.learn(given, x, weights)
        features = design(x.astype(np.float32))
        first = np.cumsum([0, *(n or 1 + m for n, m in zip(design.levels, design.marked, strict=True))])
        seed = np.random.default_rng(np.asarray(jax.random.key_data(key)))

        def grow(rows: np.ndarray, left: list[int]) -> list[Any]:
            """Trees of some donors, below splits by the predictors left."""
            if not left:
                scores, w = split_scores(targets, y[rows], weights[rows]), weights[rows]
                forest = RandomForestRegressor(
                    self.trees, min_samples_leaf=self.least_leaf, max_features=self.features, n_jobs=self.jobs,
                    random_state=int(seed.integers(2**32)),
                )  # fmt: skip
                forest.fit(features[rows], scores[:, 0] if scores.shape[1] == 1 else scores, sample_weight=w)
                return [e.tree_ for e in forest.estimators_]
            values, place = x[rows, left[0]], int(first[left[0]])
            levels = np.unique(values)
            *below, trees = [grow(rows[values == v], left[1:]) for v in levels]
            for own, level, after in zip(below[::-1], levels[-2::-1], levels[:0:-1], strict=True):
                if design.levels[left[0]]:  # a feature of its own, 0 or 1
                    trees = [_split(place + int(level), 0.5, a, b) for a, b in zip(trees, own, strict=True)]
                else:
                    trees = [_split(place, (level + after) / 2, a, b) for a, b in zip(own, trees, strict=True)]
            return trees

        trees = Trees.flatten(grow(np.arange(len(x)), places))
        every = jax.jit(lambda f: jax.lax.map(lambda t: trees.leaves(f, jnp.full(len(x), t)), jnp.arange(self.trees)))
        leaf = np.asarray(every(features))
        donors = Donors.gather(leaf.T, len(trees.feature), weights, y[:, 0] if self.ordered else None)
        streams = (("+".join(targets.names), 1 if self.ordered else 2),)
        return ForestConditional(streams, design, trees, donors, y, self.ordered)


def _split(feature: int, threshold: float, left: Any, right: Any) -> Any:
    """A tree whose root sends records at most at the threshold to one tree, others to another."""
    size = left.node_count
    return SimpleNamespace(
        node_count=1 + size + right.node_count,
        feature=np.concatenate([[feature], left.feature, right.feature]),
        threshold=np.concatenate([[threshold], left.threshold, right.threshold]),
        children_right=1 + np.concatenate([[size], left.children_right, right.children_right + size]),
    )
