"""Pensions from work that is not covered, and years of child care: what no table of published figures shows."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

import jaxsim as js
from jaxsim.dynamic import oasdi
from jaxsim.dynamic.oasdi.careers import NEVER
from jaxsim.dynamic.oasdi.family import RELATIONS, Members, family_benefits
from jaxsim.dynamic.oasdi.worker import worker_benefits

from . import oracle, oracle_family
from .random_workers import Case, as_members, as_workers, eve, law, month_of, oracle_law, some_cases

pytestmark = pytest.mark.usefixtures("quick_programs")


@pytest.fixture(autouse=True)
def float64() -> Iterator[None]:
    with js.precision("float64"):
        yield


@jax.jit
def compiled(w: Any, m: Members, p: Any) -> Any:
    paid = worker_benefits(w, p)
    return paid, family_benefits(w, paid, m, p)


def retired(as_of: tuple[int, int], death: datetime.date | None = None, **pension: Any) -> Case:
    """Born in 1955, 22 years at 40,000, claimed at 62; a spouse born in 1956 and a child."""
    record: dict[str, Any] = {"birth_date": datetime.date(1955, 3, 15), "entitlement": (2017, 4), "as_of": as_of}
    record |= {"benefit_type": "survivor" if death else "old_age", "onset_date": None, "death_date": death, **pension}
    return Case(record, dict.fromkeys(range(1990, 2012), 40_000.0), [])


def answers(cases: list[Case]) -> Any:
    nobody = as_members([cases[0]], 1)
    return jax.device_get(compiled(as_workers(cases), nobody, law())[0])


@pytest.mark.slow
def test_months_of_the_reduction() -> None:
    """From the first month of pension and benefit to December 2023, and never after death."""
    as_of, later = (2022, 6), {"pension": 2000.0, "pension_from": (2022, 7)}
    cases = [
        retired(as_of), retired(as_of, pension=2000.0), retired(as_of, **later), retired((2022, 7), **later),
        retired((2023, 12), pension=2000.0), retired((2023, 12)), retired((2024, 1), pension=2000.0),
        retired((2024, 1)), retired((2023, 6), datetime.date(2023, 5, 1), pension=2000.0),
        retired((2023, 6), datetime.date(2023, 5, 1)),
    ]  # fmt: skip
    found = answers(cases)
    assert found.pia[1] < found.pia[0] == found.pia[2]
    assert found.pia[3] == found.pia[1]
    assert found.pia[4] < found.pia[5]
    assert found.pia[6] == found.pia[7]
    assert found.pia[8] == found.pia[9]
    assert found.amount[8] == found.amount[9]


@pytest.mark.slow
def test_family_maximum_follows_from_the_lowered_amount() -> None:
    """150 percent of an amount below the first bend point (42 USC 415(a)(7)(B)(i), last sentence; 403(a)(1))."""
    low = Case(retired((2017, 6)).record | {"pension": 9000.0}, dict.fromkeys(range(2000, 2012), 15_000.0), [])
    paid = answers([low])
    assert paid.family_maximum[0] == pytest.approx(np.floor(15 * paid.pia[0] + 1e-6) / 10)


@pytest.mark.slow
def test_special_minimum_is_not_lowered() -> None:
    base = oracle_law()["wage_base_old"]
    earnings = {year: round(base[year] * 0.16, 2) for year in range(1991, 2021)}  # no year of coverage for the formula
    record = retired((2021, 1)).record
    paid = answers([Case(record, earnings, []), Case(record | {"pension": 9000.0}, earnings, [])])
    found = oracle.worker(record | {"pension": 9000.0}, earnings, oracle_law())
    assert found["method"] == "special_minimum"
    assert paid.pia[1] == pytest.approx(float(found["pia"]))
    assert paid.pia[0] >= paid.pia[1]


def test_offset_comes_after_the_own_benefit_and_the_maximum() -> None:
    """POMS GN 02608.401: off the excess over the own benefit; what it takes goes to nobody else."""
    spouse = Case(retired((2022, 6)).record, {2000: 20_000.0} | dict.fromkeys(range(2001, 2012), 6_000.0), [])
    w = as_workers([retired((2022, 6)), spouse])

    def paid(pension: float, own: int = -1) -> Any:
        born = month_of(eve(datetime.date(1955, 3, 15)))
        of, first = [RELATIONS.index("spouse"), RELATIONS.index("child"), RELATIONS.index("child")], 12 * 2022 + 2
        columns = [[0, 0, 0], of, [born, 12 * 2010, 12 * 2010], [first] * 3, [own, -1, -1]]
        whole = (jnp.asarray(column, jnp.int32) for column in columns)
        pensions = jnp.asarray([pension, 5000.0, 0.0]), jnp.asarray([first, first, NEVER], jnp.int32)
        return jax.device_get(compiled(w, Members(*whole, *pensions), law())[1])

    for own in (-1, 1):
        without, small, large = paid(0.0, own), paid(100.01, own), paid(9000.0, own)
        np.testing.assert_allclose(small.after_maximum, without.after_maximum)
        np.testing.assert_allclose(small.reduced[1:], without.reduced[1:])  # children have no offset
        assert without.reduced[0] > 66.7
        assert small.reduced[0] == pytest.approx(without.reduced[0] - 66.7)  # 66.67 up to the dime
        assert large.reduced[0] == large.benefit[0] == 0
        np.testing.assert_allclose(large.reduced[1:], without.reduced[1:])


@pytest.mark.slow
def test_without_columns_and_with_empty_ones() -> None:
    """Nothing given is nothing computed: the fields are None, and amounts are those of pensions of 0."""
    cases = [case for case in some_cases(30, seed=11) if "pension" not in case.record][:8]
    w, m = as_workers(cases), as_members(cases)
    bare, alone = w._replace(pension=None, pension_from=None), m._replace(pension=None, pension_from=None)
    zero = m._replace(pension=m.pension * 0)
    jax.tree.map(np.testing.assert_array_equal, compiled(w, zero, law()), compiled(bare, alone, law()))


WORKERS = pd.DataFrame({
    "id": [1, 2], "birth_date": ["1955-03-15", "1981-07-02"], "benefit_type": ["old_age", "disability"],
    "entitlement": ["2017-04", "2012-01"], "as_of": "2023-06", "onset_date": ["", "2011-07-10"],
})  # fmt: skip
EARNINGS = pd.DataFrame(
    [{"id": 1, "year": y, "earnings": 40_000.0} for y in range(1990, 2012)]
    + [{"id": 2, "year": y, "earnings": 30_000.0} for y in (2003, 2004, 2005, 2008, 2009, 2010)]
)
FAMILY = pd.DataFrame(
    {"id": [1], "member": ["a"], "relation": ["spouse"], "birth_date": ["1956-02-10"], "entitlement": ["2022-04"]}
)


@pytest.mark.slow
def test_tables_with_pensions_and_care() -> None:
    """Nine elapsed years less one leave eight, of which two are empty: child care takes both away, and no more."""
    plain = oasdi.benefits(WORKERS, EARNINGS, FAMILY)
    empty = oasdi.benefits(WORKERS.assign(pension="", pension_from="", care_years=""), EARNINGS, FAMILY)
    pd.testing.assert_frame_equal(plain.workers, empty.workers)
    workers = WORKERS.assign(pension=[1500.0, np.nan], pension_from=["2010-01", ""], care_years=[0, 3])
    found = oasdi.benefits(workers, EARNINGS, FAMILY.assign(pension=450.0))
    assert plain.family is not None
    assert found.family is not None
    assert found.workers["pia"][0] < plain.workers["pia"][0]
    records = [
        {"birth_date": datetime.date(1981, 7, 2), "benefit_type": "disability", "entitlement": (2012, 1),
         "as_of": (2023, 6), "onset_date": datetime.date(2011, 7, 10), "care_years": care} for care in (0, 3)
    ]  # fmt: skip
    earnings = {year: 30_000.0 for year in (2003, 2004, 2005, 2008, 2009, 2010)}
    expected = [oracle.worker(record, earnings, oracle_law()) for record in records]
    assert [x["computation_years"] for x in expected] == [7, 6]
    assert found.workers["aime"][1] == expected[1]["aime"] > expected[0]["aime"] == plain.workers["aime"][1]
    assert found.family["after_maximum"][0] > found.family["reduced"][0]
    record = {"birth_date": datetime.date(1955, 3, 15), "benefit_type": "old_age", "entitlement": (2017, 4)}
    record |= {"as_of": (2023, 6), "pension": 1500.0, "pension_from": (2010, 1)}
    member = {
        "relation": "spouse",
        "birth_date": datetime.date(1956, 2, 10),
        "entitlement": (2022, 4),
        "pension": 450.0,
    }
    paid = oracle_family.family(record, dict.fromkeys(range(1990, 2012), 40_000.0), [member], oracle_law())[0]
    assert found.family["benefit"][0] == paid["benefit"]
    assert found.family["reduced"][0] == float(paid["reduced"])
    single = oasdi.benefits(workers, EARNINGS, FAMILY.assign(pension=450.0), exact=False, precision="float32")
    np.testing.assert_allclose(single.workers["benefit"], found.workers["benefit"], atol=3)
