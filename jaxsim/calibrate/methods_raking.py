"""The method "raking": whole cells of margins are multiplied in turn until all margins are met."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxsim.calibrate.fitting import CONVERGED, STALLED, Outcome, Run
from jaxsim.calibrate.problem import Problem
from jaxsim.errors import JaxsimError, whole_number
from jaxsim.precision import precision
from jaxsim.progress import Progress

MET = 1e-9
"""Largest relative error at which raking has met its targets."""
FIXED = 1e-10
"""Change of a cycle, relative to the targets, below which raking goes round in a fixed cycle."""
CYCLES = 20
"""Cycles of raking between reports."""


class Margins(NamedTuple):
    """Targets as margins, each a set of targets that share no household.

    Attributes:
        base: base weights [households].
        cells: column of `values` that each household counts in, -1 for none [margins, households].
        values: number of households asked for [margins, widest margin]; 1 where there is no cell.
        real: where there is a cell [margins, widest margin].
        bounds: least and largest ratio [2].
    """

    base: jax.Array
    cells: jax.Array
    values: jax.Array
    real: jax.Array
    bounds: jax.Array


class Raked(NamedTuple):
    """Where raking stands.

    Attributes:
        ratio: of weights to base weights [households].
        estimates: as `Margins.values`.
        cycle: cycles done.
        error: largest relative error.
        change: largest change of an estimate in the last cycle, relative to its target.
    """

    ratio: jax.Array
    estimates: jax.Array
    cycle: jax.Array
    error: jax.Array
    change: jax.Array


def raking(run: Run, *, cycles: int = 500) -> Outcome:
    """Iterative proportional fitting (Deming and Stephan 1940): margins are met in turn, over and over.

    Each target must count households: one positive entry, the same for every household that has it. Targets that share
    no household make up a margin, and in each cycle every margin multiplies the weights of its households by target
    over estimate. Without bounds the limit is the solution nearest to the base weights in entropy. Bounds clip ratios
    after each margin: the limit then meets the targets if any weights within the bounds do (these are Bregman
    projections in turn), but need not be the nearest.

    Args:
        cycles: most cycles.

    Raises:
        JaxsimError: a target that is not a count of households.
    """
    whole_number("cycles", cycles, 1)
    problem = run.problem
    refusal = cannot_rake(problem)
    if refusal:
        raise JaxsimError(refusal)
    history: list[dict[str, float]] = []
    with precision("float64"), Progress("rake", cycles, run.progress) as bar:
        margins = _margins(problem, run.bounds)
        start = _cell_totals(margins, jnp.ones_like(margins.base))
        state = Raked(jnp.ones_like(margins.base), start, jnp.asarray(0), jnp.asarray(jnp.inf), jnp.asarray(jnp.inf))
        done = 0
        while done < cycles and not _raked(state):
            state = _cycles(margins, state, min(done + CYCLES, cycles))
            before, done = done, int(state.cycle)
            weights = problem.base * np.asarray(state.ratio)
            row = report(problem, weights, done)
            history.append(row)
            bar.advance(done - before, mean_error=row["mean_error"], worst=row["worst"])
        error, change = float(state.error), float(state.change)
        count = len(margins.values)
    details = {"cycles": done, "margins": count, "largest error": error, "change": change}
    if error <= MET:
        return Outcome(weights, CONVERGED, f"all margins are met after {done:,} cycles", None, history, details)
    if change <= FIXED:
        message = (
            f"after {done:,} cycles each cycle ends where it began: margins contradict each other or the bounds, or "
            "have no households; the last of a cycle are met at the expense of the first"
        )
        return Outcome(weights, CONVERGED, message, None, history, details)
    message = f"estimates still changed by {change:.1e} in the last of {done:,} cycles: raise cycles"
    return Outcome(weights, STALLED, message, None, history, details)


def cannot_rake(problem: Problem) -> str:
    """Why a problem cannot be raked, by its first target that is no count of households; "" if it can."""
    matrix = problem.matrix
    for k, name in enumerate(problem.names):
        entries = matrix.data[matrix.indptr[k] : matrix.indptr[k + 1]]
        why = ""
        if problem.values[k] <= 0:
            why = f"is {problem.values[k]:,.6g}, and raking needs targets above 0"
        elif len(entries) and entries.min() <= 0:
            why = "has negative entries"
        elif len(entries) and np.ptp(entries) > 1e-12 * entries.max():
            if np.array_equal(entries, np.round(entries)):
                why = f"counts several members of one household ({entries.min():g} to {entries.max():g})"
            else:
                why = f"is an amount: its entries range from {entries.min():,.6g} to {entries.max():,.6g}"
        if why:
            return f"raking: target {name!r} {why}: use method 'entropy' or 'descent', or leave it out"
    return ""


def _margins(problem: Problem, bounds: tuple[float, float]) -> Margins:
    """Targets put, in their order, each into the first margin that has none of its households.

    Targets without households are in no margin: no weights change them.
    """
    matrix = problem.matrix
    cells = np.empty((0, matrix.shape[1]), dtype=np.int32)
    members: list[list[float]] = []
    for k, value in enumerate(problem.values):
        entry = slice(matrix.indptr[k], matrix.indptr[k + 1])
        at = matrix.indices[entry]
        if not len(at):
            continue
        taken = (cells[:, at] >= 0).any(axis=1)
        margin = int(np.argmin(taken)) if not taken.all() else len(members)
        if margin == len(members):
            cells = np.concatenate([cells, np.full((1, matrix.shape[1]), -1, dtype=np.int32)])
            members.append([])
        cells[margin, at] = len(members[margin])
        members[margin].append(value / matrix.data[entry][0])
    if not members:
        raise JaxsimError("raking: no target has a household")
    values = np.ones((len(members), max(map(len, members))))
    real = np.zeros(values.shape, dtype=bool)
    for margin, found in enumerate(members):
        values[margin, : len(found)], real[margin, : len(found)] = found, True
    return Margins(*map(jnp.asarray, (problem.base, cells, values, real, np.array(bounds))))


def _totals_of(cell: jax.Array, weights: jax.Array, width: int) -> jax.Array:
    # households in no cell have a negative index, and segment_sum leaves those out
    return jax.ops.segment_sum(weights, cell, num_segments=width)


@jax.jit
def _cell_totals(margins: Margins, ratio: jax.Array) -> jax.Array:
    """Households by cell, as `Margins.values`."""
    weights, width = margins.base * ratio, margins.values.shape[1]
    return jax.lax.map(lambda cell: _totals_of(cell, weights, width), margins.cells)


def _raked(state: Raked) -> jax.Array:
    return (state.error <= MET) | (state.change <= FIXED)


@jax.jit
def _cycles(margins: Margins, state: Raked, limit: int) -> Raked:
    """Cycles until the targets are met, the cycle is fixed or so many are done."""
    width = margins.values.shape[1]

    def one(ratio: jax.Array, margin: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, None]:
        cell, value = margin
        total = _totals_of(cell, margins.base * ratio, width)
        factor = jnp.append(jnp.where(total > 0, value / jnp.where(total > 0, total, 1.0), 1.0), 1.0)
        # a household in no cell has -1, which picks the 1 at the end
        return jnp.clip(ratio * factor[cell], margins.bounds[0], margins.bounds[1]), None

    def cycle(state: Raked) -> Raked:
        ratio, _ = jax.lax.scan(one, state.ratio, (margins.cells, margins.values))
        estimates = _cell_totals(margins, ratio)

        def largest(of: jax.Array) -> jax.Array:
            return jnp.max(jnp.where(margins.real, jnp.abs(of) / margins.values, 0.0))

        error, change = largest(estimates - margins.values), largest(estimates - state.estimates)
        return Raked(ratio, estimates, state.cycle + 1, error, change)

    return jax.lax.while_loop(lambda s: (s.cycle < limit) & ~_raked(s), cycle, state)


def report(problem: Problem, weights: np.ndarray, step: int) -> dict[str, float]:
    """Figures of weights for the history."""
    size = np.abs(problem.errors(weights))
    return {"step": float(step), "mean_error": float(size.mean()), "worst": float(size.max()),
            "nonzero": float((weights > 0).sum())}  # fmt: skip
