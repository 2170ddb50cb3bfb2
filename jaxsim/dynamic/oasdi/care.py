"""Earnings credits for years of care, as reforms propose them; present law has none."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from jaxsim.dynamic.oasdi.careers import at
from jaxsim.dynamic.oasdi.highest import share_counted
from jaxsim.numerics import lower_of, relu

PARTS = 1e5
"""Credits are ranked by their share of average wages, told apart to a ten-millionth."""


def care_credits(care: jax.Array, paid: jax.Array, eligible: jax.Array, p: Any) -> jax.Array:
    """What years of care are credited beside earnings [years, workers], $/year.

    Up to a share of average wages, at most to the taxable maximum; the years with the largest credits relative to
    average wages, as many as the law has.

    Args:
        care: 1 in years of care [years, workers].
        paid: taxable earnings [years, workers], $/year.
        eligible: year of first eligibility [workers].
        p: the law.
    """
    wages, most, share = (
        s[: len(paid), None] for s in (p.wage_index, p.taxable_maximum, p.caregiver.credit_share)
    )  # fmt: skip
    credit = jnp.where(care > 0, relu(lower_of(share * wages, most) - paid), 0.0)
    rank = jnp.where(credit > 0, PARTS * credit / wages, -1.0)
    return credit * share_counted(rank, at(p.caregiver.most_years, eligible))
