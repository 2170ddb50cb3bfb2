"""Raking equals textbook proportional fitting, prices equal scipy, samples are unbiased; and all say how they ended."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import linprog, lsq_linear, minimize

import jaxsim as js
from jaxsim.calibrate import Problem, fit, methods_descent
from jaxsim.calibrate.fitting import CONVERGED, STALLED, Outcome, Run
from jaxsim.calibrate.methods_raking import raking
from jaxsim.calibrate.methods_subset import (
    Point,
    _advance,
    _draw,
    _probabilities,
    l1,
    reweighted_l1,
    sample,
    scaled,
)
from jaxsim.errors import JaxsimError
from tests.calibrate.problems import made


def run_of(problem: Problem, bounds: tuple[float, float] = (0.0, np.inf), **changes: Any) -> Run:
    return dataclasses.replace(Run(problem, None, bounds, 0.01, None, False), **changes)


def table(households: int = 240, seed: int = 0) -> tuple[Problem, np.ndarray, np.ndarray]:
    """Three rows by four columns of households with margins that agree; some households are in no cell."""
    rng = np.random.default_rng(seed)
    row, column = rng.integers(0, 4, households), rng.integers(0, 5, households)  # 3 and 4 are outside of the table
    matrix = np.array([row == k for k in range(3)] + [column == k for k in range(4)], float)
    base = rng.lognormal(0, 0.5, households)
    true = base * np.exp(0.4 * (row == 1) - 0.3 * (column == 2)) * rng.uniform(0.7, 1.4, households)
    names = (*(f"row {k}" for k in range(3)), *(f"column {k}" for k in range(4)))
    return Problem(matrix, matrix @ true, base, names), row, column


def by_hand(problem: Problem, cycles: int = 2000) -> np.ndarray:
    """Proportional fitting, one target after the other."""
    matrix, weights = problem.matrix.toarray() > 0, problem.base.copy()
    for _ in range(cycles):
        for cell, value in zip(matrix, problem.values, strict=True):
            weights[cell] *= value / weights[cell].sum()
    return weights


def test_raking_is_proportional_fitting() -> None:
    problem, row, column = table()
    found = raking(run_of(problem))
    assert found.status == CONVERGED
    assert found.details["margins"] == 2
    np.testing.assert_allclose(found.weights, by_hand(problem), rtol=1e-8)
    assert np.abs(problem.errors(found.weights)).max() <= 1e-9
    outside = (row == 3) & (column == 4)
    assert outside.any()
    np.testing.assert_array_equal(found.weights[outside], problem.base[outside])
    assert [h["step"] for h in found.history][-1] == found.details["cycles"]
    assert fit(problem, method="raking").status == "converged"


def test_raking_takes_counts_in_any_unit_and_in_any_order() -> None:
    problem, *_ = table()
    factor = np.array([1000.0, 0.5, 1, 1, 7, 1, 1])
    order = np.array([4, 0, 6, 2, 1, 3, 5])
    other = Problem(problem.matrix * factor[:, None], problem.values * factor, problem.base).keep(order)
    found = raking(run_of(other))
    assert found.details["margins"] == 2
    np.testing.assert_allclose(found.weights, raking(run_of(problem)).weights, rtol=1e-8)


@pytest.mark.parametrize(("high", "status"), [(1.56, "converged"), (1.48, "infeasible")])
def test_raking_in_bounds_meets_margins_where_any_weights_do(high: float, status: str) -> None:
    problem, *_ = table()
    assert (raking(run_of(problem)).weights / problem.base).max() > 1.6  # so that the bound binds
    box = np.stack([0.7 * problem.base, high * problem.base], axis=1)
    exists = linprog(np.zeros(len(box)), A_eq=problem.matrix.toarray(), b_eq=problem.values, bounds=box).success
    assert exists == (status == "converged")
    said = fit(problem, method="raking", bounds=(0.7, high), unattainable="keep")
    assert said.status == status
    ratio = said.weights / problem.base
    assert ratio.min() >= 0.7 - 1e-12
    assert ratio.max() <= high + 1e-12
    assert (np.abs(said.errors).max() <= 1e-9) == exists


def test_margins_that_contradict_each_other_are_not_called_met() -> None:
    problem, *_ = table()
    # of the households of the table only: others could make up the difference
    inside = np.asarray(problem.matrix.sum(axis=0) == 2)
    matrix, base = problem.matrix[:, inside], problem.base[inside]
    closed = Problem(matrix, (matrix @ base) * np.array([1, 1, 1, 1.2, 1.2, 1.2, 1.2]), base)
    found = raking(run_of(closed))
    assert found.status == CONVERGED
    assert found.details["cycles"] < 100
    assert np.abs(closed.errors(found.weights))[3:].max() <= 1e-9  # the last margin is met, the first is off by a fifth
    np.testing.assert_allclose(closed.errors(found.weights)[:3], 0.2, rtol=1e-6)
    said = fit(closed, method="raking")
    assert said.status == "infeasible"
    assert "contradict" in said.message
    assert fit(closed, method="raking", cycles=1).status == "stalled"


def test_raking_leaves_cells_without_households_unmet() -> None:
    problem, *_ = table()
    empty = np.zeros((1, len(problem.base)))
    more = Problem(np.vstack([problem.matrix.toarray(), empty]), np.append(problem.values, 5.0), problem.base)
    said = fit(more, method="raking", unattainable="keep")
    assert said.status == "infeasible"
    np.testing.assert_allclose(said.weights, raking(run_of(problem)).weights, rtol=1e-9)
    with pytest.raises(JaxsimError, match="no target has a household"):
        raking(run_of(Problem(empty, np.array([5.0]), problem.base)))


@pytest.mark.parametrize(
    ("row", "value", "why"),
    [
        ([0.5, 1.5, 0, 0], 3.0, "is an amount"),
        ([1, 3, 0, 0], 3.0, "several members of one household"),
        ([-1, -1, 0, 0], 3.0, "negative entries"),
        ([1, 1, 0, 0], 0.0, "targets above 0"),
    ],
)
def test_raking_refuses_what_it_cannot_do(row: list[float], value: float, why: str) -> None:
    problem = Problem([[1.0, 1, 1, 1], row], np.array([4.0, value]), np.ones(4), ("everyone", "odd"))
    with pytest.raises(JaxsimError, match=rf"'odd'.*{why}.*'entropy' or 'descent'"):
        raking(run_of(problem))


def small(seed: int = 0) -> Problem:
    """More targets than households, so that every optimum is the only one; no weights meet them all."""
    rng = np.random.default_rng(seed)
    matrix = rng.random((30, 12)) * (rng.random((30, 12)) < 0.6)
    base = rng.lognormal(0, 0.5, 12)
    return Problem(matrix, matrix @ (base * rng.choice([0.0, 1.5], 12)) * rng.lognormal(0, 0.2, 30), base)


def best(problem: Problem) -> np.ndarray:
    """Weights of at least 0 and at most double the base weights with the least squared errors."""
    return lsq_linear(*terms(problem), (0, 2.0 * problem.base), tol=1e-14).x


def terms(problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    """Matrix over scales and targets over scales, of weights."""
    return problem.matrix.toarray() / problem.scale[:, None], problem.values / problem.scale


@pytest.mark.parametrize("high", [np.inf, 1.3])
def test_l1_is_the_optimum_of_scipy(high: float) -> None:
    problem, strength = small(), 0.05
    matrix, values = terms(problem)
    cost = strength / problem.base.sum()

    def objective(w: np.ndarray) -> tuple[float, np.ndarray]:
        error = matrix @ w - values
        return 0.5 * np.mean(error**2) + cost * w.sum(), matrix.T @ error / len(values) + cost

    box = [(0.0, None if np.isinf(high) else high * b) for b in problem.base]
    options = {"ftol": 1e-16, "gtol": 1e-12, "maxiter": 5000}
    wanted = minimize(objective, problem.base, jac=True, method="L-BFGS-B", bounds=box, options=options).x
    found = l1(run_of(problem, (0.0, high)), strength=strength)
    np.testing.assert_allclose(found.details["selected"], wanted, atol=1e-5)
    survivors = found.details["selected"] > 0
    assert 0 < survivors.sum() < len(problem.base)
    if np.isfinite(high):
        assert np.isclose(wanted / problem.base, high).any()
    refit = lsq_linear(matrix[:, survivors], values, (0, high * problem.base[survivors]), tol=1e-14)
    np.testing.assert_allclose(found.weights[survivors], refit.x, atol=1e-5)
    assert (found.weights[~survivors] == 0).all()
    assert found.status == CONVERGED
    assert {"step", "mean_error", "nonzero", "strength"} <= set(found.history[-1])


def test_prices_are_those_of_the_loss() -> None:
    problem = small()
    found = l1(run_of(problem), strength=0.05)
    change = np.zeros(30)
    change[3] = 1e-6
    loss = [0.5 * np.mean((problem.errors(found.weights) + s * change) ** 2) for s in (-1, 1)]
    assert found.prices is not None
    np.testing.assert_allclose(found.prices[3], (loss[1] - loss[0]) / 2e-6, rtol=1e-6)


def test_the_step_of_the_proximal_gradient_is_short_enough() -> None:
    problem = small()
    with js.precision("float64"):
        data = scaled(problem)
        z = data.unit * 0.7
        np.testing.assert_allclose(
            data.tiles.totals(z) - data.values, problem.errors(0.7 * problem.base), rtol=0, atol=1e-12
        )
        unit = np.asarray(data.tiles.households(data.unit))
    singular = np.linalg.norm(terms(problem)[0] * problem.base / unit, 2)
    assert 0.3 < singular <= 1.0 + 1e-12


def test_the_gap_bounds_what_is_left_to_gain() -> None:
    problem = small()
    with js.precision("float64"):
        data = scaled(problem)
        zero, ceiling = jnp.zeros_like(data.unit), jnp.where(data.shares > 0, jnp.inf, 0.0)
        for ratio in (0.0, 0.5, 1.5):
            z = jnp.where(data.shares > 0, ratio * data.unit, 0.0)
            for steps in (0, 5):
                point, objective, gap = _advance(data, zero, ceiling, zero, Point(z, z, jnp.ones(())), steps)
                least = 0.5 * np.mean(problem.errors(best(problem)) ** 2)
                assert 0 < float(objective) - least <= float(gap)
                weights = np.asarray(data.tiles.households(point.z / data.unit)) * problem.base
                np.testing.assert_allclose(objective, 0.5 * np.mean(problem.errors(weights) ** 2))


def test_prices_keep_the_records_asked_for_and_reweighted_ones_fit_better() -> None:
    problem = made(households=200, targets=40, density=0.2)
    plain, again = (method(run_of(problem), records=20, steps=300) for method in (l1, reweighted_l1))
    for found in (plain, again):
        assert found.details["kept"] == 20
        assert 0 < (found.weights > 0).sum() <= 20
    assert np.abs(problem.errors(again.weights)).mean() < 0.5 * np.abs(problem.errors(plain.weights)).mean()
    assert l1(run_of(problem), strength=2 * plain.details["strength"], steps=300).details["kept"] < 20
    assert 20 <= l1(run_of(problem), steps=300).details["kept"] <= 22  # a tenth


def test_reweighting_keeps_fewer_records_at_equal_strength() -> None:
    problem = made(households=200, targets=40, density=0.2)
    for strength in (0.01, 0.1):
        plain, again = (method(run_of(problem), strength=strength, steps=500) for method in (l1, reweighted_l1))
        assert 0 < again.details["kept"] < 0.8 * plain.details["kept"]
    once = reweighted_l1(run_of(problem), strength=0.1, rounds=1, steps=500)
    np.testing.assert_array_equal(once.weights, plain.weights)


def test_reweighted_l1_meets_targets_with_few_records() -> None:
    problem = made(households=200, targets=20)
    said = fit(problem, method="reweighted_l1", records=25, steps=300)
    assert said.status == "converged"
    assert said.nonzero <= 27
    assert said.summary()["largest error"] < 0.01


def test_bounds_hold_for_the_households_kept() -> None:
    problem, strength = small(), 0.05
    free, found = (l1(run_of(problem, bounds), strength=strength) for bounds in ((0.0, np.inf), (0.9, 1.3)))
    loose, ratio = ((f.weights / problem.base)[f.weights > 0] for f in (free, found))
    assert loose.min() < 0.9
    assert loose.max() > 1.3
    assert 0 < len(ratio) < 12
    np.testing.assert_allclose(ratio.min(), 0.9)
    assert ratio.max() <= 1.3 + 1e-12


def test_a_strength_that_drops_everybody_is_said() -> None:
    found = l1(run_of(small()), strength=1e6)
    assert found.status == STALLED
    assert "every household was dropped" in found.message
    assert not found.weights.any()


def test_a_solve_that_stops_early_is_stalled() -> None:
    found = l1(run_of(small()), strength=0.05, steps=2)
    assert found.status == STALLED
    assert "raise steps" in found.message


def test_households_without_a_base_weight_stay_out() -> None:
    problem = small()
    base = np.where(np.arange(12) % 3 == 0, 0.0, problem.base)
    problem = problem.with_base(base)
    for found in (l1(run_of(problem), strength=0.01), sample(run_of(problem), records=5, refit=None)):
        assert found.weights.any()
        assert not found.weights[base == 0].any()
    whole = sample(run_of(problem), records=8, refit=None)
    np.testing.assert_allclose(whole.weights, base)


def test_the_draw_has_the_probabilities_it_says() -> None:
    base = np.random.default_rng(1).lognormal(0, 1.5, 40)
    for count in (1, 7, 25, 39):
        probability = _probabilities(base, count)
        np.testing.assert_allclose(probability.sum(), count)
        certain = probability == 1.0
        free = probability[~certain] / base[~certain]
        np.testing.assert_allclose(free, free[0])
        assert (base[certain] * free[0] >= 1 - 1e-9).all()  # of those, in proportion, one or more were expected
        starts = (np.arange(2000) + 0.5) / 2000
        draws = np.array([_draw(probability, u) for u in starts])
        assert (draws.sum(axis=1) == count).all()
        np.testing.assert_allclose(draws.mean(axis=0), probability, atol=2 / 2000)


def test_samples_are_right_in_expectation() -> None:
    problem = made(households=80, targets=3)
    drawn = [sample(run_of(problem), records=15, seed=s, refit=None) for s in range(400)]
    assert {int((d.weights > 0).sum()) for d in drawn} == {15}
    totals = np.array([problem.estimates(d.weights) for d in drawn])
    error = totals.std(axis=0) / np.sqrt(len(drawn))
    assert (np.abs(totals.mean(axis=0) - problem.estimates(problem.base)) < 4 * error).all()
    assert (error > 0).all()
    assert drawn[0].status == STALLED  # as drawn is not calibrated
    np.testing.assert_array_equal(drawn[5].weights, sample(run_of(problem), records=15, seed=5, refit=None).weights)


def test_samples_are_calibrated_by_raking_or_descent() -> None:
    counts, *_ = table(households=400)
    said = fit(counts, method="sample", records=80)
    assert (said.status, said.nonzero, said.details["refit"]) == ("converged", 80, "raking")
    assert np.abs(said.errors).max() <= 1e-9
    amounts = made(households=400)
    said = fit(amounts, method="sample", records=100, seed=1)
    assert (said.nonzero, said.details["refit"]) == (100, "descent")
    assert np.abs(said.errors).max() < 0.01
    with pytest.raises(JaxsimError, match="'entropy' or 'descent'"):
        fit(amounts, method="sample", records=100, refit="raking")


def test_a_sample_hands_on_what_its_calibration_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    problem, *_ = table(households=400)
    problem = dataclasses.replace(problem, families=("rows",) * 3 + ("columns",) * 4)
    run = run_of(problem.without("columns"), (0.9, 1.02), held_out=problem.without("rows"))
    seen: list[Run] = []

    def descent(run: Run) -> Outcome:
        seen.append(run)
        return Outcome(2.0 * run.problem.base, STALLED, "as told")

    monkeypatch.setattr(methods_descent, "descent", descent)
    found = sample(run, records=80, refit="descent")
    assert found.message.endswith("as told")
    np.testing.assert_array_equal(found.weights, 2.0 * found.details["drawn"])
    drawn = found.weights > 0
    assert seen[0].bounds == (0.9, 1.02)
    assert seen[0].held_out is not None
    np.testing.assert_array_equal(seen[0].problem.base, found.details["drawn"][drawn])
    np.testing.assert_array_equal(seen[0].held_out.matrix.toarray(), problem.matrix.toarray()[3:, drawn])
    raked = sample(run, records=80)
    ratio = raked.weights[drawn] / raked.details["drawn"][drawn]  # bounds are of the weight as drawn
    assert ratio.min() >= 0.9 - 1e-12
    assert ratio.max() <= 1.02 + 1e-12


def test_samples_say_which_targets_nobody_was_drawn_for() -> None:
    problem, *_ = table(households=400)
    rare = np.zeros((1, 400))
    rare[0, 0] = 1.0
    more = Problem(np.vstack([problem.matrix.toarray(), rare]), np.append(problem.values, 1.0), problem.base)
    found = next(f for s in range(10) if not (f := sample(run_of(more), records=20, seed=s)).weights[0])
    assert "none for 1 of 8 targets" in found.message
    assert found.status == CONVERGED  # as far as it goes: fit() then calls it infeasible


def test_progress_is_shown_where_asked(capsys: pytest.CaptureFixture[str]) -> None:
    problem, *_ = table()
    raking(run_of(problem, progress=True))
    l1(run_of(small(), progress=True), strength=0.05, steps=50)
    shown = capsys.readouterr().err
    assert "rake" in shown
    assert "select" in shown


@pytest.mark.parametrize(
    ("method", "options", "words"),
    [
        ("raking", {"cycles": 0}, "cycles=0"),
        ("l1", {"strength": 0.1, "records": 5}, "one of strength and records"),
        ("l1", {"strength": -1.0}, "strength=-1.0"),
        ("l1", {"strength": np.nan}, "strength=nan"),
        ("l1", {"records": 0}, "records=0.*from 1 to the 50"),
        ("l1", {"records": 51}, "records=51"),
        ("l1", {"steps": 1.5}, "steps=1.5"),
        ("reweighted_l1", {"rounds": 0}, "rounds=0"),
        ("reweighted_l1", {"strength": 0.1, "records": 5}, "reweighted_l1: give one"),
        ("sample", {"records": 51}, "records=51"),
        ("sample", {"records": 2.0}, "records=2.0"),
        ("sample", {"records": True}, "records=True"),
        ("sample", {"seed": -1}, "seed=-1"),
        ("sample", {"refit": "l0"}, "refit='l0'"),
        ("sample", {"strength": 0.1}, "no option 'strength'"),
    ],
)
def test_options_that_make_no_sense_are_refused(method: str, options: dict[str, Any], words: str) -> None:
    with pytest.raises(JaxsimError, match=words):
        fit(made(households=50), method=method, **options)
