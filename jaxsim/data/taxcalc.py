"""Tax-Calculator's input files as populations: filing units become persons, units, families and households.

The format gives amounts by filing unit, ages of head and spouse, and counts of the others. The counts stay inputs of
the unit as the file has them; persons are rebuilt to agree with them, and units whose counts cannot all be true at
once are counted and listed in the card.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np

from jaxsim.columns import refuse
from jaxsim.data.dependants import ages_of_dependants, bands_of_dependants
from jaxsim.data.tabular import Reading, read_columns
from jaxsim.data.taxcalc_columns import (
    COUNTS,
    FLAGS,
    KNOWN,
    MINIMUM_TAX_CREDIT,
    PARTS,
    SHARED,
    SPLIT,
    SUMS,
    UNIT,
    UNUSED,
)
from jaxsim.data.taxcalc_units import Units, benefit_evidence, counted_once, household_state, household_weights
from jaxsim.engine import System
from jaxsim.errors import InputError, nearest
from jaxsim.population import DEPENDENT, HEAD, SPOUSE, WEIGHT, Population

CENTS = 0.02  # sums of amounts rounded to cents or dollars may differ by this much
SHOWN = 20
OLDEST_ASSUMED = 64.0  # a spouse of unknown age is not made a senior
ADULT_AGE = 40.0  # of heads where the file has no ages

LACKS = ("sex", "race", "education", "tenure", "rent", "assets",
         "business detail (wages paid, property, specified service trades)", "incomes of dependants",
         "SPM units (the household stands for it)", "high incomes beyond a thin sample")  # fmt: skip
LACKS_WITHOUT = {"tips": "tip_income", "overtime": "overtime_income"}


def cps_path() -> Path:
    """Path of cps.csv.gz in the installed Tax-Calculator, which is not imported for it.

    Raises:
        InputError: Tax-Calculator is not installed, or has no such file.
    """
    spec = importlib.util.find_spec("taxcalc")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    if not folders:
        raise InputError(
            "the whole CPS file comes with Tax-Calculator, which is not installed: pip install taxcalc, or use the "
            "bundled sample, load_population('cps_sample')"
        )
    path = Path(folders[0]) / "cps.csv.gz"
    if not path.is_file():
        raise InputError(f"{path}: missing from the installed Tax-Calculator: pip install --force-reinstall taxcalc")
    return path


def read_taxcalc(source: Any, year: int, *, name: str | None = None, weight_scale: float = 0.01) -> Population:
    """A population from a file or table in Tax-Calculator's input format.

    Args:
        source: path of a CSV (plain or gzip) or Parquet file, or a DataFrame; one row a filing unit, dollars a year.
        year: the year of the amounts (2014 for cps.csv, 2011 for puf.csv, 2022 for tmd.csv).
        name: name of the source in messages; the path by default.
        weight_scale: what one unit of s006 is worth: a hundredth of a household in cps.csv and puf.csv; give 1 for
            files whose weights are whole (tmd.csv).

    Returns:
        Households are (FLPDYR, h_seq), families ffpos within them, tax units RECID; without h_seq each row is its own
        household. A household's weight is that of its first family's first unit.

    Raises:
        InputError: in the format's column names, with the first offending rows counted from 0.
    """
    from jaxsim.rules.us import system

    where, columns = read_columns(source, name)
    file = Reading(where, columns)
    us = system()
    _check_columns(file)
    units = Units(file)
    dependants, ages, notes = _dependants(file, units)
    order, at = units.order, units.household_of_unit

    person = _persons(file, units, dependants, ages, us)
    unit: dict[str, np.ndarray] = {"tax_unit_id": units.recid, "household_id": units.household[at]}
    unit["filing_status"] = units.mars - 1.0
    unit["lives_apart_from_spouse"] = (units.mars == 3).astype(np.float64)  # the spouse is in no unit of the format
    if "XTOT" in file:
        unit["dependents"] = dependants.astype(np.float64)
    for c, ours in UNIT.items():
        if c in file:
            unit[ours] = file.number(c, *_bounds(us, ours))[order]
    for ours, parts in SUMS.items():
        if any(c in file for c in parts):
            unit[ours] = sum((file.number(c, *_bounds(us, ours)) for c in parts), np.zeros(file.rows))[order]
    for ours, (filed, amount) in MINIMUM_TAX_CREDIT.items():
        if amount in file:
            unit[ours] = (file.number(amount, *_bounds(us, ours)) * file.whole(filed, 0, 1))[order]
    for c, ours in (*COUNTS.items(), *FLAGS.items()):
        if c in file:
            unit[ours] = file.whole(c, *_bounds(us, ours))[order].astype(np.float64)
    household: dict[str, np.ndarray] = {
        "household_id": units.household,
        WEIGHT: household_weights(file, units, weight_scale),
    }
    if "fips" in file:
        household["state_fips"] = household_state(file, units)
    for c, (ours, group) in SHARED.items():
        if c in file:
            household[ours] = counted_once(file.number(c, *_bounds(us, ours))[order], units, group)
    _check_sums(file, units)

    tables = {"person": person, "tax_unit": unit, "household": household}
    supplied = {n for t in tables.values() for n, column in t.items() if n in us.inputs and column.any()}
    supplied |= {"filing_status"}
    if "age_head" not in file:
        supplied.discard("age")
    card = {
        "source": where,
        "format": "Tax-Calculator input",
        "base year": int(year),
        "lacks": [*LACKS, *(name for name, c in LACKS_WITHOUT.items() if c not in file)],
        "unused columns": sorted(c for c in UNUSED if c in file and file.non_zero(c)),
        "irreconcilable units": notes,
        "household benefits": benefit_evidence(file, units),
        "notes": [
            "persons other than head and spouse are rebuilt from counts, with one age for each band",
            *([] if "age_head" in file else [f"the file has no ages: heads are taken to be {ADULT_AGE:g}"]),
            "the file has no SPM units: the household stands for it",
            "separate filers are taken to live apart from the spouse all year, as Tax-Calculator takes them",
            "a household has one weight, that of its first unit; the file's units of one household differ in "
            f"{units.unequal_weights:.1%} of households",
        ],
    }
    return Population.from_tables(tables, year=year, source=where, system=us, card=card, provided=frozenset(supplied))


def _bounds(system: System, name: str) -> tuple[float, float]:
    i = system.inputs[name]
    return i.low, i.high


def _check_columns(file: Reading) -> None:
    file.require(("RECID", "MARS"), "Tax-Calculator's format needs RECID and MARS on every row.")
    for name in file.columns:
        if name not in KNOWN:
            raise refuse(file.source, name, "not a column of Tax-Calculator's input format", remedy=nearest(
                name, sorted(KNOWN)).strip() or "Leave it out.")  # fmt: skip
    for c in UNUSED:
        if c in file:
            file.number(c)
    recid = file.whole("RECID")
    _, first = np.unique(recid, return_index=True)
    if len(first) != len(recid):
        again = np.setdiff1d(np.arange(len(recid)), first)
        raise refuse(file.source, "RECID", f"{recid[again[0]]} stands more than once", again, "RECID must be unique.")


def _amounts(file: Reading, code: str, joint: np.ndarray, bounds: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Head's and spouse's part of an amount, checked against each other and the sum, in file order."""
    head, spouse = file.number(f"{code}p", *bounds), file.number(f"{code}s", *bounds)
    if code in file and code in SPLIT:
        total = file.number(code, *bounds)
        if f"{code}p" not in file and f"{code}s" not in file:
            file.refuse_where(joint & (total != 0), code, f"a joint return needs {code}p and {code}s",
                              "Split the amount between head and spouse.")  # fmt: skip
            head = total
        file.refuse_where(np.abs(total - head - spouse) > CENTS, code, f"differs from {code}p + {code}s",
                          "The parts of head and spouse must add up.")  # fmt: skip
    file.refuse_where(~joint & (spouse != 0), f"{code}s", "an amount of a spouse where MARS is not 2")
    return head, spouse


