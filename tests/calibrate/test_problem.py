"""Calibration problems: what they refuse, scales, parts of them; and targets that no weights can meet."""

import numpy as np
import pytest
import scipy.sparse as sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from jaxsim.calibrate import Problem, unattainable
from jaxsim.calibrate.attainable import reach
from jaxsim.errors import InputError

MATRIX = np.array([[1.0, 1.0, 0.0, 2.0], [0.0, 5.0, -3.0, 0.0], [1.0, 1.0, 1.0, 1.0]])
GIVEN = {
    "matrix": MATRIX, "values": np.array([30.0, 0.0, 40.0]), "base": np.array([10.0, 20.0, 0.0, 5.0]),
    "names": ("a", "b", "c"), "families": ("x", "x", "y"),
}  # fmt: skip


def make(**change):
    return Problem(**GIVEN | change)


# --- problems


def test_a_problem_holds_what_it_is_given():
    problem = make()
    np.testing.assert_array_equal(problem.matrix.toarray(), MATRIX)
    np.testing.assert_array_equal(problem.estimates(problem.base), [40.0, 100.0, 35.0])
    np.testing.assert_array_equal(problem.carriers, [3, 1, 3])  # the third household has no base weight
    np.testing.assert_array_equal(problem.tolerance, 0)
    assert repr(problem) == "<calibration problem: 3 targets by 4 households, 9 entries>"
    plain = Problem(MATRIX.tolist(), [1, 2, 3], [1, 1, 1, 1])
    assert plain.names == ("target 0", "target 1", "target 2")
    assert plain.families == ("all",) * 3


def test_scales_are_the_size_of_targets_or_of_what_the_base_gives_for_a_target_of_zero():
    np.testing.assert_array_equal(make().scale, [30.0, 100.0, 40.0])
    assert make(values=[-30, 0, 40]).scale[0] == 30
    mixed = make(base=[1.0, 1.0, 1.0, 1.0])  # 5 and -3: signs apart, so that they do not cancel
    assert mixed.scale[1] == 8
    empty = make(matrix=MATRIX * [[1], [0], [1]])
    assert empty.scale[1] == 1
    np.testing.assert_array_equal(make().errors(GIVEN["base"]), [1 / 3, 1, -5 / 40])
    np.testing.assert_array_equal(make(scale=[1, 2, 3]).errors(GIVEN["base"]), [10, 50, -5 / 3])


@pytest.mark.parametrize("kind", [sparse.csr_array, sparse.csc_array, sparse.coo_array, sparse.csr_matrix, np.array])
def test_any_matrix_will_do(kind):
    assert make(matrix=kind(MATRIX)).digest() == make().digest()


