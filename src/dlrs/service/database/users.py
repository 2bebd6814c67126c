"""Users: their overrides, and that they are erased."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, delete, exists, func, select

from dlrs.candidates.filtering.filters import Filter, parse_filters
from dlrs.service.database.contents import decoded, encoded
from dlrs.service.database.engines import ERASING
from dlrs.service.database.reading import Reader
from dlrs.service.database.tables import decision, event, features, user_record
from dlrs.service.database.writing import Writer
from dlrs.service.seams import Erased
from dlrs.service.stores import UserRecord

NOTHING = "[]"
MOST = 1000  # erasures that are told at a time

NAMED = select(event.c.features).distinct().where(event.c.user_id == bindparam("user"))
ITS_EVENTS = delete(event).where(event.c.user_id == bindparam("user"))
ITS_DECISIONS = delete(decision).where(decision.c.user_id == bindparam("user"))


class Users:
    """The users of one database, as `stores.UserStore` has them."""

    def __init__(self, reader: Reader, writer: Writer, forget: Callable[[str], None]) -> None:
        """`forget`: is called for an erased user, for what waits to be written of him."""
        self._writer, self._forget = writer, forget
        columns = (user_record.c.overrides, user_record.c.erased, user_record.c.revision)
        self._get = reader.prepared(select(*columns).where(user_record.c.user_id == bindparam("user")))
        numbered = select(user_record.c.erasure, user_record.c.user_id)
        later = numbered.where(user_record.c.erasure > bindparam("after"))
        self._erased = reader.prepared(later.order_by(user_record.c.erasure).limit(MOST))
        self._last = reader.prepared(select(func.max(user_record.c.erasure)))
        self._unnamed = delete(features).where(
            writer.lists.among(features.c.key, "keys"), ~exists().where(event.c.features == features.c.key)
        )

    def get(self, user_id: str) -> UserRecord:
        """Return what is kept; an empty record for an unknown user."""
        for overrides, erased, revision in self._get(user=user_id):
            filters = () if overrides == NOTHING else parse_filters(decoded(overrides), source="overrides")
            return UserRecord(filters, erased, revision)
        return UserRecord()

    def override(self, user_id: str, filters: Sequence[Filter]) -> None:
        """Replace a user's overrides."""
        content = encoded([each.model_dump(mode="json", exclude_none=True) for each in filters]).decode()
        with self._writer.transaction() as connection:
            self._put(connection, user_id, {"overrides": content})

    def erase(self, user_id: str, at: int) -> None:
        """Delete events, overrides and decisions of a user, and remember that he is erased.

        Features that no event names any more go with them. In SQLite what is deleted is overwritten; in
        PostgreSQL it is gone from the files after the next vacuum.
        """
        user = {"user": user_id}
        with self._writer.transaction(ERASING) as connection:
            # behind all who write just now: what they had of him is deleted here, or younger
            self._writer.lock(connection, event)
            self._writer.lock(connection, decision)
            keys = list(connection.execute(NAMED, user).scalars())
            connection.execute(ITS_EVENTS, user)
            connection.execute(self._unnamed, {"keys": self._writer.lists.given(keys)})
            connection.execute(ITS_DECISIONS, user)
            number = self._writer.numbers(connection, user_record, 1)
            self._put(connection, user_id, {"overrides": NOTHING, "erased": at, "erasure": number})
        self._forget(user_id)
        self._writer.forget_pages()

    def erased(self, after: int) -> Erased:
        """Return who was erased after an erasure; who was so again counts for the last time only."""
        rows = self._erased(after=after)
        last = rows[-1][0] if rows else self._last()[0][0]
        return Erased(last or 0, [user_id for _, user_id in rows])

    def _put(self, connection: Connection, user_id: str, values: dict[str, Any]) -> None:
        first = {"user_id": user_id, "overrides": NOTHING, "revision": 1}
        later = {**values, "revision": user_record.c.revision + 1}
        insert = self._writer.insert(user_record).values({**first, **values})
        connection.execute(insert.on_conflict_do_update(index_elements=["user_id"], set_=later))
