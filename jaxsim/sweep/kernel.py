"""Figures of many laws over one population: the program that a sweep runs, and its data.

Only what depends on the parameters that vary is computed for each law. All else is computed once, before the first
law, and its columns become inputs of a smaller system of rules (`System.given`). Which parameters vary decides the
program that is compiled: *specialised* to those of a plan, or *generic* for all that the outcomes read, which then
serves any set of parameters.

The population lies in blocks of whole households and each call takes one block and some laws, so that its columns stay
in a core's cache. Weighted amounts leave the device as sums of a few hundred rows, which are added in float64.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from jaxsim import measures as _measures
from jaxsim import program
from jaxsim.engine import Block, System
from jaxsim.errors import JaxsimError
from jaxsim.measures import Measure
from jaxsim.parameters import Parameters
from jaxsim.precision import precision
from jaxsim.residual import leaf_of, leaves_read, prepare

if TYPE_CHECKING:
    from jaxsim.simulation import Simulation

LAWS = "laws"  # key that gives the number of laws where the outcomes read no parameter that varies
LANES = 512  # rows that are added in the population's own precision


class Kernel:
    """Figures of laws that differ in some parameter cells.

    Args:
        sim: the simulation; what is not named stays as in its law.
        measures: what is asked (see `measures.resolve`).
        cells: names of the cells that vary.
        kernel: "specialised", "generic" or "auto": specialised unless most parameters vary.
        laws: how many laws there will be.
        memory: bytes that the process (on a CPU) or the device may take; None leaves it open.
        workers: calls under way at a time.
        devices: devices that share the work: laws, or households where there are fewer laws than devices. The first
            by default, "all" for all.
    """

    def __init__(
        self,
        sim: Simulation,
        measures: tuple[Measure, ...],
        cells: Sequence[str],
        *,
        kernel: str = "auto",
        laws: int = 1,
        memory: float | None = None,
        workers: int = 1,
        devices: Any = None,
    ):
        if kernel not in ("auto", "generic", "specialised"):
            raise JaxsimError(f"kernel {kernel!r} is unknown: use 'auto', 'generic' or 'specialised'")
        targets = _measures.targets_of(sim.system, measures)
        units = sim.population.count("tax_unit")
        read = leaves_read(sim, targets)
        given = {cell: leaf_of(sim, cell) for cell in cells}
        varied = {leaf for leaf in given.values() if leaf in read}
        if kernel == "auto":
            kernel = "specialised" if len(varied) <= len(read) // 2 else "generic"
        self.kind = kernel
        self.sim, self.measures, self.cells = sim, measures, tuple(cells)
        self._leaves = tuple(sorted(varied if kernel == "specialised" else read))
        self._mesh = _mesh(devices)
        shared = self._mesh.size if self._mesh is not None else 1
        if laws < shared and sim.population.count("household") < shared:  # nothing to share
            self._mesh, shared = None, 1
        self._over_households = laws < shared
        each = -(-laws // shared) if laws >= shared else laws
        blocks, self.each = sim.layout.resolve(units, each, calls=True, itemsize=np.dtype(sim._dtype).itemsize)
        if self._over_households:
            most = sim.population.count("household") // shared
            blocks = min(-(-blocks // shared), most) * shared
        self.layout = blocks, self.each
        self.size = self.each if self._over_households else self.each * shared
        with precision(sim.precision):
            self.system, self.parameters, stacked = prepare(sim, measures, self._leaves, blocks)
            self.blocks = _groups(stacked, shared) if self._over_households else program.unstack(stacked)
            if self._mesh is not None:
                place = NamedSharding(self._mesh, P("devices") if self._over_households else P())
                self.blocks = [jax.device_put(block, place) for block in self.blocks]
        self._base = {leaf: np.asarray(sim.parameters[leaf], dtype=np.float64) for leaf in self._leaves}
        self._places = [
            (given[cell], sim.law[given[cell]].cell_names().index(cell)) if given[cell] in self._base else None
            for cell in cells
        ]
        self._jitted = _compiled(self.system, measures, self._leaves, self._mesh, self._over_households)
        self._run = self._jitted
        if memory is not None:
            self._fit(memory, workers)

    @property
    def names(self) -> list[str]:
        """Names of the figures."""
        return [name for m in self.measures for name in m.names]

    def batch(self, values: np.ndarray) -> dict[str, np.ndarray]:
        """Leaves [laws, *dims] from values [laws, cells]; a cell that is NaN stays as in the simulation's law."""
        leaves = {leaf: np.repeat(base.reshape(1, -1), len(values), axis=0) for leaf, base in self._base.items()}
        for column, place in zip(values.T, self._places, strict=True):
            if place is not None:
                cell = leaves[place[0]][:, place[1]]
                cell[:] = np.where(np.isnan(column), cell, column)
        made = {leaf: x.reshape(-1, *self._base[leaf].shape).astype(self.sim._dtype) for leaf, x in leaves.items()}
        return {**made, LAWS: np.zeros(len(values), np.int8)}

    def figures(self, values: np.ndarray) -> np.ndarray:
        """Figures [laws, figures] of at most `size` laws with cells of the given values, [laws, cells]."""
        count = len(values)
        if count < self.size:  # one shape compiles once
            values = np.concatenate([values, np.repeat(values[-1:], self.size - count, axis=0)])
        batch = self.batch(values)
        with precision(self.sim.precision):
            # all calls are under way before the first is waited for
            calls = [self._run(self.parameters, block, batch) for block in self.blocks]
            added = sum_up([np.asarray(call[0]) for call in calls])
            columns = jax.tree.map(lambda *parts: np.concatenate(parts, axis=-1), *(call[1] for call in calls))
        whole = []
        with precision("float64"):
            for m, own in zip([m for m in self.measures if not m.additive], columns, strict=True):
                wide = {name: np.asarray(x, np.float64) for name, x in own.items()}
                whole.append(np.asarray(_whole(m)(wide)))
        return _measures.finish(self.measures, added, whole)[:count]

    def _fit(self, memory: float, workers: int) -> None:
        """Take fewer laws at a time until the calls under way fit into the memory.

        Raises:
            JaxsimError: one law at a time is too much, or as many as the simulation's layout sets.
        """
        shared = self.size // self.each
        while (need := self._need(workers)) > memory:
            told = self.sim.layout.reforms is not None
            if self.each == 1 or told:
                laws = f"{self.each} laws at a time, as laid out," if told else "one law at a time"
                raise JaxsimError(
                    f"memory of {memory / 1e9:.2f} GB is too little: {laws} takes {need / 1e9:.2f} GB. Give more "
                    "memory, fewer workers, a smaller population or fewer outcomes that need whole columns"
                )
            held = held_memory()
            fitting = int(self.each * (memory - held) / max(need - held, 1.0))
            self.each = min(self.each // 2, max(1, fitting))
            self.size, self.layout = self.each * shared, (self.layout[0], self.each)

    def _need(self, workers: int) -> float:
        """Bytes taken with some calls under way: what the process has held, and what calls add by their shapes."""
        batch = self.batch(np.full((self.size, len(self.cells)), np.nan))
        with precision(self.sim.precision):
            self._run = self._jitted.lower(self.parameters, self.blocks[0], batch).compile()
        sizes = self._run.memory_analysis()
        call = sizes.temp_size_in_bytes + sizes.argument_size_in_bytes + sizes.output_size_in_bytes
        columns = sum(
            self.sim.population.count(m.entity) * 8 * 6 * (len(m.arguments()) + 1)  # float64, its sort and products
            for m in self.measures if not m.additive
        )  # fmt: skip
        outputs = sizes.output_size_in_bytes * len(self.blocks)
        return held_memory() + workers * (min(len(self.blocks), 2 * workers) * call + outputs + columns * self.size)


def _mesh(devices: Any) -> Any:
    """A mesh of the devices that share the work, or None for the first alone."""
    if devices is None:
        return None
    chosen = jax.devices() if isinstance(devices, str) and devices == "all" else devices
    if not isinstance(chosen, (list, tuple)) or not chosen:
        raise JaxsimError(f"devices={devices!r}: give 'all' or a list of jax.devices()")
    return Mesh(np.array(chosen), ("devices",)) if list(chosen) != jax.devices()[:1] else None


def _groups(stacked: Block, size: int) -> list[Block]:
    """Stacked blocks in groups of `size`, one a device."""
    count = next(iter(stacked.weights.values())).shape[0]
    return [jax.tree.map(lambda x, k=k: x[k : k + size], stacked) for k in range(0, count, size)]


def held_memory() -> float:
    """Bytes that the process has held at most on a CPU, or that arrays hold on the device."""
    if jax.default_backend() == "cpu":
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return float(peak if sys.platform == "darwin" else 1024 * peak)
    return float((jax.devices()[0].memory_stats() or {}).get("bytes_in_use", 0))


def sum_up(parts: list[np.ndarray]) -> np.ndarray:
    """Sums [laws, sums] in float64 of parts [laws, sums, lanes] by block, in the order of the blocks."""
    return np.concatenate(parts, axis=-1).astype(np.float64).sum(-1)


@functools.cache
def _compiled(
    system: System, measures: tuple[Measure, ...], leaves: tuple[str, ...], mesh: Any, over_households: bool
) -> Any:
    def one(batch: dict[str, Any], parameters: Parameters, block: Block) -> Any:
        changed = parameters.replace({path: leaf for path, leaf in batch.items() if path in leaves})
        added, kept = _measures.sums(system, measures, changed, block, _lanes)
        longest = max((len(x) for x in added), default=1)
        padded = [jnp.pad(x, (0, longest - len(x))) for x in added]
        return (jnp.stack(padded) if padded else jnp.zeros((0, 1))), kept

    def run(parameters: Parameters, block: Block, batch: dict[str, Any]) -> Any:
        if over_households:  # each device has a group of one block
            block = jax.tree.map(lambda x: x[0], block)
        return jax.vmap(one, in_axes=(0, None, None))(batch, parameters, block)

    if mesh is None:
        return jax.jit(run)
    # each device runs the program that one alone would run, on its own laws or its own block
    if over_households:
        given, made = (P(), P("devices"), P()), (P(None, None, "devices"), P(None, "devices"))
    else:
        given, made = (P(), P(), P("devices")), (P("devices"), P("devices"))
    return jax.jit(jax.shard_map(run, mesh=mesh, in_specs=given, out_specs=made, check_vma=False))


def _lanes(x: Any) -> Any:
    """Sums of a few hundred rows each, [lanes]."""
    short = -x.shape[-1] % LANES
    return jnp.pad(x, (0, short)).reshape(-1, LANES).sum(-1)


@functools.cache
def _whole(m: Measure) -> Any:
    """Compiled figures of a whole measure from columns [laws, rows]."""
    return jax.jit(lambda columns: jax.lax.map(functools.partial(_measures.figures, m), columns))
