"""What sweeps do: reforms a second and their limits, memory, precision, and the same reforms looped in Tax-Calculator.

    python benchmarks/sweeps.py                     # all, about twenty minutes on two cores
    python benchmarks/sweeps.py --part speed errors
    python benchmarks/sweeps.py --part million      # a million reforms over the whole file: for an accelerator

Needs the `validation` extra, but for `errors`. Prints Markdown for BENCHMARKS.md. On a CPU `million` runs a part and
projects the rest, and says so.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from speed import heading, median, row, whole_file

import jaxsim as js
from jaxsim.data.taxcalc import cps_path
from jaxsim.measures import resolve, targets_of
from jaxsim.named_measures import NAMED
from jaxsim.precision import precision
from jaxsim.residual import leaf_of, leaves_read
from jaxsim.sweep.kernel import Kernel
from jaxsim.sweep.run import sweep

YEAR = 2026
FEW = ["irs.credits.ctc.amount", "irs.credits.ctc.refundable.maximum"]
SEVERAL = ["income_tax", "cost", "poverty_rate", "poverty_gap", "winners", "losers", "gain_by_decile"]
MILLION = 1_000_000
H200 = 67e12, 4.8e12  # float32 operations and bytes of memory a second of an NVIDIA H200 SXM, by its data sheet
HERE = Path(__file__).parent


def populations(names: list[str]) -> dict[str, js.Population]:
    made = {"bundled sample": lambda: js.load_population("cps_sample"), "whole file": whole_file}
    return {name: make() for name, make in made.items() if name in names}


def cells_of(sim: js.Simulation, kind: str) -> list[str]:
    if kind == "few":
        return FEW
    read = leaves_read(sim, ("income_tax",))
    return [cell for leaf in sorted(read) for cell in sim.law[leaf].cell_names()]


def random_laws(sim: js.Simulation, cells: list[str], n: int, seed: int = 0) -> np.ndarray:
    """Values [n, cells] within a tenth of the law's, inside the valid ranges."""
    draw = np.random.default_rng(seed).uniform(0.9, 1.1, (n, len(cells)))
    leaves = [leaf_of(sim, c) for c in cells]
    now = np.array([np.ravel(sim.parameters[p])[sim.law[p].cell_names().index(c)]
                    for p, c in zip(leaves, cells, strict=True)])  # fmt: skip
    low, high = np.array([sim.law[p].bounds for p in leaves]).T
    return np.clip(draw * now, low, high)


def peak_rate(dtype: Any) -> float:
    """Operations a second of a product of matrices, all cores: the roof of arithmetic."""
    with precision("float64" if dtype == np.float64 else "float32"):
        x = jnp.ones((1_536, 1_536), dtype)
        product = jax.jit(jnp.dot)
        return 2 * 1_536**3 / median(lambda: product(x, x), 20)


def count_of(kernel: Kernel, what: str) -> float:
    """Operations ("flops") or bytes ("bytes accessed") for one tax unit and reform, as XLA counts them."""
    values = np.full((kernel.size, len(kernel.cells)), np.nan)
    with precision(kernel.sim.precision):
        compiled = kernel._jitted.lower(kernel.parameters, kernel.blocks[0], kernel.batch(values)).compile()
    units = kernel.sim.population.count("tax_unit") / len(kernel.blocks)
    return compiled.cost_analysis()[what] / kernel.size / units


def speed(names: list[str]) -> None:
    print("\n## Reforms a second\n")
    print(
        "`roof` is the arithmetic of the compiled program, as XLA counts it, at the rate of a product of matrices, all"
    )
    print("cores; `share` is how much of it is reached. Comparisons and selections cannot use multiply-adds.\n")
    heading(
        "population", "parameters", "outcomes", "precision", "kernel", "rules", "prepare and compile",
        "reforms a second", "million unit-reforms a second", "operations a unit-reform", "roof", "share",
    )  # fmt: skip
    for where, population in populations(names).items():
        for kind in ("float32", "float64"):
            sim = js.Simulation(population, YEAR, precision=kind, age=where == "bundled sample")
            peak = peak_rate(sim._dtype)
            for parameters, outcomes in (("few", "income_tax"), ("few", "several"), ("all", "income_tax")):
                asked = resolve(sim, SEVERAL if outcomes == "several" else outcomes)
                cells = cells_of(sim, parameters)
                started = time.perf_counter()
                kernel = Kernel(sim, asked, cells, laws=MILLION)
                values = random_laws(sim, cells, kernel.size)
                kernel.figures(values)
                first = time.perf_counter() - started
                rate = _rate(sim, asked, cells, kernel)
                units = population.count("tax_unit")
                operations = count_of(kernel, "flops")
                roof = peak / operations / units
                label = f"{len(asked)} kinds" if outcomes == "several" else outcomes
                order = kernel.system.order(targets_of(kernel.system, asked))
                row(
                    where, f"CTC, {len(cells)}" if parameters == "few" else f"all, {len(cells)}", label, kind,
                    kernel.kind, sum(name in kernel.system.rules for name in order), f"{first:.1f} s", f"{rate:,.0f}",
                    f"{rate * units / 1e6:,.0f}", f"{operations:,.0f}", f"{roof:,.0f}", f"{rate / roof:.0%}",
                )  # fmt: skip


