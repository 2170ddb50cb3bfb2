"""Agreement with independent programs on made tax units, and a named cause for each difference.

    python benchmarks/agreement.py [--policyengine-python PYTHON] [--taxsim-binary FILE] [--units N]

Needs `pip install -e '.[validation]'`. PolicyEngine runs in the interpreter given, by default this one; TAXSIM is by
default the binary that comes with policyengine-taxsim. Each departure is switched on alone, to see which differences
it makes, and all together, to see what remains. Tax-Calculator on survey data has a report of its own
(`agreement_taxcalc.py`).
"""

from __future__ import annotations

import argparse
import inspect
import platform
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import jax
import numpy as np
import witness_policyengine
import witness_taxcalc
import witness_taxsim
from agreement_taxcalc import bullets, share, slashed, table, wrapped
from units import generate, inputs_read
from witness import OUTPUTS, TOLERANCE, Found, Witness, compare

import jaxsim as js

SEED = 0
PROGRAMS = ("taxcalc", "policyengine", "taxsim")
UNITS = {"taxcalc": 5_000, "policyengine": 2_000, "taxsim": 2_000}
SHOWN = 5  # unexplained units listed for each output and year
Results = Mapping[int, Found]


def main() -> int:
    """Run the witnesses and write it down; 1 if a difference remains without a cause."""
    parser = argparse.ArgumentParser(description="Agreement of jaxsim with independent programs on made tax units.")
    parser.add_argument("--only", nargs="+", choices=PROGRAMS, default=list(PROGRAMS))
    parser.add_argument("--policyengine-python", default=sys.executable, help="an interpreter that has policyengine-us")
    parser.add_argument("--taxsim-binary", type=Path, default=witness_taxsim.bundled())
    parser.add_argument("--years", type=int, nargs="+", help="all that a program knows, by default")
    parser.add_argument("--units", type=int, help="number of units for each program")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "WITNESSES.md")
    chosen = parser.parse_args()
    if "taxsim" in chosen.only and chosen.taxsim_binary is None:
        parser.error("give --taxsim-binary: no binary of TAXSIM comes with this environment")
    sections, remaining = [], 0
    for name in chosen.only:
        units = chosen.units or UNITS[name]
        witness, view = start(name, chosen)
        years = [y for y in witness.years if chosen.years is None or y in chosen.years]
        found = {year: compare(witness, view(made(witness, units, chosen.seed, year)), year) for year in years}
        sections.append(section(witness, units, found))
        remaining += sum(int(f.remains(o).sum()) for f in found.values() for o in f.outputs)
        # after each program, so that a later one that cannot be run loses nothing
        chosen.out.write_text("\n\n".join([opening(chosen.seed), *sections]) + "\n", encoding="utf-8")
    print(f"{chosen.out}: {remaining} differences without a cause")
    return 1 if remaining else 0


View = Callable[[js.Population], js.Population]


def start(name: str, chosen: argparse.Namespace) -> tuple[Witness, View]:
    """A witness, and what it can know of a population."""
    if name == "policyengine":
        return witness_policyengine.witness(chosen.policyengine_python), witness_policyengine.as_policyengine_knows
    if name == "taxsim":
        return witness_taxsim.witness(chosen.taxsim_binary), witness_taxsim.as_taxsim_knows
    return witness_taxcalc.witness(), witness_taxcalc.as_taxcalc_knows


def made(witness: Witness, units: int, seed: int, year: int) -> js.Population:
    """Units with the inputs that the witness has a place for and some rule of ours reads."""
    persons = generate(units, seed, year, witness.inputs & inputs_read())
    return js.Population.from_persons(persons, year=year, source=f"{units} units made for {witness.name}")


# --- the report --------------------------------------------------------------------------------------------------


