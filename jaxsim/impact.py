"""What a reform changes: the budget line by line, winners and losers, deciles, inequality and poverty."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import numpy as np

from jaxsim import outcomes
from jaxsim.precision import precision

if TYPE_CHECKING:
    import pandas as pd

    from jaxsim.simulation import Simulation

LINES = (
    "regular_tax",
    "alternative_minimum_tax",
    "net_investment_income_tax",
    "dependent_care_credit",
    "elderly_credit",
    "nonrefundable_ctc",
    "eitc",
    "refundable_ctc",
    "income_tax",
    "self_employment_tax",
    "additional_medicare_tax",
    "employee_payroll_tax",
    "employer_payroll_tax",
    "combined_tax",
)
INCOME = "household_after_tax_income"
BANDS = (
    ("gain more than 5%", 0.05, np.inf),
    ("gain up to 5%", 1e-4, 0.05),
    ("no change", -1e-4, 1e-4),
    ("lose up to 5%", -0.05, -1e-4),
    ("lose more than 5%", -np.inf, -0.05),
)


@dataclass(frozen=True)
class Impact:
    """A reform beside its baseline. Amounts in dollars a year; persons are counted with household weights.

    Attributes:
        name: the reform.
        year: tax year.
        budget: one row a line of the budget: baseline, reform and change of the weighted total.
        deciles: by decile of persons on baseline equivalised after-tax household income (negatives apart as 0):
            persons, average change a household, change as a share of income.
        winners: share of persons in five bands of relative change of household income, in all and by decile.
        measures: Gini coefficient and share of persons below half the median, baseline and reform.
        cost: change of government revenue, negative where the reform loses revenue.
    """

    name: str
    year: int
    budget: pd.DataFrame
    deciles: pd.DataFrame
    winners: pd.DataFrame
    measures: pd.DataFrame
    cost: float

    def plot(self) -> Any:
        """A figure of four panels: budget, deciles, winners and losers, inequality and poverty."""
        from jaxsim.plots import plot_impact

        return plot_impact(self)

    def __repr__(self) -> str:
        return "\n".join(
            (
                f"{self.name}, {self.year}: revenue {self.cost / 1e9:+,.1f} billion dollars",
                (self.budget / 1e9).round(2).to_string(),
                self.deciles.round(4).to_string(),
                (100 * self.winners).round(1).to_string(),
                self.measures.round(5).to_string(),
            )
        )

    def _repr_html_(self) -> str:
        tables = (
            ("Budget, billion dollars", (self.budget / 1e9).round(2)),
            ("By decile of persons", self.deciles.round(4)),
            ("Winners and losers, percent of persons", (100 * self.winners).round(1)),
            ("Inequality and poverty", self.measures.round(5)),
        )
        head = f"<h3>{self.name}, {self.year}: revenue {self.cost / 1e9:+,.1f} billion dollars</h3>"
        return head + "".join(f"<h4>{title}</h4>{table.to_html()}" for title, table in tables)


def compare(baseline: Simulation, reformed: Simulation, name: str, lines: Iterable[str] | None = None) -> Impact:
    """Compare two simulations of one population.

    Args:
        baseline: the law compared with.
        reformed: the law that changes it.
        name: of the reform.
        lines: variables whose totals make the budget table; taxes and credits by default.
    """
    import pandas as pd

    known = baseline.system.rules
    chosen = tuple(lines) if lines is not None else tuple(line for line in LINES if line in known)
    before, after = baseline.total(*chosen, "combined_tax"), reformed.total(*chosen, "combined_tax")
    before, after = before[~before.index.duplicated()], after[~after.index.duplicated()]
    budget = pd.DataFrame({"baseline": before, "reform": after, "change": after - before})
    cost = float(after["combined_tax"] - before["combined_tax"])

    old, new = baseline.columns(INCOME)[INCOME], reformed.columns(INCOME)[INCOME]
    size = np.bincount(baseline.population.links["household_of_person"], minlength=len(old)).astype(np.float64)
    households = baseline.weights("household")
    persons = households * size
    with precision("float64"):
        measures, rank = _measures(old, new, size, persons)
    relative = np.where(old > 0, (new - old) / np.where(old > 0, old, 1), np.sign(new - old))
    return Impact(
        name,
        baseline.year,
        budget.loc[list(chosen)],
        _by_decile(rank, old, new, households, persons),
        _winners(rank, relative, persons),
        measures,
        cost,
    )


def _measures(
    old: np.ndarray, new: np.ndarray, size: np.ndarray, persons: np.ndarray
) -> tuple[pd.DataFrame, np.ndarray]:
    import pandas as pd

    weights, sizes = jnp.asarray(persons), jnp.asarray(size)
    rows = {}
    equivalised = [outcomes.equivalised(jnp.asarray(income), sizes) for income in (old, new)]
    for label, income in zip(("baseline", "reform"), equivalised, strict=True):
        line = outcomes.quantile(income, weights, 0.5) / 2
        rows[label] = {
            "Gini coefficient": float(outcomes.gini(income, weights)),
            "share of persons below half the median": float(outcomes.poverty_rate(income, weights, line)),
        }
    table = pd.DataFrame(rows)
    table["change"] = table["reform"] - table["baseline"]
    return table, np.asarray(outcomes.decile(equivalised[0], weights))


def _by_decile(
    rank: np.ndarray, old: np.ndarray, new: np.ndarray, households: np.ndarray, persons: np.ndarray
) -> pd.DataFrame:
    import pandas as pd

    def by(values: np.ndarray) -> np.ndarray:
        return np.bincount(rank, weights=values, minlength=11)

    income, change, count = by(old * households), by((new - old) * households), by(households)
    with np.errstate(divide="ignore", invalid="ignore"):
        table = pd.DataFrame(
            {
                "persons (millions)": by(persons) / 1e6,
                "average change a household": np.where(count > 0, change / count, 0.0),
                "change as share of income": np.where(income != 0, change / np.abs(income), 0.0),
                "change (billions)": change / 1e9,
            },
            index=pd.Index(range(11), name="decile"),
        )
    return table.rename(index={0: "negative"})


def _winners(rank: np.ndarray, relative: np.ndarray, persons: np.ndarray) -> pd.DataFrame:
    import pandas as pd

    groups = {"all": np.ones(len(rank), bool), **{str(d): rank == d for d in range(1, 11)}}
    shares = {}
    for label, low, high in BANDS:
        inside = (relative > low) & (relative <= high) if low >= 0 else (relative >= low) & (relative < high)
        if label == "no change":
            inside = (relative >= low) & (relative <= high)
        shares[label] = [
            float((persons * (inside & members)).sum() / max((persons * members).sum(), 1e-300))
            for members in groups.values()
        ]
    return pd.DataFrame(shares, index=pd.Index(groups, name="decile"))
