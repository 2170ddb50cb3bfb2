"""Whether synthetic records give away donors: how near they come to one, and how many are copies.

Distances and copies mean something beside those that donors have among themselves: a survey has many rows that are
equal in a few columns (all zeros), and a synthetic row that repeats them betrays nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from jaxsim.errors import InputError, whole_number
from jaxsim.impute import checked
from jaxsim.impute.scores import percentiles

LEVELS = (0, 1, 5, 10, 25, 50, 75, 95)


def nearest_donor_distance(
    synthetic: pd.DataFrame, donors: pd.DataFrame, columns: Iterable[str] | None = None, weights: Any = None,
    donor_weights: Any = None, *, levels: Sequence[float] = LEVELS, most: int = 20_000, seed: int = 0,
) -> pd.DataFrame:  # fmt: skip
    """Distances of synthetic records to their nearest donor, beside those of donors to their nearest other donor.

    Euclidean over columns divided by the donors' weighted standard deviation (1 for a constant column). Where the
    first are much smaller than the second, the model repeats its donors (the distance to the closest record of the
    literature on synthetic data, with the leave-one-out distances as its yardstick).

    Args:
        synthetic: [n] records.
        donors: [k] records, two or more.
        columns: compared; those of `donors` by default.
        weights: [n], of synthetic records.
        donor_weights: [k].
        levels: percent.
        most: records of each table whose nearest donor is sought, drawn at random where there are more; the donors
            searched are always all.
        seed: of that choice.

    Returns:
        by level, weighted percentiles of the distances: synthetic, donors, and their ratio (NaN where the latter is 0).
    """
    from sklearn.neighbors import NearestNeighbors

    whole_number("most", most, 1)
    if not all(0 <= p <= 100 for p in levels):
        raise InputError(f"levels={levels!r}: give percent, 0 to 100")
    if len(donors) < 2:
        raise InputError("donors: distances among them need two rows or more")
    names = checked.chosen(donors, columns, "donors")
    x, y = checked.matrix(synthetic, names, "synthetic"), checked.matrix(donors, names, "donors")
    of_x, of_y = checked.weights(weights, len(x)), checked.weights(donor_weights, len(y), "donor_weights")
    share = of_y / of_y.sum()
    centre = share @ y
    spread = np.sqrt(share @ (y - centre) ** 2)
    varies = (y != y[0]).any(axis=0) & (spread > 0)
    spread = np.where(varies, spread, 1.0)
    x, y = (x - centre) / spread, (y - centre) / spread
    search = NearestNeighbors(algorithm="kd_tree").fit(y)  # brute force leaves rounding where the distance is 0
    rng = np.random.default_rng(seed)

    def chosen(n: int, w: np.ndarray) -> np.ndarray:
        """Rows to look at; those with weight."""
        rows = np.flatnonzero(w > 0)
        return rows if len(rows) <= most else np.sort(rng.choice(rows, most, replace=False))

    at = chosen(len(x), of_x)
    own = chosen(len(y), of_y)
    distance = search.kneighbors(x[at], 1)[0][:, 0]
    # the second nearest is the nearest other one: whichever of equal rows comes first, its distance is 0
    others = search.kneighbors(y[own], 2)[0][:, 1]
    table = pd.DataFrame(
        {"synthetic": percentiles(distance, of_x[at], levels), "donors": percentiles(others, of_y[own], levels)},
        index=pd.Index(levels, name="percentile"),
    )
    table["ratio"] = table["synthetic"] / table["donors"].where(table["donors"] > 0)
    return table


def share_of_copies(
    synthetic: pd.DataFrame, donors: pd.DataFrame, columns: Iterable[str] | None = None, weights: Any = None
) -> float:
    """Weighted share of synthetic rows that equal a donor, exactly, in all columns. See `share_of_twins`.

    Args:
        synthetic: [n] records.
        donors: [k] records.
        columns: compared; those of `donors` by default.
        weights: [n].
    """
    names = checked.chosen(donors, columns, "donors")
    x, y = checked.matrix(synthetic, names, "synthetic"), checked.matrix(donors, names, "donors")
    same = _numbered(np.concatenate([x, y]))
    return float(np.average(np.isin(same[: len(x)], same[len(x) :]), weights=checked.weights(weights, len(x))))


def share_of_twins(donors: pd.DataFrame, columns: Iterable[str] | None = None, weights: Any = None) -> float:
    """Weighted share of donors that equal another donor in all columns: what `share_of_copies` is compared with."""
    same = _numbered(checked.matrix(donors, checked.chosen(donors, columns, "donors"), "donors"))
    return float(np.average(np.bincount(same)[same] > 1, weights=checked.weights(weights, len(donors))))


def _numbered(rows: np.ndarray) -> np.ndarray:
    """A number for each row, the same for equal rows; [n]."""
    return np.unique(rows + 0.0, axis=0, return_inverse=True)[1].ravel()  # + 0.0: minus zero is zero
