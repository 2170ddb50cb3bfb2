"""Small artificial donors whose distribution is known, and models fitted to them once a process."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit
from sklearn.ensemble import RandomForestRegressor

import jaxsim as js
from jaxsim.impute import Imputer, Training

TINY = Training(width=8, layers=1, epochs=2, batch=64)  # where it does not matter what a network has learnt
SPREAD = 0.7  # of log amounts of `income`


def mixed(rows: int = 300, seed: int = 0) -> pd.DataFrame:
    """Every kind of column: whole numbers, names, categories, numbers with gaps, switches; amounts with zeros."""
    rng = np.random.default_rng(seed)
    age = rng.integers(18, 90, rows)
    wages = np.where(rng.random(rows) < 0.2, np.nan, rng.lognormal(10, 0.8, rows))
    some = rng.random(rows) < 0.2 + 0.006 * age
    return pd.DataFrame(
        {
            "age": age,
            "sex": rng.choice(["f", "m"], rows),
            "state": pd.Categorical(rng.choice(["CA", "NY", "TX"], rows), categories=["TX", "NY", "CA", "WY"]),
            "wages": wages,
            "owner": rng.random(rows) < 0.5,
            "weight": rng.lognormal(0, 0.5, rows),
            "interest": np.where(some, np.round(rng.lognormal(4 + 0.04 * age, 1.0), 2), 0.0),
            "gains": np.where(rng.random(rows) < 0.6, 0.0, np.round(rng.normal(500, 2_000, rows), 2)),
            "children": rng.integers(0, 4, rows),
            "renter": rng.random(rows) < 0.3,
            "tenure": rng.choice(["own", "rent", "free"], rows),
        }
    )


GIVEN = ["age", "sex", "state", "wages", "owner"]


def hurdle(rows: int = 4_000, seed: int = 1) -> pd.DataFrame:
    """`income` given `x`: negative, none or positive by chance, lognormal amounts whose median depends on x."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1.5, 1.5, rows)
    negative, positive = chances(x)
    u = rng.random(rows)
    size = np.exp(np.where(u < negative, 6.0, median_log(x)) + SPREAD * rng.normal(size=rows))
    income = np.where(u < negative, -size, np.where(u > 1 - positive, size, 0.0))
    return pd.DataFrame({"x": x, "income": income})


def chances(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of a negative and of a positive income."""
    return np.full_like(x, 0.15), 0.75 * expit(1.0 + x)


def median_log(x: np.ndarray) -> np.ndarray:
    """Log of the median positive income."""
    return 8 + 0.6 * x


def independent(rows: int = 2_000, seed: int = 2) -> pd.DataFrame:
    """Two variables that have nothing to do with each other, and a predictor that says nothing of either."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame({"x": rng.normal(size=rows), "a": rng.normal(size=rows), "b": rng.exponential(size=rows)})


@functools.cache
def spline() -> Imputer:
    """Fitted to `hurdle`, well enough to know the truth again."""
    training = Training(width=16, layers=1, epochs=40, patience=40, batch=256, rate=1e-2)
    return js.impute.Spline(pieces=4, training=training).fit(hurdle(), "income", key=1)


@functools.cache
def classifier() -> Imputer:
    """Of `state`, which its donors have in three of four levels."""
    return js.impute.Classifier(Training(width=8, layers=1, epochs=30, batch=100, rate=1e-2)).fit(
        mixed(1_000), "state", "weight", given=["age", "sex"]
    )


class Grown(RandomForestRegressor):
    """scikit-learn's forest, kept for comparison."""

    seen: Any = []  # noqa: RUF012 - one list for all, on purpose

    def fit(self, *args: Any, **kwargs: Any) -> Any:
        self.seen.append(self)
        return super().fit(*args, **kwargs)


def unit_grid(count: int) -> np.ndarray:
    """Midpoints of equal parts of (0, 1)."""
    return (np.arange(count) + 0.5) / count
