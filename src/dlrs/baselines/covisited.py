"""Co-visited: what users went on to from where this one stands now.

A transition a → b is two events of one user, one after the other, on different items; its time is that
of the second. Of those within a window before the moment, the share of each b among what followed a is the
chance that it comes next. A user stands at his last items; each older one weighs `FADING` of the newer.

    R requests of one moment, S some of them; A items alive then, ascending by item row; N all item rows
    T transitions; L last items of the requests, one after the other
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from dlrs.arrays import Doubles, Ints, gather_ranges
from dlrs.baselines.catalogue import Catalogue
from dlrs.data.interactions import Interactions
from dlrs.popularity import item_counts
from dlrs.recommenders.recommender import Ranking
from dlrs.user_times import UserTimes

LAST = 3
FADING = 0.5
SHRINKAGE = 5.0
"""So many transitions of nowhere stand beside those that were seen: few of them say little."""


class Transitions:
    """Every transition of a log, found by where it starts and when."""

    def __init__(self, log: Interactions, items: int) -> None:
        """Find them in the log, which is in the order of time."""
        order_E = np.argsort(log.user_E, kind="stable")  # keeps the order of time
        user_E, item_E = log.user_E[order_E], log.item_E[order_E]
        second_T = 1 + np.flatnonzero((user_E[1:] == user_E[:-1]) & (item_E[1:] != item_E[:-1]))
        by_time_T = np.argsort(order_E[second_T], kind="stable")
        second_T = second_T[by_time_T]
        self.items = items
        self._time_T = log.time_E[order_E[second_T]]
        self._span = len(second_T) + 1
        key_T = item_E[second_T - 1].astype(np.int64) * self._span + np.arange(len(second_T))
        by_start_T = np.argsort(key_T)
        self._key_T = key_T[by_start_T]
        self._to_T = item_E[second_T][by_start_T].astype(np.int64)

    def counts(self, from_L: Ints, since: int, until: int) -> sparse.csr_array:
        """Return how often each item followed with since ≤ time < until: (L, items), float64."""
        low, high = np.searchsorted(self._time_T, [since, until])
        first_L = np.searchsorted(self._key_T, from_L * self._span + low)
        lengths_L = np.searchsorted(self._key_T, from_L * self._span + high) - first_L
        to_T = self._to_T[gather_ranges(first_L, lengths_L)]
        row_T = np.repeat(np.arange(len(from_L)), lengths_L)
        return sparse.csr_array(
            sparse.coo_array((np.ones(len(to_T)), (row_T, to_T)), shape=(len(from_L), self.items)).tocsr()
        )


@dataclass(frozen=True)
class Covisited:
    """Recommends by the chance to come next, plus `popular_weight` times the share of recent events.

    A small weight fills lists where nothing is known to follow, and orders what ties; a larger one mixes.
    """

    times: UserTimes
    transitions: Transitions
    window: int  # of transitions, microseconds
    popular_window: int  # of events, microseconds
    popular_weight: float

    def recommend(
        self, until: int, users_R: Ints, items_A: Ints, k: int, *, known_RN: sparse.csr_array
    ) -> Ranking:
        """Recommend what is likely to come next; see `LiveRecommender`."""
        log, items = self.times.log, self.times.items
        popular_N = item_counts(log, items, since=until - self.popular_window, until=until)
        popular_A = self.popular_weight * popular_N[items_A] / max(1, popular_N.sum())

        def scores(rows_S: Ints) -> Doubles:
            scores_SA: Doubles = self._chances(until, users_R[rows_S]).toarray()[:, items_A] + popular_A
            return scores_SA

        return Catalogue(items_A).recommend(
            lambda rows_S: scores(rows_S).astype(np.float32), np.arange(len(users_R)), k, known_RN
        )

    def _chances(self, until: int, users_S: Ints) -> sparse.csr_array:
        offsets_S1, event_L = self.times.events(users_S, np.array(until), last=LAST)
        lengths_S = np.diff(offsets_S1)
        followed_LN = self.transitions.counts(self.times.log.item_E[event_L], until - self.window, until)
        back_L = np.repeat(offsets_S1[1:], lengths_S) - 1 - np.arange(len(event_L))  # 0: the newest
        weight_L = FADING**back_L / (followed_LN.sum(axis=1) + SHRINKAGE)
        stands_SL = sparse.csr_array(
            (weight_L, np.arange(len(event_L)), offsets_S1), shape=(len(users_S), len(event_L))
        )
        return sparse.csr_array(stands_SL @ followed_LN)
