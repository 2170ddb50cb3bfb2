"""Guards, kinks, smooth twins and look-ups."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsim as js
from jaxsim import numerics as nu


@pytest.fixture(autouse=True)
def float64():
    with js.precision("float64"):
        yield


def test_rounding_forgives_rounding_error():
    dimes = np.arange(1, 15_000) / 10
    noisy = (dimes * 3) / 3 - 1e-12  # at or just below the exact dime
    np.testing.assert_allclose(nu.round_down(noisy, 0.1), dimes, atol=1e-9)
    np.testing.assert_allclose(nu.round_up(dimes + 1e-10, 0.1), dimes, atol=1e-9)


@pytest.mark.parametrize(
    ("x", "up", "down", "near"),
    [(0.0, 0, 0, 0), (0.01, 1000, 0, 0), (1000, 1000, 1000, 1000), (1500, 2000, 1000, 2000)],
)
def test_rounding_to_thousands(x, up, down, near):
    assert nu.round_up(x, 1000.0) == up
    assert nu.round_down(x, 1000.0) == down
    assert nu.round_nearest(x, 1000.0) == near


def test_float32_rounding_keeps_exact_multiples():
    x = jnp.arange(0, 500_000, 1000, dtype=jnp.float32)
    np.testing.assert_array_equal(nu.round_up(x, jnp.float32(1000)), x)


def test_comparisons_at_the_threshold():
    assert nu.above(100.0, 100.0) == 0
    assert nu.at_least(100.0, 100.0) == 1
    assert nu.at_least(100.0 - 1e-9, 100.0) == 1
    assert nu.above(100.0 + 1e-9, 100.0) == 0
    assert nu.at_most(100.0, 100.0) == 1
    assert nu.below(100.0, 100.0) == 0


@pytest.mark.parametrize("function", [nu.relu, lambda x: nu.lower_of(x, 0.0), lambda x: nu.higher_of(x, 0.0)])
def test_a_tie_takes_one_side(function):
    assert float(jax.grad(function)(0.0)) in (0.0, 1.0)


STEPS = {
    "above": lambda x: nu.above(x, 50.0),
    "at_least": lambda x: nu.at_least(x, 50.0),
    "below": lambda x: nu.below(x, 50.0),
    "round_up": lambda x: nu.round_up(x, 10.0),
    "round_down": lambda x: nu.round_down(x, 7.0),
    "round_nearest": lambda x: nu.round_nearest(x, 3.0),
}


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("width", [2.0, 10.0, 33.0])
def test_smooth_derivative_is_the_central_difference_over_the_window(name, width):
    exact = STEPS[name]
    x = np.linspace(20.1, 90.3, 57)

    def smooth(v):
        with nu.smoothing({"USD": width}):
            return exact(v)

    slope = jax.vmap(jax.grad(smooth))(x)
    difference = (exact(x + width / 2) - exact(x - width / 2)) / width
    np.testing.assert_allclose(slope, difference, atol=1e-7)


@pytest.mark.parametrize("name", STEPS)
def test_smooth_value_is_the_mean_over_the_window(name):
    width, x = 12.0, 47.3

    def smooth(v):
        with nu.smoothing({"USD": width}):
            return STEPS[name](v)

    grid = x + (np.arange(200_000) + 0.5) / 200_000 * width - width / 2
    np.testing.assert_allclose(smooth(x), np.mean(STEPS[name](grid)), atol=1e-3)


def test_units_left_out_stay_exact():
    with nu.smoothing({"year": 4.0}):
        assert nu.at_least(50.0, 51.0) == 0
        assert 0 < nu.at_least(50.0, 51.0, unit="year") < 1


def test_kinks_are_smoothed_on_request_only():
    def curvature(kinks):
        def f(x):
            with nu.smoothing({"USD": 10.0}, kinks):
                return nu.relu(x)

        return float(jax.grad(jax.grad(f))(1.0))

    assert curvature(False) == 0
    assert curvature(True) == pytest.approx(1 / 10)


def test_smoothing_ends_with_its_block():
    with nu.smoothing({"USD": 10.0}):
        pass
    assert nu.above(51.0, 50.0) == 1


def test_pick_and_its_derivative():
    values, code = jnp.array([10.0, 20.0, 30.0]), jnp.array([0, 2, 1, 2, 7], dtype=jnp.int8)
    np.testing.assert_array_equal(nu.pick(values, code), [10, 30, 20, 30, 30])
    gradient = jax.grad(lambda v: (nu.pick(v, code) * jnp.arange(1.0, 6.0)).sum())(values)
    np.testing.assert_array_equal(gradient, [1, 3, 11])


def test_pick_by_two_codes():
    values = jnp.arange(12.0).reshape(3, 4)
    first, second = np.meshgrid(np.arange(3), np.arange(4), indexing="ij")
    np.testing.assert_array_equal(nu.pick(values, first.ravel(), second.ravel()), np.arange(12))


def test_schedule_against_brackets_by_hand():
    rates, thresholds = jnp.array([0.1, 0.2, 0.4]), jnp.array([[0.0, 0.0], [100.0, 200.0], [300.0, 400.0]])
    x, code = jnp.array([50.0, 150.0, 350.0, 350.0]), jnp.array([0, 0, 0, 1])
    np.testing.assert_allclose(nu.schedule(x, rates, thresholds, code), [5, 20, 10 + 40 + 20, 20 + 30])
    slopes = jax.jacobian(lambda t: nu.schedule(x, rates, t, code).sum())(thresholds)
    np.testing.assert_allclose(slopes, [[-0.3, -0.1], [-0.2, -0.1], [-0.2, 0]], atol=1e-12)


def test_linear_bands_by_hand():
    lower, first, last = [0.0, 1.0, 2.0, 4.0], [0.1, 0.3, 0.4, 0.8], [0.1, 0.4, 0.8, 0.8]
    x = jnp.array([-50.0, 0.0, 99.0, 100.0, 150.0, 200.0, 300.0, 400.0, 1e6])
    expected = [0.1, 0.1, 0.1, 0.3, 0.35, 0.4, 0.6, 0.8, 0.8]
    np.testing.assert_allclose(nu.linear_bands(x, lower, first, last, scale=100.0), expected, atol=1e-12)
    inside = jax.jacobian(lambda f: nu.linear_bands(x, lower, f, last, scale=100.0))(jnp.array(first))
    np.testing.assert_allclose(inside[4], [0, 0.5, 0, 0], atol=1e-12)  # half way from the first to the last value
    slope = jax.grad(lambda u: nu.linear_bands(u, lower, first, last, scale=100.0))(300.0)
    np.testing.assert_allclose(slope, 0.4 / 200, atol=1e-12)
    with nu.smoothing({"USD": 20.0}):  # the step from 0.1 to 0.3 becomes a ramp
        np.testing.assert_allclose(nu.linear_bands(95.0, lower, first, last, scale=100.0), 0.15, atol=1e-12)


def test_safe_div_has_finite_derivatives_at_zero():
    assert nu.safe_div(1.0, 0.0, otherwise=7.0) == 7
    assert np.isfinite(jax.grad(lambda d: nu.safe_div(1.0, d))(0.0))
    assert nu.safe_div(1.0, 4.0) == 0.25


def test_float32_total_keeps_six_digits():
    x = np.full(512 * 4_000, 12_345.67, dtype=np.float32)
    assert float(nu.total(jnp.asarray(x))) == pytest.approx(float(x.astype(np.float64).sum()), rel=1e-6)


def test_upper_bound_of_brackets_below_a_rate():
    rates = jnp.array([0.10, 0.12, 0.22, 0.24, 0.32])
    thresholds = jnp.array([[0.0, 0.0], [10.0, 20.0], [40.0, 80.0], [90.0, 180.0], [170.0, 340.0]])
    bound = nu.upper_bound_below(rates, thresholds, 0.25)
    np.testing.assert_allclose(bound, [170, 340])
    np.testing.assert_allclose(nu.upper_bound_below(rates, thresholds, 0.24), [90, 180])
    np.testing.assert_allclose(nu.upper_bound_below(rates, thresholds, 0.10), [0, 0])
    slope = jax.grad(lambda t: nu.upper_bound_below(rates, t, 0.25)[0])(thresholds)
    expected = np.zeros((5, 2))
    expected[4, 0] = 1
    np.testing.assert_allclose(slope, expected)


@pytest.mark.parametrize("noise", [-1e-10, 0.0, 1e-10])
def test_amounts_equal_but_for_rounding_are_a_tie(noise):
    """The first takes the whole derivative, whichever is larger in the last digits."""
    for function in (nu.lower_of, nu.higher_of):
        slopes = jax.grad(function, argnums=(0, 1))(50_000.0, 50_000.0 + noise)
        assert [float(s) for s in slopes] == [1, 0]
    assert jax.grad(nu.relu)(noise) == 0
