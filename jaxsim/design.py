"""Design of reforms: the law within bounds that does best by one figure while others stay where they must.

The search follows smoothed derivatives (the law has steps, of which plain ones see nothing) from several starts: many
points of the space are first tried in one batched run, and the best of them are improved by sequential quadratic
programming (SLSQP of scipy, with our derivatives). The answer is then polished on the exact law, without derivatives
(COBYQA), and brought back onto its constraints by Newton steps on exact figures.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxsim.errors import JaxsimError, ParameterError, whole_number
from jaxsim.figures import Figures
from jaxsim.measures import Measure, resolve
from jaxsim.reform import Reform

if TYPE_CHECKING:
    import pandas as pd

    from jaxsim.simulation import Simulation

Free = Mapping[Any, tuple[float, float]]
NARROW = 0.25  # part of the default window over which the exact law's derivatives are smoothed at the end
NEAR_BOUND = 1e-6  # part of its range by which a parameter at its bound may differ from it


def cost_at_most(dollars: float) -> dict[str, tuple[float | None, float]]:
    """The constraint that the reform loses at most so much revenue."""
    return {"cost": (None, float(dollars))}


def revenue_neutral() -> dict[str, float]:
    """The constraint that revenue stays as it is."""
    return {"cost": 0.0}


@dataclass(frozen=True)
class Design:
    """A reform that a search found.

    Attributes:
        reform: the reform.
        parameters: by coordinate: value now and in the reform, bounds, whether it is at one of them.
        outcome: name of what was minimised (or maximised).
        before, after: its value under the simulation's law and under the reform, exact.
        constraints: by outcome: value, bounds, by how much it misses them, and its shadow price: the change of the
            objective for one unit more of the bound that binds.
        feasible: whether the constraints are met within their tolerance.
        optimality: size of what is left of the objective's derivative (in shares of the parameters' ranges) once the
            constraints and bounds that bind are taken off, as a part of the whole; near 0 at a smooth optimum.
        starts: by start: objective and largest relative miss at its end.
        status: what to make of it, in words.
        seconds: time taken.
    """

    reform: Reform
    parameters: pd.DataFrame
    outcome: str
    before: float
    after: float
    constraints: pd.DataFrame
    feasible: bool
    optimality: float
    starts: pd.DataFrame
    status: str
    seconds: float
    point: np.ndarray = field(repr=False)

    def __repr__(self) -> str:
        parts = [f"{self.outcome}: {self.before:,.6g} now, {self.after:,.6g} by the reform; {self.status}"]
        parts.append(self.parameters.to_string())
        if len(self.constraints):
            parts.append(self.constraints.to_string())
        return "\n".join(parts)

    def _repr_html_(self) -> str:
        head = f"<h4>{self.outcome}: {self.before:,.6g} now, {self.after:,.6g} by the reform</h4><p>{self.status}</p>"
        return head + self.parameters.to_html() + (self.constraints.to_html() if len(self.constraints) else "")


def solve(
    sim: Simulation,
    free: Free,
    minimise: Any = None,
    subject_to: Mapping[Any, Any] | Iterable[Mapping[Any, Any]] = (),
    *,
    maximise: Any = None,
    screen: int = 128,
    starts: int = 4,
    seed: int = 0,
    start: Any = None,
    smooth: Any = True,
    tolerance: float = 1e-6,
) -> Design:
    """The reform within bounds that minimises (or maximises) an outcome under constraints.

    Args:
        sim: the simulation; its law is the baseline.
        free: lower and upper bound by path: of a cell, of an array (each of its cells is free), or of a tuple of paths
            that take one value.
        minimise: an outcome of one figure: a name, a function of columns or a measure (see `measures.resolve`).
        subject_to: by outcome a number that it must equal, or (low, high) with None for no bound; or several of these,
            e.g. [js.cost_at_most(50e9)].
        maximise: instead of `minimise`.
        screen: points tried at once before the search starts.
        starts: the best of them, from which it starts.
        seed: of these points.
        start: a point to start from as well, e.g. `design.point`.
        smooth: window of the smoothed derivatives, see `Simulation.gradient`.
        tolerance: by how much a constraint may be missed, as a part of its size (its bound, or how much it varies over
            the space).

    Raises:
        ParameterError: a path that does not exist, bounds outside the valid range, or the wrong way round.
        JaxsimError: an outcome of several figures; both or neither of `minimise` and `maximise`.
    """
    if (minimise is None) == (maximise is None):
        raise JaxsimError("give one outcome to minimise or to maximise")
    whole_number("screen", screen, 0)
    whole_number("starts", starts, 1)
    limits = _limits(subject_to)
    objective = _single(sim, maximise if minimise is None else minimise)
    measures = (objective, *(_single(sim, name) for name in limits))
    problem = Problem(sim, free, measures, list(limits.values()), -1.0 if minimise is None else 1.0, smooth, tolerance)
    return problem.search(screen, starts, seed, start)


def _single(sim: Simulation, wanted: Any) -> Measure:
    (found, *more) = resolve(sim, wanted)
    if more or len(found.names) != 1:
        raise JaxsimError(f"{wanted!r} has several figures: give one")
    return found


def _limits(given: Any) -> dict[Any, tuple[float, float]]:
    """Bounds by outcome."""
    parts = [given] if isinstance(given, Mapping) or not isinstance(given, Iterable) else list(given)
    limits: dict[Any, tuple[float, float]] = {}
    for part in parts:
        if not isinstance(part, Mapping):
            raise JaxsimError(f"a constraint is a mapping such as {{'cost': (None, 50e9)}}, not {part!r}")
        for name, bound in part.items():
            if name in limits:
                raise JaxsimError(f"{name!r} is constrained twice")
            try:
                pair = (bound, bound) if np.isscalar(bound) else tuple(bound)
                low, high = (sign * np.inf if b is None else float(b) for sign, b in zip((-1, 1), pair, strict=True))
            except (TypeError, ValueError):
                raise JaxsimError(f"constraint {name!r}: give a number, or (low, high), None for no bound") from None
            if not low <= high:
                raise JaxsimError(f"constraint {name!r}: the lower bound {low:g} is above the upper one {high:g}")
            limits[name] = low, high
    return limits


def coordinates_of(sim: Simulation, free: Free) -> tuple[list[tuple[str, ...]], np.ndarray, np.ndarray]:
    """Cells, lower and upper bound of each coordinate."""
    from jaxsim.vary import cell_table

    if not isinstance(free, Mapping) or not free:
        raise ParameterError("free: give bounds by at least one parameter path")
    groups: list[tuple[str, ...]] = []
    bounds = []
    for key, pair in free.items():
        paths = key if isinstance(key, tuple) else (key,)
        leaf = sim.law.leaves.get(paths[0]) if len(paths) == 1 else None
        own = [(cell,) for cell in leaf.cell_names()] if leaf is not None else [paths]
        try:
            low, high = (float(v) for v in pair)
        except (TypeError, ValueError):
            raise ParameterError(f"{key}: give a lower and an upper bound") from None
        if not (np.isfinite([low, high]).all() and low < high):
            raise ParameterError(f"{key}: the bounds {low:g} and {high:g} are not a range")
        cell_table(sim.law, {cell: np.array([low, high]) for group in own for cell in group})
        groups += own
        bounds += [(low, high)] * len(own)
    low, high = np.array(bounds).T
    return groups, low, high


class Problem:
    """A search: figures over a box, the first of them the objective, the others bounded."""

    def __init__(
        self, sim: Simulation, free: Free, measures: tuple[Measure, ...], limits: list[tuple[float, float]],
        sign: float, smooth: Any, tolerance: float,
    ):  # fmt: skip
        self.started = time.perf_counter()
        sim = sim if sim.precision == "float64" else sim._copy(precision="float64")
        groups, self.low, self.high = coordinates_of(sim, free)
        self.figures = Figures(sim, measures, groups)
        self.limits, self.sign, self.tolerance = limits, sign, tolerance
        self.widths = sim.widths(smooth)
        self.scale = np.ones(len(measures))
        self._last: dict[Any, Any] = {}
        self.evaluations = 0

    # --- the box as a unit cube ---

    def x(self, z: np.ndarray) -> np.ndarray:
        return self.low + np.clip(z, 0, 1) * (self.high - self.low)

    def z(self, x: Any) -> np.ndarray:
        return np.clip((np.asarray(x, dtype=float) - self.low) / (self.high - self.low), 0, 1)

    def at(self, z: np.ndarray, window: float | None) -> tuple[np.ndarray, np.ndarray]:
        """Figures, signed and scaled, and derivatives by `z`: smoothed over a part of the window, None for exact."""
        key = (window, z.tobytes())
        if key not in self._last:
            if len(self._last) > 64:
                self._last.clear()
            widths = None if window is None or self.widths is None else {u: window * w for u, w in self.widths.items()}
            values, slopes = self.figures.jacobian(self.x(z), widths)
            self.evaluations += 1
            self._last[key] = self._scaled(values), self._scaled(slopes.T).T * (self.high - self.low)
        return self._last[key]

    def _scaled(self, values: np.ndarray) -> np.ndarray:
        values = values / self.scale
        values[..., 0] *= self.sign
        return values

    def misses(self, scaled: np.ndarray) -> np.ndarray:
        """By how much constraints are missed, in units of their scale, [..., constraints]."""
        if not self.limits:
            return np.zeros((*scaled.shape[:-1], 0))
        low, high = np.array(self.limits).T / self.scale[1:]
        return np.maximum(np.maximum(low - scaled[..., 1:], scaled[..., 1:] - high), 0)

    # --- the search ---

    def search(self, screen: int, starts: int, seed: int, start: Any) -> Design:
        import pandas as pd
        from scipy.stats import qmc

        n = len(self.low)
        if start is not None and np.shape(start) != (n,):
            raise JaxsimError(f"start has shape {np.shape(start)}: give a value for each of {n} coordinates")
        cube = qmc.Sobol(n, rng=seed).random_base2(max(1, int(screen - 1).bit_length()))[:screen]
        points = np.concatenate([self.z(self.figures.start)[None], cube])
        tried = self.figures(self.x(points))
        spread = np.ptp(tried, axis=0)
        bound = [0.0] + [max((abs(b) for b in limit if np.isfinite(b)), default=0.0) for limit in self.limits]
        self.scale = np.where(spread > 0, np.maximum(spread, bound), np.maximum(np.abs(tried).max(0), 1.0))
        scaled = self._scaled(tried)
        merit = scaled[:, 0] + 10 * self.misses(scaled).sum(-1)
        chosen = _apart(points, np.argsort(merit), starts, 0.1)
        begin = [points[i] for i in chosen] + ([] if start is None else [self.z(start)])
        ends = [self._improve(z) for z in begin]
        rows = []
        for z in ends:
            scaled_end = self.at(z, None)[0]
            rows.append((self.sign * scaled_end[0] * self.scale[0], float(self.misses(scaled_end).max(initial=0))))
        table = pd.DataFrame(rows, columns=["objective", "largest miss"], index=pd.RangeIndex(len(rows), name="start"))
        order = np.lexsort((self.sign * table["objective"], np.maximum(table["largest miss"], self.tolerance)))
        best = self._polish(ends[int(order[0])])
        return self._design(best, table)

    def _improve(self, z: np.ndarray) -> np.ndarray:
        """Sequential quadratic programming: on the smoothed law, then on exact figures with narrow windows."""
        end = z
        for window, values in ((1.0, 1.0), (NARROW, None)):
            end = self._quadratic(end, window, values)
        return self._best([z, self._restore(end)])  # a step that the smoothed law does not show may be lost on the way

    def _quadratic(self, z: np.ndarray, window: float, values: float | None) -> np.ndarray:
        from scipy.optimize import minimize

        constraints = []
        for k, (low, high) in enumerate(self.limits, start=1):
            low, high = low / self.scale[k], high / self.scale[k]
            if low == high:
                constraints.append(self._constraint("eq", k, 1.0, low, window, values))
                continue
            if np.isfinite(low):
                constraints.append(self._constraint("ineq", k, 1.0, low, window, values))
            if np.isfinite(high):
                constraints.append(self._constraint("ineq", k, -1.0, high, window, values))
        found = minimize(
            lambda z: self.at(z, values)[0][0],
            z,
            jac=lambda z: self.at(z, window)[1][0],
            bounds=[(0, 1)] * len(z),
            constraints=constraints,
            method="SLSQP",
            options={"maxiter": 60, "ftol": 1e-9},
        )
        before, after = self.at(z, values)[0], self.at(np.clip(found.x, 0, 1), values)[0]
        better = self._merit(after) <= self._merit(before)
        return np.clip(found.x, 0, 1) if better else z

    def _constraint(
        self, kind: str, k: int, side: float, bound: float, window: float, values: float | None
    ) -> dict[str, Any]:
        return {
            "type": kind,
            "fun": lambda z: side * (self.at(z, values)[0][k] - bound),
            "jac": lambda z: side * self.at(z, window)[1][k],
        }

    def _merit(self, scaled: np.ndarray) -> float:
        return float(scaled[0] + 100 * self.misses(scaled).sum())

    def _restore(self, z: np.ndarray) -> np.ndarray:
        """Newton steps of least size onto the constraints that are missed, on exact figures."""
        damping = 1.0
        for _ in range(30):
            values, slopes = self.at(z, None)[0], self.at(z, NARROW)[1]
            missed = self.misses(values)
            if missed.max(initial=0) <= 0.1 * self.tolerance:
                break
            low, high = np.array(self.limits).T / self.scale[1:]
            at = values[1:]
            gap = np.where(at < low, low - at, np.where(at > high, high - at, 0.0))
            rows = missed > 0
            free = np.ones(len(z), bool)
            for _ in range(len(z)):  # coordinates that a step would push out of the box stay
                step = np.zeros(len(z))
                step[free] = np.linalg.lstsq(slopes[1:][rows][:, free], gap[rows], rcond=None)[0]
                out = free & (((z <= 0) & (step < 0)) | ((z >= 1) & (step > 0)))
                if not out.any():
                    break
                free &= ~out
            moved = np.clip(z + damping * step, 0, 1)
            if self.misses(self.at(moved, None)[0]).max() >= missed.max():
                damping /= 2
                continue
            z, damping = moved, min(1.0, 2 * damping)
        return z

    def _polish(self, z: np.ndarray) -> np.ndarray:
        """A search without derivatives on the exact law around the answer."""
        from scipy.optimize import NonlinearConstraint, minimize

        constraints = []
        if self.limits:
            low, high = np.array(self.limits).T / self.scale[1:]
            constraints.append(NonlinearConstraint(lambda z: self.at(z, None)[0][1:], low, high))
        found = minimize(
            lambda z: self.at(np.clip(z, 0, 1), None)[0][0],
            z,
            method="COBYQA",
            bounds=[(0, 1)] * len(z),
            constraints=constraints,
            options={"initial_tr_radius": 0.01, "final_tr_radius": 1e-7, "maxfev": 60 * (len(z) + 1)},
        )
        return self._best([z, self._restore(np.clip(found.x, 0, 1))])

    def _best(self, points: list[np.ndarray]) -> np.ndarray:
        """Of some points that which misses constraints least, on the exact law, and of equal ones the best."""

        def order(point: np.ndarray) -> tuple[float, float]:
            values = self.at(point, None)[0]
            return max(float(self.misses(values).max(initial=0)), self.tolerance), float(values[0])

        return min(points, key=order)

    # --- the answer ---

    def _design(self, z: np.ndarray, starts: pd.DataFrame) -> Design:
        import pandas as pd

        f, x = self.figures, self.x(z)
        now, then = _under(f.sim, f.measures), f.jacobian(x)[0]
        missed = self.misses(self._scaled(then))
        prices, left = self._prices(z)
        lower, upper = z <= NEAR_BOUND, z >= 1 - NEAR_BOUND
        parameters = pd.DataFrame(
            {"now": f.start, "reform": x, "low": self.low, "high": self.high,
             "at bound": np.where(lower, "low", np.where(upper, "high", ""))},
            index=pd.Index(f.labels, name="parameter"),
        )  # fmt: skip
        limits = np.array(self.limits).reshape(-1, 2)
        constraints = pd.DataFrame(
            {"now": now[1:], "reform": then[1:], "low": limits[:, 0], "high": limits[:, 1],
             "missed by": missed * self.scale[1:], "shadow price": prices},
            index=pd.Index(f.names[1:], name="outcome"),
        )  # fmt: skip
        feasible = bool(missed.max(initial=0) <= self.tolerance)
        if feasible:
            agreeing = int((np.abs(starts["objective"] - then[0]) <= 1e-3 * self.scale[0]).sum())
            status = f"constraints are met; {agreeing} of {len(starts)} starts end within 0.1% of the best"
        else:
            worst = int(missed.argmax())
            status = (
                f"infeasible: no point was found that meets all constraints; here {f.names[1 + worst]} misses by "
                f"{missed[worst] * self.scale[1 + worst]:,.6g}. Widen the bounds or relax it"
            )
        name = f"design for {f.names[0]}"
        return Design(
            Reform(f.changes(x), name=name), parameters, f.names[0], float(now[0]), float(then[0]), constraints,
            feasible, left, starts, status, time.perf_counter() - self.started, x,
        )  # fmt: skip

    def _prices(self, z: np.ndarray) -> tuple[np.ndarray, float]:
        """Shadow prices of the constraints, and the part of the objective's derivative that nothing explains."""
        exact, slopes = self.at(z, None)[0], self.at(z, NARROW)[1]
        low, high = (np.array(self.limits).reshape(-1, 2) / self.scale[1:, None]).T
        near = 10 * self.tolerance
        binding = [k for k in range(len(low)) if min(abs(exact[1 + k] - low[k]), abs(exact[1 + k] - high[k])) <= near]
        free = (z > NEAR_BOUND) & (z < 1 - NEAR_BOUND)
        prices = np.zeros(len(low))
        left = slopes[0][free]
        if binding and free.any():
            rows = slopes[1:][binding][:, free]
            own = np.linalg.lstsq(rows.T, slopes[0][free], rcond=None)[0]
            left = slopes[0][free] - rows.T @ own
            prices[binding] = own
        prices = prices * self.sign * self.scale[0] / self.scale[1:]
        size = float(np.linalg.norm(slopes[0]))
        return prices, float(np.linalg.norm(left) / size) if size > 0 else 0.0


def _under(sim: Simulation, measures: tuple[Measure, ...]) -> np.ndarray:
    """Figures under the simulation's own law."""
    from jaxsim.sweep.kernel import Kernel

    return Kernel(sim, measures, (), laws=1).figures(np.zeros((1, 0)))[0]


def _apart(points: np.ndarray, order: np.ndarray, count: int, distance: float) -> list[int]:
    """The first `count` of some points in an order that are not near one another."""
    chosen: list[int] = []
    for i in order:
        if all(np.abs(points[i] - points[j]).max() > distance for j in chosen):
            chosen.append(int(i))
        if len(chosen) == count:
            break
    return chosen
