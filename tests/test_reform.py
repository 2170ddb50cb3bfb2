"""Reforms: forms, periods, uprating, composition, errors."""

import json

import numpy as np
import pytest

from jaxsim.errors import ReformError
from jaxsim.parameter_files import load_law
from jaxsim.reform import Reform, as_reform

LAW = load_law()
AMOUNT = "irs.credits.ctc.amount"
STANDARD = "irs.deductions.standard.amount"


def value(changes, year, path=AMOUNT, **options):
    return Reform(changes, **options).apply(LAW).in_year(year)[path]


def test_a_plain_value_holds_in_every_year():
    assert [value({AMOUNT: 3000}, y) for y in (2022, 2026, 2036)] == [3000, 3000, 3000]


@pytest.mark.parametrize("key", [2027, "2027", "2027-01-01"])
def test_a_year_stands_for_itself_and_later_ones(key):
    assert value({AMOUNT: {key: 3000}}, 2026) == 2200
    assert value({AMOUNT: {key: 3000}}, 2027) == 3000
    assert value({AMOUNT: {key: 3000}}, 2036) == 3000


@pytest.mark.parametrize("key", ["2027-01-01.2028-12-31", "year:2027:2"])
def test_a_period_ends(key):
    law = LAW.in_year
    assert value({AMOUNT: {key: 3000}}, 2028) == 3000
    assert value({AMOUNT: {key: 3000}}, 2029) == law(2029)[AMOUNT]


def test_several_years():
    assert [value({AMOUNT: {2026: 1, 2028: 3}}, y) for y in (2025, 2026, 2027, 2028, 2036)] == [2200, 1, 1, 3, 3]


def test_uprated_values_move_with_the_index():
    moved = value({AMOUNT: {2026: 3000}}, 2036, uprated=[AMOUNT])
    prices = LAW["irs.indexing.chained_cpi"]
    ratio = prices.cells[prices.years.index(2035)] / prices.cells[prices.years.index(2025)]
    assert moved == np.floor(3000 * ratio / 100) * 100 > 3000
    with pytest.raises(ReformError, match="not indexed"):
        value({"irs.credits.ctc.phase_out.rate": 0.1}, 2026, uprated=["irs.credits.ctc.phase_out.rate"])


def test_two_cells_of_one_array_may_be_uprated():
    paths = [f"{STANDARD}.SINGLE", f"{STANDARD}.JOINT"]
    law = Reform({p: {2026: 30_000} for p in paths}, uprated=paths).apply(LAW)
    assert np.all(law.in_year(2036)[STANDARD][:2] > 36_000)
    again = Reform({f"{STANDARD}.SINGLE": {2028: 20_000}}, uprated=[f"{STANDARD}.SINGLE"]).apply(law)
    assert again.in_year(2028)[STANDARD][0] == 20_000 < again.in_year(2036)[STANDARD][0]
    assert again.in_year(2036)[STANDARD][1] == law.in_year(2036)[STANDARD][1]


def test_cells_by_label():
    law = Reform({f"{STANDARD}.JOINT": 40_000}).apply(LAW).in_year(2026)
    np.testing.assert_array_equal(law[STANDARD], [16_100, 40_000, 16_100, 24_150, 32_200])
    law = Reform({"irs.income_tax.rates.rate.7": 0.5}).apply(LAW).in_year(2026)
    assert law["irs.income_tax.rates.rate"][6] == 0.5


def test_arrays_and_mappings():
    same = dict.fromkeys(("SINGLE", "JOINT", "SEPARATE", "HEAD_OF_HOUSEHOLD", "SURVIVING_SPOUSE"), 9)
    for given in (same, [9] * 5, 9):
        assert np.all(value({STANDARD: given}, 2026, STANDARD) == 9)


def test_an_index_may_be_reformed():
    fast = Reform({"irs.indexing.chained_cpi": {2030: 300.0}}).apply(LAW)
    assert fast.in_year(2031)[STANDARD][0] > LAW.in_year(2031)[STANDARD][0]
    assert fast.in_year(2030)[STANDARD][0] == LAW.in_year(2030)[STANDARD][0]


