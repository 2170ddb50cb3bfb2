"""The notebook of Social Security runs from top to bottom and says what it should."""

import pytest

from tests.notebooks import answer, outputs, pictures, run_notebook

pytestmark = pytest.mark.slow

ASK = """
import json
print("RESULT " + json.dumps({
    "factors": found.workers.factor.tolist(), "benefits": found.workers.benefit.tolist(),
    "by_age": by_age.benefit[:, 0].tolist(), "worth": worth.workers.drop(columns="id").iloc[0].to_dict(),
    "ages": best["age"].astype(float).tolist(), "pair": best_pair, "worths": worths.tolist(),
    "alone": amounts.loc[(70, 62), ["Carla alone", "Ben alone"]].tolist(), "gain": gain, "change": change,
    "table": table.to_dict(), "by_group": by_group.tolist(), "averages": averages.tolist(),
}, default=str))
"""


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    return run_notebook("social_security", ASK, tmp_path_factory.mktemp("jupyter"))


@pytest.fixture(scope="module")
def result(executed):
    return answer(executed)


def test_notebook_runs_without_errors_or_warnings(executed):
    assert "error" not in [out.output_type for out in outputs(executed)]
    assert not [out.text for out in outputs(executed) if out.get("name") == "stderr"]
    assert sum(pictures(executed)) == 4
    assert max(pictures(executed)) == 1


def test_one_worker(result):
    assert result["factors"] == pytest.approx([1 - 0.2 - 23 * 5 / 1200, 1, 1.24])
    assert result["by_age"][0] == result["benefits"][0]
    assert result["by_age"][59] == result["benefits"][1]
    assert result["by_age"] == sorted(result["by_age"])
    worth = result["worth"]
    assert worth["moneys_worth"] == pytest.approx(worth["benefits"] / worth["contributions"])
    assert (worth["internal_rate"] > 0.023) == (worth["moneys_worth"] > 1)
    usual, frail = result["ages"][:3], result["ages"][3:]
    assert usual == sorted(usual, reverse=True)  # the dearer time, the earlier
    assert all(short <= long for short, long in zip(frail, usual, strict=True))


def test_couple(result):
    assert result["pair"] == [70, 62]
    widow, widower = result["alone"]
    assert widow == widower  # his record, either way
    assert max(map(max, result["worths"])) == result["worths"][8][0]


def test_reform(result):
    assert abs(result["change"]) < 0.1 * result["gain"]
    tenths = result["by_group"]
    assert tenths[1] > 0 > tenths[-1]
    assert result["averages"] == sorted(result["averages"])
    step = (result["averages"][-1] - result["averages"][0]) / 0.08
    assert step == pytest.approx(result["table"]["derivative"]["32 percent"], rel=1e-6)  # linear in a factor
