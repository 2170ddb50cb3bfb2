"""Social Security benefits of one worker, read from the statute: a test oracle.

Plain Python and exact arithmetic, one worker at a time, sharing no code with the library. Section numbers are of
42 USC; "CFR" is 20 CFR part 404; "POMS" is the agency's manual, named where the statute leaves a step open.

    worker(record, earnings, law) -> dict

record    sex            not used by any rule in force for those eligible after 1978
          birth_date     date
          benefit_type   "old_age", "disability" or "survivor"
          entitlement    (year, month) of the first month of the benefit; for a survivor's case the first month of
                         the worker's own old-age (or, with onset_date, disability) benefit, None if never entitled
          as_of          (year, month) whose benefit is asked for
          onset_date     date the disability began, None without one; the disability is taken to last to as_of,
                         to full retirement age or to death
          death_date     date or None
          quarters       None: counted from earnings; or {year: quarters of coverage}
          pension        optional, $ a month for work not covered, in the first month of both it and the benefit
          pension_from   optional (year, month) of its first month; missing, the pension came with the benefit
          care_years     optional number of years without earnings and with a child under three at home
          transitional   True: compute despite a worker who might be owed the 1977 act's transitional guarantee
                         (age 62 in 1979-83), the old start (earnings before 1951) or the frozen minimum; otherwise
                         these raise ValueError
earnings  {year: covered earnings, before the taxable maximum}
law       awi              {year: average wage index}, 1951 on
          wage_base        {year: contribution and benefit base}
          wage_base_old    {year: base without the 1977 act}; later years follow from awi
          qc               {year: amount of one quarter of coverage}, 1978 on
          cola             {year of determination: percent}; 0 for none
          bend_points      optional {year: (pia 1, pia 2, family 1, family 2, family 3)}; else from awi
          fra_months       optional {first birth year: months}; else 416(l)
          drc              optional {first birth year: percent a year}; else 402(w)(6)
          cola_1999_first  optional percent of December 1999 for months before July 2001: 2.4
          recomputation_minimum  optional, dollars by which a recomputation must raise the amount; 415(f)(4): 1

Result: aime, pia, pia_at_eligibility, family_maximum, months, factor, benefit and the rest of `worker`'s return.
Money is Decimal. months is negative for months of reduction before full retirement age, positive for delayed
retirement credits in effect in as_of, 0 otherwise; factor = benefit before rounding / primary insurance amount.
Months are counted as year * 12 + month - 1 inside this file.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from math import ceil, floor
from typing import Any

Law = Mapping[str, Any]
Record = Mapping[str, Any]

JUNE_1982 = 1982 * 12 + 5  # first month of rounding down (POMS RS 00601.020)
PIA_PERCENTS = (Fraction(90, 100), Fraction(32, 100), Fraction(15, 100))  # 415(a)(1)(A)
FAMILY_PERCENTS = (Fraction(150, 100), Fraction(272, 100), Fraction(134, 100), Fraction(175, 100))  # 403(a)(1)


# Numbers and dates


@lru_cache(maxsize=65536)
def exact(value: Any) -> Fraction:
    """The number as written in decimal, not its binary neighbour."""
    return value if isinstance(value, Fraction) else Fraction(Decimal(str(value)))


def money(value: Fraction) -> Decimal:
    """Dollars and cents; every amount in a result is a whole number of cents."""
    cents = value * 100
    if cents.denominator != 1:
        raise AssertionError(f"{value} is no whole number of cents")
    return Decimal(cents.numerator).scaleb(-2)


def dime_down(value: Fraction) -> Fraction:
    return Fraction(floor(value * 10), 10)


def dime_up(value: Fraction) -> Fraction:
    return Fraction(ceil(value * 10), 10)


def nearest(value: Fraction) -> int:
    """The nearest whole number, halves upward."""
    return floor(value + Fraction(1, 2))


def month_of(when: tuple[int, int]) -> int:
    return when[0] * 12 + when[1] - 1


def month_of_date(day: datetime.date) -> int:
    return day.year * 12 + day.month - 1


def year_of(month: int) -> int:
    return month // 12


def quarter_of(month: int) -> int:
    """Calendar quarters counted as year * 4 + 0..3."""
    return month // 3


def eve_of_birth(birth: datetime.date) -> datetime.date:
    """CFR 404.2(c)(4): an age is attained on the day before the birthday, so ages count from the eve of birth."""
    return birth - datetime.timedelta(days=1)


def month_attaining(birth: datetime.date, months: int) -> int:
    """The month in which the age of so many months is attained."""
    return month_of_date(eve_of_birth(birth)) + months


def year_attaining(birth: datetime.date, years: int) -> int:
    return eve_of_birth(birth).year + years


def date_attaining(birth: datetime.date, years: int) -> datetime.date:
    try:
        return birth.replace(year=birth.year + years) - datetime.timedelta(days=1)
    except ValueError:  # born 29 February, in a common year
        return datetime.date(birth.year + years, 2, 28)


def first_month_at_62(birth: datetime.date) -> int:
    """402(a)(B): before full retirement age, the first month throughout which the worker is 62.

    Attained on the first of the month (born on the second) counts that month; so does being born on the first,
    when 62 is attained at the end of the month before.
    """
    month = month_attaining(birth, 62 * 12)
    return month if eve_of_birth(birth).day == 1 else month + 1


# Full retirement age, reductions and credits


def retirement_age_for_year(year: int) -> int:
    """416(l)(1) and (3): months of retirement age for those attaining early retirement age in the year."""
    if year < 2000:
        return 65 * 12
    if year < 2005:  # two twelfths of the months from January 2000 to December of the year
        return 65 * 12 + 2 * (year - 1999)
    if year < 2017:
        return 66 * 12
    if year < 2022:
        return 66 * 12 + 2 * (year - 2016)
    return 67 * 12


def full_retirement_age(birth: datetime.date, law: Law, *, widow: bool = False) -> int:
    """Months of full retirement age. Early retirement age is 62, and 60 for a widow(er): 416(l)(2)."""
    born = year_attaining(birth, 0) - (2 if widow else 0)
    table = law.get("fra_months")
    if table:
        return int(table[max(first for first in table if first <= born)])
    return retirement_age_for_year(born + 62)


def reduction(months: int, first: Fraction, later: Fraction) -> Fraction:
    """402(q)(1) and (9): so much for each of the first 36 months and so much for each further month."""
    return first * min(months, 36) + later * max(months - 36, 0)


def old_age_reduction(months: int) -> Fraction:
    return reduction(months, Fraction(5, 900), Fraction(5, 1200))


def spouse_reduction(months: int) -> Fraction:
    return reduction(months, Fraction(25, 3600), Fraction(5, 1200))


def widow_reduction(months: int, possible: int) -> Fraction:
    """28.5 percent spread over the months from 60 to full retirement age: 402(q)(9)(B), POMS RS 00615.301."""
    return Fraction(285, 1000) * min(months, possible) / possible


def credit_per_month(birth: datetime.date, law: Law) -> Fraction:
    """402(w)(6): the delayed retirement credit of one month, by the year of attaining 62."""
    year = year_attaining(birth, 62)
    table = law.get("drc")
    if table:
        first = max(born for born in table if born <= year - 62)
        return exact(table[first]) / 1200
    if year < 1979:
        return Fraction(1, 1200)
    if year < 1987:
        return Fraction(1, 400)
    odd_years = (min(year, 2005) - 1987) // 2 + 1  # 1/24 of one percent more in each odd year 1987 to 2005
    return Fraction(1, 400) + Fraction(odd_years, 2400)


# Cost-of-living increases


def cola_month(year: int) -> int:
    """415(i)(1)(B): effective with June to 1982, with December from 1983."""
    return year * 12 + (5 if year <= 1982 else 11)


def cola_percent(year: int, as_of: int, law: Law) -> Fraction:
    percent = exact(law["cola"][year])
    # P.L. 106-554, POMS RS 00601.122: the 2.4 percent of December 1999 became 2.5 for months from July 2001.
    if year == 1999 and percent == Fraction(5, 2) and as_of < 2001 * 12 + 6:
        return exact(law.get("cola_1999_first", "2.4"))
    return percent


def with_colas(amount: Fraction, eligibility: int, as_of: int, law: Law) -> Fraction:
    """415(i)(2)(A)(ii)-(iii): every increase from that of the year of eligibility on, each rounded by itself."""
    for year in range(eligibility, year_of(as_of) + 1):
        if cola_month(year) <= as_of:
            amount = increased(amount, year, as_of, law)
    return amount


def increased(amount: Fraction, year: int, as_of: int, law: Law) -> Fraction:
    raised = amount * (1 + cola_percent(year, as_of, law) / 100)
    return dime_up(raised) if year < 1982 else dime_down(raised)


def special_minimum_family(amount: Fraction, as_of: int, law: Law) -> Fraction:
    """CFR appendix V of subpart C: 150 percent of the amount of January 1979 (to the next higher dime) with every
    increase since, never under 150 percent of the increased amount while rounding was upward."""
    family = dime_up(Fraction(3, 2) * amount)
    for year in range(1979, year_of(as_of) + 1):
        if cola_month(year) <= as_of:
            amount, family = increased(amount, year, as_of, law), increased(family, year, as_of, law)
            if year < 1982:
                family = max(family, dime_up(Fraction(3, 2) * amount))
    return family


# Quarters of coverage and insured status


def quarters_of_coverage(earnings: Mapping[int, Any], law: Law, given: Mapping[int, int] | None) -> dict[int, int]:
    """413(a)(2) and (d). Before 1978 annual amounts stand for wages paid evenly, $50 to the quarter."""
    if given is not None:
        return {int(year): int(number) for year, number in given.items()}
    result = {}
    for year, amount in earnings.items():
        paid = exact(amount)
        unit = exact(law["qc"][year]) if year >= 1978 else Fraction(50)
        result[year] = min(4, floor(paid / unit)) if year >= 1937 and paid > 0 else 0
    return result


def covered_between(quarters: Mapping[int, int], first: int, last: int) -> int:
    """Quarters of coverage that can be assigned to the calendar quarters first to last (CFR 404.143-146).

    A year's quarters go wherever they serve best, but none before it begins or after `last`.
    """
    total = 0
    for year, number in quarters.items():
        available = min(last, year * 4 + 3) - max(first, year * 4) + 1
        total += min(number, max(available, 0))
    return total


def fully_insured(birth: datetime.date, quarters: Mapping[int, int], before_year: int, last: int) -> tuple[bool, int]:
    """414(a): one quarter for each year after 1950 (or age 21) and before the year given; at least 6, 40 suffice.

    Also the number of quarters up to the calendar quarter `last`.
    """
    number = covered_between(quarters, 0, last)
    needed = max(before_year - max(1950, year_attaining(birth, 21)) - 1, 0)
    return number >= min(max(needed, 6), 40), number


def currently_insured(quarters: Mapping[int, int], last: int) -> bool:
    """414(b): six quarters of coverage in the thirteen ending with the quarter `last`."""
    return covered_between(quarters, last - 12, last) >= 6


def disability_insured(birth: datetime.date, quarters: Mapping[int, int], onset: int) -> bool:
    """423(c)(1): 20 of the 40 quarters to that of onset; under 31, half of those since 21, at least 6 (of 12)."""
    last = quarter_of(onset)
    if covered_between(quarters, last - 39, last) >= 20:
        return True
    if onset >= month_attaining(birth, 31 * 12):
        return False
    first = quarter_of(month_attaining(birth, 21 * 12)) + 1
    number = last - first + 1
    if number < 12:
        return covered_between(quarters, last - 11, last) >= 6
    return covered_between(quarters, first, last) >= max(6, number // 2)  # an odd number is reduced by one


# Average indexed monthly earnings and the primary insurance amount


def bend_points(year: int, law: Law) -> tuple[Fraction, ...]:
    """415(a)(1)(B) and 403(a)(2): the amounts of 1979 times the index two years before over that of 1977."""
    table = law.get("bend_points")
    if table and year in table:
        return tuple(exact(value) for value in table[year])
    growth = exact(law["awi"][year - 2]) / exact(law["awi"][1977])
    return tuple(Fraction(nearest(amount * growth)) for amount in (180, 1085, 230, 332, 433))


def sliced(value: Fraction, points: tuple[Fraction, ...], percents: tuple[Fraction, ...]) -> Fraction:
    edges = (Fraction(0), *points)
    total = Fraction(0)
    for index, percent in enumerate(percents):
        upper = edges[index + 1] if index + 1 < len(edges) else value
        total += percent * max(min(value, upper) - edges[index], Fraction(0))
    return total


def indexed(earnings: Mapping[int, Any], year: int, index_year: int, law: Law) -> Fraction:
    """415(b)(3): earnings up to the base times index of the indexing year over that of the year, to the cent."""
    wages = law["awi"]
    later, own = (wages[index_year], wages[year]) if year < index_year else (1, 1)
    return Fraction(indexed_cents(earnings.get(year, 0), law["wage_base"][year], later, own), 100)


@lru_cache(maxsize=65536)
def indexed_cents(paid: Any, base: Any, later: Any, own: Any) -> int:
    return max(nearest(min(exact(paid), exact(base)) * exact(later) / exact(own) * 100), 0)


def average(
    earnings: Mapping[int, Any], base_years: list[int], number: int, eligibility: int, law: Law
) -> tuple[int, list[int]]:
    """415(b)(1)-(2): the highest years over their months, down to the dollar (415(e)). Also the years used."""
    paid = [year for year in base_years if earnings.get(year, 0)]
    amounts = [(int(indexed(earnings, year, eligibility - 2, law) * 100), year) for year in paid]  # cents
    chosen = sorted(amounts, reverse=True)[:number]
    total = sum(amount for amount, _ in chosen)
    return total // (100 * 12 * number), sorted(year for amount, year in chosen if amount > 0)


def formula_amount(aime: int, eligibility: int, law: Law) -> Fraction:
    amount = sliced(Fraction(aime), bend_points(eligibility, law)[:2], PIA_PERCENTS)
    # Rounded up for eligibility to 1982, down from 1983: P.L. 97-35, section 2206, as applied from June 1982.
    return dime_up(amount) if eligibility <= 1982 else dime_down(amount)


def family_formula(pia: Fraction, eligibility: int, law: Law) -> Fraction:
    """403(a)(1): on the amount of the year of eligibility, before any increase."""
    amount = sliced(pia, bend_points(eligibility, law)[2:], FAMILY_PERCENTS)
    return dime_up(amount) if eligibility <= 1982 else dime_down(amount)


def disability_family(pia: Fraction, aime: int, eligibility: int) -> Fraction:
    """403(a)(6): 85 percent of the average (the primary insurance amount if more), at most 150 percent of it."""
    amount = min(max(Fraction(85, 100) * aime, pia), Fraction(150, 100) * pia)
    return dime_up(amount) if eligibility <= 1982 else dime_down(amount)


def base_without_1977_act(year: int, law: Law) -> Fraction:
    """430(d). Past the table: the $45,000 of 1994 moved by the index, to $300 (not for years held without a COLA)."""
    table = law.get("wage_base_old") or {}
    if year in table:
        return exact(table[year])
    if year < 1979:
        return exact(law["wage_base"][year])
    growth = exact(law["awi"][year - 2]) / exact(law["awi"][1992])
    return Fraction(nearest(45000 * growth / 300) * 300)


def years_of_coverage(
    earnings: Mapping[int, Any], base_years: list[int], law: Law, since_1991: Fraction = Fraction(15, 100)
) -> int:
    """415(a)(1)(C)(ii); 415(a)(7)(D) reads 25 percent for the 15 of years after 1990."""
    early = sum((exact(amount) for year, amount in earnings.items() if 1937 <= year <= 1950), Fraction(0))
    total = min(14, floor(early / 900))
    for year in base_years:
        if earnings.get(year, 0):
            share = since_1991 if year >= 1991 else Fraction(25, 100)
            total += exact(earnings[year]) >= share * base_without_1977_act(year, law)
    return min(total, 30)


# Pensions from work not covered


@dataclass(frozen=True)
class Windfall:
    """A pension that 415(a)(7) sets against a month's benefit: dollars a month, year of eligibility, the month."""

    pension: Fraction
    eligibility: int
    as_of: int


