"""What is left to compute where only some parameters vary.

Most of the law does not depend on the few parameters that a sweep or a design changes. Its variables are computed once
and become columns; the smaller system of rules that remains compiles and runs in a fraction of the time.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import jax

from jaxsim import program
from jaxsim.engine import Block, System
from jaxsim.errors import ParameterError, nearest
from jaxsim.measures import Measure, facts, targets_of
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
    arrangement, members = sim.arrangement(blocks), sim.system.needs_members(targets)
    beside = facts(sim, measures)
    with precision(sim.precision):
        block = sim._block(targets, (), blocks, scalars=True)
        made = _known(sim.system, known)(sim._parameters(targets), block) if known else {}
        own = {
            key: jax.device_put(arrangement.spread(entity, values, members).astype(sim._dtype))
            for key, (entity, values) in beside.items()
        }
    inputs = {name: block.columns[name] for name in system.inputs_of(targets) if name not in made}
    links = {name: block.links[name] for name in system.links_of(targets)}
    entities = {m.entity for m in measures} | {system.variable(name).entity.name for name in system.order(targets)}
    weights = {name: w for name, w in block.weights.items() if name in entities}
    parameters = sim._parameters(targets).select(system.parameter_prefixes(targets))
    return system, parameters, Block({**inputs, **made, **own}, links, weights)


@functools.cache
def _known(system: System, names: tuple[str, ...]) -> Any:
    def columns(parameters: Parameters, population: Block) -> Any:
        def body(block: Block) -> Any:
            return system.evaluate(names, parameters, block, scalars=True)

        return program.walk(body, population, combine=False, remat=False)

    return jax.jit(columns)
