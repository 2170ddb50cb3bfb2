"""Results in Tax-Calculator's and TAXSIM's output names, for the `calc` command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from jaxsim.simulation import Simulation

# Output name: the sum of these variables (a minus sign subtracts).
TAXCALC: dict[str, tuple[str, ...]] = {
    "c00100": ("adjusted_gross_income",),
    "c01000": ("capital_gain_in_income",),
    "c02500": ("taxable_social_security",),
    "c02900": ("adjustments",),
    "c03260": ("self_employment_tax_deduction",),
    "standard": ("standard_deduction", "nonitemizer_charitable_deduction"),
    "c17000": ("medical_deduction",),
    "c18300": ("state_and_local_tax_deduction",),
    "c19200": ("interest_deduction",),
    "c19700": ("charitable_deduction",),
    "c21060": ("itemized_deductions_before_limit",),
    "c04470": ("itemized_deductions",),
    "senior_deduction": ("senior_deduction",),
    "tip_income_deduction": ("tip_income_deduction",),
    "overtime_income_deduction": ("overtime_income_deduction",),
    "auto_loan_interest_deduction": ("auto_loan_interest_deduction",),
    "qbided": ("qbi_deduction",),
    "c04800": ("taxable_income",),
    "taxbc": ("regular_tax",),
    "c09600": ("alternative_minimum_tax",),
    "c05800": ("tax_before_credits",),
    "niit": ("net_investment_income_tax",),
    "c07180": ("dependent_care_credit",),
    "c07200": ("elderly_credit",),
    "c07220": ("nonrefundable_ctc", "-other_dependent_credit"),
    "c07230": ("nonrefundable_education_credit",),
    "c07240": ("savers_credit",),
    "c07260": ("energy_efficient_home_credit", "residential_clean_energy_credit"),
    "c07300": ("foreign_tax_credit",),
    "c07400": ("general_business_credit",),
    "c07600": ("prior_year_minimum_tax_credit",),
    "c08000": ("other_nonrefundable_credits",),
    "odc": ("other_dependent_credit",),
    "c07100": ("nonrefundable_credits",),
    "c10960": ("refundable_american_opportunity_credit",),
    "c11070": ("refundable_ctc",),
    "eitc": ("eitc",),
    "refund": ("refundable_credits",),
    "earned": ("earned_income",),
    "setax": ("self_employment_tax",),
    "ptax_was": (
        "tax_unit_employee_social_security_tax",
        "tax_unit_employer_social_security_tax",
        "employee_medicare_tax",
        "employer_medicare_tax",
    ),
    "ptax_amc": ("additional_medicare_tax",),
    "payrolltax": ("payroll_tax",),
    "iitax": ("income_tax",),
    "combined": ("combined_tax",),
}

# TAXSIM-35's fiitax holds the income tax with net investment income tax; its fica both sides of payroll taxes.
TAXSIM: dict[str, tuple[str, ...]] = {
    "fiitax": ("income_tax",),
    "fica": ("payroll_tax",),
    "v10": ("adjusted_gross_income",),
    "v11": ("unemployment_compensation",),
    "v12": ("taxable_social_security",),
    "v13": ("standard_deduction",),
    "v17": ("itemized_deductions",),
    "v18": ("taxable_income",),
    "v19": ("regular_tax",),
    "v22": ("nonrefundable_ctc",),
    "v23": ("refundable_ctc",),
    "v24": ("dependent_care_credit",),
    "v25": ("eitc",),
    "v27": ("alternative_minimum_tax",),
    "v29": ("payroll_tax",),
    "qbid": ("qbi_deduction",),
    "niit": ("net_investment_income_tax",),
}


def output(sim: Simulation, format: str) -> pd.DataFrame:
    """Results by tax unit in the names of "taxcalc" or "taxsim", in the order of the units' ids.

    TAXSIM's state tax (siitax) and items not listed are not computed and are left out.
    """
    import pandas as pd

    names = {"taxcalc": TAXCALC, "taxsim": TAXSIM}[format]
    variables = sorted({part.lstrip("-") for parts in names.values() for part in parts})
    values = sim.columns(*variables)
    unit = sim.population.tables["tax_unit"]
    columns = {
        name: np.round(sum(-values[p[1:]] if p.startswith("-") else values[p] for p in parts) + 0.0, 2)
        for name, parts in names.items()
    }
    first = {"taxcalc": "RECID", "taxsim": "taxsimid"}[format]
    table = pd.DataFrame({first: unit["tax_unit_id"], **columns})
    if format == "taxsim":
        table.insert(1, "year", sim.year)
    return table.sort_values(first, ignore_index=True)
