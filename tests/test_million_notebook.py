"""The notebook of sweeps and designs runs from top to bottom and says what it should."""

import pytest

from tests.notebooks import answer, outputs, pictures, run_notebook

ASK = """
import json
print("RESULT " + json.dumps({
    "runs": len(runs.table), "resumed": again.resumed, "error": float(runs.error.max()),
    "rate": float(elasticities.loc[("cost", "irs.credits.ctc.amount"), "derivative"]),
    "tornado": float(tornado["span"].iloc[0]), "total": float(indices["total"].sum()),
    "surface": float(surface(values)), "surface_error": surface.error, "exact": float(exact),
    "feasible": design.feasible, "after": design.after, "before": design.before,
    "frontier": frontier.table["family_poverty_gap"].tolist(),
}))
"""


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    return run_notebook("million_reforms", ASK, tmp_path_factory.mktemp("jupyter"))


def test_notebook_runs_without_errors_or_warnings(executed):
    assert "error" not in [out.output_type for out in outputs(executed)]
    assert not [out.text for out in outputs(executed) if out.get("name") == "stderr"]


def test_notebook_shows_each_plot_once(executed):
    assert sum(pictures(executed)) == 4
    assert max(pictures(executed)) == 1


def test_notebook_results(executed):
    result = answer(executed)
    assert result["runs"] == result["resumed"] == 1_024
    assert result["error"] < 1e-5
    assert 30e6 < result["rate"] < 70e6  # a dollar for each child of a return with tax or earnings enough
    assert result["tornado"] > 0
    assert 0.8 < result["total"] < 2
    assert abs(result["surface"] - result["exact"]) < 4 * result["surface_error"]
    assert result["feasible"]
    assert result["after"] < result["before"]
    assert result["frontier"] == sorted(result["frontier"])
