"""What is left to compute where only some parameters vary.

Most of the law does not depend on the few parameters that a sweep or a design changes. Its variables are computed once
and become columns; the smaller system of rules that remains compiles and runs in a fraction of the time.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from jaxsim.engine import Block, System
from jaxsim.errors import ParameterError, nearest
from jaxsim.measures import Measure, baseline_variables, facts, targets_of
from jaxsim.parameters import Parameters
from jaxsim.precision import precision

if TYPE_CHECKING:
    from jaxsim.simulation import Simulation


def leaf_of(sim: Simulation, cell: str) -> str:
    """The leaf that a cell belongs to."""
    if cell in sim.law.leaves:
        found = sim.law.leaves[cell]
        if found.dims:
            raise ParameterError(f"{cell} has {len(found.cell_names())} cells: name one, e.g. {found.cell_names()[0]}")
        return cell
    for path, leaf in sim.law.leaves.items():
        if cell.startswith(path + ".") and cell in leaf.cell_names():
            return path
    known = [c for leaf in sim.law.leaves.values() for c in leaf.cell_names()]
    raise ParameterError(f"unknown parameter {cell!r}.{nearest(cell, known)}")


def leaves_read(sim: Simulation, targets: Iterable[str]) -> set[str]:
    """Paths of the parameters that the targets' rules read."""
    names = [n for n in sim.system.order(targets) if n in sim.system.rules]
    return set().union(*(sim.system.leaves_read(n, sim.parameters) for n in names))


class _Shared:
    """Parameters that are no part of a cache's key: which rules read a leaf is a matter of the rules alone."""

    def __init__(self, parameters: Parameters):
        self.parameters = parameters

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Shared)

    def __hash__(self) -> int:
        return 0


@functools.cache
def _residual(
    system: System, targets: tuple[str, ...], leaves: frozenset[str], shared: _Shared
) -> tuple[System, tuple[str, ...]]:
    depend = system.dependents(targets, leaves, shared.parameters)
    needed = [a for name in depend for a in system.rules[name].arguments] + list(targets)
    known = tuple(sorted({a for a in needed if a not in depend and a in system.rules}))
    return system.given(known), known


def prepare(
    sim: Simulation, measures: tuple[Measure, ...], leaves: Iterable[str], blocks: int
) -> tuple[System, Parameters, Block]:
    """What figures need where only some leaves vary.

    Args:
        sim: the simulation.
        measures: what is asked.
        leaves: paths of the parameters that vary.
        blocks: household blocks.

    Returns:
        A smaller system, its parameters, and its population, stacked if there are several blocks, in which the
        variables that do not depend on the leaves are columns.
    """
    targets = targets_of(sim.system, measures)
    vary = frozenset(leaves).union(path for m in measures for path in m.slopes)
    system, known = _residual(sim.system, targets, vary, _Shared(sim.parameters))
    columns = known_columns(sim, {*known, *baseline_variables(sim, measures)})
    beside = facts(sim, measures, columns)
    arrangement, members = sim.arrangement(blocks), sim.system.needs_members(targets)
    inputs = [name for name in system.inputs_of(targets) if name not in known]
    lacking = sim._lacking() & set(inputs)
    raw = [name for name in inputs if name not in lacking]
    made = arrangement.make(sim.system, raw, system.links_of(targets), members, sim._dtype)

    def lay(entity: str, values: np.ndarray, dtype: Any) -> np.ndarray:
        if values.ndim == 0:
            return np.full((blocks,) if arrangement.blocks > 1 else (), values, dtype)
        return arrangement.spread(entity, values, members).astype(dtype)

    own = {name: lay(system.variable(name).entity.name, columns[name], columns[name].dtype) for name in known}
    own |= {key: lay(entity, values, sim._dtype) for key, (entity, values) in beside.items()}
    for name in lacking:
        own[name] = lay("", np.asarray(sim.system.inputs[name].default), sim.system.inputs[name].dtype(sim._dtype))
    entities = {m.entity for m in measures} | {system.variable(name).entity.name for name in system.order(targets)}
    weights = {name: w for name, w in made.weights.items() if name in entities}
    parameters = sim._parameters(targets).select(system.parameter_prefixes(targets))
    with precision(sim.precision):
        return system, parameters, jax.device_put(Block({**made.columns, **own}, made.links, weights))


def known_columns(sim: Simulation, names: Iterable[str]) -> dict[str, np.ndarray]:
    """Values of variables under the simulation's own law in the population's order, each computed once.

    A value that is the same in every row is a scalar.
    """
    missing = tuple(sorted(set(names) - sim._known.keys()))
    if missing:
        with precision(sim.precision):
            made = _columns(sim.system, missing)(sim._parameters(missing), sim._block(missing, (), 1, scalars=True))
        for name, values in made.items():
            entity, column = sim.system.variable(name).entity.name, np.asarray(values)
            sim._known[name] = sim.arrangement(1).restore(entity, column) if column.ndim else column
    return {name: sim._known[name] for name in names}


@functools.cache
def _columns(system: System, names: tuple[str, ...]) -> Any:
    return jax.jit(lambda parameters, block: system.evaluate(names, parameters, block, scalars=True))
