"""Donors in parts of whole households, and the scores of draws for one part by a model that has seen the others."""

from __future__ import annotations

import heapq
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import numpy as np
import pandas as pd

from jaxsim.columns import refuse
from jaxsim.errors import InputError, whole_number
from jaxsim.impute import base, disclosure, scores
from jaxsim.impute.base import Imputer
from jaxsim.impute.columns import Column, Columns, require, weights_of
from jaxsim.impute.household_scores import household_errors
from jaxsim.impute.prdc import prdc
from jaxsim.impute.uniforms import as_key, for_name
from jaxsim.impute.weighted import quantile

LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9)
"""Of the pinball loss."""
TABLES = 5
"""Draws, of those asked for, whose marginals and rank correlations are averaged."""
MOST = 2_000
"""Records whose neighbours are sought, of precision, recall and distances to donors."""
ON_UNIT_SCALE = ("zero total", "Gini of totals", "spearman of the two highest")
"""Statistics of households whose errors are averaged into one score."""


class FoldScores(NamedTuple):
    """Scores of one model on one fold.

    Attributes:
        table: by name, of `compare.COLUMNS`.
        by_target: one row a variable.
        households: by variable and statistic; None where they are not asked for.
    """

    table: dict[str, float]
    by_target: pd.DataFrame
    households: pd.DataFrame | None


