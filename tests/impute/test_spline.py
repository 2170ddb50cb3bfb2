"""Hurdle with splines: smooth draws, densities that belong to them, derivatives of the distribution; its parts."""

from __future__ import annotations

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr, ndtri

import jaxsim as js
from jaxsim.impute import Spline, rational_quadratic
from jaxsim.impute.marginal import Marginal
from tests.conftest import make_population
from tests.impute.donors import SPREAD, chances, hurdle, median_log, spline, unit_grid

pytestmark = pytest.mark.usefixtures("quick_programs")

H = 1e-6


@pytest.fixture(autouse=True)
def wide() -> Any:
    with js.precision("float64"):
        yield


@pytest.fixture(scope="module")
def conditional() -> Any:
    """With leaves of float64, so that differences in them mean something."""
    with js.precision("float64"):
        arrays, rest = eqx.partition(spline().conditional, eqx.is_inexact_array)
        return eqx.combine(jax.tree.map(lambda a: np.asarray(a, np.float64), arrays), rest)


@eqx.filter_jit
def draw(conditional: Any, x: jax.Array, u: jax.Array) -> jax.Array:
    """Amounts [rows] at predictors [rows] and uniforms [rows]."""
    return conditional.draw(x[:, None], u[:, None])[:, 0]


@eqx.filter_jit
def log_prob(conditional: Any, x: jax.Array, y: jax.Array) -> jax.Array:
    return conditional.log_prob(x[:, None], y[:, None])


@eqx.filter_jit
def moved(conditional: Any, x: jax.Array, u: jax.Array, dx: jax.Array, du: jax.Array) -> jax.Array:
    """Derivatives of draws along dx and du."""
    return jax.jvp(lambda x, u: draw(conditional, x, u), (x, u), (dx, du))[1]


ROWS = 1_024  # one compiled shape for all tests
_rng = np.random.default_rng(0)
X, U = _rng.uniform(-1.4, 1.4, ROWS), _rng.uniform(0.001, 0.999, ROWS)
ONE, NONE = np.ones(ROWS), np.zeros(ROWS)


def test_draws_have_all_three_signs(conditional: Any) -> None:
    sign = np.sign(draw(conditional, X, U))
    assert conditional.signs == (-1, 0, 1)
    assert all((sign == s).sum() > 50 for s in (-1, 0, 1))


def test_derivatives_by_predictors_equal_differences(conditional: Any) -> None:
    at = [np.asarray(draw(conditional, X + s * H, U)) for s in (-1, 0, 1)]
    exact = np.asarray(moved(conditional, X, U, ONE, NONE))
    assert (exact[at[1] == 0] == 0).all()
    compare(exact, *at)


def compare(exact: np.ndarray, low: np.ndarray, middle: np.ndarray, high: np.ndarray) -> None:
    """Derivatives with central differences, off the hurdle's edge, where amounts grow out of zero ever more steeply."""
    difference = (high - low) / (2 * H)
    edge = np.abs(high - 2 * middle + low) / H > 1e-4 * np.abs(difference)
    edge |= (np.sign(low) != np.sign(middle)) | (np.sign(middle) != np.sign(high))
    assert edge.mean() < 0.05
    assert np.isfinite(exact).all()
    assert np.abs(exact).mean() > 1
    np.testing.assert_allclose(exact[~edge], difference[~edge], rtol=1e-4, atol=1e-4 * np.abs(difference).mean())


def test_derivatives_by_leaves_equal_differences(conditional: Any) -> None:
    arrays, rest = eqx.partition(conditional, eqx.is_inexact_array)
    layers = arrays.network.layers
    rng = np.random.default_rng(1)
    along = jax.tree.map(lambda a: rng.normal(size=a.shape), layers)
    still = jax.tree.map(np.zeros_like, arrays)
    step = eqx.tree_at(lambda c: c.network.layers, still, along)

    def total(arrays: Any) -> jax.Array:
        return draw(eqx.combine(arrays, rest), X, U)

    exact = np.asarray(jax.jit(lambda a: jax.jvp(total, (a,), (step,))[1])(arrays))
    at = [np.asarray(total(jax.tree.map(lambda a, d, s=s: a + s * H * d, arrays, step))) for s in (-1, 0, 1)]
    compare(exact, *at)


