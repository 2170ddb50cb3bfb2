"""Benefits of families: shares of the worker's amount, the family maximum, reductions for age (42 USC 402, 403(a))."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxsim.dynamic.oasdi.age import spouse_factor, widow_factor
from jaxsim.dynamic.oasdi.basis import Basis, main_basis, survivors_other_basis
from jaxsim.dynamic.oasdi.careers import NEVER, SURVIVOR, Workers, at, attains, year
from jaxsim.dynamic.oasdi.pensions import pension_offset
from jaxsim.dynamic.oasdi.pia import before_increases, with_increases
from jaxsim.dynamic.oasdi.rounding import Rounding
from jaxsim.dynamic.oasdi.worker import WorkerBenefit
from jaxsim.numerics import higher_of, lower_of, relu, safe_div

RELATIONS = (
    "spouse", "spouse_with_child", "child", "widow", "disabled_widow", "parent_with_child",
    "divorced_spouse", "divorced_widow", "parent",
)  # fmt: skip
(
    SPOUSE, SPOUSE_WITH_CHILD, CHILD, WIDOW, DISABLED_WIDOW, PARENT_WITH_CHILD, DIVORCED_SPOUSE, DIVORCED_WIDOW, PARENT,
) = range(9)  # fmt: skip


class Members(NamedTuple):
    """Members of workers' families, each field [members].

    Attributes:
        worker: row of the worker.
        relation: code of `RELATIONS`.
        born: month of the day before the birth date.
        entitlement: first month of the member's benefit.
        own: row of the member among the workers, where their own benefit stands; -1 without one; None for all.
        pension: government pension, for work that is not covered, of the month asked for, $/month; None for all.
        pension_from: month from which it is paid, `NEVER` without one; None where `pension` is.
    """

    worker: jax.Array
    relation: jax.Array
    born: jax.Array
    entitlement: jax.Array
    own: jax.Array | None = None
    pension: jax.Array | None = None
    pension_from: jax.Array | None = None


class MemberBenefit(NamedTuple):
    """What the law gives members, each [members], $/month.

    Attributes:
        full: original benefit, a share of the primary insurance amount.
        after_maximum: what the family maximum leaves of it.
        reduced: after reduction for age, a survivor's limit, the member's own benefit and their government pension.
        benefit: paid, whole dollars, besides the member's own benefit.
    """

    full: jax.Array
    after_maximum: jax.Array
    reduced: jax.Array
    benefit: jax.Array


def reindexed_amount(w: Workers, m: Members, p: Any, r: Rounding) -> jax.Array:
    """The amount of a worker who died before 62 with wages indexed up to the widow's eligibility [members], $/month.

    Earnings are indexed, and the formula taken, as though the worker had become eligible in the second year after the
    earlier of attaining 60 and the later of the death and the second year before the widow's eligibility
    (42 USC 402(e)(2)(B)). 0 where it does not apply.

    Args:
        w: each member's worker [members].
        m: members.
        p: the law.
        r: rounding.
    """
    by_age = (m.relation == WIDOW) | (m.relation == DIVORCED_WIDOW)
    own = jnp.where(by_age, year(attains(m.born, 720)), year(m.entitlement))
    wanted = own - 2
    wanted = jnp.where(wanted > year(w.death) - 2, wanted, year(w.death) - 2)
    at_60 = year(attains(w.born, 720))
    index_year = jnp.where(at_60 < wanted, at_60, wanted)

    def first(basis: Basis) -> jax.Array:
        moved = basis._replace(eligible=index_year + 2)
        return before_increases(w, moved, p, r)[1]

    def better(amount: jax.Array) -> jax.Array:
        basis = survivors_other_basis(w, p)
        return higher_of(amount, jnp.where(basis.applies > 0, first(basis), 0.0))

    amount = jax.lax.cond(jnp.any(w.onset < NEVER), better, lambda amount: amount, first(main_basis(w, p)))
    amount = with_increases(amount, index_year + 2, w.as_of, p, r)
    applies = (w.death < attains(w.born, 744)) & (own >= 1985)
    return jnp.where(applies, amount, 0.0)


def family_benefits(w: Workers, paid: WorkerBenefit, m: Members, p: Any, exact: bool = True) -> MemberBenefit:
    """Benefits of members from their workers' amounts: a pure function.

    The worker's own amount comes first; what the maximum leaves is shared in proportion to the original benefits, and
    each share is then reduced for age. Divorced spouses stand outside the maximum (42 USC 403(a)(3)(C)). The member's
    own benefit comes off next, and their government pension last, before dollars are rounded (42 USC 402(k)(3) and (5),
    POMS GN 02608.401); what the pension takes stays in the maximum and goes to nobody else. Children and parents of the
    worker have no offset.

    Args:
        w: workers.
        paid: their amounts, see `worker_benefits`.
        m: members, by row of their worker.
        p: the law.
        exact: see `worker_benefits`.
    """
    r = Rounding(exact)
    own = jax.tree.map(lambda field: field[m.worker], w)
    pia, of = paid.pia[m.worker], year(own.as_of)
    unit = at(p.rounding.pia, of)
    is_widow = (m.relation == WIDOW) | (m.relation == DISABLED_WIDOW) | (m.relation == DIVORCED_WIDOW)

    months, of_worker = paid.months[m.worker], paid.amount[m.worker]  # of the worker, who may have claimed before dying
    credited = jnp.where(months > 0, higher_of(pia, of_worker), pia)
    base = jnp.where(is_widow, higher_of(credited, reindexed_amount(own, m, p, r)), pia)
    # a fully or currently insured worker will do for other survivors (42 USC 402(d)(1), (e)(1), (g)(1), (h)(1))
    needs_fully = is_widow | (m.relation == PARENT)
    insured = jnp.where(needs_fully, paid.fully_insured[m.worker], paid.insured[m.worker])
    payable = (insured > 0) & (m.entitlement <= own.as_of)
    full = jnp.where(payable, r.down(base * _share(own, m, is_widow, payable, len(w.born), p), unit), 0.0)

    room = relu(jnp.where(w.kind == SURVIVOR, paid.family_maximum, paid.family_maximum - paid.pia))
    outside = (m.relation == DIVORCED_SPOUSE) | (m.relation == DIVORCED_WIDOW)
    inside = jnp.where(outside, 0.0, full)
    after = _within(room, inside, m, unit, r)

    is_spouse = (m.relation == SPOUSE) | (m.relation == DIVORCED_SPOUSE)
    factor = jnp.where(is_spouse, spouse_factor(m.born, m.entitlement, p), 1.0)
    # a disabled widow's benefit is reduced as though claimed at 60
    claimed = jnp.where(m.relation == DISABLED_WIDOW, attains(m.born, 720), m.entitlement)
    factor = jnp.where(is_widow, widow_factor(m.born, claimed, p), factor)
    limit = higher_of(of_worker, r.down(at(p.auxiliary.widow_limit, of) * pia, unit))

    def payable_of(after: jax.Array) -> jax.Array:
        reduced = r.down(after * factor, unit)
        return jnp.where(is_widow & (months < 0), lower_of(reduced, limit), reduced)

    def after_pension(reduced: jax.Array) -> jax.Array:
        if m.pension is None:
            return reduced
        offset = pension_offset(m.pension, m.pension_from, own.as_of, p, r)
        return jnp.where((m.relation == CHILD) | (m.relation == PARENT), reduced, relu(reduced - offset))

    dollars = at(p.rounding.benefit, of)
    if m.own is None:
        after = jnp.where(outside, full, after)
        reduced = after_pension(payable_of(after))
        return MemberBenefit(full, after, reduced, r.down(reduced, dollars))

    entitled = (m.own >= 0) & (paid.benefit[m.own] > 0)
    own_pia = jnp.where(entitled, paid.pia[m.own], 0.0)
    own_amount = jnp.where(entitled, paid.amount[m.own], 0.0)
    # the excess over the own amount before reduction is reduced, unless the spouse's benefit came first
    by_excess = is_spouse & (m.entitlement >= w.entitlement[m.own])
    taken = relu(after - jnp.where(by_excess, own_pia, own_amount))
    left = relu(room - jax.ops.segment_sum(jnp.where(entitled, taken, 0.0), m.worker, w.as_of.shape[0]))
    after = jnp.where(entitled, after, _within(left, jnp.where(entitled, 0.0, inside), m, unit, r))
    after = jnp.where(outside, full, after)
    credits = jnp.where(paid.months[m.own] > 0, relu(own_amount - own_pia), 0.0)
    excess = r.down(relu(after - own_pia) * factor, unit) - credits
    reduced = after_pension(relu(jnp.where(entitled & by_excess, excess, payable_of(after) - own_amount)))
    benefit = r.down(own_amount + reduced, dollars) - r.down(own_amount, dollars)
    return MemberBenefit(full, after, reduced, benefit)


def _share(own: Workers, m: Members, is_widow: jax.Array, payable: jax.Array, workers: int, p: Any) -> jax.Array:
    """Original benefits as shares of the amount they are of [members] (42 USC 402(b) to (h))."""
    shares, of = p.auxiliary.share, year(own.as_of)
    is_parent = m.relation == PARENT
    others = jax.ops.segment_sum((is_parent & payable).astype(jnp.int32), m.worker, workers)[m.worker] > 1
    of_child = jnp.where(own.kind == SURVIVOR, at(shares.child_of_deceased, of), at(shares.child, of))
    share = jnp.where(m.relation == CHILD, of_child, at(shares.spouse, of))
    share = jnp.where(m.relation == PARENT_WITH_CHILD, at(shares.mother, of), share)
    share = jnp.where(is_parent, jnp.where(others, at(shares.parents_each, of), at(shares.parent, of)), share)
    return jnp.where(is_widow, at(shares.widow, of), share)


def _within(room: jax.Array, full: jax.Array, m: Members, unit: jax.Array, r: Rounding) -> jax.Array:
    """Shares of the room under the family maximum [workers] in proportion to original benefits [members]."""
    total = jax.ops.segment_sum(full, m.worker, room.shape[0])
    left = jnp.where(total > room, safe_div(room, total), 1.0)
    return r.down(full * left[m.worker], unit)
