"""Columns: what is read is written back; kinds, levels, ids and weights."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

from jaxsim.impute.columns import Columns, ids_of, weights_of
from tests.impute.donors import mixed


def test_a_table_comes_back_as_it_was() -> None:
    table = mixed(50).drop(columns="wages")
    columns = Columns.learn(table, list(table.columns), "donors")
    matrix = columns.read(table, "donors")
    assert matrix.dtype == np.float64
    back = columns.write(matrix, table.index)
    for name in table.columns:
        assert back[name].tolist() == table[name].tolist(), name
    kinds = {c.name: c.kind for c in columns.columns}
    assert kinds["age"] == "integer"
    assert kinds["owner"] == "switch"
    assert kinds["sex"] == kinds["state"] == "category"
    assert kinds["interest"] == "number"
    assert back.age.dtype == np.int64
    assert back.owner.dtype == bool
    assert list(back.state.cat.categories) == ["TX", "NY", "CA", "WY"]


def test_nullable_and_object_columns() -> None:
    table = pd.DataFrame(
        {
            "whole": pd.array([1, None, 3], dtype="Int64"),
            "switch": pd.array([True, None, False], dtype="boolean"),
            "objects": pd.Series([True, None, False], dtype=object),
            "numbers": pd.Series([1, None, 2.5], dtype=object),
            "names": pd.Series(["b", None, "a"], dtype=object),
            "codes": pd.Series(["b", 1, "a"], dtype=object),
            "string": pd.array(["b", None, "a"], dtype="string"),
        }
    )
    columns = Columns.learn(table, list(table.columns), "donors")
    assert [c.kind for c in columns.columns] == [
        "integer", "switch", "switch", "number", "category", "category", "category",
    ]  # fmt: skip
    matrix = columns.read(table, "donors")
    assert np.isnan(matrix[1, [0, 1, 2, 3, 4, 6]]).all()
    np.testing.assert_array_equal(matrix[2, :5], [3, 0, 0, 2.5, 0])
    assert columns.columns[4].levels == ("a", "b")


def test_pick_add_and_slices() -> None:
    table = mixed(20)
    columns = Columns.learn(table, ["age", "sex", "wages"], "donors")
    assert columns.pick(["wages", "age"]).names == ["wages", "age"]
    assert (columns[:1] + columns[2:]).names == ["age", "wages"]
    assert columns.columns[1].width == 2
    assert Columns(()).read(table, "donors").shape == (20, 0)


def test_numbers_of_a_category_by_value_whatever_their_type() -> None:
    donors = pd.DataFrame({"code": pd.Categorical([3, 1, 2])})
    columns = Columns.learn(donors, ["code"], "donors")
    for values in ([3, 1, 2], [3.0, 1.0, 2.0], pd.Categorical([3, 1, 2], categories=[9, 3, 2, 1])):
        found = columns.read(pd.DataFrame({"code": values}), "receivers")
        np.testing.assert_array_equal(found[:, 0], [2, 0, 1])


def test_ids() -> None:
    table = pd.DataFrame({"id": [5, 7, 9]}, index=[2, 0, 1])
    assert ids_of(table, None, "r").tolist() == [2, 0, 1]
    assert ids_of(table, "id", "r").tolist() == [5, 7, 9]
    for ids in ([5, 7, 9], (5, 7, 9), np.array([5, 7, 9]), pd.Series([5, 7, 9]), pd.Index([5, 7, 9])):
        assert ids_of(table, ids, "r").tolist() == [5, 7, 9]
    assert ids_of(table, range(3), "r").tolist() == [0, 1, 2]
    assert ids_of(table, [-1, 2**62, 0], "r")[:2].tolist() == [2**64 - 1, 2**62]
    big = np.array([2**64 - 1, 2**63, 1], dtype=np.uint64)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(ids_of(table, big, "r"), big)


@pytest.mark.parametrize("kind", ["text", "dates", "pairs"])
def test_ids_that_are_no_numbers_are_hashed_each_by_itself(kind: str) -> None:
    index = {
        "text": pd.Index(["a", "b", "c", "d"]),
        "dates": pd.date_range("2026-01-01", periods=4),
        "pairs": pd.MultiIndex.from_product([[1, 2], ["x", "y"]]),
    }[kind]
    table = pd.DataFrame({"v": range(4)}, index=index)
    whole = ids_of(table, None, "r")
    assert len(set(whole.tolist())) == 4
    np.testing.assert_array_equal(ids_of(table.iloc[[3, 1]], None, "r"), whole[[3, 1]])
    assert len(ids_of(table.iloc[:0], None, "r")) == 0


def test_weights() -> None:
    table = pd.DataFrame({"w": [1.0, 0.0, 2.5]})
    assert weights_of(table, None, "d").tolist() == [1, 1, 1]
    assert weights_of(table, "w", "d").tolist() == [1, 0, 2.5]
    assert weights_of(table, pd.array([1, 2, 3], dtype="Int64"), "d").tolist() == [1, 2, 3]
