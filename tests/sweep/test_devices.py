"""Two devices, forced on the host: the rows of a sweep are the same to the last digit."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
import functools
import numpy as np, jax
from pandas.testing import assert_frame_equal
import jaxsim as js
from jaxsim.measures import resolve
from jaxsim.sweep.kernel import Kernel
from tests.conftest import make_population

assert len(jax.devices()) == 2
same = functools.partial(assert_frame_equal, check_exact=True)
population = make_population(300)

def large(payroll_tax, weight):
    return [(payroll_tax * weight).sum(), payroll_tax.max()]

outcomes = ["payroll_tax", "employment_income", js.Measure("large", "tax_unit", whole=large, labels=("sum", "most"))]

for precision in ("float64", "float32"):
    # laws over devices: as many at once on each as on one alone; an odd number, so that one has less to do
    sim = js.Simulation(population, 2026, layout=js.Layout(blocks=2, reforms=4), precision=precision)
    plan = js.grid({"irs.payroll.social_security.wage_base": np.linspace(100_000, 300_000, 21)})
    run = functools.partial(js.sweep, sim, plan, outcomes, precision=precision, check=0, progress=False)
    alone = run().table
    same(run(devices="all").table, alone)
    same(run(devices=jax.devices()).table, alone)
    same(run(devices=jax.devices()[1:]).table, alone)

    # one law: households over devices
    sim = js.Simulation(population, 2026, layout=js.Layout(blocks=4), precision=precision)
    plan = js.grid({"irs.payroll.social_security.wage_base": [150_000]})
    run = functools.partial(js.sweep, sim, plan, outcomes, precision=precision, check=0, progress=False)
    same(run(devices="all").table, run().table)

# one household cannot be shared, nor three by two in four blocks
for households, blocks in ((1, None), (3, 3)):
    few = js.Simulation(make_population(households), 2026, layout=js.Layout(blocks=blocks))
    one = functools.partial(js.sweep, few, plan, "payroll_tax", precision="float64", progress=False)
    assert_frame_equal(one(devices="all").table, one().table, rtol=1e-14)

# a device that is named is the one that computes
kernel = Kernel(sim, resolve(sim, "payroll_tax"), list(plan.values), devices=jax.devices()[1:])
made, _ = kernel._run(kernel.parameters, kernel.blocks[0], kernel.batch(np.array([[150_000]])))
assert made.devices() == {jax.devices()[1]}
print("same on two devices")
"""


def test_two_devices_give_the_same_rows():
    root = Path(__file__).parents[2]
    environment = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=2", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROGRAM), str(root)],
        env=environment, capture_output=True, text=True, timeout=600, check=False, cwd=root,
    )  # fmt: skip
    assert "same on two devices" in done.stdout, done.stderr[-3000:]
