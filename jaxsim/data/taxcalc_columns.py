"""What each column of Tax-Calculator's input format is called here.

The format is that of `Records` in the open-source Tax-Calculator: one row a tax filing unit, dollars a year. Columns
in UNUSED are known to the format and have no home in our inputs yet; the reader says so when they are not all zero.
"""

from __future__ import annotations

# Head ("p") and spouse ("s") parts; the name without suffix is their sum.
SPLIT = {
    "e00200": "employment_income",
    "e00900": "self_employment_income",
    "e02100": "farm_income",
}
PARTS = {"k1bx14": "partnership_self_employment_income", "pencon_": "elective_deferrals"}  # without one for the sum

UNIT = {
    "e00300": "taxable_interest_income",
    "e00400": "tax_exempt_interest_income",
    "e00600": "ordinary_dividend_income",
    "e00650": "qualified_dividend_income",
    "e00700": "state_tax_refund",
    "e00800": "alimony_income",
    "e01100": "capital_gain_distributions",
    "e01200": "other_net_gain",
    "e01400": "taxable_ira_distributions",
    "e01500": "pension_income",
    "e01700": "taxable_pension_income",
    "e02000": "rental_partnership_s_corp_income",
    "e26270": "active_partnership_s_corp_income",
    "e02300": "unemployment_compensation",
    "e02400": "social_security",
    "p22250": "short_term_capital_gains",
    "p23250": "long_term_capital_gains",
    "e03150": "reported_ira_deduction",
    "e03210": "reported_student_loan_interest_deduction",
    "e03220": "reported_educator_expense_deduction",
    "e03270": "reported_self_employed_health_insurance_deduction",
    "e03290": "reported_health_savings_account_deduction",
    "e03300": "reported_self_employed_pension_deduction",
    "e03400": "early_withdrawal_penalty",
    "e03500": "alimony_paid",
    "e17500": "medical_expense",
    "e18400": "state_and_local_income_or_sales_tax",
    "e18500": "real_estate_tax",
    "e19200": "deductible_interest_expense",
    "e19800": "cash_charity",
    "e20100": "noncash_charity",
    "e20400": "miscellaneous_expense",
    "g20500": "other_casualty_loss",  # before the floor, and not told apart by disaster: Tax-Calculator allows none
    "e24515": "unrecaptured_section_1250_gain",
    "e24518": "collectibles_gain",
    "e58990": "gain_elected_as_investment_income",
    "tip_income": "qualified_tips",
    "overtime_income": "qualified_overtime_compensation",
    "auto_loan_interest": "qualified_vehicle_loan_interest",
    "cmbtp": "amt_adjustments",
    "e32800": "care_expense",
    "e07240": "reported_savers_credit",
    "e07260": "reported_energy_credit",
    "e07300": "reported_foreign_tax_credit",
    "e07400": "reported_general_business_credit",
    "e07600": "reported_prior_year_minimum_tax_credit",
    "p08000": "reported_other_nonrefundable_credits",
    "e87521": "reported_american_opportunity_credit",
    "e87530": "lifetime_learning_expenses",
    "e11200": "excess_payroll_tax_withheld",
    "PT_binc_w2_wages": "business_w2_wages",
    "PT_ubia_property": "business_property",
    "ssi_ben": "ssi",
    "tanf_ben": "tanf",
    "vet_ben": "veterans_benefits",
    "wic_ben": "wic",
    "mcaid_ben": "medicaid_value",
    "mcare_ben": "medicare_value",
    "other_ben": "other_benefits",
}

COUNTS = {
    "n24": "ctc_qualifying_children",
    "EIC": "eitc_qualifying_children",
    "nu06": "children_under_6",
    "nu13": "children_under_13",
    "f2441": "care_qualifying_persons",
    "elderly_dependents": "elderly_dependents",
    "nu18": "members_under_18",
    "n1820": "members_18_to_20",
    "n21": "members_21_and_over",
}

FLAGS = {
    "DSI": "head_is_dependent_elsewhere",
    "MIDR": "separate_filer_itemizes",
    "PT_SSTB_income": "business_is_sstb",
}

# Amounts that stand on several units of a household at once, and the group whose amount it is. In the bundled CPS file
# SNAP is equal on all units of a household without exception, housing assistance on all of a family.
SHARED = {"snap_ben": ("snap", "household"), "housing_ben": ("housing_assistance", "family")}

BENEFITS = ("snap_ben", "housing_ben", "ssi_ben", "tanf_ben", "wic_ben", "vet_ben", "mcaid_ben", "mcare_ben",
            "other_ben")  # fmt: skip

PERSON = ("age_head", "age_spouse", "blind_head", "blind_spouse")
IDS = ("RECID", "MARS", "XTOT", "FLPDYR", "h_seq", "ffpos", "a_lineno", "fips", "s006", "agi_bin", "data_source")

# Columns that are added up. Unreported payroll taxes (e09800) are none of them: Tax-Calculator counts them with the
# payroll taxes.
SUMS = {"reported_other_taxes": ("e09700", "e09900")}

# The foreign tax credit of the minimum tax, and the flag of filing Form 6251 without which it is not known. Where it is
# not known the regular credit stands for it, in Tax-Calculator as in our rules.
MINIMUM_TAX_CREDIT = {"amt_foreign_tax_credit": ("f6251", "e62900")}

# Of these the law of the years covered knows two no more (e03230, e03240); e27200 is a part of e02000.
UNUSED = frozenset(("e03230", "e03240", "e09800", "e27200"))

SUFFIXED = frozenset(f"{c}{s}" for c in (*SPLIT, *PARTS) for s in "ps")
MANY = frozenset(c for columns in (*SUMS.values(), *MINIMUM_TAX_CREDIT.values()) for c in columns)
KNOWN = frozenset((*SPLIT, *UNIT, *COUNTS, *FLAGS, *SHARED, *PERSON, *IDS)) | MANY | UNUSED | SUFFIXED
