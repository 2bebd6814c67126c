"""Catalogue: what the baselines share: scores of all its items in, lists of item rows out.

A items of the catalogue, ascending by item row; N all item rows
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from dlrs.arrays import NO_ITEM, Floats, Ints, positions_in
from dlrs.ranking.top import top_k
from dlrs.recommenders.recommender import Ranking

CELLS = 16_000_000
"""Most scores of users × catalogue at once: 64 MB, and four times as much to find the best of them."""


@dataclass(frozen=True)
class Catalogue:
    """The items that may be recommended, by their rows in strictly ascending order.

    Ascending, so that ties by position are ties by item row.
    """

    items_A: Ints

    def __post_init__(self) -> None:
        if (np.diff(self.items_A) <= 0).any():
            raise ValueError("Catalogue: expected distinct item rows in ascending order.")

    def positions(self, items_P: Ints) -> Ints:
        """Return where each item row stands in `items_A`, −1 for those outside."""
        return positions_in(self.items_A, items_P)

    def blocks(self, users_U: Ints) -> Iterator[slice]:
        """Yield slices of so many users that their scores of the whole catalogue fit into memory."""
        step = max(1, CELLS // max(1, len(self.items_A)))
        return (slice(start, start + step) for start in range(0, max(1, len(users_U)), step))

    def recommend(
        self, score_users: Callable[[Ints], Floats], users_U: Ints, k: int, known_UN: sparse.csr_array
    ) -> Ranking:
        """Return each user's best k items without the known ones, by their scores of the catalogue.

        Args:
            score_users: returns the scores of some users, (some, A), which are overwritten.
            users_U: whom to recommend to.
            k: how many items.
            known_UN: what each of them knows.

        Raises:
            ValueError: `known_UN` has another number of rows than there are users.
        """
        require_row_each(users_U, known_UN)
        parts = [self._best(score_users(users_U[some]), k, known_UN[some]) for some in self.blocks(users_U)]
        return Ranking(
            np.concatenate([part.items_UK for part in parts]),
            np.concatenate([part.scores_UK for part in parts]),
        )

    def _best(self, scores_UA: Floats, k: int, known_UN: sparse.csr_array) -> Ranking:
        user_E = np.repeat(np.arange(len(scores_UA)), np.diff(known_UN.indptr))
        position_E = self.positions(known_UN.indices)
        inside_E = position_E >= 0
        scores_UA[user_E[inside_E], position_E[inside_E]] = -np.inf
        position_UK, scores_UK = top_k(scores_UA, k)
        items_UK = np.full_like(position_UK, NO_ITEM)
        listed_UK = position_UK >= 0
        items_UK[listed_UK] = self.items_A[position_UK[listed_UK]]
        return Ranking(items_UK, scores_UK)


def require_row_each(users_U: Ints, known_UN: sparse.csr_array) -> None:
    """Raise ValueError if `known_UN` has another number of rows than there are users."""
    if known_UN.shape[0] != len(users_U):
        raise ValueError(
            f"known_UN: expected a row for each of {len(users_U)} users, received {known_UN.shape[0]}."
        )
