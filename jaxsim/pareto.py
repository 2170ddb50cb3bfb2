"""The Pareto frontier of two outcomes: reforms of which none does better by one without doing worse by the other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxsim.design import Design, Free, _limits, _single, solve
from jaxsim.errors import JaxsimError

if TYPE_CHECKING:
    import pandas as pd

    from jaxsim.simulation import Simulation

TIED = 1e-3  # part of an outcome's range along the frontier by which it must gain to tell equally good ends apart


@dataclass(frozen=True)
class Frontier:
    """Reforms along a frontier.

    Attributes:
        table: one row a reform: both outcomes, the parameters, and whether it meets all constraints.
        designs: the reforms.
    """

    table: pd.DataFrame
    designs: tuple[Design, ...]

    def plot(self) -> Any:
        """Both outcomes along the frontier."""
        from jaxsim.plots import plot_frontier

        return plot_frontier(self.table)

    def __repr__(self) -> str:
        return self.table.to_string()

    def _repr_html_(self) -> str:
        return self.table.to_html()


def frontier(
    sim: Simulation,
    free: Free,
    minimise: tuple[Any, Any],
    subject_to: Mapping[Any, Any] | Iterable[Mapping[Any, Any]] = (),
    *,
    points: int = 9,
    **options: Any,
) -> Frontier:
    """Reforms that minimise two outcomes, from the best by the first to the best by the second.

    Between the ends the second outcome is held at evenly spaced levels and the first minimised, each search starting
    from the one before as well.

    Args:
        sim: the simulation.
        free: bounds by path, see `solve`.
        minimise: the two outcomes.
        subject_to: further constraints, see `solve`.
        points: reforms along the frontier, at least 2.
        options: of `solve`.
    """
    import pandas as pd

    if isinstance(minimise, str) or len(minimise) != 2 or points < 2:
        raise JaxsimError("a frontier takes two outcomes to minimise, and at least 2 points")
    first, second = (_single(sim, outcome) for outcome in minimise)
    limits = _limits(subject_to)
    if any(isinstance(name, str) and name in (first.name, second.name) for name in limits):
        raise JaxsimError("an outcome of the frontier cannot be constrained as well")

    def value(design: Design, outcome: Any) -> float:
        return design.after if design.outcome == outcome.name else float(design.constraints.loc[outcome.name, "reform"])

    open_end = None, None  # a constraint without bounds reports the other outcome
    ends = [solve(sim, free, first, [limits, {second: open_end}], **options)]
    ends.append(solve(sim, free, second, [limits, {first: open_end}], start=ends[0].point, **options))
    spans = {outcome: abs(value(ends[0], outcome) - value(ends[1], outcome)) for outcome in (first, second)}
    for k, (wanted, other) in enumerate(((first, second), (second, first))):  # of equally good ends the best otherwise
        held: list[Mapping[Any, Any]] = [limits, {wanted: (None, ends[k].after)}]
        tied = solve(sim, free, other, held, start=ends[k].point, **options)
        if tied.feasible and tied.after < value(ends[k], other) - TIED * spans[other]:
            ends[k] = tied
    found, end = ends[:1], ends[1]
    levels = np.linspace(value(found[0], second), value(end, second), points)[1:-1]
    for level in levels:
        held = [limits, {second: (None, float(level))}]
        found.append(solve(sim, free, first, held, start=found[-1].point, **options))
    found.append(end)
    table = pd.DataFrame(
        [{first.name: value(d, first), second.name: value(d, second), **d.parameters["reform"], "feasible": d.feasible}
         for d in found], index=pd.RangeIndex(len(found), name="point"),
    )  # fmt: skip
    return Frontier(table, tuple(found))
