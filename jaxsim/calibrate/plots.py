"""Plots of fits, with matplotlib (extra `plots`): each function returns a figure to show or `savefig`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from jaxsim.plots import BLUE, GREY, RED, _figure, _tidy

if TYPE_CHECKING:
    import pandas as pd

COLOURS = {"fitted": BLUE, "held out": RED, "left out": GREY}
SMALLEST_ERROR, LARGEST_ERROR = 1e-6, 1e3
"""Relative errors beyond these are drawn at the edge: an exact fit would otherwise stretch the axis to 1e-16."""
MOST_TICKS = 9


def plot_fit(table: pd.DataFrame, title: str) -> Any:
    """Errors of targets before and after, sorted, and estimates against targets.

    Args:
        table: one row a target: value, estimate, base error, error and use ("fitted", "held out" or "left out").
        title: of the figure.
    """
    figure = _figure(12, 5.2)
    figure.suptitle(title, fontsize=12)
    errors, scatter = figure.subplots(1, 2)
    _plot_errors(errors, table)
    _plot_estimates(scatter, table)
    for axes in (errors, scatter):
        _tidy(axes)
    return figure


def _plot_errors(axes: Any, table: pd.DataFrame) -> None:
    """Sizes of relative errors from the smallest to the largest, over the share of targets."""
    for use in ("fitted", "held out"):
        rows = table[table["use"] == use]
        for column, when, style in (("base error", "before", "--"), ("error", "after", "-")):
            if len(rows):
                size = np.sort(np.clip(rows[column].abs(), SMALLEST_ERROR, LARGEST_ERROR))
                share = 100 * np.arange(1, len(size) + 1) / len(size)
                marker = "." if len(size) <= 20 else None
                axes.plot(share, size, color=COLOURS[use], ls=style, lw=1.5, marker=marker, label=f"{use}, {when}")
    for line, words in ((0.01, "1%"), (0.1, "10%")):
        axes.axhline(line, color="black", lw=0.6, ls=":")
        axes.annotate(words, (1, line), xycoords=("axes fraction", "data"), xytext=(2, -3), textcoords="offset points",
                      fontsize=8)  # fmt: skip
    axes.set_yscale("log")
    axes.set_ylim(top=max(axes.get_ylim()[1], 0.2), bottom=min(axes.get_ylim()[0], 0.005))
    axes.yaxis.set_major_formatter(lambda v, _: f"{100 * v:,g}%")
    axes.set_xlim(0, 101)
    axes.set_xlabel("percent of targets with an error up to this", fontsize=9)
    axes.set_title("Relative error of targets, before and after", fontsize=10)
    axes.legend(fontsize=8, frameon=False)


def _plot_estimates(axes: Any, table: pd.DataFrame) -> None:
    """Estimates after the fit against targets; on the line they are equal."""
    both = table[["value", "estimate"]].to_numpy(np.float64)
    sizes = np.abs(both[both != 0]) if both.any() else np.ones(1)
    if (both <= 0).any():
        # linear around 0, up to the power of ten that all but a hundredth of the sizes exceed: a few tiny ones would
        # otherwise take most of the axis
        near = 10.0 ** np.floor(np.log10(np.percentile(sizes, 1)))
        ends = (2 * min(both.min(), 0.0) - near / 2, 2 * max(both.max(), 0.0) + near / 2)
        axes.set_xscale("symlog", linthresh=near)
        axes.set_yscale("symlog", linthresh=near)
        for axis in (axes.xaxis, axes.yaxis):
            axis.get_major_locator().set_params(numticks=MOST_TICKS)
    else:
        ends = tuple(10.0 ** np.array([np.floor(np.log10(sizes.min())), np.ceil(np.log10(1.01 * sizes.max()))]))
        axes.set(xscale="log", yscale="log")
    axes.plot(ends, ends, color="black", lw=0.6)
    for use, colour in COLOURS.items():
        rows = table[table["use"] == use]
        if len(rows):
            axes.scatter(rows["value"], rows["estimate"], s=max(4.0, min(25.0, 1e4 / len(table))), color=colour, lw=0,
                         alpha=0.7, label=f"{use} ({len(rows):,})", rasterized=True)  # fmt: skip
    axes.set(xlim=ends, ylim=ends, box_aspect=1)
    axes.set_xlabel("target", fontsize=9)
    axes.set_ylabel("estimate after the fit", fontsize=9)
    axes.set_title("Estimates against targets", fontsize=10)
    axes.legend(fontsize=8, frameon=False, loc="upper left")
