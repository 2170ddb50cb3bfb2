"""`jaxsim oasdi`: Social Security benefits of workers and their families, from tables to tables."""

from __future__ import annotations

from pathlib import Path

import click

from jaxsim.console import make_console, writable
from jaxsim.errors import JaxsimError

FILE = click.Path(path_type=Path)
ENDINGS = (".csv", ".csv.gz", ".parquet")


@click.command()
@click.option("--workers", "-w", type=FILE, required=True,
              help="id, birth_date, benefit_type (old_age, disability, survivor), entitlement, as_of; perhaps "
              "onset_date, death_date, quarters, pension, pension_from, care_years.")  # fmt: skip
@click.option("--earnings", "-e", type=FILE, required=True, help="id, year, earnings (before the taxable maximum).")
@click.option("--family", "-f", type=FILE,
              help="id, member, relation, birth_date, entitlement; perhaps own_id, pension, pension_from, married, "
              "divorced.")  # fmt: skip
@click.option("--assumptions", type=FILE,
              help="year and some of awi, cola_pct, base_oasdi, base_old_law, qc_amount, for ours.")  # fmt: skip
@click.option("--care", type=FILE, help="id, year: years of care, which reforms of ssa.oasdi.caregiver credit.")
@click.option("--reform", type=FILE, help="A reform file; holds from 2022 on.")
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
        from jaxsim.parameter_files import load_law
        from jaxsim.reform import Reform

        law = load_law() if reform is None else Reform.from_file(reform).apply(load_law())
    found = benefits(workers, earnings, family, law, assumptions=assumptions, care=care, progress=True)
    if found.family is not None and out_family is not None:
        write_table(found.family, out_family)
    write_table(found.workers, out)
    for note in found.notes:
        click.echo(f"Note: {note}", err=True)
    click.echo(f"{found!r}: {', '.join(str(path) for path in (out, out_family) if path is not None)}")


def _destination(path: Path) -> None:
    """Refuse a file that cannot be written before any work is done."""
    if not path.name.endswith(ENDINGS):
        raise JaxsimError(f"{path}: name a .csv, .csv.gz or .parquet file")
    if path.is_dir():
        raise JaxsimError(f"{path}: is a folder: name a file")
    writable(path.parent)
