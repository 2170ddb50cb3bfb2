"""A sweep: the figures of every reform of a plan, in memory or in a ledger that survives crashes."""

from __future__ import annotations

import contextlib
import functools
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxsim.errors import JaxsimError, whole_number
from jaxsim.layout import Layout
from jaxsim.measures import Measure, resolve
from jaxsim.sweep import hashes
from jaxsim.sweep.executors import Executor, Local, Ray, Stopped
from jaxsim.sweep.kernel import Kernel
from jaxsim.sweep.ledger import FORMAT, InMemory, Ledger
from jaxsim.sweep.plan import Plan, as_plan, fingerprint

if TYPE_CHECKING:
    import pandas as pd

    from jaxsim.simulation import Simulation

FILES = 100  # chunks that a run is cut into, if they are of a decent size
LARGEST = 4_096  # reforms in a chunk at most, so that a crash loses little
CHECKED = 16  # reforms of a float32 run that are also computed in float64
_MAKING = threading.Lock()  # held while a kernel is made, for which the threads of an executor wait


@dataclass(eq=False)
class Sweep:
    """The result of a sweep, whole or as far as it got.

    Attributes:
        ledger: its chunks and its manifest.
        error: largest difference of float32 from float64 on a sample of the reforms, by figure, as a share of the
            largest value of the figure among them; None where it was not taken.
        rate: reforms a second of this run, compilation included.
        resumed: reforms that were there before.
    """

    ledger: Ledger
    error: pd.Series | None = None
    rate: float = float("nan")
    resumed: int = 0

    @functools.cached_property
    def table(self) -> pd.DataFrame:
        """One row a finished reform, indexed by its number in the plan: parameters, then figures."""
        return self.ledger.read()

    @property
    def manifest(self) -> Mapping[str, Any]:
        """What was run: plan, hashes, layout."""
        return self.ledger.manifest

    @property
    def cells(self) -> list[str]:
        """Names of the parameter cells that vary."""
        return list(self.manifest["cells"])

    @property
    def figures(self) -> list[str]:
        """Names of the figures."""
        return list(self.manifest["figures"])

    @property
    def missing(self) -> int:
        """Reforms that are still to be computed."""
        return sum(len(range(*self.ledger.span(c))) for c in self.ledger.missing())

    def merge(self, path: Any) -> Path:
        """Write the whole table to one .parquet, .csv or .csv.gz file; doing it again gives the same file.

        Raises:
            JaxsimError: reforms are missing.
        """
        from jaxsim.files import write_table

        if self.missing:
            raise JaxsimError(
                f"{self.missing:,} of {self.manifest['reforms']:,} reforms are missing: run the sweep (or its other "
                "shards) again to go on, then merge"
            )
        return write_table(self.ledger.read(), path, index=True)

    def plot(self, parameter: str | None = None, figure: str | None = None) -> Any:
        """A figure of the runs over the values of a parameter; the first of each by default."""
        from jaxsim.plots import plot_runs

        return plot_runs(self.table, parameter or self.cells[0], figure or self.figures[0])

    def __repr__(self) -> str:
        where = "" if isinstance(self.ledger, InMemory) else f" in {self.ledger.folder}"
        total = self.manifest["reforms"]
        parts = [f"{total - self.missing:,} of {total:,} reforms, {len(self.figures)} figures"]
        if np.isfinite(self.rate):
            parts.append(f"{self.rate:,.0f} a second")
        if self.error is not None:
            parts.append(f"float32 within {self.error.max():.1e} of float64")
        return f"<Sweep{where}: {', '.join(parts)}>"


def open_sweep(folder: Any) -> Sweep:
    """The sweep in a folder, finished or not."""
    return Sweep(Ledger.open(folder))


