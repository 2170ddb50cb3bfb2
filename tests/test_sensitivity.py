"""Sensitivity, response surfaces and uncertainty: against direct reforms, closed forms and brute force."""

import io

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from scipy import stats

import jaxsim as js
from jaxsim import outcomes, plots, propagation, sensitivity
from jaxsim.measures import Measure
from jaxsim.propagation import uncertainty
from tests.conftest import make_persons

RATE = "irs.payroll.social_security.employee_rate"
BASE = "irs.payroll.social_security.wage_base"
MEDICARE = "irs.payroll.medicare.employee_rate"
ADDITIONAL = "irs.payroll.medicare.additional"
TAX = "employee_payroll_tax"
SOCIAL_SECURITY = "tax_unit_employee_social_security_tax"


def product(tax_unit_employee_social_security_tax, employee_medicare_tax, weight):
    """Product of two totals, each proportional to a rate of its own."""
    return (tax_unit_employee_social_security_tax * weight).sum() * (employee_medicare_tax * weight).sum() / 1e14


def inequality(employee_payroll_tax, weight):
    return outcomes.gini(employee_payroll_tax, weight)


def nothing(employee_medicare_tax):
    return 0.0 * employee_medicare_tax


def tax_of_payers():
    return Measure("tax_of_payers", "tax_unit", amounts=lambda employee_payroll_tax: employee_payroll_tax,
                   over=lambda employee_payroll_tax: 1.0 * (employee_payroll_tax > 0))  # fmt: skip


# --- elasticities


@pytest.fixture(scope="module")
def elasticities(sim):
    return js.elasticities(sim, [TAX, "additional_medicare_tax", inequality])


@pytest.mark.parametrize("outcome", [TAX, "additional_medicare_tax"])
def test_elasticities_are_those_of_the_gradient(sim, elasticities, outcome):
    """The same derivatives, and steps matter where the gradient's table says so."""
    gradient = sim.gradient(outcome)
    own = elasticities.loc[outcome].loc[gradient.index]
    np.testing.assert_array_equal(own["value"], gradient["value"])
    np.testing.assert_array_equal(own["steps matter"], gradient["matters here"])
    best = np.where(gradient["matters here"], gradient["smoothed"], gradient["gradient"])
    np.testing.assert_allclose(own["derivative"], best, rtol=1e-9, atol=1e-6)
    np.testing.assert_allclose(own["elasticity"], gradient["elasticity"], rtol=1e-9, atol=1e-12)
    assert elasticities.attrs["totals"][outcome] == pytest.approx(sim.total(outcome), rel=1e-12)


def test_a_step_is_told(sim, elasticities):
    row = elasticities.loc[(TAX, "irs.payroll.self_employment.minimum_net_earnings")]
    assert row["steps matter"]
    assert row["derivative"] < 0  # a higher floor exempts some
    plain = js.elasticities(sim, TAX, "irs.payroll.self_employment", smooth=False)
    assert plain.loc[(TAX, "irs.payroll.self_employment.minimum_net_earnings"), "derivative"] == 0


def test_the_largest_elasticity_comes_first(elasticities):
    for name in (TAX, "additional_medicare_tax", "inequality"):
        size = elasticities.loc[name, "elasticity"].abs()
        assert size.is_monotonic_decreasing
        assert size.iloc[0] > 0


def test_elasticities_of_a_ratio_are_differences(sim, elasticities):
    h = 1e-6
    at = {RATE: np.array([0.062 - h, 0.062 + h])}
    low, high = sim.vary(inequality, at)["inequality"]
    row = elasticities.loc[("inequality", RATE)]
    assert row["derivative"] == pytest.approx((high - low) / (2 * h), rel=1e-6)
    assert row["elasticity"] == pytest.approx(row["derivative"] * 0.062 / sim.vary(inequality, at)["inequality"].mean())


def test_an_outcome_of_zero_has_no_elasticity(sim):
    table = js.elasticities(sim, nothing, "irs.payroll.medicare")
    assert table["elasticity"].isna().all()
    assert (table["derivative"] == 0).all()


def test_jacobian_is_that_of_the_simulation(sim):
    made = sensitivity.jacobian(sim, [TAX, "additional_medicare_tax"], "irs.payroll")
    own = sim.jacobian(TAX, "additional_medicare_tax", parameters="irs.payroll").loc[made.index]
    np.testing.assert_allclose(made, own, rtol=1e-9, atol=1e-6)


