"""Plans: which laws a sweep runs, as a table of values by parameter cell."""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

from jaxsim.errors import ReformError
from jaxsim.parameter_files import strict_yaml
from jaxsim.reform import Reform

if TYPE_CHECKING:
    import pandas as pd

    from jaxsim.parameters import Law

Ranges = Mapping[Any, tuple[float, float]]


@dataclass(frozen=True, eq=False)
class Plan:
    """Values of parameters for each of many reforms.

    Attributes:
        values: values [reforms] or [reforms, *dims] by parameter path; NaN leaves the law as it is.
        design: how it was made, in words.
        seed: of its random numbers.
    """

    values: Mapping[str, np.ndarray] = field(repr=False)
    design: str = "table"
    seed: int | None = None

    def __len__(self) -> int:
        return len(next(iter(self.values.values())))

    def __repr__(self) -> str:
        return f"<Plan, {self.design}: {len(self):,} reforms of {len(self.values)} parameters>"

    def table(self, law: Law) -> tuple[list[str], np.ndarray]:
        """Cell names and values [reforms, cells], checked against a law.

        Raises:
            ParameterError: a parameter that does not exist, or a value outside its range.
        """
        from jaxsim.vary import cell_table

        return cell_table(law, self.values, missing=True)

    def to_frame(self) -> pd.DataFrame:
        """The plan as a DataFrame, one row a reform; parameters with dimensions are left out."""
        import pandas as pd

        return pd.DataFrame({path: v for path, v in self.values.items() if v.ndim == 1})


def grid(parameters: Mapping[Any, Iterable[float]]) -> Plan:
    """Every combination of some values; the last parameter changes fastest.

    Args:
        parameters: values by path, or by a tuple of paths that always take the same value.
    """
    _check(parameters)
    axes = []
    for key, values in parameters.items():
        try:
            axes.append([float(v) for v in values])
        except (TypeError, ValueError):
            raise ReformError(f"{key}: give its values, numbers in a list") from None
        if not axes[-1]:
            raise ReformError(f"{key}: give at least one value")
    table = np.array(list(itertools.product(*axes)))
    return Plan(_spread(parameters, table), f"grid of {' x '.join(str(len(a)) for a in axes)}")


def latin_hypercube(parameters: Ranges, n: int, seed: int = 0) -> Plan:
    """`n` points of a Latin hypercube between bounds by path: each margin is evenly filled."""
    from scipy.stats import qmc

    _check(parameters, n)
    return _scaled(parameters, qmc.LatinHypercube(len(parameters), rng=seed).random(n), "Latin hypercube", seed)


def sobol(parameters: Ranges, n: int, seed: int = 0) -> Plan:
    """`n` points of a scrambled Sobol sequence between bounds by path; best with a power of two."""
    from scipy.stats import qmc

    _check(parameters, n)
    points = qmc.Sobol(len(parameters), rng=seed).random_base2(max(0, int(n - 1).bit_length()))[:n]
    return _scaled(parameters, points, "Sobol sequence", seed)


def uniform(parameters: Ranges, n: int, seed: int = 0) -> Plan:
    """`n` independent uniform draws between bounds by path."""
    _check(parameters, n)
    points = np.random.default_rng(seed).random((n, len(parameters)))
    return _scaled(parameters, points, "uniform draws", seed)


def draws(parameters: Mapping[Any, Any], n: int, seed: int = 0) -> Plan:
    """`n` independent draws from distributions of scipy.stats (anything with `ppf`) by path, on a Latin hypercube."""
    from scipy.stats import qmc

    _check(parameters, n)
    points = qmc.LatinHypercube(len(parameters), rng=seed).random(n)
    for key, law in parameters.items():
        if not hasattr(law, "ppf"):
            raise ReformError(f"{key}: give a distribution of scipy.stats, e.g. scipy.stats.norm(2200, 100)")
    table = np.stack([law.ppf(points[:, i]) for i, law in enumerate(parameters.values())], axis=1)
    for key, column in zip(parameters, table.T, strict=True):
        if not np.isfinite(column).all():
            raise ReformError(f"{key}: its distribution gives values that are not numbers: check its arguments")
    return Plan(_spread(parameters, table), "draws from distributions", seed)


def table(source: Any) -> Plan:
    """A plan from a table of reforms: a Parquet or CSV file or a DataFrame with a column by parameter cell.

    An empty cell leaves the law as it is.
    """
    import pandas as pd

    name = "table"
    if isinstance(source, (str, os.PathLike)):
        path = Path(source)
        name = f"table {path.name}"
        try:
            source = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
        except FileNotFoundError:
            raise ReformError(f"{path}: there is no such file") from None
        except Exception as error:
            raise ReformError(f"{path}: cannot be read as a table: {' '.join(str(error).split())}") from None
    if not isinstance(source, pd.DataFrame):
        raise ReformError(f"a table of reforms is a .parquet or .csv file or a DataFrame, not {source!r}")
    if source.empty:
        raise ReformError(f"{name}: there are no reforms in it")
    if not source.columns.is_unique:
        raise ReformError(f"{name}: column {source.columns[source.columns.duplicated()][0]!r} is given twice")
    values = {}
    for column in source.columns:
        numbers = pd.to_numeric(source[column], errors="coerce")
        wrong = numbers.isna() & source[column].notna()
        if wrong.any():
            row = int(np.argmax(wrong.to_numpy()))
            raise ReformError(f"{name}: row {row}, column {column!r}: {source[column].iloc[row]!r} is not a number")
        values[str(column)] = numbers.to_numpy(np.float64)
    return Plan(values, name)