def sweep(
    sim: Simulation,
    plan: Any,
    outcomes: Any,
    *,
    out: Any = None,
    precision: str = "float32",
    kernel: str = "auto",
    memory: float | str | None = None,
    devices: Any = None,
    executor: Executor | str = "local",
    shard: tuple[int, int] | str = (0, 1),
    chunk: int | None = None,
    check: int = CHECKED,
    progress: bool = True,
) -> Sweep:
    """Figures of every reform of a plan.

    Args:
        sim: the simulation; what a reform does not name stays as in its law.
        plan: reforms: `js.grid`, `js.latin_hypercube`, `js.sobol`, `js.uniform`, `js.draws`, a table (DataFrame, CSV
            or Parquet file), values by path, or reforms one by one (see `plan.as_plan`).
        outcomes: variables (their weighted totals), names in `jaxsim.named_measures.NAMED`, functions of columns, or
            measures.
        out: folder for the ledger. If it holds a part of this very run, only what is missing is computed. None keeps
            the results in memory.
        precision: "float32" (amounts are added in float64) or "float64".
        kernel: "specialised" to the plan's parameters, "generic" for all that the outcomes read, or "auto".
        memory: what the process (on a CPU) or the device may take, e.g. "4GB"; by default what is chosen for speed.
        devices: devices of this process that share the work; the first by default, "all" for all.
        executor: "local" (default), "ray", or an executor.
        shard: (i, n) or "i/n": compute only every n-th chunk from the i-th on, for arrays of jobs that share `out`.
        chunk: reforms in a file of the ledger; chosen by default.
        check: reforms of a float32 run that are also computed in float64, to state the error; 0 for none.
        progress: show done, reforms a second and the time left.

    Returns:
        The sweep: its `table` has one row a reform.

    Raises:
        ParameterError: the plan names a parameter that does not exist, or a value outside its range.
        JaxsimError: `out` holds another run, another process writes to it, or it cannot be written.
        KeyboardInterrupt: after Ctrl-C; finished chunks are kept.
    """
    started = time.perf_counter()
    plan = as_plan(plan)
    sim = sim if sim.precision == precision else sim._copy(precision=precision)
    cells, values = plan.table(sim.law)
    part, runner = _shard(shard), _executor(executor)
    whole_number("chunk", chunk, 1)
    whole_number("check", check, 0)
    work = Work(sim, resolve(sim, outcomes), tuple(cells), kernel, len(plan), _bytes(memory), devices, runner.workers)
    taken = {"reform", *cells}.intersection(name for m in work.measures for name in m.names)
    if taken:
        raise JaxsimError(f"the outcome {min(taken)!r} has the name of another column of the results: rename it")
    if out is None:
        ledger: Ledger = InMemory(_manifest(work, plan, values, chunk))
    elif (Path(out) / "manifest.json").exists():  # lay out as it began, so that all chunks are alike
        work = replace(work, pinned=tuple(Ledger.open(out).manifest["layout"]))
        chunk = Ledger.open(out).manifest["chunk"]
        ledger = Ledger.start(out, _manifest(work, plan, values, chunk))
    else:
        Ledger.writable(out)
        ledger = Ledger.start(out, _manifest(work, plan, values, chunk))
        if (layout := tuple(ledger.manifest["layout"])) != (work.kernel.kind, *work.kernel.layout):
            work = replace(work, pinned=layout, _made=[])  # another process began it meanwhile
    with ledger.writing(part):
        todo = ledger.missing(part)
        total, left = (sum(len(range(*ledger.span(c))) for c in cs) for cs in (ledger.shard(part), todo))
        error = work.error(values, check) if todo and check and precision == "float32" else None
        with _progress(total, total - left, progress and bool(todo)) as tick:
            chunks = runner.run(todo, lambda c: values[slice(*ledger.span(c))], work, tick)
            try:
                for done, figures in chunks:
                    ledger.write(done, values[slice(*ledger.span(done))], figures)
            finally:
                getattr(chunks, "close", lambda: None)()
    rate = left / (time.perf_counter() - started) if left else float("nan")
    return Sweep(ledger, error, rate, total - left)


@dataclass(eq=False)
class Work:
    """What computes the figures of a chunk; its kernel is made when first needed."""

    sim: Simulation
    measures: tuple[Measure, ...]
    cells: tuple[str, ...]
    kind: str = "auto"
    laws: int = 1
    memory: float | None = None
    devices: Any = None
    workers: int = 1
    pinned: tuple[str, int, int] | None = None
    _made: list[Kernel] = field(default_factory=list)

    @property
    def kernel(self) -> Kernel:
        with _MAKING:
            if not self._made:
                sim, kind = self.sim, self.kind
                if self.pinned is not None:
                    kind, blocks, size = self.pinned
                    sim = sim._copy(layout=Layout(blocks=blocks, reforms=size))
                self._made.append(
                    Kernel(sim, self.measures, self.cells, kernel=kind, laws=self.laws, memory=self.memory,
                           workers=self.workers, devices=self.devices)
                )  # fmt: skip
            return self._made[0]

    def __call__(
        self, values: np.ndarray, stop: Callable[[], bool] = lambda: False, tick: Callable[[int], None] = lambda n: None
    ) -> np.ndarray:
        """Figures [reforms, figures] of values [reforms, cells].

        Raises:
            Stopped: `stop()` became true.
        """
        parts = []
        for first in range(0, len(values), self.kernel.size):
            if stop():
                raise Stopped
            parts.append(self.kernel.figures(values[first : first + self.kernel.size]))
            tick(len(parts[-1]))
        return np.concatenate(parts)

    def error(self, values: np.ndarray, count: int) -> pd.Series:
        """Largest relative difference from float64 among some reforms, by figure."""
        import pandas as pd

        rows = values[np.unique(np.linspace(0, len(values) - 1, min(count, len(values))).astype(int))]
        sim = self.sim._copy(precision="float64", layout=Layout(reforms=len(rows)))
        exact = replace(self, sim=sim, memory=None, devices=None, pinned=None, _made=[])
        wide, narrow = exact(rows), self(rows)
        largest = np.abs(wide).max(0)
        share = np.divide(np.abs(narrow - wide).max(0), largest, out=np.zeros_like(largest), where=largest > 0)
        return pd.Series(share, index=self.kernel.names, name="largest relative difference of float32")

    def recipe(self) -> Recipe:
        """What another process needs to make it."""
        kernel = self.kernel
        return Recipe(replace(self, pinned=(kernel.kind, *kernel.layout), devices=None, _made=[]))


