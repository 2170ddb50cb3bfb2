"""What a reform changes over a budget window: by calendar and fiscal year, provision by provision, with derivatives.

The population is aged within the compiled program: growth factors, weights and parameters of a year are data, so one
program serves every year and every reform of the same outcomes.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from jaxsim import program
from jaxsim.data.ageing import Growth, grown, growth_to
from jaxsim.data.growth import PARTS
from jaxsim.engine import Block, System, as_dtype
from jaxsim.errors import JaxsimError, ReformError
from jaxsim.parameters import FIRST_YEAR, LAST_YEAR, Law, Parameters
from jaxsim.precision import precision
from jaxsim.reform import Reform, as_reform

if TYPE_CHECKING:
    import pandas as pd

    from jaxsim.simulation import Simulation

TOTAL = "total"


@dataclass(frozen=True)
class Component:
    """A part of the budget and when it is paid.

    Attributes:
        label: shown in tables.
        variable: whose weighted total it is.
        sign: 1 for revenue, -1 for outlays.
        same_year: share of a calendar year's amount that falls in the fiscal year of the same number, which ends on
            September 30; the rest falls in the next one.
    """

    label: str
    variable: str
    sign: float = 1.0
    same_year: float = 1.0


BUDGET = (
    Component("income tax before refundable credits", "income_tax_before_refundable_credits", 1.0, 0.75),
    Component("refundable credits", "refundable_credits", -1.0, 0.0),
    Component("payroll taxes", "payroll_tax", 1.0, 0.75),
)
"""Income and payroll taxes. The timing rule: tax is withheld or paid by instalments evenly over the calendar year, so
nine of its twelve months fall in the fiscal year of the same number; refundable credits are paid with the return, in
the next fiscal year. Both are conventions of this table, not the law's due dates."""


@dataclass(frozen=True)
class Score:
    """A reform over a budget window. Amounts are changes of revenue in dollars: negative loses revenue.

    Attributes:
        name: the reform.
        years: calendar years of the window.
        baseline: law compared with.
        stacked: change by [provision, component, year], each provision on top of those before it. One year before the
            window stands first where the law is known then: its liabilities are partly paid within the window.
        alone: the same with each provision by itself.
        levels: baseline totals by [component, year].
    """

    name: str
    years: tuple[int, ...]
    baseline: str
    provisions: tuple[str, ...]
    components: tuple[Component, ...]
    stacked: np.ndarray
    alone: np.ndarray
    levels: np.ndarray
    _gradient: Any = field(repr=False, compare=False, default=None)

    @property
    def calendar(self) -> pd.DataFrame:
        """Change by provision, stacked in order, and calendar year of liability, with totals."""
        return self._table(self.stacked.sum(1)[:, self._before :], self.years)

    @property
    def fiscal(self) -> pd.DataFrame:
        """Change by provision, stacked in order, and fiscal year of payment, with totals (see `Component`)."""
        paid = self._paid(self.stacked).sum(1)
        return self._table(paid, self.years[-paid.shape[-1] :])

    @property
    def unstacked(self) -> pd.DataFrame:
        """Change by each provision alone and calendar year; `interaction` is what the total has beyond their sum."""
        import pandas as pd

        alone = self.alone.sum(1)[:, self._before :]
        total = self.stacked.sum((0, 1))[self._before :]
        rows = [*alone, total - alone.sum(0), total]
        table = pd.DataFrame(rows, index=pd.Index([*self.provisions, "interaction", TOTAL], name="provision"),
                             columns=pd.Index(self.years, name="calendar year"))  # fmt: skip
        return table.assign(total=table.sum(axis=1))

    @property
    def components_table(self) -> pd.DataFrame:
        """Change of the whole reform by component and calendar year."""
        return self._table(self.stacked.sum(0)[:, self._before :], self.years, [c.label for c in self.components])

    @property
    def cost(self) -> float:
        """Change of revenue over the window, calendar years, in dollars."""
        return float(self.stacked[:, :, self._before :].sum())

    def gradient(self, parameters: str | Iterable[str] | None = None) -> pd.DataFrame:
        """Derivative of revenue under the reformed law with respect to parameters, by calendar year.

        Args:
            parameters: path or paths to show; by default those the reform changes.

        Returns:
            One row a parameter cell: dollars of revenue for one unit more of the parameter in each year, and the sum
            over the window for one unit more in every year. Plain derivatives: they do not see steps; use
            `Simulation.gradient` for their flags and smoothed values.
        """
        return self._gradient(parameters)

    def plot(self) -> Any:
        """Bars by calendar year, a colour for each provision."""
        from jaxsim.plots import plot_score

        return plot_score(self)

    @property
    def _before(self) -> int:
        return self.levels.shape[-1] - len(self.years)

    def _paid(self, amounts: np.ndarray) -> np.ndarray:
        share = np.array([c.same_year for c in self.components])[:, None]
        return share * amounts[..., 1:] + (1 - share) * amounts[..., :-1]

    def _table(self, rows: np.ndarray, years: Sequence[int], names: Sequence[str] | None = None) -> pd.DataFrame:
        import pandas as pd

        names = list(self.provisions if names is None else names)
        table = pd.DataFrame(rows, index=names, columns=list(years))
        if len(names) > 1:
            table.loc[TOTAL] = table.sum()
        return table.assign(total=table.sum(axis=1))

    def __repr__(self) -> str:
        head = f"{self.name} against {self.baseline}: {self.cost / 1e9:+,.1f} billion dollars"
        tables = [("calendar years, stacked", self.calendar), ("fiscal years, stacked", self.fiscal)]
        if len(self.provisions) > 1:
            tables.append(("calendar years, each alone", self.unstacked))
        return "\n\n".join([head, *(f"{title}, billion dollars\n{_billions(t).to_string()}" for title, t in tables)])

    def _repr_html_(self) -> str:
        head = f"<h3>{self.name} against {self.baseline}: {self.cost / 1e9:+,.1f} billion dollars</h3>"
        parts = [("Calendar years", self.calendar), ("Fiscal years", self.fiscal)]
        if len(self.provisions) > 1:
            parts.append(("Each alone, calendar years", self.unstacked))
        return head + "".join(f"<h4>{title}, billion dollars</h4>{_billions(t).to_html()}" for title, t in parts)


