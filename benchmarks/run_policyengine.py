"""Run PolicyEngine US on a table of persons and write a table of tax units: a program of its own, run by another.

    python benchmarks/run_policyengine.py persons.csv units.csv --year 2026 --outputs income_tax eitc

The table has `tax_unit_id`, `role` (0 head, 1 spouse, 2 dependent) and columns named like PolicyEngine's variables;
a variable of a group is taken from the head's row. Each tax unit is a household, family and SPM unit of its own.
Values given stand as they are, also where PolicyEngine would compute them. Outputs of persons are added up.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

GROUPS = ("household", "tax_unit", "family", "spm_unit")
HEAD, SPOUSE = 0, 1
CHOICE_BY_TAX = "gov.simulation.branch_to_determine_itemization"  # else by the greater deduction


def main() -> None:
    """Read, simulate, write."""
    parser = argparse.ArgumentParser(description="PolicyEngine US on a table of persons.")
    parser.add_argument("persons", type=Path)
    parser.add_argument("units", type=Path)
    parser.add_argument("--year", type=int, required=True)
    parser.add_argument("--outputs", nargs="+", required=True)
    chosen = parser.parse_args()
    persons = pd.read_csv(chosen.persons).sort_values(["tax_unit_id", "role"], kind="stable", ignore_index=True)
    results = simulate(persons, chosen.year, chosen.outputs)
    results.to_csv(chosen.units, index=False)


def simulate(persons: pd.DataFrame, year: int, outputs: list[str]) -> pd.DataFrame:
    """The outputs of each tax unit, in the order of their ids."""
    from policyengine_core.data import Dataset
    from policyengine_core.reforms import Reform
    from policyengine_us import Microsimulation

    with tempfile.TemporaryDirectory() as folder:

        class Units(Dataset):
            name = "units"
            label = "Made tax units"
            data_format = Dataset.TIME_PERIOD_ARRAYS
            file_path = Path(folder) / "units.h5"
            time_period = str(year)

        dataset = Units()
        variables = Microsimulation.default_tax_benefit_system_instance.variables
        given = arrays(persons, variables)
        dataset.save_dataset({name: by_period(variables.get(name), v, year) for name, v in given.items()})
        by_deductions = Reform.from_dict({CHOICE_BY_TAX: {f"{year}-01-01.{year}-12-31": False}}, "policyengine_us")
        simulation = Microsimulation(dataset=dataset, reform=by_deductions)
        results = {"tax_unit_id": np.unique(persons["tax_unit_id"])}
        for name in outputs:
            values = simulation.calculate(name, str(year), map_to="tax_unit")
            results[name] = np.asarray(values, dtype=float)
    return pd.DataFrame(results)


def by_period(variable, values: np.ndarray, year: int) -> dict[str, np.ndarray]:
    """The year's values, or a twelfth of them for each month of a monthly variable."""
    if variable is None or variable.definition_period != "month":
        return {str(year): values}
    return {f"{year}-{month:02d}": values / 12 if variable.value_type is float else values for month in range(1, 13)}


def arrays(persons: pd.DataFrame, variables: dict) -> dict[str, np.ndarray]:
    """PolicyEngine's arrays by variable: ids, roles, and the columns by entity."""
    unit = persons["tax_unit_id"].to_numpy()
    role = persons["role"].to_numpy()
    head = role == HEAD
    ids = np.unique(unit)
    marital = np.where(role <= SPOUSE, 0, np.arange(len(role)) + 1) + unit * (len(role) + 2)
    found: dict[str, np.ndarray] = {"person_id": np.arange(len(unit))}
    for group in GROUPS:
        found[f"person_{group}_id"] = unit
        found[f"{group}_id"] = ids
        found[f"{group}_weight"] = np.ones(len(ids))
    found["person_marital_unit_id"] = marital
    found["marital_unit_id"] = np.unique(marital)
    found["marital_unit_weight"] = np.ones(len(np.unique(marital)))
    found["is_tax_unit_head"], found["is_tax_unit_spouse"] = head, role == SPOUSE
    found["is_tax_unit_dependent"] = role > SPOUSE
    for name in persons.columns.drop(["tax_unit_id", "role"]):
        if name not in variables:
            raise SystemExit(f"PolicyEngine has no variable {name!r}")
        variable = variables[name]
        values = persons[name].to_numpy()
        if variable.value_type is bool:
            values = values != 0
        elif values.dtype.kind in "OUT":
            values = values.astype("S")
        found[name] = values if variable.entity.key == "person" else values[head]
    return found


if __name__ == "__main__":
    main()
