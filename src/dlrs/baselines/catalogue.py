"""Catalogue: what the baselines share: scores of all its items in, lists of item rows out.

A items of the catalogue, ascending by item row; N all item rows
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from dlrs.arrays import NO_ITEM, Floats, Ints, positions_in
from dlrs.ranking.top import top_k
from dlrs.recommender import Ranking


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

    def best(self, scores_UA: Floats, k: int, known_UN: sparse.csr_array) -> Ranking:
        """Return each user's best k items, without the known ones, whose scores are overwritten.

        Raises:
            ValueError: `known_UN` has another number of rows than there are users.
        """
        if known_UN.shape[0] != len(scores_UA):
            raise ValueError(
                f"known_UN: expected a row for each of {len(scores_UA)} users, received {known_UN.shape[0]}."
            )
        user_E = np.repeat(np.arange(len(scores_UA)), np.diff(known_UN.indptr))
        position_E = self.positions(known_UN.indices)
        inside_E = position_E >= 0
        scores_UA[user_E[inside_E], position_E[inside_E]] = -np.inf
        position_UK, scores_UK = top_k(scores_UA, k)
        items_UK = np.full_like(position_UK, NO_ITEM)
        listed_UK = position_UK >= 0
        items_UK[listed_UK] = self.items_A[position_UK[listed_UK]]
        return Ranking(items_UK, scores_UK)
