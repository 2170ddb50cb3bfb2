"""What one asks of a population under a law: figures that sweeps, derivatives and designs share.

A `Measure` says which columns it reads, by the names of its functions' arguments, and how they become figures. Most
add up over rows (totals, poverty gaps, deciles with the baseline's cut-offs), so they can be taken block by block;
others, such as the Gini coefficient, need whole columns. An argument is

- a variable of the law, computed under each law;
- `baseline_<variable>`: its value under the simulation's own law;
- a fact of the population: `persons`, `children`, `poverty_line`, `decile` (see `FACTS`);
- a column that the measure brings;
- for whole columns, `weight`.

    js.Measure("income_of_parents", "household",
               amounts=lambda household_after_tax_income, children: household_after_tax_income * (children > 0))
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxsim import numerics, outcomes
from jaxsim.engine import Block, System
from jaxsim.errors import JaxsimError, ParameterError, nearest
from jaxsim.impact import INCOME
from jaxsim.numerics import safe_div
from jaxsim.parameters import Parameters
from jaxsim.precision import precision

if TYPE_CHECKING:
    from jaxsim.simulation import Simulation


@dataclass(frozen=True)
class Measure:
    """A figure of a population under a law, or several of one kind.

    Attributes:
        name: its name; a measure of several figures names them `name.label`.
        entity: whose rows its functions take: "household", "tax_unit", "person" ...
        amounts: function of columns to amounts [rows], or a sequence of them, that are weighted and added up; without
            any function the measure is the weighted total of the variable `name`.
        over: function to amounts whose weighted sum the sums of `amounts` are divided by.
        whole: instead of `amounts`, a function of whole columns and their `weight` to the figures themselves.
        slopes: instead, paths of parameters: the derivatives of the weighted total of the variable `name`.
        labels: names of several figures.
        columns: further columns by argument name, rows of the entity in the population's order.
    """

    name: str
    entity: str = "household"
    amounts: Callable[..., Any] | None = None
    over: Callable[..., Any] | None = None
    whole: Callable[..., Any] | None = None
    slopes: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    columns: Mapping[str, np.ndarray] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        if sum([self.amounts is not None, self.whole is not None, bool(self.slopes)]) > 1:
            raise JaxsimError(f"measure {self.name!r}: give one of `amounts`, `whole` and `slopes`")
        if self.over is not None and self.amounts is None:
            raise JaxsimError(f"measure {self.name!r}: `over` divides the sums of `amounts`")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of its figures."""
        return tuple(f"{self.name}.{label}" for label in self.labels) or (self.name,)

    @property
    def additive(self) -> bool:
        return self.whole is None

    def arguments(self) -> list[str]:
        """Columns that its functions take, other than the weight."""
        functions = [f for f in (self.amounts, self.over, self.whole) if f is not None]
        names = [a for f in functions for a in inspect.signature(f).parameters if a != "weight"]
        return list(dict.fromkeys(names))

    def variables(self, system: System) -> list[str]:
        """Variables of the law that it reads."""
        if self.amounts is None and self.whole is None:
            return [self.name]
        known = {*system.rules, *system.inputs}
        return [a for a in self.arguments() if a in known and a not in self.columns]

    def __repr__(self) -> str:
        return f"<measure {self.name} of {self.entity}>"


# --- measures of any variable -------------------------------------------------------------------------------------


def total(sim: Simulation, variable: str) -> Measure:
    """Weighted total of a variable."""
    found = sim.system.variable(variable)
    if getattr(found, "kind", "") in ("category", "code"):
        raise JaxsimError(f"{variable} is a category: a total of codes means nothing")
    return Measure(variable, found.entity.name)


def slopes(sim: Simulation, variable: str, parameters: str | Iterable[str]) -> Measure:
    """Derivatives of a weighted total with respect to every cell of some parameters, by name of the cell.

    Plain derivatives: they do not see steps.
    """
    from jaxsim.gradients import _prefixes

    total(sim, variable)
    within = sim.parameters.select(_prefixes(sim, parameters))
    read = set().union(*(sim.system.leaves_read(n, sim.parameters) for n in sim.system.order((variable,))
                         if n in sim.system.rules))  # fmt: skip
    paths = tuple(p for p in within.paths() if p in read)
    if not paths:
        raise ParameterError(f"{variable} depends on no parameter at or below {parameters}")
    cells = tuple(c for p in paths for c in sim.law[p].cell_names())
    return Measure(variable, sim.system.variable(variable).entity.name, slopes=paths, labels=cells)


