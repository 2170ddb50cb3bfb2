"""Figures of a population as a function of a few numbers: the values of chosen parameter cells.

The pure function behind sensitivity and design: `figures(x) -> [figures]`, with its Jacobian, exact or smoothed.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxsim import numerics
from jaxsim.engine import Block, System
from jaxsim.errors import ParameterError
from jaxsim.measures import Measure, evaluate, finish, sums
from jaxsim.measures import figures as figures_of
from jaxsim.parameters import Parameters
from jaxsim.precision import precision
from jaxsim.residual import leaf_of, prepare
from jaxsim.sweep.kernel import Kernel

if TYPE_CHECKING:
    from jaxsim.simulation import Simulation

FORWARD_UP_TO = 24
"""Coordinates up to which derivatives are taken forward, in a lane each; more of them, backward from each figure."""
Places = tuple[tuple[str, int, int], ...]
"""Leaf, position in it, and number of the coordinate that it takes, by cell."""


class Figures:
    """Figures as a function of coordinates, each the value of one cell or of several that move together.

    Args:
        sim: the simulation; what is not named stays as in its law.
        measures: what is asked.
        coordinates: for each coordinate, the cells that take its value.
    """

    def __init__(self, sim: Simulation, measures: tuple[Measure, ...], coordinates: Iterable[tuple[str, ...]]):
        self.sim, self.measures = sim, measures
        self.coordinates = tuple(coordinates)
        self.names = [name for m in measures for name in m.names]
        cells = [cell for group in self.coordinates for cell in group]
        again = [c for c in cells if cells.count(c) > 1]
        if again:
            raise ParameterError(f"{again[0]} is given twice")
        self.places: Places = tuple(
            (leaf, sim.law[leaf].cell_names().index(cell), k)
            for k, group in enumerate(self.coordinates)
            for cell in group
            for leaf in [leaf_of(sim, cell)]
        )
        self.start = np.array([np.mean([self._now(cell) for cell in group]) for group in self.coordinates])
        blocks, _ = sim.layout.resolve(sim.population.count("tax_unit"), reverse=True)
        with precision(sim.precision):
            self.system, self.parameters, self.population = prepare(sim, measures, {p[0] for p in self.places}, blocks)
        known = set(self.parameters.paths())
        self.read: Places = tuple(p for p in self.places if p[0] in known)  # the figures do not hang on the others
        self._kernels: dict[str, Kernel] = {}

    def _now(self, cell: str) -> float:
        leaf = leaf_of(self.sim, cell)
        return float(np.ravel(self.sim.parameters[leaf])[self.sim.law[leaf].cell_names().index(cell)])

    @property
    def labels(self) -> list[str]:
        """Names of the coordinates."""
        return [group[0] if len(group) == 1 else f"{group[0]} and {len(group) - 1} more" for group in self.coordinates]

    def changes(self, x: np.ndarray) -> dict[str, float]:
        """Values by cell."""
        return {cell: float(x[k]) for k, group in enumerate(self.coordinates) for cell in group}

    def __call__(self, x: Any) -> np.ndarray:
        """Exact figures, [figures]; of several points [points, coordinates], [points, figures], in one batched run."""
        x = np.asarray(x, dtype=np.float64)
        if x.ndim == 1:
            return self(x[None])[0]
        if "exact" not in self._kernels:
            cells = [cell for group in self.coordinates for cell in group]
            self._kernels["exact"] = Kernel(self.sim, self.measures, cells, kernel="specialised", laws=32)
        kernel = self._kernels["exact"]
        table = x[:, [k for _, _, k in self.places]]
        return np.concatenate([kernel.figures(table[i : i + kernel.size]) for i in range(0, len(table), kernel.size)])

    def jacobian(self, x: Any, widths: Mapping[str, float] | None = None, kinks: bool = False) -> Any:
        """Figures [figures] and their derivatives [figures, coordinates] by automatic differentiation.

        Args:
            x: coordinates.
            widths: smoothing windows by unit; None differentiates the exact law.
            kinks: smooth kinks too.
        """
        x = np.asarray(x, dtype=np.float64)
        if len(self.coordinates) > FORWARD_UP_TO:
            return self._reverse(x, widths, kinks)
        with precision(self.sim.precision):
            run = _forward(self.system, self.measures, self.read, kinks)
            values, slopes = run(x.astype(self.sim._dtype), self.parameters, self.population, widths)
        return np.asarray(values, np.float64), np.asarray(slopes, np.float64)

    def _reverse(self, x: np.ndarray, widths: Mapping[str, float] | None, kinks: bool) -> Any:
        """One pass forward for all figures, and one backward for each: one program, whatever their number."""
        leaves = {leaf: np.array(self.parameters[leaf]) for leaf, *_ in self.read}
        for leaf, position, k in self.read:
            leaves[leaf].reshape(-1)[position] = x[k]
        slopes = np.zeros((len(self.names), len(x)))
        with precision(self.sim.precision):
            forward, closing, backward = _passes(self.system, self.measures, kinks)
            added, kept = forward(leaves, self.parameters, self.population, widths)
            values, (by_sum, by_column) = closing(added, kept, widths)
            for f in range(len(self.names)):
                pulled = jax.tree.map(lambda c, f=f: c[f], (by_sum, by_column))
                made = backward(leaves, self.parameters, self.population, widths, *pulled)
                for leaf, position, k in self.read:
                    slopes[f, k] += np.ravel(made[leaf])[position]
        return np.asarray(values, np.float64), slopes


def of_coordinates(
    system: System,
    measures: tuple[Measure, ...],
    places: Places,
    x: jax.Array,
    parameters: Parameters,
    population: Block,
    widths: Any = None,
    kinks: bool = False,
) -> jax.Array:
    """Figures [figures] at coordinates [coordinates]: pure."""
    changed: dict[str, Any] = {}
    for leaf, position, k in places:
        flat = changed.get(leaf, jnp.ravel(jnp.asarray(parameters[leaf])))
        changed[leaf] = flat.at[position].set(x[k])
    shaped = {leaf: jnp.reshape(flat, jnp.shape(parameters[leaf])) for leaf, flat in changed.items()}
    return evaluate(system, measures, parameters.replace(shaped), population, widths, kinks)


@functools.cache
def _forward(system: System, measures: tuple[Measure, ...], places: Places, kinks: bool) -> Any:
    """Compiled figures and Jacobian in forward mode."""

    def run(x: jax.Array, parameters: Parameters, population: Block, widths: Any) -> Any:
        def values(at: jax.Array) -> Any:
            made = of_coordinates(system, measures, places, at, parameters, population, widths, kinks)
            return made, made

        slopes, made = jax.jacfwd(values, has_aux=True)(x)
        return made, slopes

    return jax.jit(run)


@functools.cache
def _passes(system: System, measures: tuple[Measure, ...], kinks: bool) -> tuple[Any, Any, Any]:
    """Compiled: sums and columns; figures and their derivatives by these; derivatives of a mixture of these by leaves.

    Each block is differentiated as it passes, which spares a second pass forward.
    """
    whole = [m for m in measures if not m.additive]

    def added(leaves: dict[str, Any], parameters: Parameters, block: Block, widths: Any) -> Any:
        with numerics.smoothing(widths, kinks):
            made, kept = sums(system, measures, parameters.replace(leaves), block)
        return (jnp.stack(made) if made else jnp.zeros(0)), kept

    def forward(leaves: dict[str, Any], parameters: Parameters, population: Block, widths: Any) -> Any:
        made, kept = _over(lambda block: added(leaves, parameters, block, widths), population)
        return made.sum(0), kept

    def closing(made: Any, kept: Any, widths: Any) -> Any:
        def values(made: Any, kept: Any) -> Any:
            with numerics.smoothing(widths, kinks):
                own = [figures_of(m, jax.tree.map(jnp.ravel, c)) for m, c in zip(whole, kept, strict=True)]
            found = finish(measures, made, own)
            return found, found

        slopes, found = jax.jacrev(values, (0, 1), has_aux=True)(made, kept)
        return found, slopes

    def backward(
        leaves: dict[str, Any], parameters: Parameters, population: Block, widths: Any, by_sum: Any, by_column: Any
    ) -> Any:
        def mixture(leaves: dict[str, Any], block: Block, by_own: Any) -> Any:
            made, kept = added(leaves, parameters, block, widths)
            parts = jax.tree.map(lambda x, c: (x * c).sum(), kept, by_own)
            return (made * by_sum).sum() + sum(jax.tree.leaves(parts))

        slopes = _over(lambda block, by_own: jax.grad(mixture)(leaves, block, by_own), population, by_column)
        return jax.tree.map(lambda x: x.sum(0), slopes)

    return jax.jit(forward), jax.jit(closing), jax.jit(backward)


def _over(body: Any, population: Block, *others: Any) -> Any:
    """What `body` returns for each block, stacked."""
    if next(iter(population.weights.values())).ndim == 1:
        population, *others = jax.tree.map(lambda x: jnp.expand_dims(x, 0), (population, *others))
    return jax.lax.scan(lambda _, xs: (None, body(*xs)), None, (population, *others))[1]
