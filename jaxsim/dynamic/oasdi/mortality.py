"""Who is alive: probabilities of death by sex, year of birth and age."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from jaxsim.columns import refuse
from jaxsim.data.growth import FACTS
from jaxsim.dynamic.oasdi.careers import within
from jaxsim.dynamic.oasdi.tables import Table

SEXES = ("male", "female")
COHORTS = FACTS / "cohort_mortality.parquet"
CERTAIN = 1.0 - 1e-6
"""Death that is certain leaves one in a million alive, so that logarithms stay finite in float32, too."""


class Mortality(NamedTuple):
    """Probabilities of death.

    Attributes:
        death: within a year of those alive at an age [sex, years of birth, ages from 0]; who is born before the first
            or after the last year has its probabilities.
        first: the first year of birth.
    """

    death: jax.Array
    first: jax.Array


def load_mortality(source: Any = None) -> Mortality:
    """Probabilities of death as NumPy arrays.

    Args:
        source: table with age and qx and perhaps sex (male, female) and birth_year, a DataFrame or a CSV or Parquet
            file; ages from 0 on without a gap, after the last of which nobody lives. None for the cohort tables of
            the trustees' report of 2025, intermediate assumptions: born 1900 to 2100, ages 0 to 119.

    Raises:
        InputError: columns missing, qx outside 0 to 1, a row twice or missing.
    """
    if source is None:
        return _cohorts(COHORTS)
    t = Table(source, "mortality")
    t.require(("age", "qx"))
    age, death = t.whole("age"), t.number("qx")
    t.deny((age < 0) | (age > 150), "age", "{} is outside 0 to 150", "", age)
    t.deny((death < 0) | (death > 1), "qx", "{} is outside 0 to 1", "Give probabilities, not rates a thousand.", death)
    sex = t.codes("sex", SEXES) if "sex" in t else np.zeros(t.rows, np.int64)
    born = t.whole("birth_year") if "birth_year" in t else np.zeros(t.rows, np.int64)
    if t.rows == 0:
        raise refuse(t.source, "age", "there are no rows", (), "Give a probability for every age from 0.")
    shape = (2 if "sex" in t else 1, int(born.max() - born.min()) + 1, int(age.max()) + 1)
    if shape[0] == 2 and len(np.unique(sex)) == 1:
        raise refuse(
            t.source, "sex", f"there is only {SEXES[sex[0]]}", (), "Leave the column out for one table of both."
        )
    place = np.ravel_multi_index((sex, born - born.min(), age), shape)
    t.deny(pd.Series(place).duplicated().to_numpy(), "age", "{} stands twice", "Keep one row.", age)
    found = np.full(int(np.prod(shape)), np.nan)
    found[place] = death
    gaps = np.flatnonzero(np.isnan(found))
    if len(gaps):
        of_sex, cohort, missing = (int(i) for i in np.unravel_index(gaps[0], shape))
        words = [f"age {missing} is missing"]
        words += [f"born {born.min() + cohort}"] if "birth_year" in t else []
        words += [SEXES[of_sex]] if shape[0] == 2 else []
        raise refuse(t.source, "age", ", ".join(words), (), "Give every age from 0 to the last.")
    whole = np.concatenate([found.reshape(shape), np.ones((*shape[:2], 1))], axis=2)
    return _mortality(np.broadcast_to(whole, (2, *whole.shape[1:])).copy(), born.min())


def _cohorts(path: Path) -> Mortality:
    """The tables shipped: a row for a sex and year of birth, deaths a million by age."""
    table = pd.read_parquet(path).sort_values(["sex", "birth_year"])
    parts = [table[table["sex"] == sex] for sex in SEXES]
    death = np.stack([part.drop(columns=["sex", "birth_year"]).to_numpy(float) / 1e6 for part in parts])
    return _mortality(death, parts[0]["birth_year"].iloc[0])


def _mortality(death: Any, first: Any) -> Mortality:
    return Mortality(death, np.int32(first))  # type: ignore[arg-type]


def alive(m: Mortality, sex: jax.Array, born: jax.Array, since: jax.Array, month: jax.Array) -> jax.Array:
    """Probability of being alive at the beginning of a month, for those alive at the beginning of an earlier one.

    Within a year of age the force of mortality is constant.

    Args:
        m: probabilities of death.
        sex: code of `SEXES` [workers].
        born: month of birth [workers].
        since: month at which they are known to be alive [workers].
        month: asked for [..., workers]; before `since` the probability is 1.
    """
    last = m.death.shape[2] - 1
    cohort = within(born // 12 - m.first, m.death.shape[1] - 1)
    force = jnp.log1p(-jnp.where(m.death < CERTAIN, m.death, CERTAIN))[sex, cohort].T  # [ages, workers]
    until = jnp.cumsum(force, axis=0) - force

    def log_share(month: jax.Array) -> jax.Array:
        age = month - born
        whole = within(age // 12, last)
        rows = (-1, month.shape[-1])
        before, of_age = (
            jnp.take_along_axis(x, whole.reshape(rows), axis=0).reshape(month.shape) for x in (until, force)
        )
        return before + of_age * (age - 12 * whole) / 12.0

    change = log_share(month) - log_share(since[None])[0]
    return jnp.exp(jnp.where(month > since, change, 0.0))