def change(sim: Simulation, variable: str, name: str = "") -> Measure:
    """Weighted total of what a variable has more than under the simulation's own law, row by row.

    Rows that do not change add no rounding error, so in float32 it is far more exact than a difference of totals.
    """
    found = sim.system.variable(variable)
    return Measure(
        name or f"change of {variable}",
        found.entity.name,
        amounts=renamed(lambda now, before: now - before, variable, f"baseline_{variable}"),
    )


def renamed(function: Callable[..., Any], *names: str) -> Callable[..., Any]:
    """The function with arguments of other names: one object for each use, so that compiled programs are shared."""
    key = (function.__code__, names)
    if key not in _RENAMED:

        def call(**values: Any) -> Any:
            return function(*(values[n] for n in names))

        call.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [inspect.Parameter(n, inspect.Parameter.POSITIONAL_OR_KEYWORD) for n in names]
        )
        _RENAMED[key] = call
    return _RENAMED[key]


_RENAMED: dict[Any, Callable[..., Any]] = {}


def resolve(sim: Simulation, wanted: Any) -> tuple[Measure, ...]:
    """Measures from names of variables or in `named_measures.NAMED`, functions of columns, or measures; one or several.

    A function is a measure by its own name: with an argument `weight` of whole columns, otherwise of amounts that are
    added up.
    """
    several = [wanted] if isinstance(wanted, (str, Measure)) or callable(wanted) else list(wanted)
    if not several:
        raise JaxsimError("name at least one outcome, e.g. 'income_tax' or 'gini'")
    found = tuple(_one(sim, w) for w in several)
    names = [n for m in found for n in m.names]
    again = [n for n in names if names.count(n) > 1]
    if again:
        raise JaxsimError(f"the outcome {again[0]!r} is given twice")
    return found


def _one(sim: Simulation, wanted: Any) -> Measure:
    from jaxsim.named_measures import NAMED

    if isinstance(wanted, str):
        if wanted in sim.system.rules or wanted in sim.system.inputs:
            return total(sim, wanted)
        if wanted not in NAMED:
            known = [*NAMED, *sim.system.rules, *sim.system.inputs]
            raise JaxsimError(f"unknown outcome {wanted!r}.{nearest(wanted, known)}")
        made = NAMED[wanted][1]
        return made if isinstance(made, Measure) else made(sim)
    if callable(wanted) and not isinstance(wanted, Measure):
        names = list(inspect.signature(wanted).parameters)
        entities = {
            sim.system.variable(n).entity.name for n in names if n in sim.system.rules or n in sim.system.inputs
        }
        if len(entities) != 1:
            raise JaxsimError(
                f"outcome {wanted.__name__}: its arguments are of {' and '.join(sorted(entities)) or 'no entity'}; "
                "they must be variables of one"
            )
        whole = "weight" in names
        wanted = Measure(wanted.__name__, entities.pop(), **{"whole" if whole else "amounts": wanted})
    if not isinstance(wanted, Measure):
        raise JaxsimError(f"an outcome is a name, a function of columns or a Measure, not {wanted!r}")
    if wanted.entity not in sim.system.entities:
        raise JaxsimError(f"measure {wanted.name!r}: unknown entity {wanted.entity!r}")
    variables = wanted.variables(sim.system)
    for name in variables:
        of = sim.system.variable(name).entity.name
        if of != wanted.entity:
            raise JaxsimError(f"measure {wanted.name!r} of {wanted.entity} reads {name} of {of}")
    for name in wanted.arguments():
        there = name in variables or name in wanted.columns or name in FACTS or name.startswith("baseline_")
        if not there:
            options = [*sim.system.rules, *sim.system.inputs, *FACTS]
            raise JaxsimError(f"measure {wanted.name!r} reads unknown {name!r}.{nearest(name, options)}")
        before = name.removeprefix("baseline_")
        if before != name and name not in wanted.columns:
            of = sim.system.variable(before, f"measure {wanted.name} ").entity.name
            if of != wanted.entity:
                raise JaxsimError(f"measure {wanted.name!r} of {wanted.entity} reads {name} of {of}")
    for name, column in wanted.columns.items():
        if np.shape(column) != (sim.population.count(wanted.entity),):
            raise JaxsimError(
                f"measure {wanted.name!r}: column {name!r} has shape {np.shape(column)}, "
                f"not one value for each of {sim.population.count(wanted.entity):,} rows of {wanted.entity}"
            )
    return wanted


