"""The rules for gains against the lines of the forms, worked one by one for random units of all statuses.

Schedule D Tax Worksheet (instructions for Schedule D, 2018 to 2025), Form 6251 parts II and III, Form 8615. The lines
are the forms'; the rules say the same in the terms of sections 1(h), 55(b)(3) and 1(g).
"""

from __future__ import annotations

import numpy as np
import pytest

import jaxsim as js
from jaxsim.parameter_files import load_law
from jaxsim.population import HEAD, SPOUSE

UNITS = 600
YEARS = (2022, 2024, 2026)
JOINT = 1


def pos(x):
    return np.maximum(x, 0)


def columns(seed: int) -> dict[str, np.ndarray]:
    """One unit a household, its head's row: gains of every kind, losses, elections, foreign credits."""
    rng = np.random.default_rng(seed)
    n = UNITS

    def some(share, low, high):
        return (rng.random(n) < share) * np.round(rng.uniform(low, high, n))

    dividends = some(0.5, 0, 60_000)
    return {
        "age": rng.integers(20, 64, n),
        "filing_status": rng.integers(0, 5, n),
        "employment_income": np.round(rng.choice([0, 3e4, 1e5, 3e5, 9e5], n) * rng.random(n)),
        "taxable_interest_income": some(0.5, 0, 50_000),
        "ordinary_dividend_income": dividends + some(0.3, 0, 5_000),
        "qualified_dividend_income": dividends,
        "short_term_capital_gains": some(0.6, -60_000, 40_000),
        "long_term_capital_gains": some(0.8, -30_000, 400_000),
        "capital_gain_distributions": some(0.3, 0, 20_000),
        "collectibles_gain": some(0.5, -30_000, 90_000),
        "unrecaptured_section_1250_gain": some(0.5, 0, 120_000),
        "gain_elected_as_investment_income": some(0.2, 0, 120_000),
        "amt_adjustments": some(0.4, -20_000, 300_000),
        "reported_foreign_tax_credit": some(0.3, 0, 3_000),
        "amt_foreign_tax_credit": some(0.2, 0, 3_000),
    }


def simulation(year: int, seed: int = 5, **more) -> tuple[js.Simulation, dict[str, np.ndarray]]:
    table = {**columns(seed), **more}
    n = len(table["age"])
    joint = np.flatnonzero(table["filing_status"] == JOINT)
    persons = {
        "household_id": np.concatenate([np.arange(n), joint]),
        "tax_unit_id": np.concatenate([np.arange(n), joint]),
        "role": np.concatenate([np.full(n, HEAD), np.full(len(joint), SPOUSE)]),
    }
    for name, values in table.items():
        spouse = values[joint] if name in ("age", "filing_status", "parents_filing_status") else np.zeros(len(joint))
        persons[name] = np.concatenate([values, spouse])
    order = np.argsort(persons["household_id"], kind="stable")
    population = js.Population.from_persons({k: v[order] for k, v in persons.items()}, year=year, source="gains")
    return js.Simulation(population, year), table


def schedule(x, rates, thresholds):
    bounds = np.append(thresholds, np.inf)
    return sum(
        r * (np.minimum(x, high) - low) for r, low, high in zip(rates, bounds, bounds[1:], strict=False) if x > low
    )


def worksheet(ti, net_gain, dividends, line_18, line_19, elected, status, law):
    """Schedule D Tax Worksheet of one return.

    Args:
        ti: taxable income.
        net_gain: smaller of lines 15 and 16 of Schedule D, at least 0.
        dividends: qualified dividends.
        line_18: 28% rate gain.
        line_19: unrecaptured section 1250 gain.
        elected: Form 4952 line 4g; line 4e is all net gain.
        status: filing status.
        law: parameters of the year.

    Returns:
        Tax and the lines that Form 6251 takes: 10, 13, 14 and 21.
    """
    gains, rates = law["irs.income_tax.capital_gains"], law["irs.income_tax.rates"]
    zero, fifteen = gains.threshold[1][status], gains.threshold[2][status]
    line_4 = min(elected, net_gain)
    line_6 = max(dividends - (elected - line_4), 0)
    line_9 = net_gain - min(elected, line_4)
    line_10 = line_6 + line_9
    line_12 = min(line_9, line_18 + line_19)
    line_13 = line_10 - line_12
    line_14 = max(ti - line_13, 0)
    line_16 = min(ti, zero)
    line_17 = min(line_14, line_16)
    line_18_ = max(ti - line_10, 0)
    line_19_ = min(ti, rates.threshold[4][status])
    line_21 = max(line_18_, min(line_14, line_19_))
    line_22 = line_16 - line_17
    line_23 = min(ti, line_13)
    line_29 = max(min(ti, fifteen) - (line_21 + line_22), 0)
    line_30 = min(line_23 - line_22, line_29)
    line_33 = line_23 - (line_22 + line_30)
    line_38 = max(line_10 + line_21 - ti, 0)
    line_39 = max(min(line_9, line_19) - line_38, 0)
    line_42 = ti - (line_21 + line_22 + line_30 + line_33 + line_39)
    ordinary = schedule(line_21, rates.rate, rates.threshold[:, status])
    with_preference = 0.15 * line_30 + 0.2 * line_33 + 0.25 * line_39 + 0.28 * line_42 + ordinary
    tax = min(with_preference, schedule(ti, rates.rate, rates.threshold[:, status]))
    return tax, (line_10, line_13, line_14, line_21)


