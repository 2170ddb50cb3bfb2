"""The files of the law: valid, cited, and their uprating equal to what the agencies published."""

import jax
import numpy as np
import pytest

import jaxsim as js
from jaxsim.errors import ParameterError
from jaxsim.parameter_files import load_law, parameters_root, read_law
from jaxsim.parameters import LAST_YEAR, Parameters

LAW = read_law(parameters_root())


def test_every_leaf_is_cited_and_dated():
    assert len(LAW.leaves) >= 80
    for leaf in LAW.leaves.values():
        assert leaf.reference, leaf.path
        assert all(href.startswith("https://") for _, href in leaf.reference), leaf.path
        assert leaf.bounds[0] <= leaf.cells.min(), leaf.path
        assert leaf.cells.max() <= leaf.bounds[1], leaf.path
        if leaf.unit != "index":
            assert leaf.years[0] <= 2022, f"{leaf.path} has no value for the first tax year"


INDEXED = [path for path, leaf in LAW.leaves.items() if leaf.uprating is not None]


@pytest.mark.parametrize("path", INDEXED)
def test_uprating_reproduces_every_published_amount(path):
    leaf = LAW[path]
    checked = 0

    def series(index, year):
        wanted = np.asarray(year, dtype=int)
        return LAW[index].cells[np.searchsorted(LAW[index].years, wanted)]

    for rule in filter(None, (leaf.uprating, leaf.previous_uprating)):
        for year, published in zip(leaf.years, leaf.cells, strict=True):
            applies = (np.asarray(rule.first_year) <= year) & (year <= rule.last_year)
            if not 2017 <= year <= 2026 or not np.any(applies):
                continue
            ours = rule.amount(np, series, year)
            np.testing.assert_allclose(
                np.where(applies, ours, published), published, atol=1e-6, err_msg=f"{path} in {year}"
            )
            checked += 1
    starts = min(int(np.min(r.first_year)) for r in (leaf.uprating, leaf.previous_uprating) if r is not None)
    assert checked > 0 or starts > 2026, f"{path}: nothing published to check"


def test_most_indexed_leaves_are_checked_for_five_years():
    assert len(INDEXED) >= 15


def test_forecast_years_grow():
    amount = LAW.history("irs.deductions.standard.amount")["JOINT"]
    assert (amount.diff().dropna() >= 0).all()
    assert amount[LAST_YEAR] > 1.2 * amount[2026]


def test_tree_has_attributes_paths_and_key_paths():
    tree = load_law().in_year(2026)
    assert tree.irs.credits.ctc.amount == tree["irs.credits.ctc.amount"] == 2200
    keys = [jax.tree_util.keystr(k) for k, _ in jax.tree_util.tree_leaves_with_path(tree)]
    assert ".irs.credits.ctc.amount" in keys
    assert "irs.credits.ctc.amount" in tree
    assert "irs.credits.ctc.amounts" not in tree
    with pytest.raises(ParameterError, match=r"irs\.credits\.ctc\.amount"):
        tree["irs.credits.ctc.amonut"]
    with pytest.raises(AttributeError, match="Reform"):
        tree.irs = 1
    with pytest.raises(AttributeError, match="amount"):
        _ = tree.irs.credits.ctc.amuont


def test_select_and_replace():
    tree = load_law().in_year(2026)
    small = tree.select(["irs.credits.eitc"])
    assert all(p.startswith("irs.credits.eitc.") for p in small.paths())
    changed = tree.replace({"irs.credits.ctc.amount": np.float64(5.0)})
    assert changed["irs.credits.ctc.amount"] == 5
    assert tree["irs.credits.ctc.amount"] == 2200
    with pytest.raises(ParameterError, match="unknown parameter"):
        tree.replace({"irs.nothing": 1})


def test_resolution_is_differentiable_in_the_index():
    law = load_law()

    def amount(level):
        cells = dict(law.cells())
        cells["irs.indexing.chained_cpi"] = jax.numpy.asarray(cells["irs.indexing.chained_cpi"]) * level
        return law.resolve(cells, years=[2030])["irs.income_tax.rates.threshold"][0, 3, 1]

    with js.precision("float64"):
        assert np.isfinite(jax.grad(amount)(1.0))
        assert amount(1.0) == law.in_year(2030)["irs.income_tax.rates.threshold"][3, 1]


def test_years_outside_are_refused():
    with pytest.raises(ParameterError, match="2022 to 2036"):
        load_law().in_year(2040)


def test_find_and_history():
    found = load_law().find("child credit qualifying")
    assert "irs.credits.ctc.amount" in found.index
    table = load_law().history("irs.credits.ctc.amount")
    assert table.loc[2025].iloc[1] == 2200
    assert table.loc[2024, "status"] == "law"
    assert table.loc[2030, "status"] == "forecast"
    assert load_law().history("irs.indexing.chained_cpi").index.max() >= 2035


GOOD = """
rate:
  label: A rate of something
  unit: /1
  range: [0, 1]
  reference: [{title: 1 USC 1, href: "https://example.org"}]
  values: {2022-01-01: 0.1}
"""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD.replace("  unit: /1\n", ""), "unit"),
        (GOOD.replace('reference: [{title: 1 USC 1, href: "https://example.org"}]', "reference: []"), "reference"),
        (GOOD.replace("2022-01-01: 0.1", "2022-06-01: 0.1"), "2022-06-01"),
        (GOOD.replace("0.1}", "abc}"), "rate"),
        (GOOD.replace("rate:\n", "Rate:\n"), "Rate"),
        (GOOD + "rate:\n  label: x\n", "twice"),
        ("rate: [1, 2", "not valid YAML"),
        (
            GOOD.replace("  values: {2022-01-01: 0.1}", "  dims: [filing_status]\n  values: {2022-01-01: {SINGLE: 1}}"),
            "JOINT",
        ),
        (GOOD.replace("{2022-01-01: 0.1}", "{2024-01-01: 0.1, 2022-01-01: 0.2}"), "rise"),
    ],
)
def test_bad_files_are_refused_with_file_and_path(tmp_path, text, message):
    (tmp_path / "made.yaml").write_text(text)
    with pytest.raises(ParameterError, match=message) as error:
        read_law(tmp_path)
    assert "made.yaml" in str(error.value)


def test_good_file_is_read(tmp_path):
    (tmp_path / "made.yaml").write_text(GOOD)
    assert read_law(tmp_path).in_year(2030)["made.rate"] == 0.1


def test_parameters_round_trip_as_a_pytree():
    tree = load_law().in_year(2026)
    leaves, structure = jax.tree.flatten(tree)
    again = jax.tree.unflatten(structure, leaves)
    assert isinstance(again, Parameters)
    assert again.paths() == tree.paths()
    assert [p for p, _ in tree.items()] == sorted(tree.paths())
    assert all(a is b for a, (_, b) in zip(leaves, tree.items(), strict=True))
