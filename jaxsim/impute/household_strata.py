"""A step of synthetic households whose donors are of the record's own kind: units with a spouse for such units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
import pandas as pd

from jaxsim.impute.base import Imputer, Model
from jaxsim.impute.uniforms import for_name
from jaxsim.impute.walks import draw_numbers


@dataclass(frozen=True)
class Strata:
    """A fitted step.

    Attributes:
        kinds: of the donors.
        imputers: one a kind.
        targets: names of what is drawn.
    """

    kinds: tuple[int, ...]
    imputers: tuple[Imputer, ...]
    targets: tuple[str, ...]

    @staticmethod
    def fit(
        model: Model, x: pd.DataFrame, y: dict[str, np.ndarray], weights: np.ndarray, key: jax.Array, kind: Any = None
    ) -> Strata:
        """Learn from donors.

        Args:
            model: of each kind.
            x: predictors, numbers.
            y: targets [donors] by name.
            weights: [donors].
            key: JAX key.
            kind: whole numbers [donors]; all of one kind by default.
        """
        kind, given, names = _kinds(kind, len(x)), list(x.columns), [f"drawn {n}" for n in y]
        table, imputers = x.assign(**dict(zip(names, y.values(), strict=True))), []
        kinds = tuple(int(k) for k in np.unique(kind))
        for k in kinds:
            rows = np.flatnonzero(kind == k)
            rows = np.repeat(rows, 2) if len(rows) == 1 else rows  # models want two donors
            imputers.append(model.fit(table.iloc[rows], names, weights[rows], for_name(key, str(k)), given=given))
        return Strata(kinds, tuple(imputers), tuple(y))

    def sample(self, x: pd.DataFrame, key: jax.Array, ids: np.ndarray, kind: Any = None) -> dict[str, np.ndarray]:
        """Targets by name, each [records]; 0 for records of a kind that no donor was of.

        Args:
            x: predictors, the columns of the fit.
            key: JAX key.
            ids: whole numbers, of the records.
            kind: whole numbers [records].
        """
        found, kind = np.zeros((len(x), len(self.targets))), _kinds(kind, len(x))
        for k, imputer in zip(self.kinds, self.imputers, strict=True):
            rows = np.flatnonzero(kind == k)
            if len(rows):
                found[rows] = draw_numbers(imputer, x.iloc[rows], for_name(key, str(k)), ids[rows])
        return dict(zip(self.targets, found.T, strict=True))


def _kinds(kind: Any, n: int) -> np.ndarray:
    return np.zeros(n, dtype=np.int64) if kind is None else np.asarray(kind).astype(np.int64)
