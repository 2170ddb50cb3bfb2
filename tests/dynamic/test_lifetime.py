"""Lifetimes: every month's benefit, mortality, discounting, internal rates, the best month, tables and refusals."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

import jaxsim as js
from jaxsim.dynamic.oasdi import NEVER, Workers, oasdi_law, worker_benefits
from jaxsim.dynamic.oasdi.earnings_test import work_deductions
from jaxsim.dynamic.oasdi.law import FIRST_YEAR
from jaxsim.dynamic.oasdi.lifetime import Lifetimes, lifetime
from jaxsim.dynamic.oasdi.mortality import Mortality, alive, load_mortality
from jaxsim.dynamic.oasdi.retirement import SPANS, YEARS, by_month, in_spans, paid, retirement
from jaxsim.dynamic.oasdi.worth import (
    CLAIM_AGES,
    Valuation,
    benefits_by_claim,
    contribution_rate,
    internal_rate,
    lifetime_values,
)
from jaxsim.errors import InputError

pytestmark = pytest.mark.usefixtures("quick_programs")

LAW: Any = oasdi_law()
RETIREMENT = jax.jit(retirement, static_argnames="exact")
PAID = jax.jit(paid, static_argnames=("exact", "earnings_test"))
VALUES = jax.jit(lifetime_values, static_argnames=("exact", "earnings_test"))
BORN = np.array([12 * 1955 + 3, 12 * 1962 + 11, 12 * 1938 + 5, 12 * 1968, 12 * 1975 + 7, 12 * 1960 + 1])
CLAIMS = BORN + np.array([745, 804, 760, 840, 790, 744])
STOPS = np.array([61, 70, 65, 64, 68, 60])
"""Age of the last year of work; the last worker is not insured."""


@pytest.fixture(autouse=True)
def float64() -> Iterator[None]:
    with js.precision("float64"):
        yield


def workers() -> Workers:
    count = len(BORN)
    years = np.arange(FIRST_YEAR, 2060)
    ages = years - BORN[:, None] // 12
    level = np.array([0.5, 1.4, 0.25, 4.0, 0.9, 0.7])
    wages = np.asarray(LAW.wage_index)[: len(years)]
    rng = np.random.default_rng(1)
    earnings = np.round(level[:, None] * wages * rng.lognormal(0, 0.2, (count, len(years))), 2)
    earnings = np.where((ages >= 22) & (ages <= STOPS[:, None]), earnings, 0.0)
    earnings[5, : 2012 - FIRST_YEAR + 1] = 0.0

    def each(value: Any) -> jax.Array:
        return jnp.asarray(np.broadcast_to(value, count), jnp.int32)

    return Workers(
        born=each(BORN), whole_month=each(0), kind=each(0), entitlement=each(CLAIMS), as_of=each(CLAIMS),
        onset=each(NEVER), onset_first=each(0), death=each(NEVER), quarters=jnp.full(count, -1.0),
        earnings=jnp.asarray(earnings),
    )  # fmt: skip


def valuation(w: Workers, rate: float = 0.03) -> Valuation:
    sex = jnp.asarray([0, 1, 0, 1, 0, 1])
    deaths = jax.tree.map(jnp.asarray, load_mortality())
    return Valuation(deaths, sex, w.born + 744, jnp.asarray(rate), jnp.asarray(contribution_rate(LAW)))


@pytest.mark.parametrize("exact", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_benefits_of_every_span_are_those_of_the_month_asked_for(exact: bool) -> None:
    w = workers()
    of = RETIREMENT(w, LAW, exact=exact)
    found = PAID(of, w, LAW, exact=exact, earnings_test=False)
    assert found.shape == (SPANS, len(BORN))
    law = LAW.replace({"cola.underpaid": np.zeros_like(LAW.cola.underpaid)})  # paid later
    direct = jax.jit(jax.vmap(lambda month: worker_benefits(w._replace(as_of=month), law, exact).benefit))
    until = np.asarray(of.month) < 12 * 2100  # the law ends
    np.testing.assert_allclose(np.where(until, found, 0), np.where(until, direct(of.month), 0), rtol=1e-12, atol=1e-9)
    assert (found[:, 5] == 0).all()
    assert (found[-1, :5] > 0).all()


@pytest.mark.slow
def test_the_earnings_test_takes_and_gives_back_what_the_months_say() -> None:
    w = workers()
    of = RETIREMENT(w, LAW)
    without, found = (np.asarray(by_month(PAID(of, w, LAW, earnings_test=test))) for test in (False, True))
    work = jax.jit(work_deductions)(w._replace(as_of=w.born + 840), LAW)
    taken = (without - found)[:108].sum(axis=0)
    early = np.array([0, 2, 4])
    assert (work.months[early] > 0).tolist() == [
        False,
        False,
        True,
    ]  # stopped; at full age, later not tested; worked on
    assert taken[0] == 0
    at_full = w.born + 67 * 12
    from_full = (np.asarray(of.month) >= np.asarray(at_full)).T[4]
    after = np.asarray(jax.jit(worker_benefits)(w._replace(as_of=at_full), LAW, withheld=work.months).benefit)[4]
    assert np.asarray(PAID(of, w, LAW))[from_full, 4][0] == after
    before = ~np.asarray(np.asarray(of.month)[:108, 4] >= np.asarray(at_full)[4])
    lost = (without - found)[:108, 4][before].sum()
    withheld = float(work.withheld[:, 4].sum())
    assert abs(lost - withheld) <= 1 * int(work.months[4])  # a month charged in part is paid in whole dollars


def test_spans_add_up_months() -> None:
    values = jnp.arange(12.0 * YEARS)[:, None]
    assert jnp.sum(in_spans(values)) == jnp.sum(values)
    ones = by_month(jnp.ones((SPANS, 1)))
    assert ones.shape == (12 * YEARS, 1)
    assert jnp.sum(in_spans(ones) * 2.0) == 24 * YEARS


def by_hand(w: Workers, v: Valuation, k: int, received: np.ndarray) -> tuple[float, float]:
    """Present values of contributions and benefits of a worker, month by month."""
    born, rate = int(w.born[k]), float(v.real_rate)
    deaths = np.asarray(v.mortality.death)[int(v.sex[k]), born // 12 - 1900]
    since = born + 744
    prices = np.asarray(LAW.price_index)

    def price(month: int) -> float:
        whole = min(max((month - 6) // 12 - FIRST_YEAR, 0), len(prices) - 2)
        share = (month - 6 - 12 * (whole + FIRST_YEAR)) / 12
        return float(prices[whole] * (prices[whole + 1] / prices[whole]) ** share)

    def living(month: int) -> float:
        return float(np.prod([(1 - deaths[age // 12]) ** (1 / 12) for age in range(744, min(month - born, 1440))]))

    def worth(month: int) -> float:
        return living(month) * price(since) / price(month) * (1 + rate) ** ((since - month) / 12)

    first = 12 * ((born + 744) // 12)
    benefits = sum(float(received[m, k]) * worth(first + m + 1) for m in range(12 * YEARS) if received[m, k])
    shares = np.asarray(v.contribution_rate)
    paid_in = sum(
        min(float(amount), float(LAW.taxable_maximum[y])) * float(shares[y]) * worth(12 * (y + FIRST_YEAR) + 6)
        for y, amount in enumerate(w.earnings[k])
    )
    return paid_in, benefits


@pytest.mark.parametrize("k", [0, pytest.param(4, marks=pytest.mark.slow)])
def test_present_values_are_sums_over_months(k: int) -> None:
    w = workers()
    v = valuation(w)
    of = RETIREMENT(w, LAW)
    found = VALUES(w, v, LAW, of=of)
    contributions, benefits = by_hand(w, v, k, np.asarray(by_month(PAID(of, w, LAW))))
    assert float(found.contributions[k]) == pytest.approx(contributions, rel=1e-9)
    assert float(found.benefits[k]) == pytest.approx(benefits, rel=1e-9)
    by_age = benefits_by_claim(w, v, LAW, jnp.asarray(CLAIM_AGES), of=of)
    assert float(by_age[int(CLAIMS[k] - BORN[k]) - 744, k]) == pytest.approx(benefits, rel=1e-9)
    assert np.isnan(by_age[0, :5]).all()  # at 62 for the whole month is a month later


def test_at_the_internal_rate_benefits_are_worth_the_contributions() -> None:
    w = workers()
    v = valuation(w)
    of = RETIREMENT(w, LAW)
    found = VALUES(w, v, LAW, of=of)
    for k in range(5):
        at_rate = VALUES(w, v._replace(real_rate=found.internal_rate[k]), LAW, of=of)
        assert float(at_rate.benefits[k]) == pytest.approx(float(at_rate.contributions[k]), rel=1e-8)
    assert found.internal_rate[2] > found.internal_rate[3]  # low earnings of an old cohort, high of a young one
    assert np.isnan(found.internal_rate[5])
    assert found.benefits[5] == 0


def test_internal_rate_of_a_loan() -> None:
    years = jnp.asarray([[0.0], [1.0], [2.0]])
    assert float(internal_rate(jnp.asarray([[-100.0], [10.0], [110.0]]), years)[0]) == pytest.approx(0.1, abs=1e-12)
    slope = jax.grad(lambda x: internal_rate(jnp.stack([-100.0, 0.0, x])[:, None], years)[0])(121.0)
    assert slope == pytest.approx(0.5 / 1.1 / 100, rel=1e-9)


def test_rates_out_of_bounds_are_none() -> None:
    years = jnp.asarray([[-1.0, 0.0], [3.0, 1.0]])
    flows = jnp.asarray([[-100.0, -1.0], [1.0, 50.0]])  # true rates of -68 and 4900 percent
    assert np.isnan(internal_rate(flows, years)).all()


@pytest.mark.slow
def test_derivatives_equal_central_differences() -> None:
    w = workers()
    w = jax.tree.map(lambda x: x[:5], w)
    v = jax.tree.map(lambda x: x, valuation(workers()))
    v = v._replace(sex=v.sex[:5], since=v.since[:5])

    @jax.jit
    def outcome(p: Any, rate: jax.Array, death: jax.Array, earnings: jax.Array) -> jax.Array:
        found = lifetime_values(
            w._replace(earnings=earnings),
            v._replace(
                real_rate=rate, mortality=Mortality(death, v.mortality.first), contribution_rate=contribution_rate(p)
            ),
            p,
            exact=False,
        )
        return jnp.sum(found.benefits / found.contributions + 100 * found.internal_rate + found.replacement_rate)

    p = jax.tree.map(jnp.asarray, LAW)
    given = (p, v.real_rate, v.mortality.death, w.earnings)
    slopes = jax.jit(jax.grad(outcome, argnums=(0, 1, 2, 3)))(*given)

    def difference(change: Any, step: float) -> float:
        return float((outcome(*change(step)) - outcome(*change(-step))) / (2 * step))

    for path in (
        "pia.factors",
        "pia.bend_points",
        "delayed_credit.rate",
        "payroll.employer",
        "price_index",
        "wage_index",
    ):
        tilt = p[path] * jnp.linspace(0.5, 1.5, len(p[path])).reshape((-1,) + (1,) * (p[path].ndim - 1))
        slope = jnp.sum(slopes[0][path] * tilt)
        found = difference(lambda h, path=path, tilt=tilt: (p.replace({path: p[path] + h * tilt}), *given[1:]), 1e-6)
        assert float(slope) == pytest.approx(found, rel=1e-6, abs=1e-7), path
        assert abs(found) > 1e-4, path
    assert float(slopes[1]) == pytest.approx(difference(lambda h: (p, given[1] + h, *given[2:]), 1e-6), rel=1e-6)
    q = v.mortality.death
    more = difference(lambda h: (p, given[1], q * (1 + h), given[3]), 1e-6)
    assert float(jnp.sum(slopes[2] * q)) == pytest.approx(more, rel=1e-5)
    more = difference(lambda h: (*given[:3], given[3] * (1 + h)), 1e-6)
    assert float(jnp.sum(slopes[3] * given[3])) == pytest.approx(more, rel=1e-5)


def test_mortality_of_the_trustees() -> None:
    deaths = load_mortality()
    assert deaths.death.shape == (2, 201, 120)
    assert ((deaths.death > 0) & (deaths.death <= 1)).all()
    assert (deaths.death[0, :, 50:100].mean() > deaths.death[1, :, 50:100].mean()).all()
    born = jnp.asarray([12 * 1960 + 6, 12 * 1960 + 6])
    months = born + jnp.arange(780, 1440)[:, None]
    share = jax.jit(alive)(deaths, jnp.asarray([0, 1]), born, born + 780, months)
    men, women = np.asarray(share.sum(axis=0)) / 12
    q = deaths.death[:, 60, 65:]
    np.testing.assert_allclose([men, women], (np.cumprod(1 - q, axis=1).sum(axis=1) + 0.5), atol=0.05)
    assert alive(deaths, jnp.asarray([0]), born[:1], born[:1] + 780, born[:1] + 700) == 1  # known to be alive


def test_mortality_tables_of_users(tmp_path: Path) -> None:
    table = pd.DataFrame({"age": range(100), "qx": np.linspace(0.001, 0.5, 100)})
    both = load_mortality(table)
    assert both.death.shape == (2, 1, 101)
    assert (both.death[:, :, -1] == 1).all()
    path = tmp_path / "q.csv"
    pd.concat([table.assign(sex=s, birth_year=b) for s in ("male", "female") for b in (1950, 1951)]).to_csv(
        path, index=False
    )
    assert load_mortality(path).death.shape == (2, 2, 101)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"qx": [0.1, 1.2, 0.3]}, "1.2 is outside 0 to 1"),
        ({"age": [0, 1, 1]}, "1 stands twice"),
        ({"age": [0, 1, 3]}, "age 2 is missing"),
        ({"age": [-1, 0, 1]}, "-1 is outside 0 to 150"),
        ({"sex": ["male"] * 3}, "there is only male"),
        ({"sex": ["male", "female", "man"]}, "'man' is not one of male, female"),
    ],
)
def test_mortality_that_is_none_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_mortality({"age": [0, 1, 2], "qx": [0.1, 0.2, 0.3]} | change)


def tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    people = pd.DataFrame(
        {
            "id": ["a", "b", "c"],
            "sex": ["female", "male", "male"],
            "birth_date": ["1962-03-15", "1962-03-15", "1970-07-02"],
            "entitlement": ["2029-03", "", ""],
        }
    )
    years = np.arange(1985, 2030)
    earnings = pd.concat([pd.DataFrame({"id": k, "year": years, "earnings": 60_000.0}) for k in "abc"])
    return people, earnings[~((earnings["id"] == "c") & (earnings["year"] > 1990))]


def test_tables() -> None:
    people, earnings = tables()
    found = lifetime(people, earnings)
    assert isinstance(found, Lifetimes)
    t = found.workers.set_index("id")
    assert t.loc["a", "claim"] == "2029-03"
    assert t.loc["a", "claim_age"] == 67
    assert t.loc["b", "claim"] == t.loc["b", "best"] != ""
    assert t.loc["b", "benefits"] == pytest.approx(t.loc["b", "best_benefits"])
    assert t.loc["a", "best_benefits"] >= t.loc["a", "benefits"] > t.loc["b", "best_benefits"]  # women live longer
    assert t.loc["c", "claim"] == ""
    assert t.loc["c", ["benefits", "moneys_worth"]].tolist() == [0, 0]
    assert found.by_age.shape == (3, 97)
    assert found.by_age.loc["a"].idxmax() / 12 == t.loc["a", "best_age"]
    assert found.by_age.loc["a", 744] != found.by_age.loc["a", 744]  # not yet 62 for the whole month
    assert "3 workers" in repr(found)
    direct = js.dynamic.oasdi.benefits(
        people.iloc[:1].assign(benefit_type="old_age", as_of="2029-03"), earnings[earnings["id"] == "a"]
    )
    assert t.loc["a", "benefit"] == direct.workers.loc[0, "benefit"]
    alone = lifetime(people.iloc[1:2], earnings[earnings["id"] == "b"], block=1)
    pd.testing.assert_frame_equal(alone.workers, found.workers.iloc[1:2].reset_index(drop=True))


@pytest.mark.slow
def test_company_changes_nothing() -> None:
    """Who works at the same age as others of a block gets what they would get alone, also after the law's last year."""
    people = pd.DataFrame({"id": range(3), "sex": "male", "birth_date": ["1963-05-20", "2029-05-20", "1990-05-20"]})
    until = {0: 2039, 1: 2090, 2: 2051}
    earnings = pd.concat(
        [pd.DataFrame({"id": k, "year": range(last - 40, last + 1), "earnings": 90_000.0}) for k, last in until.items()]
    )
    together = lifetime(people, earnings)
    for k in range(3):
        alone = lifetime(people.iloc[[k]], earnings[earnings["id"] == k])
        pd.testing.assert_frame_equal(alone.workers, together.workers.iloc[[k]].reset_index(drop=True), rtol=1e-12)


