"""DuckDB as the engine: embedded, the default."""

from __future__ import annotations

import csv
import gzip
import shutil
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import ibis
import pyarrow as pa

from dlrs.data.engine import ROW, StreamError, Table
from dlrs.errors import DataError


@ibis.udf.scalar.builtin(signature=(("json", "string"), "string"))  # type: ignore[untyped-decorator]
def json_extract_string(value: object, path: str) -> None:
    """Return a JSON value as text, a string without its quotes."""


TEXT_LIST = """
CREATE MACRO text_list(cell) AS
CASE WHEN json_valid(cell) THEN json_extract_string(cell, '$[*]') ELSE TRY_CAST(cell AS VARCHAR[]) END
"""
"""Lists are JSON; those with single quotes, as Python writes them, are read, too (see `cells.text_list`)."""


MEMORY = "2GB"
"""What tables and joins may take where there is a folder to spill into. The arrays need room, too."""

MADE = "made"
"""The schema of what a recipe's SQL makes: its names and ours, as `items`, do not meet."""

SNIFFING = "Error when sniffing"
"""What DuckDB says of a delimited file that it cannot make out; it names no line then."""

OTHERS = {";": "semicolons", "\t": "tabs", "|": "bars", ",": "commas"}
"""What may part the cells of a file that is called otherwise."""

TELLING = {
    "Expected Number of Columns": 'Mend this line; a cell with the separator in it stands in quotes: "a, b".',
    "Value with unterminated quote": "Close the quote; a quote within a quoted cell is written twice.",
    "Invalid unicode": "Save the file as UTF-8.",
}
"""What DuckDB finds wrong with a line of a delimited file, and how to mend it."""

NO_ROOM = ("No space left on device", "Out of Memory")
"""What DuckDB says when the results of a query, not the table, are the trouble."""


@dataclass(frozen=True)
class DuckDB:
    """An open database in memory; see `engine.Engine`."""

    backend: Any

    def read_parquet(self, file: Path) -> Table:
        """See `engine.Engine`."""
        return _numbered(self.backend.read_parquet(file))

    def read_delimited(self, file: Path, delimiter: str) -> Table:
        """See `engine.Engine`."""
        header = _header(file)
        _require_parted(file, header, delimiter)
        # quotes named, for a first quoted cell may come after the rows that DuckDB guesses from
        settings: dict[str, Any] = {"header": True, "delim": delimiter, "quote": '"', "escape": '"'}
        try:
            return _numbered(self.backend.read_csv(file, all_varchar=True, **settings))
        except duckdb.Error as error:
            if SNIFFING in str(error):
                # told how many cells to expect it names the first line that has not as many
                cells = len(next(csv.reader([header], delimiter=delimiter), []))
                columns = {f"c{number}": "VARCHAR" for number in range(cells)}
                named = self.backend.read_csv(file, auto_detect=False, columns=columns, **settings)
                named.count().to_pyarrow()
            raise

    def read_json_lines(self, file: Path) -> Table:
        """See `engine.Engine`."""
        # one level deep, every value stays JSON; a key may be first seen in the last line
        lines = self.backend.read_json(file, format="newline_delimited", maximum_depth=1, sample_size=-1)
        return _numbered(lines.select(**{name: _as_text(lines[name]) for name in lines.columns}))

    def copied(self, name: str, batches: pa.RecordBatchReader) -> Table:
        """See `engine.Engine`."""
        self.backend.con.from_arrow(batches).create(name)
        return _numbered(self.backend.table(name))

    def run_sql(self, statements: str, folder: Path) -> None:
        """See `engine.Engine`."""
        quoted = str(folder).replace("'", "''")
        try:
            self.backend.raw_sql(f"SET file_search_path = '{quoted}'")
            self.backend.raw_sql(f"CREATE SCHEMA {MADE}; USE {MADE}")
            self.backend.con.execute(statements)
            self.backend.raw_sql("USE main")
        except duckdb.Error as error:
            if any(sign in str(error) for sign in NO_ROOM):
                raise
            raise DataError(
                f"sql: expected statements that DuckDB can run in {folder}, received: {_in_short(error)}. "
                "Mend them, or check 'data'."
            ) from error

    def made(self, name: str) -> Table | None:
        """See `engine.Engine`."""
        found = self.backend.con.execute(
            "SELECT 1 FROM information_schema.tables WHERE table_schema = ? AND table_name = ?", [MADE, name]
        )
        if found.fetchone() is None:
            return None
        return _numbered(self.backend.table(name, database=MADE))

    def kept(self, name: str, expression: Table) -> Table:
        """See `engine.Engine`."""
        return self.backend.create_table(name, expression)

    def forget(self, name: str) -> None:
        """See `engine.Engine`."""
        self.backend.raw_sql(f"DROP TABLE {name}")

    def to_pyarrow(self, expression: Table) -> pa.Table:
        """See `engine.Engine`."""
        return self.backend.to_pyarrow(expression)

    @contextmanager
    def reading(self, place: object) -> Iterator[None]:
        """See `engine.Engine`."""
        try:
            yield
        except (duckdb.Error, StreamError) as error:
            if any(sign in str(error) for sign in NO_ROOM):
                raise
            raise DataError(f"{place}: expected a readable table, received: {_in_short(error)}") from error


