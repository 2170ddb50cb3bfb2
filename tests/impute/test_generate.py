"""Records to Parquet: the same whatever the batch, whole after a kill, and clear about what it refuses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from jaxsim.errors import InputError, JaxsimError
from jaxsim.impute import Forest, Imputer
from jaxsim.impute.generate import MANIFEST, fingerprint, generate
from jaxsim.impute.synthesis import Source, Synthesis, Synthesizer

module = sys.modules["jaxsim.impute.generate"]  # the package may have a function of that name
N = 500


class Households:
    """Like a synthesis of households, whose sample is a population."""

    def sample(self, n: int, key: Any = 0) -> None: ...


@pytest.fixture(scope="module")
def synthesis() -> Synthesis:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"x": rng.integers(0, 9, N), "y": rng.normal(size=N), "z": rng.choice(["u", "v"], N)})
    return Synthesizer([Source("A", table)], model=Forest(trees=2)).fit(0)


@pytest.fixture(scope="module")
def imputer() -> Imputer:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"x": rng.normal(size=N), "y": rng.normal(size=N)})
    return Forest(trees=2).fit(table, "y", given=["x"])


class Counting:
    """Numbers that tell which records were drawn; it dies at a record if told to."""

    def __init__(self, dies_at: int = -1):
        self.dies_at, self.drawn = dies_at, 0

    def sample(self, n: int, key: Any, start: int = 0) -> pd.DataFrame:
        if start <= self.dies_at < start + n:
            os.kill(os.getpid(), signal.SIGKILL)
        self.drawn += n
        return pd.DataFrame({"record": np.arange(start, start + n), "root": np.sqrt(np.arange(start, start + n))})


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK", 64)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("batch", [1_000, 7, 64, 100])
def test_values_do_not_depend_on_the_batch(synthesis: Synthesis, tmp_path: Path, batch: int) -> None:
    out = generate(synthesis, 230, tmp_path / "out", 1, batch, progress=False)
    found = pd.read_parquet(out)
    pd.testing.assert_frame_equal(found, synthesis.sample(230, 1).reset_index(drop=True))
    assert len(list(out.glob("part-*.parquet"))) == -(-230 // batch)
    manifest = json.loads((out / MANIFEST).read_text())
    assert manifest["complete"]
    assert manifest["rows"] == 230
    assert list(manifest["columns"]) == ["x", "y", "z"]
    assert manifest["source"] == fingerprint(synthesis)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("from_file", [False, True])
def test_receivers(imputer: Imputer, tmp_path: Path, from_file: bool) -> None:
    rng = np.random.default_rng(1)
    table = pd.DataFrame({"id": rng.permutation(300), "x": rng.normal(size=300), "name": ["a", "b", None] * 100})
    path: Any = table
    if from_file:
        path = tmp_path / "receivers.parquet"
        table.to_parquet(path, row_group_size=50)
    truth = imputer.sample(table, 1, ids="id")["y"]
    for n, batch in ((None, 100), (150, 40)):
        out = generate(imputer, n, tmp_path / f"out{n}", 1, batch, False, receivers=path, ids="id")
        found = pd.read_parquet(out)
        pd.testing.assert_frame_equal(found, table.assign(y=truth)[:n], check_dtype=False)
    out = generate(imputer, None, tmp_path / "kept", 1, 100, False, receivers=path, keep=["name"])
    found = pd.read_parquet(out)
    assert list(found) == ["name", "y"]
    np.testing.assert_array_equal(found["y"], imputer.sample(table, 1)["y"])


def test_killed_run_is_finished(tmp_path: Path) -> None:
    """SIGKILL while records are drawn; what is there stays, the rest is drawn, as in a run never killed."""
    script = (
        "import tests.impute.test_generate as t; t.module.BLOCK = 64;"
        f"t.generate(t.Counting(dies_at=300), 500, {str(tmp_path / 'out')!r}, 1, 50, progress=False)"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", script], cwd=root, env={**os.environ, "JAX_PLATFORMS": "cpu"})
    assert done.returncode == -signal.SIGKILL
    kept = sorted((tmp_path / "out").glob("part-*.parquet"))
    assert 0 < len(kept) < 10
    assert not json.loads((tmp_path / "out" / MANIFEST).read_text())["complete"]
    times = [p.stat().st_mtime_ns for p in kept]
    (tmp_path / "out" / ".part-00009-x.parquet").write_text("of a killed run")
    generate(Counting(), 500, tmp_path / "out", 1, 50, progress=False)
    assert [p.stat().st_mtime_ns for p in kept] == times
    generate(Counting(), 500, tmp_path / "whole", 1, 50, progress=False)
    for path in sorted((tmp_path / "whole").iterdir()):
        assert (tmp_path / "out" / path.name).read_bytes() == path.read_bytes()
    assert not list((tmp_path / "out").glob(".part*"))


@pytest.mark.usefixtures("small_blocks")
def test_only_what_lacks_is_drawn(tmp_path: Path) -> None:
    source = Counting()
    generate(source, 500, tmp_path, 1, 50, progress=False)
    assert source.drawn == 500
    generate(source, 500, tmp_path, 1, 50, progress=False)
    assert source.drawn == 500
    (tmp_path / "part-00008.parquet").write_bytes(b"damaged")
    generate(source, 500, tmp_path, 1, 50, progress=False)
    assert source.drawn == 500 + (500 - 384)  # blocks of 64 from the one with record 400
    assert pd.read_parquet(tmp_path)["record"].tolist() == list(range(500))


def test_another_run_is_refused(synthesis: Synthesis, tmp_path: Path) -> None:
    generate(synthesis, 100, tmp_path, 1, 50, progress=False)
    for change, words in (
        ({"n": 101}, "rows 100 there, 101 here"),
        ({"batch": 51}, "batch 50 there, 51 here"),
        ({"key": 2}, "key"),
        ({"source": Counting()}, "source"),
    ):
        with pytest.raises(InputError, match=words):
            generate(**{"source": synthesis, "n": 100, "out": tmp_path, "key": 1, "batch": 50, **change})  # type: ignore[arg-type]
    (tmp_path / MANIFEST).write_text("{")
    with pytest.raises(InputError, match="cannot be read"):
        generate(synthesis, 100, tmp_path, 1, 50)
    (tmp_path / MANIFEST).unlink()
    with pytest.raises(InputError, match=r"has other files \(part-00000.parquet\)"):
        generate(synthesis, 100, tmp_path, 1, 50)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"n": 0}, "n=0: give a whole number of at least 1"),
        ({"n": 1.5}, "n=1.5"),
        ({"n": None}, "say how many"),
        ({"batch": 0}, "batch=0"),
        ({"batch": "x"}, "batch='x'"),
        ({"n": 10**7, "batch": 1}, "take a larger batch"),
        ({"key": "x"}, "key='x'"),
        ({"source": 3}, "int draws nothing"),
        ({"source": Households()}, "Households draws no table by record"),
        ({"receivers": pd.DataFrame()}, "makes records of its own"),
    ],
)
def test_errors(synthesis: Synthesis, tmp_path: Path, change: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        generate(**{"source": synthesis, "n": 10, "out": tmp_path / "out", **change})
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, "needs a table"),
        ({"receivers": pd.DataFrame({"z": [1.0]})}, "no column 'x'"),
        ({"receivers": "absent.parquet"}, "no Parquet file"),
        ({"receivers": 3}, "no Parquet file"),
        ({"receivers": pd.DataFrame({"x": [1.0, 2.0]}), "n": 3}, "there are 2 receivers"),
        ({"receivers": pd.DataFrame({"x": [1.0, 2.0]}), "keep": ["q"]}, "no column 'q'"),
        ({"receivers": pd.DataFrame({"x": [1.0, 2.0]}, index=[1, 1])}, "the same id twice"),
    ],
)
def test_errors_of_receivers(imputer: Imputer, tmp_path: Path, change: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        generate(**{"source": imputer, "n": None, "out": tmp_path / "out", **change})


def test_folders_that_cannot_be_written(synthesis: Synthesis, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is a file: name a folder"):
        generate(synthesis, 10, tmp_path / "file")
    with pytest.raises(JaxsimError, match="cannot be written"):
        generate(synthesis, 10, tmp_path / "file" / "out")
