"""Reading the files of parameters: dated YAML, checked against a schema."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from jaxsim.errors import ParameterError
from jaxsim.parameters import DIMENSIONS, Law, Leaf, Uprating, to_array


def parameters_root(country: str = "us") -> Path:
    """Folder of a country's parameter files: inside the installed package, or beside it in a checkout."""
    here = Path(__file__).parent
    for root in (here / "_parameters" / country, here.parent / "parameters" / country):
        if root.is_dir():
            return root
    raise ParameterError(f"no parameter files found beside {here}: reinstall jaxsim")


@functools.cache
def load_law(country: str = "us") -> Law:
    """The law shipped with the package."""
    return read_law(parameters_root(country), validate=False)


def read_law(root: Path, validate: bool = True) -> Law:
    """Read a folder of parameter files; errors name the file, the path in it and what was expected."""
    leaves: dict[str, Leaf] = {}
    for file in sorted(root.rglob("*.yaml")):
        try:
            tree = strict_yaml(file.read_text(encoding="utf-8"))
        except yaml.YAMLError as error:
            raise ParameterError(f"{file}: not valid YAML: {error}") from None
        if validate:
            validate_file(tree, file)
        prefix = ".".join(file.relative_to(root).with_suffix("").parts)
        for leaf in _leaves(tree, prefix, file):
            leaves[leaf.path] = leaf
    return Law(leaves)


class StrictLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Safe YAML that refuses a key given twice (the second would silently win)."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        mapping = super().construct_mapping(node, deep=deep)
        if len(mapping) != len(node.value):
            raise yaml.YAMLError(f"a key is given twice, line {node.start_mark.line + 1}")
        return mapping


def strict_yaml(text: str) -> Any:
    """Parse YAML by the safe loader: plain data alone, no tag makes an object, and no key stands twice."""
    return yaml.load(text, Loader=StrictLoader)


def validate_file(tree: Any, file: Path) -> None:
    """Check one parsed file against the schema of parameter files."""
    import jsonschema

    schema = json.loads((Path(__file__).parent / "parameters.schema.json").read_text(encoding="utf-8"))
    error = jsonschema.exceptions.best_match(jsonschema.Draft202012Validator(schema).iter_errors(_plain(tree)))
    if error is not None:
        where = ".".join(str(p) for p in error.absolute_path) or "(top)"
        raise ParameterError(f"{file}: at {where}: {error.message}")


def _plain(node: Any) -> Any:
    """Keys and dates as text, which is how the schema speaks of them."""
    if isinstance(node, dict):
        return {str(k): _plain(v) for k, v in node.items()}
    if isinstance(node, list):
        return [_plain(v) for v in node]
    return node if isinstance(node, (str, int, float, bool)) or node is None else str(node)


def _leaves(node: Any, path: str, file: Path) -> Iterator[Leaf]:
    if not isinstance(node, dict):
        raise ParameterError(f"{file}: {path} must be a mapping with `values` or children, not {node!r}")
    if "values" in node:
        try:
            yield _leaf(node, path)
        except (KeyError, TypeError, ValueError) as error:
            raise ParameterError(f"{file}: {path}: {error}") from None
        return
    for key, child in node.items():
        if key != "description":
            yield from _leaves(child, f"{path}.{key}", file)


def _leaf(node: Mapping[str, Any], path: str) -> Leaf:
    dims = tuple(node.get("dims", ()))
    first = next(iter(node["values"].values()))
    labels = []
    for dim in dims:
        names = DIMENSIONS.get(dim) or tuple(str(k) for k in first)
        labels.append(names)
        first = first[next(iter(first))]
    names_by_dim = tuple(labels)
    years = tuple(int(str(date)[:4]) for date in node["values"])
    if list(years) != sorted(set(years)):
        raise ValueError("dates must rise and be given once")

    low, high = node["range"]
    return Leaf(
        path=path,
        label=node["label"],
        unit=node["unit"],
        reference=tuple((r["title"], r["href"]) for r in node["reference"]),
        dims=dims,
        labels=names_by_dim,
        bounds=(float(low), float(high)),
        years=years,
        cells=np.stack([to_array(v, names_by_dim) for v in node["values"].values()]),
        uprating=read_uprating(node.get("uprating"), names_by_dim),
        previous_uprating=read_uprating(node.get("previous_uprating"), names_by_dim),
        note=node.get("note", ""),
        forecast_from=int(str(node["forecast_from"])[:4]) if "forecast_from" in node else None,
    )


def read_uprating(block: Mapping[str, Any] | None, labels: tuple[tuple[str, ...], ...]) -> Uprating | None:
    """The statutory indexing that an `uprating` block describes, for a leaf with these labels."""
    if block is None:
        return None
    rounding, plus = block["rounding"], block.get("plus")

    def array(value: Any, dtype: type = float) -> np.ndarray:
        return _broadcast(value, labels, dtype)

    return Uprating(
        index=block["index"],
        base_index=block.get("base_index", block["index"]),
        lag=int(block["lag"]),
        base=array(block["base"]),
        base_year=array(block["base_year"], int),
        first_year=array(block["first_year"], int),
        last_year=int(block.get("last_year", 9999)),
        to=array(rounding["to"]),
        direction=rounding["direction"],
        of=rounding["of"],
        plus=(array(plus["base"]), array(plus["base_year"], int)) if plus else None,
    )


def _broadcast(value: Any, labels: tuple[tuple[str, ...], ...], dtype: type) -> np.ndarray:
    """A scalar for all cells, or a mapping by the labels of any one or all dimensions."""
    shape = tuple(len(names) for names in labels)
    if not isinstance(value, Mapping):
        return np.full(shape, value, dtype)
    value = {str(k): v for k, v in value.items()}
    if set(value) == set(labels[0]):
        return np.stack([_broadcast(value[name], labels[1:], dtype) for name in labels[0]])
    for axis, names in enumerate(labels[1:], start=1):
        if set(value) == set(names):
            line: np.ndarray = np.array([value[name] for name in names], dtype)
            return np.broadcast_to(line.reshape([-1 if i == axis else 1 for i in range(len(shape))]), shape)
    raise ValueError(f"labels {', '.join(value)} fit no dimension")
