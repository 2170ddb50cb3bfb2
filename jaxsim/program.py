"""The pure function: outcomes of parameters and population, and its compiled forms.

    outcomes = f(parameters, population)

`parameters` is a pruned tree for one year, `population` a `Block` (or stacked blocks, which a scan walks through with
its body rematerialised, so that reverse mode needs the memory of one block). Everything is an argument, nothing is
closed over: values, years and populations of a like size share one compiled program.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from jaxsim import numerics
from jaxsim.engine import Block, System
from jaxsim.parameters import Parameters
from jaxsim.precision import require_x64


def walk(body: Callable[[Block], Any], block: Block, combine: bool = True, remat: bool = True) -> Any:
    """Run `body` on the block, or scan over stacked blocks, adding up (`combine`) or stacking what it returns."""
    if next(iter(block.weights.values())).ndim == 1:
        return body(block)
    inner = jax.checkpoint(body, prevent_cse=False) if remat else body
    if not combine:
        return jax.lax.scan(lambda _, b: (None, inner(b)), None, block)[1]
    shapes = jax.eval_shape(body, jax.tree.map(lambda x: x[0], block))
    start = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes)
    return jax.lax.scan(lambda carry, b: (jax.tree.map(jnp.add, carry, inner(b)), None), start, block)[0]


def unstack(population: Block) -> list[Block]:
    """The blocks of a population, each by itself."""
    weights = next(iter(population.weights.values()))
    if weights.ndim == 1:
        return [population]
    return [jax.tree.map(lambda x, b=b: x[b], population) for b in range(weights.shape[0])]


def columns(
    system: System, targets: tuple[str, ...], parameters: Parameters, population: Block, widths: Any = None
) -> dict[str, jax.Array]:
    """Values of the targets on every row of their entities, in compute order."""

    def body(block: Block) -> dict[str, jax.Array]:
        with numerics.smoothing(widths):
            return system.evaluate(targets, parameters, block)

    return walk(body, population, combine=False)


def totals(
    system: System,
    targets: tuple[str, ...],
    parameters: Parameters,
    population: Block,
    widths: Any = None,
    kinks: bool = False,
) -> jax.Array:
    """Weighted totals of the targets, shape [targets]."""

    def body(block: Block) -> jax.Array:
        with numerics.smoothing(widths, kinks):
            values = system.evaluate(targets, parameters, block)
        return jnp.stack([numerics.total(values[t] * block.weights[system.variable(t).entity.name]) for t in targets])

    return walk(body, population, combine=True)


@functools.cache
def compiled(function: Callable[..., Any], system: System, targets: tuple[str, ...], **static: Any) -> Any:
    """`function(system, targets, parameters, population, ...)` jitted in its array arguments, once for each use."""
    return jax.jit(functools.partial(function, system, targets, **static))


@functools.cache
def compiled_gradient(
    system: System, targets: tuple[str, ...], kinks: bool = False, within: tuple[str, ...] = ("",)
) -> Any:
    """Jitted value and gradient of the sum of weighted totals with respect to the parameters `within` some subtrees.

    Each block is differentiated as it passes, which spares the second forward pass of differentiating the scan.
    Only what lies between the chosen parameters and the outcome is run backwards.
    """

    def value(chosen: Parameters, parameters: Parameters, block: Block, widths: Any) -> jax.Array:
        changed = parameters.replace(dict(chosen.items()))
        return totals(system, targets, changed, block, widths, kinks).sum()

    def gradient(parameters: Parameters, population: Block, widths: Any = None) -> Any:
        body = jax.value_and_grad(value)
        chosen = parameters.select(within)
        return walk(lambda block: body(chosen, parameters, block, widths), population, remat=False)

    return jax.jit(gradient)


@functools.cache
def compiled_jacobian(system: System, targets: tuple[str, ...], within: tuple[str, ...] = ("",)) -> Any:
    """Jitted Jacobian of the weighted totals with respect to the parameters `within` some subtrees."""

    def jacobian(parameters: Parameters, population: Block, widths: Any = None) -> Any:
        def sums(chosen: Parameters, block: Block) -> jax.Array:
            return totals(system, targets, parameters.replace(dict(chosen.items())), block, widths)

        chosen = parameters.select(within)
        return walk(lambda block: jax.jacrev(sums)(chosen, block), population, combine=True, remat=False)

    return jax.jit(jacobian)


@functools.cache
def compiled_input_gradient(system: System, target: str, inputs: tuple[str, ...]) -> Any:
    """Jitted derivative of the unweighted sum of a target with respect to input columns, in compute order.

    Households do not interact, so each row's derivative is that of its own household.
    """

    def gradient(parameters: Parameters, population: Block, widths: Any = None) -> Any:
        def body(block: Block) -> Any:
            def value(changed: Mapping[str, jax.Array]) -> jax.Array:
                changed_block = Block({**block.columns, **changed}, block.links, block.weights)
                with numerics.smoothing(widths):
                    return system.evaluate([target], parameters, changed_block)[target].sum()

            return jax.grad(value)({name: block.columns[name] for name in inputs})

        return walk(body, population, combine=False, remat=False)

    return jax.jit(gradient)


@dataclass(frozen=True, eq=False)
class PureFunction:
    """A pure function of (parameters, population) for the user's own jit, grad, vmap and shard_map.

    Attributes:
        targets: names of the outcomes.
        parameters: the pruned tree of the simulation this came from: the first argument.
        population: its population as a Block: the second argument.
        reduce: "total" for weighted totals (a scalar for one target), None for columns in compute order.
        widths: smoothing windows by unit, or None for exact law.
        kinks: smooth kinks as well as steps (for second derivatives).
    """

    system: System
    targets: tuple[str, ...]
    parameters: Parameters
    population: Block
    reduce: str | None = "total"
    widths: Any = None
    kinks: bool = False

    def __call__(self, parameters: Parameters, population: Block) -> Any:
        """Outcomes: a scalar or vector of weighted totals, or a dict of columns.

        Raises:
            PrecisionError: an input is float64 while JAX is in 32-bit mode.
        """
        require_x64(parameters, population)
        if self.reduce is None:
            return columns(self.system, self.targets, parameters, population, self.widths)
        sums = totals(self.system, self.targets, parameters, population, self.widths, self.kinks)
        return sums[0] if len(self.targets) == 1 else sums

    def __repr__(self) -> str:
        return f"<pure function {', '.join(self.targets)} of (parameters, population)>"
