"""Commands of the budget window: `jaxsim score` and `jaxsim baselines`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from jaxsim.console import make_console, print_table, with_baseline, with_population, writable


@click.command()
@click.argument("reforms", metavar="REFORM...", nargs=-1, type=click.Path(path_type=Path))
@click.option("--enact", metavar="ACT", help="Also score every provision of an act, e.g. pl_119_21, in order.")
@click.option("--years", default=10, show_default=True, type=click.IntRange(1), help="Years from --year on.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for tables and the plot.")
@with_baseline
@with_population
def score(
    reforms: tuple[Path, ...],
    enact: str | None,
    years: int,
    out: Path | None,
    baseline: str,
    population: str,
    year: int,
    data_year: int | None,
    tables: bool,
) -> None:
    """Score REFORM files over a budget window, stacked in the order given.

    Example: jaxsim score --baseline before_pl_119_21 --enact pl_119_21
    """
    from jaxsim.baselines import provisions
    from jaxsim.parameters import LAST_YEAR
    from jaxsim.reform import Reform

    started = time.perf_counter()
    if not reforms and enact is None:
        raise click.UsageError("name a reform file, or an act with --enact")
    parts = [Reform.from_file(path) for path in reforms]
    parts += [p.enactment() for p in provisions(enact)] if enact else []
    if out is not None:
        writable(out)
    console = make_console()
    with console.status("Loading households ..."):
        from jaxsim.data import load_population
        from jaxsim.simulation import Simulation

        sim = Simulation(load_population(population, year=data_year), year, baseline=baseline, tables=tables)
    result = sim.score(parts, range(year, min(year + years, LAST_YEAR + 1)), progress=console.is_terminal)
    console.print(
        f"[bold]Change of revenue against {result.baseline}[/bold], billion dollars; negative loses revenue\n"
    )
    results = {"calendar": result.calendar, "fiscal": result.fiscal, "components": result.components_table}
    titles = {"calendar": "Calendar years of liability", "fiscal": "Fiscal years of payment",
              "components": "By component, calendar years"}  # fmt: skip
    if len(parts) > 1:
        results["alone"] = result.unstacked
        titles["alone"] = "Each provision alone, calendar years"
        titles = {k: v if k in ("alone", "components") else f"{v}, stacked in order" for k, v in titles.items()}
    for key, table in results.items():
        shown = (table / 1e9).rename(columns=str)
        print_table(console, titles[key], shown, dict.fromkeys(shown.columns, ",.1f"))
    if out is not None:
        _write(out, result, results)
        console.print(f"Tables and the plot are in {out}")
    console.print(f"[dim]{time.perf_counter() - started:.1f} seconds after start[/dim]")


def _write(out: Path, result: Any, tables: dict[str, Any]) -> None:
    from jaxsim.files import write_atomic

    for key, table in tables.items():
        write_atomic(out / f"score_{key}.csv", table.to_csv)
    figure = result.plot()
    write_atomic(out / "score.png", lambda path: figure.savefig(path, dpi=120, format="png"))


@click.command()
def baselines() -> None:
    """List the laws that a reform can be compared with."""
    from jaxsim.baselines import baselines as table

    print_table(make_console(), "Baselines", table(), {}, "baseline")
