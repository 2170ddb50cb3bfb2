"""Fits of microcalibrate and l0-python on a problem in a file, for `calibration.py --part peers`.

    python benchmarks/calibration_peers.py PROBLEM.npz METHOD STOP EPOCHS RESULT.npz

Runs them as programs, as their documentation shows, with their noise and dropout off; neither has a callback, so the
stopping rule sits in the function that each calls once an epoch. METHOD is "microcalibrate dense" (the documented table
of households by targets), "microcalibrate sparse" (an estimate function by scipy), "l0 dense" (no gates) or "l0".
"""

from __future__ import annotations

import contextlib
import io
import logging
import resource
import sys
import time
import warnings
from typing import Any

import numpy as np
import scipy.sparse as sparse
import torch

LAMBDA = 0.1
"""Strength of l0-python's penalty that leaves about a tenth of the records here."""


class Reached(Exception):
    """The mean error is small enough."""


def mean_error(matrix: sparse.csr_array, weights: np.ndarray, targets: np.ndarray) -> float:
    return float(np.mean(np.abs(matrix @ weights - targets) / np.abs(targets)))


class Estimate:
    """Estimates by scipy with the error of every epoch."""

    def __init__(self, matrix: sparse.csr_array, targets: np.ndarray, stop: float):
        narrow = matrix.astype(np.float32).tocsr()
        wide = narrow.T.tocsr()

        class Product(torch.autograd.Function):
            @staticmethod
            def forward(ctx: Any, weights: torch.Tensor) -> torch.Tensor:
                return torch.from_numpy(narrow @ weights.detach().numpy())

            @staticmethod
            def backward(ctx: Any, slope: torch.Tensor) -> torch.Tensor:
                return torch.from_numpy(wide @ slope.contiguous().numpy())

        self.product, self.targets, self.stop = Product.apply, targets, stop
        self.epochs, self.weights = 0, None

    def __call__(self, weights: torch.Tensor) -> torch.Tensor:
        estimate = self.product(weights)
        if weights.requires_grad:
            self.epochs += 1
            error = np.mean(np.abs(estimate.detach().numpy() - self.targets) / np.abs(self.targets))
            if error <= self.stop:
                self.weights = weights.detach().double().numpy().copy()
                raise Reached
        return estimate


def microcalibrate(matrix: Any, targets: Any, base: Any, stop: float, epochs: int, dense: bool) -> tuple[Any, int]:
    import pandas as pd
    from microcalibrate import Calibration

    logging.getLogger("microcalibrate").setLevel(logging.ERROR)
    estimate = Estimate(matrix, targets, stop)
    names = np.array([f"t{k}" for k in range(len(targets))])
    given: dict[str, Any] = {"target_names": names, "estimate_function": estimate}
    if dense:
        given = {"estimate_matrix": pd.DataFrame(matrix.T.toarray(), columns=names)}
    fit = Calibration(weights=base, targets=targets, noise_level=0, learning_rate=0.1, epochs=epochs, dropout_rate=0.0,
                      **given)  # fmt: skip
    if dense:  # the rule sits around its own estimate
        own = fit.estimate_function

        def watched(weights: torch.Tensor) -> torch.Tensor:
            found = own(weights)
            if weights.requires_grad:
                estimate.epochs += 1
                error = np.mean(np.abs(found.detach().numpy() - targets) / np.abs(targets))
                if error <= stop:
                    estimate.weights = weights.detach().double().numpy().copy()
                    raise Reached
            return found

        fit.estimate_function = watched
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            fit.calibrate()
        return fit.weights.astype(float), estimate.epochs
    except Reached:
        return estimate.weights, estimate.epochs


def l0(matrix: Any, targets: Any, base: Any, stop: float, epochs: int, gates: bool) -> tuple[Any, int]:
    from l0.calibration import SparseCalibrationWeights

    class Watched(SparseCalibrationWeights):
        done, found = 0, None

        def forward(self, rows: Any, deterministic: bool = False) -> Any:
            if deterministic:
                return super().forward(rows, deterministic)
            estimate = super().forward(rows, deterministic)
            self.done += 1
            if not gates and np.mean(np.abs(estimate.detach().numpy() - targets) / np.abs(targets)) <= stop:
                with torch.no_grad():
                    self.found = self.get_weights(deterministic=True).numpy().astype(float)
                raise Reached
            return estimate

    torch.manual_seed(0)
    warnings.filterwarnings("ignore", message="Sparse invariant")
    model = Watched(n_features=len(base), init_weights=base, init_keep_prob=0.999, beta=0.35, use_gates=gates, seed=0)
    strength = LAMBDA if gates else 0.0
    with contextlib.suppress(Reached):
        model.fit(matrix, targets, lambda_l0=strength, lambda_l2=0.0, lr=0.15, epochs=epochs, loss_type="relative")
    with torch.no_grad():
        weights = model.get_weights(deterministic=True).numpy().astype(float)
    return (model.found if model.found is not None else weights), model.done


def main() -> None:
    problem, method, stop, epochs, result = sys.argv[1:6]
    with np.load(problem) as file:
        shape = tuple(file["shape"])
        matrix = sparse.csr_array((file["data"], file["indices"], file["indptr"]), shape=shape)
        targets, base = file["values"], file["base"]
    before, began = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    arguments = (matrix, targets, base, float(stop), int(epochs))
    if method.startswith("microcalibrate"):
        weights, done = microcalibrate(*arguments, dense=method.endswith("dense"))
    else:
        weights, done = l0(*arguments, gates=not method.endswith("dense"))
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    np.savez(result, weights=weights, cpu=cpu, wall=time.perf_counter() - began, epochs=done, memory=after.ru_maxrss)


if __name__ == "__main__":
    main()
