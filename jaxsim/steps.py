"""Which parameters may step: found by following them through the equations that JAX traces."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxsim import program
from jaxsim.engine import Block, System
from jaxsim.parameters import Parameters
from jaxsim.precision import precision

_STEPS = frozenset({"gt", "ge", "lt", "le", "eq", "ne", "floor", "ceil", "round", "sign", "argmax", "argmin", "sort"})


def may_step(
    system: System, outcome: str, parameters: Parameters, block: Block, precision_name: str = "float64"
) -> set[str]:
    """Paths of parameters that reach a comparison, a rounding or a cast on their way to the outcome.

    Conservative: a path not listed is certified to have no step, one listed may have one. Functions with a derivative
    rule of their own (the kinks of `numerics`) count as continuous.
    """
    population = program.unstack(block)[0]  # one block alone: within a scan the equations could not be followed
    tree, small = jax.tree.map(lambda x: jax.ShapeDtypeStruct(np.shape(x), x.dtype), (parameters, population))
    key = system, outcome, jax.tree.structure(parameters)
    if key not in _known:
        _known[key] = _trace(system, outcome, tree, small, precision_name)
    return set(_known[key])


_known: dict[Any, frozenset[str]] = {}  # a matter of the rules alone: shapes and values do not change the answer


def _trace(system: System, outcome: str, parameters: Parameters, block: Block, precision_name: str) -> frozenset[str]:
    with precision(precision_name):
        closed = jax.make_jaxpr(functools.partial(program.totals, system, (outcome,)))(parameters, block)
    paths = [path for path, _ in parameters.items()]
    taints: list[frozenset[str]] = [frozenset({p}) for p in paths]
    taints += [frozenset()] * (len(closed.jaxpr.invars) - len(paths))
    found: set[str] = set()
    _spread(closed.jaxpr, taints, found)
    return frozenset(found)


def _spread(jaxpr: Any, taints: list[frozenset[str]], found: set[str]) -> list[frozenset[str]]:
    """Carry the sets of parameters along the equations; add to `found` those that meet a step."""
    known: dict[Any, frozenset[str]] = dict(zip(jaxpr.invars, taints, strict=True))
    nothing: frozenset[str] = frozenset()

    def of(atom: Any) -> frozenset[str]:
        return known.get(atom, nothing) if not hasattr(atom, "val") else nothing

    for eqn in jaxpr.eqns:
        inputs = [of(a) for a in eqn.invars]
        joined = nothing.union(*inputs)
        name = eqn.primitive.name
        inner = eqn.params.get("jaxpr")
        followed = inner is not None and name in ("jit", "pjit", "closed_call", "remat", "checkpoint")
        opaque = not followed and name in ("scan", "while", "cond")
        if opaque or name in _STEPS or (name == "convert_element_type" and not _floating(eqn.outvars[0])):
            found |= joined
        if followed:
            outputs = _spread(getattr(inner, "jaxpr", inner), inputs, found)
        else:
            outputs = [joined] * len(eqn.outvars)
        known.update(zip(eqn.outvars, outputs, strict=True))
    return [of(a) for a in jaxpr.outvars]


def _floating(var: Any) -> bool:
    return bool(jnp.issubdtype(var.aval.dtype, jnp.floating))