@pytest.mark.slow
def test_years_of_care_after_the_last_earnings_count() -> None:
    people, earnings = tables()
    people, earnings = people.iloc[1:2], earnings[(earnings["id"] == "b") & (earnings["year"] < 2012)]
    law = js.Reform({"ssa.oasdi.caregiver.credit_share": {2022: 0.5}}).apply(js.load_law())
    care = pd.DataFrame({"id": "b", "year": range(2023, 2028)})
    plain, credited = (lifetime(people, earnings, law, care=of).workers["best_benefits"][0] for of in (None, care))
    assert credited > 1.02 * plain


@pytest.mark.slow
def test_prices_follow_the_increases_assumed() -> None:
    people, earnings = tables()
    paths = {rate: pd.DataFrame({"year": range(2026, 2091), "cola_pct": rate}) for rate in (2.0, 5.0)}
    low, high = (lifetime(people, earnings, assumptions=a).workers["best_benefits"][0] for a in paths.values())
    assert high == pytest.approx(low, rel=0.03)  # but for prices between January and December, and bend points


@pytest.mark.parametrize("name", ["earliest_age.worker", "delayed_credit.last_age", "cola.month"])
def test_laws_that_lifetimes_do_not_cover_are_refused(name: str) -> None:
    value = {"cola.month": 6}.get(name, 864)
    law = js.Reform({f"ssa.oasdi.{name}": {2030: value}}).apply(js.load_law())
    with pytest.raises(InputError, match=f"ssa.oasdi.{name}: lifetimes cover"):
        lifetime(*tables(), law=law)


