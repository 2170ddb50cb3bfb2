"""What benefits are refused for: the message names table, column, rows and the remedy."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from jaxsim.dynamic import oasdi
from jaxsim.dynamic.oasdi.claims import read_workers
from jaxsim.dynamic.oasdi.tables import read_earnings
from jaxsim.errors import InputError

pytestmark = pytest.mark.usefixtures("quick_programs")

P = oasdi.oasdi_law()

WORKERS = [  # one of each kind
    {"id": 1, "sex": "female", "birth_date": "1960-05-10", "benefit_type": "old_age", "entitlement": "2024-05",
     "as_of": "2026-01", "onset_date": "", "death_date": "", "quarters": ""},
    {"id": 2, "sex": "male", "birth_date": "1970-03-02", "benefit_type": "disability", "entitlement": "2015-09",
     "as_of": "2026-01", "onset_date": "2015-03-20", "death_date": "", "quarters": ""},
    {"id": 3, "sex": "male", "birth_date": "1955-07-01", "benefit_type": "survivor", "entitlement": "2019-01",
     "as_of": "2026-01", "onset_date": "", "death_date": "2021-08-15", "quarters": ""},
]  # fmt: skip
EARNINGS = [{"id": i, "year": y, "earnings": 40_000.0} for i in (1, 2, 3) for y in (2000, 2001)]
FAMILY = [
    {"id": 1, "member": "a", "relation": "spouse", "birth_date": "1961-05-10", "entitlement": "2024-05"},
    {"id": 1, "member": "b", "relation": "child", "birth_date": "2012-05-10", "entitlement": "2024-05"},
    {"id": 3, "member": "a", "relation": "widow", "birth_date": "1960-05-10", "entitlement": "2021-08"},
    {"id": 3, "member": "b", "relation": "disabled_widow", "birth_date": "1965-05-10", "entitlement": "2021-08"},
    {"id": 3, "member": "c", "relation": "parent_with_child", "birth_date": "1975-05-10", "entitlement": "2021-08"},
]
ASSUMPTIONS = [{"year": y, "awi": 80_000.0, "cola_pct": 2.5} for y in (2026, 2027, 2028)]


def tables() -> dict[str, pd.DataFrame]:
    rows = {"workers": WORKERS, "earnings": EARNINGS, "family": FAMILY, "assumptions": ASSUMPTIONS}
    return {name: pd.DataFrame(given).astype(object) for name, given in rows.items()}


def refused(given: dict[str, Any], about: str = "") -> str:
    """What is said of tables; the law is at hand unless assumptions are what is refused."""
    if about != "assumptions":
        given = {**given, "assumptions": None, "law": P}
    with pytest.raises(InputError) as error:
        oasdi.benefits(**given)
    return str(error.value)


FIRST, SECOND, THIRD = ("workers", 0), ("workers", 1), ("workers", 2)

CELLS: list[tuple[tuple[str, int], dict[str, Any], str]] = [
    # what is no date, month, number or word
    (FIRST, {"birth_date": "1960-02-31"}, "column 'birth_date': '1960-02-31' is not a date in row 0. Write YYYY-MM-DD"),
    (FIRST, {"birth_date": "10/05/1960"}, "'birth_date': '10/05/1960' is not a date"),
    (FIRST, {"birth_date": "1960-05"}, "'birth_date': '1960-05' is not a date"),
    (FIRST, {"birth_date": 19600510}, "'birth_date': '19600510' is not a date"),
    (FIRST, {"birth_date": ""}, "'birth_date': missing dates in row 0"),
    (FIRST, {"birth_date": "0960-05-10"}, "'birth_date': '0960-05-10' is not a date"),
    (FIRST, {"entitlement": "2024-13"}, "'entitlement': '2024-13' is not a month in row 0. Write YYYY-MM"),
    (FIRST, {"entitlement": "2024-00"}, "'2024-00' is not a month"),
    (FIRST, {"entitlement": "May 2024"}, "'May 2024' is not a month"),
    (FIRST, {"as_of": None}, "'as_of': missing months in row 0"),
    (FIRST, {"as_of": "2026"}, "'as_of': '2026' is not a month"),
    (SECOND, {"onset_date": "2015-03"}, "'onset_date': '2015-03' is not a date in row 1"),
    (THIRD, {"death_date": "2021-02-29"}, "'death_date': '2021-02-29' is not a date in row 2"),
    (FIRST, {"benefit_type": "old age"}, "'old age' is not one of old_age, disability, survivor in row 0"),
    (FIRST, {"benefit_type": None}, "'benefit_type': None is not one of"),
    (FIRST, {"id": None}, "'id': missing identifiers in row 0"),
    (SECOND, {"id": 1}, "'id': 1 stands twice in row 1"),
    (FIRST, {"quarters": -1}, "'quarters': -1 is outside 0 to 268 in row 0"),
    (FIRST, {"quarters": 269}, "'quarters': 269 is outside 0 to 268"),
    (FIRST, {"quarters": 40.5}, "'quarters': 40.5 is not a whole number"),
    (FIRST, {"quarters": "many"}, "'quarters': 'many' is not a number"),
    # order of events
    (FIRST, {"birth_date": "2027-01-01", "entitlement": "2026-01"}, "'birth_date': 2027-01 is after as_of 2026-01"),
    (THIRD, {"death_date": "1955-06-30"}, "'death_date': 1955-06 is before the birth_date in row 2"),
    (THIRD, {"death_date": "1955-07-01", "birth_date": "1955-07-02"}, "'death_date': 1955-07 is before the birth_date"),
    (SECOND, {"onset_date": "1970-03-01"}, "'onset_date': 1970-03 is before the birth_date in row 1"),
    (SECOND, {"onset_date": "2016-02-01", "death_date": "2016-01-31"}, "'onset_date': 2016-02 is after the death_date"),
    (FIRST, {"as_of": "2024-04"}, "'entitlement': 2024-05 is after as_of 2024-04 in row 0"),
    (FIRST, {"as_of": "2101-01"}, "'as_of': 2101-01 is after 2100, the law's last year"),
    (FIRST, {"death_date": "2026-01-31"}, "'as_of': 2026-01: the worker died in 2026-01 and is paid no more"),
    (SECOND, {"death_date": "2020-01-31"}, "the worker died in 2020-01 .* Ask for survivor"),
    (THIRD, {"death_date": ""}, "'death_date': missing for a survivor's benefit in row 2"),
    (THIRD, {"as_of": "2021-07"}, "'as_of': 2021-07 is before the death in 2021-08"),
    (THIRD, {"entitlement": "2021-09"}, "'entitlement': 2021-09 is after the death in 2021-08 .* Leave it empty"),
    # claims
    (FIRST, {"entitlement": ""}, "'entitlement': missing in row 0. Write YYYY-MM; only a dead worker's may be empty"),
    (FIRST, {"entitlement": "2022-05"}, "'entitlement': 2022-05 is too early: the first possible month is 2022-06"),
    (FIRST, {"birth_date": "1960-05-02", "entitlement": "2022-04"}, "the first possible month is 2022-05"),
    (FIRST, {"birth_date": "1960-05-01", "entitlement": "2022-04"}, "the first possible month is 2022-05"),
    (THIRD, {"entitlement": "2017-06"}, "'entitlement': 2017-06 is too early: the first possible month is 2017-07"),
    (FIRST, {"onset_date": "2015-01-01"}, "'onset_date': 2015-01 for an old-age benefit: .* not covered .* disability"),
    (SECOND, {"onset_date": None}, "'onset_date': missing for a disability benefit in row 1"),
    (SECOND, {"onset_date": "2015-10-01"}, "'entitlement': 2015-09 is before the onset in 2015-10"),
    (SECOND, {"birth_date": "1949-03-02"}, "'onset_date': 2015-03 is not before full retirement age in 2015-03"),
    (SECOND, {"birth_date": "1949-08-02"}, "'entitlement': 2015-09 is not before full retirement age in 2015-08"),
    (SECOND, {"birth_date": "1940-08-02", "onset_date": "1979-06-01", "entitlement": "1980-06"},
     "'entitlement': 1980-06 is before 1980-07: earlier disability benefits are not covered"),
    (THIRD, {"onset_date": "2020-01-01", "entitlement": "2019-12"}, "'entitlement': 2019-12 is before the onset"),
    # pensions and child care
    (FIRST, {"pension": -1.0}, "'pension': -1.0 is below 0 in row 0. Give dollars a month, or leave the cell empty"),
    (FIRST, {"pension": "1,000"}, "'pension': '1,000' is not a number in row 0"),
    (FIRST, {"pension": np.inf}, "'pension': infinite values in row 0"),
    (FIRST, {"pension_from": "2024-05"}, "'pension_from': 2024-05 without a pension in row 0. Give the pension, too"),
    (FIRST, {"pension": 900, "pension_from": "2024"}, "'pension_from': '2024' is not a month in row 0"),
    (FIRST, {"pension": 900, "pension_from": "1960-04"}, "'pension_from': 1960-04 is before the birth_date"),
    (SECOND, {"care_years": -1}, "'care_years': -1 is below 0 in row 1. Count years, or leave the cell empty"),
    (SECOND, {"care_years": 47}, "'care_years': 47 is above 46, the years to the onset in row 1"),
    (SECOND, {"care_years": 1.5}, "'care_years': 1.5 is not a whole number"),
    (FIRST, {"care_years": 1}, "'care_years': 1 of a worker who is not disabled in row 0. Give the onset_date"),
    (THIRD, {"care_years": 1}, "'care_years': 1 of a worker who is not disabled in row 2"),
    # what is not covered
    (FIRST, {"birth_date": "1916-05-10", "entitlement": "1983-01"}, "eligible in 1978, before 1979: .* not covered"),
    (FIRST, {"birth_date": "1917-01-01", "entitlement": "1983-01"}, "first eligible in 1978, before 1979"),
    (SECOND, {"onset_date": "1978-12-31", "birth_date": "1945-01-01", "entitlement": "1981-01"}, "eligible in 1978"),
    (THIRD, {"death_date": "1978-12-31", "entitlement": ""}, "first eligible in 1978"),
    (FIRST, {"birth_date": "1918-05-10", "entitlement": "1981-01", "as_of": "1982-05"}, "1982-05 is before 1982-06"),
    # earnings
    (("earnings", 1), {"earnings": -1.0}, "earnings: column 'earnings': -1.0 is below 0 in row 1"),
    (("earnings", 1), {"earnings": np.nan}, "column 'earnings': missing values in row 1"),
    (("earnings", 1), {"earnings": np.inf}, "column 'earnings': infinite values in row 1"),
    (("earnings", 1), {"earnings": "40,000"}, "column 'earnings': '40,000' is not a number in row 1"),
    (("earnings", 1), {"year": 1959}, "column 'year': 1959 is before the birth of worker 1 in row 1"),
    (("earnings", 5), {"year": 2022}, "column 'year': 2022 is after the death of worker 3 in row 5"),
    (("earnings", 1), {"year": 1936}, "column 'year': 1936 is outside 1937 to 2100"),
    (("earnings", 1), {"year": 2101}, "column 'year': 2101 is outside 1937 to 2100"),
    (("earnings", 1), {"year": 2000.5}, "column 'year': 2000.5 is not a whole number"),
    (("earnings", 1), {"year": 2000}, "column 'year': 2000 stands twice for worker 1 in row 1"),
    (("earnings", 1), {"id": 9}, "column 'id': 9 is not among the workers in row 1"),
    (("earnings", 1), {"id": "x"}, "column 'id': x is not among the workers in row 1"),
    # families
    (("family", 0), {"id": 7}, "family: column 'id': 7 is not among the workers in row 0"),
    (("family", 1), {"member": "a"}, "column 'member': a stands twice for worker 1 in row 1"),
    (("family", 0), {"member": ""}, "column 'member': missing identifiers"),
    (("family", 0), {"relation": "wife"}, "column 'relation': 'wife' is not one of spouse, spouse_with_child, child"),
    (("family", 0), {"relation": "widow"}, "'relation': widow of a living worker in row 0. Say one of spouse, "),
    (("family", 0), {"relation": "divorced_widow"}, "'relation': divorced_widow of a living worker"),
    (("family", 0), {"relation": "parent_with_child"}, "'relation': parent_with_child of a living worker"),
    (("family", 2), {"relation": "spouse"}, "'relation': spouse of a dead worker in row 2. Say one of child, widow, "),
    (("family", 2), {"relation": "spouse_with_child"}, "'relation': spouse_with_child of a dead worker"),
    (("family", 0), {"birth_date": "1962-05-10"}, "2024-05 is too early for a spouse: the first .* is 2024-06"),
    (("family", 0), {"relation": "divorced_spouse", "birth_date": "1962-05-10"}, "too early for a divorced_spouse"),
    (("family", 2), {"birth_date": "1961-09-02"}, "2021-08 is too early for a widow: the first .* is 2021-09"),
    (("family", 2), {"birth_date": "1961-09-02", "relation": "divorced_widow"}, "too early for a divorced_widow"),
    (("family", 3), {"birth_date": "1971-09-02"}, "too early for a disabled_widow: the first .* is 2021-09"),
    (("family", 3), {"birth_date": "1961-08-02"}, "too late for a disabled_widow: .* attained in 2021-08 .* Say widow"),
    (("family", 1), {"entitlement": "2024-04"}, "2024-04 is before the worker's own entitlement or death in 2024-05"),
    (("family", 4), {"entitlement": "2021-07"}, "2021-07 is before the worker's own entitlement or death in 2021-08"),
    (("family", 1), {"birth_date": "2024-06-01"}, "'entitlement': 2024-05 is before the birth in 2024-06 in row 1"),
    (("family", 1), {"birth_date": "2012-06-31"}, "'birth_date': '2012-06-31' is not a date in row 1"),
    (("family", 1), {"entitlement": ""}, "'entitlement': missing months in row 1"),
    (("family", 0), {"pension": -0.5}, "family: column 'pension': -0.5 is below 0 in row 0"),
    (("family", 0), {"pension_from": "2024-05"}, "'pension_from': 2024-05 without a pension in row 0"),
    (("family", 0), {"pension": 1, "pension_from": "1950-05"}, "'pension_from': 1950-05 is before the birth_date"),
    (("family", 0), {"own_id": 5}, "'own_id': 5 is not among the workers"),
    (("family", 0), {"own_id": 1}, "'own_id': 1 is the worker whose family it is"),
    (("family", 0), {"own_id": 2}, "'own_id': 2 was born on another day"),
    (("family", 4), {"relation": "parent"}, "'entitlement': 2021-08 is too early for a parent: .* is 2037-05"),
    (("family", 4), {"relation": "parent", "birth_date": "1955-07-03"}, "1955-07 is not before the birth of the work"),
    # marriages
    (("family", 0), {"married": "1990-02-30"}, "'married': '1990-02-30' is not a date in row 0"),
    (("family", 0), {"divorced": "1990-02-03"}, "'divorced': a divorce without the column married in row 0"),
    (("family", 0), {"married": "", "divorced": "1990-02-03"}, "'divorced': 1990-02 without a date in married"),
    (("family", 1), {"married": "2020-02-03"}, "'married': 2020-02 of a child in row 1"),
    (("family", 0), {"married": "1961-02-03"}, "'married': 1961-02 is before the birth_date in row 0"),
    (("family", 2), {"married": "1955-02-03", "birth_date": "1950-01-05"}, "1955-02 is before the birth of the worker"),
    (("family", 2), {"married": "2021-09-03"}, "'married': 2021-09 is after the death of the worker"),
    (("family", 0), {"married": "1990-02-03", "divorced": "1989-02-03"}, "1989-02 is before the marriage in 1990-02"),
    (("family", 0), {"married": "1990-02-03", "divorced": "2001-02-03"}, "2001-02 for a spouse .* Say divorced_spouse"),
    (("family", 0), {"married": "1990-02-03", "relation": "divorced_spouse"}, "missing for a divorced_spouse"),
    (("family", 0), {"married": "2024-08-03"}, "'entitlement': 2024-05 is before the marriage in 2024-08"),
    (("family", 0), {"married": "2023-06-03"}, "'married': 11 months before the claim: a spouse needs 12 in row 0"),
    (("family", 2), {"married": "2020-12-03"}, "'married': 8 months before the death: a widow needs 9 in row 2"),
    (
        ("family", 0),
        {"married": "1990-02-13", "divorced": "2000-02-03", "relation": "divorced_spouse"},
        "'married': 119 months before the divorce: a divorced_spouse needs 120",
    ),
    (
        ("family", 0),
        {"married": "1990-02-13", "divorced": "2027-02-03", "relation": "divorced_spouse"},
        "'divorced': 2027-02 is after as_of",
    ),
    (
        ("family", 2),
        {"married": "1990-02-03", "divorced": "2021-09-03", "relation": "divorced_widow"},
        "'divorced': 2021-09 is after the death of the worker",
    ),
    # assumptions
    (("assumptions", 1), {"awi": -5.0}, "assumptions: column 'awi': -5.0 is not above 0 in row 1"),
    (("assumptions", 1), {"awi": 0}, "column 'awi': 0.0 is not above 0 in row 1"),
    (("assumptions", 1), {"awi": "high"}, "column 'awi': 'high' is not a number in row 1"),
    (("assumptions", 1), {"cola_pct": -0.1}, "'cola_pct': -0.1 percent is outside 0 to 100"),
    (("assumptions", 1), {"cola_pct": 250}, "'cola_pct': 250.0 percent is outside 0 to 100 in row 1. Write 2.5 "),
    (("assumptions", 1), {"year": 2026}, "column 'year': 2026 stands twice in row 1"),
    (("assumptions", 2), {"year": 2029}, "column 'year': 2028 is missing. Give it"),
    (("assumptions", 0), {"year": 1936}, "column 'year': 1936 is outside 1937 to 2100"),
    (("assumptions", 0), {"year": 2101}, "column 'year': 2101 is outside 1937 to 2100"),
    (("assumptions", 0), {"year": ""}, "column 'year': missing values in row 0"),
]  # fmt: skip


@pytest.mark.parametrize(("where", "cells", "message"), CELLS, ids=[f"{w[0]}-{c}" for w, c, _ in CELLS])
def test_cell_is_refused(where: tuple[str, int], cells: dict[str, Any], message: str) -> None:
    given = tables()
    name, row = where
    for column, value in cells.items():
        if column not in given[name]:
            given[name][column] = None
        given[name].loc[row, column] = value
    told = refused(given, name)
    assert told.startswith(f"{name}: column ")
    assert re.search(message, told), told


@pytest.mark.parametrize(
    ("name", "column"),
    [
        *(("workers", c) for c in ("id", "birth_date", "benefit_type", "entitlement", "as_of")),
        *(("earnings", c) for c in ("id", "year", "earnings")),
        *(("family", c) for c in ("id", "member", "relation", "birth_date", "entitlement")),
        ("assumptions", "year"),
    ],
)
def test_missing_column_is_refused(name: str, column: str) -> None:
    given = tables()
    given[name] = given[name].drop(columns=column)
    assert f"{name}: column {column!r}: missing." in refused(given, name)


@pytest.mark.parametrize("name", ["workers", "earnings", "family", "assumptions"])
def test_empty_table_is_refused(name: str, tmp_path: Path) -> None:
    given: dict[str, Any] = tables()
    header = given[name].iloc[:0]
    given[name] = header
    assert refused(given, name) == f"{name}: there are no rows"
    path = tmp_path / "empty.csv"
    header.to_csv(path, index=False)
    assert refused({**given, name: path}, name) == f"{path}: there are no rows"
    path.write_text("")
    assert refused({**given, name: path}, name) == f"{path}: the file is empty"
    assert refused({**given, name: tmp_path / "none.csv"}, name) == f"{tmp_path / 'none.csv'}: there is no such file"


@pytest.mark.parametrize("name", ["workers", "earnings", "family", "assumptions"])
def test_what_is_no_table_is_refused(name: str, tmp_path: Path) -> None:
    given: dict[str, Any] = tables()
    assert "is not a table" in refused({**given, name: 7}, name)
    path = tmp_path / "table.csv"
    path.write_bytes(b"\0\1\2\3")
    assert "neither CSV nor Parquet" in refused({**given, name: path}, name)


def test_nearest_names_are_told() -> None:
    given = tables()
    given["workers"] = given["workers"].rename(columns={"birth_date": "birthdate"})
    assert refused(given).startswith("workers: column 'birth_date': missing. Nearest: birthdate")
    given = tables()
    given["assumptions"] = given["assumptions"].rename(columns={"cola_pct": "cola_percent"})
    assert "column 'cola_percent': not known. Nearest: cola_pct." in refused(given, "assumptions")
    given["assumptions"] = given["assumptions"][["year"]]
    assert "there is no other column. Give year and some of awi" in refused(given, "assumptions")


def test_several_rows_are_told() -> None:
    given = tables()
    given["earnings"]["earnings"] = -1.0
    assert "-1.0 is below 0 in rows 0, 1, 2, 3, 4 and 1 more." in refused(given)


def test_two_marriages_at_once_are_refused() -> None:
    given = tables()
    family = given["family"].assign(married=None, divorced=None)
    family.loc[2, "married"], family.loc[3, "married"] = "2000-01-05", "2010-01-05"
    told = refused({**given, "family": family})
    assert told == "family: column 'married': 2010-01 is within another marriage in row 3. Check the dates of both."
    family.loc[2, ["relation", "divorced"]] = ["divorced_widow", "2010-01-05"]
    oasdi.benefits(**{**given, "family": family, "assumptions": None, "law": P})  # one after the other


def test_the_same_marriage_may_stand_on_both_records() -> None:
    given = tables()
    other = given["workers"].iloc[0].to_dict() | {"id": 4, "birth_date": "1961-05-10"}
    workers = pd.concat([given["workers"], pd.DataFrame([other])], ignore_index=True)
    both = pd.DataFrame(
        [
            {
                "id": 1,
                "member": "a",
                "relation": "spouse",
                "birth_date": "1961-05-10",
                "entitlement": "2024-05",
                "own_id": 4,
            },
            {
                "id": 4,
                "member": "b",
                "relation": "spouse",
                "birth_date": "1960-05-10",
                "entitlement": "2024-05",
                "own_id": 1,
            },
        ]
    ).assign(married="1990-02-03")
    oasdi.benefits(workers, given["earnings"], both, law=P)
    elsewhere = {"id": 3, "member": "z", "relation": "widow", "birth_date": "1961-05-10", "entitlement": "2021-08"}
    third = pd.concat([both, pd.DataFrame([elsewhere | {"own_id": 4, "married": "2000-02-03"}])], ignore_index=True)
    with pytest.raises(InputError, match="2000-02 is within another marriage in row 2"):
        oasdi.benefits(workers, given["earnings"], third, law=P)


def test_own_worker_must_fit() -> None:
    given = tables()
    given["workers"] = pd.concat([given["workers"], given["workers"].iloc[[0, 2]].assign(id=[4, 5])])
    given["workers"]["as_of"] = ["2026-01", "2026-01", "2026-01", "2026-02", "2026-01"]
    given["family"]["own_id"] = [4, "", "", "", ""]
    given["family"].loc[0, "birth_date"] = "1960-05-10"
    assert "column 'own_id': 4 has another as_of in row 0" in refused(given)
    given["family"]["own_id"] = ["", "", 5, "", ""]
    given["family"].loc[2, "birth_date"] = "1955-07-01"
    assert "column 'own_id': 5 is dead in row 2" in refused(given)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a[:2], "float64 of shape (2, 94): give numbers of 3 workers in at most 164 years from 1937"),
        (lambda a: a[0], "of shape (94,)"),
        (lambda a: np.zeros((3, 165)), "of shape (3, 165)"),
        (lambda a: a.astype(str), "give numbers of 3 workers"),
        (lambda a: a - 1, "below 0 in row 0 (worker 1), 1937"),
        (lambda a: a * np.nan, "missing or infinite in row 0 (worker 1), 1937"),
        (lambda a: a + np.inf, "missing or infinite"),
        (lambda a: a + 1, "before the birth in row 0 (worker 1), 1937"),
        (lambda a: a + (np.arange(94) > 2022 - 1937), "after the death in row 2 (worker 3), 2023"),
    ],
)
def test_array_of_earnings_is_refused(change: Any, message: str) -> None:
    told = refused({**tables(), "earnings": change(np.zeros((3, 94)))})
    assert told.startswith("earnings: ")
    assert message in told


def test_zeros_before_birth_and_after_death_are_no_earnings() -> None:
    claims = read_workers(tables()["workers"], P)
    rows = pd.DataFrame({"id": [1, 3], "year": [1950, 2024], "earnings": [0.0, 0.0]})
    assert read_earnings(rows, claims.ids, claims.workers, P, 2030).sum() == 0
