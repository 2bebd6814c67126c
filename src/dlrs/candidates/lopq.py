"""LopqIndex: the catalogue as codes of a few bytes, in the cells of two clusterings (LOPQ).

    U queries    N items    Q of them looked at for each query    L = U · Q
    M bytes of a code    C clusters of a half    T cells    2 the halves of a vector

Kalantidis and Avrithis, Locally Optimized Product Quantization for Approximate Nearest Neighbor Search,
CVPR 2014. A query looks at cells, the best first, until it has seen enough items; codes tell about how near
these are, and the best by codes are compared again with the vectors themselves.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from dlrs.arrays import Columns, Floats, Ints, StoredArrays, gather_ranges
from dlrs.candidates.local_codes import ENTRIES, Codes, LocalCodes
from dlrs.candidates.metric import nearest_first
from dlrs.candidates.multi_index import MultiIndex, multi_sequence
from dlrs.candidates.vectors import ItemVectors

CELL = 200
"""Items for each cell, on average."""

SAMPLE = 2048
"""Vectors for each cluster of a half that clusters, rotations and codebooks are learned from."""

SPARE = 4
"""So many times the items wanted are compared again."""

FOR_COUNT = 1000
"""Up to so many items wanted, `looks` of this are looked at, beyond it proportionally more."""

LOOKED = 150_000
"""Codes read at once, at the most."""

TOGETHER = 32
"""Queries answered at once, at the most: their tables take megabytes."""


@dataclass(frozen=True)
class Cells(StoredArrays):
    """The items' codes, cell by cell, in a cell by their rows."""

    codes_MN: Codes  # first half, then second: a byte of all items lies together
    rows_N: Columns
    starts_T: Ints  # T + 1 of them, one for each cell and the end

    @classmethod
    def sorted(cls, cell_N: Ints, codes_MN: Codes, cells: int) -> Self:
        """Put codes that stand in the order of the rows into that of their cells, in place."""
        rows_N = np.argsort(cell_N, kind="stable").astype(np.int32)
        for code_N in codes_MN:
            code_N[:] = code_N[rows_N]
        return cls(codes_MN, rows_N, np.append(0, np.cumsum(np.bincount(cell_N, minlength=cells))))

    @property
    def size(self) -> int:
        """Bytes."""
        return self.codes_MN.nbytes + self.rows_N.nbytes + self.starts_T.nbytes


