"""The oracle of Social Security benefits against published amounts and cases computed by hand.

Series: Office of the Chief Actuary, SSA (ssa.gov/oact/cola: awiseries, cbb, QC, colaseries).
"""

from __future__ import annotations

import random
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from .oracle import (
    JUNE_1982,
    base_without_1977_act,
    bend_points,
    covered_between,
    credit_per_month,
    currently_insured,
    dime_down,
    disability_insured,
    exact,
    first_month_at_62,
    full_retirement_age,
    fully_insured,
    indexed,
    month_attaining,
    month_of,
    old_age_reduction,
    special_minimum_family,
    waiting_starts,
    widow_reduction,
    with_colas,
    worker,
)
from .oracle_family import family, share

AWI = """
    2799.16 2973.32 3139.44 3155.64 3301.44 3532.36 3641.72 3673.8 3855.8 4007.12 4086.76 4291.4 4396.64 4576.32
    4658.72 4938.36 5213.44 5571.76 5893.76 6186.24 6497.08 7133.8 7580.16 8030.76 8630.92 9226.48 9779.44
    10556.03 11479.46 12513.46 13773.1 14531.34 15239.24 16135.07 16822.51 17321.82 18426.51 19334.04 20099.55
    21027.98 21811.6 22935.42 23132.67 23753.53 24705.66 25913.9 27426.0 28861.44 30469.84 32154.82 32921.92
    33252.09 34064.95 35648.55 36952.94 38651.41 40405.48 41334.97 40711.61 41673.83 42979.61 44321.67 44888.16
    46481.52 48098.63 48642.15 50321.89 52145.8 54099.99 55628.6 60575.07 63795.13 66621.8 69846.57
"""
BASE = """
    3600 3600 3600 3600 4200 4200 4200 4200 4800 4800 4800 4800 4800 4800 4800 6600 6600 7800 7800 7800 7800
    9000 10800 13200 14100 15300 16500 17700 22900 25900 29700 32400 35700 37800 39600 42000 43800 45000 48000
    51300 53400 55500 57600 60600 61200 62700 65400 68400 72600 76200 80400 84900 87000 87900 90000 94200 97500
    102000 106800 106800 106800 110100 113700 117000 118500 118500 127200 128400 132900 137700 142800 147000
    160200 168600 176100 184500
"""
BASE_OLD = """
    18900 20400 22200 24300 26700 28200 29700 31500 32700 33600 35700 38100 39600 41400 42900 45000 45300 46500
    48600 50700 53700 56700 59700 63000 64500 65100 66900 69900 72600 75900 79200 79200 79200 81900 84300 87000
    88200 88200 94500 95400 98700 102300 106200
"""
QC = """
    250 260 290 310 340 370 390 410 440 460 470 500 520 540 570 590 620 630 640 670 700 740 780 830 870 890 900
    920 970 1000 1050 1090 1120 1120 1130 1160 1200 1220 1260 1300 1320 1360 1410 1470 1510 1640 1730 1810 1890
"""
COLA = """
    8.0 6.4 5.9 6.5 9.9 14.3 11.2 7.4 3.5 3.5 3.1 1.3 4.2 4.0 4.7 5.4 3.7 3.0 2.6 2.8 2.6 2.9 2.1 1.3 2.5 3.5
    2.6 1.4 2.1 2.7 4.1 3.3 2.3 5.8 0.0 0.0 3.6 1.7 1.5 1.7 0.0 0.3 2.0 2.8 1.6 1.3 5.9 8.7 3.2 2.5 2.8
"""


def series(text: str, first: int) -> dict[int, str]:
    return dict(enumerate(text.split(), first))


LAW: dict[str, Any] = {
    "awi": series(AWI, 1951),
    "wage_base": series(BASE, 1951),
    "wage_base_old": series(BASE_OLD, 1979),
    "qc": series(QC, 1978),
    "cola": series(COLA, 1975),
}
YEARS = range(1951, 2091)
FLAT: dict[str, Any] = {  # a law for arithmetic by hand: nothing is indexed, $1,000 is the first bend point
    "awi": dict.fromkeys(YEARS, 20000),
    "wage_base": dict.fromkeys(YEARS, 100000),
    "wage_base_old": dict.fromkeys(YEARS, 100000),
    "qc": dict.fromkeys(YEARS, 1000),
    "cola": dict.fromkeys(YEARS, 0),
    "bend_points": dict.fromkeys(YEARS, (1000, 6000, 1500, 2000, 3000)),
}


def steady(amount: float, first: int, last: int) -> dict[int, float]:
    return dict.fromkeys(range(first, last + 1), amount)


def retired(birth: date, entitlement: tuple[int, int], as_of: tuple[int, int], **more: Any) -> dict[str, Any]:
    return {
        "sex": "female",
        "birth_date": birth,
        "benefit_type": "old_age",
        "entitlement": entitlement,
        "as_of": as_of,
        "onset_date": None,
        "death_date": None,
        "quarters": None,
        **more,
    }


def survived(birth: date, death: date, as_of: tuple[int, int], **more: Any) -> dict[str, Any]:
    return {
        **retired(birth, (0, 0), as_of),
        "benefit_type": "survivor",
        "entitlement": None,
        "death_date": death,
    } | more


def disabled(birth: date, onset: date, entitlement: tuple[int, int], as_of: tuple[int, int], **more: Any) -> dict:
    return {**retired(birth, entitlement, as_of), "benefit_type": "disability", "onset_date": onset} | more


def member(relation: str, birth: date, entitlement: tuple[int, int], onset: date | None = None) -> dict[str, Any]:
    return {"relation": relation, "birth_date": birth, "entitlement": entitlement, "onset_date": onset}


# Published amounts

# ssa.gov/oact/cola/examplemax.html of 2024: retirement in January with maximum earnings since 22. Year; then for
# retirement at 62, 65, 66, 67 and 70 the average, the initial benefit and that of 2024. (62 stands for 62 and a month.)
MAXIMUM = """
1987 2205  666 1845  2009  789 2184  1955  806 2232  1861  825 2285  1725 1056 2925
1988 2311  691 1836  2139  838 2227  2089  860 2286  2040  880 2339  1859 1080 2870
1989 2490  739 1887  2287  899 2297  2217  911 2329  2171  936 2392  2000 1063 2717
1990 2648  780 1903  2417  975 2379  2368  984 2401  2302  998 2435  2154 1085 2647
1991 2792  815 1887  2531 1022 2367  2502 1079 2498  2457 1084 2511  2332 1163 2694
1992 2978  860 1920  2716 1088 2430  2617 1113 2486  2592 1175 2623  2470 1231 2749
1993 3154  899 1950  2878 1128 2447  2801 1181 2561  2708 1203 2609  2605 1289 2794
1994 3384  954 2016  3024 1147 2424  2963 1219 2577  2891 1276 2697  2758 1358 2870
1995 3493  972 1998  3219 1199 2464  3112 1248 2565  3055 1319 2712  2896 1474 3029
1996 3657 1006 2016  3402 1248 2502  3306 1300 2606  3201 1352 2709  3012 1501 3007
1997 3877 1056 2057  3634 1326 2583  3490 1364 2657  3396 1412 2750  3189 1609 3134
1998 4144 1117 2131  3750 1342 2560  3724 1437 2742  3584 1477 2817  3348 1648 3142
1999 4463 1191 2243  3926 1373 2585  3847 1451 2733  3822 1544 2906  3496 1684 3171
2000 4775 1248 2292  4161 1435 2636  4031 1502 2760  3954 1585 2912  3707 1752 3219
2001 5126 1314 2332  4440 1538 2729  4272 1593 2828  4144 1657 2941  3912 1879 3335
2002 5499 1382 2391  4770 1660 2872  4555 1692 2928  4390 1750 3027  4165 1988 3439
"""


