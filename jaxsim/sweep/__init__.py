"""Sweeps: the figures of very many laws over one population, on one machine or many."""

from jaxsim.sweep.executors import Executor, Local, Ray
from jaxsim.sweep.plan import Plan, draws, grid, latin_hypercube, sobol, table, uniform
from jaxsim.sweep.run import Sweep, open_sweep, sweep

__all__ = [
    "Executor",
    "Local",
    "Plan",
    "Ray",
    "Sweep",
    "draws",
    "grid",
    "latin_hypercube",
    "open_sweep",
    "sobol",
    "sweep",
    "table",
    "uniform",
]
