"""Quarters of coverage and insured status (42 USC 413, 414, 423(c))."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxsim.dynamic.oasdi.basis import attains_62, elapsed_years, greater, lesser
from jaxsim.dynamic.oasdi.careers import DISABILITY, NEVER, OLD_AGE, SURVIVOR, Workers, at, year, years_of
from jaxsim.dynamic.oasdi.computation import taxable


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
    eligible = lesser(attains_62(w), lesser(year(w.onset), jnp.where(w.kind == SURVIVOR, year(w.death), 9999)))
    quarters = jnp.where(w.quarters >= 0, w.quarters, _covered(by_year, w, event // 3, event))
    least, most = at(p.insured.fully.least, eligible), at(p.insured.fully.most, eligible)
    elapsed = elapsed_years(w, eligible, p)
    needed = jnp.where(elapsed < least, least, jnp.where(elapsed < most, elapsed, most))
    return quarters, needed, jnp.asarray(quarters >= needed, needed.dtype)


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
    those count that could lie in its quarters there.
    """
    born, event, by_year = w.born, _event(w), quarters_by_year(taxable(w, p), p)
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

    rule = p.insured.disability
    usual = covered(at(rule.window, year(w.onset)), w.onset) >= at(rule.quarters, year(w.onset))
    since_21 = (event // 3 - (born + 252) // 3).astype(needed.dtype)
    share = jnp.floor(at(rule.young_share, year(event)) * since_21 + 1e-6)
    fewest = at(rule.young_least, year(event))
    young = covered(greater(since_21, 2 * fewest), event) >= greater(share, fewest)
    under_31 = event < born + 372
    recent = (usual | (under_31 & young)) | (w.quarters >= 0)  # quarters that are given have no dates
    entitled = jnp.where(w.kind == DISABILITY, fully & recent, jnp.where(w.kind == SURVIVOR, fully | currently, fully))
    floats = [jnp.asarray(x, needed.dtype) for x in (fully, currently, fully & recent, entitled)]
    return Insured(quarters, needed, *floats)


def _event(w: Workers) -> jax.Array:
    """Month at which insured status is asked for [workers]."""
    return jnp.where(w.kind == DISABILITY, w.onset, jnp.where(w.kind == SURVIVOR, w.death, w.entitlement))


def _covered(by_year: jax.Array, w: Workers, window: jax.Array, last: jax.Array) -> jax.Array:
    """Quarters of coverage in a window of so many calendar quarters, the last of which holds a month [workers]."""
    years, last = years_of(w), last // 3
    open_in_year = lesser(last, 4 * years + 3) - greater(last - window.astype(last.dtype), 4 * years - 1)
    return jnp.sum(jnp.where(open_in_year > 0, lesser(by_year, open_in_year.astype(by_year.dtype)), 0.0), axis=0)
