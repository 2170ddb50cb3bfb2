"""Synthesis of several sources: what is shared agrees, what a source knows stays, what none knows is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from jaxsim.errors import InputError
from jaxsim.impute import Chain, Forest, LeastSquares, load
from jaxsim.impute.scores import spearman, spearman_error
from jaxsim.impute.synthesis import Source, StrataForest, Synthesis, Synthesizer

FAST = Forest(trees=10, least_leaf=10)


def people(n: int, seed: int) -> pd.DataFrame:
    """Records with everything: of wages and dividends the rank correlation given region and age is far from 0."""
    rng = np.random.default_rng(seed)
    age, common = rng.integers(18, 80, n), rng.normal(size=n)
    region = rng.choice(["north", "south", "west"], n, p=[0.5, 0.3, 0.2])
    works = rng.random(n) < np.where(age < 65, 0.8, 0.2)
    wages = np.where(works, np.exp(10 + common + 0.3 * rng.normal(size=n)), 0.0)
    hours = np.where(works, np.rint(30 + 5 * common + rng.normal(size=n)), 0).astype(int)
    rich = rng.random(n) < (age - 10) / 100
    dividends = np.where(rich, np.exp(5 + common + (region == "north") + 0.3 * rng.normal(size=n)), 0.0)
    stocks = dividends * 20 * np.exp(0.1 * rng.normal(size=n))
    weight = rng.uniform(1, 3, n)
    return pd.DataFrame(
        {"id": rng.permutation(n), "weight": weight, "age": age, "region": region, "wages": wages, "hours": hours,
         "dividends": dividends, "stocks": stocks}
    )  # fmt: skip


def bracket(table: pd.DataFrame) -> Any:
    total = table["wages"] + table["dividends"]
    return pd.cut(total, [-1, 1, 5_000, 15_000, 40_000, 1e9], labels=["none", "low", "middle", "high", "top"])


A, B = people(3_000, 0), people(2_000, 1)
SHARED = ["age", "region"]


def sources(**change: Any) -> list[Source]:
    a = {"weights": "weight", "identifiers": ["id"], "variables": ["wages", "hours"], **change}
    return [Source("A", A, **a), Source("B", B, "weight", ["id"], ["dividends", "stocks"])]


@pytest.fixture(scope="module")
def bridged() -> Synthesis:
    bridges = {"bracket": {"A": bracket, "B": bracket}, "employed": {"A": lambda t: t.wages > 0}}
    return Synthesizer(sources(), SHARED, bridges, model=FAST, exact=["bracket", "employed"]).fit(0)


def test_steps_follow_what_sources_know(bridged: Synthesis) -> None:
    chain = bridged.imputer.model
    assert chain.order == (("age", "region"), ("bracket",), ("employed",), ("wages", "hours"), ("dividends", "stocks"))
    assert chain.given["wages"] == ["age", "region", "bracket", "employed"]
    assert chain.given["dividends"] == ["age", "region", "bracket"]  # no donor of B says whether it is employed
    assert isinstance(chain.models["wages"], StrataForest)


def test_columns_keep_their_kinds(bridged: Synthesis) -> None:
    drawn = bridged.sample(500, 1)
    assert drawn["age"].dtype == np.int64
    assert drawn["hours"].dtype == np.int64
    assert drawn["employed"].dtype == bool
    assert sorted(drawn["region"].cat.categories) == ["north", "south", "west"]
    assert set(drawn["wages"]) <= set(A["wages"])
    assert set(drawn["stocks"]) <= set(B["stocks"])
    assert not {"id", "weight"} & set(drawn)


def test_correlations_within_sources_are_kept(bridged: Synthesis) -> None:
    drawn = bridged.sample(20_000, 1)
    for truth, names in ((A, ["age", "wages", "hours"]), (B, ["age", "dividends", "stocks"])):
        error = spearman_error(truth, drawn, truth["weight"], None, names, names)
        assert error["mean"] < 0.03  # noise of 2,000 donors: about 1 / sqrt(2,000)


def test_bridges_carry_correlations_between_sources(bridged: Synthesis) -> None:
    bare = Synthesizer(sources(), SHARED, model=FAST).fit(0)
    truth = people(20_000, 9)
    error = [
        spearman_error(truth, s.sample(20_000, 1), truth["weight"], None, ["wages"], ["dividends"])["mean"]
        for s in (bare, bridged)
    ]
    assert error[1] < error[0] / 2


def test_exact_bridges_agree(bridged: Synthesis) -> None:
    drawn = bridged.sample(20_000, 1)
    assert ((drawn["wages"] > 0) == drawn["employed"]).all()
    upper = drawn["bracket"].map({"none": 1, "low": 5_000, "middle": 15_000, "high": 40_000, "top": 1e9}).astype(float)
    assert (drawn["wages"] <= upper).all()
    assert (drawn["dividends"] <= upper).all()
    bridges = {"employed": {"A": lambda t: t.wages > 0}}
    soft = Synthesizer(sources(), SHARED, bridges, model=FAST).fit(0).sample(5_000, 1)
    share = ((soft["wages"] > 0) != soft["employed"]).mean()
    assert 0 < share < 0.2  # a leaf of a forest holds a bridge only nearly


def test_exact_whole_numbers_and_switches() -> None:
    table = A.assign(group=A["age"] // 20, old=A["age"] >= 65)
    s = Source("A", table, "weight", ["id", "region"])
    bridges = {"code": {"A": "group"}, "retired": {"A": "old"}}
    found = Synthesizer([s], bridges=bridges, exact=["code", "retired"], model=FAST).fit(0)
    drawn = found.sample(3_000, 1)
    assert "group" not in drawn
    assert "old" not in drawn
    assert (drawn["age"] // 20 == drawn["code"]).all()
    assert ((drawn["age"] >= 65) == drawn["retired"]).all()


def test_shared_variables_are_pooled_by_effective_size() -> None:
    a = pd.DataFrame({"x": np.zeros(300), "y": np.arange(300.0)})
    b = pd.DataFrame({"x": np.ones(1_000), "z": np.arange(1_000.0), "w": np.repeat([1.0, 1e-9], [100, 900])})
    found = Synthesizer([Source("A", a), Source("B", b, "w")], ["x"], model=FAST).fit(0)
    assert found.sources == {"A": (300, pytest.approx(300)), "B": (1_000, pytest.approx(100, rel=1e-4))}
    assert found.sample(20_000)["x"].mean() == pytest.approx(0.25, abs=0.01)  # 100 of 400


def test_variables_of_several_sources_are_pooled_and_keep_what_one_shows() -> None:
    """y in A and B, z in B and C: z is learnt from both, and how it depends on y from B."""
    rng = np.random.default_rng(0)
    y = rng.normal(size=6_000)
    whole = pd.DataFrame({"x": rng.normal(size=6_000), "y": y, "z": y + 0.5 * rng.normal(size=6_000)})
    parts = [whole[:2_000][["x", "y"]], whole[2_000:4_000], whole[4_000:][["x", "z"]]]
    found = Synthesizer([Source(n, t) for n, t in zip("ABC", parts, strict=True)], ["x"], model=FAST).fit(0)
    assert found.imputer.model.order == (("x",), ("y",), ("z",))
    assert found.bounds == {}
    assert "Every two variables are observed together" in found.statement()
    truth, drawn = spearman(whole).loc["y", "z"], spearman(found.sample(20_000)).loc["y", "z"]
    assert 0.75 * truth < drawn < truth + 0.02  # C, where y is missing, blurs it


def test_batches_and_order_do_not_matter(bridged: Synthesis) -> None:
    whole = bridged.sample(3_000, 5)
    parts = pd.concat([bridged.sample(700, 5, start=1_000), bridged.sample(1_300, 5, start=1_700)])
    pd.testing.assert_frame_equal(whole[1_000:], parts)
    assert not bridged.sample(3_000, 6).equals(whole)


def test_same_key_same_synthesis() -> None:
    first, second = (Synthesizer(sources(), SHARED, model=FAST).fit(3).sample(200, 1) for _ in range(2))
    pd.testing.assert_frame_equal(first, second)


def test_save_and_load(bridged: Synthesis, tmp_path: Path) -> None:
    again = load(bridged.save(tmp_path / "s.npz"))
    pd.testing.assert_frame_equal(again.sample(300, 2), bridged.sample(300, 2))
    assert again.statement(1_000) == bridged.statement(1_000)


def test_statement_names_what_is_not_identified(bridged: Synthesis) -> None:
    text = bridged.statement(2_000)
    assert repr(text) == str(text)
    for words in ("wages, hours: A, given age, region, bracket, employed", "3,000 records", "Never observed together"):
        assert words in text
    table = bridged.pairs(2_000).set_index(["a", "b"])
    pairs = {("employed", "dividends"), ("employed", "stocks")}
    pairs |= {(a, b) for a in ("wages", "hours") for b in ("dividends", "stocks")}
    assert set(table.index) == pairs
    assert (table["low"] <= table["assumed"]).all()
    assert (table["assumed"] <= table["high"]).all()
    truth = spearman(people(20_000, 9)[["wages", "dividends"]]).iloc[0, 1]
    assert table.loc[("wages", "dividends"), "low"] < truth < table.loc[("wages", "dividends"), "high"]
    assert "<Synthesis of age" in repr(bridged)


def test_one_target_models_and_given_order() -> None:
    numbers = [Source("A", A, "weight", ["id", "region"], ["wages"]), Source("B", B, "weight", ["id", "region"], [])]
    synthesizer = Synthesizer(numbers, ["age"], order=["age", "wages"], models={"wages": LeastSquares()}, model=FAST)
    assert synthesizer.steps == [("age",), ("wages",)]
    drawn = synthesizer.fit(0).sample(2_000, 1)
    assert (drawn["wages"] < 0).any()  # as least squares do


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"shared": ["age", "id"]}, "'id' is an identifier or weight of source"),
        ({"shared": ["age", "weight"]}, "never synthesised"),
        ({"shared": ["age", "region", "aeg"]}, "'aeg': no source has it"),
        ({"bridges": {"b": {"C": bracket}}}, "there is no source 'C'"),
        ({"bridges": {"b": {"A": "wage"}}}, "Nearest: wages"),
        ({"bridges": {"b": {"A": lambda t: 1}}}, "one value for each of its 3000 rows"),
        ({"bridges": {"b": {}}}, "no source has it"),
        ({"bridges": {"age": {"A": "age"}}}, "shared and a bridge"),
        ({"exact": ["wages"]}, "neither shared nor a bridge"),
        ({"exact": ["region"], "model": LeastSquares()}, r"use Forest\(\), ordered for one number"),
        ({"order": ["age", "region"]}, "is left out"),
        ({"order": [("age", "wages"), "region", "hours", "dividends", "stocks"]}, "not known to the same sources"),
        ({"sources": []}, "give one Source or more"),
        ({"sources": [Source("A", A), Source("A", B)]}, "stands twice"),
        ({"shared": ["age", "region", "wages"]}, "only 'A' has it"),
    ],
)
def test_errors(change: dict[str, Any], words: str) -> None:
    short = [Source("A", A.drop(columns=["dividends", "stocks"]), "weight", ["id"]),
             Source("B", B.drop(columns=["wages", "hours"]), "weight", ["id"])]  # fmt: skip
    with pytest.raises(InputError, match=words):
        Synthesizer(**{"sources": short, "shared": SHARED, "model": FAST, **change}).fit(0)


def test_errors_of_sources() -> None:
    with pytest.raises(InputError, match=r"variables: 'weight' is an identifier or weight"):
        Synthesizer(sources(variables=["wages", "weight"]), SHARED)
    with pytest.raises(InputError, match="source 'A': there is no column 'idd'"):
        Source("A", A, identifiers=["idd"])
    with pytest.raises(InputError, match="is empty"):
        Source("A", A[:0])
    mixed = [Source("A", A, "weight", ["id"]), Source("B", B.assign(region=1), "weight", ["id"])]
    with pytest.raises(InputError, match="'region': source 'A' has category, 'B' integer"):
        Synthesizer(mixed, SHARED, model=FAST).fit(0)


def test_errors_of_exact() -> None:
    bridges: dict[str, Any] = {"top": {"A": lambda t: t.wages > 10_000, "B": lambda t: t.dividends > 1e9}}
    with pytest.raises(InputError, match=r"top = True has no donor of dividends, stocks in B"):
        Synthesizer(sources(), SHARED, bridges, model=FAST, exact=["top"]).fit(0)
    with pytest.raises(InputError, match="'level' is no category"):
        Synthesizer(sources(), SHARED, {"level": {"A": "wages"}}, model=FAST, exact=["level"]).fit(0)
    bridges = {"a": {"A": lambda t: t.wages > 0}, "b": {"B": lambda t: t.dividends > 0}}
    with pytest.raises(InputError, match="'B' knows 'b' but not 'a'"):
        Synthesizer(sources(), SHARED, bridges, model=FAST, exact=["a", "b"]).fit(0)


@pytest.mark.parametrize("bad", [{"n": 0}, {"n": 1.5}, {"n": 5, "start": -1}, {"n": 5, "key": "x"}])
def test_errors_of_sample(bridged: Synthesis, bad: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="whole number"):
        bridged.sample(**bad)


def test_strata_forest_in_a_chain() -> None:
    chain = Chain(("dividends",), StrataForest(trees=5, by=("region",)))
    imputer = chain.fit(B, weights="weight", given=["age", "region"])
    drawn = imputer.sample(B[["age", "region"]], 0)
    for region, rows in B.groupby("region").groups.items():
        assert set(drawn.loc[rows, "dividends"]) <= set(B.loc[B["region"] == region, "dividends"])
