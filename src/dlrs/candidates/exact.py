"""ExactIndex: the nearest items by brute force, which every other index is judged against.

K count of results, and a few to spare    S some rows of a block
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import numpy as np

from dlrs.arrays import Bools, Floats, Ints
from dlrs.candidates.metric import BLOCK
from dlrs.candidates.vectors import ItemVectors
from dlrs.order import falling, numbers_of, scores_of

TOGETHER = 128
"""Queries compared at once."""

CELLS = 2_000_000
"""Similarities of a block, at most: 8 MB, so that they are still in the cache when the best are sought."""

SPARE = 32
"""More results than wanted: a matrix product rounds in another order than the exact comparison after it."""

NONE = np.iinfo(np.int64).max


class ExactIndex:
    """All of N vectors compared with each query, a block of them at a time: nothing is kept beside them."""

    def __init__(self, vectors: ItemVectors) -> None:
        self.vectors = vectors

    @classmethod
    def build(cls, vectors: ItemVectors) -> Self:
        """Check the vectors. ValueError if one of them is not finite."""
        deque(vectors.blocks(), maxlen=0)
        return cls(vectors)

    @classmethod
    def load(cls, folder: Path, vectors: ItemVectors) -> Self:
        """Take the vectors: there is nothing else."""
        return cls(vectors)

    def save(self, folder: Path) -> None:
        """Write nothing: the vectors are enough."""

    def __len__(self) -> int:
        return len(self.vectors)

    @property
    def size(self) -> int:
        """Nothing; see `ItemIndex`."""
        return 0

    def propose(self, queries_UD: Floats, count: int) -> tuple[Ints, Floats]:
        """Return the `count` nearest rows; see `ItemIndex`."""
        return self._search(queries_UD, min(count, len(self)), None)

    def propose_among(self, queries_UD: Floats, count: int, among_N: Bools) -> tuple[Ints, Floats]:
        """Return the `count` nearest of some rows; see `SelectiveIndex`."""
        return self._search(queries_UD, min(count, int(np.count_nonzero(among_N))), among_N)

    def _search(self, queries_UD: Floats, count: int, among_N: Bools | None) -> tuple[Ints, Floats]:
        if count == 0:
            return np.empty((len(queries_UD), 0), dtype=np.int64), np.empty((len(queries_UD), 0), np.float32)
        queries_UD = self.vectors.ready(queries_UD)
        most = len(self) if among_N is None else int(np.count_nonzero(among_N))
        rows_UK = np.empty((len(queries_UD), min(count + SPARE, most)), dtype=np.int64)
        for start in range(0, len(queries_UD), TOGETHER):
            some = slice(start, start + TOGETHER)
            rows_UK[some] = self._best(queries_UD[some], rows_UK.shape[1], among_N)
        return self.vectors.nearest(queries_UD, rows_UK, count)

    def _best(self, queries_UD: Floats, count: int, among_N: Bools | None) -> Ints:
        """Return the rows of the `count` highest similarities, in no order."""
        best_UK = np.full((len(queries_UD), count), NONE)
        lowest_U = np.full(len(queries_UD), -np.inf, dtype=np.float32)
        for rows in self._blocks(len(queries_UD), among_N):
            similarity_US = self.vectors.compared(queries_UD, rows)
            if best_UK[0, 0] == NONE:
                lowest_U = _just_below(similarity_US, count)
            best_UK = _merged(best_UK, similarity_US, lowest_U, rows)
            worst_U = best_UK.max(axis=1)
            lowest_U = np.where(worst_U == NONE, -np.inf, scores_of(worst_U))
        return numbers_of(best_UK)

    def _blocks(self, users: int, among_N: Bools | None) -> Iterator[slice | Ints]:
        width = min(BLOCK, CELLS // users)
        for start in range(0, len(self), width):
            block = slice(start, min(start + width, len(self)))
            if among_N is None:
                yield block
            elif among_N[block].any():
                yield start + np.flatnonzero(among_N[block])


def _just_below(similarity_US: Floats, count: int) -> Floats:
    """Return for each query what is just below the `count`-th of a block, −∞ if it has fewer: (U,)."""
    if similarity_US.shape[1] < count:
        return np.full(len(similarity_US), -np.inf, dtype=np.float32)
    nth_U = np.partition(similarity_US, -count, axis=1)[:, -count]
    return np.nextafter(nth_U, np.float32(-np.inf))


def _merged(best_UK: Ints, similarity_US: Floats, lowest_U: Floats, rows: slice | Ints) -> Ints:
    """Return the best keys of those there were and of a block's that are above the lowest one."""
    users, count = best_UK.shape
    user_L, place_L = np.nonzero(similarity_US > lowest_U[:, None])
    if len(user_L) == 0:
        return best_UK
    rows_L = rows.start + place_L if isinstance(rows, slice) else rows[place_L]
    more_U = np.bincount(user_L, minlength=users)
    both_UM = np.full((users, count + more_U.max()), NONE)
    both_UM[:, :count] = best_UK
    nth_L = np.arange(len(user_L)) - (np.cumsum(more_U) - more_U)[user_L]
    both_UM[user_L, count + nth_L] = falling(similarity_US[user_L, place_L], rows_L)
    return np.partition(both_UM, count - 1, axis=1)[:, :count]
