"""Laws to compare with: the law before an act, and the law without one provision of it, as reform files.

A folder of `parameters/baselines/us` is an act; each file in it is a provision, which says what the law would be
without it. So all files together are the law before the act, and taking the same paths from the law in force enacts a
provision again, on top of whatever law one begins with. A file beside the folders is a law of its own.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxsim.errors import ReformError, nearest
from jaxsim.parameter_files import load_law, parameters_root, strict_yaml
from jaxsim.parameters import YEARS, Law
from jaxsim.reform import Reform

if TYPE_CHECKING:
    import pandas as pd

CURRENT = "current_law"


@dataclass(frozen=True)
class Provision:
    """One provision of an act.

    Attributes:
        act: folder name, e.g. "pl_119_21".
        key: file name, e.g. "child_tax_credit".
        title: what it is, in words.
        reference: its section, with an address.
        repeal: the reform that takes the law in force back to what it would be without the provision.
    """

    act: str
    key: str
    title: str
    reference: tuple[tuple[str, str], ...]
    repeal: Reform

    def enactment(self, law: Law | None = None) -> Reform:
        """The provision as a reform: the values of the law in force at every path it changes."""
        law = load_law() if law is None else law
        changes = {}
        for path in self.repeal.changes:
            leaf = path if path in law.leaves else next(p for p in law.leaves if path.startswith(p + "."))
            changes[leaf] = dict(zip(YEARS, law.by_year(law[leaf]), strict=True))
        return Reform(changes, self.title)


def _root() -> Path:
    return parameters_root().parent / "baselines" / "us"


@functools.cache
def provisions(act: str) -> tuple[Provision, ...]:
    """Provisions of an act, in the order of their sections."""
    folder = _root() / act
    if not act or not folder.is_dir():
        raise ReformError(f"unknown act {act!r}.{nearest(act, _acts())}")
    found = []
    for file in sorted(folder.glob("*.yaml")):
        title, reference, changes = _read(file)
        found.append(
            Provision(
                act,
                file.stem.partition("_")[2],
                title,
                reference,
                Reform(changes, f"without the provision: {title.lower()}"),
            )
        )
    return tuple(found)


def _read(file: Path) -> tuple[str, tuple[tuple[str, str], ...], dict[str, Any]]:
    content = strict_yaml(file.read_text(encoding="utf-8"))
    return content["name"], tuple((r["title"], r["href"]) for r in content["reference"]), content["changes"]


def _acts() -> list[str]:
    return sorted(p.name for p in _root().iterdir() if p.is_dir())


def _whole_laws() -> dict[str, Path]:
    """Files of laws that are not an act's provisions together."""
    return {p.stem: p for p in sorted(_root().glob("*.yaml"))}


def baseline(name: str) -> Reform:
    """A law to compare with, as a reform of the law in force.

    Args:
        name: "current_law"; "before_pl_119_21", the law as if the act had not been passed; "tcja_extended", the law
            of 2025 before it, carried on; or "pl_119_21.child_tax_credit", the law in force without that provision.
            See `baselines` for all names.

    Raises:
        ReformError: an unknown name.
    """
    if name == CURRENT:
        return Reform({}, "current law")
    if name in _whole_laws():
        title, _, changes = _read(_whole_laws()[name])
        return Reform(changes, title)
    act = name.removeprefix("before_").partition(".")[0]
    if act in _acts():
        if name == f"before_{act}":
            changes = {path: value for p in provisions(act) for path, value in p.repeal.changes.items()}
            return Reform(changes, f"law before {_words(act)}")
        for provision in provisions(act):
            if name == f"{act}.{provision.key}":
                return provision.repeal
    raise ReformError(f"unknown baseline {name!r}.{nearest(name, [*baselines().index])}")


def baselines() -> pd.DataFrame:
    """Names of all baselines, with what they are and the section of law."""
    import pandas as pd

    rows = [(CURRENT, "the law in force", "")]
    for name, file in _whole_laws().items():
        title, reference, _ = _read(file)
        rows.append((name, title, reference[0][0]))
    for act in _acts():
        rows.append((f"before_{act}", f"the law before {_words(act)}", ""))
        rows += [(f"{act}.{p.key}", p.repeal.name, p.reference[0][0]) for p in provisions(act)]
    return pd.DataFrame(rows, columns=["baseline", "law", "reference"]).set_index("baseline")


def _words(act: str) -> str:
    return act.replace("pl_", "P.L. ").replace("_", "-")
