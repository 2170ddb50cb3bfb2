"""Progress of long work on standard error, with whatever figures the work has to show."""

from __future__ import annotations

from types import TracebackType
from typing import Any


class Progress:
    """A bar while work goes on; nothing at all where it is not wanted.

    Args:
        title: what is done.
        total: units of work; None where it is not known.
        shown: whether to show it.
    """

    def __init__(self, title: str, total: int | None, shown: bool):
        self._bar: Any = None
        if shown:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
            from rich.progress import Progress as Bar

            self._bar = Bar(
                TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
                TextColumn("{task.fields[figures]}"), console=Console(stderr=True),
            )  # fmt: skip
            self._task = self._bar.add_task(title, total=total, figures="")

    def advance(self, units: int = 1, **figures: float) -> None:
        """Units done, and figures to show beside the bar."""
        if self._bar is not None:
            words = "  ".join(f"{name.replace('_', ' ')} {value:.4g}" for name, value in figures.items())
            self._bar.update(self._task, advance=units, figures=words)

    def __enter__(self) -> Progress:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
