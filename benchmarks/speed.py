"""Speed beside Tax-Calculator's `calc_all` on its whole CPS file, in one run: medians, cold starts, memory.

    python benchmarks/speed.py            # all, some minutes on two cores
    python benchmarks/speed.py --part warm household

Needs the `validation` extra. Prints Markdown for BENCHMARKS.md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np

import jaxsim as js
from jaxsim import program
from jaxsim.data.taxcalc import cps_path, read_taxcalc
from jaxsim.data.taxcalc_output import TAXCALC
from jaxsim.precision import precision

YEAR = 2026
OUTPUTS = tuple(sorted({part.lstrip("-") for parts in TAXCALC.values() for part in parts}))


def row(*cells: Any) -> None:
    """Print a row of a Markdown table."""
    print(f"| {' | '.join(str(c) for c in cells)} |")


def heading(*cells: str) -> None:
    """Print the head of a Markdown table."""
    row(*cells)
    print("|" + "---|" * len(cells))


def median(run: Callable[[], Any], repeat: int = 15) -> float:
    """Median seconds of a call, after one that does not count."""
    jax.block_until_ready(run())
    times = []
    for _ in range(repeat):
        started = time.perf_counter()
        jax.block_until_ready(run())
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def whole_file() -> js.Population:
    """Tax-Calculator's CPS file with its amounts taken as those of the year: identical inputs for both programs."""
    return read_taxcalc(cps_path(), YEAR)


def taxcalc_calculator() -> Any:
    import pandas as pd
    import taxcalc

    records = taxcalc.Records(
        data=pd.read_csv(cps_path()), start_year=YEAR, gfactors=None, weights=None, exact_calculations=True
    )
    policy = taxcalc.Policy()
    policy.implement_reform({f"{c}_claim_prob_scale": {"2013": 9e99} for c in ("eitc", "actc")})
    policy.set_year(YEAR)
    return taxcalc.Calculator(policy=policy, records=records)


def bandwidth() -> float:
    """Bytes a second that one thread reads: the sum of an array far larger than the caches."""
    array = np.ones(40_000_000)
    return array.nbytes / median(lambda: array.sum(), 7)


def warm() -> None:
    population = whole_file()
    units = population.count("tax_unit")
    calculator = taxcalc_calculator()
    theirs = median(lambda: calculator.calc_all() or 0, 7)
    read = bandwidth()
    print(f"\n### Warm, {units:,} tax units, tax year {YEAR}\n")
    print(
        f"`calc_all` of taxcalc: median {1e3 * theirs:,.0f} ms for all of its law, also credits and reform constructs "
        f"that are not modelled here. Ours: {len(OUTPUTS)} output columns from "
        f"{len(js.household([{}]).system.order(OUTPUTS))} variables.\n"
    )
    heading("precision", "all columns", "ratio to calc_all", "µs a unit", "total income tax alone", "inputs",
            "columns against one pass over the inputs")  # fmt: skip
    for name in ("float64", "float32"):
        sim = js.Simulation(population, YEAR, precision=name, age=False)
        with precision(name):
            arguments = sim.arguments(*OUTPUTS)
            columns = program.compiled(program.columns, sim.system, OUTPUTS)
            ours = median(lambda columns=columns, arguments=arguments: columns(*arguments))
            one = sim.arguments("income_tax")
            total = program.compiled(program.totals, sim.system, ("income_tax",))
            single = median(lambda total=total, one=one: total(*one))
        size = sum(leaf.nbytes for leaf in jax.tree.leaves((arguments[1].columns, arguments[1].links)))
        row(name, f"{1e3 * ours:.1f} ms", f"{theirs / ours:.0f} times", f"{1e6 * ours / units:.3f}",
            f"{1e3 * single:.1f} ms", f"{size / 1e6:.0f} MB", f"{ours / (size / read):.1f} times")  # fmt: skip
    print(f"\nOne pass: {read / 1e9:.1f} GB/s, measured as the sum of a 320 MB array on one thread.")


