"""Statutory rounding of amounts, and the law without it.

The exact law rounds at every step, so its derivative is zero almost everywhere: it is for answers. The smooth law is
the same without rounding: it is for derivatives, and differs by less than a dollar a month.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

GUARD = 1e-6
"""Share of a unit that floating point may be short of a multiple; amounts are exact in tens of thousandths."""


@dataclass(frozen=True)
class Rounding:
    """How amounts are rounded.

    Attributes:
        exact: as the statute says, or not at all.
    """

    exact: bool = True

    def down(self, x: jax.Array, unit: Any) -> jax.Array:
        """To the next lower multiple of a unit."""
        return jnp.floor(x / unit + GUARD) * unit if self.exact else x

    def towards(self, x: jax.Array, unit: Any, is_down: Any) -> jax.Array:
        """To the next lower multiple of a unit, or to the next higher where `is_down` is 0."""
        if not self.exact:
            return x
        parts = x / unit
        return jnp.where(is_down > 0.5, jnp.floor(parts + GUARD), jnp.ceil(parts - GUARD)) * unit

    def nearest(self, x: jax.Array, unit: Any) -> jax.Array:
        """To the nearest multiple of a unit, halves up."""
        return jnp.floor(x / unit + 0.5 + GUARD) * unit if self.exact else x
