"""A small file that stands for a large one: every high-income household, and a stratified sample of the others.

`python -m jaxsim.data.sample` writes the bundled sample again from the CPS file that comes with Tax-Calculator.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from jaxsim.data.ageing import household_sum
from jaxsim.errors import InputError
from jaxsim.population import DEPENDENT, GROUPS, HEAD, WEIGHT, Population

BUNDLED = Path(__file__).parent / "cps_sample"

CERTAIN = 0.3  # share of the sample that is kept whole: the households with the highest incomes
BANDS = (1.0, 10e3, 20e3, 30e3, 45e3, 60e3, 80e3, 110e3, 150e3, 200e3)  # lower ends of income bands, 2014 dollars
BOUNDS = (0.4, 2.5)  # of a calibrated weight over that of the draw
ROUNDS = 15
RARE = 30  # households with an amount, below which its total is not calibrated
LEAST = 4  # households sampled from a stratum, if it has as many


INCOMES = (
    "employment_income", "self_employment_income", "farm_income", "taxable_interest_income",
    "tax_exempt_interest_income", "ordinary_dividend_income", "short_term_capital_gains", "long_term_capital_gains",
    "capital_gain_distributions", "other_net_gain", "taxable_ira_distributions", "pension_income",
    "rental_partnership_s_corp_income", "unemployment_compensation", "social_security", "alimony_income",
)  # fmt: skip


def household_income(population: Population) -> np.ndarray:
    """Market income, pensions and Social Security of each household, $/year."""
    return np.asarray(sum(household_sum(population, name) for name in INCOMES))


def strata(population: Population) -> np.ndarray:
    """Stratum of each household: income band, number of children, age of the oldest filer, number of earners."""
    person = population.tables["person"]
    home, households = population.links["household_of_person"], population.count("household")

    def count(which: np.ndarray) -> np.ndarray:
        return np.bincount(home[which], minlength=households)

    band = np.searchsorted(BANDS, household_income(population), side="right")
    children = np.minimum(count((person["role"] == DEPENDENT) & (person["age"] < 18)), 3)
    aged = np.minimum(count((person["role"] == HEAD) & (person["age"] >= 65)), 1)
    earners = np.minimum(count(person["employment_income"] + np.abs(person["self_employment_income"]) > 0), 2)
    return np.ravel_multi_index((band, children, aged, earners), (len(BANDS) + 1, 4, 2, 3))


def stratified_sample(population: Population, households: int = 20_000, seed: int = 0) -> Population:
    """A sample whose weights add up, in every stratum, to those of the population.

    The `CERTAIN` share of the sample are the households with the highest incomes, with their own weights. The others
    are drawn systematically in order of income, with chances in proportion to their weights: all drawn from a stratum
    then stand for the same number of households. Strata get a number in proportion to the weighted income they hold
    and to their households, half and half.

    Args:
        population: what to sample.
        households: how many to keep, about; all if there are no more.
        seed: of the starting points; the same seed gives the same sample.

    Raises:
        InputError: fewer than one household asked for.
    """
    if households < 1:
        raise InputError(f"a sample of {households} households: ask for one or more")
    if households >= population.count("household"):
        return population
    before, income = population.weights, household_income(population)
    after = np.zeros_like(before)
    certain = np.argsort(-income, kind="stable")[: int(CERTAIN * households)]
    after[certain] = before[certain]
    open_ = np.ones(len(before), dtype=bool)
    open_[certain] = False
    open_ &= before > 0
    codes, stratum = np.unique(strata(population)[open_], return_inverse=True)
    rows = np.flatnonzero(open_)
    rows = rows[np.lexsort((income[rows], stratum))]
    stratum = np.sort(stratum)
    weight = np.bincount(stratum, weights=before[rows])
    money = np.bincount(stratum, weights=before[rows] * np.abs(income[rows]))
    share = 0.5 * weight / weight.sum() + 0.5 * money / max(money.sum(), 1.0)
    size = np.bincount(stratum)
    take = np.clip(np.round(share * (households - len(certain))).astype(int), np.minimum(LEAST, size), size)
    start = np.random.Generator(np.random.PCG64(seed)).random(len(codes))
    edges = np.concatenate([[0], np.cumsum(size)])
    for k in range(len(codes)):
        here = rows[edges[k] : edges[k + 1]]
        upto = np.cumsum(before[here])
        step = weight[k] / take[k]
        drawn = np.minimum(np.searchsorted(upto, (start[k] + np.arange(take[k])) * step, side="right"), len(here) - 1)
        after[here] = np.bincount(drawn, minlength=len(here)) * step
    drawn_rows = rows[after[rows] > 0]
    stratum = stratum[after[rows] > 0]
    after[drawn_rows] = _calibrate(population, drawn_rows, stratum, after, rows)
    return _keep(population, after, {"households": households, "seed": seed, "kept for certain": len(certain),
                                     "lowest income kept for certain": float(income[certain].min())})  # fmt: skip


def _calibrate(
    population: Population, drawn: np.ndarray, stratum: np.ndarray, weights: np.ndarray, rows: np.ndarray
) -> np.ndarray:
    """Weights of the drawn households, near those of the draw, that reproduce the totals of amounts and people.

    Generalised regression weights (Deville and Sarndal 1992, case of the linear distance), kept within BOUNDS of the
    draw's weights; totals by stratum stay exact.
    """
    before, base = population.weights, weights[drawn]
    columns = [_members(population)]
    for table in population.tables.values():
        for name in table:
            if _calibrated(name) and np.count_nonzero(household_sum(population, name)[drawn]) >= RARE:
                columns.append(household_sum(population, name))
    amounts = np.stack(columns, axis=1)
    target = before[rows] @ amounts[rows]
    of_stratum = np.bincount(stratum, weights=base)
    x = amounts[drawn] / np.maximum(np.abs(target), 1.0) * base.sum()
    target = target / np.maximum(np.abs(target), 1.0) * base.sum()
    change = np.ones(len(drawn))
    for _ in range(ROUNDS):  # within strata the changes average to one: amounts are taken as deviations from their mean
        now = base * change
        mean = np.stack([np.bincount(stratum, weights=now * c) for c in x.T], axis=1) / of_stratum[:, None]
        deviation = x - mean[stratum]
        missing = target - now @ x
        step, *_ = np.linalg.lstsq(deviation.T @ (deviation * now[:, None]), missing, rcond=1e-9)
        change = np.clip(change * (1.0 + deviation @ step), *BOUNDS)
        change *= (of_stratum / np.bincount(stratum, weights=base * change))[stratum]
    return base * change


def _calibrated(name: str) -> bool:
    return not name.endswith("_id") and name not in (WEIGHT, "role", "age", "filing_status", "state_fips")


def _members(population: Population) -> np.ndarray:
    at = population.links["household_of_person"]
    return np.bincount(at, minlength=population.count("household")).astype(np.float64)


def _keep(population: Population, weights: np.ndarray, about: dict[str, Any]) -> Population:
    kept = weights > 0
    tables = {}
    for entity in ("person", *GROUPS):
        rows = kept if entity == "household" else kept[population.links[f"household_of_{entity}"]]
        tables[entity] = {name: column[rows] for name, column in population.tables[entity].items()}
    tables["household"][WEIGHT] = weights[kept]
    card = {**population.card, "sample": about}
    return dataclasses.replace(population, tables=tables, card=card)


def compare(whole: Population, sample: Population) -> dict[str, tuple[float, float]]:
    """Weighted totals of all amounts: that of the whole population, and sample over whole less one."""
    found = {}
    for table in whole.tables.values():
        for name, column in table.items():
            if not _calibrated(name) or not column.any():
                continue
            total, sampled = (float(household_sum(p, name) @ p.weights) for p in (whole, sample))
            found[name] = (total, sampled / total - 1)
    return found


def main() -> None:
    """Write the bundled sample and print how well it stands for the whole file."""
    from jaxsim.data.cps import whole_cps

    whole = whole_cps()
    sample = stratified_sample(whole)
    sample = dataclasses.replace(sample, source="cps_sample")
    sample.to_parquet(BUNDLED)
    size = sum(file.stat().st_size for file in BUNDLED.iterdir())
    print(f"{sample}\n{size / 1e6:.2f} MB in {BUNDLED}")
    for name, (total, error) in sorted(compare(whole, sample).items(), key=lambda item: -abs(item[1][0])):
        print(f"{name:45s} {total / 1e9:12,.3f} bn {error:+8.2%}")


if __name__ == "__main__":
    main()
