"""`jaxsim calibrate`: weights fitted to official totals. `jaxsim targets`: the totals themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from jaxsim.console import make_console, print_table, writable

METHODS = ("descent", "l0", "entropy", "chi_square", "logit", "raking", "l1", "reweighted_l1", "sample")
"""Those of `calibrate.fitting.methods`, which is slow to import."""


@click.command()
@click.option("--population", "-p", default="cps_sample", show_default=True,
              help="cps_sample, cps (the whole file), or a file or folder.")  # fmt: skip
@click.option("--data-year", type=int, help="Year of the amounts in a file that does not say it; they are aged.")
@click.option("--targets", "selection", default="us_2022_sample", show_default=True,
              help="Selection of targets: us_2022, us_2022_sample or a YAML file.")  # fmt: skip
@click.option("--store", type=click.Path(path_type=Path), help="Target store; the one that is shipped by default.")
@click.option("--method", "-m", default="descent", show_default=True, type=click.Choice(METHODS))
@click.option("--bounds", nargs=2, type=float, default=(0.05, 20.0), show_default=True,
              help="Least and largest ratio of weight to base weight.")  # fmt: skip
@click.option("--held-out", multiple=True, help="Family of targets that is not fitted but reported; may be repeated.")
@click.option("--option", "-o", "given", multiple=True, help="NAME=VALUE of the method, e.g. divergence=0.01.")
@click.option("--out", type=click.Path(path_type=Path), required=True,
              help="Folder for weights.csv, targets.csv and report.html; a stopped fit goes on there.")  # fmt: skip
def calibrate(
    population: str, data_year: int | None, selection: str, store: Path | None, method: str,
    bounds: tuple[float, float], held_out: tuple[str, ...], given: tuple[str, ...], out: Path,
) -> None:  # fmt: skip
    """Fit household weights to official totals and say how good they are."""
    import pandas as pd

    writable(out)
    console = make_console()
    with console.status("Loading households and targets ..."):
        from jaxsim.calibrate import TargetStore, build_matrix, fit, select
        from jaxsim.data import load_population
        from jaxsim.simulation import Simulation

        chosen = select(selection, TargetStore(store) if store else None)
        sim = Simulation(load_population(population, year=data_year), chosen.period)
    problem = build_matrix(sim, chosen, progress=True)
    found = fit(problem, method=method, bounds=bounds, held_out=held_out, checkpoint=out / "checkpoint.npz",
                progress=True, **_options(given))  # fmt: skip
    from jaxsim.files import write_table

    ids = sim.population.tables["household"]["household_id"]
    weights = pd.DataFrame({"household_id": ids, "base": problem.base, "weight": found.weights})
    write_table(weights, out / "weights.csv")
    write_table(found.table().rename_axis("target").reset_index(), out / "targets.csv")
    found.report(sim).to_html(out / "report.html")
    for left in out.glob("checkpoint.npz*"):
        left.unlink()
    console.print(f"[bold]{found.status}[/bold]: {found.message}\n", soft_wrap=True)
    summary = pd.DataFrame({"": found.summary()})
    print_table(console, "The fit", summary, {"": ",.4g"})
    families = found.families().sort_values("after")
    print_table(console, "By family of targets", families, {
        "targets": ",.0f", "fitted": ",.0f", "before": ".1%", "after": ".1%", "median": ".1%", "within_1": ".0%",
        "within_10": ".0%"})  # fmt: skip
    console.print(f"weights.csv, targets.csv and report.html are in {out}")


def _options(given: tuple[str, ...]) -> dict[str, Any]:
    """NAME=VALUE pairs: whole numbers, numbers, or words."""
    found: dict[str, Any] = {}
    for pair in given:
        name, sign, value = pair.partition("=")
        if not sign or not name:
            raise click.BadParameter(f"{pair!r}: give NAME=VALUE, e.g. divergence=0.01", param_hint="--option")
        found[name] = _value(value)
    return found


def _value(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


@click.command()
@click.option("--store", type=click.Path(path_type=Path), help="Target store; the one that is shipped by default.")
@click.option("--where", default="1", help="Condition in SQL, e.g. \"concept = 'eitc' and geography = 'CA'\".")
@click.option("--check", is_flag=True, help="Show what does not fit together instead.")
@click.option("--save", type=click.Path(path_type=Path), help="Write the store to an SQLite file.")
def targets(store: Path | None, where: str, check: bool, save: Path | None) -> None:
    """Official totals: sources, values, and where they disagree."""
    from jaxsim.calibrate import TargetStore

    console = make_console()
    opened = TargetStore(store) if store else TargetStore.shipped()
    if save is not None:
        opened.save(save)
        console.print(f"{len(opened.targets()):,} targets are in {save}")
        return
    if check:
        found = opened.check()
        fact = found.concept + " " + found.statistic + ", " + found["where"]
        shown = found[["source", "value", "other", "other value", "difference"]].set_index(fact).head(30)
        print_table(console, f"{len(found)} disagreements of more than 2%, the first {len(shown)}", shown, {
            "value": ".3e", "other value": ".3e", "difference": "+.0%"})  # fmt: skip
        return
    table = opened.targets(where)
    shown = table[["source", "concept", "statistic", "label", "value", "cited"]].head(30)
    print_table(console, f"{len(table):,} targets, the first {len(shown)}", shown, {"value": ",.0f"}, "id")