OURS_COLD = """
import json, sys, time
started = time.perf_counter()
import jax
if sys.argv[1]:
    jax.config.update("jax_compilation_cache_dir", sys.argv[1])
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
import jaxsim as js
from jaxsim.data.taxcalc import cps_path, read_taxcalc
sim = js.Simulation(read_taxcalc(cps_path(), {year}), {year}, age=False)
answer = sim.total("income_tax")
print(json.dumps(dict(seconds=time.perf_counter() - started, answer=answer,
                      peak=1024 * int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]))))
"""
THEIRS_COLD = """
import json, time
started = time.perf_counter()
import pandas as pd, taxcalc, os
data = pd.read_csv(os.path.join(os.path.dirname(taxcalc.__file__), "cps.csv.gz"))
records = taxcalc.Records(data=data, start_year={year}, gfactors=None, weights=None, exact_calculations=True)
policy = taxcalc.Policy()
policy.set_year({year})
calculator = taxcalc.Calculator(policy=policy, records=records)
calculator.calc_all()
answer = float((calculator.array("iitax") * calculator.array("s006")).sum() / 100)
print(json.dumps(dict(seconds=time.perf_counter() - started, answer=answer,
                      peak=1024 * int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]))))
"""


def process(code: str, *arguments: str) -> tuple[float, dict[str, float]]:
    """Seconds from process start to its end, and what it printed."""
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    return time.perf_counter() - started, json.loads(done.stdout.strip().splitlines()[-1])


def cold() -> None:
    print("\n### Cold: from the start of the process to the total income tax of the whole file, read from CSV\n")
    heading("", "seconds", "peak memory")
    with tempfile.TemporaryDirectory() as cache:
        ours, theirs = OURS_COLD.replace("{year}", str(YEAR)), THEIRS_COLD.replace("{year}", str(YEAR))
        for label, code, argument in (
            ("taxcalc", theirs, ""),
            ("jaxsim, no compilation cache", ours, ""),
            ("jaxsim, fills the cache", ours, cache),
            ("jaxsim, with the cache", ours, cache),
        ):
            runs = [process(code, argument) for _ in range(1 if "fills" in label else 3)]
            seconds = statistics.median(r[0] for r in runs)
            row(label, f"{seconds:.1f}", f"{runs[0][1]['peak'] / 1e9:.2f} GB")


def household() -> None:
    person: dict[str, Any] = dict(age=40, employment_income=60_000)

    def run() -> float:
        person["employment_income"] += 1
        return js.household([person], children=[5]).total("income_tax")

    print(f"\nA single household, warm, built and computed anew each time: {1e3 * median(run, 51):.1f} ms")


STAGES = ("adjusted_gross_income", "taxable_income", "regular_tax", "tax_before_credits", "income_tax")


def rules() -> None:
    """Outcomes ever further down the law: what rules cost, whole file, float64."""
    print("\n### What rules cost: the total of one outcome and its gradient by all parameters, float64\n")
    heading("outcome", "rules", "cells", "run", "compile", "gradient", "compile of it")
    sim = js.Simulation(whole_file(), YEAR, age=False)
    measured = []
    jax.clear_caches()  # of other parts, so that everything is compiled here
    with precision("float64"):
        for outcome in STAGES:
            count = sum(name in sim.system.rules for name in sim.system.order((outcome,)))
            plain, blocked = sim.arguments(outcome), sim.arguments(outcome, reverse=True)
            line = [float(count)]
            for run, arguments in (
                (program.compiled(program.totals, sim.system, (outcome,)), plain),
                (program.compiled_gradient(sim.system, (outcome,)), blocked),
            ):
                started = time.perf_counter()
                jax.block_until_ready(run(*arguments))
                first = time.perf_counter() - started
                warm = median(lambda run=run, arguments=arguments: run(*arguments), 9)
                line += [1e3 * warm, first - warm]
            cells = sum(np.size(leaf) for leaf in jax.tree.leaves(plain[0]))
            measured.append(line)
            row(outcome, count, cells, f"{line[1]:.1f} ms", f"{line[2]:.1f} s", f"{line[3]:.0f} ms", f"{line[4]:.1f} s")
    lines = np.array(measured)
    each = [np.polyfit(lines[:, 0] / 100, lines[:, k], 1)[0] for k in range(1, 5)]
    row("each hundred rules", "", "", f"{each[0]:.1f} ms", f"{each[1]:.1f} s", f"{each[2]:.0f} ms", f"{each[3]:.1f} s")


PARTS = {"warm": warm, "rules": rules, "cold": cold, "household": household}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", nargs="+", choices=PARTS, default=list(PARTS))
    arguments = parser.parse_args()
    machine = (
        f"Python {platform.python_version()}, jax {jax.__version__}, {jax.default_backend()}, {os.cpu_count()} cores"
    )
    print(f"{machine}, {Path(__file__).name} {' '.join(arguments.part)}")
    for part in arguments.part:
        PARTS[part]()
    print(f"\nPeak memory of this process {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB")


if __name__ == "__main__":
    main()
