"""Bad inputs are refused: the message names what, where and the remedy. What is odd but fine is taken."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pandas as pd
import pytest

from jaxsim.errors import InputError, JaxsimError
from jaxsim.impute import (
    Chain,
    Classifier,
    Flow,
    Forest,
    HotDeck,
    LeastSquares,
    QuantileNetwork,
    Spline,
    Training,
    ZeroInflated,
)
from tests.impute.donors import GIVEN, mixed

pytestmark = pytest.mark.usefixtures("quick_programs")

D = mixed(60)
AGED = LeastSquares().fit(D, "interest", given=["age", "sex"])
ALL = Forest(trees=2).fit(mixed(), "interest", given=GIVEN)
ALL_BUT_WAGES = Forest(trees=2).fit(mixed(), "interest", given=["age", "sex", "state", "owner"])


LINES = LeastSquares()


def fit(X: Any = D, y: Any = "interest", weights: Any = None, key: Any = 0, model: Any = LINES, **more: Any) -> Any:
    more.setdefault("given", ["age", "sex"])
    return model.fit(X, y, weights, key, **more)


def odd(**columns: Any) -> pd.DataFrame:
    """The donors with other columns."""
    return D.assign(**columns)


def at(row: int, value: Any, fill: Any = 1.0) -> pd.Series:
    """A column with one odd value."""
    values = pd.Series([fill] * len(D), dtype=object)
    values[row] = value
    return values


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    # tables and columns
    "no table": (lambda: fit(D.to_numpy()), "donors: give a DataFrame, not ndarray"),
    "no rows": (lambda: fit(D.iloc[:0]), "donors: the table has no rows"),
    "absent target": (lambda: fit(y="intrest"), "donors: there is no column 'intrest'. Nearest: interest"),
    "absent predictor": (lambda: fit(given=["agee"]), "donors: there is no column 'agee'. Nearest: age"),
    "column twice": (lambda: fit(pd.concat([D, D[["age"]]], axis=1)), "column 'age' stands twice: rename one"),
    "predictor twice": (lambda: fit(given=["age", "age"]), "predictor 'age' is named twice"),
    "target twice": (lambda: fit(y=["interest", "interest"]), "target 'interest' is named twice"),
    "both": (lambda: fit(given=["age", "interest"]), "'interest' is a target and a predictor: leave it out of one"),
    "no target": (lambda: fit(y=[]), "donors: name at least one target"),
    "numbers for names": (lambda: fit(D.rename(columns={"wages": 3}), given=None), "X.columns = X.columns.astype(str)"),
    "given no list": (lambda: fit(given=5), "given=5: list the names of predictors"),
    "empty column": (lambda: fit(odd(age=np.nan)), "column 'age': every value is missing. Leave the column out."),
    "dates": (lambda: fit(odd(age=pd.Timestamp("2026-01-01"))), "column 'age': datetime64"),
    "lists": (lambda: fit(odd(age=at(3, [1]))), "column 'age': [1] is neither a number nor a name"),
    "intervals": (lambda: fit(odd(age=pd.cut(D.age, 3))), "is neither a number nor a name. Use astype(str)."),
    "many names": (
        lambda: fit(mixed(1_200).assign(sex=[f"p{k}" for k in range(1_200)])),
        "column 'sex': 1,200 different values are too many for a category. Is it an identifier? Leave it out",
    ),
    "many categories": (
        lambda: fit(mixed(1_200).assign(sex=pd.Categorical([f"p{k}" for k in range(1_200)]))),
        "column 'sex': 1,200 different values are too many for a category.",
    ),
    "infinite donor": (
        lambda: fit(odd(age=at(7, np.inf))),
        "column 'age': infinite values in row 7. Give finite numbers",
    ),
    "infinite target": (
        lambda: fit(odd(interest=at(7, -np.inf))),
        "donors: column 'interest': infinite values in row 7",
    ),
    "one donor": (lambda: fit(D.iloc[:1]), "1 rows with weight and with known interest: at least 2 needed"),
    "rows of targets": (lambda: fit(y=np.zeros(3)), "targets have 3 rows, the table 60"),
    "cube of targets": (lambda: fit(y=np.zeros((60, 1, 1))), "targets of shape (60, 1, 1): give one column a target"),
    "no targets": (lambda: fit(y=None), "targets of shape (): give one column a target"),
    "other order": (lambda: fit(y=D.interest.iloc[::-1], given=None), "that of the table in another order: sort one"),
    "category": (lambda: fit(y="tenure"), "'tenure' is a category, which LeastSquares does not draw: use Forest"),
    "many classes": (
        lambda: fit(mixed(), y="wages", model=Classifier()),
        "different values, a Classifier takes 200: use Forest or Spline",
    ),
    "ordered block": (
        lambda: fit(y=["interest", "gains"], model=Forest(ordered=True)), "Forest(ordered=True) draws one number"
    ),
    "ordered category": (lambda: fit(y="tenure", model=Forest(ordered=True)), "give one target that is no category"),
    # weights and keys
    "negative weight": (lambda: fit(weights=odd(w=at(4, -2.0)).w), "column 'weights': weight -2 in row 4. Give finite"),
    "missing weight": (lambda: fit(odd(w=at(4, np.nan)), weights="w"), "column 'w': weight nan in row 4"),
    "text weights": (lambda: fit(weights=["a"] * 60), "weights are not numbers"),
    "absent weight": (lambda: fit(weights="wieght"), "there is no column 'wieght'. Nearest: weight"),
    "few weights": (lambda: fit(weights=[1.0, 2.0]), "weights of shape (2,) for 60 rows: give one a row"),
    "no weight": (lambda: fit(weights=np.zeros(60)), "all weights are 0"),
    "weight as predictor": (lambda: fit(weights="age"), "the weight 'age' is no variable: leave it out"),
    "key": (lambda: fit(key="a"), "key='a': give a whole number from 0 to 2**32 - 1 or a key of jax.random"),
    "negative key": (lambda: AGED.sample(D, -1), "key=-1: give a whole number"),
    "key of switch": (lambda: AGED.sample(D, True), "key=True: give a whole number"),
    "other generator": (lambda: AGED.sample(D, jax.random.key(0, impl="rbg")), "give a key of Threefry"),
    "many keys": (lambda: AGED.sample(D, jax.random.split(jax.random.key(0), 3)), "give a whole number"),
    # receivers
    "absent": (lambda: AGED.sample(D[["age"]]), "receivers: there is no column 'sex'"),
    "receivers no table": (lambda: AGED.sample({"age": [1]}), "receivers: give a DataFrame, not dict"),
    "unknown name": (
        lambda: AGED.sample(odd(sex=at(5, "x", "f"))),
        "receivers: column 'sex': 'x' is not among the donors' values (f, m) in row 5. Recode it, or leave the rows",
    ),
    "text for number": (lambda: AGED.sample(odd(age=at(9, "old"))), "column 'age': 'old' is not a number in row 9."),
    "text beside a gap": (
        lambda: AGED.sample(odd(age=at(9, "old").where(lambda s: s.index != 2))), "'old' is not a number in row 9."
    ),
    "date for number": (lambda: AGED.sample(odd(age=pd.Timestamp("2026-01-01"))), "is not a number in rows 0, 1, 2"),
    "gap no donor had": (
        lambda: AGED.sample(odd(age=at(8, np.nan))),
        "column 'age': missing values, which no donor had in row 8. Fill them, or leave the column out.",
    ),
    "category no donor lacked": (
        lambda: AGED.sample(odd(sex=at(8, None, "f"))),
        "'sex': missing values, which no donor had",
    ),
    "infinite": (lambda: AGED.sample(odd(age=at(0, np.inf))), "receivers: column 'age': infinite values in row 0"),
    # ids
    "index twice": (
        lambda: AGED.sample(D.set_axis([0, *range(59)])),
        "column 'index': the same id twice, so that both would be drawn alike in row 1.",
    ),
    "ids twice": (lambda: AGED.sample(D, ids=np.zeros(60)), "Give unique ids: sample(..., ids=...)."),
    "few ids": (lambda: AGED.sample(D, ids=[1, 2]), "receivers: 2 ids for 60 rows"),
    "ids column": (lambda: AGED.sample(D, ids="id"), "receivers: there is no column 'id'"),
    "missing ids": (lambda: AGED.sample(D, ids=[np.nan, *range(59)]), "column 'ids': missing ids in row 0"),
    # quantiles and densities
    "level 0": (
        lambda: AGED.quantiles(D, [0.0, 0.5]),
        "levels=[0.0, 0.5]: give numbers between 0 and 1, both excluded",
    ),
    "no levels": (lambda: AGED.quantiles(D, []), "levels=[]: give numbers between 0 and 1"),
    "text level": (lambda: AGED.quantiles(D, ["a"]), "levels=['a']: give numbers between 0 and 1"),
    "category quantile": (
        lambda: Forest(trees=1).fit(D, "tenure", given=["age"]).quantiles(D, [0.5]),
        "'tenure' is a category: it has no quantiles",
    ),
    "forest density": (lambda: ALL.log_prob(D), "ForestConditional has no density"),
    "target gap": (
        lambda: AGED.log_prob(odd(interest=at(6, np.nan))),
        "targets: column 'interest': missing values in row 6",
    ),
    "absent targets": (lambda: AGED.log_prob(D[["age", "sex"]]), "targets: there is no column 'interest'"),
    "wide targets": (lambda: AGED.log_prob(D, np.zeros((60, 2))), "targets of shape (60, 2): give 1 columns, interest"),
    # settings
    "trees": (lambda: Forest(trees=0), "trees=0: give a whole number of at least 1"),
    "half a tree": (lambda: Forest(trees=2.5), "trees=2.5: give a whole number"),  # type: ignore[arg-type]
    "leaf": (lambda: Forest(least_leaf=-1), "least_leaf=-1: give a whole number of at least 1"),
    "features": (lambda: Forest(features=0.0), "features=0.0: give a number above 0 and at most 1"),
    "jobs": (lambda: Forest(jobs=0), "jobs=0: give a whole number of at least 1"),
    "neighbours": (lambda: HotDeck(0), "neighbours=0: give a whole number of at least 1"),
    "pieces": (lambda: Spline(pieces=1), "pieces=1: give a whole number of at least 2 and at most 64"),
    "threshold": (lambda: Spline(threshold=-1), "threshold=-1: give a number of at least 0"),
    "threshold nan": (lambda: ZeroInflated(Forest(), threshold=np.nan), "threshold=nan: give a number"),
    "levels": (lambda: QuantileNetwork(levels=2), "levels=2: give a whole number of at least 3"),
    "last": (lambda: QuantileNetwork(last=0.5), "last=0.5: give a number above 0.5 and at most 0.99999"),
    "flows": (lambda: Flow(flows=0), "flows=0: give a whole number of at least 1"),
    "most": (lambda: Classifier(most=0), "most=0: give a whole number of at least 1"),
    "width": (lambda: Training(width=0), "width=0: give a whole number of at least 1"),
    "rate": (lambda: Training(rate=0.0), "rate=0.0: give a number above 0 and at most 1"),
    "decay": (lambda: Training(decay=-1.0), "decay=-1.0: give a number of at least 0"),
    **{
        f"training of {m.__name__}": (lambda m=m: m(training=30), "training=30: give e.g. Training(epochs=30)")
        for m in (Spline, QuantileNetwork, Flow, Classifier)
    },
    "no model": (
        lambda: ZeroInflated("forest"),
        "ZeroInflated: model='forest' is no model: give e.g. Forest()",
    ),
    "classifier of lines": (
        lambda: ZeroInflated(Forest(), LeastSquares()), "does not draw categories: give Classifier() or Forest()"
    ),
    # chains
    "empty chain": (lambda: Chain(()), "Chain: order=(): name variables, and tuples of names for blocks"),
    "text chain": (lambda: Chain("interest"), "Chain: order='interest': name variables"),  # type: ignore[arg-type]
    "number in chain": (lambda: Chain((1,)), "Chain: order=(1,): name variables"),  # type: ignore[arg-type]
    "empty block": (lambda: Chain(("a", ())), "name variables, and tuples of names for blocks"),
    "twice in chain": (lambda: Chain(("a", ("b", "a"))), "Chain: 'a' stands twice in the order"),
    "chain model": (lambda: Chain(("a",), models={"b": Forest()}), "models has 'b', which is no step's first variable"),
    "chain given": (
        lambda: Chain(("wages",), given={"wage": ["x"]}),
        "given has 'wage', which is no step's first variable. Nearest: wages",
    ),
    "no chain model": (lambda: Chain(("a",), Forest), "is no model: give e.g. Forest()"),  # type: ignore[arg-type]
    "block of one-target model": (
        lambda: Chain((("a", "b"),), Spline()),
        "Spline draws one variable: take ('a', 'b') apart, or use Forest, HotDeck",
    ),
    "given later": (
        lambda: Chain(("gains", "interest"), LeastSquares(), given={"gains": ["interest"]}).fit(D, given=["age"]),
        "'gains' is to be drawn given 'interest', which is no predictor and stands not before it",
    ),
    "other targets": (
        lambda: Chain(("gains",)).fit(D, "interest", given=["age"]), "its order names gains, the targets are interest"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    ask, message = REFUSED[name]
    with pytest.raises(JaxsimError, match=re.escape(message)):
        ask()


def test_weights_in_a_row_of_zero_are_left_out_before_they_are_counted() -> None:
    with pytest.raises(InputError, match="1 rows with weight"):
        fit(weights=np.eye(60)[0])


# --- odd but fine ---------------------------------------------------------------------------------------------------


def test_empty_receivers_and_one() -> None:
    """Empty tables of any dtype give empty tables of the right kinds; one receiver draws as it does among others."""
    fitted = Forest(trees=2).fit(mixed(), ["interest", "tenure", "children", "renter"], given=GIVEN)
    for empty in (
        mixed(5).iloc[:0],
        pd.DataFrame(columns=GIVEN),
        pd.DataFrame(columns=GIVEN, index=pd.Index([], dtype=str)),
    ):
        drawn = fitted.sample(empty)
        assert drawn.shape == (0, 4)
        assert drawn.children.dtype == np.int64
        assert drawn.renter.dtype == bool
        assert drawn.tenure.dtype == "category"
    assert AGED.quantiles(mixed(5).iloc[:0], [0.5]).shape == (0, 1)
    assert AGED.log_prob(mixed(5).iloc[:0]).shape == (0,)
    some = mixed(20)
    pd.testing.assert_frame_equal(fitted.sample(some.iloc[[7]]), fitted.sample(some).iloc[[7]])


def test_kinds_that_mean_the_same() -> None:
    some = mixed(40)
    whole = ALL_BUT_WAGES.sample(some)
    for same in (
        some.assign(age=some.age.astype(float), owner=some.owner.astype(int)),
        some.assign(age=some.age.astype("Int64"), sex=some.sex.astype("category")),
        some.assign(state=some.state.astype(str), owner=some.owner.astype(object)),
    ):
        pd.testing.assert_frame_equal(ALL_BUT_WAGES.sample(same), whole)


def test_gaps_that_donors_had_too() -> None:
    some = mixed(40)
    assert ALL.sample(some.assign(wages=np.nan)).interest.notna().all()


def test_names_of_targets_beside_the_table() -> None:
    x, y = D[["age"]], D[["interest", "gains"]].to_numpy()
    assert LeastSquares().fit(x, y).targets.names == ["y0", "y1"]
    assert LeastSquares().fit(x, y[:, 0]).targets.names == ["y"]
    assert LeastSquares().fit(x, pd.DataFrame(y)).targets.names == ["0", "1"]
    assert LeastSquares().fit(x, D.gains).targets.names == ["gains"]
    named = LeastSquares().fit(D, "gains", given=["age"])
    unnamed = pd.Series(D.gains.to_numpy())
    pd.testing.assert_series_equal(named.log_prob(D, unnamed), named.log_prob(D))
    pd.testing.assert_series_equal(named.log_prob(x, D.gains.to_numpy()), named.log_prob(D))


def test_targets_and_weights_are_no_predictors_by_default() -> None:
    fitted = LeastSquares().fit(D[["age", "weight", "gains"]], "gains", "weight")
    assert fitted.given.names == ["age"]
    assert "gains given age" in repr(fitted)
