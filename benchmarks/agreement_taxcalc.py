"""Agreement with Tax-Calculator on every unit of its CPS file, and a named cause for each difference.

    python benchmarks/agreement_taxcalc.py [--years 2023 2024 2025 2026] [--units N] [--out benchmarks/AGREEMENT.md]

Needs `pip install -e '.[validation]'`. Both programs get the same inputs, amounts not aged. Each departure of
`departures_taxcalc` is switched on alone, to see which differences it makes, and all together, to see what remains.
"""

from __future__ import annotations

import argparse
import inspect
import platform
import re
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import jax
import numpy as np
import pandas as pd
import taxcalc
from departures import Case, Departure, simulate
from departures_taxcalc import DEPARTURES

import jaxsim as js
from jaxsim.data import BASE_YEAR
from jaxsim.data.taxcalc import cps_path, read_taxcalc
from jaxsim.data.taxcalc_output import TAXCALC

YEARS = (2023, 2024, 2025, 2026)
TOLERANCE = 1.0  # dollars; a difference in law moves most units by more, a rounding error by less
MOVED = 0.5  # dollars by which a departure must move a unit to be a cause of its difference
WIDTH = 120
SHOWN = 10  # unexplained units listed for each output and year
CLAIM_ALL = {"eitc_claim_prob_scale": {"2013": 9e99}, "actc_claim_prob_scale": {"2013": 9e99}}

OUTPUTS = {
    "c00100": "Adjusted gross income",
    "c02900": "Adjustments to income",
    "c02500": "Taxable Social Security",
    "standard": "Standard deduction taken",
    "c04470": "Itemized deductions taken",
    "c17000": "Medical expenses, if itemized",
    "c18300": "State and local taxes, if itemized",
    "c19200": "Interest, if itemized",
    "c19700": "Gifts, if itemized",
    "senior_deduction": "Deduction for seniors",
    "qbided": "Deduction for business income",
    "c04800": "Taxable income",
    "taxbc": "Regular tax",
    "c09600": "Alternative minimum tax",
    "c05800": "Tax before credits, minimum tax included",
    "niit": "Net investment income tax",
    "c07180": "Credit for dependent care",
    "c07200": "Credit for the elderly",
    "c07220": "Child tax credit used",
    "odc": "Credit for other dependents",
    "c07100": "All credits that only offset tax",
    "c11070": "Refundable child tax credit",
    "eitc": "Earned income credit",
    "setax": "Self-employment tax",
    "ptax_was": "Payroll taxes on wages",
    "ptax_amc": "Additional Medicare tax",
    "payrolltax": "All payroll taxes",
    "refund": "All refundable credits",
    "iitax": "Income tax",
    "combined": "Income and payroll taxes",
}
ITEMIZED = ("c04470", "c17000", "c18300", "c19200", "c19700")
PARTS = {name: TAXCALC[name] for name in OUTPUTS}
VARIABLES = sorted({part.lstrip("-") for parts in PARTS.values() for part in parts} | {"itemizes"})

Values = dict[str, np.ndarray]


@dataclass(frozen=True)
class Year:
    """What a year's comparison found: values of all units by output, and the units each departure accounts for."""

    theirs: Values
    ours: Values
    all_on: Values
    trunk: np.ndarray
    departures: Mapping[str, Departure]
    moved: Mapping[str, Mapping[str, np.ndarray]]  # by departure and output: differing units that it moves

    def differs(self, output: str) -> np.ndarray:
        return np.abs(self.ours[output] - self.theirs[output]) > TOLERANCE

    def have(self, output: str) -> np.ndarray:
        return (self.ours[output] != 0) | (self.theirs[output] != 0)

    def remains(self, output: str) -> np.ndarray:
        return np.abs(self.all_on[output] - self.theirs[output]) > TOLERANCE

    def affected(self, cause: str, output: str) -> int:
        return int(self.moved[cause][output].sum())

    def only_together(self, output: str) -> int:
        """Differing units that no departure moves alone."""
        alone = np.logical_or.reduce([moved[output] for moved in self.moved.values()])
        return int((self.differs(output) & ~alone).sum())