WINDFALL_PERCENTS = {1986: 80, 1987: 70, 1988: 60, 1989: 50}  # 415(a)(7)(B)(ii); 40 for eligibility from 1990 on
COVERAGE_PERCENTS = {29: 85, 28: 80, 27: 75, 26: 70, 25: 65, 24: 60, 23: 55, 22: 50, 21: 45}  # 415(a)(7)(D)
BEFORE_1989 = {29: 80, 28: 70, 27: 60, 26: 50}  # before P.L. 100-647, section 8011


def windfall_percent(eligibility: int, years: int, as_of: int) -> Fraction:
    """The larger of the percents by eligibility and by years of coverage; thirty years exempt: 415(a)(7)(D)."""
    if years >= 30:
        return PIA_PERCENTS[0]
    by_coverage = COVERAGE_PERCENTS if as_of >= 1989 * 12 else BEFORE_1989
    return Fraction(max(WINDFALL_PERCENTS.get(eligibility, 40), by_coverage.get(years, 40)), 100)


def windfall_amount(aime: int, eligibility: int, percent: Fraction, windfall: Windfall, law: Law) -> Fraction:
    """415(a)(7)(B)(i): by the modified formula, or the ordinary amount less half the pension, before any increase.

    Both, and half of the pension, down to the dime.
    """
    modified = dime_down(sliced(Fraction(aime), bend_points(eligibility, law)[:2], (percent, *PIA_PERCENTS[1:])))
    ordinary = formula_amount(aime, eligibility, law)
    return max(modified, ordinary - dime_down(windfall.pension / 2))


