"""How much an outcome hangs on each target and on each base weight: derivatives through the fit.

At the optimum of a dual method ("entropy", "chi_square", "logit") the weights are a smooth function of targets and base
weights, and the implicit function theorem gives its derivative: one linear system for all targets at once, with the
Hessian that Newton's method has anyway. Slack of the targets (`give`) is held as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxsim.calibrate import duals, methods_dual
from jaxsim.calibrate.distances import Distance
from jaxsim.calibrate.duals import Dual
from jaxsim.calibrate.fitting import Fit
from jaxsim.errors import JaxsimError
from jaxsim.precision import precision

if TYPE_CHECKING:
    import pandas as pd

    from jaxsim.simulation import Simulation


def sensitivity(fit: Fit, simulation: Simulation | None, outcome: str | Any) -> pd.DataFrame:
    """Derivative of an outcome of the calibrated file with respect to every fitted target.

    Args:
        fit: by a dual method.
        simulation: of the same households, to compute a variable; None with amounts.
        outcome: a variable whose weighted total is the outcome, or what a unit of each household's weight adds to it
            [households] (the derivative of any figure with respect to the weights).

    Returns:
        one row a target, the largest elasticity first: value, derivative (outcome a unit of the target), elasticity,
        effect of 1% (outcome for a change of the target by one percent).
    """
    import pandas as pd

    amounts = household_amounts(fit, simulation, outcome)
    by_value, _ = derivatives(fit, amounts)
    problem = fit.problem.keep(fit.fitted)
    total = float(amounts @ fit.weights)
    frame = pd.DataFrame(
        {"family": problem.families, "value": problem.values, "derivative": by_value}, index=problem.names
    )
    frame["effect of 1%"] = by_value * problem.values / 100.0
    frame["elasticity"] = by_value * problem.values / total if total else np.nan
    return frame.sort_values("effect of 1%", key=np.abs, ascending=False, kind="stable")


def base_sensitivity(fit: Fit, simulation: Simulation | None, outcome: str | Any) -> np.ndarray:
    """Derivative of an outcome of the calibrated file with respect to every base weight [households]."""
    return derivatives(fit, household_amounts(fit, simulation, outcome))[1]


def derivatives(fit: Fit, amounts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Derivatives of the weighted sum of amounts [households] by fitted target and by base weight [households].

    Raises:
        JaxsimError: a fit without an optimum that differentiates.
    """
    distance = distance_of(fit)
    problem = fit.problem.keep(fit.fitted)
    total = problem.base.sum()
    with precision("float64"):
        tiles, values, shares, unit = methods_dual.arrays(problem)
        dual = Dual(tiles, values, shares, fit.details["give"] * unit, distance)
        given = tiles.rows(np.asarray(amounts, dtype=np.float64) * total)
        by_value, by_share = _adjoint(dual, jnp.asarray(fit.prices), given)
        return np.asarray(by_value) / problem.scale, np.asarray(tiles.households(by_share)) / total


@jax.jit
def _adjoint(dual: Dual, prices: jax.Array, given: jax.Array) -> tuple[jax.Array, jax.Array]:
    _, by_value, by_share, _ = duals.adjoint(dual, prices, given)
    return by_value, by_share


def distance_of(fit: Fit) -> Distance:
    """The distance of a dual fit at its optimum."""
    found = fit.details.get("distance")
    if found is None or fit.prices is None:
        raise JaxsimError(
            f"a fit by {fit.method!r} has no optimum that differentiates: use method='logit', 'entropy' or "
            "'chi_square' (with some give where targets conflict)"
        )
    if fit.status == "stalled":
        raise JaxsimError("the fit stalled before its optimum: derivatives hold only there; raise steps, or give more")
    return found


def household_amounts(fit: Fit, simulation: Simulation | None, outcome: str | Any) -> np.ndarray:
    """What a unit of each household's weight adds to an outcome [households]."""
    n = len(fit.weights)
    if isinstance(outcome, str):
        if simulation is None:
            raise JaxsimError(f"to follow {outcome!r} give the simulation that computes it")
        amounts = household_values(simulation, outcome)[outcome].to_numpy()
    else:
        amounts = np.asarray(outcome, dtype=np.float64)
    if amounts.shape != (n,) or not np.isfinite(amounts).all():
        raise JaxsimError(f"outcome: {amounts.shape} amounts for the {n:,} households of the fit")
    return amounts


def household_values(simulation: Simulation, *names: str) -> pd.DataFrame:
    """Variables added up over the members of each household, a column each.

    Raises:
        JaxsimError: an unknown variable, or a category: codes do not add up.
    """
    for name in names:
        if getattr(simulation.system.variable(name), "kind", "") in ("category", "code"):
            raise JaxsimError(f"{name} is a category: a total of codes means nothing")
    return simulation.calculate(*names, entity="household")
