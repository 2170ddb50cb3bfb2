"""Measures that have a name: cost, inequality, poverty, winners and losers, deciles."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from jaxsim import numerics, outcomes
from jaxsim.impact import BANDS, LINES
from jaxsim.measures import Measure, renamed
from jaxsim.numerics import above, at_least, below, relu

if TYPE_CHECKING:
    from jaxsim.simulation import Simulation

CHANGED = 1e-4  # share of income by which a household must change to gain or lose


def _cost(combined_tax: Any, baseline_combined_tax: Any) -> Any:
    return baseline_combined_tax - combined_tax


def _gini(household_after_tax_income: Any, persons: Any, weight: Any) -> Any:
    return outcomes.gini(outcomes.equivalised(household_after_tax_income, persons), weight * persons)


def _low_income(household_after_tax_income: Any, persons: Any, weight: Any) -> Any:
    income, people = outcomes.equivalised(household_after_tax_income, persons), weight * persons
    return outcomes.poverty_rate(income, people, outcomes.quantile(income, people, 0.5) / 2)


def _persons(persons: Any) -> Any:
    return persons


def _children(children: Any) -> Any:
    return children


def _poor(household_after_tax_income: Any, poverty_line: Any, persons: Any) -> Any:
    return below(household_after_tax_income, poverty_line) * persons


def _poor_children(household_after_tax_income: Any, poverty_line: Any, children: Any) -> Any:
    return below(household_after_tax_income, poverty_line) * children


def _gap(household_after_tax_income: Any, poverty_line: Any) -> Any:
    return relu(poverty_line - household_after_tax_income)


def _gap_of_families(household_after_tax_income: Any, poverty_line: Any, children: Any) -> Any:
    return relu(poverty_line - household_after_tax_income) * above(children, 0, unit="count")


def _gained(household_after_tax_income: Any, baseline_household_after_tax_income: Any, persons: Any) -> Any:
    now, before = household_after_tax_income, baseline_household_after_tax_income
    return above(now - before, CHANGED * relu(before)) * persons


def _lost(household_after_tax_income: Any, baseline_household_after_tax_income: Any, persons: Any) -> Any:
    now, before = household_after_tax_income, baseline_household_after_tax_income
    return above(before - now, CHANGED * relu(before)) * persons


def _bands(household_after_tax_income: Any, baseline_household_after_tax_income: Any, persons: Any) -> list[Any]:
    gain = household_after_tax_income - baseline_household_after_tax_income
    before = relu(baseline_household_after_tax_income)
    shares: list[Any] = []
    for _, low, _ in BANDS[:-1]:  # from the largest gains down
        beyond = above(gain, low * before) if low > 0 else at_least(gain, low * before)
        shares.append(beyond - sum(shares))
    return [share * persons for share in (*shares, 1 - sum(shares))]


def _by_decile(household_after_tax_income: Any, baseline_household_after_tax_income: Any, decile: Any) -> list[Any]:
    gain = household_after_tax_income - baseline_household_after_tax_income
    return [gain * numerics.equals(decile, d) for d in range(1, 11)]


def _bottom_half(household_after_tax_income: Any, baseline_household_after_tax_income: Any, decile: Any) -> Any:
    loss = baseline_household_after_tax_income - household_after_tax_income
    return loss * below(decile, 5.5, unit="count") * above(decile, 0.5, unit="count")


def _lines(sim: Simulation) -> Measure:
    known = tuple(line for line in LINES if line in sim.system.rules)
    return Measure("budget", "tax_unit", amounts=renamed(lambda *lines: lines, *known), labels=known)


NAMED: dict[str, tuple[str, Callable[[Any], Measure] | Measure]] = {
    "cost": ("Revenue lost by the reform, dollars", Measure("cost", "tax_unit", amounts=_cost)),
    "budget": ("Totals of the lines of the federal budget, dollars", _lines),
    "gini": ("Gini coefficient of equivalised after-tax household income, persons", Measure("gini", whole=_gini)),
    "low_income_rate": (
        "Share of persons below half of the law's own median of that income",
        Measure("low_income_rate", whole=_low_income),
    ),
    "poverty_rate": (
        "Share of persons in households with after-tax income below the poverty guideline",
        Measure("poverty_rate", amounts=_poor, over=_persons),
    ),
    "child_poverty_rate": (
        "The same share of children under 18",
        Measure("child_poverty_rate", amounts=_poor_children, over=_children),
    ),
    "poverty_gap": ("Dollars that households lack to the guideline", Measure("poverty_gap", amounts=_gap)),
    "family_poverty_gap": (
        "Dollars that households with children lack to the guideline",
        Measure("family_poverty_gap", amounts=_gap_of_families),
    ),
    "winners": (
        "Share of persons whose household income rises by more than 0.01%",
        Measure("winners", amounts=_gained, over=_persons),
    ),
    "losers": (
        "Share of persons whose household income falls by more than 0.01%",
        Measure("losers", amounts=_lost, over=_persons),
    ),
    "winners_and_losers": (
        "Share of persons by band of change of household income",
        Measure("winners_and_losers", amounts=_bands, over=_persons, labels=tuple(label for label, *_ in BANDS)),
    ),
    "gain_by_decile": (
        "Change of after-tax household income by decile of the baseline, dollars",
        Measure("gain_by_decile", amounts=_by_decile, labels=tuple(str(d) for d in range(1, 11))),
    ),
    "loss_of_bottom_half": (
        "After-tax income that the lower five deciles of the baseline lose, dollars",
        Measure("loss_of_bottom_half", amounts=_bottom_half),
    ),
}
"""Measures by name: what they are, and the measure or what makes it of a simulation."""
