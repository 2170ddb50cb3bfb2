"""Comparison: folds keep households whole, the truth scores best, a second sample stands beside, failures are told."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from jaxsim.errors import InputError
from jaxsim.impute import Chain, Forest, HotDeck, LeastSquares, Spline, ZeroInflated
from jaxsim.impute.base import Conditional, Model
from jaxsim.impute.compare import COLUMNS, SECOND, compare, describe
from jaxsim.impute.folds import Folds, deal

TARGETS, GIVEN = ["wages", "pension"], ["age", "region", "children"]
FOREST = Forest(trees=5, least_leaf=10)


@pytest.fixture(scope="module")
def donors():
    rng = np.random.default_rng(11)
    n = 900
    age = rng.integers(18, 90, n)
    table = pd.DataFrame({"household": np.repeat(np.arange(n // 2), 2), "age": age})
    table["region"] = pd.Categorical(rng.choice(["north", "south"], n))
    table["children"] = np.where(rng.random(n) < 0.1, np.nan, rng.integers(0, 4, n))
    table["wages"] = np.where((age < 65) & (rng.random(n) < 0.8), rng.lognormal(10, 0.7, n), 0).round()
    table["pension"] = np.where((age >= 65) & (rng.random(n) < 0.7), rng.lognormal(9, 0.5, n), 0).round()
    table["weight"] = rng.lognormal(0, 1, n)
    return table


@pytest.fixture(scope="module")
def comparison(donors):
    models = {"forest": FOREST, "least squares": LeastSquares(), "spline of a category": Chain(("region",), Spline())}
    return compare(models, donors, TARGETS, GIVEN, "weight", "household", folds=3, draws=6, progress=False)


class Blind(Model):
    """Draws the donors' marginal, whatever the predictors."""

    def _learn(self, given, x, targets, y, weights, key, progress):
        return FOREST._learn(given[:0], x[:, :0], targets, y, weights, key, progress)


class Broken(Model):
    def _learn(self, *_):
        raise ZeroDivisionError("nothing to divide by")


# --- folds ---


def test_folds_keep_households_whole_and_balance_weight():
    rng = np.random.default_rng(0)
    household = rng.integers(0, 700, 2_000).astype(str)
    w = rng.pareto(1.5, 2_000)
    fold = deal(household, w, 5, key=3)
    of = pd.Series(fold).groupby(household)
    assert (of.min() == of.max()).all()
    heaviest = np.bincount(fold, w).max()
    assert heaviest < max(1.01 * w.sum() / 5, 1.0001 * pd.Series(w).groupby(household).sum().max())
    np.testing.assert_array_equal(fold, deal(household, w, 5, key=3))
    assert (fold != deal(household, w, 5, key=4)).any()


def test_rows_without_household_stand_alone(donors):
    folds = Folds.of(donors, "wages", ["age"], None, None, 4, 0)
    assert np.bincount(folds.fold).tolist() == [225] * 4


def test_all_other_columns_are_given_where_none_are_named(donors):
    assert Folds.of(donors, TARGETS, None, "weight", "household", 2, 0).given == GIVEN


def test_rows_with_missing_targets_or_without_weight_are_left_out(donors):
    table = donors.assign(
        wages=donors["wages"].where(donors.index != 0), weight=donors["weight"].where(donors.index > 1, 0)
    )
    assert len(Folds.of(table, TARGETS, GIVEN, "weight", "household", 2, 0).table) == len(donors) - 2


# --- scores ---


def test_table_has_all_scores_of_models_and_of_a_second_sample(comparison):
    table = comparison.table
    assert list(table.index) == ["forest", "least squares", SECOND, "spline of a category"]
    assert list(comparison.means) == list(COLUMNS)
    forest = table.loc["forest"].drop("failure")
    assert forest.astype(float).notna().all()
    assert (forest.xs("standard error", level=1).astype(float) >= 0).all()
    second = comparison.means.loc[SECOND]
    assert second.drop(["crps", "pinball", "fit seconds", "draw seconds"]).notna().all()
    assert np.isnan(second["crps"])
    assert abs(second["auc"] - 0.5) < 0.1


def test_better_models_score_better(comparison):
    means = comparison.means
    assert means.loc["forest", "crps"] < min(means.loc["least squares", "crps"], 0.95)
    for score in ("wasserstein", "zero share error"):
        assert means.loc["forest", score] < means.loc["least squares", score]
    assert means.loc["least squares", "auc"] > 0.9 > means.loc["forest", "auc"]
    assert means.loc["least squares", "copies"] == 0


