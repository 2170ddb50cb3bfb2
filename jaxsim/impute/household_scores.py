"""How good synthetic households are: their sizes, their totals, and how alike their members are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from jaxsim.errors import InputError
from jaxsim.impute import checked
from jaxsim.impute.scores import percentiles, spearman

SIZES = 5
"""Households of this size and larger are one class."""


def household_statistics(
    persons: pd.DataFrame, household: str, values: Iterable[str], weights: Any = None, *,
    relation: str | None = None, of: tuple[Any, Any] | None = None,
) -> pd.Series:  # fmt: skip
    """What independent persons get wrong: sizes of households, their totals, and how alike their members are.

    Args:
        persons: one row a person.
        household: column with the household's id; rows of a household need not stand together.
        values: columns of amounts.
        weights: one a person; a household counts with the mean of its members'.
        relation: column that says who a person is in the household.
        of: two values of `relation`, say head and spouse: adds the rank correlation between the first member of each,
            over households that have both.

    Returns:
        by (variable, statistic). Variable "household": mean size, size 1 ... size 5+ (shares). Each variable: mean
        total, p50 total, p99 total, zero total (share), Gini of totals (negative ones counted as 0; NaN where all are),
        spearman of the two highest (in households of two or more; positive even of independent persons, since the one
        bounds the other, so compare it), spearman of pair.
    """
    names = checked.chosen(persons, values, "persons")
    if (relation is None) != (of is None):
        raise InputError("relation, of: give both, the column and its two values, or neither")
    checked.chosen(persons, [household, *([relation] if relation else [])], "persons")
    if persons[household].isna().any():
        raise InputError(f"persons: {household} is missing in {checked.first_rows(persons[household].isna())}")
    amounts = checked.matrix(persons, names, "persons")
    codes, ids = pd.factorize(persons[household])
    size = np.bincount(codes, minlength=len(ids))
    w = np.bincount(codes, weights=checked.weights(weights, len(persons)), minlength=len(ids)) / size
    found: dict[tuple[str, str], float] = {("household", "mean size"): np.average(size, weights=w)}
    for s in range(1, SIZES + 1):
        same = size == s if s < SIZES else size >= s
        found["household", f"size {s}{'+' if s == SIZES else ''}"] = np.average(same, weights=w)
    pairs = None if of is None else [_first_member(codes, persons[relation].to_numpy() == o, len(ids)) for o in of]
    for j, name in enumerate(names):
        v = amounts[:, j]
        total = np.bincount(codes, weights=v, minlength=len(ids))
        p50, p99 = percentiles(total, w, [50, 99])
        order = np.lexsort((-v, codes))
        first = np.cumsum(size) - size
        two = size > 1
        found |= {
            (name, "mean total"): np.average(total, weights=w),
            (name, "p50 total"): p50,
            (name, "p99 total"): p99,
            (name, "zero total"): np.average(total == 0, weights=w),
            (name, "Gini of totals"): _gini(total, w),
            (name, "spearman of the two highest"): _pair(v[order[first[two]]], v[order[first[two] + 1]], w[two]),
        }
        if pairs is not None:
            both = (pairs[0] >= 0) & (pairs[1] >= 0)
            found[name, "spearman of pair"] = _pair(v[pairs[0][both]], v[pairs[1][both]], w[both])
    index = pd.MultiIndex.from_tuples(list(found), names=["variable", "statistic"])
    return pd.Series(np.array(list(found.values()), dtype=np.float64), index=index, name="value")


def household_errors(
    real: pd.DataFrame, synthetic: pd.DataFrame, household: str, values: Iterable[str], weights_real: Any = None,
    weights_synthetic: Any = None, *, relation: str | None = None, of: tuple[Any, Any] | None = None,
) -> pd.DataFrame:  # fmt: skip
    """`household_statistics` of two tables side by side: real, synthetic, difference (synthetic less real)."""
    values = list([values] if isinstance(values, str) else values)
    first = household_statistics(real, household, values, weights_real, relation=relation, of=of)
    second = household_statistics(synthetic, household, values, weights_synthetic, relation=relation, of=of)
    return pd.DataFrame({"real": first, "synthetic": second, "difference": second - first})


def _first_member(codes: np.ndarray, is_it: np.ndarray, households: int) -> np.ndarray:
    """Row of the first person of each household of whom `is_it` holds, -1 where there is none; [households]."""
    found = np.full(households, -1)
    rows = np.flatnonzero(is_it)[::-1]
    found[codes[rows]] = rows
    return found


def _pair(x: np.ndarray, y: np.ndarray, w: np.ndarray) -> float:
    """Weighted Spearman correlation of two columns; NaN without two rows that have weight."""
    if (w > 0).sum() < 2:
        return float("nan")
    return float(spearman(pd.DataFrame({"x": x, "y": y}), w).to_numpy()[0, 1])


def _gini(x: np.ndarray, w: np.ndarray) -> float:
    """As `jaxsim.outcomes.gini`, in NumPy; NaN without a positive amount."""
    order = np.argsort(x)
    share, amount = w[order] / w.sum(), np.maximum(x[order], 0)
    total = share @ amount
    if not total > 0:
        return float("nan")
    received = share * amount / total
    return float(1 - (share * (2 * (np.cumsum(received) - received) + received)).sum())