def windfall_of(record: Record, eligibility: int) -> Windfall | None:
    """The pension, if it counts in record["as_of"].

    415(a)(7)(A): those first eligible after 1985, in months of both pension and old-age or disability benefit.
    CFR 404.288(c): never after the worker's death. P.L. 118-273: no month after December 2023.
    """
    pension, since = record.get("pension"), record.get("pension_from") or record.get("entitlement")
    if pension is None or record["benefit_type"] == "survivor" or eligibility < 1986:
        return None
    if not month_of(since) <= month_of(record["as_of"]) < 2024 * 12:
        return None
    return Windfall(exact(pension), eligibility, month_of(record["as_of"]))


# The amount in force: candidates, first computation, recomputations


@dataclass(frozen=True)
class Path:
    """One way the statute counts years: with a period of disability left out, or as if there were none."""

    name: str
    eligibility: int
    elapsed: int
    number: int  # benefit computation years
    excluded: frozenset[int]  # years wholly in a period of disability
    care: int = 0  # years of child care dropped besides


@dataclass(frozen=True)
class Amount:
    """A primary insurance amount at the start of the year from which increases apply."""

    method: str
    increases_from: int
    eligibility: int
    aime: int
    elapsed: int
    number: int
    years: tuple[int, ...]
    raw: Fraction
    raw_family: Fraction
    raw_disability_family: Fraction

    def at(self, month: int, law: Law) -> Fraction:
        return with_colas(self.raw, self.increases_from, month, law)

    def family_at(self, month: int, law: Law, *, disability: bool) -> Fraction:
        if self.method == "special_minimum" and disability:  # 403(a)(6) caps that of the disabled, not the worker's own
            usual = with_colas(self.raw_disability_family, self.eligibility, month, law)
            return max(usual, self.at(month, law))
        if self.method == "special_minimum":
            return special_minimum_family(self.raw, month, law)
        raw = self.raw_disability_family if disability else self.raw_family
        return with_colas(raw, self.increases_from, month, law)


