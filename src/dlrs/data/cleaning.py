"""Cleaning: every cell gets its type or an error; every row that is left out gets a reason.

Two ways out, never a third. A cell that cannot be read, an empty id or an unknown interaction type
means that the schema or the export is wrong: an error that names file, column and row. A row that
can be read but not used (a price out of bounds, an event on an unknown item) goes to *quarantine*:
a file with its row number and the reason, and a count for each reason in the manifest.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import duckdb
import ibis
import pyarrow as pa
import pyarrow.compute as pc

from dlrs.data.engine import ROW, Connection, Table, in_short, kept, read_table
from dlrs.errors import DataError

Kind = Literal["text", "number", "time", "seconds"]
EXPECTED = {
    "text": "text",
    "number": "a number",
    "time": "a time like 2017-10-14T03:00:00Z",
    "seconds": "a time like 2017-10-14T03:00:00Z",
}
REASON = "reason"
CALENDAR = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)
"""Times outside of it, infinity among them, are no times to Python."""


@dataclass(frozen=True)
class Column:
    """One column to read: its name inside dlrs, its name in the file, and what must be in it."""

    name: str
    source: str
    kind: Kind
    required: bool = False


@dataclass(frozen=True)
class Quarantine:
    """Rows that were left out: row number in the file, ids, and the reason."""

    rows: pa.Table

    def __len__(self) -> int:
        return int(self.rows.num_rows)

    def counts(self) -> dict[str, int]:
        """Return how many rows were left out for each reason."""
        counted = pc.value_counts(self.rows[REASON])
        return {entry["values"]: entry["counts"] for entry in counted.to_pylist()}


def read_typed(connection: Connection, name: str, file: Path, columns: list[Column]) -> Table:
    """Read the columns of a file with their types, and `ROW`; keep the result as table `name`.

    Raises:
        DataError: a column is missing, a cell is not of its kind, or a required cell is empty.
    """
    raw = read_table(connection, file)
    _require_columns(raw, file, columns)
    try:
        _require_cells(raw, file, columns)
        return kept(connection, name, raw.select(ROW, **{c.name: _typed(raw, file, c) for c in columns}))
    except duckdb.Error as error:
        raise DataError(f"{file}: expected a readable table, received: {in_short(error)}") from error


def _require_columns(table: Table, file: Path, columns: list[Column]) -> None:
    for column in columns:
        if column.source not in table.columns:
            there = [c for c in table.columns if c != ROW]
            near = difflib.get_close_matches(column.source, there, n=1)
            mend = f"Did you mean '{near[0]}'?" if near else "Name the column in the recipe as in the file."
            raise DataError.at(
                file=str(file), column=column.source, row=None, expected="this column",
                received=f"only {', '.join(there)}", mend=mend,
            )  # fmt: skip


def _typed(table: Table, file: Path, column: Column) -> Table:
    source = table[column.source]
    text = source.type().is_string()
    match column.kind:
        case "text" if source.type().is_floating():
            # ids and codes with gaps become floats on their way through pandas: 12.0 is 12
            whole = source.try_cast("int64")
            text_of = ibis.ifelse(source == whole, whole.cast("string"), source.cast("string"))
            return ibis.ifelse(source.isnan(), ibis.null("string"), text_of)
        case "text":
            return source.cast("string").nullif("")
        case "number" if text or source.type().is_numeric() or source.type().is_boolean():
            number = source.try_cast("float64")
            return ibis.ifelse(number.isnan(), ibis.null("float64"), number)
        case "time" | "seconds" if text or source.type().is_temporal():
            time = source.try_cast("timestamp('UTC')")
            time = ibis.ifelse(time.between(*CALENDAR), time, ibis.null("timestamp('UTC')"))
            return time if column.kind == "time" else time.epoch_seconds().cast("float64")
    raise DataError.at(
        file=str(file), column=column.source, row=None, expected=EXPECTED[column.kind],
        received=f"a column of type {source.type()}", mend="Name another column, or convert this one.",
    )  # fmt: skip


def _require_cells(raw: Table, file: Path, columns: list[Column]) -> None:
    """Find the first wrong cell of each column in one pass over the file; report the first of all."""
    firsts = {c.name: raw[ROW].min(where=_wrong(raw, file, c)) for c in columns}
    found = raw.aggregate(raw.count().name("rows"), **firsts).to_pyarrow().to_pylist()[0]
    if found.pop("rows") == 0:
        raise DataError(f"{file}: expected at least one row, received none. Export the table again.")
    wrong = [(row, column) for column in columns if (row := found[column.name]) is not None]
    if wrong:
        row, column = min(wrong, key=lambda w: w[0])
        cell = (
            raw.filter(raw[ROW] == row)
            .select(cell=raw[column.source].cast("string"))
            .to_pyarrow()["cell"][0]
            .as_py()
        )
        raise DataError.at(
            file=str(file), column=column.source, row=row, expected=EXPECTED[column.kind],
            received="an empty cell" if cell in (None, "") else f"'{cell}'",
            mend="Mend the row or leave it out.",
        )  # fmt: skip


def _wrong(raw: Table, file: Path, column: Column) -> Table:
    """True where a cell is required and empty, or is not empty and yet not of its kind."""
    source, value = raw[column.source], _typed(raw, file, column)
    if column.required:
        return value.isnull()
    if column.kind == "text" or not (source.type().is_string() or source.type().is_temporal()):
        return ibis.literal(False)
    if source.type().is_temporal():
        return value.isnull() & source.notnull()
    return value.isnull() & source.lower().notin(["", "nan"])