def form_6251(line_6, line_14, lines, status, law):
    """Form 6251 line 7 by part III."""
    amt, gains = law["irs.amt"], law["irs.income_tax.capital_gains"]
    line_10, line_13, regular_14, regular_21 = lines
    line_15 = min(line_13 + line_14, line_10)
    line_17 = line_6 - min(line_6, line_15)
    line_18 = schedule(line_17, amt.rate, amt.threshold[:, status])
    line_21 = max(gains.threshold[1][status] - regular_14, 0)
    line_22 = min(line_6, line_13)
    line_23 = min(line_21, line_22)
    line_24 = line_22 - line_23
    line_30 = min(line_24, max(gains.threshold[2][status] - (line_21 + regular_21), 0))
    line_33 = line_22 - (line_23 + line_30)
    line_36 = line_6 - (line_17 + line_23 + line_30 + line_33)
    line_38 = line_18 + 0.15 * line_30 + 0.2 * line_33 + 0.25 * line_36
    return min(line_38, schedule(line_6, amt.rate, amt.threshold[:, status]))


def groups(table, distributions=True):
    """Schedule D: smaller of lines 15 and 16, and lines 18 and 19."""
    long = table["long_term_capital_gains"] + table["capital_gain_distributions"]
    short_loss = pos(-table["short_term_capital_gains"])
    net_gain = pos(np.minimum(long, long + table["short_term_capital_gains"]))
    line_7 = table["collectibles_gain"] - short_loss  # 28% Rate Gain Worksheet
    line_19 = pos(table["unrecaptured_section_1250_gain"] - pos(-line_7))  # Unrecaptured Section 1250 Gain Worksheet
    return net_gain, pos(line_7), line_19


@pytest.mark.parametrize("year", YEARS)
def test_schedule_d_and_form_6251(year):
    sim, table = simulation(year)
    got = sim.columns(
        "taxable_income", "regular_tax", "tax_on_taxable_income", "amt_taxable_excess", "alternative_minimum_tax",
        "tentative_minimum_tax_before_credit",
    )  # fmt: skip
    law = load_law("us").in_year(year)
    net_gain, line_18, line_19 = groups(table)
    at_special_rates = 0
    for k in range(UNITS):
        status = int(table["filing_status"][k])
        tax, lines = worksheet(
            got["taxable_income"][k], net_gain[k], table["qualified_dividend_income"][k], line_18[k], line_19[k],
            table["gain_elected_as_investment_income"][k], status, law,
        )  # fmt: skip
        assert got["regular_tax"][k] == pytest.approx(tax, abs=0.005), k
        line_7 = form_6251(got["amt_taxable_excess"][k], line_19[k], lines, status, law)
        assert got["tentative_minimum_tax_before_credit"][k] == pytest.approx(line_7, abs=0.005), k
        credit = min(table["reported_foreign_tax_credit"][k], tax)  # 26 USC 904(a): no more than the tax
        line_9 = line_7 - (table["amt_foreign_tax_credit"][k] or credit)
        amt = max(line_9 - max(tax - credit, 0), 0)
        assert got["alternative_minimum_tax"][k] == pytest.approx(amt, abs=0.005), k
        at_special_rates += lines[1] < lines[0]
    assert at_special_rates > UNITS / 5
    assert (got["alternative_minimum_tax"] > 0).sum() > UNITS / 10
    assert np.array_equal(got["regular_tax"], got["tax_on_taxable_income"])  # no child among them


