"""PolicyEngine US as a witness: the columns of our units in its terms, and its results in ours.

It runs as a program of its own (`run_policyengine.py`) in its own interpreter; nothing of it is imported here.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from departures_policyengine import DEPARTURES
from departures_policyengine_credits import DEPARTURES as DEPARTURES_OF_CREDITS
from witness import Values, Witness

import jaxsim as js
from jaxsim.population import HEAD, SPOUSE
from jaxsim.rules.us.inputs import FILING_STATUS, SEPARATE

YEARS = (2023, 2024, 2025, 2026)
DRIVER = Path(__file__).parent / "run_policyengine.py"
FLOAT32 = 2e-6  # its arithmetic is in single precision: several roundings of 6e-8 of an income
TIPPED_OCCUPATION = 101.0
NEW_MORTGAGE, OLD_MORTGAGE = 2019.0, 2016.0
MONTHS = 12.0

# Columns of persons, and of the unit on its head, that go over as they are.
PERSON = {
    "age": "age",
    "is_blind": "is_blind",
    "farm_income": "farm_operations_income",
    "partnership_self_employment_income": "partnership_self_employment_net_earnings",
    "self_employment_income": "self_employment_income",
    "elective_deferrals": "traditional_401k_contributions",
    "educator_expense": "educator_expense",
    "traditional_ira_contributions": "traditional_ira_contributions",
    "is_covered_by_employer_plan": "ira_active_participant",
    "self_employed_pension_contributions": "self_employed_pension_contributions",
    "self_employed_health_insurance_premiums": "self_employed_health_insurance_premiums",
    "is_full_time_student": "is_full_time_student",
    "qualified_tuition_expenses": "qualified_tuition_expenses",
    "is_retired_on_disability": "retired_on_total_disability",
    "disability_income": "total_disability_payments",
    "able_contributions": "able_contributions_person",
}
UNIT = {
    "taxable_interest_income": "taxable_interest_income",
    "tax_exempt_interest_income": "tax_exempt_interest_income",
    "qualified_dividend_income": "qualified_dividend_income",
    "short_term_capital_gains": "short_term_capital_gains",
    "other_net_gain": "other_net_gain",
    "state_tax_refund": "salt_refund_income",
    "alimony_income": "alimony_income",
    "alimony_paid": "alimony_expense",
    "taxable_ira_distributions": "taxable_ira_distributions",
    "taxable_pension_income": "taxable_private_pension_income",
    "unemployment_compensation": "unemployment_compensation",
    "social_security": "social_security_retirement",
    "reported_health_savings_account_deduction": "health_savings_account_ald",
    "early_withdrawal_penalty": "early_withdrawal_penalty",
    "student_loan_interest": "student_loan_interest",
    "medical_expense": "other_medical_expenses",
    "state_and_local_income_or_sales_tax": "state_and_local_sales_or_income_tax",
    "real_estate_tax": "real_estate_taxes",
    "home_mortgage_interest": "home_mortgage_interest",
    "home_mortgage_balance": "first_home_mortgage_balance",
    "mortgage_insurance_premiums": "mortgage_insurance_premiums",
    "investment_interest_expense": "investment_interest_expense",
    "disaster_casualty_loss": "casualty_loss",
    "miscellaneous_expense": "unreimbursed_business_employee_expenses",
    "gambling_winnings": "gambling_winnings",
    "gambling_losses": "gambling_losses",
    "reported_other_taxes": "recapture_of_investment_credit",
    "benchmark_premium": "slcsp",
    "marketplace_premium": "selected_marketplace_plan_premium_proxy",
    "used_clean_vehicles": "purchased_qualifying_used_clean_vehicle",
    "used_clean_vehicle_price": "used_clean_vehicle_sale_price",
    "new_clean_vehicles": "purchased_qualifying_new_clean_vehicle",
    "energy_property_expense": "energy_efficient_central_air_conditioner_expenditures",
    "cash_charity": "charitable_cash_donations",
    "care_expense": "tax_unit_childcare_expenses",
    "separate_filer_itemizes": "separate_filer_itemizes",
    "miscellaneous_income": "miscellaneous_income",
    "dependent_care_benefits": "dependent_care_employer_benefits",
    "qualified_tips": "tip_income",
    "qualified_overtime_compensation": "fsla_overtime_premium",
    "qualified_vehicle_loan_interest": "qualified_passenger_vehicle_loan_interest",
    "gain_elected_as_investment_income": "investment_income_elected_form_4952",
    "unrecaptured_section_1250_gain": "unrecaptured_section_1250_gain_before_losses",
    "collectibles_gain": "collectibles_gain_or_loss",
    "qualified_reit_and_ptp_income": "qualified_reit_and_ptp_income",
    "reported_foreign_tax_credit": "foreign_tax_credit_potential",
    "residential_clean_energy_expense": "solar_electric_property_expenditures",
    "energy_efficient_window_expense": "energy_efficient_window_expenditures",
    "energy_efficient_door_expense": "energy_efficient_door_expenditures",
    "insulation_expense": "energy_efficient_insulation_expenditures",
    "heat_pump_expense": "heat_pump_expenditures",
    "home_energy_audit_expense": "home_energy_audit_expenditures",
}
COMBINED = (  # go over with others, see `to_policyengine`
    "filing_status", "eitc_qualifying_children", "employment_income", "head_is_dependent_elsewhere",
    "lives_apart_from_spouse", "business_is_sstb", "business_w2_wages", "business_property",
    "ordinary_dividend_income", "pension_income", "rental_partnership_s_corp_income",
    "active_partnership_s_corp_income", "long_term_capital_gains", "capital_gain_distributions",
    "alimony_agreement_after_2018", "noncash_charity", "capital_gain_property_gifts", "mortgage_predates_2018",
    "is_american_opportunity_student", "retirement_savings_contributions", "vehicle_bought_after_september",
    "months_of_study_or_incapacity",
)  # fmt: skip
# Their own computations that would add what our units do not have.
SET_TO_NOTHING = (
    "medical_expense_health_insurance_premiums",
    "capped_insulation_air_sealing_ventilation_rebate",
    "capped_heat_pump_rebate",
    "capped_heat_pump_water_heater_rebate",
)
# Outputs that it computes for all years and deducts from this one on.
DEDUCTED_FROM = {"tips": 2025, "overtime": 2025, "vehicle_interest": 2025, "senior": 2025}

# What a student of ours fulfils, and a new clean vehicle.
STUDENT = (
    "is_pursuing_credential_for_american_opportunity_credit",
    "attends_eligible_educational_institution_for_american_opportunity_credit",
    "is_enrolled_at_least_half_time_for_american_opportunity_credit",
    "has_american_opportunity_credit_1098_t_or_exception",
    "has_american_opportunity_credit_institution_ein",
    "attends_eligible_educational_institution_for_lifetime_learning_credit",
    "has_lifetime_learning_credit_1098_t_or_exception",
)
NEW_VEHICLE = {
    "new_clean_vehicle_battery_capacity": 60.0,
    "new_clean_vehicle_msrp": 40_000.0,
    "new_clean_vehicle_battery_components_made_in_north_america": 1.0,
    "new_clean_vehicle_battery_critical_minerals_extracted_in_trading_partner_country": 1.0,
}

# Their variables whose sum an output is; "standard" and "itemized" are then taken by their choice to itemize.
RESULTS: Mapping[str, tuple[str, ...]] = {
    "agi": ("adjusted_gross_income",),
    "taxable_ss": ("tax_unit_taxable_social_security",),
    "standard": ("standard_deduction", "charitable_deduction_for_non_itemizers"),
    "itemized": ("itemized_taxable_income_deductions",),
    "senior": ("additional_senior_deduction",),
    "tips": ("tip_income_deduction",),
    "overtime": ("overtime_income_deduction",),
    "vehicle_interest": ("auto_loan_interest_deduction",),
    "qbi": ("qualified_business_income_deduction",),
    "taxable_income": ("taxable_income",),
    "medical": ("medical_expense_deduction",),
    "taxes": ("salt_deduction",),
    "interest": ("interest_deduction",),
    "charity": ("charitable_deduction",),
    "casualty": ("casualty_loss_deduction",),
    "gambling": ("wagering_losses_deduction",),
    "regular_tax": ("regular_tax_before_credits",),
    "amt": ("alternative_minimum_tax",),
    "before_credits": ("income_tax_before_credits",),
    "niit": ("net_investment_income_tax",),
    "foreign_tax_credit": ("foreign_tax_credit",),
    "care": ("cdcc",),
    "elderly": ("elderly_disabled_credit",),
    "education": ("non_refundable_american_opportunity_credit", "lifetime_learning_credit"),
    "energy": ("energy_efficient_home_improvement_credit",),
    "clean_energy": ("residential_clean_energy_credit",),
    "savers": ("savers_credit",),
    "vehicles": ("used_clean_vehicle_credit", "new_clean_vehicle_credit"),
    "nonrefundable": ("income_tax_capped_non_refundable_credits",),  # they do not limit each by the tax left to it
    "refundable_ctc": ("refundable_ctc",),
    "eitc": ("eitc",),
    "refundable_aotc": ("refundable_american_opportunity_credit",),
    "se_tax": ("self_employment_tax",),
    "social_security_tax": ("employee_social_security_tax",),
    "medicare_tax": ("employee_medicare_tax",),
    "additional_medicare": ("additional_medicare_tax",),
    "premium_credit": ("used_aca_ptc",),
    "income_tax": ("income_tax", "-used_aca_ptc"),  # which their income tax leaves out
}


def as_policyengine_knows(population: js.Population) -> js.Population:
    """The population with IRA contributions among those for the saver's credit, and students who study all year."""
    person = population.tables["person"]
    saved = np.maximum(person["retirement_savings_contributions"], person["traditional_ira_contributions"])
    months = MONTHS * person["is_full_time_student"] * (person["role"] <= SPOUSE)
    return population.with_column("retirement_savings_contributions", saved).with_column(
        "months_of_study_or_incapacity", months
    )


