"""The methods "descent" and "l0": their options, the loop of slices, and what they report."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import numpy as np

from jaxsim.calibrate import checkpoints
from jaxsim.calibrate import descent as steps_of
from jaxsim.calibrate.descent import SLICE, Data, Settings, State
from jaxsim.calibrate.fitting import CONVERGED, STALLED, Outcome, Run, effective_sample_size, records_wanted, restricted
from jaxsim.calibrate.gates import PRESETS, HardConcrete
from jaxsim.calibrate.losses import DIVERGENCES, Loss, as_loss
from jaxsim.calibrate.problem import Problem
from jaxsim.calibrate.tiles import spread, tile
from jaxsim.errors import JaxsimError, whole_number
from jaxsim.precision import dtype_of, precision
from jaxsim.progress import Progress
from jaxsim.sweep.hashes import of_functions

STILL = 1e-3
"""Relative change of the loss over the last tenth of the steps below which a descent has converged."""
LEAST = 0.1
"""Ratio to the base weight from which a record with a closed gate is refitted, where a number of records is wanted."""


def descent(
    run: Run,
    *,
    loss: str | Loss = "huber",
    steps: int = 500,
    learning_rate: float = 0.1,
    schedule: str = "cosine",
    divergence: float = 0.0,
    divergence_kind: str = "kullback_leibler",
    l2: float = 0.0,
    dropout: float = 0.0,
    stop_at: float | None = None,
    patience: int | None = 8,
    balance: str = "targets",
    precision: str = "float32",
    seed: int = 0,
    start: Any = None,
) -> Outcome:
    """Adam on log weights.

    Args:
        loss: a name in `losses.LOSSES`, or a function of relative errors.
        steps: most steps.
        learning_rate: of Adam, at the start.
        schedule: "cosine" or "constant".
        divergence: weight of the divergence of weights from base weights: larger keeps more effective sample.
        divergence_kind: "kullback_leibler" or "chi_square".
        l2: weight of the sum of squared log ratios.
        dropout: share of households left out at random at each step.
        stop_at: stop when the mean absolute relative error is this small.
        patience: stop after so many reports without a better error of the held-out families; None for never.
        balance: "targets" or "families": what counts equally in the loss.
        precision: "float32" or "float64".
        seed: of dropout.
        start: weights to start from; the base weights by default.
    """
    settings = _checked(Settings(
        loss=as_loss(loss), steps=steps, learning_rate=learning_rate, schedule=schedule, divergence=divergence,
        divergence_kind=divergence_kind, l2=l2, dropout=dropout, low=run.bounds[0], high=run.bounds[1], seed=seed,
    ))  # fmt: skip
    return _descend(run, settings, stop_at, patience, balance, precision, start)


def l0(
    run: Run,
    *,
    records: int | None = None,
    strength: float | None = None,
    raw: float | None = None,
    preset: str | None = None,
    loss: str | Loss = "huber",
    steps: int = 500,
    learning_rate: float | None = None,
    temperature: float | None = None,
    l2: float | None = None,
    refit: str | None = "descent",
    refit_steps: int = 300,
    path: int = 1,
    balance: str = "targets",
    precision: str = "float32",
    seed: int = 0,
) -> Outcome:
    """Few records by Hard Concrete gates, then a refit on the survivors.

    How hard the gates close is given in one of four ways; by default a tenth of the records is kept.

    Args:
        records: number of households to keep; exact after the refit, but for groups that go as one.
        strength: weight of the expected share of open gates, relative to the loss at the start: free of units.
        raw: weight of the expected number of open gates.
        preset: "local" or "national": raw weight, l2, temperature and learning rate of a pipeline in use.
        loss, steps, learning_rate, balance, precision, seed: as for `descent`.
        temperature: of the gates.
        l2: weight of the sum of squared log ratios.
        refit: "descent", or None for the gated weights as they are (they are far worse).
        refit_steps: steps of the refit.
        path: number of strengths, up to that asked, each started from the fit before.
    """
    given = [x for x in (records, strength, raw, preset) if x is not None]
    if len(given) > 1:
        raise JaxsimError("l0: give one of records, strength, raw and preset")
    if preset is not None and preset not in PRESETS:
        raise JaxsimError(f"preset {preset!r}: use one of {', '.join(PRESETS)}")
    if refit not in ("descent", None):
        raise JaxsimError(f"refit={refit!r}: use 'descent' or None")
    whole_number("path", path, 1)
    whole_number("refit_steps", refit_steps, 1)
    problem = run.problem
    n = int((problem.base > 0).sum())
    if records is not None or not given:
        records = records_wanted(problem, records)
    for name, value in (("strength", strength), ("raw", raw)):
        if value is not None and not (np.isfinite(value) and value > 0):
            raise JaxsimError(f"{name}={value!r} must be a number above 0")
    chosen = PRESETS.get(preset or "")
    at_start = float(np.mean(np.asarray(as_loss(loss)(jax.numpy.asarray(problem.errors(problem.base))))))
    weight = chosen.raw if chosen else raw if raw is not None else (strength or 0.01) * at_start / n
    rate = learning_rate or (chosen.learning_rate if chosen else 0.1)
    settings = _checked(Settings(
        loss=as_loss(loss), steps=steps, learning_rate=rate, l2=chosen.l2 if chosen and l2 is None else l2 or 0.0,
        low=run.bounds[0], high=run.bounds[1], seed=seed, raw=weight, records=records or 0,
        gates=HardConcrete(temperature=temperature or (chosen.temperature if chosen else 0.65)),
    ))  # fmt: skip
    warm: State | None = None
    for k in range(path):
        part = dataclasses.replace(settings, raw=weight * 10.0 ** (k + 1 - path))
        gated, warm = _gated(run, part, balance, precision, warm, f"{k + 1} of {path}")
    open_ = gated.weights > 0
    if records is not None and refit is not None:
        # the penalty follows the number wanted by and by: the last few are decided by how open their gates are
        openness = np.where(problem.base > 0, gated.details["openness"], -1.0)
        open_ = openness >= np.sort(openness)[-records]
    details = {"gated": gated.weights, "raw": settings.raw, "records": int(open_.sum())}
    if not open_.any():
        return Outcome(problem.base * 0.0, STALLED, "every gate closed: lower the strength", details=details)
    if refit is None:
        return dataclasses.replace(gated, details=details)
    at = np.maximum(gated.weights, LEAST * problem.base)
    again = dataclasses.replace(run, problem=restricted(problem, open_, problem.base), held_out=None,
                                checkpoint=_beside(run.checkpoint, "refit"))  # fmt: skip
    dense = dataclasses.replace(settings, gates=None, records=0, raw=0.0, steps=refit_steps)
    fitted = _descend(again, dense, None, None, balance, precision, at[open_])
    weights = np.zeros_like(problem.base)
    weights[open_] = fitted.weights
    history = [*gated.history, *({**row, "step": row["step"] + steps} for row in fitted.history)]
    message = f"{int(open_.sum()):,} of {n:,} households kept and refitted: {fitted.message}"
    return Outcome(weights, fitted.status, message, fitted.prices, history, details)


def _gated(
    run: Run, settings: Settings, balance: str, dtype: str, warm: State | None, name: str
) -> tuple[Outcome, State]:
    """A fit with gates, and its last state."""
    kept: list[State] = []
    part = dataclasses.replace(run, checkpoint=_beside(run.checkpoint, f"gates {name}"))
    found = _descend(part, settings, None, None, balance, dtype, None, warm=warm, keep=kept)
    return found, kept[0]


def _beside(checkpoint: Any, what: str) -> Any:
    return None if checkpoint is None else f"{checkpoint}.{what.replace(' ', '_')}"


def _checked(settings: Settings) -> Settings:
    """The settings, checked."""
    whole_number("steps", settings.steps, 1)
    s = settings
    for name, value, good in (
        ("learning_rate", s.learning_rate, s.learning_rate > 0), ("divergence", s.divergence, s.divergence >= 0),
        ("l2", s.l2, s.l2 >= 0), ("dropout", s.dropout, 0 <= s.dropout < 1),
    ):  # fmt: skip
        if isinstance(value, bool) or not np.isfinite(value) or not good:
            raise JaxsimError(f"{name}={value!r} is out of range")
    for option, given, known in (("schedule", s.schedule, ("cosine", "constant")),
                               ("divergence_kind", s.divergence_kind, tuple(DIVERGENCES))):  # fmt: skip
        if given not in known:
            raise JaxsimError(f"{option}={given!r}: use one of {', '.join(known)}")
    return settings


def arrays(problem: Problem, dtype: Any, balance: str = "targets") -> Data:
    """The arrays of a problem for `descent.advance`."""
    total = problem.base.sum()
    tiles = tile(problem.relative(total), dtype)
    which = np.unique(np.array(problem.families), return_inverse=True)[1]
    if balance not in ("targets", "families"):
        raise JaxsimError(f"balance={balance!r}: use 'targets' or 'families'")
    importance = np.ones(len(problem.values))
    if balance == "families":
        importance = 1.0 / np.bincount(which)[which]
        importance *= len(which) / importance.sum()
    group = None if problem.groups is None else tiles.rows(problem.groups.astype(np.int32))
    return Data(
        tiles,
        jax.numpy.asarray(problem.values / problem.scale, dtype),
        tiles.rows((problem.base / total).astype(dtype)),
        jax.numpy.asarray(problem.tolerance, dtype),
        jax.numpy.asarray(importance, dtype),
        group,
    )


def _descend(
    run: Run,
    settings: Settings,
    stop_at: float | None,
    patience: int | None,
    balance: str,
    dtype: str,
    start: Any,
    *,
    warm: State | None = None,
    keep: list[State] | None = None,
) -> Outcome:
    """Slices of steps until the loss stands still, the error is small enough or held-out families get worse."""
    problem, total = run.problem, run.problem.base.sum()
    digest = run.digest(_named(settings), stop_at, patience, balance, dtype)
    with precision(dtype):
        data = spread(arrays(problem, dtype_of(dtype), balance), run.devices)
        groups = 0 if problem.groups is None else int(problem.groups.max()) + 1
        state = steps_of.begin(data, settings, _log_ratio(data, problem, start), groups)
        if warm is not None:
            state = state._replace(parameters=warm.parameters)
        state = spread(state, run.devices)
        best, best_error, since = state.parameters, np.inf, 0
        losses: list[float] = []
        if run.checkpoint is not None:
            found = checkpoints.load(run.checkpoint, digest, (state, best, np.zeros(settings.steps)))
            if found is not None:
                (state, best, before), numbers = found
                state, best = spread(state, run.devices), spread(best, run.devices)
                losses = list(np.asarray(before)[: int(state.step)])
                best_error, since = numbers["best_error"], int(numbers["since"])
        history: list[dict[str, float]] = []
        reason = ""
        with Progress("fit", settings.steps, run.progress) as bar:
            bar.advance(int(state.step))
            while int(state.step) < settings.steps and not reason:
                count = min(SLICE, settings.steps - int(state.step))
                state, loss = steps_of.advance(data, state, settings, count)
                losses += [float(x) for x in np.asarray(loss)]
                if not np.isfinite(losses[-1]):
                    raise JaxsimError("the loss is no longer finite: lower the learning rate, or give bounds")
                row, _ = _look(data, state, settings, problem, run.held_out, total, losses[-1])
                history.append(row)
                bar.advance(count, **{k: row[k] for k in ("loss", "worst", "nonzero", "effective_sample_size")})
                if run.held_out is not None and patience is not None:
                    error = row["held_out_error"]
                    since = 0 if error < best_error else since + 1
                    best = state.parameters if error < best_error else best
                    best_error = min(error, best_error)
                    if since >= patience:
                        reason = "stopped: held-out families get no better; these are the weights best for them"
                if stop_at is not None and row["mean_error"] <= stop_at:
                    reason = f"stopped at a mean error of {row['mean_error']:.3%}"
                if run.checkpoint is not None:
                    padded = np.zeros(settings.steps)
                    padded[: len(losses)] = losses
                    checkpoints.save(run.checkpoint, digest, (state, best, padded),
                                     {"best_error": best_error, "since": since})  # fmt: skip
        if best_error < np.inf:
            state = state._replace(parameters=best)
        _, weights = _look(data, state, settings, problem, run.held_out, total, losses[-1])
        prices = steps_of.prices(data, settings, steps_of.outcome(data, state, settings)[1])
    if keep is not None:
        keep.append(state)
    status, message = _verdict(losses, settings, reason)
    details: dict[str, Any] = {"loss": losses[-1]}
    if settings.gates is not None:
        details["openness"] = _openness(data, state, settings)
    return Outcome(weights, status, message, np.asarray(prices, np.float64), history, details)


def _openness(data: Data, state: State, settings: Settings) -> np.ndarray:
    """Probability that each household's gate is open [households]."""
    assert settings.gates is not None
    each = settings.gates.expected_open(state.parameters["logits"])
    return np.asarray(data.tiles.households(each if data.group is None else each[data.group]))


