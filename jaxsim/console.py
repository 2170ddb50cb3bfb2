"""What the commands of the command line share: the console, tables, options, a check of the output folder."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from jaxsim.baselines import CURRENT


def make_console() -> Any:
    from rich.console import Console

    width = None if sys.stdout.isatty() else 120
    return Console(width=width, highlight=False)


def print_table(console: Any, title: str, frame: Any, formats: dict[str, str], first: str = "") -> None:
    """A DataFrame as a table, columns formatted; a column not named in `formats` is shown as text."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column(first)
    for column in frame.columns:
        table.add_column(str(column), justify="right" if column in formats else "left")
    for key, row in frame.iterrows():
        cells = [format(row[c], formats[c]) if c in formats else str(row[c]) for c in frame.columns]
        table.add_row(str(key), *cells)
    console.print(title, style="bold", soft_wrap=True)  # not the table's own title, which wraps to its width
    console.print(table)
    console.print()


with_tables = click.option(
    "--tables", is_flag=True, help="Tax and earned income credit by the tables of the forms, in steps of income."
)


def with_population(command: Callable[..., Any], default: str = "cps_sample") -> Callable[..., Any]:
    """Add the options that choose the population, its year and the tax tables."""

    @with_tables
    @click.option("--population", "-p", default=default, show_default=True,
                  help="cps_sample, cps_calibrated (the same with weights fitted to official totals), cps (the whole "
                  "file), or a file or folder.")  # fmt: skip
    @click.option("--data-year", type=int, help="Year of the amounts in a file that does not say it; they are aged.")
    @click.option("--year", "-y", default=2026, show_default=True, type=int, help="Tax year.")
    @functools.wraps(command)
    def wrapped(**options: Any) -> Any:
        return command(**options)

    return wrapped


def with_baseline(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option `--baseline`."""
    option = click.option("--baseline", default=CURRENT, show_default=True,
                          help="Law to compare with: see `jaxsim baselines`.")  # fmt: skip
    return option(command)


def writable(folder: Path) -> None:
    """Refuse a folder that cannot be written before any work is done."""
    from jaxsim.files import write_atomic

    write_atomic(folder / ".writable", lambda p: None).unlink()
