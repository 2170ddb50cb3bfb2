"""Records by the million, written as they are drawn: a folder of Parquet parts that a killed run leaves usable.

    generate(synthesis, 5_000_000, "records", key=1)
    generate(imputer, None, "imputed", key=1, receivers="survey.parquet", ids="person_id")
    pandas.read_parquet("records")

Records are drawn in blocks of a fixed size, which are cut into parts: values do not depend on the size of parts, and
neither memory nor what is lost with a killed run on the number of records.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet

import jaxsim
from jaxsim.errors import InputError, JaxsimError, nearest
from jaxsim.files import write_atomic
from jaxsim.impute.base import BLOCK, Imputer, number
from jaxsim.impute.columns import ids_of
from jaxsim.impute.uniforms import as_key
from jaxsim.progress import Progress

FORMAT = "jaxsim records 1"
MANIFEST = "_manifest.json"  # readers of Parquet folders leave out names that begin with an underscore
MOST_PARTS = 100_000


def generate(
    source: Any, n: int | None, out: str | os.PathLike[str], key: Any = 0, batch: int = 100_000, progress: bool = True,
    *, receivers: Any = None, ids: Any = None, keep: Sequence[str] | None = None,
) -> Path:  # fmt: skip
    """Draw records into a folder of Parquet files, part-00000.parquet and so on, and a manifest.

    Run again after it was killed, it keeps the parts that are there and draws the rest: the same records.

    Args:
        source: a `Synthesis` or anything with `sample(n, key, start=...)`; or an `Imputer`, with `receivers`.
        n: records; of receivers the first n, None for all.
        out: the folder.
        key: whole number or JAX key.
        batch: records of a part.
        progress: show a bar.
        receivers: a table, or the path of a Parquet file or folder, which is read bit by bit.
        ids: of receivers, by which they get their uniforms: a column, an array, or None for a table's index and a
            file's row numbers.
        keep: columns of the receivers to write before what is drawn; all by default.

    Returns:
        The folder.

    Raises:
        InputError: a bad n, batch, key or receivers, or a folder with records of another run: what differs.
        JaxsimError: the folder cannot be written.
    """
    number("batch", batch, 1, whole=True)
    key, out = as_key(key), Path(out)
    draws = _draws(source, n, key, receivers, ids, keep)
    parts = -(-draws.rows // batch)
    if parts > MOST_PARTS:
        raise InputError(f"batch={batch}: {draws.rows:,} records would be {parts:,} parts: take a larger batch")
    manifest = {
        "format": FORMAT, "version": jaxsim.__version__, "rows": draws.rows, "batch": batch,
        "key": jax.random.key_data(key).tolist(), "source": fingerprint(source), "receivers": draws.receivers,
    }  # fmt: skip
    _open(out, manifest)
    path = [out / f"part-{k:05d}.parquet" for k in range(parts)]
    rows = [min(batch, draws.rows - k * batch) for k in range(parts)]
    whole = [_rows(p) == r for p, r in zip(path, rows, strict=True)]
    if not all(whole):
        first = whole.index(False)
        with Progress("generating", draws.rows, progress) as bar:
            bar.advance(first * batch)
            for k, table in enumerate(_cut(draws.tables(first * batch), batch), first):
                if not whole[k]:
                    write_atomic(path[k], _writer(table))
                bar.advance(rows[k])
    schema = pa.parquet.read_schema(path[0])
    columns = {name: str(kind) for name, kind in zip(schema.names, schema.types, strict=True)}
    _write_manifest(out, {**manifest, "columns": columns, "complete": True})
    return out


def fingerprint(fitted: Any) -> str:
    """Hash of something fitted; the name of its class where it is not made of this package's parts."""
    from jaxsim.impute.files import digest_of, encode

    arrays: list[np.ndarray] = []
    try:
        return digest_of(json.dumps(encode(fitted, arrays)), arrays)
    except JaxsimError:
        return f"{type(fitted).__module__}.{type(fitted).__qualname__}"


