"""Bad data is refused, and the message names the source, the column and the first bad row."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from jaxsim.data import load_population
from jaxsim.errors import InputError
from jaxsim.population import Population

NAN, INF = float("nan"), float("inf")


def refused(load: Callable[[], Any], source: str, column: str, row: int | None, phrase: str = "") -> None:
    with pytest.raises(InputError) as caught:
        load()
    message = str(caught.value)
    assert source in message
    assert column in message
    assert phrase in message
    if row is not None:
        assert f"in row {row}" in message or f"in rows {row}, " in message, message


# --- persons -------------------------------------------------------------------------------------------------

GOOD_PERSONS = {
    "household_id": [1, 1, 1, 2],
    "tax_unit_id": [1, 1, 1, 2],
    "role": ["head", "spouse", "dependent", "head"],
    "age": [40.0, 41.0, 5.0, 70.0],
    "employment_income": [1.0, 2.0, 0.0, 0.0],
    "household_weight": [1.0, 1.0, 1.0, 2.0],
}

PERSONS = {
    "text for a number": ({"age": [40, "old", 5, 70]}, "age", 1),
    "missing": ({"employment_income": [1.0, NAN, 0.0, 0.0]}, "employment_income", 1),
    "None": ({"employment_income": [1.0, 2.0, None, 0.0]}, "employment_income", 2),
    "infinite": ({"employment_income": [1.0, 2.0, 0.0, INF]}, "employment_income", 3),
    "negative wages": ({"employment_income": [1.0, 2.0, -1.0, 0.0]}, "employment_income", 2),
    "age over 120": ({"age": [40, 41, 5, 121]}, "age", 3),
    "negative age": ({"age": [-1, 41, 5, 70]}, "age", 0),
    "flag of 2": ({"is_blind": [0, 2, 0, 0]}, "is_blind", 1),
    "half a flag": ({"is_blind": [0, 0.5, 0, 0]}, "is_blind", 1),
    "unknown column": ({"wage": [1, 2, 3, 4]}, "wage", None),
    "unknown role": ({"role": ["head", "spouse", "child", "head"]}, "role", 2),
    "role of 3": ({"role": [0, 1, 2, 3]}, "role", 3),
    "two heads": ({"role": [0, 0, 2, 0]}, "role", None),
    "no head": ({"role": [2, 1, 2, 0]}, "role", None),
    "two spouses": ({"role": [0, 1, 1, 0]}, "role", None),
    "unit in two households": ({"tax_unit_id": [1, 1, 1, 1], "role": [0, 1, 2, 2]}, "tax_unit_id", 3),
    "family in two households": ({"family_id": [1, 1, 2, 2]}, "family_id", 3),
    "fraction of an id": ({"household_id": [1, 1, 1.5, 2]}, "household_id", 2),
    "text id": ({"tax_unit_id": ["a", "a", "a", "b"]}, "tax_unit_id", 0),
    "missing id": ({"household_id": [1, 1, NAN, 2]}, "household_id", 2),
    "person twice": ({"person_id": [1, 2, 2, 3]}, "person_id", 2),
    "infinite weight": ({"household_weight": [1.0, 1.0, 1.0, INF]}, "household_weight", 1),
    "negative weight": ({"household_weight": [1.0, 1.0, 1.0, -2.0]}, "household_weight", 1),
    "no weight at all": ({"household_weight": [0.0, 0.0, 0.0, 0.0]}, "household_weight", None),
    "unknown filing status": ({"filing_status": ["married", "x", "x", "single"]}, "filing_status", 0),
    "joint without a spouse": ({"filing_status": ["JOINT", "JOINT", "JOINT", "JOINT"]}, "filing_status", 1),
    "qualified over ordinary dividends": (
        {"qualified_dividend_income": [0, 0, 0, 5.0]},
        "qualified_dividend_income",
        1,
    ),
    "taxable over total pension": ({"taxable_pension_income": [3.0, 0, 0, 0]}, "taxable_pension_income", 0),
    "more children than dependents": ({"ctc_qualifying_children": [2, 2, 2, 0]}, "ctc_qualifying_children", 0),
    "state of 99": ({"state_fips": [6, 6, 6, 99]}, "state_fips", 1),
    "text money": ({"social_security": ["1,000", "", "", ""]}, "social_security", 0),
    "month of 13": ({"months_of_study_or_incapacity": [13, 0, 0, 0]}, "months_of_study_or_incapacity", 0),
}


@pytest.mark.parametrize("case", PERSONS)
def test_persons(case: str) -> None:
    change, column, row = PERSONS[case]
    frame = pd.DataFrame({**GOOD_PERSONS, **change})
    refused(lambda: Population.from_persons(frame, year=2023, source="mine"), "mine", column, row)


def test_good_persons_pass() -> None:
    assert Population.from_persons(pd.DataFrame(GOOD_PERSONS), year=2023).count("household") == 2


def test_persons_without_rows() -> None:
    frame = pd.DataFrame(GOOD_PERSONS).iloc[:0]
    refused(lambda: Population.from_persons(frame, year=2023, source="mine"), "mine", "", None, "no rows")


@pytest.mark.parametrize("year", [1800, "2023", 2023.0])
def test_year_is_a_year(year: Any) -> None:
    refused(lambda: Population.from_persons(GOOD_PERSONS, year=year, source="mine"), "mine", "year", None)


# --- tables --------------------------------------------------------------------------------------------------


def tables(**changes: dict[str, Any]) -> dict[str, dict[str, Any]]:
    person = {"person_id": [0, 1, 2], "household_id": [1, 1, 2], "tax_unit_id": [1, 1, 2], "role": [0, 2, 0]}
    good = {"person": person, "tax_unit": {"tax_unit_id": [1, 2]}, "household": {"household_id": [1, 2]}}
    return {**good, **{name: {**good.get(name, {}), **change} for name, change in changes.items()}}


TABLES = {
    "unit without persons": (tables(tax_unit={"tax_unit_id": [1, 2, 3]}), "tax_unit_id", 2),
    "person of no unit": (tables(tax_unit={"tax_unit_id": [1]}), "tax_unit_id", 2),
    "unit twice": (tables(tax_unit={"tax_unit_id": [1, 2, 2]}), "tax_unit_id", 2),
    "person of no household": (tables(household={"household_id": [1]}), "household_id", 2),
    "unit in another household": (tables(tax_unit={"household_id": [1, 1]}), "household_id", 1),
    "columns of unequal length": (tables(person={"age": [1.0, 2.0]}), "age", None),
    "input in the wrong table": (tables(person={"snap": [1.0, 0.0, 0.0]}), "snap", None),
    "unknown table": ({**tables(), "marital_unit": {"marital_unit_id": [1]}}, "marital_unit", None),
    "no persons": ({"household": {"household_id": [1]}}, "person", None),
    "no role": ({"person": {"household_id": [1], "tax_unit_id": [1]}}, "role", None),
    "a table without its id": (tables(spm_unit={"household_id": [1, 2]}), "spm_unit_id", None),
    "negative benefit": (tables(household={"snap": [0.0, -5.0]}), "snap", 1),
    "two-dimensional column": (tables(person={"age": np.zeros((3, 2))}), "age", None),
}


@pytest.mark.parametrize("case", TABLES)
def test_tables(case: str) -> None:
    given, column, row = TABLES[case]
    refused(lambda: Population.from_tables(given, year=2023, source="mine"), "mine", column, row)


def test_good_tables_pass() -> None:
    assert Population.from_tables(tables(), year=2023).count("tax_unit") == 2


# --- Tax-Calculator files ------------------------------------------------------------------------------------

GOOD_UNITS = {
    "RECID": [1, 2, 3],
    "MARS": [1, 2, 4],
    "XTOT": [1, 2, 2],
    "age_head": [30, 40, 50],
    "age_spouse": [0, 41, 0],
    "e00200": [10.0, 30.0, 0.0],
    "e00200p": [10.0, 20.0, 0.0],
    "e00200s": [0.0, 10.0, 0.0],
    "e00600": [5.0, 5.0, 5.0],
    "e01500": [7.0, 7.0, 7.0],
    "s006": [100, 200, 300],
}

UNITS = {
    "RECID twice": ({"RECID": [1, 2, 2]}, "RECID", 2),
    "RECID missing": ({"RECID": None}, "RECID", None),
    "fraction of RECID": ({"RECID": [1, 2, 2.5]}, "RECID", 2),
    "MARS missing": ({"MARS": None}, "MARS", None),
    "MARS of 0": ({"MARS": [1, 0, 4]}, "MARS", 1),
    "MARS of 6": ({"MARS": [1, 2, 6]}, "MARS", 2),
    "text in wages": ({"e00200": [10.0, "x", 0.0]}, "e00200", 1),
    "thousands in wages": ({"e00300": ["1,000", "0", "0"]}, "e00300", 0),
    "gap": ({"e00300": [0.0, NAN, 0.0]}, "e00300", 1),
    "infinite": ({"e00300": [0.0, 0.0, INF]}, "e00300", 2),
    "negative interest": ({"e00300": [0.0, -1.0, 0.0]}, "e00300", 1),
    "negative wages": ({"e00200": [-10.0, 30, 0], "e00200p": [-10.0, 20, 0]}, "e00200p", 0),
    "negative benefit": ({"snap_ben": [0, 0, -1]}, "snap_ben", 2),
    "negative weight": ({"s006": [100, -200, 300]}, "s006", 1),
    "no weight": ({"s006": [0, 0, 0]}, "s006", None),
    "qualified over ordinary": ({"e00650": [0, 6.0, 0]}, "e00650", 1),
    "taxable over total pension": ({"e01700": [0, 0, 8.0]}, "e01700", 2),
    "parts do not add up": ({"e00200": [10.0, 30.05, 0.0]}, "e00200", 1),
    "sum of a joint return alone": ({"e00900": [0, 5.0, 0]}, "e00900", 1),
    "spouse of a single": ({"e00200": [11.0, 30, 0], "e00200s": [1.0, 10, 0]}, "e00200s", 0),
    "partner's spouse": ({"k1bx14s": [0, 0, 9]}, "k1bx14s", 2),
    "blind spouse of a single": ({"blind_spouse": [1, 0, 0]}, "blind_spouse", 0),
    "EIC of 4": ({"EIC": [0, 0, 4]}, "EIC", 2),
    "negative EIC": ({"EIC": [0, -1, 0]}, "EIC", 1),
    "DSI of 2": ({"DSI": [0, 2, 0]}, "DSI", 1),
    "MIDR of a half": ({"MIDR": [0, 0.5, 0]}, "MIDR", 1),
    "blind of 3": ({"blind_head": [3, 0, 0]}, "blind_head", 0),
    "age of 130": ({"age_head": [30, 130, 50]}, "age_head", 1),
    "half a child": ({"nu06": [0, 0, 0.5]}, "nu06", 2),
    "n24 over the dependants": ({"n24": [0, 1, 1]}, "n24", 1),
    "state of 77": ({"fips": [6, 77, 6]}, "fips", 1),
    "states differ in a household": (
        {"h_seq": [1, 1, 2], "ffpos": [1, 1, 1], "a_lineno": [1, 2, 1], "fips": [6, 8, 6]}, "fips", 1),
    "negative household": ({"h_seq": [1, 2, -3]}, "h_seq", 2),
    "unknown column": ({"e00201": [0, 0, 0]}, "e00201", None),
    "small letters": ({"recid": [1, 2, 3]}, "recid", None),
    "text in a column not used": ({"e20400": [0, "x", 0]}, "e20400", 1),
}  # fmt: skip


def write(folder: Path, columns: dict[str, Any], name: str = "units.csv") -> Path:
    frame = pd.DataFrame({n: c for n, c in columns.items() if c is not None})
    frame.to_csv(folder / name, index=False)
    return folder / name


@pytest.mark.parametrize("case", UNITS)
def test_taxcalc_files(case: str, tmp_path: Path) -> None:
    change, column, row = UNITS[case]
    path = write(tmp_path, {**GOOD_UNITS, **change})
    refused(lambda: load_population(path, year=2014, format="taxcalc"), str(path), column, row)


def test_good_units_pass(tmp_path: Path) -> None:
    assert load_population(write(tmp_path, GOOD_UNITS), year=2014).count("tax_unit") == 3


def test_year_is_needed(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD_UNITS)
    refused(lambda: load_population(path), str(path), "year", None)


# --- files that are not tables -------------------------------------------------------------------------------

CSV = "RECID,MARS\n1,1\n2,1\n"
FILES = {
    "empty": (b"", "empty"),
    "blank": (b"\n\n \n", "empty"),
    "header only": (b"RECID,MARS\n", "no rows"),
    "semicolons": (b"RECID;MARS\n1;1\n", "semicolons"),
    "tabs": (b"RECID\tMARS\n1\t1\n", "tabs"),
    "binary": (bytes(range(256)) * 8, "binary"),
    "not UTF-8": (b"RECID,MARS\n1,\xff\xfe\n", ""),
    "zip": (b"PK\x03\x04" + b"\0" * 100, "binary"),
    "truncated gzip": (gzip.compress(CSV.encode() * 2000)[:60], "whole"),
    "garbage after a gzip mark": (b"\x1f\x8b" + b"garbage" * 10, "whole"),
    "truncated Parquet": (b"PAR1" + b"\1" * 50, "whole"),
    "ragged row": (b"RECID,MARS\n1,1\n2,1,7\n", "whole"),
    "column twice": (b"RECID,MARS,MARS\n1,1,1\n", "given twice"),
    "column without a name": (b"RECID,MARS,\n1,1,1\n", "no name"),
    "no known format": (b"a,b\n1,2\n", "no known format"),
}


@pytest.mark.parametrize("case", FILES)
def test_files(case: str, tmp_path: Path) -> None:
    content, phrase = FILES[case]
    path = tmp_path / "units.csv"
    path.write_bytes(content)
    refused(lambda: load_population(path, year=2014), str(path), "", None, phrase)


def test_no_such_file(tmp_path: Path) -> None:
    refused(lambda: load_population(tmp_path / "nothing.csv", year=2014), "nothing.csv", "", None, "no such file")


# --- TAXSIM files --------------------------------------------------------------------------------------------

GOOD_TAXSIM = {"taxsimid": [1, 2, 3], "year": [2023] * 3, "mstat": [1, 2, 1], "page": [30, 40, 50],
               "sage": [0, 40, 0], "depx": [1, 2, 0], "state": [5, 33, 0]}  # fmt: skip

TAXSIM = {
    "mstat of 3": ({"mstat": [1, 2, 3]}, "mstat", 2),
    "mstat missing": ({"mstat": None}, "mstat", None),
    "state of 52": ({"state": [5, 52, 0]}, "state", 1),
    "several years": ({"year": [2023, 2022, 2023]}, "year", 1),
    "id twice": ({"taxsimid": [1, 2, 2]}, "taxsimid", 2),
    "text": ({"pwages": [1, 2, "x"]}, "pwages", 2),
    "negative wages": ({"pwages": [1, -2, 0]}, "pwages", 1),
    "infinite": ({"ltcg": [1, INF, 0]}, "ltcg", 1),
    "spouse's wages of a single": ({"swages": [0, 5, 5]}, "swages", 2),
    "spouse's age of a single": ({"sage": [5, 40, 0]}, "sage", 0),
    "unknown column": ({"pwage": [1, 2, 3]}, "pwage", None),
    "dep13 over dep17": ({"dep13": [1, 2, 0], "dep17": [1, 1, 0]}, "dep13", 1),
    "dep18 over depx": ({"dep18": [2, 2, 0]}, "dep18", 0),
    "ages and counts": ({"dep13": [1, 0, 0], "age1": [5, 6, 0]}, "age1", None),
    "more ages than dependants": ({"age1": [5, 6, 0], "age2": [7, 8, 0]}, "age2", 0),
    "fewer columns of ages than dependants": ({"age1": [5, 6, 0]}, "depx", 1),
    "age of 200": ({"age1": [5, 200, 0], "age2": [0, 1, 0]}, "age1", 1),
    "header twice in other case": ({"PAGE": [1, 2, 3]}, "PAGE", None),
}


@pytest.mark.parametrize("case", TAXSIM)
def test_taxsim_files(case: str, tmp_path: Path) -> None:
    change, column, row = TAXSIM[case]
    path = write(tmp_path, {**GOOD_TAXSIM, **change}, "taxsim.csv")
    refused(lambda: load_population(path), str(path), column, row)


def test_good_taxsim_passes(tmp_path: Path) -> None:
    assert load_population(write(tmp_path, GOOD_TAXSIM)).count("person") == 7


def test_taxsim_year_not_in_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD_TAXSIM)
    refused(lambda: load_population(path, year=1999), str(path), "year", None, "2023")


# --- Parquet folders -----------------------------------------------------------------------------------------


def folder(tmp_path: Path) -> Path:
    Population.from_persons(GOOD_PERSONS, year=2023).to_parquet(tmp_path / "folder")
    return tmp_path / "folder"


def damage(path: Path, column: str, values: list[Any]) -> None:
    frame = pd.read_parquet(path)
    frame[column] = values
    frame.to_parquet(path, index=False)


DAMAGES: dict[str, tuple[Callable[[Path], Any], str, str, int | None]] = {
    "a table missing": (lambda f: (f / "tax_unit.parquet").unlink(), "tax_unit.parquet", "", None),
    "no card": (lambda f: (f / "card.json").unlink(), "card.json", "", None),
    "card is not JSON": (lambda f: (f / "card.json").write_text("{"), "card.json", "", None),
    "card is a list": (lambda f: (f / "card.json").write_text("[]"), "card.json", "", None),
    "card without a year": (lambda f: (f / "card.json").write_text("{}"), "card.json", "year", None),
    "a table cut short": (lambda f: (f / "person.parquet").write_bytes(b"PAR1"), "person.parquet", "", None),
    "text": (lambda f: damage(f / "person.parquet", "age", list("abcd")), "person.parquet", "age", 0),
    "gap": (lambda f: damage(f / "person.parquet", "age", [1, 2, None, 4]), "person.parquet", "age", 2),
    "bad age": (lambda f: damage(f / "person.parquet", "age", [1, 2, 3, 400]), "person", "age", 3),
    "bad id": (lambda f: damage(f / "person.parquet", "tax_unit_id", [1, 1, 1, 7]), "tax_unit", "tax_unit_id", 1),
    "unknown column": (lambda f: damage(f / "household.parquet", "snab", [1, 1]), "household", "snab", None),
    "bad weight": (lambda f: damage(f / "household.parquet", "household_weight", [1, -1]), "household",
                   "household_weight", 1),
}  # fmt: skip


@pytest.mark.parametrize("case", DAMAGES)
def test_parquet_folders(case: str, tmp_path: Path) -> None:
    harm, source, column, row = DAMAGES[case]
    path = folder(tmp_path)
    harm(path)
    refused(lambda: load_population(path), source, column, row)


def test_an_empty_folder(tmp_path: Path) -> None:
    refused(lambda: load_population(tmp_path), str(tmp_path), "card.json", None)


# --- what to load --------------------------------------------------------------------------------------------


def test_unknown_name_gets_the_nearest() -> None:
    refused(lambda: load_population("cps_sampel"), "cps_sampel", "cps_sample", None, "Nearest")


def test_unknown_format(tmp_path: Path) -> None:
    refused(lambda: load_population(write(tmp_path, GOOD_UNITS), format="taxclac"), "taxclac", "taxcalc", None)


def test_the_sample_is_of_its_own_year() -> None:
    refused(lambda: load_population("cps_sample", year=2026), "cps_sample", "2014", None, "ages them")


@pytest.mark.parametrize("source", [None, 5, [1, 2]])
def test_not_a_source(source: Any) -> None:
    refused(lambda: load_population(source), "a population is", type(source).__name__, None)


def test_without_tax_calculator(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    refused(lambda: load_population("cps"), "Tax-Calculator", "pip install taxcalc", None, "cps_sample")
