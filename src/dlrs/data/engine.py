"""The engine that runs the data queries: Ibis expressions on an embedded DuckDB."""

from __future__ import annotations

import re
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import ibis
import pyarrow as pa

from dlrs.errors import DataError

Connection = Any  # ibis.BaseBackend; Ibis ships no types
Table = Any  # ibis.Table

ROW = "_row"
"""Position of a row in its table, from 1: errors and quarantine files name it."""

MEMORY = "2GB"
"""What tables and joins may take where there is a folder to spill into. The arrays need room, too."""

BATCH = 1_000_000
"""Rows that come out of the engine at a time."""


@contextmanager
def connect(spill: Path | None = None) -> Iterator[Connection]:
    """Open an empty database in memory for the length of the block. Times are UTC throughout.

    What does not fit into memory goes to the folder `spill`, which is removed at the end; without one
    that is an error.

    Raises:
        DataError: memory and `spill` are full.
    """
    # by default it would spill into the working directory, where a kill would leave it
    connection = ibis.duckdb.connect(temp_directory=str(spill or ""))
    connection.raw_sql("SET TimeZone = 'UTC'")
    connection.raw_sql("SET enable_progress_bar = false")
    # Threads add doubles up in any order: the last bits would differ from run to run, and with them
    # the checkpoint that a killed training goes on from. On two cores it costs nothing measurable.
    connection.raw_sql("SET threads = 1")
    if spill is not None:
        connection.raw_sql(f"SET memory_limit = '{MEMORY}'")
    try:
        yield connection
    except (duckdb.OutOfMemoryException, duckdb.IOException) as error:
        raise DataError(
            f"tables: expected room for the joins in memory and in {spill}, received: {in_short(error)}. "
            "Make room there, or take fewer rows."
        ) from error
    finally:
        connection.disconnect()
        if spill is not None:
            shutil.rmtree(spill, ignore_errors=True)


def kept(connection: Connection, name: str, expression: Table) -> Table:
    """Compute an expression once and keep the result under a name for the life of the connection."""
    return connection.create_table(name, expression)


def forget(connection: Connection, name: str) -> None:
    """Drop a table that was `kept` and that nobody will ask for again."""
    connection.raw_sql(f"DROP TABLE {name}")


def batches(expression: Table) -> Iterator[pa.RecordBatch]:
    """Fetch what an expression gives, some rows at a time, in any order.

    What goes wrong on the way is raised as if the engine had given all rows at once.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Ibis calls DuckDB by an older name
        try:
            yield from expression.to_pyarrow_batches(chunk_size=BATCH)
        except (OSError, pa.ArrowException) as error:  # DuckDB's errors once rows have begun to stream
            kind = duckdb.OutOfMemoryException if "Out of Memory" in str(error) else duckdb.IOException
            raise kind(str(error)) from error


def in_short(error: Exception) -> str:
    """Return what DuckDB says of a file, without the pages of advice that follow it."""
    lines = [line.strip() for line in str(error).splitlines()]
    telling = [line for line in lines[1:] if re.match(r"(CSV Error|Original Line|Expected Number)", line)]
    return " ".join([*lines[:1], *telling[:3]])