@pytest.mark.parametrize("year", [2023, 2025])
def test_form_8615(year):
    rng = np.random.default_rng(year)
    n = UNITS
    own = columns(9)
    amounts = ("short_term_capital_gains", "long_term_capital_gains", "collectibles_gain", "employment_income",
               "unrecaptured_section_1250_gain", "gain_elected_as_investment_income")  # fmt: skip
    parents = np.round(rng.choice([2e4, 1e5, 4e5, 1e6], n) * rng.random(n))
    sim, table = simulation(
        year, 9, **{name: own[name] * rng.choice([0, 0.1, 1.0], n) for name in amounts},
        filing_status=np.zeros(n), head_is_dependent_elsewhere=np.ones(n), is_taxed_at_parents_rate=np.ones(n),
        parents_taxable_income=parents, parents_filing_status=rng.integers(0, 5, n).astype(float),
        parents_adjusted_net_capital_gain=parents * (rng.random(n) < 0.5) * rng.random(n),
        siblings_net_unearned_income=(rng.random(n) < 0.4) * np.round(rng.uniform(0, 30_000, n)),
    )  # fmt: skip
    law = load_law("us").in_year(year)
    got = sim.columns("taxable_income", "adjusted_gross_income", "earned_income", "regular_tax", "net_unearned_income")
    net_gain, line_18, line_19 = groups(table)
    elected = table["gain_elected_as_investment_income"]
    dividends = pos(table["qualified_dividend_income"] - pos(elected - net_gain))
    gain = pos(net_gain - elected)
    line_19 = np.minimum(line_19, gain)
    greater = 0
    for k in range(n):
        line_1 = max(got["adjusted_gross_income"][k] - got["earned_income"][k], 0)
        line_2 = 2 * float(law["irs.deductions.standard.dependent.minimum"])
        line_4 = got["taxable_income"][k]
        line_5 = min(max(line_1 - line_2, 0), line_4)
        share = line_5 / line_1 if line_1 else 0.0
        status = int(table["parents_filing_status"][k])
        line_6, line_7 = parents[k], table["siblings_net_unearned_income"][k]
        parents_gain = table["parents_adjusted_net_capital_gain"][k]

        def tax_on(income, part, others_gain, status, k=k):
            return worksheet(
                income, others_gain + part * gain[k], part * dividends[k],
                part * (min(line_18[k] + line_19[k], gain[k]) - line_19[k]), part * line_19[k], 0.0, status, law,
            )[0]  # fmt: skip

        line_9 = tax_on(line_6 + line_7 + line_5, share, parents_gain, status)
        line_10 = tax_on(line_6, 0.0, parents_gain, status)
        line_13 = (line_9 - line_10) * line_5 / (line_5 + line_7) if line_5 else 0.0
        line_15 = tax_on(line_4 - line_5, 1 - share, 0.0, 0)
        line_17 = tax_on(line_4, 1.0, 0.0, 0)
        assert got["net_unearned_income"][k] == pytest.approx(line_5, abs=0.005), k
        assert got["regular_tax"][k] == pytest.approx(max(line_13 + line_15, line_17), abs=0.005), k
        greater += line_13 + line_15 > line_17 + 1
    assert greater > n / 4


@pytest.mark.slow
def test_the_parents_matter_to_flagged_units_alone():
    """Value and derivative of a unit without the flag do not know of parents."""
    plain, _ = simulation(2025, 3)
    parents = {"parents_taxable_income": np.full(UNITS, 3e5), "siblings_net_unearned_income": np.full(UNITS, 1e4)}
    with_parents, _ = simulation(2025, 3, **parents)
    assert np.array_equal(plain.columns("income_tax")["income_tax"], with_parents.columns("income_tax")["income_tax"])
    assert (with_parents.input_derivative("regular_tax", "parents_taxable_income") == 0).all()
    slope = with_parents.input_derivative("regular_tax", "long_term_capital_gains")
    assert np.array_equal(slope, plain.input_derivative("regular_tax", "long_term_capital_gains"))


@pytest.mark.parametrize("column", ["collectibles_gain", "unrecaptured_section_1250_gain", "long_term_capital_gains"])
def test_slopes_in_gains_are_those_of_the_law(column):
    """Derivatives equal central differences off kinks."""
    sim, table = simulation(2024, 11)
    exact = np.asarray(sim.input_derivative("regular_tax", column))
    step = 0.01

    def moved(by):
        return sim.with_column(column, np.where(table[column] > step, table[column] + by, table[column]))

    up, middle, down = (moved(by).columns("regular_tax")["regular_tax"] for by in (step, 0.0, -step))
    smooth = (np.abs(up - 2 * middle + down) < 1e-6) & (table[column] > step)
    assert smooth.sum() > UNITS / 4
    np.testing.assert_allclose(exact[smooth], ((up - down) / (2 * step))[smooth], atol=1e-5)


@pytest.mark.parametrize(
    ("group", "rate"), [((), 0.15), (("collectibles_gain",), 0.28), (("unrecaptured_section_1250_gain",), 0.25)]
)
def test_a_first_gain_has_the_slope_of_its_group(group, rate):
    """Without any gain the derivative is that of a first dollar, in the bracket of 35 percent."""
    home = js.household([dict(age=40, employment_income=400_000)], year=2025)
    slope = sum(
        float(home.input_derivative("regular_tax", column).iloc[0]) for column in ("long_term_capital_gains", *group)
    )
    assert slope == pytest.approx(rate)
