"""Plots of imputations, with matplotlib (extra `plots`): each function returns a figure to show or `savefig`.

Money axes are linear around 0 and logarithmic beyond (symlog), where amounts spread over many sizes.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from jaxsim.errors import InputError
from jaxsim.impute import checked
from jaxsim.impute.scores import percentiles, spearman, zero_share
from jaxsim.plots import BLUE, GREY, RED, _figure, _tidy, _words

LEVELS = np.concatenate([[0.1, 0.2, 0.5], np.arange(1, 99.5, 0.5), [99.1, 99.3, 99.5, 99.7, 99.8, 99.9]])
"""Percentiles of a quantile plot."""
MARKED = (50, 90, 99)
SKEWED = 10.0
"""An axis is symlog where the largest size is more than this many times the median one."""
DISCRETE = 12
"""Variables with at most this many values are drawn as bars."""
BINS = 30
MOST_TICKS = 6
ACRONYMS = {"crps": "CRPS", "auc": "AUC"}
MOST_NUMBERS = 10
"""Heat maps with more rows or columns show no numbers."""


def plot_quantiles(
    truth: Any, draws: Any, weights: Any = None, weights_drawn: Any = None, *, name: str = "", unit: str = "dollars"
) -> Any:
    """Weighted quantiles of imputed values against the true ones, 0.1 to 99.9 percent; on the line they are equal.

    Args:
        truth: [n].
        draws: [k], or [k, m] of m draws: the line is their mean, the band from the least to the largest.
        weights: [n].
        weights_drawn: [k]; those of the truth by default where there are as many draws as records.
        name: of the variable.
        unit: of its values.
    """
    y, x = checked.vector(truth, "truth"), checked.numbers(draws, "draws")
    if x.ndim not in (1, 2):
        raise InputError(f"draws: shape {x.shape}, expected [records] or [records, draws]")
    w = checked.weights(weights, len(y))
    v = _drawn_weights(w, weights_drawn, len(x))
    real = percentiles(y, w, LEVELS)
    each = np.stack([percentiles(d, v, LEVELS) for d in x.reshape(len(x), -1).T])
    mean = each.mean(axis=0)
    figure = _figure(5.6, 5.4)
    axes = figure.subplots()
    ends = _money_axes(axes, np.concatenate([real, each.ravel()]), "xy")
    axes.plot(ends, ends, color="black", lw=0.6)
    if len(each) > 1:
        axes.fill_between(real, each.min(axis=0), each.max(axis=0), color=BLUE, alpha=0.2, lw=0,
                          label=f"least to largest of {len(each)} draws")  # fmt: skip
    axes.plot(real, mean, color=BLUE, lw=1.2, marker=".", ms=3, label="mean of draws" if len(each) > 1 else "draw")
    for level in MARKED:
        at = int(np.argmin(np.abs(LEVELS - level)))
        if real[at] == 0 and mean[at] == 0:  # several would stand there
            continue
        axes.plot(real[at], mean[at], "o", color=RED, ms=5)
        axes.annotate(f"p{level}", (real[at], mean[at]), xytext=(6, -9), textcoords="offset points", fontsize=8)
    axes.set(xlim=ends, ylim=ends, box_aspect=1)
    axes.set_xlabel(f"quantile of the truth, {unit}", fontsize=9)
    axes.set_ylabel(f"quantile imputed, {unit}", fontsize=9)
    shares = 100 * zero_share(y, w), 100 * float(np.mean([zero_share(d, v) for d in x.reshape(len(x), -1).T]))
    zeros = f"zeros {shares[0]:.1f}% true, {shares[1]:.1f}% imputed" if max(shares) > 0 else ""
    axes.set_title(": ".join(part for part in (_title(name), zeros) if part) or "Quantiles", fontsize=10)
    axes.legend(fontsize=8, frameon=False, loc="upper left")
    _tidy(axes)
    return figure


def plot_marginals(
    truth: pd.DataFrame, drawn: pd.DataFrame, weights: Any = None, weights_drawn: Any = None,
    columns: Iterable[str] | None = None,
) -> Any:  # fmt: skip
    """Weighted distributions of each variable, true and imputed; shares of zeros stand in the titles.

    Bars are percent of the rows that are not 0; a variable of few values shows all of them, zeros too. Values beyond
    the axis stand in its outermost bars.

    Args:
        truth: [n] records.
        drawn: [k] records.
        weights: [n].
        weights_drawn: [k]; those of the truth by default where there are as many rows.
        columns: drawn; by default those that both tables have.
    """
    names = _shared(truth, drawn, columns)
    across = min(3, len(names))
    down = -(-len(names) // across)
    figure = _figure(4 * across, 2.8 * down + 0.4)  # refuses where matplotlib is absent
    from matplotlib.patches import Patch

    y, x = checked.matrix(truth, names, "truth"), checked.matrix(drawn, names, "drawn")
    w = checked.weights(weights, len(y))
    v = _drawn_weights(w, weights_drawn, len(x))
    panels = figure.subplots(down, across, squeeze=False).ravel()
    for axes, name, real, made in zip(panels, names, y.T, x.T, strict=False):
        zeros = [100 * zero_share(real, w), 100 * zero_share(made, v)]
        _plot_marginal(axes, real, made, w, v)
        share = f"\nzeros {zeros[0]:.1f}% true, {zeros[1]:.1f}% imputed" if max(zeros) > 0 else "\n"
        axes.set_title(_title(name) + share, fontsize=10)
        _tidy(axes)
    for axes in panels[len(names) :]:
        axes.set_axis_off()
    for row in range(down):
        panels[row * across].set_ylabel("percent", fontsize=9)
    keys = [
        Patch(color=GREY, alpha=0.7, label="true"),
        Patch(facecolor="none", edgecolor=BLUE, lw=1.5, label="imputed"),
    ]
    figure.legend(handles=keys, loc="outside lower center", ncols=2, fontsize=9, frameon=False)
    return figure


def _plot_marginal(axes: Any, real: np.ndarray, made: np.ndarray, w: np.ndarray, v: np.ndarray) -> None:
    """Bars of the truth, an outline of the imputed."""
    values = np.unique(np.concatenate([real[w > 0], made[v > 0]]))
    if len(values) <= DISCRETE:
        places = np.arange(len(values))
        for shift, x, of, colour in ((-0.2, real, w, GREY), (0.2, made, v, BLUE)):
            share = [100 * np.average(x == value, weights=of) for value in values]
            axes.bar(places + shift, share, 0.38, color=colour)
        axes.set_xticks(places, [_amount(value) for value in values], fontsize=8 if len(values) > 6 else 9)
        return
    sides = [(x[(x != 0) & (of > 0)], of[(x != 0) & (of > 0)]) for x, of in ((real, w), (made, v))]
    shown = np.concatenate([percentiles(x, of, [0.2, 99.8]) for x, of in sides if len(x)])
    inner = np.clip(np.concatenate([x for x, _ in sides]), shown.min(), shown.max())
    ends = _money_axes(axes, inner, "x")
    edges = _edges(axes, float(inner.min()), float(inner.max()), bool((real == np.round(real)).all()))
    for (x, of), style in zip(
        sides,
        (
            {"color": GREY, "alpha": 0.7},
            {"color": BLUE, "histtype": "step", "lw": 1.5},
        ),
        strict=True,
    ):
        if len(x):
            axes.hist(np.clip(x, edges[0], edges[-1]), bins=edges, weights=100 * of / of.sum(), **style)
    axes.set_xlim(ends)


def _edges(axes: Any, low: float, high: float, whole: bool) -> np.ndarray:
    """Edges of bins, evenly spread on the axis; of whole numbers on a linear axis half-way between them."""
    if axes.get_xscale() == "linear" and whole and high - low >= 1:
        step = max(1, -(-int(high - low + 1) // BINS))
        return np.arange(np.floor(low) - 0.5, np.ceil(high) + step + 0.5, step)
    scale = axes.xaxis.get_transform()
    first, last = (float(e) for e in scale.transform(np.array([low, high])))
    edges = scale.inverted().transform(np.linspace(first, last, BINS))
    edges[[0, -1]] = low, high  # whatever the way there and back rounds
    return edges


def plot_correlations(
    truth: pd.DataFrame, drawn: pd.DataFrame, weights: Any = None, weights_drawn: Any = None,
    rows: Iterable[str] | None = None, columns: Iterable[str] | None = None,
) -> Any:  # fmt: skip
    """Weighted rank correlations, true and imputed, and their difference; grey where one is undefined.

    Args:
        truth: [n] records.
        drawn: [k] records.
        weights: [n].
        weights_drawn: [k]; those of the truth by default where there are as many rows.
        rows: of the maps; by default the columns that both tables have.
        columns: of the maps.
    """
    down, across = _shared(truth, drawn, rows), _shared(truth, drawn, columns)
    w = checked.weights(weights, len(truth))
    v = _drawn_weights(w, weights_drawn, len(drawn))
    real = spearman(truth, w, down, across).to_numpy()
    made = spearman(drawn, v, down, across).to_numpy()
    gap = made - real
    largest = float(np.nanmax(np.abs(gap), initial=0))
    side = max(0.42 * len(across), 1.6)
    figure = _figure(3 * side + 3.6, 0.42 * len(down) + 2.6)
    panels = figure.subplots(1, 3, sharey=True)
    numbers = max(len(down), len(across)) <= MOST_NUMBERS
    limit = max(float(np.ceil(10 * largest) / 10), 0.1)
    for axes, values, title, most in zip(
        panels, (real, made, gap), ("True", "Imputed", f"Imputed less true, {largest:.2f} at most"), (1.0, 1.0, limit),
        strict=True,
    ):  # fmt: skip
        axes.set_facecolor("#d8d8d8")
        image = axes.imshow(values, cmap="RdBu", vmin=-most, vmax=most)
        axes.set_xticks(range(len(across)), [_words(n) for n in across], rotation=60, ha="right",
                        rotation_mode="anchor", fontsize=8)  # fmt: skip
        axes.set_yticks(range(len(down)), [_words(n) for n in down], fontsize=8)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.set_title(title, fontsize=10)
        if axes is not panels[0]:
            beside = axes.inset_axes((1 + 0.12 / side, 0, 0.12 / side, 1))
            figure.colorbar(image, cax=beside, ticks=[-most, -most / 2, 0, most / 2, most]).outline.set_visible(False)
            beside.tick_params(labelsize=8, length=2)
        if numbers:
            for (i, j), value in np.ndenumerate(values):
                if np.isfinite(value):
                    ink = "white" if abs(value) > 0.6 * most else "black"
                    axes.text(j, i, _short(value), ha="center", va="center", fontsize=7, color=ink)
    return figure


def plot_comparison(table: pd.DataFrame, highlight: str | None = None, title: str = "") -> Any:
    """Scores by model as bars, a panel a score, each with its own axis.

    Args:
        table: one row a model, one column a score; missing ones are left blank.
        highlight: the model that stands out in blue; all are blue by default.
        title: of the figure.
    """
    if not len(table) or not table.shape[1]:
        raise InputError("table: give one row a model and one column a score")
    if highlight is not None and highlight not in table.index:
        raise InputError(f"table: there is no model {highlight!r}: it has {', '.join(map(str, table.index))}")
    across = min(4, table.shape[1])
    down = -(-table.shape[1] // across)
    figure = _figure(2.2 + 2.4 * across, down * (0.3 * len(table) + 0.7) + (0.4 if title else 0.1))
    if title:
        figure.suptitle(title, fontsize=12)
    panels = figure.subplots(down, across, squeeze=False, sharey=True).ravel()
    colours = [BLUE if highlight in (None, model) else GREY for model in table.index]
    places = np.arange(len(table))
    for axes, (score, values) in zip(panels, table.items(), strict=False):
        try:
            lengths = values.to_numpy(dtype=np.float64, na_value=np.nan)
        except (TypeError, ValueError):
            raise InputError(f"table, column {score}: give numbers") from None
        bars = axes.barh(places, lengths, color=colours, height=0.7)
        axes.bar_label(
            bars,
            ["" if np.isnan(x) else f"{x:,.0f}" if abs(x) >= 1000 else f"{x:.3g}" for x in lengths],
            padding=3,
            fontsize=8,
        )
        axes.axvline(0, color="black", lw=0.8)
        axes.margins(x=0.25)
        axes.set_xticks([])
        axes.spines["bottom"].set_visible(False)
        axes.set_title(ACRONYMS.get(str(score), _words(str(score))), fontsize=10)
        _tidy(axes)
    panels[0].set_yticks(places, [str(model) for model in table.index])
    panels[0].set_ylim(len(table) - 0.4, -0.6)  # the first model on top
    for axes in panels[table.shape[1] :]:
        axes.set_axis_off()
    return figure


def _short(value: float) -> str:
    """A correlation in two digits: .37, -.05, 1."""
    words = f"{value:.2f}"
    if words in ("-0.00", "0.00"):
        return "0"
    return words[:-3] if words.endswith(".00") else words.replace("0.", ".")


def _title(name: str) -> str:
    words = _words(str(name))
    return words[:1].upper() + words[1:]


def _shared(truth: pd.DataFrame, drawn: pd.DataFrame, names: Iterable[str] | None) -> list[str]:
    """Chosen columns, by default those of both tables."""
    if names is None:
        names = [c for c in truth.columns if c in drawn.columns]
        if not names:
            raise InputError("truth, drawn: the tables have no column in common")
    return checked.chosen(drawn, checked.chosen(truth, names, "truth"), "drawn")


def _drawn_weights(weights: np.ndarray, drawn: Any, n: int) -> np.ndarray:
    """Weights of drawn rows: given ones, or those of the truth where there are as many rows, or ones."""
    return weights if drawn is None and n == len(weights) else checked.weights(drawn, n, "weights_drawn")


def _money_axes(axes: Any, values: np.ndarray, which: str) -> tuple[float, float]:
    """Scale axes ("x" or "xy") by how values spread, symlog where they are skewed; returns limits that hold them."""
    from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

    low, high = float(values.min()), float(values.max())
    sizes = np.abs(values[values != 0]) if values.any() else np.ones(1)
    locator: Any = MaxNLocator(MOST_TICKS - 1)
    if sizes.max() > SKEWED * np.median(sizes):
        # linear up to the power of ten below all but a twentieth of sizes: tiny ones would take most of the axis
        least, most = np.floor(np.log10([np.percentile(sizes, 5), sizes.max()])).astype(int)
        for letter in which:
            getattr(axes, f"set_{letter}scale")("symlog", linthresh=10.0**least)
        step = -(-(most - least + 1) // (MOST_TICKS // 2 if low < 0 < high else MOST_TICKS - 1))
        powers = 10.0 ** np.arange(most, least - 1, -step)
        locator = FixedLocator(sorted({0.0, *(-powers if low < 0 else ()), *(powers if high > 0 else ())}))
    for letter in which:
        axis = getattr(axes, f"{letter}axis")
        axis.set_major_locator(locator if letter == "x" else copy.copy(locator))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(lambda v, _: _amount(v))
    scale = axes.xaxis.get_transform()
    a, b = (float(e) for e in scale.transform(np.array([low, high])))
    room = 0.04 * (b - a) if b > a else 1.0
    first, last = scale.inverted().transform(np.array([a - room, b + room]))
    return float(first), float(last)


def _amount(value: float) -> str:
    """An amount for a tick: 300, 20k, 1.5m."""
    for size, letter in ((1e9, "bn"), (1e6, "m"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:,.4g}{letter}"
    return f"{value:,.4g}"
