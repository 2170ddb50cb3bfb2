"""Tables of workers, earnings and families: read as they are meant, computed as the oracle does."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pandas as pd
import pytest

import jaxsim as js
from jaxsim.dynamic import oasdi
from jaxsim.dynamic.oasdi.benefits import law_by_year
from jaxsim.dynamic.oasdi.claims import read_family, read_workers
from jaxsim.dynamic.oasdi.law import FIRST_YEAR, WAGES
from jaxsim.dynamic.oasdi.tables import Table, read_earnings
from jaxsim.errors import InputError, JaxsimError, PrecisionError

from . import oracle, oracle_family
from .random_workers import Case, as_members, as_workers, law, oracle_law, some_cases

pytestmark = pytest.mark.usefixtures("quick_programs")

UNTIL = 2030
"""All months asked for are before it, so that the tests share one compiled program."""


def readable(case: Case) -> bool:
    """Whether the oracle computes a case; what it does not is refused here too."""
    if max(case.record["as_of"][0], *case.earnings, 0) > UNTIL:
        return False
    try:
        oracle_family.family(case.record, case.earnings, case.members, oracle_law())
    except ValueError:
        return False
    return True


CASES = [case for case in some_cases(360, seed=5) if readable(case)][:150]


def month(when: tuple[int, int] | None) -> str | None:
    return None if when is None else f"{when[0]}-{when[1]:02d}"


def tables(cases: list[Case], first: int = 100) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Cases as tables of workers, earnings and families."""
    workers = pd.DataFrame([case.record for case in cases]).drop(columns="quarters")
    workers["entitlement"] = workers["entitlement"].map(month, na_action="ignore")
    workers["as_of"] = workers["as_of"].map(month)
    workers["pension_from"] = workers["pension_from"].map(month, na_action="ignore")
    workers.insert(0, "id", np.arange(first, first + len(cases)))
    paid = [(first + k, year, amount) for k, case in enumerate(cases) for year, amount in case.earnings.items()]
    family = [{"id": first + k, "member": n, **m, "entitlement": month(m["entitlement"]),
               "pension_from": month(m.get("pension_from"))}
              for k, case in enumerate(cases) for n, m in enumerate(case.members)]  # fmt: skip
    return workers, pd.DataFrame(paid, columns=["id", "year", "earnings"]), pd.DataFrame(family)


WORKERS, EARNINGS, FAMILY = tables(CASES)


def save(folder: Path, ending: str) -> list[Path]:
    paths = []
    for name, table in (("workers", WORKERS), ("earnings", EARNINGS), ("family", FAMILY)):
        path = folder / f"{name}{ending}"
        table.to_parquet(path) if ending == ".parquet" else table.to_csv(path, index=False)
        paths.append(path)
    return paths


@pytest.fixture(scope="module")
def found() -> oasdi.Benefits:
    return oasdi.benefits(WORKERS, EARNINGS, FAMILY)


def test_cases_are_many() -> None:
    assert len(CASES) == 150
    assert len(FAMILY) > 120
    assert set(WORKERS["benefit_type"]) == set(oasdi.KINDS)


@pytest.mark.parametrize("form", ["frame", ".csv", ".csv.gz", ".parquet"])
def test_tables_are_read_as_arrays(form: str, tmp_path: Path) -> None:
    workers, earnings, family = (WORKERS, EARNINGS, FAMILY) if form == "frame" else save(tmp_path, form)
    p = law()
    claims = read_workers(workers, p)
    w = claims.workers._replace(earnings=read_earnings(earnings, claims.ids, claims.workers, p, UNTIL))
    with js.precision("float64"):
        expected, members = jax.device_get((as_workers(CASES), as_members(CASES)))
    expected = expected._replace(earnings=expected.earnings[:, : UNTIL - FIRST_YEAR + 1])
    for name, ours, theirs in zip(w._fields, w, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs, err_msg=name)
    m = read_family(family, claims.ids, w, p).members
    for name, ours, theirs in zip(m._fields, m, members, strict=True):
        np.testing.assert_array_equal(ours, theirs, err_msg=name)