def elapsed_years(birth: datetime.date, before_year: int) -> int:
    """415(b)(2)(B)(iii): calendar years after 1950 or the year of attaining 21 and before the year given."""
    return max(before_year - max(1950, year_attaining(birth, 21)) - 1, 0)


def wage_indexed(
    path: Path, last_year: int, earnings: Mapping[int, Any], law: Law, windfall: Windfall | None = None
) -> Amount:
    base = [year for year in range(1951, last_year + 1) if year not in path.excluded]
    aime, years = average(earnings, base, path.number, path.eligibility, law)
    raw = formula_amount(aime, path.eligibility, law)
    if windfall is not None:  # "deemed to be computed under paragraph (1)": so the family maximum follows from it
        covered = years_of_coverage(earnings, base, law, Fraction(25, 100))
        percent = windfall_percent(windfall.eligibility, covered, windfall.as_of)
        raw = windfall_amount(aime, path.eligibility, percent, windfall, law)
    return Amount(
        method=path.name,
        increases_from=path.eligibility,
        eligibility=path.eligibility,
        aime=aime,
        elapsed=path.elapsed,
        number=path.number,
        years=tuple(years),
        raw=raw,
        raw_family=family_formula(raw, path.eligibility, law),
        raw_disability_family=disability_family(raw, aime, path.eligibility),
    )


