"""The law of Social Security by year: the files against published amounts and against the formulas of the statute."""

import re
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsim as js
import jaxsim.dynamic.oasdi
from jaxsim.dynamic.oasdi.law import FIRST_YEAR, INCREASE, PRICES, WAGES, oasdi_law
from jaxsim.errors import ParameterError
from jaxsim.parameter_files import load_law, parameters_root, strict_yaml, validate_file

LAW = load_law()
TREE = oasdi_law()
PATHS = [path for path in LAW.leaves if path.startswith("ssa.oasdi.")]
NO_INCREASE = (2010, 2011, 2016)  # years after a year without a cost-of-living increase: nothing tied to it rises


def at(path: str, year: int) -> np.ndarray:
    return TREE[path][year - FIRST_YEAR]


def nearest(x: float, to: float) -> float:
    return float(np.floor(x / to + 0.5 + 1e-9) * to)


def wages(year: int) -> float:
    return float(at("wage_index", year))


def test_files_are_valid() -> None:
    files = [*sorted((parameters_root() / "ssa" / "oasdi").glob("*.yaml")), parameters_root() / "ssa" / "indexing.yaml"]
    assert len(files) >= 20
    for file in files:
        validate_file(strict_yaml(file.read_text(encoding="utf-8")), file)


@pytest.mark.parametrize("path", PATHS)
def test_leaf_is_cited_dated_and_in_range(path: str) -> None:
    leaf = LAW[path]
    assert leaf.reference
    assert all(href.startswith("https://") and len(title) > 5 for title, href in leaf.reference)
    assert 1937 <= leaf.years[0] <= 2000
    assert leaf.bounds[0] <= leaf.cells.min() <= leaf.cells.max() <= leaf.bounds[1]
    series = TREE[path.removeprefix("ssa.oasdi.")]
    assert series.shape == (2100 - 1937 + 1, *leaf.shape)
    assert series.dtype == np.float64
    assert np.isfinite(series).all()
    for year, cell in zip(leaf.years, leaf.cells, strict=True):
        np.testing.assert_array_equal(series[year - FIRST_YEAR], cell)


def test_agrees_with_the_general_resolution_of_the_law() -> None:
    general = LAW.resolve(years=range(2022, 2037))
    for path in PATHS:
        ours = TREE[path.removeprefix("ssa.oasdi.")][2022 - FIRST_YEAR : 2037 - FIRST_YEAR]
        np.testing.assert_array_equal(ours, general[path], err_msg=path)


def test_wage_index() -> None:
    published = {1951: 2799.16, 1977: 9779.44, 1984: 16135.07, 1992: 22935.42, 2000: 32154.82, 2024: 69846.57}
    for year, level in published.items():
        assert wages(year) == level
    assert TREE.wage_index.shape == (164,)
    assert wages(1937) == 1137.96
    growth = np.diff(np.log(TREE.wage_index[1951 - FIRST_YEAR :]))
    assert growth.min() > -0.02
    assert growth.max() < 0.1
    assert 0.03 < growth[-20:].mean() < 0.04


def test_taxable_maximum_follows_the_formula() -> None:
    for year in range(1995, 2101):
        formula = nearest(60600 * wages(year - 2) / wages(1992), 300)
        assert at("taxable_maximum", year) == (at("taxable_maximum", year - 1) if year in NO_INCREASE else formula), (
            year
        )
    history = {1937: 3000, 1951: 3600, 1955: 4200, 1965: 4800, 1974: 13200, 1981: 29700, 1990: 51300, 2026: 184500}
    assert {y: at("taxable_maximum", y) for y in history} == history
    np.testing.assert_array_equal(
        TREE.taxable_maximum[2022 - FIRST_YEAR : 2037 - FIRST_YEAR],
        LAW.by_year(LAW["irs.payroll.social_security.wage_base"]),
    )


def test_old_law_base_follows_its_formula() -> None:
    for year in range(1995, 2101):
        formula = nearest(45000 * wages(year - 2) / wages(1992), 300)
        assert at("old_law_base", year) == (at("old_law_base", year - 1) if year in NO_INCREASE else formula), year
    # substantial earnings of SSA publication 05-10045, a quarter of the base
    substantial = {1978: 4425, 1979: 4725, 1990: 9525, 2000: 14175, 2020: 25575, 2022: 27300, 2024: 31275, 2025: 32700}
    assert {y: at("old_law_base", y) * at("wep.coverage_share", y) for y in substantial} == substantial