def maximum_earner(birth_year: int, last: int) -> dict[int, Any]:
    return {year: LAW["wage_base"][year] for year in range(max(birth_year + 22, 1951), last + 1)}


@pytest.mark.parametrize("line", MAXIMUM.strip().splitlines())
def test_workers_with_maximum_taxable_earnings(line: str) -> None:
    year, *published = map(int, line.split())
    # The page shows January 2000 and 2001 with the corrected increase of December 1999.
    law = {**LAW, "cola_1999_first": "2.5"}
    for place, age in enumerate((62, 65, 66, 67, 70)):
        born = year - age
        # Born 2 January: the age is attained on 1 January. At 62 the page has retirement a month later.
        birth, first = (date(born, 1, 15), (year, 2)) if age == 62 else (date(born, 1, 2), (year, 1))
        earnings = maximum_earner(born, year - 1)
        results = [
            worker(retired(birth, first, as_of, transitional=True), earnings, law) for as_of in (first, (2024, 1))
        ]
        found = [results[0]["aime"], *(result["benefit"] for result in results)]
        assert found == published[3 * place : 3 * place + 3], age


@pytest.mark.parametrize(
    ("year", "age", "benefit"),
    [  # the same page and SSA's answer to "what is the maximum retirement benefit", by year
        *[(2022, 62, 2364), (2023, 62, 2572), (2024, 62, 2710), (2025, 62, 2831), (2026, 62, 2969)],
        *[(2022, 70, 4194), (2023, 70, 4555), (2024, 70, 4873), (2025, 70, 5108), (2026, 70, 5181)],
    ],
)
def test_maximum_benefits_of_recent_years(year: int, age: int, benefit: int) -> None:
    birth, first = (date(year - 62, 1, 15), (year, 2)) if age == 62 else (date(year - 70, 1, 2), (year, 1))
    assert worker(retired(birth, first, first), maximum_earner(year - age, year - 1), LAW)["benefit"] == benefit


def test_the_example_of_2025() -> None:
    # ssa.gov/oact/cola/Benefits.html: maximum earnings since 22, 62 in 2025.
    result = worker(retired(date(1963, 6, 15), (2025, 7), (2025, 7)), maximum_earner(1963, 2024), LAW)
    assert (result["aime"], result["pia"]) == (13689, Decimal("4020.90"))


@pytest.mark.parametrize(
    ("birth_year", "year", "amount", "published"),
    [  # Annual Statistical Supplement, appendix D, of 2005, 2019 and 2023
        (1943, 1984, 20000, "42224.73"),
        (1957, 1990, 20000, "47861.84"),
        (1961, 1990, 20000, "57613.78"),
    ],
)
def test_indexing(birth_year: int, year: int, amount: int, published: str) -> None:
    assert indexed({year: amount}, year, birth_year + 60, LAW) == exact(published)


def test_bend_points() -> None:
    # ssa.gov/oact/cola/bendpoints.html
    published = {
        1979: (180, 1085, 230, 332, 433),
        1985: (280, 1691, 358, 517, 675),
        2000: (531, 3202, 679, 980, 1278),
        2010: (761, 4586, 972, 1403, 1830),
        2020: (960, 5785, 1226, 1770, 2309),
        2026: (1286, 7749, 1643, 2371, 3093),
    }
    assert {year: bend_points(year, LAW) for year in published} == published


# CFR 404 subpart C appendix V, and the table of December 2017 (ssa.gov/oact/progdata/tableForm.html): years of
# coverage, amount, family maximum.
SPECIAL = {
    (1979, 6): [(11, "12.7", "19.1"), (15, "63.2", "94.9"), (23, "164.4", "246.6"), (30, "252.8", "379.2")],
    (1980, 6): [(11, "14.6", "21.9"), (15, "72.3", "108.5"), (23, "188", "282"), (30, "289", "433.5")],
    (1981, 6): [(11, "16.3", "24.5"), (15, "80.4", "120.7"), (23, "209.1", "313.7"), (30, "321.4", "482.1")],
    (1982, 6): [(11, "17.5", "26.3"), (15, "86.3", "129.6"), (20, "172.5", "258.9"), (22, "207.1", "310.8")],
    (2017, 12): [(11, "40.8", "62.1"), (16, "253.3", "381.2"), (22, "508.2", "764"), (30, "848.8", "1274.6")],
}


def test_increases_of_the_special_minimum() -> None:
    for when, rows in SPECIAL.items():
        for years, amount, maximum in rows:
            raw = Fraction(23, 2) * (years - 10)
            assert with_colas(raw, 1979, month_of(when), LAW) == exact(amount)
            assert special_minimum_family(raw, month_of(when), LAW) == exact(maximum)


def test_the_increase_of_december_1999() -> None:
    # 1000 x 1.024, then x 1.035 = 1059.84; from July 2001 1000 x 1.025 = 1025, x 1.035 = 1060.875.
    for when, amount in (((2000, 1), "1024"), ((2001, 6), "1059.8"), ((2001, 7), "1060.8")):
        assert with_colas(Fraction(1000), 1999, month_of(when), LAW) == exact(amount)


def test_examples_of_reductions() -> None:
    # CFR 404.410(a): 980.50 less 44 months, 228.78 rounded up to 228.80.
    assert dime_down(exact("980.5") * (1 - old_age_reduction(44))) == exact("751.7")
    # POMS RS 00615.301: a widow born 15 June 1940, entitled July 2002, 37 of 62 months, 987.60 less 168.00.
    born = date(1940, 6, 15)
    age = full_retirement_age(born, LAW, widow=True)
    months = month_attaining(born, age) - month_of((2002, 7))
    assert (age, months) == (65 * 12 + 2, 37)
    assert dime_down(exact("987.6") * (1 - widow_reduction(37, 62))) == exact("819.6")
    # POMS RS 00615.692: 25 credits of 1/3 percent, 802.80 to 869.70; 30 of 7/12 percent, 1000.00 to 1175.00.
    for day, months, amount, raised in ((date(1928, 6, 15), 25, "802.8", "869.7"), (born, 30, "1000", "1175")):
        credit = months * credit_per_month(day, LAW)
        assert exact(amount) + dime_down(exact(amount) * credit) == exact(raised)


