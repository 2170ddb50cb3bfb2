"""What every witness has: how another program is run on our units, and how its results are compared with ours.

A witness is a program that computes the same tax independently. Its causes are the departures of `departures.py`, each
switched on alone to see which differences it makes, and all together to see what remains without a cause.
"""

from __future__ import annotations

import dataclasses
import inspect
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from departures import Case, Departure, simulate

import jaxsim as js
from jaxsim.rules.us import system

Values = dict[str, np.ndarray]
Makers = tuple[Callable[[Case], Departure], ...]

TOLERANCE = 1.0  # dollars; a difference in law moves most units by more, a rounding error by less
MOVED = 0.5  # dollars by which a departure must move a unit to be a cause of its difference

# Outputs by the name used in reports: label, and the variables whose sum it is (a minus sign subtracts). Those whose
# variables this version has no rules for are left out of the comparison.
OUTPUTS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "agi": ("Adjusted gross income", ("adjusted_gross_income",)),
    "taxable_ss": ("Taxable Social Security", ("taxable_social_security",)),
    "standard": ("Standard deduction taken", ("standard_deduction", "nonitemizer_charitable_deduction")),
    "itemized": ("Itemized deductions taken", ("itemized_deductions",)),
    "senior": ("Deduction for seniors", ("senior_deduction",)),
    "tips": ("Deduction for tips", ("tip_income_deduction",)),
    "overtime": ("Deduction for overtime", ("overtime_income_deduction",)),
    "vehicle_interest": ("Deduction for vehicle loan interest", ("auto_loan_interest_deduction",)),
    "qbi": ("Deduction for business income", ("qbi_deduction",)),
    "taxable_income": ("Taxable income", ("taxable_income",)),
    "regular_tax": ("Regular tax", ("regular_tax",)),
    "amt": ("Alternative minimum tax", ("alternative_minimum_tax",)),
    "before_credits": ("Tax before credits, minimum tax included", ("tax_before_credits",)),
    "niit": ("Net investment income tax", ("net_investment_income_tax",)),
    "foreign_tax_credit": ("Foreign tax credit", ("foreign_tax_credit",)),
    "care": ("Credit for dependent care", ("dependent_care_credit",)),
    "elderly": ("Credit for the elderly", ("elderly_credit",)),
    "education": ("Education credits that only offset tax", ("nonrefundable_education_credit",)),
    "energy": ("Energy credits of homes", ("energy_efficient_home_credit", "residential_clean_energy_credit")),
    "savers": ("Credit for retirement savings", ("savers_credit",)),
    "ctc": ("Child tax credit against tax, other dependents included", ("nonrefundable_ctc",)),
    "nonrefundable": ("All credits that only offset tax", ("nonrefundable_credits",)),
    "refundable_ctc": ("Refundable child tax credit", ("refundable_ctc",)),
    "eitc": ("Earned income credit", ("eitc",)),
    "refundable_aotc": ("Refundable American opportunity credit", ("refundable_american_opportunity_credit",)),
    "se_tax": ("Self-employment tax", ("self_employment_tax",)),
    "social_security_tax": ("Employee's Social Security tax", ("tax_unit_employee_social_security_tax",)),
    "medicare_tax": ("Employee's Medicare tax", ("employee_medicare_tax",)),
    "additional_medicare": ("Additional Medicare tax", ("additional_medicare_tax",)),
    "payroll_tax": ("All payroll taxes", ("payroll_tax",)),
    "income_tax": ("Income tax", ("income_tax",)),
}  # fmt: skip
TAKEN_IF = {"standard": 0.0, "itemized": 1.0}  # deductions are compared as taken


@dataclass(frozen=True)
class Witness:
    """Another program.

    Attributes:
        name: of the program, with version.
        years: it knows the law of.
        inputs: of ours that it has a place for.
        run: its outputs for a population under the law of a year, in the order of tax units.
        outputs: of `OUTPUTS`, those it computes.
        departures: where it departs from the statute or from jaxsim's reading of it.
        notes: how it is run, for the report.
        frame, policy: what its departures are given of its input and of its parameters, if anything.
        relative: share of income that values may differ by beside the tolerance (a program in single precision).
    """

    name: str
    years: Sequence[int]
    inputs: frozenset[str]
    run: Callable[[js.Population, int], Values]
    outputs: Sequence[str]
    departures: Makers = ()
    notes: Sequence[str] = ()
    frame: Callable[[js.Population], Any] | None = None
    policy: Callable[[int], Any] | None = None
    relative: float = 0.0


