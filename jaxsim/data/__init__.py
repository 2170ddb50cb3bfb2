"""Readers and writers of real data: the bundled CPS sample, files users hold, and DataFrames."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxsim.errors import InputError, nearest

if TYPE_CHECKING:
    from jaxsim.population import Population

__all__ = ["load_population"]

BASE_YEAR = 2014  # of the amounts in the CPS files, see `cps`
CALIBRATED_YEAR = 2022  # of the calibrated sample, see `calibrated`
FORMATS = ("taxcalc", "taxsim", "persons", "folder")
NAMES = ("cps_sample", "cps_calibrated", "cps")
SUFFIXES = (".csv", ".csv.gz", ".parquet", ".txt")


def load_population(source: Any = "cps_sample", *, year: int | None = None, format: str | None = None) -> Population:
    """A population by name, from a file or from a table.

    Args:
        source: "cps_sample", the bundled sample of the CPS (2014 amounts); "cps_calibrated", the same in 2022 with
            weights fitted to official totals; "cps", the whole CPS file of an installed
            Tax-Calculator; a folder written by `Population.to_parquet`; a CSV, CSV.gz or Parquet file, or a DataFrame,
            in Tax-Calculator's or TAXSIM's input format or with one row a person in jaxsim's own columns.
        year: the year of the amounts, where the source does not say it. TAXSIM rows of this year only.
        format: "taxcalc", "taxsim", "persons" or "folder"; told by the columns if not given.

    Returns:
        Amounts as the source has them; a `Simulation` ages them to its year.

    Raises:
        InputError: unknown name or format, or bad data: source, column, first rows and remedy.
    """
    if format is not None and format not in FORMATS:
        raise InputError(f"unknown format {format!r}: use {', '.join(FORMATS)}.{nearest(format, FORMATS)}")
    if isinstance(source, (str, os.PathLike)):
        return _named(str(source), year, format)
    if hasattr(source, "columns") or hasattr(source, "keys"):
        return _table(source, year, format, None)
    raise InputError(f"a population is a name, a path or a table, not {type(source).__name__}")


def _named(source: str, year: int | None, format: str | None) -> Population:
    from jaxsim.population import Population

    own = CALIBRATED_YEAR if source == "cps_calibrated" else BASE_YEAR
    if source in NAMES and year not in (None, own):
        raise InputError(
            f"{source}: its amounts are of {own}; leave year out here and give it to Simulation(population, "
            f"year={year}), which ages them"
        )
    if source == "cps_sample":
        from jaxsim.data.sample import BUNDLED

        return Population.from_parquet(BUNDLED, check=False)
    if source == "cps_calibrated":
        from jaxsim.data.calibrated import calibrated_sample

        return calibrated_sample()
    if source == "cps":
        from jaxsim.data.cps import whole_cps

        return whole_cps()
    path = Path(source)
    if format == "folder" or path.is_dir():
        return Population.from_parquet(path)
    if not path.exists() and not source.endswith(SUFFIXES) and os.sep not in source:
        raise InputError(
            f"unknown population {source!r}: use {' or '.join(repr(n) for n in NAMES)}, a file "
            f"({', '.join(SUFFIXES)}), a folder written by to_parquet, or a DataFrame.{nearest(source, NAMES)}"
        )
    return _table(source, year, format, source)


def _table(source: Any, year: int | None, format: str | None, name: str | None) -> Population:
    from jaxsim.data.tabular import read_columns

    where, columns = read_columns(source, name)
    format = format or _format_of(where, columns)
    if format == "taxsim":
        from jaxsim.data.taxsim import read_taxsim

        return read_taxsim(columns, year, name=where)
    if year is None:
        raise InputError(f"{where}: say of which year the amounts are: load_population(..., year=...)")
    if format == "taxcalc":
        from jaxsim.data.taxcalc import read_taxcalc

        return read_taxcalc(columns, year, name=where)
    from jaxsim.population import Population

    return Population.from_persons(columns, year=year, source=where)


def _format_of(where: str, columns: dict[str, Any]) -> str:
    if "RECID" in columns or "MARS" in columns:
        return "taxcalc"
    if {"mstat", "taxsimid"} & {c.strip().lower() for c in columns}:
        return "taxsim"
    from jaxsim.rules.us import system

    ours = {"person_id", "household_id", "tax_unit_id", *system().inputs}
    if ours & set(columns):
        return "persons"
    raise InputError(
        f"{where}: columns {', '.join(list(columns)[:6])} are of no known format: Tax-Calculator's has RECID and MARS, "
        "TAXSIM's has taxsimid and mstat, a table of persons has columns such as age and employment_income"
    )
