"""The ledger of a sweep: a folder that holds finished chunks of reforms and says which run they belong to.

    runs/x/manifest.json              hashes of population, law, plan, outcomes and code; the layout; the seed
    runs/x/chunks/part-000012.parquet reforms of one chunk: number, parameters, figures

A chunk is written whole or not at all, so whatever is there is right, and a run that was killed goes on with what is
missing. The chunks can be read at any time by pandas, pyarrow or DuckDB: `read_parquet("runs/x/chunks/*.parquet")`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxsim.errors import JaxsimError
from jaxsim.files import write_atomic

if TYPE_CHECKING:
    import pandas as pd

FORMAT = 1
PARTIAL = ".partial"  # ending of a file under way, which no reader of *.parquet takes up
IDENTITY = {
    "format": "format of the folder",
    "population": "population",
    "law": "law",
    "rules": "rules",
    "plan": "plan",
    "outcomes": "outcomes",
    "precision": "precision",
    "code": "version of jaxsim's code",
}
"""What makes two runs the same, by key in the manifest."""
SHAPE = ("reforms", "chunk", "layout", "cells", "figures")  # how a run is cut, and its columns


class Ledger:
    """A folder of finished chunks.

    Attributes:
        folder: where it is.
        manifest: what the run is.
    """

    def __init__(self, folder: Path, manifest: Mapping[str, Any]):
        self.folder = folder
        self.manifest = dict(manifest)

    @staticmethod
    def open(folder: Any) -> Ledger:
        """The ledger in a folder.

        Raises:
            JaxsimError: there is none, or its manifest cannot be read.
        """
        folder = Path(folder)
        try:
            manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise JaxsimError(f"{folder}: there is no sweep here (no manifest.json)") from None
        except (OSError, ValueError) as error:
            raise JaxsimError(f"{folder / 'manifest.json'}: cannot be read: {error}") from None
        whole = isinstance(manifest, dict) and manifest.keys() >= {*IDENTITY, *SHAPE}
        if not whole or manifest["format"] != FORMAT:
            raise JaxsimError(f"{folder / 'manifest.json'}: not a manifest of this version of jaxsim")
        return Ledger(folder, manifest)

    @staticmethod
    def start(folder: Any, manifest: Mapping[str, Any]) -> Ledger:
        """The ledger in a folder, made if it is not there.

        Its layout is that of the run that made it: chunks by several processes are alike to the last digit.

        Raises:
            JaxsimError: the folder holds another run, or cannot be written.
        """
        folder = Path(folder)
        from filelock import FileLock

        try:
            folder.mkdir(parents=True, exist_ok=True)
            with FileLock(folder / ".manifest.lock"):
                if not (folder / "manifest.json").exists():
                    if any(p for p in folder.iterdir() if not p.name.startswith(".")):
                        raise JaxsimError(f"{folder} holds other files: give a new or an empty folder")
                    text = json.dumps(dict(manifest), indent=1)
                    write_atomic(folder / "manifest.json", lambda p: p.write_text(text + "\n", encoding="utf-8"))
        except OSError as error:
            raise JaxsimError(f"{folder}: cannot be written: {error.strerror or error}") from None
        ledger = Ledger.open(folder)
        changed = [label for key, label in IDENTITY.items() if ledger.manifest.get(key) != manifest[key]]
        if changed:
            raise JaxsimError(
                f"{folder} holds another run: its {', '.join(changed)} {'differs' if len(changed) == 1 else 'differ'}. "
                "Its results are untouched: give this run a folder of its own"
            )
        return ledger

    @staticmethod
    def writable(folder: Any) -> None:
        """Refuse a folder that cannot be written before any work is done."""
        write_atomic(Path(folder) / ".writable", lambda p: None).unlink()

    @contextlib.contextmanager
    def writing(self, shard: tuple[int, int] = (0, 1)) -> Iterator[None]:
        """Hold the folder for one process and shard; the lock ends with the process.

        Raises:
            JaxsimError: another process is at it.
        """
        from filelock import FileLock, Timeout

        index, count = shard
        lock = FileLock(self.folder / f".shard-{index}-of-{count}.lock", timeout=0)
        try:
            lock.acquire()
        except Timeout:
            raise JaxsimError(
                f"{self.folder}: another process is writing "
                f"{'this sweep' if count == 1 else f'shard {index}/{count} of this sweep'}: wait for it or stop it, "
                "then run again to go on with what is missing"
            ) from None
        except OSError as error:
            raise JaxsimError(f"{self.folder}: cannot be written: {error.strerror or error}") from None
        try:
            self._tidy(shard)
            yield
        finally:
            lock.release()

    def _tidy(self, shard: tuple[int, int]) -> None:
        """Remove what a process that was killed left half written."""
        ours = {self.path(c).stem for c in self.shard(shard)}
        for path in (self.folder / "chunks").glob(f".*{PARTIAL}"):
            if path.name[1:].rpartition("-")[0] in ours:
                path.unlink(missing_ok=True)

    @property
    def count(self) -> int:
        """Chunks of the whole run."""
        return -(-self.manifest["reforms"] // self.manifest["chunk"])

    def span(self, chunk: int) -> tuple[int, int]:
        """First reform of a chunk, and the one after its last."""
        first = chunk * self.manifest["chunk"]
        return first, min(first + self.manifest["chunk"], self.manifest["reforms"])

    def path(self, chunk: int) -> Path:
        return self.folder / "chunks" / f"part-{chunk:06d}.parquet"

    def shard(self, shard: tuple[int, int]) -> range:
        """Chunks of a shard."""
        return range(shard[0], self.count, shard[1])

    def missing(self, shard: tuple[int, int] = (0, 1)) -> list[int]:
        """Chunks of a shard that are not there, or not whole."""
        return [c for c in self.shard(shard) if not self._whole(c)]

    def _whole(self, chunk: int) -> bool:
        import pyarrow
        from pyarrow import parquet

        path = self.path(chunk)
        if not path.exists():
            return False
        first, last = self.span(chunk)
        try:
            found = parquet.read_metadata(path)
        except (OSError, pyarrow.ArrowException):
            return False
        return found.num_rows == last - first and (found.metadata or {}).get(b"run") == self.key.encode()

    @property
    def key(self) -> str:
        """Hash of what the run is and how it is cut, which every chunk bears."""
        kept = {k: self.manifest[k] for k in (*IDENTITY, "reforms", "chunk", "layout")}
        return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:16]

    def write(self, chunk: int, values: np.ndarray, figures: np.ndarray) -> None:
        """Write a chunk: values [reforms, cells] and figures [reforms, figures]."""
        from pyarrow import parquet

        table = self._arrow(chunk, values, figures)
        write_atomic(self.path(chunk), lambda p: parquet.write_table(table, p), suffix=PARTIAL)

    def _arrow(self, chunk: int, values: np.ndarray, figures: np.ndarray) -> Any:
        import pyarrow

        columns = {"reform": np.arange(*self.span(chunk))}
        columns |= {name: values[:, i] for i, name in enumerate(self.manifest["cells"])}
        columns |= {name: figures[:, i] for i, name in enumerate(self.manifest["figures"])}
        return pyarrow.table(columns).replace_schema_metadata({"run": self.key})

    def _load(self, chunk: int) -> pd.DataFrame:
        from pyarrow import parquet

        return parquet.read_table(self.path(chunk)).to_pandas()

    def read(self) -> pd.DataFrame:
        """All finished reforms, in order, one row each."""
        import pandas as pd

        parts = [self._load(c) for c in sorted(set(range(self.count)) - set(self.missing()))]
        if not parts:
            names = ["reform", *self.manifest["cells"], *self.manifest["figures"]]
            return pd.DataFrame(columns=names).set_index("reform")
        return pd.concat(parts, ignore_index=True).set_index("reform")


class InMemory(Ledger):
    """The chunks of a run that is not written down."""

    def __init__(self, manifest: Mapping[str, Any]):
        super().__init__(Path(), manifest)
        self._chunks: dict[int, Any] = {}

    @contextlib.contextmanager
    def writing(self, shard: tuple[int, int] = (0, 1)) -> Iterator[None]:
        yield

    def _whole(self, chunk: int) -> bool:
        return chunk in self._chunks

    def write(self, chunk: int, values: np.ndarray, figures: np.ndarray) -> None:
        self._chunks[chunk] = self._arrow(chunk, values, figures).to_pandas()

    def _load(self, chunk: int) -> pd.DataFrame:
        return self._chunks[chunk]
