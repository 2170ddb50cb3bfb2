"""The inverse problem: which law of a family reproduces given outcomes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from jaxsim.design import NARROW, Free, _apart, coordinates_of
from jaxsim.errors import JaxsimError, whole_number
from jaxsim.figures import Figures
from jaxsim.measures import resolve
from jaxsim.reform import Reform

if TYPE_CHECKING:
    import pandas as pd

    from jaxsim.simulation import Simulation

IDENTIFIED = 1e-6  # singular value, as a part of the largest, below which a direction has no bearing on the outcomes


@dataclass(frozen=True)
class Reproduction:
    """The law of a family that comes nearest to given outcomes.

    Attributes:
        reform: the law, as a change of the simulation's.
        parameters: by coordinate: value now and found, bounds, and the part of its range by which it may move while
            the outcomes change by no more than 0.1% (inf where they do not tell).
        outcomes: by outcome: given, reproduced, difference.
        identified: directions of parameter space that the outcomes tell apart.
        status: what to make of it, in words.
        seconds: time taken.
    """

    reform: Reform
    parameters: pd.DataFrame
    outcomes: pd.DataFrame
    identified: int
    status: str
    seconds: float

    def __repr__(self) -> str:
        return "\n".join((self.status, self.parameters.to_string(), self.outcomes.to_string()))

    def _repr_html_(self) -> str:
        return f"<p>{self.status}</p>" + self.parameters.to_html() + self.outcomes.to_html()


def reproduce(
    sim: Simulation, free: Free, outcomes: Mapping[str, float], *, screen: int = 128, starts: int = 4, seed: int = 0
) -> Reproduction:
    """The law within bounds whose outcomes come nearest to given ones, by least squares of relative differences.

    Args:
        sim: the simulation.
        free: bounds by path, see `solve`.
        outcomes: value by outcome (of one figure each).
        screen: points tried at once before the search starts.
        starts: the best of them, from which it starts.
        seed: of these points.
    """
    import pandas as pd
    from scipy.optimize import least_squares
    from scipy.stats import qmc

    if not isinstance(outcomes, Mapping) or not outcomes:
        raise JaxsimError("give at least one outcome and its value")
    whole_number("screen", screen, 0)
    whole_number("starts", starts, 1)
    started = time.perf_counter()
    sim = sim if sim.precision == "float64" else sim._copy(precision="float64")
    groups, low, high = coordinates_of(sim, free)
    measures = resolve(sim, list(outcomes))
    figures = Figures(sim, measures, groups)
    wanted = np.array([float(v) for v in outcomes.values()])
    if len(figures.names) != len(wanted):
        raise JaxsimError("an outcome has several figures: give outcomes of one")
    cube = qmc.Sobol(len(low), rng=seed).random_base2(max(1, int(screen - 1).bit_length()))[:screen]
    points = np.concatenate([np.clip(figures.start, low, high)[None], low + cube * (high - low)])
    tried = figures(points)
    scale = np.where(wanted != 0, np.abs(wanted), np.maximum(np.ptp(tried, axis=0), 1e-300))
    distance = np.linalg.norm((tried - wanted) / scale, axis=1)
    chosen = _apart((points - low) / (high - low), np.argsort(distance), starts, 0.1)

    def run(begin: np.ndarray, window: float, exact: bool) -> np.ndarray:
        widths = {unit: window * w for unit, w in sim.widths(True).items()}  # type: ignore[union-attr]
        found = least_squares(
            lambda x: (figures.jacobian(x, None if exact else widths)[0] - wanted) / scale,
            begin,
            jac=lambda x: figures.jacobian(x, widths)[1] / scale[:, None],
            bounds=(low, high),
            x_scale=high - low,
            xtol=1e-14, ftol=1e-14, gtol=1e-14, max_nfev=100,
        )  # fmt: skip
        return found.x

    ends = [run(run(np.clip(points[i], low, high), 1.0, exact=False), NARROW, exact=True) for i in chosen]
    left = [np.linalg.norm((figures.jacobian(x)[0] - wanted) / scale) for x in ends]
    best = ends[int(np.argmin(left))]
    values, slopes = figures.jacobian(best)[0], figures.jacobian(best, sim.widths(NARROW * sim.widths(True)["USD"]))[1]  # type: ignore[index]
    sensitivity = slopes / scale[:, None] * (high - low)
    _, sizes, directions = np.linalg.svd(sensitivity, full_matrices=True)
    sizes = np.concatenate([sizes, np.zeros(len(low) - len(sizes))])
    told = sizes > IDENTIFIED * sizes.max()
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = np.where(told, 1e-3 / sizes, np.inf)
        room = np.nanmax(np.where(np.abs(directions.T) > 1e-9, np.abs(directions.T) * reach, 0.0), axis=1)
    parameters = pd.DataFrame({"now": figures.start, "found": best, "low": low, "high": high, "room": room},
                              index=pd.Index(figures.labels, name="parameter"))  # fmt: skip
    table = pd.DataFrame({"given": wanted, "reproduced": values, "difference": values - wanted},
                         index=pd.Index(figures.names, name="outcome"))  # fmt: skip
    worst = float(np.abs((values - wanted) / scale).max())
    status = f"outcomes are reproduced within {worst:.2g} of their size"
    if not told.all():
        status += f"; they tell apart {int(told.sum())} of {len(low)} directions of the parameters, others would do too"
    reform = Reform(figures.changes(best), name="law that reproduces outcomes")
    return Reproduction(reform, parameters, table, int(told.sum()), status, time.perf_counter() - started)
