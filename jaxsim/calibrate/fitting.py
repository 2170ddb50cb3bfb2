"""Fits: one call for every method, one result that says truthfully how good it is.

fit = js.calibrate.fit(problem, method="descent", bounds=(0.05, 20))
fit.status, fit.summary()
sim.with_weights(fit.weights)
"""

from __future__ import annotations

import dataclasses
import inspect
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxsim.calibrate.attainable import unattainable as find_unattainable
from jaxsim.calibrate.problem import Problem
from jaxsim.calibrate.selection import Targets
from jaxsim.errors import JaxsimError, nearest

if TYPE_CHECKING:
    import pandas as pd

    from jaxsim.simulation import Simulation

CONVERGED, INFEASIBLE, STALLED = "converged", "infeasible", "stalled"
BOUND = 1.0 + 1e-4
"""What float32 may add to a bound."""
POLICIES = ("leave_out", "raise", "keep")


@dataclass(frozen=True)
class Run:
    """What every method is told beside its own options.

    Attributes:
        problem: what is fitted, held-out families and targets out of reach left out.
        held_out: the problem of held-out families, or None.
        bounds: least and largest ratio of weight to base weight.
        tolerance: relative error within which a target counts as met, where it has none of its own.
        checkpoint: file that the state is saved to and resumed from, or None.
        progress: whether to show progress.
        devices: number of devices that records are spread over; None for one.
    """

    problem: Problem
    held_out: Problem | None
    bounds: tuple[float, float]
    tolerance: float
    checkpoint: Any
    progress: bool
    devices: int | None = None

    def digest(self, *settings: Any) -> str:
        """Of problem and settings, for checkpoints."""
        import hashlib

        held = self.held_out.digest() if self.held_out is not None else ""
        words = repr((self.problem.digest(), held, self.bounds, self.tolerance, settings))
        return hashlib.sha256(words.encode()).hexdigest()


