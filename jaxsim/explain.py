"""How a number comes about: walked back through rules, values, parameters and citations."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxsim.engine import Rule
from jaxsim.errors import JaxsimError

if TYPE_CHECKING:
    from jaxsim.simulation import Simulation


@dataclass(frozen=True)
class Explanation:
    """One variable of one household, and the same for each variable it was computed from.

    Attributes:
        name: the variable.
        label: what it is.
        value: its value for each unit of its entity in the household.
        unit: unit of the value.
        reference: section of law.
        parameters: values in force that the rule read, with their citation, by path.
        sources: explanations of the rule's arguments.
    """

    name: str
    label: str
    value: tuple[Any, ...]
    unit: str
    reference: str
    parameters: dict[str, tuple[Any, str]]
    sources: tuple[Explanation, ...] = field(repr=False)

    def lines(self, depth: int | None = None, _level: int = 0, _seen: set[str] | None = None) -> list[tuple[int, str]]:
        """(indent, text) of each line; a variable already told is only named again, and a zero made of zeros is not
        walked further back."""
        seen = set() if _seen is None else _seen
        values = ", ".join(_show(v, self.unit) for v in self.value)
        told = self.name in seen
        law = f"  [{self.reference}]" if self.reference and not told else ""
        out = [(_level, f"{self.name} = {values}  {'(see above)' if told else self.label}{law}")]
        if told or (depth is not None and _level >= depth):
            return out
        seen.add(self.name)
        if _level and self.sources and self.is_zero and all(source.is_zero for source in self.sources):
            return out
        for path, (value, citation) in self.parameters.items():
            out.append((_level + 1, f"parameter {path} = {value}  [{citation}]"))
        for source in self.sources:
            out += source.lines(depth, _level + 1, seen)
        return out

    @property
    def is_zero(self) -> bool:
        """An amount of nothing in every unit."""
        return all(not isinstance(v, str) and v == 0 for v in self.value)

    def __str__(self) -> str:
        return "\n".join("  " * level + text for level, text in self.lines())

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        from html import escape

        rows = "".join(
            f'<div style="margin-left:{1.2 * level}em;font-family:monospace">{escape(text)}</div>'
            for level, text in self.lines()
        )
        return f"<div>{rows}</div>"


def _show(value: Any, unit: str) -> str:
    if isinstance(value, str):
        return value
    if unit.startswith("USD"):
        return f"{value + 0.0:,.2f}"  # no minus sign on zero
    return f"{value:g}"


def explain(sim: Simulation, variable: str, household: int | None = None, unit: int | None = None) -> Explanation:
    """Explain a variable of one household.

    Args:
        sim: the simulation.
        variable: name of a variable.
        household: household id; the first household by default.
        unit: id of one unit of the variable's entity; all of the household by default. Names the household if
            `household` is left out.
    """
    sim._check((variable,))
    entity = sim.system.variable(variable).entity.name
    ids = sim.population.tables["household"]["household_id"]
    if household is None and unit is not None:
        own = sim.population.tables[entity][f"{entity}_id"]
        if unit not in own:
            raise JaxsimError(f"there is no {entity} {unit}")
        row = int(np.flatnonzero(own == unit)[0])
        home = row if entity == "household" else sim.population.links[f"household_of_{entity}"][row]
        household = int(ids[home])
    if household is None:
        household = int(ids[0])
    found = np.flatnonzero(ids == household)
    if not len(found):
        raise JaxsimError(f"there is no household {household}: ids run from {ids.min()} to {ids.max()}")
    alone = sim._copy(population=sim.population.only_household(int(found[0])))
    order = tuple(sim.system.order((variable,)))
    values = alone.columns(*order)
    if unit is not None:
        keep = alone.population.tables[entity][f"{entity}_id"] == unit
        if not keep.any():
            raise JaxsimError(f"{entity} {unit} is not in household {household}")
        values[variable] = values[variable][keep]
    made: dict[str, Explanation] = {}
    for name in order:
        item = sim.system.variable(name)
        shown = values[name].tolist()
        if isinstance(item, Rule):
            made[name] = Explanation(
                name, item.label, tuple(shown), item.unit, item.reference, _parameters(sim, item),
                tuple(made[a] for a in item.arguments),
            )  # fmt: skip
        else:
            if item.categories:
                shown = [item.categories[int(v)] for v in shown]
            given = "" if name in sim.population.provided else " (default: not in the data)"
            made[name] = Explanation(name, item.label + given, tuple(shown), item.unit, "", {}, ())
    return made[variable]


def _parameters(sim: Simulation, rule: Rule) -> dict[str, tuple[Any, str]]:
    tree = sim.parameters
    result = {}
    for path in sorted(sim.system.leaves_read(rule.name, tree)):
        leaf = sim.law[path]
        value = tree[path]
        if leaf.dims:
            cells = zip(leaf.cell_names(), np.ravel(value), strict=True)
            shown = ", ".join(f"{name[len(path) + 1 :]} {v:,g}" for name, v in cells)
        else:
            shown = f"{float(value):,g}"
        result[path] = (shown, leaf.reference[0][0])
    return result
