"""Rubin's rules: a published example, closed forms, limits, and coverage."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from jaxsim.errors import InputError, JaxsimError
from jaxsim.impute.multiple import imputations, pool, rubin


class Noise:
    """Draws a normal `y` by key."""

    targets = ("y",)

    def sample(self, table: pd.DataFrame, key: Any, ids: Any = None) -> pd.DataFrame:
        return pd.DataFrame({"y": np.asarray(jax.random.normal(key, (len(table),)))}, index=table.index)


def test_published_example() -> None:
    """SAS/STAT User's Guide, the MI procedure, getting started: the mean of Oxygen of 31 men, 5 imputations."""
    spread = np.array([-2, -1, 0, 1, 2]) * np.sqrt(0.056930 / 2.5)  # any five estimates of that variance
    found = rubin(47 + spread, np.full(5, 0.954041), complete_df=30)
    assert found.between == pytest.approx(0.056930)
    assert found.total == pytest.approx(1.022356, abs=2e-6)  # of figures rounded to six places
    assert found.df == pytest.approx(25.549, abs=5e-4)
    assert found.missing_information == pytest.approx(0.068898, abs=1e-6)
    assert found.relative_efficiency == pytest.approx(0.986408, abs=1e-6)


def test_closed_form() -> None:
    found = rubin([1.0, 3.0], [1.0, 2.0])
    assert (found.estimate, found.within, found.between, found.total) == (2.0, 1.5, 2.0, 4.5)
    assert found.df == pytest.approx((1 + 1.5 / 3) ** 2)  # (m - 1)(1 + within / ((1 + 1/m) between))^2
    r = 3 / 1.5
    assert found.missing_information == pytest.approx((r + 2 / (found.df + 3)) / (r + 1))
    half = stats.t.ppf(0.975, found.df) * np.sqrt(4.5)
    assert [found.low, found.high] == pytest.approx([2 - half, 2 + half])
    assert found.frame().shape == (1, 10)


def test_estimands_are_pooled_one_by_one() -> None:
    rng = np.random.default_rng(0)
    q, u = rng.normal(size=(4, 3, 2)), rng.random((4, 3, 2))
    whole = rubin(q, u, complete_df=20, level=0.9)
    one = rubin(q[:, 1, 0], u[:, 1, 0], complete_df=20, level=0.9)
    for name in ("estimate", "total", "df", "missing_information", "relative_efficiency", "low", "high"):
        assert getattr(whole, name).shape == (3, 2)
        assert getattr(whole, name)[1, 0] == pytest.approx(getattr(one, name))
    assert whole.frame(index=list("abcdef")).loc["c", "standard_error"] == pytest.approx(one.standard_error)
    assert (whole.df < 20).all()


def test_limits() -> None:
    same = rubin([0.1, 0.1, 0.1], [4.0, 4.0, 4.0])  # nothing missing: the usual interval
    assert (same.between, same.df, same.missing_information, same.relative_efficiency) == (0, np.inf, 0, 1)
    assert same.high == pytest.approx(0.1 + 2 * stats.norm.ppf(0.975))
    assert rubin([1.0, 1.0], [4.0, 4.0], complete_df=9).df == pytest.approx(10 / 12 * 9)
    census = rubin([1.0, 2.0], [0.0, 0.0])  # all uncertainty is between imputations
    assert (census.df, census.missing_information) == (1, 1)
    certain = rubin([[1.0, 1.0], [1.0, 2.0]], [[0.0, 0.0], [0.0, 0.0]], complete_df=[5, 5])
    assert (certain.low[0], certain.high[0]) == (1, 1)
    assert certain.df[1] == 0
    assert certain.high[1] == np.inf
    q, u = [1.0, 2.0, 4.0], [1.0, 1.0, 1.0]
    assert rubin(q, u, complete_df=np.inf).df == rubin(q, u).df
    assert rubin(q, u, complete_df=1e9).df == pytest.approx(rubin(q, u).df)


def test_intervals_cover() -> None:
    """Means of 40 normal values of which half are missing: 4,000 replications, standard error 0.35 points."""
    rng = np.random.default_rng(1)
    replications, n, seen, m = 4_000, 40, 20, 10
    y = rng.normal(5, 2, (replications, seen))
    mean, var = y.mean(axis=1), y.var(axis=1, ddof=1)
    drawn_var = var * (seen - 1) / rng.chisquare(seen - 1, (m, replications))  # proper draws of both parameters
    drawn_mean = rng.normal(mean, np.sqrt(drawn_var / seen))
    filled = rng.normal(drawn_mean[..., None], np.sqrt(drawn_var)[..., None], (m, replications, n - seen))
    complete = np.concatenate([np.broadcast_to(y, (m, *y.shape)), filled], axis=2)
    found = rubin(complete.mean(axis=2), complete.var(axis=2, ddof=1) / n, complete_df=n - 1)
    assert 0.93 < np.mean((found.low <= 5) & (found.high >= 5)) < 0.97
    assert np.mean(found.missing_information) == pytest.approx(0.5, abs=0.05)
    single = stats.t.ppf(0.975, n - 1) * np.sqrt(found.within)  # one imputation taken for the truth covers too little
    assert np.mean(np.abs(complete[0].mean(axis=1) - 5) < single) < 0.88


def test_imputations_are_independent_and_completed() -> None:
    table = pd.DataFrame({"x": range(2_000)}, index=range(5, 2_005))
    tables = imputations(Noise(), table, m=3, key=1)
    assert [list(t.columns) for t in tables] == [["x", "y"]] * 3
    assert list(table.columns) == ["x"]
    draws = np.array([t["y"] for t in tables])
    assert (np.abs(np.corrcoef(draws)[np.triu_indices(3, 1)]) < 0.1).all()
    assert np.array_equal(draws, [t["y"] for t in imputations(Noise(), table, m=3, key=jax.random.key(1))])
    found = pool(tables, lambda t: (t["y"].mean(), t["y"].var() / len(t)), level=0.9)
    expected = rubin(draws.mean(axis=1), draws.var(axis=1, ddof=1) / 2_000, level=0.9)
    assert [found.low, found.high, found.level, found.imputations] == pytest.approx(
        [expected.low, expected.high, 0.9, 3]
    )


@pytest.mark.parametrize(
    ("estimates", "variances", "options", "message"),
    [
        ([1.0], [1.0], {}, "at least 2 imputations"),
        (1.0, 1.0, {}, "at least 2 imputations"),
        ([1.0, 2.0], [1.0], {}, "shape"),
        ([1.0, np.nan], [1.0, 1.0], {}, r"missing or infinite values in imputations \[1\]"),
        ([1.0, 2.0], [1.0, -1.0], {}, "-1 is negative"),
        ([1.0, 2.0], [1.0, 1.0], {"level": 95}, "level=95"),
        ([1.0, 2.0], [1.0, 1.0], {"complete_df": 0}, "complete_df=0"),
        ([[1.0], [1.0, 2.0]], [1.0, 1.0], {}, "one shape"),
    ],
)
def test_bad_estimates_are_refused(estimates: Any, variances: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        rubin(estimates, variances, **options)


def test_bad_requests_are_refused() -> None:
    with pytest.raises(JaxsimError, match="m=1"):
        imputations(Noise(), pd.DataFrame({"x": [1]}), m=1)
    with pytest.raises(InputError, match="a pair"):
        pool([pd.DataFrame({"x": [1]})] * 2, lambda t: t["x"].mean())
