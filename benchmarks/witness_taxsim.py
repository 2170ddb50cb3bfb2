"""NBER's TAXSIM as a witness: our units in its input format, and its results in our terms.

The binary is any build of TAXSIM-35 or of its successor in testing (`taxsimtest`), which knows later years; both come
with the package `policyengine-taxsim`. It reads a table on standard input and writes one on standard output.
"""

from __future__ import annotations

import io
import os
import platform
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from departures_taxsim import DEPARTURES
from witness import Values, Witness

import jaxsim as js
from jaxsim.data.taxsim import read_taxsim
from jaxsim.rules.us.inputs import HEAD_OF_HOUSEHOLD, JOINT, SEPARATE, SINGLE, SURVIVING_SPOUSE

YEARS = (2022, 2023, 2024, 2025, 2026)
YEARS_OF_TAXSIM_35 = (2022, 2023)
MARITAL = {SINGLE: 1, JOINT: 2, SEPARATE: 6, HEAD_OF_HOUSEHOLD: 1, SURVIVING_SPOUSE: 1}
DEPENDENT_FILER = 8
FULL_DETAIL = 2

# Amounts of the unit by TAXSIM's column.
UNIT = {
    "intrec": "taxable_interest_income",
    "dividends": "qualified_dividend_income",
    "stcg": "short_term_capital_gains",
    "ltcg": "long_term_capital_gains",
    "pensions": "taxable_pension_income",
    "gssi": "social_security",
    "pui": "unemployment_compensation",
    "proptax": "real_estate_tax",
    "otheritem": "state_and_local_income_or_sales_tax",
    "mortgage": "deductible_interest_expense",
    "childcare": "care_expense",
    "scorp": "active_partnership_s_corp_income",
}
INPUTS = frozenset(
    ("age", "filing_status", "employment_income", "self_employment_income", "head_is_dependent_elsewhere",
     "business_is_sstb", "business_w2_wages", "ordinary_dividend_income", "pension_income", "miscellaneous_income",
     "alimony_paid", "rental_partnership_s_corp_income", *UNIT.values())
)  # fmt: skip

# Its columns whose sum an output is.
RESULTS: Mapping[str, tuple[str, ...]] = {
    "agi": ("v10",),
    "taxable_ss": ("v12",),
    "standard": ("v13",),
    "itemized": ("v17",),
    "qbi": ("qbid",),
    "taxable_income": ("v18",),
    "before_credits": ("v28", "v27"),  # its regular tax (v19) leaves the rates on gains out
    "amt": ("v27",),
    "niit": ("niit",),
    "care": ("v24",),
    "refundable_ctc": ("v23",),
    "eitc": ("v25",),
    "payroll_tax": ("fica",),
    "income_tax": ("fiitax",),
}
OLDER_NAMES = {"v42": "qbid", "v43": "niit", "v44": "addmed"}  # of TAXSIM-35


def to_taxsim(population: js.Population) -> pd.DataFrame:
    """One row a tax unit in TAXSIM's input format, in the order of the units' ids.

    Surviving spouses, heads of household and separate filers with dependents are its unmarried with dependents;
    dividends that are not qualified go with rents, as its instructions say. Profit from self-employment is that of a
    service trade, of a business that pays wages, or neither.
    """
    person, unit = population.tables["person"], population.tables["tax_unit"]
    head, spouse, _ = population.filers
    joint = spouse >= 0
    status = unit["filing_status"].astype(int)

    def of_spouse(name: str) -> np.ndarray:
        return np.where(joint, person[name][spouse], 0.0)

    profit = {"p": person["self_employment_income"][head], "s": of_spouse("self_employment_income")}
    kind = np.where(unit["business_is_sstb"] > 0, "profinc", np.where(unit["business_w2_wages"] > 0, "businc", "semp"))
    passive = unit["rental_partnership_s_corp_income"] - unit["active_partnership_s_corp_income"]
    of_another = unit["head_is_dependent_elsewhere"] > 0
    apart = (status == SEPARATE) & (unit["dependents"] > 0)  # it takes them for heads of household
    status = np.where(apart, HEAD_OF_HOUSEHOLD, status)
    columns = {
        "taxsimid": unit["tax_unit_id"] + 1,
        "year": np.full(len(head), population.year),
        "state": np.zeros(len(head), dtype=int),
        "mstat": np.where(of_another, DEPENDENT_FILER, np.array([MARITAL[s] for s in range(len(MARITAL))])[status]),
        "page": np.floor(person["age"][head]).astype(int),
        "sage": np.floor(of_spouse("age")).astype(int),
        "depx": unit["dependents"].astype(int),
        # counts rather than ages, which it does not understand from 2026
        "dep13": unit["children_under_13"].astype(int),
        "dep17": unit["ctc_qualifying_children"].astype(int),
        "dep18": unit["eitc_qualifying_children"].astype(int),
        "pwages": person["employment_income"][head],
        "swages": of_spouse("employment_income"),
        **{f"{who}{k}": amount * (kind == k) for who, amount in profit.items() for k in ("semp", "businc", "profinc")},
        **{theirs: unit[ours] for theirs, ours in UNIT.items()},
        "otherprop": passive + unit["ordinary_dividend_income"] - unit["qualified_dividend_income"],
        "nonprop": unit["miscellaneous_income"] - unit["alimony_paid"],
        "idtl": np.full(len(head), FULL_DETAIL),
    }
    return pd.DataFrame(columns).sort_values("taxsimid", ignore_index=True)


