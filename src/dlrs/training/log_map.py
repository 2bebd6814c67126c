"""Map of a log: the strongest singular vectors of what was met together, a row for each item that was met.

With X what users met, d how often each user and each item was met: R = D_U^(−1/2) X D_I^(−1/2). The rows of
its right singular vectors V are a map of the items: the mean of a user's rows, times the row of another
item, is an ideal low-pass filter over what was met together (Shen et al., *How powerful is graph convolution
for recommendation?*, 2021).

    U users    N items    R items that drawn users met    W singular vectors
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy import sparse

from dlrs.arrays import Doubles, Ints
from dlrs.samples.sequences import Sequences
from dlrs.spectrum import nearly_right_vectors, normalised, right_vectors

MOST_USERS, MOST_EVENTS = 200_000, 4_000_000
"""Users whose events make the map, and about how many events they have; of more, so many users are drawn."""

EXACT = 500_000
"""Pairs of users and items, of which the singular vectors are exact ones; of more they need not be."""


@dataclass(frozen=True)
class LogMap:
    """The items of a log that (drawn) users met, and where they lie."""

    rows: Ints  # R item rows, ascending
    met_UR: sparse.csr_array  # who met what, once a pair
    vectors_RW: Doubles  # V, the strongest first
    strengths_W: Doubles  # the singular values

    @classmethod
    def of(cls, sequences: Sequences, items: int, width: int, seed: int) -> Self:
        """Draw the map.

        Args:
            sequences: what users met.
            items: N.
            width: W at most; fewer where the log has no more singular vectors.
            seed: draws users, where there are too many.
        """
        met_UN = _met(_some(sequences, np.random.default_rng(seed)), items)
        # of a large catalogue the drawn users met but a part, and that has but some of the columns
        rows = np.flatnonzero(np.bincount(met_UN.indices, minlength=items))
        met_UR = sparse.csr_array(met_UN[:, rows])
        matrix_UR = normalised(met_UR)
        vectors_RW = _vectors(matrix_UR, width, seed)
        strengths_W = np.linalg.norm(matrix_UR @ vectors_RW, axis=0)
        return cls(rows, met_UR, vectors_RW, strengths_W)

    @property
    def met_R(self) -> Doubles:
        """How many (drawn) users met each item."""
        return np.asarray(self.met_UR.sum(axis=0)).ravel()


def _vectors(matrix_UN: sparse.csr_array, width: int, seed: int) -> Doubles:
    """Return the right singular vectors, nearly those where there is much to look at."""
    if matrix_UN.nnz <= EXACT:
        return right_vectors(matrix_UN, width)
    return nearly_right_vectors(matrix_UN, width, seed).astype(np.float64)


def _some(sequences: Sequences, rng: np.random.Generator) -> Sequences:
    """Return those of all users, or of as many as the map is made of."""
    users = len(sequences.offsets_U1) - 1
    return sequences.some(min(MOST_USERS, MOST_EVENTS * users // max(1, len(sequences))), rng)


def _met(sequences: Sequences, items: int) -> sparse.csr_array:
    """Return who met what, once a pair: (U, N)."""
    users = len(sequences.offsets_U1) - 1
    parts = (np.ones(len(sequences)), sequences.item_E, sequences.offsets_U1)
    met_UN = sparse.csr_array(parts, shape=(users, items), copy=True)  # the next line sorts in place
    met_UN.sum_duplicates()
    met_UN.data[:] = 1
    return met_UN
