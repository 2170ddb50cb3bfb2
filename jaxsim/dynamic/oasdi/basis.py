"""The years of a life that a benefit is computed from (42 USC 415(a)(3), 415(b)(2)).

A basis says from which year on a worker was first eligible, how many years are averaged and which do not count. A
period of disability makes a second one: leaving its years out may help or harm, and the worker gets the better
(42 USC 420). Who died while disabled keeps at least the amount of the disability (42 USC 415(a)(2)).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxsim.dynamic.oasdi.age import full_retirement_month
from jaxsim.dynamic.oasdi.careers import DISABILITY, NEVER, SURVIVOR, Workers, at, attains, year, years_of


class Basis(NamedTuple):
    """How years count, each field [workers].

    Attributes:
        eligible: year of first eligibility, by which indexing, formula and increases go.
        number: computation years.
        last: last year whose earnings may count.
        left_out: first year left out, wholly in a period of disability.
        until: first year after those left out.
        applies: 1 where the basis is open to the worker.
    """

    eligible: jax.Array
    number: jax.Array
    last: jax.Array
    left_out: jax.Array
    until: jax.Array
    applies: jax.Array


def lesser(a: jax.Array, b: jax.Array) -> jax.Array:
    """The lesser of two years or months."""
    return jnp.where(a < b, a, b)


def greater(a: jax.Array, b: jax.Array) -> jax.Array:
    """The greater of two years, months or counts."""
    return jnp.where(a > b, a, b)


def attains_62(w: Workers) -> jax.Array:
    """Year of attaining 62 [workers]."""
    return year(attains(w.born, 744))


def elapsed_years(w: Workers, before: jax.Array, p: Any) -> jax.Array:
    """Years after 1950 or, if later, after that of attaining 21, and before a year [workers] (415(b)(2)(B)(iii))."""
    at_21 = year(w.born) + at(p.computation.first_age, before).astype(before.dtype)
    base = at(p.computation.base_after, before).astype(before.dtype)
    return greater(before - 1 - greater(at_21, base), jnp.zeros_like(before))


def _by_life(w: Workers, p: Any, leave_out: bool) -> Basis:
    """By attaining 62 or, before it, death; five years are dropped. `leave_out` those of a disability at death."""
    dead = w.kind == SURVIVOR
    eligible = lesser(attains_62(w), jnp.where(dead, year(w.death), 9999))
    eligible = lesser(eligible, year(w.onset)) if leave_out else eligible
    last = jnp.where(dead, year(w.death), year(w.as_of) - 1)
    return _basis(w, eligible, at(p.computation.dropout_years, eligible), last, p, leave_out)


def _by_disability(w: Workers, p: Any, leave_out: bool) -> Basis:
    """By the onset of a disability or, without leaving its years out, by its first full month (42 USC 423(a)(2)).

    One elapsed year in five is dropped, at most five (42 USC 415(b)(2)(A)(ii)).
    """
    first_full = w.onset + jnp.where(w.onset_first > 0, 0, 1)
    eligible = lesser(attains_62(w), year(w.onset if leave_out else first_full))
    rule = p.computation.disability_dropout
    fifth = jnp.floor(elapsed_years(w, eligible, p) * at(rule.share, eligible) + 1e-6)
    last = year(jnp.where(w.kind == SURVIVOR, w.death, w.as_of)) - 1
    dropped = lesser(fifth, at(rule.most, eligible))
    basis = _basis(w, eligible, dropped, last, p, leave_out)
    return basis if w.care_years is None else _without_care_years(w, basis, dropped, p)


def _without_care_years(w: Workers, basis: Basis, dropped: jax.Array, p: Any) -> Basis:
    """The basis of the disabled without years of child care, up to three dropped years in all (415(b)(2)(A)).

    A year of child care goes only if it would be a computation year: where earnings of the years before entitlement
    leave computation years empty. So it never takes the place of a year with earnings, nor lowers an amount, and
    earnings after entitlement do not undo it. There remain at least as many computation years as of everyone.

    Args:
        w: workers, with years of child care.
        basis: without regard to them.
        dropped: years dropped already [workers].
        p: the law.
    """
    at_first = basis._replace(last=lesser(basis.last, year(w.entitlement) - 1))
    with_earnings = jnp.sum((w.earnings.T > 0) & is_base_year(at_first, years_of(w), p), axis=0)
    empty = greater(basis.number - with_earnings, jnp.zeros_like(basis.number))
    room = at(p.computation.childcare_dropout.most, basis.eligible) - dropped
    room = lesser(greater(room, jnp.zeros_like(room)), basis.number - at(p.computation.least_years, basis.eligible))
    more = lesser(lesser(jnp.asarray(w.care_years, room.dtype), room), empty)
    return basis._replace(number=jax.lax.stop_gradient(basis.number - more))


def _basis(w: Workers, eligible: jax.Array, dropped: jax.Array, last: jax.Array, p: Any, leave_out: bool) -> Basis:
    number = greater(elapsed_years(w, eligible, p) - dropped, at(p.computation.least_years, eligible))
    number = jax.lax.stop_gradient(number)  # whole years are steps: an average over fewer leaves a year out, too
    left_out = until = jnp.full_like(eligible, 9999)
    if leave_out:
        on_new_year = (w.onset_first > 0) & (w.onset % 12 == 0)
        left_out = year(w.onset) + jnp.where(on_new_year, 0, 1)
        ends = jnp.where(w.kind == SURVIVOR, w.death, w.as_of) + 1
        until = year(lesser(full_retirement_month(w.born, p), ends))
    return Basis(eligible, number, last, left_out, until, jnp.ones_like(eligible))


def main_basis(w: Workers, p: Any) -> Basis:
    """The basis of every worker; of the disabled, with the years of the disability left out."""
    disabled = w.kind == DISABILITY
    by_disability, by_life = _by_disability(w, p, True), _by_life(w, p, False)
    return jax.tree.map(lambda a, b: jnp.where(disabled, a, b), by_disability, by_life)


def survivors_other_basis(w: Workers, p: Any) -> Basis:
    """The basis of workers who died disabled that leaves the years of the disability out."""
    dead_disabled = (w.kind == SURVIVOR) & (w.onset < NEVER)
    basis = _by_life(w, p, True)
    return basis._replace(applies=dead_disabled.astype(basis.applies.dtype))


def other_bases(w: Workers, p: Any) -> list[Basis]:
    """Bases that a disability opens besides the main one: without leaving its years out; at death, by the disability.

    The latter are those of a worker who drew disability benefits.
    """
    of_survivors, by_disability, plain = (
        survivors_other_basis(w, p), _by_disability(w, p, True), _by_disability(w, p, False),
    )  # fmt: skip
    drawing = (of_survivors.applies > 0) & (w.entitlement < NEVER)
    disabled = (w.kind == DISABILITY) & (w.onset < NEVER)
    kind = plain.applies.dtype
    return [
        of_survivors,
        by_disability._replace(applies=drawing.astype(kind)),
        plain._replace(applies=(drawing | disabled).astype(kind)),
    ]


def is_base_year(basis: Basis, years: jax.Array, p: Any) -> jax.Array:
    """Whether earnings of years [years, 1] may count [years, workers]."""
    within = (years > at(p.computation.base_after, basis.eligible)) & (years <= basis.last)
    return within & ~((years >= basis.left_out) & (years < basis.until))
