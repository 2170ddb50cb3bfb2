"""How couples share their incomes: each spouse's part of the couple's totals, learnt jointly and adding up exactly.

A share is the head's part of a total: 1 and 0 where one of the two has it all, so that couples with no, one and two
earners come out as they are. Each income is learnt from the couples who have it, given their ages, all their totals and
the shares of the incomes before it: that is the joint distribution of the shares, factor by factor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
import pandas as pd

from jaxsim.impute.base import Imputer, Model
from jaxsim.impute.uniforms import for_name
from jaxsim.impute.walks import draw_numbers

WIDEST = (-1.0, 2.0)
"""Shares beyond these (a gain against a loss that nearly cancel) are not learnt: another total would be blown up."""


def split(total: Any, share: Any, per_unit: int = 100) -> tuple[np.ndarray, np.ndarray]:
    """Parts of totals [n] that add up to them to the smallest coin: the nearest coin to the share, and the rest.

    Args:
        total: amounts in whole coins.
        share: of the first part.
        per_unit: coins in a unit of money: 100 for cents, 1 where amounts are whole.
    """
    coins = np.rint(np.asarray(total, dtype=np.float64) * per_unit)
    first = np.rint(coins * np.asarray(share, dtype=np.float64))
    return first / per_unit, (coins - first) / per_unit


@dataclass(frozen=True)
class SpouseShares:
    """The joint distribution of the shares of several incomes.

    Attributes:
        names: of the incomes, in the order their shares are drawn.
        per_unit: coins in a unit of money, by income.
        signed: whether an income may be a loss; the shares of others lie between 0 and 1.
        imputers: of each share; a number where donors leave no choice.
    """

    names: tuple[str, ...]
    per_unit: tuple[int, ...]
    signed: tuple[bool, ...]
    imputers: tuple[Any, ...]

    @staticmethod
    def fit(
        model: Model, given: pd.DataFrame, head: pd.DataFrame, spouse: pd.DataFrame, weights: np.ndarray,
        key: jax.Array, per_unit: dict[str, int] | None = None, progress: bool = False,
    ) -> SpouseShares:  # fmt: skip
        """Learn from couples.

        Args:
            model: of one share given what is known.
            given: what is known of the couples, ages for one; totals are added to it.
            head: the heads' incomes, one column each.
            spouse: the spouses', of the same columns and rows.
            weights: of the couples.
            key: JAX key.
            per_unit: coins in a unit of money by income; 100.
            progress: show bars.
        """
        names = tuple(str(c) for c in head.columns)
        totals = head + spouse
        known = _known(given, totals)
        imputers: list[Any] = []
        for name in names:
            total, own = totals[name].to_numpy(), head[name].to_numpy()
            share = np.divide(own, total, out=np.full(len(total), np.nan), where=total != 0)
            use = (share >= WIDEST[0]) & (share <= WIDEST[1]) & (weights > 0)
            values = np.unique(share[use])
            if len(values) < 2:
                imputers.append(float(values[0]) if len(values) else 1.0)
            else:
                donors, targets = known[use], _targets(share[use])
                imputers.append(model.fit(donors, targets, weights[use], for_name(key, name), progress=progress))
            known = known.assign(**{f"share {name}": np.where(use, share, 0.5)})
        coins = tuple((per_unit or {}).get(n, 100) for n in names)
        signed = tuple(bool((head[n] < 0).any() or (spouse[n] < 0).any()) for n in names)
        return SpouseShares(names, coins, signed, tuple(imputers))

    def sample(
        self, given: pd.DataFrame, totals: pd.DataFrame, key: jax.Array, ids: Any = None
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The heads' and the spouses' incomes, which add up to the totals (whole coins) exactly.

        Args:
            given: what is known of the couples, the columns of the fit.
            totals: of each income.
            key: JAX key.
            ids: of the couples, by which they get their uniforms; the index.
        """
        known = _known(given, totals)
        ids = np.asarray(given.index if ids is None else ids)
        heads, spouses = {}, {}
        for name, coins, signed, imputer in zip(self.names, self.per_unit, self.signed, self.imputers, strict=True):
            total = totals[name].to_numpy()
            share = np.full(len(total), 0.5)
            has = total != 0
            if not isinstance(imputer, Imputer):
                share[has] = imputer
            elif has.any():
                share[has] = draw_numbers(imputer, known[has], for_name(key, name), ids[has])[:, 0]
            share = share if signed else np.clip(share, 0, 1)
            heads[name], spouses[name] = split(total, share, coins)
            known = known.assign(**{f"share {name}": share})
        return pd.DataFrame(heads, index=given.index), pd.DataFrame(spouses, index=given.index)


def _targets(share: np.ndarray) -> pd.DataFrame:
    """The share, whether one of the two has it all, and how uneven it is.

    The means of shares of 0 and 1 and of equal shares are the same: by the share alone, trees would not tell couples
    with one earner from couples with two.
    """
    alone = ((share == 0) | (share == 1)).astype(float)
    return pd.DataFrame({"drawn share": share, "drawn alone": alone, "drawn unevenness": np.abs(share - 0.5)})


def _known(given: pd.DataFrame, totals: pd.DataFrame) -> pd.DataFrame:
    return given.assign(**{f"total {n}": totals[n].to_numpy() for n in totals.columns})
