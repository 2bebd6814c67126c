"""IvfIndex: the catalogue in clusters, of which a query looks at the nearest only (faiss's IVF,SQ8).

Within a cluster a query is compared with codes of one byte a coordinate. These misplace some items, so
more are asked for than wanted, and compared again with the vectors themselves.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Self

import faiss
import numpy as np

from dlrs.arrays import Bools, Floats, Ints
from dlrs.candidates.vectors import ItemVectors, selector

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

SPARSER = 2
"""Where some rows count only, they are taken to lie so many times sparser near a query than elsewhere …"""

HELD = 8
"""… and the clusters looked at must hold so many times the rows wanted, or all are looked at."""

FILE = "index.faiss"


class IvfIndex:
    """N vectors in about 2 √N clusters.

    It may miss items of clusters that were not looked at, and nothing else: similarities are exact, and
    where the clusters looked at hold too few items, all are looked at.
    """

    def __init__(self, vectors: ItemVectors, probes: int, index: faiss.IndexIVFScalarQuantizer) -> None:
        """Take vectors, how many clusters are looked at, and the vectors' codes in clusters."""
        self.vectors = vectors
        self.probes = probes
        self._index = index

    @classmethod
    def build(cls, vectors: ItemVectors, probes: int) -> Self:
        """Find the clusters and code the vectors. ValueError if one of them is not finite."""
        N = len(vectors)
        clusters = max(1, min(round(2 * math.sqrt(N)), N // LEAST))
        index = _untrained(vectors, clusters)
        index.train(_widened(vectors.sample(clusters * SAMPLE)))
        for block_BD in vectors.blocks():
            index.add(_widened(block_BD))
        return cls(vectors, probes, index)

    @classmethod
    def load(cls, folder: Path, vectors: ItemVectors, probes: int) -> Self:
        """Map what `save` wrote; processes share it."""
        index = faiss.read_index(str(folder / FILE), faiss.IO_FLAG_MMAP_IFC)
        return cls(vectors, probes, index)  # type: ignore[arg-type]  # read_index gives what was written

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
        asked = min(math.ceil(SPARE * count), len(self))
        return self._propose(queries_UD, count, asked, asked, None)

    def propose_among(self, queries_UD: Floats, count: int, among_N: Bools) -> tuple[Ints, Floats]:
        """Return about the `count` nearest of some rows; see `SelectiveIndex`."""
        some = int(np.count_nonzero(among_N))
        count = min(count, some)
        depth = SPARSER * count * len(self) / max(1, some)
        return self._propose(queries_UD, count, min(HELD * count, some), depth, selector(among_N))

    def _propose(
        self, queries_UD: Floats, count: int, asked: int, depth: float, selected: faiss.IDSelector | None
    ) -> tuple[Ints, Floats]:
        """Ask for more than wanted, in as many clusters as for `depth` items, and take the nearest."""
        if count == 0:
            return np.empty((len(queries_UD), 0), dtype=np.int64), np.empty((len(queries_UD), 0), np.float32)
        probes = math.ceil(self.probes * max(1, depth / FOR_COUNT))
        rows_UK = self._search(queries_UD, asked, probes, selected)
        return self.vectors.nearest(queries_UD, rows_UK, count)

    def _search(self, queries_UD: Floats, count: int, probes: int, selected: faiss.IDSelector | None) -> Ints:
        queries_UW = _widened(self.vectors.ready(queries_UD))
        rows_UK = self._look(queries_UW, count, min(probes, self.clusters), selected)
        short_U = (rows_UK < 0).any(axis=1)
        if short_U.any():
            rows_UK[short_U] = self._look(queries_UW[short_U], count, self.clusters, selected)
        return rows_UK

    def _look(self, queries_UW: Floats, count: int, probes: int, selected: faiss.IDSelector | None) -> Ints:
        options = faiss.SearchParametersIVF(nprobe=probes, sel=selected)  # type: ignore[call-arg]  # its stub lacks it
        rows_UK: Ints = self._index.search(queries_UW, count, params=options)[1]
        return rows_UK


def _untrained(vectors: ItemVectors, clusters: int) -> faiss.IndexIVFScalarQuantizer:
    W, near = -(-vectors.width // LANES) * LANES, vectors.faiss_metric
    quantizer = faiss.IndexFlat(W, near)
    index = faiss.IndexIVFScalarQuantizer(quantizer, W, clusters, faiss.ScalarQuantizer.QT_8bit, near, False)
    index.cp.niter = ROUNDS
    index.cp.max_points_per_centroid = SAMPLE
    index.cp.min_points_per_centroid = 1  # or it warns of small catalogues
    index.cp.spherical = vectors.metric != "euclidean"
    return index


def _widened(vectors_ND: Floats) -> Floats:
    return np.pad(vectors_ND, ((0, 0), (0, -vectors_ND.shape[1] % LANES)))
