"""Imputers as files: arrays and JSON in one .npz, with a hash; nothing in them is run when they are read."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import numpy as np

import jaxsim
from jaxsim.errors import JaxsimError
from jaxsim.files import write_atomic
from jaxsim.impute.base import Conditional, Imputer, Model
from jaxsim.impute.chain import Chain
from jaxsim.impute.columns import Column, Columns
from jaxsim.impute.design import Design, Scale
from jaxsim.impute.household_plan import Plan
from jaxsim.impute.household_strata import Strata
from jaxsim.impute.household_synthesis import HouseholdSynthesis
from jaxsim.impute.households import HouseholdSynthesizer
from jaxsim.impute.marginal import Marginal
from jaxsim.impute.networks import Network, Training, layers_of
from jaxsim.impute.shares import SpouseShares
from jaxsim.impute.synthesis import Synthesis
from jaxsim.impute.trees import Donors, Trees

FORMAT = "jaxsim imputer 1"
PARTS = (
    Imputer, Chain, Column, Columns, Design, Scale, Marginal, Network, Training, Donors, Trees, Synthesis,
    HouseholdSynthesizer, HouseholdSynthesis, Plan, Strata, SpouseShares,
)  # fmt: skip


def save(fitted: Any, path: str | os.PathLike[str]) -> Path:
    """Write something fitted, whole or not at all.

    Args:
        fitted: an imputer, or another fitted object made of this package's parts.
        path: file, .npz.

    Raises:
        JaxsimError: it has parts that cannot be written, or the folder cannot be written.
    """
    path = Path(path)
    if path.suffix != ".npz":
        raise JaxsimError(f"{path}: name a .npz file")
    arrays: list[np.ndarray] = []
    text = json.dumps({"format": FORMAT, "version": jaxsim.__version__, "content": encode(fitted, arrays)})
    named: dict[str, Any] = {f"array_{k}": a for k, a in enumerate(arrays)}

    def write(temporary: Path) -> None:
        with open(temporary, "wb") as file:
            np.savez_compressed(file, json=np.array(text), digest=np.array(digest_of(text, arrays)), **named)

    return write_atomic(path, write)


def load(path: str | os.PathLike[str]) -> Any:
    """What `save` wrote. Import the module of a model of your own before.

    Raises:
        JaxsimError: the file is absent, damaged, of another format, or has classes that are not known.
    """
    path = Path(path)
    if not path.exists():
        raise JaxsimError(f"{path}: there is no such file")
    try:
        with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
            text, digest = str(file["json"]), str(file["digest"])
            arrays = [file[f"array_{k}"] for k in range(len(file.files) - 2)]
    except Exception as error:  # of zipfile, zlib, struct and NumPy: there are many ways to be damaged
        raise JaxsimError(f"{path}: not an imputer ({error}): fit and save it again") from None
    if digest_of(text, arrays) != digest:
        raise JaxsimError(f"{path}: its content is not what was saved: fit and save it again")
    content = json.loads(text)
    if content.get("format") != FORMAT:
        raise JaxsimError(f"{path}: format {content.get('format')!r}, this version reads {FORMAT!r}: save it again")
    return _decode(content["content"], arrays, _known(), path)


def digest_of(text: str, arrays: list[np.ndarray]) -> str:
    """Hash of a text and arrays."""
    digest = hashlib.sha256(text.encode())
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _known() -> dict[str, type]:
    """Classes that files may name: this package's, and imported models and conditionals."""
    found: dict[str, type] = {_name(kind): kind for kind in PARTS}
    open_: list[type] = [Model, Conditional]
    while open_:
        kind = open_.pop()
        found[_name(kind)] = kind
        open_ += kind.__subclasses__()
    return found


def encode(x: Any, arrays: list[np.ndarray]) -> Any:
    """Something fitted as what JSON can hold; its arrays are appended to `arrays` and named by their place."""
    if isinstance(x, np.generic):
        x = x.item()
    if isinstance(x, (np.ndarray, jax.Array)):
        arrays.append(np.asarray(x))
        if arrays[-1].dtype == object:
            raise JaxsimError(f"an array of {type(arrays[-1].flat[0]).__name__} cannot be saved")
        return {"array": len(arrays) - 1}
    if x is None or isinstance(x, (bool, int, float, str)):
        return x
    if isinstance(x, (tuple, list)):
        return {"tuple" if isinstance(x, tuple) else "list": [encode(item, arrays) for item in x]}
    if isinstance(x, dict):
        return {"dict": [[encode(k, arrays), encode(v, arrays)] for k, v in x.items()]}
    if isinstance(x, eqx.nn.MLP):
        shape: tuple[Any, Any, Any, Any] = (x.in_size, x.out_size, x.width_size, x.depth)
        leaves, rest = eqx.partition(x, eqx.is_inexact_array)
        frame = eqx.filter(layers_of(*shape, jax.random.key(0)), eqx.is_inexact_array, inverse=True)
        if not eqx.tree_equal(rest, frame):
            raise JaxsimError("layers that `networks.layers_of` did not make, as of other units, cannot be saved")
        return {"layers": list(shape), "leaves": encode(jax.tree.leaves(leaves), arrays)}
    if dataclasses.is_dataclass(x) and _name(type(x)) in _known():
        fields = {f.name: encode(getattr(x, f.name), arrays) for f in dataclasses.fields(x) if f.init}
        return {"class": _name(type(x)), "fields": fields}
    raise JaxsimError(f"{type(x).__name__} cannot be saved: models are made of arrays, numbers, names and their parts")


def _decode(x: Any, arrays: list[np.ndarray], known: dict[str, type], path: Path) -> Any:
    def each(item: Any) -> Any:
        return _decode(item, arrays, known, path)

    if not isinstance(x, dict):
        return x
    if "array" in x:
        return arrays[x["array"]]
    if "tuple" in x:
        return tuple(each(item) for item in x["tuple"])
    if "list" in x:
        return [each(item) for item in x["list"]]
    if "dict" in x:
        return {each(k): each(v) for k, v in x["dict"]}
    if "layers" in x:
        inputs, outputs, width, depth = x["layers"]
        frame, rest = eqx.partition(layers_of(inputs, outputs, width, depth, jax.random.key(0)), eqx.is_inexact_array)
        return eqx.combine(jax.tree.unflatten(jax.tree.structure(frame), each(x["leaves"])), rest)
    if x["class"] not in known:
        raise JaxsimError(f"{path}: has a {x['class']}, which is not known here: import its module before")
    return known[x["class"]](**{name: each(value) for name, value in x["fields"].items()})
