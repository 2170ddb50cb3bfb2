"""The CPS file that comes with Tax-Calculator, and what its users should know about it."""

from __future__ import annotations

import dataclasses

from jaxsim.data.taxcalc import cps_path, read_taxcalc
from jaxsim.population import Population

BASE_YEAR = 2014

FACTS = {
    "source": "cps.csv of Tax-Calculator: the Census Bureau's CPS ASEC, survey years 2013 to 2015, put into tax filing "
    "units, with benefits, deductions and investment incomes imputed by its makers",
    "licence": "public domain: United States government data in a file dedicated to the public domain (CC0 1.0)",
}
NOTES = [
    "high incomes are thin: of net capital gains the file holds under half of what returns report, of taxable pensions "
    "half; see the table of ratios to administrative totals in the card of the aged file",
    "no partnership, S corporation or rental income, and no deductions for health savings or educators",
    "SNAP stands on every unit of a household and is counted once; housing assistance on every unit of a family",
    "other_benefits has a part in proportion to the household's SNAP, which is repeated on all its units and is not "
    "taken out",
    "its people are 307.7 million in 2014, 3 percent fewer than residents: who live in institutions are not surveyed, "
    "and some people are in no filing unit; ageing brings people to the residents",
]


def whole_cps() -> Population:
    """The whole CPS file, 2014 amounts: 200,576 households."""
    read = read_taxcalc(cps_path(), BASE_YEAR, name="cps.csv")
    return dataclasses.replace(read, card={**read.card, **FACTS, "notes": [*read.card["notes"], *NOTES]})
