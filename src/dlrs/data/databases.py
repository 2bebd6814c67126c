"""Databases: a table of SQLite or PostgreSQL as columns of text, streamed through Arrow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa

from dlrs.data.engine import Engine, Table
from dlrs.errors import DataError, MissingExtra


def read_database(connection: Engine, name: str, uri: str, table: str, *, place: str) -> Table:
    """Copy a table or view, every column as text; lists of PostgreSQL become JSON lists.

    Args:
        connection: where the copy goes.
        name: what it is called there.
        uri: path of an SQLite file, or URL of a PostgreSQL database.
        table: its name; for PostgreSQL `schema.name`, too.
        place: how errors name the table.

    Raises:
        DataError: the database cannot be reached, or has no such table.
        MissingExtra: the drivers are not installed.
    """
    try:
        import adbc_driver_manager
    except ModuleNotFoundError:
        raise MissingExtra("adbc-driver-manager", "sql") from None
    try:
        with _connect(uri) as database, database.cursor() as cursor:
            quoted = ".".join(_quoted(part) for part in table.split("."))
            cursor.execute(f"SELECT * FROM {quoted} LIMIT 0")
            columns = ", ".join(_as_text(field) for field in cursor.fetch_record_batch().schema)
            cursor.execute(f"SELECT {columns} FROM {quoted}")
            return connection.copied(name, cursor.fetch_record_batch())
    except adbc_driver_manager.Error as error:
        raise DataError(f"{place}: expected a readable table, received: {str(error).strip()}") from error


def _connect(uri: str) -> Any:
    if "://" not in uri:
        import adbc_driver_sqlite.dbapi as sqlite

        return sqlite.connect(f"file:{Path(uri).absolute()}?mode=ro")
    import adbc_driver_postgresql.dbapi as postgresql

    return postgresql.connect(uri)


def _as_text(field: pa.Field) -> str:
    name = _quoted(field.name)
    if pa.types.is_list(field.type):
        return f"CAST(to_json({name}) AS TEXT) AS {name}"
    return f"CAST({name} AS TEXT) AS {name}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
