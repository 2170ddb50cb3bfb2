"""Arithmetic that tax law needs and floating point gets wrong: kinks, steps, rounding, look-ups, sums.

Rules use these functions instead of `floor`, `ceil`, `maximum` or a bare comparison of money, for three reasons.

*Guards.* `floor(x)` on money is wrong whenever `x` should be a whole number and is a rounding error below it, so
every step here forgives an error of `1e-6` dollars plus a few units in the last place of the number type.

*Derivatives.* `maximum` halves the gradient at a tie, and ties are common in law (most people have no capital
gains). `relu`, `lower_of` and `higher_of` take one side, with a guard of its own: two amounts that are equal but for
rounding are a tie. Without it the side would be a matter of rounding, which XLA may do differently in the several
places where it computes the same comparison again, and a derivative would count both sides or neither. They have a
derivative rule of their own, by which the analysis of steps knows a continuous kink from a cliff.

*Smooth twins.* The derivative of a step is zero and hides a cliff. Under `smoothing(...)` every step is averaged
over a window of full width w around its argument, so the derivative is the central difference over that window.
With `kinks=True` kinks are averaged too, which makes second derivatives meaningful.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

Array = jax.Array

GUARD = 1e-6
"""Dollars by which a step forgives a rounding error (a ten-thousandth of a cent)."""
TIE = 1e-8
"""Difference up to which two amounts, or two shares, count as equal: far below a cent, above rounding in float64."""


@dataclass(frozen=True)
class Smoothing:
    """Full window widths by kind of unit ("USD", "year"); `kinks` smooths kinks as well as steps."""

    widths: Mapping[str, Any]
    kinks: bool = False

    def width(self, unit: str) -> Any:
        return self.widths.get(unit)


_smoothing: ContextVar[Smoothing | None] = ContextVar("jaxsim_smoothing", default=None)


@contextlib.contextmanager
def smoothing(widths: Mapping[str, Any] | None, kinks: bool = False) -> Iterator[None]:
    """Rules traced inside this block use the smooth twins of steps (and of kinks, if asked).

    Args:
        widths: window width by unit, e.g. `{"USD": 2_000.0, "year": 4.0}`; a unit left out stays exact. The widths
            may be traced values, so one compiled program serves all. None leaves everything exact.
        kinks: also smooth `relu`, `lower_of` and `higher_of`, for second derivatives.
    """
    token = _smoothing.set(None if widths is None else Smoothing(widths, kinks))
    try:
        yield
    finally:
        _smoothing.reset(token)


def _step_width(unit: str) -> Any:
    state = _smoothing.get()
    return None if state is None else state.width(unit)


def _kink_width(unit: str) -> Any:
    state = _smoothing.get()
    return None if state is None or not state.kinks else state.width(unit)


def _guard(x: Array) -> Array:
    """Rounding error forgiven at magnitude `x`: a fixed part for float64, units in the last place for float32."""
    return GUARD + 4 * jnp.finfo(x.dtype).eps * jnp.abs(x)


def _float(x: ArrayLike) -> Array:
    x = jnp.asarray(x)
    return x if jnp.issubdtype(x.dtype, jnp.floating) else x.astype(jnp.result_type(float))


# --- kinks: continuous, one-sided derivative at a tie ------------------------------------------------------------
# `jnp.clip`, which halves derivatives at its ends, serves for values only: each use has a derivative rule of its own.


@jax.custom_jvp
def continuous_relu(x: Array) -> Array:
    return jnp.where(x > TIE, x, jnp.zeros_like(x))


@continuous_relu.defjvp
def _(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    (x,), (t,) = primals, tangents
    return continuous_relu(x), jnp.where(x > TIE, t, jnp.zeros_like(t))


@jax.custom_jvp
def continuous_lower(a: Array, b: Array) -> Array:
    return jnp.where(a <= b + TIE, a, b)


@continuous_lower.defjvp
def _(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    a, b = primals
    return continuous_lower(a, b), jnp.where(a <= b + TIE, tangents[0], tangents[1])


def relu(x: ArrayLike, unit: str = "USD") -> Array:
    """The positive part of `x`; derivative 0 at 0."""
    x = _float(x)
    w = _kink_width(unit)
    return continuous_relu(x) if w is None else _smooth_relu(x, jax.lax.stop_gradient(w))


@jax.custom_jvp
def _smooth_relu(x: Array, w: Any) -> Array:
    """Mean of the positive part over u within w/2 of x."""
    inner = jnp.clip(x + w / 2, 0, w)
    return jnp.where(x >= w / 2, x, inner**2 / (2 * w))


@_smooth_relu.defjvp
def _(primals: tuple[Array, Any], tangents: tuple[Array, Any]) -> tuple[Array, Array]:
    x, w = primals
    return _smooth_relu(x, w), tangents[0] * _ramp(x, w)


@jax.custom_jvp
def _ramp(distance: Array, w: Any) -> Array:
    """Share of the window around `distance` that is above 0."""
    return jnp.clip(distance / w + 0.5, 0, 1)


@_ramp.defjvp
def _(primals: tuple[Array, Any], tangents: tuple[Array, Any]) -> tuple[Array, Array]:
    distance, w = primals
    inside = (distance > -w / 2) & (distance <= w / 2)  # a window of 4 years holds 4 ages, not 3 or 5
    return _ramp(distance, w), jnp.where(inside, tangents[0] / w, jnp.zeros_like(tangents[0]))


def lower_of(a: ArrayLike, b: ArrayLike, unit: str = "USD") -> Array:
    """The lesser of two amounts; at a tie the derivative is that of the first."""
    a, b = _pair(a, b)
    return continuous_lower(a, b) if _kink_width(unit) is None else a - relu(a - b, unit)


def higher_of(a: ArrayLike, b: ArrayLike, unit: str = "USD") -> Array:
    """The greater of two amounts; at a tie the derivative is that of the first."""
    a, b = _pair(a, b)
    return -continuous_lower(-a, -b) if _kink_width(unit) is None else a + relu(b - a, unit)


def _pair(a: ArrayLike, b: ArrayLike) -> tuple[Array, Array]:
    a, b = _float(a), _float(b)
    dtype = jnp.promote_types(a.dtype, b.dtype)
    a, b = jnp.broadcast_arrays(a.astype(dtype), b.astype(dtype))
    return a, b


# --- steps: exact with a guard, or averaged over a window --------------------------------------------------------


def above(x: ArrayLike, threshold: ArrayLike, unit: str = "USD") -> Array:
    """1 where `x` is above the threshold, else 0 (a share between 0 and 1 under smoothing)."""
    x = _float(x)
    distance = x - threshold
    w = _step_width(unit)
    if w is not None:
        return _ramp(distance, jax.lax.stop_gradient(w))
    return (distance > _guard(x)).astype(x.dtype)


def at_least(x: ArrayLike, threshold: ArrayLike, unit: str = "USD") -> Array:
    """1 where `x` is at or above the threshold, else 0 (a share under smoothing)."""
    x = _float(x)
    distance = x - threshold
    w = _step_width(unit)
    if w is not None:
        return _ramp(distance, jax.lax.stop_gradient(w))
    return (distance >= -_guard(x)).astype(x.dtype)


def at_most(x: ArrayLike, threshold: ArrayLike, unit: str = "USD") -> Array:
    """1 where `x` is at or below the threshold, else 0 (a share under smoothing)."""
    return 1 - above(x, threshold, unit)


def below(x: ArrayLike, threshold: ArrayLike, unit: str = "USD") -> Array:
    """1 where `x` is below the threshold, else 0 (a share under smoothing)."""
    return 1 - at_least(x, threshold, unit)


def round_up(x: ArrayLike, to: ArrayLike, unit: str = "USD") -> Array:
    """`x` rounded up to a multiple of `to`: "each $1,000, or fraction thereof".

    For an excess over a threshold write `relu(round_up(x - threshold, to))`: the other way round, every row below the
    threshold would stand on a step, and smoothing would count it.
    """
    x = _float(x)
    w = _step_width(unit)
    if w is not None:
        return _smooth_round_up(x, to, w)
    return jnp.ceil((x - _guard(x)) / to) * to


def round_down(x: ArrayLike, to: ArrayLike, unit: str = "USD") -> Array:
    """`x` rounded down to a multiple of `to`."""
    return -round_up(-_float(x), to, unit)


def round_nearest(x: ArrayLike, to: ArrayLike, unit: str = "USD") -> Array:
    """`x` rounded to the nearest multiple of `to`, halves up."""
    return round_down(_float(x) + jnp.asarray(to) / 2, to, unit)


def _smooth_round_up(x: Array, to: ArrayLike, w: Any) -> Array:
    """Mean of `ceil(u / to) * to` over u within w/2 of x, by its integral taken from the nearest lower step."""
    v, half = x / to, w / (2 * jnp.asarray(to))
    start = jnp.ceil(v - half)

    def integral(u: Array) -> Array:
        n = jnp.ceil(u)
        return n * u - n * (n - 1) / 2

    return (start + (integral(v - start + half) - integral(v - start - half)) / (2 * half)) * to


# --- selection, schedules, division, sums ------------------------------------------------------------------------


def choose(share: ArrayLike, then: ArrayLike, otherwise: ArrayLike) -> Array:
    """`then` where `share` is 1, `otherwise` where it is 0, a mixture between (under smoothing)."""
    share = _float(share)
    return share * then + (1 - share) * otherwise


def either(a: Array, b: Array) -> Array:
    """Logical or of two indicators."""
    return a + b - a * b


def equals(code: ArrayLike, value: int) -> Array:
    """1.0 where a category code (filing status, a count of children) equals `value`. Categories have no slope."""
    return jnp.where(jnp.asarray(code) == value, 1.0, 0.0)


def pick(values: ArrayLike, *codes: ArrayLike) -> Array:
    """Row-wise look-up of a parameter by category, by a chain of selections.

    Much faster than a gather on every device, and its derivative with respect to `values` is exact in float32.

    Args:
        values: parameter array, shape [n] for one code, [n, m] for two.
        codes: category code of each row for each axis, 0 to n-1; a code above takes the last.

    Returns:
        The value of each row, shape [rows].
    """
    values = jnp.asarray(values)
    if len(codes) == 1:
        return pick_rows(values[None], codes[0])[0]
    return _chain(pick_rows(values, codes[1]), jnp.asarray(codes[0]))


def pick_rows(table: ArrayLike, code: ArrayLike) -> list[Array]:
    """`pick(row, code)` for every row of a table [k, n], as a list of k arrays [rows]."""
    return _pick_rows(jnp.asarray(table), jnp.asarray(code))


@jax.custom_jvp
def _pick_rows(table: Array, code: Array) -> list[Array]:
    return [_chain(row, code) for row in table]


@_pick_rows.defjvp
def _(primals: tuple[Array, Array], tangents: tuple[Array, Any]) -> tuple[list[Array], list[Array]]:
    # as a product with indicators of the categories, so that the adjoint is one pass over the rows for all cells
    table, code = primals
    n = table.shape[-1]
    indicator = jnp.minimum(code, n - 1).astype(jnp.int32) == jnp.arange(n, dtype=jnp.int32).reshape(
        -1, *[1] * code.ndim
    )
    product = jnp.tensordot(tangents[0], indicator.astype(table.dtype), 1, precision="highest")
    return _pick_rows(table, code), [x[0] for x in jax.lax.split(product, [1] * table.shape[0])]


def _chain(values: Any, code: Array) -> Array:
    n = len(values)
    out = values[0]
    for k in range(1, n):
        out = jnp.where(code == k if k < n - 1 else code >= k, values[k], out)
    return jnp.broadcast_to(out, jnp.broadcast_shapes(jnp.shape(out), code.shape))


def schedule(x: ArrayLike, rates: Array, thresholds: Array, code: ArrayLike) -> Array:
    """Tax by a schedule of marginal rates: the sum of rate increases times the amount above each threshold.

    Args:
        x: amount taxed, shape [rows].
        rates: marginal rate of each bracket, shape [brackets].
        thresholds: lower bound of each bracket by category, shape [brackets, categories].
        code: category of each row, shape [rows].
    """
    increases = jnp.diff(rates, prepend=0.0)
    tax = jnp.zeros_like(x)
    for increase, lower in zip(jax.lax.split(increases, [1] * len(rates)), pick_rows(thresholds, code), strict=True):
        tax = tax + increase[0] * relu(x - lower)
    return tax


def upper_bound_below(rates: Array, thresholds: Array, level: ArrayLike) -> Array:
    """Where the brackets with a rate below some level end, by category.

    Args:
        rates: rate of each bracket, rising, shape [brackets].
        thresholds: lower bound of each bracket by category, shape [brackets, categories].
        level: the rate from which brackets no longer count.

    Returns:
        The bound of each category, [categories]; if all rates are below, the highest threshold.
    """
    counted = below(rates, level, unit="/1")[:-1, None]
    return thresholds[0] + (jnp.diff(thresholds, axis=0) * counted).sum(0)


def linear_bands(
    x: ArrayLike, lower: ArrayLike, first: ArrayLike, last: ArrayLike, scale: ArrayLike = 1.0, unit: str = "USD"
) -> Array:
    """A rate that goes in a line from a first to a last value within each band, and steps where bands do not meet.

    Args:
        x: what the bands divide, shape [rows].
        lower: lower bound of each band in units of `scale`, [bands].
        first: value at the lower bound of each band, [bands]; the first band's also holds below it.
        last: value at the upper bound of each band, [bands]; the last band, without one, stays at its first value.
        scale: what a bound of 1 amounts to, a number or [rows].
        unit: unit of `x`.
    """
    x, lower, first, last = _float(x), jnp.asarray(lower), jnp.asarray(first), jnp.asarray(last)
    out = jnp.broadcast_to(first[0], x.shape).astype(x.dtype)
    for k in range(1, len(lower)):
        start, end = lower[k - 1] * scale, lower[k] * scale
        width = end - start
        out = out + (last[k - 1] - first[k - 1]) * lower_of(relu(x - start, unit), width, unit) / width
        out = out + (first[k] - last[k - 1]) * at_least(x, end, unit)
    return out


def safe_div(numerator: ArrayLike, denominator: ArrayLike, otherwise: float = 0.0) -> Array:
    """The quotient, or `otherwise` where the denominator is 0, with finite derivatives everywhere."""
    denominator = _float(denominator)
    zero = denominator == 0
    return jnp.where(zero, otherwise, numerator / jnp.where(zero, 1.0, denominator))


def total(x: Array) -> Array:
    """Sum over the last axis, in two levels so that float32 keeps six digits over millions of rows."""
    n, lanes = x.shape[-1], 512
    if x.dtype != jnp.float32 or n % lanes or n <= lanes:
        return x.sum(-1)
    return x.reshape(*x.shape[:-1], n // lanes, lanes).sum(-1).sum(-1)
