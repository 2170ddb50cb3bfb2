"""Forests: routing, draws and quantiles against brute force from scikit-learn's leaves."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestRegressor

import jaxsim as js
from jaxsim.impute import Forest, Imputer
from jaxsim.impute.trees import Donors, Trees
from jaxsim.impute.weighted import midranks, quantile
from tests.impute.donors import GIVEN, Grown, mixed, unit_grid

pytestmark = pytest.mark.usefixtures("quick_programs")


def features_by_hand(table: pd.DataFrame, donors: pd.DataFrame) -> np.ndarray:
    """Of the predictors GIVEN: one feature a level, a missing wage filled with the donors' median and marked."""
    known = donors.wages.notna()
    fill = quantile(donors.wages[known].to_numpy(), [0.5], donors.weight[known].to_numpy())[0]
    parts = [table.age, *(table.sex == s for s in "fm"), *(table.state == s for s in ("TX", "NY", "CA", "WY"))]
    parts += [table.wages.fillna(fill), table.wages.isna(), table.owner]
    return np.column_stack([np.asarray(p, dtype=np.float32) for p in parts])


@pytest.fixture(scope="module")
def receivers() -> pd.DataFrame:
    return mixed(40, seed=5)


class Brute:
    """A forest of jaxsim's, the scikit-learn forest it came from, and every receiver's chances of every donor."""

    def __init__(self, model: Forest, y: Any, receivers: pd.DataFrame):
        self.table = mixed()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("sklearn.ensemble.RandomForestRegressor", Grown)
            self.fitted = model.fit(self.table, y, "weight", key=2, given=GIVEN)
        self.forest = Grown.seen.pop()
        self.leaf = self.forest.apply(features_by_hand(receivers, self.table))
        of_donors = self.forest.apply(features_by_hand(self.table, self.table))
        weights = self.table.weight.to_numpy()
        per_tree = []
        for mine, theirs in zip(self.leaf.T, of_donors.T, strict=True):
            share = (mine[:, None] == theirs) * weights
            per_tree.append(share / share.sum(axis=1, keepdims=True))
        self.per_tree = np.asarray(per_tree)  # [trees, receivers, donors]
        self.chances = self.per_tree.mean(axis=0)

    def quantile(self, name: str, row: int, level: float) -> float:
        values = self.table[name].to_numpy()
        order = np.argsort(values, kind="stable")
        reached = np.cumsum(self.chances[row, order])
        return values[order][np.searchsorted(reached, level)]


@pytest.fixture(scope="module")
def brute(receivers: pd.DataFrame) -> Brute:
    return Brute(Forest(trees=7, least_leaf=5), "interest", receivers)


draw = eqx.filter_jit(lambda conditional, x, u: conditional.draw(x, u))
pick = eqx.filter_jit(lambda conditional, x, u: conditional.pick(x, u))


def at(fitted: Imputer, receivers: pd.DataFrame, u: np.ndarray) -> np.ndarray:
    with js.precision("float64"):
        return np.asarray(draw(fitted.conditional, jnp.asarray(fitted.matrix(receivers)), jnp.asarray(u)))


def test_routing_equals_scikit_learn() -> None:
    """Values equal to thresholds, beside them, and such as float32 rounds across them."""
    rng = np.random.default_rng(0)
    x = np.round(rng.normal(size=(400, 3)), 2)
    x[:, 1] *= 1e6 + 1 / 3
    forest = RandomForestRegressor(6, min_samples_leaf=3, random_state=1).fit(x, x[:, 0] + rng.normal(size=400))
    trees = Trees.flatten([e.tree_ for e in forest.estimators_])
    probes = [x, rng.normal(size=(200, 3)) * [1, 1e6, 1]]
    for tree in (e.tree_ for e in forest.estimators_):
        inner = tree.feature >= 0
        thresholds = tree.threshold[inner]
        for shift in (0, 1e-9, -1e-9, 6e-8, -6e-8, 1e-7, -1e-7):
            probe = rng.choice(x.ravel()[:400], (inner.sum(), 3)) * [1, 1e6, 1]
            probe[np.arange(len(probe)), tree.feature[inner]] = thresholds * (1 + shift)
            probes.append(probe)
    at_all = np.concatenate(probes)
    for dtype in ("float32", "float64"):
        with js.precision(dtype):
            for k in range(6):
                found = trees.leaves(jnp.asarray(at_all), jnp.full(len(at_all), k))
                np.testing.assert_array_equal(
                    np.asarray(found) - trees.root[k], forest.apply(at_all)[:, k], err_msg=dtype
                )


