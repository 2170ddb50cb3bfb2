"""The state of a fit on disk, so that a fit that is killed goes on where it was."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxsim.errors import JaxsimError
from jaxsim.files import write_atomic


def save(path: str | os.PathLike[str], digest: str, state: Any, numbers: dict[str, float]) -> None:
    """Write a pytree of arrays and some numbers, whole or not at all.

    Args:
        path: file, .npz.
        digest: of everything the fit depends on; `load` refuses another.
        state: arrays.
        numbers: by name.
    """
    leaves: dict[str, Any] = {f"leaf_{k}": np.asarray(leaf) for k, leaf in enumerate(jax.tree.leaves(state))}
    scalars: dict[str, Any] = {f"number_{name}": np.asarray(value) for name, value in numbers.items()}

    def write(temporary: Path) -> None:
        with open(temporary, "wb") as file:
            np.savez(file, digest=np.array(digest), **leaves, **scalars)

    write_atomic(path, write)


def load(path: str | os.PathLike[str], digest: str, like: Any) -> tuple[Any, dict[str, float]] | None:
    """What `save` wrote, in the shape of `like`; None where there is no file.

    Raises:
        JaxsimError: the file is damaged, or of another problem or other settings.
    """
    path = Path(path)
    if not path.exists():
        return None
    try:
        with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
            found = {name: file[name] for name in file.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise JaxsimError(f"{path}: not a checkpoint ({error}): delete it to fit from the start") from None
    leaves, tree = jax.tree.flatten(like)
    same = str(found.get("digest", "")) == digest and all(
        f"leaf_{k}" in found and found[f"leaf_{k}"].shape == np.shape(leaf) for k, leaf in enumerate(leaves)
    )
    if not same:
        raise JaxsimError(
            f"{path}: the checkpoint is of another problem or other settings: delete it, or name another file"
        )
    state = jax.tree.unflatten(tree, [_like(leaf, found[f"leaf_{k}"]) for k, leaf in enumerate(leaves)])
    return state, {n.removeprefix("number_"): float(v) for n, v in found.items() if n.startswith("number_")}


def _like(leaf: Any, array: np.ndarray) -> Any:
    """The array as NumPy or JAX, as the leaf is."""
    return array if isinstance(leaf, np.ndarray) else jax.numpy.asarray(array, leaf.dtype)
