"""Imputation: six incomes of the CPS given demographics, and given the other five, by all our models and by peers.

    python benchmarks/imputation.py                                # our models, one split
    python benchmarks/imputation.py --seeds 1 2 3 --python PYTHON  # PYTHON has microimpute and quantile-forest

Tax units of 15,000 households train, those of 15,000 others are the test; all is weighted. Needs Tax-Calculator for its
CPS file (the `validation` extra). Prints Markdown for BENCHMARKS.md:

- CRPS of 20 draws, $ (fair estimator), and in the last column its mean over incomes as a multiple of the CRPS of a
  model that knows nothing of the predictors but draws the test's own marginal.
- W1 distance of the marginal, mean over draws, divided by the mean W1 distance to the test of eight other samples of
  15,000 households ("a second sample" is 1 by construction). "the training rows" shows what luck the donors had.
- Spearman error: mean absolute error of the rank correlations of an imputed income with all that was given. In "chain",
  all six are drawn given demographics, and the error is over all pairs with an income in them.
- Seconds to fit all six and to draw each of them once for 200,000 records, on this machine, after one draw to compile.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from speed import heading, row

import jaxsim as js
from jaxsim.impute import (
    Chain,
    Flow,
    Forest,
    HotDeck,
    LeastSquares,
    QuantileNetwork,
    Spline,
    ZeroInflated,
    scores,
)

SAMPLES = 8
TABLES = 5
"""Draws whose rank correlations are averaged."""
DEMOGRAPHICS = ["age", "spouse_age", "joint", "dependents", "young", "units"]
INCOMES = ["wages", "self_employment", "interest", "dividends", "pensions", "social_security"]
OURS: dict[str, Any] = {
    "Forest": Forest(),
    "Spline": Spline(),
    "ZeroInflated(QuantileNetwork)": ZeroInflated(QuantileNetwork()),
    "QuantileNetwork": QuantileNetwork(),
    "ZeroInflated(Flow)": ZeroInflated(Flow()),
    "ZeroInflated(Forest)": ZeroInflated(Forest()),
    "HotDeck": HotDeck(),
    "LeastSquares": LeastSquares(),
}
CHAINS: dict[str, Any] = {
    "Chain(Forest)": Chain(tuple(INCOMES), Forest()),
    "Forest, six together": Forest(),
    "Chain(Spline)": Chain(tuple(INCOMES), Spline()),
    "HotDeck, six together": HotDeck(),
}
PEERS = {
    "demographics": ["microimpute QRF", "microimpute OLS", "microimpute QuantReg", "quantile-forest",
                     "quantile-forest, 50 trees", "quantile-forest, alike"],
    "others": ["microimpute QRF", "microimpute OLS", "quantile-forest", "quantile-forest, 50 trees",
               "quantile-forest, alike"],
}  # fmt: skip
"""microimpute's Matching needs R; its QuantReg, which chooses quantiles row by row, is too slow to be run twice."""

Result = dict[str, Any]
"""Of a model on a split: "crps", "w1", "spearman" by income, "relative" CRPS, "fit" and "draw" seconds."""


def units() -> pd.DataFrame:
    """The CPS's tax units: demographics, incomes, weight, household.

    Counts are cut at 8: microimpute takes a column of fewer than ten values for a category, in the donors and in the
    receivers apart, and fills a column with zeros where the two do not agree.
    """
    file = js.load_population("cps")
    unit, person = file.frame("tax_unit").reset_index(), file.frame("person").reset_index()
    ids, household = unit["tax_unit_id"], unit["household_id"]
    head, spouse, rest = (person[person["role"] == k] for k in (0, 1, 2))
    table = pd.DataFrame({"household": household})
    table["weight"] = file.frame("household")["household_weight"].reindex(household).to_numpy()

    def of_unit(values: pd.Series) -> np.ndarray:
        return values.reindex(ids).fillna(0.0).to_numpy(dtype=float)

    table["age"] = of_unit(head.set_index("tax_unit_id")["age"])
    table["spouse_age"] = of_unit(spouse.set_index("tax_unit_id")["age"])
    table["joint"] = ids.isin(spouse["tax_unit_id"]).astype(float)
    table["dependents"] = of_unit(rest.groupby("tax_unit_id").size())
    table["young"] = of_unit(rest[rest["age"] < 18].groupby("tax_unit_id").size())
    table["units"] = table.groupby("household")["household"].transform("size").astype(float)
    counts = ["dependents", "young", "units"]
    table[counts] = table[counts].clip(upper=8)
    filers = person[person["role"] < 2].groupby("tax_unit_id")
    for name in ("wages", "self_employment"):
        table[name] = of_unit(filers[{"wages": "employment_income"}.get(name, f"{name}_income")].sum())
    for name, source in (
        ("interest", "taxable_interest_income"), ("dividends", "ordinary_dividend_income"),
        ("pensions", "pension_income"), ("social_security", "social_security"),
    ):  # fmt: skip
        table[name] = unit[source].to_numpy(dtype=float)
    return table