def main() -> int:
    """Run the comparison and write it down; 1 if a difference remains without a cause."""
    parser = argparse.ArgumentParser(description="Agreement of jaxsim with Tax-Calculator on its CPS file.")
    parser.add_argument("--years", type=int, nargs="+", default=list(YEARS))
    parser.add_argument("--units", type=int, help="a random sample of so many units; all by default")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "AGREEMENT.md")
    chosen = parser.parse_args()
    frame = pd.read_csv(cps_path())
    if chosen.units is not None and chosen.units < len(frame):
        frame = frame.sample(chosen.units, random_state=0)
    frame = frame.sort_values("RECID", ignore_index=True)
    population = read_taxcalc(frame, BASE_YEAR, name="cps.csv")
    years = {year: compare(year, frame, population) for year in chosen.years}
    chosen.out.write_text(report(years, frame, chosen.units), encoding="utf-8")
    remaining = sum(int(found.remains(output).sum()) for found in years.values() for output in OUTPUTS)
    print(f"{chosen.out}: {remaining} differences without a cause")
    return 1 if remaining else 0


def compare(year: int, frame: pd.DataFrame, population: js.Population) -> Year:
    """Both programs on a year's law, and jaxsim with each departure alone and with all."""
    policy = taxcalc.Policy()
    policy.implement_reform(CLAIM_ALL)
    policy.set_year(year)
    theirs = run_taxcalc(year, frame, policy)
    sim = js.Simulation(population, year, age=False)
    case = Case(year, frame, population, policy, sim.parameters)
    departures = {inspect.getdoc(make) or "": make(case) for make in DEPARTURES}
    ours = run_jaxsim(sim, ())
    differs = {output: np.abs(ours[output] - theirs[output]) > TOLERANCE for output in OUTPUTS}
    moved = moved_alone(year, frame, policy, ours, differs)
    print(f"{year}: {int(differs['iitax'].sum()):,} of {len(frame):,} units differ in income tax", file=sys.stderr)
    return Year(
        theirs, ours, run_jaxsim(sim, departures.values()), trunk_units(frame, theirs),
        {d.name: d for d in departures.values()}, moved,
    )  # fmt: skip


def moved_alone(
    year: int, frame: pd.DataFrame, policy: taxcalc.Policy, ours: Values, differs: Mapping[str, np.ndarray]
) -> dict[str, dict[str, np.ndarray]]:
    """For each departure and output the differing units that it moves by itself: only those that differ are run."""
    which = np.logical_or.reduce(list(differs.values()))
    some = frame[which].reset_index(drop=True)
    population = read_taxcalc(some, BASE_YEAR, name="cps.csv")
    sim = js.Simulation(population, year, age=False)
    case = Case(year, some, population, policy, sim.parameters)
    moved: dict[str, dict[str, np.ndarray]] = {}
    for make in DEPARTURES:
        departure = make(case)
        found = {output: np.zeros(len(frame), dtype=bool) for output in OUTPUTS}
        if not departure.changes_nothing:
            alone = run_jaxsim(sim, (departure,))
            for output, moves in found.items():
                moves[which] = np.abs(alone[output] - ours[output][which]) > MOVED
                moves &= differs[output]
        moved[departure.name] = found
    return moved


def run_taxcalc(
    year: int, frame: pd.DataFrame, policy: taxcalc.Policy, outputs: Iterable[str] = tuple(OUTPUTS)
) -> Values:
    """Tax-Calculator's outputs in the order of the file, every credit claimed, steps of law exact, nothing aged."""
    records = taxcalc.Records(
        data=frame.copy(), start_year=year, gfactors=None, weights=None, adjust_ratios=None, exact_calculations=True
    )
    calculator = taxcalc.Calculator(policy=policy, records=records)
    calculator.calc_all()
    return {output: np.array(calculator.array(output)) for output in outputs}


def run_jaxsim(sim: js.Simulation, departures: Sequence[Departure]) -> Values:
    """jaxsim's values of Tax-Calculator's outputs in the order of RECID."""
    values = simulate(sim, departures, VARIABLES)
    order = np.argsort(sim.population.tables["tax_unit"]["tax_unit_id"])
    results = {
        output: sum(-values[p[1:]] if p.startswith("-") else values[p] for p in parts)[order]
        for output, parts in PARTS.items()
    }
    itemizes = values["itemizes"][order]
    results["standard"] = results["standard"] * (1 - itemizes)  # Tax-Calculator reports the deduction that is taken
    for output in ITEMIZED:
        results[output] = results[output] * itemizes
    return results