def test_what_the_outcome_does_not_read_is_no_row(sim, elasticities):
    cells = elasticities.loc[TAX].index
    assert all(cell.startswith("irs.payroll.") for cell in cells)
    assert "irs.payroll.medicare.employer_rate" not in js.elasticities(sim, TAX, "irs.payroll").loc[TAX].index
    one = js.elasticities(sim, TAX, f"{ADDITIONAL}.threshold.JOINT")
    assert list(one.index) == [(TAX, f"{ADDITIONAL}.threshold.JOINT")]
    for path, message in (("irs.credits.ctc", "depend on no parameter"), (f"{ADDITIONAL}.treshold", "threshold")):
        with pytest.raises(js.ParameterError, match=message):
            js.elasticities(sim, TAX, path)


# --- tornado


@pytest.fixture(scope="module")
def tornado(sim):
    return js.tornado(sim, TAX, change=0.2, most=5)


def test_a_tornado_holds_direct_reforms(sim, tornado):
    assert len(tornado) == 5
    assert tornado["span"].is_monotonic_decreasing
    assert tornado.index[0] == RATE
    for cell, row in tornado.iterrows():
        value = float(js.elasticities(sim, TAX, str(cell), smooth=False)["value"].iloc[0])
        assert [row["low"], row["high"]] == pytest.approx([0.8 * value, 1.2 * value])
        for end in ("low", "high"):
            assert row[f"outcome {end}"] == pytest.approx(sim.with_reform({cell: row[end]}).total(TAX), rel=1e-12)
        assert row["span"] == pytest.approx(abs(row["outcome high"] - row["outcome low"]))
    assert tornado.attrs["now"] == pytest.approx(sim.total(TAX), rel=1e-12)
    assert tornado.attrs["outcome"] == TAX


def test_a_tornado_stays_within_the_valid_range(sim):
    table = js.tornado(sim, TAX, [RATE, BASE], change=20.0)
    assert table.loc[RATE, ["low", "high"]].tolist() == [0, 1]
    assert table.loc[BASE, "low"] == 0
    assert table.loc[RATE, "outcome high"] == pytest.approx(sim.with_reform({RATE: 1.0}).total(TAX))


def test_a_tornado_of_given_ends(sim):
    table = js.tornado(sim, TAX, change={BASE: (150_000, 200_000), MEDICARE: (0.01, 0.03)})
    assert set(table.index) == {BASE, MEDICARE}
    assert table.loc[BASE, ["low", "high"]].tolist() == [150_000, 200_000]
    assert table.loc[BASE, "outcome low"] == pytest.approx(sim.with_reform({BASE: 150_000}).total(TAX), rel=1e-12)
    cells = js.tornado(sim, TAX, change={f"{ADDITIONAL}.threshold": (1e5, 3e5)}).index
    assert set(cells) == set(sim.law[f"{ADDITIONAL}.threshold"].cell_names())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({RATE: (0.0, 1.5)}, "1.5, outside the valid range 0 to 1"),
        ({RATE: 0.1}, "lower and an upper bound"),
        ({RATE: (0.1, 0.05)}, "not a range"),
        ({}, "at least one parameter path"),
        ({"irs.payroll": (0, 1)}, "unknown parameter"),
    ],
)
def test_ends_of_a_tornado_are_checked(sim, change, message):
    with pytest.raises(js.ParameterError, match=message):
        js.tornado(sim, TAX, change=change)


def test_a_tornado_has_one_outcome(sim):
    with pytest.raises(js.JaxsimError, match="one outcome"):
        js.tornado(sim, [TAX, "payroll_tax"])


# --- interactions


