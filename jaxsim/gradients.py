"""Derivatives of outcomes: by parameter, by input, by weight; first and second; and what to believe of them.

A plain derivative is blind to steps: the law's roundings, age limits and cliffs have slope zero. So every table of
gradients says of each parameter whether it *may step* (its way to the outcome passes a comparison or a rounding; the
others are certified smooth off kinks), whether that *matters here* (the plain and the smoothed derivative differ),
and whether the data lack the columns that would show its effect (*no support in data*).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxsim import program
from jaxsim.errors import JaxsimError, ParameterError, nearest
from jaxsim.parameters import Parameters
from jaxsim.precision import precision
from jaxsim.steps import may_step

if TYPE_CHECKING:
    import pandas as pd

    from jaxsim.simulation import Simulation

MATTERS = 0.02  # share of the larger derivative from which a difference between plain and smoothed is shown
UNSTABLE = 0.25  # share by which a window twice as wide changes a smoothed derivative that should not be relied on
FALLBACK_WIDTH = 2_000.0
DIFFERENCED_OVER = {"float64": 1e-4, "float32": 1e-2}  # part of a natural change over which gradients are differenced


def default_widths(sim: Simulation) -> dict[str, float]:
    """Default smoothing windows: dollars by the normal-reference rule on adjusted gross income, 4 years for ages.

    The window is a bandwidth: too narrow and few households stand in it, too wide and the law is blurred. The rule
    is 1.06 s n^(-1/5) (Silverman 1986, Density Estimation, eq. 3.28), taken as the full width because the law's own
    steps are fine: n is the effective number of units with positive income and s the lesser of the standard
    deviation and the interquartile range / 1.349, weighted.
    """
    key = ("default widths",)
    if key not in sim._ready:
        income = sim.columns("adjusted_gross_income")["adjusted_gross_income"]
        weight = sim.weights("tax_unit")
        keep = (income > 0) & (weight > 0)
        width = FALLBACK_WIDTH
        if keep.sum() >= 30:
            income, weight = income[keep], weight[keep]
            order = np.argsort(income)
            share = np.cumsum(weight[order]) / weight.sum()
            low, high = income[order][np.searchsorted(share, [0.25, 0.75])]
            mean = np.average(income, weights=weight)
            spread = min(np.sqrt(np.average((income - mean) ** 2, weights=weight)), (high - low) / 1.349)
            width = 1.06 * spread * (weight.sum() ** 2 / (weight**2).sum()) ** -0.2
        sim._ready[key] = {"USD": float(width), "year": 4.0}
    return dict(sim._ready[key])


def _cells(sim: Simulation, tree: Parameters) -> tuple[list[str], np.ndarray]:
    """Names and values of all scalar cells of a parameter tree, in order."""
    names: list[str] = []
    for path, _ in tree.items():
        names += sim.law[path].cell_names()
    values = np.concatenate([np.ravel(np.asarray(leaf, dtype=np.float64)) for _, leaf in tree.items()] or [np.zeros(0)])
    return names, values


def _flat(tree: Parameters, lead: int = 0) -> np.ndarray:
    """All cells of a tree of derivatives as one vector (after `lead` leading axes)."""
    leaves = [np.asarray(leaf, dtype=np.float64) for _, leaf in tree.items()]
    return np.concatenate([leaf.reshape(*leaf.shape[:lead], -1) for leaf in leaves], axis=-1)


def _prefixes(sim: Simulation, wanted: str | Iterable[str] | None) -> tuple[str, ...]:
    """Leaf or subtree paths that hold the wanted paths (which may go on into an array by its labels)."""
    if wanted is None:
        return ("",)
    prefixes = []
    for path in [wanted] if isinstance(wanted, str) else list(wanted):
        if not isinstance(path, str):
            raise ParameterError(f"a parameter path is text, not {path!r}")
        inside = next((p for p in sim.law.leaves if path.startswith(p + ".")), path)
        if not any(p == inside or p.startswith(inside + ".") for p in sim.law.leaves):
            raise ParameterError(f"unknown parameter {path!r}.{nearest(path, sim.law.leaves)}")
        prefixes.append(inside)
    return tuple(sorted(set(prefixes)))


def _selected(names: list[str], wanted: str | Iterable[str] | None) -> np.ndarray:
    """Positions of the cells at or below the wanted paths."""
    if wanted is None:
        return np.arange(len(names))
    paths = [wanted] if isinstance(wanted, str) else list(wanted)
    return np.array([i for i, n in enumerate(names) if any(n == p or n.startswith(p + ".") for p in paths)], dtype=int)


def gradient_table(
    sim: Simulation,
    outcome: str,
    parameters: str | Iterable[str] | None = None,
    *,
    smooth: Any = None,
    differences: bool = False,
) -> pd.DataFrame:
    """Derivatives of a weighted total with respect to parameters.

    Args:
        sim: the simulation.
        outcome: the variable whose weighted total is differentiated.
        parameters: path or paths (subtrees) to show; all that the outcome depends on by default.
        smooth: window for the smoothed columns: dollars, widths by unit, None for the default rule, False for none.
        differences: also the central finite difference of each cell that may step, over the same window where the
            cell is in dollars or years and over a fifth of its value otherwise.

    Returns:
        One row a parameter cell, sorted by the size of the elasticity: `value`; `gradient` (plain derivative);
        `smoothed` and `smoothed twice as wide`; `elasticity` (of the smoothed derivative where steps matter);
        `may step`, `matters here`, `no support in data`; `depends on window` where a window twice as wide gives
        another answer (a mass of rows just outside, such as zeros: trust the difference); `difference` if asked for.
        Units: outcome per unit of parameter.
    """
    import pandas as pd

    sim._check((outcome,))
    arguments = sim.arguments(outcome, reverse=True)
    within = _prefixes(sim, parameters)
    tree = arguments[0].select(within)
    names, values = _cells(sim, tree)
    if not names:
        raise ParameterError(f"{outcome} depends on no parameter at or below {', '.join(within)}")
    run = program.compiled_gradient(sim.system, (outcome,), within=within)
    widths = None if smooth is False else sim.widths(True if smooth is None else smooth)
    (total, plain), *smooth_runs = _together(
        [
            functools.partial(_cell_gradient, sim, run, arguments, w)
            for w in ([None] if widths is None else [None, widths])
        ]
    )
    smoothed = smooth_runs[0][1] if smooth_runs else plain
    wider = plain
    if widths is not None:
        wider = _cell_gradient(sim, run, arguments, {unit: 2 * w for unit, w in widths.items()})[1]
    leaf_steps = may_step(sim.system, outcome, *sim.arguments(outcome), sim.precision)
    readers = _readers(sim, outcome)
    steps, absent, read = (
        np.concatenate([np.full(np.size(leaf), path in paths) for path, leaf in tree.items()])
        for paths in (leaf_steps, _unsupported(sim, outcome, readers), readers)
    )
    scale = np.maximum(np.abs(plain), np.abs(smoothed))
    matters = steps & (np.abs(plain - smoothed) > MATTERS * scale) & (scale > 0)
    best = np.where(matters, smoothed, plain)
    table = pd.DataFrame(
        {
            "value": values,
            "gradient": plain,
            "elasticity": best * values / total if total else np.full(len(values), np.nan),
            "may step": steps,
            "matters here": matters,
            "no support in data": absent & (scale == 0),
            "depends on window": matters & (np.abs(smoothed - wider) > UNSTABLE * np.maximum(scale, np.abs(wider))),
            "smoothed": smoothed,
            "smoothed twice as wide": wider,
        },
        index=pd.Index(names, name="parameter"),
    )
    if smooth is False:
        table = table.drop(columns=["matters here", "depends on window", "smoothed", "smoothed twice as wide"])
    chosen = _selected(names, parameters)
    chosen = chosen[read[chosen]]
    if differences:
        window = widths or sim.widths(True)
        assert window is not None
        shown = chosen[steps[chosen]]
        column = np.full(len(names), np.nan)
        column[shown] = _differences(sim, outcome, [names[i] for i in shown], values[shown], window)
        table["difference"] = column
    table = table.iloc[chosen]
    order = table["elasticity"].abs().sort_values(ascending=False, kind="stable").index
    table = table.loc[order]
    table.attrs.update(outcome=outcome, total=total, year=sim.year, smoothing=widths)
    return table


def _cell_gradient(sim: Simulation, run: Any, arguments: Any, widths: Any) -> tuple[float, np.ndarray]:
    """Value and flat gradient of a compiled gradient program."""
    with precision(sim.precision):
        total, tree = run(*arguments, widths)
        return float(total), _flat(tree)


def _together(calls: list[Callable[[], Any]]) -> list[Any]:
    """Results of calls made at the same time: the first ones compile on different cores."""
    with ThreadPoolExecutor(len(calls)) as pool:
        return [job.result() for job in [pool.submit(call) for call in calls]]


def _differences(
    sim: Simulation, outcome: str, names: list[str], values: np.ndarray, widths: Mapping[str, float]
) -> np.ndarray:
    """Central differences of a total by one cell at a time, all in one batched run."""
    from jaxsim.vary import vary_cells

    half = np.array([_natural_change(sim, name, value, widths) for name, value in zip(names, values, strict=True)])
    cells = np.repeat(np.arange(len(names)), 2)
    moved = np.repeat(values, 2) + np.stack([half, -half], axis=1).ravel()
    sums = vary_cells(sim, (outcome,), [names[i] for i in cells], moved)[:, 0]
    return (sums[0::2] - sums[1::2]) / (2 * half)


def _readers(sim: Simulation, outcome: str) -> dict[str, list[str]]:
    """Names of the rules behind an outcome that read each parameter."""
    tree, readers = sim.parameters, {}  # type: ignore[var-annotated]
    for name in sim.system.order((outcome,)):
        if name in sim.system.rules:
            for path in sim.system.leaves_read(name, tree):
                readers.setdefault(path, []).append(name)
    return readers


def _unsupported(sim: Simulation, outcome: str, readers: Mapping[str, list[str]]) -> set[str]:
    """Parameters that act only through input columns which the data lack."""
    system, provided = sim.system, sim.population.provided
    blank: dict[str, bool] = {}  # variables that rest on absent inputs alone
    for name in system.order((outcome,)):
        if name in system.inputs:
            blank[name] = name not in provided
        else:
            arguments = system.rules[name].arguments
            blank[name] = bool(arguments) and all(blank[a] for a in arguments)
    return {
        path for path, names in readers.items() if all(any(blank[a] for a in system.rules[n].arguments) for n in names)
    }


# --- other derivatives -------------------------------------------------------------------------------------------


def jacobian(sim: Simulation, outcomes: tuple[str, ...], parameters: Any = None, smooth: Any = None) -> pd.DataFrame:
    """Derivatives of several weighted totals, [parameter cells, outcomes]."""
    import pandas as pd

    sim._check(outcomes)
    arguments = sim.arguments(*outcomes, reverse=True)
    within = _prefixes(sim, parameters)
    names, _ = _cells(sim, arguments[0].select(within))
    with precision(sim.precision):
        made = program.compiled_jacobian(sim.system, outcomes, within)(*arguments, sim.widths(smooth))
    chosen = _selected(names, parameters)
    table = pd.DataFrame(_flat(made, lead=1).T, index=pd.Index(names, name="parameter"), columns=list(outcomes))
    return table.iloc[chosen]


def hessian_vector(sim: Simulation, outcome: str, direction: Mapping[str, float], smooth: Any = True) -> pd.Series:
    """Second derivatives of a weighted total along a direction: H v, with steps and kinks smoothed.

    The exact law is piecewise linear, so its second derivatives are zero almost everywhere and infinite at kinks;
    the smoothed ones are the densities of households at the kinks that a policy analyst is after.

    The gradient is that of automatic differentiation; its change along the direction is a central difference over a
    small part of the window. Under smoothing the gradient of a schedule is piecewise linear, so the difference errs
    only by the households within that part of their window's ends. (Differentiating the gradient of the whole law once
    more makes a program that is very slow to compile; along one cell, `jax.jvp` twice of a `sim.function` with
    `kinks=True` is quick.)

    Args:
        sim: the simulation.
        outcome: variable whose weighted total is taken.
        direction: change by cell path, e.g. {"irs.credits.ctc.phase_out.threshold.SINGLE": 1.0}.
        smooth: window; True is the default rule.

    Raises:
        ParameterError: the direction names no cell of the outcome, or is zero.
    """
    import pandas as pd

    sim._check((outcome,))
    parameters, population = sim.arguments(outcome, reverse=True)
    names, values = _cells(sim, parameters)
    unknown = [c for c in direction if c not in names]
    if unknown:
        raise ParameterError(f"{unknown[0]!r} is not a parameter cell of {outcome}.{nearest(unknown[0], names)}")
    widths = sim.widths(smooth)
    moves = {cell: change for cell, change in direction.items() if change}
    if widths is None or not moves:
        raise ParameterError("second derivatives need a window (smooth) and a direction other than zero")
    position = {cell: names.index(cell) for cell in moves}
    step = DIFFERENCED_OVER[sim.precision] * min(
        _natural_change(sim, cell, values[position[cell]], widths) / abs(change) for cell, change in moves.items()
    )
    run = program.compiled_gradient(sim.system, (outcome,), kinks=True)
    slopes = []
    for sign in (1, -1):
        moved = values.copy()
        for cell, change in moves.items():
            moved[position[cell]] += sign * step * change
        slopes.append(_cell_gradient(sim, run, (_unflatten(moved, parameters), population), widths)[1])
    return pd.Series(
        (slopes[0] - slopes[1]) / (2 * step),
        index=pd.Index(names, name="parameter"),
        name=f"second derivative of {outcome}",
    )


def _natural_change(sim: Simulation, cell: str, value: float, widths: Mapping[str, float]) -> float:
    """A change of a parameter cell that matters: half a window, or a tenth of a number without a window."""
    unit = next(leaf.unit for path, leaf in sim.law.leaves.items() if cell == path or cell.startswith(path + "."))
    if unit == "USD/year":
        half = widths.get("USD", FALLBACK_WIDTH) / 2
        return min(half, value / 2) if value > 0 else half  # an increment or a cap must stay positive
    return widths.get("year", 4.0) / 2 if unit == "year" else max(abs(value) / 10, 1e-3)


def _unflatten(vector: Any, like: Parameters) -> Parameters:
    """A flat vector of cells as a tree of the shapes of `like`."""
    leaves, at = {}, 0
    for path, leaf in like.items():
        size = int(np.size(leaf))
        leaves[path] = np.reshape(vector[at : at + size], np.shape(leaf)).astype(leaf.dtype)
        at += size
    return Parameters.from_paths(leaves)


def input_derivative(sim: Simulation, outcome: str, column: str, smooth: Any = None) -> pd.Series:
    """Derivative of the weighted total with respect to each row of an input: weight times the row's own rate."""
    rates = _own_rates(sim, outcome, column, smooth)
    entity = sim.system.variable(column).entity.name
    return (rates * sim.weights(entity)).rename(f"d {outcome} / d {column}")


