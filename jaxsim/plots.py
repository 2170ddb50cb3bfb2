"""Plots of results, with matplotlib (extra `plots`): each function returns a figure to show or `savefig`."""

from __future__ import annotations

import functools
import io
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxsim.errors import JaxsimError

if TYPE_CHECKING:
    import pandas as pd

    from jaxsim.impact import Impact
    from jaxsim.parameters import Law
    from jaxsim.score import Score

BLUE, RED, GREY = "#2066a8", "#ae282c", "#9a9a9a"
BAND_COLOURS = ("#2066a8", "#8ec1da", "#e0e0e0", "#f0b08a", "#ae282c")
SMALLEST_LINE = 0.05  # billion dollars: lines of the budget that change by less are not drawn


def _figure(width: float, height: float) -> Any:
    """A figure outside pyplot's list of open figures, which a notebook shows once, as the value of its cell."""
    return _figure_class()(figsize=(width, height), layout="constrained")


@functools.cache
def _figure_class() -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise JaxsimError("plots need matplotlib: pip install 'jaxsim[plots]'") from None

    class NotebookFigure(Figure):
        """A figure that notebooks can draw without pyplot."""

        def _repr_png_(self) -> bytes:
            buffer = io.BytesIO()
            self.savefig(buffer, format="png", dpi=80)
            return buffer.getvalue()

    return NotebookFigure


def _tidy(axes: Any) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(length=3)


def _words(name: str) -> str:
    words = name.replace("_", " ").replace("eitc", "EITC").replace("ctc", "CTC")
    return words.replace("self employment", "self-employment")


def _sign_colours(values: Any) -> list[str]:
    return [BLUE if v >= 0 else RED for v in values]


def plot_impact(impact: Impact) -> Any:
    """Budget lines that change, average change by decile, winners and losers by decile, inequality and poverty."""
    figure = _figure(12, 8)
    figure.suptitle(f"{impact.name}, {impact.year}: revenue {impact.cost / 1e9:+,.1f} billion dollars", fontsize=13)
    (budget, deciles), (winners, measures) = figure.subplots(2, 2)
    _plot_budget(budget, impact.budget["change"] / 1e9)

    values = impact.deciles.drop(index="negative")["average change a household"]
    bars = deciles.bar([str(d) for d in values.index], values, color=_sign_colours(values))
    deciles.bar_label(bars, fmt="{:+,.0f}", padding=2, fontsize=8)
    deciles.axhline(0, color="black", lw=0.8)
    deciles.margins(y=0.12)
    deciles.yaxis.set_major_formatter(lambda v, _: f"{v:,.0f}")
    deciles.set_title("Average change of household income by decile, dollars", fontsize=10)
    deciles.set_xlabel("decile of persons by baseline equivalised after-tax income", fontsize=9)

    shares = 100 * impact.winners.iloc[::-1]
    left = np.zeros(len(shares))
    for band, colour in zip(shares.columns, BAND_COLOURS, strict=True):
        winners.barh(shares.index, shares[band], left=left, color=colour, label=band, height=0.8)
        left += shares[band].to_numpy()
    winners.set_xlim(0, 100)
    winners.margins(y=0.01)
    winners.set_title("Winners and losers, percent of persons by decile", fontsize=10)
    winners.legend(fontsize=8, ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.08), frameon=False)

    table = impact.measures
    x = np.arange(len(table))
    for shift, column, colour in ((-0.2, "baseline", GREY), (0.2, "reform", BLUE)):
        bars = measures.bar(x + shift, table[column], 0.38, color=colour, label=column)
        measures.bar_label(bars, fmt="{:.4f}", padding=2, fontsize=8)
    names = [n.replace("share of persons", "share of persons\n") for n in table.index]
    measures.set_xticks(x, [f"{n}\nchange {c:+.4f}" for n, c in zip(names, table["change"], strict=True)])
    measures.margins(y=0.15)
    measures.set_title("Inequality and low income, after taxes", fontsize=10)
    measures.legend(fontsize=8, frameon=False)
    for axes in (budget, deciles, winners, measures):
        _tidy(axes)
    return figure


def _plot_budget(axes: Any, change: pd.Series) -> None:
    """Lines as bars: blue where the change raises revenue, red where it lowers it."""
    shown = change[change.abs() >= min(SMALLEST_LINE, change.abs().max())][::-1]
    costs = np.array([-1 if _is_credit(name) else 1 for name in shown.index])
    bars = axes.barh([_words(n) for n in shown.index], shown, color=_sign_colours(shown * costs))
    axes.bar_label(bars, fmt="{:+,.1f}", padding=3, fontsize=8)
    axes.axvline(0, color="black", lw=0.8)
    axes.margins(x=0.18)
    axes.set_title("Change by line, billion dollars (blue raises revenue, red lowers it)", fontsize=10)


