"""The methods "entropy", "chi_square" and "logit": the nearest weights that meet targets, along a path of slack."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from jaxsim.calibrate import checkpoints, duals
from jaxsim.calibrate.distances import Distance
from jaxsim.calibrate.duals import Dual
from jaxsim.calibrate.fitting import CONVERGED, STALLED, Outcome, Run, effective_sample_size
from jaxsim.calibrate.problem import Problem
from jaxsim.calibrate.tiles import Tiles, spread, tile
from jaxsim.errors import JaxsimError, whole_number
from jaxsim.precision import precision
from jaxsim.progress import Progress

LOOSE = 10.0
"""Slack at which the path starts."""
TIGHT = 1e-6
"""Slack at the end of the path to exact targets."""
DIRECT = 15
"""Newton steps for which exact targets are tried without a path."""
FALLS = 0.7
"""Share of the largest error that must be gone after slack is cut to a tenth, while targets are within reach."""
NOISE = 1e3
"""Multiple of `close` that may be rounding noise: a gradient that cannot fall further counts as settled."""
ON_THE_WAY = 1e-5
"""Largest gradient at which the path goes on to the next slack."""


def entropy(run: Run, *, give: float = 0.0, steps: int = 40, close: float = 1e-10, start: float = LOOSE) -> Outcome:
    """The weights nearest to the base weights in entropy: ratios are exponentials.

    Args:
        give: slack of the targets: 0 for exact. A target that stood alone would be missed by give / (1 + give) of what
            the base weights miss it by.
        steps: most Newton steps for each slack of the path.
        close: largest gradient (relative error) at which the last step is final.
        start: slack at which the path starts.
    """
    return _dual(run, "entropy", give, steps, close, start)


def chi_square(run: Run, *, give: float = 0.0, steps: int = 40, close: float = 1e-10, start: float = LOOSE) -> Outcome:
    """The weights nearest in chi-square distance (generalised regression); without bounds they may turn negative,
    which is refused. Options as for `entropy`."""
    return _dual(run, "chi_square", give, steps, close, start)


def logit(run: Run, *, give: float = 0.0, steps: int = 40, close: float = 1e-10, start: float = LOOSE) -> Outcome:
    """The nearest weights by the logit distance, smooth between both bounds, which must be given; options as for
    `entropy`."""
    return _dual(run, "logit", give, steps, close, start)


def arrays(problem: Problem) -> tuple[Tiles, jax.Array, jax.Array, jax.Array]:
    """Matrix, values and shares as `duals` takes them, and the slack that a give of 1 is; in float64.

    A target's slack is in proportion to the variance of its estimate over households, so that few large records give
    more than many small ones.
    """
    total = problem.base.sum()
    tiles = tile(problem.relative(total), np.float64)
    shares = tiles.rows(problem.base / total)
    return (
        tiles,
        jnp.asarray(problem.values / problem.scale),
        shares,
        jnp.maximum(tiles.squared().totals(shares), 1e-300),
    )


def distance_of(kind: str, bounds: tuple[float, float]) -> Distance:
    """The distance of a kind within bounds."""
    low, high = bounds
    if kind == "chi_square":
        return Distance(kind, low, None if np.isinf(high) else high) if (low, high) != (0.0, np.inf) else Distance(kind)
    return Distance(kind, low or (0.0 if kind == "logit" else None), None if np.isinf(high) else high)


_start, _step = jax.jit(duals.start), jax.jit(duals.step)


@jax.jit
def _weights(dual: Dual, prices: jax.Array) -> jax.Array:
    return dual.tiles.households(dual.found(prices))


def _dual(run: Run, kind: str, give: float, steps: int, close: float, start: float) -> Outcome:
    whole_number("steps", steps, 1)
    if isinstance(give, bool) or not np.isfinite(give) or give < 0:
        raise JaxsimError(f"give={give!r}: the slack is a number of at least 0; 0 asks for exact targets")
    if not 0 < close < 1 or not start > 0:
        raise JaxsimError(f"close={close!r} must lie between 0 and 1, start={start!r} above 0")
    problem = run.problem
    distance = distance_of(kind, run.bounds)
    digest = run.digest("dual", kind, give, steps, close, start)
    path = _path(start, give)
    with precision("float64"), Progress("fit", None, run.progress) as bar:
        tiles, values, shares, unit = spread(arrays(problem), run.devices)
        exact = Dual(tiles, values, shares, jnp.zeros_like(unit), distance)
        total = problem.base.sum()

        def weights(prices: jax.Array) -> np.ndarray:
            return np.asarray(_weights(exact, prices)) * total

        def climb(slack: float, prices: jax.Array, most: int, enough: float) -> tuple[duals.State, float]:
            """Newton steps at one slack, and the largest gradient that is left."""
            dual = exact._replace(give=slack * unit, damp=0.0 * unit if slack else TIGHT * unit)
            state = _start(dual, prices)
            while True:
                left = float(jnp.max(jnp.abs(state.gradient)))
                if left <= enough or int(state.steps) >= most or not np.isfinite(left):
                    return state, left
                state = _step(dual, state)
                bar.advance(1, slack=slack, gradient=left)

        prices, stage, errors, history = jnp.zeros_like(values), 0, [], []
        if run.checkpoint is not None:
            found = checkpoints.load(run.checkpoint, digest, (prices, np.zeros(len(path))))
            if found is not None:
                (prices, before), numbers = found
                stage = int(numbers["stage"])
                errors = [float(e) for e in np.asarray(before)[: int(numbers["errors"])]]
        settled, infeasible, slack = True, False, path[max(stage - 1, 0)]
        for k in range(stage, len(path)):
            last, direct = k == len(path) - 1, k == 0 and path[0] == 0.0
            most = min(DIRECT, steps) if direct else steps
            state, left = climb(path[k], prices, most, close if last or direct else ON_THE_WAY)
            settled = left <= NOISE * close or (not (last or direct) and left <= ON_THE_WAY)
            if direct and not settled:
                continue  # the long way, from the start
            if not np.isfinite(left):
                break
            missed = np.abs(problem.errors(weights(state.prices)))
            errors.append(float(missed.max()))
            history.append({
                "step": float(k), "give": path[k], "newton_steps": float(state.steps), "gradient": left,
                "mean_error": float(missed.mean()), "worst": errors[-1],
                "effective_sample_size": effective_sample_size(weights(state.prices)),
            })  # fmt: skip
            # exact targets are out of reach together: prices grow without bound while the error stays
            infeasible = give == 0 and errors[-1] > run.tolerance and (not settled if last else _no_better(errors))
            if not (infeasible and last):  # prices of the last, exact stage are on their way to infinity
                prices, slack = state.prices, path[k]
            if infeasible or direct:
                break
            if run.checkpoint is not None and not last:  # the last stage runs again, and says again whether it settled
                padded = np.zeros(len(path))
                padded[: len(errors)] = errors
                checkpoints.save(run.checkpoint, digest, (prices, padded),
                                 {"stage": float(k + 1), "errors": float(len(errors))})  # fmt: skip
        found_weights = weights(prices)
        proof = infeasible and _proof(exact, prices)
    details = {"give": slack, "proof": proof, "distance": distance}
    if (found_weights < 0).any():
        raise JaxsimError(
            f"{(found_weights < 0).mean():.1%} of the weights are negative: give bounds=(0, None) or more, use "
            "'entropy', or more give"
        )
    status = CONVERGED
    if infeasible:
        words = "proved by their prices" if proof else "their prices grow without bound"
        message = (
            f"exact targets contradict each other or the bounds ({words}); these are the weights with slack {slack:.0e}"
        )
    elif not settled:
        status = STALLED
        message = (
            f"Newton's method did not settle within {steps} steps at slack {slack:.0e}: raise steps, widen bounds or "
            "give more"
        )
    else:
        message = "the nearest weights" + (f" with slack {give:g}" if give else " that meet the targets exactly")
    return Outcome(found_weights, status, message, np.asarray(prices), history, details)


def _path(start: float, give: float) -> list[float]:
    """Slacks from loose to tight, each a tenth of the one before; the last is what was asked for.

    Exact targets are tried at once before: where they fit together that is all it takes.
    """
    end = give if give > 0 else TIGHT
    count = max(int(np.ceil(np.log10(start / end))), 0)
    between = [float(x) for x in start * 10.0 ** -np.arange(count)]
    return [*between, give] if give > 0 else [0.0, *between, TIGHT, 0.0]


def _no_better(errors: list[float]) -> bool:
    return len(errors) > 2 and errors[-1] > FALLS * errors[-2] and errors[-2] > FALLS * errors[-3]


def _proof(dual: Dual, prices: jax.Array) -> bool:
    """Whether the prices prove that no weights within the bounds meet the targets: what the targets are worth at
    these prices is more than any such weights can be worth (Farkas)."""
    towards = prices / jnp.max(jnp.abs(prices))
    worth, shares = dual.tiles.prices(towards), dual.shares
    low, high = dual.distance.limits
    gain, loss = jnp.maximum(worth, 0.0), jnp.maximum(-worth, 0.0)
    most_gain = high * gain if np.isfinite(high) else jnp.where(gain > 1e-9, jnp.inf, 0.0)
    most = float(jnp.sum(jnp.where(shares > 0, shares * (most_gain - max(low, 0.0) * loss), 0.0)))
    return bool(float(towards @ dual.values) > most + 1e-9)
