"""A population carried to another year: amounts by kind of income, weights by age, nothing counted twice.

Weights grow with the number of people of each age (Census Bureau), averaged over the members of a household. What one
person's amounts grow by is the growth of the national total of that kind, less the growth that the weights bring by
themselves. So totals follow the national accounts and people the Census. Ages stay as they are: a household stands
for households like it in the new year.
"""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jaxsim.data import growth
from jaxsim.data.growth import EDGES, KIND_OF, KINDS, OTHERWISE, PARTS
from jaxsim.errors import InputError
from jaxsim.population import WEIGHT, Population

NATIONAL = (0.8, 1.2)  # people over residents: within this a population stands for the nation
REPRESENTATIVE = 1e5  # people: below this, households stand for themselves and keep their weights
COMPARED = (2022, 2023, 2024)  # years with administrative totals

# Inputs whose sum an administrative total measures.
MEASURES = {
    "wages": ("employment_income",),
    "business": ("self_employment_income",),
    "taxable_interest": ("taxable_interest_income",),
    "tax_exempt_interest": ("tax_exempt_interest_income",),
    "ordinary_dividends": ("ordinary_dividend_income",),
    "qualified_dividends": ("qualified_dividend_income",),
    "capital_gains": ("short_term_capital_gains", "long_term_capital_gains", "capital_gain_distributions"),
    "ira_distributions": ("taxable_ira_distributions",),
    "pensions": ("pension_income",),
    "taxable_pensions": ("taxable_pension_income",),
    "partnerships_and_rents": ("rental_partnership_s_corp_income",),
    "unemployment": ("unemployment_compensation",),
    "social_security": ("social_security",),
    "medicare": ("medicare_value",),
    "snap": ("snap",),
}


def age_to(population: Population, year: int) -> Population:
    """The population as it would stand in another year.

    Args:
        population: a population of 2014 or later.
        year: 2014 to 2036.

    Returns:
        Amounts and weights of that year; ages and everything else as before. The weights of a population that stands
        for the nation add up to exactly the residents; those of a few households stay as they are. `card` gains
        "aged from", "growth of each person's amounts" and, for the nation, "aged CPS / administrative".

    Raises:
        InputError: a year without national totals.
    """
    if not isinstance(year, (int, np.integer)):
        raise InputError(f"year {year!r} is not a year")
    start, end = population.year, int(year)
    if start == end:
        return population
    path = growth_to(population, end)
    tables = {entity: dict(table) for entity, table in population.tables.items()}
    tables["household"][WEIGHT] = path.weights
    for table in tables.values():
        table.update(grown(table, {n: f for n, f in path.factors.items() if n in table}, path.rest))
    card: dict[str, Any] = {**population.card, "aged from": population.card.get("aged from", start)}
    card["growth of each person's amounts"] = {k: round(f, 4) for k, f in sorted(path.by_kind.items())}
    if _People(population).national(start):
        card["people"] = {
            "residents": float(growth.population()[end].sum()),
            "ratio beyond growth by age": path.spread,
        }
        if "aged CPS / administrative" not in card:
            card["aged CPS / administrative"] = administrative_ratios(population)
    return dataclasses.replace(population, tables=tables, year=end, card=card)


@dataclasses.dataclass(frozen=True)
class Growth:
    """What carries a population to another year.

    Attributes:
        weights: household weights of that year.
        factors: growth of a column's amounts, by input; of columns in PARTS: of the part.
        rest: growth of the rest of a column in PARTS.
        by_kind: growth of each person's amounts by kind of amount.
        spread: ratio of weights beyond growth by age that brings people to the residents.
    """

    weights: np.ndarray
    factors: Mapping[str, float]
    rest: Mapping[str, float]
    by_kind: Mapping[str, float]
    spread: float


def grown(columns: Mapping[str, Any], factors: Mapping[str, Any], rest: Mapping[str, Any]) -> dict[str, Any]:
    """The columns that have a factor, grown by it, NumPy or JAX; what a column in `rest` holds beside its part grows
    by that instead (see PARTS)."""
    after = {}
    for name, factor in factors.items():
        column = columns[name]
        if name in rest:
            part = columns[PARTS[name][0]]
            inside = column - (column - part) * (column > part)  # the lesser
            after[name] = inside * factor + (column - inside) * rest[name]
        else:
            after[name] = column * factor
    return after


def growth_to(population: Population, year: int) -> Growth:
    """Weights and growth of every column of amounts from the population's year to another (or the same: none)."""
    start, end = population.year, int(year)
    if start == end:
        columns = {name for table in population.tables.values() for name in table if name in _money()}
        return Growth(
            population.weights, dict.fromkeys(columns, 1.0), dict.fromkeys(columns & set(PARTS), 1.0), {}, 1.0
        )
    growth.check_year(start, f"{population.source}: year")
    growth.check_year(end, "year")
    weights, spread = _People(population).weights(start, end)
    by_kind: dict[str, float] = {}

    def factor(kind: str) -> float:
        if kind not in by_kind:
            by_kind[kind] = growth.growth_of_each(kind, start, end) / (1.0 if KINDS[kind].each else spread)
        return by_kind[kind]

    factors, rest = {}, {}
    for table in population.tables.values():
        for name, column in table.items():
            if name in _money() and column.any():
                kind = KIND_OF[PARTS[name][0]] if name in PARTS else KIND_OF.get(name, OTHERWISE)
                factors[name] = factor(kind)
                if name in PARTS:
                    rest[name] = factor(PARTS[name][1])
    return Growth(weights, factors, rest, by_kind, spread)