def _billions(table: pd.DataFrame) -> pd.DataFrame:
    return (table / 1e9).round(1) + 0.0


def score(
    sim: Simulation,
    reform: Any,
    years: Iterable[int] | None = None,
    *,
    components: Iterable[Component] = BUDGET,
    order: Iterable[str] | None = None,
    progress: bool = False,
) -> Score:
    """Change of revenue over a window of years.

    Args:
        sim: the simulation; its law is the baseline. Its population is aged to every year, unless it was taken as it
            is into another year (`age=False`).
        reform: a reform, or a list of reforms: its provisions, stacked in that order.
        years: consecutive tax years; ten from the simulation's year by default.
        components: what makes up the budget, and when it is paid.
        order: names of the provisions in another order of stacking.
        progress: show a progress bar.

    Raises:
        JaxsimError: years that are not consecutive or outside 2022 to 2036.
        ReformError: two provisions of one name, or an order that does not name them all.
    """
    window = _window(sim, years)
    provisions = _provisions(reform, order)
    parts = tuple(components)
    if not parts or not all(isinstance(c, Component) for c in parts):
        raise JaxsimError("components: give at least one jaxsim.score.Component")
    targets = tuple(c.variable for c in parts)
    sim._check(targets)
    laws, last = _laws(sim.law, provisions)
    computed = (window[0] - 1, *window) if window[0] > FIRST_YEAR else window
    sums = _totals(sim, targets, list(laws.values()), computed, progress)  # [years, laws, targets]
    signed = np.moveaxis(sums, 0, -1) * np.array([c.sign for c in parts])[:, None]  # [laws, targets, years]
    at = {key: i for i, key in enumerate(laws)}
    stack = [at[()]] + [at[tuple(range(k + 1))] for k in range(len(provisions))]
    stacked = np.diff(signed[stack], axis=0)
    alone = np.stack([signed[at[(k,)]] - signed[at[()]] for k in range(len(provisions))])
    names = tuple(p.name for p in provisions)
    paths = sorted({path for p in provisions for path in p.changes})
    return Score(
        name=" + ".join(names),
        years=window,
        baseline=sim.law.name,
        provisions=names,
        components=parts,
        stacked=stacked,
        alone=alone,
        levels=signed[at[()]],
        _gradient=functools.partial(_gradient_table, sim, parts, last, window, paths),
    )


