"""The bundled sample with weights calibrated to 2022: people, returns and incomes as the agencies count them.

The weights and their replicates are made by `calibrate.sample`.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from jaxsim.data import CALIBRATED_YEAR, load_population
from jaxsim.data.ageing import age_to
from jaxsim.errors import InputError
from jaxsim.population import Population

YEAR = CALIBRATED_YEAR
FILE = Path(__file__).parent / "sample_weights_2022.parquet"
SELECTION = "us_2022_sample"
"""Targets that the weights were fitted to."""
REPLICATES = 40
STEP = 1 / 100
"""What ratios of replicate weights to weights are rounded to: they serve standard errors only."""


def calibrated_sample() -> Population:
    """The bundled sample, aged to 2022, with the calibrated weights.

    Raises:
        InputError: the weights are of another sample.
    """
    import pyarrow.parquet as pq

    population = age_to(load_population("cps_sample"), YEAR)
    table = pq.read_table(FILE, columns=["weight"])
    if table.num_rows != len(population.weights):
        raise InputError(f"{FILE}: {table.num_rows} weights for {len(population.weights)} households: reinstall jaxsim")
    card = {**population.card, "calibrated": f"weights fitted to the targets {SELECTION!r} of {YEAR}"}
    named = dataclasses.replace(population, source="cps_calibrated", card=card)
    return named.with_weights(table["weight"].to_numpy())


def replicate_weights() -> np.ndarray:
    """Jackknife replicates of the calibrated weights [replicates, households]."""
    import pyarrow.parquet as pq

    table = pq.read_table(FILE)
    weight = table["weight"].to_numpy()
    return np.stack([weight * STEP * table[f"replicate_{k}"].to_numpy() for k in range(REPLICATES)])