# --- facts: columns beside the variables of the law --------------------------------------------------------------


def _count_persons(sim: Simulation, entity: str, columns: Any) -> np.ndarray:
    return sim.map_to(np.ones(sim.population.count("person")), "person", entity)


def _count_children(sim: Simulation, entity: str, columns: Any) -> np.ndarray:
    return sim.map_to((sim.population.tables["person"]["age"] < 18).astype(np.float64), "person", entity)


def _poverty_line(sim: Simulation, entity: str, columns: Any) -> np.ndarray:
    """HHS guideline of the contiguous states for the number of persons, as the law of the year has it."""
    guideline = sim.parameters["hhs.poverty_guideline.at_open_enrollment"]
    return guideline.first_person[0] + guideline.further_person[0] * (_count_persons(sim, entity, columns) - 1)


def _decile(sim: Simulation, entity: str, columns: Any) -> np.ndarray:
    """Decile of the row's household on baseline equivalised after-tax income, persons counted."""
    persons = _count_persons(sim, "household", columns)
    with precision("float64"):
        equivalised = outcomes.equivalised(jnp.asarray(columns[INCOME], float), jnp.asarray(persons))
        rank = np.asarray(outcomes.decile(equivalised, jnp.asarray(sim.weights("household") * persons)))
    return sim.map_to(rank.astype(np.float64), "household", entity)


FACTS: dict[str, Callable[[Any, str, Any], np.ndarray]] = {
    "persons": _count_persons,
    "children": _count_children,
    "poverty_line": _poverty_line,
    "decile": _decile,
}
"""Columns of a population by name: what makes them of a simulation, an entity and columns of the baseline."""


def baseline_variables(sim: Simulation, measures: Iterable[Measure]) -> set[str]:
    """Variables whose values under the simulation's own law the columns of `facts` are made of."""
    names = [name for m, name in _beside(sim, measures).values() if name not in m.columns]
    found = {name.removeprefix("baseline_") for name in names if name not in FACTS}
    return found | ({INCOME} if "decile" in names else set())


def facts(
    sim: Simulation, measures: Iterable[Measure], columns: Mapping[str, np.ndarray]
) -> dict[str, tuple[str, np.ndarray]]:
    """Entity and values, in the population's order, of the columns beside variables, by key in a block.

    Args:
        sim: the simulation.
        measures: what is asked.
        columns: values of the `baseline_variables`.
    """
    found: dict[str, tuple[str, np.ndarray]] = {}
    for key, (m, name) in _beside(sim, measures).items():
        if name in m.columns:
            values = np.asarray(m.columns[name], dtype=np.float64)
        elif name in FACTS:
            values = FACTS[name](sim, m.entity, columns)
        else:
            values = columns[name.removeprefix("baseline_")]
        found[key] = m.entity, values
    return found


def _beside(sim: Simulation, measures: Iterable[Measure]) -> dict[str, tuple[Measure, str]]:
    """Measure and name of each column beside variables, by key in a block."""
    pairs = [(m, name) for m in measures for name in m.arguments() if name not in m.variables(sim.system)]
    return {_key(m, name): (m, name) for m, name in pairs}


def _key(m: Measure, name: str) -> str:
    return f"{m.name}:{name}" if name in m.columns else f"{m.entity}:{name}"


# --- evaluation: pure, to be traced ------------------------------------------------------------------------------


def targets_of(system: System, measures: Iterable[Measure]) -> tuple[str, ...]:
    """Variables that the measures read, each once."""
    return tuple(dict.fromkeys(name for m in measures for name in m.variables(system)))