def _check_sums(file: Reading, units: Units) -> None:
    for part, whole in (("e00650", "e00600"), ("e01700", "e01500")):
        if part in file:
            file.refuse_where(file.number(part) > file.number(whole) + CENTS, part, f"is more than {whole}",
                              f"{whole} includes {part}.")  # fmt: skip


def _dependants(file: Reading, units: Units) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    """Number of dependants of each unit, the ages of all of them in order, and the units that do not add up."""
    count = {c: file.whole(c, 0, 3 if c == "EIC" else 30)[units.order] for c in COUNTS}
    head, spouse, unknown = _filer_ages(file, units)  # the counts leave a spouse of unknown age out
    filers = units.joint + 1

    def others(name: str, low: float, high: float) -> np.ndarray:
        """Members of an age band other than the filers."""
        known_head = ((head >= low) & (head < high)).astype(np.int64)
        known_spouse = (units.joint & ~unknown & (spouse >= low) & (spouse < high)).astype(np.int64)
        return count[name] - known_head - known_spouse if name in file else np.zeros(file.rows, dtype=np.int64)

    under_18, to_20, adults = others("nu18", 0, 18), others("n1820", 18, 21), others("n21", 21, 200)
    if "nu18" not in file:
        under_18 = np.maximum(count["nu13"], count["n24"])
    if "n21" not in file:
        adults = count["elderly_dependents"]
    listed = np.maximum.reduce([under_18, count["n24"], count["nu13"]]).clip(0) + to_20.clip(0) + adults.clip(0)
    exemptions = file.whole("XTOT", 0, 32)[units.order]
    dependants = (exemptions - filers).clip(0) if "XTOT" in file else listed
    if "XTOT" in file:
        more = np.empty(file.rows, dtype=bool)
        more[units.order] = count["n24"] > dependants
        file.refuse_where(more, "n24", "is more than the dependants in XTOT", "XTOT counts the filers and all others.")
    bands, forced = bands_of_dependants(dependants, count["nu06"], count["nu13"], count["n24"], under_18, to_20,
                                        adults, count["elderly_dependents"])  # fmt: skip
    by_age = count["nu18"] + count["n1820"] + count["n21"]
    complete = all(c in file for c in ("XTOT", "nu18", "n1820", "n21"))
    kinds = (
        ("EIC exceeds the dependants listed", "XTOT" in file and count["EIC"] > dependants, "EIC kept as given"),
        ("XTOT differs from nu18 + n1820 + n21", complete and exemptions != by_age,
         "XTOT rules the number of persons; the counts are kept as given"),
        ("XTOT is less than the filers", "XTOT" in file and exemptions < filers, "no dependants"),
        ("joint return with age_spouse 0", unknown,
         f"the spouse gets the head's age, at most {OLDEST_ASSUMED:g}"),
        ("head aged 0", (head == 0) & ("age_head" in file), "kept"),
        ("ages of dependants do not fit the counts", complete & forced,
         "surplus is cut from the oldest, what is lacking is added as adults"),
    )  # fmt: skip
    notes = {}
    for kind, which, handling in kinds:
        rows = np.flatnonzero(np.broadcast_to(which, file.rows))
        if len(rows):
            notes[kind] = {"count": len(rows), "RECID": np.sort(units.recid[rows])[:SHOWN].tolist(),
                           "handling": handling}  # fmt: skip
    return dependants, ages_of_dependants(bands), notes


