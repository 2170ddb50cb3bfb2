"""Reports of fits: figures against those worked out by hand, the HTML file, plots, errors."""

import sys

import numpy as np
import pytest

import jaxsim as js
from jaxsim import plots
from jaxsim.calibrate import fitting
from jaxsim.calibrate.attainable import unattainable
from jaxsim.calibrate.fitting import CONVERGED, STALLED, Outcome, Run
from jaxsim.calibrate.problem import Problem
from jaxsim.calibrate.report import OUTCOMES, Report
from jaxsim.data.ageing import household_sum
from jaxsim.errors import JaxsimError
from tests.conftest import make_population

WAGES, PAY, GAINS, NOBODY = "wages of all", "pay <b>", "gains of all", "wages of nobody"


def make_fit(problem, weights, *, held_out=(), status=CONVERGED, prices=None, **options):
    """The fit that a method would give that ended with these weights."""
    gone = unattainable(problem)
    held = np.isin(problem.families, held_out)
    fitted = ~held & ~np.isin(problem.names, gone.index[gone.alone])
    run = Run(problem.keep(fitted), problem.keep(held) if held.any() else None, (0.0, np.inf), 0.01, None, False)
    found = Outcome(np.asarray(weights, dtype=float), status, "a made <i>fit</i>", prices)
    return fitting._result(found, run, problem, fitted, tuple(held_out), gone, "descent", options, 1.5)


def make_problem(**changes):
    """Four targets of four households: at the weights below errors are 0, -10%, 50%, and the last cannot be met."""
    return Problem(
        **{
            "matrix": [[1, 2, 0, 1], [0, 0, 5, -1], [0, 0, 0, 3], [0, 0, 0, 0]],
            "values": [30, 100, 20, 7],
            "base": [10, 10, 20, 10],
            "names": (WAGES, PAY, GAINS, NOBODY),
            "families": ("wages", "pay & <b>", "gains", "wages"),
            "left_out": {"rent <u>": "surveys lack it"},
            "provenance": {"population": "made <s>"},
            **changes,
        }
    )


WEIGHTS = [20, 0, 20, 10]


@pytest.fixture
def report():
    return make_fit(make_problem(), WEIGHTS, held_out=("gains",), prices=np.array([0.0, -0.25]), steps=7).report()


def test_families_the_worst_first(report):
    table = report.families()
    assert list(table.index) == ["gains", "wages", "pay & <b>"]
    assert list(table["targets"]) == [1, 2, 1]
    assert list(table["fitted"]) == [0, 1, 1]
    assert list(table["use"]) == ["held out", "fitted, left out", "fitted"]
    np.testing.assert_allclose(table["mean error before"], [0.5, (1 / 3 + 1) / 2, 0.1])
    np.testing.assert_allclose(table["mean error after"], [0.5, 0.5, 0.1])
    np.testing.assert_allclose(table["median error before"], [0.5, (1 / 3 + 1) / 2, 0.1])
    np.testing.assert_allclose(table["median error after"], [0.5, 0.5, 0.1])
    np.testing.assert_allclose(table["within 1%"], [0, 0.5, 0])
    np.testing.assert_allclose(table["within 10%"], [0, 0.5, 1])


def test_weights_before_and_after(report):
    table = report.weights()
    expected = {
        "sum of weights": (50, 50),
        "households with weight": (4, 3),
        "share of zero weights": (0, 0.25),
        "effective sample size": (2500 / 700, 2500 / 900),
        "design effect": (4 * 700 / 2500, 3 * 900 / 2500),
        "share held by the top 1% of households": (0.4, 0.4),
        "ratio to base, percentile 0": (1, 0),
        "ratio to base, percentile 25": (1, 0.75),
        "ratio to base, percentile 50": (1, 1),
        "ratio to base, percentile 100": (1, 2),
    }
    np.testing.assert_allclose(table.loc[list(expected)], list(expected.values()))


def test_the_top_hundredth_of_the_households():
    weights = np.ones(300)
    weights[[7, 90, 200]] = 4, 3, 2
    fit = make_fit(Problem(np.ones((1, 300)), [306], np.ones(300)), weights)
    share = fit.report().weights().loc["share held by the top 1% of households"]
    np.testing.assert_allclose(share, [0.01, 9 / 306])


