"""float64 without touching the user's global flag.

JAX holds 64-bit numbers only where its x64 mode is on. The mode is a matter of whole calls: entering it inside a
function breaks `grad` and `vmap` from outside. So methods that return NumPy or pandas enter it themselves, and pure
functions follow their inputs and say so when float64 is asked for with the mode off.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from jaxsim.errors import PrecisionError

DTYPES = {"float32": np.float32, "float64": np.float64}


def dtype_of(precision: str) -> Any:
    """The NumPy type of "float32" or "float64"."""
    if precision not in DTYPES:
        raise PrecisionError(f"precision {precision!r} is unknown: use 'float64' (default) or 'float32'")
    return DTYPES[precision]


@contextlib.contextmanager
def precision(name: str) -> Iterator[None]:
    """Run a block in "float64" or "float32": put it around *all* transformations of a pure function.

    Example:
        with js.precision("float64"):
            f = sim.function("income_tax")
            gradient = jax.jit(jax.grad(f))(f.parameters, f.population)
    """
    on = dtype_of(name) is np.float64
    with jax.enable_x64(on):
        yield


def require_x64(*trees: Any) -> None:
    """Raise if any leaf is float64 while JAX would silently round it to float32."""
    if jax.config.read("jax_enable_x64"):
        return
    for leaf in jax.tree.leaves(trees):
        if getattr(leaf, "dtype", None) == np.float64:
            raise PrecisionError(
                "the inputs are float64 but JAX is in 32-bit mode and would round them. Either put "
                '`with jaxsim.precision("float64"):` around all transformations and calls of this function, or set '
                'jax.config.update("jax_enable_x64", True), or build the function from a simulation with '
                'precision="float32"'
            )
