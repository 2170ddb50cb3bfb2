"""Laws to compare with: what they say by hand from the statutes, and that enacting what was repealed gives the law."""

from __future__ import annotations

import numpy as np
import pytest

import jaxsim as js
from jaxsim.baselines import _acts, _root, baseline, baselines, provisions
from jaxsim.parameter_files import load_law
from jaxsim.parameters import LAST_YEAR, YEARS

ACT = "pl_119_21"
NAMES = [name for name in baselines().index if name != "current_law"]


@pytest.mark.parametrize("name", NAMES)
def test_changes_something_and_not_before_2025(name: str) -> None:
    law, other = load_law(), baseline(name).apply(load_law())
    changed = [p for p, leaf in law.leaves.items() if leaf.unit != "index"
               and not np.array_equal(law.by_year(leaf), other.by_year(other[p]))]  # fmt: skip
    assert changed
    for path in changed:
        before, after = law.by_year(law[path])[: 2025 - 2022], other.by_year(other[path])[: 2025 - 2022]
        np.testing.assert_array_equal(before, after, err_msg=path)


def test_every_file_is_cited_and_named() -> None:
    assert _acts() == [ACT]
    for provision in provisions(ACT):
        assert provision.title
        assert any(title.startswith("P.L. 119-21 sec.") for title, _ in provision.reference)
        assert all(href.startswith("https://") for _, href in provision.reference)
    assert len({p.key for p in provisions(ACT)}) == len(list((_root() / ACT).glob("*.yaml")))


def test_provisions_do_not_overlap() -> None:
    paths = [path for p in provisions(ACT) for path in p.repeal.changes]
    assert len(paths) == len(set(paths))


def test_enacting_every_provision_on_the_law_before_gives_the_law() -> None:
    law = load_law()
    again = baseline(f"before_{ACT}").apply(law)
    for provision in provisions(ACT):
        again = provision.enactment().apply(again)
    for path, leaf in law.leaves.items():
        if leaf.unit != "index":
            np.testing.assert_allclose(again.by_year(again[path]), law.by_year(leaf), rtol=1e-12, err_msg=path)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        # by hand: base x C-CPI-U of the year to August 2025 over CPI-U of the base year chained to it, rounded down
        ("irs.income_tax.rates.rate", [0.10, 0.15, 0.25, 0.28, 0.33, 0.35, 0.396]),
        ("irs.deductions.standard.amount", [8300, 16600, 8300, 12200, 16600]),
        ("irs.filing.separate_gross_income", 5300),  # the exemption, as Rev. Proc. 2025-32 has it for 152(d)(1)(B)
        ("irs.credits.ctc.amount", 1000),
        ("irs.credits.ctc.phase_out.threshold", [75000, 110000, 55000, 75000, 75000]),
        ("irs.amt.exemption", [70700, 110000, 55000, 70700, 110000]),
        ("irs.amt.phase_out.threshold", [157200, 209600, 104800, 157200, 209600]),
        ("irs.deductions.itemized.limitation.pease.threshold", [340550, 408650, 204325, 374600, 408650]),
        ("irs.deductions.itemized.mortgage.debt_limit", [1e6, 1e6, 5e5, 1e6, 1e6]),
        ("irs.deductions.itemized.salt.cap", [1e9] * 5),
        ("irs.deductions.qbi.rate", 0),
        ("irs.deductions.personal_exemption.allowed", 1),
        ("irs.income_tax.excess_business_loss.threshold", [320000, 640000, 320000, 320000, 320000]),
    ],
)
def test_the_law_before_in_2026(path: str, expected: object) -> None:
    law = baseline(f"before_{ACT}").apply(load_law())
    np.testing.assert_allclose(law.in_year(2026)[path], expected)


def test_brackets_before_in_2026() -> None:
    law = baseline(f"before_{ACT}").apply(load_law())
    single, joint = (law.in_year(2026)["irs.income_tax.rates.threshold"][:, k] for k in (0, 1))
    np.testing.assert_allclose(single, [0, 12175, 49400, 119650, 249600, 542700, 544900])
    np.testing.assert_allclose(joint, [0, 24350, 98800, 199400, 303900, 542700, 613000])
    gains = law.in_year(2026)["irs.income_tax.capital_gains.threshold"]
    np.testing.assert_allclose(gains[1:, 0], [49400, 544900])  # tied to the 25 and 39.6 percent brackets


