"""Troubles of a database, told in the service's own words.

    no room                                  StorageFull
    gone, restarting, locked, too many       Unavailable
    a value that no database can hold        RequestError
    damaged                                  ArtifactError

Anything else is a fault of the program and stays what it is.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from dlrs.errors import ArtifactError, DlrsError, RequestError, StorageFull, Unavailable

ROOM = 1 << 20
"""Bytes: with less than that left, an input/output error of SQLite comes of a full disk."""

DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
PASSING = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_INTERRUPT,
}
DISK_FULL = "53100"
PASSING_CLASSES = ("08", "25", "40", "53", "55", "57", "58")
"""Of PostgreSQL's codes: connection, read-only, rollback, resources, locks, operator, system."""


@contextmanager
def told(where: str) -> Iterator[None]:
    """Raise what goes wrong in the block as an error of ours; `where` names the database."""
    try:
        yield
    except Exception as error:
        told_as = explained(error, where)
        if told_as is None:
            raise
        raise told_as from error


def explained(error: Exception, where: str) -> DlrsError | None:
    """Return what an error means, None if it is a fault of the program."""
    if isinstance(error, PoolTimeout):
        return _unavailable(where, "all connections are in use")
    if isinstance(error, DBAPIError):
        if not isinstance(error.orig, Exception):
            return None
        error = error.orig
    if isinstance(error, UnicodeEncodeError | OverflowError):
        return _unfit(where, error)
    if isinstance(error, sqlite3.Error):
        return _of_sqlite(error, where)
    return _of_postgresql(error, where)


def _of_sqlite(error: sqlite3.Error, where: str) -> DlrsError | None:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and _no_room(where)):
        return _full(where, error)
    if code in DAMAGED:
        return ArtifactError(
            f"{where}: expected a SQLite database, received: {error}. Restore it from a copy."
        )
    return _unavailable(where, error) if code in PASSING else None


def _of_postgresql(error: Exception, where: str) -> DlrsError | None:
    kinds = {kind.__name__ for kind in type(error).__mro__ if kind.__module__.startswith("psycopg")}
    code = getattr(error, "sqlstate", None)
    if code == DISK_FULL or (kinds and "No space left on device" in str(error)):
        return _full(where, error)
    if "OperationalError" in kinds or "InterfaceError" in kinds or (code or "")[:2] in PASSING_CLASSES:
        return _unavailable(where, error)
    return _unfit(where, error) if "DataError" in kinds else None


def _no_room(where: str) -> bool:
    folder = Path(where).parent
    if not folder.is_dir():
        return False
    there = os.statvfs(folder)
    return there.f_bavail * there.f_frsize < ROOM


def _full(where: str, error: object) -> StorageFull:
    return StorageFull(
        f"{where}: expected room for a write, received: {_short(error)}. Nothing of it was kept; make room."
    )


def _unavailable(where: str, error: object) -> Unavailable:
    return Unavailable(f"{where}: expected an answer, received: {_short(error)}. Ask again soon.")


def _unfit(where: str, error: object) -> RequestError:
    return RequestError(
        f"{where}: expected text without NUL or lone surrogates, numbers of 64 bits, {error}."
    )


def _short(error: object) -> str:
    return " ".join(str(error).split())[:300].rstrip(".?")