def weight_derivative(sim: Simulation, outcome: str) -> pd.Series:
    """Derivative of the weighted total with respect to each household's weight: the household's own amount."""
    import pandas as pd

    entity = sim.system.variable(outcome).entity.name
    values = sim.map_to(sim.columns(outcome)[outcome], entity, "household")
    ids = sim.population.tables["household"]["household_id"]
    return pd.Series(values, index=pd.Index(ids, name="household_id"), name=f"d {outcome} / d weight")


def _input_column(sim: Simulation, outcome: str, column: str) -> Any:
    variable = sim.system.inputs.get(column)
    if variable is None:
        raise JaxsimError(f"{column!r} is not an input.{nearest(column, sim.system.inputs)}")
    if variable.kind not in ("money", "age"):
        raise JaxsimError(f"{column} is a {variable.kind}: outcomes have no slope in it; change it and compare instead")
    sim._check((outcome,))
    return variable


def _own_rates(sim: Simulation, outcome: str, column: str, smooth: Any = None) -> pd.Series:
    import pandas as pd

    variable = _input_column(sim, outcome, column)
    entity = variable.entity.name
    ids = pd.Index(sim.population.tables[entity][f"{entity}_id"], name=f"{entity}_id")
    parameters, block = sim.arguments(outcome, inputs=(column,), reverse=True)
    with precision(sim.precision):
        run = program.compiled_input_gradient(sim.system, outcome, (column,))
        made = run(parameters, block, sim.widths(smooth))[column]
    blocks, _ = sim.layout.resolve(sim.population.count("tax_unit"), 1, True)
    return pd.Series(sim.arrangement(blocks).restore(entity, made), index=ids, name=column)


