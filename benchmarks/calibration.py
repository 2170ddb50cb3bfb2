"""Calibration: the real job, peers on the same problem, an exact fit of a large sparse one, derivatives.

    python benchmarks/calibration.py                              # all parts but the peers, about five minutes
    python benchmarks/calibration.py --part peers --peers PYTHON  # PYTHON has microcalibrate and l0-python

Needs Tax-Calculator for its CPS file (the `validation` extra). Prints Markdown for BENCHMARKS.md.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sparse
from speed import heading, row

import jaxsim as js
from jaxsim.calibrate import Fit, Problem, build_matrix, fit, select
from jaxsim.calibrate.fitting import effective_sample_size, error_summary
from jaxsim.calibrate.implicit import derivatives

BOUNDS = (0.02, 50.0)
HELD_OUT = (
    "soi_2022.taxable_pension_income", "soi_2022.taxable_interest_income", "soi_states_2022.employment_income",
    "soi_2022.social_security",
)  # fmt: skip
STOP = 0.08
"""Mean error at which every dense fit of the comparison with peers stops."""


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def timed(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """Result, wall seconds and CPU seconds."""
    began, before = time.perf_counter(), cpu()
    found = work()
    return found, time.perf_counter() - began, cpu() - before


def memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def figures(found: Fit) -> list[str]:
    s = found.summary()
    return [
        f"{s['targets']:,.0f}", f"{s['mean error']:.2%}", f"{s['median error']:.2%}", f"{s['within 1%']:.1%}",
        f"{s['within 10%']:.1%}", f"{s['effective sample size']:,.0f}", f"{s['nonzero weights']:,.0f}",
        f"{s['median ratio']:.2f}, {s['largest ratio']:.0f}",
    ]  # fmt: skip


def problem_of(population: str) -> Problem:
    return build_matrix(js.Simulation(js.load_population(population), 2022), select("us_2022"))


def real() -> None:
    problem, wall, used = timed(lambda: problem_of("cps"))
    print(f"Whole CPS file, {problem!r}: built in {wall:.1f} s ({used:.1f} CPU seconds, aged and computed).\n")
    heading("fit", "targets", "mean error", "median", "within 1%", "within 10%", "effective sample", "non-zero",
            "ratio: median, largest", "seconds", "CPU s")  # fmt: skip
    fits: dict[str, tuple[dict[str, Any], str]] = {
        "descent": ({"divergence": 1e-4}, "descent, divergence 1e-4"),
        "near": ({"divergence": 3e-3}, "descent, divergence 3e-3"),
        "l0": ({"method": "l0"}, "l0, a tenth of the records, refitted"),
        "held": ({"divergence": 3e-3, "held_out": HELD_OUT, "patience": None}, "descent, four families held out"),
    }
    kept: dict[str, Fit] = {}
    for name, (options, title) in fits.items():
        kept[name], wall, used = timed(lambda o=options: fit(problem, bounds=BOUNDS, **o))
        row(title, *figures(kept[name]), f"{wall:.1f}", f"{used:.1f}")
    print(f"\nPeak memory of the process {memory():.2f} GB.\n")
    gone = kept["near"].left_out
    alone = gone[gone.alone]
    kinds = ", ".join(f"{n} {kind}" for kind, n in alone.kind.value_counts().items())
    print(f"Out of reach before fitting and left out: {kinds}; pairs that no mixture of their "
          f"carriers allows: {int((~gone.alone).sum())}.\n")  # fmt: skip
    heading("held-out family", "targets", "error before", "after", "when fitted")
    held, all_ = kept["held"].families(), kept["near"].families()
    for family in HELD_OUT:
        row(family, f"{held.targets[family]}", f"{held.before[family]:.1%}", f"{held.after[family]:.1%}",
            f"{all_.after[family]:.1%}")  # fmt: skip
    print()
    heading("family", "targets", "fitted", "error before", "after", "median", "within 10%")
    for family, r in all_.sort_values("after").iterrows():
        row(family, f"{r.targets:.0f}", f"{r.fitted:.0f}", f"{r.before:.1%}", f"{r.after:.1%}", f"{r['median']:.2%}",
            f"{r.within_10:.0%}")  # fmt: skip


def exact() -> None:
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from tests.calibrate.problems import areas

    problem = areas(200_000, 3_000)
    found, wall, used = timed(lambda: fit(problem, method="entropy"))
    again, second, _ = timed(lambda: fit(problem, method="entropy"))
    print(f"{problem!r}: entropy dual, {found.status}; largest relative error {np.abs(found.errors).max():.1e}, "
          f"effective sample {found.effective_sample_size:,.0f}; {wall:.1f} s with compilation ({used:.1f} CPU s), "
          f"{second:.1f} s again.\n")  # fmt: skip
    amounts = np.random.default_rng(0).random(200_000)
    derivatives(again, amounts)
    (by_value, by_base), wall, _ = timed(lambda: derivatives(again, amounts))
    print(f"Derivative of one outcome by all {len(by_value):,} targets and {len(by_base):,} base weights: "
          f"{wall:.1f} s, {wall / second:.2f} times the fit.\n")  # fmt: skip


def peers(python: str) -> None:
    for population in ("cps_sample", "cps"):
        whole = problem_of(population)
        gone = js.calibrate.unattainable(whole, 0.0, np.inf)
        alone = set(gone.index[gone.alone])
        problem = whole.keep(np.array([n not in alone and v != 0 for n, v in zip(whole.names, whole.values,
                                                                                 strict=True)]))  # fmt: skip
        stop = {"cps_sample": 0.12, "cps": STOP}[population]
        print(f"{population}: {problem!r}. Dense fits stop at a mean error of {stop:.0%}.\n")
        heading("fit", "mean error", "median", "effective sample", "non-zero", "steps", "seconds", "CPU s")
        ours: dict[str, dict[str, Any]] = {
            "jaxsim descent": {"loss": "relative_squared", "stop_at": stop, "steps": 1000, "schedule": "constant"},
            "jaxsim descent, huber": {"loss": "huber", "stop_at": stop, "steps": 1000, "schedule": "constant"},
        }
        for title, options in ours.items():
            found, wall, used = timed(lambda p=problem, o=options: fit(p, unattainable="keep", **o))
            _peer_row(title, problem, found.weights, int(found.history.step.iloc[-1]), wall, used)
        runs = [("microcalibrate sparse", 1000), ("l0 dense", 1000), ("l0", 300)]
        if population == "cps_sample":
            runs.insert(0, ("microcalibrate dense", 1000))
        with tempfile.TemporaryDirectory() as folder:
            given, result = Path(folder) / "problem.npz", Path(folder) / "result.npz"
            m = sparse.csr_array(problem.matrix)
            np.savez(given, data=m.data, indices=m.indices, indptr=m.indptr, shape=m.shape, values=problem.values,
                     base=problem.base)  # fmt: skip
            for method, epochs in runs:
                script = Path(__file__).with_name("calibration_peers.py")
                subprocess.run([python, script, given, method, str(stop), str(epochs), result], check=True)
                with np.load(result) as file:
                    _peer_row(method, problem, file["weights"], int(file["epochs"]), float(file["wall"]),
                              float(file["cpu"]))  # fmt: skip
                    kept = int((file["weights"] > 0).sum())
        for steps, refit in ((250, 100), (500, 300)):
            options = {"method": "l0", "records": kept, "steps": steps, "refit_steps": refit}
            found, wall, used = timed(lambda p=problem, o=options: fit(p, unattainable="keep", **o))
            _peer_row(f"jaxsim l0, {steps} + {refit} steps", problem, found.weights, steps + refit, wall, used)
        print()


def _peer_row(title: str, problem: Problem, weights: np.ndarray, steps: int, wall: float, used: float) -> None:
    s = error_summary(problem.errors(weights))
    row(title, f"{s['mean error']:.2%}", f"{s['median error']:.2%}", f"{effective_sample_size(weights):,.0f}",
        f"{(weights > 0).sum():,}", f"{steps:,}", f"{wall:.1f}", f"{used:.1f}")  # fmt: skip
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", nargs="+", default=["real", "exact"], choices=["real", "exact", "peers"])
    parser.add_argument("--peers", default=sys.executable, help="a Python that has microcalibrate and l0-python")
    given = parser.parse_args()
    for part in given.part:
        print(f"## {part}\n")
        {"real": real, "exact": exact, "peers": lambda: peers(given.peers)}[part]()


if __name__ == "__main__":
    main()
