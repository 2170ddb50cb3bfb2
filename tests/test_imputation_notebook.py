"""The notebook of imputation runs from top to bottom and says what it should."""

import pytest

from tests.notebooks import answer, outputs, pictures, run_notebook

pytestmark = pytest.mark.slow

ASK = """
import json
print("RESULT " + json.dumps({
    "disjoint": not set(donor.household) & set(truth.household), "same": bool(same),
    "zeros": [scores.zero_share(t.dividends, truth.weight) for t in (truth, drawn)],
    "means": found.means.to_dict(), "told": told,
    "chain": scores.spearman_error(truth[shown], chained[shown], truth.weight, truth.weight)["max"],
    "apart": [list(pair) for pair in synthesis.bounds], "correlations": correlations.to_dict(),
    "stated": tied_pairs.set_index("b").loc["charity", ["drawn", "stated"]].tolist(),
    "slopes": slope_table.to_numpy().tolist(), "errors": errors.difference.loc["household"].abs().max(),
    "couples": errors.loc[("employment_income", "spearman of pair"), ["real", "synthetic"]].tolist(),
    "disclosed": disclosed, "near": float(near.ratio[50]), "taxes": taxes,
    "pooled": [float(pooled.low), share(truth)[0], float(pooled.high)], "once": share(several[0])[1] ** 0.5,
    "error": float(pooled.standard_error), "records": len(written), "begins": bool(begins),
}))
"""


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    return run_notebook("imputation", ASK, tmp_path_factory.mktemp("jupyter"))


@pytest.fixture(scope="module")
def result(executed):
    return answer(executed)


def test_notebook_runs_without_errors_or_warnings(executed):
    assert "error" not in [out.output_type for out in outputs(executed)]
    assert not [out.text for out in outputs(executed) if out.get("name") == "stderr"]


def test_notebook_shows_each_plot_once(executed):
    assert sum(pictures(executed)) == 4
    assert max(pictures(executed)) == 1


def test_imputation(result):
    assert result["disjoint"]
    assert result["same"]
    true, drawn = result["zeros"]
    assert abs(drawn - true) < 0.03
    means = result["means"]
    assert means["crps"]["forest"] < 1.02 < means["crps"]["least squares"]
    assert means["zero share error"]["forest"] < 0.05 < means["zero share error"]["least squares"]
    assert 0.45 < result["told"]["auc"] < 0.62
    assert result["chain"] < 0.12


def test_synthesis(result):
    assert result["apart"] == [["property_tax", "wages"], ["property_tax", "charity"]]
    wages = {name: table["wages"] for name, table in result["correlations"].items()}
    assert abs(wages["bridge"] - wages["truth"]) < 0.08
    assert wages["no bridge"] < wages["bridge"] - 0.05
    drawn, stated = result["stated"]
    assert stated == 0.4
    assert abs(drawn - stated) < 0.06


def test_derivative(result):
    for value, slope, difference in result["slopes"]:
        assert value > 0
        assert slope == pytest.approx(difference, rel=1e-3)


def test_households(result):
    assert result["errors"] < 0.02
    real, synthetic = result["couples"]
    assert abs(synthetic - real) < 0.15
    assert result["disclosed"]["equal to a donor"] < 0.15
    assert result["near"] > 0.5
    assert result["taxes"]["synthetic"] == pytest.approx(result["taxes"]["real"], rel=0.2)


def test_uncertainty_and_records(result):
    low, true, high = result["pooled"]
    assert low < true < high
    assert result["error"] > result["once"]
    assert result["records"] == 100_000
    assert result["begins"]