@functools.cache
def _money() -> frozenset[str]:
    from jaxsim.rules.us import system

    return frozenset(i.name for i in system().inputs.values() if i.kind == "money")


class _People:
    """The members of each household by age group."""

    def __init__(self, population: Population):
        home = population.links["household_of_person"]
        self.group = np.searchsorted(EDGES, population.tables["person"]["age"], side="right") - 1
        self.home, self.before = home, population.weights
        self.members = np.bincount(home, minlength=len(self.before)).astype(np.float64)
        self.total = float(self.before @ self.members)

    def national(self, year: int) -> bool:
        return NATIONAL[0] < self.total / growth.population()[year].sum() < NATIONAL[1]

    def shares(self, amounts: np.ndarray) -> np.ndarray:
        """Weighted household amounts spread over the members, by age group of the members, adding up to 1."""
        each = (self.before * amounts / self.members)[self.home]
        total = np.bincount(self.group, weights=each, minlength=len(EDGES))
        return total / total.sum()

    def weights(self, start: int, end: int) -> tuple[np.ndarray, float]:
        """Weights of the end year, and the one ratio beyond growth by age that brings people to the residents."""
        if self.total < REPRESENTATIVE:
            return self.before, 1.0
        each = growth.people_growth(start, end)[self.group]
        after = self.before * np.bincount(self.home, weights=each, minlength=len(self.before)) / self.members
        if not self.national(start):
            return after, 1.0
        ratio = float(growth.population()[end].sum() / (after @ self.members))
        return after * ratio, ratio


def household_sum(population: Population, name: str) -> np.ndarray:
    """An input summed to households, [households]."""
    for entity, table in population.tables.items():
        if name in table:
            if entity == "household":
                return table[name]
            at = population.links[f"household_of_{entity}"]
            return np.bincount(at, weights=table[name], minlength=population.count("household"))
    raise InputError(f"{population.source}: no input {name!r}")


def totals(population: Population) -> dict[str, float]:
    """Weighted totals of what administrative records measure, $ billion."""
    found = {}
    for item, inputs in MEASURES.items():
        amount = sum(float(household_sum(population, name) @ population.weights) for name in inputs)
        if amount:
            found[item] = amount / 1e9
    return found


def administrative_ratios(population: Population) -> dict[str, Any]:
    """Totals of the population, aged, over administrative totals, by item and year.

    IRS totals cover people who file, Social Security and Medicare totals beneficiaries abroad too: a ratio away from 1
    is a fact about the survey (thin high incomes, pensions under-reported), not about the ageing.
    """
    found: dict[str, Any] = {"residents": {}}
    for year in COMPARED:
        aged = population if population.year == year else _aged_plainly(population, year)
        people = aged.weights @ np.bincount(aged.links["household_of_person"], minlength=len(aged.weights))
        found["residents"][str(year)] = round(float(people / growth.population()[year].sum()), 4)
        for item, amount in totals(aged).items():
            known = growth.records()[item].get(year)
            if known:
                found.setdefault(item, {})[str(year)] = round(amount / known, 3)
    return found


def _aged_plainly(population: Population, year: int) -> Population:
    """Aged without the table of ratios, which needs it."""
    bare = dataclasses.replace(population, card={"aged CPS / administrative": {}})
    return age_to(bare, year)


def write_shares(population: Population, path: os.PathLike[str] | str) -> None:
    """Write facts/amounts_by_age.csv from a population of the base year."""
    people = _People(population)
    inputs: dict[str, list[str]] = {}
    for name, kind in KIND_OF.items():
        if not KINDS[kind].each:
            inputs.setdefault(kind, []).append(name)
    amounts: Mapping[str, np.ndarray] = {
        kind: np.asarray(sum(household_sum(population, n) for n in names)) for kind, names in inputs.items()
    }
    rest = {kind: household_sum(population, whole) - household_sum(population, part)
            for whole, (part, kind) in PARTS.items()}  # fmt: skip
    lines = [
        "# Of each kind's weighted total in 2014, the share by age of the people in the household. An amount is spread",
        "# evenly over the members of its household. Rows add up to 1; a column counts ages up to the next one's.",
        f"# Computed by `python -m jaxsim.data.ageing` from {population.source}: the Census Bureau's CPS ASEC, survey",
        "# years 2013 to 2015, in the form of Tax-Calculator's cps.csv.",
        ",".join(["kind", *(f"age_{edge}" for edge in EDGES)]),
    ]
    for kind, amount in {**amounts, **rest}.items():
        if amount.any():
            lines.append(",".join([kind, *(f"{s:.6f}" for s in people.shares(amount))]))
    Path(path).write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    from jaxsim.data.cps import whole_cps

    write_shares(whole_cps(), growth.FACTS / "amounts_by_age.csv")
