"""The notebook runs from top to bottom and says what it should."""

import sys

import nbformat
import pytest

from tests.notebooks import EXAMPLES, answer, outputs, pictures, run_notebook

pytestmark = pytest.mark.slow

ASK = """
import json, sys
print("RESULT " + json.dumps({
    "interpreter": sys.executable,
    "income_tax": home.total("income_tax"),
    "cost": impact.cost,
    "rates": [float(rates.min()), float(rates.max())],
    "in_table": float(table.loc["irs.credits.ctc.amount", "gradient"]),
    "own": float(slope.irs.credits.ctc.amount),
    "difference": float(near[1] - near[0]) / 2,
    "runs": len(runs),
    "falls": bool((runs["income_tax"].diff().dropna() <= 0).all()),
}))
"""


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    return run_notebook("quickstart", ASK, tmp_path_factory.mktemp("jupyter"))


@pytest.mark.parametrize("name", ["quickstart", "million_reforms"])
def test_stored_notebook_is_valid_and_without_outputs(name):
    notebook = nbformat.read(EXAMPLES / f"{name}.ipynb", as_version=4)
    nbformat.validate(notebook)
    assert not outputs(notebook)
    assert all(cell.get("execution_count") is None for cell in notebook.cells)


def test_notebook_runs_without_errors_or_warnings(executed):
    kinds = [out.output_type for out in outputs(executed)]
    assert "error" not in kinds
    assert not [out.text for out in outputs(executed) if out.get("name") == "stderr"]


def test_notebook_shows_each_plot_once(executed):
    shown = pictures(executed)
    assert sum(shown) == 4
    assert max(shown) == 1


def test_notebook_results(executed):
    result = answer(executed)
    assert result["interpreter"] == sys.executable
    # head of household, 60,000 less 24,150: 10 percent to 17,700, 12 percent above, less a credit of 2,200
    assert result["income_tax"] == pytest.approx(0.10 * 17_700 + 0.12 * (35_850 - 17_700) - 2_200, abs=0.005)
    assert -60e9 < result["cost"] < -20e9
    assert -1 < result["rates"][0] < result["rates"][1] < 1
    assert result["own"] == pytest.approx(result["in_table"], rel=1e-9)
    # the difference over a dollar to either side crosses the kinks of a few households
    assert result["own"] == pytest.approx(result["difference"], rel=1e-3)
    assert result["runs"] == 1_000
    assert result["falls"]