def test_amounts_are_the_oracles(found: oasdi.Benefits) -> None:
    assert found.family is not None
    members = iter(found.family.itertuples())
    for row, case in zip(found.workers.itertuples(), CASES, strict=True):
        expected = oracle.worker(case.record, case.earnings, oracle_law())
        names = ["pia", "family_maximum", "months"]
        if expected["method"] != "special_minimum":  # average earnings do not matter to it
            names += ["aime", "benefit"]
        for name in names:
            assert getattr(row, name) == float(expected[name]), (row.id, name)
        status = {"fully": "fully_insured", "currently": "currently_insured", "disability": "disability_insured"}
        assert row.insured == "not insured" or expected[status[row.insured]], row.id
        for member in oracle_family.family(case.record, case.earnings, case.members, oracle_law()):
            ours = next(members)
            for name in ("full", "after_maximum", "reduced", "benefit"):
                assert getattr(ours, name) == float(member[name]), (row.id, name)


def test_tables_of_answers(found: oasdi.Benefits) -> None:
    assert list(found.workers) == ["id", "aime", "pia", "family_maximum", "months", "factor", "benefit", "insured"]
    assert found.family is not None
    assert list(found.family) == ["id", "member", "full", "after_maximum", "reduced", "benefit"]
    whole = found.workers[["aime", "months", "benefit"]].dtypes
    assert all(kind == np.int64 for kind in [*whole, found.family["benefit"].dtype])
    for amount in (found.workers["pia"], found.workers["family_maximum"], found.family["reduced"]):
        assert (amount == [float(f"{x:.1f}") for x in amount]).all()  # multiples of a dime, as written
    assert set(found.workers["insured"]) == {"fully", "currently", "disability", "not insured"}
    assert repr(found).startswith("150 workers, ")
    assert "members of families" in repr(found)


def test_order_and_blocks_do_not_matter(found: oasdi.Benefits) -> None:
    rng = np.random.default_rng(0)
    workers, earnings, family = (t.sample(frac=1, random_state=rng) for t in (WORKERS, EARNINGS, FAMILY))
    again = oasdi.benefits(workers, earnings, family, block=40)
    assert found.family is not None
    assert again.family is not None
    pd.testing.assert_frame_equal(again.workers, found.workers.iloc[workers.index].reset_index(drop=True))
    pd.testing.assert_frame_equal(again.family, found.family.iloc[family.index].reset_index(drop=True))


def test_ids_may_be_text(found: oasdi.Benefits) -> None:
    renamed = [t.assign(id="w" + t["id"].astype(str)) for t in (WORKERS, EARNINGS, FAMILY)]
    again = oasdi.benefits(*renamed)
    assert again.workers["id"].tolist() == ["w" + str(i) for i in found.workers["id"]]
    pd.testing.assert_frame_equal(again.workers.drop(columns="id"), found.workers.drop(columns="id"))
    assert Table({"id": [1.0, 2.0]}, "t").ids("id").tolist() == [1, 2]
    mixed = oasdi.benefits(WORKERS.assign(id=WORKERS["id"].astype(str)), EARNINGS, FAMILY)
    pd.testing.assert_frame_equal(mixed.workers.drop(columns="id"), found.workers.drop(columns="id"))


def test_earnings_as_an_array(found: oasdi.Benefits) -> None:
    place = EARNINGS["id"] - 100, EARNINGS["year"] - FIRST_YEAR
    for years in (UNTIL - FIRST_YEAR + 1, 2100 - FIRST_YEAR + 1):
        wide = np.zeros((len(WORKERS), years))
        wide[place] = EARNINGS["earnings"]
        pd.testing.assert_frame_equal(oasdi.benefits(WORKERS, wide, FAMILY).workers, found.workers)