def test_examples_of_sharing() -> None:
    # POMS RS 00615.710: amount 400, maximum 700, a widow with 10 of credits and a child.
    assert share([Fraction(410), Fraction(300)], Fraction(700)) == [exact("404.2"), exact("295.7")]
    # POMS RS 00605.501: 445.50 with the 1.3 percent of December 1998.
    assert with_colas(exact("445.5"), 1998, month_of((1998, 12)), LAW) == exact("451.2")


def test_published_retirement_ages_and_credits() -> None:
    # ssa.gov/oact/progdata/nra.html and POMS RS 00615.003 (widow(er)s), RS 00615.693.
    months = {1937: 780, 1938: 782, 1942: 790, 1943: 792, 1954: 792, 1955: 794, 1959: 802, 1960: 804, 1990: 804}
    assert {year: full_retirement_age(date(year, 1, 2), {}) for year in months} == months
    assert full_retirement_age(date(1960, 1, 1), {}) == 802  # born on New Year's Day: as the year before
    for day, age in (
        (date(1940, 1, 2), 782),
        (date(1945, 1, 1), 790),
        (date(1945, 1, 2), 792),
        (date(1962, 1, 2), 804),
    ):
        assert full_retirement_age(day, {}, widow=True) == age
    rates = {1924: 3, 1925: "3.5", 1927: 4, 1929: "4.5", 1937: "6.5", 1940: 7, 1942: "7.5", 1943: 8, 1960: 8}
    assert {year: credit_per_month(date(year, 6, 1), {}) * 1200 for year in rates} == {
        year: exact(rate) for year, rate in rates.items()
    }
    table = {"fra_months": {1900: 780, 1960: 840}, "drc": {1900: 0, 1950: "8"}}
    assert full_retirement_age(date(1961, 5, 5), table) == 840
    assert credit_per_month(date(1949, 5, 5), table) == 0


def test_base_without_the_1977_act() -> None:
    # Four times the "substantial earnings" of the windfall provision for 2022-25: 27,300, 29,700, 31,275, 32,700.
    found = [base_without_1977_act(year, LAW) for year in (2022, 2023, 2024, 2025)]
    assert found == [109200, 118800, 125100, 130800]


# Results of SSA's Detailed Calculator (ssa.gov/oact/anypia), as recorded by github.com/anthonycolavito/pyanypia:
# earnings from 22 of the average wage (steady), half of it, the maximum, or the average wage in three years of six.
# The calculator takes no account of the one-dollar rule of recomputations.
CALCULATOR = {**LAW, "recomputation_minimum": 0}


def pattern(kind: str, birth_year: int, last: int) -> dict[int, float]:
    result = {}
    for year in range(birth_year + 22, last + 1):
        wage, base = float(LAW["awi"][year]), float(LAW["wage_base"][year])
        amount = {
            "steady": wage,
            "half": 0.5 * wage,
            "max": base,
            "sporadic": wage if year // 3 % 2 == 0 else 0.0,
            "late": 1.2 * wage if year - birth_year >= 40 else 0.0,
        }[kind]
        result[year] = round(min(amount, base), 2)
    return result


@pytest.mark.parametrize(
    ("kind", "entitlement", "as_of", "expected"),
    [
        ("steady", (1999, 4), (1999, 4), (2288, "1025.0", "1871.3", 825)),
        ("steady", (1999, 4), (2000, 4), (2288, "1049.6", "1916.2", 845)),
        ("steady", (2002, 3), (2002, 3), (2320, "1126.7", "2051.7", 1126)),
        ("steady", (2007, 3), (2007, 3), (2419, "1327.4", "2398.3", 1758)),
        ("max", (1999, 4), (1999, 4), (4463, "1479.6", "2589.4", 1191)),
        ("max", (2002, 3), (2003, 3), (4770, "1683.7", "2946.7", 1683)),
        ("max", (2007, 3), (2008, 3), (5406, "2063.5", "3611.4", 2734)),
        ("half", (2007, 3), (2007, 3), (1209, "845.4", "1320.8", 1120)),
        ("sporadic", (2007, 3), (2008, 3), (1658, "1047.8", "1849.0", 1388)),
        ("late", (2002, 3), (2003, 3), (2001, "1029.8", "1929.5", 1029)),
    ],
)
def test_calculator_retired(kind: str, entitlement: tuple, as_of: tuple, expected: tuple) -> None:
    earnings = pattern(kind, 1937, entitlement[0] - 1)
    result = worker(retired(date(1937, 3, 15), entitlement, as_of), earnings, CALCULATOR)
    aime, pia, maximum, benefit = expected
    assert (result["aime"], result["pia"]) == (aime, Decimal(pia))
    assert (result["family_maximum"], result["benefit"]) == (Decimal(maximum), benefit)


@pytest.mark.parametrize(
    ("day", "kind", "entitlement", "as_of", "expected"),
    [  # born in March 1957: 62 throughout March if on the 2nd; 66 and 6 months in September 2023; 70 in March 2027
        (2, "sporadic", (2019, 3), (2019, 3), (2520, "1343.4", "2209.5", 973)),
        (2, "sporadic", (2019, 3), (2020, 3), (2520, "1364.8", "2244.8", 989)),
        (2, "sporadic", (2023, 9), (2024, 9), (2672, "1701.7", "2863.2", 1701)),
        (2, "late", (2019, 3), (2020, 3), (3168, "1575.6", "2817.9", 1142)),
        (2, "late", (2023, 9), (2023, 9), (3837, "2090.8", "3882.8", 2090)),
        (15, "steady", (2019, 4), (2019, 4), (4197, "1880.1", "3431.8", 1370)),
        (15, "steady", (2023, 9), (2024, 9), (4275, "2328.9", "4236.5", 2328)),
    ],
)
def test_calculator_retired_later(day: int, kind: str, entitlement: tuple, as_of: tuple, expected: tuple) -> None:
    earnings = pattern(kind, 1957, entitlement[0] - 1)
    result = worker(retired(date(1957, 3, day), entitlement, as_of), earnings, CALCULATOR)
    aime, pia, maximum, benefit = expected
    assert (result["aime"], result["pia"]) == (aime, Decimal(pia))
    assert (result["family_maximum"], result["benefit"]) == (Decimal(maximum), benefit)


