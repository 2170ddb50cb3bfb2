"""Input columns of the US system: what data supplies, with unit, default and valid range.

Amounts that a joint return adds up are columns of the tax unit (26 USC 6013); they may also be given on persons and
are then summed. What the law looks at person by person (wages, self-employment, age) is a column of the person.
"""

from __future__ import annotations

from jaxsim.engine import Entity, Input
from jaxsim.parameters import DIMENSIONS
from jaxsim.rules.us.entities import Household, Person, TaxUnit

FILING_STATUS = DIMENSIONS["filing_status"]
SINGLE, JOINT, SEPARATE, HEAD_OF_HOUSEHOLD, SURVIVING_SPOUSE = range(5)


def _money(entity: Entity, name: str, label: str, signed: bool = False) -> Input:
    return Input(name, entity, label, "USD/year", low=-1e10 if signed else 0.0, high=1e11)


def _count(name: str, label: str, high: float = 30) -> Input:
    return Input(name, TaxUnit, label, "count", kind="count", low=0, high=high)


def _flag(entity: Entity, name: str, label: str) -> Input:
    return Input(name, entity, label, "flag", kind="flag", low=0, high=1)


INPUTS = (
    Input("age", Person, "Age at the end of the year", "year", kind="age", low=0, high=120),
    _flag(Person, "is_blind", "Blind at the end of the year"),
    _money(Person, "employment_income", "Wages, salaries and tips"),
    _money(Person, "self_employment_income", "Net profit of a trade or business", signed=True),
    _money(Person, "farm_income", "Net profit from farming", signed=True),
    _money(Person, "partnership_self_employment_income", "Partner's net earnings from self-employment", signed=True),
    Input("filing_status", TaxUnit, "Filing status", "category", kind="category", low=0, high=4,
          categories=FILING_STATUS),
    _flag(TaxUnit, "head_is_dependent_elsewhere", "The filer can be claimed as a dependent by another"),
    _flag(TaxUnit, "separate_filer_itemizes", "The spouse of a separate filer itemizes"),
    _count("dependents", "Dependents"),
    _count("ctc_qualifying_children", "Children qualifying for the child tax credit"),
    _count("eitc_qualifying_children", "Children qualifying for the earned income credit, 3 for more", high=30),
    _count("children_under_6", "Dependents under 6"),
    _count("children_under_13", "Dependents under 13"),
    _count("care_qualifying_persons", "Persons qualifying for the dependent care credit"),
    _count("elderly_dependents", "Dependents aged 65 or more"),
    _count("members_under_18", "Members under 18, filers included"),
    _count("members_18_to_20", "Members aged 18 to 20, filers included"),
    _count("members_21_and_over", "Members aged 21 or more, filers included"),
    _money(TaxUnit, "taxable_interest_income", "Taxable interest"),
    _money(TaxUnit, "tax_exempt_interest_income", "Tax-exempt interest"),
    _money(TaxUnit, "ordinary_dividend_income", "Ordinary dividends, qualified ones included"),
    _money(TaxUnit, "qualified_dividend_income", "Qualified dividends"),
    _money(TaxUnit, "short_term_capital_gains", "Net short-term capital gain or loss", signed=True),
    _money(TaxUnit, "long_term_capital_gains", "Net long-term capital gain or loss", signed=True),
    _money(TaxUnit, "capital_gain_distributions", "Capital gain distributions"),
    _money(TaxUnit, "other_net_gain", "Other gains or losses (Form 4797)", signed=True),
    _money(TaxUnit, "state_tax_refund", "Taxable refunds of state and local income tax"),
    _money(TaxUnit, "alimony_income", "Alimony received under instruments executed before 2019"),
    _money(TaxUnit, "taxable_ira_distributions", "Taxable IRA distributions"),
    _money(TaxUnit, "pension_income", "Pensions and annuities, total"),
    _money(TaxUnit, "taxable_pension_income", "Pensions and annuities, taxable part"),
    _money(TaxUnit, "rental_partnership_s_corp_income",
           "Net income from rents, royalties, partnerships, S corporations, estates and trusts", signed=True),
    _money(TaxUnit, "active_partnership_s_corp_income", "Of which from active partnerships and S corporations",
           signed=True),
    _money(TaxUnit, "unemployment_compensation", "Unemployment compensation"),
    _money(TaxUnit, "social_security", "Social Security benefits"),
    _money(TaxUnit, "educator_expense_deduction", "Deduction for educator expenses"),
    _money(TaxUnit, "health_savings_account_deduction", "Deduction for health savings accounts"),
    _money(TaxUnit, "self_employed_pension_deduction", "Deduction for plans of the self-employed"),
    _money(TaxUnit, "self_employed_health_insurance_deduction", "Deduction for health insurance of the self-employed"),
    _money(TaxUnit, "early_withdrawal_penalty", "Penalty on early withdrawal of savings"),
    _money(TaxUnit, "alimony_paid", "Alimony paid under instruments executed before 2019"),
    _money(TaxUnit, "ira_deduction", "Deduction for individual retirement arrangements"),
    _money(TaxUnit, "student_loan_interest_deduction", "Deduction for student loan interest"),
    _money(TaxUnit, "medical_expense", "Medical and dental expenses"),
    _money(TaxUnit, "state_and_local_income_or_sales_tax", "State and local income or sales taxes paid"),
    _money(TaxUnit, "real_estate_tax", "Real estate taxes paid"),
    _money(TaxUnit, "deductible_interest_expense", "Mortgage and investment interest that may be deducted"),
    _money(TaxUnit, "cash_charity", "Gifts of cash to charity"),
    _money(TaxUnit, "noncash_charity", "Gifts other than cash to charity"),
    _money(TaxUnit, "care_expense", "Expenses for the care of children and dependents"),
    _money(TaxUnit, "ssi", "Supplemental Security Income"),
    _money(TaxUnit, "tanf", "Temporary Assistance for Needy Families"),
    _money(TaxUnit, "veterans_benefits", "Veterans' benefits"),
    _money(TaxUnit, "wic", "Benefits of the WIC nutrition programme"),
    _money(TaxUnit, "medicaid_value", "Insurance value of Medicaid"),
    _money(TaxUnit, "medicare_value", "Insurance value of Medicare"),
    _money(TaxUnit, "other_benefits", "Other public benefits"),
    _money(Household, "snap", "Benefits of the SNAP nutrition programme"),
    _money(Household, "housing_assistance", "Value of housing assistance"),
    Input("state_fips", Household, "State, FIPS code (0 unknown)", "category", kind="code", low=0, high=56),
    _flag(TaxUnit, "business_is_sstb", "The business is a specified service trade (health, law, consulting ...)"),
    _money(TaxUnit, "business_w2_wages", "W-2 wages paid by the filers' businesses, their share"),
    _money(TaxUnit, "business_property", "Unadjusted basis of qualified property of the filers' businesses"),
    _flag(TaxUnit, "lives_apart_from_spouse", "A separate filer who lived apart from the spouse all year"),
    Input("months_of_study_or_incapacity", Person, "Months as full-time student or unable to care for oneself", "count",
          kind="count", low=0, high=12),
)  # fmt: skip