def sums(
    system: System,
    measures: tuple[Measure, ...],
    parameters: Parameters,
    block: Block,
    reduce: Callable[[Any], Any] = numerics.total,
) -> tuple[list[Any], list[dict[str, Any]]]:
    """What a block adds: weighted sums of the additive measures, and the columns that whole ones read.

    Args:
        system: the rules.
        measures: what is asked.
        parameters: values in force.
        block: the population, with the columns of `facts`.
        reduce: how weighted amounts [rows] are added up.

    Returns:
        Reduced amounts, those of a measure's `over` last; and for each whole measure its columns and `weight`.
    """
    values = system.evaluate(targets_of(system, measures), parameters, block)
    added: list[Any] = []
    kept: list[dict[str, Any]] = []
    for m in measures:
        weight = block.weights[m.entity]
        if m.slopes:
            slope = _slopes(system, m, parameters, block)
            added += [reduce(jnp.reshape(cell, (1,))) for cell in jnp.split(slope, len(m.labels))]
            continue
        read = m.variables(system)
        columns = {a: values[a] if a in read else block.columns[_key(m, a)] for a in m.arguments()}
        if m.whole is not None:
            kept.append({**columns, "weight": weight})
            continue
        parts = [values[m.name]] if m.amounts is None else _call(m.amounts, columns)
        if len(parts) != len(m.names):
            raise JaxsimError(f"measure {m.name!r} gives {len(parts)} figures where {len(m.names)} are named")
        if m.over is not None:
            parts = [*parts, *_call(m.over, columns)]
        added += [reduce(jnp.broadcast_to(part, weight.shape) * weight) for part in parts]
    return added, kept


def _call(function: Callable[..., Any], columns: Mapping[str, Any]) -> list[Any]:
    """What a function makes of the columns it names, as a list of amounts."""
    made = function(**{a: columns[a] for a in inspect.signature(function).parameters})
    return list(made) if isinstance(made, (list, tuple)) else [made]


def _slopes(system: System, m: Measure, parameters: Parameters, block: Block) -> Any:
    def value(chosen: Mapping[str, Any]) -> Any:
        amounts = system.evaluate([m.name], parameters.replace(chosen), block)[m.name]
        return numerics.total(amounts * block.weights[m.entity])

    slope = jax.grad(value)({path: parameters[path] for path in m.slopes})
    return jnp.concatenate([jnp.ravel(slope[path]) for path in m.slopes])


def finish(measures: tuple[Measure, ...], added: Any, whole: Any) -> Any:
    """Figures [..., figures] from sums [..., sums] and the figures of whole measures, each [..., figures].

    NumPy for NumPy, traced for traced.
    """
    xp = jnp if isinstance(added, jax.Array) else np
    divide = safe_div if xp is jnp else lambda a, b: np.divide(a, b, out=np.zeros_like(a), where=b != 0)
    out, at, whole = [], 0, iter(whole)
    for m in measures:
        if not m.additive:
            out.append(next(whole))
            continue
        parts = added[..., at : at + len(m.names)]
        at += len(m.names)
        if m.over is not None:
            parts = divide(parts, xp.broadcast_to(added[..., at : at + 1], parts.shape))
            at += 1
        out.append(parts)
    return xp.concatenate(out, axis=-1)


def figures(m: Measure, columns: Mapping[str, Any]) -> Any:
    """The figures of a whole measure, [figures]."""
    assert m.whole is not None
    made = jnp.ravel(jnp.asarray(m.whole(**columns)))
    if made.shape != (len(m.names),):
        raise JaxsimError(f"measure {m.name!r} gives {made.size} figures where {len(m.names)} are named")
    return made


def evaluate(
    system: System,
    measures: tuple[Measure, ...],
    parameters: Parameters,
    population: Block,
    widths: Any = None,
    kinks: bool = False,
) -> jax.Array:
    """All figures under one law, [figures]: pure and differentiable. Stacked blocks are walked through."""
    from jaxsim import program

    def body(block: Block) -> Any:
        with numerics.smoothing(widths, kinks):
            added, kept = sums(system, measures, parameters, block)
        return (jnp.stack(added) if added else jnp.zeros(0)), kept

    if next(iter(population.weights.values())).ndim == 1:
        added, kept = body(population)
    else:
        stacked, kept = program.walk(body, population, combine=False)
        added = stacked.sum(0)
        kept = jax.tree.map(jnp.ravel, kept)
    with numerics.smoothing(widths, kinks):
        whole = [figures(m, c) for m, c in zip([m for m in measures if not m.additive], kept, strict=True)]
    return finish(measures, added, whole)
