"""Plots of results, with matplotlib (extra `plots`), each a figure to show or save."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from jaxsim.errors import JaxsimError

if TYPE_CHECKING:
    import pandas as pd

    from jaxsim.impact import Impact
    from jaxsim.parameters import Law

BLUE, RED, GREY = "#2066a8", "#ae282c", "#9a9a9a"
BAND_COLOURS = ("#2066a8", "#8ec1da", "#e0e0e0", "#f0b08a", "#ae282c")


def _pyplot() -> Any:
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        raise JaxsimError("plots need matplotlib: pip install 'jaxsim[plots]'") from None
    return plt


def _tidy(axes: Any) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(length=3)


def plot_impact(impact: Impact) -> Any:
    """Budget lines that change, average change by decile, winners and losers by decile, inequality and poverty."""
    plt = _pyplot()
    figure, ((budget, deciles), (winners, measures)) = plt.subplots(2, 2, figsize=(12, 8), layout="constrained")
    figure.suptitle(f"{impact.name}, {impact.year}: revenue {impact.cost / 1e9:+,.1f} billion dollars", fontsize=13)

    change = impact.budget["change"] / 1e9
    change = change[change.abs() > 5e-4]
    if change.empty:
        change = impact.budget["change"].iloc[:1] / 1e9
    bars = budget.barh([_words(n) for n in change.index[::-1]], change[::-1],
                       color=[BLUE if v >= 0 else RED for v in change[::-1]])  # fmt: skip
    budget.bar_label(bars, fmt="{:+,.1f}", padding=3, fontsize=8)
    budget.axvline(0, color="black", lw=0.8)
    budget.margins(x=0.18)
    budget.set_title("Change by line of the budget, billion dollars", fontsize=10)

    table = impact.deciles.drop(index="negative")
    values = table["average change a household"]
    deciles.bar([str(d) for d in table.index], values, color=[BLUE if v >= 0 else RED for v in values])
    deciles.axhline(0, color="black", lw=0.8)
    deciles.set_title("Average change of household income by decile, dollars", fontsize=10)
    deciles.set_xlabel("decile of persons by baseline equivalised after-tax income", fontsize=9)

    shares = 100 * impact.winners.iloc[::-1]
    left = np.zeros(len(shares))
    for band, colour in zip(shares.columns, BAND_COLOURS, strict=True):
        winners.barh(shares.index, shares[band], left=left, color=colour, label=band, height=0.8)
        left += shares[band].to_numpy()
    winners.set_xlim(0, 100)
    winners.set_title("Winners and losers, percent of persons by decile", fontsize=10)
    winners.legend(fontsize=8, ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.08), frameon=False)

    x = np.arange(len(impact.measures))
    for shift, column, colour in ((-0.2, "baseline", GREY), (0.2, "reform", BLUE)):
        bars = measures.bar(x + shift, impact.measures[column], 0.38, color=colour, label=column)
        measures.bar_label(bars, fmt="{:.4f}", padding=2, fontsize=8)
    measures.set_xticks(x, [n.replace("share of persons", "share of persons\n") for n in impact.measures.index])
    measures.margins(y=0.15)
    measures.set_title("Inequality and low income, after taxes", fontsize=10)
    measures.legend(fontsize=8, frameon=False)
    for axes in (budget, deciles, winners, measures):
        _tidy(axes)
    return figure


def plot_gradient(table: pd.DataFrame, most: int = 20) -> Any:
    """Elasticities of a gradient table as bars, the largest on top; those that steps affect are hatched."""
    plt = _pyplot()
    shown = table.head(most).iloc[::-1]
    figure, axes = plt.subplots(figsize=(9, 0.3 * len(shown) + 1.2), layout="constrained")
    bars = axes.barh(shown.index, shown["elasticity"], color=[BLUE if v >= 0 else RED for v in shown["elasticity"]])
    for bar, steps in zip(bars, shown.get("matters here", shown["may step"] & False), strict=True):
        if steps:
            bar.set_hatch("///")
            bar.set_edgecolor("white")
    axes.axvline(0, color="black", lw=0.8)
    axes.set_title(f"Elasticity of total {_words(table.attrs.get('outcome', 'outcome'))} (hatched: steps, smoothed)",
                   fontsize=10)  # fmt: skip
    _tidy(axes)
    return figure


def plot_rates(rates: pd.Series, weights: Any = None) -> Any:
    """Distribution of marginal rates, weighted."""
    plt = _pyplot()
    figure, axes = plt.subplots(figsize=(8, 3.6), layout="constrained")
    values = np.asarray(rates, dtype=float)
    keep = np.isfinite(values)
    weight = np.ones(keep.sum()) if weights is None else np.asarray(weights)[keep]
    axes.hist(100 * values[keep], bins=np.arange(-60, 101, 2.5), weights=weight / weight.sum() * 100, color=BLUE)
    axes.set_xlabel("marginal rate, percent")
    axes.set_ylabel("percent of filers")
    axes.set_title(str(rates.name), fontsize=10)
    _tidy(axes)
    return figure


def plot_history(law: Law, path: str) -> Any:
    """A parameter over the tax years; forecast years dashed."""
    plt = _pyplot()
    table = law.history(path)
    figure, axes = plt.subplots(figsize=(8, 3.6), layout="constrained")
    known = table.index[table["status"] == "law"]
    for column, colour in zip(table.columns[1:], plt.cm.viridis(np.linspace(0, 0.85, table.shape[1] - 1)), strict=True):
        axes.step(known, table.loc[known, column], where="post", color=colour, label=column)
        later = table.index[table.index >= known[-1]]
        axes.step(later, table.loc[later, column], where="post", color=colour, ls="--")
    axes.set_title(f"{law[path].label} ({law[path].unit})", fontsize=10)
    if table.shape[1] > 2:
        axes.legend(fontsize=8, frameon=False, ncols=2)
    axes.yaxis.set_major_formatter(lambda v, _: f"{v:,g}")
    _tidy(axes)
    return figure


def plot_variants(table: pd.DataFrame, parameter: str, outcome: str) -> Any:
    """An outcome over the values of a parameter, from `vary`."""
    plt = _pyplot()
    figure, axes = plt.subplots(figsize=(8, 3.6), layout="constrained")
    axes.plot(table[parameter], table[outcome] / 1e9, color=BLUE)
    axes.set_xlabel(parameter)
    axes.set_ylabel(f"{_words(outcome)}, billion dollars")
    _tidy(axes)
    return figure


def _words(name: str) -> str:
    return name.replace("_", " ").replace("eitc", "EITC").replace("ctc", "CTC")
