"""Taxes on a return beside the income tax proper that credits do not offset (Schedule 2, part II).

Early distributions are part of the taxable distributions of IRAs and pensions, which income has counted.
"""

from jaxsim.engine import rule
from jaxsim.rules.us.entities import TaxUnit


@rule(TaxUnit, parameters="irs.income_tax.early_distributions", reference="26 USC 72(t)(1)")
def additional_tax_on_early_distributions(early_distributions, p):
    """Additional tax on distributions from retirement plans before the age at which they are free of it."""
    return p.rate * early_distributions


@rule(TaxUnit, reference="26 USC 26(b)(2), 72(t)")
def other_taxes(additional_tax_on_early_distributions, reported_other_taxes):
    """Additional tax on early distributions, and recapture and other taxes as reported."""
    return additional_tax_on_early_distributions + reported_other_taxes
