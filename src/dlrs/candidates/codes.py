"""Codes: how vectors are written in the lists of an index in clusters.

W width of the vectors, filled up to a multiple of LANES
"""

from __future__ import annotations

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
    """What makes an untrained faiss index out of centroids, their number, W and a metric of faiss."""

    lists: Callable[[faiss.IndexFlat, int, int, int], faiss.IndexIVF]
    spare: float
    """So many times the items wanted are asked for: codes misplace some, and all are compared again."""


def widened(vectors_ND: Floats) -> Floats:
    """Return the vectors filled up with zeros: (N, W)."""
    return np.pad(vectors_ND, ((0, 0), (0, -vectors_ND.shape[1] % LANES)))


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


FLOATS = Codes(_floats, 1)
"""float32, four bytes a coordinate: exact."""

BYTES = Codes(_bytes, 1.1)
"""One byte a coordinate."""

PRODUCTS = Codes(_products, 2)
"""Product quantisation of what an item differs from its centroid by: half a byte a coordinate."""
