from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from baselines.planted import ITEMS, NEWCOMER, STRANGER, TWINS, USERS, WARM, Planted
from contracts.recommender import Case, RecommenderContract
from dlrs import spectrum
from dlrs.baselines.gf_cf import GraphFilter, fit_gf_cf, gf_cf_recommender
from dlrs.settings.baselines import Baselines
from dlrs.spectrum import right_vectors


@pytest.fixture(scope="module")
def model(planted: Planted) -> GraphFilter:
    return fit_gf_cf(planted.train_UN, planted.settings)


def all_scores(train_UN: sparse.csr_array, settings: Baselines) -> np.ndarray:
    users, items = train_UN.shape
    recommender = gf_cf_recommender(fit_gf_cf(train_UN, settings), np.arange(items))
    pairs = np.indices((users, items)).reshape(2, -1)
    return recommender.score(*pairs).reshape(users, items)


def test_two_items_by_hand() -> None:
    """RᵀR = [[3/4, 1/√8], [1/√8, 1/2]] has the first vector (√2, 1) / √3, so x = (1, 0) gets 2/3 and 1/3."""
    train_UN = sparse.csr_array([[1.0, 1], [7, 0], [0, 0]])  # how often does not matter
    linear = [[3 / 4 + 8**-0.5, 8**-0.5 + 1 / 2], [3 / 4, 8**-0.5], [0, 0]]
    np.testing.assert_allclose(all_scores(train_UN, Baselines(gf_cf_width=1, gf_cf_low_pass=0)), linear)
    ideal = np.array([[4 / 3, 2 / 3], [2 / 3, 1 / 3], [0, 0]])
    scores = all_scores(train_UN, Baselines(gf_cf_width=1, gf_cf_low_pass=0.3))
    np.testing.assert_allclose(scores, linear + 0.3 * ideal, rtol=1e-6)


@pytest.mark.parametrize("dense", [0, 512], ids=["few vectors of many", "all of them"])
def test_the_published_formula(dense: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spectrum, "DENSE", dense)
    X = (np.random.default_rng(1).random((30, 20)) < 0.3).astype(np.float64)
    X[:, 5] = 0  # nobody met item 5
    roots_U, roots_N = np.sqrt(np.maximum(X.sum(axis=1), 1)), np.sqrt(np.maximum(X.sum(axis=0), 1))
    R = X / roots_U[:, None] / roots_N
    V = np.linalg.svd(R)[2][:4].T
    expected = X @ (R.T @ R) + 0.3 * (X / roots_N @ V) @ V.T * roots_N
    scores = all_scores(sparse.csr_array(X), Baselines(gf_cf_width=4, gf_cf_low_pass=0.3))
    np.testing.assert_allclose(scores, expected, atol=1e-6)


def test_vectors_of_no_weight_are_left_out() -> None:
    of_rank_one = sparse.csr_array(np.outer([1.0, 2, 0], [2.0, 0, 1, 0]))
    vectors_NW = right_vectors(of_rank_one, 3)
    np.testing.assert_allclose(np.abs(vectors_NW), np.array([[2.0], [0], [1], [0]]) / 5**0.5, atol=1e-12)


def test_leaves_the_counts_alone() -> None:
    train_UN = sparse.csr_array([[3.0, 2], [7, 0]])
    fit_gf_cf(train_UN, Baselines())
    assert train_UN.data.tolist() == [3, 2, 7]


def test_recovers_the_groups(planted: Planted, model: GraphFilter) -> None:
    users_U = np.arange(NEWCOMER)
    ranking = gf_cf_recommender(model, np.arange(WARM)).recommend(
        users_U, 4, known_UN=planted.train_UN[users_U]
    )
    assert (ranking.items_UK % 2 == users_U[:, None] % 2).all()


def test_whom_nobody_met_scores_zero(planted: Planted) -> None:
    scores = all_scores(planted.train_UN, planted.settings)
    assert not scores[:, WARM:].any()
    assert not scores[STRANGER].any()


class TestGfCf(RecommenderContract):
    @pytest.fixture
    def case(self, model: GraphFilter) -> Case:
        return Case(
            lambda items_A: gf_cf_recommender(model, items_A),
            users=USERS,
            items=ITEMS,
            twins=TWINS,
            stranger=STRANGER,
        )
