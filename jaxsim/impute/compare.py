"""Models side by side on one survey: cross-validated by household, weighted, beside what sampling alone gives.

    found = compare({"forest": Forest(), "spline": Spline()}, donors, ["interest", "dividends"], ["age", "wages"],
                    weights="weight", household="household_id")
    found                        # a table of scores
    found.by_target              # the same by variable, $
    found.plot()

Each part of the households is imputed by models fitted on the others. Beside the models stands a second sample: real
rows of other households, of the same number, in the place of draws. No model need be nearer to the truth than that.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from jaxsim.errors import InputError, JaxsimError, nearest, whole_number
from jaxsim.impute.base import Model
from jaxsim.impute.chain import Chain
from jaxsim.impute.folds import Folds, FoldScores
from jaxsim.impute.plots import plot_comparison
from jaxsim.progress import Progress

GROUPS = ("crps", "marginal", "spearman", "two_sample", "prdc", "household", "disclosure")
"""Groups of scores; household needs households."""
COLUMNS = (
    "crps", "pinball", "wasserstein", "zero share error", "p99 error", "spearman given", "spearman targets", "auc",
    "precision", "recall", "density", "coverage", "household error", "donor distance", "copies", "fit seconds",
    "draw seconds",
)  # fmt: skip
"""Of the table: CRPS and pinball relative to draws from the marginal, W1 and 99th percentile relative to the truth's
mean and percentile; all means over targets."""
SECOND = "second sample"


@dataclass(frozen=True, eq=False)
class Comparison:
    """Scores of models.

    Lower is better in all but `auc`, where 0.5 is best, and precision, recall, density and coverage, where 1 is.

    Attributes:
        by_fold: by model and fold, one column a score: what `table` summarises.
        by_target: by model and variable, means over folds: CRPS and pinball loss in the variable's unit and relative to
            a model that draws from the marginal; W1, shares of zeros, 99th percentiles, rank correlations.
        households: by model, variable and statistic, means over folds; None without households.
        failures: why models have no scores.
    """

    by_fold: pd.DataFrame
    by_target: pd.DataFrame
    households: pd.DataFrame | None
    failures: dict[str, str]

    @property
    def means(self) -> pd.DataFrame:
        """Model by score, means over folds."""
        return self._over_folds("mean")

    @property
    def table(self) -> pd.DataFrame:
        """Model by score, each as its mean and standard error over folds; failures in a column of their own."""
        table = pd.concat({"mean": self._over_folds("mean"), "standard error": self._over_folds("sem")}, axis=1)
        table = table.swaplevel(axis=1)[[(s, kind) for s in self.by_fold for kind in ("mean", "standard error")]]
        if self.failures:
            table["failure", ""] = pd.Series(self.failures).reindex(table.index)
        return table

    def plot(self, highlight: str | None = None, scores: Sequence[str] | None = None) -> Any:
        """Bars of the mean scores, of some of them perhaps; `highlight` names the model that stands out."""
        table = self.means.dropna(axis=1, how="all")
        unknown = [name for name in scores or () if name not in table.columns]
        if unknown:
            raise InputError(f"scores: there is no {unknown[0]!r}.{nearest(unknown[0], table.columns)}")
        return plot_comparison(table if scores is None else table[list(scores)], highlight)

    def __repr__(self) -> str:
        failed = [f"{name} failed: {why}" for name, why in self.failures.items()]
        return "\n".join([self._words().to_string(), *failed])

    def _repr_html_(self) -> str:
        table = self._words()
        return str((table.assign(failure=pd.Series(self.failures)).fillna("") if self.failures else table).to_html())

    def _over_folds(self, statistic: str) -> pd.DataFrame:
        found = self.by_fold.groupby(level="model", sort=False).agg(statistic)
        return found.reindex([*found.index, *self.failures])

    def _words(self) -> pd.DataFrame:
        """Mean ± standard error."""
        mean = self.means.map(lambda x: "" if np.isnan(x) else f"{x:.3g}")
        return mean + self._over_folds("sem").map(lambda x: "" if np.isnan(x) else f" ± {x:.1g}")


def compare(
    models: Mapping[str, Any] | Sequence[Any], donors: pd.DataFrame, targets: Any, given: Sequence[str] | None,
    weights: Any = None, household: Any = None, *, folds: int = 5, draws: int = 20, key: Any = 0,
    scores: Iterable[str] | None = None, progress: bool = True,
) -> Comparison:  # fmt: skip
    """Score models on households they have not seen.

    A category counts in the scores as one switch a level; a missing predictor is filled and marked.

    Args:
        models: by name, or a list.
        donors: one row a record; rows with a missing target or without weight are left out.
        targets: names of columns that are imputed, or an array or table of them.
        given: predictors; None for all other columns.
        weights: the name of a column, an array, or None for equal weights.
        household: ids of households, which stay together: the name of a column, an array, or None: each row its own.
        folds: parts of the households, of about equal weight.
        draws: of each record, 2 or more, for the CRPS and the pinball loss of their quantiles.
        key: of folds, fits and draws; all models get the same.
        scores: groups of scores, by default all: "crps" (and pinball), "marginal" (W1, zeros, 99th percentile),
            "spearman" (with the predictors, among targets), "two_sample" (can a classifier tell), "prdc" (precision,
            recall, density, coverage), "household" (zeros, Gini, likeness of members' amounts by household),
            "disclosure" (median distance to a donor over that among donors; share of copies).
        progress: show a bar.

    Raises:
        InputError: bad settings or donors. A model that fails raises nothing: its row says why.
    """
    named = _named(models)
    data = Folds.of(donors, targets, given, weights, household, folds, key)
    whole_number("draws", draws, 2)
    groups = _groups(scores, household is not None)
    found: dict[tuple[str, int], FoldScores] = {}
    failures: dict[str, str] = {}
    with Progress("comparing", folds * (len(named) + 1), progress) as bar:
        for fold in range(folds):
            found[SECOND, fold] = data.second(fold, groups)
            bar.advance()
            for name, model in named.items():
                if name not in failures:
                    try:
                        found[name, fold] = data.score(model, fold, draws, groups)
                    except Exception as error:  # whatever a model of the user's own raises
                        failures[name] = str(error) if isinstance(error, JaxsimError) else repr(error)
                bar.advance()
    order = [(name, fold) for name in (*named, SECOND) if name not in failures for fold in range(folds)]
    by_fold = pd.DataFrame([found[k].table for k in order], dtype=np.float64)
    by_fold.index = pd.MultiIndex.from_tuples(order, names=["model", "fold"])
    by_fold = by_fold[[c for c in COLUMNS if c in by_fold]]
    households = _mean({k: found[k].households for k in order}) if "household" in groups else None
    return Comparison(by_fold, _mean({k: found[k].by_target for k in order}), households, failures)


def _mean(tables: dict[Any, Any]) -> pd.DataFrame:
    """Means over folds of tables by model and fold."""
    table: Any = pd.concat(tables, names=["model", "fold"])
    return table.groupby(level=[n for n in table.index.names if n != "fold"], sort=False).mean()


def _named(models: Any) -> dict[str, Any]:
    """Models by name."""
    if not isinstance(models, Mapping):
        listed = [models] if isinstance(models, (Model, Chain)) else list(models)
        models = {describe(m): m for m in listed}  # of two that are alike, one
    if not models:
        raise InputError("models: give one or more, such as [Forest()]")
    for name, model in models.items():
        if not isinstance(model, (Model, Chain)):
            raise InputError(f"models: {name!r} is no model but {model!r}: give e.g. Forest()")
        if name == SECOND:
            raise InputError(f"models: {SECOND!r} is the name of the row of real records: give another")
    return dict(models)


def describe(model: Any) -> str:
    """A model in words: its class, and the settings that are not the default."""
    if not dataclasses.is_dataclass(model):
        return repr(model)
    parts = []
    for field in dataclasses.fields(model):
        value = getattr(model, field.name)
        made = field.default_factory
        if value != (field.default if made is dataclasses.MISSING else made()):
            parts.append(describe(value) if field.name == "model" else f"{field.name}={describe(value)}")
    return f"{type(model).__name__}({', '.join(parts)})" if parts else type(model).__name__


def _groups(chosen: Iterable[str] | None, households: bool) -> list[str]:
    groups = [chosen] if isinstance(chosen, str) else list(GROUPS if chosen is None else chosen)
    for name in groups:
        if name not in GROUPS:
            raise InputError(f"scores: there is no group {name!r}: {', '.join(GROUPS)}.{nearest(str(name), GROUPS)}")
    if chosen is not None and "household" in groups and not households:
        raise InputError("scores: 'household' needs households: give household=")
    return [g for g in groups if households or g != "household"]
