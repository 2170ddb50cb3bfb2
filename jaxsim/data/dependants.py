"""Dependants that a file of tax units only counts, as persons with ages that agree with the counts."""

from __future__ import annotations

import numpy as np

# Lower end of each band of age and the age that stands for it. The bands are those that the counts of
# Tax-Calculator's format tell apart; an age inside a band changes no rule that the counts do not decide.
BANDS = (0, 6, 13, 17, 18, 21, 65)
AGES = np.array([3.0, 9.0, 15.0, 17.0, 19.0, 30.0, 72.0])
ADULT = 5


def bands_of_dependants(
    dependants: np.ndarray,
    under_6: np.ndarray,
    under_13: np.ndarray,
    under_17: np.ndarray,
    under_18: np.ndarray,
    aged_18_to_20: np.ndarray,
    from_21: np.ndarray,
    from_65: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """How many dependants of each unit are in each band, and where the counts do not fit.

    Args:
        dependants: how many there are in all, [units].
        under_6, under_13, under_17: nested counts of dependants, [units].
        under_18, aged_18_to_20, from_21, from_65: counts of dependants, the last within the one before.

    Returns:
        Counts [units, bands], adding up to `dependants`; and True for units where they had to be forced: surplus
        is taken from the oldest, what is lacking is added as adults.
    """
    children = np.maximum(under_13, under_17)
    elderly = np.minimum(from_65, np.maximum(from_21, 0))
    raw = np.stack(
        [
            under_6,
            under_13 - under_6,
            under_17 - under_13,
            under_18 - children,
            aged_18_to_20,
            from_21 - elderly,
            elderly,
        ],
        axis=1,
    )
    bands = np.maximum(raw, 0)
    forced = (raw < 0).any(axis=1) | (from_65 > elderly)
    room = dependants.copy()
    for k in range(bands.shape[1]):  # youngest first: surplus is cut from the oldest
        taken = np.minimum(bands[:, k], room)
        forced |= taken < bands[:, k]
        bands[:, k] = taken
        room = room - taken
    forced |= room > 0
    bands[:, ADULT] += room
    return bands, forced


def ages_of_dependants(bands: np.ndarray) -> np.ndarray:
    """Ages of all dependants, unit by unit and youngest first, [dependants]."""
    return np.repeat(np.tile(AGES, len(bands)), bands.ravel())
