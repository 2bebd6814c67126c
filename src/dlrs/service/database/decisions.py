"""Decisions of late, written in the background: no answer waits for its record."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from itertools import islice

from sqlalchemy import Connection, bindparam, delete, exists, func, literal_column, select, update

from dlrs.errors import DlrsError, StorageFull, Unavailable
from dlrs.service.database.contents import decoded, encoded
from dlrs.service.database.engines import ERASING
from dlrs.service.database.reading import Reader
from dlrs.service.database.tables import FOLLOWED, decision, number, user_record
from dlrs.service.database.writing import Row, Writer
from dlrs.service.seams import Erased
from dlrs.service.stores import Decision

BATCH = 200  # decisions in one transaction
PAUSE = 0.25  # seconds between transactions: events want the disk, too
AGAIN = 1.0  # seconds until the next try after a trouble

BITE = 2_000  # deleted in one transaction: there may be a million more than are wanted now

FIRST = select(func.coalesce(func.min(decision.c.number), literal_column("0"))).scalar_subquery()
OLDEST = delete(decision).where(decision.c.number <= bindparam("until"), decision.c.number < FIRST + BITE)
MARGIN = 10_000_000
"""Microseconds: a decision has the time of its answer, and its profile may have been read before an erasure
that came in between; clocks of two machines differ, too."""

OF_ERASED = delete(decision).where(
    decision.c.number > bindparam("before"),
    exists().where(
        user_record.c.user_id == decision.c.user_id, user_record.c.erased >= decision.c.time - MARGIN
    ),
)

FOLLOWING = (
    update(number)
    .where(number.c.name == FOLLOWED, number.c.last < bindparam("seq"))
    .values(last=bindparam("seq"))
)

log = logging.getLogger(__name__)


class Decisions:
    """The decisions of one database, as `stores.DecisionStore` has them."""

    def __init__(
        self, reader: Reader, writer: Writer, most: int, waiting: int, dropped: Callable[[int], object] | None
    ) -> None:
        """Keep those of late.

        Args:
            reader, writer: of the database.
            most: are kept, 0: none more.
            waiting: of them at most are in memory, while the database is down.
            dropped: is told how many found no room, or could not be written.
        """
        self._writer, self._most, self._room = writer, most, waiting
        self.dropped = 0
        self._tell = dropped
        self._without_room = 0  # how many were dropped since all that waited was written
        self._waiting: dict[str, Decision] = {}
        self._changing, self._writing = threading.Lock(), threading.Lock()
        self._some, self._closing = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        columns = (decision.c.id, decision.c.time, decision.c.user_id, decision.c.content, decision.c.profile)
        self._get = reader.prepared(select(*columns).where(decision.c.id == bindparam("id")))
        self._followed = reader.prepared(select(number.c.last).where(number.c.name == FOLLOWED))
        self._of_users = delete(decision).where(writer.lists.among(decision.c.user_id, "users"))

    def keep(self, decision: Decision) -> None:
        """Keep it soon, in the background. Never raises, never waits; without room it is dropped."""
        if self._most == 0:
            return
        with self._changing:
            if len(self._waiting) >= self._room or self._closing.is_set():
                self._found_no_room()
                return
            self._waiting[decision.id] = decision
            if self._thread is None:  # not before: a process may be forked until then
                self._thread = threading.Thread(target=self._run, name="decisions", daemon=True)
                self._thread.start()
        self._some.set()

    def get(self, id: str) -> Decision | None:
        """Return a decision, None if there is none or it is not kept any more."""
        waiting = self._waiting.get(id)
        if waiting is not None:
            return waiting
        return next((_decision(*row) for row in self._get(id=id)), None)

    def flush(self) -> None:
        """Write all that waits. Raises as `Writer.transaction` does; then it waits still."""
        while self._waiting:
            self._write_some()

    def forget(self, user_id: str) -> None:
        """Drop what waits of an erased user."""
        with self._changing:
            for id in [id for id, each in self._waiting.items() if each.user_id == user_id]:
                del self._waiting[id]

    def erase(self, erased: Erased) -> None:
        """Delete all decisions of users who were erased elsewhere, and remember how far that is done."""
        with self._writing:  # none of them is on its way to the disk
            for user_id in erased.user_ids:
                self.forget(user_id)
            with self._writer.transaction(ERASING) as connection:
                self._writer.lock(connection, decision)
                users = self._writer.lists.given(list(erased.user_ids))
                connection.execute(self._of_users, {"users": users})
                connection.execute(FOLLOWING, {"seq": erased.seq})
        self._writer.forget_pages()

    def followed(self) -> int:
        """Return the last erasure whose user's decisions were deleted by `erase`."""
        return int(self._followed()[0][0])

    def close(self) -> None:
        """Write what waits, if the database answers, and stop."""
        with self._changing:
            self._closing.set()
        self._some.set()
        if self._thread is not None:
            self._thread.join()
        try:
            self.flush()
        except DlrsError as error:
            log.error("the last %d decisions are dropped: %s", len(self._waiting), error)
            self._lose(list(self._waiting))

    def _run(self) -> None:
        while not self._closing.is_set():
            self._some.wait()
            self._closing.wait(PAUSE)
            self._some.clear()
            try:
                while self._write_some() == BATCH:
                    pass
            except DlrsError as error:
                log.warning("decisions wait: %s", error)
                self._some.set()
                self._closing.wait(AGAIN)

    def _write_some(self) -> int:
        with self._writing:
            with self._changing:
                batch = list(islice(self._waiting.values(), BATCH))
            try:
                self._write([row for each in batch if (row := self._row(each)) is not None])
            except (Unavailable, StorageFull):
                raise
            except Exception:
                log.exception("decisions that cannot be written are dropped")
                self._lose([each.id for each in batch])
            with self._changing:
                for each in batch:
                    self._waiting.pop(each.id, None)
                self._found_room()
        return len(batch)

    def _write(self, rows: Sequence[Row]) -> None:
        with self._writer.transaction() as connection:
            last = self._writer.numbers(connection, decision, len(rows))
            before = last - len(rows)
            numbered = [(number, *row) for number, row in enumerate(rows, before + 1)]
            self._writer.add(connection, decision, numbered)
            self._cut(connection, before, last)

    def _cut(self, connection: Connection, before: int, last: int) -> None:
        # whoever was erased since a decision was made: in another process it may have waited meanwhile
        connection.execute(OF_ERASED, {"before": before})
        connection.execute(OLDEST, {"until": last - self._most})

    def _row(self, decision: Decision) -> Row | None:
        try:
            content = encoded(
                {
                    "bundle_id": decision.bundle_id,
                    "seq": decision.seq,
                    "request": decision.request,
                    "candidates": decision.candidates,
                    "answer": decision.answer,
                    "degraded": decision.degraded,
                }
            ).decode()
        except DlrsError:
            log.exception("a decision that JSON cannot say is dropped")
            self._lose([decision.id])
            return None
        return (decision.id, decision.time, decision.user_id, content, decision.profile)

    def _lose(self, ids: Sequence[str]) -> None:
        with self._changing:
            self._count(sum(self._waiting.pop(id, None) is not None for id in ids))

    def _found_no_room(self) -> None:
        if self._without_room == 0:  # once, not for each list
            log.error("decisions are dropped: %d wait to be written", len(self._waiting))
        self._without_room += 1
        self._count(1)

    def _found_room(self) -> None:
        if self._without_room and not self._waiting:
            log.warning("decisions are kept again; %d were dropped", self._without_room)
            self._without_room = 0

    def _count(self, many: int) -> None:
        self.dropped += many
        if self._tell is not None:
            self._tell(many)


def _decision(id: str, time: int, user_id: str | None, content: str, profile: bytes) -> Decision:
    said = decoded(content)
    said["answer"] = [(item, score) for item, score in said["answer"]]
    return Decision(id=id, time=time, user_id=user_id, profile=bytes(profile), **said)
