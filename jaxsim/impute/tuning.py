"""Settings of a model searched with Optuna (extra `tune`), on household-disjoint folds that all trials share.

found = tune(Forest, donors, ["interest", "dividends"], ["age", "wages"], weights="weight", household="household_id")
found.model.fit(donors, ...)     # the best settings
found.trials                     # what was tried

tune(lambda trial: Spline(pieces=trial.suggest_int("pieces", 4, 16)), donors, ...)      # a space of your own
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np
import pandas as pd

from jaxsim.errors import InputError, JaxsimError, nearest, whole_number
from jaxsim.impute.base import Model
from jaxsim.impute.chain import Chain
from jaxsim.impute.compare import describe
from jaxsim.impute.flow import Flow
from jaxsim.impute.folds import Folds
from jaxsim.impute.forest import Forest
from jaxsim.impute.hot_deck import HotDeck
from jaxsim.impute.quantile_network import QuantileNetwork
from jaxsim.impute.spline import Spline
from jaxsim.impute.uniforms import as_key, for_name
from jaxsim.impute.zero_inflated import ZeroInflated
from jaxsim.progress import Progress

SCORES = {
    "crps": ("crps", "crps"), "pinball": ("crps", "pinball"), "wasserstein": ("marginal", "wasserstein"),
    "spearman": ("spearman", "spearman given"), "auc": ("two_sample", "auc"),
}  # fmt: skip
"""Scores to minimise, as group and column of `compare`."""
UNTRIED = 5
"""Trials before any is stopped half-way."""
NETWORK = {"training.width": (32, 256), "training.rate": (5e-4, 1e-2)}
SPACES: dict[type, dict[str, tuple[float, float]]] = {
    Forest: {"least_leaf": (2, 100), "features": (0.1, 1.0)},
    Spline: {"pieces": (4, 16), **NETWORK},
    QuantileNetwork: {"levels": (15, 63), **NETWORK},
    Flow: {"flows": (2, 6), **NETWORK},
    HotDeck: {"neighbours": (1, 50)},
}
"""What is searched, by model: least and largest value. Whole numbers and rates are searched on the scale of logs."""


@dataclass(frozen=True, eq=False)
class Tuning:
    """Trials of a model's settings.

    Attributes:
        model: the best settings, to be fitted on all donors.
        score: the best mean over folds.
        trials: by number: settings, score (of the folds that were done), folds, seconds, state: "complete", "pruned"
            (stopped because other trials were better on the same folds) or "failed".
    """

    model: Any
    score: float
    trials: pd.DataFrame

    def __repr__(self) -> str:
        states = ", ".join(f"{n} {state}" for state, n in self.trials["state"].value_counts().items())
        return f"<Tuning of {len(self.trials)} trials ({states}): {describe(self.model)}, score {self.score:.4g}>"


def tune(
    model: Any, donors: pd.DataFrame, targets: Any, given: Sequence[str] | None, weights: Any = None,
    household: Any = None, *, trials: int = 30, score: str = "crps", folds: int = 3, draws: int = 10, key: Any = 0,
    progress: bool = True,
) -> Tuning:  # fmt: skip
    """The settings with the best mean score over folds of households.

    Optuna's tree-structured Parzen estimator proposes settings (Bergstra and others 2011, "Algorithms for
    hyper-parameter optimization", NeurIPS); a trial that is worse than the median of the others after as many folds is
    stopped. The first trial of a default space are the model's own settings, so that the best is no worse on these
    folds. Nothing is written to disk, and the same key gives the same trials.

    Args:
        model: `Forest`, `Spline`, `QuantileNetwork`, `Flow`, `HotDeck`, or one of these with settings that are kept
            where they are not searched; `ZeroInflated` of one; or a function of Optuna's trial that gives any model.
        donors: one row a record.
        targets: as of `Model.fit`.
        given: predictors; None for all other columns.
        weights: the name of a column, an array, or None.
        household: ids of households, which stay in one fold: the name of a column, an array, or None.
        trials: how many settings are tried.
        score: to minimise: "crps" or "pinball" (relative to draws from the marginal, mean over targets),
            "wasserstein" (relative), "spearman" (error with the predictors) or "auc".
        folds: parts of the households.
        draws: of each record.
        key: of folds, fits, draws and proposals.
        progress: show a bar.

    Raises:
        InputError: bad settings or donors.
        JaxsimError: Optuna is not installed, or every trial failed.
    """
    search = _search(model)
    whole_number("trials", trials, 1)
    whole_number("draws", draws, 2)
    if score not in SCORES:
        raise InputError(f"score={score!r}: give one of {', '.join(SCORES)}.{nearest(str(score), SCORES)}")
    optuna = _optuna()
    group, column = SCORES[score]
    data = Folds.of(donors, targets, given, weights, household, folds, key)
    seed = int(jax.random.bits(for_name(as_key(key), "trials"), dtype="uint32"))
    pruner = optuna.pruners.MedianPruner(n_startup_trials=UNTRIED)
    with _quiet(optuna):
        study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed), pruner=pruner)
    if isinstance(search, Search):
        study.enqueue_trial(search.start())
    rows: list[dict[str, Any]] = []
    models: list[Any] = []

    def attempt(trial: Any, tried: Any) -> tuple[list[float], str, str]:
        """The scores of a trial's model by fold, its state, and why it failed."""
        values: list[float] = []
        try:
            for fold in range(folds):
                values.append(float(data.score(tried, fold, draws, [group]).table[column]))
                if not np.isfinite(values[-1]):
                    return values, "failed", f"{score} is undefined: do the targets vary?"
                trial.report(float(np.mean(values)), fold)
                if fold < folds - 1 and trial.should_prune():
                    return values, "pruned", ""
        except JaxsimError as error:
            return values, "failed", str(error)
        return values, "complete", ""

    states = optuna.trial.TrialState
    of_state = {"complete": states.COMPLETE, "pruned": states.PRUNED, "failed": states.FAIL}
    with Progress("tuning", trials, progress) as bar, _quiet(optuna):
        for _ in range(trials):
            trial, began = study.ask(), time.perf_counter()
            models.append(search(trial))
            if not isinstance(models[-1], (Model, Chain)):
                raise InputError(f"tune: the function gave {models[-1]!r}, which is no model: return e.g. Forest()")
            values, state, why = attempt(trial, models[-1])
            mean = float(np.mean(values)) if values else np.nan
            study.tell(trial, mean if state == "complete" else None, state=of_state[state])
            done = {"folds": len(values), "seconds": time.perf_counter() - began, "state": state, "error": why}
            rows.append({**trial.params, "score": mean, **done})
            least = min((row["score"] for row in rows if row["state"] == "complete"), default=np.nan)
            bar.advance(1, best=least)
    table = pd.DataFrame(rows).rename_axis("trial")
    complete = table.loc[table["state"] == "complete", "score"]
    if complete.empty:
        raise JaxsimError(f"tune: every trial failed, the first with: {rows[0]['error']}")
    best = int(complete.to_numpy().argmin())
    if not table["error"].any():
        table = table.drop(columns="error")
    return Tuning(models[int(complete.index[best])], float(complete.iloc[best]), table)


