from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from baselines.planted import (
    ITEMS,
    NEWCOMER,
    SPACE,
    STRANGER,
    TWINS,
    UNDESCRIBED,
    USERS,
    WARM,
    Planted,
    encode,
)
from contracts.recommender import Case, RecommenderContract
from dlrs.arrays import Ints
from dlrs.baselines.content_knn import ContentModel, content_recommender, fit_content
from dlrs.baselines.scored import ScoredRecommender
from dlrs.settings.baselines import Baselines

# four items of three versions: colours 0, 0 and 1, kinds 0, 1 and 1; nothing describes the last one
VERSIONS = encode(
    np.array([[1, 0, 0, 0, 1, 0], [1, 0, 0, 0, 0, 1], [0, 1, 0, 0, 0, 1]]), np.array([[5.0], [6], [7]])
)
VERSION_OF_N = np.array([0, 1, 2, -1])


@pytest.fixture(scope="module")
def model(planted: Planted) -> ContentModel:
    return fit_content(planted.train_UN, planted.versions, planted.version_of_N, SPACE, planted.settings)


def recommender(model: ContentModel, planted: Planted, items_A: Ints) -> ScoredRecommender:
    return content_recommender(model, items_A, planted.versions, planted.version_of_N)


def test_a_column_weighs_the_more_the_fewer_items_have_it() -> None:
    fitted = fit_content(sparse.csr_array((1, 4)), VERSIONS, VERSION_OF_N, SPACE, Baselines())
    two, one, none = np.log(4 / 3), np.log(4 / 2), np.log(4)
    np.testing.assert_allclose(fitted.idf_K, [two, one, none, none, one, two])


def test_what_all_items_have_says_nothing() -> None:
    fitted = fit_content(sparse.csr_array((1, 2)), VERSIONS, np.array([0, 1]), SPACE, Baselines())
    assert fitted.idf_K[0] == 0


def test_each_of_several_values_counts_as_much_as_a_single_one() -> None:
    halves = encode(np.array([[0.5, 0.5, 0, 0, 1, 0], [1, 0, 0, 0, 0, 1]]), np.array([[5.0], [6]]))
    whole = encode(np.array([[1, 1, 0, 0, 1, 0], [1, 0, 0, 0, 0, 1]]), np.array([[5.0], [6]]))
    train_UN, rows_N = sparse.csr_array([[1.0, 0], [1, 3]]), np.array([0, 1])
    settings = Baselines(content_idf_power=0.5)
    tastes = [
        fit_content(train_UN, versions, rows_N, SPACE, settings).tastes_UK.toarray()
        for versions in (halves, whole)
    ]
    np.testing.assert_array_equal(*tastes)
    assert (tastes[0][0, :2] > 0).tolist() == [False, True]  # both items have colour 0: it says nothing


def test_powers_take_the_weights_away() -> None:
    train_UN = sparse.csr_array([[4.0, 0, 1, 0]])
    settings = Baselines(content_idf_power=0, content_count_power=0)
    fitted = fit_content(train_UN, VERSIONS, VERSION_OF_N, SPACE, settings)
    assert fitted.idf_K.tolist() == [1] * 6
    # of colours 0 and 1 and kinds 0 and 1 the two items have each one: all weigh alike
    np.testing.assert_allclose(fitted.tastes_UK.toarray(), [[0.5, 0.5, 0, 0, 0.5, 0.5]])
    halved = fit_content(train_UN, VERSIONS, VERSION_OF_N, SPACE, Baselines(content_count_power=0.5))
    by_two = fit_content(sparse.csr_array([[2.0, 0, 1, 0]]), VERSIONS, VERSION_OF_N, SPACE, Baselines())
    np.testing.assert_allclose(halved.tastes_UK.toarray(), by_two.tastes_UK.toarray())


def test_a_score_is_the_cosine_to_the_mean_item() -> None:
    """User 0 met item 0 twice and item 2 once; user 1 nothing but the undescribed item."""
    train_UN = sparse.csr_array([[2.0, 0, 1, 0], [0, 0, 0, 1]])
    fitted = fit_content(train_UN, VERSIONS, VERSION_OF_N, SPACE, Baselines())
    content = content_recommender(fitted, np.arange(4), VERSIONS, VERSION_OF_N)
    two, one = np.log(4 / 3), np.log(2)
    items = np.array([[two, 0, one, 0], [two, 0, 0, two], [0, one, 0, two]])  # colours 0, 1, kinds 0, 1
    items /= np.linalg.norm(items, axis=1, keepdims=True)
    mean = (2 * items[0] + items[2]) / 3
    scores = content.score(np.zeros(4, dtype=np.int64), np.arange(4))
    np.testing.assert_allclose(scores, [*(items @ mean / np.linalg.norm(mean)), 0], rtol=1e-6)
    assert not content.score(np.ones(4, dtype=np.int64), np.arange(4)).any()


def test_items_are_described_by_the_versions_of_the_catalogue() -> None:
    """A user who met item 0 finds it equal to item 3, once that has the same version."""
    fitted = fit_content(sparse.csr_array([[1.0, 0, 0, 0]]), VERSIONS, VERSION_OF_N, SPACE, Baselines())
    content = content_recommender(fitted, np.array([1, 3]), VERSIONS, np.array([-1, 2, -1, 0]))
    np.testing.assert_allclose(content.score(np.array([0, 0]), np.array([3, 1])), [1, 0], atol=1e-6)


def test_recommends_items_that_nobody_met_by_their_features(planted: Planted, model: ContentModel) -> None:
    cold_A = np.arange(WARM, UNDESCRIBED - 1)  # as many even as odd ones
    users_U = np.arange(NEWCOMER)
    ranking = recommender(model, planted, cold_A).recommend(
        users_U, 1, known_UN=planted.nothing_known[users_U]
    )
    assert (ranking.items_UK % 2 == users_U[:, None] % 2).all()


def test_nothing_known_scores_zero(planted: Planted, model: ContentModel) -> None:
    everything = recommender(model, planted, np.arange(ITEMS))
    assert not everything.score(np.arange(USERS), np.full(USERS, UNDESCRIBED)).any()
    assert not everything.score(np.full(ITEMS, STRANGER), np.arange(ITEMS)).any()


class TestContentKnn(RecommenderContract):
    @pytest.fixture
    def case(self, planted: Planted, model: ContentModel) -> Case:
        return Case(
            lambda items_A: recommender(model, planted, items_A),
            users=USERS,
            items=ITEMS,
            twins=TWINS,
            stranger=STRANGER,
        )
