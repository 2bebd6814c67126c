"""The item storage: every version of every item, as changes."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, func, literal_column, select

from dlrs.service.database.contents import decoded, encoded
from dlrs.service.database.reading import Ask, Reader
from dlrs.service.database.tables import item_change
from dlrs.service.database.writing import Writer
from dlrs.service.seams import Raw, Wanted
from dlrs.service.stores import ItemChange

COLUMNS = (item_change.c.seq, item_change.c.item_id, item_change.c.features, item_change.c.time)


class Items:
    """The item changes of one database, as `stores.ItemStore` has them."""

    def __init__(self, reader: Reader, writer: Writer) -> None:
        self._writer = writer
        seq = item_change.c.seq
        ordered = select(*COLUMNS).where(seq > bindparam("seq")).order_by(seq)
        self._after = reader.prepared(ordered.limit(bindparam("most")))
        self._last = reader.prepared(select(func.coalesce(func.max(seq), literal_column("0"))))
        of_items = reader.lists.among(item_change.c.item_id, "ids")

        def one_of_each(chosen: Any) -> Ask:
            numbers = select(chosen).where(of_items).group_by(item_change.c.item_id)
            return reader.prepared(select(*COLUMNS).where(seq.in_(numbers)))

        self._first = one_of_each(func.min(seq))
        self._latest = one_of_each(func.max(seq))
        its_change = writer.lists.among(item_change.c.item_id, "ids"), seq > bindparam("since")
        self._changed = select(seq).where(*its_change).limit(1)
        self._times = reader.prepared(select(item_change.c.item_id, item_change.c.time, seq).where(of_items))
        self._numbered = reader.prepared(select(*COLUMNS).where(reader.lists.among(seq, "numbers")))

    def put(self, items: Mapping[str, Raw | None], at: int, *, unchanged_since: int | None = None) -> int:
        """Append a change for each item (None: it is deleted), in one transaction; return the last number.

        Return 0, and do nothing, if one of the items has a change after the number `unchanged_since`.
        """
        if not items:
            return self.last()
        contents = [(id, at, None if raw is None else encoded(raw).decode()) for id, raw in items.items()]
        with self._writer.transaction() as connection:
            if unchanged_since is not None and self._has_changed(connection, list(items), unchanged_since):
                return 0
            last = self._writer.numbers(connection, item_change, len(contents))
            first = last - len(contents) + 1
            rows = [(seq, *content) for seq, content in enumerate(contents, first)]
            self._writer.add(connection, item_change, rows)
        return last

    def after(self, seq: int, most: int) -> Sequence[ItemChange]:
        """Return the changes after a number, ascending, `most` at a time."""
        return [_change(row) for row in self._after(seq=seq, most=most)]

    def last(self) -> int:
        """Return the number of the last change, 0 before the first."""
        return int(self._last()[0][0])

    def at(self, wanted: Sequence[Wanted]) -> Sequence[ItemChange | None]:
        """Return the change of each item that held at a time; None where all are later, or there is none.

        Of changes of one time the last holds.
        """
        held = self._held(wanted)
        numbers = sorted({seq for seq in held if seq is not None})
        changes = {row[0]: _change(row) for row in self._numbered(numbers=numbers)}
        return [None if seq is None else changes[seq] for seq in held]

    def first(self, ids: Sequence[str]) -> Mapping[str, ItemChange]:
        """Return the first change of each item that has any."""
        return {row[1]: _change(row) for row in self._first(ids=list(ids))}

    def latest(self, ids: Sequence[str]) -> Mapping[str, ItemChange]:
        """Return the newest change of each item that has any."""
        return {row[1]: _change(row) for row in self._latest(ids=list(ids))}

    def _has_changed(self, connection: Connection, ids: Sequence[str], since: int) -> bool:
        self._writer.lock(connection, item_change)  # nobody comes in between
        given = self._writer.lists.given(ids)
        return bool(self._writer.rows(connection, self._changed, ids=given, since=since))

    def _held(self, wanted: Sequence[Wanted]) -> list[int | None]:
        """Return the number of the change that held, by the index alone: the features are fetched after."""
        known: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for item, time, seq in self._times(ids=list({each.item_id for each in wanted})):
            known[item].append((time, seq))
        for changes in known.values():
            changes.sort()
        places = ((known[each.item_id], each.time) for each in wanted)
        return [_last_until(changes, time) for changes, time in places]


def _last_until(changes: Sequence[tuple[int, int]], time: int) -> int | None:
    place = bisect_right(changes, time, key=lambda change: change[0])
    return changes[place - 1][1] if place else None


def _change(row: Any) -> ItemChange:
    seq, item, content, time = row
    return ItemChange(seq, item, None if content is None else decoded(content), time)
