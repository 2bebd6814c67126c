"""Codes: how vectors are written in the lists of an index in clusters.

W width of the vectors, filled up to a multiple of LANES
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import faiss
import numpy as np

from dlrs.arrays import Floats
from dlrs.candidates.clusters import ROUNDS

LANES = 8
"""faiss is three times as fast where the width of the codes is a multiple of this: zeros fill it up."""


@dataclass(frozen=True)
class Codes:
    """A code: what makes an untrained faiss index out of centroids, their number, W and a metric of faiss.

    Codes misplace some items. So more are asked for than wanted, `times` as many and `more` than that, which
    a short list needs: its places lie closer together. All of them are compared again.
    """

    lists: Callable[[faiss.IndexFlat, int, int, int], faiss.IndexIVF]
    times: float
    more: int

    def asked(self, count: int) -> int:
        """Return how many items are asked for where so many are wanted."""
        return math.ceil(self.times * count) + self.more


def widened(vectors_ND: Floats) -> Floats:
    """Return the vectors filled up with zeros: (N, W)."""
    N, D = vectors_ND.shape
    vectors_NW = np.zeros((N, D + -D % LANES), dtype=vectors_ND.dtype)
    vectors_NW[:, :D] = vectors_ND  # `np.pad` takes ten times as long for the one vector of a request
    return vectors_NW


def _floats(centroids: faiss.IndexFlat, count: int, width: int, near: int) -> faiss.IndexIVF:
    return faiss.IndexIVFFlat(centroids, width, count, near)


def _bytes(centroids: faiss.IndexFlat, count: int, width: int, near: int) -> faiss.IndexIVF:
    return faiss.IndexIVFScalarQuantizer(centroids, width, count, faiss.ScalarQuantizer.QT_8bit, near, False)


def _products(centroids: faiss.IndexFlat, count: int, width: int, near: int) -> faiss.IndexIVF:
    index = faiss.IndexIVFPQ(centroids, width, count, width // 2, 8, near)
    index.pq.cp.niter = ROUNDS
    index.pq.cp.min_points_per_centroid = 1  # or it warns of small catalogues
    index.use_precomputed_table = -1  # of Euclidean distances: 1 kB a centroid and byte, and nothing faster
    return index


FLOATS = Codes(_floats, times=1, more=0)
"""float32, four bytes a coordinate: exact."""

BYTES = Codes(_bytes, times=1.1, more=100)
"""One byte a coordinate."""

PRODUCTS = Codes(_products, times=1.5, more=100)
"""Product quantisation of what an item differs from its centroid by: half a byte a coordinate."""