def test_routing_of_a_fitted_forest(brute: Brute, receivers: pd.DataFrame) -> None:
    conditional: Any = brute.fitted.conditional
    with js.precision("float64"):
        x = conditional.design(jnp.asarray(brute.fitted.matrix(receivers)))
        for k, root in enumerate(conditional.trees.root):
            found = np.asarray(conditional.trees.leaves(x, jnp.full(len(receivers), k))) - root
            np.testing.assert_array_equal(found, brute.leaf[:, k])


def test_draws_follow_the_weighted_leaf_distribution(brute: Brute, receivers: pd.DataFrame) -> None:
    """Every tree, and a grid of the second uniform: a donor's count differs from its chance by one point at most."""
    points, trees, rows = 1_000, len(brute.per_tree), [0, 13, 26]
    tree, row, u = np.meshgrid((np.arange(trees) + 0.3) / trees, rows, unit_grid(points), indexing="ij")
    both = np.column_stack([tree.ravel(), u.ravel()])
    with js.precision("float64"):
        x = jnp.asarray(brute.fitted.matrix(receivers)[row.ravel()])
        picked = np.asarray(pick(brute.fitted.conditional, x, jnp.asarray(both))).reshape(trees, len(rows), points)
    for k, at_row in enumerate(rows):
        for t in range(trees):
            count = np.bincount(picked[t, k], minlength=len(brute.table))
            chances = brute.per_tree[t, at_row]
            assert np.abs(count - points * chances).max() < 1 + 1e-3
            assert not count[chances == 0].any()


@pytest.fixture(scope="module")
def ordered(receivers: pd.DataFrame) -> Brute:
    return Brute(Forest(trees=7, least_leaf=5, ordered=True), "interest", receivers)


@pytest.mark.parametrize("in_order", [False, True])
def test_quantiles_equal_brute_force(receivers: pd.DataFrame, brute: Brute, ordered: Brute, in_order: bool) -> None:
    known = ordered if in_order else brute
    np.testing.assert_array_equal(known.chances, brute.chances)  # the trees are the same
    levels = [0.0123, 0.1234, 0.5011, 0.7531, 0.98765]
    found = known.fitted.quantiles(receivers, levels)
    assert list(found.columns) == levels
    for row in range(len(receivers)):
        for level in levels:
            assert found.iloc[row][level] == known.quantile("interest", row, level)


def test_ordered_draws_rise_and_have_the_same_distribution(receivers: pd.DataFrame, ordered: Brute) -> None:
    known, grid = ordered, unit_grid(1_500)
    values, place = np.unique(known.table.interest, return_inverse=True)
    for row in (0, 7, 31):
        drawn = at(known.fitted, pd.concat([receivers.iloc[[row]]] * len(grid)), grid[:, None])[:, 0]
        assert (np.diff(drawn) >= 0).all()
        share = np.bincount(np.searchsorted(values, drawn), minlength=len(values)) / len(grid)
        expected = np.bincount(place, known.chances[row], minlength=len(values))
        assert np.abs(share - expected).max() <= 1 / len(grid) + 2e-6  # shares are float32


def test_the_ends_stay_within_the_leaves() -> None:
    """The least uniform once drew the least of all donors, who may stand in none of the record's leaves."""
    table = mixed().assign(interest=lambda t: t.age * 1_000.0 + np.arange(len(t)))
    fitted = Forest(trees=3, least_leaf=5, ordered=True).fit(table, "interest", given=["age"], key=2)
    u = np.repeat([1e-10, 1e-7, 1 - 1e-10], 2)
    drawn = at(fitted, pd.DataFrame({"age": [88, 20] * 3}), u[:, None]).reshape(3, 2)
    assert (drawn[:, 0] > 60_000).all()
    assert (drawn[:, 1] < 50_000).all()


def test_several_targets_are_rows_of_donors(receivers: pd.DataFrame) -> None:
    names = ["interest", "tenure", "children", "renter"]
    drawn = Forest(trees=5, least_leaf=5).fit(mixed(), names, "weight", given=GIVEN).sample(receivers)
    donors = set(mixed()[names].itertuples(index=False, name=None))
    assert set(drawn.itertuples(index=False, name=None)) <= donors
    assert drawn.children.dtype == np.int64
    assert drawn.renter.dtype == bool
    assert drawn.tenure.dtype == "category"


def test_quantiles_of_several_targets_equal_brute_force(receivers: pd.DataFrame) -> None:
    known = Brute(Forest(trees=4, least_leaf=5), ["interest", "gains"], receivers)
    found = known.fitted.quantiles(receivers.iloc[:8], [0.2113, 0.8119])
    assert found.columns.tolist() == [(n, q) for n in ("interest", "gains") for q in (0.2113, 0.8119)]
    assert known.fitted.quantiles(receivers.iloc[:0], [0.5, 0.6]).shape == (0, 4)
    for name in ("interest", "gains"):
        for row in range(8):
            for level in (0.2113, 0.8119):
                assert found[name].iloc[row][level] == known.quantile(name, row, level)


