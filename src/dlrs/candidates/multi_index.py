"""MultiIndex: vectors cut into two halves, each with clusters of its own; a cell is a pair of these.

    C clusters of a half    H coordinates of a half    T cells    2 the halves

C centres a half make C² cells, and a cell's score is the sum of its halves' scores: the cells near a query
come from two short lists of centres (Babenko and Lempitsky, The Inverted Multi-Index, CVPR 2012).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Self

import faiss
import numpy as np

from dlrs.arrays import Floats, Ints, StoredArrays

ROUNDS = 10
"""Rounds of k-means."""


@dataclass(frozen=True)
class MultiIndex(StoredArrays):
    """The centres of both halves, float32. Halves that are too short are filled up with zeros."""

    centres_2CH: Floats

    @classmethod
    def train(cls, vectors_BD: Floats, clusters: int, half: int) -> Self:
        """Find so many centres for each half; `half` is H, at least D/2."""
        return cls(np.stack([_centres(x_BH, clusters) for x_BH in _halves(vectors_BD, half)]))

    @property
    def clusters(self) -> int:
        """C."""
        return int(self.centres_2CH.shape[1])

    def halves(self, vectors_BD: Floats) -> Floats:
        """Return both halves of vectors, (2, B, H)."""
        return _halves(vectors_BD, self.centres_2CH.shape[2])

    def assign(self, halves_2BH: Floats) -> Ints:
        """Return the nearest centre of each half, (2, B)."""
        pairs = zip(halves_2BH, self.centres_2CH, strict=True)
        return np.stack([faiss.knn(x_BH, centres_CH, 1)[1][:, 0] for x_BH, centres_CH in pairs])

    def scores(self, halves_2UH: Floats, penalty: float) -> Floats:
        """Return each half's products with its centres, less `penalty` of their squares: (2, U, C)."""
        squares_2C = np.einsum("xch,xch->xc", self.centres_2CH, self.centres_2CH)
        scores_2UC: Floats = halves_2UH @ self.centres_2CH.swapaxes(1, 2)
        scores_2UC -= np.float32(penalty) * squares_2C[:, None]
        return scores_2UC


def multi_sequence(scores_2UC: Floats, cells: int) -> tuple[Ints, Floats]:
    """Return the cells of the highest sums of two scores, (U, T), highest first, and the sums.

    That is the order of the multi-sequence algorithm, which walks through two sorted lists pair by pair
    with a queue; here all pairs that can come up are added and sorted at once. The number of a cell is
    first · C + second.
    """
    C = scores_2UC.shape[2]
    order_2UC = np.argsort(-scores_2UC, axis=2, kind="stable")
    falling_2UC = np.take_along_axis(scores_2UC, order_2UC, axis=2)
    first_P, second_P = _early(cells, C)
    sums_UP = falling_2UC[0][:, first_P] + falling_2UC[1][:, second_P]
    best_UT = np.argsort(-sums_UP, axis=1, kind="stable")[:, :cells]
    first_UT = np.take_along_axis(order_2UC[0], first_P[best_UT], axis=1)
    second_UT = np.take_along_axis(order_2UC[1], second_P[best_UT], axis=1)
    return first_UT * C + second_UT, np.take_along_axis(sums_UP, best_UT, axis=1)


@lru_cache(maxsize=32)
def _early(cells: int, clusters: int) -> tuple[Ints, Ints]:
    """Return the pairs of places in two falling lists that can be among so many highest sums.

    No sum is higher than those of (a, b), counted from 1, with both places earlier: of these there are a · b,
    so that a pair with a · b > T is none of the first T.
    """
    places_C = np.arange(1, clusters + 1)
    first_P, second_P = np.nonzero(places_C[:, None] * places_C <= cells)
    return first_P, second_P


def _centres(vectors_BH: Floats, clusters: int) -> Floats:
    B, H = vectors_BH.shape
    if B == 0:
        return np.zeros((clusters, H), dtype=np.float32)
    kmeans = faiss.Kmeans(
        H, clusters, niter=ROUNDS, min_points_per_centroid=1, max_points_per_centroid=-(-B // clusters)
    )
    kmeans.train(vectors_BH)
    return np.asarray(kmeans.centroids, dtype=np.float32)


def _halves(vectors_BD: Floats, half: int) -> Floats:
    B, D = vectors_BD.shape
    cut = -(-D // 2)
    halves_2BH = np.zeros((2, B, half), dtype=np.float32)
    halves_2BH[0, :, :cut] = vectors_BD[:, :cut]
    halves_2BH[1, :, : D - cut] = vectors_BD[:, cut:]
    return halves_2BH
