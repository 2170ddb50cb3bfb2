"""Reductions for early and credits for late claims, by month (42 USC 402(q) and (w))."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from jaxsim.dynamic.oasdi.careers import DISABILITY, NEVER, SURVIVOR, Workers, at, attains, year
from jaxsim.numerics import relu


def full_retirement_month(born: jax.Array, p: Any) -> jax.Array:
    """Month in which full retirement age is attained [persons] (42 USC 416(l))."""
    return attains(born, at(p.full_retirement_age.worker, year(born) + 62).astype(born.dtype))


def first_month(w: Workers, p: Any) -> jax.Array:
    """First month of old-age benefits [workers]: that throughout which 62 is attained (42 USC 402(a)(2)).

    By the law of the year in which the worker claims.
    """
    first = attains(w.born, at(p.earliest_age.worker, year(w.entitlement)).astype(w.born.dtype))
    return first + jnp.where(w.whole_month > 0, 0, 1)


def widow_full_retirement_month(born: jax.Array, p: Any) -> jax.Array:
    """Month in which a widow or widower attains full retirement age [persons] (42 USC 416(l)(2))."""
    return attains(born, at(p.full_retirement_age.widow, year(born) + 60).astype(born.dtype))


def worker_months(w: Workers, p: Any, credits_from: jax.Array) -> jax.Array:
    """Months of reduction, negative, or of credit, positive [workers]; 0 for the disabled.

    Credits stop at 70. Those of a year are paid from the next January, but at 70 and to survivors at once (42 USC
    402(w)(2), 20 CFR 404.313); who dies before claiming earns them up to the month before death.

    Args:
        w: workers.
        p: the law.
        credits_from: first month that can earn a credit [workers], see `insured.credits_from`.
    """
    full = full_retirement_month(w.born, p)
    at_70 = attains(w.born, at(p.delayed_credit.last_age, year(w.born) + 70).astype(w.born.dtype))
    dead = w.kind == SURVIVOR
    paid_from = jnp.where(dead, w.death, jnp.where(w.as_of < at_70, 12 * year(w.as_of), at_70))
    last = jnp.where(w.entitlement < at_70, w.entitlement, at_70)
    last = jnp.where(last < paid_from, last, paid_from)
    credit = jnp.where(last > credits_from, last - credits_from, 0)
    months = jnp.where(w.entitlement < full, w.entitlement - full, credit)
    disabled = (w.kind == DISABILITY) | (dead & (w.onset < NEVER))
    return jnp.where(disabled, 0, months).astype(jnp.result_type(float))


def adjusted_months(w: Workers, months: jax.Array, withheld: jax.Array, p: Any) -> jax.Array:
    """Months of reduction or credit from full retirement age on [workers]: those withheld for work no longer reduce.

    Months count in which the earnings test took all or part of the benefit (42 USC 402(q)(7)(A), POMS RS 00615.482).
    """
    adjusts = (months < 0) & (w.as_of >= full_retirement_month(w.born, p))
    return jnp.where(adjusts, -relu(-months - withheld), months)


def early_share(months: jax.Array, rates: Any, claimed: jax.Array) -> jax.Array:
    """Share by which a benefit is reduced for months of early claiming [persons]."""
    first = at(rates.first_months, claimed)
    within = jnp.where(months < first, months, first)
    return at(rates.first_rate, claimed) * within + at(rates.further_rate, claimed) * relu(months - first)


def worker_factor(months: jax.Array, born: jax.Array, p: Any) -> jax.Array:
    """Benefit as a share of the primary insurance amount, from months of reduction or credit [workers]."""
    at_62 = year(born) + 62
    credit = at(p.delayed_credit.rate, at_62)
    return 1.0 - early_share(relu(-months), p.reduction.worker, at_62) + credit * relu(months)


def spouse_factor(born: jax.Array, entitlement: jax.Array, p: Any) -> jax.Array:
    """Spouse's benefit as a share of that without reduction [spouses]; no credit for claiming late."""
    early = relu((full_retirement_month(born, p) - entitlement).astype(jnp.result_type(float)))
    return 1.0 - early_share(early, p.reduction.spouse, year(born) + 62)


def widow_factor(born: jax.Array, entitlement: jax.Array, p: Any) -> jax.Array:
    """Widow's or widower's benefit as a share of that without reduction [widows].

    The reduction at 60 is spread evenly over the months to full retirement age; before 60 it stays that of 60.
    """
    full = widow_full_retirement_month(born, p)
    at_60 = attains(born, 720)
    span = (full - at_60).astype(jnp.result_type(float))
    early = relu((full - entitlement).astype(span.dtype))
    return 1.0 - at(p.reduction.widow.most, year(entitlement)) * jnp.where(early < span, early, span) / span
