"""What a variable is and how it is declared: inputs, rules, and the crossings between entities. Knows no country.

A rule is a small pure function over arrays. Its arguments are other variables by name; the subtree of parameters it
reads is named in the decorator. Between entities one crosses by a declared sum or look-up.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxsim.errors import RuleError


@dataclass(frozen=True)
class Entity:
    """A kind of unit: the person, or a group of persons within one household."""

    name: str
    plural: str

    def __repr__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Input:
    """A column that data supplies.

    `kind` is how it is stored and checked: "money", "age", "count" and "flag" are floats in rules, "category" an
    integer code into `categories`. `low` and `high` bound the valid values. Money of a group may be given on
    persons: it is summed over the group.
    """

    name: str
    entity: Entity
    label: str
    unit: str
    kind: str = "money"
    default: float = 0.0
    low: float = -1e12
    high: float = 1e12
    categories: tuple[str, ...] = ()

    def dtype(self, floating: Any) -> Any:
        """Type of its column: categories and codes are small integers, all else the given float type."""
        return np.int8 if self.kind == "category" else np.int32 if self.kind == "code" else floating


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Block:
    """A population, or a block of whole households, laid out for compute: a pytree of arrays.

    Persons stand as all heads of tax units, then all their spouses (a row each, empty where there is none), then
    dependents: a sum over the filers of a unit is a sum of two slices. Groups are sorted by household. Padding rows
    have weight 0.

    Attributes:
        columns: inputs by name, [persons] or [units of the entity]; a scalar where every row has the same value.
        links: for (child entity, parent entity) names joined by "_of_": parent row of each child row, int32.
        weights: household weight carried to each entity's rows, by entity name; 0 on padding and empty rows.
    """

    columns: dict[str, Any]
    links: dict[str, Any]
    weights: dict[str, Any]

    def link(self, child: Entity, parent: Entity) -> Any:
        return self.links[f"{parent.name}_of_{child.name}"]

    def count(self, entity: Entity) -> int:
        return self.weights[entity.name].shape[-1]


@dataclass(frozen=True, eq=False)
class Rule:
    """A variable computed by law. Call it like the function it wraps."""

    name: str
    entity: Entity
    function: Callable[..., Any]
    arguments: tuple[str, ...]
    parameters: Mapping[str, str]
    unit: str
    reference: str
    label: str
    crossing: bool = False
    link: str = ""  # the link that a crossing reads
    module: str = field(default="", compare=False)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<rule {self.name} of {self.entity}>"


def rule(
    entity: Entity,
    *,
    parameters: str | Mapping[str, str] | None = None,
    unit: str = "USD/year",
    reference: str = "",
    name: str | None = None,
) -> Callable[[Callable[..., Any]], Rule]:
    """Make a function a rule.

    Args:
        entity: whose variable it is; the arguments must be variables of the same entity.
        parameters: path of the subtree passed as argument `p`, or several paths by argument name.
        unit: unit of the result ("USD/year", "/1", "count", "flag", "year").
        reference: the section of law, e.g. "26 USC 24(b)(1)".
        name: name of the variable; the function's name by default.
    """

    def decorate(function: Callable[..., Any]) -> Rule:
        label = (inspect.getdoc(function) or "").split("\n\n")[0].replace("\n", " ")
        if not label:
            raise RuleError(f"rule {function.__name__} needs a docstring: its first line is its label")
        paths = {"p": parameters} if isinstance(parameters, str) else dict(parameters or {})
        arguments = tuple(inspect.signature(function).parameters)
        unknown = set(paths) - set(arguments)
        if unknown:
            raise RuleError(f"rule {function.__name__} has parameters for {sorted(unknown)} but no such argument")
        return Rule(
            name=name or function.__name__,
            entity=entity,
            function=function,
            arguments=tuple(a for a in arguments if a not in paths),
            parameters=MappingProxyType(paths),
            unit=unit,
            reference=reference,
            label=label,
            module=function.__module__,
        )

    return decorate


def same_law(law: Rule, name: str, *, label: str, reference: str = "", **instead: str) -> Rule:
    """Another variable by the law of a rule: the same function, where it reads other variables.

    Args:
        law: the rule.
        name: name of the new variable.
        label: its label.
        reference: its section of law; that of the rule by default.
        instead: for some arguments of the rule, the variables read in their place.
    """
    missing = set(instead) - set(law.arguments)
    if missing:
        raise RuleError(f"{name} by the law of {law.name}, which does not read {', '.join(sorted(missing))}")
    read = {argument: instead.get(argument, argument) for argument in law.arguments}

    def function(**values: Any) -> Any:
        arguments = {argument: values[variable] for argument, variable in read.items()}
        return law.function(**arguments, **{key: values[key] for key in law.parameters})

    function.__doc__ = label + "."
    module = sys._getframe(1).f_globals["__name__"]
    arguments = tuple(dict.fromkeys(read.values()))
    return replace(
        law,
        name=name,
        function=function,
        arguments=arguments,
        label=label,
        reference=reference or law.reference,
        module=module,
    )


def _crossing(
    name: str,
    of: str,
    entity: Entity,
    label: str,
    unit: str,
    reference: str,
    function: Callable[[Block, Any], Any],
    link: str = "",
) -> Rule:
    caller = sys._getframe(2).f_globals["__name__"]
    return Rule(
        name=name,
        entity=entity,
        function=function,
        arguments=(of,),
        parameters=MappingProxyType({}),
        unit=unit,
        reference=reference,
        label=label,
        crossing=True,
        link=link,
        module=caller,
    )


def sum_of_filers(
    name: str, of: str, *, to: Entity, label: str, unit: str = "USD/year", reference: str = "26 USC 6013(d)(3)"
) -> Rule:
    """A variable of the tax unit: the sum of a person's variable over head and spouse."""

    def function(block: Block, x: Any) -> Any:
        units = block.count(to)
        return _slice(x, 0, units) + _slice(x, units, 2 * units)

    return _crossing(name, of, to, label, unit, reference, function)


