"""Who computes the chunks of a sweep: threads of this process (default), or actors of a Ray cluster.

An executor is given chunks and a worker and yields (chunk, figures) as they are done, in any order. The process that
runs the sweep writes them, so workers elsewhere need no access to its folder.
"""

from __future__ import annotations

import logging
import os
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any, Protocol

import numpy as np

from jaxsim.errors import JaxsimError

PATIENCE = 60  # seconds without any worker after which Ray's executor says so

Chunk = tuple[int, np.ndarray]
"""Number of a chunk, and values [reforms, cells]."""


Values = Callable[[int], np.ndarray]


class Stopped(Exception):
    """A worker gave up its chunk because the sweep stops."""


class Executor(Protocol):
    """Computes chunks."""

    workers: int

    def run(self, chunks: Sequence[int], values: Values, work: Any, tick: Callable[[int], None]) -> Iterator[Chunk]:
        """Yield (chunk, figures [reforms, figures]) as chunks are done.

        Args:
            chunks: numbers of the chunks to compute.
            values: gives the values [reforms, cells] of a chunk.
            work: `work(values, stop, tick)` computes figures; `work.recipe().build()` makes it in another process.
            tick: to be called with a number of reforms when they are done.
        """
        ...


class Local:
    """Threads of this process, which share its compiled programs and its devices.

    Args:
        workers: chunks at a time; by default the cores it may use (their calls overlap where one leaves cores idle).
    """

    def __init__(self, workers: int | None = None):
        usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        self.workers = workers or min(usable, 4)

    def run(self, chunks: Sequence[int], values: Values, work: Any, tick: Callable[[int], None]) -> Iterator[Chunk]:
        stop = threading.Event()
        left = iter(chunks)
        running: dict[Future[np.ndarray], int] = {}
        with ThreadPoolExecutor(self.workers) as pool:
            try:
                while True:
                    while len(running) < self.workers and (chunk := next(left, None)) is not None:
                        running[pool.submit(work, values(chunk), stop.is_set, tick)] = chunk
                    if not running:
                        return
                    done, _ = wait(running, return_when=FIRST_COMPLETED)
                    for future in done:
                        yield running.pop(future), future.result()
            finally:
                stop.set()  # threads leave after the call under way


class Ray:
    """Actors of a Ray cluster (extra `cluster`); the chunk of one that dies is given to another.

    Args:
        workers: actors.
        address: of the cluster, e.g. "auto"; by default Ray starts on this machine.
        attempts: how often a chunk is tried whose actors die.
        options: for each actor, e.g. {"num_gpus": 1}; one CPU by default.
    """

    def __init__(
        self, workers: int = 2, address: str | None = None, attempts: int = 3, options: dict[str, Any] | None = None
    ):
        self.workers, self.address, self.attempts = workers, address, attempts
        self.options = {"num_cpus": 1, **(options or {})}

    def run(self, chunks: Sequence[int], values: Values, work: Any, tick: Callable[[int], None]) -> Iterator[Chunk]:
        try:
            import ray
        except ImportError:
            raise JaxsimError("the Ray executor needs ray: pip install 'jaxsim[cluster]'") from None
        if not ray.is_initialized():
            with warnings.catch_warnings():  # Ray starts programs of its own; none of them goes on with JAX's threads
                warnings.filterwarnings("ignore", "os.fork", RuntimeWarning)
                ray.init(self.address, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
        dead = (ray.exceptions.RayActorError, ray.exceptions.NodeDiedError, ray.exceptions.ObjectLostError,
                ray.exceptions.OutOfMemoryError)  # fmt: skip
        recipe = ray.put(work.recipe())
        actors: Any = ray.remote(**self.options)(_Actor)
        left = list(reversed(chunks))
        tried: dict[int | None, int] = {}
        idle: list[Any] = []
        running: dict[Any, tuple[int | None, Any]] = {}  # chunk, or None for an actor that is starting, and actor

        def start() -> None:
            actor = actors.remote(recipe)
            running[actor.ready.remote()] = None, actor

        for _ in range(min(self.workers, len(left))):
            start()
        try:
            # actors that the cluster has no room for never start, and are given nothing
            while left or any(chunk is not None for chunk, _ in running.values()):
                while left and idle:
                    following, actor = left.pop(), idle.pop()
                    running[actor.figures.remote(values(following))] = following, actor
                done, _ = ray.wait(list(running), num_returns=1, timeout=PATIENCE)
                if not done and all(chunk is None for chunk, _ in running.values()):
                    warnings.warn(f"no worker has started yet: has the cluster {self.options}?", stacklevel=2)
                for reference in done:
                    chunk, actor = running.pop(reference)
                    try:
                        figures = ray.get(reference)
                    except dead as error:
                        ray.kill(actor)
                        tried[chunk] = tried.get(chunk, 0) + 1
                        if tried[chunk] >= self.attempts:
                            what = "as they started" if chunk is None else "on it"
                            raise JaxsimError(
                                f"{'sweep' if chunk is None else f'chunk {chunk}'}: {self.attempts} workers died "
                                f"{what}, perhaps for want of memory. What is done is kept; run again with less "
                                "memory or fewer workers to go on. The last one said: "
                                f"{str(error).strip().splitlines()[-1].strip()}"
                            ) from error
                        if chunk is not None:
                            left.append(chunk)
                        start()
                        continue
                    idle.append(actor)
                    if chunk is None:
                        tried.pop(None, None)
                        continue
                    tick(len(figures))
                    yield chunk, figures
        finally:
            for actor in [*idle, *(a for _, a in running.values())]:
                ray.kill(actor)


class _Actor:
    """A worker in a process of its own."""

    def __init__(self, recipe: Any):
        self.work = recipe.build()

    def ready(self) -> None:
        """Returns once the actor has started."""

    def figures(self, values: np.ndarray) -> np.ndarray:
        return self.work(values)
