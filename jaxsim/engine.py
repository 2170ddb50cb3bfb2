"""The graph that rules form by argument name, and the pure function built from it. Knows no country.

`System` collects the rules of a country, finds the ancestors of what is asked and evaluates only those, in order, on a
`Block` of a population. What rules are made of stands in `variables` and is named here too: this module is all that a
file of rules imports.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections import Counter
from collections.abc import Iterable
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxsim.errors import RuleError, nearest
from jaxsim.parameters import Law, Parameters
from jaxsim.variables import (
    Block,
    Entity,
    Input,
    Rule,
    from_group,
    of_head,
    of_spouse,
    rows,
    rule,
    same_law,
    segment_sum,
    sum_of_filers,
    sum_over_members,
)

__all__ = [
    "Block",
    "Entity",
    "Input",
    "Rule",
    "System",
    "as_dtype",
    "collect",
    "from_group",
    "law_check",
    "of_head",
    "of_spouse",
    "rule",
    "same_law",
    "segment_sum",
    "sum_of_filers",
    "sum_over_members",
]


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

    def dependents(self, targets: Iterable[str], paths: Iterable[str], parameters: Parameters) -> frozenset[str]:
        """The targets' rules that depend on some parameters, by reading one or through their arguments."""
        paths, found = set(paths), set[str]()
        for name in self.order(targets):
            if name in self.rules:
                r = self.rules[name]
                if found.intersection(r.arguments) or (r.parameters and paths & self.leaves_read(name, parameters)):
                    found.add(name)
        return frozenset(found)

    def given(self, known: Iterable[str]) -> System:
        """What is left to compute where some variables are known: they become inputs."""
        found = {name: self.rules[name] for name in known}
        inputs = [Input(r.name, r.entity, r.label, r.unit) for r in found.values()]
        rules = [r for name, r in self.rules.items() if name not in found]
        smaller = System(self.name, self.entities.values(), [*self.inputs.values(), *inputs], rules)
        smaller._leaves_read = self._leaves_read
        return smaller

    def _example_dtype(self, name: str) -> Any:
        return np.int8 if getattr(self.variable(name), "kind", "") == "category" else np.float32

    def evaluate(
        self, targets: Iterable[str], parameters: Parameters, block: Block, scalars: bool = False
    ) -> dict[str, Any]:
        """Values of the targets on a block: pure, to be traced.

        Args:
            targets: names of variables.
            parameters: a tree that holds at least what the targets' rules read, for one year.
            block: the population.
            scalars: leave a value that is the same in every row a scalar.
        """
        targets = list(targets)
        values: dict[str, Any] = {}
        one = hidden_one(block, parameters)
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
                values[name] = seam(value, one) if uses[name] > 1 else value
        if scalars:
            return {name: values[name] for name in targets}
        return {name: rows(values[name], block.count(self.variable(name).entity)) for name in targets}

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


def hidden_one(block: Block, parameters: Parameters) -> Any:
    """The number 1, as far as the compiler can tell a matter of the data: weights are never negative.

    Where a caller's program holds the population as a constant, the compiler can tell, so parameters that the program
    takes as arguments stand in: they equal themselves unless they are not numbers.
    """
    weights = next(iter(block.weights.values()))
    weight = weights[..., 0]
    sound = weight >= 0
    if not isinstance(weights, jax.core.Tracer):
        for leaf in jax.tree.leaves((parameters, block.columns)):
            if isinstance(leaf, jax.core.Tracer):
                first = jnp.ravel(jax.lax.stop_gradient(leaf))[0]
                sound = sound & (first == first)
    return jnp.where(sound, jnp.ones_like(weight), 2 * jnp.ones_like(weight))


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