def trunk_units(frame: pd.DataFrame, theirs: Values) -> np.ndarray:
    """Units without care expenses, business income, minimum tax, credit for the elderly and alimony."""
    absent = [frame[c] == 0 for c in ("e32800", "e00900", "e02100", "e26270", "e00800") if c in frame]
    return np.logical_and.reduce([*absent, theirs["c09600"] == 0, theirs["c07200"] == 0])


# --- the report --------------------------------------------------------------------------------------------------


def report(years: Mapping[int, Year], frame: pd.DataFrame, sample: int | None) -> str:
    """The whole file."""
    return "\n\n".join([
        "# Agreement with Tax-Calculator",
        "Written by `benchmarks/agreement_taxcalc.py`; run it again rather than edit this file.",
        how(years, frame, sample),
        "## All units\n\n" + agreement(years, trunk=False),
        "## Units on the trunk of the law\n\n" + trunk_text(years) + "\n\n" + agreement(years, trunk=True),
        causes(years),
        remainder(years),
    ]) + "\n"  # fmt: skip


def how(years: Mapping[int, Year], frame: pd.DataFrame, sample: int | None) -> str:
    arguments = ["--years", *map(str, years)] if tuple(years) != YEARS else []
    arguments += [] if sample is None else ["--units", str(sample)]
    command = " ".join(["python benchmarks/agreement_taxcalc.py", *arguments])
    versions = ", ".join(
        [f"jaxsim {js.__version__}", f"Tax-Calculator {taxcalc.__version__}", f"jax {jax.__version__}",
         f"numpy {np.__version__}", f"pandas {pd.__version__}", f"Python {platform.python_version()}"]
    )  # fmt: skip
    drawn = "all" if sample is None else "a random sample of"
    points = [
        f"Versions: {versions}; jaxsim in float64.",
        "Law of jaxsim: the statutes as amended by P.L. 119-21 of July 4, 2025, amounts published in "
        f"{procedures(years)}. Law of Tax-Calculator: its `policy_current_law.json`, known to "
        f"{taxcalc.Policy.LAST_KNOWN_YEAR}.",
        f"Units: {drawn} {len(frame):,} units of `cps.csv.gz`, which Tax-Calculator ships. Both programs take its "
        f"amounts of {BASE_YEAR} as they are (no ageing) under the law of each year. The file has no partnership, S "
        "corporation or rental income, no capital gains other than distributions, no surviving spouses, no specified "
        "service businesses, no tips, overtime pay and vehicle loans, and no education, saver's, energy, foreign tax "
        "and business credits: `agreement.py` compares these on made units.",
        "Tax-Calculator runs with `exact_calculations` (steps as on the forms) and with the probabilities of claiming "
        "the earned income credit and the refundable child tax credit scaled up so that all claim.",
        f"Two values agree if they differ by at most ${TOLERANCE:g}. Deductions are compared as taken: the standard "
        "deduction is 0 for those who itemize and the other way round. Differences below that come from rounded "
        "parameters: Tax-Calculator has the greatest earned income credits in whole dollars.",
    ]
    commands = f"```bash\npip install -e '.[validation]'\n{command}\n```"
    return "## How it is run\n\n" + commands + "\n\n" + bullets(points)


def bullets(points: Sequence[str]) -> str:
    return "\n".join(wrapped(f"- {point}", "  ") for point in points)


def wrapped(text: str, indent: str = "") -> str:
    return textwrap.fill(text, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def procedures(years: Mapping[int, Year]) -> str:
    """The revenue procedures that published the amounts of these years, from the citations of the parameters."""
    titles = [title for title, _ in js.load_law()["irs.income_tax.rates.threshold"].reference]
    cited = [re.match(rf"(Rev\. Proc\. [\d-]+) \(tax year {year}\)", title) for year in years for title in titles]
    return ", ".join(f"{found[1]}" for found in cited if found)


def table(header: Sequence[str], rows: Sequence[Sequence[str]], right: int) -> str:
    """A Markdown table whose last `right` columns are set to the right."""
    rule = ["---"] * (len(header) - right) + ["---:"] * right
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (header, rule, *rows))


