"""Database: everything that the service must not lose, behind one URL."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from typing import Self

from sqlalchemy import Engine

from dlrs.service.database.decisions import Decisions
from dlrs.service.database.engines import PATIENCE, engines, parsed, shown
from dlrs.service.database.events import Events
from dlrs.service.database.items import Items
from dlrs.service.database.migrating import migrate
from dlrs.service.database.reading import Reader
from dlrs.service.database.troubles import told
from dlrs.service.database.users import Users
from dlrs.service.database.writing import Writer


class Database:
    """The stores of `seams` in one database. For all threads; several processes may share one."""

    def __init__(
        self,
        reading: Engine,
        writing: Engine,
        where: str,
        decisions: int,
        waiting: int,
        dropped: Callable[[int], object] | None = None,
    ) -> None:
        """See `open`."""
        self._engines = (reading, writing)
        reader, writer = Reader(reading, where), Writer(writing, where)
        self._reader = reader
        self.where = where
        self.events = Events(reader, writer)
        self.items = Items(reader, writer)
        self.decisions = Decisions(reader, writer, decisions, waiting, dropped)
        self.users = Users(reader, writer, self.decisions.forget)

    @classmethod
    def open(
        cls,
        url: str,
        *,
        decisions: int = 100_000,
        waiting: int = 2_000,
        connections: int = 8,
        dropped: Callable[[int], object] | None = None,
    ) -> Self:
        """Open a database, made or migrated first if it is new or of an older revision.

        Args:
            url: sqlite:///FILE, in a folder that exists, or postgresql://USER@HOST/NAME.
            decisions: how many are kept for replay; 0: none more than there are.
            waiting: how many decisions wait in memory at most.
            connections: kept open for reading; ten more while they are needed.
            dropped: is told how many decisions could not be kept, when that happens.

        Raises:
            RequestError: the URL names neither kind of database.
            ArtifactError: a newer version of dlrs made it, or it is no database.
            Unavailable: it does not answer.
            MissingExtra: PostgreSQL needs psycopg.
        """
        reading, writing, where = _ready(url, connections)
        return cls(reading, writing, where, decisions, waiting, dropped)

    def close(self) -> None:
        """Write the decisions that wait, and let go of all connections."""
        self.decisions.close()
        self._reader.close()
        for engine in self._engines:
            engine.dispose()


def make(url: str) -> None:
    """Make or migrate a database as opening it would, and let go of it again; errors are those of `open`.

    For who is about to fork: the memory that a migration takes is then taken once.
    """
    reading, writing, _ = _ready(url, connections=1)
    reading.dispose()
    writing.dispose()


def _ready(url: str, connections: int) -> tuple[Engine, Engine, str]:
    """Return what reads and what writes a database of the newest revision, and how to name it."""
    address = parsed(url)
    where = shown(address)
    reading, writing = engines(address, connections)
    try:
        if address.get_backend_name() == "sqlite":
            _log_ahead(where)
        migrate(reading, Writer(writing, where), where)
    except BaseException:
        reading.dispose()
        writing.dispose()
        raise
    return reading, writing, where


def _log_ahead(file: str) -> None:
    """Let a SQLite file have its write-ahead log. The switch fails at once while others open the file."""
    until = time.monotonic() + PATIENCE
    while True:
        with told(file), closing(sqlite3.connect(file, timeout=PATIENCE)) as connection:
            try:
                connection.execute("PRAGMA journal_mode = WAL").fetchall()
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                    raise
        time.sleep(0.02)
