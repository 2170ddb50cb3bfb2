"""Commands of sweeps: `jaxsim sweep` and `jaxsim merge`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from jaxsim.console import make_console, print_table, with_baseline, with_population


@click.command()
@click.argument("plan", type=click.Path(path_type=Path))
@click.option("--outcome", "outcomes", multiple=True, required=True, metavar="NAME",
              help="A variable, or one of cost, budget, gini, poverty_rate, winners ...; may be repeated.")  # fmt: skip
@click.option("--out", "-o", type=click.Path(path_type=Path), required=True,
              help="Folder for the results. Given again, the run goes on with what is missing.")  # fmt: skip
@click.option("--precision", type=click.Choice(["float32", "float64"]), default="float32", show_default=True)
@click.option("--kernel", type=click.Choice(["auto", "specialised", "generic"]), default="auto", show_default=True)
@click.option("--memory", metavar="SIZE", help="What the process, or the device, may take, e.g. 4GB.")
@click.option("--devices", type=click.Choice(["first", "all"]), default="first", show_default=True)
@click.option("--executor", type=click.Choice(["local", "ray"]), default="local", show_default=True)
@click.option("--workers", type=click.IntRange(1), help="Chunks at a time; by default the cores, or 2 Ray actors.")
@click.option("--shard", default="0/1", show_default=True, metavar="I/N", help="Only the I-th of N parts, from 0.")
@click.option("--check", type=click.IntRange(0), default=16, show_default=True,
              help="Reforms also computed in float64, to state the error of float32.")  # fmt: skip
@with_baseline
@with_population
def sweep(
    plan: Path, outcomes: tuple[str, ...], out: Path, precision: str, kernel: str, memory: str | None, devices: str,
    executor: str, workers: int | None, shard: str, check: int, baseline: str, population: str, year: int,
    data_year: int | None, tables: bool,
) -> None:  # fmt: skip
    """Run every reform of PLAN: a table (.csv, .parquet; a column by parameter) or a design (.yaml).

    The folder holds Parquet files that pandas, pyarrow and DuckDB read at any time. A run that was stopped or killed
    goes on where it was when it is started again.
    """
    from jaxsim.data import load_population
    from jaxsim.simulation import Simulation
    from jaxsim.sweep import Local, Ray
    from jaxsim.sweep import sweep as run
    from jaxsim.sweep.plan import as_plan

    console = make_console()
    made = as_plan(plan)
    runner = Local(workers) if executor == "local" else Ray(workers or 2)
    sim = Simulation(load_population(population, year=data_year), year, baseline=baseline, tables=tables)
    try:
        result = run(
            sim, made, outcomes, out=out, precision=precision, kernel=kernel, memory=memory,
            devices=None if devices == "first" else devices, executor=runner, shard=shard, check=check,
        )  # fmt: skip
    except KeyboardInterrupt:
        click.echo(f"Stopped. What is done is in {out}: run the same command to go on.", err=True)
        sys.exit(130)
    console.print(str(result).strip("<>"))
    if result.error is not None:
        print_table(console, "Largest relative difference of float32 from float64 on a sample", result.error.to_frame(),
                    {str(result.error.name): ".1e"}, "figure")  # fmt: skip


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--out", "-o", type=click.Path(path_type=Path), required=True, help=".parquet, .csv or .csv.gz")
def merge(folder: Path, out: Path) -> None:
    """Write the reforms of a finished sweep in FOLDER to one file."""
    from jaxsim.sweep import open_sweep

    found = open_sweep(folder)
    found.merge(out)
    click.echo(f"{found.manifest['reforms']:,} reforms: {out}")
