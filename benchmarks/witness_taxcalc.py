"""Tax-Calculator as a witness on made units, in its own input format; the causes are those of `departures.py`."""

from __future__ import annotations

import pandas as pd
import taxcalc
from agreement_taxcalc import CLAIM_ALL, run_taxcalc
from departures_taxcalc import DEPARTURES
from witness import Values, Witness

import jaxsim as js
from jaxsim.data.taxcalc import read_taxcalc
from jaxsim.data.taxcalc_write import KNOWN_INPUTS, to_taxcalc

YEARS = (2023, 2024, 2025, 2026)

# Its columns whose sum an output is.
RESULTS = {
    "agi": ("c00100",),
    "gains": ("c01000", "e01100"),
    "adjustments": ("c02900",),
    "taxable_ss": ("c02500",),
    "standard": ("standard",),
    "itemized": ("c04470",),
    "itemized_medical": ("c17000",),
    "itemized_taxes": ("c18300",),
    "itemized_interest": ("c19200",),
    "itemized_gifts": ("c19700",),
    "senior": ("senior_deduction",),
    "tips": ("tip_income_deduction",),
    "overtime": ("overtime_income_deduction",),
    "vehicle_interest": ("auto_loan_interest_deduction",),
    "qbi": ("qbided",),
    "taxable_income": ("c04800",),
    "regular_tax": ("taxbc",),
    "amt": ("c09600",),
    "before_credits": ("c05800",),
    "niit": ("niit",),
    "foreign_tax_credit": ("c07300",),
    "care": ("c07180",),
    "elderly": ("c07200",),
    "education": ("c07230",),
    "clean_energy": ("c07260",),
    "savers": ("c07240",),
    "ctc": ("c07220", "odc"),
    "business_credit": ("c07400",),
    "prior_minimum_tax": ("c07600",),
    "other_credits": ("c08000",),
    "nonrefundable": ("c07100",),
    "refundable_ctc": ("c11070",),
    "eitc": ("eitc",),
    "refundable_aotc": ("c10960",),
    "se_tax": ("setax",),
    "additional_medicare": ("ptax_amc",),
    "payroll_tax": ("payrolltax",),
    "income_tax": ("iitax",),
}


def as_taxcalc_knows(population: js.Population) -> js.Population:
    """The population that Tax-Calculator's format tells of."""
    return read_taxcalc(to_taxcalc(population), population.year, name=population.source)


def witness() -> Witness:
    """Tax-Calculator as installed."""

    def policy(year: int) -> taxcalc.Policy:
        made = taxcalc.Policy()
        made.implement_reform(CLAIM_ALL)
        made.set_year(year)
        return made

    def frame_of(population: js.Population) -> pd.DataFrame:
        return to_taxcalc(population)

    def run(population: js.Population, year: int) -> Values:
        columns = sorted({c for parts in RESULTS.values() for c in parts})
        theirs = run_taxcalc(year, frame_of(population), policy(year), columns)
        return {o: sum(theirs[c] for c in parts) for o, parts in RESULTS.items()}

    return Witness(
        name=f"Tax-Calculator {taxcalc.__version__}",
        years=YEARS,
        inputs=KNOWN_INPUTS,
        run=run,
        outputs=tuple(RESULTS),
        departures=DEPARTURES,
        frame=frame_of,
        policy=policy,
        notes=(
            "It reads its own input format (`to_taxcalc`); jaxsim reads the same table, so that both know the same. "
            "Steps are as on the forms (`exact_calculations`) and every credit is claimed.",
            "It takes as reported what jaxsim can work out: the adjustments for teachers, savings accounts, plans and "
            "health insurance, mortgage and investment interest, tentative education credits, saver's, energy and "
            "foreign tax credits. It has no place for what these are worked out from, nor for gambling, casualties of "
            "disasters, moving, employers' care benefits, children taxed at their parents' rate, clean vehicles, "
            "adoption, disability and marketplace insurance: these inputs are left out.",
            "Separate filers are taken to live apart from the spouse, as it takes them. Gains taxed at 25 and 28 "
            "percent are given to it net of short-term losses. What is itemized counts where it is taken.",
        ),
    )
