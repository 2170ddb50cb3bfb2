"""Synthetic populations, from the household down: structure and ages, incomes of tax units, persons.

A household's structure (its tax units, who has a spouse, how many dependents) and place are one donor's; everything
else is drawn given what is drawn already: ages of heads with their spouses, of dependents given their parents; then
unit after unit, in blocks of variables of one donor unit, given all before it in the unit and the sums of the
household's earlier units; then the couples' shares of their totals (`jaxsim.impute.shares`); then flags of persons and
benefits of households. No block knows of another's donors, so that no donor household is handed on as a whole.

    made = HouseholdSynthesizer().fit(population, key=0)
    made.sample(100_000, key=1)                 # a population; household 17 is the same in any batch
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from jaxsim.errors import InputError, whole_number
from jaxsim.impute.base import Model
from jaxsim.impute.forest import Forest
from jaxsim.impute.household_fit import Fit
from jaxsim.impute.household_plan import Plan, Step
from jaxsim.impute.household_synthesis import HouseholdSynthesis
from jaxsim.impute.uniforms import as_key
from jaxsim.population import Population


@dataclass(frozen=True)
class HouseholdSynthesizer:
    """Settings of a synthesizer. Steps are names of inputs, and tuples of names that one donor gives together.

    Attributes:
        household: steps of the household. Codes, flags and counts come with its structure; amounts come last, given the
            sums of its units. By default every input that the population provides.
        unit: steps of the tax unit. Amounts that bound each other (dividends and their qualified part) belong in one
            block. By default all that is provided, but for counts that follow from the ages of persons, in
            `household_plan.BLOCKS`.
        person: inputs of persons. Amounts are drawn as totals of head and spouse and then shared; others are steps,
            given age, role and income. By default all that is provided.
        model: of every step.
        shares: of the couples' shares.
        least_gap: years by which dependents under 18 are younger than the older of their parents, at least; None for
            no limit.
    """

    household: Sequence[Step] | None = None
    unit: Sequence[Step] | None = None
    person: Sequence[Step] | None = None
    model: Model = field(default_factory=lambda: Forest(trees=20, least_leaf=10, features=0.4))
    shares: Model = field(default_factory=lambda: Forest(trees=20, least_leaf=10, features=0.5))
    least_gap: int | None = 15

    def __post_init__(self) -> None:
        whole_number("least_gap", self.least_gap, 0)
        for name in ("household", "unit", "person"):
            steps = getattr(self, name)
            if steps is not None:
                if isinstance(steps, str):
                    raise InputError(f"{name}={steps!r}: give a list of names, and of tuples of names")
                object.__setattr__(self, name, tuple(s if isinstance(s, str) else tuple(s) for s in steps))

    def fit(self, population: Population, key: Any = 0, *, progress: bool = False) -> HouseholdSynthesis:
        """Learn from a population; households without weight are left out.

        Args:
            population: of real households, with ages.
            key: whole number or JAX key of the fit.
            progress: show a bar.

        Raises:
            InputError: an input is unknown or stands twice, the population lacks ages or weight, or a household is too
                large.
        """
        plan = Plan.make(population, self.household, self.unit, self.person)
        donors = select_households(population, population.weights > 0)
        return Fit(self, plan, donors, as_key(key)).run(progress)


def select_households(population: Population, which: Any) -> Population:
    """The households chosen by a mask or by rows, with their own weights, in the order they have.

    Args:
        population: of households.
        which: booleans [households], or rows.

    Raises:
        InputError: none is chosen.
    """
    mask = np.zeros(population.count("household"), dtype=bool)
    which = np.asarray(which)
    if len(which):
        mask[which] = True
    if not mask.any():
        raise InputError(f"{population.source}: no household is chosen")
    links = population.links
    kept = {"household": mask} | {e: mask[links[f"household_of_{e}"]] for e in population.tables if e != "household"}
    tables = {e: {name: column[kept[e]] for name, column in table.items()} for e, table in population.tables.items()}
    return Population(tables, population.year, population.source, population.provided, population.card)
