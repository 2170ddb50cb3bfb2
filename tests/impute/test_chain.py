"""Chains: steps, blocks, predictors of a step, missing targets, mixed models."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from jaxsim.errors import InputError, JaxsimError
from jaxsim.impute import Chain, Forest, HotDeck, LeastSquares, ZeroInflated
from tests.impute.donors import GIVEN, mixed

pytestmark = pytest.mark.usefixtures("quick_programs")


def triple(rows: int = 1_500) -> pd.DataFrame:
    """b follows a, and c follows b alone."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=rows)
    a = x + rng.normal(size=rows)
    b = 2 * a + rng.normal(size=rows)
    return pd.DataFrame({"x": x, "a": a, "b": b, "c": b + 0.5 * rng.normal(size=rows)})


@pytest.fixture(scope="module")
def linear() -> Any:
    return Chain(("a", "b", "c"), LeastSquares()).fit(triple(), given=["x"])


def test_the_joint_distribution_is_learnt(linear: Any) -> None:
    """20,000 draws from 1,500 donors: correlations within 0.03, three standard errors of the donors'."""
    donors = triple()
    drawn = linear.sample(pd.DataFrame({"x": np.random.default_rng(1).normal(size=20_000)}))
    assert drawn.columns.tolist() == ["a", "b", "c"]
    np.testing.assert_allclose(drawn.corr(), donors[["a", "b", "c"]].corr(), atol=0.03)


def test_density_is_the_sum_of_the_steps(linear: Any) -> None:
    donors = triple()
    steps = [
        LeastSquares().fit(donors, name, given=given).log_prob(donors)
        for name, given in (("a", ["x"]), ("b", ["x", "a"]), ("c", ["x", "a", "b"]))
    ]
    np.testing.assert_allclose(linear.log_prob(donors), sum(steps), rtol=1e-9)
    pd.testing.assert_series_equal(linear.log_prob(donors[["x"]], donors[["c", "a", "b"]]), linear.log_prob(donors))
    with pytest.raises(JaxsimError, match="no quantiles in closed form"):
        linear.quantiles(donors, [0.5])


def test_models_of_one_variable_are_chained(linear: Any) -> None:
    fitted = ZeroInflated(LeastSquares(), Forest(trees=2)).fit(triple(), ["a", "b"], given=["x"])
    assert fitted.targets.names == ["a", "b"]
    assert isinstance(fitted.model, Chain)
    assert np.corrcoef(*fitted.sample(triple()).to_numpy().T)[0, 1] > 0.5


def test_predictors_of_a_step() -> None:
    """c given b alone is the same model as one fitted to b alone, and does not see x."""
    donors = triple()
    chain = Chain(("a", "b", "c"), LeastSquares(), given={"c": ["b"], "a": "x"}).fit(donors, given=["x"])
    alone: Any = LeastSquares().fit(donors, "c", given=["b"]).conditional
    step: Any = chain.conditional.steps[2]  # type: ignore[attr-defined]
    np.testing.assert_array_equal(step.slope, alone.slope)
    assert chain.conditional.picks == ((0,), (0, 1), (2,))  # type: ignore[attr-defined]


def test_blocks_come_from_one_donor() -> None:
    table = mixed()
    chain = Chain((("interest", "tenure"), "gains", ("renter", "children")), Forest(trees=3), {"gains": HotDeck(5)})
    fitted = chain.fit(table, weights="weight", given=GIVEN)
    assert not fitted.conditional.traceable  # a hot deck in it runs outside JAX
    drawn = fitted.sample(mixed(200, seed=3))
    assert drawn.columns.tolist() == chain.names == ["interest", "tenure", "gains", "renter", "children"]
    for block in (["interest", "tenure"], ["renter", "children"]):
        known = set(table[block].itertuples(index=False, name=None))
        assert set(drawn[block].itertuples(index=False, name=None)) <= known
    assert drawn.gains.isin(table.gains).all()
    assert drawn.tenure.dtype == "category"
    assert drawn.renter.dtype == bool


def test_steps_learn_from_the_donors_that_have_them() -> None:
    donors = triple().assign(b=lambda t: t.b.where(t.index % 2 == 0))
    fitted = Chain(("a", "b", "c"), LeastSquares()).fit(donors, given=["x"])
    half = LeastSquares().fit(donors[donors.index % 2 == 0], "b", given=["x", "a"])
    step: Any = fitted.conditional.steps[1]  # type: ignore[attr-defined]
    np.testing.assert_array_equal(step.slope, half.conditional.slope)  # type: ignore[attr-defined]
    assert np.isfinite(fitted.sample(donors[["x"]])).all(axis=None)


def test_a_predictor_may_be_missing_where_every_step_saw_it_so() -> None:
    """The donors of interest all have wages: its step knows no gap there."""
    donors = mixed().assign(interest=lambda t: t.interest.where(t.wages.notna()))
    both = Chain(("gains", "interest"), Forest(trees=2)).fit(donors, given=["wages"])
    with pytest.raises(InputError, match=r"'wages': missing values, which no donor had in rows? "):
        both.sample(mixed(50))
    only = Chain(("gains", "interest"), Forest(trees=2), given={"interest": ["gains"]}).fit(donors, given=["wages"])
    assert len(only.sample(mixed(50))) == 50


def test_targets_beside_the_table() -> None:
    donors = triple()
    inside = Chain(("a", "b"), LeastSquares()).fit(donors, given=["x"])
    beside = Chain(("a", "b"), LeastSquares()).fit(donors[["x"]], donors[["b", "a"]])
    pd.testing.assert_frame_equal(inside.sample(donors), beside.sample(donors))


def test_one_step_has_quantiles() -> None:
    donors = triple()
    chain = Chain(("a",), LeastSquares()).fit(donors, given=["x"])
    alone = LeastSquares().fit(donors, "a", given=["x"])
    pd.testing.assert_frame_equal(chain.quantiles(donors, [0.3]), alone.quantiles(donors, [0.3]))
