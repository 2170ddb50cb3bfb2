"""Draws of microimpute and quantile-forest on tables in a folder, for `imputation.py --python PYTHON`.

    python benchmarks/imputation_peers.py FOLDER METHOD GIVEN DRAWS RESULT.npz

Reads tables.npz (train, test, and many: receivers for timing) and spec.json (columns, incomes, demographics) from the
folder; GIVEN is "demographics" or "others" (demographics and the other incomes). Needs microimpute 0.2 and
quantile-forest 1.4.

microimpute takes the weights by its `weight_col`, all targets in one call where the predictors allow it. It draws a
quantile level for every record by its `seed`, the same for all variables; so the seed of the fitted model is set anew
for each draw. Its QRF chooses among ten quantiles, 1/11 to 10/11. "QuantReg" fits the 19 quantiles that its
configuration names and chooses among them at random.

quantile-forest has no draws: each record gets a uniform random level on a grid of 500 quantiles. It takes the weights
by `sample_weight`, which scikit-learn 1.9 uses for the bootstrap. "alike" has the settings of our `Forest`, takes
donors' own values (interpolation "lower") and pools the leaves (`weighted_quantile=False`).
"""

from __future__ import annotations

import json
import logging
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

LEVELS = (np.arange(500) + 0.5) / 500
ROWS = 5_000  # whose quantiles are held at a time
FORESTS: dict[str, dict[str, Any]] = {
    "quantile-forest": {},
    "quantile-forest, 50 trees": {"n_estimators": 50},
    "quantile-forest, alike": {
        "n_estimators": 50, "min_samples_leaf": 20, "max_features": 0.5, "max_samples_leaf": None,
    },
}  # fmt: skip

Draw = Callable[[pd.DataFrame, int], np.ndarray]
"""Draws [rows, draws, targets] of a table."""


def forest(train: pd.DataFrame, targets: list[str], given: list[str], method: str) -> Draw:
    from quantile_forest import RandomForestQuantileRegressor

    settings = FORESTS[method]
    fitted = [
        RandomForestQuantileRegressor(random_state=0, **settings).fit(
            train[given].to_numpy(), train[t].to_numpy(), sample_weight=train.weight.to_numpy()
        )
        for t in targets
    ]
    how: dict[str, Any] = {}
    if method.endswith("alike"):  # donors' own values, as ours
        how = {"interpolation": "lower", "weighted_quantile": False}

    def draw(table: pd.DataFrame, draws: int) -> np.ndarray:
        x, rng = table[given].to_numpy(), np.random.default_rng(1)
        found = np.empty((len(x), draws, len(targets)))
        for k, model in enumerate(fitted):
            for start in range(0, len(x), ROWS):
                q = model.predict(x[start : start + ROWS], quantiles=LEVELS.tolist(), **how)
                level = rng.integers(0, len(LEVELS), (len(q), draws))
                found[start : start + ROWS, :, k] = np.take_along_axis(q, level, axis=1)
        return found

    return draw


def microimpute(train: pd.DataFrame, targets: list[str], given: list[str], method: str) -> Draw:
    import microimpute.models as models
    from microimpute.config import QUANTILES

    logging.disable(logging.WARNING)
    name = method.split()[-1]
    options = {"quantiles": QUANTILES} if name == "QuantReg" else {}
    table = train[[*given, *targets, "weight"]]
    fitted = getattr(models, name)().fit(table, list(given), list(targets), weight_col="weight", **options)
    chosen = {} if name == "QRF" else {"random_quantile_sample": True}

    def draw(table: pd.DataFrame, draws: int) -> np.ndarray:
        found = np.empty((len(table), draws, len(targets)))
        for k in range(draws):
            fitted.seed = k
            if name == "QRF":
                for model in fitted.models.values():
                    model.seed = k
            (drawn,) = fitted.predict(table[given], **chosen).values()
            found[:, k] = drawn[targets].to_numpy(dtype=float)
        return found

    return draw


def main() -> None:
    folder, method, which, draws, result = sys.argv[1:6]
    warnings.filterwarnings("ignore")
    spec = json.loads((Path(folder) / "spec.json").read_text())
    with np.load(Path(folder) / "tables.npz") as file:
        train, test, many = (pd.DataFrame(file[n], columns=spec["columns"]) for n in ("train", "test", "many"))
    incomes, given = spec["incomes"], spec["demographics"]
    jobs = [(incomes, given)]
    if which == "others":
        jobs = [([t], [*given, *(o for o in incomes if o != t)]) for t in incomes]
    fit_of = microimpute if method.startswith("microimpute") else forest
    parts, fit_seconds, draw_seconds = [], 0.0, 0.0
    for targets, known in jobs:
        began = time.perf_counter()
        draw = fit_of(train, targets, known, method)
        fit_seconds += time.perf_counter() - began
        parts.append(draw(test, int(draws)))
        if len(many):
            began = time.perf_counter()
            draw(many, 1)
            draw_seconds += time.perf_counter() - began
    np.savez(result, draws=np.concatenate(parts, axis=2), fit=fit_seconds, draw=draw_seconds)


if __name__ == "__main__":
    main()
