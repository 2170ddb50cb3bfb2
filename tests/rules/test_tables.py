"""Tax and credit by the tables of the forms: published rows, and every row by the way the tables are made."""

from __future__ import annotations

import itertools
from decimal import ROUND_HALF_UP, Decimal

import numpy as np
import pytest
from click.testing import CliRunner

import jaxsim as js
from jaxsim.cli import cli
from jaxsim.errors import JaxsimError
from jaxsim.parameter_files import load_law
from jaxsim.rules.us import system
from jaxsim.rules.us.irs import tables

STATUSES = ("SINGLE", "JOINT", "SEPARATE", "HEAD_OF_HOUSEHOLD")

# at least, then tax of single, joint, separate and head of household
TAX_TABLE_2022 = """
21000 2318 2112 2318 2230
21050 2324 2118 2324 2236
21150 2336 2130 2336 2248
24000 2678 2472 2678 2590
24150 2696 2490 2696 2608
27000 3038 2832 3038 2950
27050 3044 2838 3044 2956
27100 3050 2844 3050 2962
"""  # 2022 Tax Table, instructions for Form 1040

TAX_TABLE_2024 = """
0 0 0 0 0
5 1 1 1 1
15 2 2 2 2
25 4 4 4 4
50 6 6 6 6
75 9 9 9 9
975 99 99 99 99
1000 101 101 101 101
2975 299 299 299 299
3000 303 303 303 303
3050 308 308 308 308
11600 1163 1163 1163 1163
11650 1169 1168 1169 1168
15450 1625 1548 1625 1548
32850 3713 3481 3713 3614
40000 4571 4339 4571 4472
47100 5423 5191 5423 5324
47150 5432 5197 5432 5330
47200 5443 5203 5443 5336
82000 13099 9379 13099 11405
94250 15794 10849 15794 14100
94300 15805 10858 15805 14111
96500 16289 11342 16289 14595
99950 17048 12101 17048 15354
"""  # 2024 Tax Table, Publication 17 (2024) and instructions for Form 1040

# at least, then the credit with 0, 1, 2 and 3 children of the unmarried and of joint filers
EIC_TABLE_2024 = """
1 2 9 10 11 2 9 10 11
50 6 26 30 34 6 26 30 34
2450 189 842 990 1114 189 842 990 1114
8200 629 2797 3290 3701 629 2797 3290 3701
8250 632 2814 3310 3724 632 2814 3310 3724
10300 632 3511 4130 4646 632 3511 4130 4646
10350 629 3528 4150 4669 632 3528 4150 4669
12300 479 4191 4930 5546 632 4191 4930 5546
12350 476 4213 4950 5569 632 4213 4950 5569
17200 105 4213 6890 7751 632 4213 6890 7751
17250 101 4213 6910 7774 630 4213 6910 7774
17350 93 4213 6950 7819 622 4213 6950 7819
17400 89 4213 6960 7830 619 4213 6960 7830
18500 5 4213 6960 7830 534 4213 6960 7830
18550 2 4213 6960 7830 531 4213 6960 7830
18600 0 4213 6960 7830 527 4213 6960 7830
22700 0 4213 6960 7830 213 4213 6960 7830
22750 0 4204 6948 7818 209 4213 6960 7830
24200 0 3973 6643 7513 98 4213 6960 7830
25450 0 3773 6380 7250 3 4213 6960 7830
25500 0 3765 6369 7239 0 4213 6960 7830
29600 0 3110 5506 6376 0 4213 6960 7830
29650 0 3102 5495 6365 0 4207 6953 7823
34200 0 2375 4537 5407 0 3480 5994 6864
44200 0 777 2431 3301 0 1882 3888 4758
49000 0 9 1420 2290 0 1115 2878 3748
49050 0 3 1410 2280 0 1107 2867 3737
49100 0 0 1399 2269 0 1099 2856 3726
55100 0 0 136 1006 0 140 1593 2463
55200 0 0 114 984 0 125 1572 2442
"""  # 2024 Earned Income Credit Table, Publication 596 (2024); the rows marked * by their notes


def rows(text: str) -> np.ndarray:
    return np.array([[float(cell) for cell in line.split()] for line in text.split("\n") if line])


def table_tax(year: int, income: np.ndarray, status: int) -> np.ndarray:
    with js.precision("float64"):
        p = load_law("us").in_year(year)["irs.income_tax.rates"]
        return np.asarray(tables.tax_without_preference(income, np.full(income.shape, status), p))


@pytest.mark.parametrize(("year", "published"), [(2022, TAX_TABLE_2022), (2024, TAX_TABLE_2024)])
def test_published_rows_of_the_tax_table(year, published):
    table = rows(published)
    for status, column in enumerate(table.T[1:]):
        np.testing.assert_array_equal(table_tax(year, table[:, 0], status), column)
        np.testing.assert_array_equal(table_tax(year, table[:, 0] + 4.99, status), column)


def made_row(low: int, high: int, rates, thresholds) -> int:
    """Tax at the middle of a bracket in exact arithmetic, rounded half up."""
    middle = Decimal(low + high) / 2
    tax = Decimal(0)
    bounds = [Decimal(str(float(t))) for t in thresholds] + [Decimal("Infinity")]
    for rate, lower, upper in zip(rates, bounds, bounds[1:], strict=False):
        if middle > lower:
            tax += Decimal(str(float(rate))) * (min(middle, upper) - lower)
    return int(tax.quantize(Decimal(1), ROUND_HALF_UP))


