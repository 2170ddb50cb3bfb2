"""What reforms propose and present law has not: price indexing, credits beyond the maximum, minimum benefits.

They are parameters like others, so that options of the Office of the Chief Actuary are reforms. Where they are off
nothing is computed for them.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from jaxsim.dynamic.oasdi.basis import Basis, is_base_year
from jaxsim.dynamic.oasdi.careers import Workers, at, years_of
from jaxsim.dynamic.oasdi.computation import average_indexed_monthly_earnings, taxable
from jaxsim.dynamic.oasdi.insured import quarters_by_year
from jaxsim.dynamic.oasdi.rounding import Rounding
from jaxsim.numerics import higher_of, lower_of, relu, safe_div

LAG = 2
"""Years from an index to the year of eligibility whose formula follows it (42 USC 415(a)(1)(B)(iii))."""
OF_YEAR = 4
"""Quarters of coverage of a year of work."""


def formula(p: Any) -> tuple[jax.Array, jax.Array]:
    """Bend points [years, 3] and factors [years, 4] of the benefit formula by year of first eligibility.

    A share of price indexing takes the growth of wages over prices off them, year after year.
    """
    points = jnp.concatenate([p.pia.bend_points, p.pia.upper_bend_point[:, None]], axis=1)
    factors = jnp.concatenate([p.pia.factors, p.pia.upper_factor[:, None]], axis=1)
    prices, wages = jnp.asarray(p.price_index), jnp.asarray(p.wage_index)
    growth = (prices[1:] / prices[:-1]) / (wages[1:] / wages[:-1])
    real = jnp.concatenate([jnp.ones(LAG + 1, growth.dtype), growth[: len(points) - LAG - 1]])[:, None]

    def slowed(share: jax.Array) -> jax.Array:
        return jnp.cumprod(1.0 + share * (real - 1.0), axis=0)

    return points * slowed(p.pia.price_indexing.bend_points[:, None]), factors * slowed(p.pia.price_indexing.factors)


def beyond_maximum(w: Workers, p: Any) -> jax.Array:
    """Earnings beyond the taxable maximum that are taxed [years, workers], $/year."""
    taxed, threshold, most = (
        s[: w.earnings.shape[1], None]
        for s in (p.beyond_maximum.taxed, p.beyond_maximum.threshold, p.taxable_maximum)
    )  # fmt: skip
    return taxed * relu(w.earnings.T - higher_of(threshold, most))


def credit_beyond(w: Workers, basis: Basis, p: Any, r: Rounding) -> jax.Array:
    """What earnings beyond the maximum add to the primary insurance amount before increases [workers], $/month."""

    def credit() -> jax.Array:
        average = average_indexed_monthly_earnings(w, basis, p, r, beyond_maximum(w, p))
        return at(p.beyond_maximum.factor, basis.eligible) * average

    none = jnp.zeros(len(w.born), jnp.result_type(p.beyond_maximum.factor))
    return jax.lax.cond(jnp.any(jnp.asarray(p.beyond_maximum.taxed) > 0), credit, lambda: none)


def at_least(first: jax.Array, w: Workers, basis: Basis, p: Any, r: Rounding) -> jax.Array:
    """An amount before increases, but not below the minimum benefit of a career as long [workers], $/month."""
    rule = p.minimum_benefit

    def raised() -> jax.Array:
        whole = quarters_by_year(taxable(w, p), p) > OF_YEAR - 0.5
        years = jnp.sum(whole & is_base_year(basis, years_of(w), p), axis=0).astype(first.dtype)
        start, full = at(rule.first_years, basis.eligible), at(rule.full_years, basis.eligible)
        share = jnp.where(
            full > start, safe_div(relu(years - start), full - start), (years >= full).astype(first.dtype)
        )
        wages = at(p.wage_index, basis.eligible - LAG) / 12.0
        least = at(rule.share, basis.eligible) * wages * lower_of(share, jnp.ones_like(share))
        return higher_of(first, r.down(least, at(p.rounding.pia, basis.eligible)))

    return jax.lax.cond(jnp.any(jnp.asarray(rule.share) > 0), raised, lambda: first)
