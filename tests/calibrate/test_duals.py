"""Dual methods: equal to scipy, exact where targets fit together, derivatives by the implicit function theorem."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import root

import jaxsim as js
from jaxsim.calibrate import duals, fit
from jaxsim.calibrate.distances import Distance
from jaxsim.calibrate.implicit import base_sensitivity, derivatives, sensitivity
from jaxsim.calibrate.methods_dual import arrays
from jaxsim.errors import JaxsimError
from tests.calibrate.problems import areas, made, with_row

PROBLEM = made()
METHODS = {"entropy": None, "chi_square": None, "logit": (0.1, 10.0)}
AMOUNTS = np.random.default_rng(9).random(len(PROBLEM.base))


def by_scipy(method: str, bounds: tuple[float, float] | None) -> np.ndarray:
    """The same weights by scipy's root finding on the textbook's equations."""
    distance = Distance(method, *(bounds or (None, None)))
    matrix, base = PROBLEM.matrix.toarray() / PROBLEM.values[:, None], PROBLEM.base
    with js.precision("float64"):
        ratio = jax.jit(distance.ratio)

        def missing(prices: np.ndarray) -> np.ndarray:
            return matrix @ (base * np.asarray(ratio(jnp.asarray(matrix.T @ prices)))) - 1.0

        found = root(missing, np.zeros(len(matrix)), tol=1e-14)
        return base * np.asarray(ratio(jnp.asarray(matrix.T @ found.x)))


@pytest.mark.parametrize("method", METHODS)
def test_equals_scipy(method: str) -> None:
    found = fit(PROBLEM, method=method, bounds=METHODS[method])
    assert found.status == "converged"
    assert np.abs(found.errors).max() < 1e-10
    np.testing.assert_allclose(found.weights, by_scipy(method, METHODS[method]), rtol=1e-8)


def test_slack_minimises_what_it_says() -> None:
    """With slack the weights minimise divergence plus squared errors: no small change of the weights does better."""
    found = fit(PROBLEM, method="entropy", give=0.1)
    base, total = PROBLEM.base, PROBLEM.base.sum()
    scaled = PROBLEM.matrix.toarray() * total / PROBLEM.scale[:, None]
    slack = 0.1 * (scaled**2) @ (base / total)

    def value(weights: np.ndarray) -> float:
        ratio = weights / base
        return float(base / total @ (ratio * np.log(ratio) - ratio + 1)
                     + (PROBLEM.errors(weights) ** 2 / (2 * slack)).sum())  # fmt: skip

    best = value(found.weights)
    rng = np.random.default_rng(0)
    for _ in range(20):
        assert value(found.weights * np.exp(1e-3 * rng.normal(size=len(base)))) > best


@pytest.mark.slow
def test_bounds_hold() -> None:
    for method, bounds in (("entropy", (0.6, 1.8)), ("chi_square", (0.6, 1.8)), ("logit", (0.6, 1.8))):
        found = fit(PROBLEM, method=method, bounds=bounds, give=0.01)
        ratio = found.weights / PROBLEM.base
        assert ratio.min() >= 0.6 - 1e-12, method
        assert ratio.max() <= 1.8 + 1e-12, method


@pytest.mark.slow
def test_a_sparse_problem_to_many_digits() -> None:
    problem = areas(20_000, 300)
    found = fit(problem, method="entropy")
    assert found.status == "converged"
    assert np.abs(problem.errors(found.weights)).max() < 1e-8


@pytest.mark.parametrize(("method", "options"), [
    ("logit", {}), ("entropy", {}), ("entropy", {"give": 0.1}), ("chi_square", {"give": 0.01}),
])  # fmt: skip
def test_derivatives_equal_differences_of_solved_fits(method: str, options: dict[str, float]) -> None:
    bounds = METHODS[method]

    def outcome(problem: js.calibrate.Problem) -> float:
        return float(AMOUNTS @ fit(problem, method=method, bounds=bounds, **options).weights)

    found = fit(PROBLEM, method=method, bounds=bounds, **options)
    by_value, by_base = derivatives(found, AMOUNTS)
    step = 1e-5
    for k in (0, 5, 11):
        change = np.zeros(len(PROBLEM.values))
        change[k] = step * PROBLEM.values[k]
        # scales stay as they are in with_values, as the derivative takes them
        ahead, back = (outcome(PROBLEM.with_values(PROBLEM.values + s * change)) for s in (1, -1))
        assert by_value[k] == pytest.approx((ahead - back) / (2 * change[k]), rel=1e-4)
    if options:
        return  # the slack follows the base weights, which the derivative holds
    for h in (0, 17):
        change = np.zeros(len(PROBLEM.base))
        change[h] = 1e-4 * PROBLEM.base[h]
        ahead, back = (outcome(PROBLEM.with_base(PROBLEM.base + s * change)) for s in (1, -1))
        assert by_base[h] == pytest.approx((ahead - back) / (2 * change[h]), rel=1e-4)


@pytest.mark.slow
def test_weights_differentiate_for_users() -> None:
    """jit, grad and vmap of `duals.weights`, the matrix included."""
    with js.precision("float64"):
        tiles, values, shares, unit = arrays(PROBLEM)
        amounts = tiles.rows(AMOUNTS)

        def outcome(values: jax.Array, blocks: tuple[jax.Array, ...], give: jax.Array) -> jax.Array:
            import dataclasses

            whole = dataclasses.replace(tiles, blocks=blocks)
            return (duals.weights(whole, values, shares, give) * amounts).sum()

        give = 0.1 * unit
        slopes = jax.jit(jax.grad(outcome, argnums=(0, 1, 2)))(values, tiles.blocks, give)
        step = 1e-6
        for k in (2, 7):
            up, down = (outcome(values.at[k].add(s * step), tiles.blocks, give) for s in (1, -1))
            assert float(slopes[0][k]) == pytest.approx(float(up - down) / (2 * step), rel=1e-5)
            up, down = (outcome(values, tiles.blocks, give.at[k].add(s * step * unit[k])) for s in (1, -1))
            assert float(slopes[2][k]) == pytest.approx(float(up - down) / (2 * step * float(unit[k])), rel=1e-4)
        at = tuple(np.argwhere(np.asarray(tiles.blocks[0]) != 0)[5])
        size = float(tiles.blocks[0][at])
        up, down = (outcome(values, (tiles.blocks[0].at[at].add(s * step * size), *tiles.blocks[1:]), give)
                    for s in (1, -1))  # fmt: skip
        assert float(slopes[1][0][at]) == pytest.approx(float(up - down) / (2 * step * size), rel=1e-4)
        several = jax.vmap(lambda v: outcome(v, tiles.blocks, give))(jnp.stack([values, 1.01 * values]))
        assert float(several[1]) == pytest.approx(float(outcome(1.01 * values, tiles.blocks, give)), rel=1e-9)


def test_sensitivity_table() -> None:
    found = fit(PROBLEM, method="logit", bounds=(0.1, 10))
    table = sensitivity(found, None, AMOUNTS)
    by_value, by_base = derivatives(found, AMOUNTS)
    assert table.loc["target 3", "derivative"] == by_value[3]
    assert table.loc["target 3", "effect of 1%"] == pytest.approx(by_value[3] * PROBLEM.values[3] / 100)
    assert table["effect of 1%"].abs().is_monotonic_decreasing
    np.testing.assert_array_equal(base_sensitivity(found, None, AMOUNTS), by_base)
    # a target's own derivative with respect to itself is one, with respect to others zero
    own, _ = derivatives(found, PROBLEM.matrix.toarray()[4])
    np.testing.assert_allclose(own, np.eye(12)[4], atol=1e-9)
    with pytest.raises(JaxsimError, match="give the simulation"):
        sensitivity(found, None, "income_tax")
    with pytest.raises(JaxsimError, match="amounts for the"):
        sensitivity(found, None, AMOUNTS[:5])
    with pytest.raises(JaxsimError, match="no optimum that differentiates"):
        sensitivity(fit(PROBLEM, method="descent", steps=50), None, AMOUNTS)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["bootstrap", "jackknife"])
def test_replicates(kind: str) -> None:
    found = fit(PROBLEM, method="logit", bounds=(0.05, 20))
    made_ = found.replicates(kind, 24, seed=3)
    assert made_.settled.all()
    for weights in made_.weights:
        assert np.abs(PROBLEM.errors(weights)).max() < 1e-5  # each meets the targets
    # a target has no sampling error left, what is not targeted has
    assert made_.standard_error(None, PROBLEM.matrix.toarray()[2]) < 1e-4 * PROBLEM.values[2]
    error = made_.standard_error(None, AMOUNTS)
    assert 0.005 < error / float(AMOUNTS @ found.weights) < 0.1
    if kind == "jackknife":
        assert ((made_.weights == 0).sum(0) == 1).all()  # each household is left out once
    again = found.replicates(kind, 24, seed=3, batch=5)
    np.testing.assert_allclose(again.weights, made_.weights, rtol=1e-6, atol=1e-9)


def test_bootstrap_errors_are_those_of_the_residuals() -> None:
    """The bootstrap's error of a calibrated total is about that of its residuals on the targets (linearisation)."""
    found = fit(PROBLEM, method="chi_square")
    error = found.replicates("bootstrap", 200, seed=1).standard_error(None, AMOUNTS)
    _, by_base = derivatives(found, AMOUNTS)
    residual = by_base * PROBLEM.base
    linear = np.sqrt(np.square(residual - residual.mean()).sum())
    assert error == pytest.approx(linear, rel=0.2)


