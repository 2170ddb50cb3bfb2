"""What Social Security is worth over a lifetime: present values of contributions and old-age benefits.

Amounts count with the probability of being alive, in prices of the month of valuation, at a real rate of interest.
Benefits are paid at the end of their month to those who live through it (42 USC 402(a)), contributions in the middle of
their year.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxsim.dynamic.oasdi.age import first_month
from jaxsim.dynamic.oasdi.basis import attains_62
from jaxsim.dynamic.oasdi.careers import Workers, at, within, year, years_of
from jaxsim.dynamic.oasdi.computation import taxable
from jaxsim.dynamic.oasdi.law import FIRST_YEAR
from jaxsim.dynamic.oasdi.mortality import Mortality, alive
from jaxsim.dynamic.oasdi.options import beyond_maximum
from jaxsim.dynamic.oasdi.retirement import YEARS, Retirement, by_month, in_spans, paid, retirement
from jaxsim.dynamic.oasdi.worker import worker_benefits
from jaxsim.numerics import safe_div

CLAIM_AGES = range(744, 841)
"""Ages in months at which old-age benefits can be claimed to some effect: 62 to 70."""
FUNDS = ("oasi", "di")
LOWEST, HIGHEST = -0.5, 1.0
"""Bounds of internal rates of return."""
HALVINGS = 40


class Valuation(NamedTuple):
    """How amounts of different months are made comparable.

    Attributes:
        mortality: probabilities of death.
        sex: code of `SEXES` [workers].
        since: month of valuation, at which the workers are known to be alive [workers].
        real_rate: interest above the growth of prices by year [years from 1937], or one rate [].
        contribution_rate: share of taxable earnings that counts as contribution [years from 1937], see
            `contribution_rate`.
    """

    mortality: Mortality
    sex: jax.Array
    since: jax.Array
    real_rate: jax.Array
    contribution_rate: jax.Array


class LifetimeValue(NamedTuple):
    """A lifetime with Social Security, each [workers]; amounts in prices of the month of valuation.

    Attributes:
        contributions: present value, $.
        benefits: present value, $.
        internal_rate: the real rate at which benefits are worth the contributions; NaN without either, and outside of
            -50 to 100 percent.
        replacement_rate: first monthly benefit over average indexed monthly earnings, these in wages of the year before
            the claim.
        benefit: first monthly benefit, before the earnings test, $ of that month.
    """

    contributions: jax.Array
    benefits: jax.Array
    internal_rate: jax.Array
    replacement_rate: jax.Array
    benefit: jax.Array


def contribution_rate(p: Any, funds: tuple[str, ...] = ("oasi",), employer: bool = True) -> jax.Array:
    """Payroll tax as a share of taxable wages [years from 1937], less the credits of employees.

    Args:
        p: the law by year.
        funds: those it goes to, of `FUNDS`; that of disability buys what is not counted among old-age benefits.
        employer: whether the employer's share counts, too.
    """
    rate = p.payroll.employee - p.payroll.employee_credit + (p.payroll.employer if employer else 0.0)
    return sum(rate[:, FUNDS.index(fund)] for fund in funds)


def present_worth(v: Valuation, w: Workers, p: Any, month: jax.Array) -> jax.Array:
    """Worth of a dollar to be had at the beginning of a month by the living [..., workers]."""
    return _prices(p, month, v.since) * alive(v.mortality, v.sex, w.born, v.since, month) * _discount(v, month)


def _between_years(series: jax.Array, month: jax.Array) -> jax.Array:
    """A series that is known in the middle of years, at months, by straight lines which go on beyond its ends."""
    month = month - 6
    whole = within(month // 12 - FIRST_YEAR, len(series) - 2)
    share = (month - 12 * (whole + FIRST_YEAR)) / 12.0
    return series[whole] + share * (series[whole + 1] - series[whole])


def _prices(p: Any, month: jax.Array, since: jax.Array) -> jax.Array:
    """Price level of the month of valuation over that of a month."""
    level = jnp.log(p.price_index)
    return jnp.exp(_between_years(level, since) - _between_years(level, month))


def _discount(v: Valuation, month: jax.Array) -> jax.Array:
    """Present value of a dollar of constant prices [..., workers]."""
    force = jnp.log1p(jnp.broadcast_to(v.real_rate, v.contribution_rate.shape))
    until = jnp.cumsum(force) - force

    def grown(month: jax.Array) -> jax.Array:
        whole = within(month // 12 - FIRST_YEAR, len(force) - 1)
        return until[whole] + force[whole] * (month - 12 * (whole + FIRST_YEAR)) / 12.0

    return jnp.exp(grown(v.since) - grown(month))


def _months(w: Workers) -> jax.Array:
    """Ends of the months of retirement [months, workers]: the beginnings of the months after them."""
    january = 12 * attains_62(w)
    return january + jnp.arange(1, 12 * YEARS + 1, dtype=january.dtype)[:, None]


def _contributions(v: Valuation, w: Workers, p: Any) -> tuple[jax.Array, jax.Array]:
    """Contributions of every year, $, and the month that stands for it, each [years, workers]."""
    paid_in = (taxable(w, p) + beyond_maximum(w, p)) * v.contribution_rate[: w.earnings.shape[1], None]
    return paid_in, jnp.broadcast_to(12 * years_of(w) + 6, paid_in.shape).astype(w.born.dtype)


def benefits_by_claim(
    w: Workers,
    v: Valuation,
    p: Any,
    ages: jax.Array,
    exact: bool = True,
    earnings_test: bool = True,
    of: Retirement | None = None,
) -> jax.Array:
    """Present values of old-age benefits claimed at different ages [ages, workers], $ of the month of valuation.

    Args:
        w: workers; the months of their claims are not read.
        v: how amounts are valued.
        p: the law by year, see `oasdi_law`.
        ages: in months, see `CLAIM_AGES`.
        exact: round as the statute does.
        earnings_test: withhold benefits on account of earnings.
        of: what `retirement` gives for the workers, if it is there already.

    Returns:
        NaN before the first month that the law allows.
    """
    of = retirement(w, p, exact) if of is None else of
    weight = in_spans(present_worth(v, w, p, _months(w)))

    def claimed(age: jax.Array) -> jax.Array:
        claiming = w._replace(entitlement=w.born + age.astype(w.born.dtype))
        value = jnp.sum(paid(of, claiming, p, exact, earnings_test) * weight, axis=0)
        return jnp.where(claiming.entitlement >= first_month(claiming, p), value, jnp.nan)

    return jax.lax.map(claimed, jnp.asarray(ages))


def lifetime_values(
    w: Workers,
    v: Valuation,
    p: Any,
    exact: bool = True,
    earnings_test: bool = True,
    of: Retirement | None = None,
) -> LifetimeValue:
    """Contributions and old-age benefits of workers who claim with `w.entitlement`: a pure function.

    Args: as of `benefits_by_claim`.
    """
    of = retirement(w, p, exact) if of is None else of
    months = _months(w)
    received = by_month(paid(of, w, p, exact, earnings_test))
    paid_in, middle = _contributions(v, w, p)
    contributions = jnp.sum(paid_in * present_worth(v, w, p, middle), axis=0)
    benefits = jnp.sum(received * present_worth(v, w, p, months), axis=0)
    without = v._replace(real_rate=jnp.zeros_like(v.real_rate))
    flows = jnp.concatenate(
        [-paid_in * present_worth(without, w, p, middle), received * present_worth(without, w, p, months)]
    )
    rate = internal_rate(flows, (jnp.concatenate([middle, months]) - v.since) / 12.0)
    first = worker_benefits(w._replace(as_of=w.entitlement), p, exact)
    indexed_to = attains_62(w) - at(p.computation.indexing_lag, attains_62(w)).astype(w.born.dtype)
    wages = at(p.wage_index, year(w.entitlement) - 1) / at(p.wage_index, indexed_to)
    return LifetimeValue(
        contributions,
        benefits,
        jnp.where((contributions > 0) & (benefits > 0), rate, jnp.nan),
        safe_div(first.benefit, first.aime * wages),
        first.benefit,
    )


def internal_rate(flows: jax.Array, years: jax.Array) -> jax.Array:
    """Rate of interest at which flows are worth nothing [workers]; NaN unless it lies between -50 and 100 percent.

    By bisection, and its derivative by the implicit function theorem: one step of Newton's method from the root.

    Args:
        flows: first negative, then positive [flows, workers].
        years: when they are paid [flows, workers].
    """

    def worth(rate: jax.Array) -> jax.Array:
        return jnp.sum(flows * jnp.exp(-years * jnp.log1p(rate)), axis=0)

    def halve(_: int, ends: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        middle = (ends[0] + ends[1]) / 2
        above = jax.lax.stop_gradient(worth(middle)) > 0
        return jnp.where(above, middle, ends[0]), jnp.where(above, ends[1], middle)

    flat = jnp.zeros_like(flows[0])
    low, high = jax.lax.fori_loop(0, HALVINGS, halve, (flat + LOWEST, flat + HIGHEST))
    root = jax.lax.stop_gradient((low + high) / 2)
    slope = jnp.sum(-years * flows * jnp.exp(-(years + 1) * jnp.log1p(root)), axis=0)
    found = root - worth(root) * safe_div(jnp.ones_like(root), jax.lax.stop_gradient(slope))
    inside = (worth(flat + LOWEST) > 0) & (worth(flat + HIGHEST) < 0)
    return jnp.where(inside, found, jnp.nan)
