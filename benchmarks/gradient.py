"""What gradients cost: time, time a parameter, ratio to the forward run, temporaries; and what the flags say.

python benchmarks/gradient.py [--population cps_sample|cps]
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import jax
import numpy as np
from speed import YEAR, heading, median, row, whole_file

import jaxsim as js
from jaxsim import program
from jaxsim.precision import precision

OUTCOME = ("income_tax",)


def temporaries(function: Any, *arguments: Any) -> tuple[float, float]:
    """(MB of temporaries, seconds to compile) of a function to be jitted."""
    started = time.perf_counter()
    compiled = jax.jit(function).lower(*arguments).compile()
    return compiled.memory_analysis().temp_size_in_bytes / 1e6, time.perf_counter() - started


def costs(sim: js.Simulation, name: str) -> None:
    system = sim.system
    with precision(name):
        forward = program.compiled(program.totals, system, OUTCOME)
        plain = sim.arguments(*OUTCOME)
        blocked = sim.arguments(*OUTCOME, reverse=True)
        base = median(lambda: forward(*plain))
        cells = sum(np.size(leaf) for leaf in jax.tree.leaves(plain[0]))
        row(name, "forward", f"{1e3 * base:.2f} ms", "", "1.0", "", "")
        for label, within in (("gradient, all", ("",)), ("gradient, CTC", ("irs.credits.ctc",))):
            run = program.compiled_gradient(system, OUTCOME, within=within)
            started = time.perf_counter()
            jax.block_until_ready(run(*blocked))
            first = time.perf_counter() - started
            seconds = median(lambda run=run: run(*blocked))
            count = cells if within == ("",) else sum(np.size(x) for x in jax.tree.leaves(plain[0].select(within)))
            memory = run.lower(*blocked).compile().memory_analysis().temp_size_in_bytes / 1e6
            row(name, f"{label} ({count} cells)", f"{1e3 * seconds:.2f} ms", f"{1e6 * seconds / count:.1f} µs",
                f"{seconds / base:.1f}", f"{memory:.1f} MB", f"{first:.1f} s")  # fmt: skip
        f = sim.function(*OUTCOME)
        whole = program.PureFunction(system, OUTCOME, *plain)
        several = jax.tree.map(lambda x: np.stack([x] * 8), f.parameters)
        for label, function, arguments, times in (
            ("user's jit(grad(f))", jax.grad(f), (f.parameters, f.population), 1),
            ("user's jit(grad(f)), one block", jax.grad(whole), plain, 1),
            ("user's jit(vmap(grad(f))), 8 reforms", jax.vmap(jax.grad(f), (0, None)), (several, f.population), 8),
        ):
            memory, compile_time = temporaries(function, *arguments)
            jitted = jax.jit(function)
            seconds = median(lambda jitted=jitted, arguments=arguments: jitted(*arguments), 5)
            row(name, label, f"{1e3 * seconds:.2f} ms", f"{1e6 * seconds / cells / times:.1f} µs",
                f"{seconds / base:.1f}", f"{memory:.1f} MB", f"{compile_time:.1f} s")  # fmt: skip


def flags(sim: js.Simulation) -> None:
    table = sim.gradient("income_tax", differences=True)
    counts = (f"{int(table[c].sum())} {c}" for c in ("may step", "matters here", "no support in data"))
    print(f"\n### Flags: {len(table)} cells behind income tax: {', '.join(counts)}\n")
    widths = table.attrs["smoothing"]
    print(
        f"Where steps matter: window ${widths['USD']:,.0f} and {widths['year']:g} years, difference over the window.\n"
    )
    heading("parameter", "plain", "smoothed", "twice as wide", "finite difference")
    for name, line in table[table["matters here"]].iterrows():
        row(name, *(f"{line[c]:,.4g}" for c in ("gradient", "smoothed", "smoothed twice as wide", "difference")))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--population", choices=["cps_sample", "cps"], default="cps")
    chosen = parser.parse_args().population
    population = whole_file() if chosen == "cps" else js.load_population(chosen)
    print(f"### Gradient of total income tax, {population.count('tax_unit'):,} tax units\n")
    heading("precision", "what", "time", "a cell", "ratio to forward", "temporaries", "first call or compile")
    for name in ("float64", "float32"):
        costs(js.Simulation(population, YEAR, precision=name, age=chosen != "cps"), name)
    flags(js.Simulation(population, YEAR, age=chosen != "cps"))


if __name__ == "__main__":
    main()
