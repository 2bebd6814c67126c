"""Factors: the recommender of every model that scores by an inner product."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from dlrs.arrays import Doubles, Floats, Ints
from dlrs.baselines.catalogue import Catalogue
from dlrs.recommenders.recommender import Ranking

PAIRS_AT_ONCE = 65_536


class FactorRecommender:
    """Scores user u and item v as e_u · e_v + b_v.

    The sums run in float64 and are rounded to float32 at the end. A product of matrices adds up in
    an order that depends on its shape; so a score does not depend on who else is asked about, and
    equal items stay tied.
    """

    def __init__(self, items_A: Ints, users_UD: Floats, factors_AD: Floats, bias_A: Floats) -> None:
        """Take the catalogue, ascending by item row, a vector for every user row, and its items' own."""
        self.catalogue = Catalogue(items_A)
        self._users_UD = users_UD
        self._factors_AD: Doubles = factors_AD.astype(np.float64)
        self._bias_A: Doubles = bias_A.astype(np.float64)

    def recommend(self, users_U: Ints, k: int, *, known_UN: sparse.csr_array) -> Ranking:
        """Recommend the items of the highest scores; see `Recommender`."""
        return self.catalogue.recommend(self._score_users, users_U, k, known_UN)

    def score(self, users_P: Ints, items_P: Ints) -> Floats:
        """Return e_u · e_v + b_v for each pair; −inf for items outside of the catalogue."""
        scores_P = np.full(len(items_P), -np.inf, dtype=np.float32)
        position_P = self.catalogue.positions(items_P)
        inside_I = np.flatnonzero(position_P >= 0)
        for start in range(0, len(inside_I), PAIRS_AT_ONCE):
            pairs_B = inside_I[start : start + PAIRS_AT_ONCE]
            scores_P[pairs_B] = self._scores(users_P[pairs_B], position_P[pairs_B])
        return scores_P

    def _score_users(self, users_U: Ints) -> Floats:
        scores_UA = self._users_UD[users_U].astype(np.float64) @ self._factors_AD.T
        scores_UA += self._bias_A
        return scores_UA.astype(np.float32)

    def _scores(self, users_B: Ints, position_B: Ints) -> Doubles:
        users_BD = self._users_UD[users_B].astype(np.float64)
        scores_B: Doubles = np.einsum("bd,bd->b", users_BD, self._factors_AD[position_B])
        scores_B += self._bias_A[position_B]
        return scores_B