def split(table: pd.DataFrame, seed: int, households: int) -> list[pd.DataFrame]:
    """Disjoint samples of whole households: train, test and others."""
    ids = np.random.default_rng(seed).permutation(table["household"].unique())
    parts = np.split(ids[: (SAMPLES + 2) * households], SAMPLES + 2)
    return [table[table["household"].isin(part)].reset_index(drop=True) for part in parts]


class Split:
    """Train and test, and what a second sample has of each score."""

    def __init__(self, table: pd.DataFrame, seed: int, households: int, receivers: int):
        self.train, self.test, *self.others = split(table, seed, households)
        self.many = self.test.sample(receivers, replace=True, random_state=seed, ignore_index=True)
        w = self.test.weight
        self.w1 = {t: np.mean([scores.wasserstein(self.test[t], o[t], w, o.weight) for o in self.others])
                   for t in INCOMES}  # fmt: skip
        self.spread = {t: _half_difference(self.test[t].to_numpy(), w.to_numpy()) for t in INCOMES}

    def given(self, income: str, others: bool) -> list[str]:
        return [*DEMOGRAPHICS, *(o for o in INCOMES if others and o != income)]

    def score(self, draws: np.ndarray, others: bool, seconds: tuple[float, float]) -> Result:
        """Scores of draws [rows, draws, incomes], each income drawn alone."""
        found: Result = {"crps": {}, "w1": {}, "spearman": {}, "fit": seconds[0], "draw": seconds[1]}
        w = self.test.weight
        for k, t in enumerate(INCOMES):
            found["crps"][t] = scores.crps(self.test[t], draws[:, :, k], w)
            each = [scores.wasserstein(self.test[t], d, w, w) for d in draws[:, :, k].T]
            found["w1"][t] = np.mean(each) / self.w1[t]
            tables = [self.test.assign(**{t: d}) for d in draws[:, :TABLES, k].T]
            found["spearman"][t] = np.mean([self._error(b, [t], self.given(t, others)) for b in tables])
        found["relative"] = np.mean([found["crps"][t] / self.spread[t] for t in INCOMES])
        return found

    def joint(self, draws: np.ndarray) -> tuple[float, float]:
        """Mean Spearman error of incomes with demographics, and among themselves, of joint draws."""
        tables = [self.test.assign(**dict(zip(INCOMES, d.T, strict=True))) for d in draws[:, :TABLES].swapaxes(0, 1)]
        return tuple(np.mean([self._error(t, INCOMES, of) for t in tables]) for of in (DEMOGRAPHICS, INCOMES))

    def sample(self, table: pd.DataFrame, others: bool) -> Result:
        """What other real rows have of the scores."""
        w = self.test.weight
        return {
            "w1": {t: scores.wasserstein(self.test[t], table[t], w, table.weight) / self.w1[t] for t in INCOMES},
            "spearman": {t: self._error(table, [t], self.given(t, others)) for t in INCOMES},
        }

    def _error(self, table: pd.DataFrame, rows: list[str], columns: list[str]) -> float:
        return scores.spearman_error(self.test, table, self.test.weight, table.weight, rows, columns)["mean"]


def _half_difference(x: np.ndarray, w: np.ndarray) -> float:
    """Half the mean difference of two values drawn by weight: the CRPS of the marginal distribution itself."""
    order = np.argsort(x)
    below = np.cumsum(w[order]) / w.sum()
    return float(np.sum(np.diff(x[order]) * below[:-1] * (1 - below[:-1])))


def say(*words: Any) -> None:
    """What was done, on standard error."""
    print(time.strftime("%H:%M:%S"), *words, file=sys.stderr, flush=True)


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    began = time.perf_counter()
    found = work()
    return found, time.perf_counter() - began


def ours(model: Any, data: Split, others: bool, draws: int) -> Result:
    """Fit and draw each income alone."""
    drawn, fit, draw = [], 0.0, 0.0
    for t in INCOMES:
        imputer, seconds = timed(lambda t=t: model.fit(data.train, t, "weight", 0, given=data.given(t, others)))
        fit += seconds
        drawn.append(np.column_stack([imputer.sample(data.test, k)[t] for k in range(draws)]))
        imputer.sample(data.many, 0)
        draw += timed(lambda i=imputer: i.sample(data.many, 1))[1]
    return data.score(np.stack(drawn, axis=2), others, (fit, draw))


def chains(data: Split, draws: int) -> dict[str, tuple[float, float]]:
    second = np.array([[data._error(o, INCOMES, of) for of in (DEMOGRAPHICS, INCOMES)] for o in data.others])
    found = {"a second sample": tuple(second.mean(axis=0))}
    for name, model in CHAINS.items():
        say("chain", name)
        imputer = model.fit(data.train, INCOMES, "weight", 0, given=DEMOGRAPHICS)
        found[name] = data.joint(np.stack([imputer.sample(data.test, k).to_numpy() for k in range(draws)], axis=1))
    return found


