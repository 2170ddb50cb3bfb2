"""Everything there is to say about a fit: tables to read on, one HTML file to hand on.

report = fit.report(sim)
report.families(), report.carriers(), report.bystanders(), report.conflicts()
report.to_html("fit.html")
"""

from __future__ import annotations

import base64
import functools
import html
import io
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxsim.calibrate.fitting import CONVERGED, INFEASIBLE, Fit, effective_sample_size
from jaxsim.calibrate.implicit import household_values
from jaxsim.calibrate.load import concepts
from jaxsim.errors import JaxsimError, whole_number
from jaxsim.files import write_atomic

if TYPE_CHECKING:
    import pandas as pd

    from jaxsim.simulation import Simulation

PERCENTILES = (0, 1, 5, 25, 50, 75, 95, 99, 100)
OUTCOMES = (
    "income_tax", "payroll_tax", "taxable_income", "taxable_social_security", "eitc", "refundable_ctc",
    "nonrefundable_ctc", "itemized_deductions", "alternative_minimum_tax", "net_investment_income_tax",
)  # fmt: skip
"""What `bystanders` looks at beside money inputs, where the system has it."""
FITTED, HELD_OUT, LEFT_OUT = "fitted", "held out", "left out"
REASONS = {
    "empty": "no household carries it",
    "sign": "what its carriers add has the other sign",
    "bounds": "weights within the bounds give {least:,.6g} to {most:,.6g}",
    "ratio": "its ratio to {other} is {value:,.4g}, their carriers allow {least:,.4g} to {most:,.4g}",
}
"""Kinds of `attainable.unattainable` in words."""
FAMILY = {
    "before": "mean error before", "after": "mean error after", "median": "median error after",
    "within_1": "within 1%", "within_10": "within 10%",
}  # fmt: skip
"""Columns of `Fit.families` in words."""
MOST_ROWS = 200
"""Rows of a table in the HTML file: a fit of thousands of targets can miss thousands."""
NUMBER = ' class="number"'
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 72rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem; line-height: 1.25 }
h2 { font-size: 1.15rem; margin: 2.2rem 0 .4rem; border-bottom: 1px solid #ccc }
section > p { color: #555; margin: .3rem 0 .6rem }
.good, .bad { border-left: 4px solid #2066a8; background: #f3f6fa; padding: .5rem .8rem }
.bad { border-color: #ae282c; background: #fbf3f3 }
.wide { overflow-x: auto }
table { border-collapse: collapse; font-size: .87rem }
th { text-align: left; vertical-align: bottom; border-bottom: 1px solid #888; padding: .25rem .7rem .25rem 0 }
td { vertical-align: top; border-bottom: 1px solid #eee; padding: .2rem .7rem .2rem 0; overflow-wrap: anywhere }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; overflow-wrap: normal }
img { max-width: 100%; height: auto }
"""


@dataclass(frozen=True, eq=False)
class Report:
    """A fit in tables.

    Attributes:
        fit: what is reported.
        simulation: whose households were weighted; only `bystanders` needs it.
    """

    fit: Fit
    simulation: Simulation | None = None

    @functools.cached_property
    def _targets(self) -> pd.DataFrame:
        """The fit's table with what became of each target: fitted, held out or left out."""
        table = self.fit.table()
        held = table["family"].isin(self.fit.held_out)
        table["use"] = np.where(held, HELD_OUT, np.where(table["fitted"], FITTED, LEFT_OUT))
        return table

    def families(self) -> pd.DataFrame:
        """Errors by family, the worst first: what became of its targets, mean and median size before and after."""
        of = self._targets.groupby("family")
        found = self.fit.families().rename(columns=FAMILY)
        found.insert(2, "use", of["use"].agg(_uses))
        found.insert(5, "median error before", of["base error"].agg(lambda e: e.abs().median()))
        return found.sort_values("mean error after", ascending=False, kind="stable")

    def weights(self) -> pd.DataFrame:
        """What the fit did to the weights, before and after.

        The design effect is the number of households with weight over their effective sample size: by what unequal
        weights multiply the variance of a mean. Percentiles of the ratio are of households with a base weight.
        """
        import pandas as pd

        base = self.fit.problem.base
        found = {}
        for when, weights in (("before", base), ("after", self.fit.weights)):
            effective, nonzero = effective_sample_size(weights), int((weights > 0).sum())
            ratios = weights[base > 0] / base[base > 0]
            found[when] = {
                "sum of weights": weights.sum(),
                "households with weight": nonzero,
                "share of zero weights": 1 - nonzero / len(weights),
                "effective sample size": effective,
                "design effect": nonzero / effective if effective else np.nan,
                "share held by the top 1% of households": _top_share(weights),
                **{f"ratio to base, percentile {p}": x
                   for p, x in zip(PERCENTILES, np.percentile(ratios, PERCENTILES), strict=True)},
            }  # fmt: skip
        return pd.DataFrame(found, dtype=np.float64)

    def carriers(self, n: int = 20) -> pd.DataFrame:
        """Fitted targets that rest on the fewest households with weight.

        Args:
            n: number of targets.

        Returns:
            one row a target: family, carriers with weight, largest share (what one household adds, of all that
            households add, signs apart), error, price.
        """
        whole_number("n", n, 1)
        fitted = (self._targets["use"] == FITTED).to_numpy()
        table = self._targets[fitted]
        amounts = abs(self.fit.problem.matrix[np.flatnonzero(fitted)])
        amounts.data *= self.fit.weights[amounts.indices]
        total, largest = amounts.sum(axis=1), amounts.max(axis=1).toarray().ravel()
        table = table.assign(carriers=np.asarray((amounts > 0).sum(axis=1)).astype(int))
        table["largest share"] = np.divide(largest, total, out=np.full(len(table), np.nan), where=total > 0)
        columns = ["family", "carriers", "largest share", "error", "price"]
        order = ["carriers", "largest share"]
        return table.sort_values(order, ascending=[True, False], kind="stable")[columns].head(n)

    def bystanders(self, names: str | Iterable[str] | None = None) -> pd.DataFrame:
        """Weighted totals of variables before and after, the furthest moved first: what the fit did beside its targets.

        Args:
            names: variables; by default the population's money inputs and chief taxes and credits, without those that a
                fitted family adds up.

        Raises:
            JaxsimError: the report has no simulation, or one of other households; a variable without a total.
        """
        import pandas as pd

        sim = self.simulation
        if sim is None:
            raise JaxsimError("totals of other variables need the simulation: pass it, fit.report(simulation)")
        households = sim.population.count("household")
        if households != len(self.fit.weights):
            raise JaxsimError(
                f"the simulation has {households:,} households, the fit {len(self.fit.weights):,}: pass the simulation "
                "that the fit was made of"
            )
        chosen = self._untargeted(sim) if names is None else (names,) if isinstance(names, str) else tuple(names)
        both = {"before": self.fit.problem.base, "after": self.fit.weights}
        totals = {
            name: {when: amounts.to_numpy() @ weights for when, weights in both.items()}
            for name, amounts in household_values(sim, *chosen).items()
        }
        table = pd.DataFrame.from_dict(totals, orient="index", dtype=np.float64)
        table["drift"] = table["after"] / table["before"].where(table["before"] != 0) - 1
        return table.loc[table["drift"].abs().sort_values(ascending=False, kind="stable").index]

    def _untargeted(self, sim: Simulation) -> tuple[str, ...]:
        """Money inputs that someone has, and chief outcomes, without those that fitted families add up."""
        tables = sim.population.tables
        money = [
            name for name, i in sim.system.inputs.items()
            if i.kind == "money" and tables[i.entity.name].get(name, np.zeros(1)).any()
        ]  # fmt: skip
        targeted: set[str] = set()
        for family in set(self._targets["family"][self._targets["use"] == FITTED]):
            of = concepts().get(family.partition(".")[2], {}).get("of", ())
            targeted |= {term.removeprefix("-") for term in ([of] if isinstance(of, str) else of)}
        return tuple(n for n in (*money, *(o for o in OUTCOMES if o in sim.system.rules)) if n not in targeted)

    def conflicts(self) -> pd.DataFrame:
        """Targets that the fit misses, the dearest first, then those found out of reach before it, and why.

        A target that is missed and was found out of reach stands once, with both reasons.
        """
        import pandas as pd

        fit, table = self.fit, self._targets
        missed = (
            "missed: it cannot be met together with the others" if fit.status == INFEASIBLE
            else "missed: the fit stopped before its optimum"
        )  # fmt: skip
        reasons: dict[str, list[str]] = {name: [missed] for name in fit.unmet.index}
        for finding in fit.left_out.reset_index().to_dict("records"):
            reasons.setdefault(finding["target"], []).append(REASONS[finding["kind"]].format_map(finding))
        rows = table.loc[list(reasons), ["family", "use", "value", "estimate", "error", "price"]]
        return rows.assign(reason=pd.Series({n: "; ".join(r) for n, r in reasons.items()}, dtype=object))

    def plot(self) -> Any:
        """A figure of two panels: errors before and after, estimates against targets."""
        from jaxsim.calibrate.plots import plot_fit

        mean = self.fit.summary()["mean error"]
        return plot_fit(self._targets, f"{self.fit.method} fit, {self.fit.status}: mean error {_percent(mean)}")

    def to_html(self, path: str | os.PathLike[str]) -> Path:
        """Write the report as one HTML file that needs nothing beside it."""
        page = self._page()
        return write_atomic(path, lambda p: p.write_text(page, encoding="utf-8"))

    def _page(self) -> str:
        from jaxsim import __version__

        fit = self.fit
        title = f"Calibration by {fit.method}: {int(fit.fitted.sum()):,} targets, {len(fit.weights):,} households"
        if self.simulation is None:
            bystanders = "<p>Not computed: the report was made without the simulation.</p>"
        else:
            bystanders = _table(self.bystanders(), "variable")
        made = {
            **fit.problem.provenance, "method": fit.method, "bounds": fit.bounds, "tolerance": fit.tolerance,
            "held out": ", ".join(fit.held_out) or "none", **{f"option {k}": v for k, v in fit.options.items()},
            "seconds": f"{fit.seconds:,.1f}", "jaxsim": __version__,
        }  # fmt: skip
        conflicts, uncomputed = self.conflicts(), fit.problem.left_out
        sections = (
            ("Summary", "Errors of fitted targets and figures of the weights.", _table(self._summary(), "figure")),
            ("Plots", "", self._picture()),
            ("Families", "Relative errors by family, the worst first. Targets that were left out count in them.",
             _table(self.families(), "family")),
            ("Weights", "The design effect is what unequal weights multiply the variance of a mean by.",
             _table(self.weights(), "figure")),
            ("Targets that rest on few households", "Largest share: the part of what its households add that one of "
             "them adds. A target that one household carries is met by that household alone.",
             _table(self.carriers(), "target")),
            ("Bystanders", "Totals of variables that no fitted family adds up; a large drift asks for a reason.",
             bystanders),
            ("Conflicts", "Targets missed by more than their tolerance, the dearest first, and those out of reach.",
             _table(conflicts, "target", MOST_ROWS) if len(conflicts) else "<p>None.</p>"),
            ("Targets that the simulation cannot compute", "They were not part of the fit.",
             _pairs(uncomputed) if uncomputed else "<p>None.</p>"),
            ("Provenance", "", _pairs(made)),
        )  # fmt: skip
        body = "".join(
            f"<section><h2>{head}</h2>{f'<p>{lead}</p>' if lead else ''}{content}</section>\n"
            for head, lead, content in sections
        )
        return (
            f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>\n'
            f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<style>{STYLE}</style></head>\n'
            f"<body><h1>{html.escape(title)}</h1>\n{self._verdict()}\n{body}</body></html>\n"
        )

    def _verdict(self) -> str:
        mark = "good" if self.fit.status == CONVERGED else "bad"
        return f'<p class="{mark}"><b>{html.escape(self.fit.status)}</b>: {html.escape(self.fit.message)}</p>'

    def _summary(self) -> pd.DataFrame:
        import pandas as pd

        return pd.DataFrame({"value": self.fit.summary()})

    def _picture(self) -> str:
        buffer = io.BytesIO()
        self.plot().savefig(buffer, format="png", dpi=120)
        data = base64.b64encode(buffer.getvalue()).decode("ascii")
        words = "Sorted relative errors before and after, and estimates against targets"
        return f'<img alt="{words}" src="data:image/png;base64,{data}">'

    def _repr_html_(self) -> str:
        parts = (("Summary", self._summary(), "figure"), ("Families", self.families(), "family"))
        tables = "".join(f"<h4>{title}</h4>{_table(frame, head)}" for title, frame, head in parts)
        return f"<h3>Calibration by {html.escape(self.fit.method)}</h3>{self._verdict()}{tables}"

    def __repr__(self) -> str:
        with_ = "" if self.simulation is None else f" with {self.simulation!r}"
        return f"<report of {self.fit!r}{with_}>"


def _uses(uses: pd.Series) -> str:
    """What became of the targets of a family, in words."""
    return ", ".join(use for use in (FITTED, HELD_OUT, LEFT_OUT) if (uses == use).any())


def _top_share(weights: np.ndarray) -> float:
    """Share of all weight that the hundredth of the households with the largest weights holds; one at least."""
    most = max(len(weights) // 100, 1)
    total = weights.sum()
    return float(np.partition(weights, -most)[-most:].sum() / total) if total else np.nan


def _table(frame: pd.DataFrame, head: str, most: int | None = None) -> str:
    """A table as HTML, all text escaped; `head` stands over the index, "figure" where every row is of its own kind."""
    from pandas.api.types import is_numeric_dtype

    top = f"<th>{head}</th>" + "".join(
        f"<th{NUMBER if is_numeric_dtype(frame[name]) else ''}>{html.escape(str(name))}</th>" for name in frame.columns
    )
    rows = []
    for name, *cells in frame.head(len(frame) if most is None else most).itertuples(name=None):
        written = "".join(
            _cell(cell, str(name if head == "figure" else column))
            for cell, column in zip(cells, frame.columns, strict=True)
        )
        rows.append(f"<tr><td>{html.escape(str(name))}</td>{written}</tr>\n")
    rest = len(frame) - len(rows)
    more = f"<p>and {rest:,} more</p>" if rest else ""
    return f'<div class="wide"><table><tr>{top}</tr>\n{"".join(rows)}</table></div>{more}'


def _cell(value: Any, name: str) -> str:
    """A cell in the format that the name of its row or column asks for."""
    if isinstance(value, str):
        return f"<td>{html.escape(value)}</td>"
    write = _percent if any(word in name for word in ("error", "within", "share", "drift")) else _number
    return f"<td{NUMBER}>{'–' if np.isnan(value) else html.escape(write(value))}</td>"


def _percent(value: float) -> str:
    if 0 < abs(value) < 5e-5:
        return "<0.01%"
    return f"{value:.2%}" if abs(value) < 10 else f"{value:,.0%}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:,.4g}"


def _pairs(given: Mapping[str, Any]) -> str:
    """Names and what they are, as HTML; long values (an array of weights to start from) are cut."""
    rows = "".join(
        f"<tr><td>{html.escape(str(name))}</td><td>{html.escape(_cut(str(value)))}</td></tr>\n"
        for name, value in given.items()
    )
    return f'<div class="wide"><table>{rows}</table></div>'


def _cut(text: str, most: int = 300) -> str:
    return text if len(text) <= most else f"{text[:most]} ..."
