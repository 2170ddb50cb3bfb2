"""What Social Security is worth to many workers, and when each does best to claim: tables in, tables out."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from jaxsim.dynamic.oasdi.benefits import law_by_year, padded
from jaxsim.dynamic.oasdi.careers import NEVER, OLD_AGE, Workers
from jaxsim.dynamic.oasdi.claims import NO_EARNINGS, first_claim
from jaxsim.dynamic.oasdi.law import FIRST_YEAR
from jaxsim.dynamic.oasdi.mortality import SEXES, Mortality, load_mortality
from jaxsim.dynamic.oasdi.retirement import retirement
from jaxsim.dynamic.oasdi.tables import Table, last_year, read_care, read_earnings, told
from jaxsim.dynamic.oasdi.worth import (
    CLAIM_AGES,
    FUNDS,
    LifetimeValue,
    Valuation,
    benefits_by_claim,
    contribution_rate,
    lifetime_values,
)
from jaxsim.errors import InputError, PrecisionError, whole_number
from jaxsim.parameters import Law, Parameters
from jaxsim.precision import dtype_of
from jaxsim.precision import precision as in_precision
from jaxsim.progress import Progress

REAL_RATE = 0.023
FIRST_AT_62, FIRST_TESTED = 1983, 1997
"""Amounts of earlier years changed in June, not in December; until 1999 the earnings test went on to 70."""


@dataclass(frozen=True)
class Lifetimes:
    """Lifetimes with Social Security.

    Attributes:
        workers: id, claim (month, as asked or the best), claim_age (years), benefit ($, the first month's before the
            earnings test), replacement_rate, contributions and benefits (present values, $ of the month of valuation),
            net (benefits less contributions), moneys_worth (benefits over contributions), internal_rate (real),
            best (month whose claim has the highest present value), best_age, and best_benefits (that value). Who is
            not insured at the claim has no benefits there and an empty claim; who never is, an empty best month, too.
        by_age: present values of benefits, $, by id and age at the claim in months, 744 to 840; NaN before the first
            month that the law allows.
    """

    workers: pd.DataFrame
    by_age: pd.DataFrame

    def __repr__(self) -> str:
        t = self.workers
        told = f"{len(t):,} workers, benefits worth ${t['benefits'].mean():,.0f} on average"
        return f"{told}, {t['moneys_worth'].median():.2f} times the contributions in the median"

    def plot(self, ids: Any = None) -> Any:
        """Present values by age at the claim, of some workers (at most ten, the first by default); needs `plots`."""
        from jaxsim.dynamic.oasdi.plots import plot_claims

        return plot_claims(self, ids)


def lifetime(
    workers: Any,
    earnings: Any,
    law: Law | Parameters | None = None,
    *,
    mortality: Any = None,
    discount: Any = REAL_RATE,
    alive_at: float = 62,
    assumptions: Any = None,
    care: Any = None,
    funds: tuple[str, ...] = ("oasi",),
    employer: bool = True,
    earnings_test: bool = True,
    exact: bool = True,
    precision: str = "float64",
    block: int = 512,
    progress: bool = False,
) -> Lifetimes:
    """Expected present values of contributions and old-age benefits, and the month of claim that is worth most.

    Benefits of the workers themselves: those of spouses and survivors are not in it, nor are taxes on benefits.
    Earnings are taken as given, whenever benefits are claimed.

    Args:
        workers: table with id, sex (male, female), birth_date and perhaps entitlement, the month of the claim; an
            empty cell takes the best one. Perhaps retired, the month from which they no longer work: months without
            work in the first such year are free from the earnings test. A DataFrame or a CSV or Parquet file.
        earnings: covered earnings before the taxable maximum, as for `benefits`; future ones, too.
        law: as for `benefits`.
        mortality: table of probabilities of death, or what `load_mortality` makes of it; None for the cohorts of the
            trustees' report.
        discount: real rate of interest, one number or a Series by year, whose ends go on; the default is the trustees'
            ultimate real yield of the trust funds' bonds (reports of 2024 and 2025, table V.B2, intermediate).
        alive_at: age in years at which workers are known to be alive; the month of valuation.
        assumptions: as for `benefits`; prices then grow by its increases.
        care: as for `benefits`.
        funds: whose contributions count, of oasi and di.
        employer: whether the employer's share of contributions counts.
        earnings_test: withhold benefits on account of earnings before full retirement age.
        exact: round as the statute does; without it amounts are smooth.
        precision: "float64", or "float32" with exact=False.
        block: workers at a time.
        progress: whether to show a bar on standard error.

    Raises:
        InputError: a table or an argument is refused, with the remedy.
    """
    dtype = dtype_of(precision)
    if exact and dtype is np.float32:
        raise PrecisionError("statutory rounding needs float64: give precision='float64', or exact=False")
    whole_number("block", block, 1)
    p = law_by_year(law, assumptions)
    if not isinstance(funds, (tuple, list)) or not funds or {*funds} - {*FUNDS} or len({*funds}) < len(funds):
        raise InputError(f"funds={funds!r}: give a tuple of {', '.join(FUNDS)}")
    if not isinstance(alive_at, (int, float)) or not 0 <= alive_at <= 100:
        raise InputError(f"alive_at={alive_at!r}: give an age in years, 0 to 100")
    _check_law(p)
    ids, w, sex = _read_lives(workers, p, FIRST_TESTED if earnings_test else FIRST_AT_62)
    paid = read_earnings(earnings, ids, w, p, last_year(p))
    of_care = None if care is None else read_care(care, ids, w, p, last_year(p))
    years = _needed(paid if of_care is None else paid + of_care)
    w = w._replace(earnings=paid[:, :years], care=None if of_care is None else of_care[:, :years])
    since = w.born + round(12 * alive_at)
    deaths = mortality if isinstance(mortality, Mortality) else load_mortality(mortality)
    rates: Any = (_real_rate(discount, p), np.asarray(contribution_rate(p, tuple(funds), employer)))
    v = Valuation(deaths, sex, since, *rates)
    found, by_age = _in_blocks(w, v, p, exact, earnings_test, precision, block, progress)
    return _tables(ids, w, found, by_age)


def _check_law(p: Parameters) -> None:
    """Refuse reforms under which claims lie outside the ages looked at, or increases come in another month."""
    near, low, high = FIRST_AT_62 - FIRST_YEAR, CLAIM_AGES[0], CLAIM_AGES[-1]
    first = np.asarray(p.earliest_age.worker)[near:]
    last = np.asarray(p.delayed_credit.last_age)[near + 8 :]  # by the year of attaining 70
    if first.min() < low or first.max() > high:
        raise InputError(f"ssa.oasdi.earliest_age.worker: lifetimes cover earliest ages from {low} to {high} months")
    if last.max() > high:
        raise InputError(f"ssa.oasdi.delayed_credit.last_age: lifetimes cover last ages up to {high} months")
    if (np.asarray(p.cola.month)[near:] != 12).any():
        raise InputError("ssa.oasdi.cola.month: lifetimes cover increases in December (12)")


def _read_lives(source: Any, p: Parameters, first_at_62: int) -> tuple[np.ndarray, Workers, Any]:
    """Ids, workers still without earnings, and sexes."""
    t = Table(source, "workers")
    t.require(("id", "sex", "birth_date"))
    ids, sex = t.ids("id"), t.codes("sex", SEXES)
    t.deny(pd.Series(ids).duplicated().to_numpy(), "id", "{} stands twice", "Give every worker one row.", ids)
    birth, day = t.dates("birth_date")
    claim, _ = t.dates("entitlement", month=True, empty=True)
    born = birth - (day == 1)
    at_62 = (born + 744) // 12
    last = last_year(p)
    remedy = "Leave the worker out." if first_at_62 == FIRST_AT_62 else "Say earnings_test=False, or leave them out."
    t.deny(at_62 < first_at_62, "birth_date", f"62 in {{}}, before {first_at_62}: not covered", remedy, at_62)
    at_70 = (born + CLAIM_AGES[-1]) // 12
    t.deny(at_70 > last, "birth_date", f"70 in {{}}, after {last}, the law's last year", "Leave the worker out.", at_70)
    retired = t.dates("retired", month=True, empty=True)[0] if "retired" in t else None
    if retired is not None:
        t.deny(retired < born, "retired", "{} is before the birth_date", "Check both.", retired, show=told)
    one: Any = np.ones(t.rows, np.int64)
    w = Workers(
        born=born,
        whole_month=(day == 2).astype(np.int64),
        kind=OLD_AGE * one,
        entitlement=claim,
        as_of=born + 744,
        onset=NEVER * one,
        onset_first=0 * one,
        death=NEVER * one,
        quarters=-1.0 * one,
        earnings=NO_EARNINGS,
        retired=retired,
    )
    given, first = claim < NEVER, first_claim(w, p)
    t.deny(given & (claim < first), "entitlement", "{} is before {}, the first month that the law allows",
           "Claim then or later.", claim, first, show=told)  # fmt: skip
    t.deny(given & (claim > born + CLAIM_AGES[-1]), "entitlement", "{} is after 70, when waiting gains no more",
           "Claim by then.", claim, show=told)  # fmt: skip
    return ids, w, sex


def _needed(earnings: Any) -> int:
    """Years up to the end of the decade after which nobody earns anything."""
    years = np.flatnonzero(earnings.any(axis=0))
    last = int(years[-1]) if len(years) else 0
    return min(earnings.shape[1], -(-(last + FIRST_YEAR) // 10) * 10 - FIRST_YEAR + 1)


def _real_rate(discount: Any, p: Parameters) -> np.ndarray:
    """Real rates by year of the law."""
    years = np.arange(FIRST_YEAR, last_year(p) + 1)
    if isinstance(discount, pd.Series):
        known = discount.sort_index()
        numbers = pd.api.types.is_integer_dtype(known.index) and pd.api.types.is_numeric_dtype(known)
        if not len(known) or not numbers or known.index.has_duplicates or known.isna().any():
            raise InputError("discount: give a Series of rates by year, a whole number, every year once")
        if known.index[0] < 1900 or known.index[-1] > 2300:
            raise InputError(f"discount: {known.index[0]} to {known.index[-1]} are no years: index the Series by year")
        found = np.interp(years, known.index.to_numpy(float), known.to_numpy(float))
    elif isinstance(discount, (int, float, np.number)):
        found = np.full(len(years), float(discount))
    else:
        raise InputError(f"discount: {type(discount).__name__}: give a number, or a Series by year")
    if not (np.isfinite(found).all() and (found > -0.5).all() and (found < 1).all()):
        raise InputError(
            f"discount: {found.min():g} to {found.max():g}: rates lie between -0.5 and 1: write 0.02 for 2%"
        )
    return found


@functools.partial(jax.jit, static_argnames=("exact", "earnings_test"))
def _compiled(
    w: Workers, v: Valuation, p: Parameters, ages: jax.Array, exact: bool, earnings_test: bool
) -> tuple[LifetimeValue, jax.Array]:
    """The lifetimes, of those without a claim with the best one, and values by age [ages, workers]."""
    of = retirement(w, p, exact)
    by_age = benefits_by_claim(w, v, p, ages, exact, earnings_test, of)
    best = ages[jnp.nanargmax(by_age, axis=0)].astype(w.born.dtype)
    claim = jnp.where(w.entitlement < NEVER, w.entitlement, w.born + best)
    return lifetime_values(w._replace(entitlement=claim), v, p, exact, earnings_test, of), by_age


def _in_blocks(
    w: Any, v: Any, p: Parameters, exact: bool, earnings_test: bool, name: str, block: int, progress: bool
) -> tuple[LifetimeValue, np.ndarray]:
    """Values of all workers, and by age [workers, ages]."""
    dtype, count = dtype_of(name), len(w.born)
    ages, parts = np.array(CLAIM_AGES, np.int32), []
    with in_precision(name), Progress("Lifetimes", -(-count // block), progress) as bar:
        p = jax.tree.map(lambda leaf: np.asarray(leaf, dtype), p)
        deaths = v.mortality._replace(death=np.asarray(v.mortality.death, dtype))
        for start in range(0, count, block):
            rows = np.arange(start, min(start + block, count))
            mine, _ = padded(w, rows, None, dtype)
            same = np.append(rows, np.full(len(mine.born) - len(rows), rows[-1]))
            of_block = Valuation(
                deaths, v.sex[same].astype(np.int32), v.since[same].astype(np.int32), v.real_rate.astype(dtype),
                v.contribution_rate.astype(dtype),
            )  # fmt: skip
            found = jax.device_get(_compiled(mine, of_block, p, ages, exact, earnings_test))
            parts.append(jax.tree.map(lambda x, size=rows.size: x[..., :size], found))
            bar.advance()
    value, by_age = jax.tree.map(lambda *x: np.concatenate(x, axis=-1), *parts)
    return value, by_age.T


def _tables(ids: np.ndarray, w: Workers, found: Any, by_age: np.ndarray) -> Lifetimes:
    ages = np.array(CLAIM_AGES)
    insured, at_claim = np.nan_to_num(by_age).max(axis=1) > 0, found.benefits > 0
    best = ages[np.nanargmax(by_age, axis=1)]
    claim = np.where(w.entitlement < NEVER, w.entitlement, w.born + best)

    def months(at: np.ndarray, known: np.ndarray) -> list[str]:
        return [told(month) if is_known else "" for month, is_known in zip(at, known, strict=True)]

    def years(at: np.ndarray, known: np.ndarray) -> np.ndarray:
        return np.where(known, at / 12, np.nan)

    table = pd.DataFrame(
        {
            "id": ids,
            "claim": months(claim, at_claim),
            "claim_age": years(claim - w.born, at_claim),
            "benefit": found.benefit,
            "replacement_rate": found.replacement_rate,
            "contributions": found.contributions,
            "benefits": found.benefits,
            "net": found.benefits - found.contributions,
            "moneys_worth": np.divide(found.benefits, found.contributions, out=np.full(len(ids), np.nan),
                                      where=found.contributions > 0),
            "internal_rate": found.internal_rate,
            "best": months(w.born + best, insured),
            "best_age": years(best, insured),
            "best_benefits": np.nanmax(by_age, axis=1),
        }
    )  # fmt: skip
    return Lifetimes(table, pd.DataFrame(by_age, index=pd.Index(ids, name="id"), columns=pd.Index(ages, name="age")))
