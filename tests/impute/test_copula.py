"""Stated correlations: they are reached, conditionals stay, and what cannot be is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from jaxsim.errors import InputError, JaxsimError
from jaxsim.impute import Chain, Forest, Imputer, LeastSquares, load
from jaxsim.impute.columns import Column, Columns
from jaxsim.impute.copula import Tied, bounds, tie, with_correlations
from jaxsim.impute.scores import spearman
from jaxsim.impute.synthesis import Source, Synthesis, Synthesizer
from jaxsim.precision import precision

N = 4_000
X = pd.DataFrame({"x": np.random.default_rng(5).normal(size=N)})


def chain(more: tuple[str, ...] = ()) -> Imputer:
    """a, b and c given x, else independent; d given x and a; amounts e and f and a group by forests."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=N)
    table = pd.DataFrame({name: x + rng.normal(size=N) for name in "abc"}).assign(x=x, f=x)
    table["d"] = table["a"] + rng.normal(size=N)
    table["e"] = np.exp(x) * (rng.random(N) < 0.5)
    table["group"] = np.where(x > 0, "u", "l")
    models = {"e": Forest(trees=3, ordered=True), "f": Forest(trees=2), "group": Forest(trees=2)}
    names = ("a", "b", "c", "d", *more)
    given = {name: ["x", "a"] if name == "d" else ["x"] for name in names}
    return Chain(names, LeastSquares(), {n: models[n] for n in more}, given).fit(table, given=["x"])


@pytest.fixture(scope="module")
def lines() -> Imputer:
    return chain()


@pytest.fixture(scope="module")
def mixed() -> Imputer:
    return chain(("e", "f", "group"))