def test_categories_are_drawn_in_their_shares(receivers: pd.DataFrame) -> None:
    known = Brute(Forest(trees=4, least_leaf=10), "tenure", receivers)
    rows = pd.concat([receivers.iloc[[2]]] * 20_000, ignore_index=True)
    share = known.fitted.sample(rows, key=1).tenure.value_counts(normalize=True)
    for level in ("own", "rent", "free"):
        expected = known.chances[2, known.table.tenure == level].sum()
        assert abs(share[level] - expected) < 4 * np.sqrt(0.25 / 20_000)


def test_donors_without_weight_are_never_drawn(receivers: pd.DataFrame) -> None:
    table = mixed()
    none = np.arange(len(table)) % 3 == 0
    table.loc[none, "weight"] = 0.0
    table.loc[none, "interest"] = -1.0
    fitted = Forest(trees=5, least_leaf=2).fit(table, "interest", "weight", given=GIVEN)
    many = pd.concat([receivers] * 100, ignore_index=True)
    assert (fitted.sample(many).interest >= 0).all()
    assert (fitted.quantiles(receivers, [1e-9, 0.5]) >= 0).all(axis=None)


def test_double_weight_is_a_row_twice() -> None:
    """Given the leaves, the draws at every uniform are of the same record."""
    rng = np.random.default_rng(0)
    leaf = rng.choice([1, 3, 4], (30, 2)) + np.array([0, 5])
    weights = rng.integers(1, 5, 30).astype(float)
    doubled = Donors.gather(leaf, 10, np.where(np.arange(30) == 11, 2 * weights, weights))
    twice = np.insert(np.arange(30), 11, 11)
    repeated = Donors.gather(leaf[twice], 10, weights[twice])
    nodes, u = (jnp.asarray(a.ravel()) for a in np.meshgrid(np.unique(leaf), unit_grid(997)))
    picked = np.asarray(pick(repeated, nodes, u))
    np.testing.assert_array_equal(pick(doubled, nodes, u), twice[picked])
    assert (np.diff(np.bincount(twice[picked], minlength=30)[[10, 11]]) != 0).all()
    values = np.sort(rng.normal(size=30))
    for donors, y in ((doubled, values), (repeated, values[twice])):
        by_value = donors.sorted_by(jnp.asarray(y))
        share = by_value.share_below(jnp.asarray(y)[by_value.row], jnp.asarray([1, 6]), jnp.asarray(values[[20, 14]]))
        total = np.where(np.arange(30) == 11, 2 * weights, weights)
        for found, node, tree, bound in zip(share, (1, 6), (0, 1), (20, 14), strict=True):
            inside = leaf[:, tree] == node
            assert float(found) == pytest.approx(total[inside & (np.arange(30) <= bound)].sum() / total[inside].sum())


def test_nothing_known_of_receivers() -> None:
    table = mixed()
    fitted = Forest(trees=3).fit(table, "interest", "weight", given=[])
    points = 3_000
    u = np.column_stack([unit_grid(points)[::-1], unit_grid(points)])
    with js.precision("float64"):
        conditional: Any = fitted.conditional
        count = np.bincount(conditional.pick(jnp.zeros((points, 0)), jnp.asarray(u)), minlength=len(table))
    expected = points * (table.weight / table.weight.sum()).to_numpy()
    assert np.abs(count - expected).max() < 1 + 1e-2
    blank = pd.DataFrame(index=range(4))
    assert len(fitted.sample(blank)) == 4
    median = quantile(table.interest.to_numpy(), [0.5], table.weight.to_numpy())[0]
    assert (fitted.quantiles(blank, [0.5]) == median).all(axis=None)


def test_the_fit_is_by_key_and_not_by_jobs(receivers: pd.DataFrame) -> None:
    one, same, other = (
        Forest(trees=4, jobs=jobs).fit(mixed(), "interest", key=key, given=GIVEN).sample(receivers)
        for jobs, key in ((None, 1), (2, 1), (None, 2))
    )
    pd.testing.assert_frame_equal(one, same)
    assert not one.equals(other)


def test_weighted_quantiles_and_ranks() -> None:
    values, weights = np.array([3.0, 1.0, 2.0]), np.array([1.0, 1.0, 2.0])
    assert quantile(values, [0.0, 0.25, 0.26, 0.75, 0.76, 1.0], weights).tolist() == [1, 1, 2, 2, 3, 3]
    np.testing.assert_allclose(midranks(values, weights), [0.875, 0.125, 0.5])
    tied = midranks(np.array([1.0, 1.0, np.nan, 5.0]), np.ones(4))
    np.testing.assert_allclose(tied, [1 / 3, 1 / 3, np.nan, 5 / 6])
