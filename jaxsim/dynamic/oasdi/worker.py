"""A worker's benefit: average earnings, primary insurance amount, family maximum, factor for age, payment."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxsim.dynamic.oasdi.age import adjusted_months, worker_factor, worker_months
from jaxsim.dynamic.oasdi.careers import SURVIVOR, Workers, at, year
from jaxsim.dynamic.oasdi.insured import credits_from, entitled
from jaxsim.dynamic.oasdi.pia import best_amounts
from jaxsim.dynamic.oasdi.rounding import Rounding
from jaxsim.numerics import higher_of


class WorkerBenefit(NamedTuple):
    """What the law gives workers, each [workers].

    Attributes:
        aime: average indexed monthly earnings, $/month.
        pia: primary insurance amount with increases up to the month asked for, $/month.
        family_maximum: of that month, $/month.
        months: of reduction (negative) or credit (positive).
        factor: benefit as a share of the primary insurance amount.
        amount: benefit before it is rounded to dollars, $/month; of a dead worker what they would be paid.
        benefit: paid for the month, $; 0 where the worker is not insured, dead or not yet entitled.
        insured: 1 where the status that the claim needs is there.
        fully_insured: 1 where the worker is fully insured, which widows need.
        quarters: of coverage.
    """

    aime: jax.Array
    pia: jax.Array
    family_maximum: jax.Array
    months: jax.Array
    factor: jax.Array
    amount: jax.Array
    benefit: jax.Array
    insured: jax.Array
    fully_insured: jax.Array
    quarters: jax.Array


def before_dollars(
    pia: jax.Array, regular: jax.Array, months: jax.Array, factor: jax.Array, of_year: jax.Array, p: Any, r: Rounding
) -> jax.Array:
    """A worker's benefit before it is rounded to dollars [...], $/month: the primary insurance amount times the factor.

    The special minimum has no credits for delay: they are added to the regular amount (42 USC 402(w)).
    """
    unit = at(p.rounding.pia, of_year)
    credited = regular + r.down(regular * (factor - 1.0), unit)
    return jnp.where(months > 0, higher_of(pia, credited), r.down(pia * factor, unit))


def worker_benefits(w: Workers, p: Any, exact: bool = True, withheld: jax.Array | None = None) -> WorkerBenefit:
    """Benefits of workers: a pure function of their histories and the law.

    Args:
        w: workers.
        p: the law by year, see `oasdi_law`.
        exact: round as the statute does, which needs float64; without it the law is smooth, for derivatives.
        withheld: months in which work took all or part of the benefit [workers], see `work_deductions`.
    """
    r = Rounding(exact)
    quarters, fully, status = entitled(w, p)
    found = best_amounts(w, p, r)
    months = worker_months(w, p, credits_from(w, p))
    months = months if withheld is None else adjusted_months(w, months, withheld, p)
    factor = worker_factor(months, w.born, p)
    amount = before_dollars(found.pia, found.regular, months, factor, year(w.as_of), p, r)
    paid = r.down(amount, at(p.rounding.benefit, year(w.as_of)))
    alive = (w.as_of < w.death) & (w.kind != SURVIVOR) & (w.as_of >= w.entitlement)
    benefit = jnp.where(alive & (status > 0), paid, 0.0)
    return WorkerBenefit(
        found.aime, found.pia, found.family_maximum, months, factor, amount, benefit, status, fully, quarters,
    )  # fmt: skip
