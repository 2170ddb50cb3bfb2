"""Rules of a hierarchy: counted, enforced, and refused where no values can keep them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from jaxsim.errors import InputError, JaxsimError
from jaxsim.impute.hierarchy import Adds, OlderThan, Rule, Shared, Spouses, enforce_hierarchy, violations

RULES = [
    Shared("state", by="reference_id"),
    Shared("region", of="tax_unit_id", by="head"),
    Adds("tax_unit.wages", "person.wages", adjust="parts"),
    Adds("household.wages", "tax_unit.wages"),
    Adds("tax_unit.gains", "person.gains", adjust="parts", reference="head"),
    OlderThan("mother_id"),
    OlderThan("father_id", least=16, most=None),
    Spouses("spouse_id", greatest_gap=40),
]


def persons(**columns: Any) -> dict[str, pd.DataFrame]:
    """One household of persons 1, 2, ... with no pointers but those given."""
    n = len(next(iter(columns.values())))
    table = {"person_id": np.arange(1, n + 1), "household_id": np.zeros(n, dtype=int), **columns}
    return {"person": pd.DataFrame(table)}


def ages_of(tables: dict[str, pd.DataFrame]) -> list[float]:
    return tables["person"]["age"].tolist()


def random_tables(seed: int, households: int, generations: int) -> dict[str, pd.DataFrame]:
    """Households of several units and generations, in no order, whose every value may break a rule."""
    rng = np.random.default_rng(seed)
    n = households * rng.integers(1, 9)
    home = np.sort(rng.integers(0, households, n))
    ids = rng.permutation(10 * n)[:n] + 1
    unit = home * 3 + rng.integers(0, 3, n)
    level = rng.integers(0, generations, n)  # parents are of the level above: no cycles

    def point(allowed: np.ndarray) -> np.ndarray:
        """A pointer to a random member of the household among those allowed [from, to], or to nobody."""
        fit = allowed & (home[:, None] == home) & (rng.random((n, n)) < 0.6)
        np.fill_diagonal(fit, False)
        return np.where(fit.any(axis=1), ids[np.argmax(fit * rng.random((n, n)), axis=1)], -1)

    above = level[None, :] == level[:, None] + 1
    same = level[None, :] == level[:, None]
    money = np.where(rng.random((2, n)) < 0.3, 0, rng.normal(2e4, 4e4, (2, n))).round(rng.integers(0, 5))
    first = {h: i for h, i in zip(home[::-1], ids[::-1], strict=True)}
    mother, spouse = point(above), point(same)
    person = pd.DataFrame(
        {
            "person_id": ids,
            "household_id": home,
            "tax_unit_id": unit,
            "role": rng.integers(0, 3, n),
            "age": rng.integers(0, 86, n),
            "mother_id": np.where(mother < 0, np.nan, mother),
            "father_id": point(above),
            "spouse_id": np.where(spouse < 0, np.nan, spouse) if seed % 2 else spouse,
            "reference_id": [first[h] for h in home],
            "state": rng.choice(["CA", "NY", "TX"], n),
            "region": np.where(rng.random(n) < 0.2, np.nan, rng.integers(1, 4, n)),
            "wages": money[0],
            "gains": np.abs(money[1]) * rng.choice([-1, 1], n) if seed % 3 else np.zeros(n),
            "left_alone": rng.normal(size=n),
        }
    )
    units = np.unique(unit)
    unit_table = pd.DataFrame(
        {
            "tax_unit_id": units,
            "household_id": units // 3,
            "wages": rng.normal(4e4, 5e4, len(units)).round(2),
            "gains": rng.normal(0, 1e4, len(units)).round(1),
        }
    )
    household = pd.DataFrame({"household_id": np.unique(home), "wages": 0.0})
    tables = {"person": person, "tax_unit": unit_table, "household": household}
    return {name: table.sample(frac=1, random_state=seed) for name, table in tables.items()}


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**31), households=st.integers(1, 12), generations=st.integers(1, 4))
def test_no_violations_after_enforcement(seed: int, households: int, generations: int) -> None:
    tables = random_tables(seed, households, generations)
    before = {name: table.copy() for name, table in tables.items()}
    new = enforce_hierarchy(tables, RULES)
    assert not violations(new, RULES)["violations"].any()
    for name, table in tables.items():
        assert_frame_equal(table, before[name])  # inputs untouched
        assert_frame_equal(enforce_hierarchy(new, RULES)[name], new[name])  # idempotent
    assert new["person"]["age"].between(0, 85).all()
    assert new["person"]["age"].dtype == tables["person"]["age"].dtype
    kept = ["person_id", "household_id", "tax_unit_id", "role", "mother_id", "father_id", "reference_id", "left_alone"]
    assert_frame_equal(new["person"][kept], tables["person"][kept])
    shuffled = {name: table.sample(frac=1, random_state=seed + 1) for name, table in tables.items()}
    again = enforce_hierarchy(shuffled, RULES)
    for name, table in new.items():
        assert_frame_equal(again[name].loc[table.index], table)  # whatever the order of rows


def test_violations_are_counted_by_rule() -> None:
    tables = persons(age=[30, 20, 4, 80], mother_id=[-1, 1, 2, -1], spouse_id=[4, -1, -1, 2])
    rules = [OlderThan("mother_id"), Spouses("spouse_id", greatest_gap=30)]
    found = violations(tables, rules)
    assert found["checked"].tolist() == [2, 2]
    assert found["violations"].tolist() == [1, 2]
    assert "mother_id" in found.index[0]
    assert violations(tables, []).empty


def test_children_give_way_before_parents() -> None:
    tables = persons(age=[30, 20, 12], mother_id=[-1, 1, 2])
    assert ages_of(enforce_hierarchy(tables, [OlderThan("mother_id")])) == [30, 15, 0]


def test_parents_grow_older_only_where_a_child_would_fall_below_zero() -> None:
    tables = persons(age=[20, 18, 9, 40], mother_id=[-1, 1, 2, -1])
    assert ages_of(enforce_hierarchy(tables, [OlderThan("mother_id")])) == [30, 15, 0, 40]


def test_generations_follow_whatever_the_order_of_pointers() -> None:
    chain = persons(age=[1.5, 20.5, 30.0, 90.0], mother_id=[2, 3, 4, np.nan])
    # the mother of 35 at most, whose daughter is at most 55 younger
    assert ages_of(enforce_hierarchy(chain, [OlderThan("mother_id")])) == [0, 15, 30, 85]


def test_two_parents_of_one_child_both_hold() -> None:
    tables = persons(age=[80, 20, 50], mother_id=[-1, -1, 1], father_id=[-1, -1, 2])
    rules = [OlderThan("mother_id"), OlderThan("father_id")]
    assert ages_of(enforce_hierarchy(tables, rules)) == [60, 20, 5]


def test_no_age_moves_further_than_it_must() -> None:
    """Against every vector of ages: least sum of rises first, then least sum of falls."""
    every = np.stack(np.meshgrid(*[np.arange(9)] * 4, indexing="ij"), axis=-1).reshape(-1, 4)
    rng = np.random.default_rng(0)
    found = 0
    for _ in range(60):
        ages, mother = rng.integers(0, 9, 4), [rng.integers(-1, k) if k else -1 for k in range(4)]  # rows pointed to
        tables = persons(age=ages, mother_id=[-1 if r < 0 else r + 1 for r in mother], spouse_id=[-1, 3, 2, -1])
        rules = [OlderThan("mother_id", 1, 4, greatest_age=8), Spouses(least_age=1, greatest_gap=3, greatest_age=8)]
        fits = (np.abs(every[:, 1] - every[:, 2]) <= 3) & (every[:, 1:3].min(axis=1) >= 1)
        for child, parent in enumerate(mother):
            older = every[:, parent] - every[:, child]
            fits &= (parent < 0) | ((older >= 1) & (older <= 4))
        change = every[fits] - ages
        rise, fall = np.maximum(change, 0).sum(axis=1), np.maximum(-change, 0).sum(axis=1)
        best = every[fits][np.lexsort((fall, rise))[0]]
        assert ages_of(enforce_hierarchy(tables, rules)) == best.tolist()
        found += bool((best != ages).any())
    assert found > 30


def test_ages_above_the_top_code_may_stay() -> None:
    tables = persons(age=[97, 60], mother_id=[-1, 1])
    assert ages_of(enforce_hierarchy(tables, [OlderThan("mother_id")])) == [97, 60]


def test_seven_generations_do_not_fit() -> None:
    pointers = [-1, 1, 2, 3, 4, 5, 6]
    fits = persons(age=[85, 0, 0, 0, 0, 0], mother_id=pointers[:6])
    assert ages_of(enforce_hierarchy(fits, [OlderThan("mother_id")])) == [85, 60, 45, 30, 15, 0]
    with pytest.raises(InputError, match=r"no ages up to 85 of persons \[1\] keep the rules OlderThan"):
        enforce_hierarchy(persons(age=[85, 0, 0, 0, 0, 0, 0], mother_id=pointers), [OlderThan("mother_id")])


def test_limits_that_exclude_each_other_are_refused() -> None:
    tables = persons(age=[40, 20], mother_id=[-1, 1], spouse_id=[2, 1])
    with pytest.raises(InputError, match="no ages"):
        enforce_hierarchy(tables, [OlderThan("mother_id"), Spouses(greatest_gap=5)])


def test_own_ancestors_are_refused_by_name() -> None:
    tables = persons(age=[40, 20, 3, 3], mother_id=[2, -1, 1, 3], father_id=[-1, 3, -1, -1])
    rules = [OlderThan("mother_id"), OlderThan("father_id")]
    with pytest.raises(InputError, match=r"persons \[1, 2, 3\] are their own ancestors in rows 0, 1, 2"):
        enforce_hierarchy(tables, rules)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"mother_id": [9, -1]}, r"person: column 'mother_id': 9 is not in the table 'person' in row 0"),
        ({"mother_id": [1, -1]}, r"'mother_id': points to oneself in row 0"),
        ({"mother_id": [2, -1], "household_id": [0, 1]}, r"'mother_id': leaves the household in row 0.*anywhere=True"),
        ({"mother_id": [2, -1], "person_id": [2, 2]}, r"'person_id': 2 stands more than once in row 1"),
        ({"mother_id": [2, -1], "age": [-1, 3]}, r"'age': an age below 0 in row 0"),
        ({"mother_id": [2, -1], "age": [np.nan, 3]}, r"'age': missing values in row 0"),
        ({"mothers_id": [2, -1]}, r"column 'mother_id': missing. Nearest: mothers_id"),
    ],
)
def test_bad_persons_are_refused(columns: dict[str, list[float]], message: str) -> None:
    tables = persons(**{"age": [3, 30], **columns})
    for act in (violations, enforce_hierarchy):
        with pytest.raises(InputError, match=message):
            act(tables, [OlderThan("mother_id")])


def test_pointers_may_leave_the_household_where_allowed() -> None:
    tables = persons(age=[20, 30], mother_id=[2, -1], household_id=[0, 1])
    assert ages_of(enforce_hierarchy(tables, [OlderThan("mother_id", anywhere=True)])) == [15, 30]


def test_spouses_answer_each_other() -> None:
    tables = persons(age=[40] * 7, spouse_id=[2, 1, 1, 5, -1, 5, -1])
    new = enforce_hierarchy(tables, [Spouses()])["person"]["spouse_id"]
    assert new.tolist() == [2, 1, -1, 5, 4, -1, -1]  # 3 is not answered; 4 has the lowest id of those who point to 5


def test_young_spouses_and_their_parents_grow_older() -> None:
    tables = persons(age=[10, 30, 20], spouse_id=[2, 1, -1], mother_id=[3, -1, -1])
    assert ages_of(enforce_hierarchy(tables, [Spouses(), OlderThan("mother_id")])) == [15, 30, 30]
    assert ages_of(enforce_hierarchy(tables, [Spouses(greatest_gap=10)])) == [15, 25, 20]


@pytest.mark.parametrize(
    ("by", "state"), [("first", "NY"), ("head", "TX"), ("income", "CA"), ("flag", "TX"), ("reference_id", "CA")]
)
def test_shared_values_come_from_the_reference_person(by: str, state: str) -> None:
    tables = persons(
        person_id=[7, 8, 3],
        state=["TX", "CA", "NY"],
        role=["head", "spouse", "dependent"],
        income=[5.0, 9.0, 9.0 - 1e-9],
        flag=[True, False, False],
        reference_id=[8, 8, 8],
    )
    rule = Shared("state", by=by)
    assert enforce_hierarchy(tables, [rule])["person"]["state"].tolist() == [state] * 3
    assert violations(tables, [rule])["violations"].tolist() == [2]


def test_shared_values_come_from_the_table_of_groups_if_it_has_them() -> None:
    tables = persons(state=pd.Categorical(["TX", "CA", "NY"]), household_id=[1, 0, 1])
    tables["household"] = pd.DataFrame({"state": ["WA", "TX"]}, index=pd.Index([1, 0], name="household_id"))
    assert enforce_hierarchy(tables, [Shared("state")])["person"]["state"].tolist() == ["WA", "TX", "WA"]
    of_groups = persons(rent=[1.0, 2.0], household_id=[0, 0])
    of_groups["household"] = pd.DataFrame({"household_id": [0], "reference_id": [2]})
    new = enforce_hierarchy(of_groups, [Shared("rent", by="reference_id")])
    assert new["person"]["rent"].tolist() == [2.0, 2.0]
    with pytest.raises(InputError, match="points out of the group of 'household_id' in row 0"):
        enforce_hierarchy(persons(rent=[1, 2], household_id=[0, 1], head_id=[2, 2]), [Shared("rent", by="head_id")])


def test_largest_value_and_missing_values_are_shared() -> None:
    assert violations(persons(rent=[np.nan, np.nan]), [Shared("rent")])["violations"].tolist() == [0]
    assert violations(persons(rent=[np.nan, 2.0]), [Shared("rent")])["violations"].tolist() == [1]
    new = enforce_hierarchy(persons(rent=[3, 5, 4]), [Shared("rent", by="largest")])["person"]["rent"]
    assert new.tolist() == [5, 5, 5]
    assert new.dtype == np.int64


def amounts(parts: list[float], total: float) -> dict[str, pd.DataFrame]:
    tables = persons(wages=parts, role=[2] * (len(parts) - 1) + [0])
    return {**tables, "household": pd.DataFrame({"household_id": [0], "wages": [total]})}


@pytest.mark.parametrize(
    ("parts", "total", "expected"),
    [
        ([1.0, 1.0, 1.0], 1.0, [0.34, 0.33, 0.33]),  # the lowest id has the cent left over
        ([10.0, 30.0], 80.0, [20.0, 60.0]),
        ([10.0, -30.0], -10.0, [12.5, -22.5]),  # |p| / sum |p| of the 10 that are missing
        ([100.0, -99.0], 50.0, [124.62, -74.62]),
        ([-1.0, -3.0], 8.0, [2.0, 6.0]),
        ([5.0, 5.0], 0.0, [0.0, 0.0]),
        ([0.0, 0.0, 0.0], -7.5, [0.0, 0.0, -7.5]),  # to the head
        ([0.004, 0.003], 0.0, [0.0, 0.0]),
    ],
)
def test_parts_give_way_to_the_cent(parts: list[float], total: float, expected: list[float]) -> None:
    rule = Adds("household.wages", "person.wages", adjust="parts", reference="head")
    new = enforce_hierarchy(amounts(parts, total), [rule])
    assert new["person"]["wages"].tolist() == expected
    assert new["household"]["wages"].tolist() == [total]


def test_totals_give_way() -> None:
    new = enforce_hierarchy(amounts([0.1, 0.2, 1e9], 3.0), [Adds("household.wages", "person.wages")])
    assert new["household"]["wages"].tolist() == [1_000_000_000.3]
    whole = enforce_hierarchy(amounts([1, 2, 4], 3), [Adds("household.wages", "person.wages", per_unit=1)])
    assert whole["household"]["wages"].tolist() == [7]
    assert whole["household"]["wages"].dtype == np.int64


@settings(max_examples=100, deadline=None)
@given(
    parts=st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=9),
    total=st.floats(-1e9, 1e9),
    unit=st.sampled_from([1, 100]),
)
def test_sums_are_exact_for_any_amounts(parts: list[float], total: float, unit: int) -> None:
    rule = Adds("household.wages", "person.wages", adjust="parts", per_unit=unit)
    new = enforce_hierarchy(amounts(parts, total), [rule])
    cents = np.rint(new["person"]["wages"] * unit).astype(int)
    assert cents.sum() == round(total * unit)
    assert (np.abs(cents / unit - parts) <= abs(total - sum(parts)) + (len(parts) + 1) / unit).all()  # none explodes


def test_impossible_sums_are_refused() -> None:
    tables = amounts([1.0], 1.0)
    tables["household"] = pd.DataFrame({"household_id": [0, 1], "wages": [1.0, 2.0]})
    with pytest.raises(InputError, match=r"household: column 'wages': a total without any row of 'person' in row 1"):
        enforce_hierarchy(tables, [Adds("household.wages", "person.wages", adjust="parts")])
    both = [Adds("household.wages", "person.wages"), Adds("household.rent", "person.wages", adjust="parts")]
    tables["household"] = pd.DataFrame({"household_id": [0], "wages": [1.0], "rent": [5.0]})
    assert enforce_hierarchy(tables, both)["household"]["wages"].tolist() == [5.0]
    both = [Adds("household.wages", "person.wages", adjust="parts"), both[1]]
    with pytest.raises(InputError, match=r"contradict one another.*adjust='parts'.*: 1"):
        enforce_hierarchy(tables, both)
    with pytest.raises(InputError, match="too large to be held to the cent in row 0"):
        violations(amounts([1e15], 0), [Adds("household.wages", "person.wages")])


def test_settings_are_checked() -> None:
    for make in (
        lambda: Adds("household.wages", "person.wages", adjust="both"),
        lambda: Adds("person.wages", "person.rent"),
        lambda: Adds("household.wages", "person.wages", per_unit=0),
        lambda: OlderThan("mother_id", least=-1),
        lambda: OlderThan("mother_id", least=20, most=10),
        lambda: Spouses(least_age=90),
    ):
        with pytest.raises(JaxsimError):
            make()
    assert issubclass(Shared, Rule)
