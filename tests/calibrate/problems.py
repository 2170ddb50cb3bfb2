"""Calibration problems made for tests."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sparse

from jaxsim.calibrate import Problem


def made(households: int = 400, targets: int = 12, seed: int = 0, density: float = 0.3, **changes: Any) -> Problem:
    """A problem that weights within 0.2 to 5 times the base weights meet exactly."""
    rng = np.random.default_rng(seed)
    matrix = sparse.random_array((targets, households), density=density, rng=rng).tocsr()
    base = rng.lognormal(0, 0.3, households)
    values = matrix @ (base * np.clip(rng.lognormal(0, 0.3, households), 0.25, 4.0))
    given = {"matrix": matrix, "values": values, "base": base, **changes}
    return Problem(**given)


def with_row(problem: Problem, row: Any, value: float, name: str = "added") -> Problem:
    """The problem with one more target."""
    return Problem(
        matrix=sparse.vstack([problem.matrix, sparse.csr_array(np.atleast_2d(row))]).tocsr(),
        values=np.append(problem.values, value),
        base=problem.base,
        names=(*problem.names, name),
        families=(*problem.families, "added"),
    )


def areas(households: int, targets: int, count: int = 50, seed: int = 0) -> Problem:
    """A sparse problem of areas: each household adds to six targets of its own area; weights exist that meet all."""
    rng = np.random.default_rng(seed)
    area, per = rng.integers(0, count, households), targets // count
    rows = np.concatenate([area * per + rng.integers(0, per, households) for _ in range(6)])
    entries = np.where(rng.random(6 * households) < 0.5, 1.0, rng.lognormal(0, 1, 6 * households))
    matrix = sparse.csr_array((entries, (rows, np.tile(np.arange(households), 6))), shape=(targets, households))
    base = rng.lognormal(0, 0.5, households)
    return Problem(matrix, matrix @ (base * rng.lognormal(0, 0.4, households)), base)
