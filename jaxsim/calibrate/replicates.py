"""Replicate weights: how far the calibrated weights would differ had other households been drawn.

Each replicate calibrates anew from base weights of households drawn again (bootstrap) or with a group left out
(jackknife). Replicates of a dual method start from the fit's prices and use its Hessian, so that each costs a few
products, and batches of them run under `vmap`. Those of a descent start from its weights and descend again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxsim.calibrate import duals, methods_dual
from jaxsim.calibrate.duals import Dual
from jaxsim.calibrate.fitting import Fit
from jaxsim.calibrate.implicit import distance_of, household_amounts
from jaxsim.errors import JaxsimError, whole_number
from jaxsim.precision import precision
from jaxsim.progress import Progress

if TYPE_CHECKING:
    from jaxsim.simulation import Simulation

KINDS = ("bootstrap", "jackknife")
STEPS = 60
"""Most Newton steps of a replicate of a dual method."""
SETTLED = 1e-6
"""Largest gradient (relative error) at which a replicate is settled."""


@dataclass(frozen=True, eq=False)
class Replicates:
    """Replicate weights.

    Attributes:
        weights: [replicates, households].
        kind: "bootstrap" or "jackknife".
        factor: what squared deviations from the mean of the replicates are summed with to give a variance.
        settled: which replicates reached their optimum [replicates]; with slack, one that drew few carriers of a target
            may still miss it.
        fit: the fit whose weights they replicate.
    """

    weights: np.ndarray
    kind: str
    factor: float
    settled: np.ndarray
    fit: Fit

    def standard_error(self, simulation: Simulation | None, outcome: str | Any) -> float:
        """Standard error of the weighted total of a variable, or of amounts a household [households]."""
        amounts = household_amounts(self.fit, simulation, outcome)
        figures = self.weights[self.settled] @ amounts
        return float(np.sqrt(self.factor * np.square(figures - figures.mean()).sum()))


def replicates(
    fit: Fit, kind: str = "bootstrap", count: int = 100, *, seed: int = 0, batch: int = 4, steps: int = 150,
    progress: bool = False,
) -> Replicates:  # fmt: skip
    """Replicate weights of a fit by "descent" or a dual method ("entropy", "chi_square", "logit").

    Args:
        fit: the fit.
        kind: "bootstrap" (households drawn with replacement) or "jackknife" (`count` random groups, each left out
            once).
        count: number of replicates, at least 2.
        seed: of the draws.
        batch: replicates of a dual method that run together.
        steps: of each descent.
        progress: show a progress bar.
    """
    if kind not in KINDS:
        raise JaxsimError(f"replicates of kind {kind!r}: use one of {', '.join(KINDS)}")
    whole_number("count", count, 2)
    whole_number("batch", batch, 1)
    whole_number("steps", steps, 1)
    problem = fit.problem.keep(fit.fitted)
    carried = np.flatnonzero(problem.base > 0)
    if count > len(carried):
        raise JaxsimError(f"count={count}: more replicates than households with weight ({len(carried)})")
    rng = np.random.Generator(np.random.PCG64(seed))
    group = rng.permutation(len(carried)) % count

    def factors(k: int) -> np.ndarray:
        """What base weights are multiplied by in a replicate."""
        found = np.zeros(len(problem.base))
        if kind == "bootstrap":
            draws = np.random.Generator(np.random.PCG64([seed, k])).integers(0, len(carried), len(carried))
            found[carried] = np.bincount(draws, minlength=len(carried))
        else:
            found[carried] = np.where(group == k, 0.0, count / (count - 1.0))
        return found

    if fit.method == "descent":
        weights, settled = _descents(fit, [factors(k) for k in range(count)], steps, progress)
    else:
        weights, settled = _duals(fit, [factors(k) for k in range(count)], batch, progress)
    if settled.sum() < 2:
        raise JaxsimError("fewer than two replicates settled: give the targets more slack (`give`) in the fit")
    used = int(settled.sum())
    factor = 1.0 / (used - 1) if kind == "bootstrap" else (used - 1) / used
    return Replicates(weights, kind, factor, settled, fit)


def _descents(fit: Fit, factors: list[np.ndarray], steps: int, progress: bool) -> tuple[np.ndarray, np.ndarray]:
    """Weights [replicates, households], each by a descent from the fit's weights; and which settled: all."""
    from jaxsim.calibrate.fitting import Run
    from jaxsim.calibrate.methods_descent import descent

    problem = fit.problem.keep(fit.fitted)
    options = {**fit.options, "steps": steps, "stop_at": None}
    weights = []
    with Progress("replicates", len(factors), progress) as bar:
        for factor in factors:
            run = Run(problem.with_base(problem.base * factor), None, fit.bounds, fit.tolerance, None, False)
            weights.append(descent(run, **{**options, "start": fit.weights * factor}).weights)
            bar.advance()
    return np.stack(weights), np.ones(len(factors), dtype=bool)


def _duals(fit: Fit, factors: list[np.ndarray], batch: int, progress: bool) -> tuple[np.ndarray, np.ndarray]:
    """Weights [replicates, households] by Newton steps from the fit's prices, and which settled."""
    distance, problem = distance_of(fit), fit.problem.keep(fit.fitted)
    count, total = len(factors), problem.base.sum()
    weights, settled = np.empty((count, len(problem.base))), np.empty(count, dtype=bool)
    with precision("float64"), Progress("replicates", count, progress) as bar:
        tiles, values, shares, unit = methods_dual.arrays(problem)
        dual, prices = Dual(tiles, values, shares, fit.details["give"] * unit, distance), jnp.asarray(fit.prices)
        factored = _factor(dual, prices)
        for first in range(0, count, batch):
            some = range(first, min(first + batch, count))
            drawn = jnp.stack([tiles.rows(problem.base / total * factors[k]) for k in some])
            found, left = _settle(dual, drawn, prices, factored)
            weights[list(some)] = np.asarray(jax.vmap(tiles.households)(found)) * total
            settled[list(some)] = np.asarray(left) <= SETTLED
            bar.advance(len(some))
    return weights, settled


@jax.jit
def _factor(dual: Dual, prices: jax.Array) -> tuple[jax.Array, jax.Array]:
    return duals.factor(duals.hessian(dual, prices))


@jax.jit
def _settle(
    dual: Dual, drawn: jax.Array, prices: jax.Array, factored: tuple[jax.Array, jax.Array]
) -> tuple[jax.Array, jax.Array]:
    """Weights of replicates as shares [replicate, part, rows] from their base shares, and the largest gradients that
    are left [replicate], by Newton steps with one factored Hessian."""

    def one(shares: jax.Array) -> tuple[jax.Array, jax.Array]:
        own = dual._replace(shares=shares)
        state = duals.climb(own, duals.start(own, prices, factored), SETTLED / 10, STEPS, refactor=False)
        return own.found(state.prices), jnp.max(jnp.abs(state.gradient))

    return jax.vmap(one)(drawn)