@pytest.mark.parametrize(
    ("kind", "age", "later", "expected"),
    [  # disabled 15 June, entitled in December; benefit of that month or a year later
        ("steady", 30, 0, (1280, "589.7", "884.5")),
        ("steady", 30, 1, (1299, "603.6", "905.4")),
        ("steady", 45, 0, (2412, "1117.5", "1676.3")),
        ("steady", 45, 1, (2426, "1151.3", "1727.0")),
        ("steady", 58, 1, (3590, "1659.3", "2488.9")),
        ("max", 30, 0, (2714, "883.4", "1325.1")),
        ("max", 58, 1, (8775, "2668.8", "4003.2")),
        ("half", 30, 0, (640, "378.5", "560.8")),
        ("half", 58, 0, (1792, "1047.6", "1546.0")),
        ("half", 58, 1, (1795, "1066.3", "1574.8")),
        ("sporadic", 30, 1, (544, "351.3", "482.8")),
        ("sporadic", 45, 1, (1540, "850.2", "1275.3")),
        ("late", 45, 0, (767, "572.7", "674.7")),
    ],
)
def test_calculator_disabled(kind: str, age: int, later: int, expected: tuple) -> None:
    year = 1955 + age
    record = disabled(date(1955, 3, 15), date(year, 6, 15), (year, 12), (year + later, 12))
    result = worker(record, pattern(kind, 1955, year), CALCULATOR)
    assert (result["aime"], result["pia"]) == (expected[0], Decimal(expected[1]))
    assert result["family_maximum"] == Decimal(expected[2])


WIDOW = member("widow", date(1953, 6, 10), (2013, 6))
DISABLED_WIDOW = member("disabled_widow", date(1953, 6, 10), (2005, 6), date(2004, 6, 5))
YOUNG = [
    member("parent_with_child", date(1954, 2, 25), (1985, 8)),
    member("child", date(1979, 4, 1), (1985, 8)),
    member("child", date(1976, 9, 9), (1985, 8)),
]


@pytest.mark.parametrize(
    ("kind", "members", "as_of", "expected", "benefits"),
    [  # born 15 March 1950, dead 20 August 1985; the widow's amounts are the reindexed ones
        ("steady", [WIDOW], (2013, 6), (1295, "1255.5", "2286.6"), [("1582.3", 1131)]),
        ("steady", [WIDOW], (2014, 6), (1295, "1274.3", "2320.8"), [("1606.0", 1148)]),
        ("max", [WIDOW], (2013, 6), (2787, "1890.8", "3309.5"), [("2389.2", 1708)]),
        ("half", [WIDOW], (2014, 6), (647, "815.6", "1255.3"), [("1032.5", 738)]),
        ("steady", [DISABLED_WIDOW], (2005, 6), (1295, "1024.1", "1864.9"), [("1275.1", 911)]),
        ("max", [DISABLED_WIDOW], (2006, 6), (2787, "1605.3", "2809.6"), [("2003.9", 1432)]),
        ("half", [DISABLED_WIDOW], (2005, 6), (647, "655.5", "1008.9"), [("819.6", 586)]),
        ("steady", YOUNG, (1985, 8), (1295, "576.8", "1049.6"), [("432.6", 349)] * 3),
        ("max", YOUNG, (1986, 8), (2787, "894.8", "1565.7"), [("671.1", 521)] * 3),
        ("steady", YOUNG[1:2], (1985, 8), (1295, "576.8", "1049.6"), [("432.6", 432)]),
    ],
)
def test_calculator_survivors(kind: str, members: list, as_of: tuple, expected: tuple, benefits: list) -> None:
    record = survived(date(1950, 3, 15), date(1985, 8, 20), as_of)
    earnings = pattern(kind, 1950, 1985)
    result = worker(record, earnings, CALCULATOR)
    assert (result["aime"], result["pia"]) == (expected[0], Decimal(expected[1]))
    assert result["family_maximum"] == Decimal(expected[2])
    found = [(row["full"], row["benefit"]) for row in family(record, earnings, members, CALCULATOR)]
    assert found == [(Decimal(full), benefit) for full, benefit in benefits]


@pytest.mark.parametrize(
    ("kind", "death", "relation", "first", "as_of", "expected"),
    [  # born 15 March 1960; the widow 10 June 1963, disabled a year before her entitlement if so
        ("half", 2005, "widow", (2023, 6), (2023, 6), (1429, "1293.7", "1979.5", "1451.4", 1037)),
        ("half", 2005, "widow", (2023, 6), (2024, 6), (1429, "1335.0", "2042.8", "1497.8", 1070)),
        ("half", 2005, "disabled_widow", (2015, 6), (2016, 6), (1429, "1038.5", "1589.0", "1082.0", 773)),
        ("max", 2005, "widow", (2023, 6), (2024, 6), (6993, "3343.8", "5852.3", "3750.9", 2681)),
        ("steady", 2015, "widow", (2023, 6), (2023, 6), (3754, "2093.3", "3820.3", "2257.8", 1614)),
        ("steady", 2015, "disabled_widow", (2015, 8), (2015, 8), (3754, "1680.3", "3066.4", "1680.3", 1201)),
        ("max", 2015, "widow", (2023, 6), (2024, 6), (9254, "3488.9", "6106.3", "3765.6", 2692)),
    ],
)
def test_calculator_widows(kind: str, death: int, relation: str, first: tuple, as_of: tuple, expected: tuple) -> None:
    record = survived(date(1960, 3, 15), date(death, 8, 20), as_of)
    earnings = pattern(kind, 1960, death)
    result = worker(record, earnings, CALCULATOR)
    aime, pia, maximum, full, benefit = expected
    assert (result["aime"], result["pia"], result["family_maximum"]) == (aime, Decimal(pia), Decimal(maximum))
    widow = member(relation, date(1963, 6, 10), first, date(first[0] - 1, first[1], 5))
    (row,) = family(record, earnings, [widow], CALCULATOR)
    assert (row["full"], row["benefit"]) == (Decimal(full), benefit)


SPOUSE_62 = [member("spouse", date(1957, 7, 20), (2021, 5))]
SPOUSE_65 = [member("spouse", date(1957, 7, 20), (2022, 7))]
CHILDREN = [member("child", date(2013, 4, 1), (2021, 5)), member("child", date(2015, 9, 9), (2021, 5))]
WITH_MOTHER = [member("spouse_with_child", date(1975, 1, 15), (2021, 5)), *CHILDREN]


