"""How synthetic households are learnt: the source's households as a draft in which all is known, step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax
import numpy as np
import pandas as pd

from jaxsim.engine import Input
from jaxsim.errors import InputError
from jaxsim.impute.household_draft import Draft, as_floats, total
from jaxsim.impute.household_plan import STATUS, TOTAL, Plan, flat
from jaxsim.impute.household_strata import Strata
from jaxsim.impute.household_synthesis import MOST_PERSONS, MOST_UNITS, HouseholdSynthesis
from jaxsim.impute.shares import SpouseShares
from jaxsim.impute.uniforms import for_name
from jaxsim.impute.weighted import midranks
from jaxsim.population import DEPENDENT, Population, default_system
from jaxsim.progress import Progress

if TYPE_CHECKING:
    from jaxsim.impute.households import HouseholdSynthesizer


class Fit:
    """One fit.

    Attributes:
        draft: the source's households.
        weights, of_units: weights with mean 1 [households], and each unit's [units].
        head, spouse: row of the person, -1 for no spouse [units].
        steps: fitted so far, by name.
        levels: for each step of the tax unit, mean ranks of its variables by code of the household.
        coins, limits: as of `HouseholdSynthesis`.
    """

    def __init__(self, settings: HouseholdSynthesizer, plan: Plan, population: Population, key: jax.Array):
        self.settings, self.plan, self.population, self.key = settings, plan, population, key
        self.head, self.spouse, others = population.filers
        age, unit_of = population.tables["person"]["age"], population.links["tax_unit_of_person"]
        self.draft = self._draft(age[others[np.lexsort((-age[others], unit_of[others]))]])
        self.weights = population.weights / population.weights.mean()
        self.of_units = self.weights[self.draft.home]
        self.steps: dict[str, Strata] = {}
        self.levels: dict[str, dict[str, np.ndarray]] = {}
        self.coins, self.limits = self._coins_and_limits()

    def run(self, progress: bool) -> HouseholdSynthesis:
        """Learn all steps; `progress` shows a bar."""
        with Progress("fitting", len(self.plan.blocks) + 5, progress) as bar:
            self._ages()
            bar.advance(2)
            self._units(bar)
            shares = self._shares()
            bar.advance()
            self._persons()
            self._amounts()
            bar.advance(2)
        draft, population, plan = self.draft, self.population, self.plan
        unit, of_unit, homes = self._sorted()
        child, broken, _ = draft.gaps(self.settings.least_gap or 0)
        held = self.of_units[draft.parents]
        structure = {"spouse": draft.spouse, "dependents": draft.dependents, "family": draft.family, "spm": draft.spm}
        return HouseholdSynthesis(
            self.settings, plan, population.year, population.source, float(population.weights.sum()),
            {"home": of_unit} | {n: c[unit] for n, c in structure.items()},
            {c: draft.households[c][homes] for c in plan.codes},
            np.cumsum(self.weights[homes]) / self.weights.sum(),
            self.steps, shares, self.levels, self.coins, self.limits,
            float((broken * held).sum() / max((child * held).sum(), 1e-300)),
        )  # fmt: skip

    def _draft(self, ages: np.ndarray) -> Draft:
        """The source's households; `ages` are those of dependents, by unit."""
        p, plan = self.population, self.plan
        person, unit, home = p.tables["person"], p.tables["tax_unit"], p.links["household_of_tax_unit"]
        both = self.spouse >= 0
        unit_of = p.links["tax_unit_of_person"]
        dependents = np.bincount(unit_of[person["role"] == DEPENDENT], minlength=len(home))
        for problem, most, found in (
            ("tax units", MOST_UNITS, np.bincount(home)),
            ("persons", MOST_PERSONS, np.bincount(home, 1 + both + dependents)),
        ):
            if found.max() >= most:
                raise InputError(f"{p.source}: a household of {found.max():g} {problem}: at most {most - 1} are drawn")
        family, spm = (_within(p.links[f"{g}_of_person"][self.head], home) for g in ("family", "spm_unit"))
        draft = Draft(plan, home, both, dependents, family, spm)
        draft.households = {n: p.tables["household"][n] for n in (*plan.codes, *flat(plan.amounts))}
        draft.units = {n: unit[n] for n in (*plan.status, *flat(plan.unit))}
        draft.units["head_age"] = person["age"][self.head]
        draft.units["spouse_age"] = np.where(both, person["age"][self.spouse], 0)
        for n in plan.incomes:
            draft.units[TOTAL + n] = person[n][self.head] + np.where(both, person[n][self.spouse], 0)
        draft.ages = ages
        return draft

    def _sorted(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rows of units, their household's place, and rows of households, all in the order of structures.

        So that evenly spread draws spread over these.
        """
        draft = self.draft
        begin = draft.first
        keys = [draft.households[c] for c in self.plan.codes]
        keys += [draft.dependents[begin], draft.spouse[begin], draft.by_home(draft.size), draft.count]
        homes = np.lexsort(keys)
        place = np.empty(len(homes), dtype=np.int64)
        place[homes] = np.arange(len(homes))
        unit = np.lexsort((draft.place, place[draft.home]))
        return unit, place[draft.home][unit], homes

    def _ages(self) -> None:
        draft = self.draft
        x = draft.for_ages(np.arange(len(draft.home)))
        y = {n: draft.units[n] for n in ("head_age", "spouse_age")}
        self._learn("ages", x, y, self.of_units, draft.stratum)
        if len(draft.ages):
            x, weights = draft.for_dependents(np.arange(len(draft.ages))), self.of_units[draft.parents]
            self._learn("dependents", x, {"dependent_age": draft.ages}, weights, draft.nth > 0)

    def _units(self, bar: Any) -> None:
        draft = self.draft
        x = as_floats(draft.aged())
        for step, names in self.plan.steps.items():
            x = x.assign(**{f"before {step}": self._before(names)})
        for step, names in self.plan.steps.items():
            self.levels[step] = {} if step == STATUS else self._levels(names)
            own = x.assign(**draft.levels_at(self.levels[step], draft.home))
            drawn = {n: draft.units[n] for n in names}
            self._learn(step, own, drawn, self.of_units, draft.spouse)
            x = x.assign(**drawn)
            bar.advance(step != STATUS)

    def _before(self, names: tuple[str, ...]) -> np.ndarray:
        """Sum of variables over the household's earlier units [units]: added one by one, as draws add them."""
        draft = self.draft
        values = total({n: draft.units[n] for n in names})
        before, held = np.zeros(len(draft.home)), np.zeros(draft.homes)
        for rows in draft.places():
            before[rows] = held[draft.home[rows]]
            held[draft.home[rows]] += values[rows]
        return before

    def _levels(self, names: tuple[str, ...]) -> dict[str, np.ndarray]:
        """Mean ranks of variables by code of the household, as tables to look them up."""
        inputs, found = default_system().inputs, {}
        ranks = {n: midranks(self.draft.units[n], self.of_units) for n in names}
        for code in self.plan.codes:
            if inputs[code].kind == "code":
                at = self.draft.code_of(code, self.draft.home)
                held = np.maximum(np.bincount(at, self.of_units), 1e-300)
                for n in names:
                    found[f"{code} {n}"] = np.bincount(at, self.of_units * ranks[n]) / held
        return found

    def _shares(self) -> SpouseShares | None:
        couple, incomes = np.flatnonzero(self.draft.spouse), self.plan.incomes
        if not incomes or not len(couple):
            return None
        person = self.population.tables["person"]
        head, spouse = (pd.DataFrame({n: person[n][r[couple]] for n in incomes}) for r in (self.head, self.spouse))
        x, key = self.draft.for_couples(couple), for_name(self.key, "shares")
        return SpouseShares.fit(self.settings.shares, x, head, spouse, self.of_units[couple], key, self.coins)

    def _persons(self) -> None:
        person, plan, links = self.population.tables["person"], self.plan, self.population.links
        role, age, unit = person["role"], person["age"], links["tax_unit_of_person"]
        weights, at = self.weights[links["household_of_person"]], np.flatnonzero(role == DEPENDENT)
        incomes = {n: person[n] for n in plan.incomes}
        if any(income[at].any() for income in incomes.values()):
            x = self.draft.for_persons(unit[at], role[at], age[at], {})
            self._learn("dependent incomes", x, {n: c[at] for n, c in incomes.items()}, weights[at])
        x = self.draft.for_persons(unit, role, age, incomes)
        for number, names in enumerate(plan.person):
            y = {n: person[n] for n in names}
            self._learn(f"person {number}", x, y, weights, role)
            x = x.assign(**y)

    def _amounts(self) -> None:
        for number, names in enumerate(self.plan.amounts):
            x = self.draft.for_households(self.plan.amounts[:number])
            self._learn(f"household {number}", x, {n: self.draft.households[n] for n in names}, self.weights)

    def _learn(
        self, step: str, x: pd.DataFrame, y: dict[str, np.ndarray], weights: np.ndarray, kind: Any = None
    ) -> None:
        self.steps[step] = Strata.fit(self.settings.model, x, y, weights, for_name(self.key, step), kind)

    def _coins_and_limits(self) -> tuple[dict[str, int], dict[str, tuple[float, float]]]:
        """Coins in a unit of money, 1 where all the source's amounts are whole and else 100; least and greatest."""
        inputs: dict[str, Input] = {n: default_system().inputs[n] for n in self.plan.names}
        coins, limits = {}, {n: (i.low, i.high) for n, i in inputs.items()}
        for n, i in inputs.items():
            if i.kind == "money":
                values = self.population.tables[i.entity.name][n]
                coins[n] = 1 if (values == np.trunc(values)).all() else 100
        for n in self.plan.incomes:
            (low, high), coins[TOTAL + n] = limits[n], coins[n]
            limits[TOTAL + n] = 2 * low, 2 * high
        return coins, limits | {f"{who}_age": limits["age"] for who in ("head", "spouse", "dependent")}


def _within(group: np.ndarray, home: np.ndarray) -> np.ndarray:
    """Number of each unit's group within its household, by first appearance."""
    _, first, code = np.unique(group, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    number = rank[code]
    least = np.full(int(home[-1]) + 1, np.iinfo(np.int64).max)
    np.minimum.at(least, home, number)
    return number - least[home]