@pytest.fixture(scope="module")
def synthesis() -> Synthesis:
    """Forests ordered: amounts with zeros from two sources."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=1_500)
    amounts = np.exp(x + rng.normal(size=1_500)) * (rng.random(1_500) < 0.7)
    parts = [Source("A", pd.DataFrame({"x": x, "a": amounts})), Source("B", pd.DataFrame({"x": x, "b": amounts[::-1]}))]
    ordered = Forest(trees=3, ordered=True)
    return Synthesizer(parts, ["x"], models={"a": ordered, "b": ordered}).fit(0)


def rank(table: pd.DataFrame, a: str, b: str) -> float:
    return float(spearman(table[[a, b]]).iloc[0, 1])


@pytest.mark.parametrize("value", [0.1, 0.4, 0.8])
def test_stated_correlation_is_drawn(lines: Imputer, value: float) -> None:
    tied = with_correlations(lines, {("a", "b"): value}, X, key=3)
    drawn = tied.sample(X, 7)
    assert rank(drawn, "a", "b") == pytest.approx(value, abs=0.04)  # noise: 2 / sqrt(4,000)
    assert abs(rank(drawn, "a", "c") - rank(lines.sample(X, 7), "a", "c")) < 0.04


def test_conditionals_stay(lines: Imputer) -> None:
    """Noise of both is still standard normal given x, and the first keeps its very draws."""
    tied = with_correlations(lines, {("a", "b"): 0.8}, X).sample(X, 1)
    bare = lines.sample(X, 1)
    pd.testing.assert_series_equal(tied["a"], bare["a"])
    mean = lines.conditional.steps[1].mean(jnp.asarray(X.to_numpy()))[:, 0]  # type: ignore[attr-defined]
    noise = tied["b"] - np.asarray(mean)
    assert abs(noise.mean()) < 0.05
    assert abs(noise.std() - 1) < 0.05
    assert abs(np.corrcoef(noise, X["x"])[0, 1]) < 0.05


def test_several_pairs(lines: Imputer) -> None:
    stated = {("a", "b"): 0.7, ("c", "b"): 0.6, ("a", "c"): 0.65}
    drawn = with_correlations(lines, stated, X).sample(X, 2)
    for pair, value in stated.items():
        assert rank(drawn, *pair) == pytest.approx(value, abs=0.04)


def test_pairs_below_a_tied_pair_see_it(lines: Imputer) -> None:
    """d depends on a: the pair d, c is calibrated with a and b tied as they will be."""
    stated = {("d", "c"): 0.5, ("a", "b"): 0.8}
    drawn = with_correlations(lines, stated, X).sample(X, 2)
    for pair, value in stated.items():
        assert rank(drawn, *pair) == pytest.approx(value, abs=0.04)


def test_forests_with_zeros(mixed: Imputer) -> None:
    drawn = with_correlations(mixed, {("e", "b"): 0.5}, X).sample(X, 2)
    assert rank(drawn, "e", "b") == pytest.approx(0.5, abs=0.04)
    assert (drawn["e"] == 0).mean() == pytest.approx(0.5, abs=0.04)


@pytest.mark.slow
def test_synthesis(synthesis: Synthesis, tmp_path: Path) -> None:
    bare = rank(synthesis.sample(5_000, 1), "a", "b")
    tied = with_correlations(synthesis, {("a", "b"): 0.6}, records=4_000)
    assert bare < 0.5
    drawn = tied.sample(5_000, 1)
    assert rank(drawn, "a", "b") == pytest.approx(0.6, abs=0.04)
    pd.testing.assert_frame_equal(drawn[100:200], tied.sample(100, 1, start=100))
    again = load(tied.save(tmp_path / "tied.npz"))
    pd.testing.assert_frame_equal(again.sample(100, 1), drawn[:100])
    table = again.pairs(1_000)
    assert table.loc[0, "stated"] == 0.6
    assert "stated" in tied.statement(1_000)
    assert np.isnan(synthesis.pairs(1_000).loc[0, "stated"])


def test_tied_is_pure(lines: Imputer) -> None:
    tied = with_correlations(lines, {("a", "b"): 0.5}, X).conditional
    assert isinstance(tied, Tied)
    assert tied.traceable
    with precision("float64"):
        u = jax.random.uniform(jax.random.key(0), (8, tied.uniforms))
        x = jnp.asarray(X.to_numpy()[:8])
        np.testing.assert_allclose(jax.jit(lambda x: tied.draw(x, u))(x), tied.draw(x, u), rtol=1e-6)
        slope = jax.grad(lambda x: tied.draw(x, u)[:, 1].sum())(x)
    assert np.isfinite(slope).all()
    with pytest.raises(JaxsimError, match="sample"):
        tied.quantiles(x, jnp.asarray([0.5]))
    with pytest.raises(JaxsimError, match="density"):
        tied.log_prob(x, x)


def test_ties_keep_uniforms_uniform() -> None:
    u = jax.random.uniform(jax.random.key(0), (20_000, 3))
    found = np.asarray(tie(u, (0, 2), jnp.asarray([[1.0, 0.0], [0.6, 0.8]])))
    np.testing.assert_allclose(found[:, 0], u[:, 0], atol=1e-5)
    np.testing.assert_array_equal(found[:, 1], u[:, 1])
    assert np.abs(np.sort(found[:, 2]) - np.linspace(0, 1, 20_000)).max() < 1.95 / np.sqrt(20_000)  # Kolmogorov, 0.1%
    truth = 6 / np.pi * np.arcsin(0.6 / 2)
    assert np.corrcoef(found[:, 0], found[:, 2])[0, 1] == pytest.approx(truth, abs=0.02)


@pytest.mark.parametrize(
    ("pairs", "words"),
    [
        (
            {("a", "b"): -0.3},
            r"cannot be reached given .* from -?0\.0\d+ to (0\.9|1\.0)\d+",
        ),
        ({("a", "b"): 1.5}, "from -1 to 1"),
        ({("a", "d"): 0.5}, "'d' and 'a': the first is drawn given the other"),
        ({("a", "a"): 0.5}, "with itself"),
        ({("a", "bb"): 0.5}, "'bb' is not drawn"),
        ({("a", "b"): 0.5, ("b", "a"): 0.5}, "stand twice"),
        ({("a", "f"): 0.5}, "'f' does not rise with one uniform: give it a step of its own"),
        ({("a", "group"): 0.5}, "is a category"),
        ({("a", "b"): 0.9, ("c", "b"): 0.9}, "contradict each other"),
        ({}, "give pairs"),
    ],
)
def test_errors(mixed: Imputer, pairs: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        with_correlations(mixed, pairs, X)


def test_more_errors(lines: Imputer, synthesis: Synthesis) -> None:
    with pytest.raises(InputError, match="give receivers with x"):
        with_correlations(lines, {("a", "b"): 0.5})
    tied = with_correlations(lines, {("a", "b"): 0.5}, X)
    with pytest.raises(InputError, match="stated already"):
        with_correlations(tied, {("a", "b"): 0.5}, X)
    table = pd.DataFrame({"x": X["x"], "a": X["x"], "b": X["x"] ** 2})
    block = Chain(("a", ("b", "x")), Forest(trees=2), {"a": LeastSquares()}).fit(table[:200], given=[])
    with pytest.raises(InputError, match="'x' is drawn together with other variables"):
        with_correlations(block, {("a", "x"): 0.5}, X)


class Falling(LeastSquares):
    """Draws that fall with their uniform."""

    def _learn(self, *args: Any) -> Any:
        found = super()._learn(*args)
        object.__setattr__(found, "lower", -found.lower)
        return found


def test_falling_draws_are_refused(lines: Imputer) -> None:
    table = X.assign(a=X["x"] ** 2, b=X["x"] ** 3)
    chain = Chain(("a", "b"), LeastSquares(), {"b": Falling()}, {"b": ["x"]}).fit(table, given=["x"])
    with pytest.raises(InputError, match="'b' falls as its uniform rises: take Forest"):
        with_correlations(chain, {("a", "b"): 0.5}, X)


def test_bounds_hold_and_are_sharp() -> None:
    """A normal with one common predictor: both ends are the correlations of matrices that are just not negative."""
    rng = np.random.default_rng(0)
    n = 20_000
    z = rng.normal(size=2 * n)
    x = np.where(np.arange(2 * n) < n, 0.8 * z + 0.6 * rng.normal(size=2 * n), np.nan)
    y = np.where(np.arange(2 * n) >= n, 0.5 * z + np.sqrt(0.75) * rng.normal(size=2 * n), np.nan)
    group = rng.integers(0, 2, 2 * n).astype(float)
    columns = Columns(
        (Column("z", "number"), Column("x", "number"), Column("y", "number"), Column("g", "category", (0, 1)))
    )
    found = bounds(
        np.column_stack([z, x, y, group]), columns, np.ones(2 * n), {("x", "y"): ["z", "g"], ("x", "g"): ["z"]}
    )
    a, b = (6 / np.pi * np.arcsin(r / 2) for r in (0.8, 0.5))
    width = np.sqrt((1 - a**2) * (1 - b**2))
    np.testing.assert_allclose(found["x", "y"], [a * b - width, a * b, a * b + width], atol=0.02)
    assert np.isnan(found["x", "g"]).all()
