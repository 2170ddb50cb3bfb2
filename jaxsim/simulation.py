"""Simulation: a population under a law in a year, and every question one asks of it.

Thin: it holds the pieces, keeps arrays ready for compute and calls the pure functions of `program`, `gradients`,
`outcomes` and `vary`. Methods return NumPy or pandas and enter float64 themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from jaxsim import program
from jaxsim.baselines import CURRENT
from jaxsim.baselines import baseline as baseline_law
from jaxsim.engine import Block, Rule, System, as_dtype
from jaxsim.errors import JaxsimError, ParameterError, nearest
from jaxsim.layout import Arrangement, Layout
from jaxsim.parameter_files import load_law
from jaxsim.parameters import FIRST_YEAR, LAST_YEAR, Law, Parameters
from jaxsim.population import Population
from jaxsim.precision import dtype_of, precision
from jaxsim.program import PureFunction
from jaxsim.reform import Reform, as_reform

if TYPE_CHECKING:
    import pandas as pd

    from jaxsim.behaviour import Behaviour
    from jaxsim.explain import Explanation
    from jaxsim.impact import Impact
    from jaxsim.score import Score

DEFAULT_TAX = "household_side_tax"
SCALARS_FROM = 4_096
"""Tax units from which inputs that data lack are scalars, so that what follows from them alone is computed once for all
rows. Smaller populations keep columns: then all of like size share compiled programs, whatever they supply."""


class Simulation:
    """A population under a law in a year.

    Args:
        population: who is simulated. Its amounts are aged to `year` if they are of another year.
        year: tax year, 2022 to 2036.
        law: the law in force; the law shipped with the package by default.
        reform: changes to the law, anything `as_reform` takes.
        baseline: name of the law that the reform changes, e.g. "before_pl_119_21" (see `jaxsim.baselines`).
        system: rules and inputs; the US by default.
        precision: "float64" for answers (default) or "float32" for speed.
        layout: how the work is cut; chosen by default.
        age: set to False to take a population of another year as it is.
        tables: tax and earned income credit by the tables of the forms (steps of income, whole dollars), not by the
            statute's schedules.
    """

    def __init__(
        self,
        population: Population,
        year: int = 2026,
        *,
        law: Law | None = None,
        reform: Any = None,
        baseline: str = CURRENT,
        system: System | None = None,
        precision: str = "float64",
        layout: Layout | None = None,
        age: bool = True,
        tables: bool = False,
    ):
        if not isinstance(population, Population):
            raise JaxsimError(
                f"a simulation needs a Population, not {type(population).__name__}: use jaxsim.load_population(...)"
            )
        if year not in range(FIRST_YEAR, LAST_YEAR + 1):
            raise ParameterError(f"tax year {year!r} is not a year from {FIRST_YEAR} to {LAST_YEAR}")
        for name, given, kind in (("law", law, Law), ("system", system, System), ("layout", layout, Layout)):
            if given is not None and not isinstance(given, kind):
                raise JaxsimError(f"{name} must be a {kind.__name__}, not {given!r}")
        if tables and system is not None:
            raise JaxsimError("tables=True chooses the system: leave out `system`, or give it with the tables' rules")
        if system is None:
            from jaxsim.rules.us import system as us

            system = us(tables=True) if tables else us()
        if age and population.year != year:
            from jaxsim.data.ageing import age_to

            population = age_to(population, year)
        self.population = population
        self.year = int(year)
        self.law = load_law(system.name) if law is None else law
        if baseline != CURRENT:
            self.law = baseline_law(baseline).apply(self.law)
        if reform is not None:
            self.law = as_reform(reform).apply(self.law)
        self.system = system
        self.precision = precision
        self.layout = layout or Layout()
        self._dtype = dtype_of(precision)
        self._arrangements: dict[int, Arrangement] = {}
        self._ready: dict[tuple[Any, ...], Any] = {}
        self._known: dict[str, np.ndarray] = {}  # columns under this law, see `residual.known_columns`

    # --- pieces ----------------------------------------------------------------------------------------------

    @property
    def parameters(self) -> Parameters:
        """All parameters in force in the year (NumPy float64)."""
        return self.law.in_year(self.year)

    def arguments(
        self,
        *targets: str,
        inputs: Iterable[str] = (),
        reverse: bool = False,
    ) -> tuple[Parameters, Block]:
        """The two arguments of the targets' pure function: pruned parameters and the population, on the device.

        Args:
            targets: outcomes.
            inputs: further input columns to include.
            reverse: cut into blocks for reverse mode.
        """
        blocks, _ = self.layout.resolve(self.population.count("tax_unit"), reverse=reverse)
        return self._parameters(targets), self._block(targets, tuple(inputs), blocks, scalars=True)

    def _parameters(self, targets: Iterable[str]) -> Parameters:
        prefixes = self.system.parameter_prefixes(targets)
        return as_dtype(self.parameters.select(prefixes), self._dtype)

    def arrangement(self, blocks: int = 1) -> Arrangement:
        """The population cut into blocks."""
        if blocks not in self._arrangements:
            self._arrangements[blocks] = Arrangement(self.population, blocks)
        return self._arrangements[blocks]

    def _block(self, targets: Iterable[str], extra: tuple[str, ...], blocks: int, scalars: bool) -> Block:
        """Columns, links and weights that the targets need; each is moved to the device once.

        With `scalars`, an input at its default in every row of a large population is a scalar (see `SCALARS_FROM`).
        """
        targets = tuple(targets)
        members = self.system.needs_members(targets)
        links = self.system.links_of(targets)
        lacking = self._lacking() - set(extra) if scalars else set()
        inputs = dict.fromkeys([*self.system.inputs_of(targets), *extra])
        names = [n for n in inputs if n not in lacking]

        def key(name: str) -> tuple[Any, ...]:
            return name, members, blocks

        wanted = [n for n in (*names, *links, "weights") if key(n) not in self._ready]
        if wanted:
            made = self.arrangement(blocks).make(
                self.system, [n for n in names if n in wanted], [n for n in links if n in wanted], members, self._dtype
            )
            with precision(self.precision):
                on_device = jax.device_put(made)
            for name, array in (*on_device.columns.items(), *on_device.links.items(), ("weights", on_device.weights)):
                self._ready.setdefault(key(name), array)
        shape = (blocks,) if self.arrangement(blocks).blocks > 1 else ()
        columns = {
            n: np.full(shape, self.system.inputs[n].default, self.system.inputs[n].dtype(self._dtype))
            if n in lacking
            else self._ready[key(n)]
            for n in inputs
        }
        return Block(columns, {n: self._ready[key(n)] for n in links}, self._ready[key("weights")])

    def _lacking(self) -> set[str]:
        """Inputs at their default in every row of a large population."""
        key = ("lacking",)
        if key not in self._ready:
            tables, found = self.population.tables, set()
            if self.population.count("tax_unit") >= SCALARS_FROM:
                for name, i in self.system.inputs.items():
                    # rows of spouses that are not there hold 0, so a person's other default is not the same everywhere
                    same = i.default == 0 or i.entity.name != "person"
                    if same and (tables[i.entity.name][name] == i.default).all():
                        found.add(name)
            self._ready[key] = found
        return self._ready[key]

    def function(
        self, *targets: str, reduce: str | None = "total", smooth: Any = None, kinks: bool = False
    ) -> PureFunction:
        """The pure function of (parameters, population), for your own jit, grad, vmap and shard_map.

        Args:
            targets: outcomes, e.g. "income_tax".
            reduce: "total" for weighted totals: a scalar for one target; None for columns.
            smooth: width of the smoothing window in dollars, or widths by unit; None is exact law.
            kinks: smooth kinks as well, for second derivatives.

        Example:
            f = sim.function("income_tax")
            with js.precision("float64"):
                gradient = jax.grad(f)(f.parameters, f.population)
        """
        self._check(targets)
        if reduce not in ("total", None):
            raise JaxsimError(f"reduce={reduce!r}: use 'total' for weighted totals or None for columns")
        blocks, _ = self.layout.resolve(self.population.count("tax_unit"), reverse=reduce is not None)
        parameters, block = self._parameters(targets), self._block(targets, (), blocks, scalars=False)
        return PureFunction(self.system, targets, parameters, block, reduce, self.widths(smooth), kinks)

    def widths(self, smooth: Any) -> dict[str, float] | None:
        """Smoothing windows by unit from a width in dollars, a mapping, True (the default rule) or None."""
        from jaxsim.gradients import default_widths

        if smooth is None or smooth is False:
            return None
        if smooth is True:
            return default_widths(self)
        given = dict(smooth) if isinstance(smooth, Mapping) else {"USD": smooth}
        for unit, width in given.items():
            if isinstance(width, bool) or not isinstance(width, (int, float, np.number)) or not 0 < width < np.inf:
                raise JaxsimError(f"smooth={smooth!r}: the window in {unit} must be a number above 0")
        return given if isinstance(smooth, Mapping) else {**default_widths(self), **given}

    def _check(self, targets: tuple[str, ...]) -> None:
        if not targets:
            raise JaxsimError("name at least one variable, e.g. 'income_tax'")
        for target in targets:
            if not isinstance(target, str):
                raise JaxsimError(f"a variable is named by text, not {target!r}")
            self.system.variable(target)

    # --- copies ----------------------------------------------------------------------------------------------

    def _copy(self, **changes: Any) -> Simulation:
        parts: dict[str, Any] = {
            "population": self.population,
            "year": self.year,
            "law": self.law,
            "system": self.system,
            "precision": self.precision,
            "layout": self.layout,
            **changes,
        }
        copy = Simulation(**parts, age=False)
        if copy.population is self.population and copy.precision == self.precision and copy.layout == self.layout:
            copy._arrangements, copy._ready = self._arrangements, self._ready
        return copy

    def with_reform(self, reform: Any) -> Simulation:
        """The same population under a reformed law."""
        return self._copy(law=as_reform(reform).apply(self.law))

    def with_rules(self, *rules: Rule) -> Simulation:
        """The same population where these rules replace those of the same name or are added: a structural reform."""
        for given in rules:
            if not isinstance(given, Rule):
                raise JaxsimError(f"{given!r} is not a rule: decorate the function with @jaxsim.rule(entity)")
        return self._copy(system=self.system.with_rules(*rules))

    def with_weights(self, weights: Any) -> Simulation:
        """The same households with other weights, one a household in household order."""
        return self._copy(population=self.population.with_weights(weights))

    def with_column(self, name: str, values: Any) -> Simulation:
        """The same population with one input column replaced, in the row order of its entity."""
        self._static("with_column")
        return self._copy(population=self.population.with_column(name, values))

    def _static(self, method: str) -> None:
        """Refuse what would move incomes away from those that behaviour was measured at."""
        if hasattr(self.system, "behaviour"):
            raise JaxsimError(
                f"{method} on a simulation with behaviour: responses are measured from one law, year and set of "
                "incomes. Use the simulation without behaviour, and add it last"
            )

    def with_behaviour(self, behaviour: Behaviour) -> Simulation:
        """The same simulation in which earnings and gains respond to changes of its law. See `behaviour`."""
        from jaxsim.behaviour import with_behaviour

        return with_behaviour(self, behaviour)

    def __repr__(self) -> str:
        return f"<Simulation of {self.population.source} in {self.year} under {self.law.name}, {self.precision}>"

    # --- values ----------------------------------------------------------------------------------------------

    def columns(self, *targets: str) -> dict[str, np.ndarray]:
        """Values of the targets in the row order of the population's tables."""
        self._check(targets)
        arguments = self.arguments(*targets)
        with precision(self.precision):
            made = program.compiled(program.columns, self.system, targets)(*arguments)
        arrangement = self.arrangement(self.layout.resolve(self.population.count("tax_unit"))[0])
        return {
            name: arrangement.restore(self.system.variable(name).entity.name, value) for name, value in made.items()
        }

    def calculate(self, *targets: str, entity: str | None = None) -> pd.DataFrame:
        """Variables of every unit, as a DataFrame indexed by the unit's id.

        Args:
            targets: variables, computed or input.
            entity: entity of the rows. By default that of the variables, which must be one; with it each variable is
                carried over: to members as it is, to groups as a sum over members.
        """
        import pandas as pd

        values = self.columns(*targets)
        entities = {self.system.variable(t).entity.name for t in targets}
        if entity is None:
            if len(entities) > 1:
                raise JaxsimError(
                    f"variables of several entities ({', '.join(sorted(entities))}): name the rows wanted, "
                    "e.g. entity='household'"
                )
            entity = entities.pop()
        elif entity not in self.system.entities:
            raise JaxsimError(f"unknown entity {entity!r}.{nearest(entity, self.system.entities)}")
        mapped = {t: self.map_to(values[t], self.system.variable(t).entity.name, entity) for t in targets}
        for name in targets:
            variable = self.system.variable(name)
            if getattr(variable, "kind", "") == "category":
                mapped[name] = np.array(variable.categories)[mapped[name].astype(int)]  # type: ignore[union-attr]
        ids = self.population.tables[entity][f"{entity}_id"]
        return pd.DataFrame(mapped, index=pd.Index(ids, name=f"{entity}_id"))

    def map_to(self, values: np.ndarray, source: str, target: str) -> np.ndarray:
        """Values of one entity carried to another: to members as they are, to groups as sums over members."""
        links = self.population.links
        if source == target:
            return values
        if f"{source}_of_{target}" in links:  # target is nested in source
            return values[links[f"{source}_of_{target}"]]
        if f"{target}_of_{source}" in links:
            return np.bincount(links[f"{target}_of_{source}"], weights=values, minlength=self.population.count(target))
        raise JaxsimError(f"{source} and {target} do not nest: carry both to person or household")

    def weights(self, entity: str) -> np.ndarray:
        """Household weight of every row of an entity."""
        return self.map_to(self.population.weights, "household", entity)

    def total(self, *targets: str) -> Any:
        """Weighted total: a float for one variable, a Series for several."""
        self._check(targets)
        for target in targets:
            if getattr(self.system.variable(target), "kind", "") in ("category", "code"):
                raise JaxsimError(f"{target} is a category: a total of codes means nothing, use calculate()")
        with precision(self.precision):
            sums = program.compiled(program.totals, self.system, targets)(*self.arguments(*targets))
        sums = np.asarray(sums, dtype=np.float64)
        if len(targets) == 1:
            return float(sums[0])
        import pandas as pd

        return pd.Series(sums, index=list(targets), name="total")

    # --- outcomes --------------------------------------------------------------------------------------------

    def impact(self, reform: Any, **options: Any) -> Impact:
        """What a reform changes: budget line by line, winners and losers, deciles, inequality, poverty."""
        from jaxsim.impact import compare

        reform = as_reform(reform)
        return compare(self, self.with_reform(reform), reform.name, **options)

    def score(self, reform: Any, years: Iterable[int] | None = None, **options: Any) -> Score:
        """What a reform changes over a budget window, by calendar and fiscal year and by provision.

        See `score.score` for the options.
        """
        self._static("score")
        from jaxsim.score import score

        return score(self, reform, years, **options)

    def explain(self, variable: str, household: int | None = None, unit: int | None = None) -> Explanation:
        """How a number comes about: rule by rule, with values, parameters and citations."""
        from jaxsim.explain import explain

        return explain(self, variable, household, unit)

    # --- derivatives -----------------------------------------------------------------------------------------

    def marginal_tax_rate(
        self, income: str = "employment_income", *, outcome: str = DEFAULT_TAX, step: float | None = None
    ) -> pd.Series:
        """Every person's own marginal rate on an income: the change of `outcome` for a dollar more.

        Exact from one reverse pass, since households do not interact. See `gradients.marginal_rates`.
        """
        from jaxsim.gradients import marginal_rates

        self._static("marginal_tax_rate")
        return marginal_rates(self, income, outcome, step)

    def gradient(self, outcome: str, parameters: str | Iterable[str] | None = None, **options: Any) -> pd.DataFrame:
        """Derivative of a weighted total with respect to parameters, as a table sorted by elasticity.

        See `gradients.gradient_table` for the columns, flags and options.
        """
        from jaxsim.gradients import gradient_table

        return gradient_table(self, outcome, parameters, **options)

    def jacobian(self, *outcomes: str, parameters: str | Iterable[str] | None = None) -> pd.DataFrame:
        """Derivatives of several weighted totals: one row a parameter cell, one column an outcome."""
        from jaxsim.gradients import jacobian

        return jacobian(self, outcomes, parameters)

    def hessian_vector(self, outcome: str, direction: Mapping[str, float], *, smooth: Any = True) -> pd.Series:
        """Second derivatives of a weighted total along a direction in parameter space, kinks smoothed."""
        from jaxsim.gradients import hessian_vector

        return hessian_vector(self, outcome, direction, smooth)

    def input_derivative(self, outcome: str, column: str) -> pd.Series:
        """Derivative of the weighted total with respect to every row of an input column."""
        from jaxsim.gradients import input_derivative

        self._static("input_derivative")
        return input_derivative(self, outcome, column)

    def weight_derivative(self, outcome: str) -> pd.Series:
        """Derivative of the weighted total with respect to every household's weight: its own amount."""
        from jaxsim.gradients import weight_derivative

        return weight_derivative(self, outcome)

    def vary(self, outcomes: str | Iterable[str], values: Mapping[str, Any], **options: Any) -> pd.DataFrame:
        """Weighted totals for many values of some parameters in one batched run. See `vary.vary`."""
        from jaxsim.vary import vary

        return vary(self, outcomes, values, **options)


__all__ = ["Reform", "Simulation"]
