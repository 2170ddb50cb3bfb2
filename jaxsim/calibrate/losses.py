"""How far estimates are from targets, as one number: losses of relative errors.

A loss is a function of relative errors [targets] to a value for each; fits take their (weighted) mean.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from jaxsim.errors import JaxsimError

Loss = Callable[[jax.Array], jax.Array]


def relative_squared(error: jax.Array) -> jax.Array:
    """The square of the relative error."""
    return error * error


def huber(width: float = 0.1) -> Loss:
    """Square within `width`, straight beyond: one target far off does not rule the fit."""

    def loss(error: jax.Array) -> jax.Array:
        size = jnp.abs(error)
        inside = jnp.minimum(size, width)
        return inside * (2.0 * size - inside)

    return loss


def smooth_absolute(width: float = 0.01) -> Loss:
    """The absolute error, rounded off within `width`: the mean absolute error with a derivative."""
    return lambda error: jnp.sqrt(error * error + width * width) - width


def capped(cap: float = 1.0) -> Loss:
    """Square near zero, never above `cap` squared: targets out of reach are given up."""
    return lambda error: error * error / (1.0 + error * error / cap**2)


LOSSES: dict[str, Loss] = {
    "relative_squared": relative_squared,
    "huber": huber(),
    "smooth_absolute": smooth_absolute(),
    "capped": capped(),
}


def as_loss(given: str | Loss) -> Loss:
    """A loss by name, or the function itself."""
    if callable(given):
        return given
    if given not in LOSSES:
        raise JaxsimError(f"loss {given!r}: use one of {', '.join(LOSSES)}, or a function of relative errors")
    return LOSSES[given]


def beyond(error: jax.Array, tolerance: jax.Array) -> jax.Array:
    """What of each error exceeds its tolerance."""
    return jnp.sign(error) * jax.nn.relu(jnp.abs(error) - tolerance)


def kullback_leibler(shares: jax.Array, log_ratio: jax.Array) -> jax.Array:
    """Divergence of weights from base weights at each household: shares times r log r - r + 1."""
    ratio = jnp.exp(log_ratio)
    return shares * (ratio * log_ratio - ratio + 1.0)


def chi_square(shares: jax.Array, log_ratio: jax.Array) -> jax.Array:
    """Divergence of weights from base weights at each household: shares times half the squared change."""
    return shares * 0.5 * jnp.square(jnp.expm1(log_ratio))


DIVERGENCES = {"kullback_leibler": kullback_leibler, "chi_square": chi_square}
