"""Recommending at a moment: a shortlist, its features then, and the ranker that learned from earlier moments.

One object answers both ways: at any moment over the items alive then (`MomentRecommender`), and at a cut
over a catalogue that is fixed (`AtCut`), as the static evaluation asks.

    R requests    C candidates of each    A items of the catalogue, ascending by item row    N all item rows
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from dlrs.arrays import NO_ITEM, Bools, Floats, Ints, positions_in, stores
from dlrs.model.moment_net import MomentNet
from dlrs.ranking.moments import BLOCK, MomentRetrieval, features
from dlrs.ranking.past import Past
from dlrs.ranking.requests import Requests
from dlrs.ranking.shortlist import Shortlists, Sizes, distinct_rows
from dlrs.ranking.top import top_k
from dlrs.recommenders.recommender import Ranking

BEHIND = 1000
"""What is not of a shortlist comes behind all that is: its score is lowered by as much."""

CELLS = 100_000
"""Most candidates of all requests at once where the whole catalogue is ranked."""


class MomentRecommender:
    """Recommends at any moment from what happened before it; the network stays as it was trained."""

    def __init__(
        self, past: Past, net: MomentNet, sizes: Sizes, retrieval: MomentRetrieval | None = None
    ) -> None:
        """Take the log that is read, and the ranker; the windows are those that the ranker learned from.

        Args:
            past: the log and the catalogue. What comes at a request's moment or later is not looked at.
            net: the ranker.
            sizes: how many candidates each source proposes.
            retrieval: as in the ranker's training.
        """
        self.past, self.net, self.retrieval = past, net, retrieval
        self._shortlists = Shortlists(past, sizes, retrieval)

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
        """Return the score of each pair at the moment `until`: as in the lists."""
        users_R, of_P = np.unique(users_P, return_inverse=True)
        requests = Requests(users_R, np.full(len(users_R), until, dtype=np.int64))
        shortlist_RC = self._shortlists(requests)
        rows_RC = np.broadcast_to(np.arange(len(users_R))[:, None], shortlist_RC.shape)
        N = self.past.items.catalog.items
        keys = np.sort((rows_RC * N + shortlist_RC)[shortlist_RC != NO_ITEM])
        listed_P = positions_in(keys, of_P * N + items_P) >= 0
        # a row for each user: what he met last is worked out once
        order_P = np.argsort(of_P, kind="stable")
        rank_P = np.arange(len(of_P)) - np.searchsorted(of_P[order_P], of_P[order_P])
        items_RC = np.full((len(users_R), int(rank_P.max(initial=-1)) + 1), NO_ITEM)
        items_RC[of_P[order_P], rank_P] = items_P[order_P]
        found_RC = self.net.scores(features(self.past, requests, items_RC, self.retrieval))
        scores_P = np.empty(len(of_P), dtype=np.float32)
        scores_P[order_P] = found_RC[of_P[order_P], rank_P]
        return _behind(scores_P, listed_P)

    def _best(self, requests: Requests, items_A: Ints, k: int, known_RN: sparse.csr_array) -> Ranking:
        shortlist_RC = self._shortlists(requests)
        ranking = self._ranked(requests, shortlist_RC, items_A, k, known_RN)
        wanted_R = np.minimum(k, len(items_A) - _inside(known_RN, items_A))
        short = np.flatnonzero((ranking.items_UK != NO_ITEM).sum(axis=1) < wanted_R)
        at_once = max(1, CELLS // max(1, len(items_A)))
        for first in range(0, len(short), at_once):
            some = short[first : first + at_once]
            full = self._filled(requests.take(some), shortlist_RC[some], items_A, k, known_RN[some])
            ranking.items_UK[some], ranking.scores_UK[some] = full.items_UK, full.scores_UK
        return ranking

    def _ranked(
        self, requests: Requests, items_RC: Ints, items_A: Ints, k: int, known_RN: sparse.csr_array
    ) -> Ranking:
        inside_RC = positions_in(items_A, items_RC.ravel()).reshape(items_RC.shape) >= 0
        items_RC = distinct_rows(items_RC, inside_RC & ~stores(known_RN, items_RC))
        scores_RC = self.net.scores(features(self.past, requests, items_RC, self.retrieval))
        return _first(scores_RC, items_RC, k)

    def _filled(
        self, requests: Requests, shortlist_RC: Ints, items_A: Ints, k: int, known_RN: sparse.csr_array
    ) -> Ranking:
        """Rank the whole catalogue, what is not of the shortlist behind all that is."""
        position_RC = positions_in(items_A, shortlist_RC.ravel()).reshape(shortlist_RC.shape)
        listed_RA = np.zeros((len(requests), len(items_A)), dtype=np.bool_)
        row_P, column_P = np.nonzero(position_RC >= 0)
        listed_RA[row_P, position_RC[row_P, column_P]] = True
        items_RA = np.tile(items_A, (len(requests), 1))
        scores_RA = _behind(
            self.net.scores(features(self.past, requests, items_RA, self.retrieval)), listed_RA
        )
        return _first(scores_RA, np.where(stores(known_RN, items_RA), NO_ITEM, items_RA), k)


def _first(scores_RC: Floats, items_RC: Ints, k: int) -> Ranking:
    """Return the k items of the highest scores; columns are in the order of the items."""
    scores_RC = np.where(items_RC == NO_ITEM, np.float32(-np.inf), scores_RC)
    columns_RK, scores_RK = top_k(scores_RC, k)
    if not items_RC.shape[1]:
        return Ranking(columns_RK, scores_RK)
    chosen_RK = np.take_along_axis(items_RC, np.maximum(columns_RK, 0), axis=1)
    return Ranking(np.where(columns_RK >= 0, chosen_RK, NO_ITEM), scores_RK)


def _behind(scores: Floats, listed: Bools) -> Floats:
    """Lower the scores of what is not listed."""
    lowered: Floats = np.where(listed, scores, scores - BEHIND).astype(np.float32)
    return lowered


def _inside(known_RN: sparse.csr_array, items_A: Ints) -> Ints:
    """Return how many items of the catalogue each request's user knows: (R,)."""
    row_E = np.repeat(np.arange(known_RN.shape[0]), np.diff(known_RN.indptr))
    inside_E = positions_in(items_A, known_RN.indices) >= 0
    return np.bincount(row_E[inside_E], minlength=known_RN.shape[0])


class AtCut:
    """The same at one moment over a fixed catalogue: a `recommenders.recommender.Recommender`."""

    def __init__(self, recommender: MomentRecommender, cut: int, items_A: Ints) -> None:
        """Take the cut, in microseconds since the epoch, and the catalogue, ascending by item row.

        Of the catalogue's items that begin after the cut nothing is known: they fill lists where all else is
        known, and no more. What they are is not looked at but for their category and features.
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
