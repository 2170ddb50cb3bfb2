"""Fits that are killed go on where they were, to the same bits; records spread over devices give the same."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from jaxsim.calibrate import fit
from jaxsim.errors import JaxsimError
from tests.calibrate.problems import areas, made

ROOT = Path(__file__).parents[2]

KILLED = """
import sys, time
import numpy as np
from jaxsim.calibrate import fit, methods_descent
from jaxsim.calibrate.checkpoints import save
from tests.calibrate.problems import areas

method, checkpoint, result, slow = sys.argv[1:5]
options = {"descent": {"steps": 200, "dropout": 0.1}, "l0": {"steps": 100, "refit_steps": 100, "records": 300},
           "entropy": {"give": 1e-3}}[method]
if slow == "slow":  # so that the kill comes in the middle
    from jaxsim.calibrate import checkpoints
    def pausing(*given):
        save(*given)
        time.sleep(0.3)
    checkpoints.save = pausing
np.save(result, fit(areas(1_000, 100), method=method, checkpoint=checkpoint, **options).weights)
"""


def start(method: str, folder: Path, speed: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", KILLED, method, str(folder / "fit.npz"), str(folder / "weights.npy"), speed]
    with open(folder / "log.txt", "wb") as log:
        return subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)


@pytest.mark.parametrize("method", ["descent", *(pytest.param(m, marks=pytest.mark.slow) for m in ("l0", "entropy"))])
def test_a_killed_fit_goes_on_to_the_same_bits(method: str, tmp_path: Path) -> None:
    killed = start(method, tmp_path, "slow")
    limit = time.monotonic() + 120
    while not list(tmp_path.glob("fit.npz*")) and killed.poll() is None and time.monotonic() < limit:
        time.sleep(0.05)
    time.sleep(0.5)
    assert killed.poll() is None, "it ended before it could be killed"
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    assert not (tmp_path / "weights.npy").exists()
    resumed = start(method, tmp_path, "fast")
    assert resumed.wait(120) == 0, (tmp_path / "log.txt").read_text()
    options = {"descent": {"steps": 200, "dropout": 0.1}, "l0": {"steps": 100, "refit_steps": 100, "records": 300},
               "entropy": {"give": 1e-3}}[method]  # fmt: skip
    whole = fit(areas(1_000, 100), method=method, **options).weights
    np.testing.assert_array_equal(np.load(tmp_path / "weights.npy"), whole)


def test_a_checkpoint_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "fit.npz"
    fit(made(), steps=25, checkpoint=path)
    with pytest.raises(JaxsimError, match="another problem or other settings"):
        fit(made(seed=1), steps=25, checkpoint=path)
    with pytest.raises(JaxsimError, match="another problem or other settings"):
        fit(made(), steps=25, checkpoint=path, learning_rate=0.2)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(JaxsimError, match="not a checkpoint"):
        fit(made(), steps=25, checkpoint=path)


def test_a_finished_checkpoint_gives_the_fit_again(tmp_path: Path) -> None:
    first, again = (fit(made(), steps=50, checkpoint=tmp_path / "fit.npz") for _ in range(2))
    np.testing.assert_array_equal(first.weights, again.weights)


def test_a_resumed_fit_that_stalled_says_so_again(tmp_path: Path) -> None:
    first, again = (fit(made(), method="entropy", give=1e-3, steps=1, checkpoint=tmp_path / "fit.npz") for _ in "ab")
    assert (tmp_path / "fit.npz").exists()
    assert (first.status, again.status) == ("stalled", "stalled")
    np.testing.assert_array_equal(first.weights, again.weights)


DEVICES = """
import numpy as np
from jaxsim.calibrate import fit
from tests.calibrate.problems import made
problem = made(1_000, 30, density=0.1)
for method, options in (("descent", {"steps": 50, "divergence": 0.01, "dropout": 0.1}),
                        ("l0", {"steps": 50, "refit_steps": 25, "records": 300}), ("logit", {"bounds": (0.1, 10)})):
    one, two = (fit(problem, method=method, devices=k, **options).weights for k in (1, 2))
    assert np.array_equal(one, two), method
print("equal")
"""


@pytest.mark.slow
def test_two_devices_give_the_same() -> None:
    environment = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    done = subprocess.run([sys.executable, "-c", DEVICES], cwd=ROOT, env=environment, capture_output=True, text=True,
                          timeout=300)  # fmt: skip
    assert done.stdout.strip() == "equal", done.stderr