def _log_ratio(data: Data, problem: Problem, start: Any) -> Any:
    if start is None:
        return None
    weights = np.asarray(start, dtype=np.float64)
    if weights.shape != problem.base.shape or not np.isfinite(weights).all() or (weights < 0).any():
        raise JaxsimError(f"start: give one weight of at least 0 for each of the {len(problem.base):,} households")
    ratio = np.where(problem.base > 0, weights / np.where(problem.base > 0, problem.base, 1.0), 1.0)
    return data.tiles.rows(np.log(np.maximum(ratio, 1e-12)).astype(data.shares.dtype))


def _look(
    data: Data, state: State, settings: Settings, problem: Problem, held_out: Problem | None, total: float, loss: float
) -> tuple[dict[str, float], np.ndarray]:
    """Figures of a state, and its weights [households]."""
    shares, error = steps_of.outcome(data, state, settings)
    weights = np.asarray(shares, dtype=np.float64) * total
    size = np.abs(np.asarray(error, dtype=np.float64))
    row = {
        "step": int(state.step), "loss": loss, "mean_error": float(size.mean()), "worst": float(size.max()),
        "nonzero": float((weights > 0).sum()), "effective_sample_size": effective_sample_size(weights),
    }  # fmt: skip
    if held_out is not None:
        row["held_out_error"] = float(np.abs(held_out.errors(weights)).mean())
    return row, weights


def _verdict(losses: list[float], settings: Settings, reason: str) -> tuple[str, str]:
    """Status and message: converged if the loss stands still."""
    if reason:
        return CONVERGED if reason.startswith("stopped at") else STALLED, reason
    tail = max(len(losses) // 10, SLICE)
    if len(losses) < 2 * tail:
        return STALLED, f"{len(losses)} steps are too few to tell: raise steps"
    # means over a stretch: gates and dropout make single losses noisy
    before, after = float(np.mean(losses[-2 * tail : -tail])), float(np.mean(losses[-tail:]))
    moved = abs(before - after) / max(abs(before), 1e-300)
    if moved <= STILL or after <= 1e-12:
        return CONVERGED, f"the loss stands still after {len(losses)} steps"
    return STALLED, f"the loss still fell by {moved:.2%} at the end of {settings.steps} steps: raise steps"


def _named(settings: Settings) -> tuple[Any, ...]:
    """Settings as plain data, for digests: the loss by a hash of its code and what it closes over."""
    others = (getattr(settings, f.name) for f in dataclasses.fields(settings) if f.name != "loss")
    return of_functions({"loss": settings.loss}), *others
