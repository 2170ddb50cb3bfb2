"""Primary insurance amount: the benefit formula, cost-of-living increases, the special minimum (42 USC 415)."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxsim.dynamic.oasdi.age import full_retirement_month
from jaxsim.dynamic.oasdi.basis import Basis, lesser, main_basis, other_bases
from jaxsim.dynamic.oasdi.careers import DISABILITY, NEVER, Workers, at, year
from jaxsim.dynamic.oasdi.computation import average_indexed_monthly_earnings, years_of_coverage
from jaxsim.dynamic.oasdi.law import FIRST_YEAR
from jaxsim.dynamic.oasdi.options import at_least, credit_beyond, formula
from jaxsim.dynamic.oasdi.pensions import windfall_factor, without_windfall
from jaxsim.dynamic.oasdi.rounding import Rounding
from jaxsim.numerics import higher_of, lower_of, relu

FIRST_INCREASE = 1975
UNDERPAID_UNTIL = 12 * 2001 + 6
"""July 2001: months before it were paid with the increase of December 1999 as first computed (POMS RS 00601.122)."""


def before_increases(w: Workers, basis: Basis, p: Any, r: Rounding) -> tuple[jax.Array, jax.Array]:
    """Average indexed monthly earnings and the primary insurance amount from them, each [workers], $/month.

    A pension from work that is not covered lowers the amount.
    """
    aime = average_indexed_monthly_earnings(w, basis, p, r)
    more = credit_beyond(w, basis, p, r)
    first = by_formula(aime, basis.eligible, p, r, more)
    if w.pension is not None:
        modified = by_formula(aime, basis.eligible, p, r, more, windfall_factor(w, basis, p))
        first = without_windfall(first, modified, w, p, r)
    return aime, at_least(first, w, basis, p, r)


def by_formula(
    aime: jax.Array, eligible: jax.Array, p: Any, r: Rounding, more: Any = 0.0, first_factor: jax.Array | None = None
) -> jax.Array:
    """Primary insurance amount before increases [workers], $/month (42 USC 415(a)(1)(A)).

    Args:
        aime: average indexed monthly earnings [workers].
        eligible: year whose bend points and factors apply [workers].
        p: the law.
        r: rounding.
        more: what a reform adds before rounding [workers].
        first_factor: in place of the first of the factors [workers]; None for the law's own.
    """
    points, factors = (at(s, eligible) for s in formula(p))
    factors = factors if first_factor is None else factors.at[:, 0].set(first_factor)
    amount = _pieces(aime, points, factors) + more
    return r.towards(amount, at(p.rounding.pia, eligible), at(p.rounding.pia_down, eligible))


def _pieces(amount: jax.Array, points: jax.Array, factors: jax.Array) -> jax.Array:
    """Shares [workers, parts] of the parts of an amount between points [workers, parts - 1]."""
    found = factors[:, 0] * amount
    for k in range(points.shape[1]):
        found += (factors[:, k + 1] - factors[:, k]) * relu(amount - points[:, k])
    return found


def with_increases(
    amount: jax.Array, since: jax.Array, as_of: jax.Array, p: Any, r: Rounding, family_share: Any = None
) -> jax.Array:
    """An amount with every cost-of-living increase from a year on, as paid for a month (42 USC 415(i)).

    Args:
        amount: [..., workers], $/month.
        since: first year whose increase applies [workers].
        as_of: month [workers]; increases up to and with it.
        p: the law.
        r: rounding, at every increase.
        family_share: least share of the first amount that the second is, while amounts are rounded up; None for none.
    """
    if not r.exact:
        return amount * _growth(since, as_of, p)
    years = jnp.arange(FIRST_YEAR, FIRST_YEAR + p.cola.percent.shape[0])

    def floored(raised: jax.Array, unit: jax.Array) -> jax.Array:
        least = r.towards(family_share * raised[0], unit, jnp.zeros_like(unit))
        return jnp.stack([raised[0], higher_of(raised[1], least)])

    def increase(amount: jax.Array, of: Any) -> tuple[jax.Array, None]:
        of_year, rate, month, underpaid, unit, down = of
        paid = rate - jnp.where(as_of < UNDERPAID_UNTIL, underpaid, 0.0)
        applies = (of_year >= since) & (12 * of_year + month.astype(of_year.dtype) - 1 <= as_of) & (paid > 0)
        raised = r.towards(amount * (1.0 + paid), unit, down)
        if family_share is not None:  # few years round up: a branch, as the floor takes longer than all the rest
            raised = jax.lax.cond(down > 0.5, lambda x, _: x, floored, raised, unit)
        return jnp.where(applies, raised, amount), None

    series = (years, increases(p), p.cola.month, p.cola.underpaid, p.rounding.pia, p.rounding.increase_down)
    first = FIRST_INCREASE - FIRST_YEAR
    return jax.lax.scan(increase, amount, jax.tree.map(lambda s: s[first : len(years)], series))[0]


def increases(p: Any) -> jax.Array:
    """Rates of cost-of-living increases by year [years from 1937]; reforms may add to those by prices, down to 0."""
    return relu(jnp.asarray(p.cola.percent) + p.cola.added)


def _growth(since: jax.Array, as_of: jax.Array, p: Any) -> jax.Array:
    """Growth by the increases from a year to a month [workers], without rounding: a ratio of products over years."""

    def level(rates: jax.Array) -> jax.Array:
        """Product of all increases before a year [years + 1]."""
        return jnp.concatenate([jnp.ones(1, rates.dtype), jnp.cumprod(1.0 + rates)])

    this = year(as_of)
    due = as_of % 12 + 1 >= at(p.cola.month, this)
    after = jnp.where(due, this + 1, this)
    after = jnp.where(after > since, after, since)
    rates = increases(p)
    paid, first_paid = level(rates), level(rates - p.cola.underpaid)
    early = as_of < UNDERPAID_UNTIL
    return jnp.where(early, at(first_paid, after) / at(first_paid, since), at(paid, after) / at(paid, since))


class Amounts(NamedTuple):
    """Amounts of workers for the month asked for, each [workers].

    Attributes:
        aime: average indexed monthly earnings, $/month.
        pia: primary insurance amount, $/month.
        regular: the same by the formula alone, without the special minimum; delayed credits are added to it.
        family_maximum: most that the family is paid, $/month.
    """

    aime: jax.Array
    pia: jax.Array
    regular: jax.Array
    family_maximum: jax.Array


def family_maximum(first: jax.Array, aime: jax.Array, eligible: jax.Array, disabled: Any, p: Any, r: Rounding) -> Any:
    """Most that a family is paid, before increases [workers], $/month.

    A share of each part of the amount first computed. Of a disabled worker it is 85 percent of the AIME, but at least
    the primary insurance amount and at most one and a half times it (42 USC 403(a)(1) and (6)).

    Args:
        first: primary insurance amount before increases [workers].
        aime: average indexed monthly earnings [workers].
        eligible: year whose bend points and factors apply [workers].
        disabled: whether the maximum is that of the disabled [workers].
        p: the law.
        r: rounding.
    """
    usual = _pieces(first, at(p.family_maximum.bend_points, eligible), at(p.family_maximum.factors, eligible))
    limits = p.family_maximum.disability
    capped = higher_of(at(limits.earnings_share, eligible) * aime, at(limits.least, eligible) * first)
    capped = lower_of(capped, at(limits.most, eligible) * first)
    family = jnp.where(disabled, capped, usual)
    return r.towards(family, at(p.rounding.pia, eligible), at(p.rounding.pia_down, eligible))


def amounts(w: Workers, basis: Basis, p: Any, r: Rounding) -> Amounts:
    """The amounts on a basis: by the formula or, if that is more, the special minimum.

    A pension from work that is not covered lowers what the formula gives, and with it the family maximum and every
    increase, but not the special minimum. The family maximum of the disabled holds until full retirement age, with the
    special minimum as well (42 USC 403(a)(6)), and is never below the worker's own amount.
    """
    eligible = basis.eligible
    aime, first = before_increases(w, basis, p, r)
    is_disabled = (w.kind == DISABILITY) & (w.as_of < full_retirement_month(w.born, p))
    family = family_maximum(first, aime, eligible, is_disabled, p, r)
    both = with_increases(jnp.stack([first, family]), eligible, w.as_of, p, r)

    least, of_family = special_minimum(w, basis, p, r)
    of_family = jnp.where(is_disabled, higher_of(both[1], least), of_family)
    is_special = least > both[0]
    return Amounts(aime, jnp.where(is_special, least, both[0]), both[0], jnp.where(is_special, of_family, both[1]))


def best_amounts(w: Workers, p: Any, r: Rounding) -> Amounts:
    """The amounts on the basis that is best for the worker [workers]."""
    main = amounts(w, main_basis(w, p), p, r)

    def better(best: Amounts, basis: Basis) -> tuple[Amounts, None]:
        other = amounts(w, basis, p, r)
        is_better = (basis.applies > 0) & (other.pia > best.pia)
        return jax.tree.map(lambda a, b: jnp.where(is_better, b, a), best, other), None

    def with_others(main: Amounts) -> Amounts:
        stacked = jax.tree.map(lambda *fields: jnp.stack(fields), *other_bases(w, p))
        return jax.lax.scan(better, main, stacked)[0]

    return jax.lax.cond(jnp.any(w.onset < NEVER), with_others, lambda main: main, main)


def special_minimum(w: Workers, basis: Basis, p: Any, r: Rounding) -> tuple[jax.Array, jax.Array]:
    """Special minimum primary insurance amount, for long careers at low pay, and its family maximum, $/month each.

    Source: 42 USC 415(a)(1)(C); 20 CFR part 404, subpart C, appendix V: the family maximum is one and a half times the
    amount of 1979 with its own increases, to 1981 at least one and a half times the amount increased.
    """
    since = jnp.full_like(basis.eligible, 1979)
    years = years_of_coverage(w, basis, p.special_minimum.coverage_share, p)
    counted = relu(years - at(p.special_minimum.first_years, since))
    amount = at(p.special_minimum.amount, since) * lesser(counted, at(p.special_minimum.most_years, since))
    family = r.towards(1.5 * amount, at(p.rounding.pia, since), jnp.zeros_like(amount))
    increased = with_increases(jnp.stack([amount, family]), since, w.as_of, p, r, family_share=1.5)
    return increased[0], increased[1]
