"""Limitation on excess business losses (26 USC 461(l)).

Which rents are a trade or business is not in the data: of partnerships and S corporations only the active ones count.
The disallowed loss becomes a net operating loss of later years, which are not modelled.
"""

from jaxsim.engine import rule
from jaxsim.numerics import pick, relu
from jaxsim.rules.us.entities import TaxUnit

PATH = "irs.income_tax.excess_business_loss"


@rule(TaxUnit, reference="26 USC 461(l)(3)(A); Form 461 lines 2 to 6")
def aggregate_business_income(business_income, active_partnership_s_corp_income, other_net_gain):
    """Net income or loss of all trades or businesses, gains and losses on their property (Form 4797) included."""
    return business_income + active_partnership_s_corp_income + other_net_gain


@rule(TaxUnit, parameters=PATH, reference="26 USC 461(l)(1) and (3), as amended by P.L. 119-21 sec. 70601")
def excess_business_loss(aggregate_business_income, filing_status, p):
    """Loss of all trades or businesses together that is above the limit and not deducted."""
    return relu(-aggregate_business_income - pick(p.threshold, filing_status))
