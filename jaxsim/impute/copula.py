"""Correlations that no source shows: how far they could go, and a Gaussian copula for those stated from elsewhere.

    synthesis.statement()
    tied = with_correlations(synthesis, {("wealth", "charity"): 0.4}, key=0)

Variables drawn in different steps, none given the other, are independent given what they are drawn from. Where
evidence from elsewhere says more, their uniforms are tied: normal scores of uniforms with a correlation, so that each
uniform alone stays uniform and each conditional distribution stays exactly as it is (Sklar 1959; for statistical
matching Moriarity and Scheuren 2001, "Statistical matching", J. Official Statistics 17, 407-422).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jax.scipy.special import ndtr, ndtri

from jaxsim.errors import InputError, JaxsimError, nearest
from jaxsim.impute.base import Conditional, Imputer
from jaxsim.impute.chain import ChainConditional
from jaxsim.impute.columns import Columns, ids_of, weights_of
from jaxsim.impute.scores import spearman
from jaxsim.impute.uniforms import as_key, for_name, split_ids, uniforms
from jaxsim.impute.weighted import midranks
from jaxsim.precision import precision

MOST = 0.9995  # largest correlation of normal scores
STEPS = 24  # of the bisection
LEVELS = 50  # of a category that are told apart in bounds, the most common ones
CHECKED = 256  # records whose draws are checked to rise with the uniform

RECORDS = 20_000  # drawn to see what correlations come out

Pair = tuple[str, str]


class Tied(Conditional):
    """A conditional some of whose uniforms depend on each other.

    Attributes:
        inner: the conditional.
        places: of the tied uniforms among all of them.
        mix: [tied, tied], rows of length 1: their normal scores are `mix` times independent ones.
    """

    inner: Conditional
    places: tuple[int, ...] = eqx.field(static=True)
    mix: Any

    @property
    def traceable(self) -> bool:
        return self.inner.traceable

    def draw(self, x: jax.Array, u: jax.Array) -> jax.Array:
        return self.inner.draw(x, tie(u, self.places, jnp.asarray(self.mix)))

    def quantiles(self, x: jax.Array, levels: jax.Array) -> jax.Array:
        raise JaxsimError("tied steps have no joint quantiles: take them from many draws (`sample`)")

    def log_prob(self, x: jax.Array, y: jax.Array) -> jax.Array:
        raise JaxsimError("tied steps have no density in closed form")


def tie(u: jax.Array, places: tuple[int, ...], mix: jax.Array) -> jax.Array:
    """Uniforms [rows, columns] of which some columns get the dependence of a Gaussian copula: pure."""
    at = np.asarray(places)
    mixed = ndtr(ndtri(u[:, at]) @ mix.astype(u.dtype).T)
    most = 1 - jnp.finfo(u.dtype).epsneg
    return u.at[:, at].set(jnp.where(mixed < most, mixed, most))


_jitted = eqx.filter_jit(lambda conditional, x, u: conditional.draw(x, u))


def _draw(conditional: Conditional, x: jax.Array, u: jax.Array) -> jax.Array:
    return jnp.asarray(_jitted(conditional, x, u) if conditional.traceable else conditional.draw(x, u))


def with_correlations(
    fitted: Any, correlations: Mapping[Pair, float], table: pd.DataFrame | None = None, key: Any = 0, *,
    weights: Any = None, records: int = RECORDS,
) -> Any:  # fmt: skip
    """Tie steps so that drawn variables have stated rank correlations; what each is given its predictors stays.

    The correlation of normal scores is found by bisection, on draws of the table's records with one set of uniforms:
    Spearman's coefficient of other draws differs by their noise, about 1 / sqrt(records).

    Args:
        fitted: a `Synthesis`, or an `Imputer` of a chain.
        correlations: Spearman's coefficient by pair of variables, each in a step of its own whose draw rises with one
            uniform, neither drawn given the other. Pairs not named keep independent uniforms.
        table: receivers on which an imputer is calibrated; a synthesis needs none.
        key: whole number or JAX key of the calibration.
        weights: of the receivers: a column, an array or None.
        records: on which a synthesis is calibrated.

    Returns:
        What was given, tied: it samples, saves and loads like it.

    Raises:
        InputError: a pair that cannot be tied, a value out of reach (the range is named), or values that contradict
            each other.
    """
    imputer = fitted if isinstance(fitted, Imputer) else fitted.imputer
    chain, key = imputer.conditional, as_key(key)
    if isinstance(chain, Tied):
        raise InputError("correlations are stated already: state all of them at once, on what was fitted")
    if not isinstance(chain, ChainConditional) or not correlations:
        raise InputError("correlations: give pairs of variables that a chain draws in different steps")
    if table is None:
        if len(imputer.given):
            raise InputError(f"table: give receivers with {', '.join(imputer.given.names)} to calibrate on")
        table = pd.DataFrame(index=pd.RangeIndex(records))
    x, w = imputer.matrix(table), weights_of(table, weights, "receivers")
    halves = split_ids(ids_of(table, None, "receivers"))
    steps = _Steps(imputer, chain)
    pairs = sorted(((steps.pair(*pair), value) for pair, value in correlations.items()), key=lambda p: max(p[0]))
    found: dict[tuple[int, int], float] = {}
    with precision("float64"):
        u = jnp.concatenate([uniforms(for_name(key, n), halves, c, jnp.float64) for n, c in chain.streams], axis=1)
        for pair, value in pairs:
            if pair in found:
                raise InputError(f"correlations: {steps.words(pair)} stand twice")
            if isinstance(value, bool) or not -1 <= value <= 1:
                raise InputError(f"correlations: {steps.words(pair)}: {value!r}: give a number from -1 to 1")
            drawn = _draw(_tied(chain, steps, found), jnp.asarray(x), u)  # earlier pairs may be predictors
            found[pair] = _solve(steps, pair, float(value), jnp.concatenate([x, drawn], axis=1), u, w)
        least = np.linalg.eigvalsh(_matrix(found)[1])[0]
    if least < 1e-6:
        raise InputError(
            f"correlations contradict each other (least eigenvalue {least:.3f}): state those of the other pairs "
            f"among {', '.join(sorted({steps.names[s] for p in found for s in p}))} too, or lower ones"
        )
    tied = replace(imputer, conditional=_tied(chain, steps, found))
    return tied if fitted is imputer else replace(fitted, imputer=tied, stated=dict(correlations))


class _Steps:
    """The steps of a chain: where their predictors and uniforms are."""

    def __init__(self, imputer: Imputer, chain: ChainConditional):
        self.chain, self.targets = chain, imputer.targets
        self.names = [imputer.targets.names[k] for k in np.cumsum([0, *chain.widths[:-1]])]
        self.place = np.cumsum([0, *(s.uniforms for s in chain.steps[:-1])])
        given = len(imputer.given)
        step_of = {given + t: s for t, s in enumerate(np.repeat(np.arange(len(chain.steps)), chain.widths))}
        self.before: list[set[int]] = []  # all steps that a step's draws depend on
        for pick in chain.picks:
            direct = {int(step_of[p]) for p in pick if p >= given}
            self.before.append(direct.union(*(self.before[d] for d in direct)))

    def words(self, pair: tuple[int, int]) -> str:
        return " and ".join(repr(self.names[s]) for s in pair)

    def pair(self, a: Any, b: Any) -> tuple[int, int]:
        """The steps of two variables, the earlier one first."""
        first, second = sorted((self._step(a), self._step(b)))
        if first == second:
            raise InputError(f"correlations: {a!r} with itself")
        if first in self.before[second]:
            raise InputError(
                f"correlations: {self.words((second, first))}: the first is drawn given the other, so that its "
                "source says how they depend on each other: leave the pair out"
            )
        return first, second

    def _step(self, name: Any) -> int:
        if name not in self.targets.names:
            raise InputError(f"correlations: {name!r} is not drawn.{nearest(str(name), self.targets.names)}")
        remedy = "give it a step of its own in `order`, with Forest(ordered=True), Spline(), QuantileNetwork() or "
        remedy += "LeastSquares() as its model"
        if self.targets.pick([name]).columns[0].kind == "category":
            raise InputError(f"correlations: {name!r} is a category, which has no rank")
        step = self.names.index(name) if name in self.names else -1
        if step < 0 or self.chain.widths[step] > 1:
            raise InputError(f"correlations: {name!r} is drawn together with other variables: {remedy}")
        if self.chain.steps[step].uniforms != 1:
            raise InputError(f"correlations: {name!r} does not rise with one uniform: {remedy}")
        return step

    def predictors(self, step: int, known: jax.Array) -> jax.Array:
        return known[:, np.asarray(self.chain.picks[step], dtype=int)]

    def check(self, step: int, known: jax.Array) -> None:
        """Refuse a step whose draws fall anywhere as its uniform rises."""
        x = self.predictors(step, known[:CHECKED])
        levels = np.linspace(0.01, 0.99, 25)
        u = jnp.asarray(np.repeat(levels, len(x))[:, None])
        values = np.asarray(_draw(self.chain.steps[step], jnp.tile(x, (len(levels), 1)), u)).reshape(len(levels), -1)
        if (np.diff(values, axis=0) < -1e-9 * (1 + np.abs(values[1:]))).any():
            raise InputError(
                f"correlations: {self.names[step]!r} falls as its uniform rises: take Forest(ordered=True), Spline(), "
                "QuantileNetwork() or LeastSquares() for it"
            )


def _matrix(found: Mapping[tuple[int, int], float]) -> tuple[list[int], np.ndarray]:
    """Tied steps and the correlations of their normal scores; 0 where nothing is stated."""
    steps = sorted({s for pair in found for s in pair})
    matrix = np.eye(len(steps))
    for (a, b), rho in found.items():
        i, j = steps.index(a), steps.index(b)
        matrix[i, j] = matrix[j, i] = rho
    return steps, matrix


def _tied(chain: ChainConditional, steps: _Steps, found: Mapping[tuple[int, int], float]) -> Conditional:
    """The chain with the pairs found so far tied; scores of a matrix that is not positive are of the nearest rank."""
    if not found:
        return chain
    order, matrix = _matrix(found)
    values, vectors = np.linalg.eigh(matrix)
    root = vectors * np.sqrt(np.where(values > 0, values, 0.0))
    mix = np.linalg.qr(root.T)[1].T  # triangular, so that scores of earlier steps stay with their own uniforms
    mix *= np.where(np.diag(mix) < 0, -1.0, 1.0)
    mix /= np.linalg.norm(mix, axis=1, keepdims=True)
    return Tied(chain.streams, chain, tuple(int(steps.place[s]) for s in order), mix)


def _solve(
    steps: _Steps, pair: tuple[int, int], value: float, known: jax.Array, u: jax.Array, weights: np.ndarray
) -> float:
    """Correlation of normal scores at which two steps' draws have a rank correlation."""
    inner = [steps.chain.steps[s] for s in pair]
    x = [steps.predictors(s, known) for s in pair]
    own = u[:, np.asarray([int(steps.place[s]) for s in pair])]
    for step in pair:
        steps.check(step, known)
    fixed = _ranks(np.asarray(_draw(inner[0], x[0], own[:, :1]))[:, 0], weights)

    def reached(rho: float) -> float:
        mixed = tie(own, (0, 1), jnp.asarray([[1.0, 0.0], [rho, np.sqrt(1 - rho**2)]]))
        drawn = np.asarray(_draw(inner[1], x[1], mixed[:, 1:]))[:, 0]
        return float(np.average(fixed * _ranks(drawn, weights), weights=weights))

    low, high = -MOST, MOST
    least, most = reached(low), reached(high)
    if not least <= value <= most:
        raise InputError(
            f"correlations: {steps.words(pair)}: {value:g} cannot be reached given their predictors: state a value "
            f"from {least:.3f} to {most:.3f}"
        )
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if reached(middle) < value else (low, middle)
    return (low + high) / 2