def test_weights_of_households_without_a_base_weight_have_no_ratio():
    fit = make_fit(Problem([[1, 1, 1]], [20], [10, 0, 5]), [20, 0, 5])
    table = fit.report().weights()
    assert table.loc["ratio to base, percentile 0", "after"] == 1
    assert table.loc["share of zero weights", "before"] == pytest.approx(1 / 3)


def test_carriers_are_households_with_weight(report):
    table = report.carriers()
    assert list(table.index) == [PAY, WAGES]  # two each; more of `pay` rests on one
    assert list(table["carriers"]) == [2, 2]
    np.testing.assert_allclose(table["largest share"], [100 / 110, 20 / 30])
    np.testing.assert_allclose(table["error"], [-0.1, 0], atol=1e-15)
    assert list(table["price"]) == [-0.25, 0]
    assert list(report.carriers(1).index) == [PAY]


def test_a_target_whose_carriers_lost_their_weight_has_no_share():
    fit = make_fit(Problem([[1, 0], [0, 1]], [1, 1], [1, 1]), [0, 1])
    table = fit.report().carriers()
    assert list(table["carriers"]) == [0, 1]
    assert np.isnan(table["largest share"].iloc[0])


def test_conflicts_have_reasons(report):
    table = report.conflicts()
    assert list(table.index) == [PAY, NOBODY]
    assert list(table["use"]) == ["fitted", "left out"]
    assert table.loc[PAY, "price"] == -0.25
    assert np.isnan(table.loc[NOBODY, "price"])
    assert table.loc[PAY, "reason"] == "missed: it cannot be met together with the others"
    assert table.loc[NOBODY, "reason"] == "no household carries it"


def test_conflicts_of_a_fit_that_stopped_early():
    report = make_fit(make_problem(), WEIGHTS, status=STALLED).report()
    assert report.conflicts().loc[GAINS, "reason"] == "missed: the fit stopped before its optimum"


def test_a_target_missed_and_found_out_of_reach_stands_once():
    problem = Problem([[1, 1], [1, 1]], [20, 40], [10, 10], names=("a", "b"))
    table = make_fit(problem, [10, 10]).report().conflicts()
    assert list(table.index) == ["b"]
    missed, reach = table.loc["b", "reason"].split("; ")
    assert missed.startswith("missed")
    assert reach == "its ratio to a is 2, their carriers allow 1 to 1"


def test_no_conflicts():
    report = make_fit(Problem([[1, 1]], [30], [10, 10]), [20, 10]).report()
    assert not len(report.conflicts())
    assert "reason" in report.conflicts()
    assert "<p>None.</p>" in report._page()


@pytest.fixture(scope="module")
def weighted():
    """A simulation, and a report of a fit of its wages, its capital gains held out."""
    sim = js.Simulation(make_population(30, seed=3), 2026)
    wages, gains = (household_sum(sim.population, n) for n in ("employment_income", "long_term_capital_gains"))
    base = sim.population.weights
    problem = Problem(
        [wages, gains], [1.2 * (wages @ base), gains @ base], base,
        families=("soi_2022.employment_income", "soi_2022.long_term_capital_gains"),
    )  # fmt: skip
    weights = base * np.random.default_rng(0).lognormal(0, 0.5, len(base))
    return sim, make_fit(problem, weights, held_out=("soi_2022.long_term_capital_gains",)).report(sim)


@pytest.mark.slow
def test_bystanders_are_totals_with_both_weights(weighted):
    sim, report = weighted
    table = report.bystanders()
    assert "employment_income" not in table.index  # it was fitted
    assert {"long_term_capital_gains", "social_security", *OUTCOMES} <= set(table.index)
    assert "unemployment_compensation" not in table.index  # nobody has any
    assert table["drift"].abs().dropna().is_monotonic_decreasing
    for name in ("long_term_capital_gains", "social_security"):
        amounts = household_sum(sim.population, name)
        before, after = amounts @ sim.population.weights, amounts @ report.fit.weights
        np.testing.assert_allclose(table.loc[name], [before, after, after / before - 1])
    # totals of the rules engine, summed there over tax units
    assert table.loc["income_tax", "before"] == pytest.approx(sim.total("income_tax"))
    assert table.loc["income_tax", "after"] == pytest.approx(sim.with_weights(report.fit.weights).total("income_tax"))