def _filer_ages(file: Reading, units: Units) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ages of head and spouse, in household order, and where the file has 0 for a spouse: it does not know the age."""
    head = file.number("age_head", 0, 120)[units.order] if "age_head" in file else np.full(file.rows, ADULT_AGE)
    spouse = file.number("age_spouse", 0, 120)[units.order]
    unknown = units.joint & (spouse == 0)
    return head, np.where(unknown, np.minimum(head, OLDEST_ASSUMED), spouse), unknown & ("age_spouse" in file)


def _persons(
    file: Reading, units: Units, dependants: np.ndarray, ages: np.ndarray, system: System
) -> dict[str, np.ndarray]:
    order, joint = units.order, units.joint
    sizes = 1 + joint + dependants
    start = np.cumsum(sizes) - sizes
    unit = np.repeat(np.arange(len(sizes)), sizes)
    people = len(unit)
    spouses = start[joint] + 1
    role = np.full(people, DEPENDENT)
    role[start], role[spouses] = HEAD, SPOUSE
    person: dict[str, np.ndarray] = {
        "person_id": np.arange(people),
        "household_id": units.household[units.household_of_unit][unit],
        "tax_unit_id": units.recid[unit],
        "family_id": units.family[unit],
        "role": role,
    }
    single = np.ones(file.rows, dtype=bool)
    single[order] = ~joint
    head, spouse, _ = _filer_ages(file, units)
    person["age"] = age = _spread(head, spouse, start, spouses, joint, people)
    age[role == DEPENDENT] = ages
    if "blind_head" in file or "blind_spouse" in file:
        blind_spouse = file.whole("blind_spouse", 0, 1)
        file.refuse_where(single & (blind_spouse != 0), "blind_spouse", "a blind spouse where MARS is not 2")
        person["is_blind"] = _spread(file.whole("blind_head", 0, 1)[order], blind_spouse[order], start, spouses,
                                     joint, people)  # fmt: skip
    for code, ours in (*SPLIT.items(), *PARTS.items()):
        if any(c in file for c in (code, f"{code}p", f"{code}s")):
            given = _amounts(file, code, ~single, _bounds(system, ours))
            person[ours] = _spread(given[0][order], given[1][order], start, spouses, joint, people)
    return person


def _spread(
    head: np.ndarray, spouse: np.ndarray, start: np.ndarray, spouses: np.ndarray, joint: np.ndarray, people: int
) -> np.ndarray:
    """A column of persons from those of head and spouse; 0 for dependants."""
    column = np.zeros(people)
    column[start] = head
    column[spouses] = spouse[joint]
    return column
