"""What must hold between persons, units and households: rules that are declared, counted and enforced.

rules = [Shared("state", by="head"), Adds("tax_unit.wages", "person.wages"), OlderThan("mother_id"), Spouses()]
violations(tables, rules)
tables = enforce_hierarchy(tables, rules)

Tables are DataFrames by name ("person", "tax_unit", "household", ...), each with its id ("person_id", ...) as a column
or as its named index, and with the ids of the groups it lies in. Links go by id, never by the order of rows.

Limits of ages have the form x_j <= x_i + w. Solutions of such limits are closed under the greater and the lesser of
two, so there is a least one, and a greatest one below any ages that are nowhere less than it: ages rise to the first
where they must, then fall to the second, and none moves further than it has to.
"""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from jaxsim.columns import refuse
from jaxsim.errors import InputError, whole_number
from jaxsim.impute.links import (
    Tables,
    ages_of,
    column_of,
    group_ranks,
    group_sums,
    ids_of,
    numbers_of,
    pointed_rows,
    reference_rows,
    rows_of,
    table_and_column,
    with_column,
)

Limit = tuple[np.ndarray, np.ndarray, int]  # persons i and j, and w: x_j <= x_i + w


class Rule(abc.ABC):
    """Something that must hold in tables."""

    @abc.abstractmethod
    def broken(self, tables: Tables) -> np.ndarray:
        """Which of the things that the rule speaks of (members, groups, pointers) break it; booleans."""

    def mend(self, tables: Tables) -> Tables:
        """Tables in which the rule holds, ages apart: they are mended for all rules at once."""
        return tables


@dataclasses.dataclass(frozen=True)
class Shared(Rule):
    """A value that all members of a group share: that of the group's table, or else of its reference person.

    Attributes:
        column: of persons, or "table.column".
        of: the members' column with the id of their group; "household_id" is an id of the table "household".
        by: the reference member: "first" (lowest id), "head" (role "head" or 0), "largest" (greatest value), the name
            of a pointer ("..._id", on the members or on the groups), or else of a column: the member with the greatest
            value in it, such as the one who is flagged. The lowest id wins ties.
    """

    column: str
    of: str = "household_id"
    by: str = "first"

    def broken(self, tables: Tables) -> np.ndarray:
        return self._held(tables)[1]

    def mend(self, tables: Tables) -> Tables:
        shared, broken = self._held(tables)
        table, column = table_and_column(self.column)
        return with_column(tables, table, column, shared) if broken.any() else tables

    def _held(self, tables: Tables) -> tuple[pd.Series, np.ndarray]:
        """The value each member should hold, and which members hold another."""
        table, column = table_and_column(self.column)
        whole, now = self.of.removesuffix("_id"), column_of(tables, table, column)
        if whole in tables and column in tables[whole].columns:
            values, row = column_of(tables, whole, column), rows_of(tables, table, self.of, whole)
        else:
            ids, group = np.unique(numbers_of(tables, table, self.of), return_inverse=True)
            values, row = now, reference_rows(tables, table, column, self.of, self.by, group, len(ids))[group]
        shared = values.iloc[row].reset_index(drop=True)
        codes, _ = pd.factorize(pd.concat([now.astype(object), shared.astype(object)], ignore_index=True))
        return shared, codes[: len(now)] != codes[len(now) :]


