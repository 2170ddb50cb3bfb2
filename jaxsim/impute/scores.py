"""How good an imputation is: scores of draws against truth, and of one table against another.

Every score is weighted by survey weights (None means ones) and refuses missing values. NumPy, SciPy and scikit-learn in
float64; amounts keep their unit. Households are scored by `household_scores`, neighbours by `prdc`.

    table = scores.summary(truth, draws, weights)
    scores.two_sample(truth, drawn, weights, weights)["auc"]      # 0.5: nobody can tell them apart
    scores.spearman_error(truth, drawn, weights, weights)["max"]
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from jaxsim.errors import InputError, whole_number
from jaxsim.impute import checked
from jaxsim.impute.weighted import midranks, quantile

BLOCK = 1 << 22
"""Numbers held at a time where an array would grow with records times draws."""


# --- one variable -------------------------------------------------------------------------------------------------


def crps(truth: Any, draws: Any, weights: Any = None) -> float:
    """Continuous ranked probability score of draws, the weighted mean over records; lower is better.

    The fair estimator, mean |x - y| - sum_jk |x_j - x_k| / (2 m (m - 1)): its expectation is the score of the
    distribution that was drawn from, whatever the number of draws (Ferro 2014, "Fair scores for ensemble forecasts").

    Args:
        truth: [n], in any unit, which is also that of the score.
        draws: [n, m], m >= 2 draws of each record.
        weights: [n].
    """
    scores = crps_by_record(truth, draws)
    return float(np.average(scores, weights=checked.weights(weights, len(scores))))


def crps_by_record(truth: Any, draws: Any) -> np.ndarray:
    """The fair score of `crps` for each record, [n]; by chance it can be below 0. O(m log m) a record."""
    y = checked.vector(truth, "truth")
    x = checked.grid(draws, "draws", len(y))
    m = x.shape[1]
    if m < 2:
        raise InputError("draws: the fair CRPS needs 2 draws of each record or more")
    # sum_{j<k} (x_(k) - x_(j)) of sorted draws is sum_i (2i - m - 1) x_(i)
    factors = np.arange(1 - m, m, 2) / (m * (m - 1))
    found = np.empty(len(y))
    rows = max(1, BLOCK // m)
    for start in range(0, len(y), rows):
        at = slice(start, start + rows)
        away = np.sort(x[at] - y[at, None], axis=1)
        found[at] = np.abs(away).mean(axis=1) - away @ factors
    return found


def crps_from_quantiles(truth: Any, levels: Any, quantiles: Any, weights: Any = None) -> float:
    """CRPS of predicted quantiles: twice the integral of the pinball loss over all levels (Gneiting and Ranjan 2011).

    The quantile function is taken as linear between levels and constant beyond the outermost, and the integral is
    exact for it. Quantiles that cross are put in order first (Chernozhukov and others 2010). A grid that ends far
    from 0 and 1 leaves out tails: give it levels close to both where amounts are skewed.

    Args:
        truth: [n].
        levels: [q], increasing, between 0 and 1.
        quantiles: [n, q].
        weights: [n].
    """
    y, tau = checked.vector(truth, "truth"), checked.levels(levels)
    q = np.sort(checked.grid(quantiles, "quantiles", len(y), len(tau)), axis=1)
    # the integral of (F(x) - 1{x >= y})^2 with F linear on each segment, which y may split
    low, high, a, b = q[:, :-1], q[:, 1:], tau[:-1], tau[1:]
    split, width = np.clip(y[:, None], low, high), high - low
    at_split = a + (b - a) * np.divide(split - low, width, out=np.zeros_like(width), where=width > 0)
    below = (split - low) * (a * a + a * at_split + at_split * at_split) / 3
    c, d = 1 - at_split, 1 - b
    above = (high - split) * (c * c + c * d + d * d) / 3
    outside = np.maximum(q[:, 0] - y, 0) + np.maximum(y - q[:, -1], 0)
    return float(np.average((below + above).sum(axis=1) + outside, weights=checked.weights(weights, len(y))))


def pinball(truth: Any, levels: Any, quantiles: Any, weights: Any = None) -> pd.Series:
    """Weighted mean pinball loss by level (Koenker and Bassett 1978); lower is better.

    Args:
        truth: [n].
        levels: [q], increasing, between 0 and 1.
        quantiles: [n, q], scored as they are, even where they cross.
        weights: [n].
    """
    y, tau = checked.vector(truth, "truth"), checked.levels(levels)
    over = y[:, None] - checked.grid(quantiles, "quantiles", len(y), len(tau))
    losses = np.average(np.maximum(tau * over, (tau - 1) * over), axis=0, weights=checked.weights(weights, len(y)))
    return pd.Series(losses, index=pd.Index(tau, name="level"), name="pinball")


def wasserstein(a: Any, b: Any, weights_a: Any = None, weights_b: Any = None, *, relative: bool = False) -> float:
    """W1 distance of two weighted marginals, exact: the area between their distribution functions, in their unit.

    Args:
        a: [n], the truth.
        b: [k].
        weights_a: [n].
        weights_b: [k].
        relative: divide by the weighted mean of |a|; NaN where that is 0.
    """
    from scipy.stats import wasserstein_distance

    x, y = checked.vector(a, "a"), checked.vector(b, "b")
    of_x, of_y = checked.weights(weights_a, len(x), "weights_a"), checked.weights(weights_b, len(y), "weights_b")
    distance = float(wasserstein_distance(x, y, of_x, of_y))
    if not relative:
        return distance
    scale = np.average(np.abs(x), weights=of_x)
    return distance / float(scale) if scale > 0 else float("nan")


def zero_share(x: Any, weights: Any = None) -> float:
    """Share of weight at exactly 0."""
    values = checked.vector(x, "x")
    return float(np.average(values == 0, weights=checked.weights(weights, len(values))))


def percentile(x: Any, weights: Any = None, level: float = 99.0) -> float:
    """Weighted percentile: the least value with at least `level` percent of the weight at or below it."""
    if not 0 <= level <= 100:
        raise InputError(f"level={level!r}: give percent, 0 to 100")
    values = checked.vector(x, "x")
    return float(percentiles(values, checked.weights(weights, len(values)), [level])[0])


def percentiles(x: np.ndarray, w: np.ndarray, levels: Any) -> np.ndarray:
    """Weighted percentiles of `levels` (percent); rows without weight do not count."""
    return quantile(x[w > 0], np.asarray(levels) / 100, w[w > 0])


def summary(truth: pd.DataFrame, draws: Any, weights: Any = None, given: Iterable[str] | None = None) -> pd.DataFrame:
    """Scores of imputed variables, one row a variable.

    Distances, shares and percentiles are of each draw, averaged over draws: what one imputed file shows.

    Args:
        truth: observed values, one row a record.
        draws: m imputed tables with the rows of `truth`, as a sequence of DataFrames, or an array [m, n, variables] in
            the order of the variables in `truth`.
        weights: [n].
        given: columns of `truth` that were conditioned on: they are not scored, but a column "spearman error" gives
            the mean absolute error of a variable's rank correlations with them.

    Returns:
        crps (NaN of a single draw), wasserstein, relative wasserstein, zero share truth, zero share imputed, p99 truth,
        p99 imputed, and spearman error.
    """
    known = checked.chosen(truth, given, "truth") if given is not None else []
    names = [c for c in truth.columns if c not in known]
    if not names:
        raise InputError("truth: every column is in `given`, none is left to score")
    y, w = checked.matrix(truth, names, "truth"), checked.weights(weights, len(truth))
    x = checked.draws(draws, names, len(truth))
    rows = {}
    for j, name in enumerate(names):
        w1 = np.mean([wasserstein(y[:, j], d, w, w) for d in x[:, :, j]])
        scale = np.average(np.abs(y[:, j]), weights=w)
        rows[name] = {
            "crps": crps(y[:, j], x[:, :, j].T, w) if len(x) > 1 else np.nan,
            "wasserstein": w1,
            "relative wasserstein": w1 / scale if scale > 0 else np.nan,
            "zero share truth": zero_share(y[:, j], w),
            "zero share imputed": np.mean([zero_share(d, w) for d in x[:, :, j]]),
            "p99 truth": percentile(y[:, j], w),
            "p99 imputed": np.mean([percentile(d, w) for d in x[:, :, j]]),
        }
    table = pd.DataFrame.from_dict(rows, orient="index", dtype=np.float64).rename_axis("variable")
    if known:
        held = truth[known]
        tables = [pd.DataFrame(d, columns=names, index=held.index).join(held) for d in x]
        table["spearman error"] = [
            np.mean([spearman_error(truth, t, w, w, rows=[name], columns=known)["mean"] for t in tables])
            for name in names
        ]  # fmt: skip
    return table


# --- several variables --------------------------------------------------------------------------------------------


def spearman(
    table: pd.DataFrame, weights: Any = None, rows: Iterable[str] | None = None, columns: Iterable[str] | None = None
) -> pd.DataFrame:
    """Weighted Spearman rank correlations, [rows, columns]; NaN (its diagonal included) for a constant column.

    Ranks are those of rows repeated as often as they weigh, equal values at their average rank; the correlation of
    ranks is weighted too.

    Args:
        table: one row a record.
        weights: [n].
        rows: columns of the table that are rows of the result; all by default.
        columns: columns of the result; all by default.
    """
    down = checked.chosen(table, rows, "table")
    across = checked.chosen(table, columns, "table")
    used = list(dict.fromkeys([*down, *across]))
    values, w = checked.matrix(table, used, "table"), checked.weights(weights, len(table))
    share = w / w.sum()
    ranks = np.column_stack([midranks(v, share) for v in values.T])
    centred = (ranks - share @ ranks) * np.sqrt(share)[:, None]
    covariance = centred.T @ centred
    variance = covariance.diagonal().copy()
    scale = np.sqrt(np.where([_varies(v, w) for v in values.T], variance, np.nan))
    found = np.clip(covariance / scale / scale[:, None], -1, 1)
    return pd.DataFrame(found, index=used, columns=used).loc[down, across]


def spearman_error(
    a: pd.DataFrame, b: pd.DataFrame, weights_a: Any = None, weights_b: Any = None,
    rows: Iterable[str] | None = None, columns: Iterable[str] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Absolute differences of the rank correlations of two tables, over pairs of different columns.

    A column that is constant in one table alone counts as uncorrelated there, so that a model cannot hide by drawing
    nothing but zeros; pairs undefined in both are left out.

    Args:
        a: the truth; its columns are compared unless `rows` and `columns` say which.
        b: the other table, with the same columns in any order.
        weights_a: [n].
        weights_b: [k].
        rows: one side of the pairs.
        columns: the other side: rows = imputed, columns = given is the block of imputed against given.

    Returns:
        mean and max of the differences and `pair`, the two columns with the largest; NaN and None without any pair.
    """
    down, across = checked.chosen(a, rows, "a"), checked.chosen(a, columns, "a")
    checked.matrix(b, list(dict.fromkeys([*down, *across])), "b")
    first = spearman(a, checked.weights(weights_a, len(a), "weights_a"), down, across).to_numpy()
    second = spearman(b, checked.weights(weights_b, len(b), "weights_b"), down, across).to_numpy()
    found = {}
    for i, row in enumerate(down):
        for j, column in enumerate(across):
            x, y = first[i, j], second[i, j]
            if row != column and (column, row) not in found and not (np.isnan(x) and np.isnan(y)):
                found[row, column] = abs(np.nan_to_num(x) - np.nan_to_num(y))
    if not found:
        return {"mean": float("nan"), "max": float("nan"), "pair": None}
    worst = max(found, key=lambda pair: found[pair])
    return {"mean": float(np.mean(list(found.values()))), "max": float(found[worst]), "pair": worst}