@dataclass(frozen=True)
class _Draws:
    """Records that can be drawn from any row on.

    Attributes:
        rows: how many.
        receivers: a hash of them and of what is kept of them; None without.
        tables: all rows from the given one on.
    """

    rows: int
    receivers: str | None
    tables: Callable[[int], Iterator[pa.Table]]


def _draws(source: Any, n: Any, key: Any, receivers: Any, ids: Any, keep: Any) -> _Draws:
    if n is not None:
        number("n", n, 1, whole=True)
    if isinstance(source, Imputer):
        if receivers is None:
            raise InputError("receivers: an imputer needs a table or the path of a Parquet file")
        return _imputed(source, n, key, receivers, ids, keep)
    if not callable(getattr(source, "sample", None)):
        raise InputError(f"source: {type(source).__name__} draws nothing: give a Synthesis, or an Imputer")
    if "start" not in inspect.signature(source.sample).parameters:
        raise InputError(f"source: {type(source).__name__} draws no table by record: call its sample and save that")
    if receivers is not None or ids is not None or keep is not None:
        raise InputError(f"receivers, ids, keep: {type(source).__name__} makes records of its own: leave them out")
    if n is None:
        raise InputError("n: say how many records")

    def draw(start: int, stop: int) -> pa.Table:
        return pa.Table.from_pandas(source.sample(stop - start, key, start=start), preserve_index=False)

    return _Draws(n, None, lambda first: _from(first, (draw(a, min(a + BLOCK, n)) for a in _starts(first, n))))


def _imputed(imputer: Imputer, n: int | None, key: Any, receivers: Any, ids: Any, keep: Any) -> _Draws:
    """Receivers with what is drawn for them."""
    table, found = _receivers(receivers, imputer.given.names, ids)
    rows = len(found) if n is None else n
    if not 0 < rows <= len(found):
        raise InputError(f"n={n}: there are {len(found):,} receivers")
    targets = imputer.targets.names
    known = [c for c in table.schema.names if c not in targets]
    for name in [] if keep is None else [keep] if isinstance(keep, str) else keep:
        if name not in known:
            raise InputError(f"keep: receivers have no column {name!r} beside the targets.{nearest(name, known)}")
    kept = known if keep is None else [keep] if isinstance(keep, str) else list(keep)

    def draw(start: int, part: pa.Table) -> pa.Table:
        stop = start + part.num_rows
        drawn = imputer.sample(part.select(imputer.given.names).to_pandas(), key, ids=found[start:stop])
        values = pa.Table.from_pandas(drawn, preserve_index=False)
        joined = part.select(kept).replace_schema_metadata()
        for name in targets:
            joined = joined.append_column(name, values.column(name))
        return joined

    def tables(first: int) -> Iterator[pa.Table]:
        columns = list(dict.fromkeys([*kept, *imputer.given.names]))
        batches = table.to_batches(columns=columns, batch_size=BLOCK, batch_readahead=2, fragment_readahead=1)
        read = (pa.Table.from_batches([b]) for b in batches)
        blocks = zip(range(0, rows, BLOCK), _cut(read, BLOCK), strict=False)
        return _from(first, (draw(a, p.slice(0, rows - a)) for a, p in blocks if a + BLOCK > first))

    seen = found.tobytes() + _content(receivers) + json.dumps(kept).encode()
    return _Draws(rows, hashlib.sha256(seen).hexdigest(), tables)


