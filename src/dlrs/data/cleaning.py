"""Cleaning: every cell gets its type or an error; every row that is left out gets a reason.

Two ways out, never a third. A cell that cannot be read, an empty id or an unknown interaction type
means that the schema or the export is wrong: an error that names file, column and row. A row that
can be read but not used (a price out of bounds, an event on an unknown item) goes to *quarantine*:
a file with its row number and the reason, and a count for each reason in the manifest.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

import ibis
import pyarrow as pa
import pyarrow.compute as pc

from dlrs.data.cells import typed
from dlrs.data.engine import ROW, Engine, Table
from dlrs.data.rules import EXPECTED, Kind
from dlrs.data.sources import Source
from dlrs.errors import DataError
from dlrs.schema import Features

REASON = "reason"


@dataclass(frozen=True)
class Column:
    """One column to read: its name inside dlrs, its name in the table, and what must be in it.

    `detail` is what its kind needs to know: the format of a time, the separator of a list.
    """

    name: str
    source: str
    kind: Kind
    required: bool = False
    detail: str | None = None


def feature_columns(features: Features) -> list[Column]:
    """Return the columns of all features, under their names."""
    columns = [
        Column(name, name, "seconds" if feature.kind == "time" else "number", detail=feature.format)
        for name, feature in features.continuous.items()
    ]
    columns += [Column(name, name, "text") for name in (*features.categorical, *features.text)]
    for name, (source, part) in features.date_parts.items():
        columns.append(Column(name, source, part, detail=features.dates[source].format))
    for name, feature in features.multi_valued.items():
        columns.append(Column(name, name, "values", detail=feature.separator))
    return columns


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


def read_typed(connection: Engine, name: str, source: Source, columns: list[Column]) -> Table:
    """Return the columns of a table with their types, and `ROW`; what is copied of it is called `name`.

    Every cell was checked, but nothing is kept: whoever uses the expression reads the table again, only
    the columns that he needs where the format allows it, and does so `Engine.reading` it.

    Raises:
        DataError: a column is missing, a cell is not of its kind, or a required cell is empty.
    """
    raw = source.read(connection, f"{name}_raw")
    _require_columns(raw, source, columns)
    with connection.reading(source):
        _require_cells(raw, source, columns)
    return raw.select(ROW, **{c.name: _typed(raw, source, c) for c in columns})


def _require_columns(table: Table, source: Source, columns: list[Column]) -> None:
    for column in columns:
        if column.source not in table.columns:
            there = [c for c in table.columns if c != ROW]
            near = difflib.get_close_matches(column.source, there, n=1)
            mend = f"Did you mean '{near[0]}'?" if near else "Name the column as the table does."
            raise DataError.at(
                file=str(source), column=column.source, row=None, expected="this column",
                received=f"only {', '.join(there)}", mend=mend,
            )  # fmt: skip


def _typed(table: Table, source: Source, column: Column) -> Table:
    cells = table[column.source]
    value = typed(cells, column.kind, column.detail)
    if value is None:
        raise DataError.at(
            file=str(source), column=column.source, row=None, expected=EXPECTED[column.kind],
            received=f"a column of type {cells.type()}", mend="Name another column, or convert this one.",
        )  # fmt: skip
    return value


def _require_cells(raw: Table, source: Source, columns: list[Column]) -> None:
    """Find the first wrong cell of each column in one pass over the table; report the first of all."""
    firsts = {c.name: raw[ROW].min(where=_wrong(raw, source, c)) for c in columns}
    found = raw.aggregate(raw.count().name("rows"), **firsts).to_pyarrow().to_pylist()[0]
    if found.pop("rows") == 0:
        raise DataError(f"{source}: expected at least one row, received none. Export the table again.")
    wrong = [(row, column) for column in columns if (row := found[column.name]) is not None]
    if wrong:
        row, column = min(wrong, key=lambda w: w[0])
        # as text, for not every time that a file can hold is one to Python
        cells = raw.filter(raw[ROW] == row).select(cell=raw[column.source].cast("string"))
        cell = cells.to_pyarrow()["cell"][0].as_py()
        pattern = f" in the format {column.detail}" if column.detail and column.kind != "values" else ""
        raise DataError.at(
            file=str(source), column=column.source, row=row, expected=EXPECTED[column.kind] + pattern,
            received="an empty cell" if cell in (None, "") else f"'{cell}'",
            mend="Mend the row or leave it out." if column.required else
            "Mend the row, leave it out, or list the cell as `missing` in the recipe.",
        )  # fmt: skip


def _wrong(raw: Table, source: Source, column: Column) -> Table:
    """True where a cell is required and empty, or is not empty and yet not of its kind."""
    cells, value = raw[column.source], _typed(raw, source, column)
    if column.required:
        # no whole number is an empty text, and to make texts of millions takes seconds
        return cells.isnull() if column.kind == "text" and cells.type().is_integer() else value.isnull()
    if column.kind == "text" or not (cells.type().is_string() or cells.type().is_temporal() or column.detail):
        return ibis.literal(False)
    return value.isnull() & cells.cast("string").lower().notin(["", "nan"])