@dataclasses.dataclass(frozen=True)
class Adds(Rule):
    """A total of groups equals the sum of its members' parts, both in whole cents.

    Where parts give way, each does so in proportion to its size: p + (total - sum) |p| / sum of |p|. Parts of one sign
    are thus scaled to the total, and parts of both signs that nearly cancel do not explode. Cents left over go to the
    largest remainders (then sizes, then lowest ids).

    Attributes:
        total, parts: "table.column" of the groups, and of the members, who have the id of their group.
        adjust: which side gives way, "total" or "parts".
        reference: the member who gets the total where all parts are 0, see `Shared.by`.
        per_unit: cents in a unit of money; 1 holds amounts to whole units.
    """

    total: str
    parts: str
    adjust: str = "total"
    reference: str = "first"
    per_unit: int = 100

    def __post_init__(self) -> None:
        whole_number("per_unit", self.per_unit, 1)
        if self.adjust not in ("total", "parts"):
            raise InputError(f"adjust={self.adjust!r}: use 'total' or 'parts'")
        if table_and_column(self.total)[0] == table_and_column(self.parts)[0]:
            raise InputError(f"{self.total!r} and {self.parts!r} are in one table: totals belong in that of the groups")

    def broken(self, tables: Tables) -> np.ndarray:
        (total, uneven), (parts, loose), group = self._cents(tables)
        uneven[group[loose]] = True
        return uneven | (total != group_sums(parts, group, len(total)))

    def mend(self, tables: Tables) -> Tables:
        (total, uneven), (parts, loose), group = self._cents(tables)
        sums = group_sums(parts, group, len(total))
        new = parts if self.adjust == "total" else self._scaled(tables, total - sums, parts, group)
        if loose.any() or (new != parts).any():
            tables = with_column(tables, *table_and_column(self.parts), new / self.per_unit)
        if uneven.any() or (self.adjust == "total" and (sums != total).any()):
            totals = sums if self.adjust == "total" else total
            tables = with_column(tables, *table_and_column(self.total), totals / self.per_unit)
        return tables

    def _cents(self, tables: Tables) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray], np.ndarray]:
        """Totals and parts in whole cents, each with which of them were not whole; the row of each part's group."""
        (whole, _), (member, _) = sides = [table_and_column(name) for name in (self.total, self.parts)]
        both = []
        for table, column in sides:
            amounts = numbers_of(tables, table, column)
            big = np.flatnonzero(np.abs(amounts) * self.per_unit > 2**52)
            if len(big):
                raise refuse(table, column, "too large to be held to the cent", big, "Give a smaller per_unit.")
            cents = np.rint(amounts * self.per_unit).astype(np.int64)
            both.append((cents, cents / self.per_unit != amounts))
        return both[0], both[1], rows_of(tables, member, f"{whole}_id", whole)

    def _scaled(self, tables: Tables, lacking: np.ndarray, parts: np.ndarray, group: np.ndarray) -> np.ndarray:
        """Parts that add up: to each group's sum is added what it lacks."""
        (whole, column), (table, part) = table_and_column(self.total), table_and_column(self.parts)
        alone = np.flatnonzero((lacking != 0) & (np.bincount(group, minlength=len(lacking)) == 0))
        if len(alone):
            raise refuse(whole, column, f"a total without any row of {table!r}", alone, "Set it to 0, or adjust it.")
        size = np.abs(parts)
        empty = (lacking != 0) & (group_sums(size, group, len(lacking)) == 0)
        if empty.any():
            size[reference_rows(tables, table, part, f"{whole}_id", self.reference, group, len(lacking))[empty]] = 1
        each = parts + lacking[group] * size.astype(float) / np.maximum(group_sums(size, group, len(lacking)), 1)[group]
        new = np.floor(each).astype(np.int64)
        left = lacking - group_sums(new - parts, group, len(lacking))
        first = group_ranks(group, new - each, -size, ids_of(tables, table)) < np.abs(left)[group]
        return new + np.sign(left)[group] * first


@dataclasses.dataclass(frozen=True)
class OlderThan(Rule):
    """A person pointed to (a parent) is older than who points, by at least `least` and at most `most` years.

    Children are made younger; a parent is made older only where a child would fall below 0, and younger only where the
    gap is above `most`. Further generations follow.

    Attributes:
        pointer: column of persons with the id of another; -1 or missing for nobody.
        least, most: whole years; `most` may be None.
        age: column of persons, years.
        greatest_age: to which ages may rise, such as the top code of the survey; ages given above it may stay.
        anywhere: whether the person pointed to may live in another household.
    """

    pointer: str
    least: int = 15
    most: int | None = 55
    age: str = "age"
    greatest_age: int = 85
    anywhere: bool = False

    def __post_init__(self) -> None:
        for name, least in (("least", 0), ("most", self.least), ("greatest_age", 0)):
            whole_number(name, getattr(self, name), least)

    def broken(self, tables: Tables) -> np.ndarray:
        ages = ages_of(tables, self.age)
        return np.any([ages[j] > ages[i] + w for i, j, w in self.limits(tables)], axis=0)

    def limits(self, tables: Tables) -> list[Limit]:
        young, old = pointed_rows(tables, self.pointer, self.anywhere)
        return [(old, young, -self.least)] + ([] if self.most is None else [(young, old, self.most)])


@dataclasses.dataclass(frozen=True)
class Spouses(Rule):
    """Spouses point to each other, live in one household and are old enough.

    Where the other points to nobody, the other comes to point back (to the lowest id, if several point there); pointers
    still unanswered are cut. Who is too young is made older; where the gap is too great the elder is made younger.

    Attributes:
        pointer, age, greatest_age, anywhere: as in `OlderThan`.
        least_age, greatest_gap: whole years; the gap between spouses may be None.
    """

    pointer: str = "spouse_id"
    least_age: int = 15
    greatest_gap: int | None = None
    age: str = "age"
    greatest_age: int = 85
    anywhere: bool = False

    def __post_init__(self) -> None:
        for name, least in (("least_age", 0), ("greatest_gap", 0), ("greatest_age", self.least_age)):
            whole_number(name, getattr(self, name), least)

    def broken(self, tables: Tables) -> np.ndarray:
        one, other = pointed_rows(tables, self.pointer, self.anywhere)
        ages, to = ages_of(tables, self.age), np.full(len(tables["person"]), -1)
        to[one] = other
        wide = [ages[j] > ages[i] + w for i, j, w in self.limits(tables)]
        return np.any([to[other] != one, np.minimum(ages[one], ages[other]) < self.least_age, *wide], axis=0)

    def limits(self, tables: Tables) -> list[Limit]:
        if self.greatest_gap is None:
            return []
        one, other = pointed_rows(tables, self.pointer, self.anywhere)
        return [(one, other, self.greatest_gap), (other, one, self.greatest_gap)]

    def mend(self, tables: Tables) -> Tables:
        """Tables in which all pointers are answered; ages are mended for all rules at once."""
        one, other = pointed_rows(tables, self.pointer, self.anywhere)
        ids = ids_of(tables, "person")
        to = np.full(len(ids), -1)
        to[one] = other
        answer, order = to.copy(), one[np.argsort(-ids[one])]
        order = order[to[to[order]] == -1]  # who point to persons that point to nobody, lowest id last: it wins
        answer[to[order]] = order
        new = np.where((answer >= 0) & (answer[answer] == np.arange(len(ids))), answer, -1)
        column = column_of(tables, "person", self.pointer)
        nobody = np.nan if column.dtype.kind == "f" else -1
        column = column.where(new == to, np.where(new >= 0, ids[new], nobody))
        return tables if (new == to).all() else with_column(tables, "person", self.pointer, column)


