"""Rules, the graph they form by argument name, and the pure function built from it. Knows no country.

A rule is a small pure function over arrays. Its arguments are other variables by name; the subtree of parameters it
reads is named in the decorator. `System` collects the rules of a country, finds the ancestors of what is asked and
evaluates only those, in order, on a `Block` of a population.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType, ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxsim.errors import RuleError, nearest
from jaxsim.parameters import Law, Parameters


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
    light: bool = False  # cheaper to compute again for every use than to keep
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
        return segment_sum(_rows(x, block.count(child)), block.link(child, to), block.count(to))

    return _crossing(name, of, to, label, unit, reference, function, f"{to.name}_of_{child.name}")


def from_group(name: str, of: str, *, parent: Entity, to: Entity, label: str, unit: str = "USD/year") -> Rule:
    """A variable of members: the value of the group they belong to."""
    link = f"{parent.name}_of_{to.name}"
    return _crossing(
        name, of, to, label, unit, "", lambda block, x: _rows(x, block.count(parent))[..., block.link(to, parent)], link
    )


def _slice(x: Any, start: int, end: int) -> Any:
    """Rows of a column; a scalar, which stands for all rows, as it is."""
    return x[..., start:end] if jnp.ndim(x) else x


def _rows(x: Any, count: int) -> Any:
    """A scalar written out as rows; a column as it is."""
    return x if jnp.ndim(x) else jnp.broadcast_to(x, (count,))


def segment_sum(x: Any, segments: Any, count: int) -> Any:
    """Sum of rows by segment.

    On a CPU the rows of a segment are added in order. On a GPU the order may change from run to run, and with it the
    last digits, unless XLA is run with `--xla_gpu_deterministic_ops=true`.
    """
    return jax.ops.segment_sum(x, segments, count)


class System:
    """The rules and inputs of a country."""

    def __init__(self, name: str, entities: Iterable[Entity], inputs: Iterable[Input], rules: Iterable[Rule]):
        self.name = name
        self.entities = {e.name: e for e in entities}
        self.inputs = {i.name: i for i in inputs}
        self.rules: dict[str, Rule] = {}
        self._leaves_read: dict[str, frozenset[str]] = {}
        for r in rules:
            if r.name in self.rules:
                raise RuleError(f"{r.name} is defined twice, in {self.rules[r.name].module} and {r.module}")
            if r.name in self.inputs:
                raise RuleError(f"{r.name} in {r.module} has the name of an input")
            self.rules[r.name] = r
        self._check()

    def _check(self) -> None:
        for r in self.rules.values():
            for argument in r.arguments:
                other = self.variable(argument, f"rule {r.name} ({r.module})")
                if not r.crossing and other.entity is not r.entity:
                    raise RuleError(
                        f"rule {r.name} of {r.entity} takes {argument} of {other.entity}: cross entities explicitly, "
                        "with sum_of_filers, of_head, of_spouse, sum_over_members or from_group"
                    )
        self.order(self.rules)

    def variable(self, name: str, asked_by: str = "") -> Rule | Input:
        """The rule or input of that name."""
        found = self.rules.get(name) or self.inputs.get(name)
        if found is None:
            who = f"{asked_by} takes " if asked_by else ""
            raise RuleError(f"{who}unknown variable {name!r}.{nearest(name, [*self.rules, *self.inputs])}")
        return found

    def order(self, targets: Iterable[str]) -> list[str]:
        """Targets and all their ancestors, each after what it depends on."""
        done: dict[str, bool] = {}
        result: list[str] = []

        def visit(name: str, path: tuple[str, ...]) -> None:
            if done.get(name):
                return
            if name in done:
                raise RuleError(f"rules depend on each other in a circle: {' <- '.join((*path, name))}")
            done[name] = False
            if name in self.rules:
                for argument in self.rules[name].arguments:
                    visit(argument, (*path, name))
            done[name] = True
            result.append(name)

        for target in targets:
            self.variable(target)
            visit(target, ())
        return result

    def inputs_of(self, targets: Iterable[str]) -> list[str]:
        return [name for name in self.order(targets) if name in self.inputs]

    def links_of(self, targets: Iterable[str]) -> list[str]:
        """Names of the links between entities that the targets' crossings read."""
        return sorted({self.rules[name].link for name in self.order(targets) if name in self.rules} - {""})

    def needs_members(self, targets: Iterable[str]) -> bool:
        """Whether persons other than the filers matter to the targets."""
        return any(link.endswith("_of_person") for link in self.links_of(targets)) or any(
            self.variable(t).entity.name == "person" for t in targets
        )

    def parameter_prefixes(self, targets: Iterable[str]) -> list[str]:
        """Paths of the parameter subtrees that the targets' rules read."""
        prefixes = (path for name in self.order(targets) if name in self.rules
                    for path in self.rules[name].parameters.values())  # fmt: skip
        return sorted(set(prefixes))

    def leaves_read(self, name: str, parameters: Parameters) -> frozenset[str]:
        """Paths of the parameters that a rule really reads: found by tracing it once on empty shapes."""
        if name not in self._leaves_read:
            r = self.rules[name]
            seen: set[str] = set()
            if r.parameters:
                shapes = [jax.ShapeDtypeStruct((1,), self._example_dtype(a)) for a in r.arguments]
                trees = {key: _Watched(parameters[path], path, seen) for key, path in r.parameters.items()}
                jax.eval_shape(lambda *a: r.function(**dict(zip(r.arguments, a, strict=True)), **trees), *shapes)
            self._leaves_read[name] = frozenset(seen)
        return self._leaves_read[name]

    def _example_dtype(self, name: str) -> Any:
        return np.int8 if getattr(self.variable(name), "kind", "") == "category" else np.float32

    def evaluate(self, targets: Iterable[str], parameters: Parameters, block: Block) -> dict[str, Any]:
        """Values of the targets on a block: pure, to be traced.

        Args:
            targets: names of variables.
            parameters: a tree that holds at least what the targets' rules read, for one year.
            block: the population.
        """
        targets = list(targets)
        values: dict[str, Any] = {}
        one = hidden_one(block)
        order = self.order(targets)
        uses = Counter(a for name in order if name in self.rules for a in self.rules[name].arguments)
        for name in order:
            if name in self.inputs:
                values[name] = block.columns[name]
                continue
            r = self.rules[name]
            arguments = [values[a] for a in r.arguments]
            with jax.named_scope(name):
                if r.crossing:
                    value = r.function(block, *arguments)
                else:
                    trees = {key: parameters[path] for key, path in r.parameters.items()}
                    value = jnp.asarray(r.function(**dict(zip(r.arguments, arguments, strict=True)), **trees))
                values[name] = seam(value, one) if uses[name] > 1 and not r.light else value
        return {name: _rows(values[name], block.count(self.variable(name).entity)) for name in targets}

    def with_rules(self, *rules: Rule) -> System:
        """A system where these rules replace those of the same name, or are added."""
        changed = {**self.rules, **{r.name: r for r in rules}}
        inputs = [i for i in self.inputs.values() if i.name not in changed]
        return System(self.name, self.entities.values(), inputs, changed.values())


