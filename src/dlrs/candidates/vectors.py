"""ItemVectors: what an index is built over, and the exact comparison that every proposal ends with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import assert_never

import faiss
import numpy as np

from dlrs.arrays import Bools, Floats, Ints
from dlrs.candidates.metric import Metric, lengths, nearest_first, ready, ready_blocks


def selector(among_N: Bools) -> faiss.IDSelector:
    """Return how faiss is told of the rows that it may look at."""
    return faiss.IDSelectorBitmap(np.packbits(among_N, bitorder="little"))  # type: ignore[arg-type,call-arg]


def selector_without(rows: Ints, count: int) -> faiss.IDSelector:
    """Return how faiss is told of all `count` rows but some."""
    bits = np.full(-(-count // 8), 0xFF, dtype=np.uint8)
    np.bitwise_and.at(bits, rows >> 3, ~np.left_shift(1, rows & 7).astype(np.uint8))
    return faiss.IDSelectorBitmap(bits)  # type: ignore[arg-type,call-arg]


CELLS = 4_000_000
"""Coordinates compared at once: 16 MB."""


@dataclass(frozen=True)
class ItemVectors:
    """N item vectors, float32, and what near means. They are kept, not copied, so they may be mapped."""

    vectors_ND: Floats
    metric: Metric

    def __len__(self) -> int:
        return len(self.vectors_ND)

    @property
    def width(self) -> int:
        """D."""
        return int(self.vectors_ND.shape[1])

    def ready(self, vectors_UD: Floats) -> Floats:
        """Return other vectors as an index compares them with these; see `metric.ready`."""
        return ready(vectors_UD, self.metric)

    def blocks(self) -> Iterator[Floats]:
        """Yield all of them made ready, a block at a time. ValueError if one is not finite."""
        return ready_blocks(self.vectors_ND, self.metric)

    def sample(self, most: int, seed: int = 0) -> Floats:
        """Return `most` of them, or all, made ready, to find clusters or codes from."""
        rows = np.random.default_rng(seed).choice(len(self), min(len(self), most), replace=False)
        parts = ready_blocks(self.vectors_ND[np.sort(rows)], self.metric)
        return np.concatenate([*parts]) if len(self) else np.empty((0, self.width), dtype=np.float32)

    def nearest(self, queries_UD: Floats, rows_UK: Ints, count: int) -> tuple[Ints, Floats]:
        """Return the `count` nearest of each query's rows, nearest first, and their exact similarity.

        Queries are those that were made ready.
        """
        rows_UK, similarity_UK = nearest_first(rows_UK, self._similarity(queries_UD, rows_UK))
        return rows_UK[:, :count], similarity_UK[:, :count]

    def similarity(self, queries_UD: Floats, rows_UK: Ints) -> Floats:
        """Return the similarity of each query with each of its rows: (U, K)."""
        return self._similarity(self.ready(queries_UD), rows_UK)

    def _similarity(self, queries_UD: Floats, rows_UK: Ints) -> Floats:
        similarity_UK = np.empty(rows_UK.shape, dtype=np.float32)
        together = max(1, CELLS // max(1, rows_UK.shape[1] * queries_UD.shape[1]))
        for start in range(0, len(rows_UK), together):
            some = slice(start, start + together)
            similarity_UK[some] = self._compare(queries_UD[some], rows_UK[some])
        return similarity_UK

    def compared(self, queries_UD: Floats, rows: slice | Ints) -> Floats:
        """Return what orders the same rows for all queries as their similarity does: (U, number of rows).

        It comes of one matrix product, so it is rounded in another order than `similarity`, and of Euclidean
        distances it lacks what is a query's own.

        Args:
            queries_UD: made ready.
            rows: B of the N rows.
        """
        products_UB: Floats = queries_UD @ self.vectors_ND[rows].T
        match self.metric:
            case "cosine":
                products_UB /= self._lengths_N[rows]
            case "inner-product":
                pass
            case "euclidean":
                products_UB -= self._lengths_N[rows] ** 2 / 2
            case _:
                assert_never(self.metric)
        return products_UB

    @cached_property
    def _lengths_N(self) -> Floats:
        return lengths(self.vectors_ND)

    def _compare(self, queries_UD: Floats, rows_UK: Ints) -> Floats:
        vectors_UKD = self.vectors_ND.take(rows_UK, axis=0)  # in half the time of an index
        match self.metric:
            case "cosine":
                # of these alone: to keep those of all would read the whole catalogue, in every process
                length_UK = lengths(vectors_UKD.reshape(-1, self.width)).reshape(rows_UK.shape)
                return _products(vectors_UKD, queries_UD) / length_UK
            case "inner-product":
                return _products(vectors_UKD, queries_UD)
            case "euclidean":
                vectors_UKD -= queries_UD[:, None]
                squares_UK: Floats = np.einsum("ukd,ukd->uk", vectors_UKD, vectors_UKD)
                return -squares_UK
            case _:
                assert_never(self.metric)


def _products(vectors_UKD: Floats, queries_UD: Floats) -> Floats:
    products_UK: Floats = np.einsum("ukd,ud->uk", vectors_UKD, queries_UD)  # equal vectors, equal sums
    return products_UK
