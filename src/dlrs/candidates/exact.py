"""ExactIndex: the nearest items by brute force, which every other index is judged against."""

from __future__ import annotations

import faiss

from dlrs.arrays import Floats, Ints
from dlrs.candidates.metric import Metric, nearest_first, ready, ready_blocks


class ExactIndex:
    """All of N vectors compared with each query."""

    def __init__(self, vectors_ND: Floats, metric: Metric) -> None:
        """Copy the vectors (float32). ValueError if one of them is not finite."""
        self.metric = metric
        width = vectors_ND.shape[1]
        self._index = faiss.IndexFlatL2(width) if metric == "euclidean" else faiss.IndexFlatIP(width)
        for block_BD in ready_blocks(vectors_ND, metric):
            self._index.add(block_BD)

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def propose(self, queries_UD: Floats, count: int) -> tuple[Ints, Floats]:
        """Return the `count` nearest rows; see `ItemIndex`."""
        near_UK, rows_UK = self._index.search(ready(queries_UD, self.metric), min(count, len(self)))
        # faiss leaves ties in any order
        return nearest_first(rows_UK, -near_UK if self.metric == "euclidean" else near_UK)
