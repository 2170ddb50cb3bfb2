"""Tax-Calculator reform files: what each parameter becomes here, and the same effects as Tax-Calculator itself."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from jaxsim.data.taxcalc import read_taxcalc
from jaxsim.data.taxcalc_output import TAXCALC
from jaxsim.data.taxcalc_reform import COMPOSED, MODELLED, NEUTRAL, PATHS, RENAMED, from_taxcalc
from jaxsim.engine import rule
from jaxsim.errors import ReformError
from jaxsim.parameter_files import load_law
from jaxsim.parameters import Law
from jaxsim.reform import Reform
from jaxsim.rules.us.entities import TaxUnit
from jaxsim.simulation import Simulation

YEAR = 2026


def law_under(content: dict[str, Any]) -> Law:
    return from_taxcalc(content).apply(load_law("us"))


def value(content: dict[str, Any], path: str, year: int = YEAR) -> Any:
    return np.asarray(law_under(content).in_year(year)[path])


# --- names and shapes ---------------------------------------------------------------------------------------------


def test_one_amount_stays_indexed() -> None:
    reform = from_taxcalc({"CTC_c": {"2026": 3000}})
    assert reform.changes == {"irs.credits.ctc.amount": {2026: 3000.0}}
    assert reform.uprated == ("irs.credits.ctc.amount",)
    assert value({"CTC_c": {"2026": 3000}}, "irs.credits.ctc.amount", 2025) == 2200
    assert value({"CTC_c": {"2026": 3000}}, "irs.credits.ctc.amount", 2036) > 3300


def test_every_path_named_exists() -> None:
    law = load_law("us")
    for path in (*PATHS.values(), *(path for path, _ in COMPOSED.values())):
        assert path in law.leaves or path.rpartition(".")[0] in law.leaves, path


def test_names_are_tax_calculators_own() -> None:
    names = set(tax_calculator_parameters())
    assert {*MODELLED, *NEUTRAL} <= names | {"ALD_SelfEmploymentTax_hc"}
    assert not set(RENAMED) & names


def test_by_filing_status_in_the_same_order() -> None:
    content = {"STD": {"2026": [1e4, 2e4, 3e4, 4e4, 5e4]}}
    assert value(content, "irs.deductions.standard.amount").tolist() == [1e4, 2e4, 3e4, 4e4, 5e4]


def test_upper_bounds_become_lower_bounds_of_the_next_bracket() -> None:
    content = {"II_brk1": {"2026": [13e3, 26e3, 13e3, 18e3, 26e3]}, "II_rt2": {"2026": 0.15}}
    thresholds = value(content, "irs.income_tax.rates.threshold")
    assert thresholds[1].tolist() == [13e3, 26e3, 13e3, 18e3, 26e3]
    assert thresholds[0].tolist() == [0] * 5
    assert thresholds[2, 0] == 50_400
    assert value(content, "irs.income_tax.rates.rate").tolist() == [0.1, 0.15, 0.22, 0.24, 0.32, 0.35, 0.37]


def test_unlimited_brackets() -> None:
    content = {f"II_brk{k}": {"2026": [9e99] * 5} for k in (3, 4, 5, 6)}
    assert (value(content, "irs.income_tax.rates.threshold")[3:] == 1e9).all()
    assert from_taxcalc({**content, "II_brk7": {"2026": [9e99] * 5}, "II_rt8": {"2026": 0.5}}).changes


def test_brackets_must_rise() -> None:
    with pytest.raises(ReformError, match="II_brk1 is above II_brk2 in 2026"):
        from_taxcalc({"II_brk1": {"2026": [1e6] * 5}})


def test_a_bracket_more_than_we_have_is_refused() -> None:
    with pytest.raises(ReformError, match="II_brk7"):
        from_taxcalc({"II_brk7": {"2026": [2e6] * 5}, "II_rt8": {"2026": 0.45}})


def test_eitc_maximum_becomes_earned_income_amount() -> None:
    content = {"EITC_c": {"2026": [868, 6800, 8000, 9000]}}
    amount = value(content, "irs.credits.eitc.earned_income_amount")
    assert amount == pytest.approx([868 / 0.0765, 20_000, 20_000, 20_000])
    later = value(content, "irs.credits.eitc.earned_income_amount", 2030)
    prices = load_law("us")["irs.indexing.chained_cpi"]
    ratio = prices.cells[prices.years.index(2029)] / prices.cells[prices.years.index(2025)]
    assert later[1] * 0.34 == pytest.approx(6800 * ratio, abs=0.01)  # credits are carried on to the cent


def test_eitc_rate_alone_keeps_the_maximum() -> None:
    content = {"EITC_rt": {"2026": [0.153, 0.34, 0.4, 0.45]}}
    amount, rate = (value(content, f"irs.credits.eitc.{n}") for n in ("earned_income_amount", "phase_in_rate"))
    before = load_law("us").in_year(YEAR)
    assert amount * rate == pytest.approx(before["irs.credits.eitc.earned_income_amount"] * [0.0765, 0.34, 0.4, 0.45])
    assert amount[0] == pytest.approx(8680 / 2)


def test_eitc_joint_threshold_is_the_sum() -> None:
    content = {"EITC_ps": {"2026": [11e3, 24e3, 25e3, 26e3]}, "EITC_ps_addon_MarriedJ": {"2026": [7e3] * 4}}
    cells = value(content, "irs.credits.eitc.phase_out_threshold")
    assert cells[:, 1].tolist() == [18e3, 31e3, 32e3, 33e3]
    assert (cells[:, [0, 2, 3, 4]] == np.array([[11e3], [24e3], [25e3], [26e3]])).all()


def test_payroll_rates_add_up_for_the_self_employed() -> None:
    content = {"FICA_ss_trt_employee": {"2026": 0.07}, "FICA_mc_trt_employer": {"2026": 0.02}}
    assert value(content, "irs.payroll.social_security.self_employment_rate") == pytest.approx(0.132)
    assert value(content, "irs.payroll.medicare.self_employment_rate") == pytest.approx(0.0345)
    assert value(content, "irs.payroll.social_security.employee_rate") == 0.07
    assert value(content, "irs.payroll.social_security.employer_rate") == 0.062


def test_second_amt_rate_is_an_addition() -> None:
    assert value({"AMT_rt1": {"2026": 0.25}}, "irs.amt.rate").tolist() == pytest.approx([0.25, 0.27])
    repeal = {"AMT_rt1": {"2026": 0}, "AMT_rt2_addon": {"2026": 0}}
    assert value(repeal, "irs.amt.rate").tolist() == [0, 0]


def test_end_of_the_amt_exemption_must_follow_from_the_rest() -> None:
    assert not from_taxcalc({"AMT_em_pe": {"2026": 640_200}}).changes
    with pytest.raises(ReformError, match="640,200"):
        from_taxcalc({"AMT_em_pe": {"2026": 700_000}})


def test_care_expenses_by_number_of_persons() -> None:
    assert value({"CDCC_c": {"2026": 4000}}, "irs.credits.dependent_care.expense_limit").tolist() == [0, 4e3, 8e3, 8e3]


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("ID_AllTaxes_hc", "irs.deductions.itemized.salt.cap"),
        ("ID_Charity_hc", "irs.deductions.itemized.charity.ceiling_rate"),
        ("ID_Charity_hc", "irs.deductions.itemized.charity.noncash_ceiling_rate"),
        ("CR_SchR_hc", "irs.credits.elderly.rate"),
    ],
)
def test_repeals(name: str, path: str) -> None:
    assert not value({name: {"2027": 1}}, path, 2028).any()
    assert value({name: {"2027": 1}}, path, 2026).all()
    with pytest.raises(ReformError, match="only 0 and 1"):
        from_taxcalc({name: {"2027": 0.5}})


def test_gains_taxed_as_other_income() -> None:
    assert value({"CG_nodiff": {"2026": True}}, "irs.income_tax.capital_gains.rate").tolist() == [1, 1, 1]
    back = {"CG_nodiff": {"2026": True, "2028": False}, "CG_rt3": {"2026": 0.25}}
    assert value(back, "irs.income_tax.capital_gains.rate", 2028).tolist() == [0, 0.15, 0.25]


def test_minimum_tax_gains_must_agree() -> None:
    both = {"CG_rt3": {"2026": 0.25}, "AMT_CG_rt3": {"2026": 0.25}}
    assert set(from_taxcalc(both).changes) == {"irs.income_tax.capital_gains.rate.3"}
    with pytest.raises(ReformError, match="AMT_CG_rt3 differs from CG_rt3"):
        from_taxcalc({"AMT_CG_rt3": {"2026": 0.25}})


def test_self_employment_deduction_haircut() -> None:
    path = "irs.payroll.self_employment.deduction_share"
    assert value({"ALD_SelfEmploymentTax_hc": {"2026": 0.2}}, path) == pytest.approx(0.4)


# --- forms of the file --------------------------------------------------------------------------------------------


def test_policy_wrapper() -> None:
    assert from_taxcalc({"policy": {"CTC_c": {"2026": 3000}}, "consumption": {}}).changes
    with pytest.raises(ReformError, match="only the policy part"):
        from_taxcalc({"policy": {"CTC_c": {"2026": 3000}}, "consumption": {"MPC_e20400": {"2026": 0.1}}})


def test_newer_form() -> None:
    content = {
        "STD": [{"year": 2026, "MARS": "single", "value": 20_000}, {"year": 2028, "MARS": "mjoint", "value": 50_000}],
        "CTC_c": [{"year": 2026, "value": 3000}],
        "EITC_prt": [{"year": 2026, "EIC": "3+kids", "value": 0.25}],
    }
    assert value(content, "irs.deductions.standard.amount").tolist() == [20_000, 32_200, 16_100, 24_150, 32_200]
    assert value(content, "irs.deductions.standard.amount", 2028).tolist()[:3] == [20_000, 50_000, 16_100]
    assert value(content, "irs.credits.ctc.amount") == 3000
    assert value(content, "irs.credits.eitc.phase_out_rate").tolist() == [0.0765, 0.1598, 0.2106, 0.25]


def test_oldest_form() -> None:
    content = {"_STD": {"2026": [[1e4, 2e4, 1e4, 15e3, 2e4]]}, "_STD_cpi": {"2026": False}}
    assert value(content, "irs.deductions.standard.amount", 2030).tolist() == [1e4, 2e4, 1e4, 15e3, 2e4]


def test_earlier_names() -> None:
    content = {"SS_thd50": {"2026": [3e4, 4e4, 0, 3e4, 3e4]}}
    assert value(content, "irs.income_tax.social_security_benefits.base_amount").tolist() == [3e4, 4e4, 0, 3e4, 3e4]


def test_file_with_comments(tmp_path: Path) -> None:
    path = tmp_path / "ctc.json"
    path.write_text('// Title: more\n{"CTC_c": {"2026": 3000}, // dollars\n "CTC_c-indexed": {"2026": false}}')
    reform = Reform.from_file(path)
    assert reform.name == "ctc"
    assert reform.apply(load_law("us")).in_year(2036)["irs.credits.ctc.amount"] == 3000


def test_several_years() -> None:
    content = {"SeniorDed_c": {"2026": 7000, "2028": 8000}}
    got = [float(value(content, "irs.deductions.senior.amount", y)) for y in (2025, 2026, 2027, 2028, 2029, 2036)]
    assert got == [6000, 7000, 7000, 8000, 8000, 8000]  # the law's own end in 2029 gives way, as in Tax-Calculator


# --- indexing -----------------------------------------------------------------------------------------------------


def test_indexing_off_freezes_the_law() -> None:
    content = {"STD-indexed": {"2027": False}}
    law = load_law("us").in_year(2027)["irs.deductions.standard.amount"]
    assert value(content, "irs.deductions.standard.amount", 2036).tolist() == law.tolist()


def test_indexing_off_and_on() -> None:
    content = {"CTC_c": {"2026": 3000}, "CTC_c-indexed": {"2026": False, "2030": True}}
    got = [float(value(content, "irs.credits.ctc.amount", y)) for y in (2026, 2030, 2036)]
    assert got[:2] == [3000, 3000]
    assert got[2] > 3200


def test_indexing_on_for_what_the_law_leaves_fixed() -> None:
    content = {"NIIT_thd-indexed": {"2026": True}}
    got = value(content, "irs.income_tax.net_investment_income.threshold", 2027)
    prices = load_law("us")["irs.indexing.chained_cpi"]
    ratio = prices.cells[prices.years.index(2026)] / prices.cells[prices.years.index(2025)]
    assert got == pytest.approx(np.array([200e3, 250e3, 125e3, 200e3, 250e3]) * ratio, abs=0.01)


def test_years_before_the_law_begins() -> None:
    fixed = {"AMEDT_rt": {"2019": 0.01}}
    assert value(fixed, "irs.payroll.medicare.additional.rate", 2022) == 0.01
    indexed = {"STD": {"2019": [15e3, 30e3, 15e3, 22e3, 30e3]}}
    assert 15e3 < value(indexed, "irs.deductions.standard.amount", 2022)[0] < 17e3
    with pytest.raises(ReformError, match="give the value of 2022"):
        from_taxcalc({"STD": {"2004": [15e3, 30e3, 15e3, 22e3, 30e3]}})
    with pytest.raises(ReformError, match="before 2022"):
        from_taxcalc({"STD-indexed": {"2019": False}})


# --- refusals -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"CTC_d": {"2026": 1}}, "'CTC_d' is unknown or not modelled here. Nearest: CTC_c"),
        ({"II_em": {"2026": 5000}}, "'II_em' is not modelled here"),
        ({"II_em": {"2026": 5000}, "STD": {"2026": [1e4] * 5}}, "the others of the reform can be used"),
        ({"UBI_21": {"2026": 1000}, "CTC_new_c": {"2026": 1}}, "'UBI_21'.*'CTC_new_c'"),
        ({"CTC_is_refundable": {"2026": True}}, "'CTC_is_refundable' is not modelled"),
        ({"SS_Earnings_thd": {"2026": 400_000}}, "'SS_Earnings_thd' is not modelled"),
        ({"STD": {"2026": [1, 2, 3]}}, "expected 5 numbers, for single, mjoint"),
        ({"EITC_c": {"2026": [1, 2, 3]}}, "expected 4 numbers, for 0kids"),
        ({"CTC_c": {"2026": [1, 2]}}, "expected one number"),
        ({"CTC_c": {"2026": "many"}}, "not a number"),
        ({"CTC_c": 3000}, "expected values by year"),
        ({"CTC_c": {"soon": 3000}}, "'soon' is not a year"),
        ({"CTC_c": {"2040": 3000}}, "all after 2036"),
        ({"CTC_c-indexed": {"2026": 0}}, "expected true or false"),
        ({"EITC_rt": {"2026": [0, 0.34, 0.4, 0.45]}}, "never reached"),
        ({"STD": [{"year": 2026, "MARS": "both", "value": 1}]}, "MARS or EIC of"),
        ([], "a mapping by parameter"),
    ],
)
def test_refused(content: Any, message: str) -> None:
    with pytest.raises(ReformError, match=message):
        from_taxcalc(content)


@pytest.mark.parametrize(
    "content",
    [
        {"II_em": {"2026": 0}, "CTC_is_refundable": {"2026": False}, "UBI_21": {"2026": 0}},
        {"SS_Earnings_thd": {"2026": 9e99}, "ID_c": {"2026": [9e99] * 5}, "PT_qbid_limited": {"2026": True}},
        {"eitc_claim_prob_scale": {"2026": 9e99}, "EITC_sep_filers_elig": {"2026": True}},
        {"II_em-indexed": {"2026": False}},
        {"RRC_c": {"2021": 1400, "2022": 0}},  # over before our law begins
    ],
)
def test_what_says_off_is_taken_as_said(content: dict[str, Any]) -> None:
    assert not from_taxcalc(content).changes


def test_values_outside_the_range_are_refused_on_use() -> None:
    with pytest.raises(ReformError, match="outside the valid range"):
        law_under({"II_rt1": {"2026": 1.5}})


# --- the same as Tax-Calculator -----------------------------------------------------------------------------------


def taxcalc() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("taxcalc", reason="compares with Tax-Calculator: pip install taxcalc")


def tax_calculator_parameters() -> list[str]:
    return taxcalc().Policy.parameter_list()


def units() -> pd.DataFrame:
    """240 filing units of all kinds.

    Left out is what the two programs treat differently under current law: separate filers with children, benefits,
    little income or state taxes near the limit, surviving spouses with children above $200,000, self-employment
    near $400, gifts other than cash, alimony, untaxed pensions, itemized deductions of the very rich that the limit of
    section 68 would use up, and minimum tax of those near the standard deduction (Tax-Calculator lets them itemize
    for it).
    """
    rng = np.random.default_rng(7)
    rows = []
    for n in range(240):
        mars = int(rng.choice([1, 1, 2, 2, 2, 3, 4, 4, 5]))
        joint, apart = mars == 2, mars == 3
        old = not apart and rng.random() < 0.25
        kids = 0 if apart or old else int(rng.choice([0, 1, 2, 3, 4]) if mars != 1 else 0)
        level = float(rng.choice([15e3, 25e3, 40e3, 70e3, 120e3, 180e3, 450e3]))
        if apart:
            level = float(rng.choice([70e3, 120e3, 180e3]))
        if mars == 5:
            level = min(level, 120e3)
        wages = [round(level * rng.uniform(0.4, 1)), round(level * rng.uniform(0, 0.6)) if joint else 0]
        if old:
            wages = [0, 0] if rng.random() < 0.6 else [round(wages[0] / 4), 0]
        business = rng.random() < 0.25
        profit = round(level * rng.uniform(0.2, 0.6)) if business and not apart else 0
        saver = rng.random() < 0.4
        row = {
            "RECID": n + 1, "MARS": mars, "XTOT": 1 + joint + kids,
            "age_head": 70 if old else int(rng.integers(26, 60)),
            "age_spouse": (68 if old else int(rng.integers(26, 60))) if joint else 0,
            "blind_head": int(rng.random() < 0.05), "n24": kids, "EIC": min(kids, 3), "nu18": kids, "nu13": kids,
            "nu06": 0, "f2441": kids, "n1820": 0, "n21": 1 + joint,
            "e00200p": wages[0], "e00200s": wages[1], "e00200": sum(wages),
            "e00900p": profit, "e00900s": 0, "e00900": profit,
            "e00300": round(rng.uniform(100, 3000)) if saver else 0,
            "e00600": 2000 if saver else 0, "e00650": 1500 if saver else 0,
            "p23250": round(level * rng.uniform(0.05, 0.8)) if saver and rng.random() < 0.6 else 0,
            "p22250": -1000 if rng.random() < 0.1 else 0,
            "e02400": round(rng.uniform(8e3, 30e3)) if old else 0,
            "e01500": round(level / 3) if old else 0, "e01700": round(level / 3) if old else 0,
            "e03290": 1000 if rng.random() < 0.1 else 0,
            "e32800": 5000 if kids and rng.random() < 0.5 else 0,
        }  # fmt: skip
        if rng.random() < 0.35 and not apart:
            row |= {"e18400": round(level * 0.05), "e18500": 4000, "e19200": round(10e3 + level * 0.05),
                    "e19800": round(level * 0.03), "e17500": 2000}  # fmt: skip
        rows.append(row)
    frame = pd.DataFrame(rows).fillna(0)
    rich = frame.index[:12]  # the top bracket, the minimum tax and large gains
    frame.loc[rich, ["MARS", "XTOT", "n24", "EIC", "nu18", "nu13", "f2441", "age_spouse", "e00200s", "e02400"]] = 0
    frame.loc[rich, ["MARS", "XTOT", "n21", "age_head"]] = [1, 1, 1, 50]
    frame.loc[rich, ["e18400", "e18500", "e19200", "e19800", "e17500", "e32800", "e00900p", "e00900"]] = 0
    frame.loc[rich, ["e01500", "e01700"]] = 0
    frame.loc[rich, "e00200p"] = frame.loc[rich, "e00200"] = np.linspace(2e5, 9e5, 12).round()
    frame.loc[rich[6:], "p23250"] = 400_000
    frame.loc[rich[:6], "e19200"] = 90_000
    return frame


CLAIM = {"eitc_claim_prob_scale": {"2026": 9e99}, "actc_claim_prob_scale": {"2026": 9e99}}
OUTPUT = ("c00100", "iitax", "combined")

REFORMS: dict[str, dict[str, Any]] = {  # values from 2026 on
    "child credit": {"CTC_c": 3500, "ACTC_c": 3000, "ACTC_Income_thd": 0},
    "child credit phase-out": {"CTC_ps": [1e5, 15e4, 1e5, 1e5, 1e5], "CTC_prt": 0.1},
    "other dependents": {"ODC_c": 900, "ACTC_rt": 0.2, "ACTC_ChildNum": 1},
    "standard deduction": {"STD": [2e4, 4e4, 2e4, 3e4, 4e4], "STD_Aged": [3e3, 2e3, 2e3, 3e3, 2e3]},
    "rates": {f"II_rt{k}": r for k, r in enumerate((0.12, 0.15, 0.25, 0.28, 0.33, 0.36, 0.396), 1)},
    "brackets": {"II_brk1": [14e3, 28e3, 14e3, 2e4, 28e3], "II_brk5": [25e4, 45e4, 25e4, 25e4, 45e4]},
    "two brackets": {**{f"II_brk{k}": [9e99] * 5 for k in (2, 3, 4, 5, 6)}, "II_rt2": 0.25},
    "earned income credit": {"EITC_c": [1500, 5000, 8000, 9500], "EITC_rt": [0.153, 0.34, 0.4, 0.5]},
    "earned income credit phase-out": {
        "EITC_ps": [15e3, 27e3, 28e3, 29e3], "EITC_ps_addon_MarriedJ": [9e3] * 4, "EITC_prt": [0.1, 0.18, 0.2, 0.2],
    },
    "earned income credit ages": {"EITC_MinEligAge": 40, "EITC_MaxEligAge": 80},
    "investment income": {"EITC_InvestIncome_c": 1000, "NIIT_rt": 0.05, "NIIT_thd": [1e5] * 5},
    "gains": {"CG_rt2": 0.2, "CG_rt3": 0.28, "AMT_CG_rt2": 0.2, "AMT_CG_rt3": 0.28},
    "gains brackets": {"CG_brk1": [3e4] * 5, "CG_brk2": [1e5] * 5, "AMT_CG_brk1": [3e4] * 5, "AMT_CG_brk2": [1e5] * 5},
    "gains as income": {"CG_nodiff": True},
    "capital losses": {"Capital_loss_limitation": [500, 500, 250, 500, 500]},
    "payroll": {
        "FICA_ss_trt_employee": 0.07, "FICA_ss_trt_employer": 0.07, "FICA_mc_trt_employee": 0.02,
        "FICA_mc_trt_employer": 0.02, "SS_Earnings_c": 250_000, "AMEDT_rt": 0.02, "AMEDT_ec": [15e4] * 5,
    },
    "benefits": {
        "SS_thd1": [2e4, 25e3, 2e4, 2e4, 2e4], "SS_thd2": [3e4, 35e3, 3e4, 3e4, 3e4], "SS_percentage2": 0.9,
    },
    "minimum tax": {
        "AMT_em": [8e4, 13e4, 6e4, 8e4, 13e4], "AMT_em_ps": [2e5, 3e5, 15e4, 2e5, 3e5], "AMT_prt": 0.25,
        "AMT_rt1": 0.28,
    },
    "state taxes": {"ID_AllTaxes_c": [5000, 5000, 2500, 5000, 5000]},
    "no state taxes": {"ID_AllTaxes_hc": 1},
    "no gifts": {"ID_Charity_hc": 1},
    "itemized": {"ID_Charity_frt": 0.02, "ID_Medical_frt": 0.1, "ID_reduction_rate": 0},
    "seniors": {"SeniorDed_c": 9000, "SeniorDed_prt": 0.1, "SeniorDed_ps": [5e4, 8e4, 5e4, 5e4, 5e4]},
    "business": {"PT_qbid_rt": 0.1, "PT_qbid_min_ded": 1000, "ALD_SelfEmploymentTax_hc": 0.5},
    "care": {"CDCC_c": 2000, "CDCC_po1_rate_max": 0.4, "CDCC_ps1": 20_000},
}  # fmt: skip


def by_year(name: str) -> dict[str, Any]:
    return {key: {str(YEAR): v} for key, v in REFORMS[name].items()}


@pytest.fixture(scope="module")
def oracle() -> Iterator[Any]:
    """Tax-Calculator's outputs on the units under a reform."""
    tc = taxcalc()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        records = tc.Records(data=units(), start_year=YEAR, gfactors=None, weights=None, exact_calculations=True)

        def run(content: dict[str, Any]) -> pd.DataFrame:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                policy = tc.Policy()
                reform = json.dumps({**CLAIM, **content})
                policy.implement_reform(tc.Policy.read_json_reform(reform), print_warnings=False)
                calc = tc.Calculator(policy=policy, records=records, verbose=False)
                assert calc.current_year == YEAR
                calc.calc_all()
                return calc.dataframe(["RECID", *OUTPUT]).sort_values("RECID", ignore_index=True)

        yield run


