"""How synthetic households are drawn: a donor's structure, then ages, units, persons and benefits, step by step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
import pandas as pd

from jaxsim.errors import InputError, whole_number
from jaxsim.impute.household_draft import Draft, as_floats, counted, total
from jaxsim.impute.household_plan import STATUS, TOTAL, Plan, flat
from jaxsim.impute.household_strata import Strata
from jaxsim.impute.shares import SpouseShares
from jaxsim.impute.uniforms import as_key, for_name
from jaxsim.population import DEPENDENT, HEAD, SPOUSE, WEIGHT, Population
from jaxsim.progress import Progress
from jaxsim.rules.us.inputs import JOINT, SINGLE

if TYPE_CHECKING:
    from jaxsim.impute.households import HouseholdSynthesizer

MOST_UNITS, MOST_PERSONS = 1 << 6, 1 << 8
"""Of a household: its units' and persons' ids are its own number times these, and theirs."""
GOLDEN = 0x9E3779B97F4A7C15  # 2**64 over the golden ratio: its multiples fill the circle evenly


@dataclass(frozen=True)
class HouseholdSynthesis:
    """A fitted synthesizer.

    Attributes:
        settings: it was fitted with.
        plan: what is drawn.
        year, source: of the population.
        total_weight: of its households.
        structure: columns of donor units: home (row of the donor household), spouse, dependents, family, spm.
        codes: columns of donor households that come with the structure.
        reached: share of weight up to and with each donor household.
        steps: fitted steps by name.
        shares: of the couples; None without incomes or couples.
        levels: for each step of the tax unit, mean ranks of its variables by code of the household.
        coins: coins in a unit of money, by amount.
        limits: least and greatest value of what is drawn, by name.
        too_close: weighted share of the source's dependents under 18 who break `least_gap`.
    """

    settings: HouseholdSynthesizer
    plan: Plan
    year: int
    source: str
    total_weight: float
    structure: dict[str, np.ndarray]
    codes: dict[str, np.ndarray]
    reached: np.ndarray
    steps: dict[str, Strata]
    shares: SpouseShares | None
    levels: dict[str, dict[str, np.ndarray]]
    coins: dict[str, int]
    limits: dict[str, tuple[float, float]]
    too_close: float

    def sample(
        self, n: int, key: Any = 0, start: int = 0, *, of: int | None = None, progress: bool = False
    ) -> Population:
        """A population of new households.

        Args:
            n: households.
            key: whole number or JAX key; a household depends on it and on its own number alone.
            start: number of the first household: batches (0 to n, n to 2n ...) make one population.
            of: households in all batches together, by which weights are set; `n` by default.
            progress: show a bar.

        Returns:
            Households with new ids and equal weights that add up to those of the source (if `of` are drawn).

        Raises:
            JaxsimError: `n`, `start` or `of` is no whole number, or too small.
        """
        tables = self.tables(n, key, start, of=of, progress=progress)
        tables["tax_unit"] = tables["tax_unit"].drop(columns=list(self.plan.totals))
        card = {"synthetic": f"drawn from {self.source}, household by household", "year": self.year}
        return Population.from_tables(tables, year=self.year, source=f"synthetic {self.source}", card=card)

    def tables(
        self, n: int, key: Any = 0, start: int = 0, *, of: int | None = None, progress: bool = False
    ) -> dict[str, pd.DataFrame]:
        """Tables of persons, tax units and households: those of `sample`, and in tax units the totals of head and
        spouse (total_employment_income ...); see there for the arguments."""
        for name, value, least in (("n", n, 1), ("start", start, 0), ("of", of, 1)):
            whole_number(name, value, least)
        if n is None or start is None:
            raise InputError("n, start: give whole numbers")
        key = as_key(key)
        numbers = np.arange(start, start + n, dtype=np.int64)
        draft = self._structure(numbers, key)
        ids = numbers[draft.home] * MOST_UNITS + draft.place
        with Progress("households", len(self.plan.blocks) + 5, progress) as bar:
            self._ages(draft, key, ids)
            bar.advance(2)
            self._units(draft, key, ids, bar)
            persons = self._persons(draft, key, ids, numbers)
            bar.advance(2)
            self._amounts(draft, key, numbers)
            bar.advance()
        units = {c: draft.units[c] for names in self.plan.steps.values() for c in names}
        homes = {c: draft.households[c] for c in (*self.plan.codes, *flat(self.plan.amounts))}
        weights = np.full(n, self.total_weight / (n if of is None else of))
        return {
            "person": persons,
            "tax_unit": pd.DataFrame({"tax_unit_id": ids, "household_id": numbers[draft.home], **units}),
            "household": pd.DataFrame({"household_id": numbers, WEIGHT: weights, **homes}),
        }

    def _structure(self, numbers: np.ndarray, key: jax.Array) -> Draft:
        """Donor households by evenly spread uniforms: the shares of structures are nearly those of the source."""
        high, low = (int(b) for b in jax.random.bits(for_name(key, "structure"), (2,), "uint32"))
        turned = numbers.astype(np.uint64) * np.uint64(GOLDEN) + np.uint64((high << 32) + low)  # wraps around
        donor = np.searchsorted(self.reached, (turned >> np.uint64(11)) * 2.0**-53, side="right")
        donor = np.minimum(donor, len(self.reached) - 1)
        first = np.searchsorted(self.structure["home"], np.arange(len(self.reached) + 1))
        home, place = counted((first[1:] - first[:-1])[donor])
        unit = first[donor][home] + place
        draft = Draft(self.plan, home, *(self.structure[c][unit] for c in ("spouse", "dependents", "family", "spm")))
        draft.households = {c: values[donor] for c, values in self.codes.items()}
        return draft

    def _ages(self, draft: Draft, key: jax.Array, ids: np.ndarray) -> None:
        least = self.settings.least_gap
        draft.units |= {"head_age": np.zeros(len(ids)), "spouse_age": np.zeros(len(ids))}
        for rows in draft.places():
            drawn = self._draw("ages", draft.for_ages(rows), key, ids[rows], draft.stratum[rows])
            draft.units["head_age"][rows] = drawn["head_age"]
            draft.units["spouse_age"][rows] = np.where(draft.spouse[rows], drawn["spouse_age"], 0)
        if least is not None:
            draft.age_parents(least)
        person = ids[draft.parents] * MOST_PERSONS + draft.nth
        for nth in range(int(draft.dependents.max())):
            rows = np.flatnonzero(draft.nth == nth)
            x = draft.for_dependents(rows)
            age = self._draw("dependents", x, key, person[rows], draft.nth[rows] > 0)["dependent_age"]
            draft.ages[rows] = np.minimum(age, draft.ages[rows - 1]) if nth else age
        if least is not None:
            draft.keep_gap(least)

    def _units(self, draft: Draft, key: jax.Array, ids: np.ndarray, bar: Any) -> None:
        steps, known = self.plan.steps, draft.aged()
        for names in steps.values():
            draft.units |= {n: np.zeros(len(ids)) for n in names}
        before = {step: np.zeros(draft.homes) for step in steps}
        for place, rows in enumerate(draft.places()):
            home, spouse = draft.home[rows], draft.spouse[rows]
            x = as_floats({n: c[rows] for n, c in known.items()} | {f"before {s}": v[home] for s, v in before.items()})
            for step, names in steps.items():
                own = x.assign(**draft.levels_at(self.levels[step], home))
                drawn = self._draw(step, own, key, ids[rows], spouse)
                if step == STATUS and "filing_status" in names:
                    status = np.where(spouse, JOINT, drawn["filing_status"])
                    drawn["filing_status"] = np.where(~spouse & (status == JOINT), SINGLE, status)
                for name, values in drawn.items():
                    draft.units[name][rows] = values
                x = x.assign(**drawn)
                before[step][home] += total(drawn)
                bar.advance(place == 0 and step != STATUS)

    def _persons(self, draft: Draft, key: jax.Array, ids: np.ndarray, numbers: np.ndarray) -> pd.DataFrame:
        """One row a person: head, spouse and dependents, unit by unit."""
        unit, nth = counted(draft.size)
        home, (_, of_home) = numbers[draft.home[unit]], counted(draft.by_home(draft.size).astype(np.int64))
        role = np.where(nth == 0, HEAD, np.where((nth == 1) & draft.spouse[unit], SPOUSE, DEPENDENT))
        age = np.where(role == HEAD, draft.units["head_age"][unit], draft.units["spouse_age"][unit])
        age[role == DEPENDENT] = draft.ages
        person = home * MOST_PERSONS + of_home
        columns = {
            "person_id": person, "household_id": home, "tax_unit_id": ids[unit],
            "family_id": home * MOST_UNITS + draft.family[unit], "spm_unit_id": home * MOST_UNITS + draft.spm[unit],
            "role": role, "age": age,
        }  # fmt: skip
        incomes = self._incomes(draft, key, ids, unit, role, age, person)
        x = draft.for_persons(unit, role, age, incomes)
        columns |= incomes
        for number in range(len(self.plan.person)):
            drawn = self._draw(f"person {number}", x, key, person, role)
            x, columns = x.assign(**drawn), columns | drawn
        return pd.DataFrame(columns)

    def _incomes(
        self, draft: Draft, key: jax.Array, ids: np.ndarray, unit: np.ndarray, role: np.ndarray, age: np.ndarray,
        person: np.ndarray,
    ) -> dict[str, np.ndarray]:  # fmt: skip
        """Incomes [persons] by name: couples' totals shared, dependents' own.

        Args:
            draft: whose totals are known.
            key: of the sample.
            ids: of units.
            unit, role, age, person: row of the unit, role, age and id of each person.
        """
        plan, couple = self.plan, np.flatnonzero(draft.spouse)
        own = {n: np.where(role == HEAD, draft.units[TOTAL + n][unit], 0.0) for n in plan.incomes}
        if self.shares is not None and len(couple):
            totals = pd.DataFrame({n: draft.units[TOTAL + n][couple] for n in plan.incomes})
            parts = self.shares.sample(draft.for_couples(couple), totals, for_name(key, "shares"), ids[couple])
            for code, part in zip((HEAD, SPOUSE), parts, strict=True):
                for n in plan.incomes:
                    own[n][draft.spouse[unit] & (role == code)] = part[n]
        if "dependent incomes" in self.steps:
            at = np.flatnonzero(role == DEPENDENT)
            x = draft.for_persons(unit[at], role[at], age[at], {})
            for n, values in self._draw("dependent incomes", x, key, person[at]).items():
                own[n][at] = values
        return own

    def _amounts(self, draft: Draft, key: jax.Array, numbers: np.ndarray) -> None:
        for number in range(len(self.plan.amounts)):
            x = draft.for_households(self.plan.amounts[:number])
            draft.households |= self._draw(f"household {number}", x, key, numbers)

    def _draw(
        self, step: str, x: pd.DataFrame, key: jax.Array, ids: np.ndarray, kind: Any = None
    ) -> dict[str, np.ndarray]:
        """Values of a step, such as the source may have."""
        drawn = self.steps[step].sample(x, for_name(key, step), ids, kind)
        for name, values in drawn.items():
            coins, (low, high) = self.coins.get(name, 1), self.limits[name]
            drawn[name] = np.clip(np.rint(values * coins) / coins, low, high)
        return drawn

    def __repr__(self) -> str:
        return f"<HouseholdSynthesis of {self.source}: {len(self.reached):,} donors, {len(self.plan.names)} inputs>"
