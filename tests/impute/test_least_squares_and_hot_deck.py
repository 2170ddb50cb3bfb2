"""Least squares against the normal equations; the hot deck against neighbours found by brute force."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from scipy import stats

import jaxsim as js
from jaxsim.errors import JaxsimError
from jaxsim.impute import HotDeck, LeastSquares
from tests.impute.donors import mixed

pytestmark = pytest.mark.usefixtures("quick_programs")


def linear(rows: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, rows))
    noise = rng.multivariate_normal([0, 0], [[1.0, 0.6], [0.6, 2.0]], rows)
    return pd.DataFrame(
        {"a": a, "b": b, "y": 3 + 2 * a - b + noise[:, 0], "z": 1 + a + noise[:, 1], "w": rng.lognormal(0, 0.5, rows)}
    )


def test_least_squares_are_those_of_the_normal_equations() -> None:
    table = linear()
    fitted = LeastSquares().fit(table, ["y", "z"], "w", given=["a", "b"])
    conditional: Any = fitted.conditional
    x = np.column_stack([np.ones(400), table.a, table.b])
    w = table.w.to_numpy()
    beta = np.linalg.solve(x.T * w @ x, x.T * w @ table[["y", "z"]])
    np.testing.assert_allclose(conditional.level, beta[0], rtol=1e-9)
    np.testing.assert_allclose(conditional.slope, beta[1:], rtol=1e-9)
    rest = table[["y", "z"]].to_numpy() - x @ beta
    spread = rest.T * w @ rest / w.sum() * 400 / 397
    np.testing.assert_allclose(conditional.lower @ conditional.lower.T, spread, rtol=1e-9)
    assert np.abs(np.triu(conditional.lower, 1)).max() < 1e-12
    assert (np.diag(conditional.lower) > 0).all()
    found = fitted.log_prob(table).to_numpy()
    exact = [stats.multivariate_normal(m, spread).logpdf(v)
             for m, v in zip((x @ beta)[:20], table[["y", "z"]].to_numpy(), strict=False)]  # fmt: skip
    np.testing.assert_allclose(found[:20], exact, rtol=1e-9)
    quantiles = fitted.quantiles(table.iloc[:20], [0.1, 0.5])
    np.testing.assert_allclose(quantiles["z"][0.5], (x @ beta)[:20, 1], rtol=1e-9)
    np.testing.assert_allclose(
        quantiles["y"][0.1], (x @ beta)[:20, 0] + np.sqrt(spread[0, 0]) * stats.norm.ppf(0.1), rtol=1e-9
    )


def test_noise_keeps_its_covariance() -> None:
    fitted = LeastSquares().fit(linear(), ["y", "z"], given=["a", "b"])
    conditional: Any = fitted.conditional
    receivers = pd.DataFrame({"a": np.zeros(20_000), "b": np.zeros(20_000)})
    drawn = fitted.sample(receivers)
    spread = conditional.lower @ conditional.lower.T
    np.testing.assert_allclose(np.cov(drawn.T), spread, atol=0.06)  # 3 standard errors of a variance of 2


def test_targets_that_depend_on_each_other() -> None:
    table = linear().assign(z=lambda t: 2 * t.y, same=5.0)
    drawn = LeastSquares().fit(table, ["y", "z", "same"], given=["a"]).sample(table)
    np.testing.assert_allclose(drawn.z, 2 * drawn.y, atol=1e-5)
    np.testing.assert_allclose(drawn.same, 5, atol=1e-9)


def test_least_squares_of_nothing_and_of_too_few() -> None:
    table = linear()
    blank = pd.DataFrame(index=range(3))
    found = LeastSquares().fit(table, "y", "w", given=[]).quantiles(blank, [0.5])
    np.testing.assert_allclose(found, np.average(table.y, weights=table.w))
    few = LeastSquares().fit(table.iloc[:2], "y", given=["a", "b"]).sample(table)
    assert np.isfinite(few).all(axis=None)


def test_neighbours_by_brute_force() -> None:
    """Donors far apart on one predictor: only the nearest are drawn, in proportion to weight."""
    donors = pd.DataFrame({"x": np.arange(30.0), "y": np.arange(30), "w": np.resize([1.0, 3.0, 0.0], 30)})
    fitted = HotDeck(neighbours=3).fit(donors, "y", "w")
    rows = pd.DataFrame({"x": np.full(3_000, 12.0)})
    share = fitted.sample(rows).y.value_counts(normalize=True).sort_index()
    assert donors.w[[10, 12, 13]].tolist() == [3, 1, 3]  # 11 and 14 have no weight
    assert share.index.tolist() == [10, 12, 13]
    np.testing.assert_allclose(share, np.array([3, 1, 3]) / 7, atol=4 * np.sqrt(0.25 / 3_000))


def test_equal_donors_are_all_drawn() -> None:
    """All donors at one place: none is left out, and none is preferred by its place in the file."""
    donors = pd.DataFrame({"x": np.ones(50), "y": np.arange(50)})
    drawn = HotDeck(neighbours=2).fit(donors, "y", key=3).sample(pd.DataFrame({"x": np.ones(20_000)})).y
    count = np.bincount(drawn, minlength=50)
    assert (count > 0).all()
    assert count.max() < 5 * 400  # by a hair: neighbourhoods on a line differ in size, as gaps between points do


def test_whole_donors() -> None:
    table = mixed()
    names = ["interest", "tenure", "renter", "children"]
    fitted = HotDeck(neighbours=1_000).fit(table, names, "weight", given=["age", "wages"])
    drawn = fitted.sample(mixed(200, seed=4))
    known = set(table[names].itertuples(index=False, name=None))
    assert set(drawn.itertuples(index=False, name=None)) <= known
    assert not fitted.conditional.traceable
    with pytest.raises(JaxsimError, match="HotDeckConditional has no density"):
        fitted.log_prob(table)
    with pytest.raises(JaxsimError, match="HotDeckConditional has no quantiles: take them from many draws"):
        HotDeck().fit(table, "gains", given=["age"]).quantiles(table, [0.5])


def test_hot_deck_of_nothing_draws_by_weight() -> None:
    donors = pd.DataFrame({"y": [1, 2, 3], "w": [1.0, 0.0, 3.0]})
    fitted = HotDeck().fit(donors, "y", "w", given=[])
    drawn = fitted.sample(pd.DataFrame(index=range(4_000))).y
    assert set(drawn) == {1, 3}
    assert (drawn == 3).mean() == pytest.approx(0.75, abs=4 * np.sqrt(0.19 / 4_000))
    with js.precision("float64"):
        assert fitted.conditional.draw(jnp.zeros((2, 0)), jnp.asarray([[1e-9], [1 - 1e-9]])).tolist() == [[1], [3]]
