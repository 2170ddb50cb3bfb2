"""Properties that hold for every household: order, limits, finite derivatives, symmetry, precision.

Each example draws 256 tax units with NumPy from one seed and runs them as one population, so compiled programs are
shared by all examples of a test.
"""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxsim.baselines import provisions
from jaxsim.engine import Block
from jaxsim.parameter_files import load_law
from jaxsim.population import DEPENDENT, HEAD, SPOUSE, Population
from jaxsim.precision import precision
from jaxsim.reform import Reform
from jaxsim.rules.us import system
from jaxsim.rules.us.inputs import JOINT, SEPARATE
from jaxsim.rules.us.units import DERIVED
from jaxsim.simulation import Simulation

YEAR = 2026
UNITS = 256
PROFILE = settings(max_examples=10, deadline=None, derandomize=True, database=None)
SEEDS = st.integers(0, 2**32 - 1)

WHERE_TAX_FALLS_WITH_WAGES = """
The income tax is not monotone in wages everywhere, by law:
- credits that grow with earnings: the earned income credit (32(a)(1)), the refundable child tax credit (24(d)), the
  credit for dependent care limited by the earnings of the spouse who earns less (21(d)(1)), the premium credit, which
  begins at the poverty line (36B(c)(1)(A));
- two things at once that a dollar of earnings allows: an IRA deduction limited by compensation (219(b)(1)(B)) with an
  exclusion of dependent care benefits limited by earnings (129(b)), a larger standard deduction of a dependent
  (63(c)(5)) or less unearned income of a child taxed at the parents' rate (1(g)(4)(A)(i)): the draws leave these out;
- a foreign tax credit reported beyond what tax there is grows with the regular tax, and counts against the minimum tax
  as well: the draws leave it out;
- the minimum tax of those whose larger income raises the ceiling of gifts (170(b)(1)) so that they begin to itemize:
  interest and gifts are then allowed against it, the standard deduction was not (56(b)(1)(D)).
Where it jumps up it is monotone all the same: steps of the child tax credit (24(b)(1)) and of dependent care
(21(a)(2)), the end of the least deduction for business income (199A(i)).
"""
GROWING_CREDITS = ("eitc", "refundable_ctc", "dependent_care_credit", "premium_tax_credit")

EVERYTHING = Reform(
    {
        **{path: value for p in provisions("pl_119_21") for path, value in p.repeal.changes.items()
           if p.key in ("personal_exemptions", "miscellaneous_deductions", "casualty_losses", "moving_expenses",
                        "clean_vehicles", "home_improvements", "clean_energy")},
        "irs.deductions.itemized.limitation.pease.rate": 0.03,
        "irs.credits.savers_match.in_force": 1,
    },
    name="every provision at once",
)  # fmt: skip
"""Provisions of other years and baselines on top of those of 2026: never the law, but every rule does something."""

PERSON_MONEY = ("employment_income", "self_employment_income", "farm_income")
UNIT_MONEY = tuple(
    i.name
    for i in system().inputs.values()
    if i.entity.name == "tax_unit"
    and i.kind == "money"
    and i.name not in ("pension_income", "ordinary_dividend_income")
)
MORE_PERSON_MONEY = tuple(
    i.name
    for i in system().inputs.values()
    if i.entity.name == "person" and i.kind == "money" and i.name not in (*PERSON_MONEY, "qualified_tuition_expenses")
)
UNIT_FLAGS = tuple(i.name for i in system().inputs.values() if i.entity.name == "tax_unit" and i.kind == "flag")
PERSON_FLAGS = tuple(
    i.name for i in system().inputs.values() if i.entity.name == "person" and i.kind == "flag" and i.name != "is_blind"
)
DERIVED_COUNTS = {"dependents", *DERIVED}
UNIT_COUNTS = tuple(
    i.name
    for i in system().inputs.values()
    if i.entity.name == "tax_unit" and i.kind == "count" and i.name not in DERIVED_COUNTS
)
RULES = tuple(r.name for r in system().rules.values() if r.entity.name == "tax_unit")