def _is_credit(name: object) -> bool:
    return any(word in str(name) for word in ("credit", "ctc", "eitc"))


def plot_gradient(table: pd.DataFrame, most: int = 20) -> Any:
    """Elasticities of a gradient table as bars, the largest on top; those that steps affect are hatched."""
    shown = table.head(most).iloc[::-1]
    figure = _figure(9, 0.3 * len(shown) + 1.4)
    axes = figure.subplots()
    bars = axes.barh(shown.index, shown["elasticity"], color=_sign_colours(shown["elasticity"]))
    for bar, steps in zip(bars, shown.get("matters here", shown["may step"] & False), strict=True):
        if steps:
            bar.set_hatch("///")
            bar.set_edgecolor("white")
    axes.axvline(0, color="black", lw=0.8)
    axes.margins(y=0.01)
    axes.set_xlabel("percent change of the total for one percent more of the parameter", fontsize=9)
    axes.set_title(f"Elasticity of total {_words(table.attrs.get('outcome', 'outcome'))} (hatched: steps, smoothed)",
                   fontsize=10)  # fmt: skip
    _tidy(axes)
    return figure


def plot_rates(rates: pd.Series, weights: Any = None) -> Any:
    """Distribution of marginal rates, weighted; rates beyond the axis stand in its outermost bars."""
    figure = _figure(8, 3.6)
    axes = figure.subplots()
    values = 100 * np.asarray(rates, dtype=float)
    keep = np.isfinite(values)
    if not keep.any():
        raise JaxsimError("there are no rates to plot")
    weight = np.ones(len(values)) if weights is None else np.asarray(weights, dtype=float)
    low, high = np.percentile(values[keep], [0.5, 99.5])
    edges = np.arange(np.floor(low / 2.5) * 2.5 - 2.5, np.ceil(high / 2.5) * 2.5 + 5.01, 2.5)
    inside = np.clip(values[keep], edges[0], edges[-1])
    axes.hist(inside, bins=edges, weights=100 * weight[keep] / weight[keep].sum(), color=BLUE)
    axes.set_xlabel("marginal rate, percent")
    axes.set_ylabel("percent of filers")
    axes.set_title(_words(str(rates.name)).capitalize(), fontsize=10)
    _tidy(axes)
    return figure