def test_interactions_are_columns_of_the_hessian(sim):
    """`hessian_vector` takes one column at a time from another program, that of all parameters."""
    cells = [RATE, BASE]
    window = 30_000.0  # a density of wages at the base takes some households
    table = js.interactions(sim, SOCIAL_SECURITY, cells, smooth=window)
    assert set(table.index) == set(table.columns) == set(cells)
    np.testing.assert_array_equal(table, table.T)
    columns = {cell: sim.hessian_vector(SOCIAL_SECURITY, {cell: 1.0}, smooth=window).loc[cells] for cell in cells}
    for cell in cells:
        # each is a difference over 1e-4 of a window of derivatives, the same for both but for rounding
        np.testing.assert_allclose(table.loc[cells, cell], columns[cell], rtol=1e-5, atol=1e-5)
    assert table.loc[BASE, BASE] < 0  # fewer are above a higher base
    assert table.loc[RATE, BASE] > 0
    assert table.loc[RATE, RATE] == pytest.approx(0, abs=1e-3)  # the tax is proportional to its rate


def test_mistakes_in_interactions(sim):
    with pytest.raises(js.ParameterError, match="window"):
        js.interactions(sim, TAX, [RATE], smooth=None)
    with pytest.raises(js.JaxsimError, match="one outcome"):
        js.interactions(sim, [TAX, "payroll_tax"], [RATE])


# --- Sobol indices


def test_the_plan_of_the_indices(sim):
    plan = sensitivity.saltelli({RATE: (0.0, 0.1), (MEDICARE, f"{ADDITIONAL}.rate"): (0.0, 0.05)}, 8, seed=3)
    frame = plan.to_frame()
    assert len(plan) == 8 * 4
    assert plan.seed == 3
    assert (frame[MEDICARE] == frame[f"{ADDITIONAL}.rate"]).all()
    a, b, first, second = (frame[[RATE, MEDICARE]].to_numpy()[k : k + 8] for k in (0, 8, 16, 24))
    assert not (a == b).any()
    np.testing.assert_array_equal(first, np.c_[b[:, 0], a[:, 1]])
    np.testing.assert_array_equal(second, np.c_[a[:, 0], b[:, 1]])


@pytest.fixture(scope="module")
def indices(sim):
    bounds = {RATE: (0.0, 0.12), MEDICARE: (0.0, 0.1)}
    return js.sobol_indices(sim, bounds, [TAX, product], n=1024, precision="float64", progress=False)


def check(indices, outcome, first, total):
    """Within the 95% intervals, and near: the error of 1,024 points of a Sobol sequence is well below 0.03."""
    for name, known in (("first", first), ("total", total)):
        own = indices.loc[outcome]
        column = own["first order" if name == "first" else "total"]
        np.testing.assert_allclose(column, known, atol=0.03)
        assert (own[f"{name} low"] <= np.array(known) + 1e-9).all()
        assert (own[f"{name} high"] >= np.array(known) - 1e-9).all()


def test_an_additive_outcome_shares_out_its_variance(sim, indices):
    """The tax is linear in both rates, so shares are squares of derivatives times ranges."""
    slopes = js.elasticities(sim, TAX, [RATE, MEDICARE], smooth=False).loc[TAX].loc[[RATE, MEDICARE], "derivative"]
    parts = (slopes.to_numpy() * [0.12, 0.1]) ** 2
    check(indices, TAX, parts / parts.sum(), parts / parts.sum())


def test_a_product_interacts(indices):
    """Of x y with both uniform from 0: each alone 3/7 of the variance, with their interaction 4/7."""
    check(indices, "product", [3 / 7, 3 / 7], [4 / 7, 4 / 7])


def test_mistakes_in_indices(sim):
    for n in (0, 3, 12):
        with pytest.raises(js.JaxsimError, match=f"n={n}"):
            sensitivity.saltelli({RATE: (0.0, 0.1)}, n)
    with pytest.raises(js.JaxsimError, match="power of two"):
        sensitivity.saltelli({RATE: (0.0, 0.1)}, 1)
    with pytest.raises(js.ReformError, match="given twice"):
        sensitivity.saltelli({RATE: (0.0, 0.1), (RATE, MEDICARE): (0.0, 0.1)}, 4)
    with pytest.raises(js.JaxsimError, match="employer_payroll_tax does not vary"):
        js.sobol_indices(sim, {RATE: (0.0, 0.1)}, "employer_payroll_tax", n=2, progress=False)


# --- response surfaces

RNG = np.random.default_rng(5)
POINTS = pd.DataFrame({"a": RNG.uniform(0, 1e4, 30), "b": RNG.uniform(0.1, 0.2, 30)})


def quadratic(a, b):
    return 3e9 + 2e5 * a - 7e8 * b + 1.5 * a**2 + 4e5 * a * b - 2e9 * b**2