def _window(sim: Simulation, years: Iterable[int] | None) -> tuple[int, ...]:
    window = tuple(range(sim.year, min(sim.year + 10, LAST_YEAR + 1))) if years is None else tuple(years)
    if not window or not all(isinstance(y, (int, np.integer)) for y in window):
        raise JaxsimError(f"years={years!r}: give tax years, e.g. range(2026, 2036)")
    if window != tuple(range(window[0], window[0] + len(window))):
        raise JaxsimError(
            f"years {', '.join(map(str, window))} are not consecutive: fiscal years need their neighbours"
        )
    if window[0] < FIRST_YEAR or window[-1] > LAST_YEAR:
        raise JaxsimError(f"years {window[0]} to {window[-1]} are outside {FIRST_YEAR} to {LAST_YEAR}")
    return tuple(int(y) for y in window)


def _provisions(reform: Any, order: Iterable[str] | None) -> list[Reform]:
    several = isinstance(reform, Iterable) and not isinstance(reform, (Mapping, str, Reform))
    provisions = [as_reform(r) for r in reform] if several else [as_reform(reform)]
    names = [p.name for p in provisions]
    if not provisions:
        raise ReformError("no reform given")
    again = {n for n in names if names.count(n) > 1}
    if again:
        raise ReformError(f"two provisions are called {min(again)!r}: give each a name, Reform(..., name=...)")
    if order is not None:
        wanted = list(order)
        if sorted(wanted) != sorted(names):
            raise ReformError(f"order: name each provision once: {', '.join(names)}")
        provisions = [provisions[names.index(n)] for n in wanted]
    return provisions


def _laws(base: Law, provisions: list[Reform]) -> tuple[dict[tuple[int, ...], Law], Law]:
    """Every law needed, by the provisions in it; and the one with all of them."""
    laws: dict[tuple[int, ...], Law] = {(): base}
    law = base
    for k, provision in enumerate(provisions):
        law = provision.apply(law)
        laws[tuple(range(k + 1))] = law
        if k:
            laws[(k,)] = provision.apply(base)
    return laws, law


# --- the program -------------------------------------------------------------------------------------------------


def aged(block: Block, factors: Mapping[str, Any], rest: Mapping[str, Any]) -> Block:
    """A block with amounts grown (see `ageing.grown`)."""
    return Block({**block.columns, **grown(block.columns, factors, rest)}, block.links, block.weights)


@functools.cache
def _kernel(system: System, targets: tuple[str, ...]) -> Any:
    """Totals [laws, targets] of one year: parameters [laws, ...], growth and weights are data."""

    def run(laws: Parameters, lanes: jax.Array, block: Block, factors: Any, rest: Any) -> jax.Array:
        grown = aged(block, factors, rest)
        # lanes give the number of laws where the outcomes read no parameter
        return jax.vmap(lambda p, _: program.totals(system, targets, p, grown))(laws, lanes)

    return jax.jit(run)


@functools.cache
def _reverse_kernel(system: System, components: tuple[Component, ...], within: tuple[str, ...]) -> Any:
    """Derivative of the signed sum of components of one year with respect to the parameters within some subtrees."""
    targets = tuple(c.variable for c in components)
    signs = np.array([c.sign for c in components])

    def run(parameters: Parameters, population: Block, factors: Any, rest: Any) -> Any:
        chosen = parameters.select(within)

        def value(changed: Parameters, block: Block) -> jax.Array:
            tree = parameters.replace(dict(changed.items()))
            sums = program.totals(system, targets, tree, aged(block, factors, rest))
            return (sums * signs.astype(sums.dtype)).sum()

        return program.walk(lambda block: jax.grad(value)(chosen, block), population, remat=False)

    return jax.jit(run)


