"""Files: the same draws bit for bit; what is damaged or unknown is refused; nothing in a file is run."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from jaxsim.errors import JaxsimError
from jaxsim.impute import (
    Chain,
    Classifier,
    Conditional,
    Flow,
    Forest,
    HotDeck,
    LeastSquares,
    Model,
    QuantileNetwork,
    ZeroInflated,
    files,
    load,
    save,
)
from tests.impute.donors import GIVEN, TINY, mixed, spline

pytestmark = pytest.mark.usefixtures("quick_programs")


@dataclasses.dataclass(frozen=True)
class Constant(Model):
    """A user's own model: always the donors' mean, and a network that is never trained."""

    bent: bool = False

    def _learn(self, given: Any, x: Any, targets: Any, y: Any, weights: Any, key: Any, progress: bool) -> Conditional:
        unit = jax.nn.relu if self.bent else jax.nn.silu
        layers = eqx.nn.MLP(x.shape[1], 1, 3, 1, activation=unit, key=jax.random.key(3))
        return ConstantConditional(((targets.names[0], 1),), y.mean(axis=0), layers, {"note": (1, 2.5, None, True)})


class ConstantConditional(Conditional):
    mean: Any
    layers: Any
    notes: Any = eqx.field(static=True)

    def draw(self, x: jax.Array, u: jax.Array) -> jax.Array:
        return jnp.asarray(self.mean) + jax.vmap(self.layers)(x) * 0 + u


MODELS: dict[str, Model | Chain] = {
    "forest": Forest(trees=3),
    "ordered": Forest(trees=2, ordered=True),
    "least squares": LeastSquares(),
    "quantiles": QuantileNetwork(levels=5, training=TINY),
    "flow": Flow(flows=1, training=TINY),
    "zero inflated": ZeroInflated(HotDeck(3), Classifier(TINY)),
    "chain": Chain(
        ("interest", ("tenure", "gains")), Forest(trees=2), {"tenure": HotDeck()}, {"tenure": ["age", "sex"]}
    ),
    "own": Constant(),
}


@pytest.fixture(autouse=True)
def untrained(monkeypatch: pytest.MonkeyPatch) -> None:
    """What networks have learnt does not matter here."""
    for module in ("classifier", "quantile_network", "flow"):
        monkeypatch.setattr(f"jaxsim.impute.{module}.train", lambda trained, *_: trained)


@pytest.mark.parametrize("name", [*MODELS, pytest.param("spline", marks=pytest.mark.slow)])
def test_the_same_draws_bit_for_bit(name: str, tmp_path: Path) -> None:
    if name == "flow":
        pytest.importorskip("flowjax")
    if name == "spline":
        fitted, table = spline(), pd.DataFrame({"x": np.linspace(-1, 1, 20)})
    else:
        model, table = MODELS[name], mixed(60, seed=2)
        target = {} if name == "chain" else {"y": "interest"}
        fitted = model.fit(mixed(), given=["age", "sex", "owner"], **target)  # type: ignore[arg-type]
    path = fitted.save(tmp_path / "deep" / "imputer.npz")
    again = load(path)
    pd.testing.assert_frame_equal(again.sample(table, key=7), fitted.sample(table, key=7), check_exact=True)
    assert again.model == fitted.model
    assert (again.given, again.targets, again.marked) == (fitted.given, fitted.targets, fitted.marked)
    assert repr(again) == repr(fitted)
    with np.load(path, allow_pickle=False) as file:  # plain arrays and text
        assert all(file[n].dtype.kind in "biufU" for n in file.files)


def test_levels_and_gaps_come_back(tmp_path: Path) -> None:
    fitted = Forest(trees=2).fit(mixed(), ["tenure", "children"], "weight", given=GIVEN)
    again = load(save(fitted, tmp_path / "a.npz"))
    assert again.given.columns == fitted.given.columns
    assert again.marked == (False, False, False, True, False)
    pd.testing.assert_frame_equal(again.sample(mixed(30)), fitted.sample(mixed(30)))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("files") / "a.npz"
    save(LeastSquares().fit(mixed(50), "interest", given=["age"]), path)
    return path.read_bytes()


def test_damage_anywhere_is_refused(written: bytes, tmp_path: Path) -> None:
    """A changed byte, or an end cut off: refused with what to do, or where it is beside the content, no harm."""
    path = tmp_path / "a.npz"
    expected = None
    rng = np.random.default_rng(0)
    messages: list[str] = []
    for place in rng.choice(len(written), 250, replace=False):
        damaged = bytearray(written)
        damaged[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(bytes(damaged))
        try:
            found = load(path)
        except JaxsimError as error:
            messages.append(str(error))
            continue
        if expected is None:
            path.write_bytes(written)
            expected = load(path).conditional
        assert eqx.tree_equal(found.conditional, expected)  # e.g. a date in the archive's index
    assert len(messages) > 150
    assert all(str(path) in m and "fit and save it again" in m for m in messages)
    for size in (0, 1, 30, len(written) // 2, len(written) - 1):
        path.write_bytes(written[:size])
        with pytest.raises(JaxsimError, match="fit and save it again"):
            load(path)


def rewritten(written: bytes, path: Path, change: Any) -> Path:
    """The file with another text and a digest that belongs to it."""
    path.write_bytes(written)
    with np.load(path, allow_pickle=False) as file:
        text = str(file["json"])
        arrays = [file[f"array_{k}"] for k in range(len(file.files) - 2)]
    content = json.loads(text)
    change(content)
    text = json.dumps(content)
    named: dict[str, Any] = {f"array_{k}": a for k, a in enumerate(arrays)}
    np.savez(path, json=np.array(text), digest=np.array(files.digest_of(text, arrays)), **named)
    return path


def test_unknown_classes_and_formats(written: bytes, tmp_path: Path) -> None:
    def other_class(content: Any) -> None:
        content["content"]["class"] = "os.system"

    with pytest.raises(JaxsimError, match=r"has a os\.system, which is not known here: import its module before"):
        load(rewritten(written, tmp_path / "a.npz", other_class))
    with pytest.raises(JaxsimError, match="format 'jaxsim imputer 99', this version reads"):
        load(rewritten(written, tmp_path / "b.npz", lambda c: c.update(format="jaxsim imputer 99")))


def test_what_is_no_file_of_ours(tmp_path: Path) -> None:
    with pytest.raises(JaxsimError, match="there is no such file"):
        load(tmp_path / "none.npz")
    np.savez(tmp_path / "other.npz", a=np.arange(3))
    np.save(tmp_path / "single.npy", np.arange(3))
    np.savez(tmp_path / "pickled.npz", json=np.array([{"a": 1}], dtype=object), digest=np.array("x"))
    (tmp_path / "text.npz").write_text("hello")
    for name in ("other.npz", "single.npy", "pickled.npz", "text.npz", "."):
        with pytest.raises(JaxsimError, match="not an imputer"):
            load(tmp_path / name)


def test_what_cannot_be_written(tmp_path: Path) -> None:
    fitted = LeastSquares().fit(mixed(50), "interest", given=["age"])
    with pytest.raises(JaxsimError, match=r"name a \.npz file"):
        fitted.save(tmp_path / "a.pkl")
    with pytest.raises(JaxsimError, match="object cannot be saved"):
        save(object(), tmp_path / "a.npz")
    with pytest.raises(JaxsimError, match="an array of str cannot be saved"):
        save(np.array(["a", 1], dtype=object), tmp_path / "a.npz")
    with pytest.raises(JaxsimError, match="as of other units, cannot be saved"):
        Constant(bent=True).fit(mixed(50), "interest", given=["age"]).save(tmp_path / "a.npz")
    assert not list(tmp_path.iterdir())
