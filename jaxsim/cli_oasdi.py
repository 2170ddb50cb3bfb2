"""`jaxsim oasdi` and `jaxsim lifetime`: Social Security of workers and their families, from tables to tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from jaxsim.console import make_console, writable
from jaxsim.errors import JaxsimError

FILE = click.Path(path_type=Path)
ENDINGS = (".csv", ".csv.gz", ".parquet")
PICTURES = (".png", ".pdf", ".svg")

EARNINGS = click.option(
    "--earnings", "-e", type=FILE, required=True, help="id, year, earnings (before the taxable maximum)."
)


def of_law(command: Any) -> Any:
    """Options that say under which law and with which wages and prices."""
    for option in (
        click.option("--reform", type=FILE, help="A reform file; holds from 2022 on."),
        click.option("--care", type=FILE, help="id, year: years of care, which reforms of ssa.oasdi.caregiver credit."),
        click.option("--assumptions", type=FILE,
                     help="year and some of awi, cola_pct, base_oasdi, base_old_law, qc_amount, for ours."),
    ):  # fmt: skip
        command = option(command)
    return command


@click.command()
@click.option("--workers", "-w", type=FILE, required=True,
              help="id, birth_date, benefit_type (old_age, disability, survivor), entitlement, as_of; perhaps "
              "onset_date, death_date, quarters, pension, pension_from, care_years.")  # fmt: skip
@EARNINGS
@click.option("--family", "-f", type=FILE,
              help="id, member, relation, birth_date, entitlement; perhaps own_id, pension, pension_from, married, "
              "divorced.")  # fmt: skip
@of_law
@click.option("--out", "-o", type=FILE, required=True, help="Amounts of workers: .csv, .csv.gz or .parquet.")
@click.option("--out-family", type=FILE, help="Amounts of members of families.")
def oasdi(
    workers: Path, earnings: Path, family: Path | None, assumptions: Path | None, care: Path | None,
    reform: Path | None, out: Path, out_family: Path | None,
) -> None:  # fmt: skip
    """Social Security benefits of WORKERS from their lifetime earnings, and of their families.

    Tables are CSV or Parquet; dates are YYYY-MM-DD, months YYYY-MM.
    """
    if (family is None) != (out_family is None):
        raise click.UsageError("--family and --out-family go together: give both or neither")
    if out == out_family:
        raise click.UsageError("--out and --out-family are the same file: name two")
    for path in filter(None, (out, out_family)):
        _destination(path)
    console = make_console()
    with console.status("Reading the law ..."):
        from jaxsim.dynamic.oasdi import benefits
        from jaxsim.files import write_table

        law = _law(reform)
    found = benefits(workers, earnings, family, law, assumptions=assumptions, care=care, progress=True)
    if found.family is not None and out_family is not None:
        write_table(found.family, out_family)
    write_table(found.workers, out)
    for note in found.notes:
        click.echo(f"Note: {note}", err=True)
    click.echo(f"{found!r}: {', '.join(str(path) for path in (out, out_family) if path is not None)}")


@click.command()
@click.option("--workers", "-w", type=FILE, required=True,
              help="id, sex, birth_date; perhaps entitlement (month of the claim, else best), retired.")  # fmt: skip
@EARNINGS
@of_law
@click.option("--mortality", type=FILE, help="age, qx and perhaps sex, birth_year; else the trustees' cohort tables.")
@click.option("--discount", type=float, default=0.023, show_default=True, help="Real rate of interest.")
@click.option("--alive-at", type=float, default=62.0, show_default=True, help="Age, in years, at which all is valued.")
@click.option("--out", "-o", type=FILE, required=True, help="Values of workers: .csv, .csv.gz or .parquet.")
@click.option("--out-by-age", type=FILE, help="Present values of benefits by age at the claim in months.")
@click.option("--plot", type=FILE, help="A picture (.png, .pdf, .svg) of the first ten workers' values by age.")
def lifetime(
    workers: Path, earnings: Path, assumptions: Path | None, care: Path | None, reform: Path | None,
    mortality: Path | None, discount: float, alive_at: float, out: Path, out_by_age: Path | None, plot: Path | None,
) -> None:  # fmt: skip
    """What Social Security is worth to WORKERS over their lives, and when each does best to claim.

    Present values of contributions and of old-age benefits, money's worth, internal rates of return, replacement rates.
    Tables are CSV or Parquet; dates are YYYY-MM-DD, months YYYY-MM.
    """
    if out == out_by_age:
        raise click.UsageError("--out and --out-by-age are the same file: name two")
    for path in filter(None, (out, out_by_age)):
        _destination(path)
    if plot is not None:
        if plot.suffix not in PICTURES:
            raise JaxsimError(f"{plot}: name a {', '.join(PICTURES)} file")
        writable(plot.parent)
    console = make_console()
    with console.status("Reading the law ..."):
        from jaxsim.dynamic.oasdi import lifetime as value
        from jaxsim.files import write_atomic, write_table

        law = _law(reform)
    found = value(
        workers, earnings, law, mortality=mortality, discount=discount, alive_at=alive_at, assumptions=assumptions,
        care=care, progress=True,
    )  # fmt: skip
    if plot is not None:
        write_atomic(plot, lambda path: found.plot().savefig(path, dpi=120, format=plot.suffix[1:]))
    if out_by_age is not None:
        write_table(found.by_age.reset_index(), out_by_age)
    write_table(found.workers, out)
    click.echo(f"{found!r}: {', '.join(str(path) for path in (out, out_by_age, plot) if path is not None)}")


def _law(reform: Path | None) -> Any:
    from jaxsim.parameter_files import load_law
    from jaxsim.reform import Reform

    return load_law() if reform is None else Reform.from_file(reform).apply(load_law())


def _destination(path: Path) -> None:
    """Refuse a file that cannot be written before any work is done."""
    if not path.name.endswith(ENDINGS):
        raise JaxsimError(f"{path}: name a .csv, .csv.gz or .parquet file")
    if path.is_dir():
        raise JaxsimError(f"{path}: is a folder: name a file")
    writable(path.parent)
