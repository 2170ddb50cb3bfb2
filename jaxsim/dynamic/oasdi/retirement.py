"""Old-age benefits of every month from 62 to the end of life, for any month of claim.

The primary insurance amount does not depend on the claim. So it is computed once for every January, when another year
of earnings counts, and every December, when prices do; a claim then takes its reduction or credit and what the
earnings test withholds. Months are laid out in spans: each month by itself in the nine calendar years from that of
attaining 62, in which ages and the test change amounts, and afterwards January to November, and December.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxsim.dynamic.oasdi.age import adjusted_months, full_retirement_month, worker_factor, worker_months
from jaxsim.dynamic.oasdi.basis import attains_62
from jaxsim.dynamic.oasdi.careers import Workers, at, earned_in, year
from jaxsim.dynamic.oasdi.earnings_test import deductions, excess_of, last_tested_month, works
from jaxsim.dynamic.oasdi.insured import credits_from, fully_insured
from jaxsim.dynamic.oasdi.pia import best_amounts, increases
from jaxsim.dynamic.oasdi.rounding import Rounding
from jaxsim.dynamic.oasdi.worker import before_dollars

BY_MONTH = 9
"""Calendar years, from that of attaining 62 to that of attaining 70, whose months stand by themselves."""
YEARS = 59
"""Calendar years from that of attaining 62 to that of attaining 120."""
LAST_PENSION = 2024
"""Year in which amounts are computed again without regard to pensions (P.L. 118-273)."""
SPANS = 12 * BY_MONTH + 2 * (YEARS - BY_MONTH)


class Retirement(NamedTuple):
    """Primary insurance amounts over a retirement, each [spans, workers] but the last.

    Attributes:
        month: the first month of a span.
        pia: primary insurance amount, $/month.
        regular: the same by the formula alone, to which delayed credits are added.
        credits_from: first month that can earn a delayed credit [workers].
    """

    month: jax.Array
    pia: jax.Array
    regular: jax.Array
    credits_from: jax.Array


def retirement(w: Workers, p: Any, exact: bool = True) -> Retirement:
    """Primary insurance amounts of workers from the year of attaining 62 on.

    The increase of December 1999 counts in full from its first month: what was not paid then was paid later
    (P.L. 106-554).

    Args:
        w: workers without a disability, who attain 62 after 1982, when increases took effect in December (with the
            earnings test after 1996, since when it ends at full retirement age within the years tested); the months of
            their claims are not read.
        p: the law by year, see `oasdi_law`.
        exact: round as the statute does.
    """
    r = Rounding(exact)
    p = p.replace({"cola.underpaid": jnp.zeros_like(p.cola.underpaid)})
    first = attains_62(w)
    earned = w.earnings if w.care is None else w.earnings + w.care

    def of_year(december: jax.Array, k: jax.Array) -> tuple[jax.Array, jax.Array]:
        this = first + k.astype(first.dtype)
        anew = (k == 0) | (earned_in(earned, this - 1) > 0)
        if w.pension is not None:
            anew = anew | (this <= LAST_PENSION)

        def again() -> jax.Array:
            found = best_amounts(w._replace(as_of=12 * this), p, r)
            return jnp.where(anew, jnp.stack([found.pia, found.regular]), december)

        january = jax.lax.cond(jnp.any(anew), again, lambda: december)
        after = _increased(january, this, p, r)
        return after, jnp.stack([january, after])

    kind = jnp.result_type(jnp.asarray(w.earnings), jnp.asarray(p.pia.factors))
    amounts = jax.lax.scan(of_year, jnp.zeros((2, len(w.born)), kind), jnp.arange(YEARS))[1]  # [years, 2, 2, workers]
    january = 12 * first
    month = january + jnp.arange(12 * YEARS, dtype=january.dtype)[:, None]
    pia, regular = (_firsts(_each_month(amounts[:, :, k])) for k in range(2))
    return Retirement(_firsts(month), pia, regular, credits_from(w, p))


def _increased(amounts: jax.Array, of_year: jax.Array, p: Any, r: Rounding) -> jax.Array:
    """Amounts [2, workers] with the increase of a year; after the law's last year its rate goes on."""
    rate, unit, down = (at(s, of_year) for s in (increases(p), p.rounding.pia, p.rounding.increase_down))
    return jnp.where(rate > 0, r.towards(amounts * (1.0 + rate), unit, down), amounts)