def _ranks(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted ranks of mean 0 and spread 1; zeros where all values are equal."""
    ranks = midranks(values, weights)
    ranks = ranks - np.average(ranks, weights=weights)
    spread = np.sqrt(np.average(ranks**2, weights=weights))
    return ranks / spread if spread > 1e-9 else np.zeros_like(ranks)


def bounds(
    values: np.ndarray, columns: Columns, weights: np.ndarray, pairs: Mapping[Pair, list[str]]
) -> dict[Pair, tuple[float, float, float]]:
    """Rank correlations that are possible of variables never observed together.

    With r the correlations of x and y with the variables z that both are observed with, and R those of z, the
    correlation of x and y lies within r_xz R^-1 r_zy +- sqrt((1 - R2_x)(1 - R2_y)), or the whole matrix would not be
    positive; its middle is what independence given z says where ranks depend on z linearly.

    Args:
        values: [rows, columns] of all sources, NaN where a variable is missing.
        columns: their kinds; a category among z counts as one switch a level.
        weights: [rows].
        pairs: by pair x, y the names of z.

    Returns:
        Least, middle and greatest value of each pair; NaN where x or y is a category.
    """
    features: list[np.ndarray] = []
    place: dict[str, tuple[list[int], bool]] = {}
    for column, v in zip(columns.columns, values.T, strict=True):
        number = column.kind != "category"
        held = np.empty(0) if number else np.bincount(v[~np.isnan(v)].astype(int), minlength=column.width)
        common = np.argsort(-held)[1:LEVELS]
        own = [midranks(v, weights)] if number else [np.where(np.isnan(v), np.nan, v == level) for level in common]
        place[column.name] = (list(range(len(features), len(features) + len(own))), number)
        features += own
    r = _correlations(np.column_stack(features), weights)
    found = {}
    for (x, y), given in pairs.items():
        z = [k for name in given for k in place[name][0]]
        if not (place[x][1] and place[y][1]):
            found[x, y] = (np.nan,) * 3
            continue
        of_x, of_y = r[place[x][0][0], z], r[place[y][0][0], z]
        inverse = np.linalg.pinv(r[np.ix_(z, z)], rcond=1e-6, hermitian=True)
        left = [1 - min(max(float(v @ inverse @ v), 0.0), 1.0) for v in (of_x, of_y)]
        middle, width = float(of_x @ inverse @ of_y), float(np.sqrt(left[0] * left[1]))
        found[x, y] = (max(middle - width, -1.0), min(max(middle, -1.0), 1.0), min(middle + width, 1.0))
    return found


class Statement(str):
    """Text that shows itself as it is written."""

    def __repr__(self) -> str:
        return str(self)


def pairs(synthesis: Any, records: int = RECORDS, key: Any = 0) -> pd.DataFrame:
    """Pairs of variables never observed together and their rank correlations, NaN with a category.

    Args:
        synthesis: a `Synthesis`.
        records: drawn to see what comes out.
        key: of these draws.

    Returns:
        Columns a, b; low, high: `bounds` that the sources leave; assumed: their middle; drawn: that of drawn records;
        stated: by `with_correlations`, else NaN.
    """
    columns = ["a", "b", "low", "assumed", "high", "drawn", "stated"]
    if not synthesis.bounds:
        return pd.DataFrame(columns=columns)
    numbers = [c.name for c in synthesis.targets.columns if c.kind != "category"]
    seen = spearman(synthesis.sample(records, key)[numbers].astype(float)) if numbers else pd.DataFrame()
    stated = {frozenset(pair): value for pair, value in synthesis.stated.items()}
    rows = [
        (a, b, *limits, seen.loc[a, b] if a in seen and b in seen else np.nan, stated.get(frozenset((a, b)), np.nan))
        for (a, b), limits in synthesis.bounds.items()
    ]
    return pd.DataFrame(rows, columns=columns)


def statement(synthesis: Any, records: int = RECORDS, key: Any = 0) -> Statement:
    """What the sources identify and what they do not, in words; arguments as of `pairs`."""
    chain = synthesis.imputer.model
    lines = [f"Synthesis of {len(synthesis.targets)} variables from {len(synthesis.sources)} sources", ""]
    for name, (rows, effective) in synthesis.sources.items():
        lines.append(f"  {name}: {rows:,} records, {effective:,.0f} effective")
    lines += ["", "Drawn in this order, each step from donors of the sources named:"]
    for number, step in enumerate(chain.order, 1):
        given = ", ".join(chain.given[step[0]])
        known = " and ".join(synthesis.known[step[0]])
        lines.append(f"  {number}. {', '.join(step)}: {known}{', given ' + given if given else ''}")
    if not synthesis.bounds:
        return Statement("\n".join([*lines, "", "Every two variables are observed together in a source."]))
    table = pairs(synthesis, records, key)
    table = table if synthesis.stated else table.drop(columns="stated")
    return Statement("\n".join([
        *lines, "",
        f"Never observed together: {len(synthesis.bounds)} pairs. No source says how they depend on each other; unless",
        "stated, they are assumed independent given the predictors that their steps share. Rank correlations that the",
        "sources leave possible (low to high), the one assumed between them, and the one of drawn records:", "",
        table.to_string(index=False, float_format="{:.2f}".format, na_rep=""), "",
        "Evidence from elsewhere can be stated: jaxsim.impute.with_correlations.",
    ]))  # fmt: skip


def _correlations(x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted correlations of columns, each pair of them over the rows that have both."""
    known = ~np.isnan(x)
    filled = np.where(known, x - np.nanmean(np.where(known, x, np.nan), axis=0), 0.0)
    weighted, held = weights[:, None] * filled, weights[:, None] * known
    mass = held.T @ known
    mass = np.where(mass > 0, mass, 1.0)
    mean = weighted.T @ known / mass  # of the row's column where the column's is known
    covariance = weighted.T @ filled / mass - mean * mean.T
    variance = (weighted * filled).T @ known / mass - mean**2
    scale = np.sqrt(np.where(variance > 1e-12, variance, 1.0) * np.where(variance.T > 1e-12, variance.T, 1.0))
    return covariance / scale
