"""Multiple imputation: several draws of what is missing, and estimates pooled with the uncertainty between them.

tables = imputations(fitted, receivers, m=20, key=0)
pool(tables, lambda t: (t.income.mean(), t.income.var() / len(t))).frame()

Sources: D. B. Rubin, Multiple Imputation for Nonresponse in Surveys, Wiley 1987 (numbers of his equations below);
J. Barnard and D. B. Rubin, Small-sample degrees of freedom with multiple imputation, Biometrika 86 (1999), 948-955.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

import jax
import numpy as np
import pandas as pd

from jaxsim.errors import InputError, whole_number
from jaxsim.impute.uniforms import as_key


@dataclasses.dataclass(frozen=True, eq=False)
class Pooled:
    """Estimates pooled over imputations; all arrays have the shape of one estimate [...].

    Attributes:
        estimate: mean over imputations (3.1.2).
        within: mean of the variances (3.1.3).
        between: variance of the estimates over imputations (3.1.4).
        total: variance of the estimate, within + (1 + 1/m) between (3.1.5).
        df: degrees of freedom of its t distribution; infinite where nothing varies between imputations.
        missing_information: fraction of information missing (3.1.10), by Rubin's df also where `df` is that of Barnard
            and Rubin, so that it is 0 where nothing varies between imputations.
        relative_efficiency: of m imputations against infinitely many, in variance, 1 / (1 + fraction / m).
        low, high: confidence interval.
        level: of the interval.
        imputations: m.
    """

    estimate: np.ndarray
    within: np.ndarray
    between: np.ndarray
    total: np.ndarray
    df: np.ndarray
    missing_information: np.ndarray
    relative_efficiency: np.ndarray
    low: np.ndarray
    high: np.ndarray
    level: float
    imputations: int

    @property
    def standard_error(self) -> np.ndarray:
        return np.sqrt(self.total)

    def frame(self, index: Any = None) -> pd.DataFrame:
        """One row an estimand, in the order of the flattened array."""
        names = ("estimate", "standard_error", "low", "high", "df", "missing_information", "relative_efficiency",
                 "within", "between", "total")  # fmt: skip
        return pd.DataFrame({name: np.ravel(getattr(self, name)) for name in names}, index=index)


def rubin(estimates: Any, variances: Any, complete_df: Any = None, level: float = 0.95) -> Pooled:
    """Pool estimates of several imputations by Rubin's rules.

    Args:
        estimates: [m, ...], one a completed table.
        variances: [m, ...], their sampling variances in squared units of the estimates, as if nothing were imputed.
        complete_df: degrees of freedom the estimate would have were nothing missing (n - 1 for a mean), a number or
            [...]; df are then those of Barnard and Rubin (1999), never more than these. None for large samples.
        level: of the confidence interval.

    Raises:
        InputError: fewer than 2 imputations, shapes that differ, values missing or infinite, negative variances, df
            not above 0, or a level outside (0, 1).
    """
    from scipy import stats

    q, u = _finite("estimates", estimates), _finite("variances", variances)
    if q.shape != u.shape:
        raise InputError(f"estimates of shape {q.shape} and variances of shape {u.shape}: give both as [m, ...]")
    if q.ndim == 0 or len(q) < 2:
        raise InputError(f"estimates of shape {q.shape}: at least 2 imputations are needed, along the first axis")
    if (u < 0).any():
        raise InputError(f"variances: {u.min():g} is negative: give squared standard errors")
    if not (isinstance(level, (int, float)) and 0 < level < 1):
        raise InputError(f"level={level!r}: give a number between 0 and 1")
    m = len(q)
    estimate, within, between = q.mean(axis=0), u.mean(axis=0), q.var(axis=0, ddof=1)
    between = np.where((q == q[0]).all(axis=0), 0.0, between)  # means of equal numbers may differ from them in a bit
    total = within + (1 + 1 / m) * between
    share = (1 + 1 / m) * between / np.where(total > 0, total, 1)  # of the variance due to what is missing
    with np.errstate(divide="ignore", invalid="ignore"):
        large = (m - 1) / share**2  # (3.1.6)
        df = large if complete_df is None else _small_sample(large, share, complete_df)
    missing = share + (1 - share) * 2 / (large + 3)
    t = np.where(df > 0, stats.t.ppf((1 + level) / 2, np.where(df > 0, df, 1)), np.inf)
    half = np.where(total > 0, t, 0) * np.sqrt(total)
    return Pooled(
        estimate, within, between, total, df, missing, 1 / (1 + missing / m), estimate - half, estimate + half,
        float(level), m,
    )  # fmt: skip


def imputations(fitted: Any, table: pd.DataFrame, m: int, key: Any = 0) -> list[pd.DataFrame]:
    """The table completed m times, by independent draws.

    Args:
        fitted: an imputer with `sample(table, key=...)`, such as `jaxsim.impute.base.Imputer`.
        table: receivers, with its predictors.
        m: number of imputations, at least 2.
        key: whole number or JAX key; draw i has `jax.random.fold_in(key, i)`.

    Returns:
        m tables, each `table` with the targets as drawn.

    Raises:
        InputError: m below 2, a key that is none, or what the imputer refuses.
    """
    whole_number("m", m, 2)
    key = as_key(key)
    draws = (fitted.sample(table, key=jax.random.fold_in(key, i)) for i in range(m))
    return [table.assign(**{str(name): drawn[name] for name in drawn}) for drawn in draws]


def pool(
    tables: Iterable[pd.DataFrame], statistic: Callable[[pd.DataFrame], tuple[Any, Any]], *, complete_df: Any = None,
    level: float = 0.95,
) -> Pooled:  # fmt: skip
    """Estimate a statistic on each completed table and pool the estimates (`rubin`).

    Args:
        tables: completed tables, at least 2.
        statistic: gives the estimate [...] of a table and its sampling variance [...].
        complete_df, level: as in `rubin`.

    Raises:
        InputError: as `rubin`.
    """
    found = [statistic(table) for table in tables]
    if any(not isinstance(pair, (tuple, list)) or len(pair) != 2 for pair in found):
        raise InputError("statistic: must give the estimate and its variance, a pair, for every table")
    return rubin([pair[0] for pair in found], [pair[1] for pair in found], complete_df, level)


def _small_sample(large: np.ndarray, share: np.ndarray, complete_df: Any) -> np.ndarray:
    """Degrees of freedom of Barnard and Rubin (1999): the harmonic sum of Rubin's and of those observed."""
    complete = np.asarray(complete_df, dtype=float)
    if not (complete > 0).all():
        raise InputError(f"complete_df={complete_df!r}: degrees of freedom are above 0")
    one_over_observed = (complete + 3) / ((complete + 1) * complete * (1 - share))
    return 1 / (1 / large + np.where(np.isinf(complete), 0, one_over_observed))


def _finite(name: str, values: Any) -> np.ndarray:
    try:
        found = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{name}: give numbers of one shape for every imputation") from None
    if not np.isfinite(found).all():
        first = np.unique(np.argwhere(~np.isfinite(found))[:, 0])[:5].tolist() if found.ndim else []
        raise InputError(f"{name}: missing or infinite values in imputations {first}: the statistic must be finite")
    return found
