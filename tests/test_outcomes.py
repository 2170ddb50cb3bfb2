"""Distributional measures against definitions, their derivatives, and the impact of a reform."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsim as js
from jaxsim import outcomes


@pytest.fixture(autouse=True)
def float64():
    with js.precision("float64"):
        yield


RNG = np.random.default_rng(0)
X, W = RNG.lognormal(10, 1, 300), RNG.uniform(0.5, 3, 300)


def test_gini_is_the_mean_absolute_difference():
    pairs = np.abs(X[:, None] - X[None, :]) * W[:, None] * W[None, :]
    expected = pairs.sum() / (2 * W.sum() ** 2 * np.average(X, weights=W))
    assert float(outcomes.gini(jnp.asarray(X), jnp.asarray(W))) == pytest.approx(expected, rel=1e-12)


def test_gini_extremes():
    assert float(outcomes.gini(jnp.full(10, 5.0), jnp.ones(10))) == pytest.approx(0)
    assert float(outcomes.gini(jnp.array([0.0] * 99 + [1.0]), jnp.ones(100))) == pytest.approx(0.99)


def test_gini_derivative():
    x, w = jnp.asarray(X), jnp.asarray(W)
    slope = jax.grad(outcomes.gini)(x, w)
    for i in (0, 150, 299):
        h = 1e-3
        up, down = (outcomes.gini(x.at[i].add(s), w) for s in (h, -h))
        assert float(slope[i]) == pytest.approx(float((up - down) / (2 * h)), rel=1e-4, abs=1e-12)


def test_quantile_and_poverty():
    x, w = jnp.array([1.0, 2.0, 3.0, 4.0]), jnp.array([1.0, 1.0, 1.0, 5.0])
    assert outcomes.quantile(x, w, 0.25) == 2
    assert outcomes.quantile(x, w, 0.5) == 4
    assert float(outcomes.poverty_rate(x, w, jnp.asarray(3.0))) == 2 / 8
    assert float(outcomes.poverty_gap(x, w, jnp.asarray(3.0))) == 2 + 1
    assert float(jax.grad(lambda v: outcomes.poverty_gap(v, w, jnp.asarray(3.0)))(x)[0]) == -1


def test_deciles_hold_equal_weight_and_set_negatives_apart():
    x = jnp.asarray(np.concatenate([X, [-5.0, -1.0]]))
    w = jnp.asarray(np.concatenate([W, [1.0, 1.0]]))
    rank = np.asarray(outcomes.decile(x, w))
    assert rank[-2:].tolist() == [0, 0]
    held = np.bincount(rank[:-2], weights=W, minlength=11)[1:]
    np.testing.assert_allclose(held, W.sum() / 10, atol=W.max())
    assert np.all(np.diff(rank[:-2][np.argsort(X)]) >= 0)


@pytest.mark.slow
def test_impact_adds_up(sim):
    reform = js.Reform({"irs.credits.ctc.amount": 4_000}, name="Larger credit")
    impact = sim.impact(reform)
    after = sim.with_reform(reform)
    assert impact.cost == pytest.approx(after.total("combined_tax") - sim.total("combined_tax"))
    assert impact.cost < 0
    assert impact.budget.loc["income_tax", "change"] == pytest.approx(impact.cost)
    given = after.total("household_after_tax_income") - sim.total("household_after_tax_income")
    assert impact.deciles["change (billions)"].sum() * 1e9 == pytest.approx(given)
    assert impact.deciles["persons (millions)"].sum() * 1e6 == pytest.approx(sim.weights("person").sum())
    np.testing.assert_allclose(impact.winners.sum(axis=1), 1)
    assert impact.winners.loc["all", ["lose up to 5%", "lose more than 5%"]].sum() == 0
    assert impact.measures.loc["Gini coefficient", "change"] != 0
    assert "Larger credit" in repr(impact)
    assert "<table" in impact._repr_html_()


def test_no_reform_has_no_impact(sim):
    impact = sim.impact({"irs.credits.ctc.amount": 2_200})
    assert impact.cost == 0
    assert impact.winners.loc["all", "no change"] == pytest.approx(1)
    assert (impact.deciles["average change a household"] == 0).all()


def test_lines_of_the_budget_may_be_chosen(sim):
    assert list(sim.impact({"irs.credits.ctc.amount": 1}, lines=["eitc"]).budget.index) == ["eitc"]


def test_plots_are_drawn(sim, tmp_path):
    from jaxsim import plots

    impact = sim.impact({"irs.credits.ctc.amount": 4_000})
    table = sim.vary("income_tax", {"irs.credits.ctc.amount": np.linspace(0, 4_000, 5)})
    figures = {
        "impact": impact.plot(),
        "gradient": plots.plot_gradient(sim.gradient("eitc", parameters="irs.credits")),
        "rates": plots.plot_rates(sim.marginal_tax_rate(outcome="payroll_tax"), sim.weights("person")),
        "history": plots.plot_history(sim.law, "irs.deductions.standard.amount"),
        "variants": plots.plot_variants(table, "irs.credits.ctc.amount", "income_tax", current=2_200),
    }
    for name, figure in figures.items():
        figure.savefig(tmp_path / f"{name}.png")
        assert (tmp_path / f"{name}.png").stat().st_size > 5_000
        assert all(axes.get_title() or axes.get_xlabel() for axes in figure.axes)
