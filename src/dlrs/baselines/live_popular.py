"""Live popularity: at each moment everybody gets what drew the most events of late.

R requests of one moment; A items alive then, ascending by item row; N all item rows
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from dlrs.arrays import Doubles, Ints
from dlrs.baselines.catalogue import Catalogue
from dlrs.data.interactions import Interactions
from dlrs.popularity import item_counts
from dlrs.recommenders.recommender import Ranking

HALF_LIVES = 12
"""So many of them back an event is forgotten: it would weigh 1 / 4096."""


@dataclass(frozen=True)
class LiveMostPopular:
    """Counts all events before the moment; those before `counted_until` once for all."""

    log: Interactions
    counted_N: Ints
    counted_until: int

    @classmethod
    def fit(cls, log: Interactions, items: int, until: int) -> LiveMostPopular:
        """Count what happened before a moment; it is asked then or later."""
        return cls(log, item_counts(log, items, until=until), until)

    def recommend(
        self, until: int, users_R: Ints, items_A: Ints, k: int, *, known_RN: sparse.csr_array
    ) -> Ranking:
        """Recommend the most frequent items; see `LiveRecommender`."""
        since_N = item_counts(self.log, len(self.counted_N), since=self.counted_until, until=until)
        return same_for_all((self.counted_N + since_N).astype(np.float64), items_A, k, known_RN)


@dataclass(frozen=True)
class LivePopular:
    """Counts the events of the window before the moment: [until − window, until)."""

    log: Interactions
    items: int
    window: int  # microseconds

    def recommend(
        self, until: int, users_R: Ints, items_A: Ints, k: int, *, known_RN: sparse.csr_array
    ) -> Ranking:
        """Recommend the most frequent items; see `LiveRecommender`."""
        counts_N = item_counts(self.log, self.items, since=until - self.window, until=until)
        return same_for_all(counts_N.astype(np.float64), items_A, k, known_RN)


@dataclass(frozen=True)
class LiveDecayed:
    """Weighs each event by its age: half for every half-life."""

    log: Interactions
    items: int
    half_life: int  # microseconds

    def recommend(
        self, until: int, users_R: Ints, items_A: Ints, k: int, *, known_RN: sparse.csr_array
    ) -> Ranking:
        """Recommend the items of the most weight; see `LiveRecommender`."""
        recent = self.log.between(until - HALF_LIVES * self.half_life, until)
        weight_E = np.exp2((recent.time_E - until) / self.half_life)
        weight_N = np.bincount(recent.item_E, weights=weight_E, minlength=self.items)
        return same_for_all(weight_N.astype(np.float64), items_A, k, known_RN)


def same_for_all(scores_N: Doubles, items_A: Ints, k: int, known_RN: sparse.csr_array) -> Ranking:
    """Return the items of the highest scores that each does not know."""
    scores_A = scores_N[items_A].astype(np.float32)
    rows_R = np.arange(known_RN.shape[0])
    return Catalogue(items_A).recommend(
        lambda some_S: np.tile(scores_A, (len(some_S), 1)), rows_R, k, known_RN
    )
