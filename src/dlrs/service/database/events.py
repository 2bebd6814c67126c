"""Events and the features that their items had."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, func, literal_column, not_, select

from dlrs.errors import RequestError
from dlrs.service.database.contents import check_texts, decoded, keyed
from dlrs.service.database.grouping import Grouped
from dlrs.service.database.reading import Reader
from dlrs.service.database.tables import event, features
from dlrs.service.database.writing import Row, Writer
from dlrs.service.seams import Event, Raw
from dlrs.service.stores import ALL, StoredEvent

MOST = 5000
"""Events in one transaction, unless one call brings more."""

BEYOND = 1 << 63

NEW = select(event.c.seq).where(event.c.seq > bindparam("before"))


class Events:
    """The events of one database, as `stores.EventStore` has them."""

    def __init__(self, reader: Reader, writer: Writer) -> None:
        self._writer = writer
        self._grouped = Grouped(self._write, MOST)
        self._of_user = reader.prepared(
            select(event)
            .where(event.c.user_id == bindparam("user"), event.c.seq > bindparam("after"))
            .order_by(event.c.seq.desc())
            .limit(bindparam("most"))
        )
        self._after = reader.prepared(
            select(event)
            .where(event.c.seq > bindparam("after"))
            .order_by(event.c.seq)
            .limit(bindparam("most"))
        )
        first, last = func.min(event.c.seq), select(func.max(event.c.seq)).scalar_subquery()
        since = select(first).where(event.c.time >= bindparam("time")).scalar_subquery()
        self._before = reader.prepared(select(func.coalesce(since - 1, last, literal_column("0"))))
        self._features = reader.prepared(select(features).where(reader.lists.among(features.c.key, "keys")))
        self._users_after = reader.prepared(
            select(event.c.seq, event.c.user_id)
            .where(event.c.seq > bindparam("after"), event.c.time >= bindparam("since"))
            .order_by(event.c.seq)
            .limit(bindparam("most"))
        )
        users = func.count(event.c.user_id.distinct())
        self._popular = reader.prepared(
            select(event.c.item_id, users)
            .where(event.c.time >= bindparam("since"), not_(reader.lists.among(event.c.type, "without")))
            .group_by(event.c.item_id)
            .order_by(users.desc(), event.c.item_id)
            .limit(bindparam("most"))
        )

    def add(self, events: Sequence[tuple[Event, Raw]]) -> int:
        """Store events whose ids are new, and return how many; see `stores.EventStore`."""
        rows = [_row(*each) for each in events]
        _check(rows)  # here, as what fails in the transaction fails for all who share it
        return self._grouped.add(rows) if rows else 0

    def of_user(self, user_id: str, after: int = 0, most: int = ALL) -> Sequence[StoredEvent]:
        """Return a user's newest `most` events that arrived after one, in the order of arrival."""
        return _stored(self._of_user(user=user_id, after=after, most=most))[::-1]

    def after(self, seq: int, most: int) -> Sequence[StoredEvent]:
        """Return the events of all users that arrived after one, in the order of arrival."""
        return _stored(self._after(after=seq, most=most))

    def before(self, time: int) -> int:
        """Return a number after which all events arrived that happened at a time or later."""
        return int(self._before(time=time)[0][0])

    def features(self, keys: Sequence[str]) -> Mapping[str, Raw]:
        """Return features by their keys."""
        return {key: decoded(content) for key, content in self._features(keys=list(keys))}

    def users_after(self, seq: int, since: int, most: int) -> tuple[int, Sequence[str]]:
        """Return the last of the next `most` events after a number, of a time on, and their users."""
        rows = self._users_after(after=seq, since=since, most=most)
        return (rows[-1][0] if rows else seq), list(dict.fromkeys(user_id for _, user_id in rows))

    def popular(self, since: int, most: int, without: Sequence[str] = ()) -> Sequence[tuple[str, int]]:
        """Return the items with most distinct users of events since a time, and how many users.

        Events of the types `without` do not count. Of items with equally many the smaller id comes first.
        """
        return [(item, users) for item, users in self._popular(since=since, most=most, without=list(without))]

    def _write(self, calls: Sequence[Sequence[Row]]) -> Sequence[int]:
        rows = [row for call in calls for row in call]
        with self._writer.transaction() as connection:
            before = self._writer.numbers(connection, event, len(rows)) - len(rows)
            # first the events: of the features only those are wanted that a new event names
            numbered = [(seq, *row[:-1]) for seq, row in enumerate(rows, before + 1)]
            self._writer.add(connection, event, numbered)
            new = {seq for (seq,) in self._writer.rows(connection, NEW, before=before)}
            named = {row[-2]: row[-1] for seq, row in enumerate(rows, before + 1) if seq in new}
            self._writer.add(connection, features, list(named.items()))
        return _counted(calls, new, before)


def _stored(rows: Sequence[Any]) -> list[StoredEvent]:
    return [
        StoredEvent(seq, Event(id, user, item, type, time), key)
        for seq, id, user, item, type, time, key in rows
    ]


def _row(event: Event, features: Raw) -> Row:
    """Return an event's columns but the number, and its features."""
    return (event.id, event.user_id, event.item_id, event.type, event.time, *keyed(features))


def _check(rows: Sequence[Row]) -> None:
    check_texts(text for row in rows for text in row[:4])
    if not all(-BEYOND <= row[4] < BEYOND for row in rows):
        raise RequestError(
            "event: expected a time of 64 bits, in microseconds since 1970, received a longer one."
        )


def _counted(calls: Sequence[Sequence[Row]], new: set[int], before: int) -> list[int]:
    counts, seq = [], before
    for call in calls:
        counts.append(sum(n in new for n in range(seq + 1, seq + 1 + len(call))))
        seq += len(call)
    return counts
