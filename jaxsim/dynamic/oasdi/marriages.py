"""Marriages that spouses' and survivors' benefits rest on, checked against what the law asks of them.

Marriages are optional columns of the family table: what they do not say is taken to fit.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from jaxsim.dynamic.oasdi.careers import NEVER, Workers
from jaxsim.dynamic.oasdi.family import (
    CHILD,
    DISABLED_WIDOW,
    DIVORCED_SPOUSE,
    DIVORCED_WIDOW,
    PARENT_WITH_CHILD,
    RELATIONS,
    SPOUSE,
    SPOUSE_WITH_CHILD,
    WIDOW,
)
from jaxsim.dynamic.oasdi.law import FIRST_YEAR
from jaxsim.dynamic.oasdi.tables import Table, told


def check_marriages(
    t: Table, w: Workers, row: Any, relation: Any, birth: Any, entitlement: Any, own: Any, p: Any
) -> None:
    """Refuse marriages that cannot be, or that are too short for the benefit.

    A spouse must have been married for a year at the claim, a widow or widower for nine months at the death, the
    divorced for ten years at the divorce (42 USC 416(b) to (d) and (g)). Spouses with a child, and surviving parents,
    may have been married for any time. Exceptions, such as death by accident, are not known here: leave the dates out.

    Args:
        t: the family table, with `married` and perhaps `divorced`, dates.
        w: workers.
        row: each member's worker [members].
        relation: code of `RELATIONS` [members].
        birth: month of birth [members].
        entitlement: first month of the benefit [members].
        own: each member's own row among the workers, -1 without one; or None [members].
        p: the law.
    """
    if "married" not in t:
        if "divorced" in t:
            t.deny(~t.blank("divorced"), "divorced", "a divorce without the column married", "Give both dates.")
        return
    (married, day), (divorced, last_day) = t.dates("married", empty=True), t.dates("divorced", empty=True)
    given, ended = married < NEVER, divorced < NEVER
    death = w.death[row]
    apart = (relation == DIVORCED_SPOUSE) | (relation == DIVORCED_WIDOW)
    both, words = "Check both dates.", np.array(RELATIONS)[relation]

    def deny(wrong: Any, name: str, problem: str, remedy: str, *values: Any) -> None:
        t.deny(wrong, name, problem, remedy, *values, show=lambda x: told(x) if isinstance(x, np.integer) else str(x))

    deny(ended & ~given, "divorced", "{} without a date in married", "Give both dates.", divorced)
    deny(given & (relation == CHILD), "married", "{} of a child", "Leave it empty.", married)
    deny(given & (married < birth), "married", "{} is before the birth_date", both, married)
    deny(given & (married < w.born[row]), "married", "{} is before the birth of the worker", both, married)
    deny(given & (married > death), "married", "{} is after the death of the worker", both, married)
    deny(given & (divorced < married), "divorced", "{} is before the marriage in {}", both, divorced, married)
    deny(given & apart & ~ended, "divorced", "missing for a {}", "Give the date, or another relation.", words)
    deny(apart & ended & (divorced > w.as_of[row]), "divorced", "{} is after as_of", both, divorced)
    deny(ended & ~apart, "divorced", "{} for a {}", "Say divorced_spouse or divorced_widow.", divorced, words)
    deny(apart & ended & (divorced > death), "divorced", "{} is after the death of the worker", both, divorced)
    deny(given & ~apart & (death == NEVER) & (married > entitlement), "entitlement", "{} is before the marriage in {}",
         both, entitlement, married)  # fmt: skip

    law = p.auxiliary.marriage_months
    last_of_month = np.full(t.rows, 31)  # of the claim and the death only the months are known here
    for codes, needed, at, until, of_month, what in (
        ((SPOUSE,), law.spouse, entitlement, entitlement, last_of_month, "the claim"),
        ((WIDOW, DISABLED_WIDOW), law.widow, death, death, last_of_month, "the death"),
        ((DIVORCED_SPOUSE, DIVORCED_WIDOW), law.divorced, entitlement, divorced, last_day, "the divorce"),
    ):
        of_year = np.clip(at // 12 - FIRST_YEAR, 0, len(needed) - 1)
        least = np.asarray(needed)[of_year].astype(np.int64)
        months = until - married - (of_month < day)
        short = given & np.isin(relation, codes) & (months < least)
        t.deny(short, "married", f"{{}} months before {what}: a {{}} needs {{}}",
               "Leave the row out, or the dates if an exception applies.", months, words, least)  # fmt: skip
    lasting = given & np.isin(relation, (SPOUSE, SPOUSE_WITH_CHILD, WIDOW, DISABLED_WIDOW, PARENT_WITH_CHILD))
    _check_overlap(t, row, own, married, np.where(ended, divorced, np.where(lasting, death, NEVER)), given)


def _check_overlap(t: Table, row: Any, own: Any, married: Any, until: Any, given: Any) -> None:
    """Refuse two marriages at once, of a worker or of a member who is a worker, too."""
    rows = np.flatnonzero(given)
    of_member = rows if own is None else rows[own[rows] >= 0]
    people = np.concatenate([row[rows], own[of_member] if own is not None else np.zeros(0, np.int64)])
    place = np.concatenate([rows, of_member if own is not None else np.zeros(0, np.int64)])
    order = np.lexsort((married[place], people))
    people, place = people[order], place[order]
    same = people[1:] == people[:-1]
    couple = row[place[1:]] * 0 if own is None else own[place[1:]]  # the same couple, seen from both sides, is no clash
    mirrored = (own is not None) & (married[place[1:]] == married[place[:-1]]) & (couple == row[place[:-1]])
    wrong = np.zeros(t.rows, bool)
    wrong[place[1:][same & ~mirrored & (married[place[1:]] < until[place[:-1]])]] = True
    t.deny(wrong, "married", "{} is within another marriage", "Check the dates of both.", married, show=told)
