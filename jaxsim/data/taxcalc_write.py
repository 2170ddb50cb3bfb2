"""Populations in Tax-Calculator's input format, so that it can be run on the same tax units."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jaxsim.data.taxcalc_columns import COUNTS, FLAGS, MINIMUM_TAX_CREDIT, PARTS, SPLIT, SUMS, UNIT
from jaxsim.population import Population

if TYPE_CHECKING:
    import pandas as pd

MOST_CHILDREN = 3  # of the earned income credit, in the format
KNOWN_INPUTS = frozenset(
    ("age", "is_blind", "filing_status", "dependents", *UNIT.values(), *COUNTS.values(), *FLAGS.values(),
     *SPLIT.values(), *PARTS.values(), *SUMS, *MINIMUM_TAX_CREDIT)
)  # fmt: skip


def to_taxcalc(population: Population) -> pd.DataFrame:
    """One row a tax unit in the order of RECID, the unit's id; dollars of the population's year.

    Each unit is a household of its own: survey ids and benefits shared by a household are left out. Ages are whole
    years. Inputs that the format has no column for are left out (see `KNOWN_INPUTS`).
    """
    import pandas as pd

    unit, person = population.tables["tax_unit"], population.tables["person"]
    head, spouse, _ = population.filers
    joint = spouse >= 0

    def parts(column: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return column[head], np.where(joint, column[spouse], 0.0)

    columns: dict[str, np.ndarray] = {
        "RECID": unit["tax_unit_id"],
        "MARS": unit["filing_status"].astype(np.int64) + 1,
        "XTOT": (1 + joint + unit["dependents"]).astype(np.int64),
        "FLPDYR": np.full(len(head), population.year),
        "s006": 100 * population.weights[population.links["household_of_tax_unit"]],
    }
    for name, ours in (("age", "age"), ("blind", "is_blind")):
        for c, values in zip((f"{name}_head", f"{name}_spouse"), parts(person[ours]), strict=True):
            columns[c] = np.floor(values).astype(np.int64)
    for code, ours in (*SPLIT.items(), *PARTS.items()):
        of_head, of_spouse = parts(person[ours])
        columns[f"{code}p"], columns[f"{code}s"] = of_head, of_spouse
        if code in SPLIT:
            columns[code] = of_head + of_spouse
    for c, ours in UNIT.items():
        columns[c] = unit[ours]
    for c, ours in (*COUNTS.items(), *FLAGS.items()):
        columns[c] = unit[ours].astype(np.int64)
    columns["EIC"] = np.minimum(columns["EIC"], MOST_CHILDREN)
    for ours, names in SUMS.items():
        columns[names[0]] = unit[ours]
    for ours, (filed, amount) in MINIMUM_TAX_CREDIT.items():
        columns[filed], columns[amount] = (unit[ours] > 0).astype(np.int64), unit[ours]
    return pd.DataFrame(columns).sort_values("RECID", ignore_index=True)
