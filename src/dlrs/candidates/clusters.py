"""Clusters: the catalogue in groups of near items, and the item in the middle of each.

C clusters
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Self

import faiss
import numpy as np

from dlrs.arrays import Bools, Columns, Floats, Ints, StoredArrays
from dlrs.candidates.vectors import ItemVectors

SAMPLE = 64
"""Vectors for each cluster that the clusters are found from."""

ROUNDS = 10
"""Rounds of k-means."""

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
        found = [nearest_centroid(block_BD, centroids_CD) for block_BD in vectors.blocks()]
        nobody = np.empty(0, dtype=np.int32), np.empty(0, dtype=np.float32)
        cluster_N, distance_N = (np.concatenate(parts) for parts in zip(nobody, *found, strict=True))
        members_N = np.lexsort((distance_N, cluster_N)).astype(np.int32)
        filled_C, size_C = np.unique(cluster_N, return_counts=True)
        offsets_C1 = np.append(0, np.cumsum(size_C))
        return cls(centroids_CD[filled_C], members_N[offsets_C1[:-1]].astype(np.int64), offsets_C1, members_N)

    def __len__(self) -> int:
        """Return C."""
        return len(self.item_C)

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(getattr(self, field.name).nbytes for field in fields(self))

    def members(self, cluster: int) -> Columns:
        """Return the rows in one cluster, the nearest to its centroid first."""
        return self.members_N[self.offsets_C1[cluster] : self.offsets_C1[cluster + 1]]

    def among(self, mask_N: Bools) -> Clusters:
        """Return the same clusters with those members only for which the mask is true; some may be empty.

        Centroid items stay what they are, be they admitted or not: they say what a cluster is like.
        """
        keep_N = mask_N[self.members_N]
        offsets_C1 = np.append(0, np.cumsum(keep_N))[self.offsets_C1]
        return Clusters(self.centroids_CD, self.item_C, offsets_C1, self.members_N[keep_N])

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


def nearest_centroid(vectors_BD: Floats, centroids_CD: Floats) -> tuple[Columns, Floats]:
    """Return the nearest centroid of each of B vectors that were made ready, and its squared distance."""
    distance_B1, cluster_B1 = faiss.knn(vectors_BD, centroids_CD, 1)
    return cluster_B1[:, 0].astype(np.int32), distance_B1[:, 0]
