"""The engine that runs the data queries: the same Ibis expressions on an embedded DuckDB or on Spark.

Everything that an engine must bring is in the protocol `Engine`; there is a module for each.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from dlrs.errors import DataError, MissingExtra

Table = Any  # ibis.Table; Ibis ships no types

ROW = "_row"
"""Position of a row in its table, from 1: errors and quarantine files name it."""

BATCH = 1_000_000
"""Rows that come out of the engine at a time."""

DUCKDB = "duckdb"
SPARK_MASTERS = ("local", "spark://", "yarn", "k8s://")


class StreamError(OSError):
    """What an engine says once rows have begun to stream: Arrow raises it, in words of the engine's."""


class Engine(Protocol):
    """An open connection. Times are UTC throughout, text is ordered by its bytes in UTF-8.

    Tables that are read have `ROW`, whatever order the engine keeps rows in.
    """

    def read_parquet(self, file: Path) -> Table:
        """Return the columns with the types of the file, and `ROW`."""
        ...

    def read_delimited(self, file: Path, delimiter: str) -> Table:
        """Return the columns of a file with a header as text, and `ROW`."""
        ...

    def read_json_lines(self, file: Path) -> Table:
        """Return the keys of all lines as columns of text, and `ROW`; what is nested stays JSON."""
        ...

    def copied(self, name: str, batches: pa.RecordBatchReader) -> Table:
        """Return a table `name` with what the batches hold, and `ROW`."""
        ...

    def run_sql(self, statements: str, folder: Path) -> None:
        """Run statements; file names in them are relative to `folder`, an absolute path.

        Raises:
            DataError: a statement is wrong, or this engine runs none.
        """
        ...

    def made(self, name: str) -> Table | None:
        """Return a table or view that `run_sql` made, and `ROW`; None if there is none of that name."""
        ...

    def kept(self, name: str, expression: Table) -> Table:
        """Compute an expression once and keep the result under a name for the life of the connection."""
        ...

    def forget(self, name: str) -> None:
        """Drop a table that was `kept` and that nobody will ask for again."""
        ...

    def to_pyarrow(self, expression: Table) -> pa.Table:
        """Fetch what a table expression gives; `expression.to_pyarrow()` is the same."""
        ...

    def reading(self, place: object) -> AbstractContextManager[None]:
        """Turn what the engine says of a damaged table into a DataError that names its place.

        A damaged page may show only when its column is read: whoever fetches from a table does it within.
        """
        ...


@contextmanager
def connect(name: str = DUCKDB, *, spill: Path | None = None) -> Iterator[Engine]:
    """Open an engine without any tables for the length of the block.

    Args:
        name: 'duckdb', or the master of a Spark: local[2], spark://HOST:PORT …
        spill: a folder for what does not fit into memory, removed at the end. A Spark of several machines
            must reach it from each. Without one DuckDB has only memory, and Spark takes a temporary folder.

    Raises:
        DataError: there is no such engine, or memory and `spill` are full.
        MissingExtra: it is Spark, and pyspark is not installed.
    """
    # an engine is loaded when it is asked for: Spark is an extra, and slow to start
    require(name)
    if name == DUCKDB:
        from dlrs.data.duckdb import open_duckdb

        with open_duckdb(spill) as duckdb:
            yield duckdb
    else:
        from dlrs.data.spark import open_spark

        with open_spark(name, spill) as spark:
            yield spark


def require(name: str) -> None:
    """Say at once what is wrong with an engine.

    Raises:
        DataError: there is no such engine.
        MissingExtra: it is Spark, and pyspark is not installed.
    """
    if name == DUCKDB:
        return
    if not name.startswith(SPARK_MASTERS):
        raise DataError(
            f"--engine {name}: expected '{DUCKDB}' or a Spark master like local[2] or spark://HOST:7077, "
            f"received '{name}'."
        )
    if find_spec("pyspark") is None:
        raise MissingExtra("pyspark", "spark")


def batches(expression: Table) -> Iterator[pa.RecordBatch]:
    """Fetch what an expression gives, some rows at a time, in any order.

    Raises:
        StreamError: something went wrong on the way.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Ibis calls DuckDB by an older name
        try:
            yield from expression.to_pyarrow_batches(chunk_size=BATCH)
        except (OSError, pa.ArrowException) as error:
            raise StreamError(str(error)) from error
