"""The law of Social Security by year, 1937 to 2100: the parameters `ssa.oasdi` as arrays over years.

A benefit looks back over a life and ahead over a retirement, so its rules read whole series, not one year. Which
year a series is read at is the law's own matter (calendar year, year of first eligibility, year of attaining 60)
and stands in the note of each parameter. Before its first year a series holds its first value; what did not exist
then says so by a switch or a zero.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from jaxsim.errors import ParameterError
from jaxsim.parameter_files import load_law
from jaxsim.parameters import YEARS, Law, Leaf, Parameters, Uprating, _round

FIRST_YEAR = 1937
ROOT = "ssa.oasdi."
WAGES = "ssa.indexing.national_average_wage_index"
EARLY_WAGES = "ssa.indexing.average_wage_before_1951"
PRICES = "ssa.indexing.consumer_price_index"
EARLY_PRICES = "ssa.indexing.consumer_price_index_before_1970"
INCREASE = "ssa.oasdi.cola.percent"

Series = Callable[[str, Any], Any]


def oasdi_law(
    until: int = 2100,
    law: Law | None = None,
    *,
    cells: Mapping[str, Any] | None = None,
    rounded: bool = True,
) -> Parameters:
    """The parameters below `ssa.oasdi` from 1937, each leaf [year, *dims], `wage_index` and `price_index` [year].

    Args:
        until: the last year; forecasts follow the 2026 trustees' intermediate path, which ends with 2100.
        law: the law to read, a reformed one perhaps; the default is the law shipped. A reform says what holds in
            the tax years 2022 to 2036: earlier years stay as they were, later ones follow the last.
        cells: published cells by path in place of the law's own, as for `Law.resolve`, but only those that differ
            need be there. With them the result is a traced function of the cells, of the indices of wages and
            prices too (float64 within `js.precision("float64")`; compiled, it takes a millisecond, eagerly much
            longer); without, it is NumPy float64.
        rounded: whether forecast amounts are rounded as the statute has it. Unrounded they are smooth in the
            indices; published amounts are the same either way.
    """
    law = load_law() if law is None else law
    last = law[WAGES].years[-1]
    if not FIRST_YEAR <= until <= last:
        raise ParameterError(f"until={until} is outside {FIRST_YEAR} to {last}, the years of the wage index")
    given, values = cells or {}, {**law.cells(), **(cells or {})}
    years = np.arange(FIRST_YEAR, until + 1)

    def module(*paths: str) -> Any:
        """NumPy for what follows from the law's own cells alone, JAX for the rest."""
        return jax.numpy if any(path in given for path in paths) else np

    def series(path: str, year: Any) -> Any:
        """Values of an index in an array of years."""
        index = law[path].years
        missing = np.setdiff1d(year, index)
        if len(missing):
            raise ParameterError(f"index {path} has no value for {missing.tolist()}: add it to its file")
        return module(path).asarray(values[path])[np.searchsorted(index, year)]

    tree: dict[str, Any] = {}
    for path, leaf in law.leaves.items():
        if path.startswith(ROOT):
            indices = () if leaf.uprating is None else (leaf.uprating.index, leaf.uprating.base_index)
            xp = module(path, *indices)
            value = _by_year(leaf, values[path], series, years, rounded, xp)
            if leaf.years == YEARS:  # only a reform writes down the tax years and no others
                before = _by_year(load_law()[path], load_law()[path].cells, series, years, rounded, xp)
                value = _reformed(leaf, values[path], before, years, rounded, xp)
            tree[path.removeprefix(ROOT)] = value
    tree["cola.percent"] = tree["cola.percent"] + _price_change(
        law[INCREASE], values[PRICES], law[PRICES], years, rounded, module(INCREASE, PRICES)
    )
    early = years < law[WAGES].years[0]
    tree["wage_index"] = module(EARLY_WAGES, WAGES).concatenate(
        (series(EARLY_WAGES, years[early]), series(WAGES, years[~early]))
    )
    joint = law[PRICES].years[0]
    level = series(PRICES, joint) / series(EARLY_PRICES, joint)
    early = years < joint
    tree["price_index"] = module(EARLY_PRICES, PRICES).concatenate(
        (series(EARLY_PRICES, years[early]) * level, series(PRICES, years[~early]))
    )
    if cells is not None:
        tree = {path: jax.numpy.asarray(leaf) for path, leaf in tree.items()}
    return Parameters.from_paths(tree)