def to_policyengine(population: js.Population) -> pd.DataFrame:
    """One row a person, in PolicyEngine's terms; amounts of the unit stand on its head."""
    person, unit = population.tables["person"], population.tables["tax_unit"]
    at = population.links["tax_unit_of_person"]
    role = person["role"]
    head, filer = role == HEAD, role <= SPOUSE

    def on_head(column: np.ndarray) -> np.ndarray:
        return np.where(head, column[at], 0.0)

    columns: dict[str, np.ndarray] = {"tax_unit_id": unit["tax_unit_id"][at], "role": role}
    columns |= {theirs: person[ours] for ours, theirs in PERSON.items()}
    columns |= {theirs: on_head(unit[ours]) for ours, theirs in UNIT.items()}
    columns |= {theirs: np.zeros(len(role)) for theirs in SET_TO_NOTHING}
    columns["employment_income"] = person["employment_income"] + person["elective_deferrals"]
    columns["filing_status"] = np.array(FILING_STATUS)[unit["filing_status"].astype(int)][at]
    columns["state_fips"] = population.tables["household"]["state_fips"][population.links["household_of_person"]]
    separate = unit["filing_status"] == SEPARATE
    columns["cohabitating_spouses"] = on_head(separate * (1 - unit["lives_apart_from_spouse"]))
    columns["claimed_as_dependent_on_another_return"] = on_head(unit["head_is_dependent_elsewhere"])
    columns["claimable_as_dependent_on_another_return"] = on_head(unit["head_is_dependent_elsewhere"])
    columns["non_qualified_dividend_income"] = on_head(
        unit["ordinary_dividend_income"] - unit["qualified_dividend_income"]
    )
    columns["tax_exempt_private_pension_income"] = on_head(unit["pension_income"] - unit["taxable_pension_income"])
    columns["long_term_capital_gains"] = on_head(unit["long_term_capital_gains"] + unit["capital_gain_distributions"])
    active, total = unit["active_partnership_s_corp_income"], unit["rental_partnership_s_corp_income"]
    partner = person["partnership_self_employment_income"]
    of_partners = np.bincount(at, weights=partner * filer, minlength=len(active))
    columns["partnership_income"] = partner
    owner = person_rows_of_owners(population)
    for theirs, amount in (
        ("s_corp_income", active - of_partners),
        ("w2_wages_from_qualified_business", unit["business_w2_wages"]),
        ("unadjusted_basis_qualified_property", unit["business_property"]),
    ):
        columns[theirs] = np.zeros(len(role))
        columns[theirs][owner] = amount
    columns["rental_income"] = on_head(total - active)
    columns["rental_income_would_be_qualified"] = np.zeros(len(role))
    columns["business_is_sstb"] = unit["business_is_sstb"][at] * filer
    columns["divorce_year"] = np.where(unit["alimony_agreement_after_2018"][at] > 0, 2019, 2010)
    gifts = unit["capital_gain_property_gifts"]
    columns["charitable_non_cash_donations"] = on_head(unit["noncash_charity"] - gifts)
    columns["charitable_capital_gain_donations_50_pct_orgs"] = on_head(gifts)
    columns["would_file_taxes_voluntarily"] = np.ones(len(role))
    columns["treasury_tipped_occupation_code"] = on_head(np.where(unit["qualified_tips"] > 0, TIPPED_OCCUPATION, 0))
    year = np.where(unit["mortgage_predates_2018"] > 0, OLD_MORTGAGE, NEW_MORTGAGE)
    columns["first_home_mortgage_origination_year"] = on_head(year)
    studies = person["qualified_tuition_expenses"] > 0
    columns |= {theirs: studies for theirs in STUDENT}
    columns["has_completed_first_four_years_of_postsecondary_education"] = 1 - person["is_american_opportunity_student"]
    columns["roth_403b_contributions"] = (
        person["retirement_savings_contributions"] - person["traditional_ira_contributions"]
    )
    columns["is_separated"] = on_head(separate * unit["lives_apart_from_spouse"])
    columns["pays_aca_premium"] = on_head(unit["benchmark_premium"] > 0)
    columns["takes_up_aca_if_eligible"] = on_head(unit["benchmark_premium"] > 0)
    columns |= {theirs: on_head(unit["new_clean_vehicles"] * value) for theirs, value in NEW_VEHICLE.items()}
    return pd.DataFrame(columns)


