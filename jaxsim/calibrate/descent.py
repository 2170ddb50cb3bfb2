"""Weights by gradient descent on their logarithms, with or without gates that close records.

The fast way to a good fit of conflicting targets: each step costs two products with the matrix. What the targets do not
determine stays near the base weights, by where the descent starts and, if asked, by a divergence in the loss.
Steps run in slices of one compiled program; between slices the fit reports, saves and decides whether to stop.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxsim.calibrate.gates import HardConcrete, clamped
from jaxsim.calibrate.losses import DIVERGENCES, Loss, beyond
from jaxsim.calibrate.tiles import Tiles, fold

SLICE = 25
"""Steps of one call of the compiled program."""
DOWN = 0.7
"""Share of the steps over which a wanted number of records is approached."""
OPEN = 0.9
"""Probability with which gates are open at the start."""
GAIN = 0.3
"""How fast the penalty follows."""


@dataclass(frozen=True)
class Settings:
    """What a descent does; hashable, so that equal settings share a compiled program.

    Attributes:
        loss: of relative errors.
        steps: in all.
        learning_rate: of Adam on log ratios, at the start.
        schedule: "cosine" (down to a hundredth) or "constant".
        divergence: weight of the divergence of weights from base weights in the loss; 0 for none.
        divergence_kind: "kullback_leibler" or "chi_square".
        l2: weight of the sum of squared log ratios.
        dropout: share of households left out at random at each step, so that no few carry a target.
        low, high: least and largest ratio of weight to base weight.
        gates: distribution of the gates; None for a dense fit.
        raw: weight of the expected number of open gates.
        records: number of records to keep: the weight of the penalty follows it.
        seed: of gates and dropout.
    """

    loss: Loss
    steps: int = 500
    learning_rate: float = 0.1
    schedule: str = "cosine"
    divergence: float = 0.0
    divergence_kind: str = "kullback_leibler"
    l2: float = 0.0
    dropout: float = 0.0
    low: float = 0.0
    high: float = np.inf
    gates: HardConcrete | None = None
    raw: float = 0.0
    records: int = 0
    seed: int = 0


class Data(NamedTuple):
    """Arrays of a problem.

    Attributes:
        tiles: matrix with rows over scales, times the sum of the base weights.
        values: targets over scales [targets].
        shares: base weights over their sum [part, rows].
        tolerance: [targets].
        importance: weight of each target in the loss, mean 1 [targets].
        group: gate of every household [part, rows], or None for one each.
    """

    tiles: Tiles
    values: jax.Array
    shares: jax.Array
    tolerance: jax.Array
    importance: jax.Array
    group: jax.Array | None


class State(NamedTuple):
    """Where a descent stands.

    Attributes:
        parameters: "log_ratio" [part, rows] and, with gates, "logits" of the gates.
        optimiser: state of Optax.
        step: steps done.
        log_raw: logarithm of the weight of the number of open gates.
    """

    parameters: dict[str, jax.Array]
    optimiser: Any
    step: jax.Array
    log_raw: jax.Array


def optimiser(settings: Settings) -> optax.GradientTransformation:
    """Adam on all parameters; logits of gates are clamped."""
    rate: Any = settings.learning_rate
    if settings.schedule == "cosine":
        rate = optax.cosine_decay_schedule(settings.learning_rate, settings.steps, alpha=0.01)
    chain = {"log_ratio": optax.adam(rate)}
    if settings.gates is not None:
        chain["logits"] = optax.chain(optax.adam(rate), clamped(settings.gates))
    return optax.partition(chain, {name: name for name in chain})


@functools.partial(jax.jit, static_argnames=("settings", "gates"))
def begin(data: Data, settings: Settings, log_ratio: jax.Array | None = None, gates: int = 0) -> State:
    """The state before the first step, from base weights or given log ratios [part, rows]; with groups, of so many
    gates."""
    dtype = data.shares.dtype
    start = jnp.zeros_like(data.shares) if log_ratio is None else within(settings, log_ratio.astype(dtype))
    parameters = {"log_ratio": start}
    if settings.gates is not None:
        shape = data.shares.shape if data.group is None else (gates,)
        parameters["logits"] = jnp.full(shape, settings.gates.logits(OPEN), dtype)
    raw = jnp.log(jnp.asarray(max(settings.raw, 1e-30), dtype))
    return State(parameters, optimiser(settings).init(parameters), jnp.asarray(0), raw)


def within(settings: Settings, log_ratio: jax.Array) -> jax.Array:
    """Log ratios moved into the bounds.

    A projection of the start and of every step, never a part of the loss: there a clip would have no derivative at a
    bound, and a record that came to one could not leave it again.
    """
    return jnp.clip(log_ratio, np.log(max(settings.low, 1e-12)), np.log(min(settings.high, 1e12)))


def gate(data: Data, settings: Settings, parameters: dict[str, jax.Array], key: jax.Array | None) -> jax.Array:
    """Gates of all rows [part, rows]: drawn with a key, else without noise; 1 in a dense fit."""
    if settings.gates is None:
        return jnp.ones_like(data.shares)
    logits = parameters["logits"]
    drawn = settings.gates.deterministic(logits) if key is None else settings.gates.sample(logits, key)
    return drawn if data.group is None else drawn[data.group]


def errors(data: Data, shares: jax.Array) -> jax.Array:
    """Relative errors of weights given as shares [part, rows]."""
    return data.tiles.totals(shares) - data.values


def objective(
    parameters: dict[str, jax.Array], data: Data, settings: Settings, key: jax.Array, log_raw: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Loss with all penalties, and the plain loss."""
    gates_key, dropout_key = jax.random.split(key)
    shares = data.shares * jnp.exp(parameters["log_ratio"]) * gate(data, settings, parameters, gates_key)
    if settings.dropout:
        kept = jax.random.bernoulli(dropout_key, 1.0 - settings.dropout, shares.shape)
        shares = shares * kept / (1.0 - settings.dropout)
    error = beyond(errors(data, shares), data.tolerance)
    fit = jnp.mean(data.importance * settings.loss(error))
    total = fit
    if settings.divergence:
        each = DIVERGENCES[settings.divergence_kind](data.shares, parameters["log_ratio"])
        total = total + settings.divergence * fold(each)
    if settings.l2:
        total = total + settings.l2 * fold(jnp.square(parameters["log_ratio"]))
    if settings.gates is not None:
        total = total + jnp.exp(log_raw) * open_records(data, settings, parameters)
    return total, fit