def peer(python: str, data: Split, method: str, which: str, draws: int) -> tuple[Result, np.ndarray]:
    with tempfile.TemporaryDirectory() as folder:
        columns = [*DEMOGRAPHICS, *INCOMES, "weight"]
        tables = {name: getattr(data, name)[columns].to_numpy(dtype=float) for name in ("train", "test", "many")}
        np.savez(Path(folder) / "tables.npz", **tables)
        spec = {"columns": columns, "incomes": INCOMES, "demographics": DEMOGRAPHICS}
        (Path(folder) / "spec.json").write_text(json.dumps(spec))
        script, result = Path(__file__).with_name("imputation_peers.py"), Path(folder) / "result.npz"
        subprocess.run([python, script, folder, method, which, str(draws), result], check=True)
        with np.load(result) as file:
            return data.score(file["draws"], which == "others", (float(file["fit"]), float(file["draw"]))), file[
                "draws"
            ]


def _mean(values: list[float], digits: str) -> str:
    """Mean over seeds, with its standard error where there are several."""
    error = f" ± {np.std(values, ddof=1) / len(values) ** 0.5:{digits}}" if len(values) > 1 else ""
    return f"{np.mean(values):{digits}}{error}"


def brief(results: list[Result]) -> str:
    """All scores of all splits, for the impatient and for runs that are cut short."""
    return json.dumps(results, default=float)


def show(found: dict[str, list[Result]], receivers: int) -> None:
    """Tables of scores by model."""
    for score, title, digits in (("crps", "CRPS, $", ",.1f"), ("w1", "W1 of the marginal, second sample = 1", ".2f"),
                                 ("spearman", "Spearman error", ".4f")):  # fmt: skip
        extra = {"crps": "relative CRPS", "spearman": "mean"}.get(score)
        heading(title, *INCOMES, *([extra] if extra else []))
        for name, results in found.items():
            if score not in results[0]:
                continue
            cells = [_mean([r[score][t] for r in results], digits) for t in INCOMES]
            if score == "crps":
                cells.append(_mean([r["relative"] for r in results], ".4f"))
            if score == "spearman":
                cells.append(_mean([np.mean(list(r[score].values())) for r in results], ".4f"))
            row(name, *cells)
        print()
    heading("seconds", "fit six", f"draw six for {receivers:,}")
    for name, results in found.items():
        if "fit" in results[0]:
            row(name, *(_mean([r[k] for r in results], ".1f") for k in ("fit", "draw")))
    print(flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", nargs="+", default=["demographics", "others", "chain"],
                        choices=["demographics", "others", "chain"])  # fmt: skip
    parser.add_argument("--seeds", nargs="+", type=int, default=[1])
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--households", type=int, default=15_000, help="in each sample")
    parser.add_argument("--receivers", type=int, default=200_000, help="whose draws are timed")
    parser.add_argument("--models", nargs="*", default=list(OURS), choices=list(OURS))
    parser.add_argument("--python", help="a Python that has microimpute and quantile-forest; no peers without")
    parser.add_argument("--peers", nargs="+", help="some of the peers")
    given = parser.parse_args()
    table = units()
    splits = [Split(table, seed, given.households, given.receivers) for seed in given.seeds]
    of_peers: dict[str, list[tuple[float, float]]] = {}
    for part in given.part:
        print(f"## {part}\n", flush=True)
        if part == "chain":
            parts = [chains(data, TABLES) for data in splits]
            heading("Spearman error of six incomes drawn together", "with demographics", "among themselves")
            for name, errors in ({n: [p[n] for p in parts] for n in parts[0]} | of_peers).items():
                row(name, *(_mean([e[k] for e in errors], ".4f") for k in (0, 1)))
            print(flush=True)
            continue
        others = part == "others"
        found = {"a second sample": [], "the training rows": []}
        for data in splits:
            each = [data.sample(o, others) for o in data.others]
            found["a second sample"].append(
                {s: {t: np.mean([e[s][t] for e in each]) for t in INCOMES} for s in ("w1", "spearman")}
            )
            found["the training rows"].append(data.sample(data.train, others))
        for name in given.models:
            found[name] = [ours(OURS[name], data, others, given.draws) for data in splits]
            say(part, name, brief(found[name]))
        for name in (p for p in PEERS[part] if given.python and (not given.peers or p in given.peers)):
            results = [peer(given.python, data, name, part, given.draws) for data in splits]
            found[name] = [r for r, _ in results]
            say(part, name, brief(found[name]))
            if name.startswith("microimpute") and not others:  # it draws all six at once
                of_peers[name] = [data.joint(d) for data, (_, d) in zip(splits, results, strict=True)]
        show(found, given.receivers)


if __name__ == "__main__":
    main()