def test_bend_points_follow_the_statute() -> None:
    bases = {"pia.bend_points": (180, 1085), "family_maximum.bend_points": (230, 332, 433)}
    for path, base in bases.items():
        for year in range(1979, 2101):
            formula = [nearest(b * wages(year - 2) / wages(1977), 1) for b in base]
            np.testing.assert_array_equal(at(path, year), formula, err_msg=f"{path} {year}")


@pytest.mark.parametrize(
    ("path", "year", "published"),
    [
        ("pia.bend_points", 1979, [180, 1085]),
        ("pia.bend_points", 1990, [356, 2145]),
        ("pia.bend_points", 2010, [761, 4586]),
        ("pia.bend_points", 2011, [749, 4517]),
        ("pia.bend_points", 2026, [1286, 7749]),
        ("family_maximum.bend_points", 1979, [230, 332, 433]),
        ("family_maximum.bend_points", 2000, [679, 980, 1278]),
        ("family_maximum.bend_points", 2026, [1643, 2371, 3093]),
        ("earnings_test.exempt.lower", 2026, 24480),
        ("earnings_test.exempt.higher", 2026, 65160),
        ("earnings_test.exempt.higher", 1978, 4000),
        ("earnings_test.exempt.higher", 1999, 15500),
        ("earnings_test.exempt.higher", 2000, 17000),
        ("sga.non_blind", 2026, 1690),
        ("sga.non_blind", 1989, 300),
        ("sga.blind", 2026, 2830),
        ("sga.trial_work", 2011, 720),
        ("sga.trial_work", 2025, 1160),
        ("sga.trial_work", 2026, 1210),
        ("quarter_of_coverage.amount", 1977, 50),
        ("quarter_of_coverage.amount", 1978, 250),
        ("quarter_of_coverage.amount", 2026, 1890),
        ("cola.month", 1982, 6),
        ("cola.month", 1983, 12),
        ("rounding.pia_down", 1982, 0),
        ("rounding.pia_down", 1983, 1),
        ("rounding.increase_down", 1981, 0),
        ("rounding.increase_down", 1982, 1),
        ("special_minimum.coverage_share", 1990, 0.25),
        ("special_minimum.coverage_share", 1991, 0.15),
        ("wep.in_force", 1985, 0),
        ("wep.in_force", 2023, 1),
        ("wep.in_force", 2024, 0),
        ("wep.factor", 1987, 0.7),
        ("gpo.in_force", 2023, 1),
        ("gpo.in_force", 2024, 0),
        ("earnings_test.exempt_age", 1982, 72 * 12),
        ("earnings_test.exempt_age", 1983, 70 * 12),
        ("earnings_test.ends_at_full_age", 1999, 0),
        ("earnings_test.ends_at_full_age", 2000, 1),
    ],
)
def test_published_amounts(path: str, year: int, published: float) -> None:
    np.testing.assert_allclose(at(path, year), published, rtol=1e-12)


def test_wage_indexed_amounts_follow_their_formulas() -> None:
    """Every year by the formula, but for those held at the amount of the year before."""
    cases = [
        ("quarter_of_coverage.amount", 250, 1976, 10, 1979, {2011: 1120}),
        ("earnings_test.exempt.lower", 8040, 1992, 120, 1995, dict.fromkeys((2010, 2011), 14160) | {2016: 15720}),
        ("earnings_test.exempt.higher", 30000, 2000, 120, 2003, dict.fromkeys((2010, 2011), 37680) | {2016: 41880}),
        ("sga.non_blind", 700, 1998, 10, 2001, {2011: 1000}),
        ("sga.blind", 930, 1992, 10, 1995, dict.fromkeys((2010, 2011), 1640) | {2016: 1820}),
        ("sga.trial_work", 530, 1999, 10, 2001, {2011: 720}),
    ]
    for path, base, since, to, first, held in cases:
        for year in range(first, 2101):
            expected = held.get(year) or nearest(base * wages(year - 2) / wages(since), to)
            assert at(path, year) == expected, (path, year)


