"""Calibration: household weights fitted to thousands of administrative targets, with the truth about the fit.

targets = js.calibrate.select("us_2022")
problem = js.calibrate.build_matrix(sim, targets)
fit = js.calibrate.fit(problem, bounds=(0.05, 20), held_out="soi_2022.pension_income")
fit.status, fit.summary(), fit.report(sim).to_html("fit.html")
sim.with_weights(fit.weights)
"""

from jaxsim.calibrate import gates, losses
from jaxsim.calibrate.attainable import unattainable
from jaxsim.calibrate.fitting import Fit, effective_sample_size, fit
from jaxsim.calibrate.gates import HardConcrete
from jaxsim.calibrate.load import read_selection
from jaxsim.calibrate.matrix import build_matrix
from jaxsim.calibrate.problem import Problem
from jaxsim.calibrate.selection import Targets, select
from jaxsim.calibrate.store import TargetStore

__all__ = [
    "Fit",
    "HardConcrete",
    "Problem",
    "TargetStore",
    "Targets",
    "build_matrix",
    "effective_sample_size",
    "fit",
    "gates",
    "losses",
    "read_selection",
    "select",
    "unattainable",
]
