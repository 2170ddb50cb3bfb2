"""Tuning: finds settings that are plainly better, is repeatable, stops bad trials, leaves Optuna as it was."""

import sys

import numpy as np
import pandas as pd
import pytest

from jaxsim.errors import InputError, JaxsimError
from jaxsim.impute import Classifier, HotDeck, Spline, Training, ZeroInflated
from jaxsim.impute.tuning import SPACES, Search, tune

optuna = pytest.importorskip("optuna")


@pytest.fixture(scope="module")
def donors():
    """A target that needs neighbours of a middling number."""
    rng = np.random.default_rng(4)
    x = rng.random(400)
    return pd.DataFrame({"x": x, "noise": rng.random(400), "y": np.sin(6 * x) + 0.5 * rng.standard_normal(400)})


SETTINGS = {"folds": 2, "draws": 4, "progress": False}


def test_finds_better_settings_than_bad_ones(donors):
    found = tune(HotDeck(neighbours=1), donors, "y", ["x", "noise"], trials=8, **SETTINGS)
    table = found.trials
    assert table.loc[0, "neighbours"] == 1  # the model's own come first
    assert found.score < table.loc[0, "score"] - 0.05
    assert found.score == table.loc[table["state"] == "complete", "score"].min()
    best = table.loc[(table["score"] - found.score).abs().idxmin()]
    assert found.model == HotDeck(int(best["neighbours"]))
    assert "HotDeck(" in repr(found)


def test_same_key_same_trials(donors):
    def run(key):
        return tune(HotDeck, donors, "y", ["x"], trials=4, key=key, **SETTINGS).trials.drop(columns="seconds")

    pd.testing.assert_frame_equal(run(1), run(1))
    assert (run(1)["score"] != run(2)["score"]).any()


def test_function_of_a_trial_and_pruning(donors):
    asked = []

    def build(trial):
        """Good at first, then bad."""
        asked.append(trial.suggest_int("few", 10, 20))
        return HotDeck(asked[-1] if len(asked) <= 5 else 200)

    found = tune(build, donors, "y", ["x"], trials=7, folds=3, draws=4, progress=False)
    assert list(found.trials["state"]) == ["complete"] * 5 + ["pruned"] * 2
    assert list(found.trials["folds"]) == [3] * 5 + [1] * 2
    assert found.model.neighbours < 200


def test_trials_that_fail_are_told_and_others_go_on(donors):
    def build(trial):
        return Spline() if trial.number == 0 else HotDeck()

    table = donors.assign(y=pd.Categorical(np.where(donors["y"] > 0, "high", "low")))
    found = tune(build, table, "y", ["x"], trials=2, **SETTINGS)
    assert list(found.trials["state"]) == ["failed", "complete"]
    assert "is a category" in found.trials.loc[0, "error"]
    with pytest.raises(JaxsimError, match=r"every trial failed.*is a category"):
        tune(lambda trial: Spline(), table, "y", ["x"], trials=1, **SETTINGS)
    with pytest.raises(JaxsimError, match="do the targets vary"):
        tune(HotDeck, donors.assign(y=1.0), "y", ["x"], trials=1, **SETTINGS)


def test_spaces_hold_settings_that_models_take():
    for model in SPACES:
        search = Search(model())
        for end in (0, 1):
            fixed = {name: ends[end] for name, ends in SPACES[model].items()}
            assert isinstance(search(optuna.trial.FixedTrial(fixed)), model)
        assert search(optuna.trial.FixedTrial(search.start())) == model()


def test_networks_of_zero_inflation_are_searched_inside():
    model = ZeroInflated(Spline(training=Training(epochs=3)), classifier=Classifier(most=5))
    found = Search(model)(optuna.trial.FixedTrial({"pieces": 5, "training.width": 40, "training.rate": 1e-3}))
    assert found == ZeroInflated(Spline(5, training=Training(width=40, epochs=3, rate=1e-3)), Classifier(most=5))


def test_optuna_keeps_its_verbosity(donors):
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    tune(HotDeck, donors, "y", ["x"], trials=1, **SETTINGS)
    assert optuna.logging.get_verbosity() == optuna.logging.ERROR


@pytest.mark.parametrize(
    ("model", "change", "message"),
    [
        (Classifier, {}, "no default space"),
        (ZeroInflated(Classifier()), {}, "no default space"),
        (3, {}, "is no model"),
        (lambda trial: 3, {}, "return e.g. Forest"),
        (HotDeck, {"score": "crpss"}, "Nearest: crps"),
        (HotDeck, {"trials": 0}, "trials"),
        (HotDeck, {"draws": 1}, "draws"),
    ],
)
def test_mistakes_are_named(donors, model, change, message):
    with pytest.raises(JaxsimError, match=message):
        tune(model, donors, "y", ["x"], **(SETTINGS | {"trials": 2} | change))


def test_without_optuna_says_what_to_install(donors, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(JaxsimError, match=r"pip install 'jaxsim\[tune\]'"):
        tune(HotDeck, donors, "y", ["x"], trials=1)


def test_bad_donors_are_refused_before_any_trial(donors):
    with pytest.raises(InputError, match="no column"):
        tune(HotDeck, donors, "z", ["x"], trials=1, **SETTINGS)