def as_taxsim_knows(population: js.Population) -> js.Population:
    """The population that TAXSIM's format tells of."""
    return read_taxsim(to_taxsim(population), population.year)


def witness(binary: Path) -> Witness:
    """A binary of TAXSIM."""
    build = run_binary(binary, "taxsimid,year,mstat,pwages,idtl\n1,2022,1,1,2\n").splitlines()[0]
    stamp = build.rpartition("cd")[2].strip('"') if '"cd' in build else ""
    name = f"TAXSIM ({binary.name}{f', build {stamp}' if stamp else ''})"

    def run(population: js.Population, year: int) -> Values:
        frame = to_taxsim(population).assign(year=year)
        return results(run_binary(binary, frame.to_csv(index=False)), len(frame))

    return Witness(
        name=name,
        years=YEARS_OF_TAXSIM_35 if "taxsim35" in binary.name else YEARS,
        inputs=INPUTS,
        run=run,
        outputs=tuple(RESULTS),
        departures=DEPARTURES,
        notes=(
            "It reads its own input format; jaxsim reads the same file (`read_taxsim`), so that both know the same. "
            "There are no state taxes, and what has no part in the federal tax (rent, transfers) is left out. Heads of "
            "household, surviving spouses and separate filers with dependents are its unmarried with dependents.",
            "Dependents are given as counts by age: the build in testing does not understand ages from 2026. It knows "
            "years to 2026 and TAXSIM-35 to 2023; some of its amounts from 2024 are forecasts.",
        ),
    )


def results(text: str, units: int) -> Values:
    """Outputs by unit in the order of taxsimid."""
    made = pd.read_csv(io.StringIO(text), skipinitialspace=True)
    made = made.rename(columns=lambda c: str(c).strip()).rename(columns=OLDER_NAMES)
    if len(made) != units:
        raise RuntimeError(f"TAXSIM answered for {len(made)} of {units} units: {text.strip().splitlines()[-1]}")
    made = made.sort_values("taxsimid", ignore_index=True)
    values = {o: sum(made[v].to_numpy(dtype=float) for v in parts) for o, parts in RESULTS.items()}
    values["standard"] = np.where(values["itemized"] > 0, 0.0, values["standard"])  # reported beside them from 2024
    return values


def run_binary(binary: Path, text: str) -> str:
    """What the binary writes for a table of units."""
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / binary.name
        program.write_bytes(binary.read_bytes())  # packages install it without leave to run
        program.chmod(0o755)
        environment = dict(os.environ)
        environment["LD_LIBRARY_PATH"] = os.pathsep.join(fortran_libraries(Path(folder)))
        done = subprocess.run([str(program)], input=text, capture_output=True, text=True, env=environment, check=False)
    if done.returncode or not done.stdout.strip():
        raise RuntimeError(f"TAXSIM failed: {(done.stderr or done.stdout).strip()[:300]}")
    return done.stdout


def fortran_libraries(folder: Path) -> list[str]:
    """Folders with the Fortran runtime: the system's, and that in the NumPy wheel under the name it is sought by."""
    found = [p for p in os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep) if p]
    wheel = Path(np.__file__).parent.parent / "numpy.libs"
    for name in ("libgfortran", "libquadmath"):
        for library in sorted(wheel.glob(f"{name}-*.so*")):
            number = library.name.partition(".so.")[2].split(".")[0]
            (folder / f"{name}.so.{number}").symlink_to(library)
    return [*found, str(folder), str(wheel)]


def bundled() -> Path | None:
    """The binary that comes with policyengine-taxsim in this environment, the newest build."""
    system = {"Linux": "linux", "Darwin": "osx", "Windows": "windows"}.get(platform.system(), "")
    share = Path(os.path.dirname(os.path.dirname(os.__file__))).parent / "share" / "policyengine_taxsim"
    found = sorted(share.glob(f"taxsimtest/*{system}*.exe")) + sorted(share.glob("taxsim35/*unix.exe"))
    return found[0] if found else None
