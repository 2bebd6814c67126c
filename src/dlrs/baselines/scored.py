"""Scored: the recommender of every model that scores the whole catalogue for a few users at once.

A items of the catalogue, ascending by item row
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import sparse

from dlrs.arrays import Doubles, Floats, Ints
from dlrs.baselines.catalogue import Catalogue
from dlrs.recommenders.recommender import Ranking


class ScoredRecommender:
    """Recommends by a function from U user rows to their scores of the catalogue, (U, A).

    The function must score a user alike whoever is asked about beside him; products with a sparse
    matrix do, for they add up each row by itself. Scores are rounded to float32.
    """

    def __init__(self, items_A: Ints, score_users: Callable[[Ints], Doubles]) -> None:
        """Take the catalogue, ascending by item row, and the function."""
        self.catalogue = Catalogue(items_A)
        self._score_users = score_users

    def recommend(self, users_U: Ints, k: int, *, known_UN: sparse.csr_array) -> Ranking:
        """Recommend the items of the highest scores; see `Recommender`."""
        return self.catalogue.recommend(self._scores, users_U, k, known_UN)

    def score(self, users_P: Ints, items_P: Ints) -> Floats:
        """Return the score of each pair; −inf for items outside of the catalogue."""
        scores_P = np.full(len(items_P), -np.inf, dtype=np.float32)
        position_P = self.catalogue.positions(items_P)
        inside_P = position_P >= 0
        distinct_U, user_P = np.unique(users_P, return_inverse=True)
        for some in self.catalogue.blocks(distinct_U):
            scores_UA = self._scores(distinct_U[some])
            asked_P = inside_P & (user_P >= some.start) & (user_P < some.stop)
            scores_P[asked_P] = scores_UA[user_P[asked_P] - some.start, position_P[asked_P]]
        return scores_P

    def _scores(self, users_U: Ints) -> Floats:
        return self._score_users(users_U).astype(np.float32)