class LopqIndex:
    """N vectors in about N / 200 cells.

    It may miss items of cells that were not looked at, and those that their codes misplace by far.
    Similarities are exact.
    """

    def __init__(
        self,
        vectors: ItemVectors,
        looks: int,
        coarse: MultiIndex,
        fine: tuple[LocalCodes, LocalCodes],
        cells: Cells,
    ) -> None:
        """Take vectors, how many items are looked at for each wanted, and what `build` makes of them."""
        self.vectors = vectors
        self.looks = looks
        self._coarse = coarse
        self._fine = fine
        self._cells = cells

    @classmethod
    def build(cls, vectors: ItemVectors, looks: int, code: int) -> Self:
        """Learn clusters and codes of `code` bytes, an even number, and code the vectors.

        Raises:
            ValueError: a vector is not finite.
        """
        coarse, fine = _learned(vectors, code // 2)
        return cls(vectors, looks, coarse, fine, _coded(vectors, coarse, fine))

    @classmethod
    def load(cls, folder: Path, vectors: ItemVectors, looks: int) -> Self:
        """Map what `save` wrote; processes share it."""
        fine = LocalCodes.load(folder / "first"), LocalCodes.load(folder / "second")
        return cls(vectors, looks, MultiIndex.load(folder / "coarse"), fine, Cells.load(folder / "cells"))

    def save(self, folder: Path) -> None:
        """Write centres, rotations, codebooks and codes."""
        self._coarse.save(folder / "coarse")
        self._fine[0].save(folder / "first")
        self._fine[1].save(folder / "second")
        self._cells.save(folder / "cells")

    def __len__(self) -> int:
        return len(self._cells.rows_N)

    @property
    def size(self) -> int:
        """Codes and row numbers, and the tables that explain them; see `ItemIndex`."""
        return self._cells.size + self._coarse.centres_2CH.nbytes + sum(codes.size for codes in self._fine)

    def propose(self, queries_UD: Floats, count: int) -> tuple[Ints, Floats]:
        """Return about the `count` nearest rows; see `ItemIndex`."""
        rows_UK = self.propose_by_codes(queries_UD, SPARE * count, self.looks * max(count, FOR_COUNT))
        return self.vectors.nearest(self.vectors.ready(queries_UD), rows_UK, count)

    def propose_by_codes(self, queries_UD: Floats, count: int, looked: int) -> Ints:
        """Return the `count` rows that are nearest by their codes, of so many looked at, nearest first.

        `propose` compares these with the vectors; they alone are what codes without vectors would give.
        """
        count = min(count, len(self))
        looked = min(max(count, looked), len(self))
        queries_UD = self.vectors.ready(queries_UD)
        rows_UK = np.empty((len(queries_UD), count), dtype=np.int64)
        together = min(TOGETHER, max(1, LOOKED // max(1, looked)))
        for start in range(0, len(rows_UK) if count else 0, together):
            some = slice(start, start + together)
            rows_UK[some] = self._nearest_by_codes(queries_UD[some], count, looked)
        return rows_UK

    def _nearest_by_codes(self, queries_UD: Floats, count: int, looked: int) -> Ints:
        halves_2UH = self._coarse.halves(queries_UD)
        cells_UT, sums_UT, lengths_UT = self._visited(
            self._coarse.scores(halves_2UH, _penalty(self.vectors)), looked
        )
        positions_L = gather_ranges(self._cells.starts_T[cells_UT.ravel()], lengths_UT.ravel())
        scores_L = np.repeat(sums_UT.ravel(), lengths_UT.ravel())
        self._add_codes(scores_L, halves_2UH, cells_UT, lengths_UT, positions_L)
        scores_UQ = scores_L.reshape(-1, looked)
        best_UK = np.argpartition(-scores_UQ, count - 1, axis=1)[:, :count]
        positions_UK = np.take_along_axis(positions_L.reshape(-1, looked), best_UK, axis=1)
        scores_UK = np.take_along_axis(scores_UQ, best_UK, axis=1)
        return nearest_first(self._cells.rows_N[positions_UK].astype(np.int64), scores_UK)[0]

    def _visited(self, scores_2UC: Floats, looked: int) -> tuple[Ints, Floats, Ints]:
        """Return the best cells, their scores, and how many items to look at in each, (U, T)."""
        every = self._coarse.clusters**2
        cells = min(every, 16 + 2 * looked * every // len(self))
        while True:
            cells_UT, sums_UT = multi_sequence(scores_2UC, cells)
            lengths_UT = self._cells.starts_T[cells_UT + 1] - self._cells.starts_T[cells_UT]
            ends_UT = np.cumsum(lengths_UT, axis=1)
            if (ends_UT[:, -1] >= looked).all():
                return cells_UT, sums_UT, (looked - (ends_UT - lengths_UT)).clip(0, lengths_UT)
            cells = min(every, 4 * cells)

    def _add_codes(
        self, scores_L: Floats, halves_2UH: Floats, cells_UT: Ints, lengths_UT: Ints, positions_L: Ints
    ) -> None:
        """Add to the scores what the code of each item looked at says, for its query."""
        users_U1 = np.arange(len(cells_UT))[:, None]
        clusters_2UT = np.divmod(cells_UT, self._coarse.clusters)
        codes_M = iter(self._cells.codes_MN)
        for fine, queries_UH, cluster_UT in zip(self._fine, halves_2UH, clusters_2UT, strict=True):
            tables_CSUA = fine.tables(queries_UH)
            step = tables_CSUA[0, 0].size
            first_UT = (cluster_UT * fine.parts * len(users_U1) + users_U1) * ENTRIES
            at_L = np.repeat(first_UT.ravel(), lengths_UT.ravel())
            for _ in range(fine.parts):
                scores_L += tables_CSUA.ravel().take(at_L + next(codes_M).take(positions_L))
                at_L += step


def _penalty(vectors: ItemVectors) -> float:
    """Return how much of the squared length is subtracted from the inner product.

    Half of it gives the order of the distances. Cosines are inner products of unit vectors, but what codes
    stand for has other lengths, and distances judge that better.
    """
    return 0.0 if vectors.metric == "inner-product" else 0.5


def _learned(vectors: ItemVectors, parts: int) -> tuple[MultiIndex, tuple[LocalCodes, LocalCodes]]:
    clusters = max(1, round(math.sqrt(len(vectors) / CELL)))
    half = -(-vectors.width // (2 * parts)) * parts  # two halves of so many coordinates for each part
    sample_BD = vectors.sample(clusters * SAMPLE)
    coarse = MultiIndex.train(sample_BD, clusters, half)
    halves_2BH = coarse.halves(sample_BD)
    nearest_2B = coarse.assign(halves_2BH)
    first, second = (
        LocalCodes.train(*of_half, parts, _penalty(vectors))
        for of_half in zip(halves_2BH, nearest_2B, coarse.centres_2CH, strict=True)
    )
    return coarse, (first, second)


def _coded(vectors: ItemVectors, coarse: MultiIndex, fine: tuple[LocalCodes, LocalCodes]) -> Cells:
    codes_MN = np.empty((2 * fine[0].parts, len(vectors)), dtype=np.uint8)
    cell_N = np.empty(len(vectors), dtype=np.int64)
    start = 0
    for block_BD in vectors.blocks():
        some = slice(start, start := start + len(block_BD))
        halves_2BH = coarse.halves(block_BD)
        nearest_2B = coarse.assign(halves_2BH)
        cell_N[some] = nearest_2B[0] * coarse.clusters + nearest_2B[1]
        parts = zip(fine, halves_2BH, nearest_2B, coarse.centres_2CH, strict=True)
        codes_MN[:, some] = np.concatenate([codes.encode(*of_half).T for codes, *of_half in parts])
    return Cells.sorted(cell_N, codes_MN, coarse.clusters**2)
