"""Chained conditionals: an ordered list of variables and blocks, each drawn given the predictors and those before it.

A block is drawn from one donor by models that draw several targets together, so that what its source knows of their
dependence is kept; between blocks the dependence is what the later block's predictors carry.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from jaxsim.errors import InputError, JaxsimError, nearest
from jaxsim.impute.base import Conditional, Imputer, Model, donors
from jaxsim.impute.columns import Columns, weights_of
from jaxsim.impute.forest import Forest
from jaxsim.impute.uniforms import as_key, for_name

Step = str | tuple[str, ...]


@dataclass(frozen=True)
class Chain:
    """Settings of a chain.

    Attributes:
        order: names of variables, and tuples of names for blocks, in the order they are drawn; kept as tuples.
        model: of every step that `models` does not name.
        models: by the name of a variable, or of a block's first variable.
        given: predictors of a step, by the same names, where they are not all predictors and all steps before it.
    """

    order: tuple[Any, ...]
    model: Model = field(default_factory=Forest)
    models: Mapping[str, Model] = field(default_factory=dict)
    given: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        listed = isinstance(self.order, (tuple, list)) and all(isinstance(s, (str, tuple, list)) for s in self.order)
        steps = tuple((s,) if isinstance(s, str) else tuple(s) for s in self.order) if listed else ()
        object.__setattr__(self, "order", steps if listed else self.order)
        names = [n for s in steps for n in s]
        if not names or not all(isinstance(n, str) for n in names) or not all(steps):
            raise InputError(f"Chain: order={self.order!r}: name variables, and tuples of names for blocks")
        twice = sorted({n for n in names if names.count(n) > 1})
        if twice:
            raise InputError(f"Chain: {twice[0]!r} stands twice in the order")
        first = [s[0] for s in steps]
        settings: tuple[tuple[str, Mapping[str, Any]], ...] = (("models", self.models), ("given", self.given))
        for kind, of in settings:
            for name in of:
                if name not in first:
                    raise InputError(
                        f"Chain: {kind} has {name!r}, which is no step's first variable.{nearest(name, first)}"
                    )
        for model in (self.model, *self.models.values()):
            if not isinstance(model, Model):
                raise InputError(f"Chain: {model!r} is no model: give e.g. Forest()")
        for step in steps:
            if len(step) > 1 and self.models.get(step[0], self.model).one_target:
                name = type(self.models.get(step[0], self.model)).__name__
                raise InputError(
                    f"Chain: {name} draws one variable: take {step} apart, or use Forest, HotDeck or Flow for it"
                )

    @property
    def names(self) -> list[str]:
        """All variables, in the order they are drawn."""
        return [n for step in self.order for n in step]

    def fit(
        self, X: pd.DataFrame, y: Any = None, weights: Any = None, key: Any = 0, *, given: Sequence[str] | None = None,
        progress: bool = False,
    ) -> Imputer:  # fmt: skip
        """Learn every step from donors; arguments as of `Model.fit`.

        A step learns from the donors that have its own targets; targets of earlier steps may be missing there.

        Args:
            y: the targets, where they are no columns of `X`; their names are those of the order.
        """
        names = self.names if y is None else y
        table, given, found = donors(X, names, weights, given)
        if sorted(found) != sorted(self.names):
            raise InputError(f"Chain: its order names {', '.join(self.names)}, the targets are {', '.join(found)}")
        w, key = weights_of(X, weights, "donors"), as_key(key)
        known, steps, picks = list(given), [], []
        marked = dict.fromkeys(given, True)  # a predictor may be missing where every step that uses it saw it missing
        for step in self.order:
            use = self._predictors(step, known)
            model = self.models.get(step[0], self.model)
            fitted = model.fit(table, list(step), w, for_name(key, "+".join(step)), given=use, progress=progress)
            marked |= {n: m and marked.get(n, True) for n, m in zip(fitted.given.names, fitted.marked, strict=True)}
            steps.append(fitted)
            picks.append(tuple(known.index(n) for n in use))
            known += step
        conditionals = tuple(s.conditional for s in steps)
        streams = tuple(stream for c in conditionals for stream in c.streams)
        columns = Columns.learn(table, given, "donors")
        targets = Columns(tuple(c for s in steps for c in s.targets.columns))
        widths = tuple(len(s) for s in self.order)
        conditional = ChainConditional(streams, conditionals, tuple(picks), widths)
        return Imputer(self, columns, targets, conditional, tuple(marked[n] for n in given))

    def _predictors(self, step: tuple[str, ...], known: list[str]) -> list[str]:
        chosen = self.given.get(step[0], known)
        use = [chosen] if isinstance(chosen, str) else list(chosen)
        for name in use:
            if name not in known:
                raise InputError(
                    f"Chain: {step[0]!r} is to be drawn given {name!r}, which is no predictor and stands not before it."
                    f"{nearest(name, known)}"
                )
        return use


class ChainConditional(Conditional):
    """Steps, and which of the predictors and earlier targets each is given."""

    steps: tuple[Conditional, ...]
    picks: tuple[tuple[int, ...], ...] = eqx.field(static=True)
    widths: tuple[int, ...] = eqx.field(static=True)  # targets of each step

    @property
    def traceable(self) -> bool:
        return all(step.traceable for step in self.steps)

    def draw(self, x: jax.Array, u: jax.Array) -> jax.Array:
        known, drawn, used = x, [], 0
        for step, pick in zip(self.steps, self.picks, strict=True):
            drawn.append(step.draw(known[:, np.asarray(pick, dtype=int)], u[:, used : used + step.uniforms]))
            known = jnp.concatenate([known, drawn[-1]], axis=1)
            used += step.uniforms
        return jnp.concatenate(drawn, axis=1)

    def quantiles(self, x: jax.Array, levels: jax.Array) -> jax.Array:
        if len(self.steps) > 1:
            raise JaxsimError("a chain has no quantiles in closed form: take them from many draws (`sample`)")
        return self.steps[0].quantiles(x[:, np.asarray(self.picks[0], dtype=int)], levels)

    def log_prob(self, x: jax.Array, y: jax.Array) -> jax.Array:
        known, total, used = x, jnp.zeros(x.shape[0], x.dtype), 0
        for step, pick, width in zip(self.steps, self.picks, self.widths, strict=True):
            part = y[:, used : used + width]
            total += step.log_prob(known[:, np.asarray(pick, dtype=int)], part)
            known = jnp.concatenate([known, part], axis=1)
            used += width
        return total