def build(person: dict[str, np.ndarray], unit: dict[str, np.ndarray], order: np.ndarray | None = None) -> Population:
    """A population of one unit a household. `order[k]` is the number that unit k gets: its place in the tables."""
    n = len(unit["filing_status"])
    number = np.arange(n) if order is None else order
    tables = {
        "person": {
            **person,
            "household_id": number[person["tax_unit_id"]],
            "tax_unit_id": number[person["tax_unit_id"]],
        },
        "tax_unit": {**unit, "tax_unit_id": number, "household_id": number},
        "household": {"household_id": np.arange(n), "household_weight": np.ones(n), "state_fips": np.full(n, 48)},
    }
    return Population.from_tables(tables, year=YEAR, source="generated")


def persons(unit: dict[str, np.ndarray], ages: np.ndarray, children: np.ndarray) -> dict[str, np.ndarray]:
    """Heads, spouses of joint units and children (aged 1 to 17), in that order."""
    n = len(children)
    joint = np.flatnonzero(unit["filing_status"] == JOINT)
    of_child = np.repeat(np.arange(n), children)
    number = np.concatenate([np.arange(c) for c in children]) if children.sum() else np.zeros(0)
    at = np.concatenate([np.arange(n), joint, of_child])
    role = np.concatenate([np.full(n, HEAD), np.full(len(joint), SPOUSE), np.full(len(of_child), DEPENDENT)])
    age = np.concatenate([ages, ages[joint], np.array([10, 16, 17, 4, 1, 7])[number.astype(int) % 6]])
    return {"tax_unit_id": at, "role": role, "age": age.astype(float)}


@functools.lru_cache(maxsize=2)
def drawn(seed: int, order_seed: int | None = None) -> Population:
    """256 tax units of every kind; amounts in whole dollars."""
    person, unit = draw(seed)
    order = None if order_seed is None else np.random.default_rng(order_seed).permutation(UNITS)
    return build(person, unit, order)


