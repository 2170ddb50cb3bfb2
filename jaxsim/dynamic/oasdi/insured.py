"""Quarters of coverage and insured status (42 USC 413, 414, 423(c))."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxsim.dynamic.oasdi.age import full_retirement_month
from jaxsim.dynamic.oasdi.basis import attains_62, elapsed_years, greater, lesser
from jaxsim.dynamic.oasdi.careers import DISABILITY, NEVER, OLD_AGE, SURVIVOR, Workers, at, year, years_of
from jaxsim.dynamic.oasdi.computation import taxable

WAITING_PERIOD = 5
"""Months (42 USC 423(c)(2))."""


class Insured(NamedTuple):
    """Insured status [workers], 0 or 1, and quarters of coverage.

    Attributes:
        quarters: of coverage in all.
        needed: for fully insured status.
        fully: for old age and survivors.
        currently: for young survivors.
        disability: for disability.
        entitled: the status that the claim needs.
    """

    quarters: jax.Array
    needed: jax.Array
    fully: jax.Array
    currently: jax.Array
    disability: jax.Array
    entitled: jax.Array


def quarters_by_year(earnings: jax.Array, p: Any) -> jax.Array:
    """Quarters of coverage of annual earnings [years, workers].

    Before 1978 the law asks for wages in the calendar quarter; annual earnings over $50 stand for them.
    """
    count = earnings.shape[0]
    whole = jnp.floor(earnings / p.quarter_of_coverage.amount[:count, None] + 1e-6)
    most = p.quarter_of_coverage.most[:count, None]
    return jnp.where(whole < most, whole, most)


def fully_insured(w: Workers, p: Any) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Quarters of coverage, those that fully insured status needs, and that status, 0 or 1; each [workers]."""
    event, by_year = _event(w), quarters_by_year(taxable(w, p), p)
    quarters = jnp.where(w.quarters >= 0, w.quarters, _covered(by_year, w, event // 3, event))
    needed = _needed(w, p)
    return quarters, needed, jnp.asarray(quarters >= needed, needed.dtype)


def _needed(w: Workers, p: Any) -> jax.Array:
    """Quarters of coverage that fully insured status needs [workers]."""
    eligible = lesser(attains_62(w), lesser(year(w.onset), jnp.where(w.kind == SURVIVOR, year(w.death), 9999)))
    least, most = at(p.insured.fully.least, eligible), at(p.insured.fully.most, eligible)
    elapsed = elapsed_years(w, eligible, p)
    return jnp.where(elapsed < least, least, jnp.where(elapsed < most, elapsed, most))


def credits_from(w: Workers, p: Any) -> jax.Array:
    """First month that can earn a delayed credit [workers]: of full retirement age and fully insured (402(w)(2)(A)).

    Who becomes insured later earns credits from the calendar quarter of the last quarter of coverage needed, `NEVER`
    without enough of them. Quarters that are given have no dates: they count from the beginning.
    """
    full, needed, by_year = full_retirement_month(w.born, p), _needed(w, p), quarters_by_year(taxable(w, p), p)
    late = (w.quarters < 0) & (_covered(by_year, w, full // 3, full) < needed)

    def since_insured() -> jax.Array:
        total = jnp.cumsum(by_year, axis=0)
        missing = greater(needed - (total - by_year), jnp.ones_like(needed)).astype(full.dtype)
        month = (12 * years_of(w) + 3 * (missing - 1)).astype(full.dtype)
        return jnp.where(late, greater(full, jnp.min(jnp.where(total >= needed, month, NEVER), axis=0)), full)

    return jax.lax.cond(jnp.any(late), since_insured, lambda: full)


def entitled(w: Workers, p: Any) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Quarters of coverage, fully insured status and the status that the claim needs, as in `Insured`; each [workers].

    Old-age benefits need no more than fully insured status, so nothing else is looked at where all claim them.
    """
    quarters, _, fully = fully_insured(w, p)
    others = jnp.any(w.kind != OLD_AGE)
    return quarters, fully, jax.lax.cond(others, lambda: insured(w, p).entitled, lambda: fully)


def insured(w: Workers, p: Any) -> Insured:
    """Insured status of workers [workers].

    Quarters are known by year, not by place in it. So of the year of the event, and of the first year of a window,
    those count that could lie in its quarters there. Who is not insured at the onset of a disability may be in a later
    quarter, up to that in which the waiting period of five months begins (20 CFR 404.131(b)): those within a year of
    the onset, when its year's quarters have all come, and the last one are tried.
    """
    event, by_year = _event(w), quarters_by_year(taxable(w, p), p)
    quarters, needed, is_fully = fully_insured(w, p)
    fully = is_fully > 0

    def covered(window: jax.Array, last: jax.Array) -> jax.Array:
        return _covered(by_year, w, window, last)

    rule = p.insured.currently
    window, enough = at(rule.window, year(event)), at(rule.quarters, year(event))
    currently = covered(window, event) >= enough
    # a period of disability is passed over: a window may end with the quarter of its onset or the one before
    at_onset = (covered(window, w.onset) >= enough) | (covered(window, w.onset - 3) >= enough)
    currently = currently | ((w.onset < NEVER) & at_onset)

    def disability(month: jax.Array) -> jax.Array:
        """Whether workers are insured for disability in a month [workers]."""
        rule, of = p.insured.disability, year(month)
        usual = covered(at(rule.window, of), month) >= at(rule.quarters, of)
        since_21 = (month // 3 - (w.born + 252) // 3).astype(needed.dtype)
        share, fewest = jnp.floor(at(rule.young_share, of) * since_21 + 1e-6), at(rule.young_least, of)
        young = covered(greater(since_21, 2 * fewest), month) >= greater(share, fewest)
        return (covered(month // 3, month) >= needed) & (usual | (month < w.born + 372) & young)

    last = greater(w.onset, w.entitlement - WAITING_PERIOD)
    tried = [last, *(lesser(w.onset + later, last) for later in (0, 3, 6, 9))]
    of_disability = functools.reduce(jnp.logical_or, map(disability, tried))
    of_disability = jnp.where(w.quarters >= 0, fully, of_disability)  # quarters that are given have no dates
    entitled = jnp.where(w.kind == DISABILITY, of_disability, jnp.where(w.kind == SURVIVOR, fully | currently, fully))
    floats = [jnp.asarray(x, needed.dtype) for x in (fully, currently, of_disability, entitled)]
    return Insured(quarters, needed, *floats)


def _event(w: Workers) -> jax.Array:
    """Month at which insured status is asked for [workers]."""
    return jnp.where(w.kind == DISABILITY, w.onset, jnp.where(w.kind == SURVIVOR, w.death, w.entitlement))


def _covered(by_year: jax.Array, w: Workers, window: jax.Array, last: jax.Array) -> jax.Array:
    """Quarters of coverage in a window of so many calendar quarters, the last of which holds a month [workers]."""
    years, last = years_of(w), last // 3
    open_in_year = lesser(last, 4 * years + 3) - greater(last - window.astype(last.dtype), 4 * years - 1)
    return jnp.sum(jnp.where(open_in_year > 0, lesser(by_year, open_in_year.astype(by_year.dtype)), 0.0), axis=0)
