"""Plots of Social Security over lifetimes, with matplotlib (extra `plots`): each function returns a figure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from jaxsim.errors import InputError
from jaxsim.plots import RED, _figure, _tidy

if TYPE_CHECKING:
    from jaxsim.dynamic.oasdi.lifetime import Lifetimes

MOST_LINES = 10


def plot_claims(found: Lifetimes, ids: Any = None) -> Any:
    """Present value of old-age benefits by age at the claim, with the best age of each worker marked.

    Args:
        found: lifetimes.
        ids: of the workers to draw, ten at most; the first ten by default.
    """
    table = found.by_age
    if ids is None:
        ids = table.index[:MOST_LINES]
    chosen = pd.Index([ids] if np.isscalar(ids) else list(ids))
    unknown = chosen.difference(table.index)
    if len(unknown) or not 0 < len(chosen) <= MOST_LINES:
        told = f"{unknown[0]!r} is not among the workers" if len(unknown) else f"{len(chosen)} workers"
        raise InputError(f"ids: {told}: give one to {MOST_LINES} ids")
    figure = _figure(7.2, 4.2)
    axes = figure.subplots()
    for k, worker in enumerate(chosen):
        values = table.loc[worker] / 1e3
        line = axes.plot(table.columns / 12, values, lw=1.4, color=f"C{k}", label=str(worker))[0]
        if values.max() > 0:
            axes.plot(
                values.idxmax() / 12, values.max(), "o", color=RED if len(chosen) == 1 else line.get_color(), ms=6
            )
    axes.set_xlabel("age at the claim", fontsize=9)
    axes.set_ylabel("present value, $ thousand", fontsize=9)
    axes.set_title("Old-age benefits by month of claim", fontsize=10)
    if len(chosen) > 1:
        axes.legend(title=str(table.index.name), fontsize=8, title_fontsize=8, frameon=False)
    _tidy(axes)
    return figure