def special_minimum(regular: Amount, path: Path, last_year: int, earnings: Mapping[int, Any], law: Law) -> Amount:
    """415(a)(1)(C)(i): $11.50 for each year of coverage over ten, with every increase since 1979."""
    base = [year for year in range(1951, last_year + 1) if year not in path.excluded]
    raw = Fraction(23, 2) * max(years_of_coverage(earnings, base, law) - 10, 0)
    return Amount(
        method="special_minimum",
        increases_from=1979,
        eligibility=regular.eligibility,
        aime=regular.aime,
        elapsed=regular.elapsed,
        number=regular.number,
        years=regular.years,
        raw=raw,
        raw_family=Fraction(0),
        raw_disability_family=regular.raw_disability_family,
    )


def best(amounts: list[Amount], month: int, law: Law) -> Amount:
    """The largest in the month; of equals the first."""
    return max(amounts, key=lambda amount: amount.at(month, law))


def candidates(
    paths: list[Path], last_year: int, earnings: Mapping[int, Any], law: Law, windfall: Windfall | None = None
) -> list[Amount]:
    result = []
    for path in paths:
        regular = wage_indexed(path, last_year, earnings, law, windfall)
        result += [regular, special_minimum(regular, path, last_year, earnings, law)]
    return result


def in_force(
    paths: list[Path],
    first_month: int,
    as_of: int,
    earnings: Mapping[int, Any],
    law: Law,
    windfall: Windfall | None = None,
) -> tuple[Amount, Amount]:
    """First computation and recomputations of a living beneficiary: the amount, and that but for the special minimum.

    415(b)(2)(B)(ii): first computed on years before that of entitlement. 415(f)(2): each year of entitlement with
    earnings is added with January of the next, if the amount (with increases to that January) rises by at least
    one dollar (415(f)(4), POMS RS 00605.501); a year that did not count then is considered again with a later one.
    A pension recomputes them all by its own formula (415(f)(9), POMS RS 00605.369B).
    """
    least = exact(law.get("recomputation_minimum", 1))

    def computed(last_year: int, month: int) -> tuple[Amount, Amount]:
        every = candidates(paths, last_year, earnings, law, windfall)
        plain = [amount for amount in every if amount.method != "special_minimum"]
        return best(every, month, law), best(plain, month, law)

    held = computed(year_of(first_month) - 1, first_month)
    for year in range(year_of(first_month), year_of(as_of)):
        if exact(earnings.get(year, 0)) <= 0:
            continue
        january = (year + 1) * 12
        new = computed(year, january)
        gain = new[0].at(january, law) - held[0].at(january, law)
        if gain > 0 and gain >= least:
            held = new
    return held


