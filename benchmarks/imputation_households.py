"""Synthetic households: learnt on one half of the CPS file's households, held against the other half.

    python benchmarks/imputation_households.py                            # the whole file, seed 0, about ten minutes
    python benchmarks/imputation_households.py --population cps_sample --seeds 0 1 2

Needs Tax-Calculator for its CPS file (the `validation` extra). Prints Markdown for BENCHMARKS.md: the synthetic
population beside the yardstick, which is what the half that was learnt shows against the other.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
import pandas as pd
from speed import heading, row

import jaxsim as js
from jaxsim.impute import disclosure, hierarchy, household_scores, scores
from jaxsim.impute.households import HouseholdSynthesis, HouseholdSynthesizer, select_households
from jaxsim.population import HEAD, SPOUSE, Population

YEAR = 2026
PERSONS = ("employment_income", "self_employment_income", "farm_income")
UNITS = (
    "taxable_interest_income", "tax_exempt_interest_income", "ordinary_dividend_income", "capital_gain_distributions",
    "taxable_ira_distributions", "pension_income", "unemployment_compensation", "social_security", "alimony_income",
)  # fmt: skip


def units(p: Population) -> pd.DataFrame:
    """Tax units: totals of persons' incomes, the unit's own amounts that the source has, ages and counts."""
    table, person, of = p.tables["tax_unit"], p.tables["person"], p.links["tax_unit_of_person"]
    head, spouse, _ = p.filers
    found = {n: np.bincount(of, person[n], minlength=len(head)) for n in PERSONS}
    found |= {n: c for n, c in table.items() if not n.endswith("_id")}
    ages = {"head age": person["age"][head], "spouse age": np.where(spouse >= 0, person["age"][spouse], 0)}
    return pd.DataFrame(found | ages)


def households(p: Population) -> pd.DataFrame:
    """Whole households as rows: what they are, and sums over units and persons of all they have."""
    unit, home, of = units(p), p.links["household_of_tax_unit"], p.links["household_of_person"]
    sums = {n: np.bincount(home, c, minlength=len(p.weights)) for n, c in unit.items()}
    age = p.tables["person"]["age"]
    ages = {"persons": np.bincount(of), "ages": np.bincount(of, age), "squares": np.bincount(of, age**2)}
    own = {n: p.tables["household"][n] for n in ("state_fips", "snap", "housing_assistance")}
    return pd.DataFrame(sums | ages | own | {"units": np.bincount(home)})


def income(p: Population) -> np.ndarray:
    """Total income of households."""
    table = households(p)
    return table[[*PERSONS, *UNITS]].sum(axis=1).to_numpy()


def couples(p: Population) -> dict[str, float]:
    head, spouse, _ = p.filers
    pair = np.flatnonzero(spouse >= 0)
    w = p.weights[p.links["household_of_tax_unit"]][pair]
    person = p.tables["person"]
    wage = {"head": person["employment_income"][head[pair]], "spouse": person["employment_income"][spouse[pair]]}
    earns = sum((sum(person[n][at[pair]] != 0 for n in PERSONS) > 0).astype(int) for at in (head, spouse))
    both = pd.DataFrame(wage)[(wage["head"] > 0) & (wage["spouse"] > 0)]
    share = both["head"] / both.sum(axis=1)
    found = {
        "spouses' wages, Spearman": scores.spearman(pd.DataFrame(wage), w).iloc[0, 1],
        "same, both with wages": scores.spearman(both, w[both.index]).iloc[0, 1],
        "head's share of two wages, mean": np.average(share, weights=w[both.index]),
        "spouses' ages, Spearman": scores.spearman(
            pd.DataFrame({"a": person["age"][head[pair]], "b": person["age"][spouse[pair]]}), w
        ).iloc[0, 1],
    }
    return found | {f"{n}-earner couples, share": np.average(earns == n, weights=w) for n in range(3)}


def within(p: Population) -> dict[str, float]:
    """Statistics of persons within households."""
    persons = pd.DataFrame({"home": p.links["household_of_person"], "role": p.tables["person"]["role"]})
    persons["wages"] = p.tables["person"]["employment_income"]
    w = p.weights[persons["home"]]
    found = household_scores.household_statistics(persons, "home", ["wages"], w, relation="role", of=(HEAD, SPOUSE))
    return {" ".join(k): v for k, v in found.items()}


def broken(synthesis: HouseholdSynthesis, tables: dict[str, pd.DataFrame]) -> dict[str, int]:
    """Violations: sums of units, ages of parents and children, spouses' ages, parts above wholes, shared ids."""
    person, unit = tables["person"], tables["tax_unit"]
    rules = [
        hierarchy.Adds(f"tax_unit.{t}", f"person.{n}") for t, n in zip(synthesis.plan.totals, PERSONS, strict=True)
    ]
    sums = hierarchy.violations({"person": person, "tax_unit": unit}, rules)["violations"].sum()
    filer = person[person.role < 2].groupby("tax_unit_id").age.max()
    dependent = person[(person.role == 2) & (person.age < 18)]
    close = dependent.age > filer[dependent.tax_unit_id].to_numpy() - (synthesis.settings.least_gap or 0)
    young = person[(person.role == 1) & (person.age < 15)]
    parts = (unit.qualified_dividend_income > unit.ordinary_dividend_income) | (
        unit.taxable_pension_income > unit.pension_income
    )
    astray = (person.tax_unit_id.map(unit.set_index("tax_unit_id").household_id) != person.household_id).sum()
    return {"unit sums": int(sums), "children's ages": int(close.sum()), "spouses' ages": len(young),
            "parts above wholes": int(parts.sum()), "units astray": int(astray)}  # fmt: skip