def test_dates_in_every_form() -> None:
    texts = ["1960-01-02", "1960-02-29", "", None]
    expected = [12 * 1960, 12 * 1960 + 1, oasdi.NEVER, oasdi.NEVER]
    frames = [
        pd.Series(texts),
        pd.to_datetime(pd.Series(["1960-01-02", "1960-02-29", None, None])),
        pd.Series([datetime.date(1960, 1, 2), datetime.date(1960, 2, 29), None, None]),
        pd.Series([pd.Timestamp("1960-01-02"), pd.Timestamp("1960-02-29"), pd.NaT, None], dtype=object),
    ]
    for column in frames:
        months, days = Table(pd.DataFrame({"d": column}), "t").dates("d", empty=True)
        assert months.tolist() == expected
        assert days.tolist() == [2, 29, 1, 1]
    months, _ = Table(pd.DataFrame({"d": ["2024-03", "2024-03-31", " 2024-03 "]}), "t").dates("d", month=True)
    assert set(months) == {12 * 2024 + 2}
    periods = pd.DataFrame({"d": pd.period_range("2024-03", periods=1, freq="M")})
    assert Table(periods, "t").dates("d", month=True)[0].tolist() == [12 * 2024 + 2]


def couple(birth: str = "1960-05-10") -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """A worker, a spouse with a small benefit of their own, and the spouse's benefit from the worker."""
    workers = pd.DataFrame(
        {
            "id": [1, 2],
            "birth_date": ["1958-05-10", birth],
            "benefit_type": "old_age",
            "entitlement": ["2025-01", "2025-07"],
            "as_of": "2026-01",
        }
    )
    years = np.arange(1985, 2020)
    paid = {1: 60_000.0, 2: 6_000.0}
    earnings = pd.concat([pd.DataFrame({"id": i, "year": years, "earnings": e}) for i, e in paid.items()])
    family = pd.DataFrame([(1, "s", "spouse", birth, "2025-07")], columns=[*FAMILY.columns[:5]])
    return workers, earnings, family


def test_own_benefits_of_members_wherever_their_rows_are() -> None:
    workers, earnings, family = couple()
    alone = oasdi.benefits(workers, earnings, family)
    linked = [oasdi.benefits(workers, earnings, family.assign(own_id=2), block=block) for block in (1, 2)]
    for both in linked:
        assert alone.family is not None
        assert both.family is not None
        pd.testing.assert_frame_equal(both.workers, alone.workers)
        assert both.family["full"][0] == alone.family["full"][0] > 0
        assert 0 < both.family["benefit"][0] < alone.family["benefit"][0]
    pd.testing.assert_frame_equal(linked[0].family, linked[1].family)


def test_given_quarters() -> None:
    workers, earnings, family = couple()
    few = oasdi.benefits(workers.assign(quarters=[39, None]), earnings, family)
    assert few.workers["insured"].tolist() == ["not insured", "fully"]
    assert few.workers["benefit"][0] == 0
    assert few.family is not None
    assert few.family["benefit"][0] == 0
    assert oasdi.benefits(workers.assign(quarters=["40", ""]), earnings, family).workers["insured"][0] == "fully"


def test_earnings_after_the_month_do_not_count() -> None:
    workers, earnings, family = couple()
    late = pd.concat([earnings, pd.DataFrame({"id": 1, "year": [2026, 2060], "earnings": 90_000.0})])
    assert oasdi.benefits(workers, late, family).workers.equals(oasdi.benefits(workers, earnings, family).workers)


def test_notes_say_what_is_open() -> None:
    workers, earnings, family = couple()
    old = workers.assign(birth_date=["1920-05-10", "1960-05-10"], entitlement=["1985-05", "2025-07"])
    noted = oasdi.benefits(old, earnings, family.assign(entitlement="2026-01"))
    assert len(noted.notes) == 1
    assert noted.notes[0].startswith("1 workers first eligible from 1979 to 1983")
    assert oasdi.benefits(workers, earnings, family).notes == ()


