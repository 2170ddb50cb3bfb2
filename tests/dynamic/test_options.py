"""Provisions that reforms propose: each against its own arithmetic, off in present law, with derivatives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

import jaxsim as js
from jaxsim.dynamic import oasdi
from jaxsim.dynamic.oasdi.law import FIRST_YEAR
from jaxsim.dynamic.oasdi.options import formula
from jaxsim.errors import InputError

pytestmark = pytest.mark.usefixtures("quick_programs")

LAW: Any = oasdi.oasdi_law()
AT_62 = 2032
WORKERS = pd.DataFrame(
    {
        "id": range(4),
        "birth_date": f"{AT_62 - 62}-05-20",
        "benefit_type": "old_age",
        "entitlement": f"{AT_62 + 5}-05",
        "as_of": f"{AT_62 + 5}-11",
    }
)
LEVEL = np.array([0.15, 0.6, 1.5, 6.0])
FIRST, LAST = AT_62 - 40, AT_62 - 1


def earnings() -> np.ndarray:
    found = np.zeros((4, AT_62 + 5 - FIRST_YEAR + 1))
    years = slice(FIRST - FIRST_YEAR, LAST - FIRST_YEAR + 1)
    found[:, years] = np.round(LEVEL[:, None] * np.asarray(LAW.wage_index)[years], 2)
    return found


def under(changes: dict[str, Any], **more: Any) -> pd.DataFrame:
    """Workers under a reform that holds from 2031 on, exact."""
    reform = js.Reform({f"ssa.oasdi.{path}": {2031: value} for path, value in changes.items()})
    return oasdi.benefits(WORKERS, earnings(), law=reform.apply(js.load_law()), **more).workers


def at(path: str, year: int) -> Any:
    return np.asarray(LAW[path])[year - FIRST_YEAR]


@pytest.fixture(scope="module")
def present() -> pd.DataFrame:
    return oasdi.benefits(WORKERS, earnings()).workers


def without_increases(pia: Any) -> Any:
    """Amounts of November 2037 as of 2032, but for rounding: the increases of 2032 to 2036."""
    rates = np.asarray(LAW.cola.percent)[AT_62 - FIRST_YEAR : AT_62 + 5 - FIRST_YEAR]
    return pia / np.prod(1 + rates)


def test_increases_may_be_larger_or_smaller(present: pd.DataFrame) -> None:
    less = under({"cola.added": -0.003})["pia"]
    rates = np.asarray(LAW.cola.percent)[AT_62 - FIRST_YEAR : AT_62 + 5 - FIRST_YEAR]
    np.testing.assert_allclose(less / present["pia"], np.prod((1 + rates - 0.003) / (1 + rates)), rtol=1e-3)


def test_a_further_bend_point(present: pd.DataFrame) -> None:
    found = under({"pia.upper_bend_point": 10_000, "pia.upper_factor": 0.05})
    expected = 0.10 * np.maximum(present["aime"] - 10_000, 0)
    assert expected[3] > 100
    np.testing.assert_allclose(without_increases(present["pia"] - found["pia"]), expected, atol=1)


def test_price_indexing_takes_the_growth_of_real_wages_off(float64: None) -> None:
    points, factors = (np.asarray(x) for x in formula(LAW))
    assert np.array_equal(points[:, :2], LAW.pia.bend_points)
    assert np.array_equal(factors[:, :3], LAW.pia.factors)
    share = np.asarray(LAW.pia.price_indexing.factors).copy()
    share[2030 - FIRST_YEAR :, 2:] = 1.0
    slowed = np.asarray(formula(LAW.replace({"pia.price_indexing.factors": share}))[1])
    assert np.array_equal(slowed[:, :2], factors[:, :2])  # progressive: only above the second bend point
    for year in (2030, 2031, 2050):
        prices = at("price_index", year - 2) / at("price_index", 2027)
        wages = at("wage_index", year - 2) / at("wage_index", 2027)
        np.testing.assert_allclose(slowed[year - FIRST_YEAR, 2], 0.15 * prices / wages, rtol=1e-12)
    assert (slowed[: 2030 - FIRST_YEAR] == factors[: 2030 - FIRST_YEAR]).all()


def test_price_indexing_lowers_new_amounts(present: pd.DataFrame) -> None:
    wholly = dict.fromkeys((f"pia.price_indexing.factors.{part}" for part in ("first", "second", "third", "upper")), 1)
    found = under(wholly)
    prices, wages = (at(name, AT_62 - 2) / at(name, 2028) for name in ("price_index", "wage_index"))
    np.testing.assert_allclose(found["pia"] / present["pia"], prices / wages, rtol=1e-3)
    points = under({"pia.price_indexing.bend_points": 1})
    assert (points["pia"][1:] < present["pia"][1:]).all()
    assert points["pia"][0] == present["pia"][0]  # below the first bend point


def test_earnings_may_be_indexed_by_prices(present: pd.DataFrame) -> None:
    found = under({"computation.price_indexing": 1.0})
    years = np.arange(FIRST, LAST + 1)
    paid = np.minimum(earnings()[:, years - FIRST_YEAR], np.asarray(LAW.taxable_maximum)[years - FIRST_YEAR])
    growth = at("price_index", AT_62 - 2) / np.asarray(LAW.price_index)[years - FIRST_YEAR]
    raised = np.sort(paid * np.where(years < AT_62 - 2, growth, 1.0), axis=1)[:, -35:]
    np.testing.assert_allclose(found["aime"], np.floor(raised.sum(axis=1) / 420), atol=1)
    half = under({"computation.price_indexing": 0.5})
    assert (half["aime"] < present["aime"]).all()
    assert (half["aime"] > found["aime"]).all()


@pytest.mark.slow
def test_earnings_beyond_the_maximum_are_credited(present: pd.DataFrame) -> None:
    """Taxed from 2031 on above $250,000 or the maximum, credited with two percent."""
    found = under({"beyond_maximum.taxed": 1, "beyond_maximum.threshold": 250_000, "beyond_maximum.factor": 0.02})
    assert found["aime"].equals(present["aime"])
    last = earnings()[3, 2031 - FIRST_YEAR]
    limit = max(250_000, at("taxable_maximum", 2031))
    expected = np.array([0, 0, 0, 0.02 * np.floor((last - limit) / 420)])  # one year of it among 35
    assert expected[3] > 5
    np.testing.assert_allclose(without_increases(found["pia"] - present["pia"]), expected, atol=0.3)
    later = oasdi.contribution_rate(LAW)[2031 - FIRST_YEAR]
    people = WORKERS.assign(sex="male").drop(columns=["benefit_type", "as_of"])
    reform = js.Reform(
        {"ssa.oasdi.beyond_maximum.taxed": {2031: 1}, "ssa.oasdi.beyond_maximum.threshold": {2031: 250_000}}
    )
    plain, more = (
        oasdi.lifetime(people, earnings(), law=law.apply(js.load_law()), discount=0.0, alive_at=70).workers
        for law in (js.Reform({"ssa.oasdi.beyond_maximum.taxed": {2031: 0}}), reform)
    )
    paid_in = (more["contributions"] - plain["contributions"]).to_numpy()
    prices = at("price_index", 2040) / at("price_index", 2031)
    np.testing.assert_allclose(paid_in, [0, 0, 0, later * (last - limit) * prices], rtol=0.02)


def test_a_minimum_benefit_after_a_long_career(present: pd.DataFrame) -> None:
    found = under({"minimum_benefit.share": 0.3})
    least = np.floor(0.3 * at("wage_index", AT_62 - 2) / 12 * 10 + 1e-6) / 10  # forty years of work
    assert (present["pia"][0] < least) & (found["pia"][0] > present["pia"][0])
    assert without_increases(found["pia"][0]) == pytest.approx(least, abs=0.5)
    assert found["pia"][1:].equals(present["pia"][1:])
    longer = under({"minimum_benefit.share": 0.5, "minimum_benefit.full_years": 60})
    assert without_increases(longer["pia"][0]) == pytest.approx(least * 5 / 3 * 30 / 50, abs=0.5)


def test_years_of_care_are_credited(present: pd.DataFrame) -> None:
    """Up to half of the average wage in a year of care."""
    care = pd.DataFrame({"id": [0, 1, 3], "year": 2031})
    found = under({"caregiver.credit_share": 0.5}, care=care)
    credit = (0.5 - 0.15) * at("wage_index", 2031)
    assert found["aime"][0] - present["aime"][0] == pytest.approx(credit / 420, abs=1)  # one more of the best 35 years
    assert found["aime"][1:].equals(present["aime"][1:])  # they earn more, or have no year of care
    assert under({}, care=care)["aime"].equals(present["aime"])
    none = under({"caregiver.credit_share": 0.5, "caregiver.most_years": 0}, care=care)
    assert none["aime"].equals(present["aime"])


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"id": [9], "year": [2000]}, "9 is not among the workers"),
        ({"id": [0], "year": [1960]}, "1960 is before the birth"),
        ({"id": [0], "year": [2300]}, "2300 is outside 1937 to 2100"),
        ({"id": [0, 0], "year": [2000, 2000]}, "2000 stands twice"),
        ({"id": [0]}, "'year': missing"),
    ],
)
def test_care_that_cannot_be_is_refused(rows: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        oasdi.benefits(WORKERS, earnings(), care=rows)


@pytest.fixture
def float64() -> Iterator[None]:
    with js.precision("float64"):
        yield


@pytest.mark.slow
def test_derivatives_equal_central_differences(float64: None) -> None:
    care = pd.DataFrame({"id": np.repeat(range(4), 7), "year": np.tile(range(2001, 2008), 4)})
    uneven = earnings() * (1 + 0.05 * np.sin(np.arange(earnings().shape[1])))  # no two years alike
    w = jax.tree.map(jnp.asarray, oasdi.read(WORKERS, uneven, LAW, care))
    n = len(LAW.wage_index)

    def every(value: float) -> jax.Array:
        return jnp.full(n, value)

    p = jax.tree.map(jnp.asarray, LAW).replace(
        {
            "cola.added": every(-0.002),
            "pia.upper_bend_point": every(9_000.0),
            "pia.upper_factor": every(0.1),
            "pia.price_indexing.factors": jnp.full((n, 4), 0.1).at[: 2026 - FIRST_YEAR].set(0.0),
            "pia.price_indexing.bend_points": every(0.1).at[: 2026 - FIRST_YEAR].set(0.0),
            "computation.price_indexing": every(0.3),
            "beyond_maximum.taxed": every(1.0),
            "beyond_maximum.threshold": every(150_000.0),
            "beyond_maximum.factor": every(0.02),
            "minimum_benefit.share": every(0.35),
            "minimum_benefit.full_years": every(60.0),
            "caregiver.credit_share": every(0.8),
        }
    )
    total = jax.jit(lambda p: jnp.sum(oasdi.worker_benefits(w, p, exact=False).benefit))
    slopes = jax.jit(jax.grad(total))(p)
    paths = [
        "cola.added", "pia.upper_bend_point", "pia.upper_factor", "pia.price_indexing.factors",
        "pia.price_indexing.bend_points", "computation.price_indexing", "beyond_maximum.taxed",
        "beyond_maximum.threshold", "beyond_maximum.factor", "minimum_benefit.share", "minimum_benefit.full_years",
        "caregiver.credit_share", "price_index", "wage_index",
    ]  # fmt: skip
    for path in paths:
        size = np.linspace(0.5, 1.5, n).reshape((-1,) + (1,) * (p[path].ndim - 1)) * p[path]
        difference = (
            total(p.replace({path: p[path] + 1e-6 * size})) - total(p.replace({path: p[path] - 1e-6 * size}))
        ) / 2e-6
        slope = float(jnp.sum(slopes[path] * size))
        assert slope == pytest.approx(float(difference), rel=1e-6), path
        assert abs(slope) > 1e-2, path
