"""Random workers and families beside pyanypia, a port of SSA's Detailed Calculator: every amount, to the cent.

    python benchmarks/oasdi_detailed_calculator.py [--cases 5000] [--seed 1] [--show 5]

Needs pyanypia (github.com/anthonycolavito/pyanypia, checked against SSA's program itself, version of the trustees'
report of 2026) on the path. Both get the same earnings and dates, and ours its wages, increases and bases of all years.
Prints Markdown for BENCHMARKS.md: how many amounts were compared and how many differ by a cent or more.

Not asked: what the port has not got (parents, divorced widows and widows of workers who had claimed; dual entitlement;
child-care years; the end of windfall elimination in 2024, so pensions only before; workers who were disabled and died),
what ours has not (eligibility before 1979), and disability whose forty quarters begin before 1978, when quarters of
coverage are given to the port as a sum. Of the disabled no months from 65 on: the port keeps to the family maximum of
the disabled, which ends at full retirement age (POMS RS 00615.742).
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pyanypia
from pyanypia import BenefitType, DisabilityPeriod, FamilyMember, MonthYear, PiaError
from speed import heading, row

import jaxsim as js

sys.path.append(str(Path(__file__).parents[1]))
from tests.dynamic.random_workers import Case, month_of, number, pair, some_cases

KINDS = {"old_age": BenefitType.OLD_AGE, "disability": BenefitType.DISABILITY, "survivor": BenefitType.SURVIVOR}
CODES = {"spouse": "B ", "spouse_with_child": "B2", "child": "C1", "widow": "D ", "disabled_widow": "W ",
         "parent_with_child": "E "}  # fmt: skip
OF_WORKER = {"aime": "aime", "pia": "pia", "family_maximum": "mfb", "months": "months_reduction_or_credit",
             "benefit": "monthly_benefit"}  # fmt: skip
OF_MEMBER = {"full": "full_benefit", "after_maximum": "after_max", "benefit": "rounded_benefit"}
COLUMNS = ["id", "birth_date", "benefit_type", "entitlement", "as_of", "onset_date", "death_date", "pension"]
END_OF_WINDFALL = 12 * 2024


def askable(case: Case) -> Case | None:
    """The part of a case that both programs know; None without one."""
    record = {name: value for name, value in case.record.items() if name not in ("pension", "pension_from")}
    born, own = month_of(record["birth_date"]), number(record["entitlement"])
    eligible = min(born // 12 + 62, *(month_of(record[name]) // 12 for name in ("onset_date", "death_date")))
    disabled = record["benefit_type"] == "disability"
    if eligible < (1988 if disabled else 1980):
        return None
    if disabled and not own < born + 12 * 65 - 1 > number(record["as_of"]):
        return None
    if record["benefit_type"] == "survivor":
        if record["onset_date"] is not None or month_of(record["death_date"]) >= born + 12 * 65:
            return None
        record["entitlement"] = None
    elif number(record["as_of"]) < END_OF_WINDFALL and "pension" in case.record:
        record["pension"] = case.record["pension"]
    members = [{k: v for k, v in m.items() if not k.startswith("pension")} for m in case.members]
    members = [m for m in members if m["relation"] in CODES and m["entitlement"] <= record["as_of"]]
    if record["benefit_type"] == "survivor" and not members:
        return None
    quarters = sum(min(4, int(paid // 50)) for year, paid in case.earnings.items() if year < 1978)
    return Case(record | {"before_1978": quarters}, case.earnings, members)


def of_month(when: tuple[int, int] | None) -> MonthYear | None:
    return None if when is None else MonthYear(*when)


def theirs(case: Case) -> Any:
    """The port's results; the number of its error where it refuses the case."""
    record, periods = case.record, ()
    if record["onset_date"] is not None:
        day = record["onset_date"]
        waits = pair(number((day.year, day.month)) + (day.day != 1))
        periods = (DisabilityPeriod(day, of_month(record["entitlement"]), of_month(waits)),)
    worker = pyanypia.Worker(
        dob=record["birth_date"],
        sex=pyanypia.Sex.MALE,
        benefit_type=KINDS[record["benefit_type"]],
        earnings=case.earnings,
        entitlement=of_month(record["entitlement"]),
        benefit_date=of_month(record["as_of"]),
        death_date=record["death_date"],
        qc_total_to_date=record["before_1978"],
        qc_total_51_to_date=record["before_1978"],
        disability_periods=periods,
        noncovered_pension=record.get("pension", 0.0),
        noncovered_pension_date=of_month(record["entitlement"]) if "pension" in record else None,
        family=tuple(
            FamilyMember(CODES[m["relation"]], m["birth_date"], MonthYear(*m["entitlement"]),
                         date(m["entitlement"][0], 1, 1) if m["relation"] == "disabled_widow" else None)
            for m in case.members
        ),
    )  # fmt: skip
    try:
        return pyanypia.compute(worker)
    except PiaError as refused:
        return refused


