"""How the weights of the calibrated sample are made (see `data.calibrated`), and how good they are.

`python -m jaxsim.calibrate.sample` fits the weights anew and writes them, with replicate weights.
What the fit was not told (child credits, itemizers, taxable Social Security, payroll tax ...) shows how good
the calibrated sample is: see `official`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from jaxsim.calibrate.load import read_selection
from jaxsim.data.calibrated import FILE, REPLICATES, SELECTION, STEP, YEAR, calibrated_sample, replicate_weights
from jaxsim.files import write_atomic

if TYPE_CHECKING:
    import pandas as pd

OPTIONS: dict[str, Any] = {"method": "descent", "bounds": (0.05, 20.0), "divergence": 0.01}
OFFICIAL = {
    # what: (source, concept, statistic, unit), from the tables of facts
    "returns that itemize": ("soi_2022", "itemized_deductions", "count"),
    "itemized deductions": ("soi_2022", "itemized_deductions", "amount"),
    "taxable Social Security": ("soi_2022", "taxable_social_security", "amount"),
    "taxable income": ("soi_2022", "taxable_income", "amount"),
    "income tax after credits": ("soi_2022", "income_tax_after_credits", "amount"),
    "child credit against tax": ("soi_states_2022", "child_and_other_dependent_credit", "amount"),
    "refunded child credit": ("soi_states_2022", "additional_child_tax_credit", "amount"),
    "alternative minimum tax": ("soi_2022", "alternative_minimum_tax", "amount"),
    "net investment income tax": ("soi_states_2022", "net_investment_income_tax", "amount"),
    "business income deduction": ("soi_2022", "qualified_business_income_deduction", "amount"),
    "Social Security payroll tax": ("ssa_2022", "social_security_payroll_tax", "amount"),
}
"""Totals that no target of the calibration states."""


def official() -> pd.DataFrame:
    """What the calibration was not told, in 2022: official totals beside those of the calibrated sample.

    Returns:
        one row a total: official, base (the weights before), calibrated, standard error (of the calibrated one, by the
        jackknife over households), calibrated over official; millions of returns or billions of dollars.
    """
    import pandas as pd

    from jaxsim.calibrate.matrix import build_matrix
    from jaxsim.calibrate.selection import select
    from jaxsim.data import load_population
    from jaxsim.simulation import Simulation

    sources: dict[str, set[str]] = {}
    for source, concept, _ in OFFICIAL.values():
        sources.setdefault(source, set()).add(concept)
    entries = [{"source": s, "concepts": sorted(c), "bands": "none", "states": "none", "filing_status": "none"}
               for s, c in sources.items()]  # fmt: skip
    targets = select({"period": YEAR, "targets": entries})
    sim = Simulation(calibrated_sample(), YEAR)
    problem = build_matrix(sim, targets)
    amounts = dict(zip(zip(targets.table.source, targets.table.concept, targets.table.statistic, strict=True),
                       problem.matrix.toarray(), strict=True))  # fmt: skip
    published = dict(zip(amounts, targets.table.published, strict=True))
    base = Simulation(load_population("cps_sample"), YEAR).population.weights
    replicates = replicate_weights()
    rows = {}
    for name, key in OFFICIAL.items():
        unit = 1e6 if key[2] == "count" else 1e9
        figures = replicates @ amounts[key]
        spread = np.sqrt((REPLICATES - 1) / REPLICATES * np.square(figures - figures.mean()).sum())
        ours = float(amounts[key] @ sim.population.weights)
        rows[f"{name}, {'million' if key[2] == 'count' else '$ billion'}"] = (
            published[key] / unit, float(amounts[key] @ base) / unit, ours / unit, spread / unit, ours / published[key]
        )  # fmt: skip
    columns = ["official", "uncalibrated", "calibrated", "standard error", "calibrated / official"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns)


def main() -> None:
    """Fit and write the weights of the bundled sample, and print how good they are."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from jaxsim.calibrate import build_matrix, fit, select
    from jaxsim.data import load_population
    from jaxsim.simulation import Simulation

    sim = Simulation(load_population("cps_sample"), YEAR)
    found = fit(build_matrix(sim, select(read_selection(SELECTION))), **OPTIONS, progress=True)
    weights = found.weights.astype(np.float32)
    columns = {"weight": pa.array(weights)}
    replicates = found.replicates("jackknife", REPLICATES, progress=True).weights
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(found.weights > 0, replicates / found.weights, 0.0)
    for k in range(REPLICATES):
        columns[f"replicate_{k}"] = pa.array(np.clip(np.round(ratio[k] / STEP), 0, 65_535).astype(np.uint16))
    table = pa.table(columns)
    write_atomic(FILE, lambda path: pq.write_table(table, path, compression="zstd", compression_level=19))
    print(f"{found}\n{found.message}\n{FILE}: {FILE.stat().st_size / 1e6:.2f} MB")
    for name, value in found.summary().items():
        print(f"{name:35s} {value:14,.4f}")
    print(found.families().to_string(float_format="{:.3f}".format))
    print(official().to_string(float_format="{:,.2f}".format))


if __name__ == "__main__":
    main()
