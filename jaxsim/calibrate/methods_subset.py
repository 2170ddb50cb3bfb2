"""The methods "l1", "reweighted_l1" and "sample": other ways to few records than gates.

The l1 methods put a price on weights, so that households that add little are dropped, and refit those that are left. A
sample draws households by chance and calibrates what was drawn. `Problem.groups` plays no part, and nothing is saved on
the way but by a descent that calibrates a sample.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxsim.calibrate.fitting import CONVERGED, STALLED, Outcome, Run, records_wanted, restricted
from jaxsim.calibrate.methods_raking import cannot_rake, raking, report
from jaxsim.calibrate.problem import Problem
from jaxsim.calibrate.tiles import Tiles, fold, tile
from jaxsim.errors import JaxsimError, whole_number
from jaxsim.precision import precision
from jaxsim.progress import Progress

SLICE = 50
"""Steps of the proximal gradient between reports and looks at the gap."""
CLOSE = 1e-8
"""Gap, relative to the objective, at which a solve ends."""
ROUGH = 1e-4
"""The same while a strength is sought."""
NOTHING = 1e-13
"""Objective (half the mean squared error) at which a solve ends: it cannot be below 0."""
LITTLE = 1e-9
"""The same that counts as an optimum when the steps are used up."""
REFIT = 5
"""Solves whose steps the refit may take: it alone decides how good the weights are."""
LEAST = 1e-6
"""Least strength tried for a number of records, relative to the strength that drops every household."""
NEAR = 1.01
"""Ratio of strengths, or of records kept to records wanted, at which the search for a strength ends."""
EPSILON = 0.1
"""Ratio to the base weight that is small: keeps the penalty of a household with no weight finite."""
REFITS = ("auto", "raking", "descent")
"""How a sample may be calibrated."""


def l1(run: Run, *, strength: float | None = None, records: int | None = None, steps: int = 2000) -> Outcome:
    """Few records by a price on weights, then a refit of those that are left without it.

    Half the mean squared relative error, plus `strength` times the sum of weights over that of the base weights, is
    minimised over weights of at least 0 by accelerated proximal gradients (FISTA: Beck and Teboulle 2009; restarts:
    O'Donoghue and Candes 2015). Where a number of households is itself a target it fixes the sum of weights, and the
    price then chooses poorly: "reweighted_l1" and "l0" do not have that fault. Bounds hold for the households kept.

    Give one of strength and records; by default a tenth of the households is kept.

    Args:
        strength: price of the weights.
        records: keep so many households or a few more: strengths are bisected until one keeps at most 1% more, or the
            largest that keeps enough is known to 1%. The refit may leave some of them without weight.
        steps: most steps of each solve (five times as many of the refit); a number of records takes some ten solves.
    """
    return _priced(run, "l1", strength, records, 1, steps)


def reweighted_l1(
    run: Run, *, strength: float | None = None, records: int | None = None, rounds: int = 4, steps: int = 1000
) -> Outcome:
    """Fewer records than "l1" by prices that fall with the weight (Candes, Wakin and Boyd 2008).

    After each round a household's price is set to what it was at the base weight, times (1 + e) / (ratio + e) with
    e = 0.1: large weights become cheap, small ones dear. The last round is followed by a refit, as in `l1`.

    Give one of strength and records; by default a tenth of the households is kept.

    Args:
        strength, records: as for `l1`.
        rounds: solves with prices, the first of them that of `l1`.
        steps: most steps of each solve, as for `l1`; a number of records takes some ten times `rounds` solves.
    """
    whole_number("rounds", rounds, 1)
    return _priced(run, "reweighted_l1", strength, records, rounds, steps)


class Scaled(NamedTuple):
    """A problem in the units of the solver: z = ratio * unit.

    Attributes:
        tiles: matrix over scales, times base weights over units.
        values: targets over scales [targets].
        shares: base weights over their sum [part, rows].
        unit: z at the base weights [part, rows]; 1 where a household adds nothing.
    """

    tiles: Tiles
    values: jax.Array
    shares: jax.Array
    unit: jax.Array


class Point(NamedTuple):
    """Where a solve stands.

    Attributes:
        z: [part, rows].
        ahead: z with momentum [part, rows].
        momentum: t of FISTA.
    """

    z: jax.Array
    ahead: jax.Array
    momentum: jax.Array


def scaled(problem: Problem) -> Scaled:
    """The arrays of a problem, in float64.

    With unit the square root of |B|'|B|1, B being the matrix over scales times base weights, the largest eigenvalue of
    the scaled matrix is at most 1: B'B is at most the diagonal of |B|'|B|1. So the step needs no power iteration, which
    can come out too small; and few steps are needed where base weights and amounts differ a lot.
    """
    rows = problem.relative(problem.base)
    size = abs(rows)
    unit = np.sqrt(size.T @ size.sum(axis=1))
    unit = np.where(unit > 0, unit, 1.0)
    rows.data = rows.data / unit[rows.indices]
    tiles = tile(rows, np.float64)
    shares = tiles.rows(problem.base / problem.base.sum())
    return Scaled(tiles, jnp.asarray(problem.values / problem.scale), shares, tiles.rows(unit, fill=1.0))


@jax.jit
def _advance(
    data: Scaled, low: jax.Array, high: jax.Array, price: jax.Array, point: Point, steps: int
) -> tuple[Point, jax.Array, jax.Array]:
    """Steps of FISTA; the point after them, the objective there and its gap.

    No weights within the bounds and up to double the present (or the base) weights have an objective smaller than here
    by more than the gap: it is the most that a convex function with this slope can fall.
    """
    m = len(data.values)

    def slope(z: jax.Array) -> tuple[jax.Array, jax.Array]:
        error = data.tiles.totals(z) - data.values
        return data.tiles.prices(error) / m + price, error

    def step(_: Any, point: Point) -> Point:
        new = jnp.clip(point.ahead - m * slope(point.ahead)[0], low, high)
        turned = jnp.vdot(point.ahead - new, new - point.z) > 0  # momentum points uphill: start it afresh
        t = jnp.where(turned, 1.0, 0.5 + jnp.sqrt(0.25 + point.momentum**2))
        ahead = new + jnp.where(turned, 0.0, (point.momentum - 1.0) / t) * (new - point.z)
        return Point(new, ahead, t)

    point = jax.lax.fori_loop(0, steps, step, point)
    down, error = slope(point.z)
    furthest = jnp.minimum(high, 2.0 * jnp.maximum(point.z, data.unit))
    gap = fold(jnp.where(down > 0, down * (point.z - low), down * (point.z - furthest)))
    objective = 0.5 * jnp.mean(jnp.square(error)) + fold(price * point.z)
    return point, objective, gap


@dataclass
class _Solver:
    """Solves of one problem with different prices, one after the other, and what they report."""

    run: Run
    data: Scaled
    steps: int
    bar: Progress
    history: list[dict[str, float]] = field(default_factory=list)
    done: int = 0

    def weights(self, z: jax.Array) -> np.ndarray:
        """Weights [households]."""
        return np.asarray(self.data.tiles.households(z / self.data.unit)) * self.run.problem.base

    def solve(
        self, low: jax.Array, high: jax.Array, strength: float, prices: jax.Array | float, z: jax.Array, close: float,
        steps: int,
    ) -> tuple[jax.Array, bool, float]:  # fmt: skip
        """The optimum within a box of ratios [part, rows], from z; whether it was reached, and the gap left, relative.

        A household costs strength times its share of the base weights times its price [part, rows].
        """
        data = self.data
        box = low * data.unit, high * data.unit
        cost = strength * prices * data.shares / data.unit
        z = jnp.clip(z, *box)
        point, left, reached, relative = Point(z, z, jnp.ones(())), steps, False, np.inf
        while left and not reached:
            count = min(SLICE, left)
            point, objective, gap = _advance(data, *box, cost, point, count)
            left, self.done = left - count, self.done + count
            f = float(objective)
            relative = float(gap) / max(f, 1e-300)
            reached = relative <= close or f <= (NOTHING if left else LITTLE)
            row = report(self.run.problem, self.weights(point.z), self.done) | {"strength": strength, "objective": f}
            self.history.append(row)
            self.bar.advance(count, **{k: row[k] for k in ("strength", "mean_error", "nonzero")})
        return point.z, reached, relative

    def ceiling(self) -> jax.Array:
        """Largest ratio of each household [part, rows]: 0 without a base weight."""
        return jnp.where(self.data.shares > 0, self.run.bounds[1], 0.0)

    def select(self, strength: float, rounds: int, z: jax.Array, close: float) -> tuple[jax.Array, float]:
        """The solution with prices, set anew in each round, and the gap left in the last."""
        prices: jax.Array | float = 1.0
        for _ in range(rounds):
            # the lower bound is for households kept: all may be dropped here
            z, _reached, gap = self.solve(jnp.zeros_like(z), self.ceiling(), strength, prices, z, close, self.steps)
            prices = (1.0 + EPSILON) / (z / self.data.unit + EPSILON)
        return z, gap

    def largest(self) -> float:
        """Strength from which every household is dropped; 0 if no strength is needed for that."""
        data = self.data
        gain = data.tiles.prices(data.values) * data.unit / len(data.values)
        return float(jnp.max(jnp.where(data.shares > 0, gain / jnp.where(data.shares > 0, data.shares, 1.0), 0.0)))

    def search(self, records: int, rounds: int) -> tuple[float, jax.Array, float]:
        """A strength that keeps so many households and hardly more, by bisection; 0 if even the least keeps fewer."""
        start, high = self.data.unit, self.largest()
        low = LEAST * high
        best = self.select(low, rounds, start, ROUGH)
        if kept(best[0]) < records:
            return 0.0, *self.select(0.0, 1, start, ROUGH)
        while high > NEAR * low and kept(best[0]) > NEAR * records:
            middle = float(np.sqrt(low * high))
            found = self.select(middle, rounds, best[0], ROUGH)
            if kept(found[0]) >= records:
                low, best = middle, found
            else:
                high = middle
        return low, *best


def kept(z: jax.Array) -> int:
    """Households with a weight."""
    return int((z > 0).sum())


def _priced(run: Run, name: str, strength: float | None, records: int | None, rounds: int, steps: int) -> Outcome:
    """Selection by prices, and the refit of those selected."""
    whole_number("steps", steps, 1)
    problem = run.problem
    if strength is not None and records is not None:
        raise JaxsimError(f"{name}: give one of strength and records")
    if strength is not None and (isinstance(strength, bool) or not np.isfinite(strength) or strength <= 0):
        raise JaxsimError(f"strength={strength!r} must be a number above 0")
    wanted = records_wanted(problem, records)
    n = int((problem.base > 0).sum())
    with precision("float64"), Progress("select", None, run.progress) as bar:
        solver = _Solver(run, scaled(problem), steps, bar)
        if strength is None:
            strength, z, gap = solver.search(wanted, rounds)
        else:
            z, gap = solver.select(strength, rounds, solver.data.unit, CLOSE)
            wanted = 0
        selected = solver.weights(z)
        chosen = kept(z)
        details = {"strength": strength, "kept": chosen, "selected": selected, "gap": gap}
        if not chosen:
            message = "every household was dropped: lower the strength, or ask for more records"
            return Outcome(problem.base * 0.0, STALLED, message, None, solver.history, details | {"steps": solver.done})
        low = jnp.where(z > 0, run.bounds[0], 0.0)
        high = jnp.where(z > 0, solver.ceiling(), 0.0)
        z, reached, left = solver.solve(low, high, 0.0, 1.0, z, CLOSE, REFIT * steps)
        weights = solver.weights(z)
    prices = problem.errors(weights) / len(problem.values)
    message = f"{chosen:,} of {n:,} households kept at strength {strength:.3g}"
    if chosen < wanted:
        message += f" (no strength keeps the {wanted:,} asked for)"
    if gap > ROUGH:
        message += f", by prices that had not settled (raise steps; {gap:.1e} of the objective was left)"
    message += ", and refitted" if reached else f"; the refit did not settle ({left:.1e} was left): raise steps"
    details |= {"steps": solver.done}
    return Outcome(weights, CONVERGED if reached else STALLED, message, prices, solver.history, details)


def sample(run: Run, *, records: int | None = None, seed: int = 0, refit: str | None = "auto") -> Outcome:
    """Households drawn by chance in proportion to their base weights, calibrated from the weights they then have.

    The draw is systematic, in the order of the households (Madow 1949): a drawn household's base weight is divided by
    the probability of drawing it, so totals are right in expectation, and an order that puts like by like (by state)
    stratifies. Households whose expected count is one or more are kept for certain. Bounds are of the ratio to the
    weight so drawn, and a target may have no household that was drawn.

    Args:
        records: households to draw; a tenth of them by default.
        seed: of the draw.
        refit: "raking", "descent", "auto" (raking if all targets are counts of households, else descent) or None for
            the weights as drawn.
    """
    whole_number("seed", seed, 0)
    if refit is not None and refit not in REFITS:
        raise JaxsimError(f"refit={refit!r}: use one of {', '.join(map(repr, REFITS))}, or None")
    problem = run.problem
    count = records_wanted(problem, records)
    probability = _probabilities(problem.base, count)
    drawn = _draw(probability, np.random.default_rng(seed).random())
    base = np.where(drawn, problem.base / np.where(drawn, probability, 1.0), 0.0)
    details = {"records": count, "certain": int((probability == 1.0).sum()), "drawn": base}
    words = f"{count:,} of {int((problem.base > 0).sum()):,} households drawn"
    empty = int((restricted(problem, drawn, base).carriers == 0).sum())
    if empty:
        words += f", none for {empty:,} of {len(problem.values):,} targets"
    if refit is None:
        return Outcome(base, STALLED, f"{words}, not calibrated", None, [report(problem, base, 0)], details)
    if refit == "auto":
        refit = "descent" if cannot_rake(problem) else "raking"
    held_out = None if run.held_out is None else restricted(run.held_out, drawn, base)
    again = dataclasses.replace(run, problem=restricted(problem, drawn, base), held_out=held_out)
    if refit == "raking":
        found = raking(again)
    else:
        from jaxsim.calibrate.methods_descent import descent

        found = descent(again)
    weights = np.zeros_like(problem.base)
    weights[drawn] = found.weights
    message = f"{words} and calibrated by {refit}: {found.message}"
    details |= {"refit": refit, **found.details}
    return Outcome(weights, found.status, message, found.prices, found.history, details)


def _probabilities(base: np.ndarray, count: int) -> np.ndarray:
    """Of drawing each household, in proportion to base weights but at most 1; they add up to the count."""
    certain = np.zeros(len(base), dtype=bool)
    if count == int((base > 0).sum()):
        return np.where(base > 0, 1.0, 0.0)
    while True:
        rest = np.where(certain, 0.0, base)
        expected = np.where(certain, 1.0, rest * ((count - certain.sum()) / rest.sum()))
        over = ~certain & (expected >= 1.0 - 1e-9)  # a hair below 1 could be hit twice for rounding
        if not over.any():
            return expected
        certain |= over


def _draw(probability: np.ndarray, start: float) -> np.ndarray:
    """Which households a systematic draw takes: those that points at distance 1 fall upon [households]."""
    drawn = probability == 1.0
    chance = np.flatnonzero((probability > 0) & ~drawn)
    count = round(float(probability[chance].sum()))
    if count:
        ends = np.cumsum(probability[chance])
        points = (start + np.arange(count)) * (ends[-1] / count)  # the last end is the count, but for rounding
        drawn[chance[np.minimum(np.searchsorted(ends, points, side="right"), len(ends) - 1)]] = True
    return drawn
