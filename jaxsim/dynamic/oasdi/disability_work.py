"""Work of the disabled: trial work, substantial gainful activity and the end of their benefits (42 USC 422(c), 423).

Nine months of services within five years end the trial work period, in which work takes nothing. After it the first
month of substantial gainful activity and the next two are still paid; in the three years of reentitlement benefits then
stop in months of such activity and resume in others, and the first such month afterwards ends them (20 CFR 404.1592,
404.1592a, 404.325).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxsim.dynamic.oasdi.age import full_retirement_month
from jaxsim.dynamic.oasdi.careers import DISABILITY, NEVER, Workers, at, within, year, years_of
from jaxsim.dynamic.oasdi.law import FIRST_YEAR


class DisabilityWork(NamedTuple):
    """What work does to disability benefits, each [workers].

    Attributes:
        trial_ends: last month of the trial work period; `NEVER`.
        ceases: first month of substantial gainful activity after it; `NEVER`.
        terminates: month from which there is no entitlement; `NEVER`.
        payable: 1 where work leaves the benefit of the month asked for, its family's too, 0 where it does not.
    """

    trial_ends: jax.Array
    ceases: jax.Array
    terminates: jax.Array
    payable: jax.Array


def disability_work(w: Workers, p: Any, blind: Any = False) -> DisabilityWork:
    """Effects of the earnings of disabled workers on their benefits: a pure function, made of steps.

    Earnings of a year are spread evenly over its months; those of the year of the onset are taken as earned before it,
    and trial work begins with entitlement (the regulation asks for the application, too). From full retirement age on
    nothing more ends; what ended before needs a new claim, of old age. Workers of other kinds are let alone. Not looked
    at: reinstatement on request within five years, the suspension of the blind from 55 on, unsuccessful attempts and
    expenses that work with an impairment brings.

    Args:
        w: workers.
        p: the law by year, see `oasdi_law`.
        blind: whether workers are blind [workers], for whom more work is gainful.
    """
    count, law = w.earnings.shape[1], p.sga
    month = (12 * FIRST_YEAR + jnp.arange(12 * count))[:, None].astype(w.born.dtype)
    of_year = year(month[:, 0])
    tested = (w.kind == DISABILITY) & (month >= w.entitlement) & (years_of(w) > year(w.onset)).repeat(12, axis=0)
    tested = tested & (month < full_retirement_month(w.born, p))

    def months_above(amounts: jax.Array) -> jax.Array:
        """Months of the years in which monthly earnings are above amounts [months, workers]."""
        return (12.0 * amounts < w.earnings.T).repeat(12, axis=0) & tested

    def first(of: jax.Array) -> jax.Array:
        return jnp.min(jnp.where(of, month, NEVER), axis=0)

    services = months_above(law.trial_work[:count, None])
    gainful = months_above(jnp.where(jnp.asarray(blind), law.blind[:count, None], law.non_blind[:count, None]))

    total = jnp.cumsum(services, axis=0)
    before = jnp.arange(12 * count) - at(law.trial_window, of_year).astype(w.born.dtype)
    outside = jnp.where((before >= 0)[:, None], total[within(before, 12 * count - 1)], 0)
    trial_ends = first(services & (total - outside >= at(law.trial_months, of_year)[:, None]))

    after = gainful & (month > trial_ends)
    ceases = first(after)
    last_grace = ceases + at(law.grace_months, year(ceases)).astype(ceases.dtype) - 1
    until = trial_ends + at(law.reentitlement_months, year(trial_ends)).astype(trial_ends.dtype)
    gains = first(after & (month > until))  # the first month that ends entitlement, but not the months of grace
    terminates = jnp.where((ceases < NEVER) & (last_grace >= gains), last_grace + 1, gains)

    now = jnp.any(after & (month == w.as_of), axis=0)
    stopped = (w.as_of >= terminates) | (now & (w.as_of > last_grace))
    return DisabilityWork(trial_ends, ceases, terminates, jnp.where(stopped, 0.0, 1.0))
