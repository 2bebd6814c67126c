"""Sources: where a table is, and how its columns come in.

Text formats and databases give all their columns as text: the types are ours to read (`cleaning`),
so that a bad cell is an error with a row and not another type. Parquet brings its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import ibis

from dlrs.data.cells import typed
from dlrs.data.databases import read_database
from dlrs.data.engine import ROW, Engine, Table
from dlrs.errors import DataError
from dlrs.recipe import expand_variables
from dlrs.schema import EventTable, ItemTable, UserTable

SQLITE = "sqlite:///"
CSV_SUFFIXES = {".csv": ",", ".tsv": "\t"}
JSON_SUFFIXES = (".jsonl", ".ndjson")


@dataclass(frozen=True)
class Source:
    """One table: a file in `folder`, what the recipe's SQL made, or a table of `database`.

    Cells that hold one of `missing` are empty.
    """

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

    def as_of(self) -> datetime:
        """Return since when its rows may be out of date: the file's last change; of anything else, now."""
        file = self.folder / self.table
        if self.database is None and file.is_file():
            return datetime.fromtimestamp(file.stat().st_mtime, UTC)
        return datetime.now(UTC)

    def read(self, connection: Engine, name: str) -> Table:
        """Return the columns and `ROW`. What is copied from a database is called `name`.

        Raises:
            DataError: there is no such table, its kind is unknown, or it cannot be read.
            MissingExtra: it is in a database, and the drivers are not installed.
        """
        with connection.reading(self):
            table = (
                self._read_file(connection) if self.database is None else self._read_rows(connection, name)
            )
        return table.select(
            **{name: table[name] if name == ROW else self._emptied(table[name]) for name in table.columns}
        )

    def _emptied(self, cells: Table) -> Table:
        text = typed(cells, "text")  # so that '-1' means the number, too; lists have no text
        if not self.missing or text is None:
            return cells
        return ibis.ifelse(text.isin(self.missing), ibis.null(cells.type()), cells)

    def _read_rows(self, connection: Engine, name: str) -> Table:
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

    def _read_file(self, connection: Engine) -> Table:
        made = connection.made(self.table)
        if made is not None:
            return made
        file = self.folder / self.table
        if not file.is_file():
            raise DataError(f"{file}: expected a table, received no such file. Check 'data' and 'table'.")
        match Path(file.name.lower().removesuffix(".gz")).suffix:
            case ".parquet":
                return connection.read_parquet(file)
            case suffix if suffix in CSV_SUFFIXES:
                return connection.read_delimited(file, CSV_SUFFIXES[suffix])
            case suffix if suffix in JSON_SUFFIXES:
                return connection.read_json_lines(file)
            case other:
                known = ", ".join([".parquet", *CSV_SUFFIXES, *JSON_SUFFIXES])
                raise DataError(f"{file}: expected one of {known}, received '{other}'.")
