"""Departures of other programs from the statute or from jaxsim's reading of it, as changes of jaxsim.

A function that makes a departure has a docstring that is printed in the reports: what the other program does, then
what the law says. Rules of departures follow the other program's formulas and are no reading of the law; none of them
looks at its results. Those of each program stand in modules of their own, `departures_<program>.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import taxcalc

import jaxsim as js
from jaxsim import program
from jaxsim.engine import same_law
from jaxsim.parameters import NO_LIMIT
from jaxsim.rules.us import system
from jaxsim.rules.us.entities import TaxUnit

JAXSIM = "jaxsim"
EITHER, UNKNOWN = "either, an election", "the data do not say"


@dataclass(frozen=True)
class Case:
    """What a departure may depend on: the year, the input file, and both programs' parameters of the year.

    Only Tax-Calculator's cases have its input file and its policy.
    """

    year: int
    frame: pd.DataFrame | None
    population: js.Population
    policy: taxcalc.Policy | None
    law: js.Parameters


@dataclass(frozen=True)
class Departure:
    """A difference between two programs, as changes under which jaxsim does as the other does.

    Attributes:
        name: what differs.
        law: the section it is about.
        who_is_right: which program follows the law, or why that cannot be said.
        rules: rules that replace jaxsim's or are added.
        reads: for some rules, variables that they read in place of one of their arguments.
        parameters: values of the year by parameter path.
        columns: input columns replaced.
        by_tax: itemizing is chosen by the tax it leads to, as Tax-Calculator compares it.
        units: tax units whose differences it accounts for as they are, where it has no formula here.
        outputs: the outputs in which it does; all by default.
        text: what the other program does and what the law says, filled in from the docstring of its maker.
    """

    name: str
    law: str
    who_is_right: str
    rules: tuple[js.Rule, ...] = ()
    reads: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    columns: Mapping[str, np.ndarray] = field(default_factory=dict)
    by_tax: bool = False
    units: np.ndarray | None = None
    outputs: frozenset[str] | None = None
    text: str = ""

    @property
    def changes_nothing(self) -> bool:
        """True in a year in which the programs agree about what it is about."""
        return not (self.rules or self.reads or self.parameters or self.columns or self.by_tax)


def simulate(sim: js.Simulation, departures: Iterable[Departure], targets: Iterable[str]) -> dict[str, np.ndarray]:
    """Targets of a simulation in which the departures hold, in the order of tax units."""
    targets = tuple(dict.fromkeys((*targets, "tax_before_credits")))
    rules: dict[str, js.Rule] = {}
    reads: dict[str, dict[str, str]] = {}
    parameters: dict[str, Any] = {}
    by_tax = False
    for departure in departures:
        by_tax = by_tax or departure.by_tax
        parameters.update({path: {sim.year: value} for path, value in departure.parameters.items()})
        for rule in departure.rules:
            if rules.setdefault(rule.name, rule) is not rule:
                raise ValueError(f"two departures replace the rule {rule.name}")
        for name, instead in departure.reads.items():
            if set(instead) & set(reads.get(name, ())):
                raise ValueError(f"two departures change what the rule {name} reads")
            reads.setdefault(name, {}).update(instead)
        for name, column in departure.columns.items():
            sim = sim.with_column(name, column)
    for name, instead in reads.items():
        law = rules.get(name, system().rules[name])
        rules[name] = same_law(law, name, label=law.label, **instead)
    if parameters:
        sim = sim.with_reform(parameters)
    if not by_tax:
        return columns(sim.with_rules(*rules.values()) if rules else sim, targets)
    standard = columns(sim.with_rules(*rules.values(), never_itemizes), targets)
    if_itemized = sim.with_rules(*rules.values(), itemizes)
    itemized = columns(if_itemized, targets)
    minimum_income = if_itemized.system.rules["alternative_minimum_income_before_addition"]
    no_taxes_added_back = same_law(
        minimum_income, minimum_income.name, label=minimum_income.label, state_and_local_tax_deduction="nothing"
    )
    compared = columns(if_itemized.with_rules(nothing, no_taxes_added_back), ("tax_before_credits",))
    chosen = compared["tax_before_credits"] < standard["tax_before_credits"]
    return {name: np.where(chosen, itemized[name], standard[name]) for name in targets}


def columns(sim: js.Simulation, targets: tuple[str, ...]) -> dict[str, np.ndarray]:
    """`sim.columns`, operation by operation: each departure is another system, not worth compiling for one use."""
    arguments = sim.arguments(*targets)
    with js.precision(sim.precision):
        made = program.columns(sim.system, targets, *arguments)
    arrangement = sim.arrangement(1)
    return {name: arrangement.restore(sim.system.variable(name).entity.name, made[name]) for name in targets}


def differing(case: Case, path: str, name: str, row: int | None = None) -> dict[str, np.ndarray]:
    """Tax-Calculator's value of a parameter under jaxsim's path, if it differs; `row` for one bracket of several."""
    ours = np.array(case.law[path])
    theirs = ours.copy()
    theirs[... if row is None else row] = np.minimum(getattr(case.policy, name)[0], NO_LIMIT)
    return {} if np.allclose(ours, theirs) else {path: theirs}


@js.rule(TaxUnit)
def nothing():
    """Nothing."""
    return 0.0


@js.rule(TaxUnit, unit="flag")
def itemizes():
    """Everyone itemizes."""
    return 1.0


@js.rule(TaxUnit, unit="flag", name="itemizes")
def never_itemizes():
    """Nobody itemizes."""
    return 0.0