def of_head(name: str, of: str, *, to: Entity, label: str, unit: str = "USD/year", reference: str = "") -> Rule:
    """A variable of the tax unit: the head's value of a person's variable."""
    return _crossing(name, of, to, label, unit, reference, lambda block, x: _slice(x, 0, block.count(to)))


def of_spouse(name: str, of: str, *, to: Entity, label: str, unit: str = "USD/year", reference: str = "") -> Rule:
    """A variable of the tax unit: the spouse's value of a person's variable (its default where there is none)."""
    return _crossing(
        name, of, to, label, unit, reference, lambda block, x: _slice(x, block.count(to), 2 * block.count(to))
    )


def sum_over_members(
    name: str, of: str, *, child: Entity, to: Entity, label: str, unit: str = "USD/year", reference: str = ""
) -> Rule:
    """A variable of a group: the sum over its members (persons, or units nested in it)."""

    def function(block: Block, x: Any) -> Any:
        return segment_sum(rows(x, block.count(child)), block.link(child, to), block.count(to))

    return _crossing(name, of, to, label, unit, reference, function, f"{to.name}_of_{child.name}")


def from_group(name: str, of: str, *, parent: Entity, to: Entity, label: str, unit: str = "USD/year") -> Rule:
    """A variable of members: the value of the group they belong to."""
    link = f"{parent.name}_of_{to.name}"
    return _crossing(
        name, of, to, label, unit, "", lambda block, x: rows(x, block.count(parent))[..., block.link(to, parent)], link
    )


def _slice(x: Any, start: int, end: int) -> Any:
    """Rows of a column; a scalar, which stands for all rows, as it is."""
    return x[..., start:end] if jnp.ndim(x) else x


def rows(x: Any, count: int) -> Any:
    """A scalar written out as rows; a column as it is."""
    return x if jnp.ndim(x) else jnp.broadcast_to(x, (count,))


def segment_sum(x: Any, segments: Any, count: int) -> Any:
    """Sum of rows by segment.

    On a CPU the rows of a segment are added in order. On a GPU the order may change from run to run, and with it the
    last digits, unless XLA is run with `--xla_gpu_deterministic_ops=true`.
    """
    return jax.ops.segment_sum(x, segments, count)
