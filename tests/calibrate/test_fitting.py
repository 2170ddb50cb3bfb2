"""Fits: the verdict is true in every case, options are checked, descents do what they say."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sparse

import jaxsim as js
from jaxsim.calibrate import Fit, Problem, fit
from jaxsim.errors import InputError, JaxsimError
from tests.calibrate.problems import areas, made, with_row

PROBLEM = made()
N = len(PROBLEM.base)
ONES = np.ones(N)
SOME = (np.arange(N) < 40).astype(float)
NONE = np.zeros(N)
SIGNED = np.where(np.arange(N) % 3 == 0, -1.0, 1.0)


def added(row: Any, value: float) -> Problem:
    return with_row(PROBLEM, row, value)


def people(share: float) -> float:
    return float(share * PROBLEM.base.sum())


Case = tuple[Problem, str, dict[str, Any], str, str]
CASES: dict[str, Case] = {
    # one added target, method, options, status, words of the message or kind of what was left out
    "feasible": (added(ONES, people(1.1)), "entropy", {}, "converged", "exactly"),
    "feasible within bounds": (added(ONES, people(1.1)), "logit", {"bounds": (0.1, 10)}, "converged", "exactly"),
    "feasible, chi-square": (added(ONES, people(1.02)), "chi_square", {}, "converged", "exactly"),
    "feasible, descent": (added(ONES, people(1.1)), "descent", {}, "converged", ""),
    "said twice, the same": (added(PROBLEM.matrix[[0]].toarray(), PROBLEM.values[0]), "entropy", {}, "converged", ""),
    "said twice in other units": (added(10 * PROBLEM.matrix[[0]].toarray(), 10 * PROBLEM.values[0]), "logit",
                                  {"bounds": (0.1, 10)}, "converged", ""),
    "a sum of others": (added(PROBLEM.matrix[[0, 1]].sum(0), PROBLEM.values[:2].sum()), "entropy", {}, "converged", ""),
    "said twice, apart": (added(PROBLEM.matrix[[0]].toarray(), 1.3 * PROBLEM.values[0]), "entropy", {}, "infeasible",
                          "contradict"),
    "said twice, apart, descent": (added(PROBLEM.matrix[[0]].toarray(), 1.3 * PROBLEM.values[0]), "descent", {},
                                   "infeasible", "cannot be met together"),
    "a sum other than its parts": (added(PROBLEM.matrix[[0, 1]].sum(0), 1.4 * PROBLEM.values[:2].sum()), "entropy", {},
                                   "infeasible", "contradict"),
    "apart, with slack": (added(PROBLEM.matrix[[0]].toarray(), 1.3 * PROBLEM.values[0]), "entropy", {"give": 0.1},
                          "infeasible", "slack 0.1"),
    "slack leaves it within tolerance": (added(ONES, people(1.05)), "entropy", {"give": 0.1, "tolerance": 0.2},
                                         "converged", "slack"),
    "empty": (added(NONE, 5.0), "entropy", {}, "converged", "empty"),
    "empty, descent": (added(NONE, 5.0), "descent", {}, "converged", "empty"),
    "empty, kept": (added(NONE, 5.0), "entropy", {"unattainable": "keep"}, "infeasible", "contradict"),
    "empty and zero": (added(NONE, 0.0), "entropy", {}, "converged", "exactly"),
    "negative, nobody has losses": (added(ONES, -10.0), "entropy", {}, "converged", "sign"),
    "negative, nobody has losses, kept": (added(ONES, -10.0), "descent", {"unattainable": "keep"}, "infeasible", ""),
    "negative target": (added(-ONES, -people(1.05)), "entropy", {}, "converged", "exactly"),
    "negative target, descent": (added(-ONES, -people(1.05)), "descent", {}, "converged", ""),
    "signed entries": (added(SIGNED, 0.3 * float(SIGNED @ PROBLEM.base)), "entropy", {}, "converged", "exactly"),
    "zero of signed entries": (added(SIGNED, 0.0), "entropy", {}, "converged", "exactly"),
    "zero of signed entries, descent": (added(SIGNED, 0.0), "descent", {}, "converged", ""),
    "zero of positive entries": (added(SOME, 0.0), "entropy", {}, "converged", "exactly"),  # weights of next to nothing
    "zero of positive entries within bounds": (added(SOME, 0.0), "logit", {"bounds": (0.1, 10)}, "converged", "bounds"),
    "beyond the bounds": (added(ONES, people(3.0)), "logit", {"bounds": (0.5, 2.0)}, "converged", "bounds"),
    "beyond the bounds, kept": (added(ONES, people(3.0)), "logit", {"bounds": (0.5, 2.0), "unattainable": "keep"},
                                "infeasible", ""),
    "beyond the bounds, descent": (added(ONES, people(3.0)), "descent", {"bounds": (0.5, 2.0), "unattainable": "keep"},
                                   "infeasible", ""),
    "below the bounds": (added(ONES, people(0.2)), "logit", {"bounds": (0.5, 2.0)}, "converged", "bounds"),
    "within each bound, not together": (added(SOME, 4.0 * float(SOME @ PROBLEM.base)), "logit",
                                        {"bounds": (0.9, 4.5)}, "infeasible", ""),
    "too few steps": (added(ONES, people(1.1)), "descent", {"steps": 3}, "stalled", "too few"),
    "steps run out": (added(ONES, people(1.1)), "descent", {"steps": 75, "learning_rate": 0.002,
                                                            "schedule": "constant"}, "stalled", "raise steps"),
    "too few Newton steps": (added(ONES, people(1.1)), "entropy", {"steps": 1, "start": 1e-6}, "stalled",
                             "raise steps"),
    "every gate closed": (added(ONES, people(1.1)), "l0", {"raw": 1e3, "steps": 100}, "stalled", "lower the strength"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_verdict_is_true(name: str) -> None:
    problem, method, options, status, words = CASES[name]
    found = fit(problem, method=method, **options)
    assert found.status == status, found.message
    assert words in found.message + " ".join(found.left_out.kind)
    met = np.abs(found.errors[found.fitted]) <= found.tolerance
    assert (found.status == "converged") <= met.all()
    assert (found.status == "infeasible") <= (not met.all())
    assert set(found.unmet.index) == set(np.array(problem.names)[found.fitted][~met])
    assert (found.weights >= 0).all()


def test_there_are_cases_enough() -> None:
    assert len(CASES) >= 30


BAD: dict[str, tuple[Callable[[], Any], str]] = {
    "method": (lambda: fit(PROBLEM, method="descnt"), "descent"),
    "option": (lambda: fit(PROBLEM, step=5), "steps"),
    "option of another method": (lambda: fit(PROBLEM, method="entropy", loss="huber"), "no option"),
    "bounds": (lambda: fit(PROBLEM, bounds=(1.5, 2)), r"\[0, 1\)"),
    "bounds, one": (lambda: fit(PROBLEM, bounds=3), "least, largest"),
    "tolerance": (lambda: fit(PROBLEM, tolerance=0), "relative error"),
    "family": (lambda: fit(PROBLEM, held_out="wages"), "no family"),
    "everything held out": (lambda: fit(PROBLEM, held_out="all"), "no target is left"),
    "policy": (lambda: fit(PROBLEM, unattainable="ignore"), "leave_out"),
    "raise": (lambda: fit(added(NONE, 5.0), unattainable="raise"), "empty"),
    "no problem": (lambda: fit("cps"), "Simulation and the Targets"),
    "problem and targets": (lambda: fit(PROBLEM, js.calibrate.select()), "leave out `targets`"),
    "loss": (lambda: fit(PROBLEM, loss="l3"), "use one of"),
    "steps": (lambda: fit(PROBLEM, steps=0), "whole number"),
    "learning rate": (lambda: fit(PROBLEM, learning_rate=-1.0), "out of range"),
    "dropout": (lambda: fit(PROBLEM, dropout=1.0), "out of range"),
    "schedule": (lambda: fit(PROBLEM, schedule="linear"), "cosine"),
    "divergence": (lambda: fit(PROBLEM, divergence_kind="hellinger"), "use one of"),
    "balance": (lambda: fit(PROBLEM, balance="sources"), "families"),
    "start": (lambda: fit(PROBLEM, start=np.ones(3)), "one weight"),
    "records": (lambda: fit(PROBLEM, method="l0", records=0), "whole number from 1"),
    "two strengths": (lambda: fit(PROBLEM, method="l0", records=9, raw=1.0), "give one of"),
    "strength": (lambda: fit(PROBLEM, method="l0", strength=-1.0), "above 0"),
    "preset": (lambda: fit(PROBLEM, method="l0", preset="county"), "national"),
    "refit": (lambda: fit(PROBLEM, method="l0", refit="entropy"), "descent"),
    "give": (lambda: fit(PROBLEM, method="entropy", give=-1.0), "at least 0"),
    "close": (lambda: fit(PROBLEM, method="entropy", close=2.0), "between 0 and 1"),
    "logit without bounds": (lambda: fit(PROBLEM, method="logit"), "two bounds"),
    "devices": (lambda: fit(PROBLEM, devices=3), "divides"),
    "a loss that is not finite": (lambda: fit(PROBLEM, loss=lambda error: error * np.nan), "no longer finite"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_options_are_refused(name: str) -> None:
    call, words = BAD[name]
    with pytest.raises(JaxsimError, match=words):
        call()


def test_negative_weights_are_refused() -> None:
    """Generalised regression without bounds may leave the positive weights: that is said, not returned."""
    hard = added(SOME, 0.01 * float(SOME @ PROBLEM.base))
    hard = with_row(hard, SOME * np.arange(N), 4.0 * float((SOME * np.arange(N)) @ PROBLEM.base), "second")
    with pytest.raises(JaxsimError, match="weights are negative"):
        fit(hard, method="chi_square", unattainable="keep")


# --- descents -----------------------------------------------------------------------------------------------------

WIDE = areas(2_000, 100)


@pytest.fixture(scope="module")
def plain() -> Fit:
    return fit(WIDE, loss="relative_squared", steps=300)


def test_a_descent_meets_feasible_targets(plain: Fit) -> None:
    assert plain.status == "converged"
    assert np.abs(plain.errors).mean() < 1e-4
    assert plain.history.step.iloc[-1] == 300


def test_divergence_keeps_the_sample(plain: Fit) -> None:
    near = fit(WIDE, loss="relative_squared", steps=300, divergence=0.3)
    assert near.effective_sample_size > 1.005 * plain.effective_sample_size


def test_bounds_of_a_descent() -> None:
    found = fit(WIDE, steps=100, bounds=(0.7, 1.6))
    ratio = found.weights / WIDE.base
    assert ratio.min() >= 0.7 - 1e-5
    assert ratio.max() <= 1.6 + 1e-5


def test_it_stops_at_an_error() -> None:
    found = fit(WIDE, steps=500, stop_at=0.01)
    assert 0 < found.history.step.iloc[-1] < 500
    assert np.abs(found.errors).mean() <= 0.0101


@pytest.mark.slow
def test_seeds_and_dropout() -> None:
    weights = [fit(WIDE, steps=50, dropout=0.2, seed=s).weights for s in (1, 1, 2)]
    np.testing.assert_array_equal(weights[0], weights[1])
    assert not np.array_equal(weights[0], weights[2])


def test_held_out_families_stop_a_descent() -> None:
    """Noise in the targets that are fitted: the held-out ones get worse, the fit stops there and keeps the best."""
    rng = np.random.default_rng(1)
    families = tuple("held" if k % 4 == 0 else "fitted" for k in range(100))
    noisy = np.where([f == "fitted" for f in families], rng.lognormal(0, 0.5, 100), 1.0)
    problem = dataclasses.replace(WIDE, values=WIDE.values * noisy, families=families, scale=None)
    found = fit(problem, held_out="held", steps=400, patience=3)
    assert "held-out families get no better" in found.message
    assert found.status == "stalled"
    errors = found.history.held_out_error
    held = np.abs(problem.errors(found.weights))[np.array(families) == "held"].mean()
    assert held == pytest.approx(errors.min(), rel=1e-3)
    assert not found.table().loc["target 0", "fitted"]
    assert found.summary()["held out mean error"] == pytest.approx(held)


def test_families_may_count_equally() -> None:
    families = tuple("large" if k < 99 else "small" for k in range(100))
    values = WIDE.values * np.where(np.arange(100) == 99, 3.0, 1.0)
    problem = dataclasses.replace(WIDE, values=values, families=families, scale=None)
    errors = [
        abs(fit(problem, loss="smooth_absolute", steps=25, balance=b).errors[99]) for b in ("targets", "families")
    ]
    assert errors[1] < errors[0]


def test_a_target_within_its_tolerance_pulls_no_more() -> None:
    loose = dataclasses.replace(WIDE, tolerance=np.full(100, 0.9))
    found = fit(loose, steps=50)
    assert found.status == "converged"
    np.testing.assert_allclose(found.weights[np.abs(loose.errors(loose.base)).max() < 0.9 and slice(None)], loose.base,
                               rtol=1e-5)  # fmt: skip


def test_float64() -> None:
    single, double = (fit(WIDE, steps=50, precision=p).weights for p in ("float32", "float64"))
    np.testing.assert_allclose(single, double, rtol=2e-3)


# --- few records --------------------------------------------------------------------------------------------------


def test_few_records() -> None:
    found = fit(WIDE, method="l0", records=600, steps=200, refit_steps=200)
    assert found.nonzero == 600
    gated = np.abs(WIDE.errors(found.details["gated"])).mean()
    assert np.abs(found.errors).mean() < 0.2 * gated  # gated weights alone are far worse
    alone = fit(WIDE, method="l0", records=600, steps=200, refit=None)
    np.testing.assert_array_equal(alone.weights, alone.details["gated"])


@pytest.mark.slow
def test_strength_closes_gates() -> None:
    kept = [fit(WIDE, method="l0", strength=s, steps=100, refit_steps=25).nonzero for s in (0.01, 10.0)]
    assert kept[1] < kept[0] <= 2_000


@pytest.mark.slow
def test_presets_and_paths() -> None:
    local = fit(WIDE, method="l0", preset="local", steps=50, refit_steps=25)
    assert local.nonzero == 2_000  # a weight of 1e-8 closes nothing here
    path = fit(WIDE, method="l0", strength=10.0, path=2, steps=75, refit_steps=25)
    assert 0 < path.nonzero < 2_000


@pytest.mark.slow
def test_groups_share_a_gate() -> None:
    groups = np.repeat(np.arange(500), 4)
    found = fit(dataclasses.replace(WIDE, groups=groups), method="l0", strength=10.0, steps=100, refit_steps=25)
    open_ = (found.weights > 0).reshape(500, 4)
    assert 0 < open_.all(1).sum() < 500
    assert (open_.all(1) == open_.any(1)).all()


@pytest.mark.slow
def test_zero_base_weights_stay_zero() -> None:
    base = np.where(np.arange(2_000) % 5 == 0, 0.0, WIDE.base)
    problem = dataclasses.replace(WIDE, base=base)
    for method, options in (("descent", {"steps": 25}), ("l0", {"steps": 50, "refit_steps": 25}), ("entropy", {})):
        found = fit(problem, method=method, **options)
        assert (found.weights[base == 0] == 0).all(), method


# --- results ------------------------------------------------------------------------------------------------------


def test_figures_of_a_fit(plain: Fit) -> None:
    table = plain.table()
    np.testing.assert_allclose(table.estimate, WIDE.matrix @ plain.weights)
    np.testing.assert_allclose(table.error, (WIDE.matrix @ plain.weights - WIDE.values) / WIDE.values, atol=1e-12)
    summary = plain.summary()
    assert summary["mean error"] == pytest.approx(np.abs(table.error).mean())
    weights = plain.weights
    assert summary["effective sample size"] == pytest.approx(weights.sum() ** 2 / (weights**2).sum())
    assert plain.families().loc["all", "targets"] == 100
    assert "converged" in repr(plain)


def test_a_simulation_is_calibrated_by_one_call(population: js.Population) -> None:
    """From a simulation and targets to weights that a simulation takes."""
    sim = js.Simulation(population, 2022)
    wanted = 1.1 * float(sim.population.weights.sum())
    store = js.calibrate.TargetStore()
    store.add_source("own", title="made", agency="nobody", href="none", period=2022, counts="households")
    store.add("own", "population", "count", wanted)
    targets = js.calibrate.select({"period": 2022, "targets": [{"source": "own"}]}, store)
    found = fit(sim, targets, method="entropy")
    again = sim.with_weights(found.weights)
    assert float(again.population.weights.sum()) == pytest.approx(wanted)


def test_persons_weights_are_refused() -> None:
    with pytest.raises(InputError, match="weights of persons would tear them apart"):
        Problem(sparse.csr_array(np.ones((1, 3))), [1.0], np.ones(7))
