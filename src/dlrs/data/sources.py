"""Sources: where a table is, and how its columns come in.

Text formats and databases give all their columns as text: the types are ours to read (`cleaning`),
so that a bad cell is an error with a row and not another type. Parquet brings its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import duckdb
import ibis

from dlrs.data.cells import typed
from dlrs.data.databases import read_database
from dlrs.data.engine import ROW, Connection, Table, in_short
from dlrs.errors import DataError
from dlrs.recipe import expand_variables
from dlrs.schema import EventTable, ItemTable, UserTable

SQLITE = "sqlite:///"
CSV_SUFFIXES = {".csv": ",", ".tsv": "\t"}
JSON_SUFFIXES = (".jsonl", ".ndjson")


@ibis.udf.scalar.builtin(name="json_extract_string", signature=(("json", "string"), "string"))  # type: ignore[untyped-decorator]
def _json_text(value: object, path: str) -> None:
    """Return a JSON value as text, a string without its quotes."""


@dataclass(frozen=True)
class Source:
    """One table: a file in `folder`, or a table of `database`. Cells that hold one of `missing` are empty."""

    folder: Path
    table: str
    database: str | None = None
    missing: tuple[str, ...] = ()

    @classmethod
    def of(cls, described: ItemTable | EventTable | UserTable, folder: Path) -> Source:
        """Return where a described table is; variables in the database's URL are expanded."""
        database = described.database
        if database is not None:
            database = expand_variables(database, key="database")
        return cls(folder, described.table, database, described.missing)

    def __str__(self) -> str:
        """Return the place as errors name it, without a password."""
        if self.database is None:
            return str(self.folder / self.table)
        url = urlsplit(self.database)
        host = url.netloc.rpartition("@")[2]
        return f"table '{self.table}' of {urlunsplit(url._replace(netloc=host))}"

    def read(self, connection: Connection, name: str) -> Table:
        """Return the columns and `ROW`. What is copied from a database is called `name`.

        Raises:
            DataError: there is no such table, its kind is unknown, or it cannot be read.
            MissingExtra: it is in a database, and the drivers are not installed.
        """
        try:
            table = (
                self._read_file(connection) if self.database is None else self._read_rows(connection, name)
            )
        except duckdb.Error as error:
            raise DataError(f"{self}: expected a readable table, received: {in_short(error)}") from error
        cells = {name: self._emptied(table[name]) for name in table.columns}
        return table.select(ibis.row_number().add(1).name(ROW), **cells)

    def _emptied(self, cells: Table) -> Table:
        text = typed(cells, "text")  # so that '-1' means the number, too; lists have no text
        if not self.missing or text is None:
            return cells
        return ibis.ifelse(text.isin(self.missing), ibis.null(cells.type()), cells)

    def _read_rows(self, connection: Connection, name: str) -> Table:
        assert self.database is not None
        url = self.database
        if url.startswith(SQLITE):
            file = self.folder / url.removeprefix(SQLITE)
            if not file.is_file():
                raise DataError(f"{file}: expected an SQLite database, received no such file.")
            return read_database(connection, name, str(file), self.table, place=str(self))
        if not url.startswith(("postgresql://", "postgres://")):
            raise DataError(
                f'database = "{url}": expected {SQLITE}FILE or postgresql://USER@HOST/NAME. Mend the recipe.'
            )
        return read_database(connection, name, url, self.table, place=str(self))

    def _read_file(self, connection: Connection) -> Table:
        file = self.folder / self.table
        if not file.is_file():
            raise DataError(f"{file}: expected a table, received no such file. Check 'data' and 'table'.")
        match Path(file.name.lower().removesuffix(".gz")).suffix:
            case ".parquet":
                return connection.read_parquet(file)
            case suffix if suffix in CSV_SUFFIXES:
                # quotes named, for a first quoted cell may come after the rows that DuckDB guesses from
                return connection.read_csv(
                    file, header=True, all_varchar=True, delim=CSV_SUFFIXES[suffix], quote='"', escape='"'
                )
            case suffix if suffix in JSON_SUFFIXES:
                # one level deep, every value stays JSON; a key may be first seen in the last line
                lines = connection.read_json(
                    file, format="newline_delimited", maximum_depth=1, sample_size=-1
                )
                return lines.select(**{name: _as_text(lines[name]) for name in lines.columns})
            case other:
                known = ", ".join([".parquet", *CSV_SUFFIXES, *JSON_SUFFIXES])
                raise DataError(f"{file}: expected one of {known}, received '{other}'.")


def _as_text(column: Table) -> Table:
    return _json_text(column, "$") if column.type().is_json() else column.cast("string")
