"""Tax-Calculator's input format: what each row becomes, on a file written here and on the whole CPS file."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from jaxsim.data import load_population
from jaxsim.data.dependants import ages_of_dependants, bands_of_dependants
from jaxsim.data.taxcalc import read_taxcalc
from jaxsim.data.taxcalc_columns import COUNTS, FLAGS, MINIMUM_TAX_CREDIT, PARTS, SHARED, SPLIT, SUMS, UNIT
from jaxsim.population import DEPENDENT, HEAD, SPOUSE, Population
from jaxsim.rules.us import system

KINDS = 6  # rows of the fixture come in tens: one of each kind, then again with other ids


def fixture_frame() -> pd.DataFrame:
    """60 units in 50 households: a couple with children, their lodger, a single parent, a lone senior and others."""
    rows = []
    for k in range(10):
        base = {"FLPDYR": 2012 + k % 3, "fips": 6, "s006": 100_000 + 100 * k}
        rows += [
            # a couple, two children of 4 and 15, and in the same family a lodging brother with SNAP on both units
            {**base, "h_seq": 10 * k + 1, "ffpos": 1, "a_lineno": 1, "MARS": 2, "XTOT": 4, "age_head": 40,
             "age_spouse": 38, "nu06": 1, "nu13": 1, "n24": 2, "nu18": 2, "n21": 2, "EIC": 2, "f2441": 1,
             "e00200": 90_000, "e00200p": 60_000, "e00200s": 30_000, "snap_ben": 1_200, "housing_ben": 3_000,
             "e00600": 500, "e00650": 300},
            {**base, "h_seq": 10 * k + 1, "ffpos": 1, "a_lineno": 5, "MARS": 1, "XTOT": 1, "age_head": 30, "n21": 1,
             "snap_ben": 1_200, "housing_ben": 3_000, "s006": 90_000},
            # another family in a household of its own; e00900 is a loss
            {**base, "h_seq": 10 * k + 2, "ffpos": 1, "a_lineno": 1, "MARS": 4, "XTOT": 3, "age_head": 35, "nu18": 1,
             "n1820": 1, "n21": 1, "n24": 0, "EIC": 2, "e00900": -2_000, "e00900p": -2_000},
            {**base, "h_seq": 10 * k + 3, "ffpos": 1, "a_lineno": 1, "MARS": 1, "XTOT": 1, "age_head": 70, "n21": 1,
             "e02400": 12_000, "e01500": 8_000, "e01700": 6_000, "blind_head": 1},
            # a dependent filer of 17, whose EIC exceeds the dependants listed
            {**base, "h_seq": 10 * k + 4, "ffpos": 1, "a_lineno": 1, "MARS": 1, "XTOT": 1, "age_head": 17, "nu18": 1,
             "DSI": 1, "EIC": 1},
            # a spouse of unknown age, left out of the counts by the file, and an elderly dependant
            {**base, "h_seq": 10 * k + 5, "ffpos": 2, "a_lineno": 3, "MARS": 2, "XTOT": 3, "age_head": 50,
             "age_spouse": 0, "n21": 2, "elderly_dependents": 1},
        ]  # fmt: skip
    frame = pd.DataFrame(rows).fillna(0)
    frame["RECID"] = np.arange(1, len(frame) + 1)
    return frame


@pytest.fixture(scope="module")
def population(tmp_path_factory: pytest.TempPathFactory) -> Population:
    path = tmp_path_factory.mktemp("taxcalc") / "units.csv.gz"
    fixture_frame().sample(frac=1, random_state=1).to_csv(path, index=False)  # rows in any order
    return load_population(path, year=2014)


def members(population: Population, recid: int) -> pd.DataFrame:
    person = population.frame("person")
    return person[person.tax_unit_id == recid]


def test_sizes(population: Population) -> None:
    assert population.count("tax_unit") == 60
    assert population.count("household") == 50
    assert population.count("family") == 50
    assert population.count("person") == 10 * (4 + 1 + 3 + 1 + 1 + 3)
    assert population.year == 2014


def test_every_mapped_input_exists() -> None:
    ours = {*UNIT.values(), *COUNTS.values(), *FLAGS.values(), *SPLIT.values(), *PARTS.values()}
    ours |= {*SUMS, *MINIMUM_TAX_CREDIT}
    assert ours | {name for name, _ in SHARED.values()} <= set(system().inputs)


def test_household_is_survey_year_and_sequence_number(population: Population) -> None:
    assert members(population, 1).household_id.unique().tolist() == [2012_000_001]
    assert members(population, 7).household_id.unique().tolist() == [2013_000_011]
    assert (population.tables["person"]["spm_unit_id"] == population.tables["person"]["household_id"]).all()


def test_weight_is_that_of_the_first_unit(population: Population) -> None:
    weights = population.frame("household").household_weight
    assert weights[2012_000_001] == 1000.0  # not 900 of the second unit
    assert weights[2013_000_011] == 1001.0


def test_persons_of_a_couple(population: Population) -> None:
    people = members(population, 1)
    assert people.role.tolist() == [HEAD, SPOUSE, DEPENDENT, DEPENDENT]
    assert people.age.tolist()[:2] == [40, 38]
    assert people.employment_income.tolist() == [60_000, 30_000, 0, 0]
    ages = people.age[people.role == DEPENDENT]
    assert (ages < 6).sum() == 1
    assert (ages < 13).sum() == 1
    assert (ages < 17).sum() == 2


def test_dependants_fall_into_the_bands_counted(population: Population) -> None:
    ages = members(population, 3).age[1:]
    assert sorted(ages) == [17, 19]  # under 18 and not eligible for the child credit; 18 to 20
    assert members(population, 6).age.tolist() == [50, 50, 72]  # unknown spouse as old as the head; elderly dependant


def test_counts_stay_as_the_file_has_them(population: Population) -> None:
    unit = population.frame("tax_unit")
    frame = fixture_frame().set_index("RECID")
    for theirs, ours in COUNTS.items():
        pd.testing.assert_series_equal(unit[ours], frame[theirs].astype(float)[unit.index], check_names=False)
    assert unit.loc[5, "eitc_qualifying_children"] == 1
    assert unit.loc[5, "dependents"] == 0
    assert unit.loc[5, "head_is_dependent_elsewhere"] == 1
    assert unit.loc[[1, 2, 3], "filing_status"].tolist() == [1, 0, 3]


def test_amounts(population: Population) -> None:
    unit = population.frame("tax_unit")
    assert unit.loc[4, ["social_security", "pension_income", "taxable_pension_income"]].tolist() == [12e3, 8e3, 6e3]
    assert unit.loc[1, ["ordinary_dividend_income", "qualified_dividend_income"]].tolist() == [500, 300]
    assert members(population, 3).self_employment_income.tolist() == [-2000, 0, 0]
    assert members(population, 4).is_blind.tolist() == [1]
    assert population.frame("household").state_fips.unique().tolist() == [6]


def test_household_benefits_count_once(population: Population) -> None:
    home = population.frame("household")
    assert home.loc[2012_000_001, ["snap", "housing_assistance"]].tolist() == [1200, 3000]
    evidence = population.card["household benefits"]["snap_ben"]
    assert evidence["households with the benefit on several units"] == 10
    assert evidence["of which equal on those units, households"] == 1.0


def test_benefits_that_differ_are_added() -> None:
    frame = fixture_frame().iloc[:2].assign(snap_ben=[1200, 700], ffpos=[1, 2], housing_ben=[3000, 3000])
    home = read_taxcalc(frame, 2014).frame("household").iloc[0]
    assert home.snap == 1900
    assert home.housing_assistance == 6000  # equal, but of two families


def test_irreconcilable_units_are_listed(population: Population) -> None:
    notes = population.card["irreconcilable units"]
    assert notes["EIC exceeds the dependants listed"]["count"] == 10
    assert notes["EIC exceeds the dependants listed"]["RECID"][:2] == [5, 11]
    assert notes["joint return with age_spouse 0"]["count"] == 10
    assert notes["XTOT differs from nu18 + n1820 + n21"]["count"] == 10
    assert "ages of dependants do not fit the counts" not in notes


def test_provided_are_the_inputs_that_hold_something(population: Population) -> None:
    assert {"age", "snap", "social_security", "filing_status"} <= population.provided
    assert not {"wic", "taxable_interest_income", "medicaid_value"} & population.provided


def test_without_survey_ids_each_row_is_a_household() -> None:
    frame = fixture_frame().drop(columns=["h_seq", "ffpos", "a_lineno", "s006"])
    population = read_taxcalc(frame, 2014)
    assert population.count("household") == 60
    assert (population.weights == 1).all()


def test_households_numbered_0_are_apart() -> None:
    population = read_taxcalc(fixture_frame().assign(h_seq=0), 2014)
    assert population.count("household") == 60


def test_weight_scale() -> None:
    assert read_taxcalc(fixture_frame(), 2014, weight_scale=1.0).weights[0] == 100_000


def test_a_file_without_ages_has_adult_heads() -> None:
    population = read_taxcalc(pd.DataFrame({"RECID": [1], "MARS": [1], "e00200": [5.0]}), 2020)
    assert population.tables["person"]["age"].tolist() == [40]
    assert population.tables["person"]["employment_income"].tolist() == [5]
    assert "age" not in population.provided
    assert any("no ages" in note for note in population.card["notes"])


def test_unused_columns_are_named_when_they_hold_something() -> None:
    frame = fixture_frame().assign(e03240=0.0, e27200=[*[0.0] * 59, 5.0])
    assert read_taxcalc(frame, 2014).card["unused columns"] == ["e27200"]


def test_pension_contributions_belong_to_head_and_spouse() -> None:
    read = read_taxcalc(fixture_frame().assign(pencon_p=100.0, pencon_s=[*[50.0, 0, 0, 0, 0, 25.0] * 10]), 2014)
    assert members(read, 1).elective_deferrals.tolist() == [100, 50, 0, 0]
    assert members(read, 3).elective_deferrals.tolist() == [100, 0, 0]


def test_other_taxes_are_added_up() -> None:
    frame = fixture_frame().assign(e09700=3.0, e09800=50.0, e09900=400.0)
    read = read_taxcalc(frame, 2014)
    assert (read.tables["tax_unit"]["reported_other_taxes"] == 403).all()
    assert read.card["unused columns"] == ["e09800"]  # payroll taxes, not income tax


def test_foreign_tax_credit_of_the_minimum_tax() -> None:
    """That of Form 6251 where it was filed; elsewhere it is not known."""
    frame = fixture_frame().assign(e07300=10.0, e62900=7.0, f6251=[1, *[0] * 59])
    credit = read_taxcalc(frame, 2014).frame("tax_unit").amt_foreign_tax_credit
    assert credit[1] == 7
    assert (credit[credit.index != 1] == 0).all()


def test_tips_and_overtime_are_lacking_where_the_file_lacks_them() -> None:
    assert {"tips", "overtime"} <= set(read_taxcalc(fixture_frame(), 2014).card["lacks"])
    assert "tips" not in read_taxcalc(fixture_frame().assign(tip_income=1.0), 2014).card["lacks"]


@pytest.mark.parametrize("how", ["csv", "csv.gz", "parquet", "frame", "indexed", "text", "nullable"])
def test_all_ways_of_reading_agree(how: str, tmp_path: Path, population: Population) -> None:
    frame = fixture_frame()
    path = tmp_path / f"units.{how}"
    if how == "csv":
        frame.to_csv(path, index=False)
    elif how == "csv.gz":
        path.write_bytes(gzip.compress(frame.to_csv(index=False).encode()))
    elif how == "parquet":
        frame.to_parquet(path, index=False)
    source = {
        "frame": frame,
        "indexed": frame.set_index("RECID"),
        "text": frame.astype(str),
        "nullable": frame.convert_dtypes(),
    }.get(how, path)
    assert load_population(source, year=2014).digest() == population.digest()


def test_bands_add_up_to_the_dependants() -> None:
    """Whatever the counts; and where nothing had to be forced they are the counts."""
    rng = np.random.default_rng(0)
    ages = [rng.integers(0, 80, n) for n in rng.integers(0, 6, 500)]
    below = [np.array([(a < edge).sum() for a in ages]) for edge in (6, 13, 17, 18, 21, 65, 200)]
    total = below[-1]
    counts = [total, *below[:4], below[4] - below[3], total - below[4], total - below[5]]
    bands, forced = bands_of_dependants(*counts)
    assert not forced.any()
    assert (bands.cumsum(axis=1) == np.stack(below, axis=1)).all()
    assert len(ages_of_dependants(bands)) == total.sum()
    bands, forced = bands_of_dependants(*rng.integers(0, 5, (8, 500)))
    assert (bands >= 0).all()
    assert forced.sum() > 0
    more, forced = bands_of_dependants(total + 1, *counts[1:])
    assert forced.all()
    assert (more.sum(axis=1) == total + 1).all()


@pytest.fixture(scope="module")
def whole() -> Population:
    pytest.importorskip("taxcalc", reason="the whole CPS file comes with Tax-Calculator")
    return load_population("cps")


def test_whole_cps(whole: Population) -> None:
    assert whole.count("tax_unit") == 280_005
    assert whole.count("household") == 200_576
    people = np.bincount(whole.links["household_of_person"]) @ whole.weights
    assert whole.weights.sum() / 1e6 == pytest.approx(123.343, abs=1e-3)  # millions, known to three decimals
    assert people / 1e6 == pytest.approx(307.699, abs=1e-3)
    notes = {kind: note["count"] for kind, note in whole.card["irreconcilable units"].items()}
    assert notes["EIC exceeds the dependants listed"] == 1924
    assert notes["XTOT differs from nu18 + n1820 + n21"] == 1095
    assert notes["joint return with age_spouse 0"] == 103
    assert notes["head aged 0"] == 57
    assert notes["ages of dependants do not fit the counts"] == 992
    assert whole.card["unused columns"] == ["e03240"]
    assert {"source", "licence", "base year", "lacks", "notes"} <= set(whole.card)


def test_whole_cps_ages_agree_with_the_counts(whole: Population) -> None:
    """In all but the units listed, persons by age are the file's own counts."""
    unit, person = whole.tables["tax_unit"], whole.tables["person"]
    at, dependant = whole.links["tax_unit_of_person"], person["role"] == DEPENDENT
    listed = np.zeros(len(unit["tax_unit_id"]), dtype=bool)
    for name, below in (("children_under_6", 6), ("children_under_13", 13)):
        counted = np.bincount(at[dependant & (person["age"] < below)], minlength=len(listed))
        listed |= counted != unit[name]
    counted = np.bincount(at[person["age"] < 18], minlength=len(listed))
    listed |= counted != unit["members_under_18"]
    assert listed.sum() <= 20  # spouses of unknown age whose head is under 18, and counts that leave no room


def test_whole_cps_household_benefits(whole: Population) -> None:
    home = whole.tables["household"]
    assert home["snap"] @ whole.weights / 1e9 == pytest.approx(69.8, abs=0.1)  # 91.7 if each unit counted
    assert home["housing_assistance"] @ whole.weights / 1e9 == pytest.approx(30.0, abs=0.1)  # 33.7 by units
    evidence = whole.card["household benefits"]
    assert evidence["snap_ben"]["of which equal on those units, households"] == 1.0
    assert evidence["housing_ben"]["of which equal on those units, families"] == 1.0
    assert evidence["housing_ben"]["of which equal on those units, households"] < 0.8
    assert evidence["tanf_ben"]["of which equal on those units, households"] < 0.5
