from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from baselines.planted import ITEMS, NEWCOMER, STRANGER, TWINS, USERS, WARM, Planted
from contracts.recommender import Case, RecommenderContract
from dlrs.arrays import Ints
from dlrs.baselines import ease
from dlrs.baselines.ease import ease_recommender, fit_ease
from dlrs.settings.baselines import Baselines

FEW = np.r_[np.arange(14), STRANGER]  # fewer users than items that somebody met


def all_scores(train_UN: sparse.csr_array, settings: Baselines) -> np.ndarray:
    users, items = train_UN.shape
    recommender = ease_recommender(fit_ease(train_UN, settings), np.arange(items))
    pairs = np.indices((users, items)).reshape(2, -1)
    return recommender.score(*pairs).reshape(users, items)


def test_two_items_by_hand() -> None:
    """XᵀX + I = [[3, 1], [1, 2]], P = [[2, −1], [−1, 3]] / 5, B = [[0, 1/3], [1/2, 0]]."""
    train_UN = sparse.csr_array([[1.0, 1], [7, 0], [0, 0]])  # how often does not matter
    scores = all_scores(train_UN, Baselines(ease_regularisation=1))
    np.testing.assert_allclose(scores, [[1 / 2, 1 / 3], [0, 1 / 3], [0, 0]], atol=1e-7)


@pytest.mark.parametrize(("users", "items"), [(20, 8), (8, 20)])
def test_both_ways_are_the_published_formula(users: int, items: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ease, "ROWS_AT_ONCE", 3)  # so that there are several blocks
    X = (np.random.default_rng(1).random((users, items)) < 0.4).astype(np.float64)
    X[:, 5] = 0  # nobody met item 5
    P = np.linalg.inv(X.T @ X + 2 * np.eye(items))
    B = -P / np.diag(P)
    np.fill_diagonal(B, 0)
    scores = all_scores(sparse.csr_array(X), Baselines(ease_regularisation=2))
    np.testing.assert_allclose(scores, X @ B, atol=1e-6)


@pytest.mark.parametrize("rows", [np.arange(USERS), FEW], ids=["over items", "over users"])
def test_single_precision_agrees_to_five_digits(planted: Planted, rows: Ints) -> None:
    train_UN, single = planted.train_UN[rows], planted.settings.model_copy(update={"ease_single": True})
    assert fit_ease(train_UN, single).right_HM.dtype == np.float32
    exact = all_scores(train_UN, planted.settings)
    np.testing.assert_allclose(all_scores(train_UN, single), exact, atol=1e-5)


def test_the_smaller_side_is_inverted(planted: Planted) -> None:
    assert fit_ease(planted.train_UN, planted.settings).right_HM.shape == (WARM, WARM)
    few = fit_ease(planted.train_UN[FEW], planted.settings)
    assert few.left_UH.shape == (len(FEW), len(FEW))


def test_of_too_many_items_the_most_met_ones_count() -> None:
    X = np.array([[1.0, 1, 0, 1], [1, 0, 1, 1], [1, 1, 1, 1], [0, 0, 0, 1], [0, 1, 1, 0]])
    model = fit_ease(sparse.csr_array(X), Baselines(ease_size=3))  # items 1 and 2 were met as often
    assert model.items_M.tolist() == [0, 1, 3]
    alone = all_scores(sparse.csr_array(X[:, [0, 1, 3]]), Baselines(ease_size=3))
    scores = all_scores(sparse.csr_array(X), Baselines(ease_size=3))
    np.testing.assert_array_equal(scores[:, [0, 1, 3]], alone)
    assert not scores[:, 2].any()


def test_too_many_users_are_no_way_out() -> None:
    train_UN = sparse.csr_array((np.random.default_rng(2).random((4, 9)) < 0.7).astype(np.float64))
    model = fit_ease(train_UN, Baselines(ease_size=3))
    assert model.right_HM.shape == (3, 3)


@pytest.mark.parametrize("rows", [np.arange(USERS), FEW], ids=["over items", "over users"])
def test_recovers_the_groups(planted: Planted, rows: Ints) -> None:
    recommender = ease_recommender(fit_ease(planted.train_UN[rows], planted.settings), np.arange(WARM))
    users_U = np.flatnonzero(rows < NEWCOMER)
    ranking = recommender.recommend(users_U, 4, known_UN=planted.train_UN[rows[users_U]])
    assert (ranking.items_UK % 2 == rows[users_U][:, None] % 2).all()


def test_whom_nobody_met_scores_zero(planted: Planted) -> None:
    scores = all_scores(planted.train_UN, planted.settings)
    assert not scores[:, WARM:].any()
    assert not scores[STRANGER].any()


class TestEaseOverItems(RecommenderContract):
    @pytest.fixture
    def case(self, planted: Planted) -> Case:
        model = fit_ease(planted.train_UN, planted.settings)
        return Case(
            lambda items_A: ease_recommender(model, items_A),
            users=USERS,
            items=ITEMS,
            twins=TWINS,
            stranger=STRANGER,
        )


class TestEaseOverUsers(RecommenderContract):
    @pytest.fixture
    def case(self, planted: Planted) -> Case:
        model = fit_ease(planted.train_UN[FEW], planted.settings)
        return Case(
            lambda items_A: ease_recommender(model, items_A),
            users=len(FEW),
            items=ITEMS,
            twins=TWINS,
            stranger=len(FEW) - 1,
        )
