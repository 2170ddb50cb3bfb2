"""Social Security benefits included in gross income (26 USC 86)."""

from jaxsim.engine import rule, same_law
from jaxsim.numerics import choose, equals, lower_of, pick, relu
from jaxsim.rules.us.entities import TaxUnit
from jaxsim.rules.us.inputs import SEPARATE, SINGLE

PATH = "irs.income_tax.social_security_benefits"


@rule(TaxUnit, parameters=PATH, reference="26 USC 86(b)(1)(A) and (2)")
def social_security_provisional_income(
    income_before_social_security,
    adjustments_before_student_loan_interest,
    tax_exempt_interest_income,
    social_security,
    p,
):
    """Modified adjusted gross income, for which student loan interest is not deducted, plus half of the benefits."""
    modified = income_before_social_security - adjustments_before_student_loan_interest
    return modified + tax_exempt_interest_income + p.benefit_share_in_modified_income * social_security


@rule(TaxUnit, parameters=PATH, reference="26 USC 86(a), (c)(1)(C)(ii) and (c)(2)(C)(ii)")
def taxable_social_security(
    social_security_provisional_income, social_security, filing_status, lives_apart_from_spouse, p
):
    """Taxable part of the benefits: up to half above the base amount, up to 85 percent above the adjusted one."""
    apart = equals(filing_status, SEPARATE) * lives_apart_from_spouse
    base = choose(apart, p.base_amount[SINGLE], pick(p.base_amount, filing_status))
    adjusted = choose(apart, p.adjusted_base_amount[SINGLE], pick(p.adjusted_base_amount, filing_status))
    above_base = relu(social_security_provisional_income - base)
    first = p.base_rate * lower_of(lower_of(above_base, social_security), adjusted - base)
    second = p.additional_rate * relu(social_security_provisional_income - adjusted)
    return lower_of(first + second, p.additional_rate * social_security)


provisional_income_before_ira_deduction = same_law(
    social_security_provisional_income,
    "provisional_income_before_ira_deduction",
    label="Modified adjusted gross income with half of the benefits, as if there were no IRA deduction",
    adjustments_before_student_loan_interest="adjustments_before_ira_deduction",
)
taxable_social_security_before_ira_deduction = same_law(
    taxable_social_security,
    "taxable_social_security_before_ira_deduction",
    label="Taxable part of the benefits as if there were no IRA deduction",
    social_security_provisional_income="provisional_income_before_ira_deduction",
)
