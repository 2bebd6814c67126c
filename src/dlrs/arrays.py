"""Array types, and how arrays are named.

An array's name ends in its shape, one letter a dimension: `scores_UK` has a row per user and K
columns. The letters that mean the same everywhere:

    U users asked about     N items (the catalogue)    V item versions    P profiles or pairs
    K results, best first   D width of an embedding    F categorical features
    C continuous features   E entries or events        B a batch

Two words for two things: an *id* is the marketplace's own name for a user or an item (any
string or integer); a *row* is its position 0..n-1 in the arrays of one prepared data set.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]
Columns = NDArray[np.int32]
Bools = NDArray[np.bool_]
AnyArray = NDArray[Any]


class StoredArrays:
    """A dataclass whose fields are all arrays: saved as one .npy file a field, mapped back read-only."""

    def save(self, folder: Path) -> None:
        """Write every field into `folder`, which is made if need be."""
        folder.mkdir(parents=True, exist_ok=True)
        for field in fields(self):  # type: ignore[arg-type]  # subclasses are dataclasses
            np.save(folder / f"{field.name}.npy", getattr(self, field.name))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Map what `save` wrote into memory, read-only."""
        names = [field.name for field in fields(cls)]  # type: ignore[arg-type]
        mapped = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in names}
        return cls(**{name: np.asarray(array) for name, array in mapped.items()})


class GrowingArray:
    """One .npy file to whose array rows are appended; none of them stays in memory."""

    def __init__(self, file: Path) -> None:
        """Begin the file; the first rows decide on type and width."""
        self._stream = file.open("wb")
        self._rows = 0
        self._header: dict[str, Any] = {}

    def append(self, rows: AnyArray) -> None:
        """Write rows behind those that are there."""
        rows = np.ascontiguousarray(rows)
        if not self._header:
            described = np.lib.format.dtype_to_descr(rows.dtype)
            self._header = {"descr": described, "fortran_order": False, "shape": rows.shape}
            self._write_header()
        self._stream.write(rows.data if rows.size else b"")
        self._rows += len(rows)

    def _write_header(self) -> None:
        # numpy leaves room in it for the first axis to grow
        np.lib.format.write_array_header_1_0(self._stream, self._header)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Say at the head of the file how many rows there are."""
        with self._stream:
            self._stream.seek(0)
            self._header["shape"] = (self._rows, *self._header.get("shape", ())[1:])
            if "descr" in self._header:
                self._write_header()


NO_ITEM = -1
"""Pads a list of recommended item rows that is shorter than K."""


def distinct(values: Ints) -> Ints:
    """Return the distinct values, ascending.

    `np.unique` would put them into a hash table first, which takes ten times as long for millions.
    """
    ascending = np.sort(values)
    chosen: Ints = ascending[np.diff(ascending, prepend=ascending[:1] - 1) != 0]
    return chosen


def positions_in(sorted_A: Ints, values_P: Ints) -> Ints:
    """Return where each value stands in an ascending array of distinct ones, −1 for those it lacks.

    >>> positions_in(np.array([2, 5, 9]), np.array([9, 3, 2]))
    array([ 2, -1,  0])
    """
    if len(sorted_A) == 0:
        return np.full(len(values_P), -1, dtype=np.int64)
    near_P = np.searchsorted(sorted_A, values_P).clip(max=len(sorted_A) - 1)
    return np.where(sorted_A[near_P] == values_P, near_P, -1)


def stores(matrix_UN: sparse.csr_array, columns_UK: Ints) -> Bools:
    """Tell whether each row of a sparse matrix stores an entry, zero or not, in the columns: (U, K).

    False where a column is negative, as `NO_ITEM` is.
    """
    rows_UK = np.broadcast_to(np.arange(len(columns_UK))[:, None], columns_UK.shape)
    return stores_pairs(matrix_UN, rows_UK.ravel(), columns_UK.ravel()).reshape(columns_UK.shape)


def stores_pairs(matrix_UN: sparse.csr_array, rows_P: Ints, columns_P: Ints) -> Bools:
    """Tell whether a sparse matrix stores an entry, zero or not, at each (row, column): (P,).

    False where a column is negative.
    """
    users, items = matrix_UN.shape
    row_E = np.repeat(np.arange(users), np.diff(matrix_UN.indptr))
    keys_E = np.sort(row_E * items + matrix_UN.indices)
    stored_P: Bools = positions_in(keys_E, rows_P * items + columns_P) >= 0
    return stored_P & (columns_P >= 0)


def digest_of(text: str, arrays: Iterable[AnyArray]) -> str:
    """Return 12 hexadecimal digits that change with the text and with the content of any array."""
    digest = hashlib.sha256(text.encode())
    for array in arrays:
        digest.update(np.ascontiguousarray(array).data if array.size else b"")
    return digest.hexdigest()[:12]


def gather_ranges(starts_P: AnyArray, lengths_P: AnyArray) -> Ints:
    """Return the positions of P ranges, one after the other: start, start + 1, … for each.

    >>> gather_ranges(np.array([5, 0]), np.array([2, 3]))
    array([5, 6, 0, 1, 2])
    """
    total = int(lengths_P.sum())
    ends_P = np.cumsum(lengths_P)
    shift_P = starts_P - (ends_P - lengths_P)
    positions: Ints = np.arange(total, dtype=np.int64) + np.repeat(shift_P, lengths_P)
    return positions
