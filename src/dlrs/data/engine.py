"""The engine that runs the data queries: Ibis expressions on an embedded DuckDB."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ibis

Connection = Any  # ibis.BaseBackend; Ibis ships no types
Table = Any  # ibis.Table

ROW = "_row"
"""Position of a row in its table, from 1: errors and quarantine files name it."""


@contextmanager
def connect() -> Iterator[Connection]:
    """Open an empty database in memory for the length of the block. Times are UTC throughout."""
    connection = ibis.duckdb.connect()
    connection.raw_sql("SET TimeZone = 'UTC'")
    connection.raw_sql("SET enable_progress_bar = false")
    # Threads add doubles up in any order: the last bits would differ from run to run, and with them
    # the checkpoint that a killed training goes on from. On two cores it costs nothing measurable.
    connection.raw_sql("SET threads = 1")
    try:
        yield connection
    finally:
        connection.disconnect()


def kept(connection: Connection, name: str, expression: Table) -> Table:
    """Compute an expression once and keep the result under a name for the life of the connection."""
    return connection.create_table(name, expression)


def in_short(error: Exception) -> str:
    """Return what DuckDB says of a file, without the pages of advice that follow it."""
    lines = [line.strip() for line in str(error).splitlines()]
    telling = [line for line in lines[1:] if re.match(r"(CSV Error|Original Line|Expected Number)", line)]
    return " ".join([*lines[:1], *telling[:3]])