def plot_score(score: Score) -> Any:
    """Change of revenue by calendar year, provisions stacked; the line is their sum."""
    table = score.calendar.drop(columns="total").drop(index="total", errors="ignore") / 1e9
    figure = _figure(9, 4)
    axes = figure.subplots()
    above, below = np.zeros(table.shape[1]), np.zeros(table.shape[1])
    for k, (name, values) in enumerate(table.iterrows()):
        rise, fall = np.clip(values.to_numpy(), 0, None), np.clip(values.to_numpy(), None, 0)
        axes.bar(table.columns, rise + fall, bottom=np.where(rise > 0, above, below), color=f"C{k}", label=str(name))
        above, below = above + rise, below + fall
    axes.axhline(0, color="black", lw=0.8)
    if len(table) > 1:
        axes.plot(table.columns, table.sum(), color="black", marker="o", ms=3, lw=1, label="total")
        axes.legend(fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    axes.set_xticks(list(table.columns))
    axes.yaxis.set_major_formatter(lambda v, _: f"{v:,g}")
    axes.set_title(f"{score.name if len(table) == 1 else 'Reform'}: change of revenue, billion dollars", fontsize=10)
    _tidy(axes)
    return figure


def plot_history(law: Law, path: str) -> Any:
    """A parameter over the tax years, forecast years dashed; labels with equal values share a line."""
    table = law.history(path)
    figure = _figure(8, 3.6)
    axes = figure.subplots()
    known = table.index[table["status"] == "law"]
    forecast = len(known) < len(table)
    lines: dict[tuple[float, ...], list[str]] = {}
    for column in table.columns[1:]:
        lines.setdefault(tuple(table[column]), []).append(str(column))
    for k, (values, labels) in enumerate(lines.items()):
        colour = f"C{k}"
        axes.step(known, values[: len(known)], where="post", color=colour, label=", ".join(labels))
        if forecast:
            start = len(known) - 1
            axes.step(table.index[start:], values[start:], where="post", color=colour, ls="--")
    axes.set_title(f"{law[path].label} ({law[path].unit}{'; dashed: forecast' if forecast else ''})", fontsize=10)
    if len(lines) > 1:
        axes.legend(fontsize=8, frameon=False)
    axes.yaxis.set_major_formatter(lambda v, _: f"{v:,g}")
    axes.xaxis.set_major_formatter(lambda v, _: f"{v:.0f}")
    _tidy(axes)
    return figure


def plot_runs(table: pd.DataFrame, parameter: str, figure: str) -> Any:
    """A figure of every run of a sweep over the values of one parameter."""
    for name in (parameter, figure):
        if name not in table.columns:
            raise JaxsimError(f"the sweep has no column {name!r}: it has {', '.join(map(str, table.columns))}")
    drawn = _figure(8, 3.6)
    axes = drawn.subplots()
    factor, unit = _scale(table[figure])
    axes.scatter(table[parameter], table[figure] / factor, s=max(1.0, min(16.0, 4e4 / len(table))), color=BLUE, lw=0)
    axes.set_xlabel(parameter)
    axes.set_ylabel(f"{_words(figure)}{unit}")
    axes.xaxis.set_major_formatter(lambda v, _: f"{v:,g}")
    axes.yaxis.set_major_formatter(lambda v, _: f"{v:,g}")
    _tidy(axes)
    return drawn


def _scale(values: Any) -> tuple[float, str]:
    """What large amounts are divided by, and the words for it."""
    return (1e9, ", billions") if np.nanmax(np.abs(np.asarray(values, dtype=float)), initial=0) >= 1e8 else (1.0, "")


def plot_tornado(table: pd.DataFrame) -> Any:
    """A tornado table as bars from the outcome at a parameter's low value to that at its high value."""
    shown = table.iloc[::-1]
    drawn = _figure(9, 0.3 * len(shown) + 1.4)
    axes = drawn.subplots()
    now = table.attrs["now"]
    factor, unit = _scale([now, *table["span"]])
    for column, colour, label in (("outcome low", GREY, "parameter lower"), ("outcome high", BLUE, "parameter higher")):
        axes.barh(shown.index, (shown[column] - now) / factor, color=colour, label=label)
    axes.axvline(0, color="black", lw=0.8)
    axes.margins(y=0.01)
    axes.xaxis.set_major_formatter(lambda v, _: f"{v:+,g}")
    axes.set_xlabel(f"change of {_words(table.attrs['outcome'])} from {now / factor:,.5g}{unit}", fontsize=9)
    axes.legend(fontsize=8, frameon=False, loc="lower right")
    _tidy(axes)
    return drawn


def plot_frontier(table: pd.DataFrame) -> Any:
    """Two outcomes along their Pareto frontier; open points miss a constraint."""
    drawn = _figure(6, 4)
    axes = drawn.subplots()
    first, second = table.columns[:2]
    (by_x, unit_x), (by_y, unit_y) = _scale(table[second]), _scale(table[first])
    axes.plot(table[second] / by_x, table[first] / by_y, color=BLUE, lw=1)
    for met in (True, False):
        rows = table[table["feasible"] == met]
        fill = BLUE if met else "white"
        axes.scatter(rows[second] / by_x, rows[first] / by_y, s=30, color=fill, edgecolor=BLUE, zorder=3)
    axes.set_xlabel(f"{_words(str(second))}{unit_x}")
    axes.set_ylabel(f"{_words(str(first))}{unit_y}")
    axes.xaxis.set_major_formatter(lambda v, _: f"{v:,g}")
    axes.yaxis.set_major_formatter(lambda v, _: f"{v:,g}")
    _tidy(axes)
    return drawn


def plot_variants(table: pd.DataFrame, parameter: str, outcome: str, current: float | None = None) -> Any:
    """An outcome over the values of a parameter, from `vary`; `current` marks the value in force."""
    figure = _figure(8, 3.6)
    axes = figure.subplots()
    axes.plot(table[parameter], table[outcome] / 1e9, color=BLUE)
    if current is not None:
        axes.axvline(current, color=GREY, lw=1, ls="--")
        axes.annotate("current law", (current, 1), xycoords=("data", "axes fraction"), xytext=(4, -10),
                      textcoords="offset points", fontsize=8, color=GREY)  # fmt: skip
    axes.set_xlabel(parameter)
    axes.set_ylabel(f"{_words(outcome)}, billion dollars")
    axes.xaxis.set_major_formatter(lambda v, _: f"{v:,g}")
    axes.yaxis.set_major_formatter(lambda v, _: f"{v:,g}")
    _tidy(axes)
    return figure
