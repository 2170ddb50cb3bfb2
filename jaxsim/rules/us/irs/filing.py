"""Who files a return (26 USC 6012, 6017) or would to claim a refund."""

from jaxsim.engine import of_head, of_spouse, rule, sum_of_filers
from jaxsim.numerics import above, at_least, choose, either, equals, higher_of, pick, relu
from jaxsim.rules.us.entities import Person, TaxUnit
from jaxsim.rules.us.inputs import JOINT, SEPARATE

STANDARD = "irs.deductions.standard"

head_is_aged = of_head("head_is_aged", of="is_aged", to=TaxUnit, label="The head is aged", unit="count")
spouse_is_aged = of_spouse("spouse_is_aged", of="is_aged", to=TaxUnit, label="The spouse is aged", unit="count")
head_taxable_self_employment_earnings = of_head(
    "head_taxable_self_employment_earnings",
    of="taxable_self_employment_earnings",
    to=TaxUnit,
    label="Head's net earnings from self-employment",
)
spouse_taxable_self_employment_earnings = of_spouse(
    "spouse_taxable_self_employment_earnings",
    of="taxable_self_employment_earnings",
    to=TaxUnit,
    label="Spouse's net earnings from self-employment",
)


@rule(Person, reference="26 USC 61(a)(2), Treas. Reg. 1.61-3(a)")
def person_business_loss(person_business_income):
    """Net loss of one person from sole proprietorships and farms."""
    return relu(-person_business_income)


business_loss = sum_of_filers(
    "business_loss", of="person_business_loss", to=TaxUnit, label="Net losses of sole proprietors, each filer alone"
)


@rule(TaxUnit, reference="26 USC 61(a), 702(c), 1366(c), 6012(a); Pub. 501, table 1")
def gross_income(
    income_before_social_security,
    taxable_social_security,
    excess_business_loss,
    business_loss,
    active_partnership_s_corp_income,
    capital_gain_in_income,
):
    """Gross income for the filing requirement: losses of a business or on property do not reduce it."""
    # of each source the data give the net amount, so a loss is the least by which deductions lowered it
    losses = business_loss + relu(-active_partnership_s_corp_income) + relu(-capital_gain_in_income)
    with_losses = income_before_social_security - excess_business_loss + taxable_social_security
    return relu(with_losses + losses)


@rule(
    TaxUnit,
    parameters={"standard": STANDARD, "filing": "irs.filing", "exemption": "irs.deductions.personal_exemption"},
    reference="26 USC 6012(a)(1)(A) and (f)",
)
def filing_threshold(head_is_aged, spouse_is_aged, filing_status, standard, filing, exemption):
    """Gross income at which a return is due: the standard deduction with the addition for age, and exemptions."""
    joint = equals(filing_status, JOINT)
    aged = head_is_aged + spouse_is_aged * joint
    exemptions = exemption.allowed * exemption.amount * (1 + joint)
    usual = pick(standard.amount, filing_status) + pick(standard.additional, filing_status) * aged + exemptions
    return choose(equals(filing_status, SEPARATE), filing.separate_gross_income, usual)


@rule(TaxUnit, parameters=STANDARD, unit="flag", reference="26 USC 6012(a)(1)(C)")
def dependent_must_file(gross_income, earned_income, standard_deduction, additional_standard_deduction, p):
    """1 where a dependent's unearned or gross income requires a return."""
    unearned = relu(gross_income - earned_income)
    by_unearned = above(unearned, p.dependent.minimum + additional_standard_deduction)
    return either(by_unearned, above(gross_income, standard_deduction))


@rule(
    TaxUnit,
    parameters="irs.filing",
    unit="flag",
    reference="26 USC 6012(a)(1), 6017",
)
def must_file(
    gross_income,
    filing_threshold,
    dependent_must_file,
    head_is_dependent_elsewhere,
    head_taxable_self_employment_earnings,
    spouse_taxable_self_employment_earnings,
    p,
):
    """1 where the law requires a return."""
    by_income = choose(head_is_dependent_elsewhere, dependent_must_file, at_least(gross_income, filing_threshold))
    most = higher_of(head_taxable_self_employment_earnings, spouse_taxable_self_employment_earnings)
    return either(by_income, at_least(most, p.self_employment_minimum))


@rule(TaxUnit, unit="flag", reference="26 USC 6012, 6017, 6402(a)")
def files_return(must_file, refundable_credits):
    """1 where a return is required or refundable credits are worth claiming."""
    return either(must_file, above(refundable_credits, 0.0))
