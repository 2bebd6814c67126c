"""Engines: how connections to the two kinds of database are made.

Each database has two: one to read with, without transactions, and one to write with.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from math import isinf
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from dlrs.errors import MissingExtra, RequestError

PATIENCE = 5.0
"""Seconds that a write waits for another process's, and a request for a free connection."""

# Seconds that a statement may take in PostgreSQL. Its answer may take `PATIENCE` more, until the server
# counts as silent: that is for commits, too, which no time limit of the server's holds for.
READING = 30.0  # a start may look through all events; lists have their own deadline
WRITING = 10.0
ERASING = 120.0  # of a user with millions of events

PRAGMAS = (
    "PRAGMA synchronous = FULL",  # a commit is on the disk, whatever stops
    "PRAGMA foreign_keys = ON",
    "PRAGMA secure_delete = ON",  # what was erased is overwritten
)


def parsed(url: str) -> URL:
    """Read the URL of a database. RequestError if it is of neither kind."""
    try:
        found = make_url(url)
    except ArgumentError:
        found = None
    kind = None if found is None else found.get_backend_name()
    if found is None or kind not in ("sqlite", "postgresql") or (kind == "sqlite" and not found.database):
        shown = url if found is None else found.render_as_string()
        raise RequestError(
            f"database: expected sqlite:///FILE or postgresql://HOST/NAME, received '{shown}'. "
            "Name a database of one of these kinds."
        )
    return found.set(drivername="sqlite" if kind == "sqlite" else "postgresql+psycopg")


def shown(url: URL) -> str:
    """Return a database's name for messages: the file, or the URL without password."""
    kind = url.get_backend_name()
    return str(url.database) if kind == "sqlite" else url.set(drivername=kind).render_as_string()


def engines(url: URL, connections: int) -> tuple[Engine, Engine]:
    """Return what to read and what to write with; nothing is connected yet."""
    return _sqlite(url, connections) if url.get_backend_name() == "sqlite" else _postgresql(url, connections)


def _sqlite(url: URL, connections: int) -> tuple[Engine, Engine]:
    def engine(**options: Any) -> Engine:
        made = create_engine(
            url,
            paramstyle="named",
            pool_timeout=PATIENCE,
            connect_args={"timeout": PATIENCE, "check_same_thread": False},
            **options,
        )
        event.listen(made, "connect", _prepare)
        return made

    reading = engine(pool_size=connections, isolation_level="AUTOCOMMIT", pool_reset_on_return=None)
    writing = engine(pool_size=1, max_overflow=1)
    event.listen(writing, "begin", _begin)
    return reading, writing


def _prepare(connection: sqlite3.Connection, _: object) -> None:
    connection.isolation_level = None  # transactions begin where we say
    for pragma in PRAGMAS:
        connection.execute(pragma)


def _begin(connection: Connection) -> None:
    # the lock at once: a transaction that reads first and writes then may find that it cannot
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _postgresql(url: URL, connections: int) -> tuple[Engine, Engine]:
    def engine(longest: float, **options: Any) -> Engine:
        made = create_engine(url, pool_timeout=PATIENCE, connect_args=_arguments(longest), **options)
        event.listen(made, "do_connect", partial(_connect, longest + PATIENCE))
        return made

    try:  # a ping would double the time of each read; reads are tried again instead, see `Reader`
        reading = engine(
            READING, pool_size=connections, isolation_level="AUTOCOMMIT", pool_reset_on_return=None
        )
        return reading, engine(WRITING, pool_size=4, pool_pre_ping=True)
    except ModuleNotFoundError as error:
        raise MissingExtra("psycopg", "postgres") from error


def _arguments(longest: float) -> dict[str, Any]:
    settings = {
        "lock_timeout": round(PATIENCE * 1000),
        "statement_timeout": round(longest * 1000),
        "synchronous_commit": "on",
        "work_mem": "64MB",  # to sort a long history in: with a full disk there is no other place
    }
    return {
        "connect_timeout": 2,
        "tcp_user_timeout": round(PATIENCE * 1000),
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "options": " ".join(f"-c {name}={value}" for name, value in settings.items()),
    }


def _connect(patience: float, _: object, __: object, arguments: Sequence[Any], named: dict[str, Any]) -> Any:
    from dlrs.service.database.answering import Answering  # here, as psycopg is an extra

    made = Answering.connect(*arguments, **named)
    made.patience = patience
    return made


@contextmanager
def begun(engine: Engine, longest: float | None) -> Iterator[Connection]:
    """Give a connection in a transaction whose statements may take so many seconds; None: as ever.

    SQLite has no limit.
    """
    with engine.connect() as connection:
        if longest is None or engine.dialect.name != "postgresql":
            with connection.begin():
                yield connection
            return
        driver: Any = connection.connection.driver_connection
        usual, driver.patience = driver.patience, longest + PATIENCE
        try:
            with connection.begin():
                limit = 0 if isinf(longest) else round(longest * 1000)
                connection.exec_driver_sql(f"SET LOCAL statement_timeout = {limit}")
                yield connection
        finally:
            driver.patience = usual