@dataclass(frozen=True)
class Found:
    """What the comparison of a year found: values of all units by output, and what each departure accounts for."""

    theirs: Values
    ours: Values
    all_on: Values
    tolerance: np.ndarray
    departures: Mapping[str, Departure]
    moved: Mapping[str, Mapping[str, np.ndarray]]  # by departure and output: differing units that it accounts for
    failed: Mapping[str, str] = field(default_factory=dict)  # departures that do not fit the rules, and why

    @property
    def outputs(self) -> tuple[str, ...]:
        return tuple(self.ours)

    def differs(self, output: str) -> np.ndarray:
        return np.abs(self.ours[output] - self.theirs[output]) > self.tolerance

    def remains(self, output: str) -> np.ndarray:
        """Units that differ with all departures on and that no departure claims as a whole."""
        left = np.abs(self.all_on[output] - self.theirs[output]) > self.tolerance
        for departure in self.departures.values():
            left &= ~claimed(departure, output, len(left))
        return left

    def affected(self, cause: str, output: str) -> int:
        return int(self.moved[cause][output].sum())


def claimed(departure: Departure, output: str, units: int) -> np.ndarray:
    """Units whose difference in the output a departure accounts for as it is."""
    if departure.units is None or (departure.outputs is not None and output not in departure.outputs):
        return np.zeros(units, dtype=bool)
    return departure.units


def known_outputs() -> tuple[str, ...]:
    """Outputs whose variables this version has."""
    rules = system().rules
    return tuple(o for o, (_, parts) in OUTPUTS.items() if all(p.lstrip("-") in rules for p in parts))


def run_jaxsim(sim: js.Simulation, departures: Iterable[Departure], outputs: Sequence[str]) -> Values:
    """jaxsim's values of the outputs in the order of tax units."""
    variables = sorted({p.lstrip("-") for o in outputs for p in OUTPUTS[o][1]} | {"itemizes"})
    values = simulate(sim, departures, variables)
    results = {o: sum(-values[p[1:]] if p.startswith("-") else values[p] for p in OUTPUTS[o][1]) for o in outputs}
    for output, itemizes in TAKEN_IF.items():
        if output in results:
            results[output] = results[output] * (values["itemizes"] == itemizes)
    return results


def compare(witness: Witness, population: js.Population, year: int) -> Found:
    """Both programs on a year's law, and jaxsim with each departure alone and with all."""
    theirs = witness.run(population, year)
    outputs = [o for o in known_outputs() if o in witness.outputs]
    theirs = {o: theirs[o] for o in outputs}
    sim = js.Simulation(population, year, age=False)
    frame = witness.frame(population) if witness.frame else None
    case = Case(year, frame, population, witness.policy(year) if witness.policy else None, sim.parameters)
    ours = run_jaxsim(sim, (), outputs)
    size = np.maximum(np.abs(theirs["agi"]), np.abs(ours["agi"]))
    tolerance = TOLERANCE + witness.relative * size
    differs = {o: np.abs(ours[o] - theirs[o]) > tolerance for o in outputs}
    departures, moved, failed = {}, {}, {}
    for make in witness.departures:
        title = " ".join((inspect.getdoc(make) or make.__name__).split())[:60]
        try:
            departure = dataclasses.replace(make(case), text=" ".join((inspect.getdoc(make) or "").split()))
            alone = run_jaxsim(sim, (departure,), outputs)
        except (
            ValueError,
            KeyError,
            TypeError,
            js.JaxsimError,
        ) as error:  # the rules have changed since it was written
            failed[title] = f"{type(error).__name__}: {error}"
            continue
        departures[departure.name] = departure
        moved[departure.name] = {
            o: ((np.abs(alone[o] - ours[o]) > MOVED) | claimed(departure, o, len(size))) & differs[o] for o in outputs
        }
    all_on = run_jaxsim(sim, departures.values(), outputs)
    count = int(differs["income_tax"].sum())
    print(f"{witness.name}, {year}: {count:,} of {len(size):,} units differ in income tax", file=sys.stderr)
    return Found(theirs, ours, all_on, tolerance, departures, moved, failed)