@pytest.mark.parametrize(
    ("kind", "members", "as_of", "expected", "benefits"),
    [  # born 15 March 1955, entitled at full retirement age in May 2021
        ("steady", SPOUSE_62, (2021, 5), (4056, "1954.4", "3561.9"), [("977.2", 760)]),
        ("steady", SPOUSE_62, (2022, 5), (4056, "2069.7", "3772.0"), [("1034.8", 804)]),
        ("steady", SPOUSE_65, (2022, 7), (4056, "2069.7", "3772.0"), [("1034.8", 905)]),
        ("max", SPOUSE_65, (2023, 7), (9979, "3623.8", "6342.3"), [("1811.9", 1585)]),
        ("steady", WITH_MOTHER, (2021, 5), (4056, "1954.4", "3561.9"), [("977.2", 535)] * 3),
        ("half", WITH_MOTHER, (2022, 5), (2028, "1327.8", "2035.5"), [("663.9", 235)] * 3),
        ("max", CHILDREN, (2022, 5), (9979, "3333.8", "5834.7"), [("1666.9", 1250)] * 2),
        ("half", CHILDREN, (2021, 5), (2028, "1253.9", "1922.1"), [("626.9", 334)] * 2),
    ],
)
def test_calculator_families(kind: str, members: list, as_of: tuple, expected: tuple, benefits: list) -> None:
    record = retired(date(1955, 3, 15), (2021, 5), as_of)
    earnings = pattern(kind, 1955, 2020)
    result = worker(record, earnings, CALCULATOR)
    assert (result["aime"], result["pia"]) == (expected[0], Decimal(expected[1]))
    assert result["family_maximum"] == Decimal(expected[2])
    found = [(row["full"], row["benefit"]) for row in family(record, earnings, members, CALCULATOR)]
    assert found == [(Decimal(full), benefit) for full, benefit in benefits]


# By hand: ages and insured status


def test_attaining_an_age() -> None:
    # 402(a): throughout the month 62. Born on the 1st or 2nd: the month of the birthday; later: the next.
    for day, month in ((1, 6), (2, 6), (3, 7), (30, 7)):
        assert first_month_at_62(date(1960, 6, day)) == month_of((2022, month))
    # 67 on the day before the birthday: 31 May or 1 June 2027.
    assert month_attaining(date(1960, 6, 1), 804) == month_of((2027, 5))
    assert month_attaining(date(1960, 6, 2), 804) == month_of((2027, 6))


@pytest.mark.parametrize(("day", "months"), [(1, -59), (2, -60), (3, -59)])
def test_months_of_reduction_at_62(day: int, months: int) -> None:
    entitlement = (2022, 6 if day < 3 else 7)
    result = worker(retired(date(1960, 6, day), entitlement, entitlement), steady(24000, 1982, 2011), FLAT)
    assert result["months"] == months
    # 36 x 5/9 + (months - 36) x 5/12 percent
    assert result["factor"] == 1 - Fraction(20, 100) - Fraction(5 * (-months - 36), 1200)


def test_quarters() -> None:
    # Two quarters of 2000, four of 2001: to the third quarter of 2001, three of 2001 and both of 2000.
    quarters = {2000: 2, 2001: 4}
    assert covered_between(quarters, 0, 2001 * 4 + 2) == 5
    assert covered_between(quarters, 2000 * 4 + 3, 2001 * 4 + 3) == 5  # of 2000 the last quarter alone
    # $250 a quarter in 1978: 999 is three; $50 before.
    result = worker(
        retired(date(1940, 6, 15), (2002, 7), (2002, 7), transitional=True), {1977: 149, 1978: 999, 1979: 1040}, LAW
    )
    assert result["quarters"] == 2 + 3 + 4


def test_fully_insured() -> None:
    born = date(1960, 6, 15)  # 21 in 1981: years 1982 to 2021 are forty
    assert fully_insured(born, dict.fromkeys(range(1982, 1992), 4), 2022, 2022 * 4) == (True, 40)
    assert fully_insured(born, dict.fromkeys(range(1982, 1992), 4) | {1991: 3}, 2022, 2022 * 4) == (False, 39)
    # Dead in 1990: years 1982 to 1989 are eight. Dead in 1983: at least six.
    assert fully_insured(born, {1985: 4, 1988: 4}, 1990, 1990 * 4)[0]
    assert not fully_insured(born, {1985: 4, 1988: 3}, 1990, 1990 * 4)[0]
    assert fully_insured(born, {1982: 4, 1983: 4}, 1983, 1983 * 4 + 1) == (True, 6)  # dead in the second quarter
    assert fully_insured(born, {1982: 4, 1983: 4}, 1983, 1983 * 4) == (False, 5)


def test_currently_insured() -> None:
    # Dead in the second quarter of 2000: thirteen quarters are those from the second of 1997.
    last = 2000 * 4 + 1
    assert currently_insured({1997: 4, 1998: 3}, last)  # three of 1997 and three
    assert not currently_insured({1997: 4, 1998: 2}, last)
    assert currently_insured({1999: 4, 2000: 4}, last)  # four and two of 2000


def test_disability_insured() -> None:
    born = date(1960, 6, 15)
    june = month_of((2000, 6))  # forty quarters from the third of 1990
    assert disability_insured(born, dict.fromkeys(range(1991, 1996), 4), june)
    assert not disability_insured(born, dict.fromkeys(range(1991, 1995), 4) | {1995: 3}, june)
    assert disability_insured(born, {1990: 4} | dict.fromkeys(range(1991, 1995), 4) | {1995: 2}, june)
    # Under 31, June 1986: 21 in the second quarter of 1981, so twenty quarters from the third of 1981: ten needed.
    june = month_of((1986, 6))
    assert disability_insured(born, {1981: 2, 1984: 4, 1985: 4}, june)
    assert not disability_insured(born, {1980: 4, 1984: 4, 1985: 4}, june)
    # September 1986: 21 quarters, one less is half of twenty. June 1991: 31 attained that month, the rule is over.
    assert disability_insured(born, {1981: 2, 1984: 4, 1985: 4}, month_of((1986, 9)))
    assert not disability_insured(born, {1987: 4, 1988: 4, 1989: 4, 1990: 4, 1991: 1}, month_of((1991, 6)))
    # June 1983: eight quarters since 21, so six of the twelve to then, that is from the third of 1980.
    assert disability_insured(born, {1980: 4, 1981: 4}, month_of((1983, 6)))
    assert not disability_insured(born, {1980: 4, 1981: 3}, month_of((1983, 6)))


def test_given_quarters_stand() -> None:
    record = retired(date(1960, 6, 15), (2022, 7), (2022, 7), quarters={1990: 4})
    result = worker(record, steady(24000, 1982, 2011), FLAT)
    assert (result["quarters"], result["fully_insured"], result["benefit"]) == (4, False, 0)


# By hand: old age