def _rate(sim: js.Simulation, asked: Any, cells: list[str], kernel: Kernel, seconds: float = 4.0) -> float:
    """Reforms a second of a warm kernel by the local executor's threads."""
    from jaxsim.sweep.executors import Local
    from jaxsim.sweep.run import Work

    once = time.perf_counter()
    kernel.figures(random_laws(sim, cells, kernel.size))
    once = time.perf_counter() - once
    chunk = kernel.size * max(1, int(0.5 / once))
    chunks = max(4, int(seconds / (once * chunk / kernel.size)))
    values = random_laws(sim, cells, chunk)
    work = Work(sim, asked, tuple(cells), _made=[kernel])
    rates = []
    for _ in range(3):
        started = time.perf_counter()
        done = sum(len(f) for _, f in Local().run(range(chunks), lambda c: values, work, lambda n: None))
        rates.append(done / (time.perf_counter() - started))
    return float(np.median(rates))


def memory() -> None:
    print("\n## Peak memory under a bound, whole file, float32, 512 reforms of the CTC, each in a process of its own\n")
    print("`gini` needs whole columns, so the number of laws at a time decides the memory.\n")
    heading("bound", "laws at a time", "peak", "peak / bound", "seconds")
    for bound in ("2GB", "2.5GB", "3GB", "4GB", "none"):
        code = (
            "import json, resource, sys, time\n"
            "import jaxsim as js\n"
            "from speed import whole_file\n"
            "from sweeps import FEW\n"
            "sim = js.Simulation(whole_file(), 2026, age=False)\n"
            "started = time.perf_counter()\n"
            "plan = js.uniform({p: (0, 5000) for p in FEW}, 512)\n"
            "bound = None if sys.argv[1] == 'none' else sys.argv[1]\n"
            "made = js.sweep(sim, plan, ['cost', 'gini'], memory=bound, check=0, progress=False)\n"
            "print(json.dumps([made.manifest['layout'][2], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,\n"
            "                  time.perf_counter() - started]))\n"
        )
        command = [sys.executable, "-c", code, bound]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=HERE)
        if done.returncode:
            row(bound, done.stderr.strip().splitlines()[-1], "", "", "")
            continue
        laws, peak, seconds = json.loads(done.stdout.splitlines()[-1])
        share = "" if bound == "none" else f"{peak / (float(bound[:-2]) * 1e9):.2f}"
        row(bound, laws, f"{peak / 1e9:.2f} GB", share, f"{seconds:.0f}")


def errors() -> None:
    print("\n## float32 against float64: bundled sample, 64 reforms that change all parameters within a tenth\n")
    asked = ["income_tax", *NAMED, "eitc", "refundable_ctc", "alternative_minimum_tax"]
    figures = {}
    for kind in ("float32", "float64"):
        sim = js.Simulation(js.load_population("cps_sample"), YEAR, precision=kind)
        cells = cells_of(sim, "all")
        made = resolve(sim, asked)
        kernel = Kernel(sim, made, cells, laws=64)
        values = random_laws(sim, cells, 64)
        figures[kind] = np.concatenate([kernel.figures(values[i : i + kernel.size]) for i in range(0, 64, kernel.size)])
    wide, narrow = figures["float64"], figures["float32"]
    size = np.abs(wide).max(0)
    share = np.divide(np.abs(narrow - wide).max(0), size, out=np.zeros_like(size), where=size > 0)
    heading("outcome", "figures", "largest difference, as a share of the largest value")
    at = 0
    for m in made:
        row(m.name, len(m.names), f"{share[at : at + len(m.names)].max():.1e}")
        at += len(m.names)


