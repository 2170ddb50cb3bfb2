"""How a population lies in memory for compute: blocks of whole households, padded to shared shapes.

One body of rules runs over every block. `Layout(blocks=1)` holds the whole population in one, which is fastest for
one reform; many reforms at once want small blocks, so that a block's columns for all reforms of a chunk stay in
cache. Shapes are rounded up to a few sizes, so populations of like size share compiled programs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from jaxsim.engine import Block, System
from jaxsim.errors import JaxsimError
from jaxsim.population import GROUPS, Population

CACHE_ROWS = 2_560  # tax units in a block whose working set stays in a core's cache, for one reform or in reverse
HOST_BYTES = 524_288  # of a column for all reforms of a call: keeps all cores busy and stays in the outer cache
DEVICE_LANES = 4_000_000  # units times reforms that fill an accelerator


@dataclass(frozen=True)
class Layout:
    """How to cut the work.

    Attributes:
        blocks: household blocks that a scan walks through; 1 skips the scan. None chooses by the work: one block for
            a plain run, blocks that fit the cache in reverse mode and for many reforms.
        reforms: variants evaluated at once by `vmap`; more are taken in chunks of this size. None chooses.
    """

    blocks: int | None = None
    reforms: int | None = None

    def __post_init__(self) -> None:
        for name in ("blocks", "reforms"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or value < 1):
                raise JaxsimError(f"Layout({name}={value!r}): give a whole number of at least 1, or None to choose")

    def resolve(
        self, units: int, reforms: int = 1, reverse: bool = False, calls: bool = False, itemsize: int = 8
    ) -> tuple[int, int]:
        """(blocks, reforms at once) for a population of `units` tax units.

        Args:
            units: tax units of the population.
            reforms: variants in all.
            reverse: for reverse mode.
            calls: blocks are separate calls rather than steps of a scan, within which XLA uses one core on a CPU.
            itemsize: bytes of a number.
        """
        import jax

        if jax.default_backend() == "cpu" and calls:
            chunk = self.reforms or min(reforms, 32)
            rows = HOST_BYTES // itemsize // chunk
        elif jax.default_backend() == "cpu":
            chunk = self.reforms or 1
            rows = CACHE_ROWS if reverse else units
        else:
            chunk = self.reforms or max(1, min(reforms, DEVICE_LANES // units))
            rows = units
        return self.blocks or max(1, round(units / rows)), chunk


def bucket(n: int) -> int:
    """The shape that holds `n` rows and at least one row of padding: at most a sixteenth larger than needed."""
    n += 1
    step = max(8, 1 << max(0, n.bit_length() - 5))
    return -(-n // step) * step


@dataclass(eq=False)
class Arrangement:
    """A population cut by a layout: makes blocks of the columns asked for, and puts results back in its order."""

    population: Population
    blocks: int = 1
    _edges: dict[str, np.ndarray] = field(init=False)
    _sizes: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        population = self.population
        households = population.count("household")
        self.blocks = max(1, min(self.blocks, households))
        links = population.links
        if self.blocks == 1:
            cuts = np.array([0, households])
        else:  # equal numbers of tax units
            units_before = np.searchsorted(links["household_of_tax_unit"], np.arange(households + 1))
            cuts = np.searchsorted(units_before, np.linspace(0, units_before[-1], self.blocks + 1))
            cuts[0], cuts[-1] = 0, households
        edges = {"household": cuts}
        for group in GROUPS[:-1]:
            edges[group] = np.searchsorted(links[f"household_of_{group}"], cuts)
        self._head, self._spouse, self._others = population.filers
        home = links["household_of_person"][self._others]
        edges["dependent"] = np.searchsorted(home, cuts)
        self._edges = edges
        self._sizes = {name: bucket(int(np.diff(edge).max())) for name, edge in edges.items()}

    def make(self, system: System, inputs: Iterable[str], links: Iterable[str], members: bool, dtype: Any) -> Block:
        """The block (stacked blocks if there are several) with the given inputs and links.

        Args:
            system: whose inputs they are.
            inputs: names of input columns.
            links: names "parent_of_child" that crossings read.
            members: whether rows for dependents are needed.
            dtype: float type of the columns. Categories stay small integers.
        """
        columns: dict[str, Any] = {}
        for name in inputs:
            i = system.inputs[name]
            column = self.population.tables[i.entity.name][name]
            columns[name] = self.spread(i.entity.name, column, members).astype(i.dtype(dtype))
        weights = self.weights(system, self.population.weights, members, dtype)
        return Block(columns, {name: self._link(name, members) for name in links}, weights)

    def weights(self, system: System, households: np.ndarray, members: bool, dtype: Any) -> dict[str, Any]:
        """Weights of households carried to every entity's rows, in compute order."""

        def of(entity: str) -> np.ndarray:
            return households if entity == "household" else households[self.population.links[f"household_of_{entity}"]]

        return {entity: self.spread(entity, of(entity), members).astype(dtype) for entity in system.entities}

    def spread(self, entity: str, column: np.ndarray, members: bool) -> np.ndarray:
        """A column in compute order with zero padding, [rows] or [blocks, rows]."""
        if entity != "person":
            return self._cut(entity, column)
        spouse = np.where(self._spouse >= 0, column[self._spouse], 0)
        parts = [self._cut("tax_unit", column[self._head]), self._cut("tax_unit", spouse)]
        if members:
            parts.append(self._cut("dependent", column[self._others]))
        return np.concatenate(parts, axis=-1)

    def _cut(self, name: str, column: np.ndarray) -> np.ndarray:
        size, edges = self._sizes[name], self._edges[name]
        out = np.zeros((self.blocks, size), column.dtype)
        if self.blocks == 1:
            out[0, : len(column)] = column
            return out[0]
        for b in range(self.blocks):
            part = column[edges[b] : edges[b + 1]]
            out[b, : len(part)] = part
        return out

    def _link(self, name: str, members: bool) -> np.ndarray:
        """Rows of the parents within each block; padding points to the parents' last, empty row."""
        parent, child = name.split("_of_")
        last = self._sizes[parent] - 1
        starts = self._edges[parent][:-1]

        def local(rows: np.ndarray, cut_by: str) -> np.ndarray:
            edges = self._edges[cut_by]
            return self._cut(cut_by, rows - np.repeat(starts, np.diff(edges)) - last)

        rows = self.population.links[name]
        if child != "person":
            return (local(rows, child) + last).astype(np.int32)
        parts = [local(rows[self._head], "tax_unit")] * 2
        if members:
            parts.append(local(rows[self._others], "dependent"))
        return (np.concatenate(parts, axis=-1) + last).astype(np.int32)

    def restore(self, entity: str, values: Any) -> np.ndarray:
        """Results in compute order put back in the population's row order.

        Args:
            entity: whose rows they are.
            values: [..., rows] or, with several blocks, [blocks, ..., rows]; persons need rows for dependents.
        """
        values = np.asarray(values)
        if self.blocks > 1:
            values = np.moveaxis(values, 0, -2)
        else:
            values = values[..., None, :]
        if entity != "person":
            return self._join(entity, values)
        units = self._sizes["tax_unit"]
        out = np.zeros((*values.shape[:-2], self.population.count("person")), values.dtype)
        out[..., self._head] = self._join("tax_unit", values[..., :units])
        present = self._spouse >= 0
        out[..., self._spouse[present]] = self._join("tax_unit", values[..., units : 2 * units])[..., present]
        if values.shape[-1] > 2 * units:
            out[..., self._others] = self._join("dependent", values[..., 2 * units :])
        return out

    def _join(self, name: str, values: np.ndarray) -> np.ndarray:
        counts = np.diff(self._edges[name])
        if self.blocks == 1:
            return values[..., 0, : counts[0]]
        return np.concatenate([values[..., b, :n] for b, n in enumerate(counts)], axis=-1)
