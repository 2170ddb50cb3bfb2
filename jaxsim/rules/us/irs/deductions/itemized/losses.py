"""Casualty and gambling losses (26 USC 165(d) and (h)).

Losses of declared disasters are those of one casualty, others of another, and there are no casualty gains. The relief
for qualified disasters (500 dollars instead of 100, no floor by income, no need to itemize) is not modelled. Gambling
is no trade or business here.
"""

from jaxsim.engine import rule
from jaxsim.numerics import lower_of, relu
from jaxsim.rules.us.entities import TaxUnit

PATH = "irs.deductions.itemized"


@rule(TaxUnit, parameters=f"{PATH}.casualty", reference="26 USC 165(h)(1), (2) and (5)")
def casualty_loss_deduction(disaster_casualty_loss, other_casualty_loss, adjusted_gross_income, p):
    """Casualty losses, each above a fixed amount, together above a share of adjusted gross income."""
    others = p.other_losses_allowed * relu(other_casualty_loss - p.each_loss_reduction)
    losses = relu(disaster_casualty_loss - p.each_loss_reduction) + others
    return relu(losses - p.floor_rate * relu(adjusted_gross_income))


@rule(TaxUnit, parameters=f"{PATH}.gambling", reference="26 USC 165(d)(1)")
def gambling_loss_deduction(gambling_losses, gambling_winnings, p):
    """Gambling losses, from 2026 nine tenths of them, up to winnings."""
    return lower_of(p.share_of_losses * gambling_losses, gambling_winnings)
