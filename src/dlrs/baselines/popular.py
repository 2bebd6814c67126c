"""Popular: everybody gets the items that drew the most interactions."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
from scipy import sparse

from dlrs.arrays import Floats, Ints
from dlrs.baselines.catalogue import Catalogue
from dlrs.data.interactions import Interactions
from dlrs.popularity import item_counts
from dlrs.recipe import Baselines
from dlrs.recommender import Ranking


class PopularRecommender:
    """Recommends by a count for each item: items that nobody met come last, by item row."""

    def __init__(self, items_A: Ints, counts_N: Ints) -> None:
        """Take the catalogue, ascending by item row, and a count for every item row there is."""
        self.catalogue = Catalogue(items_A)
        self.counts_N = counts_N.astype(np.float32)

    def recommend(self, users_U: Ints, k: int, *, known_UN: sparse.csr_array) -> Ranking:
        """Recommend the most frequent items; see `Recommender`."""
        counts_UA = np.tile(self.counts_N[self.catalogue.items_A], (len(users_U), 1))
        return self.catalogue.best(counts_UA, k, known_UN)

    def score(self, users_P: Ints, items_P: Ints) -> Floats:
        """Return each item's count, whoever the user is; −inf for items outside of the catalogue."""
        inside_P = self.catalogue.positions(items_P) >= 0
        return np.where(inside_P, self.counts_N[items_P], np.float32(-np.inf))


def most_popular(interactions: Interactions, items_A: Ints, *, items: int, cut: int) -> PopularRecommender:
    """Count all events before the cut (microseconds since the epoch) on each of `items` item rows."""
    return PopularRecommender(items_A, item_counts(interactions, items, until=cut))


def recently_popular(
    interactions: Interactions, items_A: Ints, *, items: int, cut: int, settings: Baselines
) -> PopularRecommender:
    """Count the events of the last `settings.recent_window` before the cut: [cut − window, cut)."""
    window = settings.recent_window // timedelta(microseconds=1)
    return PopularRecommender(items_A, item_counts(interactions, items, since=cut - window, until=cut))
