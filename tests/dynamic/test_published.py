"""Published worked examples, `cases/*.yaml`, through the library's functions.

Each case has a kind, what is given and what is published. A function of the kind computes every published value; what
it leaves out stands in `NOT_MODELLED` or `DISAGREES` with the reason, and what disagrees must go on to do so.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import yaml

import jaxsim as js
from jaxsim.dynamic.oasdi import age, earnings_test
from jaxsim.dynamic.oasdi.basis import main_basis
from jaxsim.dynamic.oasdi.careers import NEVER, OLD_AGE, SURVIVOR, Workers, at
from jaxsim.dynamic.oasdi.computation import indexed, taxable
from jaxsim.dynamic.oasdi.family import RELATIONS, Members, family_benefits
from jaxsim.dynamic.oasdi.insured import insured, quarters_by_year
from jaxsim.dynamic.oasdi.law import FIRST_YEAR
from jaxsim.dynamic.oasdi.pensions import pension_offset, windfall_factor, without_windfall
from jaxsim.dynamic.oasdi.pia import by_formula, family_maximum, special_minimum, with_increases
from jaxsim.dynamic.oasdi.rounding import Rounding
from jaxsim.dynamic.oasdi.worker import WorkerBenefit, worker_benefits

from .random_workers import Case, as_workers, eve, law, month_of

Given = Mapping[str, Any]
ROWS = 32
"""Rows of every compiled call: shorter arrays are filled up."""
CASES = {
    f"{path.stem}: {case['name']}": case
    for path in sorted((Path(__file__).parent / "cases").glob("*.yaml"))
    for case in yaml.safe_load(path.read_text())["cases"]
}
EXACT, SMOOTH = Rounding(True), Rounding(False)

NOT_MODELLED = {
    "poms_rs_006_benefits: widow at 60, child in care for six months": "children in care for a part of the months",
    "poms_rs_006_benefits: widow at 64, rate above the mother's": "children in care for a part of the months",
    "poms_rs_006_benefits: Toni, spouse excess with credits": "credits after a reduction, for months withheld past 65",
    "poms_rs_006_benefits: reduced retirement and spouse benefit together": "540 of 600 is no number of months",
    "poms_rs_006_benefits: combined maximum of two records": "children entitled on several records",
}
DISAGREES = {
    "poms_rs_006_benefits: maximum at the bend points of 1981": "a misprint of 889.52",
    "secondary: disability family maximum at AIME 4,400": "3,082.05 is rounded up there, against the statute",
    "ssa_handbook: special minimum table payable in 2009": "misprints at 27 and 29 years",
}
PARTS_LEFT_OUT = {
    "child_with_savings_clause": "a savings clause of 1978",
    "retirement_reduced": "retirement benefits after disability benefits",
    "spouse_after_retirement": "retirement benefits after disability benefits",
    "total_after_retirement": "retirement benefits after disability benefits",
}


@pytest.fixture(autouse=True)
def float64() -> Iterator[None]:
    with js.precision("float64"):
        yield


def filled(values: Any, dtype: Any = None) -> jax.Array:
    """A column of `ROWS` rows that repeats the values."""
    return jnp.asarray(np.resize(np.asarray(values, dtype), ROWS))


def month(when: str) -> int:
    year, month = map(int, when.split("-"))
    return 12 * year + month - 1


def born(birth_date: str) -> int:
    return month_of(eve(datetime.date.fromisoformat(birth_date)))


def of_year(series: np.ndarray, year: int) -> Any:
    return series[year - FIRST_YEAR]


def like(wanted: Any, value: Any) -> Any:
    """A value as it is published: amounts without a decimal point are paid, down to the dollar."""
    return np.floor(np.asarray(value) + 1e-6) if isinstance(wanted, int) else value


# Amounts


@jax.jit
def formula(aime: jax.Array, first: jax.Array, eligible: jax.Array, p: Any) -> dict[str, jax.Array]:
    """Amounts before increases; the maximum of the family on a given amount `first`, if above 0."""
    rounded, plain = by_formula(aime, eligible, p, EXACT), by_formula(aime, eligible, p, SMOOTH)
    usual = [family_maximum(jnp.where(first > 0, first, a), aime, eligible, False, p, r)
             for a, r in ((rounded, EXACT), (plain, SMOOTH))]  # fmt: skip
    disabled = family_maximum(rounded, aime, eligible, True, p, EXACT)
    disabled_plain = family_maximum(plain, aime, eligible, True, p, SMOOTH)
    return dict(pia=rounded, unrounded_pia=plain, family_maximum=usual[0], unrounded_maximum=usual[1],
                disability_maximum=disabled, unrounded_disability=disabled_plain)  # fmt: skip


def amounts(given: Given) -> dict[str, np.ndarray]:
    of = filled(given["eligibility_year"], np.int32)
    found = formula(filled(given.get("aime", 0.0), float), filled(given.get("pia", 0.0), float), of, law())
    count = max(np.size(given.get("aime", 0)), np.size(given.get("pia", 0)))
    return {name: np.asarray(values)[:count] for name, values in found.items()}


@jax.jit
def raised(amount: jax.Array, since: jax.Array, as_of: jax.Array, p: Any) -> jax.Array:
    return with_increases(amount, since, as_of, p, EXACT)


def last_month(year: int) -> int:
    return 12 * year + (5 if year < 1983 else 11)


def increases(amount: float, first: int, last: int, p: Any = None) -> float:
    found = raised(filled(amount, float), filled(first, np.int32), filled(last_month(last), np.int32), p or law())
    return float(found[0])


def retired(given: Given, as_of: int) -> Case:
    birth, claim = datetime.date.fromisoformat(given["birth_date"]), divmod(as_of, 12)
    entitlement = tuple(map(int, given["claim"].split("-"))) if "claim" in given else (claim[0], claim[1] + 1)
    earnings = given["earnings"]
    if "maximum" in earnings:
        first, last = earnings["maximum"]
        earnings = {year: float(of_year(law().taxable_maximum, year)) for year in range(first, last + 1)}
    record = {"birth_date": birth, "benefit_type": "old_age", "entitlement": entitlement}
    record |= {"as_of": (claim[0], claim[1] + 1), "onset_date": None, "death_date": None}
    return Case(record, earnings, [])


def workers_of(cases: Sequence[Case]) -> Workers:
    padded = list(cases) + [cases[0]] * (-len(cases) % ROWS)
    return as_workers(padded)


compiled_workers = jax.jit(worker_benefits)


@pytest.fixture(scope="module")
def full_cases() -> dict[str, dict[str, WorkerBenefit]]:
    """Benefits of all full cases, by case: in the month of the claim, of eligibility and in January of years."""
    wanted: list[tuple[str, str, Case]] = []
    for name, case in CASES.items():
        given = case["input"]
        if not {"earnings", "birth_date", "eligibility_year"} <= given.keys():
            continue
        january = 12 * given["eligibility_year"]
        wanted.append((name, "at_eligibility", retired(given | {"claim": f"{given['eligibility_year']}-01"}, january)))
        if case["kind"] == "full":
            wanted.append((name, "claim", retired(given, month(given["claim"]))))
            wanted += [(name, year, retired(given, 12 * int(year))) for year in ("2008", "2024")
                       if int(year) >= int(given["claim"][:4])]  # fmt: skip
    with js.precision("float64"):
        # the tables take the increase of December 1999 as mended later in all months
        p = law().replace({"cola.underpaid": np.zeros_like(law().cola.underpaid)})
        paid = jax.device_get(compiled_workers(workers_of([case for *_, case in wanted]), p))
    found: dict[str, dict[str, WorkerBenefit]] = {}
    for row, (name, when, _) in enumerate(wanted):
        found.setdefault(name, {})[when] = jax.tree.map(lambda field, row=row: field[row], paid)
    return found


def full(given: Given, wanted: Given, found: Mapping[str, WorkerBenefit]) -> dict[str, Any]:
    now, claim = found["claim"], month(given["claim"]) // 12
    eligible = given["eligibility_year"]
    assert now.months == given.get("credit_months", -given.get("reduction_months", 0))
    values = {
        "aime": now.aime,
        "pia": now.pia,
        "benefit": now.benefit,
        "pia_at_eligibility": amounts({"aime": now.aime, "eligibility_year": eligible})["pia"],
        "bend_points": of_year(law().pia.bend_points, eligible),
        "colas": [of_year(law().cola.percent, year) for year in range(eligible, claim)],
    }
    return values | {f"benefit_in_{year}": found[year].benefit for year in ("2008", "2024") if year in found}


def pia(given: Given, wanted: Given, found: Any) -> dict[str, Any]:
    points = of_year(law().pia.bend_points, given["eligibility_year"])
    if "aime" in given:
        return amounts(given) | {"bend_points": points}
    if "wage_index" in given:
        return {"bend_points": points}
    return {"aime": found["at_eligibility"].aime, "pia": found["at_eligibility"].pia}


@jax.jit
def indexing(w: Workers, eligible: jax.Array, p: Any) -> tuple[jax.Array, jax.Array]:
    """Indexed earnings and indexing factors [years, workers]."""
    paid = taxable(w, p)
    return indexed(paid, eligible, p, EXACT), indexed(paid * 0 + 1, eligible, p, SMOOTH)


def aime(given: Given, wanted: Given, found: Any) -> dict[str, Any]:
    eligible = given["eligibility_year"]
    amounts, factors = indexing(workers_of([retired(given, 12 * eligible)]), filled(eligible, np.int32), law())
    index_year = eligible - of_year(law().computation.indexing_lag, eligible)
    values: dict[str, Any] = {"indexing_year": index_year}
    for name, of in (("indexed_earnings", amounts), ("indexing_factors", factors)):
        if name in wanted:
            values[name] = {year: float(of[year - FIRST_YEAR, 0]) for year in wanted[name]}
    return values


def cola(given: Given, wanted: Given, found: Any) -> dict[str, Any]:
    if "rate" in given:
        rates = law().cola.percent.copy()
        rates[2024 - FIRST_YEAR] = given["rate"]
        return {"pia": increases(given["pia"], 2024, 2024, law().replace({"cola.percent": rates}))}
    first, last = given["from_year"], given["to_year"]
    if "average_monthly_wage" in given:
        return {"pia": increases(given["pia"], first, last)}
    average = given.get("aime") or float(EXACT.down(jnp.asarray(given["indexed_total"] / given["divisor_months"]), 1.0))
    amount = float(amounts({"aime": average, "eligibility_year": given["eligibility_year"]})["pia"][0])
    raised = increases(amount, first, last)
    return {
        "aime": average,
        "pia_at_eligibility": amount,
        "pia_by_year": {year: increases(amount, first, year) for year in range(first, last + 1)},
        "bend_points": of_year(law().pia.bend_points, given["eligibility_year"]),
        "colas": [of_year(law().cola.percent, year) for year in range(first, last + 1)],
        "pia": raised,
        "benefit": np.floor(raised),
    }


def maximum(given: Given, wanted: Given, found: Any) -> dict[str, Any]:
    of = {"bend_points": of_year(law().family_maximum.bend_points, given["eligibility_year"])}
    if "wage_index" in given:
        return of
    values = amounts(given)
    if "aime" in given and not given.get("disability"):
        percent = 100 / given["aime"]
        of |= {
            "pia_percent_of_aime": percent * values["unrounded_pia"],
            "family_maximum_percent_of_aime": percent * values["unrounded_maximum"],
            "disability_family_maximum_percent_of_aime": percent * values["unrounded_disability"],
        }
    if given.get("disability"):
        values["family_maximum"] = values["disability_maximum"]
    return values | of


@jax.jit
def special(w: Workers, p: Any) -> tuple[jax.Array, jax.Array]:
    return special_minimum(w, main_basis(w, p), p, EXACT)


def minimum(given: Given, wanted: Given, found: Any) -> dict[str, Any]:
    as_of, cases = month(given["effective"]), []
    for count in given["years_of_coverage"]:
        claim = f"{as_of // 12}-{as_of % 12 + 1:02}"
        years = range(as_of // 12 - count, as_of // 12)
        earnings = {year: 50_000.0 if year > 1950 else 900.0 for year in years}
        cases.append(retired({"birth_date": "1917-01-15", "claim": claim, "earnings": earnings}, as_of))
    values = special(workers_of(cases), law())
    return {name: np.asarray(of)[: len(cases)] for name, of in zip(("pia", "family_maximum"), values, strict=True)}


# Pensions from work that is not covered, and years of child care


@jax.jit
def lowered(w: Workers, aime: jax.Array, p: Any) -> tuple[jax.Array, jax.Array]:
    """First factor of the modified formula, and what a pension takes, unrounded [workers]."""
    basis = main_basis(w, p)
    factor = windfall_factor(w, basis, p)
    first = by_formula(aime, basis.eligible, p, SMOOTH)
    modified = by_formula(aime, basis.eligible, p, SMOOTH, first_factor=factor)
    return factor, first - without_windfall(first, modified, w, p, SMOOTH)


def windfall(given: Given, wanted: Given, found: Any) -> dict[str, Any]:
    cases = []
    for eligible in np.atleast_1d(given["eligibility_year"]).tolist():
        for count in np.atleast_1d(given["years_of_coverage"]).tolist():
            earnings = dict.fromkeys(range(eligible - count, eligible), 50_000.0)
            birth = f"{eligible - 62}-06-15"
            case = retired({"birth_date": birth, "claim": f"{eligible}-07", "earnings": earnings}, 12 * eligible + 6)
            case.record["pension"] = float(given.get("pension", 9999))
            cases.append(case)
    factor, reduction = (np.asarray(x)[: len(cases)] for x in lowered(workers_of(cases), filled(9000.0), law()))
    of = given["eligibility_year"]
    values: dict[str, Any] = {"first_factor": factor, "reduction": reduction}
    if "benefit" in given:
        after = float(dimes(given["benefit"] - reduction[0]))
        values["after"] = np.floor(after)
        values["increased"] = increases(np.floor(after), of, of)
        early = at_ages(born_with(given.get("full_age_months", 804)), -given.get("months", 0))["worker"]
        values["early"] = np.floor(after * early)
        values["increased"] = np.floor(values["increased"])
    if "amount_needed" in wanted:
        needed = law().wep.coverage_share * law().old_law_base
        values["amount_needed"] = {year: of_year(needed, year) for year in wanted["amount_needed"]}
    return values


@jax.jit
def computation_years(w: Workers, p: Any) -> jax.Array:
    return main_basis(w, p).number


def care(given: Given, wanted: Given, found: Any) -> dict[str, Any]:
    """Workers disabled so many years after that of 21, who never earned anything."""
    elapsed, cases = np.asarray(given["elapsed_years"]), []
    for count in elapsed.tolist():
        onset = 1960 + 21 + count + 1
        record = {"birth_date": datetime.date(1960, 6, 15), "benefit_type": "disability", "death_date": None}
        record |= {"entitlement": (onset, 12), "as_of": (onset, 12), "onset_date": datetime.date(onset, 6, 20)}
        cases.append(Case(record, {}, []))
    w = workers_of(cases)
    number, least = (
        np.asarray(computation_years(w._replace(care_years=filled(years, np.int32)), law()))[: len(cases)]
        for years in (0, 9)
    )
    return {
        "regular_dropout": np.where(elapsed > 2, elapsed - number, 0),
        "most_care_years": number - least,
    }


@jax.jit
def offset_of(pension: jax.Array, month: jax.Array, p: Any) -> jax.Array:
    return pension_offset(pension, month, month, p, EXACT)


def offset(given: Given, wanted: Given, found: Any) -> dict[str, Any]:
    pension, of_spouse = given["pension"], given["relation"] == "spouse"
    amount = 2.0 * given["benefit"] if of_spouse else given["benefit"]
    paid = family_of([(given["relation"], None)], amount, 2 * amount, alive=of_spouse, pension=pension)
    taken = offset_of(filled(pension, float), filled(12 * 2010, np.int32), law())[0]
    return {"offset": float(taken), "benefit": paid["benefit"]}


# Ages


@jax.jit
def ages(born: jax.Array, months: jax.Array, withheld: jax.Array, p: Any) -> dict[str, jax.Array]:
    """Factors of those who claim so many months after (before: negative) full retirement age."""
    full, of_widow = age.full_retirement_month(born, p), age.widow_full_retirement_month(born, p)
    some = jnp.zeros_like(born)
    never = jnp.full_like(born, NEVER)
    w = Workers(born, some, some + OLD_AGE, full + months, full, never, some, never, some - 1.0, some[:, None] * 0.0)
    after = age.adjusted_months(w, months.astype(float), withheld, p)
    return {
        "full": full - born,
        "full_widow": of_widow - born,
        "worker": age.worker_factor(months.astype(float), born, p),
        "spouse": age.spouse_factor(born, full + months, p),
        "widow": age.widow_factor(born, of_widow + months, p),
        "months_after": -after,
        "worker_after": age.worker_factor(after, born, p),
        "credit": at(p.delayed_credit.rate, born // 12 + 62),
    }


def at_ages(born: Any, months: Any = 0, withheld: Any = 0) -> dict[str, np.ndarray]:
    found = ages(filled(born, np.int32), filled(months, np.int32), filled(withheld, float), law())
    return {name: np.asarray(values)[: max(np.size(born), np.size(months))] for name, values in found.items()}


def born_with(full: Any, widow: bool = False) -> Any:
    """The month of birth of the last cohort with a full retirement age in months."""
    series = law().full_retirement_age.widow if widow else law().full_retirement_age.worker
    years = [int(np.nonzero(series == one)[0].max()) + FIRST_YEAR for one in np.atleast_1d(full)]
    return [12 * (min(year, 2030) - (60 if widow else 62)) + 5 for year in years]


def dimes(amount: Any) -> np.ndarray:
    return np.asarray(EXACT.down(jnp.asarray(amount), 0.1))


def reduction(given: Given, wanted: Given, found: Any) -> dict[str, Any]:
    if "birth_date" in given:
        return {"full_age_months": at_ages([born(day) for day in given["birth_date"]])["full"]}
    of = at_ages(born_with(given["full_age_months"]), -given["months"], given.get("months_withheld", 0))
    amount = given.get("pia", 1000.0)
    benefit, spouse = dimes(amount * of["worker"]), dimes(dimes(amount / 2) * of["spouse"])
    return {
        "reduction_rate": 1 - of["worker"],
        "percent": 100 * of["worker"],
        "percent_after": 100 * of["worker_after"],
        "months_after": of["months_after"],
        "reduction": amount - benefit,
        "benefit": like(wanted.get("benefit"), benefit),
        "benefit_after": like(wanted.get("benefit_after"), dimes(amount * of["worker_after"])),
        "benefit_worker": like(wanted.get("benefit_worker"), benefit),
        "benefit_spouse": like(wanted.get("benefit_spouse"), spouse),
    }


def credit(given: Given, wanted: Given, found: Any) -> dict[str, Any]:
    if "age" in given:
        births = [12 * year + 5 for year in given["birth_year"]]
        full = at_ages(births)["full"]
        assert full.tolist() == given["full_age_months"]
        return {"percent": np.stack([100 * at_ages(births, 12 * of - full)["worker"] for of in given["age"]], axis=1)}
    if "year_of_full_age" in given:
        return {"annual_rate": 12 * at_ages([12 * (year - 65) + 5 for year in given["year_of_full_age"]])["credit"]}
    births = [born(day) for day in np.atleast_1d(given["birth_date"])]
    of = at_ages(births, given.get("months", 0))
    values = {
        "full_age_months": of["full"],
        "monthly_rate_percent": 100 * of["credit"],
        "annual_rate": 12 * of["credit"],
    }
    if "pia" in given:
        values["credit"] = dimes(given["pia"] * (of["worker"] - 1))
        values["benefit"] = given["pia"] + values["credit"]
    return values


def widow(given: Given, wanted: Given, found: Any) -> dict[str, Any]:
    if "reduced_retirement_of_deceased" in given:
        amount, limit = given["unreduced_widow_benefit"], given["reduced_retirement_of_deceased"]
        paid = family_of([("widow", None)], amount, 2 * amount, alive=False, of_worker=limit, worker_months=-24)
        return {"ratio": paid["reduced"] / paid["full"]}
    if "birth_date" in given and "claim" not in given:
        return {"full_age_months": at_ages([born(day) for day in given["birth_date"]])["full_widow"]}
    full = np.atleast_1d(given["full_age_months"])
    possible = full - 720
    early = np.atleast_1d(given.get("months", possible))
    assert np.array_equal(possible, np.atleast_1d(given.get("months_possible", possible)))
    births = born_with(full, widow=True) if "birth_date" not in given else [born(given["birth_date"])]
    assert at_ages(births)["full_widow"].tolist() == full.tolist()
    factor = at_ages(births, -early)["widow"]
    amount = given.get("original_benefit", given.get("pia", 1000.0))
    benefit = dimes(amount * factor)
    return {
        "months": early,
        "months_possible": possible,
        "percent_per_month": 100 * (1 - factor) / early,
        "rate_per_month": (1 - factor) / early,
        "total_percent": np.unique((100 * (1 - factor)).round(9)),
        "benefit": benefit,
        "reduction": amount - benefit,
    }


# Families


@jax.jit
def of_family(w: Workers, paid: WorkerBenefit, m: Members, p: Any) -> Any:
    return family_benefits(w, paid, m, p)


def family_of(
    members: Sequence[tuple[str, float | None]],
    pia: float,
    maximum: float,
    alive: bool,
    of_worker: float | None = None,
    worker_months: int = 0,
    early: int = 0,
    own_first: int = 0,
    pension: float = 0.0,
) -> dict[str, np.ndarray]:
    """Benefits of members (relation, own benefit) in January 2010, those of a spouse so many months early.

    Amounts of the worker are given, and the own benefits begin so many months before those of the member. Member k
    has their own benefit in row k + 1 of the workers. Each has the pension.
    """
    as_of, old = 12 * 2010, 12 * 1930
    own = np.array([0.0, *(amount or 0.0 for _, amount in members)])
    row = np.zeros(ROWS)
    amount, months = row.copy(), row.copy()
    amount[: len(own)], amount[0], months[0] = own, pia if of_worker is None else of_worker, worker_months
    base = np.where(np.arange(ROWS) == 0, pia, amount)
    kind = np.where((np.arange(ROWS) == 0) & (not alive), SURVIVOR, OLD_AGE)
    death = np.where(kind == SURVIVOR, as_of - 12, NEVER)

    def whole(x: Any) -> jax.Array:
        return filled(x, np.int32)

    w = Workers(
        born=whole(old), whole_month=whole(0), kind=whole(kind), entitlement=whole(as_of - own_first),
        as_of=whole(as_of), onset=whole(NEVER), onset_first=whole(0), death=whole(death),
        quarters=filled(40.0), earnings=jnp.zeros((ROWS, 2010 - FIRST_YEAR + 1)),
    )  # fmt: skip
    ones = filled(1.0)
    paid = WorkerBenefit(
        filled(0.0), jnp.asarray(base), filled(maximum, float), jnp.asarray(months), ones, jnp.asarray(amount),
        jnp.asarray(amount), ones, ones, filled(40.0),
    )  # fmt: skip
    count = len(members)
    full = 12 * 1943 + 6 + 792  # born in July 1943: 66
    claims = np.full(ROWS, NEVER)
    claims[:count] = as_of
    m = Members(
        worker=whole(0),
        relation=whole([RELATIONS.index(relation) for relation, _ in members]),
        born=whole(as_of + early - 792 if early else old),
        entitlement=whole(claims),
        own=whole([k + 1 if k < count and members[k][1] else -1 for k in range(ROWS)]),
        pension=filled(pension, float),
        pension_from=whole(as_of),
    )
    assert not early or full - 792 <= int(m.born[0]) <= 12 * 1954
    return {name: np.asarray(x)[:count] for name, x in of_family(w, paid, m, law())._asdict().items()}


NAMES = {"wife": "spouse_with_child", "child": "child", "widow": "widow"}


def family(given: Given, wanted: Given, found: Any) -> dict[str, Any]:
    if "spouse_reduced" in given:
        spouse, own = given["spouse_original"], given["disability_pia"]
        assert given["spouse_reduced"] == 0.75 * spouse  # 36 months early
        first, together = (
            float(family_of([("spouse", own)], 2 * spouse, 9999.0, True, early=36, own_first=before)["reduced"][0])
            for before in (-12, 0)
        )
        return {
            "excess_when_spouse_first": first,
            "excess_when_together": together,
            "total_when_spouse_first": own + first,
            "total_when_together": own + together,
        }
    if "records" in given:
        payable = []
        for record in given["records"]:
            children = [("child", None)] * len(record["original"])
            paid = family_of(children, record["original"][0] / 0.75, record["family_maximum"], alive=False)
            payable.append(paid["reduced"])
        return {"payable": payable}
    alive, pia, most = given["worker_alive"], given["pia"], given["family_maximum"]
    if "excess" in given:
        three, two = (family_of([("child", None)] * n, pia, most, alive)["after_maximum"] for n in (3, 2))
        withheld = earnings_test.deductions(jnp.asarray(float(given["excess"])), jnp.full(10, pia + three.sum()))
        return {"shares_of_three": three, "shares_of_two": two, "charged_ten_months": withheld.sum()}
    members = [(NAMES[of["kind"]], of.get("own_benefit")) for of in given["members"]]
    credit = given.get("widow_credit", 0)
    more = {"of_worker": pia + credit, "worker_months": 12} if credit else {}
    paid = family_of(members, pia, most, alive, **more)
    alone = family_of([(relation, None) for relation, _ in members], pia, most, alive, **more)
    by_name = {NAMES.get(of["kind"]): k for k, of in enumerate(given["members"])}
    values = {"reduced_for_maximum": alone["after_maximum"], "payable": paid["reduced"]}
    values["payable_children"] = paid["reduced"][[relation == "child" for relation, _ in members]]
    if "wife" not in str(given["members"]):
        for name in ("widow", "child"):
            values[name], values[f"original_{name}"] = paid["reduced"][by_name[name]], paid["full"][by_name[name]]
    return values


# Insured status


@jax.jit
def status(w: Workers, p: Any) -> tuple[Any, jax.Array]:
    return insured(w, p), quarters_by_year(taxable(w, p), p)


def disabled_with(age: int, quarters: int, first_year_before: int | None = None) -> Case:
    """A worker disabled in the month of an age, with the latest quarters of coverage or those from a year on."""
    onset = 1960 + age
    years = -(-quarters // 4)
    first = onset - years + 1 if first_year_before is None else onset - first_year_before + 1
    counts = [4] * (quarters // 4) + [quarters % 4] * (quarters % 4 > 0)
    unit = law().quarter_of_coverage.amount
    earnings = {first + k: n * float(of_year(unit, first + k)) for k, n in enumerate(counts) if first + k <= onset}
    record = {"birth_date": datetime.date(1960, 12, 15), "benefit_type": "disability", "death_date": None}
    record |= {"entitlement": (onset + 1, 6), "as_of": (onset + 1, 6), "onset_date": datetime.date(onset, 12, 20)}
    return Case(record, earnings, [])


def least_quarters(age: int) -> int:
    found, _ = status(workers_of([disabled_with(age, n) for n in range(2 * ROWS)]), law())
    return int(np.argmax(np.asarray(found.entitled) > 0))


def widest_window(age: int, quarters: int) -> int:
    found, _ = status(workers_of([disabled_with(age, quarters, years) for years in range(1, 2 * ROWS + 1)]), law())
    return 4 * int(np.nonzero(np.asarray(found.entitled))[0].max() + 1)


def coverage(given: Given, wanted: Given, found: Any) -> dict[str, Any]:
    if "disability_age" in given:
        of = np.atleast_1d(given["disability_age"]).tolist()
        least = [least_quarters(age) for age in of]
        window = widest_window(of[0], least[0])
        return {
            "required": least[0], "required_total": least, "required_recent": least[0],
            "of_quarters": window, "recent_quarters": window,
        }  # fmt: skip
    birth, year = given.get("birth_date", "1960-06-15"), given["year"]
    unit = float(of_year(law().quarter_of_coverage.amount, year))
    earnings = {year: float(given["earnings"])}
    before = given.get("quarters_before", 0)
    earnings |= {1980 + k: min(4, before - 4 * k) * 2000.0 / 4 for k in range(-(-before // 4))}
    worker = retired({"birth_date": birth, "claim": f"{year}-05", "earnings": earnings}, 12 * year + 4)
    have, by_year = status(workers_of([worker] * 2 * ROWS), law())
    assert not before or have.quarters[0] == before + by_year[year - FIRST_YEAR, 0]
    return {
        "quarter_amount": unit,
        "quarters": float(by_year[year - FIRST_YEAR, 0]),
        "required": float(have.needed[0]),
        "fully_insured": bool(have.fully[0]),
    }


# The earnings test


@jax.jit
def excess_of(earnings: jax.Array, born: jax.Array, of: jax.Array, p: Any) -> jax.Array:
    return earnings_test.excess_earnings(earnings, born, of, p, EXACT)


def withheld(excess: Any, monthly: Any) -> np.ndarray:
    rows = np.zeros(12)
    rows[: len(monthly)] = monthly
    return np.asarray(earnings_test.deductions(jnp.asarray(float(excess)), jnp.asarray(rows)))


def months_of(taken: np.ndarray) -> list[int]:
    return (np.nonzero(taken > 0)[0] + 1).tolist()


def shares(payable: float, original: Sequence[float], most: Sequence[float] | None = None) -> np.ndarray:
    most = original if most is None else most
    return np.asarray(earnings_test.partial_month(*map(jnp.asarray, (payable, original, most)), EXACT))


def work(given: Given, wanted: Given, found: Any) -> dict[str, Any]:
    if "year" in given:
        of, limit = given["year"], "full_age_month" in given
        birth = 12 * (of - 66) + given["full_age_month"] - 1 if limit else 12 * (of - given.get("age", 63)) + 11
        earnings = given.get("earnings_before_full_age", given["earnings"])
        excess = float(excess_of(filled(earnings, float), filled(birth, np.int32), filled(of, np.int32), law())[0])
        exempt = law().earnings_test.exempt.higher if limit else law().earnings_test.exempt.lower
        benefit, count = given.get("monthly_benefit", 0), given.get("months", given.get("months_before_full_age", 0))
        taken = withheld(excess, [benefit] * count)
        paid = benefit * count - taken.sum()
        return {
            "excess": excess,
            "exempt_amount": of_year(exempt, of),
            "withheld": taken.sum(),
            "paid": paid,
            "months_withheld": len(months_of(taken)),
            "paid_before_full_age": paid,
            "paid_after_per_month": benefit,
        }
    if "claim_month" in given:
        taken = withheld(given["excess"], [given["benefit"]] * 12)
        whole = int((taken > given["benefit"] - 1e-6).sum())
        return {
            "full_months_withheld": whole,
            "partial_month": whole + 1,
            "months_suspended_when_full_months_are_withheld": len(months_of(taken)),
        }
    if "partial_benefit" in given:
        most = given.get("reduced_for_maximum", given["original"])
        paid = shares(given["partial_benefit"], given["original"], most)
        free = shares(given["partial_benefit"], given["original"], [9999.0] * len(most))
        return {"payable": paid, "total": paid.sum(), "before_maximum": free}
    if "ada_own" in given:
        taken = withheld(given["excess"][0], [sum(given["payable"])] * 12)
        left = sum(given["payable"]) - taken[1]
        return {
            "january_charged": taken[0], "february_charged": taken[1], "february_partial": left,
            "february_shares": shares(left, given["original"], given["payable"]),
        }  # fmt: skip
    worker, spouse = given["members"]
    if "benefit" in worker:
        both = np.full(12, worker["benefit"] + spouse["benefit"])
        taken = withheld(worker["excess"], both)
        own = withheld(spouse["excess"], np.where(taken > 0, 0, spouse["benefit"]))
        return {"family_months_withheld": months_of(taken), "spouse_months_withheld": months_of(taken + own)}
    family = worker["original"] + spouse["original"]
    monthly = np.full(12, family)
    monthly[[month - 1 for month in worker["months_not_chargeable"]]] = 0
    taken = withheld(worker["excess"], monthly)
    partial = months_of(taken)[-1]
    total = family - taken[partial - 1]
    divided = shares(total, [worker["original"], spouse["original"]])
    left = np.where(taken > 0, 0.0, spouse["original"])
    left[partial - 1] = divided[1]
    own = withheld(spouse["excess"], left)
    return {
        "partial_month": partial,
        "partial_total": total,
        "partial_shares": divided,
        "wife_charged": {month: own[month - 1] for month in months_of(own)},
        "wife_paid_october": spouse["original"] - own[9],
    }


KINDS: dict[str, Callable[[Given, Given, Any], dict[str, Any]]] = {
    "aime": aime, "care": care, "cola": cola, "credit": credit, "earnings_test": work, "family": family,
    "family_maximum": maximum, "full": full, "insured": coverage, "offset": offset, "pia": pia, "reduction": reduction,
    "special_minimum": minimum, "widow": widow, "windfall": windfall,
}  # fmt: skip


def close(value: Any, wanted: Any, tolerance: float) -> bool:
    if isinstance(wanted, Mapping):
        return value.keys() == wanted.keys() and all(close(value[k], wanted[k], tolerance) for k in wanted)
    if isinstance(wanted, list) and isinstance(wanted[0], list):
        return all(close(*both, tolerance) for both in zip(value, wanted, strict=True))
    wanted = np.asarray(
        [float(Fraction(str(x)) if isinstance(x, str) else x) for x in np.atleast_1d(np.asarray(wanted, object))]
    )
    value = np.atleast_1d(np.asarray(value, float))
    return value.shape == wanted.shape and bool(np.all(np.abs(value - wanted) <= tolerance))


def differences(name: str, full_cases: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    case = CASES[name]
    wanted = case["expected"]
    values = KINDS[case["kind"]](case["input"], wanted, full_cases.get(name))
    tolerance = case.get("tolerance", 1e-6)
    keys = [key for key in wanted if key not in PARTS_LEFT_OUT]
    return {key: (values[key], wanted[key]) for key in keys if not close(values[key], wanted[key], tolerance)}


@pytest.mark.parametrize("name", [name for name in CASES if name not in NOT_MODELLED and name not in DISAGREES])
def test_case(name: str, full_cases: Mapping[str, Any]) -> None:
    assert not differences(name, full_cases)


@pytest.mark.parametrize("name", DISAGREES)
def test_case_that_disagrees(name: str, full_cases: Mapping[str, Any]) -> None:
    assert differences(name, full_cases)


def test_coverage() -> None:
    assert len(CASES) == 253
    assert not NOT_MODELLED.keys() & DISAGREES.keys()
    assert NOT_MODELLED.keys() | DISAGREES.keys() <= CASES.keys()
    assert len(CASES) - len(NOT_MODELLED) - len(DISAGREES) == 245
