"""Recommending at a moment: a shortlist, its features then, and the ranker that learned from earlier moments.

One object answers both ways: at any moment over the items alive then (`MomentRecommender`), and at a cut
over a catalogue that is fixed (`AtCut`), as the static evaluation asks.

    R requests    C candidates of each    A items of the catalogue, ascending by item row    N all item rows
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from dlrs.arrays import NO_ITEM, Floats, Ints, positions_in, stores
from dlrs.model.moment_net import MomentNet
from dlrs.ranking.moments import BLOCK, Retrieval, features
from dlrs.ranking.past import Past
from dlrs.ranking.requests import Requests
from dlrs.ranking.shortlist import Shortlists, Sizes, distinct_rows
from dlrs.ranking.top import top_k
from dlrs.recommender import Ranking


class MomentRecommender:
    """Recommends at any moment from what happened before it; the network stays as it was trained."""

    def __init__(self, past: Past, net: MomentNet, sizes: Sizes, retrieval: Retrieval | None = None) -> None:
        """Take the log that is read, and the ranker; the windows are those that the ranker learned from.

        Args:
            past: the log and the catalogue. What comes at a request's moment or later is not looked at.
            net: the ranker.
            sizes: how many candidates each source proposes.
            retrieval: as in the ranker's training.
        """
        self.past, self.net, self.retrieval = past, net, retrieval
        self._shortlists = Shortlists(past, sizes)

    def recommend(
        self, until: int, users_R: Ints, items_A: Ints, k: int, *, known_RN: sparse.csr_array
    ) -> Ranking:
        """Return the best k items for each request, none of them known.

        Known items never cost a place; lists are padded with NO_ITEM; ties are broken by item row.

        Args:
            until: what happened before it is used; microseconds since the epoch, UTC.
            users_R: the user row of each request.
            items_A: what may be recommended, ascending by item row.
            k: how many.
            known_RN: what is stored is known.
        """
        requests = Requests(users_R, np.full(len(users_R), until, dtype=np.int64))
        blocks = [slice(first, first + BLOCK) for first in range(0, max(1, len(users_R)), BLOCK)]
        parts = [self._best(requests.take(some), items_A, k, known_RN[some]) for some in blocks]
        return Ranking(
            np.concatenate([part.items_UK for part in parts]),
            np.concatenate([part.scores_UK for part in parts]),
        )

    def score(self, until: int, users_P: Ints, items_P: Ints) -> Floats:
        """Return the ranker's score of each pair, at the moment `until`."""
        requests = Requests(users_P, np.full(len(users_P), until, dtype=np.int64))
        return self.net.scores(features(self.past, requests, items_P[:, None], self.retrieval))[:, 0]

    def _best(self, requests: Requests, items_A: Ints, k: int, known_RN: sparse.csr_array) -> Ranking:
        ranking = self._ranked(requests, self._shortlists(requests), items_A, k, known_RN)
        wanted_R = np.minimum(k, len(items_A) - _inside(known_RN, items_A))
        short = np.flatnonzero((ranking.items_UK != NO_ITEM).sum(axis=1) < wanted_R)
        if len(short):
            more = self._with_popular(requests.take(short), items_A, k, known_RN[short])
            filled = self._ranked(requests.take(short), more, items_A, k, known_RN[short])
            ranking.items_UK[short], ranking.scores_UK[short] = filled.items_UK, filled.scores_UK
        return ranking

    def _ranked(
        self, requests: Requests, items_RC: Ints, items_A: Ints, k: int, known_RN: sparse.csr_array
    ) -> Ranking:
        inside_RC = positions_in(items_A, items_RC.ravel()).reshape(items_RC.shape) >= 0
        items_RC = distinct_rows(items_RC, inside_RC & ~stores(known_RN, items_RC))
        scores_RC = self.net.scores(features(self.past, requests, items_RC, self.retrieval))
        scores_RC[items_RC == NO_ITEM] = -np.inf
        columns_RK, scores_RK = top_k(scores_RC, k)
        if not items_RC.shape[1]:
            return Ranking(columns_RK, scores_RK)
        chosen_RK = np.take_along_axis(items_RC, np.maximum(columns_RK, 0), axis=1)
        return Ranking(np.where(columns_RK >= 0, chosen_RK, NO_ITEM), scores_RK)

    def _with_popular(self, requests: Requests, items_A: Ints, k: int, known_RN: sparse.csr_array) -> Ints:
        """Return the shortlist and so many of the catalogue's most popular that the list can be filled."""
        counts_A = self.past.item_times.counts(items_A, requests.moment_R[:1])
        needed = k + int(_inside(known_RN, items_A).max())
        first = items_A[np.argsort(-counts_A, kind="stable")[:needed]]
        return np.hstack([self._shortlists(requests), np.tile(first, (len(requests), 1))])


def _inside(known_RN: sparse.csr_array, items_A: Ints) -> Ints:
    """Return how many items of the catalogue each request's user knows: (R,)."""
    row_E = np.repeat(np.arange(known_RN.shape[0]), np.diff(known_RN.indptr))
    inside_E = positions_in(items_A, known_RN.indices) >= 0
    return np.bincount(row_E[inside_E], minlength=known_RN.shape[0])


class AtCut:
    """The same at one moment over a fixed catalogue: a `recommender.Recommender`."""

    def __init__(self, recommender: MomentRecommender, cut: int, items_A: Ints) -> None:
        """Take the cut, in microseconds since the epoch, and the catalogue, ascending by item row.

        Of the catalogue's items that begin after the cut nothing is known: they fill lists where all else is
        known, and no more.
        """
        self.recommender, self.cut, self.items_A = recommender, cut, items_A

    def recommend(self, users_U: Ints, k: int, *, known_UN: sparse.csr_array) -> Ranking:
        """Return the best k items for each user row; see `Recommender`."""
        return self.recommender.recommend(self.cut, users_U, self.items_A, k, known_RN=known_UN)

    def score(self, users_P: Ints, items_P: Ints) -> Floats:
        """Return the score of each pair; −inf for items outside of the catalogue."""
        scores_P = self.recommender.score(self.cut, users_P, items_P)
        scores_P[positions_in(self.items_A, items_P) < 0] = -np.inf
        return scores_P
