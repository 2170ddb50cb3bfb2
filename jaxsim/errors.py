"""Errors a user can act on. The command line prints them without a traceback."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any


class JaxsimError(ValueError):
    """Something in the user's hands is wrong; the message says what and how to mend it."""


class ParameterError(JaxsimError):
    """A parameter file, path, date or shape is wrong."""


class ReformError(JaxsimError):
    """A reform names something that does not exist or has the wrong form."""


class InputError(JaxsimError):
    """Input data is refused: the message names file, column, first offending rows and the remedy."""


class RuleError(JaxsimError):
    """A rule, or the graph of rules, is inconsistent."""


class PrecisionError(JaxsimError):
    """float64 was asked for while JAX is set to 32 bits."""


def nearest(name: str, known: Iterable[str], n: int = 3) -> str:
    """A phrase naming the known names closest to `name`, for the end of an error message."""
    known = list(known)
    matches = difflib.get_close_matches(name, known, n=n, cutoff=0.5)
    if not matches:  # compare last parts too: people remember "ctc.amount", not the whole path
        tail = name.rsplit(".", 1)[-1]
        matches = [k for k in known if tail and tail in k][:n]
    return f" Nearest: {', '.join(matches)}." if matches else ""


def whole_number(name: str, given: Any, least: int) -> None:
    """Refuse a setting that is not a whole number of at least `least`; None passes."""
    if given is not None and (isinstance(given, bool) or not isinstance(given, int) or given < least):
        raise JaxsimError(f"{name}={given!r}: give a whole number of at least {least}")