class _Years:
    """The population of a simulation in other years: one block, and what carries it to each year."""

    def __init__(self, sim: Simulation, targets: tuple[str, ...], reforms: int, reverse: bool):
        inputs = sim.system.inputs_of(targets)
        self.sim = sim
        self.members = sim.system.needs_members(targets)
        self.parted = [name for name in inputs if name in PARTS]
        extra = tuple(PARTS[name][0] for name in self.parted if PARTS[name][0] not in inputs)
        blocks, self.chunk = sim.layout.resolve(
            sim.population.count("tax_unit"), reforms, reverse=reverse, calls=not reverse
        )
        self.block = sim._block(targets, extra, blocks, scalars=True)
        self.arrangement = sim.arrangement(blocks)

    def growth(self, year: int) -> Growth:
        taken_as_it_is = self.sim.population.year != self.sim.year
        return growth_to(self.sim.population, self.sim.population.year if taken_as_it_is else year)

    def of(self, year: int) -> tuple[Block, dict[str, Any], dict[str, Any]]:
        """The block with the weights of a year, and the growth of its columns."""
        growth, dtype = self.growth(year), self.sim._dtype
        weights = self.arrangement.weights(self.sim.system, growth.weights, self.members, dtype)
        names = sorted(growth.factors.keys() & self.block.columns.keys() | set(self.parted))
        factors = {name: dtype(growth.factors.get(name, 1.0)) for name in names}
        rest = {name: dtype(growth.rest.get(name, 1.0)) for name in self.parted}
        return Block(self.block.columns, self.block.links, weights), factors, rest


def _totals(
    sim: Simulation, targets: tuple[str, ...], laws: list[Law], years: Sequence[int], progress: bool
) -> np.ndarray:
    """Weighted totals [years, laws, targets]."""
    prefixes = sim.system.parameter_prefixes(targets)
    over = _Years(sim, targets, len(laws), reverse=False)
    kernel = _kernel(sim.system, targets)
    size = min(over.chunk, len(laws))
    lanes = np.zeros(size, np.int8)
    out = np.zeros((len(years), len(laws), len(targets)))
    steps: Iterable[int] = range(len(years))
    if progress:
        from rich.progress import track

        steps = track(steps, description=f"{len(laws)} laws, {len(years)} years", total=len(years))
    with precision(sim.precision):
        for i in steps:
            trees = [as_dtype(law.in_year(years[i]).select(prefixes), sim._dtype) for law in laws]
            year, factors, rest = over.of(years[i])
            blocks = program.unstack(jax.device_put(year))
            for first in range(0, len(laws), size):
                chosen = [trees[min(k, len(trees) - 1)] for k in range(first, first + size)]
                batch = jax.tree.map(lambda *leaves: np.stack(leaves), *chosen)
                # all calls are under way before the first is waited for
                sums = [kernel(batch, lanes, block, factors, rest) for block in blocks]
                total = np.sum([np.asarray(s, dtype=np.float64) for s in sums], axis=0)
                out[i, first : first + size] = total[: len(laws) - first]
    return out


def _gradient_table(
    sim: Simulation,
    components: tuple[Component, ...],
    law: Law,
    years: tuple[int, ...],
    changed: list[str],
    parameters: str | Iterable[str] | None,
) -> pd.DataFrame:
    import pandas as pd

    from jaxsim.gradients import _cells, _flat, _prefixes, _selected

    wanted = changed if parameters is None else parameters
    within = _prefixes(sim, wanted)
    targets = tuple(c.variable for c in components)
    over = _Years(sim, targets, 1, reverse=True)
    kernel = _reverse_kernel(sim.system, components, within)
    prefixes = sim.system.parameter_prefixes(targets)
    names: list[str] = []
    columns = {}
    for year in years:
        tree = as_dtype(law.in_year(year).select(prefixes), sim._dtype)
        names, _ = _cells(sim, tree.select(within))
        if not names:
            raise ReformError(f"the budget depends on no parameter at or below {', '.join(within)}")
        with precision(sim.precision):
            columns[year] = _flat(kernel(tree, *over.of(year)))
    table = pd.DataFrame(columns, index=pd.Index(names, name="parameter")).iloc[_selected(names, wanted)]
    return table.assign(total=table.sum(axis=1))