@dataclass(frozen=True)
class Outcome:
    """What a method returns.

    Attributes:
        weights: [households].
        status: "converged" (an optimum), or "stalled".
        message: what happened, for people.
        prices: what a unit of relative error of each target costs [targets], or None.
        history: one row a report on the way.
        details: anything else worth keeping.
    """

    weights: np.ndarray
    status: str
    message: str
    prices: np.ndarray | None = None
    history: list[dict[str, float]] = field(default_factory=list)
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Fit:
    """Calibrated weights and how good they are.

    Attributes:
        weights: one a household [households].
        status: "converged": at an optimum that meets all targets; "infeasible": at an optimum, but some targets cannot
            be met together (see `unmet`); "stalled": stopped before the optimum.
        message: the same in a sentence.
        problem: with all targets asked for.
        fitted: which targets were fitted, rather than held out or left out [targets].
        held_out: families that were held out.
        left_out: what was found out of reach before fitting (see `attainable.unattainable`): those `alone` were left
            out unless they were to be kept.
        prices: dual price of each fitted target, in loss (or distance) for a unit of relative error; None without.
        method, options: how it was made.
        bounds, tolerance: as asked.
        history: progress, one row a report.
        details: what else the method found.
        seconds: how long it took, compilation included.
    """

    weights: np.ndarray
    status: str
    message: str
    problem: Problem
    fitted: np.ndarray
    held_out: tuple[str, ...]
    left_out: pd.DataFrame
    prices: np.ndarray | None
    method: str
    options: Mapping[str, Any]
    bounds: tuple[float, float]
    tolerance: float
    history: pd.DataFrame
    details: Mapping[str, Any]
    seconds: float

    @property
    def errors(self) -> np.ndarray:
        """Relative error of every target, fitted or not [targets]."""
        return self.problem.errors(self.weights)

    @property
    def unmet(self) -> pd.DataFrame:
        """Fitted targets missed by more than their tolerance, the dearest first."""
        table = self.table()
        missed = table[table.fitted & (table.error.abs() > np.maximum(self.problem.tolerance, self.tolerance))]
        by = missed.price.abs() if self.prices is not None else missed.error.abs()
        return missed.loc[by.sort_values(ascending=False, kind="stable").index]

    def table(self) -> pd.DataFrame:
        """One row a target: family, value, carriers, estimates and errors before and after, fitted, price."""
        import pandas as pd

        frame = self.problem.frame(self.weights).rename(columns={"fitted": "estimate", "fitted error": "error"})
        frame["fitted"] = self.fitted
        price = np.full(len(frame), np.nan)
        if self.prices is not None:
            price[self.fitted] = self.prices
        frame["price"] = pd.Series(price, index=frame.index)
        return frame

    @property
    def effective_sample_size(self) -> float:
        """Kish's: squared sum of weights over sum of squares."""
        return effective_sample_size(self.weights)

    @property
    def nonzero(self) -> int:
        """Households with a weight above zero."""
        return int((self.weights > 0).sum())

    def summary(self) -> dict[str, float]:
        """Errors of the fitted targets, weights, and errors of held-out families."""
        found = dict(error_summary(self.errors[self.fitted]))
        held = np.isin(self.problem.families, self.held_out)
        if held.any():
            found |= {f"held out {k}": v for k, v in error_summary(self.errors[held]).items()}
        ratio = self.weights[self.problem.base > 0] / self.problem.base[self.problem.base > 0]
        return {
            "targets": float(self.fitted.sum()),
            **found,
            "effective sample size": self.effective_sample_size,
            "effective sample size of base": effective_sample_size(self.problem.base),
            "nonzero weights": float(self.nonzero),
            "median ratio": float(np.median(ratio)),
            "largest ratio": float(ratio.max()),
            "seconds": self.seconds,
        }

    def families(self) -> pd.DataFrame:
        """Fit by family: targets, mean and median error before and after, share within 1% and 10%, fitted."""
        table = self.table()
        table["before"], table["after"] = table["base error"].abs(), table["error"].abs()
        return table.groupby("family").agg(
            targets=("value", "size"), fitted=("fitted", "sum"), before=("before", "mean"), after=("after", "mean"),
            median=("after", "median"), within_1=("after", lambda e: (e <= 0.01).mean()),
            within_10=("after", lambda e: (e <= 0.1).mean()),
        )  # fmt: skip

    def report(self, simulation: Simulation | None = None) -> Any:
        """Everything there is to say about the fit, with plots; see `report.Report`."""
        from jaxsim.calibrate.report import Report

        return Report(self, simulation)

    def sensitivity(self, simulation: Simulation | None, outcome: Any) -> pd.DataFrame:
        """How much an outcome hangs on each target; see `implicit.sensitivity`."""
        from jaxsim.calibrate.implicit import sensitivity

        return sensitivity(self, simulation, outcome)

    def replicates(self, kind: str = "bootstrap", count: int = 100, **options: Any) -> Any:
        """Replicate weights by bootstrap or jackknife; see `replicates.replicates`."""
        from jaxsim.calibrate.replicates import replicates

        return replicates(self, kind, count, **options)

    def __repr__(self) -> str:
        s = self.summary()
        return (
            f"<{self.method} fit, {self.status}: {int(s['targets']):,} targets, mean error {s['mean error']:.3%}, "
            f"{s['within 10%']:.1%} within 10%; {self.nonzero:,} households, "
            f"effective {s['effective sample size']:,.0f}>"
        )


def effective_sample_size(weights: np.ndarray) -> float:
    """Kish's effective sample size: squared sum of weights over the sum of their squares."""
    squares = float(np.square(weights).sum())
    return float(weights.sum()) ** 2 / squares if squares > 0 else 0.0


def error_summary(errors: np.ndarray) -> dict[str, float]:
    """Mean, median and largest size of relative errors, shares within 1% and 10%."""
    size = np.abs(errors)
    if not len(size):
        return {}
    return {
        "mean error": float(size.mean()), "median error": float(np.median(size)), "largest error": float(size.max()),
        "within 1%": float((size <= 0.01).mean()), "within 10%": float((size <= 0.1).mean()),
    }  # fmt: skip


