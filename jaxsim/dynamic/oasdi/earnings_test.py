"""Deductions from benefits on account of work, the earnings test, and what they give back (42 USC 403(b), (f)).

Earnings above an exempt amount are charged, in part, against the benefits of the year, month by month from its first,
until nothing is left to charge. From full retirement age on the months so lost, in full or in part, no longer reduce
the benefit for age (42 USC 402(q)(7)). In one year, the first in which the worker no longer works, months without work
are not charged whatever was earned before (42 USC 403(f)(1)(E)): where the month of retirement is known.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxsim.dynamic.oasdi.age import full_retirement_month
from jaxsim.dynamic.oasdi.careers import NEVER, OLD_AGE, Workers, at, attains, earned_in, within, year
from jaxsim.dynamic.oasdi.rounding import Rounding
from jaxsim.dynamic.oasdi.worker import worker_benefits
from jaxsim.numerics import lower_of, relu, safe_div

DOLLAR = 1.0
SPAN = 9
"""Calendar years from the first of entitlement, at 62, in which the test may apply: to 70 before 2000."""


class WorkDeductions(NamedTuple):
    """What work takes from old-age benefits.

    Attributes:
        year: calendar years from that of entitlement [SPAN, workers].
        excess: earnings charged [SPAN, workers], $/year.
        withheld: of the year's benefits [SPAN, workers], $/year.
        months: before full retirement age in which something was withheld [workers].
    """

    year: jax.Array
    excess: jax.Array
    withheld: jax.Array
    months: jax.Array


def last_tested_month(born: jax.Array, of_year: jax.Array, p: Any) -> jax.Array:
    """The month, full retirement age or earlier 70, from which a year's test no longer applies [...]."""
    exempt = attains(born, at(p.earnings_test.exempt_age, of_year).astype(born.dtype))
    return jnp.where(at(p.earnings_test.ends_at_full_age, of_year) > 0, full_retirement_month(born, p), exempt)


def works(w: Workers, month: jax.Array) -> jax.Array:
    """Whether months are charged though the worker may no longer work [..., workers] (42 USC 403(f)(1)(E)).

    Not in the first year of entitlement in which work has ended, from the month of retirement on.
    """
    if w.retired is None:
        return jnp.ones_like(month, bool)
    without = jnp.where(w.retired > w.entitlement, w.retired, w.entitlement)
    return (month < w.retired) | (year(month) != year(without))


def excess_earnings(earnings: jax.Array, born: jax.Array, of_year: jax.Array, p: Any, r: Rounding) -> jax.Array:
    """The part of a year's earnings that is charged against benefits [...], $/year (42 USC 403(f)(3) and (8)).

    Args:
        earnings: of the year, before the month in which the test ends [...], $/year.
        born: month of the day before the birth date [...].
        of_year: calendar year [...].
        p: the law.
        r: rounding.
    """
    law = p.earnings_test
    in_full_age = year(full_retirement_month(born, p)) <= of_year
    at_65 = year(attains(born, at(law.higher_age, of_year).astype(born.dtype))) <= of_year
    is_higher = jnp.where(at(law.ends_at_full_age, of_year) > 0, in_full_age, at_65)
    exempt = jnp.where(is_higher, at(law.exempt.higher, of_year), at(law.exempt.lower, of_year))
    rate = jnp.where(is_higher, at(law.withholding.higher, of_year), at(law.withholding.lower, of_year))
    return r.down(rate * relu(earnings - exempt), DOLLAR)


def excess_of(w: Workers, of_year: jax.Array, p: Any, r: Rounding) -> jax.Array:
    """What is charged of the workers' earnings of a year [..., workers], $/year.

    The earnings of the year in which the test ends count in proportion to its months before that.
    """
    months = within(last_tested_month(w.born, of_year, p) - 12 * of_year, 12)
    return excess_earnings(earned_in(w.earnings, of_year) * months / 12.0, w.born, of_year, p, r)


def deductions(excess: jax.Array, monthly: jax.Array) -> jax.Array:
    """What is withheld of each month's benefits [months, ...], $: from the first month until the excess is used up.

    Args:
        excess: earnings charged [...], $.
        monthly: benefits of months, a family's together, 0 in those not to be charged [months, ...], $.
    """
    before = jnp.cumsum(monthly, axis=0) - monthly
    return lower_of(relu(excess - before), monthly)


def partial_month(payable: jax.Array, original: jax.Array, most: jax.Array, r: Rounding) -> jax.Array:
    """What is left of a month charged in part, among a family [members, ...], $ (20 CFR 404.439 and 404.440).

    In proportion to original benefits; what a member may not be paid goes to the worker.

    Args:
        payable: to all together [...], $.
        original: benefits before the family maximum, the worker's first [members, ...], $.
        most: benefits without deductions [members, ...], $.
        r: rounding.
    """
    share = original * safe_div(payable, jnp.sum(original, axis=0))
    paid = lower_of(share, most)
    to_worker = jnp.arange(original.shape[0]).reshape((-1,) + (1,) * (original.ndim - 1)) == 0
    return r.down(jnp.where(to_worker, paid + jnp.sum(share - paid, axis=0), paid), DOLLAR)


def work_deductions(w: Workers, p: Any, exact: bool = True) -> WorkDeductions:
    """Deductions from old-age benefits on account of the workers' own earnings, up to the month asked for.

    Benefits change in January, with another year's earnings, and in December, with prices.

    Args:
        w: workers; those of other kinds have no deductions.
        p: the law.
        exact: see `worker_benefits`.
    """
    r = Rounding(exact)
    full = full_retirement_month(w.born, p)
    entitled = (w.kind == OLD_AGE) & (w.entitlement < NEVER)

    def of_year(k: jax.Array) -> tuple[jax.Array, ...]:
        this = year(w.entitlement) + k.astype(w.entitlement.dtype)
        january = jnp.where(k > 0, 12 * this, w.entitlement)
        end = last_tested_month(w.born, this, p)
        months = 12 * this + jnp.arange(12, dtype=this.dtype)[:, None]
        charged = entitled & (months >= w.entitlement) & (months < end) & (months <= w.as_of) & (months < w.death)
        charged = charged & works(w, months)

        def benefit(month: jax.Array) -> jax.Array:
            found = worker_benefits(w._replace(as_of=month), p, exact)
            return found.amount * found.insured

        from_january, december = jax.lax.map(benefit, jnp.stack([january, 12 * this + 11]))
        monthly = jnp.where(charged, jnp.where(months == 12 * this + 11, december, from_january), 0.0)
        excess = jnp.where(jnp.any(charged, axis=0), excess_of(w, this, p, r), 0.0)
        taken = deductions(excess, monthly)
        return this, excess, jnp.sum(taken, axis=0), jnp.sum((taken > 0) & (months < full), axis=0)

    of, excess, withheld, months = jax.lax.map(of_year, jnp.arange(SPAN))
    return WorkDeductions(of, excess, withheld, jnp.sum(months, axis=0).astype(excess.dtype))
