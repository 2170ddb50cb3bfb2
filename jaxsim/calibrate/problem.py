"""A calibration problem: what every household adds to every target, the targets, and the weights to start from."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxsim.errors import InputError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Problem:
    """Targets of households.

    Attributes:
        matrix: what each household adds to each target, any scipy sparse matrix or dense array [targets, households].
        values: the targets [targets].
        base: weights to start from, one a household, positive or zero; zero stays zero [households].
        names: of the targets.
        families: the family of each target, e.g. source and concept; what reports and hold-outs go by.
        scale: what errors are relative to [targets]; by default the target's size, and for a target of zero what the
            base weights give.
        tolerance: relative error within which each target counts as met, 0 for the fit's own [targets].
        groups: households of one group share a gate (clones of a household, a place) [households]; none by default.
        left_out: targets that could not be computed, and why.
        provenance: where it comes from.
    """

    matrix: Any
    values: np.ndarray
    base: np.ndarray
    names: tuple[str, ...] = ()
    families: tuple[str, ...] = ()
    scale: np.ndarray = None  # type: ignore[assignment]  # filled in
    tolerance: np.ndarray = None  # type: ignore[assignment]  # filled in
    groups: np.ndarray | None = None
    left_out: Mapping[str, str] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        import scipy.sparse as sparse

        set_ = functools.partial(object.__setattr__, self)
        try:
            matrix = sparse.csr_array(self.matrix, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise InputError(f"problem: matrix must be numbers [targets, households] ({error})") from None
        if matrix.ndim != 2 or 0 in matrix.shape:
            raise InputError(f"problem: a matrix of shape {matrix.shape}: needs targets and households")
        if not matrix.has_canonical_format or not matrix.data.all():
            # entries in order, each once and none of them 0, in a copy: the caller's matrix stays as it is
            matrix = matrix.copy()
            matrix.sum_duplicates()
            matrix.eliminate_zeros()
        m, n = matrix.shape
        for what, given in (("names", self.names), ("families", self.families)):
            if len(given) not in (0, m):
                raise InputError(f"problem: {len(given)} {what} for {m} targets")
        names = tuple(self.names) or tuple(f"target {k}" for k in range(m))
        set_("matrix", matrix)
        set_("values", _vector("values", self.values, m, "targets", names))
        set_("base", _vector("base weights", self.base, n, "households", None))
        set_("names", names)
        set_("families", tuple(self.families) or ("all",) * m)
        if len(set(names)) != m:
            twice = next(x for x in names if names.count(x) > 1)
            raise InputError(f"problem: two targets are named {twice!r}: name each once")
        if not np.isfinite(matrix.data).all():
            row = int(np.searchsorted(matrix.indptr, np.flatnonzero(~np.isfinite(matrix.data))[0], side="right") - 1)
            raise InputError(f"problem: the matrix row of {names[row]!r} holds a value that is not finite")
        bad = np.flatnonzero(self.base < 0)
        if len(bad):
            raise InputError(f"problem: base weight {self.base[bad[0]]:g} of household {bad[0]} is negative")
        if not self.base.sum() > 0:
            raise InputError("problem: base weights are all zero: there is nothing to scale")
        set_("tolerance", np.zeros(m) if self.tolerance is None else _vector("tolerance", self.tolerance, m, "targets",
                                                                            names))  # fmt: skip
        if (self.tolerance < 0).any():
            raise InputError(f"problem: tolerance of {names[int(np.argmin(self.tolerance))]!r} is negative")
        set_("scale", self._scales() if self.scale is None else _vector("scale", self.scale, m, "targets", names))
        if not (self.scale > 0).all():
            raise InputError(f"problem: scale of {names[int(np.argmin(self.scale))]!r} must be above 0")
        if self.groups is not None:
            groups = np.asarray(self.groups)
            if groups.shape != (n,):
                raise InputError(
                    f"problem: {groups.size} groups for {n} households: gates and weights are of households, whose "
                    "members share one weight; give one group a household"
                )
            set_("groups", np.unique(groups, return_inverse=True)[1])

    def _scales(self) -> np.ndarray:
        """The size of each target; of a target of zero the amounts, signs apart, that the base weights give."""
        size = np.abs(self.values)
        at_base = abs(self.matrix) @ self.base
        return np.where(size > 0, size, np.where(at_base > 0, at_base, 1.0))

    def estimates(self, weights: Any) -> np.ndarray:
        """What weights give for each target [targets]."""
        return self.matrix @ np.asarray(weights, dtype=np.float64)

    def errors(self, weights: Any) -> np.ndarray:
        """Estimate less target over scale [targets]."""
        return (self.estimates(weights) - self.values) / self.scale

    def relative(self, weights: Any) -> Any:
        """The matrix in relative errors: each target's row over its scale, each household's column times its weight.

        Args:
            weights: [households], or one for all.

        Returns:
            sparse matrix [targets, households]: times ratios of weights to `weights` it gives estimates over scales.
        """
        matrix = self.matrix.copy()
        weight = np.broadcast_to(np.asarray(weights, dtype=np.float64), self.base.shape)
        matrix.data = matrix.data / np.repeat(self.scale, np.diff(matrix.indptr)) * weight[matrix.indices]
        return matrix

    @property
    def carriers(self) -> np.ndarray:
        """Households with a base weight that add something to each target [targets]."""
        return np.asarray((self.matrix != 0).astype(np.float64) @ (self.base > 0)).astype(int)

    def keep(self, which: Any) -> Problem:
        """The problem of some targets, by a boolean array or positions."""
        rows = np.arange(len(self.values))[which]
        return dataclasses.replace(
            self, matrix=self.matrix[rows], values=self.values[rows], names=tuple(self.names[r] for r in rows),
            families=tuple(self.families[r] for r in rows), scale=self.scale[rows], tolerance=self.tolerance[rows],
        )  # fmt: skip

    def without(self, families: Iterable[str]) -> Problem:
        """The problem without some families of targets."""
        gone = {families} if isinstance(families, str) else set(families)
        unknown = gone - set(self.families)
        if unknown:
            raise InputError(
                f"no family {sorted(unknown)[0]!r}: the families are {', '.join(sorted(set(self.families)))}"
            )
        return self.keep(np.array([f not in gone for f in self.families]))

    def with_values(self, values: Any) -> Problem:
        """The same problem with other targets; scales stay."""
        return dataclasses.replace(self, values=np.asarray(values, dtype=np.float64))

    def with_base(self, base: Any) -> Problem:
        """The same problem from other base weights."""
        return dataclasses.replace(self, base=np.asarray(base, dtype=np.float64))

    def frame(self, weights: Any = None) -> pd.DataFrame:
        """One row a target: family, value, estimate at the base weights (and at `weights`) with relative errors."""
        import pandas as pd

        frame = pd.DataFrame(
            {"family": self.families, "value": self.values, "carriers": self.carriers}, index=self.names
        )
        for name, w in (("base", self.base), ("fitted", weights)):
            if w is not None:
                frame[name] = self.estimates(w)
                frame[f"{name} error"] = self.errors(w)
        return frame

    def digest(self) -> str:
        """SHA-256 of everything that a fit depends on."""
        sha = hashlib.sha256()
        arrays = (self.matrix.data, self.matrix.indices, self.matrix.indptr, self.values, self.base, self.scale,
                  self.tolerance, self.groups)  # fmt: skip
        for array in arrays:
            sha.update(b"none" if array is None else np.ascontiguousarray(array).tobytes())
        return sha.hexdigest()

    def __repr__(self) -> str:
        m, n = self.matrix.shape
        return f"<calibration problem: {m:,} targets by {n:,} households, {self.matrix.nnz:,} entries>"


def _vector(what: str, given: Any, length: int, of: str, names: tuple[str, ...] | None) -> np.ndarray:
    try:
        vector = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"problem: {what} must be numbers, one for each of the {length} {of}") from None
    if vector.shape != (length,):
        more = ""
        if of == "households" and vector.ndim == 1 and len(vector) > length:
            more = ": weights are of households, whose members share one (weights of persons would tear them apart)"
        raise InputError(f"problem: {what} of shape {vector.shape} for {length} {of}{more}")
    bad = np.flatnonzero(~np.isfinite(vector))
    if len(bad):
        where = names[bad[0]] if names else f"row {bad[0]}"
        raise InputError(f"problem: {what} of {where!r} is {vector[bad[0]]}: give a finite number")
    return vector
