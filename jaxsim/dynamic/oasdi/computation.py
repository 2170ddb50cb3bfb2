"""Average indexed monthly earnings: the highest years of a career, indexed by wages (42 USC 415(b))."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from jaxsim.dynamic.oasdi.basis import Basis, is_base_year, lesser
from jaxsim.dynamic.oasdi.care import care_credits
from jaxsim.dynamic.oasdi.careers import Workers, at, years_of
from jaxsim.dynamic.oasdi.highest import CENT, share_counted
from jaxsim.dynamic.oasdi.law import FIRST_YEAR
from jaxsim.dynamic.oasdi.rounding import Rounding
from jaxsim.numerics import lower_of


def taxable(w: Workers, p: Any) -> jax.Array:
    """Earnings up to the taxable maximum of each year [years, workers], $/year (42 USC 409(a)(1), 411(b))."""
    return lower_of(w.earnings.T, p.taxable_maximum[: w.earnings.shape[1], None])


def indexed(paid: jax.Array, eligible: jax.Array, p: Any, r: Rounding) -> jax.Array:
    """Earnings at the wages of two years before eligibility [years, workers], $/year (42 USC 415(b)(3)).

    Those to that year are raised by the growth of average wages, each to the cent; later ones count as they are. A
    reform may put the growth of prices in place of a share of that of wages.

    Args:
        paid: earnings of each year from 1937 [years, workers], $/year.
        eligible: year of first eligibility [workers].
        p: the law.
        r: rounding.
    """
    count = len(paid)
    years = jnp.arange(FIRST_YEAR, FIRST_YEAR + count)[:, None]
    index_year = eligible - at(p.computation.indexing_lag, eligible).astype(eligible.dtype)
    wages, prices = (at(s, index_year)[None, :] / s[:count, None] for s in (p.wage_index, p.price_index))
    growth = wages + at(p.computation.price_indexing, eligible) * (prices - wages)
    return r.nearest(paid * jnp.where(years < index_year, growth, 1.0), CENT)


def average_indexed_monthly_earnings(
    w: Workers, basis: Basis, p: Any, r: Rounding, paid: jax.Array | None = None
) -> jax.Array:
    """AIME [workers], $/month: the highest years added up, over the months of the computation years, rounded down.

    Args:
        w: workers.
        basis: which years count and how many.
        p: the law, see `oasdi_law`.
        r: rounding.
        paid: other earnings than the taxable ones of the workers [years, workers].
    """
    if paid is None:
        paid = taxable(w, p)
        paid = paid if w.care is None else paid + care_credits(w.care.T, paid, basis.eligible, p)
    amounts = indexed(paid, basis.eligible, p, r)
    usable = jnp.where(is_base_year(basis, years_of(w), p), amounts, -1.0)
    total = jnp.sum(amounts * share_counted(usable, basis.number), axis=0)
    return r.down(total / (12.0 * basis.number), at(p.rounding.aime, basis.eligible))


def years_of_coverage(w: Workers, basis: Basis, share: jax.Array, p: Any) -> jax.Array:
    """Years with earnings of at least a share of the old-law base [workers] (42 USC 415(a)(1)(C)(ii)).

    Args:
        w: workers.
        basis: which years may count.
        share: of the base, by calendar year [years].
        p: the law.
    """
    years = years_of(w)
    needed = (share * p.old_law_base)[: w.earnings.shape[1], None]
    enough = (needed - 1e-6 <= w.earnings.T) & is_base_year(basis, years, p)
    before_1951 = jnp.sum(taxable(w, p)[: 1951 - FIRST_YEAR], axis=0)
    whole = jnp.floor(before_1951 / p.special_minimum.early_amount[0] + 1e-6)
    return jnp.sum(enough, axis=0) + lesser(whole, p.special_minimum.early_most[0])