def test_bystanders_by_name(weighted):
    _, report = weighted
    assert list(report.bystanders("employment_income").index) == ["employment_income"]
    table = report.bystanders(["unemployment_compensation", "social_security"])
    assert list(table.index) == ["social_security", "unemployment_compensation"]
    assert np.isnan(table.loc["unemployment_compensation", "drift"])  # 0 before


def test_bystanders_refuse(weighted, report):
    sim, own = weighted
    with pytest.raises(JaxsimError, match=r"fit\.report\(simulation\)"):
        report.bystanders()
    with pytest.raises(JaxsimError, match="30 households, the fit 4"):
        Report(report.fit, sim).bystanders()
    with pytest.raises(JaxsimError, match="category"):
        own.bystanders("filing_status")
    with pytest.raises(JaxsimError, match="employment_income"):
        own.bystanders("employment_incom")
    with pytest.raises(JaxsimError, match="whole number"):
        own.carriers(0)


def test_the_html_file_stands_alone(report, tmp_path):
    path = report.to_html(tmp_path / "new" / "fit.html")
    page = path.read_text(encoding="utf-8")
    escaped = ("pay &amp; &lt;b&gt;", "made &lt;s&gt;", "a made &lt;i&gt;fit", "rent &lt;u&gt;")
    plain = ("gains", "wages", "surveys lack it", "infeasible", "option steps", "no household carries it")
    for text in (*escaped, *plain):
        assert text in page, text
    for text in ("<b>pay", "pay & <b>", "<s>", "<i>", "<u>", "<script", "http:", "https:", ">nan<"):
        assert text not in page.replace(page.partition("base64,")[2].partition('"')[0], ""), text
    assert page.count("<table") == page.count("</table>") == 7
    assert [p.name for p in path.parent.iterdir()] == ["fit.html"]


def test_the_html_file_has_bystanders_with_a_simulation(weighted, tmp_path):
    _, report = weighted
    page = report.to_html(tmp_path / "fit.html").read_text(encoding="utf-8")
    assert "<td>alternative_minimum_tax</td>" in page


def test_long_tables_and_options_are_cut(tmp_path):
    n = 250
    problem = Problem(np.eye(n), np.full(n, 2.0), np.ones(n))
    page = make_fit(problem, np.ones(n), status=STALLED, start="x" * 1000).report()._page()
    assert "and 50 more" in page
    assert "x" * 301 not in page


def test_html_that_cannot_be_written(report, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(JaxsimError, match="cannot be written"):
        report.to_html(tmp_path / "file" / "fit.html")


def test_the_short_version(report):
    short = report._repr_html_()
    assert "infeasible" in short
    assert "pay &amp; &lt;b&gt;" in short
    assert "mean error" in short
    assert repr(report).startswith("<report of <descent fit, infeasible")


def test_the_plot(report):
    figure = report.plot()
    errors, scatter = figure.axes
    lines = {line.get_label(): line.get_ydata() for line in errors.lines}
    np.testing.assert_allclose(lines["fitted, before"], [0.1, 1 / 3])
    np.testing.assert_allclose(lines["fitted, after"], [1e-6, 0.1])  # an error of 0 at the edge
    np.testing.assert_allclose(lines["held out, after"], [0.5])
    assert errors.get_yscale() == "log"
    assert scatter.get_xscale() == "symlog"  # the estimate of the last is 0
    dots = {c.get_label(): c.get_offsets().tolist() for c in scatter.collections}
    assert dots == {"fitted (2)": [[30, 30], [100, 90]], "held out (1)": [[20, 30]], "left out (1)": [[7, 0]]}
    assert figure._repr_png_().startswith(b"\x89PNG")


@pytest.mark.parametrize(("value", "scale"), [(5, "log"), (-5, "symlog"), (0, "symlog")])
def test_the_plot_takes_any_sign(value, scale):
    problem = Problem([[np.sign(value) or 1.0]], [value], [4])
    figure = make_fit(problem, [abs(value)]).report().plot()
    figure.canvas.draw()
    assert figure.axes[1].get_xscale() == scale


def test_plots_need_matplotlib(report, monkeypatch):
    plots._figure_class.cache_clear()
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(JaxsimError, match=r"jaxsim\[plots\]"):
        report.plot()
    plots._figure_class.cache_clear()