def _by_year(leaf: Leaf, cells: Any, series: Series, years: np.ndarray, rounded: bool, xp: Any) -> Any:
    """One leaf in all years at once: the last cell, or its statutory uprating after the last cell."""
    at = np.maximum(np.searchsorted(leaf.years, years, side="right") - 1, 0)
    stated, rule = xp.asarray(cells)[at], leaf.uprating
    if rule is None:
        return stated
    indexed = (years > np.asarray(leaf.years)[at]) & (years >= rule.first_year.min())
    if not indexed.any():
        return stated
    year = years[indexed].reshape((-1,) + (1,) * len(leaf.dims))
    amount = rule.amount(xp, series, year) if rounded else _unrounded(rule, xp, series, year)
    amount = xp.where(year >= rule.first_year, amount, stated[indexed])
    order = np.argsort(np.concatenate((np.flatnonzero(~indexed), np.flatnonzero(indexed))))
    return xp.concatenate((stated[~indexed], amount))[order]


def _reformed(leaf: Leaf, cells: Any, before: Any, years: np.ndarray, rounded: bool, xp: Any) -> Any:
    """A leaf of a reform, which wrote down the tax years: what it left alone, and earlier years, stay as before.

    After the tax years an amount that the reform holds stays; an indexed one that it moves goes on like that before.
    """
    first, last, rule = leaf.years[0], leaf.years[-1], leaf.uprating
    near = np.clip(years, first, last)
    year = years.reshape((-1,) + (1,) * len(leaf.dims))
    stated, was = xp.asarray(cells)[near - first], before[np.minimum(near, years[-1]) - years[0]]
    changed = (year >= first) & (leaf.cells != load_law().by_year(load_law()[leaf.path]))[near - first]
    amount = stated
    if rule is not None:
        amount = stated * before / xp.where(was == 0, 1.0, was)
        amount = _round(xp, amount, rule.to, rule.direction) if rounded else amount
        amount = xp.where((year > last) & (leaf.cells[-1] != leaf.cells[-2]), amount, stated)
    return xp.where(changed & (stated != was), amount, before)


def _unrounded(rule: Uprating, xp: Any, series: Series, year: Any) -> Any:
    terms = [(rule.base, rule.base_year), *([rule.plus] if rule.plus is not None else [])]
    ratios = [series(rule.index, year - rule.lag) / series(rule.base_index, since) for _, since in terms]
    return sum(base * xp.where(r > 1, r, 1.0) for (base, _), r in zip(terms, ratios, strict=True))


def _price_change(increase: Leaf, prices: Any, index: Leaf, years: np.ndarray, rounded: bool, xp: Any) -> Any:
    """What another path of prices adds to forecast cost-of-living increases, which follow the path shipped."""

    def by_index(path: Any) -> Any:
        """Growth over the highest level before, as 42 USC 415(i)(1) measures it, by year of the index."""
        peak = np.maximum.accumulate(path) if xp is np else jax.lax.cummax(xp.asarray(path))
        growth = peak[1:] / peak[:-1] - 1.0
        return xp.floor(growth * 1000 + 0.5 + 1e-6) / 1000 if rounded else growth

    change = by_index(prices) - by_index(load_law()[PRICES].cells)
    forecast = (years >= (increase.forecast_from or years[-1] + 1)) & (years > index.years[0])
    at = np.searchsorted(index.years[1:], years[forecast])
    return xp.concatenate((xp.zeros(int((~forecast).sum())), change[at]))