def agreement(years: Mapping[int, Year], trunk: bool) -> str:
    rows = []
    for output, label in OUTPUTS.items():
        most = max(int(found.have(output)[found.trunk if trunk else ...].sum()) for found in years.values())
        row = [label, f"`{output}`", f"{most:,}"]
        for found in years.values():
            differs = found.differs(output)[found.trunk] if trunk else found.differs(output)
            row.append(f"{share(differs)} ({differs.sum():,})")
        rows.append(row)
    text = (
        "Share of units within $1, and in brackets the number that differ by more. Beside the name, units with an "
        "amount other than 0 in either program, in the year that has most."
    )
    return wrapped(text) + "\n\n" + table(["Output", "Name", "Units", *map(str, years)], rows, len(years) + 1)


def share(differs: np.ndarray) -> str:
    """Share that agrees, rounded down, so that 100% means all."""
    return f"{np.floor(1e5 * (1 - differs.mean()) + 1e-9) / 1e3:.3f}%"


def trunk_text(years: Mapping[int, Year]) -> str:
    counts = ", ".join(f"{found.trunk.sum():,} in {year}" for year, found in years.items())
    return wrapped(
        "Units without expenses for care (`e32800`), business, farm and partnership income (`e00900`, `e02100`, "
        "`e26270`) and alimony (`e00800`), for which Tax-Calculator finds no alternative minimum tax (`c09600`) and no "
        f"credit for the elderly (`c07200`): {counts}."
    )


def causes(years: Mapping[int, Year]) -> str:
    """Which departure accounts for how many units, and what each one is."""
    first = next(iter(years.values()))
    rows, explained, idle = [], [], []
    for make, name in zip(DEPARTURES, first.departures, strict=True):
        departure = first.departures[name]
        counts = {o: [found.affected(name, o) for found in years.values()] for o in OUTPUTS}
        text = " ".join((inspect.getdoc(make) or "").split())
        line = f"**{name}** ({departure.law}; right: {departure.who_is_right}). {text}"
        others = {o: sum(c) for o, c in counts.items() if o not in ("iitax", "combined")}
        most = max(others, key=lambda o: others[o])
        if not any(map(sum, counts.values())):
            idle.append(line)
            continue
        explained.append(line)
        rows.append([name, departure.law, departure.who_is_right, slashed(counts["iitax"]), f"`{most}`",
                     slashed(counts[most])])  # fmt: skip
    together = {o: sum(found.only_together(o) for found in years.values()) for o in OUTPUTS}
    listed = ", ".join(f"{count} in `{o}`" for o, count in together.items() if count) or "none"
    header = ["Cause", "Law", "Who is right", "Units, income tax", "Output moved most", "Units, that output"]
    return "\n\n".join([
        "## Differences by cause",
        wrapped(
            "Units that differ by more than $1 and that the cause, switched on alone in jaxsim, moves by more than "
            f"${MOVED:.2f}: in {', '.join(map(str, years))}. A unit may have several causes. Differences in all years "
            f"that no cause alone accounts for, only several together: {listed}."
        ),
        table(header, rows, 0),
        bullets(explained),
        "These are known from the code and account for no difference on these units:",
        bullets(idle) or "- none",
    ])  # fmt: skip


def slashed(counts: Sequence[int]) -> str:
    return " / ".join(f"{count:,}" for count in counts)


def remainder(years: Mapping[int, Year]) -> str:
    """Units that differ with all departures switched on."""
    units = len(next(iter(years.values())).trunk)
    cells = len(OUTPUTS) * len(years)
    greatest, where = max(
        (float(np.abs(found.all_on[o] - found.theirs[o]).max()), f"`{o}` of {year}")
        for year, found in years.items()
        for o in OUTPUTS
    )
    rows = []
    for year, found in years.items():
        for output in OUTPUTS:
            which = np.flatnonzero(found.remains(output))
            rows += [f"- {year} `{output}`: {len(which):,} units"] if len(which) else []
            rows += [f"  - row {i}: {found.all_on[output][i]:,.2f}, Tax-Calculator {found.theirs[output][i]:,.2f}"
                     for i in which[:SHOWN]]  # fmt: skip
    text = wrapped(
        f"With all causes switched on at once, {cells} cells (outputs times years) of {units:,} units are compared; "
        f"the greatest difference is ${greatest:.4f}, in {where}."
    )
    listed = "\n".join(rows) or "No unit differs by more than $1 in any cell."
    return f"## What remains without a cause\n\n{text}\n\n{listed}"


if __name__ == "__main__":
    sys.exit(main())