def compare(a: Population, b: Population, learnt: Population | None = None) -> dict[str, float]:
    """Distances of b from a, and what b betrays of `learnt`."""
    w, v = a.weights, b.weights
    of_a, of_b = (p.weights[p.links["household_of_tax_unit"]] for p in (a, b))
    ua, ub = units(a), units(b)
    error = scores.spearman_error(ua, ub, of_a, of_b)
    size_a, size_b = (np.bincount(p.links["household_of_person"]) for p in (a, b))
    sizes = [np.bincount(np.minimum(s, 10), x, minlength=11) / x.sum() for s, x in ((size_a, w), (size_b, v))]
    x, y = income(a), income(b)
    top = scores.percentile(x, w, 99.9)
    found = {
        "household income, W1 / mean": scores.wasserstein(x, y, w, v, relative=True),
        "same, capped at p99.9": scores.wasserstein(np.minimum(x, top), np.minimum(y, top), w, v, relative=True),
        "household size, total variation": float(np.abs(sizes[0] - sizes[1]).sum() / 2),
        "Spearman matrix of units, mean error": error["mean"],
        "same, largest error": error["max"],
        "amounts' totals, median error": float(np.median([
            abs(np.average(ub[n], weights=of_b) / np.average(ua[n], weights=of_a) - 1)
            for n in ua if np.average(ua[n], weights=of_a) and np.average(ua[n] != 0, weights=of_a) > 0.01
        ])),
        "income tax, ratio": js.Simulation(b, year=YEAR).total("income_tax") / v.sum()
        / (js.Simulation(a, year=YEAR).total("income_tax") / w.sum()),
    }  # fmt: skip
    if learnt is not None:
        donors, made = households(learnt), households(b)
        rich = np.flatnonzero((made[list(PERSONS)] != 0).any(axis=1))
        near = disclosure.nearest_donor_distance(made, donors, None, v, learnt.weights, levels=(5, 50), most=2_000)
        found |= {
            "copies of whole households": disclosure.share_of_copies(made, donors, None, v),
            "same, households with earnings": disclosure.share_of_copies(made.iloc[rich], donors, None, v[rich]),
            "distance to a donor, p5": near["synthetic"].iloc[0],
            "distance to a donor, median": near["synthetic"].iloc[1],
        }
    return found


def halves(population: Population, seed: int) -> tuple[Population, Population]:
    order = np.random.default_rng(seed).permutation(len(population.weights))
    return tuple(select_households(population, np.sort(part)) for part in np.array_split(order, 2))  # type: ignore


def timed(work: Any) -> tuple[Any, float]:
    began = time.perf_counter()
    return work(), time.perf_counter() - began


def report(population: Population, seed: int, settings: HouseholdSynthesizer) -> None:
    learnt, other = halves(population, seed)
    synthesis, fitting = timed(lambda: settings.fit(learnt, seed))
    n = len(other.weights)
    made, drawing = timed(lambda: synthesis.sample(n, seed + 1))
    print(f"\n{population.source}, seed {seed}: {len(learnt.weights):,} households learnt, {n:,} drawn; "
          f"fit {fitting:.0f} s, sample {drawing:.0f} s.\n")  # fmt: skip
    heading("", "synthetic", "half learnt", "other half")
    for name, truth in (couples(other) | within(other)).items():
        a, b = ((couples(p) | within(p))[name] for p in (made, learnt))
        row(name, *(f"{v:,.3f}" if abs(v) < 100 else f"{v:,.0f}" for v in (a, b, truth)))
    heading("against the other half", "synthetic", "half learnt")
    a, b = compare(other, made, learnt), compare(other, learnt)
    b |= {k: v for k, v in compare(learnt, other, learnt).items() if k not in b}  # what the other half betrays
    for name, v in a.items():
        row(name, f"{v:.4f}", f"{b[name]:.4f}")
    found = broken(synthesis, synthesis.tables(n, seed + 1))
    print(
        "\nViolations: "
        + ", ".join(f"{k} {v}" for k, v in found.items())
        + f". Of the source's children {synthesis.too_close:.2%} break the gap of {settings.least_gap} years."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--population", default="cps")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    given = parser.parse_args()
    population = js.load_population(given.population)
    for seed in given.seeds:
        report(population, seed, HouseholdSynthesizer())


if __name__ == "__main__":
    main()
