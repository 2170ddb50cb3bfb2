"""Weights nearest to the base weights that meet targets, by Newton's method on the prices of the targets.

With shares d of the base weights (adding up to 1), a matrix a of targets relative to their scales, ratios F and a
slack ("give") c for every target, the weights minimise

    distance of weights from base weights + sum over targets of (relative error)^2 / (2 c)

At the optimum each target has a price p, ratios are F(a'p) and what is missing of a target is c * p: where targets
contradict each other the prices say which. Without slack the targets are met exactly or, if they cannot be, prices
grow without bound; so slack is lowered step by step from a loose start.

Targets that say the same twice leave the Hessian singular: `damp` is added to it, not to the problem, so that steps are
a little short in those directions and the optimum is the same.

The problem in prices is concave, whatever the distance: Newton's step with an exact search along it always climbs.
The dimension is the number of targets, however many households there are.

Everything here is pure: `jit`, `vmap` and `grad` as you like. Weights differentiate by the implicit function theorem,
not through the iterations.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import jax.scipy.linalg as linalg
import numpy as np

from jaxsim.calibrate.distances import Distance
from jaxsim.calibrate.tiles import Tiles, fold

ENTROPY = Distance()
BISECTIONS = 30
CLOSE = 1e-3
"""Relative size of what the system of a Newton step may leave."""
MOST = 200
"""Most iterations of one system."""
REFACTOR = 12
"""Iterations of a system from which the next step factors its own Hessian: a factor costs about so many."""
JITTER = 1e-13
"""Relative addition to the Hessian's diagonal: targets that say the same twice leave it singular."""


class Dual(NamedTuple):
    """The problem in prices.

    Attributes:
        tiles: matrix with each target's row over its scale, times the sum of the base weights.
        values: targets over their scales [targets].
        shares: base weights over their sum, in the order of the tiles [part, rows].
        give: slack of each target, 0 for exact [targets].
        distance: of the weights from the base weights.
        damp: what is added to the Hessian's diagonal, and to nothing else [targets].
    """

    tiles: Tiles
    values: jax.Array
    shares: jax.Array
    give: jax.Array
    distance: Distance
    damp: jax.Array | float = 0.0

    def found(self, prices: jax.Array) -> jax.Array:
        """Weights at prices, as shares [part, rows]."""
        return self.shares * self.distance.ratio(self.tiles.prices(prices))

    def gradient(self, prices: jax.Array) -> jax.Array:
        """What is missing of each target less its give times price, relative to scale [targets]."""
        return self.values - self.tiles.totals(self.found(prices)) - self.give * prices


class State(NamedTuple):
    """Where Newton's method stands.

    Attributes:
        prices: [targets].
        gradient: `Dual.gradient` there; 0 at the optimum [targets].
        steps: Newton steps done.
        work: iterations that the last system took.
        factored: Cholesky factor of a Hessian on the way and its scale, see `factor`.
    """

    prices: jax.Array
    gradient: jax.Array
    steps: jax.Array
    work: jax.Array
    factored: tuple[jax.Array, jax.Array]


def start(dual: Dual, prices: Any, factored: tuple[jax.Array, jax.Array] | None = None) -> State:
    """The state at some prices; a factor of a Hessian nearby saves that of the one there."""
    prices = jnp.asarray(prices, dual.values.dtype)
    factored = factor(hessian(dual, prices)) if factored is None else factored
    return State(prices, dual.gradient(prices), jnp.asarray(0), jnp.asarray(0), factored)


def hessian(dual: Dual, prices: jax.Array) -> jax.Array:
    """Minus the second derivative of the problem in prices, damped [targets, targets]."""
    bent = dual.shares * dual.distance.slope(dual.tiles.prices(prices))
    return dual.tiles.gram(bent) + jnp.diag(dual.give + dual.damp)


