"""Monotone rational-quadratic splines, with straight lines outside (Gregory and Delbourgo 1982; Durkan et al. 2019).

Knots are given for each row, or once for all rows. Both directions are closed form, smooth and increasing.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np


def forward(x: jax.Array, knots: jax.Array, values: jax.Array, slopes: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The spline and the log of its slope.

    Args:
        x: [rows].
        knots: ascending [rows, knots] or [knots].
        values: ascending, at the knots.
        slopes: positive, at the knots.
    """
    (x0, width, y0, height, d0, d1), inside = _piece(x, knots, values, slopes, knots)
    share = jnp.where(inside, (x - x0) / width, 0.5)
    mean = height / width
    rest = share * (1 - share)
    below = mean + (d1 + d0 - 2 * mean) * rest
    y = y0 + height * (mean * share**2 + d0 * rest) / below
    slope = mean**2 * (d1 * share**2 + 2 * mean * rest + d0 * (1 - share) ** 2) / below**2
    line, end = _line(x, knots, values, slopes)
    return jnp.where(inside, y, line), jnp.log(jnp.where(inside, slope, end))


def inverse(y: jax.Array, knots: jax.Array, values: jax.Array, slopes: jax.Array) -> jax.Array:
    """Where the spline has the value y [rows]; arguments as of `forward`."""
    (x0, width, y0, height, d0, d1), inside = _piece(y, knots, values, slopes, values)
    mean = height / width
    rise = jnp.where(inside, y - y0, 0.5 * height)
    bend = rise * (d1 + d0 - 2 * mean)
    a = height * (mean - d0) + bend
    b = height * d0 - bend
    c = -mean * rise
    under = b**2 - 4 * a * c
    share = 2 * c / (-b - jnp.sqrt(jnp.where(under > 0, under, 1e-30)))
    line, _ = _line(y, values, knots, 1 / slopes)
    return jnp.where(inside, x0 + share * width, line)


def _piece(
    at: jax.Array, knots: jax.Array, values: jax.Array, slopes: jax.Array, ends: jax.Array
) -> tuple[tuple[jax.Array, ...], jax.Array]:
    """The piece of the spline a row lies in, by its place among `ends`; whether it lies in any."""
    count = ends.shape[-1]
    piece = jnp.sum(at[:, None] >= ends[..., 1:-1], axis=-1) if count > 2 else jnp.zeros(at.shape, jnp.int32)
    inside = (at > ends[..., 0]) & (at < ends[..., -1])

    def take(a: jax.Array, shift: int) -> jax.Array:
        if a.ndim == 1:
            return a[piece + shift]
        return jnp.take_along_axis(a, (piece + shift)[:, None], axis=1)[:, 0]

    x0, y0 = take(knots, 0), take(values, 0)
    return (x0, take(knots, 1) - x0, y0, take(values, 1) - y0, take(slopes, 0), take(slopes, 1)), inside


def _line(at: jax.Array, knots: jax.Array, values: jax.Array, slopes: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The straight line beyond the nearer end, and its slope."""
    low = at <= knots[..., 0]
    slope = jnp.where(low, slopes[..., 0], slopes[..., -1])
    start = jnp.where(low, values[..., 0], values[..., -1])
    return start + slope * (at - jnp.where(low, knots[..., 0], knots[..., -1])), slope


def slopes_through(knots: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Positive slopes at knots [knots] that make the spline through the values [knots] smooth and increasing.

    Harmonic means of the slopes on both sides (Gregory and Delbourgo 1982); one-sided slopes at the ends.
    """
    secants = np.diff(values) / np.diff(knots)
    middle = 2 / (1 / secants[1:] + 1 / secants[:-1]) if len(secants) > 1 else np.empty(0)
    return np.concatenate([secants[:1], middle, secants[-1:]])