# Paths of the three kinds of benefit


def retirement_path(birth: datetime.date) -> Path:
    year = year_attaining(birth, 62)
    elapsed = elapsed_years(birth, year)
    return Path("wage_indexed", year, elapsed, max(elapsed - 5, 2), frozenset())


def waiting_starts(onset: datetime.date) -> int:
    """423(c)(2): the first full month of disability."""
    month = month_of_date(onset)
    return month if onset.day == 1 else month + 1


def years_wholly_disabled(onset: datetime.date, end: int) -> frozenset[int]:
    """Years within the period of disability from the day of onset to the end of the month before `end`."""
    first = onset.year if (onset.month, onset.day) == (1, 1) else onset.year + 1
    return frozenset(range(first, year_of(end)))


def care_years_dropped(
    care: int, dropped: int, number: int, excluded: frozenset[int], entitlement: int, earnings: Mapping[int, Any]
) -> int:
    """415(b)(2)(A): years of child care that reduce the computation years, to three dropped years in all.

    Only base years without earnings that are not left out anyhow: that would have to be taken for want of years with
    earnings ("could be selected as a benefit computation year", POMS RS 00605.235). Never below two computation years.
    """
    base = [year for year in range(1951, year_of(entitlement)) if year not in excluded]
    worked = sum(exact(earnings.get(year, 0)) > 0 for year in base)
    chosen = min(number, worked)
    more = 0
    while more < care and dropped + more < 3 and number - more > max(chosen, 2):
        more += 1
    return more