def test_retired_at_62() -> None:
    # 21 in 1981, 62 in 2022: forty elapsed years less five. 30 x 24,000 / 420 = 1714.28. 900 + 0.32 x 714 = 1128.48.
    # Family maximum 1.5 x 1128.40 = 1692.60. April 2022 is 59 months before March 2027: 1128.40 x 0.7041666 = 794.58.
    result = worker(retired(date(1960, 3, 15), (2022, 4), (2022, 4)), steady(24000, 1982, 2011), FLAT)
    assert (result["elapsed_years"], result["computation_years"], result["eligibility_year"]) == (40, 35, 2022)
    assert (result["aime"], result["pia"], result["family_maximum"]) == (1714, Decimal("1128.40"), Decimal("1692.60"))
    assert (result["months"], result["unrounded"], result["benefit"]) == (-59, Decimal("794.50"), 794)
    assert (result["quarters"], result["fully_insured"], result["method"]) == (120, True, "wage_indexed")


def test_increase_of_the_year_of_eligibility() -> None:
    # 1128.40 x 1.087 = 1226.57 from December 2022; 1692.60 x 1.087 = 1839.85; x 0.7041666 = 863.66.
    law = {**FLAT, "cola": FLAT["cola"] | {2021: "5.9", 2022: "8.7"}}
    earnings = steady(24000, 1982, 2011)
    before = worker(retired(date(1960, 3, 15), (2022, 4), (2022, 11)), earnings, law)
    after = worker(retired(date(1960, 3, 15), (2022, 4), (2022, 12)), earnings, law)
    assert before["pia"] == Decimal("1128.40")
    assert (after["pia"], after["family_maximum"]) == (Decimal("1226.50"), Decimal("1839.80"))
    assert (after["pia_at_eligibility"], after["benefit"]) == (Decimal("1128.40"), 863)


def test_recomputation() -> None:
    # 60,000 in 2022: 780,000 / 420 = 1857.14; 900 + 0.32 x 857 = 1174.24, from January 2023.
    earnings = steady(24000, 1982, 2011) | {2022: 60000}
    amounts = [
        worker(retired(date(1960, 3, 15), (2022, 4), as_of), earnings, FLAT)["pia"] for as_of in ((2022, 12), (2023, 1))
    ]
    assert amounts == [Decimal("1128.40"), Decimal("1174.20")]


def test_recomputation_by_a_dollar() -> None:
    # 840 in 2022: average 1716, amount 1129.12, 70 cents more: none. With 1,000 in 2023: 1718, 1129.76: 1.30 more.
    earnings = steady(24000, 1982, 2011) | {2022: 840, 2023: 1000}
    for law, expected in ((FLAT, "1128.40"), ({**FLAT, "recomputation_minimum": 0}, "1129.10")):
        result = worker(retired(date(1960, 3, 15), (2022, 4), (2023, 6)), earnings, law)
        assert result["pia"] == Decimal(expected)
    result = worker(retired(date(1960, 3, 15), (2022, 4), (2024, 1)), earnings, FLAT)
    assert (result["aime"], result["pia"]) == (1718, Decimal("1129.70"))
    # Without earnings in 2023 those of 2022 are never taken up.
    del earnings[2023]
    assert worker(retired(date(1960, 3, 15), (2022, 4), (2030, 1)), earnings, FLAT)["aime"] == 1714


@pytest.mark.parametrize(
    ("entitlement", "as_of", "months"),
    [  # born 15 March 1950: 66 in March 2016, 70 in March 2020
        ((2016, 3), (2016, 3), 0),
        ((2016, 9), (2016, 12), 0),  # the six months of 2016 wait for January
        ((2016, 9), (2017, 1), 6),
        ((2019, 9), (2019, 9), 34),  # ten of 2016, two years
        ((2019, 9), (2020, 1), 42),
        ((2020, 2), (2020, 2), 46),  # January 2020 waits
        ((2020, 2), (2020, 3), 47),  # but not beyond 70
        ((2020, 3), (2020, 3), 48),
        ((2021, 3), (2021, 3), 48),
    ],
)
def test_delayed_retirement_credits(entitlement: tuple, as_of: tuple, months: int) -> None:
    result = worker(retired(date(1950, 3, 15), entitlement, as_of), steady(24000, 1972, 2001), FLAT)
    assert (result["months"], result["factor"]) == (months, 1 + Fraction(2, 300) * months)
    # 1128.40 and the credits down to the dime by themselves
    assert result["benefit"] == int(Decimal("1128.40") + Decimal(int(11284 * months * 2 / 300)) / 10)
    assert result["family_maximum"] == Decimal("1692.60")  # no credits in it


def test_special_minimum() -> None:
    # Years of coverage at 2,500 to 1990 and 1,500 from 1991: nine and 21. 11.50 x 20 = 230, maximum 345.
    # 9 x 2,500 + 21 x 1,500 = 54,000 / 420 = 128; 115.20, which with all credits is 152.06: no credits on the minimum.
    law = {**FLAT, "wage_base_old": dict.fromkeys(YEARS, 10000)}
    earnings = steady(2500, 1982, 1990) | steady(1500, 1991, 2011)
    quarters = dict.fromkeys(range(1982, 2012), 4)
    result = worker(retired(date(1960, 3, 15), (2030, 3), (2030, 3), quarters=quarters), earnings, law)
    assert (result["method"], result["pia"], result["family_maximum"]) == ("special_minimum", 230, 345)
    assert (result["pia_without_special_minimum"], result["months"], result["benefit"]) == (Decimal("115.2"), 36, 230)
    # A dollar less in one year is a year of coverage less: 11.50 x 19 = 218.50. At 62 and a month x 0.7041666 = 153.86.
    result = worker(retired(date(1960, 3, 15), (2022, 4), (2022, 4), quarters=quarters), earnings | {1990: 2499}, law)
    assert (result["pia"], result["benefit"]) == (Decimal("218.5"), 153)


# By hand: disability


def test_disabled() -> None:
    # Onset June 2000: years 1982 to 1999 are eighteen, three dropped. 24,000 x 15 / 180 = 2000; 900 + 320 = 1220.
    # Maximum: 85 percent of 2000 is 1700, more than 1220 and less than 1830.
    born, onset, earnings = date(1960, 3, 15), date(2000, 6, 15), steady(24000, 1982, 1999)
    result = worker(disabled(born, onset, (2000, 12), (2000, 12)), earnings, FLAT)
    assert (result["elapsed_years"], result["computation_years"], result["eligibility_year"]) == (18, 15, 2000)
    assert (result["aime"], result["pia"], result["family_maximum"]) == (2000, 1220, 1700)
    assert (result["months"], result["benefit"]) == (0, 1220)
    # March 2027 is full retirement age: the same amount, the ordinary maximum.
    converted = worker(disabled(born, onset, (2000, 12), (2027, 3)), earnings, FLAT)
    assert (converted["pia"], converted["family_maximum"], converted["benefit"]) == (1220, 1830, 1220)
    assert waiting_starts(onset) == month_of((2000, 7))


