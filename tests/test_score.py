"""Budget windows: the same totals as simulations of each year, stacking, timing, derivatives, errors."""

from __future__ import annotations

import numpy as np
import pytest

import jaxsim as js
from jaxsim.data.ageing import age_to
from jaxsim.score import BUDGET, Component, Score
from jaxsim.simulation import Simulation

CREDIT = js.Reform({"irs.credits.ctc.amount": {2026: 3000}}, name="credit")
RATE = js.Reform({"irs.income_tax.rates.rate.3": {2026: 0.25}}, name="rate")
SHORT = range(2026, 2029)


@pytest.fixture(scope="module")
def aged_sim(population: js.Population) -> js.Simulation:
    return js.Simulation(population, 2026)


@pytest.fixture(scope="module")
def scored(aged_sim: js.Simulation) -> Score:
    return aged_sim.score([CREDIT, RATE], SHORT)


def totals(sim: Simulation, year: int, reform: object = None) -> np.ndarray:
    """Signed budget of a year by simulating it."""
    there = js.Simulation(age_to(sim.population, year), year, reform=reform)
    return np.array([c.sign * there.total(c.variable) for c in BUDGET])


@pytest.mark.slow
@pytest.mark.parametrize("year", SHORT)
def test_equals_a_simulation_of_each_year(aged_sim: js.Simulation, scored: Score, year: int) -> None:
    base, first, both = (totals(aged_sim, year, r) for r in (None, CREDIT, [CREDIT, RATE]))
    at = year - 2025  # the year before the window stands first
    np.testing.assert_allclose(scored.levels[:, at], base, rtol=1e-12)
    np.testing.assert_allclose(scored.stacked[0, :, at], first - base, atol=1e-9 * abs(base).max())
    np.testing.assert_allclose(scored.stacked[1, :, at], both - first, atol=1e-9 * abs(base).max())
    np.testing.assert_allclose(scored.calendar.loc["total", year], (both - base).sum(), rtol=1e-9)


def test_part_of_a_column_grows_by_its_own_kind(population: js.Population) -> None:
    """Dividends: the qualified part and the rest grow apart, as in ageing."""
    sim = js.Simulation(population, 2026)
    line = (Component("dividends", "ordinary_dividend_income"),)
    levels = sim.score(CREDIT, SHORT, components=line).levels[0]
    expected = [js.Simulation(age_to(population, y), y).total("ordinary_dividend_income") for y in (2025, *SHORT)]
    np.testing.assert_allclose(levels, expected, rtol=1e-12)


def test_fiscal_years_follow_the_timing_rule(scored: Score) -> None:
    amounts = scored.stacked.sum(0)
    for k, year in enumerate(SHORT, start=1):
        paid = sum(c.same_year * amounts[i, k] + (1 - c.same_year) * amounts[i, k - 1] for i, c in enumerate(BUDGET))
        assert scored.fiscal.loc["total", year] == pytest.approx(paid, rel=1e-12)


@pytest.mark.slow
def test_without_a_year_before_the_window_its_first_fiscal_year_is_left_out(population: js.Population) -> None:
    sim = js.Simulation(age_to(population, 2022), 2022)
    scored = sim.score({"irs.credits.ctc.amount": 2500}, range(2022, 2025))
    assert list(scored.calendar.columns) == [2022, 2023, 2024, "total"]
    assert list(scored.fiscal.columns) == [2023, 2024, "total"]


@pytest.mark.slow
def test_each_alone_and_their_interaction_add_up(aged_sim: js.Simulation, scored: Score) -> None:
    table = scored.unstacked
    np.testing.assert_allclose(table.loc["credit":"interaction"].sum(), table.loc["total"], rtol=1e-12)  # type: ignore[misc]
    alone = aged_sim.score(RATE, SHORT)
    np.testing.assert_allclose(table.loc["rate"], alone.calendar.iloc[0], rtol=1e-9)
    assert alone.cost == pytest.approx(table.loc["rate", "total"], rel=1e-9)


