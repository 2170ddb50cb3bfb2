"""Zero inflation: draws, quantiles and densities that agree, over donors and over networks."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

import jaxsim as js
from jaxsim.errors import JaxsimError
from jaxsim.impute import Classifier, Forest, HotDeck, Imputer, LeastSquares, Training, ZeroInflated
from tests.impute.donors import TINY, hurdle, mixed

pytestmark = pytest.mark.usefixtures("quick_programs")


@pytest.fixture(scope="module")
def inflated() -> Imputer:
    """Of three signs, with ordered forests for the amounts, so that a draw is known from its uniforms."""
    training = Training(width=8, layers=1, epochs=20, batch=200, rate=1e-2)
    return ZeroInflated(Forest(trees=3, ordered=True), Classifier(training)).fit(hurdle(1_500), "income", key=1)


def test_streams_are_named_apart(inflated: Imputer) -> None:
    assert [name for name, _ in inflated.conditional.streams] == [
        "income.sign", "income.negative", "income.positive",
    ]  # fmt: skip


def test_draws_quantiles_and_chances_agree(inflated: Imputer) -> None:
    """20,000 draws of one record: shares of signs, and of draws up to quantiles, within 4 standard errors."""
    conditional: Any = inflated.conditional
    record = pd.DataFrame({"x": [0.4]})
    drawn = inflated.sample(record.iloc[np.zeros(20_000, int)].reset_index(drop=True)).income.to_numpy()
    with js.precision("float64"):
        chances = np.exp(np.asarray(conditional._log_chances(jnp.asarray([[0.4]]))))[0]
    error = 4 * np.sqrt(0.25 / len(drawn))
    np.testing.assert_allclose([(np.sign(drawn) == s).mean() for s in (-1, 0, 1)], chances, atol=error)
    levels = np.array([0.02, 0.1, 0.3, 0.7, 0.9, 0.99])
    found = inflated.quantiles(record, levels).to_numpy()[0]
    assert (np.diff(found) >= 0).all()
    assert (np.sign(found) == [-1, -1, 0, 1, 1, 1]).all()
    for level, value in zip(levels, found, strict=True):
        assert (drawn < value).mean() <= level + error
        assert (drawn <= value).mean() >= level - error
    wide = inflated.quantiles(record.iloc[np.zeros(6, int)], levels)  # as many records as levels
    assert (wide.to_numpy() == found).all()


def test_amounts_are_those_of_donors_of_that_sign(inflated: Imputer) -> None:
    donors = hurdle(1_500).income
    drawn = inflated.sample(hurdle(1_000, seed=8)).income
    assert drawn.isin(donors).all()
    assert (drawn < 0).any()


def test_over_a_hot_deck_with_a_forest_of_signs() -> None:
    table = mixed()
    fitted = ZeroInflated(HotDeck(5), Forest(trees=3)).fit(table, "gains", "weight", given=["age", "sex"])
    assert not fitted.conditional.traceable
    drawn = fitted.sample(mixed(500, seed=3)).gains
    assert drawn.isin(table.gains).all()
    for sign in (-1, 0, 1):  # 4 standard errors of 500 draws and 300 donors
        share = np.average(np.sign(table.gains) == sign, weights=table.weight)
        assert abs((np.sign(drawn) == sign).mean() - share) < 0.15
    with pytest.raises(JaxsimError, match=r"classifier=Classifier\(\)"):
        fitted.quantiles(mixed(3), [0.5])


def test_density(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chance of the sign times the density of the size; zero and what counts as zero have the chance alone."""
    monkeypatch.setattr("jaxsim.impute.classifier.train", lambda layers, *_: layers)
    fitted = ZeroInflated(LeastSquares(), Classifier(TINY), threshold=10.0).fit(hurdle(300), "income")
    conditional: Any = fitted.conditional
    table = pd.DataFrame({"x": np.full(4, 0.2), "income": [-300.0, 0.0, 10.0, 2_000.0]})
    found = fitted.log_prob(table).to_numpy()
    with js.precision("float64"):
        x = jnp.asarray([[0.2]])
        chances = np.asarray(conditional._log_chances(x))[0]
        negative, positive = (
            float(part.log_prob(x, jnp.asarray([[size]]))[0])
            for part, size in zip(conditional.parts, (300.0, 2_000.0), strict=True)
        )
    expected = [chances[0] + negative, chances[1], chances[1], chances[2] + positive]
    np.testing.assert_allclose(found, expected, rtol=1e-6)  # the network is float32


def test_one_sign_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jaxsim.impute.classifier.train", None)  # one class needs no training
    table = hurdle(200)
    for values in (np.zeros(200), -np.abs(table.income) - 1):
        fitted = ZeroInflated(Forest(trees=2), Classifier(TINY)).fit(table[["x"]], np.asarray(values))
        drawn = fitted.sample(table[["x"]]).y
        assert set(np.sign(drawn)) == set(np.sign(values))
        assert drawn.isin(values).all()


def test_a_sign_that_one_donor_has() -> None:
    table = hurdle(100).assign(income=np.where(np.arange(100) == 5, -77.0, np.arange(100) % 3))
    for model in (HotDeck(), LeastSquares()):
        drawn = ZeroInflated(model, Forest(trees=2, least_leaf=1)).fit(table, "income").sample(table).income
        assert (drawn[drawn < 0] == -77).all() or isinstance(model, LeastSquares)
        assert np.isfinite(drawn).all()
