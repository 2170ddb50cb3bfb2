"""Workers as arrays: when they attain ages, what they earned, what happened to them.

Months are counted from the year 0: January of the year y is 12 y. An age is attained on the day before the birthday
(20 CFR 404.2(c)(4)), so what counts is that day: who is born on 1 January 1960 attains every age in December.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxsim.dynamic.oasdi.law import FIRST_YEAR

NEVER = 12 * 9999
"""Month of an event that does not happen."""

OLD_AGE, DISABILITY, SURVIVOR = range(3)
KINDS = ("old_age", "disability", "survivor")


class Workers(NamedTuple):
    """Workers and their claims, each field [workers] but for the earnings.

    Attributes:
        born: month of the day before the birth date.
        whole_month: 1 where that day is the first of its month, so that an age is held throughout the month.
        kind: code of `KINDS`.
        entitlement: first month of the benefit; of a dead worker that of their own, `NEVER` without one.
        as_of: month of the benefit asked for.
        onset: month in which a disability began; `NEVER`.
        onset_first: 1 where it began on the first of its month.
        death: month of death; `NEVER`.
        quarters: of coverage, as given; negative to count them from earnings.
        earnings: covered earnings before the taxable maximum [workers, years from 1937], $/year.
        pension: from work that is not covered, in the first month of both it and the benefit, $/month; None for all.
        pension_from: month from which it is paid, `NEVER` without one; None where `pension` is.
        care_years: of the disabled, without earnings and with a child under three in the household; None for none.
        retired: month from which the worker no longer works, for the earnings test by month; None where not known.
        care: 1 in years of care that a reform credits [workers, years from 1937]; None for none.
    """

    born: jax.Array
    whole_month: jax.Array
    kind: jax.Array
    entitlement: jax.Array
    as_of: jax.Array
    onset: jax.Array
    onset_first: jax.Array
    death: jax.Array
    quarters: jax.Array
    earnings: jax.Array
    pension: jax.Array | None = None
    pension_from: jax.Array | None = None
    care_years: jax.Array | None = None
    retired: jax.Array | None = None
    care: jax.Array | None = None


def year(month: jax.Array) -> jax.Array:
    """Calendar year of a month."""
    return month // 12


def years_of(w: Workers) -> jax.Array:
    """Calendar years of the earnings [years, 1]."""
    return jnp.arange(FIRST_YEAR, FIRST_YEAR + w.earnings.shape[1], dtype=w.born.dtype)[:, None]


def attains(born: jax.Array, months: Any) -> jax.Array:
    """Month in which an age in months is attained."""
    return born + jnp.asarray(months, born.dtype)


def at(series: jax.Array, of_year: jax.Array) -> jax.Array:
    """Values of a series [years from 1937, ...] in a year of each worker's own [workers]."""
    return jnp.asarray(series)[within(of_year - FIRST_YEAR, series.shape[0] - 1)]


def within(number: jax.Array, most: int) -> jax.Array:
    """Whole numbers, moved to 0 or to the most where they lie outside."""
    return jnp.where(number < 0, 0, jnp.where(number > most, most, number))


def earned_in(earnings: jax.Array, of_year: jax.Array) -> jax.Array:
    """Earnings [workers, years from 1937] in a year of each worker's own [..., workers]; 0 in years not there."""
    place, most = of_year - FIRST_YEAR, earnings.shape[1] - 1
    rows = within(place, most).reshape(-1, place.shape[-1])
    found = jnp.take_along_axis(earnings.T, rows, axis=0).reshape(place.shape)
    return jnp.where((place < 0) | (place > most), 0, found)