def test_a_surface_reproduces_a_quadratic():
    made = js.surface(POINTS.assign(y=quadratic(POINTS["a"], POINTS["b"])), "y", ["a", "b"])
    size = 1e-9 * 5e9  # rounding of a least squares of terms of size 1, times the size of the outcome
    new = np.array([[1_234.0, 0.15], [15_000.0, 0.3]])  # beyond the box too
    np.testing.assert_allclose(made(new), quadratic(*new.T), rtol=1e-9)
    assert made.error < size
    assert made.largest_error < size
    assert made.explained == pytest.approx(1)
    assert made({"b": 0.15, "a": 1_234.0}) == pytest.approx(quadratic(1_234.0, 0.15), rel=1e-9)
    slope = [2e5 + 3 * 1_234 + 4e5 * 0.15, -7e8 + 4e5 * 1_234 - 4e9 * 0.15]
    np.testing.assert_allclose(made.gradient(new[0]), slope, rtol=1e-8)
    with js.precision("float64"):
        batch = jax.jit(jax.vmap(made))(jnp.asarray(new))
    np.testing.assert_allclose(batch, made(new), rtol=1e-12)


@pytest.mark.parametrize("order", [1, 2])
def test_the_error_is_that_of_leaving_one_out(order):
    """Refits in powers of the parameters, another basis of the same surface."""
    x = POINTS.to_numpy() / POINTS.to_numpy().max(0)
    y = np.sin(3 * x[:, 0]) + x[:, 1] ** 3 + RNG.normal(0, 0.1, len(x))
    terms = np.c_[np.ones(len(x)), x] if order == 1 else np.c_[np.ones(len(x)), x, x**2, x[:, :1] * x[:, 1:]]
    apart = []
    for k in range(len(x)):
        kept = np.arange(len(x)) != k
        apart.append(y[k] - terms[k] @ np.linalg.lstsq(terms[kept], y[kept], rcond=None)[0])
    made = js.surface(POINTS.assign(y=y), "y", ["a", "b"], order=order)
    assert made.error == pytest.approx(np.sqrt(np.mean(np.square(apart))), rel=1e-6)
    assert made.largest_error == pytest.approx(np.abs(apart).max(), rel=1e-6)
    assert made.explained == pytest.approx(1 - np.mean(np.square(apart)) / y.var(), rel=1e-6)
    assert 0.01 < made.error < 1


def test_a_surface_of_a_sweep(sim):
    """The tax is bilinear in a rate and, within few households of it, linear in the base: the surface says how near."""
    plan = js.latin_hypercube({RATE: (0.05, 0.07), MEDICARE: (0.01, 0.02)}, 20)
    runs = js.sweep(sim, plan, TAX, precision="float64", progress=False)
    made = js.surface(runs, TAX)
    assert made.parameters == (RATE, MEDICARE)
    assert made({RATE: 0.061, MEDICARE: 0.0121}) == pytest.approx(
        sim.with_reform({RATE: 0.061, MEDICARE: 0.0121}).total(TAX), rel=1e-9
    )


def test_mistakes_in_surfaces():
    table = POINTS.assign(y=1.0, same=2.0, hole=np.where(POINTS["a"] > 5_000, np.nan, 1.0), two=POINTS["a"] > 5_000)
    for arguments, message in (
        ((table, "y"), "name them"),
        ((table, "z", ["a"]), "no column 'z'"),
        ((table, "y", ["c"]), "no column 'c'"),
        ((table, "y", ["a"], 3), "order=3"),
        ((table, "y", ["a", "hole"]), "some runs leave"),
        ((table, "y", ["a", "same"]), "same does not vary"),
        ((table[:6], "y", ["a", "b"]), "6 runs cannot determine 6 terms"),
        ((table, "y", ["a", "two"]), "too few values"),  # two values of a parameter do not tell its square
    ):
        with pytest.raises(js.JaxsimError, match=message):
            js.surface(*arguments)
    made = js.surface(table, "y", ["a", "two"], order=1)
    for values in ({"a": 1.0}, {"a": 1.0, "b": 2.0}):
        with pytest.raises(js.ParameterError, match="a, two"):
            made(values)


# --- uncertainty


