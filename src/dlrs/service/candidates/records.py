"""Records: a few rows of a large table as dictionaries, in a small part of the time that Arrow takes.

Where filters look at a feature, a row's value is a number there, and each value has been made a text once:
nothing is decoded, and of the mapped table few pages are touched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from sys import intern
from typing import Any

import numpy as np
import pyarrow as pa

from dlrs.arrays import AnyArray
from dlrs.candidates.filtering.columns import Numbers, Sets

MOST_VALUES = 20_000
"""Distinct values of a feature that are kept as texts; of others, as of names, each is read by itself."""

Read = Callable[[Sequence[int]], list[Any]]


class Records:
    """Reads rows. Reading only: shared by threads."""

    def __init__(self, table: pa.Table, filtered: Mapping[str, Numbers | Sets]) -> None:
        """Take a table, and what filters have of some of its columns."""
        self._names = table.column_names
        fitting = {name: filtered[name] for name in self._names if _fits(filtered.get(name), table[name])}
        self.table = table.drop_columns(list(fitting))
        """The columns that are read from the table itself."""
        self.arrays = [array for one in fitting.values() for array in _arrays(one)]
        """What is read of the others."""
        self._columns = [
            _filtered(fitting[name]) if name in fitting else _reading(table[name]) for name in self._names
        ]

    def of(self, rows: Sequence[int]) -> list[dict[str, Any]]:
        """Return some rows, in the order given; None where a value is missing."""
        columns = [read(rows) for read in self._columns]
        return [dict(zip(self._names, values, strict=True)) for values in zip(*columns, strict=True)]


def _fits(filtered: Numbers | Sets | None, column: pa.ChunkedArray) -> bool:
    """Tell whether what filters have says all that the column does."""
    match filtered:
        case None:
            return False
        case Numbers():
            return bool(column.type == pa.float64())
        case Sets():
            return bool(column.type == pa.string()) and len(filtered.values_X) <= MOST_VALUES


def _arrays(filtered: Numbers | Sets) -> list[AnyArray]:
    return [filtered.number_N] if isinstance(filtered, Numbers) else [filtered.starts_N, filtered.code_E]


def _filtered(filtered: Numbers | Sets) -> Read:
    if isinstance(filtered, Sets):
        return _values(filtered)
    numbers = _view(filtered.number_N)
    return lambda rows: [None if (number := numbers[row]) != number else number for row in rows]


def _reading(column: pa.ChunkedArray) -> Read:
    if column.num_chunks == 1 and column.chunk(0).offset == 0:
        chunk = column.chunk(0)
        if chunk.type == pa.float64():
            return _numbers(chunk)
        if chunk.type == pa.string():
            return _texts(chunk)

    def read(rows: Sequence[int]) -> list[Any]:
        found: list[Any] = column.take(pa.array(rows, pa.int64())).to_pylist()
        return found

    return read


def _values(sets: Sets) -> Read:
    texts = [value.decode("utf-8", "surrogatepass") for value in sets.values_X.tolist()]
    texts = [intern(text.replace("\0\1", "\0")) for text in texts]
    starts, codes = _view(sets.starts_N), _view(sets.code_E)
    if len(codes) == len(sets):  # one for each row
        return lambda rows: [texts[codes[row]] for row in rows]
    return lambda rows: [
        texts[codes[start]] if (start := starts[row]) < starts[row + 1] else None for row in rows
    ]


def _view(array: AnyArray) -> memoryview:
    return np.asarray(array).data  # of one that is mapped, too, single numbers come quicker


def _numbers(chunk: pa.Array) -> Read:
    bitmap, content = chunk.buffers()
    known, values = memoryview(bitmap or b""), memoryview(content).cast("d")
    if not known:
        return lambda rows: [values[row] for row in rows]
    return lambda rows: [values[row] if known[row >> 3] >> (row & 7) & 1 else None for row in rows]


def _texts(chunk: pa.Array) -> Read:
    bitmap, places, content = chunk.buffers()
    known, starts = memoryview(bitmap or b""), memoryview(places).cast("i")
    data = memoryview(content or b"")
    if not known:
        return lambda rows: [intern(str(data[starts[row] : starts[row + 1]], "utf-8")) for row in rows]
    return lambda rows: [
        intern(str(data[starts[row] : starts[row + 1]], "utf-8"))
        if known[row >> 3] >> (row & 7) & 1
        else None
        for row in rows
    ]