def test_disabled_and_working() -> None:
    # 96,000 in 2003, wholly within the disability: left out with the freeze (1220). Without, the assumed 62 of July
    # 2000 gives the same fifteen years, and 14 x 24,000 + 96,000 = 432,000 / 180 = 2400: 900 + 448 = 1348.
    record = disabled(date(1960, 3, 15), date(2000, 6, 15), (2000, 12), (2003, 12))
    earnings = steady(24000, 1982, 1999) | {2003: 96000}
    assert worker(record, earnings, FLAT)["pia"] == 1220
    result = worker(record | {"as_of": (2004, 1)}, earnings, FLAT)
    assert (result["method"], result["pia"]) == ("wage_indexed_no_freeze", 1348)


def test_onset_in_december() -> None:
    # Onset 15 December 2000: eligible in 2000, but the waiting period begins in January 2001. With the freeze 2000 is
    # no elapsed year: eighteen less three. 15 x 24,000 / 180.
    result = worker(
        disabled(date(1960, 3, 15), date(2000, 12, 15), (2001, 6), (2001, 6)), steady(24000, 1982, 2000), FLAT
    )
    assert (result["eligibility_year"], result["computation_years"], result["aime"]) == (2000, 15, 2000)


def test_disabled_without_recent_work() -> None:
    # Forty quarters to 1991: of the forty quarters from the third of 1990 only six. Fully but not disability insured.
    result = worker(
        disabled(date(1960, 3, 15), date(2000, 6, 15), (2000, 12), (2000, 12)), steady(24000, 1982, 1991), FLAT
    )
    assert (result["fully_insured"], result["disability_insured"], result["benefit"]) == (True, False, 0)
    assert result["aime"] == 1333  # 240,000 / 180


def test_dead_while_disabled() -> None:
    # With the freeze eighteen years less five: 240,000 / 156 = 1538. Not: as disabled 1333; counting to 2004, 1111.
    record = survived(date(1960, 3, 15), date(2005, 5, 1), (2005, 5), onset_date=date(2000, 6, 15))
    result = worker(record | {"entitlement": (2000, 12)}, steady(24000, 1982, 1991), FLAT)
    assert (result["method"], result["aime"], result["computation_years"]) == ("wage_indexed_freeze", 1538, 13)
    assert result["eligibility_year"] == 2000


# By hand: survivors and families


def test_dead_before_62() -> None:
    # Born 1950, dead in 1990: 1972 to 1989 are eighteen years less five; the year of death counts as a base year.
    # 12 x 24,000 + 36,000 = 324,000 / 156 = 2076.9; 900 + 0.32 x 1076 = 1244.32; maximum 1866.45 of 1244.30.
    record = survived(date(1950, 6, 15), date(1990, 9, 1), (1990, 9))
    earnings = steady(24000, 1972, 1989) | {1990: 36000}
    result = worker(record, earnings, FLAT)
    assert (result["elapsed_years"], result["computation_years"], result["eligibility_year"]) == (18, 13, 1990)
    assert (result["aime"], result["pia"], result["family_maximum"]) == (2076, Decimal("1244.3"), Decimal("1866.4"))
    # 75 percent each, 933.20: three are 2799.60, shares of 1866.40 are 622.13.
    members = [
        member("parent_with_child", date(1955, 1, 1), (1990, 9)),
        member("child", date(1980, 1, 1), (1990, 9)),
        member("child", date(1982, 1, 1), (1990, 9)),
        member("child", date(1991, 1, 1), (1991, 1)),  # not yet entitled: no part in the maximum
    ]
    rows = family(record, earnings, members, FLAT)
    assert [row["full"] for row in rows] == [Decimal("933.2")] * 3 + [0]
    assert [row["after_maximum"] for row in rows] == [Decimal("622.1")] * 3 + [0]
    assert [row["benefit"] for row in rows] == [622, 622, 622, 0]


def test_reindexed_widow() -> None:
    # Dead in 1990 at 40; wages are 20,000 to 1995 and 40,000 after. Regular: 24,000 x 13 / 156 = 2000, 1220, maximum
    # 1830. The widow, 60 in 2012, has it as though eligible in 2012 (index of 2010): 4000, 900 + 960 = 1860, over the
    # maximum: 1830. June 2012 is all 72 months before 66: 1830 x 0.715 = 1308.45.
    law = {**FLAT, "awi": {year: 20000 if year < 1996 else 40000 for year in YEARS}}
    record = survived(date(1950, 6, 15), date(1990, 2, 1), (2012, 6))
    earnings = steady(24000, 1972, 1989)
    (row,) = family(record, earnings, [member("widow", date(1952, 6, 15), (2012, 6))], law)
    assert (row["pia"], row["full"], row["after_maximum"]) == (1860, 1860, 1830)
    assert (row["months"], row["reduced"], row["benefit"]) == (-72, Decimal("1308.4"), 1308)
    # 50 and disabled in 2002: index of 2000; the same here, and 71.5 percent however young.
    row = family(record, earnings, [member("disabled_widow", date(1952, 6, 15), (2004, 2), date(2001, 5, 1))], law)[0]
    assert (row["full"], row["benefit"]) == (1860, 1308)
    # Increases from the eligibility supposed: 2.0 percent in 2005 raises the regular amount alone.
    raised = {**law, "cola": law["cola"] | {2005: "2.0"}}
    assert worker(record, earnings, raised)["pia"] == Decimal("1244.40")
    assert family(record, earnings, [member("widow", date(1952, 6, 15), (2012, 6))], raised)[0]["pia"] == 1860
    # Dead after 62: none.
    late = survived(date(1950, 6, 15), date(2012, 6, 14), (2012, 6))
    (row,) = family(late, earnings, [member("widow", date(1952, 6, 15), (2012, 6))], law)
    assert row["pia"] == worker(late, earnings, law)["pia"]


@pytest.mark.parametrize(
    ("entitlement", "widow_from", "limit", "reduced"),
    [
        # Born 15 June 1940, full retirement age 65 and 6 months, December 2005; amount 1128.40, 82.5 percent 930.93.
        # From July 2002, 41 months early: 1128.40 x 0.7791666 = 879.21. A widow of full age has the 930.90.
        ((2002, 7), (2012, 6), "930.9", "930.9"),
        # From June 2005, 6 months: 1128.40 x 0.9666666 = 1090.78.
        ((2005, 6), (2012, 6), "1090.7", "1090.7"),
        # Born 15 June 1946: 66 in June 2012. From June 2009, 36 of 72 months: 1128.40 x 0.8575 = 967.60.
        ((2005, 6), (2009, 6), "1090.7", "967.6"),
        ((2002, 7), (2009, 6), "930.9", "930.9"),
        # Never reduced: no limit. From December 2005, no credits; never entitled, 30 months from December 2005 to May
        # 2008 at 7/12 percent: 197.47 more.
        ((2005, 12), (2012, 6), None, "1128.4"),
        (None, (2012, 6), None, "1325.8"),
    ],
)
def test_widow_of_a_retired_worker(
    entitlement: tuple | None, widow_from: tuple, limit: str | None, reduced: str
) -> None:
    record = survived(date(1940, 6, 15), date(2008, 6, 20), (2013, 1), entitlement=entitlement)
    (row,) = family(record, steady(24000, 1962, 1991), [member("widow", date(1946, 6, 15), widow_from)], FLAT)
    assert row["limit"] == (None if limit is None else Decimal(limit))
    assert row["reduced"] == Decimal(reduced)


