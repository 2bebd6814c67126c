"""ExactIndex: the nearest items by brute force, which every other index is judged against."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import faiss
import numpy as np

from dlrs.arrays import Bools, Floats, Ints
from dlrs.candidates.metric import nearest_first
from dlrs.candidates.vectors import ItemVectors, selector


class ExactIndex:
    """All of N vectors compared with each query, a block of them at a time: nothing is kept beside them."""

    def __init__(self, vectors: ItemVectors) -> None:
        self.vectors = vectors
        self._index = faiss.IndexFlat(vectors.width, vectors.faiss_metric)

    @classmethod
    def build(cls, vectors: ItemVectors) -> Self:
        """Copy the vectors. ValueError if one of them is not finite."""
        index = cls(vectors)
        for block_BD in vectors.blocks():
            index._index.add(block_BD)
        return index

    @classmethod
    def load(cls, folder: Path, vectors: ItemVectors) -> Self:
        """Open what `save` wrote."""
        return cls.build(vectors)

    def save(self, folder: Path) -> None:
        """Write nothing: the vectors are enough."""

    def __len__(self) -> int:
        return len(self.vectors)

    @property
    def size(self) -> int:
        """See `ItemIndex`."""
        return 4 * len(self) * self.vectors.width

    def propose(self, queries_UD: Floats, count: int) -> tuple[Ints, Floats]:
        """Return the `count` nearest rows; see `ItemIndex`."""
        return self._search(queries_UD, min(count, len(self)), None)

    def propose_among(self, queries_UD: Floats, count: int, among_N: Bools) -> tuple[Ints, Floats]:
        """Return the `count` nearest of some rows; see `SelectiveIndex`."""
        count = min(count, int(np.count_nonzero(among_N)))
        options = faiss.SearchParameters(sel=selector(among_N))  # type: ignore[call-arg]
        return self._search(queries_UD, count, options)

    def _search(
        self, queries_UD: Floats, count: int, options: faiss.SearchParameters | None
    ) -> tuple[Ints, Floats]:
        if count == 0:
            return np.empty((len(queries_UD), 0), dtype=np.int64), np.empty((len(queries_UD), 0), np.float32)
        near_UK, rows_UK = self._index.search(self.vectors.ready(queries_UD), count, params=options)
        # faiss leaves ties in any order
        return nearest_first(rows_UK, -near_UK if self.vectors.metric == "euclidean" else near_UK)
