"""Published revenue estimates beside ours: python benchmarks/scores.py [--population cps_sample] [--write].

Each line of published_scores.csv is an estimate of one fiscal year. Ours is static, of the calendar year whose
liability that fiscal year mostly holds. Writes benchmarks/SCORES.md with `--write`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

import jaxsim as js
from jaxsim.baselines import provisions
from jaxsim.numerics import lower_of, pick, relu
from jaxsim.rules.us.entities import Person, TaxUnit

HERE = Path(__file__).parent
ACT = {p.key: p.enactment() for p in provisions("pl_119_21")}
HEAD, SINGLE = "HEAD_OF_HOUSEHOLD", "SINGLE"

Change = Callable[[js.Simulation], js.Simulation]


def reform(*parts: object) -> Change:
    return lambda sim: sim.with_reform(list(parts))


def rules(*replaced: js.Rule) -> Change:
    return lambda sim: sim.with_rules(*replaced)


def rates_up(by: float, brackets: range) -> Change:
    def change(sim: js.Simulation) -> js.Simulation:
        rate = sim.parameters["irs.income_tax.rates.rate"]
        return sim.with_reform({f"irs.income_tax.rates.rate.{k}": float(rate[k - 1]) + by for k in brackets})

    return change


def no_head_status(sim: js.Simulation) -> js.Simulation:
    """Every amount of a head of household is that of a single filer."""
    changes = {}
    for path, leaf in sim.law.leaves.items():
        if "filing_status" in leaf.dims:
            axis = leaf.dims.index("filing_status")
            values = np.moveaxis(np.array(sim.parameters[path]), axis, -1)
            values[..., leaf.labels[axis].index(HEAD)] = values[..., leaf.labels[axis].index(SINGLE)]
            changes[path] = np.moveaxis(values, -1, axis)
    return sim.with_reform(changes)


@js.rule(TaxUnit, name="itemized_deductions")
def no_itemized_deductions():
    """No itemized deductions."""
    return 0.0


@js.rule(TaxUnit, name="itemized_deductions_before_limit")
def no_itemized_deductions_before_limit():
    """No itemized deductions."""
    return 0.0


@js.rule(TaxUnit, name="state_and_local_tax_deduction")
def no_state_and_local_tax_deduction():
    """No deduction of state and local taxes."""
    return 0.0


@js.rule(Person, parameters="irs.payroll.social_security", name="social_security_taxable_wages")
def wages_taxed_above_250_000(payroll_tax_wages, p):
    """Wages up to the base, and those above $250,000."""
    return lower_of(payroll_tax_wages, p.wage_base) + relu(payroll_tax_wages - 250_000.0)


@js.rule(TaxUnit)
def adjusted_gross_income_surtax(adjusted_gross_income, filing_status):
    """1 percent of adjusted gross income above $20,000, $40,000 on a joint return."""
    threshold = np.array([20_000.0, 40_000.0, 20_000.0, 20_000.0, 40_000.0])
    return 0.01 * relu(adjusted_gross_income - pick(threshold, filing_status))


def with_surtax(sim: js.Simulation) -> js.Simulation:
    before = sim.system.rules["combined_tax"]

    @js.rule(TaxUnit)
    def combined_tax(income_tax, payroll_tax, adjusted_gross_income_surtax):
        """Income and payroll taxes with the surtax."""
        return income_tax + payroll_tax + adjusted_gross_income_surtax

    assert set(before.arguments) == {"income_tax", "payroll_tax"}
    return sim.with_rules(adjusted_gross_income_surtax, combined_tax)


GAINS = "irs.income_tax.capital_gains.rate"
STACK = (
    ("stack_rates", ("rates",)),
    ("stack_standard", ("standard_deduction",)),
    ("stack_exemptions", ("personal_exemptions", "senior_deduction")),
    ("stack_ctc", ("child_tax_credit",)),
    ("stack_qbi", ("business_income",)),
    ("stack_amt", ("minimum_tax",)),
)
CHANGES: dict[str, Change] = {
    "senior": reform(ACT["senior_deduction"]),
    "standard_750": reform(ACT["standard_deduction"]),
    "ctc_2200": reform(ACT["child_tax_credit"]),
    "bracket_indexing": reform(ACT["rates"]),
    "salt_40": reform(ACT["state_and_local_taxes"]),
    "section_68": reform(ACT["limit_on_itemized_deductions"]),
    "gifts_nonitemizers": reform(ACT["gifts_of_nonitemizers"]),
    "charity_floor": reform(ACT["charity"]),
    "care_credit": reform(ACT["dependent_care_credit"]),
    "all_rates_1": rates_up(0.01, range(1, 8)),
    "top_rates_2": rates_up(0.02, range(4, 8)),
    "surtax_1": with_surtax,
    "gains_2": lambda sim: sim.with_reform({GAINS: np.asarray(sim.parameters[GAINS]) + 0.02}),
    "no_head_status": no_head_status,
    "no_itemizing": rules(no_itemized_deductions, no_itemized_deductions_before_limit),
    "no_salt": rules(no_state_and_local_tax_deduction),
    "payroll_1": lambda sim: sim.with_reform({
        f"irs.payroll.medicare.{who}_rate": float(sim.parameters[f"irs.payroll.medicare.{who}_rate"]) + by
        for who, by in (("employee", 0.005), ("employer", 0.005), ("self_employment", 0.01))
    }),
    "over_250": rules(wages_taxed_above_250_000),
    "repeal_ctc": reform({"irs.credits.ctc.amount": 0, "irs.credits.ctc.other_dependent_amount": 0}),
    "repeal_eitc": reform({"irs.credits.eitc.phase_in_rate": 0}),
    "repeal_qbi": reform({"irs.deductions.qbi.rate": 0, "irs.deductions.qbi.minimum_deduction": 0}),
    "repeal_senior": reform({"irs.deductions.senior.amount": 0}),
}  # fmt: skip


def ours(table: pd.DataFrame, population: js.Population) -> pd.Series:
    """Change of income and payroll taxes, $ billion, of each line."""
    found: dict[str, float] = {}
    for (baseline, year), lines in table.groupby(["baseline", "calendar_year"]):
        base = js.Simulation(population, int(year), baseline=str(baseline))
        level = base.total("combined_tax")
        for key in lines["id"]:
            if key in CHANGES:
                found[key] = CHANGES[key](base).total("combined_tax") - level
        if any(key.startswith("stack") for key in lines["id"]):
            sim, before = base, level
            for key, keys in STACK:
                sim = sim.with_reform([ACT[k] for k in keys])
                after = sim.total("combined_tax")
                found[key], before = after - before, after
    return pd.Series(found) / 1e9


def read() -> pd.DataFrame:
    return pd.read_csv(HERE / "published_scores.csv")


def markdown(table: pd.DataFrame, population: js.Population) -> str:
    lines = [
        "# Published estimates beside ours",
        "",
        f"`python benchmarks/scores.py --population cps --write`; {population.source}, "
        "aged; static; $ billion, positive raises revenue. Published figures are of the fiscal year, ours of the "
        "calendar year's liability.",
        "",
        "| reform | estimate | baseline | published (fiscal year) | ours (calendar year) | ratio |",
        "|---|---|---|---:|---:|---:|",
    ]
    for row in table.itertuples():
        lines.append(
            f"| {row.reform} | [{row.agency} {row.document}, {row.line}]({row.href}) | {row.baseline} | "
            f"{row.billions:,.1f} ({row.fiscal_year}) | {row.ours:,.1f} ({row.calendar_year}) | {row.ratio:.2f} |"
        )
    return "\n".join([*lines, ""])


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--population", default="cps", help="cps (the whole file), cps_sample, or a file")
    options.add_argument("--write", action="store_true", help="write the table into benchmarks/SCORES.md")
    chosen = options.parse_args()
    population = js.load_population(chosen.population)
    table = read()
    table["ours"] = table["id"].map(ours(table, population))
    table["ratio"] = table["ours"] / table["billions"]
    print(table[["id", "baseline", "billions", "ours", "ratio"]].to_string(index=False, float_format="{:,.2f}".format))
    if chosen.write:
        explained = HERE / "SCORES.md"
        text = explained.read_text(encoding="utf-8") if explained.exists() else ""
        kept = text[text.index("## ") :] if "## " in text else ""
        explained.write_text(markdown(table, population) + "\n" + kept, encoding="utf-8")


if __name__ == "__main__":
    main()