def test_entries_stated_in_parts_or_as_zero_are_put_in_order():
    data, rows, columns = [3.0, -2.0, 1.0, 4.0, -4.0], [0, 0, 0, 1, 1], [2, 2, 0, 1, 1]
    parts = sparse.csr_array((data, columns, [0, 3, 5]), shape=(2, 3))
    whole = sparse.coo_array(([1.0, 1.0], ([0, 0], [0, 2])), shape=(2, 3))
    made = [Problem(m, [1, 1], [1, 1, 1]) for m in (parts, whole)]
    assert made[0].digest() == made[1].digest()
    np.testing.assert_array_equal(made[0].carriers, [2, 0])
    np.testing.assert_array_equal(made[0].scale, 1)
    assert parts.nnz == 5  # the caller's own is as it was
    assert rows


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"matrix": "abc"}, "matrix must be numbers"),
        ({"matrix": None}, "matrix must be numbers"),
        ({"matrix": [["a", "b"]]}, "matrix must be numbers"),
        ({"matrix": np.zeros(3)}, r"a matrix of shape \(3,\): needs targets and households"),
        ({"matrix": np.zeros((0, 4))}, r"a matrix of shape \(0, 4\): needs targets"),
        ({"matrix": np.where(MATRIX == 5, np.nan, MATRIX)}, "the matrix row of 'b' holds a value that is not finite"),
        ({"matrix": np.where(MATRIX == 2, np.inf, MATRIX)}, "the matrix row of 'a' holds a value that is not finite"),
        ({"values": [1, 2]}, r"values of shape \(2,\) for 3 targets"),
        ({"values": [[1, 2, 3]]}, r"values of shape \(1, 3\) for 3 targets"),
        ({"values": [1, "many", 3]}, "values must be numbers, one for each of the 3 targets"),
        ({"values": [1, 2, np.nan]}, "values of 'c' is nan: give a finite number"),
        ({"values": [1, np.inf, np.nan]}, "values of 'b' is inf"),
        ({"base": [1, 1, 1]}, r"base weights of shape \(3,\) for 4 households$"),
        ({"base": np.ones(9)}, "for 4 households: weights are of households, whose members share one"),
        ({"base": [1, 1, np.nan, 1]}, "base weights of 'row 2' is nan"),
        ({"base": [1, 1, 1, -2.5]}, "base weight -2.5 of household 3 is negative"),
        ({"base": np.zeros(4)}, "base weights are all zero"),
        ({"names": ("a", "b")}, "2 names for 3 targets"),
        ({"names": ("a", "b"), "values": [1, 2, np.nan]}, "2 names for 3 targets"),
        ({"names": ("a", "b", "a")}, "two targets are named 'a': name each once"),
        ({"families": ("x",)}, "1 families for 3 targets"),
        ({"scale": [1, 0, 1]}, "scale of 'b' must be above 0"),
        ({"scale": [1, 1, np.inf]}, "scale of 'c' is inf"),
        ({"scale": [1, 1]}, r"scale of shape \(2,\) for 3 targets"),
        ({"tolerance": [0, 0, -0.1]}, "tolerance of 'c' is negative"),
        ({"tolerance": 0.1}, r"tolerance of shape \(\) for 3 targets"),
        ({"groups": np.zeros(9)}, "9 groups for 4 households: gates and weights are of households"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_problem_is_said(change, message):
    with pytest.raises(InputError, match=message):
        make(**change)


def test_groups_are_numbered():
    assert make(groups=["s", "b", "s", "z"]).groups.tolist() == [1, 0, 1, 2]
    assert make().groups is None


def test_some_targets():
    problem = make(scale=[1, 2, 3], tolerance=[0.1, 0.2, 0.3], groups=[0, 0, 1, 1], left_out={"d": "why"})
    for which in (np.array([True, False, True]), [0, 2]):
        kept = problem.keep(which)
        np.testing.assert_array_equal(kept.matrix.toarray(), MATRIX[[0, 2]])
        assert (kept.names, kept.families) == (("a", "c"), ("x", "y"))
        assert (kept.values.tolist(), kept.scale.tolist(), kept.tolerance.tolist()) == ([30, 40], [1, 3], [0.1, 0.3])
        assert kept.groups.tolist() == [0, 0, 1, 1]
        assert kept.left_out == {"d": "why"}
        np.testing.assert_array_equal(kept.base, problem.base)
    assert problem.keep([2, 0]).names == ("c", "a")


def test_without_families():
    assert make().without("x").names == ("c",)
    assert make().without(["y"]).names == ("a", "b")
    with pytest.raises(InputError, match="no family 'z': the families are x, y"):
        make().without({"x", "z"})


def test_other_values_keep_the_scales_and_other_weights_too():
    other = make().with_values([60, 7, 80])
    assert other.values.tolist() == [60, 7, 80]
    assert other.scale.tolist() == [30, 100, 40]
    with pytest.raises(InputError, match="values of 'a' is nan"):
        make().with_values([np.nan, 1, 1])
    other = make().with_base([1, 1, 1, 1])
    assert other.base.tolist() == [1, 1, 1, 1]
    assert other.scale.tolist() == [30, 100, 40]
    with pytest.raises(InputError, match="weights of persons"):
        make().with_base(np.ones(9))


def test_a_frame_tells_how_far_weights_are_from_targets():
    frame = make().frame(np.array([5.0, 5.0, 10.0, 10.0]))
    assert list(frame.columns) == ["family", "value", "carriers", "base", "base error", "fitted", "fitted error"]
    assert frame.loc["a"].tolist() == ["x", 30.0, 3, 40.0, pytest.approx(1 / 3), 30.0, 0.0]
    assert list(make().frame().columns) == ["family", "value", "carriers", "base", "base error"]


@pytest.mark.parametrize(
    "change",
    [
        {"matrix": MATRIX + (MATRIX == 2) * 1e-9},
        {"matrix": MATRIX[:, [1, 0, 2, 3]]},
        {"values": [30.0, 0.0, 41.0]},
        {"base": [10.0, 20.0, 1e-9, 5.0]},
        {"scale": [30.0, 100.0, 41.0]},
        {"tolerance": [0, 0, 0.01]},
        {"groups": [0, 0, 1, 1]},
    ],
)
def test_the_digest_changes_with_what_a_fit_depends_on(change):
    assert make().digest() == make().digest()
    assert len(make().digest()) == 64
    assert make(**change).digest() != make().digest()


def test_the_digest_does_not_change_with_words():
    assert make(provenance={"year": 2022}, left_out={"d": "why"}).digest() == make().digest()


# --- targets out of reach


def kinds(problem, *limits, **options):
    return unattainable(problem, *limits, **options)["kind"].to_dict()


def single(row, value, base=None):
    return Problem([row], [value], np.ones(len(row)) if base is None else base, names=("t",))


@pytest.mark.parametrize(
    ("row", "value", "limits", "kind"),
    [
        ([0, 0], 5, (), "empty"),
        ([0, 0], -5, (), "empty"),
        ([0, 0], 0, (), None),
        ([1, 2], -5, (), "sign"),
        ([-1, -2], 5, (), "sign"),
        ([-1, 2], -5, (), None),
        ([-1, 2], 5e9, (), None),
        ([1, 2], 5e9, (), None),
        ([1, 2], 0, (), None),  # weights of zero
        ([1, 2], 0, (0.5,), "bounds"),
        ([-1, 2], 0, (0.5, 2), None),
        ([-1, 3], 0, (0.9, 1.1), "bounds"),  # 3 * 0.9 - 1.1 is left
        ([1, 2], 6, (0.5, 2), None),
        ([1, 2], 6.2, (0.5, 2), "bounds"),
        ([1, 2], 6.05, (0.5, 2), None),  # within a hundredth of itself
        ([1, 2], 1.5, (0.5, 2), None),
        ([1, 2], 1.4, (0.5, 2), "bounds"),
        ([-1, -2], -6, (0.5, 2), None),
        ([-1, -2], -6.2, (0.5, 2), "bounds"),
        ([-1, -2], -1.4, (0.5, 2), "bounds"),
        ([-2, 3], 5, (0.5, 2), None),  # 3 * 2 - 2 * 0.5
        ([-2, 3], 5.2, (0.5, 2), "bounds"),
        ([-2, 3], -2.5, (0.5, 2), None),  # 3 * 0.5 - 2 * 2
        ([-2, 3], -2.7, (0.5, 2), "bounds"),
    ],
)
def test_targets_out_of_reach_on_their_own(row, value, limits, kind):
    found = unattainable(single(row, value), *limits)
    assert found.kind.to_dict() == ({} if kind is None else {"t": kind})
    assert found.alone.all()
    assert (found.other == "").all()


def test_a_household_without_base_weight_carries_nothing():
    assert kinds(single([1, 0], 5, base=[0, 1])) == {"t": "empty"}
    assert kinds(single([1, -1], -5, base=[1, 0])) == {"t": "sign"}


def test_the_reach_is_what_the_bounds_give():
    problem = Problem([[1, -2, 0], [0, 0, 0]], [1, 1], [10, 1, 4])
    least, most = reach(problem, 0.5, 3)
    np.testing.assert_array_equal(least, [0.5 * 10 - 3 * 2, 0])
    np.testing.assert_array_equal(most, [3 * 10 - 0.5 * 2, 0])
    least, most = reach(problem, 0.0, np.inf)
    np.testing.assert_array_equal(least, [-np.inf, 0])
    np.testing.assert_array_equal(most, [np.inf, 0])
    row = unattainable(problem.with_values([40, 0]), 0.5, 3).loc["target 0"]
    assert row[["kind", "value", "least", "most", "carriers"]].tolist() == ["bounds", 40, -1, 29, 2]


def test_tolerances_of_targets_are_used_where_larger():
    problem = single([1, 2], 7)
    assert kinds(problem, 0, 2) == {"t": "bounds"}
    assert kinds(problem, 0, 2, tolerance=0.2) == {}
    own = Problem([[1, 2]], [7], [1, 1], tolerance=[0.2])
    assert kinds(own, 0, 2) == {}


@pytest.mark.parametrize("limits", [(-1, 2), (2, 1), (np.nan, 1)])
def test_bounds_are_in_order(limits):
    with pytest.raises(InputError, match="give 0 <= low <= high"):
        unattainable(make(), *limits)


def pair(first, second, values, **more):
    return Problem([first, second], values, np.ones(len(first)), names=("first", "second"), **more)


@pytest.mark.parametrize(
    ("first", "second", "values", "conflict"),
    [
        # an average of 10 or more among those of 10 to 50, say, and of 60
        ([1, 1, 1], [10, 20, 50], (100, 3_000), False),
        ([1, 1, 1], [10, 20, 50], (100, 5_000), False),
        ([1, 1, 1], [10, 20, 50], (100, 6_000), True),
        ([1, 1, 1], [10, 20, 50], (100, 900), True),
        ([10, 20, 50], [1, 1, 1], (6_000, 100), True),
        ([1, 1, 1], [10, 20, 50], (100, 5_090), False),  # both within a hundredth
        ([1, 1, 1], [10, 20, 50], (100, 5_110), True),
        # losses
        ([1, 1, 1], [-10, -20, -50], (100, -3_000), False),
        ([1, 1, 1], [-10, -20, -50], (100, -6_000), True),
        ([-10, -20, -50], [1, 1, 1], (-6_000, 100), True),
        ([-1, -1, -1], [-10, -20, -50], (-100, -6_000), True),
        ([-1, -1, -1], [-10, -20, -50], (-100, -3_000), False),
        # gains and losses together, and their count
        ([1, 1, 1], [-10, 20, 50], (100, -900), False),
        ([1, 1, 1], [-10, 20, 50], (100, -1_100), True),
        ([-10, 20, 50], [1, 1, 1], (-1_100, 100), True),
        ([-10, 20, 50], [1, 1, 1], (0, 100), False),
        ([10, 20, 50], [1, 1, 1], (0, 100), True),
        ([-10, 20, 50], [10, -20, 50], (9_000, 9_000), False),  # signs of both are mixed: nothing is said
        # one fact from two sources
        ([1, 2, 3], [1, 2, 3], (100, 101), False),
        ([1, 2, 3], [1, 2, 3], (100, 104), True),
        ([1, 2, 3], [-1, -2, -3], (100, -104), True),
        # other carriers: nothing is said
        ([1, 1, 0], [10, 20, 50], (100, 6_000), False),
    ],
)
def test_two_targets_whose_ratio_no_mixture_has(first, second, values, conflict):
    found = unattainable(pair(first, second, values))
    assert found.kind.tolist() == ["ratio"] * conflict
    if conflict:
        (row,) = found.reset_index().to_dict("records")
        assert {row["target"], row["other"]} == {"first", "second"}
        over = {"first": values[0], "second": values[1]}
        assert row["value"] == over[row["target"]] / over[row["other"]]
        assert not row["least"] <= row["value"] <= row["most"]
        assert row["alone"] is False
        assert row["carriers"] == 3


def test_ratios_use_tolerances_of_targets():
    given = ([1, 2, 3], [1, 2, 3], (100, 110))
    assert len(unattainable(pair(*given))) == 1
    assert not len(unattainable(pair(*given, tolerance=[0, 0.1])))
    assert not len(unattainable(pair(*given), tolerance=0.05))


def test_a_target_that_cannot_be_met_alone_makes_no_pairs():
    assert kinds(pair([1, 2, 3], [1, 2, 3], (100, -100))) == {"second": "sign"}
    assert kinds(pair([1, 2, 3], [1, 2, 3], (-100, 100))) == {"first": "sign"}


def test_only_carriers_with_a_weight_count_for_ratios():
    given = {"matrix": [[1, 1, 1], [10, 20, 90]], "values": [100, 6_000]}
    assert kinds(Problem(**given, base=[1, 1, 1])) == {}
    assert kinds(Problem(**given, base=[1, 1, 0])) == {"target 1": "ratio"}
    given["matrix"] = [[1, 1, 0], [10, 20, 90]]
    assert kinds(Problem(**given, base=[1, 1, 1])) == {}
    assert kinds(Problem(**given, base=[1, 1, 0])) == {"target 1": "ratio"}


@settings(max_examples=60, deadline=None, derandomize=True)
@given(data=st.data())
def test_a_problem_that_some_weights_solve_has_no_findings(data):
    m, n = data.draw(st.integers(1, 6), "targets"), data.draw(st.integers(1, 6), "households")
    matrix = data.draw(arrays(np.int64, (m, n), elements=st.integers(-4, 4)), "matrix")
    # counts, duplicates and multiples of rows, so that ratios are looked at
    matrix = np.concatenate([matrix, matrix != 0, matrix, 3 * np.abs(matrix)]).astype(float)
    base = data.draw(arrays(np.int64, n, elements=st.integers(0, 9)), "base").astype(float)
    base[0] += 1
    ratios = data.draw(arrays(np.int64, n, elements=st.integers(1, 8)), "ratios") / 4  # 1/4 to 2
    values = matrix @ (base * ratios)
    problem = Problem(matrix, values, base)
    for limits in ((), (0.25, 2), (ratios.min(), ratios.max())):
        found = unattainable(problem, *limits, tolerance=data.draw(st.sampled_from([0.0, 0.01, 0.2])))
        assert found.empty, found


@settings(max_examples=40, deadline=None, derandomize=True)
@given(data=st.data())
def test_what_is_found_no_weights_of_a_grid_can_meet(data):
    """All weights of a grid within the bounds miss a target that is found alone, by more than the tolerance."""
    matrix = data.draw(arrays(np.int64, (3, 3), elements=st.integers(-3, 3))).astype(float)
    values = data.draw(arrays(np.int64, 3, elements=st.integers(-12, 12))).astype(float)
    problem = Problem(matrix, values, np.ones(3))
    found = unattainable(problem, 0.5, 2.0, tolerance=0.05)
    grid = np.stack(np.meshgrid(*[np.linspace(0.5, 2, 7)] * 3), -1).reshape(-1, 3)
    met = np.abs(grid @ matrix.T - values) <= 0.05 * problem.scale
    for name, row in found.iterrows():
        at = problem.names.index(name)
        both = met[:, at] if row.alone else met[:, at] & met[:, problem.names.index(row.other)]
        assert not both.any(), (name, row.kind)
    # and on its own a target is either found or within reach of the corners of the box
    corners = grid[np.isin(grid, (0.5, 2)).all(1)] @ matrix.T
    slack = 0.05 * problem.scale
    reachable = (corners.min(0) - slack <= values) & (values <= corners.max(0) + slack)
    assert set(found.index[found.alone]) == {problem.names[k] for k in np.flatnonzero(~reachable)}
