"""Engines: how connections to the two kinds of database are made.

Each database has two: one to read with, without transactions, and one to write with.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from dlrs.errors import MissingExtra, RequestError

PATIENCE = 5.0
"""Seconds that a write waits for another process's, and a request for a free connection."""

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
    patience = round(PATIENCE * 1000)
    arguments = {
        "connect_timeout": 2,
        "tcp_user_timeout": patience,
        # memory to sort a long history in: with a full disk there is no other place
        "options": f"-c lock_timeout={patience} -c synchronous_commit=on -c work_mem=64MB",
    }

    def engine(**options: Any) -> Engine:
        return create_engine(url, pool_timeout=PATIENCE, connect_args=arguments, **options)

    try:  # a ping would double the time of each read; reads are tried again instead, see `Reader`
        reading = engine(pool_size=connections, isolation_level="AUTOCOMMIT", pool_reset_on_return=None)
        return reading, engine(pool_size=4, pool_pre_ping=True)
    except ModuleNotFoundError as error:
        raise MissingExtra("psycopg", "postgres") from error
