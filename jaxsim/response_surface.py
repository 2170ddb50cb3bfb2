"""Response surfaces: a polynomial that stands for an outcome of a sweep, to answer new reforms at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxsim.errors import JaxsimError, ParameterError
from jaxsim.precision import precision
from jaxsim.sweep.run import Sweep

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Surface:
    """A polynomial in the parameters that stands for an outcome, to answer new reforms at once.

    Attributes:
        parameters: names of the cells.
        outcome: the figure.
        low, high: the box in which it was fitted, [cells].
        order: 1 or 2.
        coefficients: of the terms, in coordinates from -1 to 1.
        error: root mean square of what each run differs from a surface fitted without it.
        largest_error: the largest of these differences.
        explained: share of the variance explained, by the same differences.
    """

    parameters: tuple[str, ...]
    outcome: str
    low: np.ndarray
    high: np.ndarray
    order: int
    coefficients: np.ndarray = field(repr=False)
    error: float
    largest_error: float
    explained: float

    def __call__(self, values: Any) -> Any:
        """The outcome at values [cells] or [reforms, cells], or a mapping by cell: a pure function for JAX."""
        if isinstance(values, Mapping):
            unknown = set(values) - set(self.parameters)
            if unknown or len(values) != len(self.parameters):
                raise ParameterError(f"give a value for each of {', '.join(self.parameters)}")
            values = np.array([values[p] for p in self.parameters], dtype=float)
        xp = jnp if isinstance(values, jax.Array) else np
        at = 2 * (xp.asarray(values) - self.low) / (self.high - self.low) - 1
        return _terms(xp, at, self.order) @ xp.asarray(self.coefficients, at.dtype)

    def gradient(self, values: Any) -> np.ndarray:
        """Derivatives by cell at values [cells]."""
        with precision("float64"):
            return np.asarray(jax.grad(self)(jnp.asarray(values, float)))


def _terms(xp: Any, x: Any, order: int) -> Any:
    """1, x_i and, for order 2, x_i x_j, [..., terms]."""
    ones = xp.ones_like(x[..., :1])
    parts = [ones, x]
    if order == 2:
        i, j = np.triu_indices(x.shape[-1])
        parts.append(x[..., i] * x[..., j])
    return xp.concatenate(parts, axis=-1)


def surface(
    runs: Sweep | pd.DataFrame, outcome: str, parameters: Iterable[str] | None = None, order: int = 2
) -> Surface:
    """A response surface of an outcome fitted to runs of a sweep by least squares, with its error by leaving one out.

    Args:
        runs: a sweep, or its table.
        outcome: the figure.
        parameters: cells; those of the sweep by default.
        order: 1 for a plane, 2 with squares and products.
    """
    table = runs.table if isinstance(runs, Sweep) else runs
    if parameters is None and not isinstance(runs, Sweep):
        raise JaxsimError("a table alone does not say which columns are parameters: name them")
    cells = tuple(runs.cells if isinstance(runs, Sweep) and parameters is None else parameters)  # type: ignore[arg-type]
    missing = [name for name in (*cells, outcome) if name not in table.columns]
    if missing or order not in (1, 2):
        raise JaxsimError(f"the runs have no column {missing[0]!r}" if missing else f"order={order!r}: use 1 or 2")
    x, y = table[list(cells)].to_numpy(float), table[outcome].to_numpy(float)
    if np.isnan(x).any():
        raise JaxsimError("some runs leave a parameter as in the law (empty): a surface needs a value in every run")
    low, high = x.min(0), x.max(0)
    if (low == high).any():
        raise JaxsimError(f"{cells[int(np.argmax(low == high))]} does not vary in these runs")
    terms = _terms(np, 2 * (x - low) / (high - low) - 1, order)
    if len(terms) <= terms.shape[1]:
        raise JaxsimError(f"{len(terms)} runs cannot determine {terms.shape[1]} terms: run more, or use order=1")
    if np.linalg.matrix_rank(terms) < terms.shape[1]:
        raise JaxsimError("the runs take too few values to tell the terms apart: vary more, or use order=1")
    q, r = np.linalg.qr(terms)
    coefficients = np.linalg.lstsq(r, q.T @ y, rcond=None)[0]
    apart = (y - terms @ coefficients) / np.maximum(1 - (q**2).sum(1), 1e-12)  # leave-one-out, exact for least squares
    variance = y.var()
    explained = float(1 - (apart**2).mean() / variance) if variance else 1.0
    error, largest = float(np.sqrt((apart**2).mean())), float(np.abs(apart).max())
    return Surface(cells, outcome, low, high, order, coefficients, error, largest, explained)