def test_draws_rise_with_their_uniform_without_a_jump(conditional: Any) -> None:
    u = np.concatenate([[2.0**-33, 1e-6], unit_grid(ROWS - 4), [1 - 1e-6, 1 - 2.0**-33]])
    for x in (-1.0, 0.3):
        y = np.asarray(draw(conditional, np.full(ROWS, x), u))
        assert np.isfinite(y).all()
        assert (np.diff(y) >= 0).all()
        nonzero = np.flatnonzero(y)
        assert (np.diff(y[nonzero]) > 0).all()
    # at both ends of the zeros amounts grow out of zero: within 1e-12 in u of them, tens of dollars of thousands
    rows = np.zeros(ROWS)
    edges = np.exp(np.asarray(conditional._parts(conditional.network(rows[:1, None]))[0]))[0].cumsum()
    near = np.asarray(draw(conditional, rows, np.resize([edges[0] - 1e-12, edges[0] + 1e-9, edges[1] + 1e-12], ROWS)))
    assert -100 < near[0] < 0
    assert near[1] == 0
    assert 0 < near[2] < 100


def test_density_is_that_of_the_draws(conditional: Any) -> None:
    """The density at a draw is one over the slope of the draw in its uniform."""
    y = np.asarray(draw(conditional, X, U))
    slope = np.asarray(moved(conditional, X, U, NONE, ONE))
    found = np.asarray(log_prob(conditional, X, y))
    some = y != 0
    np.testing.assert_allclose(found[some], -np.log(slope[some]), atol=1e-6)
    zero = np.exp(found[~some])
    gone = np.asarray(draw(conditional, X[~some], np.clip(U[~some], 0, 1)))
    assert (gone == 0).all()
    assert ((zero > 0) & (zero < 1)).all()


def test_density_integrates_to_one_and_to_the_uniform(conditional: Any) -> None:
    """Quadrature in logs of amounts, from a thousandth of a cent to the largest; the trapezoid's error is 1e-5."""
    logs = np.linspace(np.log(1e-5), np.log(3e6), 30 * ROWS)
    for x in (-1.0, 0.8):
        at, amount = np.full(len(logs), x), np.exp(logs)
        positive = np.exp(np.asarray(log_prob(conditional, at, amount)) + logs)
        negative = np.exp(np.asarray(log_prob(conditional, at, -amount)) + logs)
        zero = float(np.exp(log_prob(conditional, at, np.zeros(len(logs))))[0])
        total_negative = np.trapezoid(negative, logs)
        assert total_negative + zero + np.trapezoid(positive, logs) == pytest.approx(1, abs=2e-3)
        u = np.array([0.03, 0.1, 0.7, 0.9, 0.99])
        y = np.asarray(draw(conditional, np.full(ROWS, x), np.resize(u, ROWS)))[:5]
        for level, value in zip(u, y, strict=True):
            if value == 0:
                assert total_negative <= level <= total_negative + zero + 1e-3
                continue
            side = np.trapezoid(np.where(amount <= abs(value), negative if value < 0 else positive, 0), logs)
            reached = total_negative - side if value < 0 else total_negative + zero + side
            assert reached == pytest.approx(level, abs=2e-3)