def test_aged_spouse_and_child_of_a_retired_worker() -> None:
    # Amount 1128.40, maximum 1692.60: 564.20 left for 564.20 each, 282.10. The worker's own reduction does not matter.
    # The spouse, 60 months early: 282.10 x (1 - 0.25 - 0.10) = 183.36.
    members = [member("spouse", date(1962, 6, 2), (2024, 6)), member("child", date(2010, 1, 1), (2024, 6))]
    record = retired(date(1960, 3, 15), (2022, 4), (2024, 6))
    spouse, child = family(record, steady(24000, 1982, 2011), members, FLAT)
    assert (spouse["full"], spouse["after_maximum"], spouse["months"]) == (Decimal("564.2"), Decimal("282.1"), -60)
    assert (spouse["reduced"], spouse["benefit"]) == (Decimal("183.3"), 183)
    assert (child["reduced"], child["benefit"]) == (Decimal("282.1"), 282)
    # Before the child's entitlement all of it, with the reduction: 564.20 x 0.65 = 366.73.
    members[1]["entitlement"] = (2024, 7)
    assert family(record, steady(24000, 1982, 2011), members, FLAT)[0]["benefit"] == 366


def test_family_of_a_disabled_worker() -> None:
    # Amount 1220, maximum 1700: 480 for 610 each of three, 160. With the average 1333 (1006.50; 85 percent 1133.05):
    # 126.50.
    members = [
        member("spouse_with_child", date(1965, 1, 1), (2000, 12)),
        member("child", date(1990, 1, 1), (2000, 12)),
        member("child", date(1992, 1, 1), (2000, 12)),
    ]
    record = disabled(date(1960, 3, 15), date(2000, 6, 15), (2000, 12), (2000, 12))
    assert [row["benefit"] for row in family(record, steady(24000, 1982, 1999), members, FLAT)] == [160] * 3
    # Low: 5,000 a year is an average of 416, amount 374.40, the maximum too: nothing for the family.
    assert [row["benefit"] for row in family(record, steady(5000, 1982, 1999), members, FLAT)] == [0] * 3


def test_currently_insured_alone() -> None:
    # Born 1950, dead 1990: eighteen quarters needed, eight there, all in the last thirteen. Children, no widow(er).
    record = survived(date(1950, 6, 15), date(1990, 9, 1), (1990, 9))
    members = [member("child", date(1985, 1, 1), (1990, 9)), member("widow", date(1929, 1, 15), (1990, 9))]
    rows = family(record, steady(24000, 1988, 1989), members, FLAT)
    result = worker(record, steady(24000, 1988, 1989), FLAT)
    assert (result["fully_insured"], result["currently_insured"]) == (False, True)
    assert [row["benefit"] > 0 for row in rows] == [True, False]


# What is refused


def test_refusals() -> None:
    earnings = steady(24000, 1982, 2011)
    for record in (
        retired(date(1960, 3, 15), (2022, 3), (2022, 4)),  # not 62 throughout March
        retired(date(1960, 3, 15), (2022, 5), (2022, 4)),
        retired(date(1916, 3, 15), (1985, 1), (1985, 1)),  # eligible before 1979
        retired(date(1918, 3, 15), (1985, 1), (1985, 1)),  # transitional guarantee
        retired(date(1960, 3, 15), (2022, 4), (2022, 4), onset_date=date(2000, 1, 1)),
        retired(date(1960, 3, 15), (2022, 4), (2022, 4), benefit_type="other"),
        retired(date(1960, 3, 15), (2022, 4), (2023, 4), death_date=date(2023, 1, 1)),
        survived(date(1960, 3, 15), date(2000, 5, 5), (2000, 4)),
        survived(date(1950, 3, 15), date(1979, 5, 5), (1982, 5)),  # rounding before June 1982
        disabled(date(1960, 3, 15), date(2028, 1, 1), (2028, 6), (2028, 6)),  # after full retirement age
    ):
        with pytest.raises(ValueError, match=r"\w"):
            worker(record, earnings, FLAT)
    with pytest.raises(ValueError, match="1951"):
        worker(retired(date(1925, 3, 15), (1990, 3), (1990, 3)), {1950: 3000}, LAW)
    with pytest.raises(ValueError, match="60"):
        family(
            survived(date(1960, 3, 15), date(2000, 5, 5), (2000, 5)),
            earnings,
            [member("widow", date(1950, 1, 1), (2000, 5))],
            FLAT,
        )
    assert month_of((1982, 6)) == JUNE_1982


# Any worker


def test_any_worker_keeps_the_order_of_amounts() -> None:
    draw = random.Random(20261121)
    for _ in range(60):
        birth = date(draw.randrange(1922, 1963), draw.randrange(1, 13), draw.randrange(1, 29))
        wage = draw.uniform(0.1, 2.0)
        last = birth.year + draw.randrange(40, 72)
        earnings = {
            year: round(wage * draw.uniform(0, 1.5) * float(LAW["awi"][year]), 2)
            for year in range(max(birth.year + 20, 1951), min(last, 2024) + 1)
        }
        first = first_month_at_62(birth) + draw.randrange(0, 96)
        as_of = first + draw.randrange(0, 60)
        if as_of >= month_of((2025, 12)):
            continue
        record = retired(birth, (first // 12, first % 12 + 1), (as_of // 12, as_of % 12 + 1), transitional=True)
        result = worker(record, earnings, LAW)
        assert result["family_maximum"] >= result["pia"] >= result["pia_at_eligibility"] >= 0
        assert result["benefit"] <= result["unrounded"]
        later = worker(record | {"as_of": (min(as_of // 12 + 1, 2025), as_of % 12 + 1)}, earnings, LAW)
        assert later["pia"] >= result["pia"]
        child = member("child", date(2000, 1, 1), record["entitlement"])
        rows = family(record, earnings, [child, child, child], LAW)
        assert sum(row["after_maximum"] for row in rows) <= result["family_maximum"] - result["pia"]
