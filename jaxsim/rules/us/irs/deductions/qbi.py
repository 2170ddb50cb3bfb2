"""Deduction for qualified business income (26 USC 199A). The filers' businesses count as one."""

from jaxsim.engine import rule
from jaxsim.numerics import above, at_least, choose, higher_of, lower_of, pick, relu, safe_div
from jaxsim.rules.us.entities import TaxUnit

PATH = "irs.deductions.qbi"


@rule(TaxUnit, reference="26 USC 199A(c)(1) and (2), Treas. Reg. 1.199A-3(b)(1)(vi)")
def qualified_business_income(
    business_income,
    active_partnership_s_corp_income,
    self_employment_tax_deduction,
    self_employed_pension_deduction,
    self_employed_health_insurance_deduction,
    qbi_loss_carryforward,
):
    """Profit of businesses less the deductions it gives rise to and losses carried from earlier years."""
    net = (
        business_income
        + active_partnership_s_corp_income
        - self_employment_tax_deduction
        - self_employed_pension_deduction
        - self_employed_health_insurance_deduction
        - qbi_loss_carryforward
    )
    return higher_of(net, 0.0)  # unlike relu with the slope of a first dollar of profit


@rule(TaxUnit, reference="26 USC 199A(e)(1), as amended by P.L. 119-21 sec. 70111(b)")
def taxable_income_before_qbi_deduction(
    adjusted_gross_income,
    itemized_deductions_before_limit,
    standard_deduction,
    nonitemizer_charitable_deduction,
    deductions_beside_itemizing,
):
    """Taxable income without this deduction and without the limit on itemized deductions."""
    # leaving section 68 aside lets that limit depend on this deduction without a circle
    deduction = higher_of(standard_deduction + nonitemizer_charitable_deduction, itemized_deductions_before_limit)
    return relu(adjusted_gross_income - deduction - deductions_beside_itemizing)


@rule(TaxUnit, parameters=PATH, unit="/1", reference="26 USC 199A(b)(3)(B)(ii), (d)(3)(B)")
def qbi_phase_in_share(taxable_income_before_qbi_deduction, filing_status, p):
    """How far the limits of larger incomes are phased in: 0 at the threshold, 1 at the end of the range."""
    excess = relu(taxable_income_before_qbi_deduction - pick(p.threshold, filing_status))
    width = pick(p.phase_in_range, filing_status)
    return safe_div(lower_of(excess, width), width)


@rule(TaxUnit, unit="/1", reference="26 USC 199A(d)(3)")
def qbi_applicable_share(qbi_phase_in_share, business_is_sstb):
    """Share of income, wages and property that counts: it falls to nothing for a specified service business."""
    return 1 - qbi_phase_in_share * business_is_sstb


@rule(TaxUnit, parameters=PATH, reference="26 USC 199A(b)(2)(B)")
def qbi_wage_and_property_limit(business_w2_wages, business_property, p):
    """Half of the wages the business pays, or a quarter of them with a share of its property, if greater."""
    by_wages = p.wage_rate * business_w2_wages
    by_property = p.alternative_wage_rate * business_w2_wages + p.property_rate * business_property
    return higher_of(by_wages, by_property)


@rule(TaxUnit, parameters=PATH, reference="26 USC 199A(b)(1) to (3), Treas. Reg. 1.199A-1(c)(2)(ii)")
def combined_qbi_amount(
    qualified_business_income,
    qbi_wage_and_property_limit,
    qbi_phase_in_share,
    qbi_applicable_share,
    qualified_reit_and_ptp_income,
    p,
):
    """A fifth of business income, within the wage limit as it phases in, and of REIT and partnership income."""
    full = p.rate * qualified_business_income * qbi_applicable_share
    limited = lower_of(qbi_wage_and_property_limit * qbi_applicable_share, full)
    # a loss of publicly traded partnerships is carried forward by itself and takes nothing from business income
    return choose(qbi_phase_in_share, limited, full) + p.rate * higher_of(qualified_reit_and_ptp_income, 0.0)


@rule(TaxUnit, parameters=PATH, reference="26 USC 199A(a) and (i)")
def qbi_deduction(
    combined_qbi_amount,
    taxable_income_before_qbi_deduction,
    net_capital_gain,
    qualified_dividend_income,
    qualified_business_income,
    qbi_applicable_share,
    p,
):
    """The combined amount within a fifth of taxable income less net capital gain; from 2026 at least a minimum."""
    # all net capital gain and qualified dividends, whatever their rate and election (Treas. Reg. 1.199A-1(b)(3))
    gain = net_capital_gain + qualified_dividend_income
    income_limit = p.rate * relu(taxable_income_before_qbi_deduction - gain)
    # filers are taken to participate in their businesses; a service business counts as far as it qualifies (199A(i)(2))
    # whoever has no business income is not near the minimum: their zeros are left out of any smoothing
    has_business = above(qualified_business_income, 0.0, unit="count")
    active = has_business * at_least(qualified_business_income * qbi_applicable_share, p.minimum_qbi)
    return higher_of(lower_of(income_limit, combined_qbi_amount), p.minimum_deduction * active)
