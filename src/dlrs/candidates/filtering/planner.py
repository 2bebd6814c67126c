"""The planner: ways to the nearest items that pass filters, and which of them is the quickest.

    over-fetch   propose as usual, but more, and test what comes back
    among        let the index look at the items that pass only
    listed       list the items that pass and compare each of them with the query
    everything   where there are no vectors to compare with: propose all, test all

Over-fetching may bring too few, and so may an index that is not exact: those who got too few are served in
the next way. The last one is exact, so that a list is shorter than asked for only if no more items pass.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np

from dlrs.arrays import NO_ITEM, Floats, Ints
from dlrs.candidates.cut import cut
from dlrs.candidates.filtering.where import Where
from dlrs.candidates.index import Proposes, SelectiveIndex
from dlrs.candidates.metric import nearest_first
from dlrs.candidates.vectors import ItemVectors

Plan = Literal["over-fetch", "among", "listed", "everything"]

LISTED = 30_000
"""Up to so many items that pass, or about so many, they are listed."""

FETCHED = 4_000
"""Up to so many items are fetched to find enough that pass."""

SPARE = 1.25
"""So many times the items that should suffice are fetched."""

BLOCK = 32_768
"""Items compared with all queries at once."""

Way = Callable[[Floats, int], tuple[Ints, Floats]]


@runtime_checkable
class OverVectors(Protocol):
    """An index that has the vectors which it was built over."""

    vectors: ItemVectors


@dataclass(frozen=True)
class Filtered:
    """An index of the items of `where` only, over one of all items; see `Proposes`."""

    index: Proposes
    where: Where

    def __len__(self) -> int:
        """Return the number of its items, or more."""
        return self.where.at_most

    def propose(self, queries_UD: Floats, count: int) -> tuple[Ints, Floats]:
        """Return the nearest items of `where` and their similarity: (U, min(count, those that there are))."""
        count = min(count, len(self))
        rows_UK = np.full((len(queries_UD), count), NO_ITEM)
        similarity_UK = np.full((len(queries_UD), count), -np.inf, dtype=np.float32)
        short = np.arange(len(queries_UD))
        for plan in self.plans(count):
            rows_UK[short], similarity_UK[short] = self._ways[plan](queries_UD[short], count)
            short = short[(rows_UK[short] == NO_ITEM).any(axis=1)]
            if len(short) == 0:
                break
        there = int((rows_UK != NO_ITEM).sum(axis=1).max(initial=0))
        return rows_UK[:, :there], similarity_UK[:, :there]

    def plans(self, count: int) -> tuple[Plan, ...]:
        """Return the ways in the order in which they are tried."""
        last: Plan = "listed" if isinstance(self.index, OverVectors) else "everything"
        if self.where.at_most <= LISTED:
            return (last,)
        share = self.where.share
        if SPARE * count < share * FETCHED:
            return ("over-fetch", *self._selective, last)
        return (last,) if share * len(self.index) <= LISTED else (*self._selective, last)

    @property
    def _selective(self) -> tuple[Plan, ...]:
        return ("among",) if isinstance(self.index, SelectiveIndex) else ()

    @property
    def _ways(self) -> dict[Plan, Way]:
        return {
            "over-fetch": self._over_fetch,
            "among": self._among,
            "listed": self._listed,
            "everything": self._everything,
        }

    def _over_fetch(self, queries_UD: Floats, count: int) -> tuple[Ints, Floats]:
        return self._tested(queries_UD, count, math.ceil(SPARE * count / self.where.share))

    def _everything(self, queries_UD: Floats, count: int) -> tuple[Ints, Floats]:
        return self._tested(queries_UD, count, len(self.index))

    def _tested(self, queries_UD: Floats, count: int, fetched: int) -> tuple[Ints, Floats]:
        rows_UT, similarity_UT = self.index.propose(queries_UD, fetched)
        return cut(rows_UT, similarity_UT, self.where.test(rows_UT.ravel()).reshape(rows_UT.shape), count)

    def _among(self, queries_UD: Floats, count: int) -> tuple[Ints, Floats]:
        assert isinstance(self.index, SelectiveIndex)
        return _padded(*self.index.propose_among(queries_UD, count, self.where.mask_N), count)

    def _listed(self, queries_UD: Floats, count: int) -> tuple[Ints, Floats]:
        assert isinstance(self.index, OverVectors)
        found = nearest_of(self.index.vectors, queries_UD, self.where.rows_R, count)
        return _padded(*found, count)


def nearest_of(vectors: ItemVectors, queries_UD: Floats, rows_R: Ints, count: int) -> tuple[Ints, Floats]:
    """Return the nearest of some rows by comparing all of them: (U, min(count, R))."""
    shape = len(queries_UD), 0
    rows_UK, similarity_UK = np.empty(shape, dtype=np.int64), np.empty(shape, dtype=np.float32)
    for start in range(0, len(rows_R), BLOCK):
        some_UB = np.broadcast_to(
            rows_R[start : start + BLOCK], (len(queries_UD), min(BLOCK, len(rows_R) - start))
        )
        near = vectors.similarity(queries_UD, some_UB)
        rows_UK, similarity_UK = nearest_first(
            np.hstack([rows_UK, some_UB]), np.hstack([similarity_UK, near])
        )
        rows_UK, similarity_UK = rows_UK[:, :count], similarity_UK[:, :count]
    return rows_UK, similarity_UK


def _padded(rows_UT: Ints, similarity_UT: Floats, count: int) -> tuple[Ints, Floats]:
    return cut(rows_UT, similarity_UT, rows_UT != NO_ITEM, count)
