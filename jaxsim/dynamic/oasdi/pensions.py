"""Pensions from work that Social Security does not cover: what they took off benefits of months before 2024.

The windfall elimination provision lowers the worker's own amount (42 USC 415(a)(7), 20 CFR 404.213), the government
pension offset what a spouse or survivor is paid (42 USC 402(k)(5), 20 CFR 404.408a). Both are repealed for months after
December 2023 (P.L. 118-273).
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from jaxsim.dynamic.oasdi.basis import Basis, attains_62, greater, lesser
from jaxsim.dynamic.oasdi.careers import SURVIVOR, Workers, at, year
from jaxsim.dynamic.oasdi.computation import years_of_coverage
from jaxsim.dynamic.oasdi.rounding import Rounding
from jaxsim.numerics import higher_of, lower_of, relu

FIRST_ELIGIBLE = 1986
"""Workers eligible earlier keep the ordinary formula (42 USC 415(a)(7)(A))."""
EXEMPT_YEARS = 30
"""Years of coverage with which the ordinary formula holds (42 USC 415(a)(7)(D))."""
TWO_THIRDS_FOR_ALL = 12 * 1984 + 11
"""December 1984 (P.L. 98-617)."""
PHASED_IN = 1990
"""Year of eligibility from which the lowest factor holds in full; years of coverage raise it from there for all."""


def first_eligible(w: Workers) -> jax.Array:
    """Year of first eligibility for a benefit of old age or disability [workers]; a dead worker's would be, too."""
    return lesser(attains_62(w), year(w.onset))


def windfall_factor(w: Workers, basis: Basis, p: Any) -> jax.Array:
    """First factor of the formula of workers with a pension [workers] (42 USC 415(a)(7)(B)(ii) and (D)).

    That of the year of eligibility or, if larger, the lowest one raised for every year of coverage above the first
    twenty (in months before 1989, twenty-five), at most the ordinary factor. A year of coverage takes a quarter of the
    old-law base also after 1990.
    """
    eligible, of = first_eligible(w), year(w.as_of)
    years = years_of_coverage(w, basis, p.wep.coverage_share, p)
    lowest = at(p.wep.factor, greater(eligible, jnp.full_like(eligible, PHASED_IN)))
    raised = lowest + at(p.wep.factor_per_year, of) * relu(years - at(p.wep.first_years, of))
    ordinary = at(p.pia.factors, basis.eligible)[:, 0]
    lowered = lower_of(higher_of(raised, at(p.wep.factor, eligible)), ordinary)
    return jnp.where(years >= EXEMPT_YEARS, ordinary, lowered)


def without_windfall(first: jax.Array, modified: jax.Array, w: Workers, p: Any, r: Rounding) -> jax.Array:
    """Primary insurance amount before increases of workers with a pension [workers], $/month.

    The larger of the amount by the modified formula and the ordinary one less half of the pension (42 USC
    415(a)(7)(B)(i)), which SSA's programs round down to the dime. It holds for the months of both pension and benefit;
    who died is treated as though there had never been a pension (42 USC 415(f)(9), 20 CFR 404.288(c)).

    Args:
        first: amount by the ordinary formula [workers].
        modified: amount by the formula with `windfall_factor` [workers].
        w: workers, who have pensions.
        p: the law.
        r: rounding.
    """
    eligible, pension, pension_from = first_eligible(w), jnp.asarray(w.pension), jnp.asarray(w.pension_from)
    guaranteed = first - r.down(at(p.wep.pension_share, eligible) * pension, at(p.rounding.pia, eligible))
    in_force = (at(p.wep.in_force, year(w.as_of)) > 0) & (eligible >= FIRST_ELIGIBLE)
    applies = in_force & (w.kind != SURVIVOR) & (pension_from <= w.as_of)
    return jnp.where(applies, higher_of(modified, guaranteed), first)


def pension_offset(pension: Any, pension_from: Any, as_of: jax.Array, p: Any, r: Rounding) -> jax.Array:
    """What a government pension takes off a spouse's or survivor's benefit [members], $/month, up to the next dime.

    Two thirds of the pension of the month; all of it for months before December 1984 of those eligible for the pension
    before July 1983 (42 USC 402(k)(5)(A), 20 CFR 404.408a(d)).

    Args:
        pension: of the month asked for [members], $/month.
        pension_from: month from which it is paid [members].
        as_of: month asked for [members].
        p: the law.
        r: rounding.
    """
    of = year(as_of)
    by = jnp.where(as_of >= TWO_THIRDS_FOR_ALL, of, year(pension_from))
    offset = r.towards(at(p.gpo.share, by) * pension, at(p.rounding.pia, of), jnp.zeros_like(pension))
    return jnp.where((at(p.gpo.in_force, of) > 0) & (pension_from <= as_of), offset, 0.0)
