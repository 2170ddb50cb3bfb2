"""Behaviour as a layer inside the function: labour supply and capital gains respond to the law by stated elasticities.

Before the rules are evaluated, earnings and gains move with what the law takes of a further dollar:

    earnings' = earnings * exp(substitution * change of log(1 - m) + income * change of after-tax income / that income)
    gains'    = gains    * exp(-capital_gains * change of the rate on gains)

Changes are those from the simulation's own law, at unchanged behaviour. Marginal rates m are differences over `STEP`
dollars, head, spouse and gains each by itself, so that responses are functions of the parameters like all else: totals,
gradients, sweeps and designs include them, and derivatives are exact for the layer as it stands.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxsim import program
from jaxsim.engine import Block, Entity, Input, Rule, System
from jaxsim.errors import JaxsimError
from jaxsim.numerics import higher_of, lower_of
from jaxsim.parameters import Parameters
from jaxsim.population import Population
from jaxsim.precision import precision
from jaxsim.variables import rows

if TYPE_CHECKING:
    from jaxsim.simulation import Simulation

STEP = 100.0  # dollars over which marginal rates are taken
KEPT = 0.01, 2.0  # bounds of what is kept of a further dollar: at cliffs, differences leave any sensible range
LEAST_INCOME = 1_000.0  # dollars that after-tax income is taken to be at least, where a change is related to it
RICHER = 1.0  # largest change of after-tax income, as a part of it, that earnings respond to

EARNINGS, GAINS, TAX, INCOME = (
    "employment_income", "long_term_capital_gains", "household_side_tax", "after_tax_income",
)  # fmt: skip
BEFORE = tuple(f"behaviour_before_{x}" for x in ("rate_head", "rate_spouse", "rate_gains", "tax", "income"))
"""Inputs of the tax unit that hold what was true under the simulation's own law."""


