"""Writing: transactions, numbers in the order of commits, and many rows at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from functools import cache
from typing import Any

from sqlalchemy import ClauseElement, Connection, Engine, Table, bindparam, update
from sqlalchemy.dialects import postgresql, sqlite

from dlrs.errors import DlrsError
from dlrs.service.database.engines import begun
from dlrs.service.database.reading import Compiled, Lists, Rows
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
        self._compiled = cache(lambda statement: Compiled.of(statement, engine))
        self._insertion = cache(self._insertion_of)

    @contextmanager
    def transaction(self, longest: float | None = None) -> Iterator[Connection]:
        """All of the block is on the disk after it, or nothing of it.

        `longest`: seconds that one of its statements may take in PostgreSQL, where `engines.WRITING` are
        too few.

        Raises:
            StorageFull: there was no room.
            Unavailable: the database did not answer, or could not say whether it is done.
        """
        with told(self._where), self._one, begun(self._engine, longest) as connection:
            yield connection

    def numbers(self, connection: Connection, table: Table, many: int) -> int:
        """Take the next numbers of a table's rows; return the last one of them.

        The counter's row stays locked until the transaction ends, so that writers of one table, in all
        processes, come one after another, and who sees number n will never see a smaller one appear. A
        sequence of PostgreSQL gives no such promise: its numbers commit in any order.
        """
        return int(self.rows(connection, NEXT, table=table.name, many=many)[0][0])

    def lock(self, connection: Connection, table: Table) -> None:
        """Wait for a table's writers, and keep others out until the transaction ends."""
        self.numbers(connection, table, 0)

    def rows(self, connection: Connection, statement: ClauseElement, **parameters: Any) -> Rows:
        """Run a constant statement in a transaction, on the driver's own connection; return its rows."""
        compiled = self._compiled(statement)
        every = {**compiled.constants, **parameters}
        return _driver(connection).execute(compiled.sql, every).fetchall()  # type: ignore[no-any-return]

    def add(self, connection: Connection, table: Table, rows: Sequence[Row]) -> None:
        """Insert rows of all columns; those whose key is taken change nothing."""
        if not rows:
            return
        # on the driver's own connection: through SQLAlchemy's this is what most time would go to
        if self._is_sqlite:
            _driver(connection).executemany(self._insertion(table), rows)
        else:
            columns = zip(table.columns.keys(), map(list, zip(*rows, strict=True)), strict=True)
            _driver(connection).execute(self._insertion(table), dict(columns))

    def _insertion_of(self, table: Table) -> str:
        into = f"INSERT INTO {table.name} ({', '.join(table.columns.keys())})"
        if self._is_sqlite:
            return f"{into} VALUES ({', '.join('?' * len(table.columns))}) ON CONFLICT DO NOTHING"
        # one statement of arrays: a statement a row costs PostgreSQL several times as much
        kinds = {each.name: each.type.compile(self._engine.dialect).split()[0] for each in table.columns}
        arrays = ", ".join(f"CAST(%({name})b AS {kind}[])" for name, kind in kinds.items())
        return f"{into} SELECT * FROM unnest({arrays}) ON CONFLICT DO NOTHING"

    def forget_pages(self) -> None:
        """After an erasure: leave nothing of it in SQLite's log either, if no other process reads in it."""
        if self._is_sqlite:
            with suppress(DlrsError), told(self._where), self._one, self._engine.connect() as connection:
                _driver(connection).execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _driver(connection: Connection) -> Any:
    return connection.connection.driver_connection
