"""Columns: one feature of all items, laid out so that a range or a set of values is a run of rows.

N items   E entries (rows that have a number; pairs of a row and a value)   X distinct values   R rows
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dlrs.arrays import AnyArray, Bools, Columns, Doubles, Ints, StoredArrays, gather_ranges, positions_in

Texts = NDArray[np.bytes_]
"""Texts in UTF-8, as wide as the longest: unlike Arrow's, they can be searched where they are mapped."""


Offsets = NDArray[np.int32] | NDArray[np.int64]
"""Of 32 bits where these are enough."""


@dataclass(frozen=True)
class Numbers(StoredArrays):
    """A number for each item, NaN where missing, and the same in ascending order."""

    number_N: Doubles
    ascending_E: Doubles
    row_E: Columns

    @classmethod
    def build(cls, number_N: Doubles) -> Self:
        """Sort the numbers that there are, of equal ones the lower row first."""
        order = np.argsort(number_N, kind="stable")[: len(number_N) - np.count_nonzero(np.isnan(number_N))]
        return cls(number_N, number_N[order], order.astype(np.int32))

    def count(self, low: float, high: float) -> int:
        """Return how many items have a number from low to high."""
        run = self._run(low, high)
        return int(run.stop - run.start)

    def rows(self, low: float, high: float) -> Ints:
        """Return them in the order of their numbers."""
        return self.row_E[self._run(low, high)].astype(np.int64)

    def _run(self, low: float, high: float) -> slice:
        """Return where the numbers from low to high stand in ascending order, both ends included."""
        first = int(np.searchsorted(self.ascending_E, low, side="left"))
        return slice(first, max(first, int(np.searchsorted(self.ascending_E, high, side="right"))))


@dataclass(frozen=True)
class Sets(StoredArrays):
    """The values of each item, and the items of each value."""

    values_X: Texts  # ascending
    starts_X: Offsets  # X + 1: the items of value x are row_E[starts_X[x] : starts_X[x + 1]], ascending
    row_E: Columns
    starts_N: Offsets  # N + 1: the values of item n are code_E[starts_N[n] : starts_N[n + 1]]
    code_E: Columns

    @classmethod
    def build(cls, row_E: Ints, code_E: Columns, values_X: pa.Array, rows: int) -> Self:
        """Lay out entries, ascending by row and each only once. Codes are places in `values_X`, ascending."""
        by_value = np.argsort(code_E, kind="stable")
        starts_X, starts_N = _starts(code_E, len(values_X)), _starts(row_E, rows)
        texts_X = as_texts(values_X.to_pylist())
        return cls(texts_X, starts_X, row_E[by_value].astype(np.int32), starts_N, code_E)

    def __len__(self) -> int:
        return len(self.starts_N) - 1

    def codes(self, values: Sequence[str]) -> Ints:
        """Return the code of each of the values that some item has: ascending, distinct."""
        texts = np.unique(as_texts(values))
        if texts.dtype.itemsize > self.values_X.dtype.itemsize:  # longer ones cannot occur
            texts = texts[np.char.str_len(texts) <= self.values_X.dtype.itemsize]
        found = positions_in(self.values_X, texts.astype(self.values_X.dtype))  # type: ignore[arg-type]
        return found[found >= 0]

    def sizes(self, codes_V: Ints) -> Ints:
        """Return how many items have each of the values."""
        return (self.starts_X[codes_V + 1] - self.starts_X[codes_V]).astype(np.int64)

    def rows(self, codes_V: Ints) -> Ints:
        """Return the items that have at least one of the values, in any order, some of them repeatedly."""
        at_E = gather_ranges(self.starts_X[codes_V], self.sizes(codes_V))
        found: Ints = self.row_E[at_E].astype(np.int64)
        return found

    def test(self, codes_V: Ints, rows_R: Ints) -> Bools:
        """Tell which of some items have at least one of the values."""
        wanted_X = np.zeros(len(self.values_X), dtype=np.bool_)
        wanted_X[codes_V] = True
        starts_R = self.starts_N[rows_R]
        lengths_R = self.starts_N[rows_R + 1] - starts_R
        hit_E = wanted_X[self.code_E[gather_ranges(starts_R, lengths_R)]]
        passed_R = np.zeros(len(rows_R), dtype=np.bool_)
        passed_R[np.repeat(np.arange(len(rows_R)), lengths_R)[hit_E]] = True
        return passed_R


def as_texts(values: Sequence[Any]) -> Texts:
    """Return texts as bytes in UTF-8, whose order is that of the texts.

    None ends with NUL, which numpy would cut off: a 1 follows each, which keeps order and difference. Half a
    surrogate pair, as JSON may ask for, becomes what no valid text does.
    """
    encoded = [value.replace("\0", "\0\1").encode("utf-8", "surrogatepass") for value in values]
    texts: Texts = np.array(encoded, dtype=np.bytes_)
    return texts if len(texts) else np.empty(0, dtype="S1")


def _starts(ascending: AnyArray, count: int) -> Offsets:
    starts: Ints = np.concatenate(([0], np.cumsum(np.bincount(ascending, minlength=count))))
    return starts.astype(np.int32) if len(ascending) <= np.iinfo(np.int32).max else starts
