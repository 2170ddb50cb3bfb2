"""TAXSIM-35's input format: both forms of dependants, states, filing status and amounts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from jaxsim.data import load_population
from jaxsim.data.taxsim import FIPS, PERSON, UNIT, read_taxsim, soi_of_fips
from jaxsim.rules.us import system


def frame(**columns: object) -> pd.DataFrame:
    base = {"taxsimid": [1, 2, 3, 4], "year": 2023, "state": [33, 5, 9, 0], "mstat": [1, 2, 6, 8],
            "page": [40, 50, 30, 20], "sage": [0, 48, 0, 0], "depx": [2, 1, 0, 0]}  # fmt: skip
    return pd.DataFrame({**base, **columns})


def test_every_mapped_input_exists() -> None:
    assert {*PERSON, *(name for names in UNIT.values() for name in names)} <= set(system().inputs)


def test_states_are_the_census_order_of_names() -> None:
    assert len(FIPS) == 52
    assert len(np.unique(FIPS)) == 52
    assert [int(FIPS[k]) for k in (0, 1, 5, 9, 33, 51)] == [0, 1, 6, 11, 36, 56]  # none AL CA DC NY WY
    assert (np.diff(FIPS) > 0).all()
    assert soi_of_fips(36) == 33


def test_dependants_by_count() -> None:
    population = load_population(frame(dep13=[1, 0, 0, 0], dep17=[1, 1, 0, 0], dep18=[2, 1, 0, 0]))
    person, unit = population.frame("person"), population.frame("tax_unit")
    assert person[person.tax_unit_id == 1].age.tolist() == [40, 9, 17]
    assert person[person.tax_unit_id == 2].age.tolist() == [50, 48, 15]
    assert unit.ctc_qualifying_children.tolist() == [1, 1, 0, 0]
    assert unit.eitc_qualifying_children.tolist() == [2, 1, 0, 0]
    assert unit.filing_status.tolist() == [3, 1, 2, 0]  # head of household, joint, separate, single
    assert unit.head_is_dependent_elsewhere.tolist() == [0, 0, 0, 1]
    assert population.frame("household").state_fips.tolist() == [36, 6, 11, 0]
    assert (population.weights == 1).all()


def test_dependants_by_age() -> None:
    population = load_population(frame(age1=[3, 18, 0, 0], age2=[20, 0, 0, 0]))
    person, unit = population.frame("person"), population.frame("tax_unit")
    assert person[person.tax_unit_id == 1].age.tolist() == [40, 3, 20]
    assert unit.children_under_6.tolist() == [1, 0, 0, 0]
    assert unit.ctc_qualifying_children.tolist() == [1, 0, 0, 0]
    assert unit.eitc_qualifying_children.tolist() == [1, 1, 0, 0]


def test_a_newborn_is_a_dependant() -> None:
    population = load_population(frame(age1=[0, 7, 0, 0], age2=[5, 0, 0, 0]))
    assert population.frame("tax_unit").children_under_6.tolist() == [2, 0, 0, 0]


def test_amounts_and_case_of_headers() -> None:
    amounts = {"PWAGES": [1, 2, 3, 4], "Swages": [0, 5, 0, 0], "psemp": [-6, 0, 0, 0], "pprofinc": [7, 0, 0, 0],
               "dividends": [8, 0, 0, 0], "ltcg": [-9, 0, 0, 0], "scorp": [10, 0, 0, 0], "otherprop": [11, 0, 0, 0],
               "pui": [12, 13, 0, 0], "sui": [0, 14, 0, 0], "mortgage": [15, 0, 0, 0]}  # fmt: skip
    population = load_population(frame(**amounts))
    person, unit = population.frame("person"), population.frame("tax_unit")
    assert person[person.role == 0].employment_income.tolist() == [1, 2, 3, 4]
    assert person[person.role == 1].employment_income.tolist() == [5]
    assert person[person.role == 0].self_employment_income.tolist() == [1, 0, 0, 0]  # loss and trade income together
    assert unit.business_is_sstb.tolist() == [1, 0, 0, 0]
    assert unit.loc[1, ["ordinary_dividend_income", "qualified_dividend_income"]].tolist() == [8, 8]
    assert unit.loc[1, "long_term_capital_gains"] == -9
    assert unit.loc[1, ["rental_partnership_s_corp_income", "active_partnership_s_corp_income"]].tolist() == [21, 10]
    assert unit.unemployment_compensation.tolist() == [12, 27, 0, 0]
    assert unit.loc[1, "deductible_interest_expense"] == 15


def test_columns_without_a_home_are_named() -> None:
    assert load_population(frame(rentpaid=[0, 9, 0, 0])).card["unused columns"] == ["rentpaid"]
    assert load_population(frame(rentpaid=[0, 0, 0, 0])).card["unused columns"] == []


def test_empty_fields_are_zero(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("taxsimid,year,mstat,page,pwages,stcg\n7,2022,1,,100,\n")
    population = load_population(path)
    assert population.year == 2022
    assert population.frame("person").age.tolist() == [40]
    assert population.frame("person").employment_income.tolist() == [100]


def test_year_selects_rows() -> None:
    data = frame(year=[2022, 2023, 2023, 2022])
    assert read_taxsim(data, 2023).frame("tax_unit").index.tolist() == [2, 3]
    assert read_taxsim(data, 2022).year == 2022