def test_a_model_that_ignores_predictors_scores_one(donors):
    found = compare([Blind()], donors, TARGETS, GIVEN, "weight", draws=20, folds=4, scores=["crps"], progress=False)
    assert found.means.loc["Blind", "crps"] == pytest.approx(1, abs=0.05)
    assert list(found.means) == ["crps", "pinball", "fit seconds", "draw seconds"]


def test_scores_by_target_are_in_its_unit(comparison, donors):
    of = comparison.by_target.loc["forest", "wages"]
    assert of["zero share truth"] == pytest.approx(np.average(donors["wages"] == 0, weights=donors["weight"]), abs=0.02)
    assert of["wasserstein"] / of["relative wasserstein"] == pytest.approx(
        np.average(donors["wages"], weights=donors["weight"]), rel=0.1
    )
    assert comparison.by_target.index.names == ["model", "variable"]
    assert "spline of a category" not in comparison.by_target.index.unique("model")


def test_households_are_compared(comparison):
    of = comparison.households.loc["forest", "wages", "zero total"]
    assert 0 < of["real"] < 1
    assert of["difference"] == pytest.approx(of["synthetic"] - of["real"])


def test_categories_are_scored_as_switches(donors):
    found = compare([FOREST], donors, ["region", "wages"], ["age"], folds=2, draws=4, scores=["crps", "marginal"],
                    progress=False)  # fmt: skip
    assert list(found.by_target.loc["Forest(trees=5, least_leaf=10)"].index) == [
        "region = north",
        "region = south",
        "wages",
    ]


def test_same_key_same_scores(donors):
    def run(key):
        found = compare(
            [HotDeck()], donors, "wages", ["age"], folds=2, draws=3, key=key, scores=["crps"], progress=False
        )
        return found.by_fold["crps"].to_numpy()

    np.testing.assert_array_equal(run(5), run(5))
    assert (run(5) != run(6))[:2].all()


# --- failures and words ---


def test_a_model_that_fails_says_why_and_others_go_on(comparison, donors):
    assert "region" in comparison.failures["spline of a category"]
    assert "spline of a category failed: " in repr(comparison)
    assert np.isnan(comparison.means.loc["spline of a category", "crps"])
    models = {"broken": Broken(), "deck": HotDeck()}
    found = compare(models, donors, "wages", ["age"], folds=2, draws=2, scores=["crps"], progress=False)
    assert found.failures == {"broken": "ZeroDivisionError('nothing to divide by')"}
    assert found.means.loc["deck", "crps"] > 0


def test_words_and_figure(comparison):
    assert " ± " in repr(comparison)
    assert "<table" in comparison._repr_html_()
    pytest.importorskip("matplotlib")
    assert len(comparison.plot(scores=["crps", "pinball"]).axes) == 2
    with pytest.raises(InputError, match="there is no 'crpss'"):
        comparison.plot(scores=["crpss"])
    figure = comparison.plot("forest")
    assert "CRPS" in [axes.get_title() for axes in figure.axes]


def test_models_are_described_by_what_is_not_default():
    assert describe(Forest()) == "Forest"
    assert describe(ZeroInflated(Forest(trees=5))) == "ZeroInflated(Forest(trees=5))"
    assert describe(dataclasses.replace(HotDeck(), neighbours=3)) == "HotDeck(neighbours=3)"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"models": []}, "give one or more"),
        ({"models": {"a": 3}}, "is no model"),
        ({"models": {SECOND: Forest()}}, "give another"),
        ({"scores": ["crsp"]}, "Nearest: crps"),
        ({"scores": ["household"], "household": None}, "give household="),
        ({"household": "home"}, "no column 'home'"),
        ({"household": np.arange(3)}, "one id a row"),
        ({"household": np.where(np.arange(900) == 4, np.nan, 1.0)}, "missing ids"),
        ({"household": np.arange(900) // 300}, "give fewer folds"),
        ({"targets": "wage"}, "no column 'wage'"),
        ({"donors": 3}, "give a DataFrame"),
    ],
)
def test_mistakes_are_named(donors, change, message):
    settings = {"models": [Forest()], "donors": donors, "targets": TARGETS, "given": GIVEN, "weights": "weight",
                "household": "household", "progress": False}  # fmt: skip
    with pytest.raises(InputError, match=message):
        compare(**(settings | change))


def test_conditional_of_blind_is_a_conditional(donors):
    assert isinstance(Blind().fit(donors, "wages", given=["age"]).conditional, Conditional)
