"""Workers and members of their families, read from tables and checked against the law.

What the law cannot answer is refused: a claim before its first month, a relation that does not fit, an event out of
order, and what is not covered, which are benefits of average monthly wages (first eligibility before 1979).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from jaxsim.data.tabular import Reading
from jaxsim.dynamic.oasdi.careers import DISABILITY, KINDS, NEVER, OLD_AGE, SURVIVOR, Workers
from jaxsim.dynamic.oasdi.family import (
    CHILD,
    DISABLED_WIDOW,
    DIVORCED_SPOUSE,
    DIVORCED_WIDOW,
    PARENT,
    PARENT_WITH_CHILD,
    RELATIONS,
    SPOUSE,
    WIDOW,
    Members,
)
from jaxsim.dynamic.oasdi.law import FIRST_YEAR
from jaxsim.dynamic.oasdi.marriages import check_marriages
from jaxsim.dynamic.oasdi.tables import Table, last_year, told

FIRST_ELIGIBLE = 1979
FIRST_DISABILITY = 12 * 1980 + 6
"""July 1980: earlier disability benefits left out five years, as those of old age do (P.L. 96-265, section 102)."""
FIRST_AS_OF = 12 * 1982 + 5
"""June 1982: amounts of earlier months were rounded up (P.L. 97-35, section 2206)."""
NO_EARNINGS: Any = np.zeros((0, 0))
OF_DEAD = (WIDOW, DISABLED_WIDOW, DIVORCED_WIDOW, PARENT_WITH_CHILD, PARENT)
"""Relations to dead workers; a child's is to both."""


class Claims(NamedTuple):
    """Workers as read.

    Attributes:
        ids: whole numbers or text [workers].
        workers: NumPy arrays [workers], still without earnings.
        open: whether guarantees for those eligible from 1979 to 1983 might give more [workers].
    """

    ids: np.ndarray
    workers: Workers
    open: np.ndarray


class Family(NamedTuple):
    """Members as read: ids of their workers, what tells them apart, and NumPy arrays, each [members]."""

    ids: np.ndarray
    member: np.ndarray
    members: Members


def _at(series: Any, years: Any) -> Any:
    """Whole values of a series [years from 1937] in given years."""
    series = np.asarray(series)
    return series[np.clip(years - FIRST_YEAR, 0, len(series) - 1)].astype(np.int64)