def _each_month(halves: jax.Array) -> jax.Array:
    """Values of January to November, and of December, [years, 2, ...] for every month [months, ...]."""
    months = jnp.concatenate([jnp.repeat(halves[:, :1], 11, axis=1), halves[:, 1:]], axis=1)
    return months.reshape(-1, *halves.shape[2:])


def _firsts(by_month: jax.Array) -> jax.Array:
    """Values by month [months, ...] of the first months of spans [spans, ...]."""
    near, far = by_month[: 12 * BY_MONTH], by_month[12 * BY_MONTH :].reshape(-1, 12, *by_month.shape[1:])
    return jnp.concatenate([near, far[:, [0, 11]].reshape(-1, *by_month.shape[1:])])


def in_spans(by_month: jax.Array) -> jax.Array:
    """Values by month from January of the year of attaining 62 [months, ...] added up by span [spans, ...]."""
    near, far = by_month[: 12 * BY_MONTH], by_month[12 * BY_MONTH :].reshape(-1, 12, *by_month.shape[1:])
    both = jnp.stack([far[:, :11].sum(axis=1), far[:, 11]], axis=1)
    return jnp.concatenate([near, both.reshape(-1, *by_month.shape[1:])])


def by_month(of_spans: jax.Array) -> jax.Array:
    """Monthly amounts by span [spans, ...] for every month [months, ...]."""
    near, far = of_spans[: 12 * BY_MONTH], of_spans[12 * BY_MONTH :].reshape(-1, 2, *of_spans.shape[1:])
    return jnp.concatenate([near, _each_month(far)])


def paid(of: Retirement, w: Workers, p: Any, exact: bool = True, earnings_test: bool = True) -> jax.Array:
    """Benefits of workers who claim with `w.entitlement` and live on [spans, workers], $/month.

    Args:
        of: see `retirement`.
        w: the same workers with the month of their claim.
        p: the law by year.
        exact: round as the statute does.
        earnings_test: withhold benefits on account of earnings, and give the months back at full retirement age.

    Returns:
        0 before the claim and for workers who are not insured at it. Claims from the year of attaining 62 to that of
        attaining 70 are covered; those before the first month that the law allows are not refused, see `first_month`.
    """
    r = Rounding(exact)
    of_year = year(of.month)
    months = worker_months(w._replace(as_of=of.month), p, of.credits_from)
    entitled = (of.month >= w.entitlement) & (fully_insured(w, p)[2] > 0)

    def amounts(months: jax.Array) -> jax.Array:
        factor = worker_factor(months, w.born, p)
        return jnp.where(entitled, before_dollars(of.pia, of.regular, months, factor, of_year, p, r), 0.0)

    before = amounts(months)
    withheld = jnp.zeros_like(before)
    if earnings_test:
        taken, lost = _withheld(before, of.month, w, p, r)
        before = amounts(adjusted_months(w._replace(as_of=of.month), months, lost, p))
        withheld = jnp.concatenate([taken, jnp.zeros_like(before[len(taken) :])])
    return r.down(before - withheld, at(p.rounding.benefit, of_year))


def _withheld(amount: jax.Array, month: jax.Array, w: Workers, p: Any, r: Rounding) -> tuple[jax.Array, jax.Array]:
    """What work takes of each month of the first years [months, workers], $, and months so lost [workers]."""
    near = (BY_MONTH, 12, len(w.born))
    month, amount = (x[: 12 * BY_MONTH].reshape(near) for x in (month, amount))
    this = year(month[:, 0])
    tested = month < last_tested_month(w.born, this, p)[:, None]
    charged = jnp.where(tested & works(w, month), amount, 0.0)
    taken = jax.vmap(deductions)(excess_of(w, this, p, r), charged)
    lost = jnp.sum((taken > 0) & (month < full_retirement_month(w.born, p)), axis=(0, 1))
    return taken.reshape(-1, len(w.born)), lost.astype(amount.dtype)