def test_an_index_moves_other_values_of_the_same_reform():
    both = Reform({f"{STANDARD}.JOINT": {2026: 50_000}, "irs.indexing.chained_cpi": {2029: 300.0}}).apply(LAW)
    assert both.in_year(2031)[STANDARD][1] == 50_000
    assert both.in_year(2031)[STANDARD][0] > 1.2 * LAW.in_year(2031)[STANDARD][0]


def test_reforms_compose_and_the_later_wins():
    both = Reform({AMOUNT: 1, STANDARD: 5}) + Reform({AMOUNT: 2})
    law = both.apply(LAW).in_year(2026)
    assert law[AMOUNT] == 2
    assert np.all(law[STANDARD] == 5)
    assert as_reform([{AMOUNT: 1}, {AMOUNT: 4}]).apply(LAW).in_year(2026)[AMOUNT] == 4


def test_the_law_itself_is_unchanged():
    Reform({AMOUNT: 1}).apply(LAW)
    assert LAW.in_year(2026)[AMOUNT] == 2200


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"irs.credits.ctc.amonut": 1}, r"Nearest: irs\.credits\.ctc\.amount"),
        ({"irs.credits.ctc": 1}, "group of parameters"),
        ({"ctc.amount": 1}, "unknown parameter"),
        ({f"{STANDARD}.JIONT": 1}, "JOINT"),
        ({f"{STANDARD}.JOINT.x": 1}, "dimensions"),
        ({AMOUNT: "many"}, AMOUNT),
        ({AMOUNT: None}, AMOUNT),
        ({AMOUNT: [1, 2]}, "shape"),
        ({STANDARD: [1, 2]}, "shape"),
        ({STANDARD: {"SINGLE": 1}}, "JOINT"),
        ({AMOUNT: {2050: 1}}, "2022 to 2036"),
        ({AMOUNT: {"2028-01-01.2026-12-31": 1}}, "period"),
        ({AMOUNT: {"soon": 1}}, AMOUNT),
        ({AMOUNT: -5}, "valid range"),
        ({AMOUNT: float("nan")}, "valid range"),
        ({"irs.credits.ctc.phase_out.rate": 5}, "valid range"),
        ({3: 1}, "path is text"),
        ({AMOUNT: True}, "number"),
        ({AMOUNT: {"2026-06-01": 1}}, "-01-01"),
        ({AMOUNT: {"2026-01-01.2027-06-30": 1}}, "-12-31"),
    ],
)
def test_errors_say_what_to_do(changes, message):
    with pytest.raises(ReformError, match=message):
        Reform(changes).apply(LAW)


def test_files(tmp_path):
    plain = tmp_path / "plain.yaml"
    plain.write_text(f"{AMOUNT}: {{2026: 3000}}\n")
    assert Reform.from_file(plain).apply(LAW).in_year(2026)[AMOUNT] == 3000
    assert Reform.from_file(plain).name == "plain"
    full = tmp_path / "full.json"
    full.write_text(json.dumps({"name": "Larger", "changes": {AMOUNT: {"2026": 3000}}, "uprated": [AMOUNT]}))
    assert Reform.from_file(full).name == "Larger"
    assert Reform.from_file(full).apply(LAW).in_year(2036)[AMOUNT] > 3000


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.yaml", "{", "not valid YAML"),
        ("a.json", "{", "not valid JSON"),
        ("a.yaml", "- 1", "mapping"),
        ("a.yaml", "", "mapping"),
        ("a.yaml", "irs.credits.ctc.amonut: 1", "Nearest"),
        ("a.yaml", f"changes: {{{AMOUNT}: 1}}\nuprate: [{AMOUNT}]", "uprate"),
        ("a.yaml", "name: only", "changes"),
        ("a.yaml", f"changes: {{{AMOUNT}: 1}}\nname: [1]", "name"),
        ("a.yaml", f"{AMOUNT}: 1\n{AMOUNT}: 2", "twice"),
        ("a.json", f'{{"{AMOUNT}": 1, "{AMOUNT}": 2}}', "twice"),
    ],
)
def test_bad_files(tmp_path, name, text, message):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(ReformError, match=message):
        Reform.from_file(path).apply(LAW)


def test_missing_and_binary_files(tmp_path):
    with pytest.raises(ReformError, match="no such file"):
        Reform.from_file(tmp_path / "none.yaml")
    (tmp_path / "b.yaml").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(ReformError, match=r"b\.yaml"):
        Reform.from_file(tmp_path / "b.yaml")