@pytest.fixture(scope="module")
def linear(sim):
    """Two rates, of which the tax is a linear function, one normal and one uniform."""
    laws = {RATE: stats.norm(0.062, 0.002), MEDICARE: stats.uniform(0.01, 0.01)}
    return laws, uncertainty(sim, [TAX, inequality], laws, n=1_000)


def test_deviation_from_parameters(sim, linear):
    laws, made = linear
    slopes = js.elasticities(sim, TAX, list(laws), smooth=False).loc[TAX].loc[list(laws), "derivative"]
    expected = np.sqrt(sum((slope * law.std()) ** 2 for slope, law in zip(slopes, laws.values(), strict=True)))
    row = made.summary.loc[TAX]
    assert row["from parameters, by derivatives"] == pytest.approx(expected, rel=1e-9)
    # 1,000 draws of a Latin hypercube: its margins are exact to 1e-3, their chance correlation is about 0.03
    assert row["from parameters"] == pytest.approx(expected, rel=0.03)
    assert row["standard deviation"] == pytest.approx(row["from parameters"])
    assert row["from weights"] == 0
    middle = sim.total(TAX) + slopes[MEDICARE] * (0.015 - 0.0145)
    assert row["mean"] == pytest.approx(middle, abs=0.01 * expected)
    assert row["now"] == pytest.approx(sim.total(TAX), rel=1e-12)
    assert row["0.025 quantile"] == np.quantile(made.draws[TAX], 0.025)
    assert row["0.975 quantile"] == np.quantile(made.draws[TAX], 0.975)
    assert made.summary.loc["inequality", "from parameters, by derivatives"] > 0
    assert "from weights" in repr(made)
    assert "<table" in made._repr_html_()


def test_draws_are_the_law_at_drawn_values(sim, linear):
    laws, made = linear
    plan = js.draws(laws, 1_000).to_frame()
    for k in (0, 500):
        total = sim.with_reform({path: plan[path][k] for path in laws}).total(TAX)
        assert made.draws[TAX][k] == pytest.approx(total, rel=1e-12)


def test_the_bootstrap_has_the_variance_of_poisson_counts(sim):
    """Each household is drawn with mean and variance 1, so a total's variance is the sum of (w y)^2."""
    n = 4_000
    found = uncertainty(sim, TAX, weights="bootstrap", n=n).summary.loc[TAX]
    held = sim.map_to(sim.columns(TAX)[TAX], "tax_unit", "household") * sim.weights("household")
    expected = np.sqrt((held**2).sum())
    # the deviation of n draws varies by 1 / sqrt(2 n), about 1.1%; 4 of these
    assert found["from weights"] == pytest.approx(expected, rel=0.045)
    assert found["mean"] == pytest.approx(held.sum(), abs=4 * expected / np.sqrt(n))
    assert found["from parameters"] == 0
    assert np.isnan(found["from parameters, by derivatives"])


def test_replicate_weights_are_other_weights(sim):
    """Every kind of figure, each replicate beside a simulation with these weights."""
    own = sim.population.weights
    replicates = own * np.random.default_rng(1).uniform(0, 2, (3, len(own)))
    replicates[0, :5] = 0
    wanted = [TAX, inequality, tax_of_payers(), "employment_income"]
    made = uncertainty(sim, wanted, weights=replicates, n=5).draws
    names = [TAX, "inequality", "tax_of_payers", "employment_income"]
    assert list(made) == names
    for k, given in enumerate(replicates):
        expected = sim.with_weights(given).vary(wanted, {RATE: np.array([0.062])}).loc[0, names]
        np.testing.assert_allclose(made.loc[k], expected, rtol=1e-10)
    np.testing.assert_array_equal(made.loc[3], made.loc[0])  # five draws of three replicates


