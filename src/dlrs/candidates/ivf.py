"""IvfIndex: the catalogue in clusters, of which a query looks at the nearest only (faiss's IVF).

Within a cluster a query is compared with codes: one byte a coordinate (IVF,SQ8), or half of one
(IVF,PQ). These misplace some items, so more are asked for than wanted, and compared again with the vectors
themselves.
"""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path
from typing import Self

import faiss
import numpy as np

from dlrs.arrays import Bools, Columns, Floats, Ints
from dlrs.candidates.clusters import Clusters, nearest_centroid
from dlrs.candidates.codes import BYTES, Codes, widened
from dlrs.candidates.vectors import ItemVectors, selector, selector_without

FOR_COUNT = 1000
"""Up to so many items wanted `probes` clusters are looked at, beyond it proportionally more."""

TRAINED = 65_536
"""Vectors that codes are trained from. Fewer are repeated: these take faiss 1.2 s, a quarter of them 3.6."""

SPARSER = 2
"""Where some rows count only, they are taken to lie so many times sparser near a query than elsewhere."""

HELD = 8
"""Where some rows count only, the clusters looked at must hold so many times the rows wanted, or all are."""

CROWDED = 0.25
"""The share of the rows that are left out that is taken to lie near a query."""

FILE = "index.faiss"


class IvfIndex:
    """N vectors in `Clusters`.

    It may miss items of clusters that were not looked at, and nothing else: similarities are exact, and
    where the clusters looked at hold too few items, all are looked at. Codes of one byte suffer where a few
    vectors are far longer than the rest; not under the cosine.
    """

    def __init__(self, vectors: ItemVectors, probes: int, codes: Codes, index: faiss.IndexIVF) -> None:
        """Take vectors, how many clusters are looked at, and the vectors' codes in clusters."""
        self.vectors = vectors
        self.probes = probes
        self.codes = codes
        self._index = index

    @classmethod
    def build(cls, vectors: ItemVectors, probes: int, codes: Codes = BYTES) -> Self:
        """Find the clusters and code the vectors. ValueError if one of them is not finite."""
        return cls.of_clusters(vectors, probes, codes, Clusters.find(vectors))

    @classmethod
    def of_clusters(cls, vectors: ItemVectors, probes: int, codes: Codes, clusters: Clusters) -> Self:
        """Code the vectors in clusters that were found before."""
        index = _empty(vectors, codes, clusters)
        cluster_N, start = clusters.cluster_N, 0
        for block_BD in vectors.blocks():
            part = slice(start, start := start + len(block_BD))
            _add(index, block_BD, np.arange(part.start, part.stop), cluster_N[part])
        return cls(vectors, probes, codes, index)

    @classmethod
    def load(cls, folder: Path, vectors: ItemVectors, probes: int, codes: Codes = BYTES) -> Self:
        """Map what `save` wrote; processes share it."""
        flags = faiss.IO_FLAG_MMAP_IFC | faiss.IO_FLAG_SKIP_PRECOMPUTE_TABLE
        index = faiss.read_index(str(folder / FILE), flags)
        return cls(vectors, probes, codes, index)  # type: ignore[arg-type]  # read_index gives what was written

    def save(self, folder: Path) -> None:
        """Write the codes in clusters."""
        faiss.write_index(self._index, str(folder / FILE))

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def clusters(self) -> int:
        """Number of clusters."""
        return int(self._index.nlist)

    @property
    def size(self) -> int:
        """Codes and row numbers, and the clusters' centres; see `ItemIndex`."""
        return len(self) * (self._index.code_size + 8) + 4 * self.clusters * self._index.d

    def propose(self, queries_UD: Floats, count: int) -> tuple[Ints, Floats]:
        """Return about the `count` nearest rows; see `ItemIndex`."""
        count = min(count, len(self))
        asked = min(self.codes.asked(count), len(self))
        return self._propose(queries_UD, count, asked, count, None)

    def propose_among(self, queries_UD: Floats, count: int, among_N: Bools) -> tuple[Ints, Floats]:
        """Return about the `count` nearest of some rows; see `SelectiveIndex`."""
        some = int(np.count_nonzero(among_N))
        count = min(count, some)
        depth = SPARSER * count * len(self) / max(1, some)
        asked = min(max(HELD * count, self.codes.asked(count)), some)
        return self._propose(queries_UD, count, asked, depth, selector(among_N))

    def propose_without(self, queries_UD: Floats, count: int, without: Ints) -> tuple[Ints, Floats]:
        """Return about the `count` nearest of the other rows; see `ExcludingIndex`.

        Among the nearest rows may be many of those to be left out, so more clusters are looked at.
        """
        others = len(self) - len(without)
        count = min(count, others)
        asked, depth = min(self.codes.asked(count), others), count + CROWDED * len(without)
        return self._propose(queries_UD, count, asked, depth, selector_without(without, len(self)))

    def _propose(
        self, queries_UD: Floats, count: int, asked: int, depth: float, selected: faiss.IDSelector | None
    ) -> tuple[Ints, Floats]:
        """Ask for more than wanted, in as many clusters as for `depth` items, and take the nearest."""
        if count == 0:
            return np.empty((len(queries_UD), 0), dtype=np.int64), np.empty((len(queries_UD), 0), np.float32)
        probes = math.ceil(self.probes * max(1, depth / FOR_COUNT))
        queries_UD = self.vectors.ready(queries_UD)
        rows_UK = self._search(queries_UD, asked, probes, selected)
        return self.vectors.nearest(queries_UD, rows_UK, count)

    def _search(self, queries_UD: Floats, count: int, probes: int, selected: faiss.IDSelector | None) -> Ints:
        queries_UW = widened(queries_UD)
        rows_UK = self._look(queries_UW, count, min(probes, self.clusters), selected)
        short_U = rows_UK[:, -1] < 0  # what is missing is missing at the end
        if short_U.any():
            rows_UK[short_U] = self._look(queries_UW[short_U], count, self.clusters, selected)
        return rows_UK

    def _look(self, queries_UW: Floats, count: int, probes: int, selected: faiss.IDSelector | None) -> Ints:
        options = _looking(probes) if selected is None else _looking_at(probes, selected)
        rows_UK: Ints = self._index.search(queries_UW, count, params=options)[1]
        return rows_UK