@dataclass(frozen=True)
class Behaviour:
    """Elasticities, none of which is assumed.

    Attributes:
        substitution: of earnings with respect to what is kept of a further dollar, compensated; e.g. 0.25.
        income: of earnings with respect to after-tax income; zero or negative, e.g. -0.05.
        capital_gains: semi-elasticity of long-term gains with respect to the marginal rate on them, positive; with 3.0
            a rate of 0.2 means an elasticity of -0.6.
    """

    substitution: float = 0.0
    income: float = 0.0
    capital_gains: float = 0.0

    def __post_init__(self) -> None:
        for name, low, high in (("substitution", 0, 5), ("income", -2, 0), ("capital_gains", 0, 30)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
                raise JaxsimError(f"Behaviour({name}={value!r}): give a number from {low} to {high}")


class RespondingSystem(System):
    """Rules of a country evaluated after incomes have responded to the law."""

    def __init__(self, system: System, behaviour: Behaviour):
        unit = system.variable(TAX).entity
        kept = [Input(name, unit, "Under the law before the reform", "USD/year") for name in BEFORE]
        others = [i for n, i in system.inputs.items() if n not in BEFORE]
        super().__init__(system.name, system.entities.values(), [*others, *kept], system.rules.values())
        self._leaves_read = system._leaves_read
        self.inner, self.behaviour, self.unit = system, behaviour, unit

    def order(self, targets: Iterable[str]) -> list[str]:
        return super().order([*targets, TAX, INCOME, EARNINGS, GAINS, *BEFORE])

    def dependents(self, targets: Iterable[str], paths: Iterable[str], parameters: Parameters) -> frozenset[str]:
        """All rules: through behaviour everything depends on every parameter."""
        return frozenset(name for name in self.order(targets) if name in self.rules)

    def given(self, known: Iterable[str]) -> System:
        if list(known):
            raise JaxsimError("with behaviour no variable is independent of the law")
        return self

    def with_rules(self, *changed: Rule) -> RespondingSystem:
        return RespondingSystem(self.inner.with_rules(*changed), self.behaviour)

    def evaluate(
        self, targets: Iterable[str], parameters: Parameters, block: Block, scalars: bool = False
    ) -> dict[str, Any]:
        before = [block.columns[name] for name in BEFORE]
        now = standing(self.inner, self.unit, parameters, block)
        response = self.behaviour
        units = block.count(self.unit)
        persons = block.count(self.inner.variable(EARNINGS).entity)
        kept = [jnp.log(_between(1 - m, *KEPT)) for m in (*now[:2], *before[:2])]
        richer = _between((before[3] - now[3]) / higher_of(before[4], LEAST_INCOME), -RICHER, RICHER)
        moves = [response.substitution * (kept[k] - kept[k + 2]) + response.income * richer for k in (0, 1)]
        gains = -response.capital_gains * (now[2] - before[2])
        head, spouse, gain = (jnp.exp(x) for x in (*moves, gains))
        others = jnp.ones(persons - 2 * units, head.dtype)  # dependents' earnings stay
        earnings = rows(block.columns[EARNINGS], persons) * jnp.concatenate([head, spouse, others])
        changed = {**block.columns, EARNINGS: earnings, GAINS: rows(block.columns[GAINS], units) * gain}
        targets = list(targets)
        known = {name: rows(block.columns[name], units) for name in targets if name in BEFORE}
        left = [name for name in targets if name not in known]
        return known | self.inner.evaluate(left, parameters, Block(changed, block.links, block.weights), scalars)


def _between(x: Any, low: float, high: float) -> Any:
    return higher_of(lower_of(x, high, "/1"), low, "/1")


def standing(system: System, unit: Entity, parameters: Parameters, block: Block) -> list[Any]:
    """Marginal rates of head, spouse and gains, tax and after-tax income of each tax unit, behaviour unchanged."""
    units, persons = block.count(unit), block.count(system.variable(EARNINGS).entity)
    earnings, gains = rows(block.columns[EARNINGS], persons), rows(block.columns[GAINS], units)
    filer = jnp.arange(persons) // units  # 0 for heads, 1 for spouses

    def one(more: jax.Array, gain: jax.Array) -> Any:
        earned = earnings + STEP * (filer == more).astype(earnings.dtype)
        columns = {**block.columns, EARNINGS: earned, GAINS: gains + gain}
        return system.evaluate([TAX, INCOME], parameters, Block(columns, block.links, block.weights))

    made = jax.vmap(one)(jnp.array([-1, 0, 1, -1]), jnp.array([0, 0, 0, STEP], gains.dtype))
    tax = made[TAX]
    return [*((tax[k] - tax[0]) / STEP for k in (1, 2, 3)), tax[0], made[INCOME][0]]


@functools.cache
def _standing(system: System, unit: Entity) -> Any:
    def run(parameters: Parameters, population: Block) -> Any:
        def body(block: Block) -> Any:
            return standing(system, unit, parameters, block)

        return program.walk(body, population, combine=False, remat=False)

    return jax.jit(run)


def with_behaviour(sim: Simulation, behaviour: Behaviour) -> Simulation:
    """The same simulation in which incomes respond to changes of its law (see the module).

    Raises:
        JaxsimError: not a `Behaviour`.
    """
    if not isinstance(behaviour, Behaviour):
        raise JaxsimError(f"give a Behaviour, e.g. jaxsim.Behaviour(substitution=0.25), not {behaviour!r}")
    inner = sim.system.inner if isinstance(sim.system, RespondingSystem) else sim.system
    sim = sim._copy(system=inner)
    unit = inner.variable(TAX).entity
    targets = (TAX, INCOME)
    parameters, block = sim.arguments(*targets, inputs=(EARNINGS, GAINS))
    with precision(sim.precision):
        made = _standing(inner, unit)(parameters, block)
    blocks, _ = sim.layout.resolve(sim.population.count("tax_unit"))
    columns = {name: sim.arrangement(blocks).restore(unit.name, x) for name, x in zip(BEFORE, made, strict=True)}
    own = sim.population
    tables = {**own.tables, unit.name: {**own.tables[unit.name], **{n: np.asarray(c) for n, c in columns.items()}}}
    population = Population(tables, own.year, own.source, own.provided | set(BEFORE), own.card)
    return sim._copy(population=population, system=RespondingSystem(inner, behaviour))
