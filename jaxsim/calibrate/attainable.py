"""Targets that no weights can meet, found before any fitting.

With ratios of weight to base weight between two bounds each target has a range it can reach on its own; and two targets
with the same carriers (a count and an amount, or one fact from two sources) have a range for their ratio, which weights
cannot leave either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from jaxsim.calibrate.problem import Problem
from jaxsim.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

LARGEST_GROUP = 30
"""Targets with the same carriers that are compared pair by pair."""


def unattainable(problem: Problem, low: float = 0.0, high: float = np.inf, tolerance: float = 0.01) -> pd.DataFrame:
    """Targets out of reach, each on its own or beside another.

    Args:
        problem: matrix, targets and base weights.
        low: least ratio of weight to base weight.
        high: largest ratio; infinite for none.
        tolerance: relative error up to which a target counts as met; a target's own is used where it is larger.

    Returns:
        one row a finding, by target: kind ("empty": no household carries it; "sign"; "bounds": the bounds keep weights
        from it; "ratio": the other target's carriers do not allow both), value, least and most that can be reached
        (for "ratio": of value over the other's value), carriers, other and alone (True where it cannot be met whatever
        the other targets are).
    """
    import pandas as pd

    if not 0 <= low <= high:
        raise InputError(f"ratios of weights from {low} to {high}: give 0 <= low <= high")
    slack = np.maximum(problem.tolerance, tolerance) * problem.scale
    least, most = reach(problem, low, high)
    carriers = problem.carriers
    found = []
    for k in np.flatnonzero((problem.values > most + slack) | (problem.values < least - slack)):
        # a bound of 0 or none: what stops the target is the sign of its entries
        by_sign = (problem.values[k] > 0 and most[k] <= 0) or (problem.values[k] < 0 and least[k] >= 0)
        kind = "empty" if carriers[k] == 0 else "sign" if by_sign else "bounds"
        found.append((problem.names[k], kind, problem.values[k], least[k], most[k], carriers[k], "", True))
    bad = {name for name, *_ in found}
    found += [row for row in _ratios(problem, slack) if not {row[0], row[6]} & bad]
    columns = ["target", "kind", "value", "least", "most", "carriers", "other", "alone"]
    return pd.DataFrame(found, columns=columns).set_index("target")


def reach(problem: Problem, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """Least and most that weights within the bounds can give for each target on its own [targets]."""
    matrix = problem.matrix
    up, down = matrix.maximum(0) @ problem.base, (-matrix).maximum(0) @ problem.base
    with np.errstate(invalid="ignore"):
        top = np.where(up > 0, high * up, 0.0) - low * down
        bottom = low * up - np.where(down > 0, high * down, 0.0)
    return bottom, top


def _ratios(problem: Problem, slack: np.ndarray) -> list[tuple[Any, ...]]:
    """Pairs of targets with the same carriers whose ratio no mixture of these carriers has."""
    matrix, carried = problem.matrix, problem.base > 0
    groups: dict[bytes, list[int]] = {}
    entries: dict[int, np.ndarray] = {}
    for k in range(matrix.shape[0]):
        row = slice(matrix.indptr[k], matrix.indptr[k + 1])
        at, data = matrix.indices[row], matrix.data[row]
        if carried[at].any():
            entries[k] = data[carried[at]]
            groups.setdefault(at[carried[at]].tobytes(), []).append(k)
    found = []
    for rows in groups.values():
        for position, later in enumerate(rows[:LARGEST_GROUP]):
            for earlier in rows[:position]:
                # a mixture of ratios: the entries divided by are of one sign
                both = ((later, earlier), (earlier, later))
                fits = [(i, j) for i, j in both if problem.values[j] != 0 and _one_sign(entries[j])]
                if not fits:
                    continue
                i, j = fits[0]
                ratios = entries[i] / entries[j]
                least, most, sign = ratios.min(), ratios.max(), np.sign(entries[j][0])
                # what the other target allows within its tolerance, and what that allows this one
                size = np.maximum(sign * problem.values[j] + slack[j] * np.array([-1.0, 1.0]), 0.0)
                ends = sign * np.outer((least, most), size)
                if problem.values[i] > ends.max() + slack[i] or problem.values[i] < ends.min() - slack[i]:
                    ratio = problem.values[i] / problem.values[j]
                    found.append((problem.names[i], "ratio", ratio, least, most, len(ratios), problem.names[j], False))
    return found


def _one_sign(entries: np.ndarray) -> bool:
    return bool((entries > 0).all() or (entries < 0).all())
