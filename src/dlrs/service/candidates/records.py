"""Records: a few rows of a large table as dictionaries, in a fifth of the time that Arrow takes for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

from dlrs.arrays import Bools, Ints

Read = Callable[[Ints], list[Any]]


class Records:
    """Reads rows. Reading only: shared by threads."""

    def __init__(self, table: pa.Table) -> None:
        self._names = table.column_names
        self._columns = [_reading(column) for column in table.columns]

    def of(self, rows: Ints) -> list[dict[str, Any]]:
        """Return some rows, in the order given; None where a value is missing."""
        columns = [read(rows) for read in self._columns]
        return [dict(zip(self._names, values, strict=True)) for values in zip(*columns, strict=True)]


def _reading(column: pa.ChunkedArray) -> Read:
    if column.num_chunks == 1:
        chunk = column.chunk(0)
        if chunk.type == pa.float64():
            return _numbers(chunk)
        if chunk.type == pa.string():
            return _texts(chunk)

    def read(rows: Ints) -> list[Any]:
        found: list[Any] = column.take(pa.array(rows)).to_pylist()
        return found

    return read


def _numbers(chunk: pa.Array) -> Read:
    values_N = np.frombuffer(chunk.buffers()[1], np.float64)[chunk.offset :]
    known = _known(chunk)

    def read(rows: Ints) -> list[Any]:
        values = values_N[rows].tolist()
        return [value if there else None for value, there in zip(values, known(rows).tolist(), strict=True)]

    return read


def _texts(chunk: pa.Array) -> Read:
    _, starts, content = chunk.buffers()
    starts_N1 = np.frombuffer(starts, np.int32)[chunk.offset :]
    data, known = memoryview(content or b""), _known(chunk)

    def read(rows: Ints) -> list[Any]:
        places = zip(starts_N1[rows].tolist(), starts_N1[rows + 1].tolist(), known(rows).tolist(), strict=True)
        return [str(data[start:end], "utf-8") if there else None for start, end, there in places]

    return read


def _known(chunk: pa.Array) -> Callable[[Ints], Bools]:
    """Return what tells of some rows whether they have a value."""
    bitmap, offset = chunk.buffers()[0], chunk.offset
    if bitmap is None:
        return lambda rows: np.ones(len(rows), dtype=np.bool_)
    bits = np.frombuffer(bitmap, np.uint8)

    def known(rows: Ints) -> Bools:
        places = rows + offset
        there: Bools = (bits[places >> 3] >> (places & 7) & 1).astype(np.bool_)
        return there

    return known