def test_not_insured_at_the_claim_but_later() -> None:
    people, _ = tables()
    people = people.iloc[:1].assign(entitlement="2026-05")
    earnings = pd.DataFrame({"id": "a", "year": range(2019, 2032), "earnings": 50_000.0})
    found = lifetime(people, earnings).workers.iloc[0]
    assert found["claim"] == ""
    assert found["benefits"] == 0
    assert found["best"] >= "2028-10"  # forty quarters


def test_rates_ages_and_shares_are_heard() -> None:
    people, earnings = tables()
    usual = lifetime(people, earnings)
    later = lifetime(people, earnings, discount=0.06)
    assert later.workers["best_age"][1] < usual.workers["best_age"][1]
    half = lifetime(people, earnings, employer=False).workers["contributions"]
    np.testing.assert_allclose(half * 2, usual.workers["contributions"], rtol=0.01)  # but for 2011 and 2012
    funds = lifetime(people, earnings, funds=("oasi", "di")).workers["contributions"]
    assert (funds > usual.workers["contributions"]).all()
    at_70 = lifetime(people, earnings, alive_at=70).workers
    assert (at_70["best_benefits"][:2] > usual.workers["best_benefits"][:2]).all()
    by_year = lifetime(people, earnings, discount=pd.Series({2000: 0.023, 2050: 0.023}))
    pd.testing.assert_frame_equal(by_year.workers, usual.workers)


