"""Files written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jaxsim.errors import JaxsimError


def write_atomic(path: str | os.PathLike[str], write: Callable[[Path], Any]) -> Path:
    """Let `write` make a temporary file beside `path`, then put it in place in one step.

    Raises:
        JaxsimError: the folder cannot be written or the disk is full; an old file stays as it was.
    """
    path = Path(path)
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
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
        gzip = "gzip" if name.endswith(".gz") else None
        return write_atomic(path, lambda p: table.to_csv(p, index=index, compression=gzip))
    raise JaxsimError(f"{name}: name a .csv, .csv.gz or .parquet file")
