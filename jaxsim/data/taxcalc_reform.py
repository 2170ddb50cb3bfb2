"""Tax-Calculator's reform files as reforms of our parameters.

A Tax-Calculator reform maps its own parameter names to values by year. A value holds from its year on; if the
parameter is indexed it is moved on with prices from there, unless `<name>-indexed` is false. Here each name becomes
one of our paths, or takes part in one: upper bounds of brackets become lower bounds of the next, a maximum credit
becomes the earned income at which it is reached, rates of the two sides of payroll tax add up to the rate of the
self-employed.

Names that only say "off" (`II_em: 0`, `CTC_is_refundable: false`) are taken as said. All others that have no home in
our law are refused by name. Two things differ from Tax-Calculator on purpose: our minimum tax takes the rates of
capital gains from the regular tax, so `AMT_CG_*` must agree with `CG_*` or stay away; and parameters that
Tax-Calculator indexes but our law does not (`ID_AllTaxes_c_ps`) stay as given.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from jaxsim.errors import ReformError, nearest
from jaxsim.parameter_files import load_law
from jaxsim.parameters import FIRST_YEAR, LAST_YEAR, NO_LIMIT, Leaf
from jaxsim.reform import Reform

Array = np.ndarray
MARS = ("single", "mjoint", "mseparate", "headhh", "widow")
EIC = ("0kids", "1kid", "2kids", "3+kids")
JOINT, SEPARATE = 1, 2
PRICES = "irs.indexing.chained_cpi"

_RATES, _GAINS, _AMT = "irs.income_tax.rates", "irs.income_tax.capital_gains", "irs.amt"
_STANDARD, _ITEMIZED, _QBI = "irs.deductions.standard", "irs.deductions.itemized", "irs.deductions.qbi"
_SENIOR, _CTC, _EITC = "irs.deductions.senior", "irs.credits.ctc", "irs.credits.eitc"
_CARE, _BENEFITS = "irs.credits.dependent_care", "irs.income_tax.social_security_benefits"
_OASDI, _MEDICARE = "irs.payroll.social_security", "irs.payroll.medicare"
_SECA_DEDUCTION, _ELDERLY = "irs.payroll.self_employment.deduction_share", "irs.credits.elderly.rate"

PATHS: dict[str, str] = {
    **{f"II_rt{k}": f"{_RATES}.rate.{k}" for k in range(1, 8)},
    **{f"II_brk{k}": f"{_RATES}.threshold.{k + 1}" for k in range(1, 7)},
    **{f"CG_rt{k}": f"{_GAINS}.rate.{k}" for k in range(1, 4)},
    **{f"CG_brk{k}": f"{_GAINS}.threshold.{k + 1}" for k in range(1, 3)},
    "STD": f"{_STANDARD}.amount",
    "STD_Aged": f"{_STANDARD}.additional",
    "STD_Dep": f"{_STANDARD}.dependent.minimum",
    "STD_Dep_earned_add": f"{_STANDARD}.dependent.earned_income_addition",
    "STD_charity_ded_nonitemizers_max": f"{_STANDARD}.nonitemizer_charity",
    "SeniorDed_c": f"{_SENIOR}.amount",
    "SeniorDed_ps": f"{_SENIOR}.phase_out.threshold",
    "SeniorDed_prt": f"{_SENIOR}.phase_out.rate",
    "Capital_loss_limitation": "irs.income_tax.capital_loss.limit",
    "NIIT_rt": "irs.income_tax.net_investment_income.rate",
    "NIIT_thd": "irs.income_tax.net_investment_income.threshold",
    "SS_thd1": f"{_BENEFITS}.base_amount",
    "SS_thd2": f"{_BENEFITS}.adjusted_base_amount",
    "SS_percentage1": f"{_BENEFITS}.base_rate",
    "SS_percentage2": f"{_BENEFITS}.additional_rate",
    "SS_Earnings_c": f"{_OASDI}.wage_base",
    "SECA_Earnings_thd": "irs.payroll.self_employment.minimum_net_earnings",
    "FICA_ss_trt_employee": f"{_OASDI}.employee_rate",
    "FICA_ss_trt_employer": f"{_OASDI}.employer_rate",
    "FICA_mc_trt_employee": f"{_MEDICARE}.employee_rate",
    "FICA_mc_trt_employer": f"{_MEDICARE}.employer_rate",
    "AMEDT_rt": f"{_MEDICARE}.additional.rate",
    "AMEDT_ec": f"{_MEDICARE}.additional.threshold",
    "AMT_em": f"{_AMT}.exemption",
    "AMT_em_ps": f"{_AMT}.phase_out.threshold",
    "AMT_prt": f"{_AMT}.phase_out.rate",
    "AMT_brk1": f"{_AMT}.threshold.2",
    "ID_Medical_frt": f"{_ITEMIZED}.medical.floor_rate",
    "ID_AllTaxes_c": f"{_ITEMIZED}.salt.cap",
    "ID_AllTaxes_c_ps": f"{_ITEMIZED}.salt.phase_down.threshold",
    "ID_AllTaxes_c_po_rate": f"{_ITEMIZED}.salt.phase_down.rate",
    "ID_AllTaxes_c_po_floor": f"{_ITEMIZED}.salt.phase_down.floor",
    "ID_Charity_crt_all": f"{_ITEMIZED}.charity.ceiling_rate",
    "ID_Charity_crt_noncash": f"{_ITEMIZED}.charity.noncash_ceiling_rate",
    "ID_Charity_frt": f"{_ITEMIZED}.charity.floor_rate",
    "ID_reduction_rate": f"{_ITEMIZED}.limitation.rate",
    "PT_qbid_rt": f"{_QBI}.rate",
    "PT_qbid_taxinc_thd": f"{_QBI}.threshold",
    "PT_qbid_taxinc_gap": f"{_QBI}.phase_in_range",
    "PT_qbid_w2_wages_rt": f"{_QBI}.wage_rate",
    "PT_qbid_alt_w2_wages_rt": f"{_QBI}.alternative_wage_rate",
    "PT_qbid_alt_property_rt": f"{_QBI}.property_rate",
    "PT_qbid_min_ded": f"{_QBI}.minimum_deduction",
    "PT_qbid_min_qbi": f"{_QBI}.minimum_qbi",
    "CTC_c": f"{_CTC}.amount",
    "CTC_ps": f"{_CTC}.phase_out.threshold",
    "CTC_prt": f"{_CTC}.phase_out.rate",
    "ODC_c": f"{_CTC}.other_dependent_amount",
    "ACTC_c": f"{_CTC}.refundable.maximum",
    "ACTC_rt": f"{_CTC}.refundable.rate",
    "ACTC_Income_thd": f"{_CTC}.refundable.earned_income_threshold",
    "ACTC_ChildNum": f"{_CTC}.refundable.minimum_children_for_payroll_tax_option",
    "EITC_rt": f"{_EITC}.phase_in_rate",
    "EITC_prt": f"{_EITC}.phase_out_rate",
    "EITC_InvestIncome_c": f"{_EITC}.investment_income_limit",
    "EITC_MinEligAge": f"{_EITC}.minimum_age",
    "EITC_MaxEligAge": f"{_EITC}.maximum_age",
    "CDCC_ps1": f"{_CARE}.first_phase_out.threshold",
    "CDCC_ps2": f"{_CARE}.second_phase_out.threshold",
    "CDCC_po1_rate_max": f"{_CARE}.maximum_rate",
    "CDCC_po1_rate_min": f"{_CARE}.first_phase_out.minimum_rate",
    "CDCC_po2_rate_min": f"{_CARE}.second_phase_out.minimum_rate",
    "CDCC_po1_step_size": f"{_CARE}.first_phase_out.increment",
    "CDCC_po2_step_size": f"{_CARE}.second_phase_out.increment",
    "CDCC_po_rate_per_step": f"{_CARE}.rate_step",
}
"""Our path of each Tax-Calculator parameter that is one of our parameters, or cells of one."""

Values = Callable[[str], Array]  # values of a parameter by year, [years, *dims]

COMPOSED: dict[str, tuple[str, Callable[[Array], Array]]] = {
    "EITC_ps": (f"{_EITC}.phase_out_threshold", lambda x: x[..., 0]),
    "EITC_ps_addon_MarriedJ": (f"{_EITC}.phase_out_threshold", lambda x: x[..., JOINT] - x[..., 0]),
    "AMT_rt1": (f"{_AMT}.rate", lambda x: x[:, 0]),
    "AMT_rt2_addon": (f"{_AMT}.rate", lambda x: x[:, 1] - x[:, 0]),
    "CDCC_c": (f"{_CARE}.expense_limit", lambda x: x[:, 1]),
    "ALD_SelfEmploymentTax_hc": (_SECA_DEDUCTION, np.zeros_like),
    "CR_SchR_hc": (_ELDERLY, np.zeros_like),
    "ID_Charity_hc": (f"{_ITEMIZED}.charity.ceiling_rate", np.zeros_like),
    "ID_AllTaxes_hc": (f"{_ITEMIZED}.salt.cap", lambda x: 0 * x[:, 0]),
    "CG_nodiff": (f"{_GAINS}.rate", lambda x: 0 * x[:, 0]),
    "EITC_c": (f"{_EITC}.earned_income_amount", np.array),  # times the rate: see _Reader.current
}
"""Parameters that make up one of ours with others: that path of ours, and their value in its values by year."""

ALL_OR_NOTHING = ("CG_nodiff", "ID_AllTaxes_hc", "ID_Charity_hc", "CR_SchR_hc")
FOLLOWERS = {f"AMT_CG_{part}": f"CG_{part}" for part in ("rt1", "rt2", "rt3", "brk1", "brk2")}
"""Rates of the minimum tax on gains: ours are those of the regular tax."""

_OFF = """
    II_em II_credit II_credit_nr II_credit_prt II_credit_nr_prt ID_prt ID_Medical_hc ID_StateLocalTax_hc
    ID_RealEstate_hc ID_InterestPaid_hc ID_Charity_f ID_Medical_frt_add4aged ALD_StudentLoan_hc
    ALD_SelfEmp_HealthIns_hc ALD_KEOGH_SEP_hc ALD_EarlyWithdraw_hc ALD_EducatorExpenses_hc ALD_HSADeduction_hc
    ALD_IRAContributions_hc ALD_InvInc_ec_rt ALD_Dependents_Child_c ALD_Dependents_Elder_c ALD_Dependents_thd CG_ec
    CG_reinvest_ec_rt UI_em RRC_c RRC_c_unit RRC_c_kids RPTC_c RPTC_rt CTC_c_under6_bonus CTC_include17
    CTC_is_refundable ODC_is_refundable ACTC_rt_bonus_under6family CTC_new_c CTC_new_c_under6_bonus CTC_new_for_all
    CTC_new_rt CTC_new_prt CTC_new_refund_limited EITC_basic_frac EITC_indiv CDCC_refundable FST_AGI_trt
    AGI_surtax_trt LST UBI_u18 UBI_1820 UBI_21 UBI_ecrt CR_Charity_rt SS_all_in_agi NIIT_PT_taxed PT_qbid_prt
    soi_iitax parameter_indexing_CPI_offset BEN_ssi_repeal BEN_housing_repeal BEN_snap_repeal BEN_tanf_repeal
    BEN_vet_repeal BEN_wic_repeal BEN_mcare_repeal BEN_mcaid_repeal BEN_oasdi_repeal BEN_ui_repeal BEN_other_repeal"""
_UNLIMITED = """
    II_brk7 CG_brk3 AMT_CG_brk3 SS_Earnings_thd ID_Medical_c ID_StateLocalTax_c ID_StateLocalTax_crt ID_RealEstate_c
    ID_RealEstate_crt ID_InterestPaid_c ID_Charity_c ID_ps ID_c PT_qbid_ps II_em_ps AGI_surtax_thd
    ALD_BusinessLosses_c EITC_excess_InvestIncome_rt eitc_claim_prob_scale actc_claim_prob_scale"""
_ON = "EITC_sep_filers_elig PT_qbid_limited ID_Casualty_hc ID_Miscellaneous_hc"
_IDLE = "ID_crt II_rt8 CG_rt4 AMT_CG_rt4"  # details of what ID_prt, II_brk7, CG_brk3 and AMT_CG_brk3 leave off
NEUTRAL: dict[str, float | None] = {
    **dict.fromkeys(_OFF.split(), 0.0),
    **dict.fromkeys(_UNLIMITED.split(), NO_LIMIT),
    **dict.fromkeys(_ON.split(), 1.0),
    **dict.fromkeys(_IDLE.split(), None),
}
"""Parameters outside our law, and the value by which they do nothing there (None: any)."""

RENAMED = {
    "SS_thd50": "SS_thd1", "SS_thd85": "SS_thd2", "CDCC_ps": "CDCC_ps1", "CDCC_crt": "CDCC_po1_rate_max",
    "CDCC_frt": "CDCC_po1_rate_min", "CDCC_po_step_size": "CDCC_po1_step_size", "AMT_rt2": "AMT_rt2_addon",
    "EITC_ps_MarriedJ": "EITC_ps_addon_MarriedJ", "ID_Charity_crt_cash": "ID_Charity_crt_all",
}  # fmt: skip
"""Names of earlier versions of Tax-Calculator."""

MODELLED = (*PATHS, *COMPOSED)
EXEMPTION_END = "AMT_em_pe"  # follows from three others here


def from_taxcalc(content: Mapping[str, Any]) -> Reform:
    """The reform that a parsed Tax-Calculator reform file describes.

    Args:
        content: parameter names to values by year, e.g. `{"CTC_c": {"2026": 3000}}`, to lists of
            `{"year": ..., "MARS": ..., "value": ...}`, or such a mapping under "policy".

    Returns:
        A Reform by our paths. Values go on being indexed where our law indexes the parameter, unless the file says
        otherwise.

    Raises:
        ReformError: a parameter has no home in our law (all such are named), or a value is of the wrong form.
    """
    if isinstance(content, Mapping) and "policy" in content:
        others = [str(k) for k, v in content.items() if k != "policy" and v]
        if others:
            raise ReformError(f"only the policy part of a Tax-Calculator file is used: leave out {', '.join(others)}")
        content = content["policy"] or {}
    if not isinstance(content, Mapping):
        raise ReformError(f"a Tax-Calculator reform is a mapping by parameter, not {type(content).__name__}")
    reader = _Reader()
    reader.read(content)
    reader.check()
    return reader.reform()


class _Reader:
    """The reform's own values and switches, and what Tax-Calculator's parameters come to in every year."""

    def __init__(self) -> None:
        self.law = load_law("us")
        self.resolved = self.law.resolve()
        self.given: dict[str, dict[int, Array]] = {}
        self.switches: dict[str, dict[int, bool]] = {}

    # --- reading -----------------------------------------------------------------------------------------------

    def read(self, content: Mapping[str, Any]) -> None:
        refused = []
        for key, value in content.items():
            name = str(key).lstrip("_")
            stem = name.removesuffix("-indexed").removesuffix("_cpi")
            switch, name = stem != name, RENAMED.get(stem, stem)
            known = name in MODELLED or name in FOLLOWERS or name == EXEMPTION_END
            if known and switch:
                self.switches[name] = {year: self._switch(name, v) for year, v in self._by_year(name, value)}
            elif known:
                self.given[name] = {year: self._array(name, v) for year, v in self._by_year(name, value)}
            elif name not in NEUTRAL or not (switch or self._idle(name, value)):
                kind = "is not modelled here" if name in NEUTRAL else "is unknown or not modelled here"
                refused.append(f"Tax-Calculator parameter {name!r} {kind}.{nearest(name, MODELLED)}")
        if refused:
            rest = " Without them the others of the reform can be used." if len(refused) < len(content) else ""
            raise ReformError(" ".join(refused) + rest)

    def _idle(self, name: str, value: Any) -> bool:
        """Whether a parameter outside our law has, in the years of our law, the values by which it does nothing."""
        off, pairs = NEUTRAL[name], [*self._by_year(name, value), (LAST_YEAR + 1, None)]
        arrays = [self._array(name, v) for (_, v), (end, _) in itertools.pairwise(pairs) if end > FIRST_YEAR]
        return off is None or all(bool(np.all(a >= off if off == NO_LIMIT else a == off)) for a in arrays)

    def _by_year(self, name: str, value: Any) -> list[tuple[int, Any]]:
        if isinstance(value, list) and value and all(isinstance(v, Mapping) for v in value):
            value = self._from_objects(name, value)
        if not isinstance(value, Mapping) or not value:
            raise ReformError(f'{name}: expected values by year, e.g. {{"2026": 3000}}, found {value!r}')
        for year in value:
            if not str(year).isdigit() or len(str(year)) != 4:
                raise ReformError(f"{name}: {year!r} is not a year")
        pairs = sorted((int(year), v) for year, v in value.items() if int(year) <= LAST_YEAR)
        if not pairs:
            raise ReformError(f"{name}: its years are all after {LAST_YEAR}")
        return pairs

    def _from_objects(self, name: str, objects: list[Any]) -> dict[int, Any]:
        """Values by year of the newer form, a list of objects with year, value and optionally MARS or EIC."""
        cells: dict[int, Any] = {}
        for o in sorted(objects, key=lambda o: o.get("year", FIRST_YEAR)):
            year, label = o.get("year", FIRST_YEAR), o.get("MARS", o.get("EIC"))
            labels = MARS if label in MARS else EIC
            if "value" not in o or label not in (None, *labels):
                raise ReformError(f"{name}: {o!r} needs a value, and MARS or EIC of {', '.join((*MARS, *EIC))}")
            if label is None or name in NEUTRAL:
                cells[year] = o["value"]
                continue
            before = cells.get(year, cells[max(cells)] if cells else self.current(name)[max(year - FIRST_YEAR, 0)])
            cells[year] = np.array(np.broadcast_to(before, len(labels)), dtype=np.float64)
            cells[year][labels.index(label)] = o["value"]
        return cells

    @staticmethod
    def _switch(name: str, value: Any) -> bool:
        if not isinstance(value, bool):
            raise ReformError(f"{name}-indexed: expected true or false, found {value!r}")
        return value

    def _array(self, name: str, value: Any) -> Array:
        try:
            array = np.asarray(value, dtype=np.float64)
        except (TypeError, ValueError):
            array = np.array(np.nan)
        if np.isnan(array).any():
            raise ReformError(f"{name}: {value!r} is not a number or a list of numbers")
        if array.ndim == 2 and len(array) == 1:  # the oldest files have a list within a list
            array = array[0]
        if name not in NEUTRAL:
            shape = () if name == EXEMPTION_END else self.current(name).shape[1:]
            if array.shape not in ((), shape):
                labels = {(): (), (len(EIC),): EIC}.get(shape, MARS)
                wanted = f"{len(labels)} numbers, for {', '.join(labels)}" if labels else "one number"
                raise ReformError(f"{name}: expected {wanted}, found {value!r}")
            array = np.broadcast_to(array, shape)
        if name in ALL_OR_NOTHING and not np.isin(array, (0, 1)).all():
            raise ReformError(f"{name}: only 0 and 1 can be represented here, not {value!r}")
        return np.minimum(array, NO_LIMIT)

    # --- values by year ----------------------------------------------------------------------------------------

    def _leaf(self, name: str) -> tuple[Leaf, tuple[int, ...]]:
        """Our leaf behind a parameter, whose indexing it shares, and the bracket in it."""
        name = FOLLOWERS.get(name, name)
        path = PATHS[name] if name in PATHS else COMPOSED[name][0]
        if path in self.law.leaves:
            return self.law[path], ()
        path, _, label = path.rpartition(".")
        return self.law[path], (self.law[path].labels[0].index(label),)

    def current(self, name: str) -> Array:
        """Values of a Tax-Calculator parameter under current law, [years, *dims]."""
        leaf, index = self._leaf(name)
        values = self.resolved[leaf.path][(slice(None), *index)]
        if name == "EITC_c":
            return values * self.resolved[f"{_EITC}.phase_in_rate"]
        return COMPOSED[name][1](values) if name in COMPOSED else values

    def values(self, name: str) -> Array:
        """Values of a Tax-Calculator parameter under the reform, [years, *dims]."""
        result = np.array(self.current(name))
        given, switches = self.given.get(name, {}), self.switches.get(name, {})
        anchors = sorted({*given, *switches})
        if anchors and anchors[0] < FIRST_YEAR and anchors[0] not in given:
            raise ReformError(f"{name}-indexed: {anchors[0]} is before {FIRST_YEAR}, where the law begins here")
        indexed = self._leaf(name)[0].uprating is not None
        value, since = result[0], FIRST_YEAR
        for anchor, end in itertools.pairwise([*anchors, LAST_YEAR + 1]):
            if anchor in given:
                value = given[anchor]
            elif anchor == anchors[0]:
                value = result[anchor - FIRST_YEAR]
            else:
                value = self._moved(name, value, since, anchor, indexed)
            since, indexed = anchor, switches.get(anchor, indexed)
            for year in range(max(anchor, FIRST_YEAR), end):
                result[year - FIRST_YEAR] = self._moved(name, value, since, year, indexed)
        return result

    def _moved(self, name: str, value: Array, since: int, year: int, indexed: bool) -> Array:
        """A value of one year carried to a later one, by our law's indexing of the parameter or by plain prices."""
        if not indexed or year == since:
            return value
        leaf, index = self._leaf(name)
        try:
            if leaf.uprating is not None and name not in COMPOSED:
                return np.minimum(self.law.moved_on(leaf, value, since, year, index), NO_LIMIT)
            prices = self.law[PRICES]
            ratio = prices.cells[prices.years.index(year - 1)] / prices.cells[prices.years.index(since - 1)]
        except ValueError:
            raise ReformError(f"{name}: no index reaches back to {since}: give the value of {FIRST_YEAR}") from None
        return np.minimum(np.round(value * max(ratio, 1.0), 2), NO_LIMIT)

    # --- our parameters ----------------------------------------------------------------------------------------

    def _touched(self, *names: str) -> list[int]:
        """Years, from the first of the law on, in which the reform speaks of some of these parameters."""
        years = {y for n in names for y in (*self.given.get(n, ()), *self.switches.get(n, ()))}
        return sorted({max(y, FIRST_YEAR) for y in years})

    def reform(self) -> Reform:
        """The reform by our paths."""
        changes: dict[str, Any] = {}
        uprated = set()
        touched = {name: self._leaf(name)[0] for name in PATHS if self._touched(name)}
        for name, leaf in touched.items():
            path = PATHS[name]
            alone = sum(leaf is other for other in touched.values()) == 1
            if alone and name not in self.switches and min(self.given[name]) >= FIRST_YEAR:
                changes[path] = {year: value.tolist() for year, value in self.given[name].items()}
                if leaf.uprating is not None:
                    uprated.add(path)
            else:
                changes[path] = self._runs(self.values(name), self._touched(name)[0])
        for names, path, made in self._composed():
            if self._touched(names[0]) or (path not in PATHS.values() and self._touched(*names)):
                changes[path] = self._runs(made(), self._touched(*names)[0])
                uprated.discard(path)
        return Reform(changes, "reform", tuple(sorted(uprated)))

    @staticmethod
    def _runs(values: Array, first: int) -> dict[int, Any]:
        """Values from a year on, where they change."""
        rows = {year: values[year - FIRST_YEAR] for year in range(first, LAST_YEAR + 1)}
        return {y: v.tolist() for y, v in rows.items() if y == first or not np.array_equal(v, rows[y - 1])}

    def _composed(self) -> list[tuple[tuple[str, ...], str, Callable[[], Array]]]:
        """What is made of several parameters: their names, our path, its values by year.

        Where the path is also one parameter's own, the first name overrides it.
        """
        v, law = self.values, self.resolved.__getitem__
        salt, charity, rates = f"{_ITEMIZED}.salt.cap", "ID_Charity_crt_", ("CG_rt1", "CG_rt2", "CG_rt3")

        def earned_income_amount() -> Array:
            credit, rate = v("EITC_c"), v("EITC_rt")
            if np.any((rate == 0) & (credit > 0)):
                raise ReformError("EITC_rt: at a rate of 0 the credit EITC_c is never reached: set EITC_c to 0 as well")
            return credit / np.where(rate > 0, rate, 1.0)

        def phase_out_threshold() -> Array:
            start = np.repeat(v("EITC_ps")[..., None], len(MARS), axis=-1)
            start[..., JOINT] += v("EITC_ps_addon_MarriedJ")
            return start

        def both_sides(tax: str) -> tuple[tuple[str, ...], Callable[[], Array]]:
            names = (f"FICA_{tax}_trt_employee", f"FICA_{tax}_trt_employer")
            return names, lambda: v(names[0]) + v(names[1])

        def kept(repeal: str, name: str, switched: float = 0.0) -> tuple[tuple[str, ...], str, Callable[[], Array]]:
            return (repeal, name), PATHS[name], lambda: np.where(v(repeal) > 0, switched, v(name).T).T

        (ss, ss_rate), (mc, mc_rate) = both_sides("ss"), both_sides("mc")
        return [
            (("EITC_c", "EITC_rt"), f"{_EITC}.earned_income_amount", earned_income_amount),
            (("EITC_ps", "EITC_ps_addon_MarriedJ"), f"{_EITC}.phase_out_threshold", phase_out_threshold),
            (("AMT_rt1", "AMT_rt2_addon"), f"{_AMT}.rate",
             lambda: np.stack([v("AMT_rt1"), v("AMT_rt1") + v("AMT_rt2_addon")], axis=-1)),
            (("CDCC_c",), f"{_CARE}.expense_limit", lambda: v("CDCC_c")[:, None] * np.array([0.0, 1.0, 2.0, 2.0])),
            (("ALD_SelfEmploymentTax_hc",), _SECA_DEDUCTION,
             lambda: law(_SECA_DEDUCTION) * (1 - v("ALD_SelfEmploymentTax_hc"))),
            (ss, f"{_OASDI}.self_employment_rate", ss_rate),
            (mc, f"{_MEDICARE}.self_employment_rate", mc_rate),
            (("CR_SchR_hc",), _ELDERLY, lambda: law(_ELDERLY) * (1 - v("CR_SchR_hc"))),
            (("ID_AllTaxes_hc", "ID_AllTaxes_c"), salt, kept("ID_AllTaxes_hc", "ID_AllTaxes_c")[2]),
            *(kept("ID_Charity_hc", charity + part) for part in ("all", "noncash")),
            # at rates of 1 the schedule for all other income always gives the lesser tax, which the law then takes
            *(kept("CG_nodiff", rate, 1.0) for rate in rates),
        ]  # fmt: skip

    def check(self) -> None:
        """What our having one parameter for two of theirs, or a schedule's form, asks of the values."""
        for kind, count in (("II_brk", 6), ("CG_brk", 2)):
            years = self._touched(*(f"{kind}{k}" for k in range(1, count + 1)))
            for k in range(1, count) if years else ():
                above = self.values(f"{kind}{k}") > self.values(f"{kind}{k + 1}")
                falls = np.asarray(above.any(axis=1))[years[0] - FIRST_YEAR :]
                if falls.any():
                    year = years[0] + int(falls.argmax())
                    raise ReformError(f"{kind}{k} is above {kind}{k + 1} in {year}: brackets must rise")
        for name, regular in FOLLOWERS.items():
            if self._touched(name) and not np.allclose(self.values(name), self.values(regular)):
                raise ReformError(f"{name} differs from {regular}: gains have one schedule here, for both taxes")
        for year, end in self.given.get(EXEMPTION_END, {}).items():
            at = max(year - FIRST_YEAR, 0)
            exemption, start, rate = (self.values(n)[at] for n in ("AMT_em", "AMT_em_ps", "AMT_prt"))
            follows = start[SEPARATE] + exemption[SEPARATE] / rate if rate > 0 else NO_LIMIT
            if abs(end - min(follows, NO_LIMIT)) > 0.01 * follows:  # theirs are rounded by hand
                raise ReformError(
                    f"{EXEMPTION_END}: it follows from AMT_em, AMT_em_ps and AMT_prt here, as {follows:,.0f}"
                )
