"""Filing units of Tax-Calculator's format in their households and families, and amounts that several units repeat."""

from __future__ import annotations

from typing import Any

import numpy as np

from jaxsim.columns import refuse
from jaxsim.data.tabular import Reading
from jaxsim.data.taxcalc_columns import BENEFITS, SHARED

JOINT = 2


class Units:
    """Filing units put in household order, and what they belong to."""

    def __init__(self, file: Reading):
        mars = file.whole("MARS", 1, 5, "1 single, 2 joint, 3 separate, 4 head of household, 5 surviving spouse.")
        recid = file.whole("RECID")
        if "h_seq" in file:
            h_seq = file.whole("h_seq", 0, 999_999)
            household = file.whole("FLPDYR", 0, 9_999) * 1_000_000 + h_seq
            household = np.where(h_seq > 0, household, -1 - np.arange(file.rows))  # 0 is no household of the survey
        else:
            household = np.arange(file.rows)
        family = file.whole("ffpos", 0, 99)
        line = file.whole("a_lineno", 0, 999)
        self.order = order = np.lexsort((recid, household))
        self.mars, self.recid = mars[order], recid[order]
        self.joint = self.mars == JOINT
        starts = np.flatnonzero(np.diff(household[order], prepend=household[order][0] - 1))
        self.household = household[order][starts]
        self.household_of_unit = np.repeat(np.arange(len(starts)), np.diff(starts, append=file.rows))
        self.family = household[order] * 100 + family[order]
        rank = ((family * 1000 + line)[order] << 24) | (np.arange(file.rows) - starts[self.household_of_unit])
        self.first = starts + (np.minimum.reduceat(rank, starts) & ((1 << 24) - 1))
        self.several = np.diff(starts, append=file.rows)[self.household_of_unit] > 1
        self.unequal_weights = 0.0


def household_weights(file: Reading, units: Units, scale: float) -> np.ndarray:
    """Weights of households: that of the first family's first unit times `scale`; 1 without s006."""
    if "s006" not in file:
        return np.ones(len(units.household))
    weight = file.number("s006", 0, 1e12)
    if not weight.any():
        raise refuse(file.source, "s006", "every weight is 0", remedy="Leave the column out for weights of 1.")
    weight = weight[units.order] * scale
    first = weight[units.first]
    differs = weight != first[units.household_of_unit]
    units.unequal_weights = len(np.unique(units.household_of_unit[differs])) / len(first)
    return first


def household_state(file: Reading, units: Units) -> np.ndarray:
    """FIPS code of each household's state, the same on all its units."""
    fips = file.whole("fips", 0, 56)[units.order]
    first = fips[units.first]
    astray = np.flatnonzero(fips != first[units.household_of_unit])
    if len(astray):
        raise refuse(file.source, "fips", "units of one household lie in several states", np.sort(units.order[astray]))
    return first.astype(np.float64)


def counted_once(amount: np.ndarray, units: Units, group: str) -> np.ndarray:
    """Household sums where an amount repeated on several units of a household or family counts once."""
    key = units.household_of_unit if group == "household" else units.family
    total = np.zeros(len(units.household))
    total += np.bincount(units.household_of_unit, weights=amount * ~units.several, minlength=len(total))
    rows = np.flatnonzero(units.several & (amount != 0))
    rows = rows[np.lexsort((amount[rows], key[rows]))]
    repeated = (np.diff(key[rows], prepend=-1) == 0) & (np.diff(amount[rows], prepend=-1) == 0)
    rows = rows[~repeated]
    return total + np.bincount(units.household_of_unit[rows], weights=amount[rows], minlength=len(total))


def benefit_evidence(file: Reading, units: Units) -> dict[str, Any]:
    """For each benefit, how often units of one household that have it carry equal amounts, and what was decided."""
    found: dict[str, Any] = {}
    for c in BENEFITS:
        if c not in file:
            continue
        amount = file.number(c)[units.order]
        rows = np.flatnonzero(units.several & (amount > 0))
        if not len(rows):
            continue
        shares: dict[str, Any] = {}
        for level, key in (("households", units.household_of_unit), ("families", units.family)):
            _, at, size = np.unique(key[rows], return_inverse=True, return_counts=True)
            low, high = np.full(len(size), np.inf), np.zeros(len(size))
            np.minimum.at(low, at, amount[rows])
            np.maximum.at(high, at, amount[rows])
            several = size > 1
            shares[f"{level} with the benefit on several units"] = int(several.sum())
            shares[f"of which equal on those units, {level}"] = round(float((low == high)[several].mean()), 4) if (
                several.any()) else None  # fmt: skip
        _, group = SHARED.get(c, ("", "tax unit"))
        found[c] = {**shares, "taken as an amount of the": group}
    return found
