"""Two devices, forced on the host: the user's own sharding of our functions gives the same answers."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
import numpy as np, jax
from jax.sharding import Mesh, PartitionSpec as P
import jaxsim as js
from tests.conftest import make_population

assert len(jax.devices()) == 2
sim = js.Simulation(make_population(300), 2026, layout=js.Layout(blocks=4))
f = sim.function("taxable_income", "payroll_tax")
one = sim.function("taxable_income")
mesh = Mesh(np.array(jax.devices()), ("devices",))
shard_map = getattr(jax, "shard_map", None)
with js.precision("float64"):
    alone = jax.jit(f)(f.parameters, f.population)

    # households over devices: each holds two of the four blocks
    split = shard_map(lambda p, b: jax.lax.psum(f(p, b), "devices"), mesh=mesh, in_specs=(P(), P("devices")),
                      out_specs=P(), check_vma=False)
    np.testing.assert_allclose(jax.jit(split)(f.parameters, f.population), alone, rtol=1e-12)

    whole = jax.jit(jax.grad(one))(one.parameters, one.population)
    shared = shard_map(lambda p, b: jax.tree.map(lambda g: jax.lax.psum(g, "devices"), jax.grad(one)(p, b)),
                       mesh=mesh, in_specs=(P(), P("devices")), out_specs=P(), check_vma=False)
    again = jax.jit(shared)(one.parameters, one.population)
    for (path, a), (_, b) in zip(whole.items(), again.items()):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-3, err_msg=path)

    # reforms over devices
    several = jax.tree.map(lambda x: np.stack([x * s for s in (1.0, 1.01, 1.02, 1.03)]), f.parameters)
    batch = shard_map(jax.vmap(f, in_axes=(0, None)), mesh=mesh, in_specs=(P("devices"), P()),
                      out_specs=P("devices"), check_vma=False)
    np.testing.assert_allclose(jax.jit(batch)(several, f.population), 
                               jax.jit(jax.vmap(f, (0, None)))(several, f.population), rtol=1e-12)
print("same on two devices")
"""


@pytest.mark.slow
def test_two_forced_devices():
    root = Path(__file__).parent.parent
    environment = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=2", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROGRAM), str(root)],
        env=environment, capture_output=True, text=True, timeout=600, check=False, cwd=root,
    )  # fmt: skip
    assert "same on two devices" in done.stdout, done.stderr[-3000:]
