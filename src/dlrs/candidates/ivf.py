"""IvfIndex: the catalogue in clusters, of which a query looks at the nearest only (faiss's IVF,SQ8).

Within a cluster a query is compared with codes of one byte a coordinate. These misplace some items, so
more are asked for than wanted, and compared again with the vectors themselves.
"""

from __future__ import annotations

import math
from typing import assert_never

import faiss
import numpy as np

from dlrs.arrays import Floats, Ints
from dlrs.candidates.metric import Metric, lengths, nearest_first, ready, ready_blocks

SAMPLE = 64
"""Vectors for each cluster that the clusters are found from, in so many rounds of k-means:"""

ROUNDS = 10

LEAST = 39
"""With fewer vectors than these for a cluster there are fewer clusters: faiss's own limit."""

LANES = 8
"""faiss is three times as fast where the width of the codes is a multiple of this: zeros fill it up."""

SPARE = 1.1
"""So many times the items wanted are asked for."""

FOR_COUNT = 1000
"""Up to so many items wanted `probes` clusters are looked at, beyond it proportionally more."""

CELLS = 4_000_000
"""Coordinates compared again at once: 16 MB."""


class IvfIndex:
    """N vectors in about 2 √N clusters.

    It may miss items of clusters that were not looked at, and nothing else: similarities are exact, and
    where the clusters looked at hold too few items, all are looked at.
    """

    def __init__(self, vectors_ND: Floats, metric: Metric, probes: int) -> None:
        """Find the clusters and code the vectors. They are kept, not copied, so they may be mapped.

        Args:
            vectors_ND: float32.
            metric: what near means.
            probes: how many clusters are looked at.

        Raises:
            ValueError: a vector is not finite.
        """
        N = len(vectors_ND)
        self.metric = metric
        self.probes = probes
        self.clusters = max(1, min(round(2 * math.sqrt(N)), N // LEAST))
        self._vectors_ND, self._lengths_N = vectors_ND, lengths(vectors_ND)
        self._index = _untrained(vectors_ND.shape[1], self.clusters, metric)
        sample = np.random.default_rng(0).choice(N, min(N, self.clusters * SAMPLE), replace=False)
        self._index.train(np.concatenate([*map(_widened, ready_blocks(vectors_ND[np.sort(sample)], metric))]))
        for block_BD in ready_blocks(vectors_ND, metric):
            self._index.add(_widened(block_BD))

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def propose(self, queries_UD: Floats, count: int) -> tuple[Ints, Floats]:
        """Return about the `count` nearest rows; see `ItemIndex`."""
        count = min(count, len(self))
        rows_UK = self._search(queries_UD, min(math.ceil(SPARE * count), len(self)))
        rows_UK, similarity_UK = nearest_first(rows_UK, self._similarity(queries_UD, rows_UK))
        return rows_UK[:, :count], similarity_UK[:, :count]

    def _search(self, queries_UD: Floats, count: int) -> Ints:
        queries_UW = _widened(ready(queries_UD, self.metric))
        probes = math.ceil(self.probes * max(1, count / FOR_COUNT))
        rows_UK = self._look(queries_UW, count, min(probes, self.clusters))
        short_U = (rows_UK < 0).any(axis=1)
        if short_U.any():
            rows_UK[short_U] = self._look(queries_UW[short_U], count, self.clusters)
        return rows_UK

    def _look(self, queries_UW: Floats, count: int, probes: int) -> Ints:
        options = faiss.SearchParametersIVF(nprobe=probes)  # type: ignore[call-arg]  # its stub lacks it
        rows_UK: Ints = self._index.search(queries_UW, count, params=options)[1]
        return rows_UK

    def _similarity(self, queries_UD: Floats, rows_UK: Ints) -> Floats:
        """Return the similarity of each query with its rows: (U, K)."""
        queries_UD = ready(queries_UD, self.metric)
        similarity_UK = np.empty(rows_UK.shape, dtype=np.float32)
        together = max(1, CELLS // max(1, rows_UK.shape[1] * queries_UD.shape[1]))
        for start in range(0, len(rows_UK), together):
            some = slice(start, start + together)
            similarity_UK[some] = self._compare(queries_UD[some], rows_UK[some])
        return similarity_UK

    def _compare(self, queries_UD: Floats, rows_UK: Ints) -> Floats:
        vectors_UKD = self._vectors_ND[rows_UK]
        match self.metric:
            case "cosine":
                return _products(vectors_UKD, queries_UD) / self._lengths_N[rows_UK]
            case "inner-product":
                return _products(vectors_UKD, queries_UD)
            case "euclidean":
                vectors_UKD -= queries_UD[:, None]
                squares_UK: Floats = np.einsum("ukd,ukd->uk", vectors_UKD, vectors_UKD)
                return -squares_UK
            case _:
                assert_never(self.metric)


def _untrained(width: int, clusters: int, metric: Metric) -> faiss.IndexIVFScalarQuantizer:
    W = -(-width // LANES) * LANES
    near = faiss.METRIC_L2 if metric == "euclidean" else faiss.METRIC_INNER_PRODUCT
    quantizer = faiss.IndexFlat(W, near)
    index = faiss.IndexIVFScalarQuantizer(quantizer, W, clusters, faiss.ScalarQuantizer.QT_8bit, near, False)
    index.cp.niter = ROUNDS
    index.cp.max_points_per_centroid = SAMPLE
    index.cp.min_points_per_centroid = 1  # or it warns of small catalogues
    index.cp.spherical = metric != "euclidean"
    return index


def _widened(vectors_ND: Floats) -> Floats:
    return np.pad(vectors_ND, ((0, 0), (0, -vectors_ND.shape[1] % LANES)))


def _products(vectors_UKD: Floats, queries_UD: Floats) -> Floats:
    products_UK: Floats = np.einsum("ukd,ud->uk", vectors_UKD, queries_UD)  # equal vectors, equal sums
    return products_UK
