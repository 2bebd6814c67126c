"""Writing: transactions, numbers in the order of commits, and many rows at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from typing import Any

from sqlalchemy import Connection, Engine, Table, bindparam, text, update
from sqlalchemy.dialects import postgresql, sqlite

from dlrs.errors import DlrsError
from dlrs.service.database.reading import Lists
from dlrs.service.database.tables import number
from dlrs.service.database.troubles import told

Row = tuple[Any, ...]

NEXT = (
    update(number)
    .where(number.c.name == bindparam("table"))
    .values(last=number.c.last + bindparam("many"))
    .returning(number.c.last)
)


class Writer:
    """Writes to one database; for all threads."""

    def __init__(self, engine: Engine, where: str) -> None:
        self._engine, self._where = engine, where
        self._is_sqlite = engine.dialect.name == "sqlite"
        # SQLite has one writer at a time: threads wait here, as its own waiting polls
        self._one: Any = threading.Lock() if self._is_sqlite else nullcontext()
        self.insert = sqlite.insert if self._is_sqlite else postgresql.insert
        self.lists = Lists(engine)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """All of the block is on the disk after it, or nothing of it.

        Raises:
            StorageFull: there was no room.
            Unavailable: the database did not answer, or could not say whether it is done.
        """
        with told(self._where), self._one, self._engine.begin() as connection:
            yield connection

    def numbers(self, connection: Connection, table: Table, many: int) -> int:
        """Take the next numbers of a table's rows; return the last one of them.

        The counter's row stays locked until the transaction ends, so that writers of one table, in all
        processes, come one after another, and who sees number n will never see a smaller one appear. A
        sequence of PostgreSQL gives no such promise: its numbers commit in any order.
        """
        return int(connection.execute(NEXT, {"table": table.name, "many": many}).scalar_one())

    def lock(self, connection: Connection, table: Table) -> None:
        """Wait for a table's writers, and keep others out until the transaction ends."""
        self.numbers(connection, table, 0)

    def add(self, connection: Connection, table: Table, rows: Sequence[Row]) -> None:
        """Insert rows of all columns; those whose key is taken change nothing."""
        if not rows:
            return
        columns = [column.name for column in table.columns]
        into = f"INSERT INTO {table.name} ({', '.join(columns)})"
        if self._is_sqlite:
            marks = ", ".join("?" for _ in columns)
            sql = f"{into} VALUES ({marks}) ON CONFLICT DO NOTHING"
            connection.exec_driver_sql(sql, list(rows))
            return
        # one statement of arrays: a statement a row costs PostgreSQL several times as much
        arrays = ", ".join(
            f"CAST(:{column.name} AS {column.type.compile(self._engine.dialect).split()[0]}[])"
            for column in table.columns
        )
        sql = f"{into} SELECT * FROM unnest({arrays}) ON CONFLICT DO NOTHING"
        connection.execute(text(sql), dict(zip(columns, map(list, zip(*rows, strict=True)), strict=True)))

    def forget_pages(self) -> None:
        """After an erasure: leave nothing of it in SQLite's log either, if no other process reads in it."""
        if self._is_sqlite:
            with suppress(DlrsError), told(self._where), self._one, self._engine.connect() as connection:
                driver: Any = connection.connection.driver_connection
                driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