@dataclass(frozen=True, eq=False)
class Recipe:
    """How to make a worker in another process: a simulation without what it has on its device."""

    work: Work

    def __getstate__(self) -> dict[str, Any]:
        sim = self.work.sim
        parts = {name: getattr(sim, name) for name in ("population", "year", "law", "system", "precision", "layout")}
        return {"work": {**vars(self.work), "sim": parts}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        from jaxsim.simulation import Simulation

        settings = state["work"]
        sim = Simulation(**settings["sim"], age=False)
        object.__setattr__(self, "work", Work(**{**settings, "sim": sim, "workers": 1}))

    def build(self) -> Work:
        return self.work


def _manifest(work: Work, plan: Plan, values: np.ndarray, chunk: int | None) -> dict[str, Any]:
    import jax

    import jaxsim

    sim, kernel = work.sim, work.pinned or (work.kernel.kind, *work.kernel.layout)
    if chunk is None:
        chunk = min(-(-len(plan) // FILES), LARGEST)
        chunk = -(-chunk // kernel[2]) * kernel[2]
    outcomes = {m.name: (m.names, m.entity, m.amounts, m.over, m.whole, m.slopes, m.columns) for m in work.measures}
    rules = {name: (r.function, r.arguments, r.parameters) for name, r in sim.system.rules.items()}
    names = [name for m in work.measures for name in m.names]
    return {
        "format": FORMAT,
        "reforms": len(plan),
        "chunk": int(chunk),
        "design": plan.design,
        "seed": plan.seed,
        "cells": list(work.cells),
        "figures": names,
        "population": hashes.of_population(sim.population),
        "law": hashes.of_law(sim.parameters),
        "rules": hashes.of_functions(rules),
        "plan": fingerprint(work.cells, values),
        "outcomes": hashes.of_functions({"names": names, **outcomes}),
        "precision": sim.precision,
        "code": hashes.of_code(),
        "layout": list(kernel),
        "made with": {"jaxsim": jaxsim.__version__, "jax": jax.__version__, "source": sim.population.source,
                      "year": sim.year, "law": sim.law.name},
    }  # fmt: skip


@contextlib.contextmanager
def _progress(total: int, resumed: int, shown: bool) -> Iterator[Callable[[int], None]]:
    """A bar of reforms done, in all and a second, and the time left; yields what moves it on."""
    if not shown:
        yield lambda n: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    again = f", {resumed:,} of them before" if resumed else ""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"),
               TimeRemainingColumn())  # fmt: skip
    started = time.perf_counter()
    done = 0
    with Progress(*columns) as bar:
        task = bar.add_task(f"{total:,} reforms{again}", total=total, completed=resumed, rate="")

        def tick(n: int) -> None:
            nonlocal done
            done += n
            bar.update(task, advance=n, rate=f"{done / (time.perf_counter() - started):,.0f}/s")

        yield tick


def _executor(given: Executor | str) -> Executor:
    if isinstance(given, str):
        if given not in ("local", "ray"):
            raise JaxsimError(f"executor {given!r} is unknown: use 'local', 'ray', or one of jaxsim.sweep")
        return Local() if given == "local" else Ray()
    if not hasattr(given, "run"):
        raise JaxsimError(f"executor {given!r} is none: use 'local', 'ray', or one of jaxsim.sweep")
    return given


def _shard(given: tuple[int, int] | str) -> tuple[int, int]:
    try:
        index, count = (int(x) for x in (given.split("/") if isinstance(given, str) else given))
    except (TypeError, ValueError):
        raise JaxsimError(f"shard {given!r}: give i/n, e.g. 0/8 for the first of eight") from None
    if not 0 <= index < count:
        raise JaxsimError(f"shard {index}/{count}: shards of {count} are numbered 0 to {count - 1}")
    return index, count


UNITS = {"GB": 1e9, "MB": 1e6, "GIB": 2**30, "MIB": 2**20, "G": 1e9, "M": 1e6, "": 1.0}


def _bytes(given: float | str | None) -> float | None:
    if given is None:
        return None
    text = str(given).strip().upper()
    number = text.rstrip("BGIM")
    try:
        size = float(number) * UNITS[text[len(number) :].strip()]
    except (KeyError, ValueError):
        raise JaxsimError(f"memory {given!r}: give bytes, or a size such as 4GB or 500MB") from None
    if not size > 0:
        raise JaxsimError(f"memory {given!r}: give a size above 0")
    return size