def person_rows_of_owners(population: js.Population) -> np.ndarray:
    """Row of the filer who has the business of a unit: the one with the greater profit or loss, else the head."""
    person = population.tables["person"]
    head, spouse, _ = population.filers
    business = np.abs(
        person["self_employment_income"] + person["farm_income"] + person["partnership_self_employment_income"]
    )
    return np.where((spouse >= 0) & (business[spouse] > business[head]), spouse, head)


def witness(python: str) -> Witness:
    """PolicyEngine in an interpreter that has it."""
    command = [python, "-c", "from importlib.metadata import version; print(version('policyengine-us'))"]
    version = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    def run(population: js.Population, year: int) -> Values:
        return run_policyengine(python, to_policyengine(population), year)

    return Witness(
        name=f"PolicyEngine US {version}",
        years=YEARS,
        inputs=frozenset((*PERSON, *UNIT, *COMBINED)),
        run=run,
        outputs=tuple(RESULTS),
        departures=(*DEPARTURES, *DEPARTURES_OF_CREDITS),
        relative=FLOAT32,
        notes=(
            "It runs by `run_policyengine.py`, over arrays. Filing status, ages and roles are given; each unit is a "
            "household in Texas, and the state and local taxes paid are given, so that no state law enters. Everyone "
            "files and takes up what is due. It is told to itemize by the greater deduction, as jaxsim does, not "
            "by the tax, and there are no rebates for homes.",
            "Its premium tax credit, which its income tax leaves out, is taken off here, with premiums given for the "
            "benchmark plan and for the plan bought. Students study in all months, contributions to IRAs are among "
            "those for the saver's credit, new clean vehicles qualify in full.",
            "It has no place for adoption, the tax of children at their parents' rate, foreign taxes (only the credit)"
            ", contributions to health savings accounts (only the deduction), moving, early distributions, advance "
            "payments and months of the premium credit, other adjustments of the minimum tax, the credits for "
            "business and for the minimum tax of earlier years, excess payroll tax, personal property tax, losses "
            "of business income carried forward, casualty losses beside disasters (neither allows them), the number of "
            "doors and of items of energy property, and lifetime learning expenses but each student's.",
            f"Its arithmetic is in single precision: values agree within $1 and {FLOAT32:g} of income.",
        ),
    )


def run_policyengine(python: str, persons: pd.DataFrame, year: int) -> Values:
    """Outputs by tax unit, in the order of their ids."""
    variables = sorted({v.lstrip("-") for parts in RESULTS.values() for v in parts} | {"tax_unit_itemizes"})
    with tempfile.TemporaryDirectory() as folder:
        given, made = Path(folder) / "persons.csv", Path(folder) / "units.csv"
        persons.to_csv(given, index=False)
        command = [python, str(DRIVER), str(given), str(made), "--year", str(year), "--outputs", *variables]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"PolicyEngine failed: {done.stderr.strip().splitlines()[-1:]}")
        units = pd.read_csv(made)
    results = {
        o: sum(-units[v[1:]].to_numpy() if v.startswith("-") else units[v].to_numpy() for v in parts)
        for o, parts in RESULTS.items()
    }
    results |= {o: 0 * results[o] for o, first in DEDUCTED_FROM.items() if year < first}
    itemizes = units["tax_unit_itemizes"].to_numpy()
    results["standard"] = results["standard"] * (1 - itemizes)
    results["itemized"] = results["itemized"] * itemizes
    return results