def test_smooth_amounts() -> None:
    workers, earnings, family = couple()
    exact = oasdi.benefits(workers, earnings, family).workers
    smooth = oasdi.benefits(workers, earnings, exact=False, precision="float32").workers
    np.testing.assert_allclose(smooth["pia"], exact["pia"], atol=1.5)  # a dollar of average earnings and five dimes
    np.testing.assert_allclose(smooth["factor"], exact["factor"], rtol=1e-6)
    assert (smooth["benefit"] != np.floor(smooth["benefit"])).all()


# The law


def tree_with(**columns: Any) -> Any:
    return law_by_year(None, pd.DataFrame(columns))


def test_assumed_wages_move_what_is_not_published() -> None:
    ours = law()
    years = np.arange(2020, 2051)
    wages = ours.wage_index[years - FIRST_YEAR] * 1.1
    given = tree_with(year=years, awi=wages)
    at = years - FIRST_YEAR
    np.testing.assert_array_equal(given.wage_index[at], wages)
    np.testing.assert_array_equal(np.delete(given.wage_index, at), np.delete(ours.wage_index, at))
    changed = np.flatnonzero((given.pia.bend_points != ours.pia.bend_points).any(axis=1)) + FIRST_YEAR
    assert changed.tolist() == list(range(2027, 2053))  # published to 2026; by the wages of two years before
    for year in changed:
        formula = np.floor(np.array([180, 1085]) * given.wage_index[year - 2 - FIRST_YEAR] / 9779.44 + 0.5)
        np.testing.assert_array_equal(given.pia.bend_points[year - FIRST_YEAR], formula)
    for path in ("taxable_maximum", "old_law_base", "quarter_of_coverage.amount", "family_maximum.bend_points"):
        assert (given[path][2030 - FIRST_YEAR] > ours[path][2030 - FIRST_YEAR]).all()
        assert (given[path][2020 - FIRST_YEAR] == ours[path][2020 - FIRST_YEAR]).all()


def test_assumed_series_hold_in_their_years_alone() -> None:
    ours = law()
    columns = {"cola_pct": 3.1, "base_oasdi": 200_001, "base_old_law": 123_456, "qc_amount": 1_999}
    leaves = ("cola.percent", "taxable_maximum", "old_law_base", "quarter_of_coverage.amount")
    given = tree_with(year=[2030, 2029, 2031], **{name: [value, None, value] for name, value in columns.items()})
    for path, value in zip(leaves, columns.values(), strict=True):
        assert given[path][2030 - FIRST_YEAR] == pytest.approx(value / (100 if path == "cola.percent" else 1))
        others = np.delete(np.arange(164), np.array([2030, 2031]) - FIRST_YEAR)
        np.testing.assert_array_equal(given[path][others], ours[path][others])


def test_assumptions_reach_benefits(tmp_path: Path) -> None:
    workers, earnings, family = couple()
    path = tmp_path / "assumptions.csv"
    path.write_text("year,cola_pct,awi\n2024,,\n2025,10,\n")
    ours = oasdi.benefits(workers, earnings, family).workers
    theirs = oasdi.benefits(workers, earnings, family, assumptions=path).workers
    ratio = theirs["pia"] / ours["pia"]
    np.testing.assert_allclose(ratio, 1.1 / 1.028, atol=2e-4)  # in December 2025 instead of 2.8 percent
    for k in range(2):  # rounded down to the dime after each increase
        before = np.floor(ours["pia"][k] / 1.028 * 10 + 0.5) / 10
        assert theirs["pia"][k] == pytest.approx(np.floor(before * 11 + 1e-6) / 10, abs=0.11)


