"""Hashes of what a run is made of, the same in every process: population, law, functions, code."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np


def of_population(population: Any) -> str:
    """Hash of a population's year, tables and weights."""
    return hashlib.sha256(f"{population.year} {population.digest()}".encode()).hexdigest()


def of_law(parameters: Any) -> str:
    """Hash of the values in force in a year."""
    digest = hashlib.sha256()
    for path, leaf in parameters.items():
        digest.update(path.encode())
        digest.update(np.ascontiguousarray(leaf, dtype="<f8").tobytes())
    return digest.hexdigest()


def of_functions(functions: Mapping[str, Any]) -> str:
    """Hash of functions and values by name, the same in every process.

    A function counts with its code, its defaults, what it closes over and, outside this package, the values and
    functions that it takes from its own module.
    """
    digest = hashlib.sha256()
    for name, value in sorted(functions.items()):
        digest.update(name.encode())
        digest.update(_describe(value, set()).encode())
    return digest.hexdigest()


def _describe(x: Any, seen: set[int]) -> str:
    """What a value is, in words that do not depend on the process; `seen` holds functions on the way to it."""
    each = functools.partial(_describe, seen=seen)
    if isinstance(x, (str, bytes, int, float, complex, type(None))):
        return repr(x)
    if hasattr(x, "co_code"):
        names = (x.co_names, x.co_varnames, x.co_freevars)
        return repr((x.co_code.hex(), names, [each(c) for c in x.co_consts]))
    if isinstance(x, (set, frozenset)):
        return repr(sorted(map(each, x)))
    if isinstance(x, Mapping):
        return repr([(str(k), each(v)) for k, v in x.items()])
    if isinstance(x, (list, tuple)):
        return repr([each(item) for item in x])
    if hasattr(x, "__array__"):
        array = np.asarray(x)
        return repr(array.tolist()) if array.dtype == object else hashlib.sha256(array.tobytes()).hexdigest()
    if isinstance(x, functools.partial):
        return each((x.func, x.args, x.keywords))
    x = getattr(x, "__wrapped__", x)  # e.g. what jax.jit was given
    if not hasattr(x, "__code__") or id(x) in seen:
        return getattr(x, "__qualname__", type(x).__qualname__)
    seen = seen | {id(x)}
    parts = [x.__code__, x.__defaults__, x.__kwdefaults__, [_content(c) for c in x.__closure__ or ()], _globals(x)]
    return repr([_describe(part, seen) for part in parts])


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not yet filled
        return None


def _globals(function: Any) -> dict[str, Any]:
    """What a function takes from its own module: values, and functions that stand there."""
    module = function.__module__ or ""
    if module.split(".")[0] == "jaxsim":  # hashed as code of the package
        return {}
    names, codes = set[str](), [function.__code__]
    while codes:
        code = codes.pop()
        names |= set(code.co_names)
        codes += [c for c in code.co_consts if hasattr(c, "co_code")]
    found = {name: function.__globals__[name] for name in sorted(names) if name in function.__globals__}
    plain = (str, bytes, int, float, complex, tuple, list, dict, np.ndarray, np.generic)
    return {n: v for n, v in found.items() if isinstance(v, plain) or getattr(v, "__module__", None) == module}


def of_code() -> str:
    """Hash of the package's own source."""
    digest = hashlib.sha256()
    root = Path(__file__).parents[1]
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()
