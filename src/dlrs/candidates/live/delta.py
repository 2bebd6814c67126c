"""Delta: the items that came since the snapshot, in the order in which they came.

One writer appends, any number of threads read without waiting: rows that a reader was told of never change,
and where an array is full a larger copy takes its place, while a reader keeps the one that he has. Only
`died_n` is written to afterwards, with the number of a change that this reader does not look at.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dlrs.arrays import AnyArray, Floats, Ints
from dlrs.candidates.live.items import LiveItems
from dlrs.candidates.metric import Metric, lengths, ready

FIRST = 1024
"""Rows that there is room for at first."""

CELLS = 4_000_000
"""Coordinates subtracted at once: 16 MB."""


@dataclass(frozen=True)
class DeltaRows:
    """The first n rows, as one reader sees them."""

    items: LiveItems
    lengths_n: Floats  # of the embeddings
    died_n: Ints  # the change by which each went, 0 for none

    def __len__(self) -> int:
        return len(self.items)

    def similarity(self, queries_UD: Floats, metric: Metric) -> Floats:
        """Return the exact similarity of each query with each row: (U, n)."""
        queries_UD, vectors_nD = ready(queries_UD, metric), self.items.embedding_ND
        if metric == "euclidean":
            return _minus_squares(queries_UD, vectors_nD)
        products_Un: Floats = np.einsum("nd,ud->un", vectors_nD, queries_UD)  # alone or not, the same sums
        return products_Un / self.lengths_n if metric == "cosine" else products_Un


class Delta:
    """Rows that are appended to; see the module's docstring."""

    def __init__(self, like: LiveItems) -> None:
        """Begin without rows, of the same width as other items."""
        none = like.take(slice(0, 0))
        self._ids, self._embedding, self._wide = map(Column, (none.ids_N, none.embedding_ND, none.wide_N))
        self._lengths = Column(none.wide_N)
        self._died = Column(np.empty(0, dtype=np.int64))

    def __len__(self) -> int:
        return len(self._wide)

    def append(self, items: LiveItems) -> None:
        """Add items; readers see them when they are given the new `rows`."""
        self._ids.append(items.ids_N)
        self._embedding.append(items.embedding_ND)
        self._wide.append(items.wide_N)
        self._lengths.append(lengths(items.embedding_ND))
        self._died.append(np.zeros(len(items), dtype=np.int64))

    def bury(self, rows: Ints, seq: int) -> None:
        """Note the change by which some rows went; readers of earlier changes still see them."""
        self._died.array[rows] = seq

    def rows(self) -> DeltaRows:
        """Return the rows there are now."""
        items = LiveItems(self._ids.filled, self._embedding.filled, self._wide.filled)
        return DeltaRows(items, self._lengths.filled, self._died.filled)


class Column:
    """An array with room to grow."""

    def __init__(self, none: AnyArray) -> None:
        self.array = np.zeros((FIRST, *none.shape[1:]), dtype=none.dtype)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def filled(self) -> AnyArray:
        """What was appended."""
        return self.array[: self._count]

    def append(self, rows: AnyArray) -> None:
        """Add rows, into a larger array if need be."""
        end = self._count + len(rows)
        kept = np.promote_types(self.array.dtype, rows.dtype)  # a longer id makes all of them wider
        if end > len(self.array) or kept != self.array.dtype:
            larger = np.zeros((max(end, 2 * len(self.array)), *self.array.shape[1:]), dtype=kept)
            larger[: self._count] = self.filled
            self.array = larger
        self.array[self._count : end] = rows
        self._count = end


def _minus_squares(queries_UD: Floats, vectors_nD: Floats) -> Floats:
    similarity_Un = np.empty((len(queries_UD), len(vectors_nD)), dtype=np.float32)
    together = max(1, CELLS // max(1, vectors_nD.size))
    for start in range(0, len(queries_UD), together):
        some = slice(start, start + together)
        apart_UnD = vectors_nD - queries_UD[some, None]
        similarity_Un[some] = -np.einsum("und,und->un", apart_UnD, apart_UnD)
    return similarity_Un