def test_a_reform_leaves_earlier_years_as_they_were() -> None:
    ours = law()
    reform = js.Reform(
        {
            "ssa.oasdi.taxable_maximum": {2030: 250_000},
            "ssa.oasdi.cola.percent": {"2028-01-01.2028-12-31": 0.05},
            "ssa.oasdi.full_retirement_age.worker": {2032: 816},
            "ssa.oasdi.pia.bend_points.first": {2030: 1500},
        },
        uprated=["ssa.oasdi.pia.bend_points.first"],
    )
    given = oasdi.oasdi_law(law=reform.apply(js.load_law()))
    years = np.arange(FIRST_YEAR, 2101)
    np.testing.assert_array_equal(given.taxable_maximum, np.where(years >= 2030, 250_000, ours.taxable_maximum))
    np.testing.assert_array_equal(given.cola.percent, np.where(years == 2028, 0.05, ours.cola.percent))
    fra = ours.full_retirement_age.worker
    np.testing.assert_array_equal(given.full_retirement_age.worker, np.where(years >= 2032, 816, fra))
    first, second = given.pia.bend_points.T
    np.testing.assert_array_equal(second, ours.pia.bend_points[:, 1])
    np.testing.assert_array_equal(first[years < 2030], ours.pia.bend_points[years < 2030, 0])
    assert first[2030 - FIRST_YEAR] == 1500
    later = years > 2030
    growth = ours.wage_index[later.nonzero()[0] - 2] / ours.wage_index[2028 - FIRST_YEAR]
    np.testing.assert_allclose(first[later], 1500 * growth, atol=1.5)
    untouched = oasdi.oasdi_law(law=js.Reform({"irs.credits.ctc.amount": 3000}).apply(js.load_law()))
    assert all(np.array_equal(leaf, ours[path]) for path, leaf in untouched.items())


def test_a_reform_of_wages_reaches_what_follows_from_them() -> None:
    leaf = js.load_law()[WAGES]
    wages = {int(y): float(v) * 1.1 for y, v in zip(leaf.years, leaf.cells, strict=True) if y >= 2026}
    given = oasdi.oasdi_law(
        law=js.Reform({WAGES: wages, "ssa.oasdi.pia.factors.first": {2030: 0.95}}).apply(js.load_law())
    )
    expected = tree_with(year=list(wages), awi=list(wages.values()))
    np.testing.assert_array_equal(given.pia.bend_points, expected.pia.bend_points)
    moved = js.Reform({WAGES: wages, "ssa.oasdi.pia.bend_points.first": {2030: 1500}}).apply(js.load_law())
    np.testing.assert_array_equal(oasdi.oasdi_law(law=moved).pia.bend_points[:, 1], expected.pia.bend_points[:, 1])


def test_a_reform_reaches_benefits() -> None:
    workers, earnings, family = couple()
    reformed = js.Reform({"ssa.oasdi.pia.factors.first": {2022: 0.95}}).apply(js.load_law())
    ours = oasdi.benefits(workers, earnings, family)
    theirs = oasdi.benefits(workers, earnings, family, law=reformed)
    gain = theirs.workers["pia"] - ours.workers["pia"]
    assert gain[0] == 0  # first eligible in 2020
    assert gain[1] > 0
    assert theirs.workers["aime"].equals(ours.workers["aime"])
    by_tree = oasdi.benefits(workers, earnings, family, law=oasdi.oasdi_law(law=reformed))
    pd.testing.assert_frame_equal(by_tree.workers, theirs.workers)


def test_what_benefits_are_asked_with() -> None:
    workers, earnings, _ = couple()
    with pytest.raises(PrecisionError, match="exact=False"):
        oasdi.benefits(workers, earnings, precision="float32")
    with pytest.raises(PrecisionError, match="unknown"):
        oasdi.benefits(workers, earnings, precision="float16")
    with pytest.raises(JaxsimError, match="block"):
        oasdi.benefits(workers, earnings, block=0)
    with pytest.raises(InputError, match="Reform: give a law"):
        oasdi.benefits(workers, earnings, law=js.Reform({}))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="give them with a law"):
        oasdi.benefits(workers, earnings, law=law(), assumptions=pd.DataFrame({"year": [2030], "awi": [9e4]}))


def test_the_face() -> None:
    assert js.dynamic.oasdi is oasdi
    assert "dynamic" in js.__all__
    assert callable(js.dynamic.oasdi.benefits)
