"""Links: which columns may hold ids, and how well those of one table name the rows of another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dlrs.inference.columns import Seen, SeenTable
from dlrs.inference.names import called_user, named_as_id

SHARED = 0.5
"""Share of the ids in the log that the item table must know."""


@dataclass(frozen=True)
class Link:
    """A column of a log that names the rows of a table of items by a column of theirs."""

    log: SeenTable
    ours: Seen
    items: SeenTable
    theirs: Seen
    share: float  # of the log's ids that the other table has

    @property
    def fits(self) -> bool:
        """Whether the table knows most of the log's ids, and the log comes back to them."""
        return self.share >= SHARED and comes_back(self.ours)

    @property
    def liking(self) -> float:
        """How likely it is the link of a log and its items: they are called alike, and ids are unique."""
        return self.share + self.alike + self.theirs.is_unique - called_user(self.ours)

    @property
    def alike(self) -> bool:
        """Whether both columns have one name."""
        return self.ours.name == self.theirs.name


def links_between(logs: Sequence[SeenTable], tables: Sequence[SeenTable]) -> list[Link]:
    """Return every pair of a log's column and another table's that may be a link, whatever they share."""
    return [
        Link(log, ours, items, theirs, shared(log, ours.name, items, theirs.name))
        for log in logs
        for items in tables
        if items is not log
        for ours in ids_of(log)
        for theirs in ids_of_rows(items)
    ]


def comes_back(column: Seen) -> bool:
    """Tell whether a value stands in several rows."""
    return column.filled > column.distinct


def owner(events: SeenTable, event_user: str, table: SeenTable) -> str | None:
    """Return the column of a table that has one row for each user of the log."""
    for column in table.columns:
        if column.is_unique and shared(events, event_user, table, column.name) >= SHARED:
            return column.name
    return None


def shared(left: SeenTable, column: str, right: SeenTable, other: str) -> float:
    """Return the share of the distinct values of a column that another one has, too."""
    ours = left.table.select(id=left.table[column].cast("string")).distinct()
    theirs = right.table.select(id=right.table[other].cast("string")).distinct()
    return float(ours.semi_join(theirs, "id").count().to_pyarrow().as_py() / max(1, left[column].distinct))


def ids_of(table: SeenTable) -> list[Seen]:
    """Return the columns that may hold ids: one short word or whole number each, and many of them."""
    return [
        c
        for c in table.columns
        if not (c.times or c.is_list)
        and c.words < 1.5
        and (c.numbers is None or c.numbers.whole)
        and c.distinct > 1
    ]


def ids_of_rows(table: SeenTable) -> list[Seen]:
    """Return those that may tell the rows of a table apart: each has its own, or they are called ids."""
    return [c for c in ids_of(table) if c.is_unique or named_as_id(c)]


def times_of(table: SeenTable) -> list[Seen]:
    """Return the columns of times."""
    return [c for c in table.columns if c.times]