def disability_paths(
    birth: datetime.date, onset: datetime.date, end: int, entitlement: int, earnings: Mapping[int, Any], care: int
) -> list[Path]:
    """423(a)(2): as though 62 in the first month of the waiting period; eligibility with the onset (415(a)(3)(B)).

    One fifth of the elapsed years dropped, at most five (415(b)(2)(A)(ii)), also after conversion to an old-age
    benefit; then years of child care. The second path takes no account of the period of disability (420, POMS RS
    00605.005 and .225).
    """
    at_62 = year_attaining(birth, 62)
    result = []
    for name, year, excluded in (
        ("wage_indexed", min(onset.year, at_62), years_wholly_disabled(onset, end)),
        ("wage_indexed_no_freeze", min(year_of(waiting_starts(onset)), at_62), frozenset()),
    ):
        elapsed = elapsed_years(birth, year)
        dropped = min(elapsed // 5, 5)
        number = max(elapsed - dropped, 2)
        more = care_years_dropped(care, dropped, number, excluded, entitlement, earnings)
        result.append(Path(name, year, elapsed, number - more, excluded, more))
    return result


def survivor_paths(birth: datetime.date, death: datetime.date, onset: datetime.date | None, end: int) -> list[Path]:
    """Five years dropped (415(b)(2)(A)(i)), also for a worker disabled at death (POMS RS 00605.230)."""
    attained_62 = date_attaining(birth, 62) <= death
    year = year_attaining(birth, 62) if attained_62 else death.year
    elapsed = elapsed_years(birth, year)
    result = [Path("wage_indexed", year, elapsed, max(elapsed - 5, 2), frozenset())]
    if onset is not None:
        # Entitled to disability benefits within the twelve months before: 415(a)(3)(B) keeps that eligibility.
        early = min(onset.year, year)
        elapsed = elapsed_years(birth, early)
        excluded = years_wholly_disabled(onset, end)
        result.insert(0, Path("wage_indexed_freeze", early, elapsed, max(elapsed - 5, 2), excluded))
    return result


# Early, full and late entitlement


def increment_months(
    birth: datetime.date,
    entitlement: int | None,
    as_of: int,
    death: int | None,
    law: Law,
    quarters: Mapping[int, int],
    before_year: int,
) -> int:
    """402(w)(2)-(3), CFR 404.313: months from full retirement age to 70 without the benefit, those in effect.

    None of a calendar quarter in which the worker is not yet fully insured. Those of the years before as_of's count;
    the rest wait for January, but all count from the month of attaining 70, and for a widow(er) all up to the month
    before death.
    """
    first = month_attaining(birth, full_retirement_age(birth, law))
    at_70 = month_attaining(birth, 70 * 12)
    while first < at_70 and not fully_insured(birth, quarters, before_year, quarter_of(first))[0]:
        first = (quarter_of(first) + 1) * 3
    last = at_70 if entitlement is None else min(entitlement, at_70)
    if death is not None:
        last = min(last, death)
    elif as_of < at_70:
        last = min(last, year_of(as_of) * 12)
    return max(last - first, 0)


def adjustment(
    birth: datetime.date, entitlement: int, as_of: int, law: Law, quarters: Mapping[int, int]
) -> tuple[int, Fraction]:
    """Months and factor of an old-age benefit; see the head of the file for the sign."""
    early = month_attaining(birth, full_retirement_age(birth, law)) - entitlement
    if early > 0:
        return -early, 1 - old_age_reduction(early)
    months = increment_months(birth, entitlement, as_of, None, law, quarters, year_attaining(birth, 62))
    return months, 1 + months * credit_per_month(birth, law)


# What this oracle does not compute


def check(record: Record, earnings: Mapping[int, Any], eligibility: int) -> None:
    birth, kind = record["birth_date"], record["benefit_type"]
    if kind not in ("old_age", "disability", "survivor"):
        raise ValueError(f"unknown benefit type {kind!r}")
    if eligibility < 1979:
        raise ValueError("eligible before 1979: the average monthly wage formula is not covered")
    if month_of(record["as_of"]) < JUNE_1982:
        raise ValueError("benefits of months before June 1982 are rounded otherwise: not covered")
    if kind == "old_age" and record.get("onset_date") is not None:
        raise ValueError("an old-age benefit after or with a period of disability is not covered: use disability")
    if kind == "disability" and month_of(record["entitlement"]) < 1980 * 12 + 6:
        raise ValueError("disability entitlement before July 1980 drops five years: not covered")
    if record.get("transitional"):
        return
    if kind != "disability" and eligibility == year_attaining(birth, 62) < 1984:
        raise ValueError("age 62 in 1979-83: the transitional guarantee of 415(a)(4) is not covered")
    if year_attaining(birth, 21) < 1951 and any(year < 1951 and exact(paid) > 0 for year, paid in earnings.items()):
        raise ValueError("earnings before 1951: the old start of 415(a)(5) is not covered")


def worker(record: Record, earnings: Mapping[int, Any], law: Law) -> dict[str, Any]:
    """The worker's amounts in record["as_of"]; see the head of the file."""
    birth, kind = record["birth_date"], record["benefit_type"]
    as_of = month_of(record["as_of"])
    onset, death = record.get("onset_date"), record.get("death_date")
    entitlement = None if record.get("entitlement") is None else month_of(record["entitlement"])
    at_fra = month_attaining(birth, full_retirement_age(birth, law))
    at_62 = year_attaining(birth, 62)
    quarters = quarters_of_coverage(earnings, law, record.get("quarters"))
    care = record.get("care_years") or 0
    windfall = windfall_of(record, at_62 if onset is None else min(at_62, onset.year))
    months, factor = 0, Fraction(1)
    disabled = False

    if kind == "survivor":
        if death is None:
            raise ValueError("a survivor's case needs death_date")
        died = month_of_date(death)
        if as_of < died:
            raise ValueError("as_of before the death")
        end = min(at_fra, died + 1)  # POMS DI 10105.010: the period of disability ends with the month of death
        paths = survivor_paths(birth, death, onset, end)
        check(record, earnings, min(path.eligibility for path in paths))
        # 415(b)(2)(B)(ii)(II): the year of death is a base year; 415(f)(2)(D)(ii): from the month of death.
        amounts = candidates(paths, death.year, earnings, law)
        if onset is not None and entitlement is not None:
            # 415(a)(2)(B)-(C): no less than the disability amount of the month before death, with later increases.
            own = disability_paths(birth, onset, end, entitlement, earnings, care)
            amounts.append(in_force(own, entitlement, died, earnings, law)[0])
        plain = best([amount for amount in amounts if amount.method != "special_minimum"], as_of, law)
        amount = best(amounts, as_of, law)
        last = quarter_of(died)
        before = min(at_62, death.year)
        if onset is not None:
            disabled = disability_insured(birth, quarters, month_of_date(onset))
            before = min(before, onset.year)  # 414(a): years with any part in a period of disability are left out
        if entitlement is not None and onset is None:
            months = -max(at_fra - entitlement, 0)
        if onset is None and months == 0:
            months = increment_months(birth, entitlement, as_of, died, law, quarters, before)
    else:
        if entitlement is None or as_of < entitlement:
            raise ValueError("as_of before the entitlement")
        if death is not None and as_of >= month_of_date(death):
            raise ValueError("as_of after the death: ask for the survivor's case")
        if kind == "disability":
            if onset is None or month_of_date(onset) > entitlement or entitlement >= at_fra:
                raise ValueError("a disability benefit needs an onset before it, and to begin before retirement age")
            paths = disability_paths(birth, onset, min(at_fra, as_of + 1), entitlement, earnings, care)
            last = quarter_of(month_of_date(onset))
            before = min(onset.year, at_62)
            began = month_of_date(onset)
            disabled = any(  # CFR 404.131(b): or in a later month, to the first of the waiting period
                fully_insured(birth, quarters, before, quarter_of(month))[0]
                and disability_insured(birth, quarters, month)
                for month in range(began, max(began, entitlement - 5) + 1)
            )
        else:
            if entitlement < first_month_at_62(birth):
                raise ValueError("entitled before 62")
            paths = [retirement_path(birth)]
            last = quarter_of(entitlement)
            before = at_62
            months, factor = adjustment(birth, entitlement, as_of, law, quarters)
        check(record, earnings, min(path.eligibility for path in paths))
        amount, plain = in_force(paths, entitlement, as_of, earnings, law, windfall)

    if plain.eligibility < 1982 and plain.raw < 122 and not record.get("transitional"):
        raise ValueError("eligible in 1979-81 under $122: the frozen minimum of 1977 is not covered")

    fully, number = fully_insured(birth, quarters, before, last)
    currently = currently_insured(quarters, last)
    if onset is not None:
        # 414(b): quarters in a period of disability are passed over unless themselves covered.
        started = quarter_of(month_of_date(onset))
        currently = currently or any(currently_insured(quarters, quarter) for quarter in (started - 1, started))

    pia, regular = amount.at(as_of, law), plain.at(as_of, law)
    if kind == "survivor":
        if months < 0:
            factor = 1 - old_age_reduction(-months)
        elif months > 0:
            factor = 1 + months * credit_per_month(birth, law)
    if months > 0:
        # 402(w)(5): no credits on the special minimum; the larger of it and the regular amount with credits.
        # Credits are rounded down to the dime by themselves (POMS RS 00615.692).
        unrounded = max(pia, regular + dime_down(regular * (factor - 1)))
    else:
        unrounded = dime_down(pia * factor)  # CFR 404.410(a): the reduction rounds up to the dime

    # POMS RS 00615.742: the disability maximum gives way to the ordinary one at conversion or death.
    capped = kind == "disability" and as_of < at_fra
    insured = {"old_age": fully, "disability": disabled, "survivor": fully}[kind]
    paid = kind != "survivor" and insured
    return {
        "aime": amount.aime,
        "pia": money(pia),
        "pia_at_eligibility": money(with_colas(amount.raw, amount.increases_from, amount.eligibility * 12, law)),
        "pia_without_special_minimum": money(regular),
        "family_maximum": money(amount.family_at(as_of, law, disability=capped)),
        "months": months,
        "factor": factor,
        # Of a survivor's case: what the worker would receive in as_of (402(e)(2)(C)-(D)), None if never entitled.
        "worker_amount": None if kind == "survivor" and entitlement is None else money(unrounded),
        "unrounded": money(unrounded) if paid else Decimal(0),
        "benefit": floor(unrounded) if paid else 0,  # 415(g): down to the dollar
        "fully_insured": fully,
        "currently_insured": currently,
        "disability_insured": disabled,
        "quarters": number,
        "elapsed_years": amount.elapsed,
        "computation_years": amount.number,
        "years_used": amount.years,
        "eligibility_year": amount.eligibility,
        "method": amount.method,
        "care_years_dropped": max(path.care for path in paths),
        "windfall": windfall is not None,
        "full_retirement_age": full_retirement_age(birth, law),
    }