def series() -> pd.DataFrame:
    """The port's wages, increases and bases, as assumptions."""
    p = pyanypia.present_law(2)
    years = range(1951, 2101)
    columns = {"awi": p.fq, "cola_pct": p.cpiinc, "base_oasdi": p.base_oasdi, "base_old_law": p.base_77}
    table = pd.DataFrame({"year": years} | {name: [of.get(year) for year in years] for name, of in columns.items()})
    table.loc[table.year < 1978, "base_old_law"] = None
    table.loc[table.year < 2000, "cola_pct"] = None  # it has that of 1999 in two parts
    table["qc_amount"] = [p.qc_amt.get(year) if year >= 1978 else None for year in years]
    return table


def text(when: tuple[int, int] | None) -> str:
    return "" if when is None else f"{when[0]}-{when[1]:02d}"


def ours(cases: Sequence[Case]) -> js.dynamic.oasdi.Benefits:
    workers = pd.DataFrame([case.record for case in cases])
    for name in ("entitlement", "as_of"):
        workers[name] = workers[name].map(text)
    workers["id"] = range(len(cases))
    paid = [(k, year, amount) for k, case in enumerate(cases) for year, amount in case.earnings.items()]
    members = [
        {"id": k, "member": j, **m, "entitlement": text(m["entitlement"])}
        for k, case in enumerate(cases)
        for j, m in enumerate(case.members)
    ]
    return js.dynamic.oasdi.benefits(
        workers.reindex(columns=COLUMNS),
        pd.DataFrame(paid, columns=["id", "year", "earnings"]),
        pd.DataFrame(members),
        assumptions=series(),
        progress=True,
    )


def differences(cases: Sequence[Case]) -> Iterator[tuple[str, str, int, float, float]]:
    """Group, name, case, ours and theirs of all amounts, those that agree, too."""
    found = ours(cases)
    families = dict(iter(found.family.groupby("id")))
    for k, case in enumerate(cases):
        kind, worker = case.record["benefit_type"], found.workers.iloc[k]
        other = theirs(case)
        if isinstance(other, PiaError):
            yield kind, "refused", k, 0.0, 1.0
            continue
        safe = other.insured and (kind != "disability" or other.disability_insured)
        yield kind, "insured", k, float(worker["insured"] != "not insured"), float(safe)
        if worker["insured"] == "not insured" or not safe:
            continue
        for name, attribute in OF_WORKER.items():
            asked = name in ("aime", "pia", "family_maximum") if kind == "survivor" else True
            if asked and (name != "aime" or other.method != "SPEC_MIN"):  # which has no average
                given = other.methods[other.method] if name == "aime" else other  # else of the formula with a freeze
                yield kind, name, k, abs(worker[name]), getattr(given, attribute)
        if not case.members:
            continue
        for (_, member), of_them, asked in zip(families[k].iterrows(), other.family, case.members, strict=True):
            if worker["insured"] == "currently" and asked["relation"] in ("widow", "disabled_widow"):
                continue  # who are paid nothing: the port does not ask for a fully insured worker
            for name, attribute in OF_MEMBER.items():
                yield asked["relation"], name, k, member[name], getattr(of_them, attribute)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=int, default=3, help="differences of each kind on standard error")
    given = parser.parse_args()
    cases = [case for case in map(askable, some_cases(given.cases, given.seed)) if case is not None]
    compared, wrong = Counter(), defaultdict(list)
    for group, name, k, mine, other in differences(cases):
        compared[group, name] += 1
        if abs(mine - other) > 0.001:
            wrong[group, name].append((k, mine, other))
    heading("", "amounts compared", "differ")
    for group in dict.fromkeys(group for group, _ in compared):
        of_group = [key for key in compared if key[0] == group]
        row(group, sum(compared[key] for key in of_group), sum(len(wrong[key]) for key in of_group))
    for (group, name), cells in wrong.items():
        for k, mine, other in cells[: given.show]:
            record = {name: str(value) for name, value in cases[k].record.items() if value}
            members = [[str(value) for value in member.values()] for member in cases[k].members]
            print(f"{k} {group} {name}: ours {mine:.2f}, theirs {other:.2f}", record, members, file=sys.stderr)


if __name__ == "__main__":
    main()
