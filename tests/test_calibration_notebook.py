"""The notebook of calibration runs from top to bottom and says what it should."""

import pytest

from tests.notebooks import answer, outputs, pictures, run_notebook

ASK = """
import json
families = fit.families()
print("RESULT " + json.dumps({
    "disagreements": len(check), "targets": len(targets), "factors": len(targets.factors),
    "kinds": sorted(set(beyond.kind)), "alone": int(beyond.alone.sum()),
    "fitted": int(fit.fitted.sum()), "status": fit.status, "message": fit.message,
    "least": float((fit.weights / problem.base).min()), "most": float((fit.weights / problem.base).max()),
    "before": families.before.to_dict(), "after": families.after.to_dict(),
    "records": few.nonzero, "effective": [few.effective_sample_size, fit.effective_sample_size],
    "near": near.status, "worst": float(abs(near.errors[near.fitted]).max()),
    "cell": hangs.index[0], "elasticity": float(hangs.elasticity.iloc[0]), "settled": int(replicates.settled.sum()),
    "error": error, "taxes": taxes, "page": report.read_text()[:15],
}))
"""


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    return run_notebook("calibration", ASK, tmp_path_factory.mktemp("jupyter"))


def test_notebook_runs_without_errors_or_warnings(executed):
    assert "error" not in [out.output_type for out in outputs(executed)]
    assert not [out.text for out in outputs(executed) if out.get("name") == "stderr"]


def test_notebook_shows_each_plot_once(executed):
    assert sum(pictures(executed)) == 1


def test_notebook_results(executed):
    result = answer(executed)
    assert result["disagreements"] > 50
    assert result["targets"] == 1_234
    assert result["factors"] == 7
    assert result["kinds"] == ["bounds", "empty", "ratio"]
    assert 900 < result["fitted"] <= result["targets"] - result["alone"]
    assert result["status"] == "stalled"
    assert "held-out" in result["message"]
    assert 0.05 * 0.999 < result["least"] < result["most"] < 20 * 1.001
    for family in ("soi_2022.income_tax_after_credits", "soi_2022.returns", "census_states_2023.population"):
        assert result["after"][family] < 0.6 * result["before"][family]
    assert result["records"] == 2_000
    assert result["effective"][0] < 0.3 * result["effective"][1]
    assert result["near"] == "converged"
    assert result["worst"] < 0.02
    assert "adjusted_gross_income" in result["cell"]
    assert 0.1 < result["elasticity"] < 0.5
    assert result["settled"] == 20
    assert 10e9 < result["error"] < 100e9
    taxes = result["taxes"]
    assert abs(taxes["many targets"] - taxes["official"]) < 0.5 * abs(taxes["survey"] - taxes["official"])
    assert result["page"] == "<!DOCTYPE html>"