@dataclass(frozen=True, eq=False)
class Folds:
    """Donors in household-disjoint folds.

    Attributes:
        table: donors with weight and all targets: the columns `given` and `targets`.
        given, targets: names.
        weights, household: of donors [rows].
        fold: number of each donor's fold [rows].
        key: of fits and draws.
        columns: what is known of the table's columns.
    """

    table: pd.DataFrame
    given: list[str]
    targets: list[str]
    weights: np.ndarray
    household: np.ndarray
    fold: np.ndarray
    key: jax.Array
    columns: Columns

    @staticmethod
    def of(donors: Any, targets: Any, given: Any, weights: Any, household: Any, folds: int, key: Any) -> Folds:
        """Donors dealt into folds; arguments as of `compare`.

        Raises:
            InputError: columns are absent, households are missing, or there are too few for the folds.
        """
        whole_number("folds", folds, 2)
        ids, w = _households(donors, household), weights_of(donors, weights, "donors")
        apart = [household] if given is None and isinstance(household, str) else []
        table, given, names = base.donors(donors.drop(columns=apart), targets, weights, given)
        keep = (w > 0) & table[names].notna().all(axis=1).to_numpy()
        table = table.loc[keep, [*given, *names]].reset_index(drop=True)
        dealt = deal(ids[keep], w[keep], folds, key)
        columns = Columns.learn(table, [*given, *names], "donors")
        return Folds(table, given, names, w[keep], ids[keep], dealt, as_key(key), columns)

    def score(self, model: Any, fold: int, draws: int, groups: Sequence[str]) -> FoldScores:
        """Scores of a model fitted without the fold's households, on them.

        Args:
            model: that has `fit`.
            fold: its number.
            draws: of each record.
            groups: of scores, of `compare.GROUPS`.
        """
        key = for_name(self.key, f"fold {fold}")
        seen, unseen = np.flatnonzero(self.fold != fold), np.flatnonzero(self.fold == fold)
        began = time.perf_counter()
        imputer: Imputer = model.fit(
            self.table.iloc[seen], list(self.targets), self.weights[seen], for_name(key, "fit"), given=list(self.given)
        )
        took = time.perf_counter() - began
        receivers, tables, seconds = self.table.iloc[unseen], [], []
        for k in range(draws):
            began = time.perf_counter()
            drawn = imputer.sample(receivers[self.given], jax.random.fold_in(for_name(key, "draw"), k))
            seconds.append(time.perf_counter() - began)
            tables.append(receivers.assign(**{n: drawn[n] for n in self.targets}))
        found = self._score(unseen, unseen, seen, tables, groups)
        found.table.update({"fit seconds": took, "draw seconds": float(np.median(seconds))})
        return found

    def second(self, fold: int, groups: Sequence[str]) -> FoldScores:
        """Scores of the next fold's real rows in the place of draws."""
        other = (fold + 1) % (self.fold.max() + 1)
        rest = (self.fold != fold) & (self.fold != other)
        real, made, donors = (np.flatnonzero(of) for of in (self.fold == fold, self.fold == other, rest))
        return self._score(real, made, donors, [self.table.iloc[made]], groups)

    def _score(
        self, real: np.ndarray, made: np.ndarray, donors: np.ndarray, drawn: list[pd.DataFrame], groups: Sequence[str]
    ) -> FoldScores:
        """Scores of `drawn` tables, for the rows `made`, beside the rows `real`; the model has seen `donors`."""
        truth, tables = self._numbers(self.table.iloc[real]), [self._numbers(t) for t in drawn]
        given, targets = self._labels(self.given), self._labels(self.targets)
        w, v = self.weights[real], self.weights[made]
        first, few = tables[0], tables[:TABLES]
        of_targets = pd.DataFrame(index=pd.Index(targets, name="variable"))
        found: dict[str, float] = {}
        if "crps" in groups and len(tables) > 1:
            draws = np.stack([t[targets].to_numpy() for t in tables], axis=1)
            of_targets = of_targets.join(_of_draws(truth[targets], draws, w))
            found |= {name: of_targets[f"relative {name}"].mean() for name in ("crps", "pinball")}
        if "marginal" in groups:
            of_targets = of_targets.join(_marginals(truth[targets], few, w, v))
            real99, made99 = of_targets["p99 truth"], of_targets["p99 imputed"]
            found["wasserstein"] = of_targets["relative wasserstein"].mean()
            found["zero share error"] = (of_targets["zero share imputed"] - of_targets["zero share truth"]).abs().mean()
            found["p99 error"] = ((made99 - real99).abs() / real99.abs().where(real99 != 0)).mean()
        if "spearman" in groups:
            for block, names in (("given", given), ("targets", targets if len(targets) > 1 else [])):
                if names:
                    errors = pd.concat([_rank_errors(truth, t, w, v, targets, names) for t in few], axis=1).mean(axis=1)
                    of_targets[f"spearman {block}"], found[f"spearman {block}"] = errors, errors.mean()
        if "two_sample" in groups:
            ids = self.household
            found["auc"] = scores.two_sample(truth, first, w, v, groups_a=ids[real], groups_b=ids[made])["auc"]
        if "prdc" in groups:
            found |= prdc(_resampled(truth, w), _resampled(first, v))
        if "disclosure" in groups and len(donors):
            seen, of = self._numbers(self.table.iloc[donors]), self.weights[donors]
            near = disclosure.nearest_donor_distance(first, seen, None, v, of, levels=[50], most=MOST)
            found["donor distance"] = near["ratio"].iloc[0]
            found["copies"] = disclosure.share_of_copies(first, seen, None, v)
        households = None
        if "household" in groups:
            own, other = (t[targets].assign(**{"": self.household[r]}) for t, r in ((truth, real), (first, made)))
            households = household_errors(own, other, "", targets, w, v)
            scale = households.index.get_level_values("statistic").isin(ON_UNIT_SCALE)
            found["household error"] = households.loc[scale, "difference"].abs().mean()
        return FoldScores(found, of_targets, households)

    def _labels(self, names: list[str]) -> list[str]:
        """Names of the numbers that stand for columns."""
        return [label for column in self.columns.pick(names).columns for label in self._numbered(column)]

    def _numbered(self, column: Column) -> list[str]:
        if column.levels:
            return [f"{column.name} = {level}" for level in column.levels]
        return [column.name, *([f"{column.name} missing"] if self.table[column.name].isna().any() else [])]

    def _numbers(self, table: pd.DataFrame) -> pd.DataFrame:
        """A table as numbers: a switch for each level of a category, missing numbers 0 and marked."""
        parts = []
        for values, column in zip(self.columns.read(table, "donors").T, self.columns.columns, strict=True):
            codes = np.arange(len(column.levels))
            missing = np.isnan(values)
            part = values[:, None] == codes if len(codes) else np.column_stack([np.where(missing, 0, values), missing])
            parts.append(part[:, : len(self._numbered(column))].astype(np.float64))
        return pd.DataFrame(np.concatenate(parts, axis=1), table.index, self._labels(self.columns.names))


