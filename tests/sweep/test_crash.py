"""A run that is killed again and again, and finished, has every reform once and the figures of an undisturbed one."""

import functools
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pyarrow.dataset
from pandas.testing import assert_frame_equal

import jaxsim as js
from tests.conftest import make_population

REFORMS, CHUNK = 4_096, 8
KILLS = 4
PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
from tests.sweep.test_crash import run
run(sys.argv[2])
"""

assert_same = functools.partial(assert_frame_equal, check_exact=True)


def run(out=None):
    """A run of many small chunks, so that a kill is likely to hit one as it is written."""
    sim = js.Simulation(make_population(60), 2026, layout=js.Layout(reforms=CHUNK))
    plan = js.sobol({"irs.payroll.social_security.wage_base": (100_000, 300_000)}, REFORMS, seed=1)
    return js.sweep(sim, plan, "payroll_tax", out=out, chunk=CHUNK, check=0, progress=False)


def finished(out: Path) -> int:
    """Chunks that are there."""
    return len(list(out.glob("chunks/part-*.parquet")))


def test_a_run_that_is_killed_goes_on(tmp_path):
    root, out = Path(__file__).parents[2], tmp_path / "run"
    environment = {
        **os.environ,
        "JAX_PLATFORMS": "cpu",
        "JAX_COMPILATION_CACHE_DIR": str(tmp_path / "compiled"),  # starts again in a moment
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    command = [sys.executable, "-c", textwrap.dedent(PROGRAM), str(root), str(out)]
    whole = run().table
    moments = random.Random(7)
    hits = 0
    for kill in range(KILLS):
        child = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
        # once as the run begins, then somewhere within the rest of it
        before = finished(out)
        goal = before + moments.random() * (REFORMS // CHUNK - before) * 0.6 if kill else 0
        while child.poll() is None and (not out.exists() or finished(out) < goal):
            time.sleep(0.001)
        time.sleep(0.01 * moments.random())
        child.send_signal(signal.SIGKILL)
        error = child.communicate()[1]
        assert child.returncode in (0, -signal.SIGKILL), error
        hits += child.returncode == -signal.SIGKILL
        if (out / "manifest.json").exists():
            table = js.open_sweep(out).table
            assert_same(table, whole.loc[table.index], check_dtype=len(table) > 0)
    assert hits > 0
    subprocess.run(command, env=environment, check=True)
    assert_same(js.open_sweep(out).table, whole)
    rows = pyarrow.dataset.dataset(out / "chunks").to_table()["reform"].to_pylist()
    assert sorted(rows) == list(range(REFORMS))
    assert list(out.glob("chunks/.*")) == []