DESIGNS: dict[str, Callable[..., Plan]] = {
    "grid": grid,
    "latin_hypercube": latin_hypercube,
    "sobol": sobol,
    "uniform": uniform,
}


def from_file(path: str | os.PathLike[str]) -> Plan:
    """A plan from a table of reforms (.parquet, .csv) or a design in YAML.

    design: sobol                        # or latin_hypercube, uniform, grid
    n: 4096
    seed: 0
    parameters:
      irs.credits.ctc.amount: [0, 6000]  # bounds; for a grid the values, or {from: 0, to: 6000, step: 100}
    """
    path = Path(path)
    if path.suffix not in (".yaml", ".yml"):
        return table(path)
    try:
        content = strict_yaml(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ReformError(f"{path}: there is no such file") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ReformError) as error:
        raise ReformError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict) or not isinstance(content.get("parameters"), dict):
        raise ReformError(f"{path}: expected a mapping with design, parameters and, but for a grid, n")
    design = content.get("design", "grid")
    known = {"design", "parameters"} | (set() if design == "grid" else {"n", "seed"})
    unknown = [str(key) for key in content if key not in known]
    if design not in DESIGNS or unknown:
        what = f"unknown key {min(unknown)!r}" if unknown else f"unknown design {design!r}"
        raise ReformError(f"{path}: {what}: use design ({', '.join(DESIGNS)}), parameters, n and seed")
    try:
        if design == "grid":
            return grid({p: _axis(values) for p, values in content["parameters"].items()})
        n, seed = content.get("n"), content.get("seed", 0)
        if not isinstance(n, int) or n < 1 or not isinstance(seed, int):
            raise ReformError("give n, a whole number of reforms above 0 (and seed, a whole number)")
        return DESIGNS[design](content["parameters"], n, seed)
    except (ReformError, TypeError, ValueError, KeyError) as error:
        raise ReformError(f"{path}: {error}") from None


def _axis(values: Any) -> list[float]:
    """Values of a grid: a list, or from, to and step, both ends included."""
    if isinstance(values, Mapping):
        if set(values) != {"from", "to", "step"} or not values["step"] > 0:
            raise ReformError("a range of a grid has from, to and step (above 0)")
        count = int((values["to"] - values["from"]) / values["step"] + 1e-9)
        return [values["from"] + k * values["step"] for k in range(count + 1)]
    return [float(v) for v in values]


def as_plan(plan: Any) -> Plan:
    """A plan from a `Plan`, a file (see `from_file`), a DataFrame, values by path, or reforms one by one.

    Reforms are mappings of cell paths to numbers, or a generator of them, which is read to its end: what one leaves
    out stays as in the law.
    """
    import pandas as pd

    if isinstance(plan, Plan):
        return plan
    if isinstance(plan, (str, os.PathLike)):
        return from_file(plan)
    if isinstance(plan, pd.DataFrame):
        return table(plan)
    if isinstance(plan, Mapping):
        try:
            return Plan({path: np.asarray(v, dtype=np.float64) for path, v in plan.items()}, "values by path")
        except (TypeError, ValueError):
            raise ReformError("values by path must be arrays of numbers") from None
    if not isinstance(plan, Iterable):
        raise ReformError(f"a plan is a Plan (js.grid, js.sobol ...), a table or reforms one by one, not {plan!r}")
    rows = [r.changes if isinstance(r, Reform) else r for r in plan]
    if not rows:
        raise ReformError("the plan holds no reforms")
    for number, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise ReformError(f"reform {number} is no mapping from cell paths to numbers, but {row!r}")
    paths = list(dict.fromkeys(path for row in rows for path in row))
    try:
        made = {path: np.array([row.get(path, np.nan) for row in rows], dtype=np.float64) for path in paths}
    except (TypeError, ValueError):
        raise ReformError("a plan takes reforms of numbers by cell path, for the one year of its simulation") from None
    return Plan(made, "reforms one by one")


def fingerprint(names: Sequence[str], values: np.ndarray) -> str:
    """Hash of cell names and values."""
    digest = hashlib.sha256("\n".join(names).encode())
    digest.update(np.ascontiguousarray(values, dtype="<f8").tobytes())
    return digest.hexdigest()


def _check(parameters: Any, n: Any = 1) -> None:
    if not isinstance(parameters, Mapping) or not parameters:
        raise ReformError("give a mapping from at least one parameter path")
    paths = [path for key in parameters for path in (key if isinstance(key, tuple) else (key,))]
    if len(set(paths)) != len(paths):
        raise ReformError(f"{next(p for p in paths if paths.count(p) > 1)} is given twice")
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1:
        raise ReformError(f"n={n!r}: give a whole number of reforms above 0")


def _scaled(parameters: Ranges, points: np.ndarray, design: str, seed: int) -> Plan:
    bounds = []
    for key, pair in parameters.items():
        try:
            low, high = (float(v) for v in pair)
        except (TypeError, ValueError):
            raise ReformError(f"{key}: give a lower and an upper bound") from None
        if not -np.inf < low < high < np.inf:
            raise ReformError(f"{key}: bounds {low:g} and {high:g}: the lower must be below the upper, both finite")
        bounds.append((low, high))
    low, high = np.array(bounds).T
    return Plan(_spread(parameters, low + points * (high - low)), design, seed)


def _spread(parameters: Mapping[Any, Any], values: np.ndarray) -> dict[str, np.ndarray]:
    """Columns by path; paths in a tuple share one."""
    return {
        path: column
        for key, column in zip(parameters, values.T, strict=True)
        for path in (key if isinstance(key, tuple) else (key,))
    }