def test_expired_law_moves_with_the_index() -> None:
    """Amounts of prior law are rules, not numbers: more inflation raises them."""
    law = load_law()
    index = "irs.indexing.chained_cpi"
    faster = js.Reform(
        {index: {y: 1.5 * v for y, v in zip(law[index].years, law[index].cells, strict=True) if y > 2026}}
    )
    path = "irs.deductions.standard.amount"
    usual = baseline(f"before_{ACT}").apply(law)
    moved = baseline(f"before_{ACT}").apply(faster.apply(law))
    at = LAST_YEAR - YEARS[0]
    assert (moved.by_year(moved[path])[at] > 1.4 * usual.by_year(usual[path])[at]).all()


def test_extended_law_in_2026() -> None:
    law = baseline("tcja_extended").apply(load_law()).in_year(2026)
    np.testing.assert_allclose(law["irs.deductions.standard.amount"], [15350, 30700, 15350, 23050, 30700])
    np.testing.assert_allclose(law["irs.income_tax.rates.threshold"][1:3, 0], [12200, 49575])
    np.testing.assert_allclose(law["irs.amt.phase_out.threshold"][:2], [640600, 1281200])
    assert law["irs.credits.ctc.amount"] == 2000


@pytest.mark.slow
def test_simulation_takes_a_baseline(population: js.Population) -> None:
    now, before = js.Simulation(population, 2026), js.Simulation(population, 2026, baseline=f"before_{ACT}")
    assert "before P.L. 119-21" in repr(before)
    assert before.total("income_tax") > now.total("income_tax")
    act = before.score([p.enactment() for p in provisions(ACT)], range(2026, 2028))
    assert act.calendar.loc["total", 2026] == pytest.approx(
        now.total("combined_tax") - before.total("combined_tax"), rel=1e-9
    )


def test_unknown_names_are_refused() -> None:
    with pytest.raises(js.ReformError, match=r"unknown baseline 'before_pl_119_22'.*before_pl_119_21"):
        baseline("before_pl_119_22")
    with pytest.raises(js.ReformError, match=r"unknown baseline .*child_tax_credit"):
        baseline("pl_119_21.child_credit")
    with pytest.raises(js.ReformError, match="unknown act"):
        provisions("pl_1")


def test_rule_of_indexing_in_a_reform() -> None:
    law = load_law()
    rule = {"index": "irs.indexing.chained_cpi", "base": 3000, "base_year": 2025,
            "rounding": {"to": 100, "direction": "down", "of": "amount"}}  # fmt: skip
    path = "irs.credits.ctc.amount"
    values = js.Reform({path: {2026: rule, 2030: 5000}}).apply(law).by_year
    reformed = js.Reform({path: {2026: rule, 2030: 5000}}).apply(law)
    got = values(reformed[path])
    index = dict(zip(law["irs.indexing.chained_cpi"].years, law["irs.indexing.chained_cpi"].cells, strict=True))
    expected = [np.floor(3000 * max(index[y - 1] / index[2025], 1) / 100 + 1e-9) * 100 for y in range(2026, 2030)]
    np.testing.assert_allclose(got[4:8], expected)
    np.testing.assert_allclose(got[8:], 5000)
    assert got[3] == 2200
    for change, message in (
        ({"index": "irs.credits.ctc.amount"}, "is not an index"),
        ({"base_yeer": 3}, "unknown key 'base_yeer'"),
        ({"base_year": 1900}, "cannot be read"),
    ):
        with pytest.raises(js.ReformError, match=message):
            js.Reform({path: {2026: {**rule, **change}}}).apply(law)
    with pytest.raises(js.ReformError, match="lacks 'rounding'"):
        js.Reform({path: {2026: {k: v for k, v in rule.items() if k != "rounding"}}}).apply(law)
