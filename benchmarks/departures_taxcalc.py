"""All departures of Tax-Calculator, in the order of a return."""

from __future__ import annotations

from collections.abc import Callable

import departures_taxcalc_credits
import departures_taxcalc_deductions
import departures_taxcalc_income
import departures_taxcalc_taxes
from departures import Case, Departure

DEPARTURES: tuple[Callable[[Case], Departure], ...] = (
    *departures_taxcalc_income.DEPARTURES,
    *departures_taxcalc_deductions.DEPARTURES,
    *departures_taxcalc_taxes.DEPARTURES,
    *departures_taxcalc_credits.DEPARTURES,
)
