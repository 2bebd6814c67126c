"""Popular: everybody gets the items that drew the most interactions."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
from scipy import sparse

from dlrs.arrays import NO_ITEM, Floats, Ints
from dlrs.baselines.catalogue import Catalogue, require_row_each
from dlrs.candidates.generator import generate
from dlrs.data.interactions import Interactions
from dlrs.popularity import item_counts
from dlrs.recommenders.recommender import Ranking
from dlrs.settings.baselines import Baselines


class PopularRecommender:
    """Recommends by a count for each item: items that nobody met come last, by item row."""

    def __init__(self, items_A: Ints, counts_N: Ints) -> None:
        """Take the catalogue, ascending by item row, and a count for every item row there is."""
        self.catalogue = Catalogue(items_A)
        self.counts_N = counts_N.astype(np.float32)
        self._order_A = np.argsort(-counts_N[items_A], kind="stable")

    def __len__(self) -> int:
        return len(self._order_A)

    def recommend(self, users_U: Ints, k: int, *, known_UN: sparse.csr_array) -> Ranking:
        """Recommend the most frequent items; see `Recommender`."""
        require_row_each(users_U, known_UN)
        items_A = self.catalogue.items_A
        nothing_U0 = np.empty((len(users_U), 0), dtype=np.float32)
        found = generate(self, nothing_U0, k, sparse.csr_array(known_UN[:, items_A]))
        listed_UK = found.positions_UT != NO_ITEM
        ranking = Ranking(
            np.full((len(users_U), k), NO_ITEM), np.full((len(users_U), k), -np.inf, dtype=np.float32)
        )
        ranking.items_UK[:, : listed_UK.shape[1]] = np.where(listed_UK, items_A[found.positions_UT], NO_ITEM)
        ranking.scores_UK[:, : listed_UK.shape[1]] = found.similarity_UT
        return ranking

    def propose(self, queries_UD: Floats, count: int) -> tuple[Ints, Floats]:
        """Return the most frequent items, the same for everybody; see `candidates.index.Proposes`."""
        first_K = self._order_A[:count]
        counts_K = self.counts_N[self.catalogue.items_A[first_K]]
        return np.tile(first_K, (len(queries_UD), 1)), np.tile(counts_K, (len(queries_UD), 1))

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
