"""Social Security benefits of a worker's family, read from the statute: a test oracle. See `oracle`.

    family(record, earnings, members, law) -> list of dict, in the order of members

members   list of dict with
          relation       living worker: "spouse", "spouse_with_child", "child";
                         worker dead: "widow", "disabled_widow", "parent_with_child", "child", "parent"
          birth_date     date
          entitlement    (year, month) of the first month of the benefit
          onset_date     of a disabled widow(er); the year of entitlement stands for a missing one
          pension        optional, $ of the month, for work for a government that was not covered
          pension_from   optional (year, month) of its first month; missing, the pension came with the benefit

Each result: full, the original benefit; after_maximum, its share of the family maximum; reduced, after the age
reduction (and a widow(er)'s limit) and the pension; offset, for the pension; benefit, whole dollars; months, negative
months of age reduction; factor of the age reduction; pia, the amount the benefit is a share of; limit, of a widow(er)
whose worker had a reduced benefit.
A member entitled after as_of, or whose worker lacks the insured status, has zeros and no part in the maximum.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import floor
from typing import Any

from .oracle import (
    Law,
    Path,
    Record,
    credit_per_month,
    date_attaining,
    dime_down,
    dime_up,
    exact,
    first_month_at_62,
    full_retirement_age,
    money,
    month_attaining,
    month_of,
    month_of_date,
    spouse_reduction,
    survivor_paths,
    wage_indexed,
    widow_reduction,
    worker,
    year_attaining,
)

LIVING = {"spouse": Fraction(1, 2), "spouse_with_child": Fraction(1, 2), "child": Fraction(1, 2)}  # 402(b)-(d)
SURVIVING = {  # 402(d)-(g)
    "widow": Fraction(1),
    "disabled_widow": Fraction(1),
    "parent_with_child": Fraction(3, 4),
    "child": Fraction(3, 4),
    "parent": Fraction(825, 1000),  # 402(h)(2)(A); each of two 75 percent, (B)
}
WIDOWS = ("widow", "disabled_widow")


def widow_eligible(member: Mapping[str, Any]) -> int:
    """The year in which the widow(er) first meets 402(e)(1)(B): 60, or 50 and disabled."""
    if member["relation"] == "widow":
        return year_attaining(member["birth_date"], 60)
    onset = member.get("onset_date")
    disabled = member["entitlement"][0] if onset is None else onset.year
    return max(year_attaining(member["birth_date"], 50), disabled)


def reindexed_amount(
    record: Record, earnings: Mapping[int, Any], member: Mapping[str, Any], as_of: int, law: Law
) -> Fraction:
    """402(e)(2)(B): the amount of a worker dead before 62, earnings indexed as though eligible later.

    Formula and indexing are those for eligibility in the second year after the earlier of the year of attaining 60
    and the later of the second year before the widow(er)'s eligibility and before the death; increases start with
    that eligibility. For widow(er)s first eligible after 1984 (POMS RS 00615.302). 0 where it does not apply.
    """
    birth, death = record["birth_date"], record["death_date"]
    first = widow_eligible(member)
    if date_attaining(birth, 62) <= death or first < 1985:
        return Fraction(0)
    specified = min(year_attaining(birth, 60), max(first - 2, death.year - 2))
    end = min(month_attaining(birth, full_retirement_age(birth, law)), month_of_date(death) + 1)
    amounts = []
    for path in survivor_paths(birth, death, record.get("onset_date"), end):
        moved = Path(path.name, specified + 2, path.elapsed, path.number, path.excluded)
        amounts.append(wage_indexed(moved, death.year, earnings, law).at(as_of, law))
    return max(amounts)


def age_reduction(member: Mapping[str, Any], law: Law) -> tuple[int, Fraction]:
    """402(q): months from entitlement to retirement age, and what is left of the benefit."""
    relation, birth = member["relation"], member["birth_date"]
    entitlement = month_of(member["entitlement"])
    if relation == "spouse":
        if entitlement < first_month_at_62(birth):
            raise ValueError("spouse entitled before 62 without a child in care")
        months = max(month_attaining(birth, full_retirement_age(birth, law)) - entitlement, 0)
        return -months, 1 - spouse_reduction(months)
    if relation in WIDOWS:
        age = full_retirement_age(birth, law, widow=True)
        possible = age - 60 * 12
        months = max(month_attaining(birth, age) - entitlement, 0)
        if relation == "widow" and months > possible:
            raise ValueError("widow(er) entitled before 60 without a disability")
        if relation == "disabled_widow":
            if months <= possible or entitlement < month_attaining(birth, 50 * 12):
                raise ValueError("a disabled widow(er)'s benefit begins from 50 to 59")
            months = possible  # 402(q)(6): months before 60 are no months of reduction
        return -months, 1 - widow_reduction(months, possible)
    return 0, Fraction(1)


def pension_offset(member: Mapping[str, Any], as_of: int) -> Fraction:
    """402(k)(5)(A): two thirds of the pension, up to the dime, off benefits of (b), (c), (e) to (g) until 2023.

    All of it before December 1984 for those eligible for the pension before July 1983, taken by year (404.408a(d)).
    """
    pension, since = member.get("pension"), member.get("pension_from") or member["entitlement"]
    if pension is None or member["relation"] in ("child", "parent") or not month_of(since) <= as_of < 2024 * 12:
        return Fraction(0)
    partly = since[0] >= 1983 or as_of >= 1984 * 12 + 11
    return dime_up(exact(pension) * (Fraction(2, 3) if partly else 1))


def share(originals: Sequence[Fraction], room: Fraction) -> list[Fraction]:
    """403(a)(1), CFR 404.403-404.404: what the maximum leaves, in proportion to the original benefits.

    A widow(er)'s original benefit has the worker's credits in it (POMS RS 00615.710).
    """
    total = sum(originals, Fraction(0))
    ratio = min(Fraction(1), room / total) if total else Fraction(1)
    return [dime_down(original * ratio) for original in originals]


def family(
    record: Record, earnings: Mapping[int, Any], members: Sequence[Mapping[str, Any]], law: Law
) -> list[dict[str, Any]]:
    """Benefits of the members in record["as_of"]; see the head of the file."""
    result = worker(record, earnings, law)
    as_of = month_of(record["as_of"])
    dead = record["benefit_type"] == "survivor"
    shares = SURVIVING if dead else LIVING
    pia, maximum = exact(result["pia"]), exact(result["family_maximum"])

    parents = sum(m["relation"] == "parent" and month_of(m["entitlement"]) <= as_of for m in members)
    rows: list[dict[str, Any]] = []
    for member in members:
        relation = member["relation"]
        if relation not in shares:
            raise ValueError(f"no benefit for {relation!r} of a worker {'dead' if dead else 'living'}")
        entitlement = month_of(member["entitlement"])
        beginning = month_of_date(record["death_date"]) if dead else month_of(record["entitlement"])
        if entitlement < beginning:
            raise ValueError("member entitled before the worker's entitlement or death")
        insured = result["fully_insured"]
        if record["benefit_type"] == "disability":
            insured = result["disability_insured"]  # which asks for fully insured in the same month
        if dead and relation not in WIDOWS and relation != "parent":  # 402(d)(1), (g)(1): fully or currently insured
            insured = insured or result["currently_insured"]

        base, limit = pia, None
        if dead and relation in WIDOWS:
            if result["months"] > 0:
                # 402(e)(2)(C): with the worker's delayed retirement credits, never on the special minimum.
                regular = exact(result["pia_without_special_minimum"])
                credits = regular * result["months"] * credit_per_month(record["birth_date"], law)
                base = max(base, regular + dime_down(credits))
            base = max(base, reindexed_amount(record, earnings, member, as_of, law))
            if result["months"] < 0:
                # 402(e)(2)(D): the larger of what the worker would receive and 82.5 percent of the amount.
                limit = max(exact(result["worker_amount"]), dime_down(Fraction(825, 1000) * pia))
        months, factor = age_reduction(member, law)
        payable = insured and entitlement <= as_of
        part = Fraction(3, 4) if relation == "parent" and parents > 1 else shares[relation]
        rows.append(
            {
                "base": base,
                "limit": limit,
                "months": months,
                "factor": factor,
                "full": dime_down(base * part) if payable else Fraction(0),
            }
        )

    # CFR 404.403(a), 404.404: the worker's own amount comes first, unreduced for age.
    room = maximum if dead else max(maximum - pia, Fraction(0))
    shared = share([row["full"] for row in rows], room)
    answer = []
    for member, row, after in zip(members, rows, shared, strict=True):
        reduced = dime_down(after * row["factor"])  # 402(q)(1): the reduction comes after the maximum
        if row["limit"] is not None:
            reduced = min(reduced, row["limit"])
        # 402(k)(5)(A): after subsection (q), so after the maximum and the age reduction; nothing of it is shared out
        offset = pension_offset(member, as_of)
        reduced = max(reduced - offset, Fraction(0))
        answer.append(
            {
                "relation": member["relation"],
                "full": money(row["full"]),
                "after_maximum": money(after),
                "reduced": money(reduced),
                "benefit": floor(reduced),  # 415(g)
                "months": row["months"],
                "factor": row["factor"],
                "offset": money(offset),
                "pia": money(row["base"]),
                "limit": None if row["limit"] is None else money(row["limit"]),
            }
        )
    return answer
