"""Clusters: the catalogue in groups of near items, and the item in the middle of each.

C clusters
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import faiss
import numpy as np

from dlrs.arrays import Columns, Floats, Ints, StoredArrays
from dlrs.candidates.vectors import ItemVectors

SAMPLE = 64
"""Vectors for each cluster that the clusters are found from, in so many rounds of k-means:"""

ROUNDS = 10

LEAST = 39
"""With fewer vectors than these for a cluster there are fewer clusters: faiss's own limit."""


def cluster_count(items: int) -> int:
    """Return how many clusters so many items are put into: about 2 √N, at least one."""
    return max(1, min(round(2 * math.sqrt(items)), items // LEAST))


@dataclass(frozen=True)
class Clusters(StoredArrays):
    """N items in C clusters, by the Euclidean distance of vectors that were made ready for their metric.

    Each item is in one cluster, that of its nearest centroid, and no cluster is empty. Where near means
    the cosine, centroids have length 1. `item_C` are the *centroid items*, the nearest to each centroid: V_C
    of [T §4.4].
    """

    centroids_CD: Floats
    item_C: Ints
    offsets_C1: Ints
    members_N: Columns  # rows, cluster by cluster, the nearest to the centroid first

    @classmethod
    def find(cls, vectors: ItemVectors, count: int | None = None, *, seed: int = 0) -> Self:
        """Find `count` clusters (`cluster_count` of the items, if None) by k-means over a sample.

        Equal items stand in the order of their rows. There may be fewer clusters than `count` where items are
        few or many of them equal.

        Raises:
            ValueError: a vector is not finite.
        """
        count = min(cluster_count(len(vectors)) if count is None else count, len(vectors))
        centroids_CD = _centroids(vectors, count, seed)
        cluster_N, distance_N = _nearest(vectors, centroids_CD)
        members_N = np.lexsort((distance_N, cluster_N))
        filled_C, size_C = np.unique(cluster_N, return_counts=True)
        offsets_C1 = np.append(0, np.cumsum(size_C))
        return cls(centroids_CD[filled_C], members_N[offsets_C1[:-1]], offsets_C1, members_N.astype(np.int32))

    def __len__(self) -> int:
        """Return C."""
        return len(self.item_C)

    def members(self, cluster: int) -> Columns:
        """Return the rows in one cluster, the nearest to its centroid first."""
        return self.members_N[self.offsets_C1[cluster] : self.offsets_C1[cluster + 1]]

    @property
    def cluster_N(self) -> Columns:
        """The cluster of each item."""
        cluster_N = np.empty(len(self.members_N), dtype=np.int32)
        cluster_N[self.members_N] = np.repeat(np.arange(len(self)), np.diff(self.offsets_C1))
        return cluster_N


def _centroids(vectors: ItemVectors, count: int, seed: int) -> Floats:
    if count == 0:
        return np.empty((0, vectors.width), dtype=np.float32)
    means = faiss.Kmeans(
        vectors.width,
        count,
        niter=ROUNDS,
        seed=seed,
        spherical=vectors.metric == "cosine",
        min_points_per_centroid=1,  # or it warns of small catalogues
        max_points_per_centroid=SAMPLE,
    )
    means.train(vectors.sample(count * SAMPLE, seed))
    return np.asarray(means.centroids, dtype=np.float32)


def _nearest(vectors: ItemVectors, centroids_CD: Floats) -> tuple[Columns, Floats]:
    """Return the nearest centroid of each item, and its squared distance."""
    cluster_N, distance_N = np.empty(len(vectors), dtype=np.int32), np.empty(len(vectors), dtype=np.float32)
    start = 0
    for block_BD in vectors.blocks():
        distances_B1, clusters_B1 = faiss.knn(block_BD, centroids_CD, 1)
        part = slice(start, start := start + len(block_BD))
        cluster_N[part], distance_N[part] = clusters_B1[:, 0], distances_B1[:, 0]
    return cluster_N, distance_N