def test_mean_moves_as_its_derivatives_say(conditional: Any) -> None:
    """Mean of pathwise derivatives over uniforms = difference of means by quadrature of the density.

    The hurdle's chance moves with x too; one uniform for sign and amount brings that into the path.
    """
    z = np.linspace(-7.5, 6.5, 20 * ROWS)  # normal scores of the level within a side: amounts begin steeply
    logs = np.linspace(np.log(1e-3), np.log(3e6), 30 * ROWS)
    amount = np.exp(logs)

    def mean(x: float) -> float:
        at = np.full(len(logs), x)
        density = np.exp(np.asarray(log_prob(conditional, at, amount))) - np.exp(
            np.asarray(log_prob(conditional, at, -amount))
        )
        return float(np.trapezoid(density * amount**2, logs))

    for x in (-0.7, 0.5):
        wide = np.full(len(z), x)
        negative, zero, positive = np.exp(np.asarray(conditional._parts(conditional.network(wide[:1, None]))[0]))[0]
        found = 0.0
        for chance, u in ((negative, negative * ndtr(-z)), (positive, negative + zero + positive * ndtr(z))):
            slopes = np.asarray(moved(conditional, wide, u, np.ones(len(z)), np.zeros(len(z))))
            found += chance * np.trapezoid(slopes * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi), z)
        h = 1e-3
        difference = (mean(x + h) - mean(x - h)) / (2 * h)
        # the least amounts that a float64 uniform can tell from zero are some $20: 1 percent of the derivative
        assert found == pytest.approx(difference, rel=1.5e-2)
        drawn, still = (np.asarray(draw(conditional, np.full(ROWS, x + s), unit_grid(ROWS))) for s in (h, 0.0))
        alone = ((drawn - still) / h)[(drawn != 0) & (still != 0)].sum() / ROWS
        assert alone == pytest.approx(difference, rel=0.1)  # coarse uniforms find the most of it


def test_the_truth_is_learnt() -> None:
    """4,000 donors: chances within 4 points, positive quantiles within 8 percent, twice their standard errors."""
    fitted = spline()
    x = np.array([-1.0, -0.5, 0.0, 0.5, 1.0])
    table = pd.DataFrame({"x": x})
    zero = np.exp(fitted.log_prob(table.assign(income=0.0)).to_numpy())
    negative, positive = chances(x)
    np.testing.assert_allclose(zero, 1 - negative - positive, atol=0.04)
    share = np.array([0.3, 0.5, 0.7])
    errors = []
    for k in range(len(x)):
        levels = 1 - positive[k] * (1 - share)
        found = fitted.quantiles(table.iloc[[k]], levels).to_numpy()[0]
        errors.append(np.log(np.maximum(found, 1)) - (median_log(x[k]) + SPREAD * ndtri(share)))
    assert np.sqrt(np.mean(np.square(errors))) < 0.12
    assert abs(np.mean(errors)) < 0.08


def test_quantiles_are_the_draws_at_these_levels(conditional: Any) -> None:
    levels = [0.05, 0.5, 0.9]
    found = spline().quantiles(pd.DataFrame({"x": X[:4]}), levels)
    for row in range(4):
        y = draw(conditional, np.full(ROWS, X[row]), np.resize(levels, ROWS))[:3]
        np.testing.assert_allclose(found.iloc[row], y, rtol=1e-5)  # the leaves are float32 there


# --- other shapes of targets; what the network learns does not matter here -----------------------------------------


@pytest.fixture
def untrained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jaxsim.impute.spline.train", lambda layers, *_: layers)


@pytest.mark.usefixtures("untrained")
@pytest.mark.parametrize(
    "signs", [(1,), (0,), pytest.param((-1, 1), marks=pytest.mark.slow), pytest.param((-1, 0), marks=pytest.mark.slow)]
)
def test_signs_of_the_target(signs: tuple[int, ...]) -> None:
    table = hurdle(300)
    values = np.resize(signs, 300) * (np.abs(table.income.to_numpy()) + 1)
    fitted = Spline(pieces=2).fit(table[["x"]], values)
    assert fitted.conditional.signs == signs  # type: ignore[attr-defined]
    drawn = fitted.sample(table[["x"]]).y
    assert set(np.sign(drawn)) == set(signs)
    assert np.isfinite(fitted.log_prob(table[["x"]], drawn.to_numpy())).all()
    of_zero = fitted.log_prob(table[["x"]], np.zeros(300))
    assert ((of_zero == -np.inf) == (0 not in signs)).all()
    if signs == (0,):
        assert (of_zero == 0).all()


@pytest.mark.usefixtures("untrained")
def test_amounts_up_to_the_threshold_count_as_zero() -> None:
    table = hurdle(300).assign(income=lambda t: t.income.where(t.income.abs() > 0, 4.0))
    fitted = Spline(pieces=2, threshold=5.0).fit(table, "income")
    conditional: Any = fitted.conditional
    assert conditional.signs == (-1, 0, 1)
    assert np.exp(conditional.marginals[1].logs[0]) > 5
    small, none = (fitted.log_prob(table.assign(income=v)) for v in (5.0, 0.0))
    pd.testing.assert_series_equal(small, none)