def test_exempt_amounts_to_1999_are_those_of_the_blind() -> None:
    """42 USC 423(d)(4) took the amount of the earnings test at 65, monthly and in whole dollars or tens."""
    for year in range(1978, 1996):
        monthly = at("earnings_test.exempt.higher", year) / 12
        assert abs(at("sga.blind", year) - monthly) < 1, year


def test_full_retirement_age() -> None:
    table = {1999: 780, 2000: 782, 2001: 784, 2002: 786, 2003: 788, 2004: 790, 2005: 792, 2016: 792}
    table |= {2017: 794, 2018: 796, 2019: 798, 2020: 800, 2021: 802, 2022: 804, 2100: 804, 1937: 780}
    for year, months in table.items():
        assert at("full_retirement_age.worker", year) == months, year
        assert at("full_retirement_age.widow", year) == months, year


def test_delayed_retirement_credit() -> None:
    percent = {1978: 1, 1979: 3, 1986: 3, 1987: 3.5, 1988: 3.5, 1989: 4, 1991: 4.5, 1993: 5, 1995: 5.5, 1997: 6}
    percent |= {1999: 6.5, 2001: 7, 2003: 7.5, 2004: 7.5, 2005: 8, 2060: 8}
    for year, rate in percent.items():
        np.testing.assert_allclose(at("delayed_credit.rate", year) * 1200, rate, rtol=1e-12, err_msg=str(year))
    assert (at("delayed_credit.last_age", 1983), at("delayed_credit.last_age", 1984)) == (864, 840)


def test_reductions_for_age_give_the_known_shares() -> None:
    def reduced(who: str, months: float) -> float:
        first = at(f"reduction.{who}.first_months", 2026)
        rates = at(f"reduction.{who}.first_rate", 2026), at(f"reduction.{who}.further_rate", 2026)
        return 1 - rates[0] * min(months, first) - rates[1] * max(months - first, 0)

    np.testing.assert_allclose([reduced("worker", m) for m in (36, 48, 60)], [0.8, 0.75, 0.7], rtol=1e-12)
    np.testing.assert_allclose([reduced("spouse", m) / 2 for m in (36, 60)], [0.375, 0.325], rtol=1e-12)
    assert at("reduction.widow.most", 2026) == 0.285
    further = 120 * at("reduction.widow.disabled_further_rate", 1983)
    np.testing.assert_allclose(1 - at("reduction.widow.most", 1983) - further, 0.5, rtol=1e-12)


def test_cost_of_living_increases() -> None:
    percent = [8.0, 6.4, 5.9, 6.5, 9.9, 14.3, 11.2, 7.4, 3.5, 3.5, 3.1, 1.3, 4.2, 4.0, 4.7, 5.4, 3.7, 3.0, 2.6, 2.8]
    percent += [2.6, 2.9, 2.1, 1.3, 2.5, 3.5, 2.6, 1.4, 2.1, 2.7, 4.1, 3.3, 2.3, 5.8, 0.0, 0.0, 3.6, 1.7, 1.5, 1.7]
    percent += [0.0, 0.3, 2.0, 2.8, 1.6, 1.3, 5.9, 8.7, 3.2, 2.5, 2.8]
    np.testing.assert_allclose(TREE.cola.percent[1975 - FIRST_YEAR : 2026 - FIRST_YEAR] * 100, percent, atol=1e-9)
    assert not TREE.cola.percent[: 1975 - FIRST_YEAR].any()
    assert not TREE.cola.legislated[1975 - FIRST_YEAR :].any()
    assert TREE.cola.underpaid.sum() == at("cola.underpaid", 1999) == 0.001


def test_forecast_increases_follow_the_price_path() -> None:
    prices = dict(zip(LAW[PRICES].years, LAW[PRICES].cells, strict=True))
    for year in range(2026, 2101):
        np.testing.assert_allclose(
            at("cola.percent", year), nearest(prices[year] / prices[year - 1] - 1, 0.001), atol=1e-9
        )


