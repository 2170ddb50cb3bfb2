"""Uniforms: by key, name and id alone; what is independent stays so, and no order or batch shows."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pandas as pd
import pytest
from scipy import stats

import jaxsim as js
from jaxsim.impute import Chain, Forest, HotDeck, LeastSquares, base
from jaxsim.impute.uniforms import as_key, for_name, split_ids, uniforms
from tests.impute.donors import GIVEN, classifier, independent, mixed, spline

pytestmark = pytest.mark.usefixtures("quick_programs")

ROWS = 20_000


def test_uniform_and_uncorrelated() -> None:
    ids = split_ids(np.arange(ROWS, dtype=np.uint64))
    found = np.asarray(uniforms(as_key(3), ids, 2))
    other = np.asarray(uniforms(for_name(as_key(3), "b"), ids, 1))
    every = np.concatenate([found, other], axis=1)
    assert ((every > 0) & (every < 1)).all()
    for column in every.T:  # a false alarm of one in a thousand, and the key is fixed
        assert stats.kstest(column, "uniform").pvalue > 1e-3
    correlation = np.corrcoef(np.concatenate([every, every[:, :1] * 0 + np.arange(ROWS)[:, None]], axis=1).T)
    assert np.abs(correlation - np.eye(4)).max() < 0.02  # standard error 0.007
    assert abs(np.corrcoef(every[1:, 0], every[:-1, 0])[0, 1]) < 0.02


def test_high_halves_of_ids_count() -> None:
    ids = np.array([7, 7 + 2**32, 7 + 2**63, 7 * 2**32], dtype=np.uint64)
    assert len(np.unique(np.asarray(uniforms(as_key(0), split_ids(ids), 1)))) == 4
    assert split_ids(ids)[1].tolist() == [7, 1]


def test_both_precisions_draw_the_same_numbers() -> None:
    ids = split_ids(np.arange(5_000, dtype=np.uint64))
    with js.precision("float64"):
        wide = np.asarray(uniforms(as_key(1), ids, 1))
        narrow = np.asarray(uniforms(as_key(1), ids, 1, np.float32))
    with js.precision("float32"):
        default = np.asarray(uniforms(as_key(1), ids, 1))
    assert (wide.dtype, narrow.dtype, default.dtype) == (np.float64, np.float32, np.float32)
    np.testing.assert_array_equal(narrow, default)
    np.testing.assert_allclose(narrow, wide, rtol=0, atol=2.0**-24)  # half the gap of float32 below 1


def test_float32_never_reaches_the_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    ends = np.array([0, 2**32 - 1], dtype=np.uint32)
    monkeypatch.setattr(jax.random, "bits", lambda *_: jax.numpy.asarray(ends))
    found = np.asarray(uniforms(as_key(0), np.zeros((1, 2), np.uint32), 2, np.float32))
    assert 0 < found.min() < found.max() < 1


def test_keys() -> None:
    raw = jax.random.key_data(as_key(5))
    ids = split_ids(np.arange(4, dtype=np.uint64))
    for same in (as_key(5), jax.random.key(5, impl="threefry2x32"), raw, np.asarray(raw), np.int64(5)):
        np.testing.assert_array_equal(uniforms(as_key(same), ids, 1), uniforms(as_key(5), ids, 1))
    assert (np.asarray(uniforms(as_key(5), ids, 1)) != np.asarray(uniforms(as_key(6), ids, 1))).all()


@pytest.mark.parametrize("model", [Forest(trees=10), HotDeck(), LeastSquares()], ids=str)
def test_independent_variables_stay_so_in_separate_fits_with_one_key(model: Any) -> None:
    donors = independent()
    receivers = pd.DataFrame({"x": np.random.default_rng(3).normal(size=ROWS)})
    drawn = [model.fit(donors, name, given=["x"], key=1).sample(receivers, key=1)[name] for name in ("a", "b")]
    assert abs(np.corrcoef(*drawn)[0, 1]) < 0.02  # standard error 0.007


def test_independent_variables_stay_so_in_a_chain() -> None:
    receivers = pd.DataFrame({"x": np.random.default_rng(3).normal(size=ROWS)})
    chain = Chain(("a", "b"), Forest(trees=10), models={"b": LeastSquares()}, given={"b": ["x"]})
    drawn = chain.fit(independent(), given=["x"]).sample(receivers, key=1)
    assert abs(np.corrcoef(drawn.a, drawn.b)[0, 1]) < 0.02


MODELS: dict[str, Any] = {
    "forest": lambda: Forest(trees=5).fit(mixed(), ["interest", "tenure"], "weight", given=GIVEN),
    "hot deck": lambda: HotDeck().fit(mixed(), ["interest", "renter"], "weight", given=GIVEN),
    "chain": lambda: Chain(
        (("interest", "renter"), "gains"), Forest(trees=3), models={"gains": Forest(trees=2, ordered=True)}
    ).fit(mixed(), given=GIVEN),
    "spline": spline,
    "classifier": classifier,
}


@pytest.mark.parametrize("name", MODELS)
def test_order_batches_and_company_do_not_matter(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fitted = MODELS[name]()
    receivers = mixed(150, seed=9).assign(x=np.linspace(-1, 1, 150))
    whole = fitted.sample(receivers, key=4)
    assert whole.index.equals(receivers.index)
    shuffled = receivers.sample(frac=1, random_state=0)
    few = receivers.iloc[[140, 3, 77]]
    texts = receivers.set_axis([f"record {i}" for i in receivers.index])
    by_column = fitted.sample(receivers.assign(id=receivers.index).set_axis(texts.index), key=4, ids="id")

    def same(left: pd.DataFrame, right: pd.DataFrame) -> None:  # matrix products round by shape: not bit for bit
        pd.testing.assert_frame_equal(left, right, rtol=1e-9, atol=1e-9)

    same(fitted.sample(shuffled, key=4).loc[whole.index], whole)
    same(fitted.sample(few, key=4), whole.loc[few.index])
    same(by_column.set_axis(whole.index), whole)
    reverse = fitted.sample(texts.iloc[::-1], key=4)
    assert not reverse.iloc[::-1].set_axis(whole.index).equals(whole)
    same(fitted.sample(texts.iloc[5:9], key=4), reverse.loc[texts.index[5:9]])
    monkeypatch.setattr(base, "BLOCK", 64)
    assert [size for _, size in base.blocks(150)] == [64, 64, 64]
    same(fitted.sample(receivers, key=4), whole)
