"""Benefits of many workers and their families: tables in, tables out.

Workers go through the compiled law in blocks, padded to powers of two, with years of earnings up to the end of the
decade: so different tables share compiled programs and memory stays flat.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np
import pandas as pd

from jaxsim.dynamic.oasdi.careers import DISABILITY, NEVER, SURVIVOR, Workers
from jaxsim.dynamic.oasdi.claims import Claims, Family, read_family, read_workers
from jaxsim.dynamic.oasdi.family import MemberBenefit, Members, family_benefits
from jaxsim.dynamic.oasdi.law import EARLY_WAGES, FIRST_YEAR, WAGES, oasdi_law
from jaxsim.dynamic.oasdi.tables import last_year, read_assumptions, read_care, read_earnings
from jaxsim.dynamic.oasdi.worker import WorkerBenefit, worker_benefits
from jaxsim.errors import InputError, PrecisionError, whole_number
from jaxsim.parameter_files import load_law
from jaxsim.parameters import Law, Parameters
from jaxsim.precision import dtype_of
from jaxsim.precision import precision as in_precision
from jaxsim.progress import Progress

NO_MEMBER: Any = (0, 0, 0, NEVER, -1, 0.0, NEVER)
INDICES = (EARLY_WAGES, WAGES)
INCREASES = ("cola.percent", "cola.month", "cola.underpaid", "cola.added")
"""Series that are walked year by year, cut after the last month asked for."""
LEAST = 256
"""Workers or members of the smallest program."""

SERIES = {
    "cola_pct": "cola.percent",
    "base_oasdi": "taxable_maximum",
    "base_old_law": "old_law_base",
    "qc_amount": "quarter_of_coverage.amount",
}
"""Leaves of the law that columns of assumptions replace; average wages are replaced before they index others."""


@dataclass(frozen=True)
class Benefits:
    """What the law gives workers and members of their families for the months asked for.

    Attributes:
        workers: id, aime, pia (with the increases up to the month), family_maximum, months (of reduction, negative, or
            of credit), factor, benefit, insured (the status that the claim rests on: fully, currently, disability; or
            not insured). Amounts in $/month. In the order asked.
        family: id, member, full (a share of the worker's pia), after_maximum, reduced (for age), benefit; None where
            no family was given.
        notes: what the amounts leave open.
    """

    workers: pd.DataFrame
    family: pd.DataFrame | None = None
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        paid, safe = self.workers["benefit"], self.workers["insured"] != "not insured"
        told = f"{len(paid):,} workers, {safe.sum():,} insured, {(paid > 0).sum():,} paid ${paid.sum():,.0f} a month"
        if self.family is None:
            return told
        paid = self.family["benefit"]
        return f"{told}; {len(paid):,} members of families, {(paid > 0).sum():,} paid ${paid.sum():,.0f}"


def benefits(
    workers: Any,
    earnings: Any,
    family: Any = None,
    law: Law | Parameters | None = None,
    *,
    assumptions: Any = None,
    care: Any = None,
    exact: bool = True,
    precision: str = "float64",
    block: int | None = None,
    progress: bool = False,
) -> Benefits:
    """Social Security benefits of workers and their families.

    Args:
        workers: table of workers and their claims, see `read_workers`; tables are DataFrames or CSV or Parquet files.
        earnings: table of covered earnings before the taxable maximum, or an array, see `read_earnings`.
        family: table of members of families, see `read_family`.
        law: a law, reformed perhaps (`reform.apply(js.load_law())`), or what `oasdi_law` makes of it. A reform holds
            from 2022 on, also where it names no year: by calendar year, or by the year of first eligibility or of
            attaining an age, as the note of its parameter says.
        assumptions: table of average wages (awi), increases (cola_pct), taxable maxima (base_oasdi), bases of the law
            before 1977 (base_old_law) and quarters of coverage (qc_amount) by year, in place of ours. Given wages index
            earnings; what the statute ties to wages follows them from the year after the last published amount
            (bend points, bases and quarters of 2027 on, by the wages of two years before), unless it is given too.
        care: table with id and year of years of care, which reforms of `ssa.oasdi.caregiver` credit.
        exact: round as the statute does; without it amounts are smooth and come unrounded.
        precision: "float64", or "float32" with exact=False.
        block: workers at a time; 1,024 on a CPU, so that caches hold them, 65,536 elsewhere.
        progress: whether to show a bar on standard error.

    Raises:
        InputError: a table is refused, with table, column, rows and remedy.
    """
    dtype = dtype_of(precision)
    if exact and dtype is np.float32:
        raise PrecisionError("statutory rounding needs float64: give precision='float64', or exact=False")
    whole_number("block", block, 1)
    block = block or (1_024 if jax.default_backend() == "cpu" else 65_536)
    p = law_by_year(law, assumptions)
    claims = read_workers(workers, p)
    ids, w = claims.ids, _with_earnings(claims, earnings, p, care)
    members = None if family is None else read_family(family, ids, w, p)
    found = _in_blocks(w, None if members is None else members.members, p, exact, precision, block, progress)
    of_family = None if members is None else _family_table(members, found[1], exact)
    return Benefits(_workers_table(ids, w, found[0], exact), of_family, _notes(claims.open))


def read(workers: Any, earnings: Any, law: Law | Parameters | None = None, care: Any = None) -> Workers:
    """Workers and earnings as arrays (NumPy), in the order of the table: what the functions beneath `benefits` take.

    Args: those of `benefits`.
    """
    p = law_by_year(law, None)
    return _with_earnings(read_workers(workers, p), earnings, p, care)


def _with_earnings(claims: Claims, earnings: Any, p: Parameters, care: Any) -> Workers:
    """Workers with their earnings, and years of care, up to the end of the decade of the last month asked for."""
    w = claims.workers
    last = min(-(-(int(w.as_of.max()) // 12) // 10) * 10, last_year(p))
    years = None if care is None else read_care(care, claims.ids, w, p, last)
    return w._replace(earnings=read_earnings(earnings, claims.ids, w, p, last), care=years)


def law_by_year(law: Any, assumptions: Any) -> Parameters:
    """The law by year, with the series that are assumed instead of ours."""
    if isinstance(law, Parameters):
        if assumptions is not None:
            raise InputError("assumptions: give them with a law, not with the parameters made of one")
        return law
    law = load_law() if law is None else law
    if not isinstance(law, Law):
        raise InputError(f"law: {type(law).__name__}: give a law (reform.apply(js.load_law())) or oasdi_law(law=...)")
    if assumptions is None:
        return oasdi_law(law=law)
    years, given = read_assumptions(assumptions, law[WAGES].years[-1])
    wages = given.pop("awi", np.full(len(years), np.nan))
    indices = [replace(law[path], cells=_overlaid(law[path].cells, law[path].years, years, wages)) for path in INDICES]
    p = oasdi_law(law=law.with_leaves(indices, law.name))
    all_years = range(FIRST_YEAR, last_year(p) + 1)
    replaced = {SERIES[name]: _overlaid(p[SERIES[name]], all_years, years, v) for name, v in given.items()}
    if "cola_pct" in given:  # prices grow by what benefits are raised for
        growth = _overlaid(np.diff(p.price_index) / p.price_index[:-1], all_years[1:], years, given["cola_pct"])
        replaced["price_index"] = p.price_index[0] * np.cumprod(np.append(1.0, 1.0 + growth))
    return p.replace(replaced)


def _overlaid(series: Any, of_years: Sequence[int], years: np.ndarray, values: np.ndarray) -> np.ndarray:
    """A series with the values that are given, not NaN, in some of its years."""
    found = np.array(series)
    used = ~np.isnan(values) & np.isin(years, of_years)
    found[years[used] - of_years[0]] = values[used]
    return found


@functools.partial(jax.jit, static_argnames="exact")
def _compiled(w: Workers, m: Members | None, p: Parameters, exact: bool) -> tuple[WorkerBenefit, MemberBenefit | None]:
    paid = worker_benefits(w, p, exact)
    return paid, None if m is None else family_benefits(w, paid, m, p, exact)


def _in_blocks(w: Any, m: Any, p: Parameters, exact: bool, name: str, block: int, progress: bool) -> tuple[Any, Any]:
    """Amounts of all workers and of all members (or None), as NumPy arrays [workers] and [members]."""
    dtype, count = dtype_of(name), len(w.born)
    order = np.argsort(m.worker, kind="stable") if m is not None else np.zeros(0, np.int64)
    of_block = m.worker[order] // block if m is not None else order
    parts, blocks = [], -(-count // block)
    with in_precision(name), Progress("Benefits", blocks, progress) as bar:
        p = jax.tree.map(lambda leaf: np.asarray(leaf, dtype), p)
        p = p.replace({path: p[path][: w.earnings.shape[1]] for path in INCREASES})
        for k in range(blocks):
            rows = np.arange(k * block, min((k + 1) * block, count))
            mine = order[np.searchsorted(of_block, k) : np.searchsorted(of_block, k, side="right")]
            members = jax.tree.map(lambda x, mine=mine: x[mine], m)
            found = jax.device_get(_compiled(*padded(w, rows, members, dtype), p, exact))
            kept = (len(rows), len(mine))
            parts.append([jax.tree.map(lambda x, n=n: x[:n], part) for part, n in zip(found, kept, strict=True)])
            bar.advance()
    paid, of_family = (jax.tree.map(lambda *x: np.concatenate(x), *part) for part in zip(*parts, strict=True))
    back = np.argsort(order)
    return paid, jax.tree.map(lambda x: x[back], of_family)


def padded(w: Any, rows: np.ndarray, m: Any, dtype: Any) -> tuple[Workers, Members | None]:
    """Workers of some rows, which follow each other, and their members, both padded to a power of two.

    Members who are workers of other rows bring these along.
    """
    if m is not None:
        m = m._replace(worker=m.worker - rows[0])
        if m.own is not None:
            rows = np.append(rows, np.setdiff1d(m.own[m.own >= 0], rows))
            place = np.argsort(rows)
            m = m._replace(own=np.where(m.own < 0, -1, place[np.searchsorted(rows, m.own, sorter=place) % len(rows)]))
        size = _bucket(len(m.worker))
        longer = (None if x is None else _longer(x, size, fill) for x, fill in zip(m, NO_MEMBER, strict=True))
        m = jax.tree.map(lambda x: _typed(x, dtype), m._make(longer))
    rows = _longer(rows, _bucket(len(rows)), rows[-1])
    return jax.tree.map(lambda x: _typed(x[rows], dtype), w), m


def _longer(field: np.ndarray, size: int, fill: float) -> Any:
    """A column [n] filled up to a size."""
    return np.append(field, np.full(size - len(field), fill, field.dtype))


def _typed(field: np.ndarray, dtype: Any) -> Any:
    """Whole numbers in 32 bits, others as asked."""
    return field.astype(np.int32 if field.dtype.kind == "i" else dtype)


def _bucket(count: int) -> int:
    """The power of two at or above a count."""
    return max(LEAST, 1 << max(count - 1, 0).bit_length())


def _workers_table(ids: np.ndarray, w: Any, paid: Any, exact: bool) -> pd.DataFrame:
    of_dead = np.where(paid.fully_insured > 0, "fully", "currently")
    word = np.where(w.kind == DISABILITY, "disability", np.where(w.kind == SURVIVOR, of_dead, "fully"))
    table = pd.DataFrame(
        {
            "id": ids,
            "aime": paid.aime,
            "pia": _cents(paid.pia, exact),
            "family_maximum": _cents(paid.family_maximum, exact),
            "months": np.rint(paid.months).astype(np.int64),
            "factor": paid.factor.round(10),
            "benefit": paid.benefit,
            "insured": np.where(paid.insured > 0, word, "not insured"),
        }
    )
    return table.astype({"aime": np.int64, "benefit": np.int64}) if exact else table


def _family_table(members: Family, paid: Any, exact: bool) -> pd.DataFrame:
    amounts = {name: _cents(values, exact) for name, values in paid._asdict().items()}
    table = pd.DataFrame({"id": members.ids, "member": members.member, **amounts})
    return table.astype({"benefit": np.int64}) if exact else table


def _cents(amount: np.ndarray, exact: bool) -> np.ndarray:
    """Amounts to the cent: they are multiples of a dime but for floating point."""
    return amount.round(2) if exact else amount


def _notes(is_open: np.ndarray) -> tuple[str, ...]:
    count = int(is_open.sum())
    told = (
        f"{count:,} workers first eligible from 1979 to 1983: guarantees of the change to indexed wages (42 USC "
        "415(a)(4) and (5)), which might give them more, are not covered"
    )
    return (told,) if count else ()
