"""Versions: the item versions with their raw features, on disk, a column in memory when it is asked for.

Millions of versions with all their features take gigabytes, and no stage needs more than a column of
all of them or all columns of a few.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dlrs.arrays import AnyArray, Ints
from dlrs.data.values import ColumnTable

GROUP = 500_000
"""Versions in a row group of the file."""

MANY = 10_000
"""Values of a dictionary, of which a row group will mostly have few."""


@dataclass(frozen=True)
class Versions:
    """V versions in the order of their rows: a Parquet file that looks like a table.

    The file is mapped when it is opened: another one that takes its place later is not read.
    """

    content: pa.Buffer

    @classmethod
    def write(cls, table: pa.Table, file: Path) -> Versions:
        """Write a table, a row for each version in their order."""
        with pq.ParquetWriter(file, table.schema) as writer:
            for first in range(0, table.num_rows, GROUP):
                writer.write_table(_with_own_dictionaries(table.slice(first, GROUP)), row_group_size=GROUP)
        return cls.open(file)

    @classmethod
    def open(cls, file: Path) -> Versions:
        """Map what `write` wrote."""
        return cls(pa.memory_map(str(file)).read_buffer())

    @cached_property
    def num_rows(self) -> int:
        """V."""
        return int(pq.read_metadata(self._reader()).num_rows)

    @cached_property
    def column_names(self) -> list[str]:
        """The names of all columns."""
        return list(pq.read_schema(self._reader()).names)

    def __getitem__(self, name: str) -> pa.ChunkedArray:
        """Read one column."""
        return pq.read_table(self._reader(), columns=[name])[name].unify_dictionaries()

    def table(self) -> pa.Table:
        """Read everything."""
        return pq.read_table(self._reader())

    def parts(self) -> Iterator[pa.Table]:
        """Read everything, some rows at a time."""
        with pq.ParquetFile(self._reader()) as stored:
            for group in range(stored.num_row_groups):
                yield stored.read_row_group(group)

    def take(self, rows: AnyArray) -> pa.Table:
        """Read some of the versions, text as text, in the order given, repeats included."""
        rows = np.asarray(rows)
        found, place = np.unique(rows, return_inverse=True)
        taken, first = [], 0
        with pq.ParquetFile(self._reader()) as stored:
            for group in range(stored.num_row_groups):
                until = first + stored.metadata.row_group(group).num_rows
                inside = found[slice(*np.searchsorted(found, [first, until]))]
                if len(inside):
                    taken.append(stored.read_row_group(group).take(inside - first))
                first = until
            empty = stored.schema_arrow.empty_table()
        return pa.concat_tables([_as_text(part) for part in (empty, *taken)]).take(place)

    def _reader(self) -> pa.BufferReader:
        return pa.BufferReader(self.content)


def _as_text(table: pa.Table) -> pa.Table:
    kinds = [f.type.value_type if pa.types.is_dictionary(f.type) else f.type for f in table.schema]
    return table.cast(pa.schema(zip(table.column_names, kinds, strict=True)))


def _with_own_dictionaries(part: pa.Table) -> pa.Table:
    """Give a part dictionaries of its own: Parquet would store one of all items with each part."""
    columns = [
        column.cast(column.type.value_type).dictionary_encode()
        if pa.types.is_dictionary(column.type) and len(column.chunk(0).dictionary) > MANY
        else column
        for column in part.columns
    ]
    return pa.table(columns, schema=part.schema)


@dataclass(frozen=True)
class Some:
    """Some rows of a table, a column in memory when it is asked for."""

    table: ColumnTable
    rows_N: Ints

    @property
    def num_rows(self) -> int:
        """N."""
        return len(self.rows_N)

    def __getitem__(self, name: str) -> pa.ChunkedArray:
        """Return these rows of a column."""
        return self.table[name].take(pa.array(self.rows_N))
