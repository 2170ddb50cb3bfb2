"""Hard Concrete gates and losses: probabilities, slopes, limits."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxsim as js
from jaxsim.calibrate import HardConcrete, losses
from jaxsim.calibrate.gates import PRESETS, clamped
from jaxsim.errors import JaxsimError

GATES = HardConcrete()


def test_expected_open_is_the_share_of_open_samples() -> None:
    logits = jnp.linspace(-4, 4, 9)
    drawn = jax.vmap(lambda k: GATES.sample(logits, k))(jax.random.split(jax.random.key(0), 20_000))
    np.testing.assert_allclose((drawn > 0).mean(0), GATES.expected_open(logits), atol=0.012)
    assert float(drawn.min()) == 0.0
    assert float(drawn.max()) == 1.0


def test_gates_reach_both_ends_without_noise() -> None:
    np.testing.assert_array_equal(GATES.deterministic(jnp.array([-8.0, 8.0])), [0.0, 1.0])


def test_logits_invert_the_probability() -> None:
    for probability in (0.05, 0.5, 0.99):
        assert float(GATES.expected_open(jnp.array(GATES.logits(probability)))) == pytest.approx(probability, abs=1e-6)


def test_the_penalty_differentiates() -> None:
    with js.precision("float64"):
        slope = jax.grad(lambda x: GATES.expected_open(x).sum())(jnp.array([0.3]))
        step = 1e-6
        both = [float(GATES.expected_open(jnp.array(0.3 + s * step))) for s in (1, -1)]
    assert float(slope[0]) == pytest.approx((both[0] - both[1]) / (2 * step), rel=1e-7)


def test_gates_compose_with_optax() -> None:
    """A penalty alone closes every gate, and the clamp holds."""
    update = optax.chain(optax.adam(0.5), clamped(GATES))
    logits = jnp.zeros(4)
    state = update.init(logits)
    for _ in range(60):
        slope = jax.grad(lambda x: GATES.expected_open(x).sum())(logits)
        change, state = update.update(slope, state, logits)
        logits = optax.apply_updates(logits, change)
    assert float(logits.min()) == -GATES.clamp
    np.testing.assert_array_equal(GATES.deterministic(logits), 0.0)
    with pytest.raises(JaxsimError, match="needs the parameters"):
        clamped(GATES).update(logits, optax.EmptyState())


def test_bad_gates() -> None:
    with pytest.raises(JaxsimError, match="low below 0"):
        HardConcrete(low=0.1)
    with pytest.raises(JaxsimError, match="between 0 and 1"):
        GATES.logits(1.0)


def test_presets_are_those_of_the_field() -> None:
    assert (PRESETS["local"].raw, PRESETS["national"].raw) == (1e-8, 1e-4)
    assert PRESETS["local"].temperature == 0.65
    assert PRESETS["local"].learning_rate == 0.15


@pytest.mark.parametrize("name", sorted(losses.LOSSES))
def test_losses(name: str) -> None:
    """Zero at zero, even, growing, with the right slope; capped ones end."""
    loss = losses.as_loss(name)
    with js.precision("float64"):
        errors = jnp.linspace(-3, 3, 61)
        values = loss(errors)
        np.testing.assert_allclose(values, values[::-1], atol=1e-12)
        assert float(loss(jnp.array(0.0))) == 0.0
        assert (np.diff(np.asarray(values[30:])) > 0).all()
        at, step = jnp.array(0.37), 1e-6
        slope = float(jax.grad(loss)(at))
        assert slope == pytest.approx(float(loss(at + step) - loss(at - step)) / (2 * step), rel=1e-6)
    if name == "capped":
        assert float(loss(jnp.array(1e3))) < 1.0


def test_huber_is_square_within_and_straight_beyond() -> None:
    loss = losses.huber(0.1)
    assert float(loss(jnp.array(0.05))) == pytest.approx(0.0025)
    assert float(loss(jnp.array(1.0))) == pytest.approx(2 * 0.1 * 1.0 - 0.01)


def test_tolerance_and_divergences() -> None:
    np.testing.assert_allclose(losses.beyond(jnp.array([-0.3, 0.05, 0.2]), jnp.array([0.1, 0.1, 0.1])),
                               [-0.2, 0.0, 0.1], atol=1e-7)  # fmt: skip
    for divergence in losses.DIVERGENCES.values():
        assert float(divergence(jnp.array(1.0), jnp.array(0.0))) == 0.0
        assert float(divergence(jnp.array(1.0), jnp.array(0.5))) > 0
        assert float(jax.grad(lambda x, d=divergence: d(jnp.array(1.0), x))(jnp.array(0.0))) == 0.0
    with pytest.raises(JaxsimError, match="use one of"):
        losses.as_loss("median")