def read_workers(source: Any, p: Any) -> Claims:
    """Workers and their claims.

    Args:
        source: table with id, birth_date, benefit_type (one of `KINDS`), entitlement (the first month of the benefit;
            of a dead worker that of their own, empty without one), as_of (month asked for) and perhaps onset_date and
            death_date, and quarters (of coverage; an empty cell counts them from earnings). Sex is not read: no rule
            for those covered depends on it. Perhaps pension, for work that is not covered, of who became eligible for
            it after 1985, $ in the first month of both pension and benefit, and pension_from, the month from which it
            is paid (empty: with the benefit); without effect on months after 2023 and on survivors. Perhaps care_years,
            of who became disabled: years without any earnings and with a child under three, their own or their
            spouse's, in the household.
        p: the law, see `oasdi_law`.

    Raises:
        InputError: see the module.
    """
    t = Table(source, "workers")
    t.require(("id", "birth_date", "benefit_type", "entitlement", "as_of"))
    ids, kind = t.ids("id"), t.codes("benefit_type", KINDS)
    t.deny(pd.Series(ids).duplicated().to_numpy(), "id", "{} stands twice", "Give every worker one row.", ids)
    birth, day = t.dates("birth_date")
    as_of, _ = t.dates("as_of", month=True)
    entitlement, _ = t.dates("entitlement", month=True, empty=True)
    onset, onset_day = t.dates("onset_date", empty=True)
    death, death_day = t.dates("death_date", empty=True)
    pension, pension_from = _pension(t, birth, entitlement)
    w = Workers(
        born=birth - (day == 1),
        whole_month=(day == 2).astype(np.int64),
        kind=kind,
        entitlement=entitlement,
        as_of=as_of,
        onset=onset,
        onset_first=((onset < NEVER) & (onset_day == 1)).astype(np.int64),
        death=death,
        quarters=_quarters(t, birth, as_of),
        earnings=NO_EARNINGS,
        pension=pension,
        pension_from=pension_from,
        care_years=_care_years(t, birth, onset),
    )
    end, both = last_year(p), "Check both dates."
    born, ill, died = (
        32 * month + of_month for month, of_month in ((birth, day), (onset, onset_day), (death, death_day))
    )
    t.deny(died < born, "death_date", "{} is before the birth_date", both, death, show=told)
    t.deny(ill < born, "onset_date", "{} is before the birth_date", both, onset, show=told)
    t.deny((onset < NEVER) & (ill > died), "onset_date", "{} is after the death_date", both, onset, show=told)
    t.deny(as_of // 12 > end, "as_of", f"{{}} is after {end}, the law's last year", "", as_of, show=told)
    t.deny(birth > as_of, "birth_date", "{} is after as_of {}", both, birth, as_of, show=told)
    _check_months(t, w, p)
    eligible = np.minimum((w.born + 744) // 12, np.minimum(onset // 12, np.where(kind == SURVIVOR, death // 12, 9999)))
    t.deny(eligible < FIRST_ELIGIBLE, "birth_date", f"first eligible in {{}}, before {FIRST_ELIGIBLE}: benefits of "
           "average monthly wages are not covered", "Leave the worker out.", eligible)  # fmt: skip
    t.deny(as_of < FIRST_AS_OF, "as_of", f"{{}} is before {told(FIRST_AS_OF)}: amounts of those months are not covered",
           "Ask for a later month.", as_of, show=told)  # fmt: skip
    return Claims(ids, w, eligible < np.where(kind == DISABILITY, 1982, 1984))


def _quarters(t: Table, birth: Any, as_of: Any) -> Any:
    """Quarters of coverage as given, -1 where they are not [workers]."""
    if "quarters" not in t:
        return np.full(t.rows, -1.0)
    blank, found = t.blank("quarters"), Reading(t.source, t.columns, empty=0.0).whole("quarters")
    most = 4 * (as_of // 12 - np.maximum(birth // 12, FIRST_YEAR) + 1)
    remedy = "There are four a year of life at most; an empty cell counts them from earnings."
    t.deny((found < 0) | (found > most), "quarters", "{} is outside 0 to {}", remedy, found, most)
    return np.where(blank, -1.0, found)


def _pension(t: Table, birth: Any, begins: Any) -> tuple[Any, Any]:
    """Pensions from work that is not covered, $/month, and the months from which they are paid; None if none is [rows].

    Args:
        t: table with perhaps pension and pension_from.
        birth: months of birth [rows].
        begins: months that stand for an empty pension_from [rows].
    """
    none = t.blank("pension") if "pension" in t else np.full(t.rows, True)
    since, _ = t.dates("pension_from", month=True, empty=True)
    told_from = since < NEVER
    t.deny(none & told_from, "pension_from", "{} without a pension", "Give the pension, too.", since, show=told)
    t.deny(told_from & (since < birth), "pension_from", "{} is before the birth_date", "", since, show=told)
    if none.all():
        return None, None
    amount = Reading(t.source, t.columns, empty=0.0).number("pension")
    t.deny(amount < 0, "pension", "{} is below 0", "Give dollars a month, or leave the cell empty.", amount)
    return amount, np.where(none, NEVER, np.where(told_from, since, begins))


def _care_years(t: Table, birth: Any, onset: Any) -> Any:
    """Years of child care of the disabled, whole numbers [workers]; None if there are none."""
    if "care_years" not in t:
        return None
    found = Reading(t.source, t.columns, empty=0.0).whole("care_years")
    some, most = found > 0, onset // 12 - birth // 12 + 1
    t.deny(found < 0, "care_years", "{} is below 0", "Count years, or leave the cell empty.", found)
    disabled = "Give the onset_date, or leave the cell empty."
    t.deny(some & (onset == NEVER), "care_years", "{} of a worker who is not disabled", disabled, found)
    before = "Count years before the onset_date."
    t.deny(some & (found > most), "care_years", "{} is above {}, the years to the onset", before, found, most)
    return found.astype(np.int64) if some.any() else None


def first_claim(w: Workers, p: Any) -> Any:
    """First month of old-age benefits by the law of the year of the claim [workers], in NumPy: see `first_month`."""
    return w.born + _at(p.earliest_age.worker, w.entitlement // 12) + 1 - w.whole_month


def _check_months(t: Table, w: Workers, p: Any) -> None:
    """Refuse claims whose months do not fit each other, or for which the worker is too young or too old."""
    entitlement, as_of, onset, death = w.entitlement, w.as_of, w.onset, w.death
    dead, disabled, claimed = w.kind == SURVIVOR, w.kind == DISABILITY, w.entitlement < NEVER
    ill = onset < NEVER
    full = w.born + _at(p.full_retirement_age.worker, w.born // 12 + 62)
    first = first_claim(w, p)

    def deny(wrong: Any, name: str, problem: str, remedy: str, *months: Any) -> None:
        t.deny(wrong, name, problem, remedy, *months, show=told)

    deny(~claimed & ~dead, "entitlement", "missing", "Write YYYY-MM; only a dead worker's may be empty.")
    deny(dead & (death == NEVER), "death_date", "missing for a survivor's benefit", "Give the date of the death.")
    deny(disabled & ~ill, "onset_date", "missing for a disability benefit", "Give the date on which it began.")
    deny(
        (w.kind == OLD_AGE) & ill, "onset_date", "{} for an old-age benefit: with a period of disability not covered",
        "Ask for disability, also after full retirement age, or leave it out.", onset,
    )  # fmt: skip
    deny(dead & (as_of < death), "as_of", "{} is before the death in {}", "Ask for another benefit.", as_of, death)
    deny(
        ~dead & (as_of >= death), "as_of", "{}: the worker died in {} and is paid no more from then on",
        "Ask for survivor, or an earlier month.", as_of, death,
    )  # fmt: skip
    late = "Ask for that month or a later one."
    deny(claimed & ~dead & (entitlement > as_of), "entitlement", "{} is after as_of {}", late, entitlement, as_of)
    deny(
        claimed & dead & (entitlement > death), "entitlement", "{} is after the death in {}",
        "Leave it empty if the worker was never entitled.", entitlement, death,
    )  # fmt: skip
    deny(
        ill & (onset >= full), "onset_date", "{} is not before full retirement age in {}",
        "Ask for old_age, or leave it out.", onset, full,
    )  # fmt: skip
    of_disability = claimed & ill
    deny(
        of_disability & (entitlement < onset), "entitlement", "{} is before the onset in {}",
        "A disability benefit begins after its onset.", entitlement, onset,
    )  # fmt: skip
    deny(
        of_disability & (entitlement >= full), "entitlement", "{} is not before full retirement age in {}",
        "Ask for old_age.", entitlement, full,
    )  # fmt: skip
    deny(
        of_disability & (entitlement < FIRST_DISABILITY), "entitlement",
        f"{{}} is before {told(FIRST_DISABILITY)}: earlier disability benefits are not covered",
        "Leave the worker out.", entitlement,
    )  # fmt: skip
    deny(
        claimed & ~ill & (entitlement < first), "entitlement", "{} is too early: the first possible month is {}, the "
        "first throughout which the earliest age is held", "Give that month or a later one.", entitlement, first,
    )  # fmt: skip


def read_family(source: Any, ids: np.ndarray, w: Workers, p: Any) -> Family:
    """Members of families, with the rows of their workers.

    Args:
        source: table with id (of the worker), member (told apart within a family), relation (one of `RELATIONS`),
            birth_date, entitlement (first month; one after as_of is paid nothing and takes no share of the maximum)
            and perhaps own_id: the member's own id among the workers, where they have a benefit of their own. Perhaps
            pension and pension_from: $ a month, in the month asked for, from the member's own work for a government
            that is not covered, and the month from which it is paid (empty: with the member's benefit); without effect
            on children and on months after 2023. Perhaps married and divorced, dates, see `check_marriages`.
        ids: of the workers.
        w: the workers.
        p: the law.

    Raises:
        InputError: see the module.
    """
    t = Table(source, "family")
    t.require(("id", "member", "relation", "birth_date", "entitlement"))
    row, member, relation = t.rows_of(ids), t.ids("member"), t.codes("relation", RELATIONS)
    twice = pd.DataFrame({"row": row, "member": member}).duplicated().to_numpy()
    t.deny(twice, "member", "{} stands twice for worker {}", "Give each member of a worker another.", member, ids[row])
    birth, day = t.dates("birth_date")
    entitlement, _ = t.dates("entitlement", month=True)
    born = birth - (day == 1)

    def deny(wrong: Any, problem: str, remedy: str, *months: Any) -> None:
        t.deny(wrong, "entitlement", problem, remedy, *months, show=told)

    dead, words = w.kind[row] == SURVIVOR, np.array(RELATIONS)[relation]
    of_dead = np.isin(relation, OF_DEAD)
    for wrong, fate in ((~dead & of_dead, "living"), (dead & ~of_dead & (relation != CHILD), "dead")):
        fit = [name for code, name in enumerate(RELATIONS) if code == CHILD or (code in OF_DEAD) == (fate == "dead")]
        t.deny(wrong, "relation", f"{{}} of a {fate} worker", f"Say one of {', '.join(fit)}.", words)
    begins = np.where(dead, w.death[row], w.entitlement[row])
    deny(entitlement < birth, "{} is before the birth in {}", "Check both dates.", entitlement, birth)
    deny(
        entitlement < begins, "{} is before the worker's own entitlement or death in {}",
        "Give that month or a later one.", entitlement, begins,
    )  # fmt: skip
    ages, year = p.earliest_age, entitlement // 12
    at_60 = born + _at(ages.widow, year)
    at_62 = born + _at(ages.spouse, year) + (day != 2)
    at_50 = born + _at(ages.disabled_widow, year)
    for code, first in (
        (SPOUSE, at_62),
        (DIVORCED_SPOUSE, at_62),
        (WIDOW, at_60),
        (DIVORCED_WIDOW, at_60),
        (DISABLED_WIDOW, at_50),
        (PARENT, born + _at(ages.parent, year)),
    ):
        deny(
            (relation == code) & (entitlement < first),
            f"{{}} is too early for a {RELATIONS[code]}: the first possible month is {{}}",
            "Give that month or a later one.", entitlement, first,
        )  # fmt: skip
    deny(
        (relation == DISABLED_WIDOW) & (entitlement >= at_60), "{} is too late for a disabled_widow: the age of widows "
        "is attained in {}", "Say widow.", entitlement, at_60,
    )  # fmt: skip
    too_young = (relation == PARENT) & (birth >= w.born[row])
    t.deny(too_young, "birth_date", "{} is not before the birth of the worker", "Check both dates.", birth, show=told)
    pension, pension_from = _pension(t, birth, entitlement)
    own = _own(t, ids, w, row, born)
    check_marriages(t, w, row, relation, birth, entitlement, own, p)
    return Family(ids[row], member, Members(row, relation, born, entitlement, own, pension, pension_from))


def _own(t: Table, ids: np.ndarray, w: Workers, row: Any, born: Any) -> Any:
    """Rows of the members among the workers, -1 where they are not; None if none is [members]."""
    if "own_id" not in t or t.blank("own_id").all():
        return None
    given = np.flatnonzero(~t.blank("own_id"))
    some = Table({"own_id": t.columns["own_id"][given]}, t.source)
    own = np.full(t.rows, -1)
    own[given] = some.rows_of(ids, "own_id")
    has = own >= 0
    t.deny(has & (own == row), "own_id", "{} is the worker whose family it is", "Give the member's own.", ids[own])
    t.deny(has & (w.born[own] != born), "own_id", "{} was born on another day", "Check both tables.", ids[own])
    t.deny(has & (w.as_of[own] != w.as_of[row]), "own_id", "{} has another as_of", "Ask for one month.", ids[own])
    t.deny(has & (w.kind[own] == SURVIVOR), "own_id", "{} is dead", "Leave the member out.", ids[own])
    return own