def opening(seed: int) -> str:
    versions = ", ".join(
        [f"jaxsim {js.__version__}", f"jax {jax.__version__}", f"numpy {np.__version__}",
         f"Python {platform.python_version()}"]
    )  # fmt: skip
    points = [
        f"Units are made by `units.py` (seed {seed}): all filing statuses, incomes from losses to several million, one "
        "in six at an amount of the law. Each program gets the inputs that it has a place for. Units are not weighted: "
        "the shares below are shares of units made to be hard, not of taxpayers.",
        f"Two values agree if they differ by at most ${TOLERANCE:g}. Deductions are compared as taken: the standard "
        "deduction is 0 for those who itemize and the other way round.",
        "A cause is a change of jaxsim under which it does as the other program does; where it says that units are "
        "counted as they are, it names the units it is about.",
        f"Versions: {versions}; jaxsim in float64.",
    ]
    command = "```bash\npip install -e '.[validation]'\npython benchmarks/agreement.py\n```"
    return "\n\n".join([
        "# Agreement with independent programs",
        "Written by `benchmarks/agreement.py`; run it again rather than edit this file.",
        command,
        bullets(points),
    ])  # fmt: skip


def section(witness: Witness, units: int, found: Results) -> str:
    """What was found with one program."""
    return "\n\n".join([
        f"## {witness.name}",
        bullets([f"{units:,} units in each of {', '.join(map(str, found))}.", *witness.notes]),
        agreement(found),
        "### Causes",
        causes(witness, found),
        "### Without a cause",
        remainder(found),
    ])  # fmt: skip


def outputs_of(found: Results) -> tuple[str, ...]:
    return next(iter(found.values())).outputs


def agreement(found: Results) -> str:
    """Share of units that agree, by output and year."""
    rows = [
        [OUTPUTS[o][0], *(f"{share(f.differs(o))} ({f.differs(o).sum():,})" for f in found.values())]
        for o in outputs_of(found)
    ]
    text = "Share of units that agree, and in brackets the number that do not."
    return text + "\n\n" + table(["Output", *map(str, found)], rows, len(found))


def causes(witness: Witness, found: Results) -> str:
    """Which departure accounts for how many units, and what each one is."""
    outputs = outputs_of(found)
    rows, explained, idle, failed = [], [], [], []
    texts = {}
    for make in witness.departures:
        texts[make.__name__] = " ".join((inspect.getdoc(make) or "").split())
    for text in texts.values():
        for f in found.values():
            failed += [f"{text[:60]}: {why}" for start_, why in f.failed.items() if text.startswith(start_)]
    departures = {name: d for f in found.values() for name, d in f.departures.items()}
    for name, departure in departures.items():
        counts = {o: [f.affected(name, o) if name in f.departures else 0 for f in found.values()] for o in outputs}
        line = f"**{name}** ({departure.law}; right: {departure.who_is_right}). {departure.text}"
        if not any(map(sum, counts.values())):
            idle.append(line)
            continue
        explained.append(line)
        others = {o: sum(c) for o, c in counts.items() if o != "income_tax"}
        most = max(others, key=lambda o: others[o])
        rows.append([name, departure.law, departure.who_is_right, slashed(counts["income_tax"]),
                     OUTPUTS[most][0], slashed(counts[most])])  # fmt: skip
    header = ["Cause", "Law", "Who is right", "Units, income tax", "Output moved most", "Units, that output"]
    blocks = [
        wrapped(f"Differing units that the cause, alone, moves or names, in {', '.join(map(str, found))}."),
        table(header, rows, 0),
        bullets(explained),
    ]
    if idle:
        blocks += ["These account for no difference on these units:", bullets(idle)]
    if failed:
        blocks += ["These do not fit the rules of this version and were left out:", bullets(sorted(set(failed)))]
    return "\n\n".join(blocks)


def remainder(found: Results) -> str:
    """Units that differ with all departures switched on."""
    rows: list[str] = []
    for year, f in found.items():
        for o in f.outputs:
            which = np.flatnonzero(f.remains(o))
            if len(which):
                cells = "; ".join(f"unit {i}: {f.all_on[o][i]:,.2f}, theirs {f.theirs[o][i]:,.2f}"
                                  for i in which[:SHOWN])  # fmt: skip
                rows.append(f"{year}, {OUTPUTS[o][0]}: {len(which):,} units ({cells})")
    return bullets(rows) if rows else "With all causes switched on, no unit differs in any cell."


if __name__ == "__main__":
    sys.exit(main())
