"""Households of which some is known, and what each step is given of it: the same in fits and in draws."""

from __future__ import annotations

import numpy as np
import pandas as pd

from jaxsim.impute.household_plan import Plan, Steps, flat

ADULT = 18
PLACES = 4
"""A household's units after these are not told apart by their place."""


class Draft:
    """Households of which some is known: those of a population, or those being drawn.

    Attributes:
        plan: what is drawn.
        home, place: row of the unit's household, and which of its units it is [units]; units stand by household.
        spouse, dependents: whether the unit has a spouse, and how many dependents [units].
        family, spm: which family and SPM unit of the household it lies in [units].
        size: persons [units].
        homes: number of households.
        first: row of the household's first unit [households].
        count: number of its units [households].
        households, units: columns [households], [units].
        parents: unit of each dependent [dependents]; dependents stand by unit, the oldest first.
        nth: which of the unit's dependents it is [dependents].
        ages: years [dependents].
    """

    def __init__(
        self, plan: Plan, home: np.ndarray, spouse: np.ndarray, dependents: np.ndarray, family: np.ndarray,
        spm: np.ndarray,
    ):  # fmt: skip
        self.plan, self.home, self.family, self.spm = plan, home, family, spm
        self.spouse, self.dependents = spouse.astype(bool), dependents.astype(np.int64)
        self.homes = int(home[-1]) + 1
        self.first = np.searchsorted(home, np.arange(self.homes))
        self.place = np.arange(len(home)) - self.first[home]
        self.count = np.bincount(home, minlength=self.homes)
        self.size = 1 + self.spouse + self.dependents
        self.households: dict[str, np.ndarray] = {}
        self.units: dict[str, np.ndarray] = {}
        self.parents, self.nth = counted(self.dependents)
        self.ages = np.zeros(len(self.parents))

    @property
    def stratum(self) -> np.ndarray:
        """Kind of unit [units]: bit 0 for a spouse, bit 1 for dependents."""
        return self.spouse + 2 * (self.dependents > 0)

    def places(self) -> list[np.ndarray]:
        """Rows of the households' first units, of their second ones, and so on."""
        return [np.flatnonzero(self.place == place) for place in range(int(self.place.max()) + 1)]

    def by_home(self, values: np.ndarray) -> np.ndarray:
        """Sums of units' values by household."""
        return np.bincount(self.home, values, minlength=self.homes)

    def structure(self) -> dict[str, np.ndarray]:
        """Predictors [units] known before any age is."""
        begin = self.first[self.home]
        last = np.maximum(np.arange(len(self.home)) - 1, begin)
        return {
            "place": np.minimum(self.place, PLACES), "units": self.count[self.home], "spouse": self.spouse,
            "dependents": self.dependents, "persons": self.by_home(self.size)[self.home],
            "kin": self.family == self.family[begin], "kin_before": self.family == self.family[last],
            "first_spouse": self.spouse[begin], "first_dependents": self.dependents[begin],
        }  # fmt: skip

    def coded(self) -> dict[str, np.ndarray]:
        """Predictors [units] known before any age is, with the household's codes."""
        return self.structure() | {c: self.households[c][self.home] for c in self.plan.codes}

    def aged(self) -> dict[str, np.ndarray]:
        """Predictors [units] known when ages are."""
        youngest, oldest = np.full(len(self.home), -1.0), np.full(len(self.home), -1.0)
        youngest[self.parents] = self.ages  # the last of a unit's dependents is the youngest
        oldest[self.parents[::-1]] = self.ages[::-1]
        children = np.bincount(self.parents, self.ages < 17, minlength=len(self.home))
        return self.coded() | {
            "head_age": self.units["head_age"], "spouse_age": self.units["spouse_age"], "youngest": youngest,
            "oldest": oldest, "children": children, "first_age": self.units["head_age"][self.first[self.home]],
        }  # fmt: skip

    def for_ages(self, rows: np.ndarray) -> pd.DataFrame:
        """For ages of heads and spouses: the structure, and ages of the first unit and of the one before."""
        first, begin = self.place[rows] == 0, self.first[self.home[rows]]
        ages = {"first_age": self.units["head_age"][begin], "first_spouse_age": self.units["spouse_age"][begin],
                "age_before": self.units["head_age"][np.maximum(rows - 1, 0)]}  # fmt: skip
        known = {n: c[rows] for n, c in self.coded().items()}
        return as_floats(known | {n: np.where(first, 0, c) for n, c in ages.items()})

    def for_dependents(self, rows: np.ndarray) -> pd.DataFrame:
        """For ages of dependents: the parents', and those of the dependents before."""
        unit, nth = self.parents[rows], self.nth[rows]
        head, spouse = self.units["head_age"][unit], self.units["spouse_age"][unit]
        known = {n: c[unit] for n, c in self.structure().items()}
        return as_floats(known | {
            "older": np.maximum(head, spouse),
            "younger": np.where(self.spouse[unit], np.minimum(head, spouse), head),
            "nth": nth, "left": self.dependents[unit] - nth,
            "before": np.where(nth > 0, self.ages[rows - 1], -1),
            "before_that": np.where(nth > 1, self.ages[rows - 2], -1),
        })  # fmt: skip

    def for_couples(self, rows: np.ndarray) -> pd.DataFrame:
        """For shares: all that is known of the couple's unit."""
        return as_floats({n: c[rows] for n, c in (self.aged() | self._sums()).items()})

    def for_persons(
        self, unit: np.ndarray, role: np.ndarray, age: np.ndarray, own: dict[str, np.ndarray]
    ) -> pd.DataFrame:
        """For what persons have: age, role, what they have already, and sums of the unit.

        Args:
            unit: row of the person's unit [persons].
            role, age: of persons.
            own: columns of persons.
        """
        sums = {n: c[unit] for n, c in self._sums().items()}
        return as_floats({"age": age, "role": role, "spouse": self.spouse[unit], **own, **sums})

    def for_households(self, done: Steps) -> pd.DataFrame:
        """For amounts of the household: its sums, its members, the first unit's ages, and steps that are done."""
        sums = {n: self.by_home(self.units[n]) for n in flat(self.plan.blocks)}
        children = np.bincount(self.home[self.parents], self.ages < ADULT, minlength=self.homes)
        return as_floats({
            "units": self.count, "persons": self.by_home(self.size), "children": children,
            "couples": self.by_home(self.spouse), "first_age": self.units["head_age"][self.first],
            **{n: self.households[n] for n in (*self.plan.codes, *flat(done))}, **sums,
        })  # fmt: skip

    def levels_at(self, levels: dict[str, np.ndarray], home: np.ndarray) -> dict[str, np.ndarray]:
        """Levels of a step's variables, "code variable", at the codes of households `home`."""
        return {f"level {n}": table[self.code_of(n.split(" ", 1)[0], home)] for n, table in levels.items()}

    def code_of(self, code: str, home: np.ndarray) -> np.ndarray:
        """A code of the households at rows `home`, as whole numbers."""
        return self.households[code][home].astype(np.int64)

    def gaps(self, least: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Which dependents are children, which of these are too old, and how old they may be [dependents].

        Args:
            least: years by which children are younger than the older of their parents.
        """
        older = np.maximum(self.units["head_age"], self.units["spouse_age"])[self.parents]
        child = self.ages < ADULT
        return child, child & (self.ages > older - least), older - least

    def age_parents(self, least: int) -> None:
        """Make the older of two parents at least as old as the gap, or no child could keep it."""
        head, spouse = self.units["head_age"], self.units["spouse_age"]
        head[(self.dependents > 0) & (np.maximum(head, spouse) < least)] = least

    def keep_gap(self, least: int) -> None:
        """Make children as young as the gap to their parents asks."""
        _, broken, most = self.gaps(least)
        self.ages = np.where(broken, most, self.ages)

    def _sums(self) -> dict[str, np.ndarray]:
        """Sum of each step's variables [units]."""
        return {f"sum {s}": total({n: self.units[n] for n in names}) for s, names in self.plan.steps.items()}


def counted(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The owner of each thing, and which of the owner's things it is, where owners have so many [owners]."""
    owner = np.repeat(np.arange(len(counts)), counts)
    return owner, np.arange(len(owner)) - (np.cumsum(counts) - counts)[owner]


def total(columns: dict[str, np.ndarray]) -> np.ndarray:
    """Sum of columns, row by row."""
    return np.sum(list(columns.values()), axis=0)


def as_floats(columns: dict[str, np.ndarray]) -> pd.DataFrame:
    """Columns as a table of float64, which is what steps are given."""
    return pd.DataFrame({n: np.asarray(c, dtype=np.float64) for n, c in columns.items()})