# --- through the law -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("outcome", ["payroll_tax", pytest.param("income_tax", marks=pytest.mark.slow)])
def test_derivatives_of_taxes_by_what_is_imputed(conditional: Any, outcome: str) -> None:
    """Wages drawn from x, taxed: derivative of revenue by a shift of x and by a leaf equals the central difference."""
    f = js.Simulation(make_population(40), 2026).function(outcome)
    rows = len(f.population.columns["employment_income"])
    rng = np.random.default_rng(4)
    x, u = rng.uniform(-1, 1, rows), rng.uniform(0.45, 0.999, rows)

    def revenue(at: jax.Array) -> jax.Array:
        bent = eqx.tree_at(lambda c: c.network.layers.layers[-1].bias, conditional, replace_fn=lambda b: b + at[1:])
        drawn = bent.draw((x + at[0])[:, None], u[:, None])[:, 0]
        wages = jnp.where(drawn > 0, drawn, 0.0)
        columns = {**f.population.columns, "employment_income": wages}
        return f(f.parameters, dataclasses.replace(f.population, columns=columns))

    value, slope = jax.jit(revenue), jax.jit(jax.grad(revenue))
    start = np.zeros(1 + conditional.network.layers.out_size)
    exact = np.asarray(slope(start))
    h = 1e-5
    for place in (0, 3, 4, 16):  # x; shift, size and a knot of an amount's spline
        step = np.where(np.arange(len(start)) == place, h, 0.0)
        low, middle, high = (float(value(start + s * step)) for s in (-1, 0, 1))
        difference = (high - low) / (2 * h)
        assert abs(high - 2 * middle + low) / h < 1e-3 * max(1, abs(difference))  # no kink within
        assert exact[place] == pytest.approx(difference, rel=1e-5, abs=1e-3)
    assert exact[0] != 0


# --- parts ---------------------------------------------------------------------------------------------------------

steps = st.lists(st.floats(0.05, 3.0), min_size=1, max_size=6)


@settings(max_examples=40, deadline=None)
@given(steps, st.data())
def test_rational_quadratic_round_trip_and_slope(widths: list[float], data: Any) -> None:
    n = len(widths)
    pieces = st.lists(st.floats(0.05, 3.0), min_size=n, max_size=n)
    ends = st.lists(st.floats(0.05, 3.0), min_size=n + 1, max_size=n + 1)
    pad = 6 - n  # one compiled shape: the rest are even pieces
    knots = np.cumsum([-2.0, *widths, *[1.0] * pad])
    values = np.cumsum([-1.0, *data.draw(pieces), *[1.0] * pad])
    slopes = np.array([*data.draw(ends), *[1.0] * pad])
    x = np.sort(np.concatenate([np.linspace(knots[0] - 3, knots[-1] + 3, 57), knots]))
    y, log_slope, back = (np.asarray(a) for a in both_ways(x, knots, values, slopes))
    assert (np.diff(y) >= 0).all()
    assert (np.diff(y)[np.diff(x) > 1e-9] > 0).all()
    np.testing.assert_allclose(back, x, atol=1e-9)
    h = 1e-6
    off = np.abs(x[:, None] - knots).min(axis=1) > 2 * h
    low, high = (np.asarray(both_ways(x + s * h, knots, values, slopes)[0]) for s in (-1, 1))
    np.testing.assert_allclose(np.exp(log_slope)[off], ((high - low) / (2 * h))[off], rtol=1e-5)
    np.testing.assert_allclose(np.exp(log_slope)[np.searchsorted(x, knots)], slopes, rtol=1e-9)
    outside = x < knots[0]
    np.testing.assert_allclose(y[outside], values[0] + slopes[0] * (x[outside] - knots[0]), atol=1e-12)
    outside = x > knots[-1]
    np.testing.assert_allclose(y[outside], values[-1] + slopes[-1] * (x[outside] - knots[-1]), atol=1e-12)


