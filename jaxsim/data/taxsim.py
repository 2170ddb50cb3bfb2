"""TAXSIM-35 input files as populations: each row a household of its own, with weight 1.

Dependants come as counts of children under 13, 17 and 18 (`dep13`, `dep17`, `dep18`, each within the next) or as ages
(`age1` to `age11`). Headers are taken in any case; an empty field is 0, as in TAXSIM.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from jaxsim.columns import refuse
from jaxsim.data.tabular import Columns, Reading, read_columns
from jaxsim.errors import InputError, nearest
from jaxsim.population import DEPENDENT, HEAD, SPOUSE, WEIGHT, Population

# FIPS code of each SOI state code 1..51: states and the District of Columbia in alphabetical order of their names.
FIPS = np.array([0, 1, 2, 4, 5, 6, 8, 9, 10, 11, 12, 13, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29,
                 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 44, 45, 46, 47, 48, 49, 50, 51, 53, 54, 55,
                 56])  # fmt: skip

SINGLE, JOINT, SEPARATE, DEPENDENT_FILER = 1, 2, 6, 8
ADULT_AGE = 40.0  # age of a filer whose field is 0 or missing: under 65
CHILD_AGES = {"dep13": 9.0, "dep17": 15.0, "dep18": 17.0}
OTHER_DEPENDANT = 40.0
AGE_COLUMNS = tuple(f"age{k}" for k in range(1, 12))

# Amounts of head and spouse.
PERSON = {
    "employment_income": (("pwages",), ("swages",)),
    "self_employment_income": (("psemp", "pbusinc", "pprofinc"), ("ssemp", "sbusinc", "sprofinc")),
}
UNIT = {
    "intrec": ("taxable_interest_income",),
    "dividends": ("ordinary_dividend_income", "qualified_dividend_income"),  # TAXSIM's dividends are qualified
    "stcg": ("short_term_capital_gains",),
    "ltcg": ("long_term_capital_gains",),
    "otherprop": ("rental_partnership_s_corp_income",),
    "scorp": ("rental_partnership_s_corp_income", "active_partnership_s_corp_income"),
    "pensions": ("pension_income", "taxable_pension_income"),
    "gssi": ("social_security",),
    "pui": ("unemployment_compensation",),
    "sui": ("unemployment_compensation",),
    "ui": ("unemployment_compensation",),
    "transfers": ("other_benefits",),
    "proptax": ("real_estate_tax",),
    "otheritem": ("state_and_local_income_or_sales_tax",),
    "mortgage": ("deductible_interest_expense",),
    "childcare": ("care_expense",),
}
NONPROP = "nonprop"  # income or adjustments, by its sign
SUFFICIENT_WAGES = ("pbusinc", "sbusinc")  # businesses that by the format's definition pay wages enough for 199A(b)(2)
UNUSED = ("rentpaid", "opt1", "opt2", "opt3", "opt4")
IDS = ("taxsimid", "year", "state", "mstat", "page", "sage", "depx", "dep13", "dep17", "dep18", "idtl")
SIGNED = ("psemp", "ssemp", "pbusinc", "sbusinc", "pprofinc", "sprofinc", "stcg", "ltcg", "otherprop", "nonprop",
          "scorp")  # fmt: skip
KNOWN = frozenset((*IDS, *AGE_COLUMNS, *UNIT, NONPROP, *UNUSED, *(c for p, s in PERSON.values() for c in (*p, *s))))

LACKS = ("wages and rents of dependants", "weights", "business detail (wages paid, property)", "tips", "overtime",
         "deductions other than taxes, interest and child care")  # fmt: skip


def read_taxsim(source: Any, year: int | None = None, *, name: str | None = None) -> Population:
    """A population from a file or table in TAXSIM-35's input format.

    Args:
        source: path of a CSV (plain or gzip) or Parquet file, or a DataFrame; dollars a year.
        year: rows of this year; needed when the file holds several.
        name: name of the source in messages; the path by default.

    Returns:
        One household of one tax unit a row, in the order of taxsimid. mstat 1 is head of household with dependants and
        single without, 2 joint, 6 separate, 8 a dependent of another.

    Raises:
        InputError: in the format's column names, with the first offending rows counted from 0.
    """
    where, columns = read_columns(source, name)
    columns = _lower(where, columns)
    for c in columns:
        if c not in KNOWN:
            raise refuse(where, c, "not a column of TAXSIM-35's input format",
                         remedy=nearest(c, sorted(KNOWN)).strip() or "Leave it out.")  # fmt: skip
    file = Reading(where, columns, empty=0.0)
    file.require(("mstat",), "TAXSIM's format needs mstat on every row.")
    if "year" not in file and year is None:
        raise refuse(where, "year", "missing", remedy="Give the column, or say year=... .")
    row_years = file.whole("year", 1960, 2100) if "year" in file else np.full(file.rows, int(year or 0))
    if year is None:
        year = int(row_years[0])
        file.refuse_where(row_years != year, "year", f"several years in one file ({year} in row 0, and another)",
                          "Choose one with year=... .")  # fmt: skip
    chosen = row_years == year
    if not chosen.any():
        raise refuse(where, "year", f"no row is of {year}", remedy=f"The file holds {np.unique(row_years).tolist()}.")
    return _build(file, chosen, int(year))


def _lower(where: str, columns: Columns) -> Columns:
    lowered: Columns = {}
    for c, column in columns.items():
        if c.strip().lower() in lowered:
            raise refuse(where, c, "given twice, in different case", remedy="Keep one of them.")
        lowered[c.strip().lower()] = column
    return lowered


def _build(file: Reading, chosen: np.ndarray, year: int) -> Population:
    from jaxsim.rules.us import system

    mstat = file.whole("mstat")
    file.refuse_where(~np.isin(mstat, (SINGLE, JOINT, SEPARATE, DEPENDENT_FILER)), "mstat",
                      f"{_first(mstat, ~np.isin(mstat, (1, 2, 6, 8)))} is not a marital status of TAXSIM",
                      "1 single or head of household, 2 joint, 6 separate, 8 dependent.")  # fmt: skip
    joint = mstat == JOINT
    identity = file.whole("taxsimid") if "taxsimid" in file else np.arange(file.rows)
    _unique(file, identity, chosen)
    ages, owner, given_by_age = _dependants(file)
    depends = np.bincount(owner, minlength=file.rows) > 0

    amounts = {c: file.number(c, *((-1e10, 1e11) if c in SIGNED else (0.0, 1e11)))
               for c in KNOWN if c in file and c not in IDS and c not in AGE_COLUMNS}  # fmt: skip
    for column in ("sage", *PERSON["employment_income"][1], *PERSON["self_employment_income"][1], "sui"):
        if column in file:
            file.refuse_where(~joint & (file.number(column) != 0), column, "a spouse's field where mstat is not 2")
    head, spouse = file.number("page", 0, 120), file.number("sage", 0, 120)

    rows = np.flatnonzero(chosen)
    rows = rows[np.argsort(identity[rows], kind="stable")]
    unit: dict[str, np.ndarray] = {"tax_unit_id": identity[rows], "household_id": identity[rows]}
    status = np.select([joint, mstat == SEPARATE, depends & (mstat == SINGLE)], [1.0, 2.0, 3.0], 0.0)
    unit["filing_status"] = status[rows]
    unit["head_is_dependent_elsewhere"] = (mstat == DEPENDENT_FILER)[rows].astype(np.float64)
    for c, names in UNIT.items():
        for name in names:
            if c in amounts:
                unit[name] = unit.get(name, np.zeros(len(rows))) + amounts[c][rows]
    if NONPROP in amounts:
        unit["miscellaneous_income"] = amounts[NONPROP][rows].clip(0)
        unit["alimony_paid"] = (-amounts[NONPROP][rows]).clip(0)
    business = sum((amounts[c] for c in SUFFICIENT_WAGES if c in amounts), np.zeros(file.rows))
    if business.any():
        unit["business_w2_wages"] = business[rows].clip(0)  # half of them is more than a fifth of the income
    sstb = sum((amounts[c] for c in ("pprofinc", "sprofinc") if c in amounts), np.zeros(file.rows))
    if sstb.any():
        unit["business_is_sstb"] = (sstb != 0)[rows].astype(np.float64)
    if not given_by_age and "dep18" in file:
        unit["eitc_qualifying_children"] = file.number("dep18")[rows]

    place = np.full(file.rows, -1)
    place[rows] = np.arange(len(rows))
    kept = chosen[owner]
    unit_of = np.concatenate([np.arange(len(rows)), np.flatnonzero(joint[rows]), place[owner[kept]]])
    role = np.concatenate([np.full(len(rows), HEAD), np.full(int(joint[rows].sum()), SPOUSE),
                           np.full(int(kept.sum()), DEPENDENT)])  # fmt: skip
    filers = np.concatenate([head[rows], spouse[rows][joint[rows]]])
    order = np.lexsort((np.arange(len(role)), role, unit_of))
    person = {
        "person_id": np.arange(len(role)),
        "household_id": identity[rows][unit_of][order],
        "tax_unit_id": identity[rows][unit_of][order],
        "role": role[order],
        "age": np.concatenate([np.where(filers == 0, ADULT_AGE, filers), ages[kept]])[order],
    }
    for column, (of_head, of_spouse) in PERSON.items():
        parts = [sum((amounts[c] for c in codes if c in amounts), np.zeros(file.rows))[rows]
                 for codes in (of_head, of_spouse)]  # fmt: skip
        values = np.concatenate([parts[0], parts[1][joint[rows]], np.zeros(int(kept.sum()))])
        person[column] = values[order]
    household: dict[str, np.ndarray] = {"household_id": identity[rows], WEIGHT: np.ones(len(rows))}
    state = file.whole("state", 0, 51, "SOI codes run from 1 (Alabama) to 51 (Wyoming); 0 is none.")
    household["state_fips"] = FIPS[state[rows]].astype(np.float64)

    us = system()
    tables = {"person": person, "tax_unit": unit, "household": household}
    supplied = {n for t in tables.values() for n, column in t.items() if n in us.inputs and column.any()}
    card = {
        "source": file.source,
        "format": "TAXSIM-35 input",
        "base year": year,
        "lacks": list(LACKS),
        "unused columns": sorted(c for c in UNUSED if c in amounts and amounts[c][rows].any()),
        "notes": [
            "each row is a household with weight 1",
            "dividends are taken as qualified, otherprop as rents and other Schedule E income, nonprop as other "
            "taxable income or, if negative, as alimony paid, mortgage as deductible interest, otheritem as state "
            "income tax, transfers as other benefits; a unit with pprofinc or sprofinc has a specified service trade, "
            "and businesses of pbusinc and sbusinc pay wages enough for the whole deduction",
            f"a filer's age of 0 stands for {ADULT_AGE:g}; counts of dependants stand for ages "
            + ", ".join(f"{age:g} ({c})" for c, age in CHILD_AGES.items()),
        ],
    }
    return Population.from_tables(tables, year=year, source=file.source, system=us, card=card,
                                  provided=frozenset(supplied) | {"filing_status"})  # fmt: skip


def _first(values: np.ndarray, wrong: np.ndarray) -> Any:
    return values[np.argmax(wrong)] if wrong.any() else ""


def _unique(file: Reading, identity: np.ndarray, chosen: np.ndarray) -> None:
    rows = np.flatnonzero(chosen)
    _, first = np.unique(identity[rows], return_index=True)
    again = np.setdiff1d(np.arange(len(rows)), first)
    if len(again):
        raise refuse(file.source, "taxsimid", f"{identity[rows[again[0]]]} stands more than once", rows[again],
                     "Within a year taxsimid must be unique.")  # fmt: skip


def _dependants(file: Reading) -> tuple[np.ndarray, np.ndarray, bool]:
    """Ages of all dependants and the row of each, from ages where the file has them and from counts otherwise."""
    depx = file.whole("depx", 0, 30)
    counts = [c for c in CHILD_AGES if c in file]
    given = [c for c in AGE_COLUMNS if c in file]
    if given and counts and any(file.non_zero(c) for c in counts) and any(file.non_zero(c) for c in given):
        raise refuse(file.source, given[0], f"ages of dependants beside counts ({', '.join(counts)})",
                     remedy="Give the one or the other.")  # fmt: skip
    if given and any(file.non_zero(c) for c in given):
        table = np.stack([file.number(c, 0, 120) for c in given], axis=1)
        listed = np.arange(table.shape[1]) < depx[:, None] if "depx" in file else table > 0
        surplus = (table > 0) & ~listed
        if surplus.any():
            column = given[int(np.argmax(surplus.any(axis=0)))]
            file.refuse_where((table > 0).sum(axis=1) > depx, column, "more ages of dependants than depx")
            file.refuse_where(surplus.any(axis=1), column, "ages of dependants must fill age1, age2 ... in order")
        file.refuse_where(depx > len(given), "depx", f"more dependants than the {len(given)} columns of ages")
        owner, position = np.nonzero(listed)
        return table[owner, position], owner, True
    nested = {c: file.whole(c, 0, 30) for c in counts}
    for inner, outer in (("dep13", "dep17"), ("dep17", "dep18"), ("dep13", "dep18")):
        if inner in nested and outer in nested:
            file.refuse_where(nested[inner] > nested[outer], inner, f"is more than {outer}, which includes it")
    total = depx if "depx" in file else np.maximum.reduce([*nested.values(), depx])
    inside = np.zeros(file.rows, dtype=np.int64)
    bands, ages = [], []
    for c, age in CHILD_AGES.items():
        if c in nested:
            file.refuse_where(nested[c] > total, c, "is more than depx, the dependants in all")
            bands.append((nested[c] - inside).clip(0))
            ages.append(age)
            inside = np.maximum(inside, nested[c])
    bands.append(total - inside)
    ages.append(OTHER_DEPENDANT)
    table = np.stack(bands, axis=1)
    owner = np.repeat(np.arange(file.rows), table.sum(axis=1))
    return np.repeat(np.tile(ages, file.rows), table.ravel()), owner, False


def soi_of_fips(fips: int) -> int:
    """SOI state code of a FIPS code, e.g. 33 of 36 (New York)."""
    found = np.flatnonzero(fips == FIPS)
    if not len(found):
        raise InputError(f"{fips} is not the FIPS code of a state")
    return int(found[0])
