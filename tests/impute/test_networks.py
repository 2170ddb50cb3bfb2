"""Networks: quantiles that do not cross, classes, flows; the training loop; what the three have in common."""

from __future__ import annotations

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

import jaxsim as js
from jaxsim.errors import JaxsimError
from jaxsim.impute import Classifier, Flow, Imputer, QuantileNetwork, Training, networks
from jaxsim.impute.design import Design, Scale
from tests.impute.donors import TINY, classifier, mixed, unit_grid

pytestmark = pytest.mark.usefixtures("quick_programs")

ROWS = 1_024
draw = eqx.filter_jit(lambda conditional, x, u: conditional.draw(x, u))


def normal(rows: int = 2_000) -> pd.DataFrame:
    """y given x is normal, with mean 2 x and spread 0.5."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, rows)
    return pd.DataFrame({"x": x, "y": 2 * x + 0.5 * rng.normal(size=rows)})


# --- features -------------------------------------------------------------------------------------------------------


def test_design() -> None:
    from jaxsim.impute.columns import Columns

    table = mixed(40)
    columns = Columns.learn(table, ["age", "state", "wages"], "donors")
    matrix = columns.read(table, "donors")
    weights = table.weight.to_numpy()
    design = Design.learn(columns, matrix, weights)
    features = np.asarray(design(jnp.asarray(matrix)))
    assert features.shape == (40, design.width) == (40, 1 + 4 + 2)
    np.testing.assert_array_equal(features[:, 1:5].argmax(axis=1), table.state.cat.codes)
    assert (features[:, 1:5].sum(axis=1) == 1).all()
    np.testing.assert_array_equal(features[:, 6], table.wages.isna())
    assert len(np.unique(features[table.wages.isna(), 5])) == 1
    nothing = design(jnp.asarray([[40.0, np.nan, 1.0]]))
    assert (np.asarray(nothing)[0, 1:5] == 0).all()


def test_scale_is_by_weight_and_smooth_at_constants() -> None:
    features = np.array([[0.0, 5.0], [10.0, 5.0], [1_000.0, 5.0]])
    weights = np.array([1.0, 2.0, 1.0])
    with js.precision("float64"):
        scaled = np.asarray(Scale.learn(features, weights)(jnp.asarray(features)))
    np.testing.assert_allclose(weights @ scaled / 4, 0, atol=1e-12)
    np.testing.assert_allclose(weights @ scaled[:, 0] ** 2 / 4, 1)
    np.testing.assert_allclose(scaled[:, 1], 0, atol=1e-12)


# --- quantiles ------------------------------------------------------------------------------------------------------


def test_features_and_amounts_level_off_beyond_the_donors() -> None:
    donors = np.array([[-50.0], [0.0], [10.0], [1_000.0]])
    with js.precision("float64"):
        scale = Scale.learn(donors, np.ones(4))
        np.testing.assert_array_equal(scale.near(scale(donors)), scale(donors))
        np.testing.assert_allclose(scale.amounts(jnp.asarray(scale(donors))), donors, atol=1e-9)
        far = jnp.asarray([[-1e12], [1e3], [1e4], [1e12]])
        seen = np.asarray(scale.near(scale(far)))[:, 0]
        assert scale.low[0] - 1 <= seen[0] < scale.low[0]
        assert (np.diff(seen) > 0).all()
        assert seen[-1] <= scale.high[0] + 1
        amounts = np.asarray(scale.amounts(jnp.asarray([[-1e6], [1e6]])))[:, 0]
        assert -120 < amounts[0] < -99  # small amounts, of the size of the unit, somewhat further
        assert amounts[1] == pytest.approx(2_000, rel=0.01)
        near_end = jnp.asarray(scale.high[0] + 1e-7)
        assert jax.grad(lambda z: scale.near(z[None, None])[0, 0])(near_end) == pytest.approx(1)


@pytest.fixture(scope="module")
def quantiles() -> Imputer:
    training = Training(width=16, layers=1, epochs=40, patience=40, batch=200, rate=1e-2)
    return QuantileNetwork(levels=9, training=training).fit(normal(), "y", key=1)


def test_quantile_network_learns_the_truth(quantiles: Imputer) -> None:
    """2,000 donors, of whom about 400 count at each x: standard errors of 0.03 at the median, 0.06 at the ends."""
    x, levels = np.array([-0.7, 0.0, 0.7]), [0.05, 0.25, 0.5, 0.75, 0.95]
    found = quantiles.quantiles(pd.DataFrame({"x": x}), levels).to_numpy()
    from scipy.stats import norm

    np.testing.assert_allclose(found, 2 * x[:, None] + 0.5 * norm.ppf(levels), atol=0.2)


def test_draws_stay_near_the_donors_wherever_the_receiver_is(quantiles: Imputer) -> None:
    most = 2.02 * np.abs(normal().y).max()
    found = quantiles.sample(pd.DataFrame({"x": np.repeat([-1e9, -3.0, 3.0, 1e9], 500)}), 0)
    assert np.abs(found["y"]).max() <= most
    extreme = quantiles.quantiles(pd.DataFrame({"x": [-1e9, 1e9]}), [1e-9, 1 - 1e-9]).to_numpy(float)
    assert np.abs(extreme).max() <= most


def test_quantiles_never_cross_and_draws_rise(quantiles: Imputer) -> None:
    x = np.linspace(-3, 3, 5)  # beyond the donors too
    u = np.concatenate([[2.0**-33], unit_grid(ROWS - 2), [1 - 2.0**-33]])
    with js.precision("float64"):
        for at in x:
            drawn = np.asarray(draw(quantiles.conditional, jnp.full((ROWS, 1), at), jnp.asarray(u)[:, None]))[:, 0]
            assert np.isfinite(drawn).all()
            assert (np.diff(drawn) > 0).all()
    levels = [0.1, 0.4, 0.9]
    table = pd.DataFrame({"x": [0.3]})
    with js.precision("float64"):
        same = draw(quantiles.conditional, jnp.full((ROWS, 1), 0.3), jnp.asarray(np.resize(levels, ROWS))[:, None])
    np.testing.assert_allclose(quantiles.quantiles(table, levels).to_numpy()[0], np.asarray(same)[:3, 0], rtol=1e-6)


def test_untrained_quantiles_do_not_cross_either() -> None:
    from jaxsim.impute.quantile_network import ascending

    raw = np.random.default_rng(0).normal(0, 50, (200, 9))
    found = np.asarray(ascending(jnp.asarray(raw, jnp.float32)))
    assert (np.diff(found, axis=1) >= 0).all()
    np.testing.assert_allclose(found[:, 4], raw[:, 0], rtol=1e-4, atol=1e-4)


# --- classes --------------------------------------------------------------------------------------------------------


def test_classes_are_drawn_by_their_chances() -> None:
    """At a fixed record: shares of a grid of uniforms equal the chances, within one point of the grid."""
    fitted = classifier()
    conditional: Any = fitted.conditional
    table = mixed(1_000)
    seen = sorted({"TX": 0, "NY": 1, "CA": 2}[s] for s in table.state.unique())
    assert conditional.values.tolist() == seen
    with js.precision("float64"):
        x = jnp.asarray(np.tile(fitted.matrix(table.iloc[[0]]), (ROWS, 1)))
        drawn = np.asarray(draw(conditional, x, jnp.asarray(unit_grid(ROWS))[:, None]))[:, 0]
        chances = np.exp(np.asarray(conditional.log_chances(x)))[0]
    assert (np.diff(drawn) >= 0).all()
    np.testing.assert_allclose(np.bincount(drawn.astype(int)) / ROWS, chances, atol=1.01 / ROWS)
    probabilities = np.exp(
        [fitted.log_prob(table.iloc[[0]].assign(state=pd.Categorical([s], ["TX", "NY", "CA", "WY"]))).iloc[0]
         for s in ("TX", "NY", "CA", "WY")]
    )  # fmt: skip
    np.testing.assert_allclose(probabilities, [*chances, 0.0], rtol=1e-9)
    assert chances.sum() == pytest.approx(1)
    assert fitted.sample(table).state.dtype == table.state.dtype


def test_one_class_needs_no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jaxsim.impute.classifier.train", None)
    fitted = Classifier(TINY).fit(mixed().assign(children=2), "children", given=["age"])
    drawn = fitted.sample(mixed(30))
    assert drawn.children.tolist() == [2] * 30
    assert drawn.children.dtype == np.int64
    assert (fitted.log_prob(mixed(30).assign(children=2)) == 0).all()
    assert (fitted.log_prob(mixed(30).assign(children=3)) == -np.inf).all()


def test_quantiles_of_whole_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jaxsim.impute.classifier.train", lambda layers, *_: layers)
    fitted = Classifier(TINY).fit(mixed(), "children", given=["age"])
    found = fitted.quantiles(mixed(30), [0.01, 0.5, 0.99])
    assert ((found.diff(axis=1).iloc[:, 1:]) >= 0).all(axis=None)
    assert set(np.unique(found)) <= {0, 1, 2, 3}
    assert (found[0.01] == 0).all()


# --- flows ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def flow() -> Imputer:
    pytest.importorskip("flowjax")
    table = normal(600).assign(z=lambda t: t.y + np.random.default_rng(1).normal(3, 1, 600))
    training = Training(width=8, layers=1, epochs=80, patience=80, batch=200, rate=1e-2)
    return Flow(flows=2, training=training).fit(table, ["y", "z"], given=["x"], key=2)


def test_density_of_a_flow_is_that_of_its_draws(flow: Imputer) -> None:
    """log p(draw(u)) = -log |det of the derivative of draws by uniforms|; a trained base once stood in one only."""
    rng = np.random.default_rng(0)
    with js.precision("float64"):
        x, u = jnp.asarray(rng.uniform(-1, 1, (50, 1))), jnp.asarray(rng.uniform(0.01, 0.99, (50, 2)))

        @eqx.filter_jit
        def both(conditional: Any, x: jax.Array, u: jax.Array) -> Any:
            def one(x: jax.Array, u: jax.Array) -> jax.Array:
                return conditional.draw(x[None], u[None])[0]

            y = jax.vmap(one)(x, u)
            return jax.vmap(jax.jacfwd(one, argnums=1))(x, u), conditional.log_prob(x, y)

        slope, found = both(flow.conditional, x, u)
    np.testing.assert_allclose(found, -np.linalg.slogdet(slope)[1], atol=1e-4)


def test_draws_of_a_flow_stay_near_the_donors(flow: Imputer) -> None:
    found = flow.sample(pd.DataFrame({"x": np.repeat([-1e9, -3.0, 3.0, 1e9], 500)}), 0)
    assert np.abs(found["y"]).max() <= 2.02 * np.abs(normal(600).y).max()
    assert found["z"].max() < 30


def test_flow_draws_every_target(flow: Imputer) -> None:
    drawn = flow.sample(pd.DataFrame({"x": np.linspace(-1, 1, 1_000)}))
    assert drawn.columns.tolist() == ["y", "z"]
    assert np.corrcoef(drawn.y, drawn.z)[0, 1] > 0.5  # the truth: 0.78
    with pytest.raises(JaxsimError, match="sample"):
        flow.quantiles(pd.DataFrame({"x": [0.0]}), [0.5])


def test_flows_ask_for_flowjax(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "flowjax.distributions", None)
    with pytest.raises(JaxsimError, match="jaxsim\\[flows\\]"):
        Flow(training=TINY).fit(normal(50), "y")


# --- training -------------------------------------------------------------------------------------------------------


class Line(eqx.Module):
    slope: jax.Array


def line_loss(line: Line, rows: tuple[jax.Array, ...]) -> jax.Array:
    return (rows[1] - line.slope * rows[0]) ** 2


def fit_line(training: Training, scale: float = 1.0, weights: np.ndarray | None = None) -> float:
    rng = np.random.default_rng(0)
    x = rng.normal(size=200)
    y = np.where(np.arange(200) % 2 == 0, 3.0, -1.0) * x * scale
    weights = np.ones(200) if weights is None else weights
    start = Line(jnp.zeros((), jnp.float32))
    return float(networks.train(start, line_loss, (x, y), weights, jax.random.key(1), training, "line", False).slope)


def test_training_minimises_the_weighted_loss() -> None:
    training = Training(epochs=60, batch=30, rate=0.1, patience=60, decay=0.0)
    assert fit_line(training) == pytest.approx(1.0, abs=0.6)  # slopes 3 and -1 half and half: standard error 0.15,
    # and the held-out tenth that chooses the epoch is small
    assert fit_line(training, weights=np.where(np.arange(200) % 2 == 0, 2.0, 1e-9)) == pytest.approx(3.0, abs=0.05)


def test_training_is_compiled_once_and_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second epoch runs what the first compiled; with no better loss it stops after `patience`."""
    traced, real = [], jax.value_and_grad
    monkeypatch.setattr(jax, "value_and_grad", lambda f: traced.append(1) or real(f))
    shown: list[float] = []
    monkeypatch.setattr(
        networks.Progress, "advance", lambda self, units=1, **figures: shown.append(figures["held_out_loss"])
    )
    fit_line(Training(epochs=50, batch=40, rate=1e-12, patience=3))
    assert len(traced) == 1
    assert 4 <= len(shown) < 50
    assert shown[-1] >= min(shown[:-3])


def test_training_that_diverges_says_so() -> None:
    with pytest.raises(JaxsimError, match="diverged; lower the rate"):
        fit_line(Training(epochs=3, batch=40, rate=1.0), scale=1e30)


def test_settings_are_kept() -> None:
    assert dataclasses.asdict(TINY)["width"] == 8
    assert dataclasses.replace(Training(), width=8, layers=1, epochs=2, batch=64) == TINY