def two_sample(
    a: pd.DataFrame, b: pd.DataFrame, weights_a: Any = None, weights_b: Any = None, *,
    columns: Iterable[str] | None = None, groups_a: Any = None, groups_b: Any = None, folds: int = 5, seed: int = 0,
) -> dict[str, float]:  # fmt: skip
    """Whether a classifier can tell the rows of two tables apart, by cross-validation (Lopez-Paz and Oquab 2017).

    Boosted trees (scikit-learn's HistGradientBoostingClassifier) learn which table a row is of, both tables having the
    same total weight; the score is the weighted area under the ROC curve on rows they have not seen.

    Args:
        a: one table.
        b: the other.
        weights_a: [n].
        weights_b: [k].
        columns: compared; those of `a` by default.
        groups_a: [n], ids such as those of households, whose rows stay in one fold. An id that stands on both sides is
            one group: give record numbers where `b` is `a` imputed, or a record's twin in the training folds betrays
            it and the area falls below 0.5.
        groups_b: [k].
        folds: number of folds.
        seed: of folds and trees.

    Returns:
        auc, the mean over folds: 0.5 cannot tell, 1 always can; its standard error from folds; accuracy, the weighted
        share of rows told right.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score

    whole_number("folds", folds, 2)
    names = checked.chosen(a, columns, "a")
    rows = [checked.matrix(a, names, "a"), checked.matrix(b, names, "b")]
    weights = [checked.weights(weights_a, len(a), "weights_a"), checked.weights(weights_b, len(b), "weights_b")]
    fold = _folds(*_groups(groups_a, groups_b, len(a), len(b)), folds, seed)
    x, side = np.concatenate(rows), np.repeat([0, 1], [len(a), len(b)])
    w = np.concatenate([v * (len(side) / 2 / v.sum()) for v in weights])
    areas, right = [], []
    for k in range(folds):
        seen, unseen = (fold != k) & (w > 0), (fold == k) & (w > 0)
        if any(len(np.unique(side[part])) < 2 for part in (seen, unseen)):
            raise InputError(f"a, b: too few rows or groups with weight for {folds} folds of both tables: give fewer")
        model = HistGradientBoostingClassifier(early_stopping=False, random_state=seed)
        chance = model.fit(x[seen], side[seen], sample_weight=w[seen]).predict_proba(x[unseen])[:, 1]
        areas.append(roc_auc_score(side[unseen], chance, sample_weight=w[unseen]))
        told, of = (chance > 0.5) == side[unseen], side[unseen]
        right.append(np.mean([np.average(told[of == s], weights=w[unseen][of == s]) for s in (0, 1)]))
    return {
        "auc": float(np.mean(areas)),
        "standard error": float(np.std(areas, ddof=1) / np.sqrt(folds)),
        "accuracy": float(np.mean(right)),
    }


# --- ranks and folds -------------------------------------------------------------------------------------------------


def _varies(x: np.ndarray, w: np.ndarray) -> bool:
    """Whether rows with weight have more than one value."""
    held = x[w > 0]
    return bool((held != held[0]).any())


def _groups(groups_a: Any, groups_b: Any, n: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Group numbers of the rows of both tables, and for each group on which sides it stands: 1, 2 or both, 3."""
    if (groups_a is None) != (groups_b is None):
        raise InputError("groups_a, groups_b: give both or neither")
    if groups_a is None:
        return np.arange(n + k), np.repeat([1, 2], [n, k])
    ids = [np.asarray(g) for g in (groups_a, groups_b)]
    for name, g, length in zip(("groups_a", "groups_b"), ids, (n, k), strict=True):
        if g.shape != (length,):
            raise InputError(f"{name}: shape {g.shape}, the table has {length:,} rows")
        if pd.isna(g).any():
            raise InputError(f"{name}: missing in {checked.first_rows(pd.isna(g))}")
    codes, _ = pd.factorize(np.concatenate([g.astype(object) for g in ids]))
    sides = np.zeros(codes.max() + 1, int)
    sides[codes[:n]] |= 1
    sides[codes[n:]] |= 2
    return codes, sides


def _folds(codes: np.ndarray, sides: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """Fold of each row: groups dealt out at random, those of either side alone and of both evenly."""
    rng = np.random.default_rng(seed)
    dealt = np.concatenate([rng.permutation(np.flatnonzero(sides == s)) for s in (1, 2, 3)])
    fold = np.empty(len(sides), int)
    fold[dealt] = np.arange(len(dealt)) % folds
    return fold[codes]
