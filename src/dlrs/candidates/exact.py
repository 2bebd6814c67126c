"""ExactIndex: the nearest items by brute force, which every other index is judged against."""

from __future__ import annotations

from typing import Literal, assert_never

import faiss
import numpy as np

from dlrs.arrays import Floats, Ints

Metric = Literal["cosine", "inner-product", "euclidean"]


class ExactIndex:
    """All of N vectors compared with each query: minimal Euclidean distance, inner product or cosine.

    Similarity is the cosine, the inner product, or minus the squared distance.
    """

    def __init__(self, vectors_ND: Floats, metric: Metric) -> None:
        """Copy the vectors (float32). ValueError if one of them is not finite."""
        if not np.isfinite(vectors_ND).all():
            raise ValueError("expected finite vectors, received NaN or infinity")
        self.metric = metric
        width = vectors_ND.shape[1]
        self._index = faiss.IndexFlatL2(width) if metric == "euclidean" else faiss.IndexFlatIP(width)
        self._index.add(self._ready(vectors_ND))

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def propose(self, queries_UD: Floats, count: int) -> tuple[Ints, Floats]:
        """Return the `count` nearest rows; see `ItemIndex`."""
        near_UK, rows_UK = self._index.search(self._ready(queries_UD), min(count, len(self)))
        similarity_UK = -near_UK if self.metric == "euclidean" else near_UK
        order_UK = np.lexsort((rows_UK, -similarity_UK), axis=1)  # faiss leaves ties in any order
        return (
            np.take_along_axis(rows_UK, order_UK, axis=1),
            np.take_along_axis(similarity_UK, order_UK, axis=1),
        )

    def _ready(self, vectors_ND: Floats) -> Floats:
        match self.metric:
            case "cosine":
                norms_N = np.linalg.norm(vectors_ND, axis=1, keepdims=True)
                return np.ascontiguousarray(vectors_ND / np.maximum(norms_N, 1e-12), dtype=np.float32)
            case "inner-product" | "euclidean":
                return np.ascontiguousarray(vectors_ND, dtype=np.float32)
            case _:
                assert_never(self.metric)
