"""Three designed reforms on the bundled sample, each checked by a search that does not use our derivatives.

    python benchmarks/designs.py       # about ten minutes on two cores

The checks: a grid where the constraint leaves one or two parameters free (the last one is solved for on exact figures),
and COBYLA of scipy from random starts otherwise. Prints Markdown for DESIGNS.md.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.optimize import brentq, minimize
from speed import heading, row

import jaxsim as js
from jaxsim.design import _single, coordinates_of
from jaxsim.figures import Figures

YEAR = 2026
CTC = "irs.credits.ctc"
RATES = "irs.income_tax.rates.rate"
HIGHER = {f"{RATES}.{k}": (0.10, 0.60) for k in range(3, 8)}

DESIGNS: dict[str, dict[str, Any]] = {
    "a child tax credit that costs nothing and does most for poor families": {
        "free": {
            f"{CTC}.amount": (0, 6_000),
            f"{CTC}.refundable.maximum": (0, 6_000),
            f"{CTC}.refundable.rate": (0.0, 0.5),
        },
        "minimise": "family_poverty_gap",
        "subject_to": [js.revenue_neutral()],
    },
    "a rate schedule that raises $100 billion with the least loss to the bottom half": {
        "free": HIGHER,
        "minimise": "loss_of_bottom_half",
        "subject_to": {"cost": -100e9},
    },
    "credit and standard deductions that cost at most $50 billion and lower inequality most": {
        "free": {
            f"{CTC}.amount": (0, 6_000),
            "irs.deductions.standard.amount.JOINT": (10_000, 50_000),
            "irs.deductions.standard.amount.SINGLE": (5_000, 30_000),
        },
        "minimise": "gini",
        "subject_to": [js.cost_at_most(50e9)],
    },
}


def by_grid(figures: Figures, low: np.ndarray, high: np.ndarray, cost: float, steps: int = 41) -> float:
    """Best exact objective on a grid, the first coordinate solved for so that the cost is met."""
    axes = [np.linspace(a, b, steps) for a, b in zip(low[1:], high[1:], strict=True)]
    rest = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, len(axes))
    ends = [figures(np.concatenate([np.full((len(rest), 1), x), rest], axis=1)) for x in (low[0], high[0])]
    crossing = rest[((ends[0][:, 1] - cost) * (ends[1][:, 1] - cost)) <= 0]
    under, over = np.full(len(crossing), low[0]), np.full(len(crossing), high[0])
    sign = np.sign(ends[1][:, 1].max() - ends[0][:, 1].min())
    for _ in range(30):  # bisection of all at once; the cost rises with the first coordinate
        middle = (under + over) / 2
        at = figures(np.concatenate([middle[:, None], crossing], axis=1))
        above = sign * (at[:, 1] - cost) > 0
        over, under = np.where(above, middle, over), np.where(above, under, middle)
    return float(at[:, 0].min())


def by_cobyla(figures: Figures, low: np.ndarray, high: np.ndarray, cost: float, starts: int = 6) -> float:
    """Best exact objective among searches without derivatives from random starts, constraint met to $1 million."""
    rng = np.random.default_rng(0)
    base = figures(low + (high - low) * 0.5)
    scale = np.array([abs(base[0]) or 1.0, 1e11])

    def at(z: np.ndarray) -> np.ndarray:
        return figures.jacobian(low + np.clip(z, 0, 1) * (high - low))[0]

    found = []
    limit = {"type": "ineq", "fun": lambda z: (cost - at(z)[1]) / scale[1]}
    for _ in range(starts):
        z = rng.random(len(low))
        for radius in (0.3, 0.03, 0.003):
            options = {"rhobeg": radius, "tol": 1e-9, "maxiter": 400}
            z = minimize(lambda z: at(z)[0] / scale[0], z, method="COBYLA", bounds=[(0, 1)] * len(z),
                         constraints=[limit], options=options).x  # fmt: skip
        values = at(z)
        if values[1] - cost <= 1e6:
            found.append(values[0])
    return float(min(found, default=np.nan))


def by_roots(figures: Figures, low: np.ndarray, high: np.ndarray, cost: float) -> float:
    """Best exact objective over pairs of the coordinates that are free inside their bounds, all others at a bound."""
    best = np.inf
    n = len(low)
    corners = np.stack(np.meshgrid(*[[0, 1]] * n, indexing="ij"), -1).reshape(-1, n)
    for k in range(n):
        points = low + corners[corners[:, k] == 0] * (high - low)
        ends = [figures(np.where(np.arange(n) == k, x[k], points)) for x in (low, high)]
        for i in np.flatnonzero((ends[0][:, 1] - cost) * (ends[1][:, 1] - cost) <= 0):

            def gap(x: float, i: int = i, k: int = k, points: np.ndarray = points) -> float:
                return figures.jacobian(np.where(np.arange(n) == k, x, points[i]))[0][1] - cost

            root = brentq(gap, low[k], high[k], xtol=1e-12)
            best = min(best, figures.jacobian(np.where(np.arange(n) == k, root, points[i]))[0][0])
    return float(best)


def main() -> None:
    sim = js.Simulation(js.load_population("cps_sample"), YEAR)
    print("# Designed reforms\n")
    checks: dict[str, tuple[str, Callable[..., float]]] = dict(zip(DESIGNS, (
        ("grid of 41 x 41, the credit solved for", lambda f, lo, hi: by_grid(f, lo, hi, 0.0)),
        ("every schedule with all rates but one at a bound, that one solved for (the problem is nearly linear)",
         lambda f, lo, hi: by_roots(f, lo, hi, -100e9)),
        ("COBYLA, 6 random starts", lambda f, lo, hi: by_cobyla(f, lo, hi, 50e9)),
    ), strict=True))  # fmt: skip
    for name, asked in DESIGNS.items():
        started = time.perf_counter()
        design = js.solve(sim, **asked)
        took = time.perf_counter() - started
        print(f"## {name[0].upper()}{name[1:]}\n")
        heading("parameter", "now", "reform", "bounds", "at bound")
        for parameter, line in design.parameters.iterrows():
            row(parameter, f"{line['now']:,.6g}", f"{line['reform']:,.6g}", f"{line['low']:,g} to {line['high']:,g}",
                line["at bound"])  # fmt: skip
        measures = (_single(sim, asked["minimise"]), _single(sim, "cost"))
        groups, low, high = coordinates_of(sim, asked["free"])
        started = time.perf_counter()
        label, check = checks[name]
        other = check(Figures(sim, measures, groups), low, high)
        checked = time.perf_counter() - started
        print()
        heading("", "value")
        row(f"{design.outcome} now", f"{design.before:,.6g}")
        row("by the design, exact law", f"{design.after:,.8g}")
        row(f"by the check: {label}", f"{other:,.8g}")
        gap = design.after - other
        row("design less check", f"{gap:+,.3g} ({gap / abs(design.before - other):+.1e} of the gain)")
        row("cost", f"{design.constraints.loc['cost', 'reform'] / 1e6:,.3f} million dollars")
        row("constraint missed by", f"{design.constraints.loc['cost', 'missed by'] / 1e6:.4f} million dollars")
        row("shadow price of a dollar of cost", f"{design.constraints.loc['cost', 'shadow price']:.4g}")
        row("derivative left at the optimum", f"{design.optimality:.1e}")
        row("status", design.status)
        row("seconds, compilation included; of the check", f"{took:.0f}; {checked:.0f}")
        print(flush=True)


if __name__ == "__main__":
    main()