@jax.jit
def both_ways(x: jax.Array, knots: jax.Array, values: jax.Array, slopes: jax.Array) -> tuple[jax.Array, ...]:
    y, log_slope = rational_quadratic.forward(x, knots, values, slopes)
    return y, log_slope, rational_quadratic.inverse(y, knots, values, slopes)


def test_knots_a_row_equal_knots_for_all() -> None:
    knots, values, slopes = np.array([-1.0, 0.5, 2.0]), np.array([0.0, 1.0, 5.0]), np.array([0.5, 1.0, 2.0])
    x = np.array([-3.0, -1.0, 0.0, 0.5, 1.9, 2.0, 4.0])
    wide = [np.tile(a, (len(x), 1)) for a in (knots, values, slopes)]
    one, each = rational_quadratic.forward(x, knots, values, slopes), rational_quadratic.forward(x, *wide)
    np.testing.assert_array_equal(one[0], each[0])
    np.testing.assert_array_equal(one[1], each[1])
    np.testing.assert_allclose(rational_quadratic.inverse(one[0], *wide), x, atol=1e-12)


AMOUNTS: dict[str, tuple[Any, Any]] = {
    "lognormal": (np.random.default_rng(0).lognormal(8, 1.5, 500), np.ones(500)),
    "weighted": (np.random.default_rng(1).lognormal(8, 1.5, 500), np.random.default_rng(2).lognormal(0, 1, 500)),
    "heaps": (np.resize([100.0, 100.0, 100.0, 250.0, 1_000.0], 200), np.ones(200)),
    "one heap": (np.full(50, 1_200.0), np.ones(50)),
    "two": (np.array([5.0, 80.0]), np.ones(2)),
    "three": (np.array([5.0, 80.0, 81.0]), np.array([1.0, 10.0, 0.1])),
    "one": (np.array([7.0]), np.ones(1)),
    "wide": (np.array([1e-2, 1.0, 1e9]), np.ones(3)),
}


@pytest.mark.parametrize("name", AMOUNTS)
def test_marginal(name: str) -> None:
    amounts, weights = AMOUNTS[name]
    marginal = Marginal.learn(amounts, weights)
    assert (np.diff(marginal.logs) > 0).all()
    assert (marginal.slopes > 0).all()
    end = marginal.scores[-1]
    room = np.log(2) / marginal.slopes[-1]  # above the end amounts grow within a factor of two
    scores = np.linspace(-end - 3, end + min(1.0, 3 * room), 201)
    amount, score = eqx.filter_jit(marginal.amount), eqx.filter_jit(marginal.score)
    found = np.asarray(amount(scores))
    assert (np.diff(found) > 0).all()
    assert np.isfinite(found).all()
    assert found[-1] <= 2 * np.exp(marginal.logs[-1]) * (1 + 1e-9)
    back, log_slope = (np.asarray(a) for a in score(found))
    beyond = score(np.full(201, 2.1 * np.exp(marginal.logs[-1])))
    assert float(beyond[1][0]) == -np.inf  # no draw is as large: it has no density, and a finite score
    assert end + 3 * room < float(beyond[0][0]) < np.inf
    np.testing.assert_allclose(back, scores, atol=1e-6)
    h = 1e-5
    low, high = (np.asarray(amount(scores + s * h)) for s in (-1, 1))
    np.testing.assert_allclose(np.exp(-log_slope), (high - low) / (2 * h), rtol=1e-3)  # knots are among them
    assert np.isfinite(amount(np.linspace(-40, 40, 201))).all()
    if name == "lognormal":  # the map takes normal noise to the amounts' distribution: quartiles within 3 percent
        quartiles = np.asarray(marginal.amount(ndtri(np.array([0.25, 0.5, 0.75]))))
        np.testing.assert_allclose(quartiles, np.quantile(amounts, [0.25, 0.5, 0.75]), rtol=0.03)


def test_marginal_hears_weights() -> None:
    """Three quarters of the weight on the larger amount put the median there."""
    marginal = Marginal.learn(np.repeat([10.0, 1_000.0], 100), np.repeat([1.0, 3.0], 100))
    assert float(marginal.amount(jnp.asarray([0.0]))[0]) == pytest.approx(1_000, rel=0.05)
