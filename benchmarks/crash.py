"""A sweep that is killed again and again, beside one left alone: what is lost, what is double, what differs.

    python benchmarks/crash.py                        # 50 kills of 20,000 reforms on the sample, some minutes
    python benchmarks/crash.py --kills 5 --reforms 2000

Each kill is a SIGKILL at a random moment within the computing part of the run. Prints Markdown for BENCHMARKS.md.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import jaxsim as js
from jaxsim.sweep import Local
from jaxsim.sweep.ledger import PARTIAL

YEAR = 2026
RANGES = {
    "irs.credits.ctc.amount": (0, 6_000),
    "irs.credits.ctc.refundable.maximum": (0, 6_000),
    "irs.deductions.standard.amount.JOINT": (20_000, 50_000),
}
OUTCOMES = ("cost", "family_poverty_gap", "winners")


class Announced(Local):
    """Threads that say on standard output when the first reforms are done, after all preparation."""

    def run(self, chunks: Any, values: Any, work: Any, tick: Any) -> Any:
        said: list[bool] = []

        def announce(n: int) -> None:
            if not said:
                said.append(True)
                print("computing", flush=True)
            tick(n)

        return super().run(chunks, values, work, announce)


def child(arguments: argparse.Namespace) -> None:
    """The run itself, in a process of its own."""
    sim = js.Simulation(js.load_population(arguments.population), YEAR)
    plan = js.sobol(RANGES, arguments.reforms, seed=arguments.seed)
    js.sweep(sim, plan, OUTCOMES, out=arguments.child, chunk=arguments.chunk, check=0, executor=Announced(),
             progress=False)  # fmt: skip


def start(arguments: argparse.Namespace, out: Path, cache: Path) -> subprocess.Popen[str]:
    """The child at work in a folder; compiled programs are kept, so that it is soon where it was."""
    environment = {
        **os.environ,
        "JAX_COMPILATION_CACHE_DIR": str(cache),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    options = [f"--{name}={getattr(arguments, name)}" for name in ("reforms", "population", "seed", "chunk")]
    command = [sys.executable, __file__, *options, f"--child={out}"]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def until_computing(process: subprocess.Popen[str]) -> bool:
    """Wait for the first reforms of a start; whether there were any."""
    assert process.stdout is not None
    return process.stdout.readline().strip() == "computing"


def main(arguments: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as folder:
        alone, out, cache = (Path(folder) / name for name in ("alone", "killed", "compiled"))
        started = time.perf_counter()
        process = start(arguments, alone, cache)
        until_computing(process)
        computing = time.perf_counter()
        if process.wait():
            sys.exit(process.returncode)
        seconds = {"undisturbed": time.perf_counter() - started, "computing": time.perf_counter() - computing}
        whole = js.open_sweep(alone).table

        moments = random.Random(arguments.seed)
        longest = 1.2 * seconds["computing"] / max(arguments.kills, 1)  # so that the last kill finds work left
        hits = halves = wrong = 0
        started = time.perf_counter()
        for kill in range(arguments.kills):
            process = start(arguments, out, cache)
            if until_computing(process):
                time.sleep(longest * moments.random())
            process.send_signal(signal.SIGKILL)
            process.wait()
            found = js.open_sweep(out)
            hits += process.returncode == -signal.SIGKILL and found.missing > 0
            halves += any((out / "chunks").glob(f".*{PARTIAL}"))
            wrong += not found.table.equals(whole.loc[found.table.index])
            if sys.stderr.isatty():
                print(f"kill {kill + 1}: {len(found.table):,} reforms are there", end="\r", file=sys.stderr)
        process = start(arguments, out, cache)
        if process.wait():
            sys.exit(process.returncode)
        seconds["killed"] = time.perf_counter() - started
        found = js.open_sweep(out)
        report(arguments, whole, found, hits, halves, wrong, seconds)


def report(
    arguments: argparse.Namespace, whole: Any, found: Any, hits: int, halves: int, wrong: int, seconds: dict[str, float]
) -> None:
    table = found.table
    rows = {
        "reforms": f"{arguments.reforms:,}",
        "outcomes": ", ".join(OUTCOMES),
        "population": arguments.population,
        "chunks": f"{found.ledger.count:,} of {found.manifest['chunk']:,} reforms",
        "kills": arguments.kills,
        "of them while reforms were computed": hits,
        "of them while a chunk was being written": halves,
        "kills after which a finished reform was not as in the undisturbed run": wrong,
        "reforms lost": len(whole.index.difference(table.index)),
        "reforms double": int(table.index.duplicated().sum()),
        "final table equal to the undisturbed one, every digit": "yes" if table.equals(whole) else "NO",
        "undisturbed run": f"{seconds['undisturbed']:,.0f} s, {seconds['computing']:,.0f} s of it computing",
        "killed run, all starts together": f"{seconds['killed']:,.0f} s",
    }
    print("| | |\n|---|---|")
    for name, value in rows.items():
        print(f"| {name} | {value} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--reforms", type=int, default=20_000)
    parser.add_argument("--population", default="cps_sample")
    parser.add_argument("--chunk", type=int, default=64, help="reforms in a file")
    parser.add_argument("--seed", type=int, default=0, help="of the plan and of the moments")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    given = parser.parse_args()
    child(given) if given.child else main(given)