@contextmanager
def open_duckdb(spill: Path | None = None) -> Iterator[DuckDB]:
    """Open an empty database in memory for the length of the block; see `engine.connect`."""
    # by default it would spill into the working directory, where a kill would leave it
    backend = ibis.duckdb.connect(temp_directory=str(spill or ""))
    backend.raw_sql("SET TimeZone = 'UTC'")
    backend.raw_sql("SET enable_progress_bar = false")
    # Threads add doubles up in any order: the last bits would differ from run to run, and with them
    # the checkpoint that a killed training goes on from. On two cores it costs nothing measurable.
    backend.raw_sql("SET threads = 1")
    if spill is not None:
        backend.raw_sql(f"SET memory_limit = '{MEMORY}'")
    backend.raw_sql(TEXT_LIST)
    try:
        yield DuckDB(backend)
    except (duckdb.OutOfMemoryException, duckdb.IOException, StreamError) as error:
        raise DataError(
            f"tables: expected room for the joins in memory and in {spill}, received: {_in_short(error)}. "
            "Make room there, or take fewer rows."
        ) from error
    finally:
        backend.disconnect()
        if spill is not None:
            shutil.rmtree(spill, ignore_errors=True)


def _numbered(table: Table) -> Table:
    """Add `ROW`: one thread reads a file from its first row to its last."""
    return table.select(ibis.row_number().add(1).name(ROW), *table.columns)


def _as_text(column: Table) -> Table:
    return json_extract_string(column, "$") if column.type().is_json() else column.cast("string")


def _header(file: Path) -> str:
    """Return the first line of a delimited file; an empty one where it cannot be read, which DuckDB says."""
    try:
        with gzip.open(file) if file.suffix.lower() == ".gz" else file.open("rb") as stream:
            return stream.readline(1_000_000).decode("utf-8-sig", errors="replace")
    except (OSError, EOFError, zlib.error):
        return ""


def _require_parted(file: Path, header: str, delimiter: str) -> None:
    """Refuse what DuckDB would take for a table of one column."""
    if "\0" in header:
        raise DataError(f"{file}: expected text in UTF-8, received UTF-16 or no text. Save it as UTF-8.")
    there = [name for mark, name in OTHERS.items() if mark in header]
    if delimiter not in header and there:
        raise DataError(
            f"{file}: expected cells parted by {OTHERS[delimiter]}, received {there[0]} in its first line, "
            f"'{header.strip()[:80]}'. Export the table again with {OTHERS[delimiter]}."
        )


def _in_short(error: Exception) -> str:
    """Return what DuckDB says of a file, without the pages of advice that follow it; and ours."""
    lines = [line.strip() for line in str(error).removeprefix("Invalid Input Error: ").splitlines()]
    found = next(((line, mend) for line in lines for sign, mend in TELLING.items() if sign in line), None)
    if found is None:
        return " ".join(lines[:1])
    # of bytes that are no UTF-8 it may show the line before
    shown = [line for line in lines if line.startswith("Original Line") and "Invalid unicode" not in found[0]]
    return "; ".join([*lines[:1], *shown[:1], found[0].rstrip(".")]) + f". {found[1]}"