@pytest.fixture(scope="module")
def baseline(oracle: Any) -> pd.DataFrame:
    return oracle({})


@pytest.fixture(scope="module")
def ours() -> Simulation:
    return Simulation(read_taxcalc(units(), YEAR), YEAR).with_rules(no_deductions_from_investment_income)


@rule(TaxUnit, name="net_investment_income_deductions")
def no_deductions_from_investment_income() -> float:
    """None, as in Tax-Calculator; the law allows them (26 USC 1411(c)(1)(B))."""
    return 0.0


def outputs(sim: Simulation) -> pd.DataFrame:
    names = {c: TAXCALC[c][0] for c in OUTPUT}
    frame = sim.calculate(*names.values()).sort_index()
    return pd.DataFrame({c: frame[name].to_numpy() for c, name in names.items()})


def test_current_law_agrees(baseline: pd.DataFrame, ours: Simulation) -> None:
    """The units are chosen so that changes can be compared at all; $1 is the rounding of published EITC maxima."""
    np.testing.assert_allclose(outputs(ours), baseline[list(OUTPUT)], atol=1.0)


@pytest.mark.parametrize("name", REFORMS)
def test_effects_agree(name: str, oracle: Any, baseline: pd.DataFrame, ours: Simulation) -> None:
    """The change of income and taxes of every unit is Tax-Calculator's, to the dollar (its EITC maxima are rounded)."""
    theirs = (oracle(by_year(name)) - baseline)[list(OUTPUT)]
    change = outputs(ours.with_reform(from_taxcalc(by_year(name)))) - outputs(ours)
    assert (theirs["combined"].abs() > 1).sum() >= 3  # the reform touches somebody
    np.testing.assert_allclose(change, theirs, atol=1.0)