@lru_cache
def _looking(probes: int) -> faiss.SearchParametersIVF:
    """Return how faiss looks at so many clusters: made once, as that takes a tenth of a search."""
    return _looking_at(probes, None)


def _looking_at(probes: int, selected: faiss.IDSelector | None) -> faiss.SearchParametersIVF:
    return faiss.SearchParametersIVF(nprobe=probes, sel=selected)  # type: ignore[call-arg]  # its stub lacks it


def _empty(vectors: ItemVectors, codes: Codes, clusters: Clusters) -> faiss.IndexIVF:
    """Return faiss's index of these clusters, with its codes trained and nothing in it."""
    nowhere_1D = np.zeros((1, vectors.width), dtype=np.float32)  # of no items there are no clusters
    centroids_CD = clusters.centroids_CD if len(clusters) else nowhere_1D
    centroids_CW = widened(centroids_CD)
    # vectors of length 1 order the same by distance, and codes, whose length differs, do so more faithfully
    near = faiss.METRIC_INNER_PRODUCT if vectors.metric == "inner-product" else faiss.METRIC_L2
    centroids = faiss.IndexFlat(centroids_CW.shape[1], near)
    centroids.add(centroids_CW)
    index = codes.lists(centroids, len(centroids_CD), centroids.d, near)
    sample_SD = np.resize(vectors.sample(TRAINED), (TRAINED, vectors.width))
    cluster_S = nearest_centroid(sample_SD, centroids_CD)[0].astype(np.int64)
    sample_SW = widened(sample_SD) - centroids_CW[cluster_S] * index.by_residual
    index.train_encoder(len(sample_SW), faiss.swig_ptr(sample_SW), faiss.swig_ptr(cluster_S))
    index.is_trained = True
    return index


def _add(index: faiss.IndexIVF, block_BD: Floats, rows_B: Ints, cluster_B: Columns) -> None:
    """Put vectors into clusters that are known: faiss would choose them by the metric.

    The highest inner product is with the longest centroid, not with that of the vectors near by.
    """
    arrays = widened(block_BD), rows_B, cluster_B.astype(np.int64)
    index.add_core(len(rows_B), *(faiss.swig_ptr(array) for array in arrays))