def _receivers(receivers: Any, given: list[str], ids: Any) -> tuple[Any, np.ndarray]:
    """Receivers as a dataset of Arrow, and the id of each [rows]."""
    if isinstance(receivers, pd.DataFrame):
        found = ids_of(receivers, ids, "receivers")
        table = pa.dataset.dataset(pa.Table.from_pandas(receivers, preserve_index=False))
    else:
        try:
            table = pa.dataset.dataset(os.fspath(receivers), format="parquet")
            table.schema  # noqa: B018
        except (TypeError, OSError, pa.ArrowException) as error:
            raise InputError(f"receivers: {receivers!r} is no table and no Parquet file ({error})") from None
    for name in [*given, *([ids] if isinstance(ids, str) else [])]:
        if name not in table.schema.names:
            raise InputError(f"receivers: there is no column {name!r}.{nearest(name, table.schema.names)}")
    if not isinstance(receivers, pd.DataFrame):
        one = [ids] if isinstance(ids, str) else []
        frame = table.to_table(columns=one).to_pandas() if one else pd.DataFrame(index=range(table.count_rows()))
        found = ids_of(frame, ids, "receivers")
    return table, found


def _content(receivers: Any) -> bytes:
    """Hash of a table's values or of the bytes of files."""
    digest = hashlib.sha256()
    if isinstance(receivers, pd.DataFrame):
        digest.update(json.dumps([str(c) for c in receivers.columns]).encode())
        digest.update(pd.util.hash_pandas_object(receivers, index=False).to_numpy().tobytes())
        return digest.digest()
    for path in [Path(p) for p in pa.dataset.dataset(os.fspath(receivers), format="parquet").files]:
        with open(path, "rb") as file:
            while piece := file.read(1 << 20):
                digest.update(piece)
    return digest.digest()


def _starts(first: int, rows: int) -> range:
    """First rows of the blocks from the one that has row `first`."""
    return range(first // BLOCK * BLOCK, rows, BLOCK)


def _from(first: int, blocks: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Blocks of which the first has row `first`, from that row on."""
    skip = first % BLOCK
    for block in blocks:
        yield block.slice(skip)
        skip = 0


def _cut(tables: Iterable[pa.Table], size: int) -> Iterator[pa.Table]:
    """The rows of tables in tables of one size, the last perhaps smaller."""
    held: list[pa.Table] = []
    rows = 0
    for table in tables:
        held.append(table)
        rows += table.num_rows
        while rows >= size:
            whole = pa.concat_tables(held)
            yield whole.slice(0, size)
            held, rows = [whole.slice(size)], rows - size
    if rows:
        yield pa.concat_tables(held)


def _writer(table: pa.Table) -> Callable[[Path], None]:
    return lambda path: pa.parquet.write_table(table.combine_chunks(), path)


def _rows(path: Path) -> int:
    """Rows of a part; -1 where there is none, or a damaged one."""
    try:
        return int(pa.parquet.read_metadata(path).num_rows)
    except (OSError, pa.ArrowException):
        return -1


def _open(out: Path, manifest: dict[str, Any]) -> None:
    """Begin a folder, or go on with one of the same run.

    Raises:
        InputError: it has records of another run, or other files.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}: is a file: name a folder")
    held = sorted(p for p in out.iterdir() if not p.name.startswith(".")) if out.exists() else []
    if out / MANIFEST not in held:
        if held:
            raise InputError(f"{out}: has other files ({held[0].name}) and no {MANIFEST}: name an empty folder")
        _write_manifest(out, {**manifest, "complete": False})
        return
    try:
        found = json.loads((out / MANIFEST).read_text())
        differing = [name for name, value in manifest.items() if found.get(name) != value]
    except (OSError, ValueError, AttributeError):
        raise InputError(f"{out}: its {MANIFEST} cannot be read: name an empty folder") from None
    if differing:
        words = "; ".join(f"{name} {found.get(name)!r} there, {manifest[name]!r} here" for name in differing)
        raise InputError(f"{out}: has records of another run ({words}): name an empty folder, or delete this one")
    for left in out.glob(".part-*"):  # a killed run's temporary files
        left.unlink()


def _write_manifest(out: Path, manifest: dict[str, Any]) -> None:
    write_atomic(out / MANIFEST, lambda path: path.write_text(json.dumps(manifest, indent=1) + "\n"))
