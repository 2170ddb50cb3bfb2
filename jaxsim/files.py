"""Files written whole or not at all."""

from __future__ import annotations

import gzip
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jaxsim.errors import JaxsimError


def write_atomic(path: str | os.PathLike[str], write: Callable[[Path], Any], suffix: str | None = None) -> Path:
    """Let `write` make a temporary file beside `path`, then put it in place in one step.

    Args:
        path: the file.
        write: writes a file of the name it is given.
        suffix: ending of the temporary file; that of `path` by default.

    Raises:
        JaxsimError: the folder cannot be written or the disk is full; an old file stays as it was.
    """
    path = Path(path)
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(
            prefix=f".{path.stem}-", suffix=path.suffix if suffix is None else suffix, dir=path.parent
        )
        os.close(handle)
        temporary = Path(name)
        write(temporary)
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except OSError as error:
        raise JaxsimError(f"{path}: cannot be written: {error.strerror or error}") from None
    finally:
        if temporary is not None and temporary.exists():
            temporary.unlink()
    return path


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_table(table: Any, path: str | os.PathLike[str], index: bool = False) -> Path:
    """A DataFrame as CSV (also .csv.gz) or Parquet, by the ending of the name."""
    name = str(path)
    if name.endswith(".parquet"):
        return write_atomic(path, lambda p: table.to_parquet(p, index=index))
    if name.endswith((".csv", ".csv.gz")):
        return write_atomic(path, lambda p: _write_csv(table, p, index, name.endswith(".gz")))
    raise JaxsimError(f"{name}: name a .csv, .csv.gz or .parquet file")


def _write_csv(table: Any, path: Path, index: bool, compress: bool) -> None:
    """CSV, compressed without the time and name that gzip would add: equal tables make equal files."""
    if not compress:
        table.to_csv(path, index=index)
        return
    with open(path, "wb") as file, gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed:
        table.to_csv(packed, index=index, mode="wb")
