from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from scipy import sparse

from contracts.recommender import Case, RecommenderContract
from dlrs.arrays import Ints
from dlrs.baselines.popular import PopularRecommender, most_popular, recently_popular
from dlrs.data.interactions import Interactions
from dlrs.popularity import item_counts
from dlrs.settings.baselines import Baselines

HOUR = 3_600_000_000
CUT = 1_000 * HOUR
# item, hours before the cut: item 3 was popular once, item 1 is now; the last event is after the cut
EVENTS = ((3, 900), (3, 900), (3, 800), (0, 169), (1, 168), (2, 100), (1, 0.5), (2, 0), (2, -1))


@pytest.fixture(scope="module")
def log() -> Interactions:
    items_E = np.array([item for item, _ in EVENTS])
    times_E = np.array([int(CUT - hours * HOUR) for _, hours in EVENTS])
    zeros_E = np.zeros(len(EVENTS), dtype=np.int64)
    return Interactions(zeros_E, items_E, zeros_E, zeros_E, times_E)


def test_counts_all_before_a_moment(log: Interactions) -> None:
    assert item_counts(log, 5, until=CUT).tolist() == [1, 2, 1, 3, 0]
    assert item_counts(log, 5, until=CUT - 800 * HOUR).tolist() == [0, 0, 0, 2, 0]
    assert item_counts(log, 5, until=0).tolist() == [0, 0, 0, 0, 0]


def test_a_window_holds_its_start_and_not_its_end(log: Interactions) -> None:
    first, last = CUT - 168 * HOUR, CUT
    assert item_counts(log, 5, since=first, until=last).tolist() == [0, 2, 1, 0, 0]
    assert item_counts(log, 5, since=first + 1, until=last + 1).tolist() == [0, 1, 2, 0, 0]


def test_windows_add_up(log: Interactions) -> None:
    middle = CUT - 168 * HOUR
    parts = item_counts(log, 5, until=middle) + item_counts(log, 5, since=middle, until=CUT)
    assert parts.tolist() == item_counts(log, 5, until=CUT).tolist()


def test_most_popular_looks_at_all_before_the_cut(log: Interactions) -> None:
    recommender = most_popular(log, np.arange(5), items=5, cut=CUT)
    ranking = recommender.recommend(np.array([0]), 5, known_UN=sparse.csr_array((1, 5)))
    assert ranking.items_UK.tolist() == [[3, 1, 0, 2, 4]]
    assert ranking.scores_UK.tolist() == [[3, 2, 1, 1, 0]]


def test_recently_popular_looks_at_its_window_only(log: Interactions) -> None:
    settings = Baselines(recent_window=timedelta(days=7))
    recommender = recently_popular(log, np.arange(5), items=5, cut=CUT, settings=settings)
    ranking = recommender.recommend(np.array([0]), 5, known_UN=sparse.csr_array((1, 5)))
    assert ranking.items_UK.tolist() == [[1, 2, 0, 3, 4]]
    assert ranking.scores_UK.tolist() == [[2, 1, 0, 0, 0]]


def test_scores_of_pairs_are_counts(log: Interactions) -> None:
    recommender = most_popular(log, np.array([1, 3]), items=5, cut=CUT)
    scores_P = recommender.score(np.array([0, 7, 0]), np.array([3, 1, 0]))
    assert scores_P.tolist() == [3, 2, -np.inf]  # item 0 is outside of the catalogue


def test_refuses_a_catalogue_out_of_order() -> None:
    for items_A in ([2, 1], [1, 1]):
        with pytest.raises(ValueError, match="ascending"):
            PopularRecommender(np.array(items_A), np.ones(5))


def test_refuses_known_items_of_other_users() -> None:
    recommender = PopularRecommender(np.arange(5), np.ones(5))
    with pytest.raises(ValueError, match="a row for each of 2 users, received 1"):
        recommender.recommend(np.array([0, 1]), 1, known_UN=sparse.csr_array((1, 5)))


class TestPopular(RecommenderContract):
    @pytest.fixture
    def case(self) -> Case:
        counts_N = np.random.default_rng(3).integers(0, 6, 20)
        counts_N[[4, 11]] = 5

        def build(items_A: Ints) -> PopularRecommender:
            return PopularRecommender(items_A, counts_N)

        return Case(build, users=8, items=20, twins=(4, 11), stranger=7)


class TestRecentlyPopular(RecommenderContract):
    @pytest.fixture
    def case(self, log: Interactions) -> Case:
        def build(items_A: Ints) -> PopularRecommender:
            return recently_popular(log, items_A, items=14, cut=CUT, settings=Baselines())

        return Case(build, users=6, items=14, twins=(3, 10), stranger=5)
