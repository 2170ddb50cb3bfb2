"""Derivatives of benefits under the smooth law equal central differences; maps and loops agree."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsim as js
from jaxsim.dynamic.oasdi.careers import NEVER, OLD_AGE, Workers
from jaxsim.dynamic.oasdi.family import Members, family_benefits
from jaxsim.dynamic.oasdi.law import FIRST_YEAR
from jaxsim.dynamic.oasdi.worker import worker_benefits
from jaxsim.parameters import Parameters

from .random_workers import UNTIL, Case, as_members, as_workers, law, oracle_law, some_cases

SMOOTH = (
    "auxiliary.share.child", "auxiliary.share.child_of_deceased", "auxiliary.share.mother", "auxiliary.share.parent",
    "auxiliary.share.spouse",
    "auxiliary.share.widow", "auxiliary.widow_limit", "cola.percent", "delayed_credit.rate",
    "family_maximum.bend_points", "family_maximum.disability.earnings_share", "family_maximum.disability.most",
    "family_maximum.factors", "gpo.share", "pia.bend_points", "pia.factors", "reduction.spouse.first_months",
    "reduction.spouse.first_rate", "reduction.spouse.further_rate", "reduction.widow.most",
    "reduction.worker.first_months", "reduction.worker.first_rate", "reduction.worker.further_rate",
    "special_minimum.amount", "special_minimum.first_years", "taxable_maximum", "wage_index", "wep.factor",
    "wep.factor_per_year", "wep.first_years", "wep.pension_share",
)  # fmt: skip
"""Leaves that benefits are continuous in, with a derivative somewhere."""
KINKS_ONLY = ("family_maximum.disability.least", "cola.underpaid", "special_minimum.most_years")
"""Continuous, too, but a derivative needs benefits of the 1990s, a small average or thirty years of low pay."""
OFF = (
    "auxiliary.share.parents_each", "cola.added", "computation.price_indexing", "pia.price_indexing.bend_points",
    "pia.price_indexing.factors",
)  # fmt: skip
"""Nothing in present law, where `test_options` has their derivatives, or of two parents, who are rare."""
STEPS = (
    "cola.month", "computation.base_after", "computation.childcare_dropout.most", "computation.disability_dropout.most",
    "computation.disability_dropout.share", "computation.dropout_years", "computation.first_age",
    "computation.indexing_lag", "computation.least_years", "delayed_credit.last_age", "full_retirement_age.widow",
    "full_retirement_age.worker", "insured.currently.quarters", "insured.currently.window",
    "insured.disability.quarters", "insured.disability.window", "insured.disability.young_least",
    "insured.disability.young_share", "insured.fully.least", "insured.fully.most", "old_law_base",
    "quarter_of_coverage.amount", "quarter_of_coverage.most", "rounding.aime", "rounding.benefit",
    "rounding.increase_down", "rounding.pia", "rounding.pia_down", "special_minimum.coverage_share",
    "special_minimum.early_amount", "wep.coverage_share", "wep.in_force", "gpo.in_force",
)  # fmt: skip
"""Ages in months, numbers of years and quarters, thresholds and units of rounding: their derivative is 0."""
RELATIVE = 1e-5
"""Step of the differences: truncation and floating point are then both below 1e-8 of the derivative."""
CLAIMS = 97
"""Months from 62 and one month to 70 and one."""


@pytest.fixture(autouse=True)
def float64() -> Iterator[None]:
    with js.precision("float64"):
        yield


def outcome(p: Any, w: Workers, m: Members, exact: bool = False) -> jax.Array:
    """Benefits of workers and their families [workers], $/month."""
    paid = worker_benefits(w, p, exact)
    of_members = family_benefits(w, paid, m, p, exact).benefit
    return paid.benefit + jax.ops.segment_sum(of_members, m.worker, w.born.shape[0])


def weighted(p: Any, earnings: jax.Array, weight: jax.Array, w: Workers, m: Members) -> jax.Array:
    return jnp.sum(weight * outcome(p, w._replace(earnings=earnings), m))


benefits = jax.jit(outcome)
QUICK = {"xla_backend_optimization_level": 0}
"""Compiled in half the time, and fast enough."""
exact_benefits = jax.jit(lambda p, w, m: outcome(p, w, m, exact=True), compiler_options=QUICK)
gradient = jax.jit(jax.grad(weighted, argnums=(0, 1)), compiler_options=QUICK)


def edge(kind: str, earnings: dict[int, float], claim: int = 65) -> Case:
    """A worker born in 1960 with a family: retired at an age, disabled at 50, dead at 55 or, retired at 62, at 67."""
    death = {"survivor": datetime.date(2015, 3, 10), "widowed": datetime.date(2027, 3, 10)}.get(kind)
    onset = datetime.date(2010, 3, 1) if kind == "disability" else None
    first = {"old_age": (1960 + claim, 6), "disability": (2010, 9), "survivor": None, "widowed": (2022, 6)}[kind]
    record = {"birth_date": datetime.date(1960, 5, 20), "benefit_type": "survivor" if death else kind}
    record |= {"entitlement": first, "as_of": (2031, 3), "onset_date": onset, "death_date": death}
    birth, from_then = datetime.date(1962, 2, 1), ({"survivor": 2024, "widowed": 2029}.get(kind, 2025), 6)
    relations = ("widow", "child") if death else ("spouse", "child")
    members = [{"relation": of, "birth_date": birth, "entitlement": from_then} for of in relations]
    return Case(record, earnings, members)


def pensioners() -> list[Case]:
    """Workers with pensions in 2022 and 20 to 30 years of coverage, and their families with pensions, too."""
    cases = []
    for years in (20, 22, 25, 28, 29, 30):
        for pension in (100.0, 200.0, 3000.0):
            case = edge("old_age", dict.fromkeys(range(2017 - years, 2017), 44_000.0), 62)
            case.record.update(birth_date=datetime.date(1955, 5, 20), entitlement=(2018, 3), as_of=(2022, 3))
            case.record["pension"] = pension
            members = [m | {"pension": 0.1 * pension, "entitlement": (2021, 6)} for m in case.members]
            members[0]["birth_date"] = datetime.date(1956, 2, 1)
            cases.append(case._replace(members=members))
    return cases


def edge_cases() -> list[Case]:
    """Careers at the kinks: nothing, a dollar, one year, ties, always the maximum, low pay for the special minimum."""
    years, maximum, base = range(1980, 2025), oracle_law()["wage_base"], oracle_law()["wage_base_old"]
    low = {year: base[year] * 0.2501 for year in range(1951, 1979)}
    careers: list[dict[int, float]] = [
        {}, {2000: 1.0}, {2009: 30_000.0}, dict.fromkeys(years, 20_000.0), {year: maximum[year] for year in years},
        {year: 2 * maximum[year] for year in years},
    ]  # fmt: skip
    kinds = [("old_age", 62), ("old_age", 67), ("old_age", 70), ("disability", 0), ("survivor", 0), ("widowed", 0)]
    poor = edge("old_age", low)
    poor.record.update(birth_date=datetime.date(1930, 5, 20), entitlement=(1995, 5))
    usual = [edge(kind, career, claim) for career in careers for kind, claim in kinds]
    return [poor._replace(members=[]), *pensioners(), *usual]


@pytest.fixture(scope="module")
def data() -> tuple[Any, Workers, Members, int]:
    """Law, random and edge workers, their members, and the number of random ones, who come first."""
    with js.precision("float64"):
        some = some_cases(200, 6)
        cases = some + edge_cases()
        w = as_workers(cases)
        return jax.tree.map(jnp.asarray, law()), w, as_members(cases), len(some)


def direction(p: Parameters, path: str, seed: int) -> Any:
    """Changes of one leaf [-1.5, 1.5] of its values, the others at rest."""
    share = (
        np.random.default_rng(seed).uniform(0.5, 1.5, np.shape(p[path]))
        * (-1) ** np.arange(len(p[path]))[(...,) + (None,) * (np.ndim(p[path]) - 1)]
    )
    zeros = jax.tree.map(jnp.zeros_like, p)
    return zeros.replace({path: p[path] * share})


def moved(p: Any, d: Any, step: float) -> Any:
    return jax.tree.map(lambda x, y: x + step * y, p, d)


def off_kinks(low: Any, at: Any, high: Any) -> np.ndarray:
    """Where the second difference is that of a smooth function: not of the size of the first."""
    first, second = np.abs(high - low), np.abs(high - 2 * at + low)
    return second <= 1e-3 * first + 1e-9


@pytest.mark.parametrize("path", SMOOTH)
def test_parameters(path: str, data: Any) -> None:
    p, w, m, _ = data
    d = direction(p, path, seed=len(path))
    at = np.asarray(benefits(p, w, m))
    low, high = (np.asarray(benefits(moved(p, d, step), w, m)) for step in (-RELATIVE, RELATIVE))
    kept = off_kinks(low, at, high)
    assert np.mean(kept) > 0.85  # many careers lie at the maximum
    found = float(jnp.vdot(gradient(p, w.earnings, jnp.asarray(kept, float), w, m)[0][path], d[path]))
    expected = np.sum((high - low)[kept]) / (2 * RELATIVE)
    assert abs(expected) > 1
    assert np.isclose(found, expected, rtol=1e-6, atol=1e-6)


def test_derivatives_are_finite_and_those_of_steps_zero(data: Any) -> None:
    p, w, m, _ = data
    of_law, of_earnings = gradient(p, w.earnings, jnp.ones(w.born.shape), w, m)
    assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(of_law))
    assert np.all(np.isfinite(of_earnings))
    assert {path for path, leaf in of_law.items() if np.any(leaf)} <= {*SMOOTH, *KINKS_ONLY, *OFF}
    assert not any(np.any(of_law[path]) for path in STEPS)


@pytest.mark.parametrize(
    ("path", "change"),
    [("computation.dropout_years", 1), ("full_retirement_age.worker", 12), ("insured.fully.least", 60)],
)
def test_steps_are_steps(path: str, change: float, data: Any) -> None:
    """A leaf without derivative matters none the less: differences are needed for it."""
    p, w, m, _ = data
    assert np.any(np.abs(benefits(p.replace({path: p[path] + change}), w, m) - benefits(p, w, m)) > 1)


def test_earnings_of_each_year(data: Any) -> None:
    p, w, m, count = data
    found = np.asarray(gradient(p, w.earnings, jnp.ones(w.born.shape), w, m)[1])
    at, step = np.asarray(benefits(p, w, m)), 1.0
    compared = kinks = 0
    for place in range(1951 - FIRST_YEAR, UNTIL - FIRST_YEAR):
        some = np.asarray(w.earnings[:, place] > 1)
        if not some[:count].any():
            continue
        low, high = (np.asarray(benefits(p, w._replace(earnings=w.earnings.at[:, place].add(by * some)), m))
                     for by in (-step, step))  # fmt: skip
        smooth = some & (np.abs(high - 2 * at + low) < 1e-6)
        expected = (high - low) / (2 * step)
        assert np.allclose(found[smooth, place], expected[smooth], rtol=1e-6, atol=1e-9)
        compared += int(smooth.sum())
        kinks += int((some & ~smooth)[:count].sum())
    assert compared > 5000
    assert kinks < 0.05 * compared


@pytest.mark.slow
def test_pensions(data: Any) -> None:
    """By a pension of each worker, and of each member of a family."""
    p, w, m, _ = data

    @jax.jit
    def of(of_worker: jax.Array, of_member: jax.Array) -> jax.Array:
        return outcome(p, w._replace(pension=of_worker), m._replace(pension=of_member))

    pensions = jnp.asarray(w.pension), jnp.asarray(m.pension)
    found = jax.grad(lambda *pensions: jnp.sum(of(*pensions)), argnums=(0, 1))(*pensions)
    at, step = of(*pensions), 1e-3
    low, high = (of(pensions[0] + by, pensions[1]) for by in (-step, step))
    smooth = np.abs(high - 2 * at + low) < 1e-9
    assert np.mean(smooth) > 0.95
    assert np.sum((found[0] < -0.1) & smooth) >= 5
    np.testing.assert_allclose(found[0][smooth], ((high - low) / (2 * step))[smooth], atol=1e-6)
    change = [float(jnp.sum(of(pensions[0], pensions[1] + by) - at)) for by in (-step, step)]
    assert np.sum(found[1] < -0.6) >= 10
    assert np.isclose(float(jnp.sum(found[1])), (change[1] - change[0]) / (2 * step), rtol=0.02)
    assert set(np.unique(np.round(found[1], 6))) <= {0.0, -1.0, -0.666667}


def test_smooth_law_is_near_the_exact(data: Any) -> None:
    """Up to two dimes are lost with each increase, by each of the family, besides dollars."""
    p, w, m, count = data
    error = np.abs(benefits(p, w, m) - exact_benefits(p, w, m))[:count]
    persons = 1 + np.bincount(m.worker, minlength=len(w.born))[:count]
    since = np.asarray(w.as_of // 12 - jnp.minimum(w.born // 12 + 62, jnp.minimum(w.onset, w.death) // 12))[:count]
    assert np.all((error / persons)[since <= 10] < 2)
    assert np.all(error / persons < 2 + 0.12 * since)


@pytest.fixture(scope="module")
def mapped(data: Any) -> Any:
    """Benefits in a map over laws, by their factors, and shifts of the first month."""
    p = data[0]
    axes = jax.tree.map(lambda _: None, p).replace({"pia.factors": 0})

    def shifted(p: Any, months: jax.Array, w: Workers, m: Members) -> jax.Array:
        return outcome(p, w._replace(entitlement=w.entitlement + months), m)

    return jax.jit(jax.vmap(shifted, in_axes=(axes, 0, None, None)), compiler_options=QUICK)


def claimants(w: Workers) -> Workers:
    """The workers as though they retired at 62, asked about at 72."""
    at_62, never = w.born + 745, jnp.full_like(w.born, NEVER)
    return w._replace(
        kind=jnp.full_like(w.kind, OLD_AGE), onset=never, death=never, entitlement=at_62, as_of=at_62 + 120
    )


@pytest.mark.slow
def test_claim_months_in_a_map_equal_a_loop(data: Any, mapped: Any) -> None:
    p, w, m, _ = data
    w = claimants(w)
    months = jnp.arange(CLAIMS, dtype=w.born.dtype)
    factors = jnp.broadcast_to(p["pia.factors"], (CLAIMS, *p["pia.factors"].shape))
    together = mapped(p.replace({"pia.factors": factors}), months, w, m)
    for month in range(CLAIMS):
        alone = benefits(p, w._replace(entitlement=w.entitlement + month), m)
        np.testing.assert_allclose(together[month], alone, rtol=1e-12)


@pytest.mark.slow
def test_reforms_in_a_map_equal_a_loop(data: Any, mapped: Any) -> None:
    p, w, m, _ = data
    scale = jnp.linspace(0.5, 1.5, CLAIMS)
    reforms = p.replace({"pia.factors": scale[:, None, None] * p["pia.factors"]})
    together = mapped(reforms, jnp.zeros(CLAIMS, w.born.dtype), w, m)
    for k in range(0, CLAIMS, 12):
        alone = benefits(p.replace({"pia.factors": scale[k] * p["pia.factors"]}), w, m)
        np.testing.assert_allclose(together[k], alone, rtol=1e-12)
