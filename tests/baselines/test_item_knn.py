from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from baselines.planted import ITEMS, NEWCOMER, STRANGER, TWINS, USERS, WARM, Planted
from contracts.recommender import Case, RecommenderContract
from dlrs.baselines.item_knn import item_knn_recommender, neighbours
from dlrs.settings.baselines import Baselines

# users 0 and 1 met items 0 and 1, user 2 met items 1 and 2, nobody met item 3
MET_UN = sparse.csr_array([[1.0, 1, 0, 0], [1, 1, 0, 0], [0, 1, 1, 0]])


def test_similarity_is_the_cosine() -> None:
    similarity = neighbours(MET_UN, np.arange(4), count=4, shrinkage=0).toarray()
    a, b = 2 / np.sqrt(2 * 3), 1 / np.sqrt(3)  # items 0 and 1 share two users, 1 and 2 one
    np.testing.assert_allclose(similarity, [[0, a, 0, 0], [a, 0, b, 0], [0, b, 0, 0], [0, 0, 0, 0]])


def test_shrinkage_is_added_to_the_norms() -> None:
    similarity = neighbours(MET_UN, np.arange(4), count=4, shrinkage=2).toarray()
    assert similarity[0, 1] == pytest.approx(2 / (np.sqrt(6) + 2))
    assert similarity[1, 2] == pytest.approx(1 / (np.sqrt(3) + 2))


def test_each_item_has_its_nearest_neighbours_only() -> None:
    similarity = neighbours(MET_UN, np.arange(4), count=1, shrinkage=0).toarray()
    # item 0 is nearest to item 1, but item 1 is so to item 2: not symmetric
    assert [np.flatnonzero(row).tolist() for row in similarity] == [[1], [0], [1], []]


def test_items_outside_of_the_catalogue_take_no_place() -> None:
    similarity = neighbours(MET_UN, np.array([2, 3]), count=1, shrinkage=0).toarray()
    np.testing.assert_allclose(similarity, [[0, 0], [1 / np.sqrt(3), 0], [0, 0], [0, 0]])


def test_those_as_near_as_the_last_neighbour_stay() -> None:
    everybody_met_all = sparse.csr_array(np.ones((2, 4)))
    similarity = neighbours(everybody_met_all, np.arange(4), count=2, shrinkage=0).toarray()
    np.testing.assert_allclose(similarity, 1 - np.eye(4))


def test_a_score_adds_up_the_history_by_the_logarithm_of_its_counts() -> None:
    """User 0 met item 0 three times and item 2 once; all similarities come from user 1's ones."""
    counts_UN = sparse.csr_array([[3.0, 0, 1], [1, 1, 0]])
    settings = Baselines(item_knn_neighbours=3, item_knn_shrinkage=1)
    recommender = item_knn_recommender(counts_UN, np.arange(3), settings)
    two, four = np.log(2), np.log(4)
    similarity = two * two / (np.sqrt(four**2 + two**2) * two + 1)  # of items 0 and 1; 2 and 1 share nobody
    assert recommender.score(np.array([0]), np.array([1]))[0] == pytest.approx(four * similarity)


@given(
    st.lists(st.lists(st.integers(0, 3), min_size=7, max_size=7), min_size=1, max_size=6),
    st.integers(1, 8),
    st.sampled_from([0.0, 1.0, 20.0]),
)
def test_the_blocks_agree_with_a_dense_computation(
    counts: list[list[int]], count: int, shrinkage: float
) -> None:
    dense_UN = np.array(counts, dtype=np.float64)
    items_A = np.array([0, 2, 3, 6])
    similarity = neighbours(sparse.csr_array(dense_UN), items_A, count=count, shrinkage=shrinkage).toarray()
    norms = np.linalg.norm(dense_UN, axis=0)
    for item in range(7):
        expected = {
            position: dense_UN[:, item] @ dense_UN[:, other] / (norms[item] * norms[other] + shrinkage)
            for position, other in enumerate(items_A)
            if other != item and dense_UN[:, item] @ dense_UN[:, other] > 0
        }
        last = sorted(expected.values(), reverse=True)[:count][-1:]
        kept = {position: value for position, value in expected.items() if value >= last[0] - 1e-6}
        assert np.flatnonzero(similarity[item]).tolist() == sorted(kept)
        np.testing.assert_allclose(similarity[item][sorted(kept)], [kept[p] for p in sorted(kept)])


def test_recovers_the_groups(planted: Planted) -> None:
    recommender = item_knn_recommender(planted.train_UN, np.arange(WARM), planted.settings)
    users_U = np.arange(NEWCOMER)
    ranking = recommender.recommend(users_U, 4, known_UN=planted.train_UN[users_U])
    assert (ranking.items_UK % 2 == users_U[:, None] % 2).all()


def test_whom_nobody_met_scores_zero(planted: Planted) -> None:
    recommender = item_knn_recommender(planted.train_UN, np.arange(ITEMS), planted.settings)
    assert not recommender.score(np.arange(USERS), np.full(USERS, WARM)).any()
    ranking = recommender.recommend(np.array([STRANGER]), 5, known_UN=planted.nothing_known[[STRANGER]])
    assert ranking.items_UK.tolist() == [[0, 1, 2, 3, 4]]
    assert not ranking.scores_UK.any()


def test_leaves_the_counts_alone(planted: Planted) -> None:
    train_UN = planted.train_UN.copy()
    item_knn_recommender(train_UN, np.arange(ITEMS), planted.settings)
    np.testing.assert_array_equal(train_UN.data, planted.train_UN.data)


class TestItemKnn(RecommenderContract):
    @pytest.fixture
    def case(self, planted: Planted) -> Case:
        return Case(
            lambda items_A: item_knn_recommender(planted.train_UN, items_A, planted.settings),
            users=USERS,
            items=ITEMS,
            twins=TWINS,
            stranger=STRANGER,
        )
