"""Live personal baselines: fitted now and then, asked with what each user has done up to the moment.

R requests of one moment, S some of them; A items alive then, ascending by item row; N all item rows
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse

from dlrs.arrays import Doubles, Ints
from dlrs.baselines.catalogue import Catalogue
from dlrs.baselines.cf import Factors
from dlrs.baselines.item_knn import neighbours
from dlrs.recommenders.recommender import Ranking
from dlrs.settings.baselines import Baselines


@dataclass(frozen=True)
class LiveNeighbours:
    """Item-kNN: similarities as they were fitted, histories as they are."""

    similarity_NN: sparse.csr_array

    @classmethod
    def fit(cls, train_UN: sparse.csr_array, settings: Baselines) -> LiveNeighbours:
        """Find the neighbours of every item; a meeting counts log(1 + times), as in `item_knn`."""
        similarity_NN = neighbours(
            _log_counts(train_UN),
            np.arange(train_UN.shape[1]),
            count=settings.item_knn_neighbours,
            shrinkage=settings.item_knn_shrinkage,
        )
        return cls(similarity_NN)

    def recommend(
        self, until: int, users_R: Ints, items_A: Ints, k: int, *, known_RN: sparse.csr_array
    ) -> Ranking:
        """Recommend what is near to all that each user met before the moment; see `LiveRecommender`."""
        history_RN = _log_counts(known_RN)

        def scores(rows_S: Ints) -> Doubles:
            scores_SA: Doubles = (history_RN[rows_S] @ self.similarity_NN).toarray()[:, items_A]
            return scores_SA

        return Catalogue(items_A).recommend(
            lambda rows_S: scores(rows_S).astype(np.float32), np.arange(len(users_R)), k, known_RN
        )


@dataclass(frozen=True)
class LiveFactors:
    """CF: the vectors of users and items as they were fitted; who came later has the zero vector."""

    factors: Factors

    @cached_property
    def _items_DN(self) -> Doubles:
        return np.ascontiguousarray(self.factors.items_ND.T, dtype=np.float64)

    def recommend(
        self, until: int, users_R: Ints, items_A: Ints, k: int, *, known_RN: sparse.csr_array
    ) -> Ranking:
        """Recommend by inner products; see `LiveRecommender`."""

        def scores(rows_S: Ints) -> Doubles:
            users_SD = self.factors.users_UD[users_R[rows_S]].astype(np.float64)
            products_SA: Doubles = (users_SD @ self._items_DN)[:, items_A]
            return products_SA

        return Catalogue(items_A).recommend(
            lambda rows_S: scores(rows_S).astype(np.float32), np.arange(len(users_R)), k, known_RN
        )


def _log_counts(counts_RN: sparse.csr_array) -> sparse.csr_array:
    logs_RN = sparse.csr_array(counts_RN, dtype=np.float64, copy=True)
    logs_RN.data = np.log1p(logs_RN.data)
    return logs_RN
