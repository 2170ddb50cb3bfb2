"""Imputation: whole conditional distributions, learnt on one survey and drawn on another; synthetic households.

model = js.impute.Forest().fit(donor, ["interest", "dividends"], weights="weight", given=["age", "wages"])
model.sample(receiver, key=1)                      # draws by record id: order and batches do not matter
model.quantiles(receiver, [0.1, 0.5, 0.9])
"""

from jaxsim.impute import disclosure, household_scores, plots, scores
from jaxsim.impute.base import Conditional, Imputer, Model
from jaxsim.impute.chain import Chain
from jaxsim.impute.classifier import Classifier
from jaxsim.impute.compare import Comparison, compare
from jaxsim.impute.copula import with_correlations
from jaxsim.impute.extension import copy_of, two_copies, view
from jaxsim.impute.files import load, save
from jaxsim.impute.flow import Flow
from jaxsim.impute.forest import Forest
from jaxsim.impute.generate import generate
from jaxsim.impute.hierarchy import Adds, OlderThan, Shared, Spouses, enforce_hierarchy, violations
from jaxsim.impute.hot_deck import HotDeck
from jaxsim.impute.households import HouseholdSynthesis, HouseholdSynthesizer, select_households
from jaxsim.impute.least_squares import LeastSquares
from jaxsim.impute.multiple import imputations, pool, rubin
from jaxsim.impute.networks import Training
from jaxsim.impute.quantile_network import QuantileNetwork
from jaxsim.impute.shares import SpouseShares
from jaxsim.impute.spline import Spline
from jaxsim.impute.synthesis import Source, Synthesis, Synthesizer
from jaxsim.impute.tuning import Tuning, tune
from jaxsim.impute.zero_inflated import ZeroInflated

__all__ = [
    "Adds",
    "Chain",
    "Classifier",
    "Comparison",
    "Conditional",
    "Flow",
    "Forest",
    "HotDeck",
    "HouseholdSynthesis",
    "HouseholdSynthesizer",
    "Imputer",
    "LeastSquares",
    "Model",
    "OlderThan",
    "QuantileNetwork",
    "Shared",
    "Source",
    "Spline",
    "SpouseShares",
    "Spouses",
    "Synthesis",
    "Synthesizer",
    "Training",
    "Tuning",
    "ZeroInflated",
    "compare",
    "copy_of",
    "disclosure",
    "enforce_hierarchy",
    "generate",
    "household_scores",
    "imputations",
    "load",
    "plots",
    "pool",
    "rubin",
    "save",
    "scores",
    "select_households",
    "tune",
    "two_copies",
    "view",
    "violations",
    "with_correlations",
]