def factor(matrix: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Cholesky factor of a positive semidefinite matrix scaled to a unit diagonal, and that scale."""
    diagonal = jnp.diag(matrix)
    scale = 1.0 / jnp.sqrt(jnp.where(diagonal > 0.0, diagonal, 1.0))
    unit = matrix * scale[:, None] * scale[None, :]
    unit = unit + jnp.diag(JITTER * len(diagonal) + (diagonal <= 0.0))
    return jnp.linalg.cholesky(unit), scale


def solved(factored: tuple[jax.Array, jax.Array], right: jax.Array) -> jax.Array:
    """Solution of matrix x = right for the matrix that was factored; right is [targets] or [targets, k]."""
    lower, scale = factored
    wide = scale if right.ndim == 1 else scale[:, None]
    return wide * linalg.cho_solve((lower, True), wide * right)


def solve(
    tiles: Tiles, bent: jax.Array, give: jax.Array, factored: Any, right: jax.Array, close: float
) -> tuple[jax.Array, jax.Array]:
    """Solution of the Hessian's system by conjugate gradients, preconditioned by the factor of another Hessian.

    Args:
        bent: shares times slopes of the ratios [part, rows].
        close: relative size of what is left at which to stop.

    Returns:
        solution and iterations.
    """

    def more(s: Any) -> jax.Array:
        _, left, _, _, done = s
        return (jnp.linalg.norm(left * factored[1]) > close * norm) & (done < MOST)

    def one(s: Any) -> Any:
        x, left, towards, inner, done = s
        image = tiles.totals(bent * tiles.prices(towards)) + give * towards
        length = inner / (towards @ image)
        x, left = x + length * towards, left - length * image
        better = solved(factored, left)
        new = left @ better
        return x, left, better + new / inner * towards, new, done + 1

    norm = jnp.linalg.norm(right * factored[1])
    first = solved(factored, right)
    begin = (jnp.zeros_like(right), right, first, right @ first, jnp.asarray(0))
    x, _, _, _, done = jax.lax.while_loop(more, one, begin)
    return x, done


def step(dual: Dual, state: State, refactor: bool = True) -> State:
    """One Newton step with an exact search along it.

    Args:
        refactor: factor the Hessian anew once its system takes many iterations; else the state's factor stays, which
            under `vmap` saves factoring at every step.
    """
    tiles, values, shares, give, distance, damp = dual
    exponent = tiles.prices(state.prices)
    bent = shares * distance.slope(exponent)
    factored = state.factored
    if refactor:
        factored = jax.lax.cond(
            state.work > REFACTOR,
            lambda: factor(tiles.gram(bent) + jnp.diag(give + damp)),
            lambda: state.factored,
        )
    direction, work = solve(tiles, bent, give + damp, factored, state.gradient, CLOSE)
    direction = jnp.where(jnp.all(jnp.isfinite(direction)), direction, state.gradient)
    along = tiles.prices(direction)
    at_values, at_give, change = direction @ values, (give * direction) @ state.prices, (give * direction) @ direction

    def climbs(length: jax.Array) -> jax.Array:
        """Slope of the problem along the direction: falls with the length, since the problem is concave."""
        ratio = distance.ratio(exponent + length * along)
        return at_values - fold(shares * ratio * along) - at_give - length * change

    def halve(_: Any, ends: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        low, high = ends
        middle = (low + high) / 2
        up = climbs(middle) > 0
        return jnp.where(up, middle, low), jnp.where(up, high, middle)

    def search() -> jax.Array:
        low, high = jax.lax.fori_loop(0, BISECTIONS, halve, (jnp.zeros_like(full), full))
        return (low + high) / 2

    # near the optimum the slope at the full step is rounding noise: there the full step is taken
    full = jnp.ones_like(at_values)
    noise = 1e-9 * jnp.abs(direction @ state.gradient)
    length = jax.lax.cond(climbs(full) >= -noise, lambda: full, search)
    prices = state.prices + length * direction
    return State(prices, dual.gradient(prices), state.steps + 1, work, factored)


def climb(dual: Dual, state: State, tolerance: float, steps: int, refactor: bool = True) -> State:
    """Newton steps until the largest gradient is at most `tolerance`, at most up to `steps` in all."""

    def more(s: State) -> jax.Array:
        return (jnp.max(jnp.abs(s.gradient)) > tolerance) & (s.steps < steps)

    return jax.lax.while_loop(more, lambda s: step(dual, s, refactor), state)


@functools.partial(jax.custom_vjp, nondiff_argnums=(4, 5, 6))
def weights(
    tiles: Tiles,
    values: jax.Array,
    shares: jax.Array,
    give: jax.Array,
    distance: Distance = ENTROPY,
    tolerance: float = 1e-10,
    steps: int = 60,
) -> jax.Array:
    """Calibrated shares [part, rows] of the weights, differentiable in targets, base weights, slack and matrix.

    Args:
        tiles, values, shares, give, distance: see `Dual`.
        tolerance: largest gradient at which Newton's method stops.
        steps: most Newton steps.
    """
    return _weights(tiles, values, shares, give, distance, tolerance, steps)[0]


def _weights(
    tiles: Tiles,
    values: jax.Array,
    shares: jax.Array,
    give: jax.Array,
    distance: Distance,
    tolerance: float,
    steps: int,
) -> tuple[jax.Array, Any]:
    dual = Dual(tiles, values, shares, give, distance)
    state = climb(dual, start(dual, jnp.zeros_like(values)), tolerance, steps)
    return dual.found(state.prices), (dual, state.prices)


def _backward(distance: Distance, tolerance: float, steps: int, kept: Any, cotangent: jax.Array) -> tuple[Any, ...]:
    dual, prices = kept
    return adjoint(dual, prices, cotangent)


def adjoint(dual: Dual, prices: jax.Array, cotangent: jax.Array) -> tuple[Tiles, jax.Array, jax.Array, jax.Array]:
    """Derivatives of a figure of the calibrated shares at the optimum, from its derivatives by share [part, rows].

    One linear system serves all targets: with H the Hessian, the derivative by target is H^-1 a (F' d c).

    Returns:
        derivatives by matrix entry (as tiles), by target value, by base share and by give.
    """
    tiles, _, shares, _, distance, _ = dual
    exponent = tiles.prices(prices)
    ratio, bent = distance.ratio(exponent), shares * distance.slope(exponent) * cotangent
    by_value = solved(factor(hessian(dual, prices)), tiles.totals(bent))
    back = tiles.prices(by_value)
    by_share = ratio * (cotangent - back)
    slope = shares * distance.slope(exponent) * (cotangent - back)
    return _outer(tiles, slope, prices, shares * ratio, by_value), by_value, by_share, -by_value * prices


def _outer(tiles: Tiles, slope: jax.Array, prices: jax.Array, found: jax.Array, by_value: jax.Array) -> Tiles:
    """Derivative by each entry: slope of its household times price, less weight times derivative by target."""
    price, by = (jnp.append(x, jnp.zeros((), x.dtype)) for x in (prices, by_value))
    blocks = tuple(
        s[..., None] * price[t][:, :, None, :] - w[..., None] * by[t][:, :, None, :]
        for t, s, w in zip(tiles.targets, tiles.pieces(slope), tiles.pieces(found), strict=True)
    )

    def none(integers: jax.Array) -> Any:
        return np.zeros(integers.shape, jax.dtypes.float0)

    return Tiles(blocks, tuple(none(t) for t in tiles.targets), none(tiles.order), none(tiles.place), tiles.count)


weights.defvjp(_weights, _backward)