def violations(tables: Mapping[str, Any], rules: Iterable[Rule]) -> pd.DataFrame:
    """How often each rule is broken.

    Returns:
        One row a rule, named by it, with `checked` (members, groups or pointers it speaks of) and `violations`.

    Raises:
        InputError: a table, column or value is missing, ids are not unique, or a pointer leads to nobody, to oneself
            or out of the household.
    """
    tables, rules = {name: pd.DataFrame(table) for name, table in tables.items()}, list(rules)
    broken = [rule.broken(tables) for rule in rules]
    counts = {"checked": [len(b) for b in broken], "violations": [int(b.sum()) for b in broken]}
    return pd.DataFrame(counts, index=pd.Index([repr(rule) for rule in rules], name="rule"), dtype=np.int64)


def enforce_hierarchy(tables: Mapping[str, Any], rules: Iterable[Rule]) -> dict[str, pd.DataFrame]:
    """New tables in which all rules hold: pointers of spouses first, then ages, then shared values and sums.

    Nothing else changes. The result does not depend on the order of rows, and enforcing twice is enforcing once.

    Raises:
        InputError: as `violations`; persons are their own ancestors, no ages keep the limits, a total that parts
            should meet has none, or rules contradict one another.
    """
    rules = list(rules)
    new: Tables = {name: pd.DataFrame(table).copy() for name, table in tables.items()}
    of_ages = [rule for rule in rules if isinstance(rule, (OlderThan, Spouses))]
    for pointing in of_ages:
        new = pointing.mend(new)
    for age in dict.fromkeys(rule.age for rule in of_ages):
        new = _with_ages(new, age, [rule for rule in of_ages if rule.age == age])
    others = [rule for rule in rules if not isinstance(rule, (OlderThan, Spouses))]
    for _ in range(len(others) + 1):  # sums of sums, and values shared in turn, take a round each
        for rule in others:
            new = rule.mend(new)
        found = violations(new, rules)["violations"]
        if not found.any():
            return dict(new)
    left = "; ".join(f"{name}: {count}" for name, count in found[found > 0].items())
    raise InputError(f"the rules contradict one another; violations left after all were enforced: {left}")


def _with_ages(tables: Tables, age: str, rules: list[Any]) -> Tables:
    """Tables whose ages keep all limits."""
    ages, ids = ages_of(tables, age), ids_of(tables, "person")
    lines = [pointed_rows(tables, rule.pointer, rule.anywhere) for rule in rules if isinstance(rule, OlderThan)]
    young, old = (np.concatenate([line[side] for line in lines] or [np.arange(0)]) for side in (0, 1))
    while not (circling := np.isin(young, old) & np.isin(old, young)).all():
        young, old = young[circling], old[circling]
    if len(young):
        pointers = ", ".join(rule.pointer for rule in rules if isinstance(rule, OlderThan))
        raise refuse("person", pointers, f"persons {np.unique(ids[young])[:9].tolist()} are their own ancestors",
                     np.unique(young), "Cut one of these pointers.")  # fmt: skip
    limits = [limit for rule in rules for limit in rule.limits(tables)]
    least, most = np.zeros(len(ages)), np.maximum(ages, min(rule.greatest_age for rule in rules))
    for rule in rules:
        if isinstance(rule, Spouses):
            married = np.concatenate(pointed_rows(tables, rule.pointer, rule.anywhere))
            least[married] = np.maximum(least[married], rule.least_age)
    before = least - 1
    while not np.array_equal(least, before) and (least <= most).all():
        before = least.copy()
        for i, j, w in limits:
            np.maximum.at(least, i, least[j] - w)
    lost = np.flatnonzero(least > most)
    if len(lost):
        names = ", ".join(map(repr, rules))
        problem = f"no ages up to {most[lost].max():g} of persons {ids[lost][:9].tolist()} keep the rules {names}"
        raise refuse("person", age, problem, lost, "Cut a pointer, or widen the limits.")
    new, before = np.maximum(ages, least), least - 1
    while not np.array_equal(new, before):
        before = new.copy()
        for i, j, w in limits:
            np.minimum.at(new, j, new[i] + w)
    return tables if np.array_equal(new, ages) else with_column(tables, "person", age, new)