def test_special_minimum_with_increases_is_the_published_amount() -> None:
    """For 30 years of coverage: 252.80 from June 1979, 1,066.50 from December 2023, 1,093.10 from December 2024."""
    amount = at("special_minimum.amount", 1979) * at("special_minimum.most_years", 1979)
    assert amount == 230
    published = {1979: 252.8, 2019: 886.4, 2021: 950.8, 2022: 1033.5, 2023: 1066.5, 2024: 1093.1}
    for year in range(1979, 2025):
        dimes = amount * (1 + at("cola.percent", year)) * 10
        amount = (np.floor(dimes + 1e-6) if at("rounding.increase_down", year) else np.ceil(dimes - 1e-6)) / 10
        if year in published:
            np.testing.assert_allclose(amount, published[year], atol=1e-6, err_msg=str(year))


def test_contribution_rates() -> None:
    oasdi = TREE.payroll.employee[:, :2].sum(1)
    known = {
        1937: 1,
        1950: 1.5,
        1957: 2.25,
        1960: 3,
        1971: 4.6,
        1973: 4.85,
        1978: 5.05,
        1981: 5.35,
        1984: 5.7,
        1988: 6.06,
    }
    known |= {1990: 6.2, 2000: 6.2, 2011: 6.2, 2017: 6.2, 2026: 6.2, 2100: 6.2}
    for year, percent in known.items():
        np.testing.assert_allclose(oasdi[year - FIRST_YEAR] * 100, percent, atol=1e-6, err_msg=str(year))
    np.testing.assert_array_equal(TREE.payroll.employee, TREE.payroll.employer)
    both = TREE.payroll.self_employed[1984 - FIRST_YEAR :]
    np.testing.assert_allclose(both, 2 * TREE.payroll.employee[1984 - FIRST_YEAR :], atol=1e-7)
    credit = {1983: 0, 1984: 2.7, 1985: 2.3, 1986: 2, 1989: 2, 1990: 0, 2011: 2, 2012: 2, 2013: 0}
    for year, percent in credit.items():
        np.testing.assert_allclose(at("payroll.self_employed_credit", year).sum() * 100, percent, atol=1e-6)
    np.testing.assert_allclose(at("payroll.employee_credit", 1984).sum(), 0.003, atol=1e-7)
    irs = LAW.in_year(2026).irs.payroll
    np.testing.assert_allclose(at("payroll.employee", 2026), [0.053, 0.009, irs.medicare.employee_rate])
    np.testing.assert_allclose(oasdi[2026 - FIRST_YEAR], irs.social_security.employee_rate)


def test_unrounded_is_near_and_published_amounts_are_the_same() -> None:
    smooth = oasdi_law(rounded=False)
    for path in ("taxable_maximum", "pia.bend_points", "sga.blind", "quarter_of_coverage.amount"):
        np.testing.assert_array_equal(smooth[path][: 2027 - FIRST_YEAR], TREE[path][: 2027 - FIRST_YEAR])
        later = slice(2027 - FIRST_YEAR, None)
        step = float(np.max(LAW[f"ssa.oasdi.{path}"].uprating.to))
        assert np.abs(smooth[path][later] - TREE[path][later]).max() <= step / 2 + 1e-6
        assert not np.array_equal(smooth[path][later], TREE[path][later])
    np.testing.assert_array_equal(smooth.cola.percent, TREE.cola.percent)


def test_traced_equals_plain() -> None:
    for rounded in (True, False):
        plain = oasdi_law(2060, rounded=rounded)
        with js.precision("float64"):
            traced = jax.jit(lambda cells, r=rounded: oasdi_law(2060, cells=cells, rounded=r))(
                {path: jnp.asarray(LAW[path].cells) for path in (WAGES, PRICES, "ssa.oasdi.pia.factors")}
            )
        for path, series in plain.items():
            np.testing.assert_allclose(traced[path], series, rtol=1e-12, atol=1e-12, err_msg=path)