def deal(household: np.ndarray, weights: np.ndarray, folds: int, key: Any) -> np.ndarray:
    """Fold of each row [rows]: households, heavier ones rather first, go to the fold that has the least weight."""
    codes, ids = pd.factorize(household)
    if len(ids) < 2 * folds:
        raise InputError(f"donors: {len(ids)} households with weight for {folds} folds: give fewer folds")
    held = np.bincount(codes, weights)
    rng = np.random.default_rng(np.asarray(jax.random.key_data(for_name(as_key(key), "folds"))))
    lightest, fold = [(0.0, k) for k in range(folds)], np.empty(len(ids), dtype=int)
    for h in np.argsort(-held * rng.uniform(0.5, 1, len(ids))):
        total, fold[h] = lightest[0]
        heapq.heapreplace(lightest, (total + held[h], int(fold[h])))
    return fold[codes]


def _of_draws(truth: pd.DataFrame, draws: np.ndarray, weights: np.ndarray) -> pd.DataFrame:
    """CRPS and mean pinball loss of draws [rows, draws, variables], and relative to those of the marginal."""
    found = {}
    for k, name in enumerate(truth):
        y, x = truth[name].to_numpy(), draws[:, :, k]
        order = np.argsort(y)
        below = np.cumsum(weights[order])[:-1] / weights.sum()
        spread = np.sum(np.diff(y[order]) * below * (1 - below))  # the CRPS of the marginal distribution
        marginal = np.broadcast_to(quantile(y, LEVELS, weights), (len(y), len(LEVELS)))
        made = np.quantile(x, LEVELS, axis=1).T
        loss, least = (scores.pinball(y, LEVELS, q, weights).mean() for q in (made, marginal))
        crps = scores.crps(y, x, weights)
        relative = (crps / spread if spread > 0 else np.nan, loss / least if least > 0 else np.nan)
        found[name] = (crps, relative[0], loss, relative[1])
    names = ["crps", "relative crps", "pinball", "relative pinball"]
    return pd.DataFrame.from_dict(found, orient="index", columns=names, dtype=np.float64)


def _marginals(truth: pd.DataFrame, drawn: list[pd.DataFrame], w: np.ndarray, v: np.ndarray) -> pd.DataFrame:
    """W1, zeros and 99th percentiles, means over drawn tables."""
    found: dict[str, dict[Any, Any]] = {}
    for name, y in truth.items():
        for statistic, of in (("zero share", scores.zero_share), ("p99", scores.percentile)):
            found.setdefault(f"{statistic} truth", {})[name] = of(y, w)
            found.setdefault(f"{statistic} imputed", {})[name] = np.mean([of(t[name], v) for t in drawn])
        distance = np.mean([scores.wasserstein(y, t[name], w, v) for t in drawn])
        scale = np.average(np.abs(y), weights=w)
        found.setdefault("wasserstein", {})[name] = distance
        found.setdefault("relative wasserstein", {})[name] = distance / scale if scale > 0 else np.nan
    return pd.DataFrame(found, dtype=np.float64)


def _rank_errors(
    truth: pd.DataFrame, drawn: pd.DataFrame, w: np.ndarray, v: np.ndarray, rows: list[str], columns: list[str]
) -> pd.Series:
    """Mean absolute error of each row's rank correlations with the columns, by `scores.spearman_error`'s rules."""
    real, made = scores.spearman(truth, w, rows, columns), scores.spearman(drawn, v, rows, columns)
    pairs = real.notna() | made.notna()
    for name in set(rows) & set(columns):
        pairs.loc[name, name] = False
    return (real.fillna(0.0) - made.fillna(0.0)).abs().where(pairs).mean(axis=1)


def _resampled(table: pd.DataFrame, weights: np.ndarray) -> pd.DataFrame:
    """Rows drawn in proportion to weight."""
    count = min(MOST, len(table))
    return table.iloc[np.random.default_rng(0).choice(len(table), count, p=weights / weights.sum())]


def _households(donors: pd.DataFrame, household: Any) -> np.ndarray:
    """Ids of households [rows]."""
    require(donors, [household] if isinstance(household, str) else [], "donors")
    household = donors[household] if isinstance(household, str) else household
    ids = np.arange(len(donors)) if household is None else np.asarray(household)
    if ids.shape != (len(donors),):
        raise InputError(f"household: shape {ids.shape}, the table has {len(donors):,} rows: give one id a row")
    if pd.isna(ids).any():
        raise refuse("donors", "household", "missing ids", np.flatnonzero(pd.isna(ids)), "Give each row its household.")
    return ids
