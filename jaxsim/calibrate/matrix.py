"""What every household adds to every target, from the rules engine.

Concepts become variables of the simulation (see concepts.yaml); constraints become masks over the rows that a source
counts: returns are tax units that file (`files_return`), persons are persons, households households. Amounts of head
and spouse are summed, and household amounts (SNAP) stand once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxsim.calibrate.load import concepts
from jaxsim.calibrate.problem import Problem
from jaxsim.calibrate.selection import Targets
from jaxsim.calibrate.store import Constraint
from jaxsim.errors import InputError, nearest
from jaxsim.household import STATES

if TYPE_CHECKING:
    from jaxsim.simulation import Simulation

ROWS = {"returns": "tax_unit", "persons": "person", "households": "household"}
WIDTH = ("person", "tax_unit", "household")
FILED = "files_return"
STATUSES = {"single": {0}, "joint": {1, 4}, "separate": {2}, "head_of_household": {3}}
"""SOI counts surviving spouses with joint returns."""
CHUNK = 256


def build_matrix(sim: Simulation, targets: Targets, *, progress: bool = False) -> Problem:
    """The calibration problem of a simulation and targets: a sparse matrix [targets, households], values, base weights.

    Targets whose concept the simulation cannot compute are left out; `Problem.left_out` says which and why.

    Args:
        sim: population, law and year; the year should be that of the targets.
        targets: see `select`.
        progress: show a progress bar.

    Raises:
        InputError: a concept, constraint or source that is not known; a simulation of another year.
    """
    import scipy.sparse as sparse

    from jaxsim.progress import Progress

    if sim.year != targets.period:
        raise InputError(
            f"targets are of {targets.period}, the simulation of {sim.year}: use Simulation(population, "
            f"year={targets.period}) or targets of {sim.year}"
        )
    table = targets.table
    lacks = {c: concepts()[c]["lacks"] for c in set(table.concept) & set(concepts()) if "lacks" in concepts()[c]}
    kept = targets.keep(~table.concept.isin(lacks).to_numpy()) if lacks else targets
    if not len(kept):
        reasons = "; ".join(f"{concept}: {reason}" for concept, reason in sorted(lacks.items()))
        raise InputError(f"none of the targets can be computed ({reasons})" if lacks else "there are no targets")
    rows = _Rows(sim, kept)
    pieces = []
    with Progress("matrix of targets", len(kept), progress) as bar:
        for start in range(0, len(kept), CHUNK):
            part = kept.table.iloc[start : start + CHUNK]
            cells = [
                rows.cells(concept, statistic, counts, constraints)
                for concept, statistic, counts, constraints in zip(
                    part.concept, part.statistic, part.counts, kept.constraints[start : start + CHUNK], strict=True
                )
            ]
            lengths = [len(at) for at, _ in cells]
            matrix = sparse.csr_array(
                (
                    np.concatenate([v for _, v in cells]),
                    np.concatenate([at for at, _ in cells]),
                    np.concatenate([[0], np.cumsum(lengths)]),
                ),
                shape=(len(cells), len(sim.population.weights)),
            )
            matrix.sum_duplicates()
            matrix.eliminate_zeros()
            pieces.append(matrix)
            bar.advance(len(cells))
    left_out = table[table.concept.isin(lacks)]
    return Problem(
        matrix=sparse.csr_array(sparse.vstack(pieces)),
        values=kept.table.value.to_numpy(np.float64),
        base=sim.population.weights,
        names=tuple(kept.names),
        families=tuple(kept.table.family),
        tolerance=kept.table.tolerance.to_numpy(np.float64),
        left_out={name: lacks[c] for name, c in zip(targets.keep(table.concept.isin(lacks).to_numpy()).names,
                                                    left_out.concept, strict=True)},
        provenance={"population": sim.population.source, "year": sim.year, "law": sim.law.name},
    )  # fmt: skip


class _Rows:
    """Columns of the simulation on the rows that sources count, computed once."""

    def __init__(self, sim: Simulation, targets: Targets):
        self.sim = sim
        names: set[str] = {FILED} if (targets.table.counts == "returns").any() else set()
        for concept in set(targets.table.concept):
            names |= set(_terms(concept)) | set(_flags(concept))
        for constraints in targets.constraints:
            names |= {v for v, _, _ in constraints if v != "state"}
        names.discard("one")
        known = {*sim.system.rules, *sim.system.inputs}
        for name in sorted(names):
            if name not in known:
                raise InputError(f"targets need the variable {name!r}, which the system lacks.{nearest(name, known)}")
        self.columns = sim.columns(*sorted(names)) if names else {}
        self.homes = {
            entity: np.arange(sim.population.count("household"))
            if entity == "household"
            else sim.population.links[f"household_of_{entity}"]
            for entity in ROWS.values()
        }
        self.kept: dict[Any, Any] = {}

    def column(self, name: str, entity: str) -> np.ndarray:
        """A variable on the rows of an entity; a sum over members where it is of them."""
        key = (name, entity)
        if key not in self.kept:
            if name == "one":
                self.kept[key] = np.ones(self.sim.population.count(entity))
            else:
                source = self.sim.system.variable(name).entity.name
                if source == "person" and entity == "tax_unit" and name != "age":
                    self.kept[key] = _of_filers(self.sim, self.columns[name])
                else:
                    self.kept[key] = self.sim.map_to(self.columns[name], source, entity)
        return self.kept[key]

    def amount(self, concept: str, entity: str) -> np.ndarray:
        """What a concept adds up, on the rows of an entity."""
        key = (concept, entity, "amount")
        if key not in self.kept:
            described = concepts()[concept]
            for name in _terms(concept):
                of = entity if name == "one" else self.sim.system.variable(name).entity.name
                if WIDTH.index(of) > WIDTH.index(entity):
                    wide = " or ".join(c for c, e in ROWS.items() if WIDTH.index(e) >= WIDTH.index(of))
                    raise InputError(
                        f"concept {concept!r}: {name} is of each {of}, and what each {entity} has of it is not known: "
                        f"take a source that counts {wide}"
                    )
            total = sum(sign * self.column(name, entity) for name, sign in _terms(concept).items())
            part = described.get("part")
            if part:
                total = np.maximum(total if part == "positive" else -total, 0.0)
            for flag, wanted in _flags(concept).items():
                total = total * ((self.column(flag, entity) > 0) == wanted)
            self.kept[key] = np.asarray(total, dtype=np.float64)
        return self.kept[key]

    def counted(self, concept: str, counts: str) -> np.ndarray:
        """Rows with an amount of a concept among those that a source counts."""
        key = (concept, counts, "counted")
        if key not in self.kept:
            entity = ROWS.get(counts)
            if entity is None:
                raise InputError(f"a source that counts {counts!r}: use one of {', '.join(ROWS)}")
            has = self.amount(concept, entity) != 0
            if counts == "returns":
                has &= self.column(FILED, entity) > 0
            self.kept[key] = np.flatnonzero(has)
        return self.kept[key]

    def cells(
        self, concept: str, statistic: str, counts: str, constraints: Iterable[Constraint]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Households and what each adds to a target; a household with several rows stands several times."""
        if concept not in concepts():
            raise InputError(f"concept {concept!r} is not in concepts.yaml.{nearest(concept, concepts())}")
        entity, rows = ROWS.get(counts, ""), self.counted(concept, counts)
        for constraint in constraints:
            rows = rows[self.mask(entity, constraint)[rows]]
        adds_up = statistic == "amount" or concepts()[concept].get("sums", False)
        values = self.amount(concept, entity)[rows] if adds_up else np.ones(len(rows))
        return self.homes[entity][rows], values

    def mask(self, entity: str, constraint: Constraint) -> np.ndarray:
        """Rows of an entity that meet a constraint."""
        key = (entity, constraint)
        if key not in self.kept:
            variable, operation, value = constraint
            if variable == "state":
                if value not in STATES:
                    raise InputError(f"state {value!r} is not a two-letter code.{nearest(value, STATES)}")
                fips = self.sim.map_to(self.sim.population.tables["household"]["state_fips"], "household", entity)
                self.kept[key] = fips == STATES[value]
            elif variable == "filing_status":
                if value not in STATUSES:
                    raise InputError(f"filing status {value!r}: use one of {', '.join(STATUSES)}")
                self.kept[key] = np.isin(self.column(variable, entity), list(STATUSES[value]))
            else:
                try:
                    column, bound = self.column(variable, entity), float(value)
                except ValueError:
                    raise InputError(f"constraint {variable} {operation} {value!r}: not a number") from None
                self.kept[key] = {"=": column == bound, ">=": column >= bound, "<": column < bound}[operation]
        return self.kept[key]


def _terms(concept: str) -> dict[str, float]:
    """Variables of a concept and their signs."""
    if concept not in concepts():
        raise InputError(f"concept {concept!r} is not in concepts.yaml.{nearest(concept, concepts())}")
    of = concepts()[concept]["of"]
    return {n.removeprefix("-"): -1.0 if n.startswith("-") else 1.0 for n in ([of] if isinstance(of, str) else of)}


def _flags(concept: str) -> dict[str, bool]:
    described = concepts()[concept]
    return {described[key]: wanted for key, wanted in (("where", True), ("unless", False)) if key in described}


def _of_filers(sim: Simulation, values: np.ndarray) -> np.ndarray:
    """Amounts of persons summed over head and spouse of each tax unit: what dependants have is on their own returns."""
    head, spouse, _ = sim.population.filers
    return values[head] + np.where(spouse >= 0, values[spouse], 0.0)
