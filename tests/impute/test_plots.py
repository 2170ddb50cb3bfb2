"""Figures show what they say: titles, bars that add up, maps of the correlations, one bar a model."""

import io

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("matplotlib")

from jaxsim.errors import InputError
from jaxsim.impute import plots, scores


@pytest.fixture(scope="module")
def tables():
    rng = np.random.default_rng(3)
    n = 400
    truth = pd.DataFrame(
        {
            "age": rng.integers(18, 85, n),
            "self_employment_income": np.where(rng.random(n) < 0.6, 0, rng.normal(2e4, 3e4, n)),
            "interest": np.where(rng.random(n) < 0.5, 0, rng.lognormal(4, 2, n)),
            "children": rng.integers(0, 4, n),
        }
    )
    drawn = truth.apply(lambda column: rng.permutation(column))
    return truth, drawn, rng.random(n)


def drawn_without_error(figure):
    """The figure, drawn once: layout, ticks and texts are only made then."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=40)
    assert buffer.tell() > 1000
    return figure


def test_quantiles_lie_on_the_line_for_the_truth_itself(tables):
    truth, _, w = tables
    figure = drawn_without_error(plots.plot_quantiles(truth["interest"], truth["interest"], w, name="interest"))
    (axes,) = figure.axes
    assert axes.get_xscale() == "symlog"
    assert axes.get_title().startswith("Interest: zeros ")
    line = next(x for x in axes.lines if x.get_label() == "draw")
    np.testing.assert_array_equal(*line.get_data())
    at = np.argmin(np.abs(plots.LEVELS - 99))
    assert line.get_xdata()[at] == scores.percentile(truth["interest"], w)


def test_quantiles_of_many_draws_have_a_band(tables):
    truth, _, w = tables
    x = truth["age"].to_numpy()
    figure = drawn_without_error(plots.plot_quantiles(x, np.column_stack([x - 1, x + 3]), w, unit="years"))
    (axes,) = figure.axes
    assert axes.get_xscale() == "linear"
    line = next(x for x in axes.lines if x.get_label() == "mean of draws")
    np.testing.assert_allclose(line.get_ydata() - line.get_xdata(), 1)
    assert "of 2 draws" in axes.collections[0].get_label()
    assert axes.get_xlabel() == "quantile of the truth, years"


def test_marginals_are_weighted_shares(tables):
    truth, drawn, w = tables
    figure = drawn_without_error(plots.plot_marginals(truth, drawn.iloc[:300], w, w[:300]))
    panels = [axes for axes in figure.axes if axes.get_title()]
    assert [axes.get_title().split("\n")[0] for axes in panels] == [
        "Age", "Self-employment income", "Interest", "Children",
    ]  # fmt: skip
    share = 100 * scores.zero_share(truth["interest"], w)
    assert f"zeros {share:.1f}% true" in panels[2].get_title()
    assert [axes.get_xscale() for axes in panels[:3]] == ["linear", "linear", "symlog"]
    for axes in panels[:3]:  # values beyond the axis stand in its outermost bars
        assert sum(bar.get_height() for bar in axes.patches[:-1]) == pytest.approx(100)
    bars = [bar.get_height() for bar in panels[3].patches]
    expected = [100 * np.average(truth["children"] == k, weights=w) for k in range(4)]
    assert bars[:4] == pytest.approx(expected)
    assert sum(bars[4:]) == pytest.approx(100)


@pytest.mark.parametrize("column", [np.zeros(400), np.r_[np.zeros(399), 1e6], np.r_[1e-3, np.full(399, 7e8)]])
def test_marginals_and_quantiles_of_odd_columns(tables, column):
    _, drawn, w = tables
    truth = pd.DataFrame({"interest": column})
    drawn_without_error(plots.plot_marginals(truth, drawn, w))
    drawn_without_error(plots.plot_marginals(truth, truth, w))
    drawn_without_error(plots.plot_quantiles(column, drawn["interest"], w))


def test_correlations_are_drawn_with_their_difference(tables):
    truth, drawn, w = tables
    figure = drawn_without_error(plots.plot_correlations(truth, drawn.assign(children=1), w))
    real, made, gap = (axes.images[0].get_array() for axes in figure.axes[:3])
    expected = scores.spearman(truth, w).to_numpy()
    np.testing.assert_allclose(real.filled(np.nan), expected)
    assert made.mask[3].all()  # undefined
    np.testing.assert_allclose(gap[:3, :3], made[:3, :3] - real[:3, :3])
    assert f"{np.abs(gap).max():.2f} at most" in figure.axes[2].get_title()
    block = drawn_without_error(
        plots.plot_correlations(truth, drawn, w, rows=["interest"], columns=["age", "children"])
    )
    assert block.axes[0].images[0].get_array().shape == (1, 2)


def test_comparison_has_a_panel_a_score():
    models = ["forest", "flow", "hot deck"]
    table = pd.DataFrame({"crps": [1200.0, 1350, 1900], "auc": [0.55, 0.6, np.nan]}, index=models)
    figure = drawn_without_error(plots.plot_comparison(table, highlight="flow", title="Interest"))
    first, second = figure.axes
    assert (first.get_title(), second.get_title()) == ("CRPS", "AUC")
    assert [bar.get_width() for bar in first.patches] == [1200, 1350, 1900]
    assert [text.get_text() for text in first.texts] == ["1,200", "1,350", "1,900"]
    assert [text.get_text() for text in second.texts] == ["0.55", "0.6", ""]
    assert [label.get_text() for label in first.get_yticklabels()] == models
    assert len({bar.get_facecolor() for bar in first.patches}) == 2
    assert first.yaxis_inverted()


def test_numbers_in_maps_and_on_ticks_are_short():
    assert [plots._short(x) for x in (1, -1, 0.374, -0.05, -0.001)] == ["1", "-1", ".37", "-.05", "0"]
    assert [plots._amount(x) for x in (0, 300, -2e4, 1.5e6, 1e9)] == ["0", "300", "-20k", "1.5m", "1bn"]


def test_refusals(tables):
    truth, drawn, w = tables
    with pytest.raises(InputError, match="no column 'intrest'"):
        plots.plot_marginals(truth, drawn, w, columns=["intrest"])
    with pytest.raises(InputError, match="no column in common"):
        plots.plot_correlations(truth[["age"]], drawn[["interest"]])
    with pytest.raises(InputError, match="weights_drawn: 2 of them"):
        plots.plot_quantiles(truth["age"], drawn["age"], w, [1, 2])
    with pytest.raises(InputError, match="expected"):
        plots.plot_quantiles([1], np.ones((1, 1, 1)))
    with pytest.raises(InputError, match="no model 'tree'"):
        plots.plot_comparison(pd.DataFrame({"crps": [1]}, index=["forest"]), "tree")
    with pytest.raises(InputError, match="column crps: give numbers"):
        plots.plot_comparison(pd.DataFrame({"crps": ["a"]}))
    with pytest.raises(InputError, match="one row a model"):
        plots.plot_comparison(pd.DataFrame())
