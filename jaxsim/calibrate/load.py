"""The package's tables of facts, as sources and targets of a store."""

from __future__ import annotations

import csv
import functools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from jaxsim.calibrate.store import TargetStore
from jaxsim.errors import InputError, nearest
from jaxsim.parameter_files import strict_yaml

FACTS = Path(__file__).parent / "facts"
SELECTIONS = Path(__file__).parent / "selections"
COLUMNS = ("concept", "statistic", "state", "filing_status", "children", "lower", "upper", "value", "where")
MOST_CHILDREN = 3


def load_facts(store: TargetStore, folder: str | os.PathLike[str] = FACTS) -> None:
    """Add every table of a folder to a store.

    Args:
        store: where to.
        folder: with `sources.yaml` (id to title, agency, href, period, counts, band, vintage, notes) and `<id>.csv`
            with the columns COLUMNS: bounds are of the source's band, the lower one included; empty cells mean all.

    Raises:
        InputError: names file, line and column; the store stays as it was.
    """
    folder = Path(folder)
    about = _yaml(folder / "sources.yaml")
    if not isinstance(about, dict) or not all(isinstance(v, dict) for v in about.values()):
        raise InputError(f"{folder / 'sources.yaml'}: must map ids of sources to what they are")
    store.connection.execute("begin")
    try:
        _add_all(store, folder, about)
    except BaseException:
        store.connection.execute("rollback")
        raise
    store.connection.execute("commit")


def _add_all(store: TargetStore, folder: Path, about: dict[str, dict[str, Any]]) -> None:
    for source, described in about.items():
        try:
            store.add_source(str(source), **{str(k): v for k, v in described.items()})
        except InputError as error:
            raise InputError(f"{folder / 'sources.yaml'}: {error}") from None
        path = folder / f"{source}.csv"
        for line, row in _rows(path):
            try:
                store.add(
                    source,
                    row["concept"],
                    row["statistic"],
                    _number(row["value"], "value"),
                    constraints=_constraints(row, described.get("band")),
                    cited=row["where"],
                )
            except InputError as error:
                raise InputError(f"{path}, line {line}: {error}") from None


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Line numbers and rows of a table of facts, without its comments."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}): every source has a table of its name") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text ({error.reason} at byte {error.start})") from None
    numbered = [(k, line) for k, line in enumerate(lines, 1) if line.strip() and not line.startswith("#")]
    header = _cells(numbered[0][1]) if numbered else []
    if tuple(header) != COLUMNS:
        line = numbered[0][0] if numbered else 1
        raise InputError(f"{path}, line {line}: columns {', '.join(header)}: must be {', '.join(COLUMNS)}")
    for k, text in numbered[1:]:
        cells = _cells(text)
        if len(cells) != len(COLUMNS):
            raise InputError(f"{path}, line {k}: {len(cells)} cells for {len(COLUMNS)} columns")
        yield k, dict(zip(COLUMNS, cells, strict=True))


def _cells(line: str) -> list[str]:
    """Cells of a line: no cell goes on in the next one."""
    return next(csv.reader([line]))


def _constraints(row: dict[str, str], band: str | None) -> list[tuple[str, str, Any]]:
    """Constraints of a row from the widest to the narrowest, so that a band's parent is all bands."""
    found: list[tuple[str, str, Any]] = []
    if row["state"]:
        found.append(("state", "=", row["state"]))
    if row["filing_status"]:
        found.append(("filing_status", "=", row["filing_status"]))
    if row["children"]:
        children = _number(row["children"], "children")
        if children not in range(MOST_CHILDREN + 1):
            raise InputError(f"column 'children': {row['children']!r}: use 0 to {MOST_CHILDREN} (or more)")
        found.append(("eitc_qualifying_children", ">=" if children == MOST_CHILDREN else "=", children))
    for column, operation in (("lower", ">="), ("upper", "<")):
        if row[column]:
            if band is None:
                raise InputError(f"column {column!r}: the source has no band that {row[column]!r} bounds")
            found.append((band, operation, _number(row[column], column)))
    return found


def _number(cell: str, column: str) -> float:
    try:
        return float(cell)
    except ValueError:
        raise InputError(f"column {column!r}: {cell!r} is not a number") from None


def _yaml(path: Path) -> Any:
    try:
        return strict_yaml(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except yaml.YAMLError as error:
        raise InputError(f"{path}: not valid YAML: {error}") from None


@functools.cache
def concepts() -> dict[str, dict[str, Any]]:
    """What agencies count, in terms of the simulation, by concept (see concepts.yaml)."""
    found: dict[str, dict[str, Any]] = _yaml(Path(__file__).parent / "concepts.yaml")
    return found


def read_selection(name: str | os.PathLike[str]) -> dict[str, Any]:
    """A selection of targets from a YAML file, or by the name of one that is shipped."""
    path = Path(name)
    if path.suffix not in (".yaml", ".yml"):
        shipped = {p.stem: p for p in SELECTIONS.glob("*.yaml")}
        if str(name) not in shipped:
            raise InputError(
                f"no selection {str(name)!r}: name a .yaml file or one of {', '.join(sorted(shipped))}."
                f"{nearest(str(name), shipped)}"
            )
        path = shipped[str(name)]
    found = _yaml(path)
    if not isinstance(found, dict):
        raise InputError(f"{path}: a selection maps `period` and `targets`, see calibrate.select")
    return found