@dataclass(frozen=True)
class Search:
    """The default space around a model: a function of Optuna's trial."""

    model: Any

    def __call__(self, trial: Any) -> Any:
        found = {}
        for name, (low, high) in self._space().items():
            whole = isinstance(low, int)
            suggest = trial.suggest_int if whole else trial.suggest_float
            found[name] = suggest(name, low, high, log=whole or name.endswith("rate"))
        return self._with(found)

    def start(self) -> dict[str, float]:
        """The model's own settings, brought into the space."""
        own = {}
        for name, (low, high) in self._space().items():
            value = self._inner()
            for part in name.split("."):
                value = getattr(value, part)
            own[name] = min(max(value, low), high)
        return own

    def _inner(self) -> Any:
        return self.model.model if isinstance(self.model, ZeroInflated) else self.model

    def _space(self) -> dict[str, tuple[float, float]]:
        return SPACES[type(self._inner())]

    def _with(self, settings: dict[str, Any]) -> Any:
        """The model with other settings; "training.rate" is the rate of its training."""
        inner = self._inner()
        own = {name: value for name, value in settings.items() if "." not in name}
        parts = {name.split(".")[1]: value for name, value in settings.items() if "." in name}
        if parts:
            own["training"] = replace(inner.training, **parts)
        inner = replace(inner, **own)
        return replace(self.model, model=inner) if isinstance(self.model, ZeroInflated) else inner


def _search(model: Any) -> Callable[[Any], Any]:
    """A function of Optuna's trial from what `tune` takes."""
    if isinstance(model, type) and issubclass(model, Model):
        if model not in SPACES:
            raise _no_space(model)
        model = model()
    if isinstance(model, Model):
        inner = model.model if isinstance(model, ZeroInflated) else model
        if type(inner) not in SPACES:
            raise _no_space(type(inner))
        return Search(model)
    if not callable(model):
        raise InputError(f"tune: {model!r} is no model: give e.g. Forest, Forest(trees=100) or a function of a trial")
    return model


def _no_space(model: type) -> InputError:
    known = ", ".join(m.__name__ for m in SPACES)
    return InputError(
        f"tune: {model.__name__} has no default space ({known} have): give a function, such as "
        "lambda trial: Spline(pieces=trial.suggest_int('pieces', 4, 16))"
    )


def _optuna() -> Any:
    try:
        import optuna
    except ImportError:
        raise JaxsimError("tuning needs Optuna: pip install 'jaxsim[tune]'") from None
    return optuna


@contextlib.contextmanager
def _quiet(optuna: Any) -> Iterator[None]:
    """Optuna's messages off: its level is the process's own, so it is put back."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
