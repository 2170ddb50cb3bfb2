"""Which variables of synthetic households are drawn, in which steps."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from jaxsim.columns import refuse
from jaxsim.engine import Input
from jaxsim.errors import InputError, nearest
from jaxsim.population import Population, default_system
from jaxsim.rules.us.units import DERIVED, derive_units

Step = str | tuple[str, ...]
Steps = tuple[tuple[str, ...], ...]

BLOCKS: Steps = (
    ("social_security", "medicare_value", "pension_income", "taxable_pension_income", "taxable_ira_distributions"),
    ("taxable_interest_income", "tax_exempt_interest_income", "ordinary_dividend_income", "qualified_dividend_income",
     "short_term_capital_gains", "long_term_capital_gains", "capital_gain_distributions",
     "rental_partnership_s_corp_income", "active_partnership_s_corp_income"),
    ("unemployment_compensation", "alimony_income", "ssi", "tanf", "veterans_benefits", "wic", "medicaid_value",
     "other_benefits"),
    ("reported_self_employed_health_insurance_deduction", "reported_self_employed_pension_deduction",
     "reported_ira_deduction", "reported_student_loan_interest_deduction"),
)  # fmt: skip
"""Amounts of the tax unit that are drawn together by default, in order; others make a last block."""
TOTAL = "total_"
"""Before the name of a person's income: its sum over head and spouse."""
STATUS = "status"
"""The step of the tax unit's inputs other than amounts."""
LEAST_AGREEMENT = 0.99
"""Weighted share of units in which a column must be what `derive_units` makes of the persons, to be made so here."""


@dataclass(frozen=True)
class Plan:
    """What is drawn, in which steps.

    Attributes:
        codes: inputs of the household that come with its structure.
        amounts: steps of the household that come last.
        status: inputs of the tax unit other than amounts, in one step.
        incomes: amounts of persons.
        unit: steps of the tax unit's amounts.
        person: steps of persons' other inputs, age apart.
    """

    codes: tuple[str, ...]
    amounts: Steps
    status: tuple[str, ...]
    incomes: tuple[str, ...]
    unit: Steps
    person: Steps

    @staticmethod
    def make(
        population: Population, household: Sequence[Step] | None, unit: Sequence[Step] | None,
        person: Sequence[Step] | None,
    ) -> Plan:  # fmt: skip
        """The plan for a population: steps of each entity, None for what the population provides.

        Raises:
            InputError: an input is unknown or stands twice, or the population lacks ages.
        """
        if "age" not in population.provided:
            raise refuse(f"{population.source} (person)", "age", "not provided", remedy="Ages are needed.")
        steps = {
            entity: _provided(population, entity) if given is None else _given(entity, given)
            for entity, given in (("household", household), ("tax_unit", unit), ("person", person))
        }
        return Plan(
            flat(_part(steps["household"], money=False)),
            _part(steps["household"], money=True),
            flat(_part(steps["tax_unit"], money=False)),
            flat(_part(steps["person"], money=True)),
            _part(steps["tax_unit"], money=True),
            _part(steps["person"], money=False),
        )

    @property
    def totals(self) -> tuple[str, ...]:
        """Totals of persons' incomes, over head and spouse."""
        return tuple(TOTAL + n for n in self.incomes)

    @property
    def blocks(self) -> Steps:
        """Steps of the unit's amounts, totals of persons' incomes first."""
        return ((self.totals,) if self.incomes else ()) + self.unit

    @property
    def steps(self) -> dict[str, tuple[str, ...]]:
        """Steps of the tax unit by name, in order."""
        status = {STATUS: self.status} if self.status else {}
        return status | {names[0]: names for names in self.blocks}

    @property
    def names(self) -> list[str]:
        """All inputs that are drawn."""
        return ["age", *self.codes, *self.status, *self.incomes, *flat((*self.amounts, *self.unit, *self.person))]


def flat(steps: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """The names of steps, in order."""
    return tuple(n for step in steps for n in step)


def _inputs(entity: str) -> dict[str, Input]:
    return {n: i for n, i in default_system().inputs.items() if i.entity.name == entity}


def _provided(population: Population, entity: str) -> Steps:
    """Default steps: what is provided and no amount; the blocks; other amounts."""
    inputs, units = _inputs(entity), entity == "tax_unit"
    follow = _following(population) if units else set()
    names = [n for n in population.tables[entity] if n in inputs.keys() & population.provided and n not in follow]
    blocks = [tuple(n for n in block if n in names) for block in (BLOCKS if units else ())]
    rest = [n for n in names if n not in flat(blocks)]
    others = tuple(n for n in rest if inputs[n].kind != "money")
    return tuple(s for s in (others, *blocks, tuple(n for n in rest if n not in others)) if s)


def _given(entity: str, steps: Sequence[Step]) -> Steps:
    """Steps as tuples of known names."""
    inputs, found = _inputs(entity), tuple((s,) if isinstance(s, str) else tuple(s) for s in steps)
    names = flat(found)
    for name in names:
        if name not in inputs:
            raise InputError(f"{name!r} is no input of the {entity}.{nearest(name, sorted(inputs))}")
        if names.count(name) > 1:
            raise InputError(f"{name!r} stands twice among the steps of the {entity}")
    return found


def _part(steps: Steps, money: bool) -> Steps:
    """Steps of amounts alone, or of all else but age."""
    inputs = default_system().inputs
    parts = (tuple(n for n in s if (inputs[n].kind == "money") == money and n != "age") for s in steps)
    return tuple(s for s in parts if s)


def _following(population: Population) -> set[str]:
    """Columns of units that follow from persons in (nearly) all of them, so that they need not be drawn."""
    derived = dataclasses.replace(population, tables={e: dict(t) for e, t in population.tables.items()})
    derive_units(derived, set())
    weights = population.weights[population.links["household_of_tax_unit"]]
    made, given = derived.tables["tax_unit"], population.tables["tax_unit"]
    return {n for n in DERIVED if np.average(made[n] == given[n], weights=weights) >= LEAST_AGREEMENT}