def test_order_of_stacking(aged_sim: js.Simulation, scored: Score) -> None:
    other = aged_sim.score([CREDIT, RATE], SHORT, order=["rate", "credit"])
    assert other.provisions == ("rate", "credit")
    np.testing.assert_allclose(other.calendar.loc["total"], scored.calendar.loc["total"], rtol=1e-9)
    assert other.stacked.shape == scored.stacked.shape


@pytest.mark.slow
@pytest.mark.parametrize("path", ["irs.credits.ctc.amount", "irs.income_tax.rates.rate.3"])
def test_gradient_equals_central_differences(aged_sim: js.Simulation, scored: Score, path: str) -> None:
    row = scored.gradient().loc[path]
    value, h = (3000.0, 1e-3) if "ctc" in path else (0.25, 1e-7)
    name = "credit" if "ctc" in path else "rate"
    around = []
    for moved in (value + h, value - h):
        reforms = [r if r.name != name else js.Reform({path: {2026: moved}}, name=name) for r in (CREDIT, RATE)]
        around.append(aged_sim.score(reforms, SHORT).calendar.loc["total"])
    np.testing.assert_allclose(row, (around[0] - around[1]) / (2 * h), rtol=1e-5)


@pytest.mark.slow
def test_gradient_of_other_parameters(scored: Score) -> None:
    table = scored.gradient("irs.deductions.standard.amount")
    assert (table["total"] < 0).any()
    assert list(table.columns) == [*SHORT, "total"]
    with pytest.raises(js.ParameterError, match="unknown parameter"):
        scored.gradient("irs.nothing")


@pytest.mark.slow
def test_float32_is_close(population: js.Population) -> None:
    exact = js.Simulation(population, 2026).score(CREDIT, SHORT)
    fast = js.Simulation(population, 2026, precision="float32").score(CREDIT, SHORT)
    np.testing.assert_allclose(fast.calendar, exact.calendar, rtol=2e-3)


@pytest.mark.slow
def test_a_year_is_data(aged_sim: js.Simulation) -> None:
    """Another window and another reform use the compiled program."""
    from jaxsim import score

    aged_sim.score(CREDIT, SHORT)
    targets = tuple(c.variable for c in BUDGET)
    kernel = score._kernel(aged_sim.system, targets)
    before = kernel._cache_size()
    aged_sim.score(RATE, range(2030, 2034))
    assert kernel._cache_size() == before


@pytest.mark.slow
def test_population_taken_as_it_is_stays_so(population: js.Population) -> None:
    older = js.Simulation(population, 2030, age=False)
    scored = older.score(CREDIT, range(2030, 2032))
    expected = js.Simulation(population, 2031, age=False)
    change = expected.with_reform(CREDIT).total("combined_tax") - expected.total("combined_tax")
    assert scored.calendar.loc["credit", 2031] == pytest.approx(change, rel=1e-9)


def test_bad_requests_say_what_to_do(aged_sim: js.Simulation) -> None:
    with pytest.raises(js.JaxsimError, match="not consecutive"):
        aged_sim.score(CREDIT, [2026, 2028])
    with pytest.raises(js.JaxsimError, match="outside 2022 to 2036"):
        aged_sim.score(CREDIT, range(2030, 2040))
    with pytest.raises(js.JaxsimError, match="give tax years"):
        aged_sim.score(CREDIT, [])
    with pytest.raises(js.ReformError, match="two provisions are called"):
        aged_sim.score([CREDIT, CREDIT], SHORT)
    with pytest.raises(js.ReformError, match="name each provision once"):
        aged_sim.score([CREDIT, RATE], SHORT, order=["rate"])
    with pytest.raises(js.ReformError, match="no reform"):
        aged_sim.score([], SHORT)
    with pytest.raises(js.JaxsimError, match="Component"):
        aged_sim.score(CREDIT, SHORT, components=["income_tax"])  # type: ignore[list-item]


def test_shown_as_text_html_and_plot(scored: Score) -> None:
    assert "fiscal years, stacked" in repr(scored)
    assert "<table" in scored._repr_html_()
    figure = scored.plot()
    assert len(figure.axes[0].patches) == 2 * len(SHORT)
    assert list(scored.components_table.index) == [*(c.label for c in BUDGET), "total"]
