"""Scores against closed forms and brute force, weights against repeated rows, and what is refused."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats

from jaxsim import outcomes
from jaxsim.errors import InputError, JaxsimError
from jaxsim.impute import disclosure, household_scores, prdc, scores

REPEATS = np.array([1, 3, 0, 2, 5, 1, 4, 2, 0, 3])


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.fixture
def table(rng):
    """Ten records with ties and zeros, to be weighted by REPEATS."""
    return pd.DataFrame(
        {
            "age": rng.integers(20, 24, 10),
            "wages": rng.exponential(3e4, 10).round(),
            "rent": [0, 0, 5, 0, 9, 9, 0, 1, 2, 0],
        }
    )


def correlated(rng, n, r=0.8):
    x = rng.standard_normal(n)
    return pd.DataFrame({"x": x, "y": r * x + np.sqrt(1 - r**2) * rng.standard_normal(n)})


# --- CRPS and pinball ---


def crps_of_normal(y):
    """Gneiting and Raftery 2007, equation 21, for the standard normal."""
    return y * (2 * stats.norm.cdf(y) - 1) + 2 * stats.norm.pdf(y) - 1 / np.sqrt(np.pi)


def test_crps_equals_brute_force(rng):
    y, x, w = rng.normal(size=20), rng.normal(size=(20, 7)), rng.random(20)
    pairs = np.abs(x[:, :, None] - x[:, None, :]).sum((1, 2)) / (2 * 7 * 6)
    expected = np.abs(x - y[:, None]).mean(1) - pairs
    np.testing.assert_allclose(scores.crps_by_record(y, x), expected, atol=1e-14)
    assert scores.crps(y, x, w) == pytest.approx(np.average(expected, weights=w), rel=1e-12)


@pytest.mark.parametrize("m", [2, 5, 200])
def test_crps_is_fair_at_any_number_of_draws(rng, m):
    n = 400_000 // m
    y = rng.normal(size=n)
    by_record = scores.crps_by_record(y, rng.normal(size=(n, m))) - crps_of_normal(y)
    assert abs(by_record.mean()) < 4 * by_record.std() / np.sqrt(n)


def test_crps_is_the_same_in_blocks_and_unharmed_by_a_large_offset(rng, monkeypatch):
    y, x = rng.normal(size=50), rng.normal(size=(50, 4))
    whole = scores.crps_by_record(y, x)
    monkeypatch.setattr(scores, "BLOCK", 12)
    np.testing.assert_array_equal(scores.crps_by_record(y, x), whole)
    np.testing.assert_allclose(scores.crps_by_record(y + 1e9, x + 1e9), whole, atol=1e-6)  # eps * 1e9 is 2e-7


def test_crps_from_quantiles_is_twice_the_integral_of_pinball():
    levels, q = np.array([0.1, 0.25, 0.7, 0.95]), np.array([0.0, 0.0, 3.0, 10.0])
    for y in (-2.0, 0.0, 1.0, 3.0, 7.5, 12.0):

        def loss(t, y=y):
            over = y - np.interp(t, levels, q)
            return 2 * max(t * over, (t - 1) * over)

        edges = [0, *levels, *np.interp([y], q[1:], levels[1:]), 1]
        expected = sum(integrate.quad(loss, a, b)[0] for a, b in itertools.pairwise(sorted(edges)))
        assert scores.crps_from_quantiles([y], levels, [q]) == pytest.approx(expected, abs=1e-9)


def test_crps_from_a_fine_grid_is_that_of_the_distribution(rng):
    levels, y = np.arange(1, 2000) / 2000, rng.normal(size=200)
    q = np.tile(stats.norm.ppf(levels), (200, 1))
    w = rng.random(200)
    expected = np.average(crps_of_normal(y), weights=w)
    # the grid leaves out tails of 1/2000 on either side
    assert scores.crps_from_quantiles(y, levels, q, w) == pytest.approx(expected, abs=2e-4)
    assert scores.crps_from_quantiles(y, levels, q[:, ::-1], w) == pytest.approx(expected, abs=2e-4)  # put in order


def test_pinball(rng):
    y, levels = rng.normal(size=30), [0.1, 0.5, 0.9]
    q, w = rng.normal(size=(30, 3)), rng.random(30)
    found = scores.pinball(y, levels, q, w)
    assert list(found.index) == levels
    for j, level in enumerate(levels):
        each = [level * (a - b) if a >= b else (1 - level) * (b - a) for a, b in zip(y, q[:, j], strict=True)]
        assert found[level] == pytest.approx(np.average(each, weights=w))
    assert found[0.5] == pytest.approx(np.average(np.abs(y - q[:, 1]), weights=w) / 2)


# --- marginals ---


def test_wasserstein_of_a_shift_and_of_repeated_rows(rng, table):
    x = rng.normal(size=100)
    assert scores.wasserstein(x, x + 3, relative=True) == pytest.approx(3 / np.abs(x).mean())
    assert scores.wasserstein(rng.permutation(x), x) == 0
    a, b = table["wages"].to_numpy(), table["rent"].to_numpy()
    whole = scores.wasserstein(np.repeat(a, REPEATS), b)
    assert scores.wasserstein(a, b, REPEATS) == pytest.approx(whole)
    assert np.isnan(scores.wasserstein([0, 0], [1, 2], relative=True))


def test_zero_share_and_percentile_are_those_of_repeated_rows(table):
    x = table["rent"].to_numpy()
    rows = np.repeat(x, REPEATS)
    assert scores.zero_share(x, REPEATS) == pytest.approx((rows == 0).mean())
    for level in (0, 10, 50, 90, 99, 100):
        expected = np.percentile(rows, level, method="inverted_cdf")
        assert scores.percentile(x, REPEATS, level) == expected
    assert scores.percentile(np.arange(1, 101)) == 99
    assert scores.percentile([5, 1], [1, 0], 0) == 5  # rows without weight do not count


# --- correlations ---


def test_spearman_is_that_of_repeated_rows(table):
    found = scores.spearman(table, REPEATS)
    expected = table.loc[np.repeat(np.arange(10), REPEATS)].corr("spearman")
    pd.testing.assert_frame_equal(found, expected, atol=1e-12)
    block = scores.spearman(table, REPEATS, rows=["rent"], columns=["wages", "age"])
    pd.testing.assert_frame_equal(block, expected.loc[["rent"], ["wages", "age"]], atol=1e-12)


def test_spearman_of_a_constant_column_is_nan(table):
    found = scores.spearman(table.assign(one=0.1), REPEATS)
    assert found["one"].isna().all()
    assert found.loc["age", "wages"] == pytest.approx(scores.spearman(table, REPEATS).loc["age", "wages"])
    hidden = table.assign(one=np.where(REPEATS == 0, 1, 0))  # it varies only where there is no weight
    assert scores.spearman(hidden, REPEATS)["one"].isna().all()


def test_spearman_error(table, rng):
    other = table.assign(wages=rng.permutation(table["wages"]))
    w = rng.random(10)
    gaps = (scores.spearman(table, REPEATS) - scores.spearman(other, w)).abs()
    pairs = {p: gaps.loc[p] for p in itertools.combinations(table.columns, 2)}
    found = scores.spearman_error(table, other, REPEATS, w)
    assert found["mean"] == pytest.approx(np.mean(list(pairs.values())))
    assert found["max"] == pytest.approx(max(pairs.values()))
    assert found["pair"] == max(pairs, key=pairs.get)
    block = scores.spearman_error(table, other, REPEATS, w, rows=["wages"], columns=["age", "wages"])
    assert block["mean"] == block["max"] == pytest.approx(gaps.loc["wages", "age"])
    assert scores.spearman_error(table, table)["max"] == 0


def test_spearman_error_does_not_forgive_a_column_of_zeros(table):
    zeros = table.assign(wages=0)
    found = scores.spearman_error(table, zeros, rows=["wages"], columns=["age"])
    assert found["mean"] == pytest.approx(abs(scores.spearman(table).loc["wages", "age"]))
    assert scores.spearman_error(zeros, zeros, rows=["wages"], columns=["age"])["pair"] is None


# --- whole tables ---


def test_two_sample_of_the_same_distribution_and_of_disjoint_ones(rng):
    a, b = correlated(rng, 1500), correlated(rng, 1000)
    same = scores.two_sample(a, b, folds=3)
    assert abs(same["auc"] - 0.5) < 0.05  # three standard errors, sqrt((1 / 1000 + 1 / 1500) / 12) = 0.012 each
    assert same["standard error"] < 0.03
    disjoint = scores.two_sample(a, b + 100, folds=3)
    assert disjoint["auc"] > 0.999
    assert disjoint["accuracy"] > 0.99  # trees bin values: an unseen extreme one may fall in the other side's bin
    # the marginals are the same, the correlation is not
    shuffled = b.assign(x=rng.permutation(b["x"]))
    told = scores.two_sample(a, shuffled, folds=3)
    assert told["auc"] > 0.7
    assert 0.6 < told["accuracy"] < told["auc"]
    assert told == scores.two_sample(a, shuffled, folds=3)


def test_two_sample_takes_weights(rng):
    """Half of the rows of one side are elsewhere; without weight they count for nothing.

    The standard error of an area of 500 against 1,000 rows is sqrt((1 / 500 + 1 / 1000) / 12) = 0.016.
    """
    a, b = correlated(rng, 1000), correlated(rng, 1000)
    b.loc[500:] += 50
    assert scores.two_sample(a, b, folds=3)["auc"] > 0.7
    w = np.where(np.arange(1000) < 500, 7.0, 0.0)
    found = scores.two_sample(a, b, None, w, folds=3)
    assert abs(found["auc"] - 0.5) < 0.07
    assert abs(found["accuracy"] - 0.5) < 0.07


def test_two_sample_keeps_groups_in_one_fold(rng):
    """Persons of a household share an amount that no other has: rows of a known household would give the side away."""

    def side():
        return pd.DataFrame({"rent": np.repeat(rng.random(150), 8)})

    a, b, ids = side(), side(), np.repeat(np.arange(150), 8)
    assert scores.two_sample(a, b, folds=3)["auc"] > 0.7
    groups = [f"a{i}" for i in ids], [f"b{i}" for i in ids]
    assert scores.two_sample(a, b, folds=3, groups_a=groups[0], groups_b=groups[1])["auc"] < 0.62
    codes, sides = scores._groups(*groups, len(a), len(b))
    fold = scores._folds(codes, sides, 3, 0)
    assert len(set(zip(codes, fold, strict=True))) == 300
    assert sorted(np.bincount(fold)) == [800, 800, 800]


def test_two_sample_of_imputed_rows_with_their_records(rng):
    """Twins share predictors: kept in one fold they do not point the trees the wrong way."""
    a = pd.DataFrame(rng.random((400, 3)))
    b = a.copy()
    apart = scores.two_sample(a, b, folds=3)["auc"]
    together = scores.two_sample(a, b, folds=3, groups_a=a.index, groups_b=b.index)["auc"]
    assert apart < 0.45
    assert together == pytest.approx(0.5)


def test_prdc_of_equal_sets_is_1_ties_or_not(rng):
    plain, ties = correlated(rng, 300), pd.DataFrame(rng.integers(0, 3, (300, 2)), columns=["x", "y"])
    for real in (plain, ties, plain.assign(one=1)):
        found = prdc.prdc(real, real.sample(frac=1, random_state=1))
        assert found == {name: pytest.approx(1) for name in ("precision", "recall", "density", "coverage")}


def test_prdc_is_that_of_the_paper(rng, monkeypatch):
    real, synthetic, k = correlated(rng, 60), correlated(rng, 45, 0.2), 4
    x, y = prdc._standard_ranks(real.to_numpy(), synthetic.to_numpy())
    d_xx, d_yy, d_xy = (np.linalg.norm(a[:, None] - b, axis=2) for a, b in ((x, x), (y, y), (x, y)))
    r_x, r_y = np.sort(d_xx, axis=1)[:, k], np.sort(d_yy, axis=1)[:, k]
    inside = d_xy < r_x[:, None]
    expected = {
        "precision": inside.any(0).mean(), "recall": (d_xy < r_y).any(1).mean(),
        "density": (inside.T / (d_xx < r_x[:, None]).sum(1)).sum(1).mean(), "coverage": (d_xy.min(1) < r_x).mean(),
    }  # fmt: skip
    monkeypatch.setattr(prdc, "BLOCK", 100)
    found = prdc.prdc(real, synthetic, k)
    assert found == pytest.approx(expected)
    # the paper divides by k: ranks lie on a lattice, where a few distances are equal by chance
    assert found["density"] == pytest.approx(inside.sum(0).mean() / k, rel=0.02)


def test_prdc_tells_fidelity_from_diversity(rng):
    real = correlated(rng, 400)
    narrow = real[(real["x"].abs() < 0.3) & (real["y"].abs() < 0.3)]
    found = prdc.prdc(real, narrow)
    assert found["precision"] == 1
    assert found["recall"] < 0.3
    assert found["coverage"] < 0.3
    wide = pd.DataFrame(rng.uniform(-4, 4, (400, 2)), columns=["x", "y"])
    assert prdc.prdc(real, wide)["precision"] < 0.7
    assert prdc.prdc(real, wide, most=100) == prdc.prdc(real, wide, most=100)


# --- households ---


@pytest.fixture
def persons():
    return pd.DataFrame(
        {
            "home": ["b", "a", "b", "c", "d", "d", "e", "e", "e", "e", "e", "e"],
            "who": [2, 1, 1, 1, 1, 2, 1, 2, 3, 3, 3, 3],
            "wages": [10, 0, 30, 50, 20, 15, 80, 40, 5, 0, 0, 0],
        }
    )


def test_household_statistics_by_hand(persons):
    w = persons["home"].map({"a": 2, "b": 1, "c": 3, "d": 2, "e": 4}).to_numpy()
    found = household_scores.household_statistics(persons, "home", ["wages"], w, relation="who", of=(1, 2))
    home, wages = found["household"], found["wages"]
    weights, totals = np.array([2, 1, 3, 2, 4]), np.array([0, 40, 50, 35, 125])
    assert home["mean size"] == pytest.approx((2 * 1 + 1 * 2 + 3 * 1 + 2 * 2 + 4 * 6) / 12)
    assert [home[f"size {s}"] for s in (1, 2, 3, 4, "5+")] == pytest.approx([5 / 12, 3 / 12, 0, 0, 4 / 12])
    assert wages["mean total"] == pytest.approx(np.average(totals, weights=weights))
    assert (wages["p50 total"], wages["p99 total"]) == (50, 125)
    assert wages["zero total"] == pytest.approx(2 / 12)
    assert wages["Gini of totals"] == pytest.approx(float(outcomes.gini(totals * 1.0, weights * 1.0)), abs=1e-6)
    pairs = pd.DataFrame({"x": [30, 20, 80], "y": [10, 15, 40]})  # of b, d, e
    assert wages["spearman of pair"] == pytest.approx(scores.spearman(pairs, [1, 2, 4]).loc["x", "y"])
    assert wages["spearman of the two highest"] == pytest.approx(wages["spearman of pair"])


def test_household_statistics_do_not_depend_on_the_order_of_rows(persons):
    args = ("home", ["wages"])
    first = household_scores.household_statistics(persons, *args)
    second = household_scores.household_statistics(persons.iloc[::-1].reset_index(drop=True), *args)
    pd.testing.assert_series_equal(first, second)


def test_household_errors_see_independent_persons(rng):
    n = 2000
    both = correlated(rng, n)
    real = pd.DataFrame({"home": np.tile(np.arange(n), 2), "wages": np.r_[both["x"], both["y"]]})
    synthetic = real.assign(wages=rng.permutation(real["wages"]))
    found = household_scores.household_errors(real, synthetic, "home", "wages")
    assert list(found.columns) == ["real", "synthetic", "difference"]
    assert found.loc[("household", "mean size"), "difference"] == 0
    assert found.loc[("wages", "spearman of the two highest"), "difference"] < -0.2
    assert found.loc[("wages", "p99 total"), "difference"] < -0.3
    np.testing.assert_allclose(found["synthetic"] - found["real"], found["difference"])


def test_household_statistics_without_pairs_or_money_are_nan():
    alone = pd.DataFrame({"home": [1, 2], "wages": [0, 0]})
    found = household_scores.household_statistics(alone, "home", "wages")["wages"]
    assert found[["Gini of totals", "spearman of the two highest"]].isna().all()


# --- disclosure ---


def test_nearest_donor_distance_of_copies_and_of_a_shift(rng):
    donors = correlated(rng, 200)
    copies = disclosure.nearest_donor_distance(donors.sample(50, random_state=0), donors)
    assert (copies["synthetic"] == 0).all()
    assert (copies["donors"] > 0).all()
    w = rng.random(200)
    new = correlated(rng, 40)
    found = disclosure.nearest_donor_distance(new, donors, donor_weights=w, levels=(25, 50))
    spread = np.sqrt(np.cov(donors.T, aweights=w, ddof=0).diagonal())
    x, y = new.to_numpy() / spread, donors.to_numpy() / spread
    nearest = np.linalg.norm(x[:, None] - y, axis=2).min(1)
    own = np.linalg.norm(y[:, None] - y, axis=2) + np.diag(np.full(200, np.inf))
    assert found.loc[50, "synthetic"] == pytest.approx(np.percentile(nearest, 50, method="inverted_cdf"))
    assert found.loc[25, "donors"] == pytest.approx(scores.percentile(own.min(1), w, 25))
    np.testing.assert_allclose(found["ratio"], found["synthetic"] / found["donors"])
    some = disclosure.nearest_donor_distance(new, donors, donor_weights=w, levels=(25, 50), most=20)
    np.testing.assert_allclose(some["synthetic"], found["synthetic"], rtol=0.5)


def test_twins_among_donors_are_at_distance_0():
    donors = pd.DataFrame({"x": [0, 0, 1, 1, 5], "one": 1})
    found = disclosure.nearest_donor_distance(donors, donors, levels=(50, 100))
    assert found["donors"].tolist()[0] == 0
    assert np.isnan(found["ratio"].iloc[0])
    assert disclosure.share_of_twins(donors) == pytest.approx(4 / 5)
    assert disclosure.share_of_twins(donors, weights=[1, 1, 1, 1, 4]) == pytest.approx(0.5)


def test_share_of_copies():
    donors = pd.DataFrame({"x": [0.0, 1.0, 2.5], "y": [1, 2, 3]})
    synthetic = pd.DataFrame({"x": [-0.0, 1.0, 2.5, 2.5], "y": [1, 3, 3, 3]})
    assert disclosure.share_of_copies(synthetic, donors) == 0.75
    assert disclosure.share_of_copies(synthetic, donors, weights=[1, 4, 0, 3]) == 0.5
    assert disclosure.share_of_copies(synthetic, donors, columns=["x"]) == 1


# --- summary ---


def test_summary_puts_the_scores_together(rng):
    n, w = 200, rng.random(200)
    truth = pd.DataFrame({"age": rng.integers(20, 60, n), "wages": rng.exponential(1, n), "rent": rng.random(n) - 0.5})
    draws = [
        pd.DataFrame({"rent": np.maximum(rng.random(n) - 0.5, 0), "wages": rng.permutation(truth["wages"])})
        for _ in range(3)
    ]
    found = scores.summary(truth, draws, w, given=["age"])
    assert list(found.index) == ["wages", "rent"]
    assert found.index.name == "variable"
    rent = found.loc["rent"]
    each = [scores.wasserstein(truth["rent"], d["rent"], w, w) for d in draws]
    assert rent["wasserstein"] == pytest.approx(np.mean(each))
    assert rent["relative wasserstein"] == pytest.approx(np.mean(each) / np.average(truth["rent"].abs(), weights=w))
    assert rent["crps"] == pytest.approx(scores.crps(truth["rent"], np.column_stack([d["rent"] for d in draws]), w))
    assert rent["zero share truth"] == 0
    assert rent["zero share imputed"] == pytest.approx(np.mean([scores.zero_share(d["rent"], w) for d in draws]))
    assert found.loc["wages", "p99 truth"] == scores.percentile(truth["wages"], w)
    errors = [scores.spearman_error(truth, d.join(truth["age"]), w, w, ["rent"], ["age"])["mean"] for d in draws]
    assert rent["spearman error"] == pytest.approx(np.mean(errors))
    array = np.stack([d[["wages", "rent"]] for d in draws])
    pd.testing.assert_frame_equal(scores.summary(truth, array, w, given="age"), found)
    single = scores.summary(truth[["rent"]], draws[:1], w)
    assert np.isnan(single.loc["rent", "crps"])
    assert "spearman error" not in single


# --- what is refused ---

X = pd.DataFrame({"wages": [1.0, 2, 3], "state": ["a", "b", "c"], "hole": [1, np.nan, 2]})
ONE = X[["wages"]]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: scores.crps([1, 2], [[1], [2]]), "2 draws"),
        (lambda: scores.crps([1, 2], [[1, 2]]), r"draws: shape \(1, 2\), expected \(2, any\)"),
        (lambda: scores.crps([1, np.nan], np.ones((2, 2))), "truth: missing or infinite in 1 rows, first 1"),
        (lambda: scores.crps([1, 2], np.ones((2, 2)), [1]), "weights: 1 of them for 2 rows"),
        (lambda: scores.zero_share([1, 2], [1, -1]), "weights: negative in 1 rows, first 1"),
        (lambda: scores.zero_share([1, 2], [0, 0]), "all are 0"),
        (lambda: scores.zero_share([1, 2], [1, np.inf]), "weights: missing or infinite"),
        (lambda: scores.zero_share([]), "no rows"),
        (lambda: scores.zero_share(["1", "2"]), "give numbers"),
        (lambda: scores.zero_share([[1, 2]]), "one number a record"),
        (lambda: scores.percentile([1], level=101), "0 to 100"),
        (lambda: scores.pinball([1], [0.5, 0.5], [[1, 2]]), "increasing numbers between 0 and 1"),
        (lambda: scores.pinball([1], [0.5], [[1, 2]]), r"quantiles: shape \(1, 2\), expected \(1, 1\)"),
        (lambda: scores.crps_from_quantiles([1], [0.5, 1], [[1, 2]]), "both excluded"),
        (lambda: scores.wasserstein([1], [2, 3], None, [1]), "weights_b: 1 of them for 2 rows"),
        (lambda: scores.spearman(X, rows=["wage"]), "no column 'wage'. Nearest: wages"),
        (lambda: scores.spearman(X), "table, column state: give numbers"),
        (lambda: scores.spearman(X[["hole"]]), "column hole: missing or infinite in 1 rows, first 1"),
        (lambda: scores.spearman_error(ONE, ONE.rename(columns={"wages": "pay"})), "b: there is no column 'wages'"),
        (lambda: scores.two_sample(ONE, ONE, folds=5), "too few rows"),
        (lambda: scores.two_sample(ONE, ONE, folds=1), "whole number"),
        (lambda: scores.two_sample(ONE, ONE, groups_a=[1, 2, 3]), "both or neither"),
        (lambda: scores.two_sample(ONE, ONE, groups_a=[1, 2], groups_b=[1, 2, 3]), "groups_a: shape"),
        (lambda: scores.two_sample(ONE, ONE, groups_a=[1, 2, None], groups_b=[1, 2, 3]), "groups_a: missing"),
        (lambda: prdc.prdc(ONE, ONE), "need 6 rows"),
        (lambda: household_scores.household_statistics(X, "hole", ["wages"]), "hole is missing in 1 rows"),
        (lambda: household_scores.household_statistics(X, "state", ["wages"], relation="state"), "give both"),
        (lambda: scores.summary(ONE, ONE), "give a list of tables"),
        (lambda: scores.summary(ONE, []), "there are none"),
        (lambda: scores.summary(ONE, [ONE[:2]]), "table 0: 2 rows"),
        (lambda: scores.summary(ONE, np.ones((3, 1))), r"expected \(draws, 3, 1\)"),
        (lambda: scores.summary(ONE, [ONE], given=["wages"]), "none is left"),
        (lambda: disclosure.nearest_donor_distance(ONE, ONE[:1]), "two rows or more"),
        (lambda: disclosure.nearest_donor_distance(ONE, ONE, levels=(-1,)), "percent"),
        (lambda: disclosure.share_of_copies(X[["hole"]], ONE), "synthetic: there is no column"),
    ],
)
def test_refusals(call, words):
    with pytest.raises(JaxsimError, match=words) as error:
        call()
    assert isinstance(error.value, InputError) or "whole number" in words
