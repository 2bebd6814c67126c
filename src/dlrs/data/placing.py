"""Placing: columns whose rows come in parts and in another order than the one they are to have.

Each part's rows are put where they belong and forgotten. So a table of millions of rows is turned
round in little more memory than its columns take, and text takes that of its codes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dlrs.arrays import AnyArray, Doubles
from dlrs.arrays import Columns as Codes


class Placed(Protocol):
    """A column of N rows in the making."""

    def put(self, rows_B: AnyArray, values_B: pa.Array) -> None:
        """Put some values into their rows."""
        ...

    def finished(self) -> pa.Array | pa.ChunkedArray:
        """Return the column."""
        ...


def column_of(kind: pa.DataType, rows: int) -> Placed:
    """Return an empty column of a kind: text becomes a dictionary, numbers are doubles."""
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _Text(np.full(rows, -1, dtype=np.int32))
    if pa.types.is_floating(kind):
        return _Numbers(np.full(rows, np.nan))
    return _Other(kind)


@dataclass
class _Text:
    code_N: Codes
    known: pa.Array = field(default_factory=lambda: pa.array([], pa.string()))

    def put(self, rows_B: AnyArray, values_B: pa.Array) -> None:
        coded = values_B.cast(pa.string()).dictionary_encode()
        new = coded.dictionary.filter(pc.is_null(pc.index_in(coded.dictionary, value_set=self.known)))
        self.known = pa.concat_arrays([self.known, new])
        code_X = np.append(pc.index_in(coded.dictionary, value_set=self.known).to_numpy(), np.int32(-1))
        self.code_N[rows_B] = code_X[coded.indices.fill_null(-1).to_numpy()]

    def finished(self) -> pa.Array:
        return pa.DictionaryArray.from_arrays(pa.array(self.code_N, mask=self.code_N < 0), self.known)


@dataclass
class _Numbers:
    number_N: Doubles

    def put(self, rows_B: AnyArray, values_B: pa.Array) -> None:
        self.number_N[rows_B] = values_B.cast(pa.float64()).fill_null(np.nan).to_numpy()

    def finished(self) -> pa.Array:
        return pa.array(self.number_N, from_pandas=True)  # NaN is null


@dataclass
class _Other:
    """Lists, which have no place of one size: they are brought into order at the end."""

    kind: pa.DataType
    rows: list[AnyArray] = field(default_factory=list)
    parts: list[pa.Array] = field(default_factory=list)

    def put(self, rows_B: AnyArray, values_B: pa.Array) -> None:
        self.rows.append(rows_B)
        self.parts.append(values_B)

    def finished(self) -> pa.ChunkedArray:
        order = np.argsort(np.concatenate([np.empty(0, dtype=np.int32), *self.rows]))
        return pa.chunked_array(self.parts, self.kind).take(pa.array(order))