def seam(x: Any, one: Any) -> Any:
    """`x / one`: the same number, at a place where the compiler does not fuse across.

    XLA fuses elementwise code by computing it again for every consumer. A variable that several rules use, in
    reverse mode the adjoints among them, is then computed many times over, and the repeated work grows with the
    depth of the law. A division is dear enough that XLA keeps its result instead, and by a 1 that the compiler cannot
    see through it is exact. (`optimization_barrier` is dropped before fusion on a CPU.)
    """
    return x / one


def hidden_one(block: Block) -> Any:
    """The number 1, as far as the compiler can tell a matter of the data: weights are never negative."""
    weight = next(iter(block.weights.values()))[..., 0]
    return jnp.where(weight >= 0, jnp.ones_like(weight), 2 * jnp.ones_like(weight))


class _Watched:
    """Parameters that note which leaves are read."""

    def __init__(self, node: Any, path: str, seen: set[str]):
        self._node, self._path, self._seen = node, path, seen

    def __getattr__(self, name: str) -> Any:
        child, path = getattr(self._node, name), f"{self._path}.{name}"
        if isinstance(child, Parameters):
            return _Watched(child, path, self._seen)
        self._seen.add(path)
        return child


def collect(package: ModuleType, option: str = "") -> list[Rule]:
    """All rules in the modules of a package: a new file needs no registration.

    A module that names an `OPTION` holds rules that replace others when the option is asked for: it is left out,
    or with `option` only such modules are read.
    """
    found: dict[int, Rule] = {}
    modules = [package] + [
        importlib.import_module(info.name) for info in pkgutil.walk_packages(package.__path__, package.__name__ + ".")
    ]
    for module in modules:
        if getattr(module, "OPTION", "") != option:
            continue
        for value in vars(module).values():
            for one in value if isinstance(value, tuple) else (value,):
                if isinstance(one, Rule) and one.module == module.__name__:
                    found[id(one)] = one
    return list(found.values())


def law_check(system: System, law: Law) -> None:
    """Every parameter path that a rule names exists."""
    for r in system.rules.values():
        for path in r.parameters.values():
            if not any(p == path or p.startswith(path + ".") for p in law.leaves):
                raise RuleError(f"rule {r.name} reads unknown parameter {path!r}.{nearest(path, law.leaves)}")


def as_dtype(tree: Any, dtype: Any) -> Any:
    """Floating leaves cast to a float type, on the host."""

    def cast(leaf: Any) -> Any:
        leaf = np.asarray(leaf)
        return leaf.astype(dtype) if np.issubdtype(leaf.dtype, np.floating) else leaf

    return jax.tree.map(cast, tree)
