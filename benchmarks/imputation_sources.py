"""Synthesis from two surveys cut from one file, so that the truth is known; and the literature's way beside it.

    python benchmarks/imputation_sources.py --seeds 1 2 3

The CPS's tax units of 15,000 households are survey A (demographics, wages, self-employment, pensions), those of 15,000
others survey B (demographics, interest, dividends, Social Security); 15,000 more are the truth, which no model sees.
Needs Tax-Calculator for its CPS file (the `validation` extra). Prints Markdown for BENCHMARKS.md: mean and standard
error over seeds of

- the Spearman error within each source and across sources (mean absolute error of rank correlations),
- AUC of a classifier that tells synthetic from true records (0.5: it cannot),
- the W1 distance of total income, over that of a second real sample.

Beside our synthesizer, without bridges and with two that both surveys know (a bracket of total income, whether there
are wages): every income drawn alone given demographics, from a grid of nine quantiles, with one stream of random
numbers for all, as zero-inflated forests (ZI-QRF), quantile networks (ZI-QDNN) and flows (ZI-MAF) are used.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
import pandas as pd
from imputation import DEMOGRAPHICS, INCOMES, say, split, units
from speed import heading, row

from jaxsim.impute import Flow, Forest, QuantileNetwork, ZeroInflated, scores
from jaxsim.impute.synthesis import Source, Synthesizer

HELD = {"A": ["wages", "self_employment", "pensions"], "B": ["interest", "dividends", "social_security"]}
GRID = np.arange(0.1, 0.95, 0.1)
BRACKETS = [0, 10e3, 25e3, 50e3, 75e3, 100e3, 200e3]
BRIDGES = ["bracket", "works"]
HOUSEHOLDS = 15_000
RECORDS = 30_000
LITERATURE: dict[str, Any] = {
    "independent ZI-QRF, coarse grid": ZeroInflated(Forest()),
    "independent ZI-QDNN, coarse grid": ZeroInflated(QuantileNetwork()),
    "independent ZI-MAF, coarse grid": ZeroInflated(Flow()),
}
COLUMNS = ("within A", "within B", "across", "classifier AUC", "W1 of total income")


def bracket(table: pd.DataFrame) -> np.ndarray:
    """Bracket of total income."""
    return np.searchsorted(BRACKETS, table[INCOMES].sum(axis=1), side="right")


def ours(surveys: dict[str, pd.DataFrame], bridged: bool, seed: int) -> pd.DataFrame:
    sources = []
    for name, table in surveys.items():
        not_asked = [i for other, held in HELD.items() if other != name for i in held]
        hidden = ["household", *not_asked, *([] if bridged else BRIDGES)]
        sources.append(Source(name, table.drop(columns=hidden), "weight"))
    bridges = {bridge: dict.fromkeys(HELD, bridge) for bridge in BRIDGES} if bridged else {}
    return Synthesizer(sources, DEMOGRAPHICS, bridges).fit(seed).sample(RECORDS, seed)


def literature(model: Any, surveys: dict[str, pd.DataFrame], seed: int) -> pd.DataFrame:
    """Demographics drawn from the pool; each income alone, at one of nine quantiles, by the same random numbers."""
    pool = pd.concat([t.assign(weight=t.weight / t.weight.sum()) for t in surveys.values()], ignore_index=True)
    drawn = pool.sample(RECORDS, replace=True, weights="weight", random_state=seed)[DEMOGRAPHICS].reset_index(drop=True)
    found = drawn.copy()
    for name, held in HELD.items():
        for income in held:
            imputer = model.fit(surveys[name], income, "weight", seed, given=DEMOGRAPHICS)
            level = np.random.default_rng(seed).integers(len(GRID), size=RECORDS)  # one seed for every variable
            found[income] = _at_grid(imputer, drawn, level, seed)
    return found


def _at_grid(imputer: Any, table: pd.DataFrame, level: np.ndarray, seed: int) -> np.ndarray:
    """The quantile of the grid that the level says; from draws where the model has no quantiles (a flow)."""
    try:
        return imputer.quantiles(table, GRID).to_numpy()[np.arange(len(table)), level]
    except ValueError:
        draws = np.column_stack([imputer.sample(table, 1_000 * seed + k).iloc[:, 0] for k in range(100)])
        return np.quantile(draws, GRID, axis=1)[level, np.arange(len(table))]


def score(truth: pd.DataFrame, made: pd.DataFrame, weights: Any, spread: float) -> list[float]:
    w = truth["weight"]
    errors = [
        scores.spearman_error(truth, made, w, weights, rows, columns)["mean"]
        for rows, columns in (
            (HELD["A"], HELD["A"] + DEMOGRAPHICS),
            (HELD["B"], HELD["B"] + DEMOGRAPHICS),
            (HELD["A"], HELD["B"]),
        )
    ]
    columns = DEMOGRAPHICS + INCOMES
    auc = scores.two_sample(truth[columns], made[columns], w, weights)["auc"]
    total = scores.wasserstein(truth[INCOMES].sum(axis=1), made[INCOMES].sum(axis=1), w, weights)
    return [*errors, auc, total / spread]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    given = parser.parse_args()
    table = units()
    table = table.assign(bracket=bracket(table), works=table["wages"] > 0)
    found: dict[str, list[list[float]]] = {}
    for seed in given.seeds:
        a, b, truth, *others = split(table, seed, HOUSEHOLDS)
        surveys = {"A": a, "B": b}
        total = truth[INCOMES].sum(axis=1)
        spread = float(np.mean([
            scores.wasserstein(total, o[INCOMES].sum(axis=1), truth.weight, o.weight) for o in others
        ]))  # fmt: skip
        found.setdefault("a second sample", []).append(score(truth, others[0], others[0]["weight"], spread))
        for name, bridged in (("synthesizer, no bridge", False), ("synthesizer, two bridges", True)):
            say(seed, name)
            found.setdefault(name, []).append(score(truth, ours(surveys, bridged, seed), None, spread))
        for name, model in LITERATURE.items():
            say(seed, name)
            found.setdefault(name, []).append(score(truth, literature(model, surveys, seed), None, spread))
    heading("", *COLUMNS)
    for name, results in found.items():
        values = np.array(results)
        error = values.std(axis=0, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.zeros(len(COLUMNS))
        row(name, *(f"{m:.3f} ± {e:.3f}" for m, e in zip(values.mean(axis=0), error, strict=True)))


if __name__ == "__main__":
    main()