def draw(seed: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    rng = np.random.default_rng(seed)
    status = rng.integers(0, 5, UNITS)
    children = rng.integers(0, 7, UNITS) * (rng.random(UNITS) < 0.6)
    unit: dict[str, np.ndarray] = {"filing_status": status.astype(float)}
    person = persons(unit, rng.choice([18, 24, 25, 40, 64, 65, 80], UNITS), children)
    filers = person["role"] != DEPENDENT
    scale = 10 ** rng.uniform(3, 5.8, UNITS)  # a thousand to 600,000

    def amount(size: int, share: float, of: np.ndarray, signed: bool = False) -> np.ndarray:
        low = -0.5 if signed else 0.0
        return np.round(of * rng.uniform(low, 1, size) * (rng.random(size) < share))

    of_person = scale[person["tax_unit_id"]]
    for name, share in (("employment_income", 0.8), ("self_employment_income", 0.3), ("farm_income", 0.05)):
        signed = name != "employment_income"
        person[name] = amount(len(filers), share, of_person, signed) * filers
    person["months_of_study_or_incapacity"] = rng.integers(0, 13, len(filers)) * (rng.random(len(filers)) < 0.1)
    for name in UNIT_MONEY:
        signed = system().inputs[name].low < 0
        unit[name] = amount(UNITS, 0.25, scale / 4, signed)
    unit["pension_income"] = unit["taxable_pension_income"] * 2
    unit["ordinary_dividend_income"] = unit["qualified_dividend_income"] + amount(UNITS, 0.2, scale / 4)
    unit["collectibles_gain"], unit["unrecaptured_section_1250_gain"] = (
        np.round(unit["long_term_capital_gains"].clip(0) * rng.uniform(0, 0.6, UNITS) * (rng.random(UNITS) < 0.5))
        for _ in range(2)
    )
    for name in UNIT_FLAGS:
        unit[name] = (rng.random(UNITS) < 0.15).astype(float)
    for name in UNIT_COUNTS:
        unit[name] = rng.integers(0, 4, UNITS) * (rng.random(UNITS) < 0.3) * 1.0
    unit["marketplace_months"] = rng.integers(0, 13, UNITS).astype(float)
    unit["parents_filing_status"] = rng.integers(0, 5, UNITS).astype(float)
    unit["parents_taxable_income"] = np.maximum(unit["parents_taxable_income"], scale)
    for name in MORE_PERSON_MONEY:
        person[name] = amount(len(filers), 0.25, np.minimum(of_person, 20_000.0)) * filers
    person["qualified_tuition_expenses"] = amount(len(filers), 0.3, np.full(len(filers), 20_000.0))
    for name in PERSON_FLAGS:
        person[name] = (rng.random(len(filers)) < 0.3).astype(float)
    person["health_savings_account_coverage"] = rng.integers(0, 3, len(filers)) * filers * 1.0
    return person, unit


def columns(population: Population, *targets: str, **options: Any) -> dict[str, np.ndarray]:
    return Simulation(population, YEAR, **options).columns(*targets)


# --- order and limits ---------------------------------------------------------------------------------------------


@PROFILE
@given(SEEDS, st.sampled_from([1.0, 100.0, 5_000.0, 60_000.0]))
@pytest.mark.slow
def test_tax_rises_with_wages(seed: int, step: float) -> None:
    person, unit = draw(seed)
    limited = ("is_taxed_at_parents_rate", "dependent_care_benefits", "head_is_dependent_elsewhere")
    twice = sum(unit[name] for name in limited)[person["tax_unit_id"]] > 0
    person["traditional_ira_contributions"] = np.where(twice, 0.0, person["traditional_ira_contributions"])
    unit["reported_foreign_tax_credit"] = np.zeros(UNITS)
    targets = (
        "regular_tax",
        "net_investment_income_tax",
        "payroll_tax",
        "tax_before_credits",
        "income_tax",
        "itemizes",
    )
    before = columns(build(person, unit), *targets, *GROWING_CREDITS)
    more = {**person, "employment_income": person["employment_income"] + step * (person["role"] == HEAD)}
    after = columns(build(more, unit), *targets, *GROWING_CREDITS)
    change = {name: after[name] - before[name] for name in before}
    rounding = 1e-6
    for name in ("regular_tax", "net_investment_income_tax", "payroll_tax"):
        assert change[name].min() >= -rounding, name
    begins_to_itemize = change["itemizes"] > 0
    repayment = np.maximum(change["premium_tax_credit"], 0)  # of advances, which the credit makes less
    assert (change["tax_before_credits"] + repayment)[~begins_to_itemize].min() >= -rounding, WHERE_TAX_FALLS_WITH_WAGES
    growth = sum(np.maximum(change[name], 0) for name in GROWING_CREDITS)
    assert (change["income_tax"] + growth)[~begins_to_itemize].min() >= -rounding, WHERE_TAX_FALLS_WITH_WAGES
    assert begins_to_itemize.mean() < 0.1


@pytest.mark.slow
def test_the_draws_reach_every_rule() -> None:
    """No rule is 0 for all units drawn, so the properties say something about each."""
    seen = dict.fromkeys(RULES, False)
    for seed in range(6):
        for name, value in columns(drawn(seed), *RULES, reform=EVERYTHING).items():
            seen[name] |= bool(value.any())
    assert [name for name, found in seen.items() if not found] == []


@pytest.mark.slow
@PROFILE
@given(SEEDS)
def test_credits_are_within_their_limits(seed: int) -> None:
    population = drawn(seed)
    value = columns(population, *RULES)
    unit, law = population.tables["tax_unit"], load_law("us").in_year(YEAR)
    rounding = 1e-6
    eitc = law["irs.credits.eitc.phase_in_rate"] * law["irs.credits.eitc.earned_income_amount"]
    maximum = eitc[np.minimum(unit["eitc_qualifying_children"], 3).astype(int)]
    children = unit["ctc_qualifying_children"]
    between = {
        "eitc": maximum,
        "ctc": law["irs.credits.ctc.amount"] * children
        + law["irs.credits.ctc.other_dependent_amount"] * (unit["dependents"] - children),
        "refundable_ctc": law["irs.credits.ctc.refundable.maximum"] * children,
        "nonrefundable_ctc": value["tax_before_credits"],
        "dependent_care_credit": np.minimum(3000.0, value["tax_before_credits"]),  # half of 6,000 at the most
        "elderly_credit": np.minimum(0.15 * 7500, value["tax_before_credits"]),
        "nonrefundable_credits": value["tax_before_credits"],
        "taxable_social_security": 0.85 * unit["social_security"],
        "senior_deduction": np.full(UNITS, 12_000.0),
        "qbi_deduction": 0.2 * (value["qualified_business_income"] + unit["qualified_reit_and_ptp_income"].clip(0))
        + 400,
        "state_and_local_tax_deduction": np.full(UNITS, 40_400.0),
        "regular_tax": 0.37 * value["taxable_income"],
        "self_employment_tax": 0.153 * value["tax_unit_taxable_self_employment_earnings"],
        "must_file": np.ones(UNITS),
        "files_return": np.ones(UNITS),
        "itemizes": np.ones(UNITS),
    }
    for name, high in between.items():
        assert value[name].min() >= -rounding, name
        assert (high - value[name]).min() >= -rounding, name
    total = value["nonrefundable_ctc"] + value["refundable_ctc"]
    assert (value["ctc"] - total).min() >= -rounding
    assert (value["income_tax"] + value["refundable_credits"]).min() >= -rounding  # credits alone make it negative
    assert (value["itemized_deductions_before_limit"] - value["itemized_deductions"]).min() >= -rounding


# --- edges: no NaN and no infinity, in values or derivatives ------------------------------------------------------

AGES = (0, 18, 24, 25, 64, 65, 120)
EDGE_INPUTS = (
    "employment_income",
    "self_employment_income",
    "long_term_capital_gains",
    "short_term_capital_gains",
    "taxable_interest_income",
    "social_security",
    "active_partnership_s_corp_income",
    "care_expense",
    "medical_expense",
    "cash_charity",
    "state_and_local_income_or_sales_tax",
)


OTHER_INPUTS = tuple(
    i.name
    for i in system().inputs.values()
    if i.kind == "money" and i.entity.name in ("person", "tax_unit") and i.name not in EDGE_INPUTS
)


@functools.cache
def edges() -> Population:
    """Every filing status, age and number of children with zeros, tiny and huge amounts and exact thresholds.

    Every input of money stands alone at 0, tiny, small and huge, the common ones also at the amounts of the law.
    """
    law = load_law("us").in_year(YEAR)
    standard = law["irs.deductions.standard.amount"]
    rows: list[tuple[int, str, float]] = []
    for status in range(5):
        thresholds = [
            *law["irs.income_tax.rates.threshold"][:, status],
            *(law["irs.income_tax.rates.threshold"][1:, status] + standard[status]),
            *law["irs.income_tax.capital_gains.threshold"][1:, status],
            law["irs.amt.phase_out.threshold"][status],
            *law["irs.credits.eitc.phase_out_threshold"][:, status],
            *law["irs.credits.eitc.earned_income_amount"],
            law["irs.credits.ctc.phase_out.threshold"][status],
            law["irs.deductions.qbi.threshold"][status],
            law["irs.payroll.social_security.wage_base"],
            standard[status],
            2_500.0,
            400.0,
        ]
        for value in (0.0, 1e-9, *thresholds, 1e9, -1e9, -3_000.0, -1e-9):
            for name in EDGE_INPUTS:
                if value >= 0 or system().inputs[name].low < 0:
                    rows.append((status, name, float(value)))
        for name in OTHER_INPUTS:
            low = system().inputs[name].low
            rows += [(status, name, v) for v in (1e-9, 1.0, 2_000.0, 30_000.0, 1e9, -2_000.0, -1e9) if v >= low]
    n = len(rows)
    index = np.arange(n)
    unit = {"filing_status": np.array([float(r[0]) for r in rows])}
    person = persons(unit, np.array(AGES, float)[(index * 3 + index // 7) % 7], (index + index // 49) % 7)
    head = person["role"] == HEAD
    for name in (*EDGE_INPUTS, *OTHER_INPUTS):
        value = np.array([r[2] if r[1] == name else 0.0 for r in rows])
        if system().inputs[name].entity.name == "person":
            person[name] = np.where(head, value[person["tax_unit_id"]], 0.0)
        else:
            unit[name] = value
    for part, whole in (("qualified_dividend_income", "ordinary_dividend_income"),
                        ("taxable_pension_income", "pension_income")):  # fmt: skip
        unit[whole] = np.maximum(unit[whole], unit[part])
    for k, name in enumerate(UNIT_FLAGS):
        unit[name] = (index % (k + 3) == 0).astype(float)
    for k, name in enumerate(UNIT_COUNTS):
        unit[name] = ((index + k) % 4).astype(float)
    for k, name in enumerate(PERSON_FLAGS):
        person[name] = (np.arange(len(head)) % (k + 2) == 0).astype(float)
    person["health_savings_account_coverage"] = np.arange(len(head)) % 3.0
    # half of the rows have some wages besides, so that an edge meets other rules than those of the poor
    second = np.where(index % 2, 60_000.0, 0.0)
    person["employment_income"] = person["employment_income"] + np.where(head, second[person["tax_unit_id"]], 0.0)
    unit["rental_partnership_s_corp_income"] = (
        unit["rental_partnership_s_corp_income"] + unit["active_partnership_s_corp_income"]
    )
    return build(person, unit)


def test_the_grid_covers_what_it_should() -> None:
    population = edges()
    unit = population.tables["tax_unit"]
    ages = population.tables["person"]["age"][population.filers[0]]
    assert {(s, a) for s, a in zip(unit["filing_status"], ages, strict=True)} == {
        (s, a) for s in range(5) for a in AGES
    }
    assert set(zip(unit["filing_status"], unit["dependents"], strict=True)) == {
        (s, c) for s in range(5) for c in range(7)
    }


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_values_are_finite_on_the_edges(dtype: str) -> None:
    for name, value in columns(edges(), *RULES, precision=dtype, reform=EVERYTHING).items():
        assert np.isfinite(value).all(), name
        assert str(value.dtype) == ("int32" if name == "tax_unit_state_fips" else dtype), name


@pytest.mark.slow
def test_derivatives_are_finite_on_the_edges() -> None:
    """With respect to every parameter and every input, of the sum of all rules (a NaN of any would show).

    In float64; float32 is tested on all taxes together, plain and smoothed, in test_gradients.
    Not jitted: operation by operation it takes seconds, and compiling the whole takes most of a minute.
    """
    sim = Simulation(edges(), YEAR, reform=EVERYTHING)
    f = sim.function(*RULES)
    floats = {k: v for k, v in f.population.columns.items() if np.issubdtype(v.dtype, np.floating)}

    def total(parameters: Any, inputs: dict[str, Any]) -> Any:
        block = Block({**f.population.columns, **inputs}, f.population.links, f.population.weights)
        return jnp.sum(f(parameters, block))

    with precision("float64"):
        by_parameter, by_input = jax.device_get(jax.grad(total, (0, 1))(f.parameters, floats))
    for path, leaf in by_parameter.items():
        assert np.isfinite(leaf).all(), path
    for name, column in by_input.items():
        assert np.isfinite(column).all(), name
    assert all(np.any(by_input[name]) for name in ("employment_income", "social_security", "long_term_capital_gains"))


# --- symmetry -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
@PROFILE
@given(SEEDS, st.integers(0, 1000))
def test_order_of_households_does_not_matter(seed: int, order_seed: int) -> None:
    order = np.random.default_rng(order_seed).permutation(UNITS)
    straight, shuffled = columns(drawn(seed), *RULES), columns(drawn(seed, order_seed), *RULES)
    for name in RULES:
        np.testing.assert_allclose(shuffled[name][order], straight[name], rtol=1e-12, atol=1e-9, err_msg=name)


@pytest.mark.slow
@PROFILE
@given(SEEDS)
def test_spouses_may_change_places(seed: int) -> None:
    """A joint return does not know head from spouse, but for what is asked of the one or the other by name."""
    person, unit = draw(seed)
    joint = unit["filing_status"] == JOINT
    # alimony is the head's compensation; months of study count for one spouse at a time, the head first: leave them out
    unit = {**unit, "head_is_dependent_elsewhere": np.zeros(UNITS), "alimony_income": np.zeros(UNITS)}
    named = {r for r in RULES if r.startswith(("head_", "spouse_"))}
    role = person["role"]
    swapped = np.where(role == HEAD, SPOUSE, np.where(role == SPOUSE, HEAD, role))
    swapped = np.where(joint[person["tax_unit_id"]], swapped, role)
    person = {**person, "months_of_study_or_incapacity": np.zeros(len(role))}
    straight = columns(build(person, unit), *RULES)
    changed = columns(build({**person, "role": swapped}, unit), *RULES)
    for name in sorted(set(RULES) - named):
        np.testing.assert_allclose(changed[name], straight[name], rtol=1e-12, atol=1e-9, err_msg=name)


@PROFILE
@given(SEEDS)
def test_two_separate_halves_make_a_joint_whole(seed: int) -> None:
    """Brackets, standard deduction, minimum tax and thresholds of a separate filer are half of the joint ones.

    So equal spouses owe together what they owe jointly, as long as no rule treats separate filers otherwise: ages
    below 65, no children, no benefits, no deductions but the standard one. Rounded half amounts agree exactly in 2026,
    but for the threshold of 199A, which needs business income.
    """
    rng = np.random.default_rng(seed)
    wages = np.round(10 ** rng.uniform(3, 6, UNITS))
    gains = np.round(10 ** rng.uniform(2, 6, UNITS)) * (rng.random(UNITS) < 0.5)

    def units(status: int, times: int) -> Population:
        unit = {"filing_status": np.full(UNITS, float(status)), "long_term_capital_gains": gains * times}
        person = persons(unit, np.full(UNITS, 40), np.zeros(UNITS, int))
        person["employment_income"] = wages[person["tax_unit_id"]]
        return build(person, unit)

    targets = ("taxable_income", "regular_tax", "alternative_minimum_tax", "net_investment_income_tax",
               "employee_payroll_tax", "tax_before_credits")  # fmt: skip
    joint, separate = columns(units(JOINT, 2), *targets), columns(units(SEPARATE, 1), *targets)
    plain = 2 * (wages + gains) <= 1_000_000  # above, 55(d)(2) takes more of a separate filer
    for name in targets:
        same = plain if name in ("alternative_minimum_tax", "tax_before_credits") else np.ones(UNITS, bool)
        np.testing.assert_allclose(joint[name][same], 2 * separate[name][same], atol=1e-6, err_msg=name)


@pytest.mark.slow
@PROFILE
@given(SEEDS)
def test_a_separate_filer_stands_alone(seed: int) -> None:
    """Without a spouse in the unit, what is asked of the spouse is at its default and adds nothing."""
    value = columns(drawn(seed), *RULES)
    status = drawn(seed).tables["tax_unit"]["filing_status"]
    alone = status != JOINT
    for name in ("spouse_earned_income", "spouse_taxable_self_employment_earnings", "spouse_aged_and_blind_count"):
        assert not value[name][alone].any(), name
    both = value["head_taxable_self_employment_earnings"] + value["spouse_taxable_self_employment_earnings"]
    np.testing.assert_allclose(both, value["tax_unit_taxable_self_employment_earnings"], atol=1e-9)
    separate = status == SEPARATE
    assert not value["senior_deduction"][separate].any()
    together = separate & (drawn(seed).tables["tax_unit"]["lives_apart_from_spouse"] == 0)
    for name in ("dependent_care_credit", "elderly_credit", "adoption_credit", "eitc"):
        assert not value[name][together].any(), name
    for name in ("nonrefundable_education_credit", "tip_income_deduction", "overtime_income_deduction"):
        assert not value[name][separate].any(), name


# --- precision ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
@PROFILE
@given(SEEDS)
def test_float32_is_close_to_float64(seed: int) -> None:
    """Within 1e-5 or a dollar: float32 carries a million dollars to 6 cents, and a tax is a sum of tens of amounts.

    A step may fall on either side of a rounding error, so one unit in a thousand may differ by more.
    """
    money = [r for r in RULES if system().rules[r].unit == "USD/year"]
    exact = columns(drawn(seed), *money)
    quick = columns(drawn(seed), *money, precision="float32")
    off = np.zeros(UNITS, bool)
    for name in money:
        off |= np.abs(quick[name] - exact[name]) > np.maximum(1.0, 1e-5 * np.abs(exact[name]))
    assert off.mean() <= 0.001, np.flatnonzero(off)