@pytest.mark.parametrize("year", range(2022, 2027))
def test_every_row_of_the_tax_table(year):
    edges = [0, 5, 15, *range(25, 3_000, 25), *range(3_000, 100_001, 50)]
    p = load_law("us").in_year(year)["irs.income_tax.rates"]
    for status in range(len(STATUSES)):
        made = [made_row(a, b, p.rate, p.threshold[:, status]) for a, b in itertools.pairwise(edges)]
        low, high = np.array(edges[:-1], float), np.array(edges[1:], float)
        for income in (low, (low + high) / 2, high - 0.01):
            np.testing.assert_array_equal(table_tax(year, income, status), made)


def test_no_table_from_100_000_on():
    p = load_law("us").in_year(2024)["irs.income_tax.rates"]
    income = np.array([100_000.0, 100_010.0, 250_000.5])
    exact = system().rules["tax_without_preference"](income, np.zeros(3), p)
    np.testing.assert_allclose(table_tax(2024, income, 0), exact)
    assert table_tax(2024, income, 0)[0] == 22 / 100 * 100_000 - 4_947  # Tax Computation Worksheet, section A


def credit(year: int, income: np.ndarray, children: int, joint: bool, agi: np.ndarray | None = None) -> np.ndarray:
    with js.precision("float64"):
        p = load_law("us").in_year(year)["irs.credits.eitc"]
        count, status = np.full(income.shape, float(children)), np.full(income.shape, int(joint))
        phased_in = tables.eitc_phase_in(income, count, p)
        reduction = tables.eitc_phase_out(income, income if agi is None else agi, count, status, p)
        return np.asarray(tables.eitc(np.ones(income.shape), phased_in, reduction, count, p))


def test_published_rows_of_the_credit_table():
    table = rows(EIC_TABLE_2024)
    for k in range(8):
        np.testing.assert_array_equal(credit(2024, table[:, 0], k % 4, k >= 4), table[:, 1 + k], err_msg=str(k))
        higher = table[:, 0] + 10.5  # in the same brackets and before the ends at 18,591, 25,511 and 49,084
        np.testing.assert_array_equal(credit(2024, higher, k % 4, k >= 4), table[:, 1 + k], err_msg=str(k))


def test_ends_of_the_credit_table():
    """Notes to the table: no credit from $18,591, $25,511 and $49,084 on; none without a dollar of earnings."""
    for children, joint, end, last in ((0, False, 18_591, 2), (0, True, 25_511, 0), (1, False, 49_084, 3)):
        assert credit(2024, np.array([end - 1.0, end]), children, joint).tolist() == [last, 0]
    assert credit(2024, np.array([0.0, 0.99, 1.0]), 1, False).tolist() == [0, 0, 9]


def test_the_lower_of_two_look_ups():
    """EIC Worksheet A: the credit of earned income, or that of adjusted gross income if it is less."""
    earned, agi = np.array([15_000.0, 30_000.0]), np.array([30_000.0, 15_000.0])
    assert credit(2024, earned, 1, False, agi).tolist() == [3046, 3046]


def test_a_household_by_the_tables():
    """Gains take the table for ordinary income alone: line 22 of the qualified dividends worksheet."""
    adults, income = [dict(age=40, employment_income=54_610)], dict(long_term_capital_gains=20_000)
    exact = js.household(adults, year=2024, **income).columns("regular_tax")["regular_tax"][0]
    by_table = js.household(adults, year=2024, tables=True, **income).columns("regular_tax")["regular_tax"][0]
    # taxable income 60,010, of it 40,010 ordinary: by the table 4,571, exactly 4,569.20; 15% x 12,985 of the gain
    assert exact == pytest.approx(4_569.20 + 1_947.75)
    assert by_table == pytest.approx(4_571 + 1_947.75)


def test_a_child_by_the_tables():
    """Form 8615 takes the table for each of its taxes."""
    child = js.household(
        [dict(age=12)], year=2024, tables=True, head_is_dependent_elsewhere=1, is_taxed_at_parents_rate=1,
        parents_taxable_income=60_000, taxable_interest_income=10_000,
    )  # fmt: skip
    # 2024 table: 67,400 gives 7,627 and 60,000 gives 6,739 jointly (12%); 1,300 gives 131
    assert child.columns("regular_tax")["regular_tax"][0] == 7_627 - 6_739 + 131


@pytest.mark.slow
def test_tables_are_steps_that_smoothing_sees(sample):
    """Exact slopes are flat and flagged; smoothed over a wide window the tables are the statute's schedules."""
    by_table = js.Simulation(sample.population, 2026, tables=True)
    path = "irs.income_tax.rates.rate"
    table = by_table.gradient("regular_tax", parameters=path)
    assert table["may step"].all()
    exact = sample.gradient("regular_tax", parameters=path)  # whose other steps are smoothed alike
    np.testing.assert_allclose(table["smoothed"], exact["smoothed"].reindex(table.index), rtol=2e-3)
    difference = by_table.columns("regular_tax")["regular_tax"] - sample.columns("regular_tax")["regular_tax"]
    assert 0 < np.abs(difference).max() < 10  # 25 dollars at 22 or 24 percent, and rounding
    flat = by_table.input_derivative("regular_tax", "taxable_interest_income")
    assert (np.asarray(flat) == 0).mean() > 0.5


def test_tables_and_a_system_exclude_each_other(sample):
    with pytest.raises(JaxsimError, match="tables=True"):
        js.Simulation(sample.population, 2026, system=system(), tables=True)


@pytest.mark.slow
def test_command_line():
    done = CliRunner().invoke(
        cli, ["explain", "regular_tax", "--adult", "age=40,employment_income=47210", "-y", "2024", "--tables",
              "--depth", "0"], standalone_mode=False,
    )  # fmt: skip
    assert "regular_tax = 3,683.00" in done.output  # taxable income 32,610: 32,600 to 32,650