def open_records(data: Data, settings: Settings, parameters: dict[str, jax.Array]) -> jax.Array:
    """Expected number of records with an open gate."""
    assert settings.gates is not None
    each = settings.gates.expected_open(parameters["logits"])
    each = each if data.group is None else each[data.group]
    return fold(each * (data.shares > 0))


def _follow(data: Data, settings: Settings, parameters: dict[str, jax.Array], step: jax.Array) -> jax.Array:
    """Change of the penalty's logarithm that leads the open records down to those wanted, by and by."""
    everyone = fold((data.shares > 0).astype(data.shares.dtype))
    done = jnp.minimum(step / (DOWN * settings.steps), 1.0)
    wanted = jnp.log(everyone) + done * (jnp.log(1.0 * settings.records) - jnp.log(everyone))
    over = jnp.log(open_records(data, settings, parameters)) - wanted
    return GAIN * jnp.clip(over, -0.5, 0.5)  # a controller between steps, which nothing differentiates


@functools.partial(jax.jit, static_argnames=("settings", "steps"))
def advance(data: Data, state: State, settings: Settings, steps: int = SLICE) -> tuple[State, jax.Array]:
    """Some steps; the state after them and the plain loss at each."""
    update = optimiser(settings)

    def one(state: State, _: None) -> tuple[State, jax.Array]:
        key = jax.random.fold_in(jax.random.key(settings.seed), state.step)
        slope, fit = jax.grad(objective, has_aux=True)(state.parameters, data, settings, key, state.log_raw)
        changes, optimiser_state = update.update(slope, state.optimiser, state.parameters)
        parameters = optax.apply_updates(state.parameters, changes)
        parameters = {**parameters, "log_ratio": within(settings, parameters["log_ratio"])}
        log_raw = state.log_raw
        if settings.gates is not None and settings.records:
            log_raw = log_raw + _follow(data, settings, parameters, state.step)
        return State(parameters, optimiser_state, state.step + 1, log_raw), fit

    return jax.lax.scan(one, state, None, length=steps)


@functools.partial(jax.jit, static_argnames=("settings",))
def outcome(data: Data, state: State, settings: Settings) -> tuple[jax.Array, jax.Array]:
    """Weights as shares [households] with gates as they stand, and relative errors [targets]."""
    open_ = gate(data, settings, state.parameters, None)
    shares = data.shares * jnp.exp(state.parameters["log_ratio"]) * open_
    return data.tiles.households(shares), errors(data, shares)


@functools.partial(jax.jit, static_argnames=("settings",))
def prices(data: Data, settings: Settings, error: jax.Array) -> jax.Array:
    """Derivative of the loss by each relative error [targets]."""
    return jax.grad(lambda e: jnp.mean(data.importance * settings.loss(beyond(e, data.tolerance))))(error)
