"""The command line: `jaxsim demo | run | score | sweep | calibrate | oasdi | lifetime | calc | params | explain ...`.

Exit codes: 0 done; 1 `doctor` found something broken; 2 the user's input is wrong (the message says how to mend it).
"""

from __future__ import annotations

import functools
import os
import sys
import time
from pathlib import Path
from typing import Any

import click

from jaxsim.baselines import CURRENT
from jaxsim.cli_calibrate import calibrate, targets
from jaxsim.cli_oasdi import lifetime, oasdi
from jaxsim.cli_sweep import merge, sweep
from jaxsim.cli_window import baselines, score
from jaxsim.console import make_console, print_table, with_baseline, with_population, with_tables, writable
from jaxsim.errors import JaxsimError


def main() -> None:
    """Entry point: no traceback for a user's mistake."""
    try:
        cli(standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except JaxsimError as error:
        click.echo(click.style("Error: ", fg="red", bold=True) + str(error), err=True)
        sys.exit(2)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="jaxsim")
@click.option(
    "--no-cache", is_flag=True, help="Compile anew: do not use the compilation cache in the user's cache folder."
)
def cli(no_cache: bool) -> None:
    """Tax-benefit law over real households: outcomes and their gradients."""
    if not no_cache:
        _use_compilation_cache()


def _use_compilation_cache() -> None:
    """Keep compiled programs between runs, unless the user has set JAX's own variable."""
    if "JAX_COMPILATION_CACHE_DIR" in os.environ:
        return
    import jax

    folder = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "jaxsim" / "compiled"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return  # a home that cannot be written only costs time
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


cli.add_command(score)
cli.add_command(baselines)
cli.add_command(sweep)
cli.add_command(merge)
cli.add_command(calibrate)
cli.add_command(targets)
cli.add_command(oasdi)
cli.add_command(lifetime)


@cli.command()
@click.option("--amount", default=3_000.0, show_default=True, help="Child tax credit for each child, dollars.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for tables and plots.")
@click.option("--all", "show_all", is_flag=True, help="Print every parameter of the gradient.")
@functools.partial(with_population, default="cps_calibrated")
def demo(
    amount: float, population: str, year: int, data_year: int | None, out: Path | None, show_all: bool, tables: bool
) -> None:
    """Score a larger child tax credit on real households, with the gradient of its cost."""
    from jaxsim.reform import Reform

    if population == "cps_calibrated":
        _show_official()

    reform = Reform({"irs.credits.ctc.amount": amount}, name=f"Child tax credit of ${amount:,.0f}")
    _score(reform, population, year, data_year, out, show_all, gradient=True, tables=tables)


def _show_official() -> None:
    """Official totals that the weights were not fitted to, beside ours."""
    console = make_console()
    with console.status("Comparing the households with official totals ..."):
        from jaxsim.calibrate.sample import YEAR, official

        table = official()
    title = f"Weights fitted to official totals of {YEAR}, and what they were not fitted to"
    print_table(console, title, table, dict.fromkeys(table.columns, ",.2f"))