def test_bad_replicates() -> None:
    found = fit(PROBLEM, method="entropy")
    for given, words in (({"kind": "brr"}, "use one of"), ({"count": 1}, "whole number"),
                         ({"count": 10_000}, "more replicates")):  # fmt: skip
        with pytest.raises(JaxsimError, match=words):
            found.replicates(**given)


def test_contradictions_have_prices() -> None:
    """The targets that contradict each other are the dear ones, and the verdict says infeasible."""
    problem = with_row(PROBLEM, PROBLEM.matrix[[0]].toarray(), 1.5 * PROBLEM.values[0])
    found = fit(problem, method="logit", bounds=(0.1, 10))
    assert found.status == "infeasible"
    assert set(found.unmet.index[:2]) == {"target 0", "added"}
    assert "contradict" in found.message
    assert found.left_out.loc["added", "other"] == "target 0"  # found before fitting, too


def test_a_proof_of_infeasibility() -> None:
    """Bounds that are too narrow: the prices prove that nothing within them meets the targets."""
    people = np.ones(len(PROBLEM.base))
    half = (np.arange(len(PROBLEM.base)) % 2).astype(float)
    problem = js.calibrate.Problem(np.stack([people, half]), np.array([1.0, 1.5]) * PROBLEM.base.sum(), PROBLEM.base)
    found = fit(problem, method="logit", bounds=(0.5, 2.9), unattainable="keep")
    assert found.status == "infeasible"
    assert found.details["proof"]
