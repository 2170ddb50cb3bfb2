"""Net investment income tax (26 USC 1411).

Income from active partnerships and S corporations is left out; rents, royalties and other passive income count, losses
included. A net capital loss counts as far as section 1211(b) deducts it from other income, half of that for separate
filers, and it may be set against other investment income (Treas. Reg. 1.1411-4(f)(4)). Separate filers have half of
the joint threshold. State and local income taxes are allocated by gross investment income to adjusted gross income,
which Treas. Reg. 1.1411-4(g)(1) and the instructions for Form 8960, line 9b, name as a reasonable method; sales taxes
in the same input are taken for income taxes. The limit of section 68 does not reduce these deductions: 1.1411-4(f)(7)
allows the lesser of them and of all itemized deductions after that limit. Other gains of businesses (Form 4797),
annuities and rents to one's own active business are not modelled.
"""

from jaxsim.engine import rule
from jaxsim.numerics import higher_of, lower_of, pick, relu, safe_div
from jaxsim.rules.us.entities import TaxUnit


@rule(TaxUnit, reference="26 USC 1411(c)(1)(A), Treas. Reg. 1.1411-4(f)(4)")
def gross_investment_income(
    taxable_interest_income,
    ordinary_dividend_income,
    capital_gain_in_income,
    rental_partnership_s_corp_income,
    active_partnership_s_corp_income,
):
    """Interest, dividends, gains and passive income, with deductible capital losses set against the rest."""
    passive = rental_partnership_s_corp_income - active_partnership_s_corp_income
    return taxable_interest_income + ordinary_dividend_income + capital_gain_in_income + passive


@rule(TaxUnit, reference="Treas. Reg. 1.1411-4(f)(3)(iii) and (g)(1), Form 8960 line 9b")
def state_tax_on_investment_income(
    state_and_local_tax_deduction,
    state_and_local_income_or_sales_tax,
    real_estate_tax,
    personal_property_tax,
    gross_investment_income,
    adjusted_gross_income,
):
    """Deducted state and local income taxes that fall on investment income, by its share of income."""
    taxes = state_and_local_income_or_sales_tax + real_estate_tax + personal_property_tax
    income_taxes = state_and_local_tax_deduction * safe_div(state_and_local_income_or_sales_tax, taxes)
    share = safe_div(higher_of(gross_investment_income, 0.0), relu(adjusted_gross_income))
    return income_taxes * lower_of(share, 1.0, "/1")


@rule(TaxUnit, reference="26 USC 1411(c)(1)(B), Treas. Reg. 1.1411-4(f)(2)(iii) and (3), Form 8960 lines 9 and 10")
def net_investment_income_deductions(
    itemizes, investment_interest_deduction, state_tax_on_investment_income, early_withdrawal_penalty
):
    """Deductions allocable to investment income: penalties on savings and, if itemized, interest and state taxes."""
    return itemizes * (investment_interest_deduction + state_tax_on_investment_income) + early_withdrawal_penalty


@rule(TaxUnit, reference="26 USC 1411(c)(1)")
def net_investment_income(gross_investment_income, net_investment_income_deductions):
    """Investment income less the deductions allocable to it, if positive."""
    return higher_of(
        gross_investment_income - net_investment_income_deductions, 0.0
    )  # with the slope of a first dollar


@rule(TaxUnit, parameters="irs.income_tax.net_investment_income", reference="26 USC 1411(a)(1)")
def net_investment_income_tax(net_investment_income, adjusted_gross_income, filing_status, p):
    """Tax on the lesser of net investment income and income above the threshold."""
    excess = relu(adjusted_gross_income - pick(p.threshold, filing_status))
    return p.rate * lower_of(excess, net_investment_income)
