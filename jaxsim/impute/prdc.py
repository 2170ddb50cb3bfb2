"""How near the records of two tables lie: precision, recall, density and coverage by nearest neighbours."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from jaxsim.errors import InputError, whole_number
from jaxsim.impute import checked

BLOCK = 1 << 22
"""Distances held at a time."""


def prdc(
    real: pd.DataFrame, synthetic: pd.DataFrame, k: int = 5, *,
    columns: Iterable[str] | None = None, most: int = 10_000, seed: int = 0,
) -> dict[str, float]:  # fmt: skip
    """Precision, recall, density and coverage of a synthetic table, unweighted as the paper defines them.

    Balls around records reach to their k-th neighbour within their own table. Precision: share of synthetic records
    in a ball of a real one; recall: share of real records in a ball of a synthetic one; density: how many balls of
    real records a synthetic one lies in, over the number expected (can exceed 1); coverage: share of real balls with
    a synthetic record (Naeem and others 2020, "Reliable fidelity and diversity metrics for generative models").
    Columns are taken as ranks among the real records, divided by the standard deviation of those. Surveys have ties,
    for which the paper makes no provision: a record in the same place is inside a ball even of radius 0, and density
    divides by the number of real records in the ball, which is k without ties. Two equal tables thus score 1 in all.

    Args:
        real: [n] records; with survey weights, draw records in proportion to weight first.
        synthetic: [m] records.
        k: neighbours.
        columns: compared; those of `real` by default.
        most: records used of each table, drawn at random where it has more; the cost grows with its square.
        seed: of that choice.
    """
    from scipy.spatial.distance import cdist

    whole_number("k", k, 1)
    whole_number("most", most, k + 1)
    names = checked.chosen(real, columns, "real")
    tables = [checked.matrix(real, names, "real"), checked.matrix(synthetic, names, "synthetic")]
    rng = np.random.default_rng(seed)
    chosen = [t if len(t) <= most else t[np.sort(rng.choice(len(t), most, replace=False))] for t in tables]
    if min(map(len, chosen)) <= k:
        raise InputError(f"real, synthetic: k={k} neighbours need {k + 1} rows or more in each table")
    x, y = _standard_ranks(chosen[0], chosen[1])

    def blocks(n: int, other: int) -> list[slice]:
        rows = max(1, BLOCK // other)
        return [slice(s, s + rows) for s in range(0, n, rows)]

    def balls(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Radius of each ball, and the number of records of its own table inside."""
        radius, inside = np.empty(len(points)), np.empty(len(points))
        for at in blocks(len(points), len(points)):
            distance = cdist(points[at], points)
            radius[at] = np.partition(distance, k, axis=1)[:, k]
            inside[at] = ((distance < radius[at, None]) | (distance == 0)).sum(axis=1)
        return radius, inside

    (around_x, inside_x), (around_y, _) = balls(x), balls(y)
    dense, precise, recalled, covered = np.zeros(len(y)), np.zeros(len(y), bool), 0, 0
    for at in blocks(len(x), len(y)):
        distance = cdist(x[at], y)
        same = distance == 0
        in_real = (distance < around_x[at, None]) | same
        dense += (in_real / inside_x[at, None]).sum(axis=0)
        precise |= in_real.any(axis=0)
        covered += int(in_real.any(axis=1).sum())
        recalled += int(((distance < around_y) | same).any(axis=1).sum())
    return {
        "precision": float(precise.mean()), "recall": recalled / len(x),
        "density": float(dense.mean()), "coverage": covered / len(x),
    }  # fmt: skip


def _standard_ranks(real: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ranks among the real rows (share below plus half the share equal) over their standard deviation."""
    found = []
    for x, y in zip(real.T, other.T, strict=True):
        order = np.sort(x)
        a, b = ((np.searchsorted(order, v) + np.searchsorted(order, v, "right")) / 2 / len(x) for v in (x, y))
        spread = a.std() if (a != a[0]).any() else 1.0
        found.append((a / spread, b / spread))
    return np.column_stack([f[0] for f in found]), np.column_stack([f[1] for f in found])