def loop(reforms: int = 5) -> None:
    """The same reforms looped in Tax-Calculator, on the same file in one run."""
    import pandas as pd
    import taxcalc

    print("\n## The same reforms looped in Tax-Calculator, whole file, tax year 2026: total income tax\n")
    data = pd.read_csv(cps_path())
    amounts = np.linspace(0, 5_000, 1_000)
    times, theirs = [], []
    chosen = np.linspace(0, len(amounts) - 1, reforms).astype(int)
    for k in chosen:
        started = time.perf_counter()
        records = taxcalc.Records(data=data, start_year=YEAR, gfactors=None, weights=None, exact_calculations=True)
        policy = taxcalc.Policy()
        policy.implement_reform({f"{c}_claim_prob_scale": {"2013": 9e99} for c in ("eitc", "actc")})
        policy.implement_reform({"CTC_c": {str(YEAR): float(amounts[k])}})
        policy.set_year(YEAR)
        calculator = taxcalc.Calculator(policy=policy, records=records)
        calculator.calc_all()
        theirs.append(calculator.weighted_total("iitax") / 100)  # the file has its weights in hundredths
        times.append(time.perf_counter() - started)
    each = float(np.median(times))
    sim = js.Simulation(whole_file(), YEAR, age=False)
    heading("program", "precision", "1,000 reforms", "a reform", "ratio")
    row("taxcalc", "float64", f"{1_000 * each:,.0f} s (1,000 times the median of {reforms})", f"{each:.2f} s", "1")
    for kind in ("float64", "float32"):
        started = time.perf_counter()
        made = sweep(sim, {FEW[0]: amounts}, "income_tax", precision=kind, check=0, progress=False)
        took = time.perf_counter() - started
        row("jaxsim, compilation included", kind, f"{took:,.1f} s", f"{1e3 * took / 1_000:.1f} ms",
            f"{1_000 * each / took:,.0f}")  # fmt: skip
    change = np.diff(theirs) - np.diff(made.table["income_tax"].to_numpy()[chosen])
    span = abs(theirs[-1] - theirs[0])
    print(f"\nLargest difference of the change between reforms: {np.abs(change).max() / span:.1e} of the whole span.")


def million(reforms: int, share: float) -> None:
    print(f"\n## {reforms:,} reforms over the whole file ({jax.devices()[0].device_kind}, {jax.default_backend()})\n")
    sim = js.Simulation(whole_file(), YEAR, age=False)
    count = reforms if jax.default_backend() != "cpu" else max(1, int(share * reforms))
    plan = js.sobol({p: (0, 5_000) for p in FEW}, count)
    made = sweep(sim, plan, ["income_tax", "cost"], progress=False)
    print(made)
    seconds = count / made.rate
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    print(f"\n{count:,} reforms took {seconds:,.0f} s, check and compilation included; {peak:.1f} GB at most.")
    if count < reforms:
        print(f"PROJECTION for {reforms:,} reforms at that rate: {seconds * reforms / count / 60:,.0f} minutes.")
        kernel = Kernel(sim._copy(precision="float32"), resolve(sim, ["income_tax", "cost"]), FEW, laws=MILLION)
        lanes = reforms * sim.population.count("tax_unit")
        arithmetic = lanes * count_of(kernel, "flops") / H200[0]
        memory = lanes * count_of(kernel, "bytes accessed") / H200[1]
        print(
            f"PROJECTION for one H200, not measured: by its data sheet {arithmetic:,.1f} s of arithmetic and "
            f"{memory:,.0f} s of memory traffic, as XLA counts those of the program compiled for this CPU; at a tenth "
            f"of these rates {10 * (arithmetic + memory) / 60:,.1f} minutes."
        )


PARTS = ("speed", "memory", "errors", "loop", "million")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--population", nargs="+", default=["bundled sample", "whole file"])
    parser.add_argument("--reforms", type=int, default=MILLION)
    parser.add_argument("--share", type=float, default=0.02, help="part of the million that is run on a CPU")
    given = parser.parse_args()
    for part in given.part:
        if part == "speed":
            speed(given.population)
        elif part == "million":
            million(given.reforms, given.share)
        else:
            {"memory": memory, "errors": errors, "loop": loop}[part]()


if __name__ == "__main__":
    main()