def marginal_rates(sim: Simulation, income: str, outcome: str, step: float | None = None) -> pd.Series:
    """Every unit's own marginal rate on an input, per person for personal incomes.

    Args:
        sim: the simulation.
        income: an input in dollars: of persons (a rate for each filer, NaN for dependents, whose incomes are taxed
            on returns of their own) or of tax units.
        outcome: what changes: a variable of the tax unit, or of another group in the same household.
        step: None for the derivative (right derivative off kinks; blind to cliffs); else the change of the outcome
            over a step of so many dollars, which shows them.

    Returns:
        Series by id of the income's entity.
    """
    import pandas as pd

    entity = _input_column(sim, outcome, income).entity.name
    if step is None:
        rates = _own_rates(sim, outcome, income)
    else:
        if isinstance(step, str) or not np.isfinite(step) or step == 0:
            raise JaxsimError(f"step {step!r} must be a number of dollars other than 0")
        rates = pd.Series(_stepped(sim, income, outcome, entity, float(step)), name=income)
        rates.index = pd.Index(sim.population.tables[entity][f"{entity}_id"], name=f"{entity}_id")
    if entity == "person":
        rates[sim.population.tables["person"]["role"] == 2] = np.nan
    return rates.rename(f"marginal rate of {outcome} on {income}")


def _stepped(sim: Simulation, income: str, outcome: str, entity: str, step: float) -> np.ndarray:
    """Finite steps: one run for each position within the outcome's unit, so that no two members move at once."""
    links = sim.population.links
    group = sim.system.variable(outcome).entity.name
    n = sim.population.count(entity)
    home = links.get(f"{group}_of_{entity}", np.arange(n))
    moving = np.arange(n)
    if entity == "person":
        moving = moving[sim.population.tables["person"]["role"] != 2]
    order = moving[np.argsort(home[moving], kind="stable")]
    starts = np.flatnonzero(np.diff(home[order], prepend=-1))
    position = np.zeros(n, dtype=int)
    position[order] = np.arange(len(order)) - np.repeat(starts, np.diff([*starts, len(order)]))
    column = sim.population.tables[entity][income]
    base = sim.columns(outcome)[outcome]
    rates = np.zeros(n)
    for k in range(int(position[moving].max(initial=0)) + 1):
        turn = moving[position[moving] == k]
        moved = column.copy()
        moved[turn] += step
        after = sim.with_column(income, moved).columns(outcome)[outcome]
        rates[turn] = ((after - base) / step)[home[turn]]
    return rates