@cli.command()
@click.argument("reform", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Folder for tables and plots.")
@click.option("--gradient/--no-gradient", default=True, show_default=True, help="Also the gradient of revenue.")
@click.option("--all", "show_all", is_flag=True, help="Print every parameter of the gradient.")
@with_baseline
@with_population
def run(
    reform: Path,
    population: str,
    year: int,
    data_year: int | None,
    baseline: str,
    out: Path | None,
    gradient: bool,
    show_all: bool,
    tables: bool,
) -> None:
    """Score REFORM, a YAML or JSON file of parameter paths or a Tax-Calculator reform."""
    from jaxsim.reform import Reform

    _score(Reform.from_file(reform), population, year, data_year, out, show_all, gradient, tables, baseline)


def _score(
    reform: Any,
    population: str,
    year: int,
    data_year: int | None,
    out: Path | None,
    show_all: bool,
    gradient: bool,
    tables: bool,
    baseline: str = CURRENT,
) -> None:
    started = time.perf_counter()
    if out is not None:
        writable(out)
    console = make_console()
    with console.status("Loading households ..."):
        from jaxsim.data import load_population
        from jaxsim.simulation import Simulation

        sim = Simulation(load_population(population, year=data_year), year, baseline=baseline, tables=tables)
        reformed = sim.with_reform(reform)
    with console.status("Computing the impact ..."):
        impact = sim.impact(reform)
    told = f"[bold]{reform.name}[/bold], {year}, {sim.population!r}".replace("<", "").replace(">", "")
    console.print(told, soft_wrap=True)
    console.print(f"Revenue {impact.cost / 1e9:+,.1f} billion dollars a year\n")
    budget = impact.budget / 1e9
    print_table(console, "Budget, billion dollars", budget, dict.fromkeys(budget.columns, ",.2f"))
    print_table(console, "Households by decile of persons (equivalised after-tax income)", impact.deciles, {
        "persons (millions)": ",.1f", "average change a household": "+,.0f", "change as share of income": "+.2%",
        "change (billions)": "+,.2f"}, "decile")  # fmt: skip
    winners = 100 * impact.winners
    print_table(
        console, "Winners and losers, percent of persons", winners, dict.fromkeys(winners.columns, ".1f"), "decile"
    )
    print_table(console, "Inequality and low income", impact.measures, dict.fromkeys(impact.measures.columns, ".5f"))
    table = None
    if gradient:
        with console.status("Differentiating revenue by every parameter ..."):
            table = reformed.gradient("combined_tax")
        shown = _gradient_view(table)
        moving = int((table[["gradient", "smoothed"]].abs().max(axis=1) > 0).sum())
        shown = shown if show_all else shown.head(25)
        print_table(
            console,
            f"Gradient of revenue under the reform: {len(shown)} of {len(table)} parameters ({moving} move revenue), "
            "by elasticity",
            shown,
            {"value": ",.6g", "revenue for +1%, $ million": "+,.1f", "derivative, $": "+,.5g", "elasticity": "+.4f"},
            "parameter",
        )
        _note_smoothing(console, table)
    if out is not None:
        _write_results(out, impact, table)
        console.print(f"Tables and plots are in {out}")
    console.print(f"[dim]{time.perf_counter() - started:.1f} seconds after start[/dim]")


def _gradient_view(table: Any) -> Any:
    import pandas as pd

    best = table["smoothed"].where(table["matters here"], table["gradient"])
    names = {"may step": "may step", "matters here": "steps matter", "depends on window": "depends on window",
             "no support in data": "no support in data"}  # fmt: skip
    flags = []
    for _, row in table[list(names)].iterrows():
        said = [text for column, text in names.items() if row[column]]
        flags.append(", ".join(said[1:] if "steps matter" in said else said))
    return pd.DataFrame(
        {
            "value": table["value"],
            "derivative, $": best,
            "revenue for +1%, $ million": best * table["value"] / 1e8,
            "elasticity": table["elasticity"],
            "flags": flags,
        },
        index=table.index,
    )


def _note_smoothing(console: Any, table: Any) -> None:
    widths = table.attrs["smoothing"]
    console.print(
        "[dim]may step: the parameter reaches a rounding or a comparison; steps matter: the plain derivative misses "
        f"them and the smoothed one is shown (window ${widths['USD']:,.0f}, {widths['year']:g} years); depends on "
        "window: a wider one gives another answer; no support in data: the columns that would show its effect are "
        "absent.[/dim]\n"
    )


def _write_results(out: Path, impact: Any, table: Any) -> None:
    from jaxsim.files import write_atomic, write_table

    for name in ("budget", "deciles", "winners", "measures"):
        write_table(getattr(impact, name), out / f"{name}.csv", index=True)
    if table is not None:
        write_table(table, out / "gradient.csv", index=True)
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        click.echo("No plots: pip install 'jaxsim[plots]'", err=True)
        return
    write_atomic(out / "impact.png", lambda p: impact.plot().savefig(p, dpi=120))
    if table is not None:
        from jaxsim.plots import plot_gradient

        write_atomic(out / "gradient.png", lambda p: plot_gradient(table).savefig(p, dpi=120))


@cli.command()
@click.argument("source", metavar="IN", type=click.Path(path_type=Path))
@click.option("--format", "form", type=click.Choice(["taxcalc", "taxsim"]), required=True, help="Format of IN and OUT.")
@click.option("--year", "-y", type=int, required=True, help="Tax year: the amounts are of this year, nothing is aged.")
@click.option("--out", "-o", type=click.Path(path_type=Path), required=True, help=".csv, .csv.gz or .parquet")
@click.option("--reform", type=click.Path(path_type=Path), help="A reform file.")
@with_tables
def calc(source: Path, form: str, year: int, out: Path, reform: Path | None, tables: bool) -> None:
    """Compute the taxes of every unit in IN and write them to OUT in the format's output names.

    Exact law, amounts as they are in year, and everyone claims what the law gives them.
    """
    from jaxsim.data import load_population
    from jaxsim.data.taxcalc_output import output
    from jaxsim.files import write_table
    from jaxsim.reform import Reform
    from jaxsim.simulation import Simulation

    population = load_population(source, year=year, format=form)
    law_change = Reform.from_file(reform) if reform is not None else None
    sim = Simulation(population, year, reform=law_change, age=False, tables=tables)
    table = output(sim, form)
    write_table(table, out)
    unused = population.card.get("unused columns") or []
    if unused:
        click.echo(f"Not used by the rules yet: {', '.join(map(str, unused))}", err=True)
    click.echo(f"{len(table):,} units, tax year {year}: {out}")


@cli.group()
def params() -> None:
    """Look up parameters of the law."""


@params.command("find")
@click.argument("words", nargs=-1)
def params_find(words: tuple[str, ...]) -> None:
    """Parameters whose path or label holds all WORDS."""
    from jaxsim.parameter_files import load_law

    table = load_law().find(" ".join(words))
    if table.empty:
        raise JaxsimError(f"no parameter matches {' '.join(words)!r}")
    print_table(make_console(), f"{len(table)} parameters", table, {}, "path")


@params.command("show")
@click.argument("path")
@click.option("--plot", type=click.Path(path_type=Path), help="Also draw its history into this PNG file.")
def params_show(path: str, plot: Path | None) -> None:
    """One parameter: what it is, who sets it, its values by year."""
    from jaxsim.parameter_files import load_law

    law = load_law()
    leaf = law[path]
    console = make_console()
    console.print(f"[bold]{path}[/bold]: {leaf.label} ({leaf.unit})")
    for title, href in leaf.reference:
        console.print(f"  {title}  {href}")
    if leaf.uprating is not None:
        console.print(f"  indexed by {leaf.uprating.index}, rounded {leaf.uprating.direction}")
    if leaf.note:
        console.print(f"  {leaf.note}")
    console.print()
    table = law.history(path)
    print_table(console, "", table, dict.fromkeys(table.columns[1:], ",.6g"), "year")
    if plot is not None:
        from jaxsim.files import write_atomic
        from jaxsim.plots import plot_history

        figure = plot_history(law, path)
        write_atomic(plot, lambda p: figure.savefig(p, dpi=120))


@cli.command()
@click.argument("variable")
@click.option("--adult", "adults", multiple=True, metavar="NAME=VALUE,...", help="e.g. age=35,employment_income=60000")
@click.option("--child", "children", multiple=True, metavar="AGE", type=float, help="Age of a dependent.")
@click.option("--input", "inputs", multiple=True, metavar="NAME=VALUE", help="An input of the unit or household.")
@click.option("--state", help="Two-letter state.")
@click.option("--household", "household_id", type=int, help="A household of the population, instead of --adult.")
@click.option("--depth", type=click.IntRange(0), help="Levels of rules to show; all by default.")
@with_population
def explain(
    variable: str, adults: tuple[str, ...], children: tuple[float, ...], inputs: tuple[str, ...], state: str | None,
    household_id: int | None, depth: int | None, population: str, year: int, data_year: int | None, tables: bool,
) -> None:  # fmt: skip
    """How VARIABLE comes about for a household: rules, values, parameters and citations."""
    from jaxsim.data import load_population
    from jaxsim.household import household
    from jaxsim.simulation import Simulation

    if adults and household_id is not None:
        raise click.UsageError("give --adult or --household, not both")
    if not adults and (children or inputs or state):
        raise click.UsageError("--child, --input and --state describe a household: give its adults with --adult")
    if adults:
        unit = _assignments(inputs)
        sim = household(
            [_assignments(a.split(",")) for a in adults], list(children), year=year, state=state, tables=tables, **unit
        )
    else:
        sim = Simulation(load_population(population, year=data_year), year, tables=tables)
    told = sim.explain(variable, household_id)
    for level, text in told.lines(depth):
        click.echo("  " * level + text)


def _assignments(parts: Any) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for part in parts:
        name, sign, value = part.partition("=")
        if not sign:
            raise click.UsageError(f"{part!r}: write NAME=VALUE")
        try:
            values[name.strip()] = float(value)
        except ValueError:
            values[name.strip()] = value.strip()
    return values


@cli.command()
def doctor() -> None:
    """Check the installation: packages, devices, parameters, rules, the sample, a computation."""
    from jaxsim.doctor import examine

    console = make_console()
    broken = 0
    for name, fine, detail in examine():
        broken += not fine
        console.print(f"{'[green]ok[/green]  ' if fine else '[red]BAD[/red] '} {name}: {detail}")
    if broken:
        console.print(f"\n{broken} of the checks failed")
        sys.exit(1)