def test_gradient_in_the_wage_index_equals_differences() -> None:
    later = np.asarray(LAW[WAGES].years) > 2024

    def total(shift: float) -> jax.Array:
        index = jnp.asarray(LAW[WAGES].cells) * jnp.where(later, 1 + shift, 1.0)
        tree = oasdi_law(cells={WAGES: index}, rounded=False)
        return tree.taxable_maximum.sum() + tree.pia.bend_points.sum() + tree.wage_index.sum()

    with js.precision("float64"):
        slope, compiled = jax.jit(jax.grad(total))(0.0), jax.jit(total)
        np.testing.assert_allclose(slope, (compiled(1e-4) - compiled(-1e-4)) / 2e-4, rtol=1e-8)
    assert float(slope) > 0


def test_gradient_in_cells_and_prices() -> None:
    factors = "ssa.oasdi.pia.factors"

    def increase_2040(cells: dict[str, jax.Array]) -> jax.Array:
        tree = oasdi_law(cells=cells, rounded=False)
        return tree.cola.percent[2040 - FIRST_YEAR] + tree.pia.factors[-1, 1]

    with js.precision("float64"):
        slopes = jax.jit(jax.grad(increase_2040))({p: jnp.asarray(LAW[p].cells) for p in (PRICES, INCREASE, factors)})
    prices = dict(zip(LAW[PRICES].years, LAW[PRICES].cells, strict=True))
    by_year = dict(zip(LAW[PRICES].years, np.asarray(slopes[PRICES]), strict=True))
    np.testing.assert_allclose(by_year[2040], 1 / prices[2039], rtol=1e-10)
    np.testing.assert_allclose(by_year[2039], -prices[2040] / prices[2039] ** 2, rtol=1e-10)
    assert np.asarray(slopes[INCREASE])[LAW[INCREASE].years.index(2040)] == 1
    np.testing.assert_array_equal(slopes[factors][-1], [0, 1, 0])


def test_a_reform_and_its_prices_reach_the_tree() -> None:
    law = js.Reform({"ssa.oasdi.reduction.widow.most": {2030: 0.2}}).apply(LAW)
    changed = oasdi_law(law=law).reduction.widow.most
    assert changed[2029 - FIRST_YEAR] == 0.285
    assert changed[2030 - FIRST_YEAR] == changed[-1] == 0.2
    leaf = LAW[PRICES]
    faster = leaf.cells * np.where(np.asarray(leaf.years) >= 2040, 1.01, 1.0)
    tree = oasdi_law(cells={PRICES: faster})
    extra = np.asarray(tree.cola.percent) - TREE.cola.percent
    np.testing.assert_allclose(extra[2040 - FIRST_YEAR], 0.01, atol=1.1e-3)
    np.testing.assert_allclose(np.delete(extra, 2040 - FIRST_YEAR), 0, atol=1e-6)


def test_until() -> None:
    assert oasdi_law(2040).taxable_maximum.shape == (2040 - 1937 + 1,)
    assert oasdi_law(1940).wage_index.tolist() == [1137.96, 1053.24, 1142.36, 1195.0]
    for year in (1936, 2101):
        with pytest.raises(ParameterError, match="1937 to 2100"):
            oasdi_law(year)


NOT_MODELLED = {
    "auxiliary.child.student_age": "children's months are as given",
    "auxiliary.child.disabled_before_age": "children's months are as given",
    "auxiliary.child.in_care_age": "children's months are as given",
    "cola.legislated": "first eligibility before 1979",
    "computation.childcare_dropout.child_age": "years of child care are as given",
    "insured.disability.waiting_months": "the month of entitlement is as given",
    "payroll.self_employed": "taxes of a lifetime",
    "payroll.self_employed_credit": "taxes of a lifetime",
    "reduction.widow.disabled_further_rate": "ended in 1983",
}
"""Parameters that no function reads yet, and what would read them."""


def test_every_other_parameter_is_read() -> None:
    folder = Path(jaxsim.dynamic.oasdi.__file__).parent
    source = "\n".join(f.read_text(encoding="utf-8") for f in folder.glob("*.py") if f.name != "law.py")
    names = {path.removeprefix("ssa.oasdi.") for path in load_law().leaves if path.startswith("ssa.oasdi.")}

    def is_read(name: str) -> bool:
        first, last = name.split(".")[0], name.split(".")[-1]
        return bool(re.search(rf"\.{last}\b", source) and re.search(rf"\.{first}\b|\"{name}\"", source))

    assert {name for name in names if not is_read(name)} == set(NOT_MODELLED)
