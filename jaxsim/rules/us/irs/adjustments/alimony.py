"""Alimony received and paid, by the date of the divorce or separation instrument (26 USC 71 and 215 before repeal).

An instrument executed by 2018 that was later changed to adopt the new law counts as executed after 2018.
"""

from jaxsim.engine import rule
from jaxsim.rules.us.entities import TaxUnit

PATH = "irs.adjustments.alimony"


@rule(TaxUnit, parameters=PATH, unit="/1", reference="P.L. 115-97 sec. 11051(c)")
def alimony_counted_share(alimony_agreement_after_2018, p):
    """1 where alimony is income of the recipient and deducted by the payer, else 0."""
    return 1 - alimony_agreement_after_2018 * (1 - p.counts_later_instruments)


@rule(TaxUnit, reference="26 USC 71 (before repeal), P.L. 115-97 sec. 11051")
def taxable_alimony_income(alimony_income, alimony_counted_share):
    """Alimony included in gross income."""
    return alimony_income * alimony_counted_share


@rule(TaxUnit, reference="26 USC 215 (before repeal), P.L. 115-97 sec. 11051")
def alimony_deduction(alimony_paid, alimony_counted_share):
    """Deduction for alimony paid."""
    return alimony_paid * alimony_counted_share