def test_draws_are_keyed_by_household(sim):
    """Neither the order of households nor which others there are changes how often one is drawn."""
    persons = make_persons(400)
    home = persons["household_id"].astype(int)
    mixed = np.argsort(np.random.default_rng(0).permutation(400)[home], kind="stable")
    some = np.flatnonzero(home % 3 == 1)
    others = [js.Simulation(js.Population.from_persons({name: column[rows] for name, column in persons.items()},
                                                       year=2026), 2026) for rows in (mixed, some)]  # fmt: skip
    counts = [
        dict(zip(s.population.tables["household"]["household_id"], propagation._bootstrap(s, 4, 7).T.tolist(),
                 strict=True)) for s in (sim, *others)
    ]  # fmt: skip
    assert counts[1] == counts[0]
    assert counts[2] == {h: drawn for h, drawn in counts[0].items() if h % 3 == 1}
    draws = [uncertainty(s, [TAX, inequality], weights="bootstrap", n=40, seed=7).draws for s in (sim, others[0])]
    np.testing.assert_allclose(*draws, rtol=1e-10)
    again = uncertainty(sim, TAX, weights="bootstrap", n=40, seed=8).draws
    assert not np.isclose(again[TAX], draws[0][TAX]).any()


def test_parameters_and_weights_add_up(sim):
    laws = {RATE: stats.norm(0.062, 0.01)}
    both = uncertainty(sim, TAX, laws, weights="bootstrap", n=50, seed=2)
    alone = [uncertainty(sim, TAX, p, weights=w, n=50, seed=2) for p, w in ((laws, None), (None, "bootstrap"))]
    now = both.summary.loc[TAX, "now"]
    np.testing.assert_allclose(both.draws - now, sum(a.draws - now for a in alone), rtol=1e-9, atol=1e-3)


def test_mistakes_in_uncertainty(sim):
    rate = {RATE: stats.norm(0.062, 0.001)}
    for options, message in (
        ({}, "distributions of parameters"),
        ({"weights": "jackknife"}, "'jackknife': use 'bootstrap'"),
        ({"weights": np.ones((2, 3))}, r"shape \[replicates, 400\], finite; found \(2, 3\)"),
        ({"weights": np.ones(400)}, "found"),
        ({"weights": np.full((2, 400), np.nan)}, "finite"),
        ({"parameters": {RATE: (0.05, 0.07)}}, "employee_rate"),
        ({"parameters": {RATE: stats.norm(0.062, 1.0)}}, "outside the valid range 0 to 1"),
        ({"parameters": rate, "n": 0}, "n=0"),
        ({"weights": "bootstrap", "n": 1}, "n=1"),
        ({"parameters": rate, "level": 95}, "level=95"),
    ):
        with pytest.raises(js.JaxsimError, match=message):
            uncertainty(sim, TAX, **options)
    from jaxsim.measures import slopes

    with pytest.raises(js.JaxsimError, match="not taken for derivatives"):
        uncertainty(sim, slopes(sim, TAX, RATE), weights="bootstrap", n=4)


# --- plots


def drawn(figure):
    """The figure as it is drawn, its only axes checked for labels."""
    made = io.BytesIO()
    figure.savefig(made, format="png")
    (axes,) = figure.axes
    assert axes.get_xlabel()
    assert made.getbuffer().nbytes > 5_000  # an empty canvas takes less
    return axes


def test_a_tornado_is_drawn(tornado):
    axes = drawn(plots.plot_tornado(tornado))
    assert len(axes.patches) == 2 * len(tornado)
    ends = [bar.get_width() for bar in axes.patches]
    change = (tornado["outcome low"].iloc[::-1] - tornado.attrs["now"]) / 1e9
    np.testing.assert_allclose(ends[: len(tornado)], change)


def test_a_frontier_is_drawn():
    table = pd.DataFrame({"gap": [3e9, 2e9, 1e9], "cost": [0.0, 1e9, 3e9], "x": 1.0, "feasible": [True, True, False]})
    axes = drawn(plots.plot_frontier(table))
    points = np.concatenate([c.get_offsets() for c in axes.collections])
    np.testing.assert_allclose(sorted(points.tolist()), [[0, 3], [1, 2], [3, 1]])
    assert "cost" in axes.get_xlabel()
    assert "gap" in axes.get_ylabel()


def test_runs_are_drawn(sim):
    runs = js.sweep(sim, js.grid({RATE: [0.05, 0.06, 0.07]}), TAX, precision="float64", progress=False)
    axes = drawn(runs.plot())
    np.testing.assert_allclose(axes.collections[0].get_offsets()[:, 0], [0.05, 0.06, 0.07])
    with pytest.raises(js.JaxsimError, match="no column 'nothing'"):
        plots.plot_runs(runs.table, RATE, "nothing")
