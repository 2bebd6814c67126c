"""Recommender: the protocol that our model and every baseline share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from scipy import sparse

from dlrs.arrays import Floats, Ints


@dataclass(frozen=True)
class Ranking:
    """The best K items for each of U users, best first.

    `items_UK` holds item rows, padded with `arrays.NO_ITEM` where fewer than K could be recommended;
    the scores there are −inf. Scores compare within one user only.
    """

    items_UK: Ints
    scores_UK: Floats


class Recommender(Protocol):
    """Recommends items of one catalogue, which is fixed when the recommender is built."""

    def recommend(self, users_U: Ints, k: int, *, known_UN: sparse.csr_array) -> Ranking:
        """Return the best k items for each user row, none of them among his known positives.

        `known_UN` has a row for each of `users_U` (in that order) and a column for each item row;
        what it stores is known. Known items never cost a place: a list is shorter than k only
        when the catalogue runs out. Ties are broken by item row.
        """
        ...

    def score(self, users_P: Ints, items_P: Ints) -> Floats:
        """Return how well each pair of a user row and an item row fits: higher is better."""
        ...
