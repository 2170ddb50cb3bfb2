"""How outcomes hang on parameters: elasticities, tornado, second-order interactions, shares of variance."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxsim import measures as _measures
from jaxsim.design import coordinates_of
from jaxsim.errors import JaxsimError, ParameterError
from jaxsim.figures import Figures
from jaxsim.gradients import DIFFERENCED_OVER, MATTERS, _natural_change, _prefixes, _together
from jaxsim.measures import Measure, resolve
from jaxsim.residual import leaf_of, leaves_read
from jaxsim.sweep.plan import Plan, Ranges, _check, _scaled
from jaxsim.sweep.run import sweep

if TYPE_CHECKING:
    import pandas as pd

    from jaxsim.simulation import Simulation


def _cells_below(sim: Simulation, measures: tuple[Measure, ...], parameters: Any) -> list[str]:
    """Cells at or below some paths that the measures depend on."""
    read = leaves_read(sim, _measures.targets_of(sim.system, measures))
    wanted = [parameters] if isinstance(parameters, str) else parameters
    prefixes = _prefixes(sim, parameters)
    leaves = [p for p in sim.parameters.select(prefixes).paths() if p in read]
    cells = [c for leaf in leaves for c in sim.law[leaf].cell_names()]
    if wanted is not None:
        cells = [c for c in cells if any(c == w or c.startswith(w + ".") for w in wanted)]
    if not cells:
        raise ParameterError(f"the outcomes depend on no parameter at or below {parameters}")
    return cells


def elasticities(
    sim: Simulation, outcomes: Any, parameters: str | Iterable[str] | None = None, smooth: Any = True
) -> pd.DataFrame:
    """Derivatives and elasticities of outcomes by parameters, from one reverse pass an outcome.

    Args:
        sim: the simulation.
        outcomes: see `measures.resolve`.
        parameters: path or paths; all that the outcomes depend on by default.
        smooth: window of the smoothed derivatives, see `Simulation.gradient`; False for plain ones alone. What does
            not depend on the chosen parameters stays exact, so that they can differ a little from `gradient`'s, which
            smooths the whole law.

    Returns:
        One row a parameter cell and outcome, the largest elasticity of each outcome first: the parameter's `value`,
        the `derivative` (smoothed where `steps matter`, else plain), the `elasticity` (percent of the outcome for one
        percent of the parameter).
    """
    import pandas as pd

    measures = resolve(sim, outcomes)
    parameters = parameters if parameters is None or isinstance(parameters, str) else list(parameters)
    cells = _cells_below(sim, measures, parameters)
    figures = Figures(sim, measures, [(c,) for c in cells])
    windows = [None] if smooth is False else [None, sim.widths(smooth)]
    (now, plain), *others = _together([functools.partial(figures.jacobian, figures.start, w) for w in windows])
    smoothed = others[0][1] if others else plain
    size = np.maximum(np.abs(plain), np.abs(smoothed))
    matters = (np.abs(plain - smoothed) > MATTERS * size) & (size > 0)
    best = np.where(matters, smoothed, plain)
    parts = []
    for k, name in enumerate(figures.names):
        share = best[k] * figures.start / now[k] if now[k] else np.full(len(cells), np.nan)
        table = pd.DataFrame({"outcome": name, "parameter": cells, "value": figures.start, "derivative": best[k],
                              "elasticity": share, "steps matter": matters[k]})  # fmt: skip
        rank = table["elasticity"] if now[k] else table["derivative"] * table["value"]
        parts.append(table.loc[rank.abs().sort_values(ascending=False, kind="stable").index])
    table = pd.concat(parts).set_index(["outcome", "parameter"])
    table.attrs.update(totals=dict(zip(figures.names, now.tolist(), strict=True)), year=sim.year)
    return table


def jacobian(
    sim: Simulation, outcomes: Any, parameters: str | Iterable[str] | None = None, smooth: Any = False
) -> pd.DataFrame:
    """Derivatives of outcomes, one row a parameter cell, one column a figure; see `elasticities`."""
    table = elasticities(sim, outcomes, parameters, smooth)
    import pandas as pd

    columns = {name: table.loc[name, "derivative"] for name in table.attrs["totals"]}
    return pd.DataFrame(columns).rename_axis("parameter")


def tornado(
    sim: Simulation,
    outcome: Any,
    parameters: str | Iterable[str] | None = None,
    *,
    change: float | Mapping[str, tuple[float, float]] = 0.1,
    most: int = 15,
) -> pd.DataFrame:
    """An outcome with each parameter lower and higher, one at a time, exact: the parameters that matter most.

    Args:
        sim: the simulation.
        outcome: an outcome of one figure.
        parameters: path or paths; all by default.
        change: part of its value by which a parameter is changed (within its valid range), or (low, high) by path, see
            `solve`.
        most: rows; which they are is told by the derivatives.

    Returns:
        One row a cell, the largest span first: `low` and `high` value of the parameter, `outcome low`, `outcome high`
        and `span`. `.attrs["outcome"]` and `["now"]` are the outcome and its present value.
    """
    import pandas as pd

    measures = resolve(sim, outcome)
    if len(measures) != 1 or len(measures[0].names) != 1:
        raise JaxsimError("a tornado takes one outcome of one figure")
    if isinstance(change, Mapping):
        groups, low, high = coordinates_of(sim, change)
        figures = Figures(sim, measures, groups)
        cells = figures.labels
    else:
        table = elasticities(sim, measures, parameters)
        moved = (table["derivative"] * table["value"]).abs().sort_values(ascending=False, kind="stable")
        cells = [c for _, c in moved[moved > 0].index[:most]]
        figures = Figures(sim, measures, [(c,) for c in cells])
        bounds = [sim.law[leaf_of(sim, c)].bounds for c in cells]
        ends = [figures.start * (1 - change), figures.start * (1 + change)]
        low = np.maximum(np.minimum(*ends), [b[0] for b in bounds])
        high = np.minimum(np.maximum(*ends), [b[1] for b in bounds])
    n = len(cells)
    points = np.repeat(figures.start[None], 2 * n + 1, axis=0)
    points[np.arange(n), np.arange(n)] = low
    points[np.arange(n, 2 * n), np.arange(n)] = high
    values = figures(points)[:, 0]
    made = pd.DataFrame({"low": low, "high": high, "outcome low": values[:n], "outcome high": values[n : 2 * n]},
                        index=pd.Index(cells, name="parameter"))  # fmt: skip
    made["span"] = (made["outcome high"] - made["outcome low"]).abs()
    made = made.sort_values("span", ascending=False, kind="stable").head(most)
    made.attrs.update(outcome=figures.names[0], now=float(values[-1]))
    return made


def interactions(sim: Simulation, outcome: Any, parameters: Iterable[str], smooth: Any = True) -> pd.DataFrame:
    """Second derivatives of an outcome by some parameter cells, steps and kinks smoothed: the Hessian.

    Each column is the change of the derivatives along one cell, a central difference of derivatives by automatic
    differentiation over a small part of the window (see `gradients.hessian_vector`).

    Args:
        sim: the simulation.
        outcome: an outcome of one figure.
        parameters: path or paths; their cells are the rows and columns.
        smooth: window; True is the default rule.
    """
    import pandas as pd

    measures = resolve(sim, outcome)
    if len(measures) != 1 or len(measures[0].names) != 1:
        raise JaxsimError("interactions are those of one outcome of one figure")
    widths = sim.widths(smooth)
    if widths is None:
        raise ParameterError("second derivatives need a window (smooth): the exact law is piecewise linear")
    sim = sim if sim.precision == "float64" else sim._copy(precision="float64")
    cells = _cells_below(sim, measures, parameters if isinstance(parameters, str) else list(parameters))
    figures = Figures(sim, measures, [(c,) for c in cells])
    columns = []
    for k, cell in enumerate(cells):
        step = DIFFERENCED_OVER["float64"] * _natural_change(sim, cell, figures.start[k], widths)
        move = step * (np.arange(len(cells)) == k)
        ahead, behind = (figures.jacobian(figures.start + s * move, widths, kinks=True)[1][0] for s in (1, -1))
        columns.append((ahead - behind) / (2 * step))
    hessian = np.array(columns)
    return pd.DataFrame((hessian + hessian.T) / 2, index=pd.Index(cells, name="parameter"), columns=cells)


# --- global sensitivity ------------------------------------------------------------------------------------------


def saltelli(parameters: Ranges, n: int, seed: int = 0) -> Plan:
    """The plan from which Sobol indices are estimated: n (d + 2) reforms for d coordinates, n a power of two.

    Two independent samples A and B of a Sobol sequence, and A with one coordinate after another from B (Saltelli and
    others 2010, Variance based sensitivity analysis of model output, Computer Physics Communications 181).
    """
    from scipy.stats import qmc

    _check(parameters, n)
    if n < 2 or n & (n - 1):
        raise JaxsimError(f"n={n}: give a power of two")
    d = len(parameters)
    both = qmc.Sobol(2 * d, rng=seed).random(n)
    a, b = both[:, :d], both[:, d:]
    mixed = [np.where(np.arange(d) == k, b, a) for k in range(d)]
    return _scaled(parameters, np.concatenate([a, b, *mixed]), f"Saltelli, n={n}, d={d}", seed)


def sobol_indices(
    sim: Simulation, parameters: Ranges, outcomes: Any, *, n: int = 512, seed: int = 0, confidence: float = 0.95,
    resamples: int = 200, **options: Any,
) -> pd.DataFrame:  # fmt: skip
    """Which part of an outcome's variance each parameter makes over a box: Sobol indices.

    Args:
        sim: the simulation.
        parameters: bounds by path (or by a tuple of paths that move together), uniform in between.
        outcomes: see `measures.resolve`.
        n: points of each sample, a power of two; the sweep has n (d + 2) reforms.
        seed: of the sample and the bootstrap.
        confidence: level of the intervals, by bootstrap.
        resamples: of the bootstrap.
        options: of `sweep`, e.g. out="runs/indices" for a ledger.

    Returns:
        One row a parameter and outcome: the share of variance that it makes alone (`first order`), with all its
        interactions (`total`), and intervals.
    """
    import pandas as pd
    from scipy.stats import sobol_indices as estimate

    made = sweep(sim, saltelli(parameters, n, seed), outcomes, **options)
    labels = [key if isinstance(key, str) else key[0] for key in parameters]
    parts = []
    for name in made.figures:
        values = made.table[name].to_numpy().reshape(len(labels) + 2, n)
        spread = values.std()
        if spread <= 1e-12 * np.abs(values).max():
            raise JaxsimError(f"{name} does not vary over these bounds: there is no variance to share out")
        values = (values - values.mean()) / spread  # the estimator is exact about shifts, floating point is not
        found = estimate(func={"f_A": values[:1], "f_B": values[1:2], "f_AB": values[2:, None]}, n=n,
                         rng=np.random.default_rng(seed))  # fmt: skip
        sure = found.bootstrap(confidence_level=confidence, n_resamples=resamples)
        parts.append(pd.DataFrame({
            "outcome": name, "parameter": labels,
            "first order": np.ravel(found.first_order),
            "first low": np.ravel(sure.first_order.confidence_interval.low),
            "first high": np.ravel(sure.first_order.confidence_interval.high),
            "total": np.ravel(found.total_order),
            "total low": np.ravel(sure.total_order.confidence_interval.low),
            "total high": np.ravel(sure.total_order.confidence_interval.high),
        }))  # fmt: skip
    return pd.concat(parts).set_index(["outcome", "parameter"])
