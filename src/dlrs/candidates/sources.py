"""Sources: where candidates come from, for users of whom more is known than one query.

A source may have no answer for a user, or a short one: `NO_ITEM` and −inf fill it up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from dlrs.arrays import NO_ITEM, Bools, Floats, Ints
from dlrs.candidates.askers import Askers
from dlrs.candidates.filtering.planner import Filtered
from dlrs.candidates.filtering.where import Where
from dlrs.candidates.index import Proposes


class Source(Protocol):
    """Finds rows of N items for users."""

    def __len__(self) -> int:
        """Return N; of a source that was narrowed, the number of its items or more."""
        ...

    def within(self, where: Where) -> Source:
        """Return the same source over the items of `where` only."""
        ...

    def propose(self, askers: Askers, count: int) -> tuple[Ints, Floats]:
        """Return each user's rows, best first, and how good the source finds them: (U, min(count, N)).

        Rows of one user are distinct; fewer are the head of more. What is good compares within one user and
        source only.
        """
        ...


@dataclass(frozen=True)
class Near:
    """What is near one vector of each user; no answer for those who have none."""

    index: Proposes
    vectors_of: Callable[[Askers], tuple[Floats, Bools]]

    def __len__(self) -> int:
        return len(self.index)

    def within(self, where: Where) -> Near:
        """See `Source`."""
        return Near(Filtered(self.index, where), self.vectors_of)

    def propose(self, askers: Askers, count: int) -> tuple[Ints, Floats]:
        """See `Source`; a full answer for those who have a vector."""
        vectors_UD, some_U = self.vectors_of(askers)
        return _for_some(self.index, vectors_UD, some_U, count)


def direct(index: Proposes) -> Near:
    """Return what is near e_u: sound where training made e_u and e_v comparable (method §5 `direct`)."""
    return Near(index, lambda askers: (askers.users.embedding_ND, np.ones(len(askers), dtype=np.bool_)))


def pseudo_user(index: Proposes) -> Near:
    """Return what is near the weighted mean of what a user met (method §5 `pseudo-user`)."""
    return Near(index, lambda askers: (askers.liked_UD, askers.met_U))


def last_met(index: Proposes) -> Near:
    """Return what is near the item that a user met last: item to item."""
    return Near(index, lambda askers: (askers.last_UD, askers.met_U))


class Popular:
    """The items that drew most events of late, the same for everybody, guests too."""

    def __init__(self, recent_N: Ints, order: Ints | None = None) -> None:
        """Take how many events each item drew; one without any is not popular.

        `order` are the popular items, best first, unless they are to be found.
        """
        self._recent_N = recent_N
        if order is None:
            order = np.argsort(-recent_N, kind="stable")[: np.count_nonzero(recent_N)]
        self._order = order

    def __len__(self) -> int:
        return len(self._recent_N)

    def within(self, where: Where) -> Popular:
        """See `Source`."""
        return Popular(self._recent_N, self._order[where.test(self._order)])

    def propose(self, askers: Askers, count: int) -> tuple[Ints, Floats]:
        """See `Source`; the answer ends where items without events begin."""
        rows, counts = _nothing(1, min(count, len(self)))
        first = self._order[:count]
        rows[0, : len(first)], counts[0, : len(first)] = first, self._recent_N[first]
        return np.repeat(rows, len(askers), axis=0), np.repeat(counts, len(askers), axis=0)


def _for_some(index: Proposes, queries_UD: Floats, some_U: Bools, count: int) -> tuple[Ints, Floats]:
    rows_UK, similarity_UK = _nothing(len(some_U), min(count, len(index)))
    if some_U.any():
        found_SF, near_SF = index.propose(queries_UD[some_U], count)  # fewer where few pass filters
        there = found_SF.shape[1]
        rows_UK[some_U, :there], similarity_UK[some_U, :there] = found_SF, near_SF
    return rows_UK, similarity_UK


def _nothing(users: int, count: int) -> tuple[Ints, Floats]:
    return np.full((users, count), NO_ITEM), np.full((users, count), -np.inf, dtype=np.float32)