def methods() -> dict[str, Callable[..., Outcome]]:
    """Methods by name; their keyword arguments are the options of `fit`."""
    from jaxsim.calibrate import methods_descent, methods_dual, methods_raking, methods_subset

    return {
        "descent": methods_descent.descent,
        "l0": methods_descent.l0,
        "entropy": methods_dual.entropy,
        "chi_square": methods_dual.chi_square,
        "logit": methods_dual.logit,
        "raking": methods_raking.raking,
        "l1": methods_subset.l1,
        "reweighted_l1": methods_subset.reweighted_l1,
        "sample": methods_subset.sample,
    }


def fit(
    problem: Problem | Simulation,
    targets: Targets | None = None,
    *,
    method: str = "descent",
    bounds: tuple[float | None, float | None] | None = None,
    tolerance: float = 0.01,
    held_out: str | Iterable[str] = (),
    unattainable: str = "leave_out",
    checkpoint: Any = None,
    progress: bool = False,
    devices: int | None = None,
    **options: Any,
) -> Fit:
    """Weights of households that meet targets.

    Args:
        problem: a `Problem`, or a simulation together with `targets`.
        targets: see `select`; only with a simulation.
        method: "descent" (fast, for thousands of conflicting targets), "l0" (few records), "entropy", "chi_square" or
            "logit" (the nearest weights, to many digits), "raking", "l1", "reweighted_l1" or "sample".
        bounds: least and largest ratio of weight to base weight; None for the method's own.
        tolerance: relative error within which a target counts as met, where it has no tolerance of its own: it decides
            the status, not the weights (a target's own tolerance enters a descent's loss).
        held_out: families of targets that are not fitted but reported; a descent stops when they get worse, and takes
            the weights with the least error of theirs (patience=None only reports).
        unattainable: "leave_out" targets that no weights can meet, "raise", or "keep" them.
        checkpoint: a file; a fit that is killed goes on from it when it is called again.
        progress: show a progress bar.
        devices: spread the records over so many devices (the results are the same); None for one.
        options: of the method, see its function in `methods()`.

    Raises:
        JaxsimError: an unknown method or option, a bound or family that makes no sense, nothing to fit.
    """
    began = time.perf_counter()
    if not isinstance(problem, Problem):
        from jaxsim.calibrate.matrix import build_matrix
        from jaxsim.simulation import Simulation

        if not isinstance(problem, Simulation) or not isinstance(targets, Targets):
            raise JaxsimError("fit needs a Problem (see build_matrix), or a Simulation and the Targets of select()")
        problem = build_matrix(problem, targets, progress=progress)
    elif targets is not None:
        raise JaxsimError("a Problem holds its targets: leave out `targets`")
    known = methods()
    if method not in known:
        raise JaxsimError(f"method {method!r}: use one of {', '.join(known)}.{nearest(str(method), known)}")
    allowed = [n for n in inspect.signature(known[method]).parameters if n != "run"]
    for name in options:
        if name not in allowed:
            raise JaxsimError(
                f"method {method!r} has no option {name!r}: it has {', '.join(allowed)}.{nearest(name, allowed)}"
            )
    if unattainable not in POLICIES:
        raise JaxsimError(f"unattainable={unattainable!r}: use one of {', '.join(POLICIES)}")
    if isinstance(tolerance, bool) or not 0 < tolerance < 1:
        raise JaxsimError(f"tolerance={tolerance!r}: give a relative error above 0 and below 1, e.g. 0.01")
    limits = _limits(bounds)
    out = (held_out,) if isinstance(held_out, str) else tuple(held_out)
    for family in out:
        if family not in problem.families:
            raise JaxsimError(f"no family {family!r} to hold out.{nearest(str(family), set(problem.families))}")
    held = np.isin(problem.families, out)
    if held.all():
        raise JaxsimError("no target is left to fit: all are held out")
    gone = find_unattainable(problem.keep(~held), *limits, tolerance)
    if unattainable == "raise" and gone.alone.any():
        first = gone[gone.alone].iloc[0]
        raise JaxsimError(
            f"{int(gone.alone.sum())} targets cannot be met by any weights; the first, {first.name!r}, is "
            f"{first.value:,.6g} and can reach {first.least:,.6g} to {first.most:,.6g} ({first.kind}): correct or drop "
            "them, widen the bounds, or use unattainable='leave_out'"
        )
    alone = set(gone.index[gone.alone]) if unattainable == "leave_out" else set()
    fitted = np.array([not h and name not in alone for h, name in zip(held, problem.names, strict=True)])
    if not fitted.any():
        raise JaxsimError("no target is left to fit: all are held out or out of reach")
    run = Run(problem.keep(fitted), problem.keep(held) if held.any() else None, limits, tolerance, checkpoint, progress,
              devices)  # fmt: skip
    found = known[method](run, **options)
    return _result(found, run, problem, fitted, out, gone, method, options, time.perf_counter() - began)


