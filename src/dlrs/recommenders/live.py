"""Live recommender: what is asked at any moment, and knows the log up to that moment.

R requests of one moment, each by a user; A items alive then, ascending by item row; N all item rows
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from scipy import sparse

from dlrs.arrays import Ints
from dlrs.recommenders.recommender import Ranking


class LiveRecommender(Protocol):
    """Recommends at any moment, from the items that are alive then."""

    def recommend(
        self, until: int, users_R: Ints, items_A: Ints, k: int, *, known_RN: sparse.csr_array
    ) -> Ranking:
        """Return the best k items for each request, none of them among those that its user knows.

        As in `Recommender.recommend`: known items never cost a place, lists are padded with NO_ITEM, ties
        are broken by item row.

        Args:
            until: what happened before this moment may be used, and nothing that happened at it or later;
                microseconds since the epoch, UTC.
            users_R: the user row of each request.
            items_A: what may be recommended, ascending by item row. Some may have come after `until`: between
                it and the requests.
            k: how many.
            known_RN: how often each met each item before `until`.
        """
        ...


Fit = Callable[[int], LiveRecommender]
"""Fits a model on the events before a moment (microseconds since the epoch); asked then or later."""