@pytest.mark.slow
def test_smooth_lifetimes_in_single_precision() -> None:
    exact = lifetime(*tables()).workers
    double = lifetime(*tables(), exact=False).workers
    single = lifetime(*tables(), exact=False, precision="float32").workers
    short = pd.DataFrame({"age": range(90), "qx": 0.02})
    ends = [lifetime(*tables(), exact=False, mortality=short, precision=p).workers for p in ("float32", "float64")]
    np.testing.assert_allclose(ends[0]["best_benefits"], ends[1]["best_benefits"], rtol=1e-4)
    np.testing.assert_allclose(single["best_benefits"], double["best_benefits"], rtol=1e-4)
    np.testing.assert_allclose(double["best_benefits"], exact["best_benefits"], rtol=1e-3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sex": ["female", "male", "x"]}, "'x' is not one of male, female"),
        ({"id": ["a", "b", "b"]}, "b stands twice"),
        ({"birth_date": ["1920-03-15", "1962-03-15", "1970-07-02"]}, "62 in 1982, before 1997"),
        ({"birth_date": ["1962-03-15", "2031-03-15", "1970-07-02"]}, "70 in 2101, after 2100"),
        ({"entitlement": ["2024-03", "", ""]}, "2024-03 is before 2024-04, the first month"),
        ({"retired": ["1960-04", "", ""]}, "'retired': 1960-04 is before the birth_date"),
        ({"entitlement": ["2032-04", "", ""]}, "2032-04 is after 70"),
    ],
)
def test_workers_that_cannot_be_are_refused(change: dict[str, Any], message: str) -> None:
    people, earnings = tables()
    with pytest.raises(InputError, match=message):
        lifetime(people.assign(**change), earnings)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"funds": ("oasi", "hi")}, "give a tuple of oasi, di"),
        ({"funds": ("oasi", "oasi")}, "give a tuple of oasi, di"),
        ({"funds": None}, "give a tuple"),
        ({"funds": "oasi"}, "give a tuple"),
        ({"alive_at": 120}, "give an age in years, 0 to 100"),
        ({"discount": 2.3}, "write 0.02 for 2%"),
        ({"discount": "2%"}, "give a number, or a Series"),
        ({"discount": pd.Series([0.02, None])}, "give a Series of rates by year"),
        ({"discount": pd.Series([0.02, 0.03])}, "0 to 1 are no years"),
        ({"discount": pd.Series([0.02], ["2020"])}, "give a Series of rates by year"),
        ({"alive_at": "62"}, "give an age in years"),
        ({"block": 0}, "block"),
        ({"precision": "float32"}, "exact=False"),
    ],
)
def test_arguments_that_cannot_be_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(js.JaxsimError, match=message):
        lifetime(*tables(), **change)


def test_a_missing_column_is_named() -> None:
    people, earnings = tables()
    with pytest.raises(InputError, match="sex"):
        lifetime(people.drop(columns="sex"), earnings)


def test_plot() -> None:
    pytest.importorskip("matplotlib")
    found = lifetime(*tables())
    axes = found.plot().axes[0]
    assert len(axes.get_legend().get_texts()) == 3
    assert found.plot("a").axes[0].get_legend() is None
    with pytest.raises(InputError, match="'z' is not among the workers"):
        found.plot(["z"])