def _result(
    found: Outcome, run: Run, problem: Problem, fitted: np.ndarray, held_out: tuple[str, ...], gone: pd.DataFrame,
    method: str, options: Mapping[str, Any], seconds: float,
) -> Fit:  # fmt: skip
    """The fit with a status that holds for the weights themselves, whatever the method believes."""
    import pandas as pd

    errors = np.abs(run.problem.errors(found.weights))
    met = errors <= np.maximum(run.problem.tolerance, run.tolerance)
    status, message = found.status, found.message
    if not np.isfinite(found.weights).all() or (found.weights < 0).any():
        raise JaxsimError(f"method {method!r} ended with weights that are negative or not finite: {message}")
    ratio = found.weights[found.weights > 0] / run.problem.base[found.weights > 0]
    if len(ratio) and (ratio.max() > run.bounds[1] * BOUND or ratio.min() < run.bounds[0] / BOUND):
        raise JaxsimError(
            f"method {method!r} left the bounds {run.bounds}: ratios {ratio.min():.4g} to {ratio.max():.4g}"
        )
    if status == CONVERGED and not met.all():
        status = INFEASIBLE
        worst = run.problem.names[int(np.argmax(errors))]
        among = "" if (found.weights > 0).sum() == (problem.base > 0).sum() else " by the households that were kept"
        message = (
            f"{message}; {int((~met).sum()):,} of {len(met):,} targets cannot be met together with the others{among}: "
            f"see `unmet`; the furthest is {worst!r}, off by {errors.max():.1%}"
        )
    return Fit(
        weights=found.weights, status=status, message=message, problem=problem, fitted=fitted, held_out=held_out,
        left_out=gone, prices=found.prices, method=method, options=dict(options), bounds=run.bounds,
        tolerance=run.tolerance, history=pd.DataFrame(found.history), details=found.details, seconds=seconds,
    )  # fmt: skip


def _limits(bounds: Any) -> tuple[float, float]:
    """Bounds of the ratio, checked; (0, infinity) for none."""
    if bounds is None:
        return 0.0, np.inf
    try:
        low, high = bounds
        low, high = (0.0 if low is None else float(low)), (np.inf if high is None else float(high))
    except (TypeError, ValueError):
        raise JaxsimError(f"bounds={bounds!r}: give (least, largest) ratio of weight to base weight") from None
    if not 0 <= low < 1 < high:
        raise JaxsimError(f"bounds={bounds!r}: the least ratio lies in [0, 1), the largest above 1")
    return low, high


def restricted(problem: Problem, kept: np.ndarray, base: np.ndarray) -> Problem:
    """The problem of some households alone, from other base weights."""
    groups = None if problem.groups is None else problem.groups[kept]
    matrix = problem.matrix.tocsc()[:, np.flatnonzero(kept)].tocsr()
    return dataclasses.replace(problem, matrix=matrix, base=base[kept], groups=groups)


def records_wanted(problem: Problem, records: int | None) -> int:
    """The number of records to keep, checked; by default a tenth of the households with weight.

    Raises:
        JaxsimError: not a whole number from 1 to the households with weight.
    """
    n = int((problem.base > 0).sum())
    if records is None:
        return max(n // 10, 1)
    if isinstance(records, bool) or not isinstance(records, int) or not 1 <= records <= n:
        raise JaxsimError(f"records={records!r}: give a whole number from 1 to the {n:,} households with weight")
    return records