@pytest.mark.parametrize("year", [2028, 2034])
@pytest.mark.parametrize(
    ("content", "name", "path"),
    [
        ({"STD": {"2026": [2e4, 4e4, 2e4, 3e4, 4e4]}}, "STD", "irs.deductions.standard.amount"),
        (
            {"STD": {"2026": [2e4, 4e4, 2e4, 3e4, 4e4]}, "STD-indexed": {"2028": False}},
            "STD",
            "irs.deductions.standard.amount",
        ),
        ({"STD-indexed": {"2027": False}}, "STD", "irs.deductions.standard.amount"),
        ({"CTC_ps-indexed": {"2026": True}}, "CTC_ps", "irs.credits.ctc.phase_out.threshold"),
        ({"SS_Earnings_c": {"2027": 300_000}}, "SS_Earnings_c", "irs.payroll.social_security.wage_base"),
        ({"SeniorDed_c": {"2026": 8000}}, "SeniorDed_c", "irs.deductions.senior.amount"),
        ({"II_brk1": {"2024": [12e3, 24e3, 12e3, 17e3, 24e3]}}, "II_brk1", "irs.income_tax.rates.threshold"),
    ],
)
def test_later_years_agree(content: dict[str, Any], name: str, path: str, year: int) -> None:
    """Values of later years are Tax-Calculator's but for rounding and its forecast of prices (3%) and wages (8%)."""
    tc = taxcalc()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        policy = tc.Policy()
        policy.implement_reform(tc.Policy.read_json_reform(json.dumps(content)), print_warnings=False)
        policy.set_year(year)
        theirs = np.ravel(getattr(policy, name))
    got = value(content, path, year)
    got = got[1] if name == "II_brk1" else got
    same = slice(0, 4) if name == "CTC_ps" else slice(None)  # theirs gives surviving spouses the joint threshold
    np.testing.assert_allclose(np.ravel(got)[same], theirs[same], rtol=0.08 if name == "SS_Earnings_c" else 0.03)
