"""jaxsim: differentiable, batched simulation of tax-benefit law over survey populations.

import jaxsim as js

sim = js.Simulation(js.load_population("cps_sample"), year=2026)
sim.impact(js.Reform({"irs.credits.ctc.amount": 3000})).plot()
sim.gradient("income_tax", parameters="irs.credits")
"""

import importlib
from types import ModuleType

from jaxsim import numerics
from jaxsim.baselines import baseline, baselines, provisions
from jaxsim.behaviour import Behaviour
from jaxsim.data import load_population
from jaxsim.design import Design, cost_at_most, revenue_neutral, solve
from jaxsim.engine import (
    Entity,
    Input,
    Rule,
    System,
    from_group,
    of_head,
    of_spouse,
    rule,
    sum_of_filers,
    sum_over_members,
)
from jaxsim.errors import InputError, JaxsimError, ParameterError, PrecisionError, ReformError, RuleError
from jaxsim.household import household
from jaxsim.inverse import reproduce
from jaxsim.layout import Layout
from jaxsim.measures import Measure
from jaxsim.parameter_files import load_law
from jaxsim.parameters import Law, Parameters
from jaxsim.pareto import frontier
from jaxsim.population import Population
from jaxsim.precision import precision
from jaxsim.propagation import uncertainty
from jaxsim.reform import Reform
from jaxsim.response_surface import surface
from jaxsim.sensitivity import elasticities, interactions, sobol_indices, tornado
from jaxsim.simulation import Simulation
from jaxsim.sweep import draws, grid, latin_hypercube, open_sweep, sobol, sweep, uniform

__version__ = "0.1.0"


def __getattr__(name: str) -> ModuleType:
    """`js.calibrate`, `js.dynamic` and `js.impute` are imported when they are first used."""
    if name in ("calibrate", "dynamic", "impute"):
        return importlib.import_module(f"jaxsim.{name}")
    raise AttributeError(f"module 'jaxsim' has no attribute {name!r}")


__all__ = [
    "Behaviour",
    "Design",
    "Entity",
    "Input",
    "InputError",
    "JaxsimError",
    "Law",
    "Layout",
    "Measure",
    "ParameterError",
    "Parameters",
    "Population",
    "PrecisionError",
    "Reform",
    "ReformError",
    "Rule",
    "RuleError",
    "Simulation",
    "System",
    "baseline",
    "baselines",
    "calibrate",
    "cost_at_most",
    "draws",
    "dynamic",
    "elasticities",
    "from_group",
    "frontier",
    "grid",
    "household",
    "impute",
    "interactions",
    "latin_hypercube",
    "load_law",
    "load_population",
    "numerics",
    "of_head",
    "of_spouse",
    "open_sweep",
    "precision",
    "provisions",
    "reproduce",
    "revenue_neutral",
    "rule",
    "sobol",
    "sobol_indices",
    "solve",
    "sum_of_filers",
    "sum_over_members",
    "surface",
    "sweep",
    "tornado",
    "uncertainty",
    "uniform",
]
