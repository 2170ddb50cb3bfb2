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
PARTNER = {"k1bx14": "partnership_self_employment_income"}  # split, without a column for the sum

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
    "e32800": "care_expense",
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

UNUSED = frozenset((
    "auto_loan_interest", "cmbtp", "e03230", "e03240", "e07240", "e07260", "e07300", "e07400", "e07600", "e09700",
    "e09800", "e09900", "e11200", "e20400", "e24515", "e24518", "e27200", "e58990", "e62900", "e87521", "e87530",
    "f6251", "g20500", "overtime_income", "p08000", "pencon_p", "pencon_s", "tip_income",
))  # fmt: skip

SUFFIXED = frozenset(f"{c}{s}" for c in (*SPLIT, *PARTNER) for s in "ps")
KNOWN = frozenset((*SPLIT, *UNIT, *COUNTS, *FLAGS, *SHARED, *PERSON, *IDS)) | UNUSED | SUFFIXED
