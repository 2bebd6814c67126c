"""Roles: which table and which column plays which part, by what they hold and what they are called."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import permutations

from dlrs.errors import DataError
from dlrs.inference.columns import Seen, SeenTable
from dlrs.inference.names import speaks_of

SHARED = 0.5
"""Share of the ids in the log that the item table must know."""

USER_WORDS = (
    "user",
    "customer",
    "visitor",
    "client",
    "member",
    "account",
    "buyer",
    "session",
    "person",
    "who",
)
TYPE_WORDS = ("type", "event", "action", "interaction", "kind", "behavior", "behaviour", "did")
TIME_WORDS = ("time", "timestamp", "date", "when", "at")
FROM_WORDS = (
    "valid_from", "created", "published", "posted", "listed", "since", "first_seen", "added", "start",
    "online", "from",
)  # fmt: skip
TO_WORDS = (
    "valid_to",
    "until",
    "removed",
    "deleted",
    "ended",
    "sold",
    "last_seen",
    "expire",
    "offline",
    "end",
)
EVENT_ID_WORDS = ("event_id", "id", "uuid", "key")


@dataclass(frozen=True)
class Roles:
    """The parts that tables and columns play."""

    items: SeenTable
    item_id: str
    valid_from: str | None
    valid_to: str | None
    version: str | None
    operation: str | None
    events: SeenTable
    event_item: str
    event_user: str
    event_time: str
    event_type: str | None
    event_version: str | None
    event_id: str | None
    users: SeenTable | None
    user_id: str | None


def find_roles(tables: Sequence[SeenTable]) -> Roles:
    """Tell the log from the table of items, and what their columns are.

    Raises:
        DataError: no pair of tables fits, or the log has no time or no user.
    """
    links = [(_link(log, items), log, items) for log, items in permutations(tables, 2)]
    found = [(link, log, items) for link, log, items in links if link is not None]
    if not found:
        names = ", ".join(str(table.source) for table in tables)
        raise DataError(
            f"{names}: expected a log of events with a time, and a table whose ids it names; found no such "
            "pair. Pass both tables; each event needs the id of its item, as the item table has it."
        )
    (_, event_item, item_id), events, items = max(found, key=lambda f: f[0])
    taken = {event_item}
    event_time = _required(events, _times(events), taken, "a column with the time of each event", TIME_WORDS)
    taken.add(event_time)
    event_user = _required(events, _ids(events), taken, "a column with the user's id", USER_WORDS)
    taken.add(event_user)
    event_type = _named([c for c in events.columns if 2 <= c.distinct <= 12], TYPE_WORDS, taken)
    others = [table for table in tables if table is not events and table is not items]
    users = next(((t, c) for t in others if (c := _owner(events, event_user, t))), (None, None))
    times = [c for c in items.columns if c.times and c.times.complete]
    valid_from = _named(times, FROM_WORDS, {item_id})
    if valid_from is None and not items[item_id].is_unique and times:
        valid_from = times[0].name
    valid_to = _named(_times(items), TO_WORDS, {item_id, valid_from})
    versioned = valid_from is not None and not items[item_id].is_unique
    version = _named(items.columns, ("version",), {item_id}) if versioned else None
    operations = [
        c for c in items.columns if {v.lower() for v in c.common} <= {"create", "update", "delete", "insert"}
    ]
    return Roles(
        items=items,
        item_id=item_id,
        valid_from=valid_from,
        valid_to=valid_to,
        version=version,
        operation=operations[0].name if versioned and operations else None,
        events=events,
        event_item=event_item,
        event_user=event_user,
        event_time=event_time,
        event_type=event_type,
        event_version=_named(events.columns, (version,), taken) if version else None,
        event_id=_named([c for c in events.columns if c.is_unique], EVENT_ID_WORDS, taken),
        users=users[0],
        user_id=users[1],
    )


def _link(log: SeenTable, items: SeenTable) -> tuple[float, str, str] | None:
    """Return how well a column of the log names the rows of a table, and the two columns."""
    if not any(c.times for c in log.columns):
        return None
    found = []
    for ours in _ids(log):
        for theirs in (c for c in _ids(items) if c.is_unique or _is_id(c)):
            shared = _shared(log, ours.name, items, theirs.name)
            if shared >= SHARED and log[ours.name].rows > log[ours.name].distinct:
                # items have more about them than users do, and their ids are called alike
                liking = (
                    (ours.name == theirs.name)
                    + theirs.is_unique
                    - any(speaks_of(ours, word) for word in USER_WORDS)
                )
                found.append((shared + liking, ours.name, theirs.name))
    return max(found, default=None)


def _owner(events: SeenTable, event_user: str, table: SeenTable) -> str | None:
    """Return the column of a table that has one row for each user of the log."""
    for column in table.columns:
        if column.is_unique and _shared(events, event_user, table, column.name) >= SHARED:
            return column.name
    return None


def _shared(left: SeenTable, column: str, right: SeenTable, other: str) -> float:
    """Return the share of the distinct values of a column that another one has, too."""
    ours = left.table.select(id=left.table[column].cast("string")).distinct()
    theirs = right.table.select(id=right.table[other].cast("string")).distinct()
    return float(ours.semi_join(theirs, "id").count().to_pyarrow().as_py() / max(1, left[column].distinct))


def _ids(table: SeenTable) -> list[Seen]:
    """Return the columns that may hold ids: one short word or whole number each, and many of them."""
    return [
        c
        for c in table.columns
        if not (c.times or c.is_list)
        and c.words < 1.5
        and (c.numbers is None or c.numbers.whole)
        and c.distinct > 1
    ]


def _times(table: SeenTable) -> list[Seen]:
    return [c for c in table.columns if c.times]


def _is_id(column: Seen) -> bool:
    name = column.name.lower()
    return name in ("id", "key", "sku") or name.endswith(("_id", "id", "_key", "_no", "number"))


def _named(columns: Iterable[Seen], words: Sequence[str], taken: Iterable[str | None]) -> str | None:
    """Return the first column that is called by one of the words, the first words first."""
    free = [c for c in columns if c.name not in set(taken)]
    return next((c.name for word in words for c in free if speaks_of(c, word)), None)


def _required(
    table: SeenTable, columns: list[Seen], taken: set[str], expected: str, words: Sequence[str]
) -> str:
    free = [c for c in columns if c.name not in taken]
    if not free:
        there = ", ".join(c.name for c in table.columns)
        raise DataError(f"{table.source}: expected {expected}, received only {there}.")
    return _named(free, words, ()) or max(free, key=lambda c: c.distinct).name
