from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

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
from dlrs.baselines.factors import FactorRecommender
from dlrs.baselines.hybrid import HybridModel, describe, fit_hybrid, hybrid_recommender
from dlrs.errors import MissingExtra


def fit(planted: Planted, seed: int = 0) -> HybridModel:
    return fit_hybrid(
        planted.train_UN,
        planted.audience,
        planted.versions,
        planted.version_of_N,
        planted.settings.model_copy(update={"seed": seed}),
    )


@pytest.fixture(scope="module")
def model(planted: Planted) -> HybridModel:
    return fit(planted)


def recommender(model: HybridModel, planted: Planted, items_A: np.ndarray) -> FactorRecommender:
    return hybrid_recommender(model, items_A, planted.audience, planted.versions, planted.version_of_N)


def test_a_row_is_described_by_its_id_and_its_features() -> None:
    onehot_NK = np.array([[0, 1, 0, 0, 1, 0], [0.25, 0, 0.75, 0, 0, 0]])
    rows = encode(onehot_NK, np.array([[-1.5, 9.0], [0.5, 9.0]]))
    described = describe(rows, np.array([1, -1, 0]), SPACE, side="user")
    assert described.toarray().tolist() == [
        [1, 0, 0, 0.5, 0.25, 0, 0.75, 0, 0, 0],
        [0, 1, 0, 0, 0, 0, 0, 0, 0, 0],
        [0, 0, 1, -1.5, 0, 1, 0, 0, 1, 0],
    ]


def test_a_score_is_the_product_of_sums_and_a_bias(planted: Planted) -> None:
    """User row 0 is his id alone (3, 1); item row 0 is its id, price z and one colour, kind 0."""
    users_HD = np.zeros((1 + 7, 2), dtype=np.float32)
    users_HD[0] = 3, 1
    items_JD = np.zeros((1 + 7, 3), dtype=np.float32)
    items_JD[0] = 1, 2, 0.5  # the id
    items_JD[1] = 10, 0, 1  # the price, of weight 0.2
    items_JD[3] = 0, 4, -0.25  # colour 1
    model = HybridModel(users_HD, items_JD)
    versions = encode(np.array([[0, 1, 0, 0, 1, 0]]), np.array([[0.2]]))
    audience = type(planted.audience)(planted.audience.profiles, np.array([-1]), SPACE)
    hybrid = hybrid_recommender(model, np.array([0]), audience, versions, np.array([0]))
    score = hybrid.score(np.array([0]), np.array([0]))
    assert score[0] == pytest.approx(3 * (1 + 2) + 1 * (2 + 4) + (0.5 + 0.2 - 0.25))


def test_recovers_the_groups(planted: Planted, model: HybridModel) -> None:
    users_U = np.arange(NEWCOMER)
    ranking = recommender(model, planted, np.arange(WARM)).recommend(
        users_U, 4, known_UN=planted.train_UN[users_U]
    )
    assert (ranking.items_UK % 2 == users_U[:, None] % 2).all()


def test_recommends_items_that_nobody_met_by_their_features(planted: Planted, model: HybridModel) -> None:
    cold_A = np.arange(WARM, UNDESCRIBED - 1)  # as many even as odd ones
    users_U = np.arange(NEWCOMER)
    ranking = recommender(model, planted, cold_A).recommend(
        users_U, 4, known_UN=planted.nothing_known[users_U]
    )
    assert (ranking.items_UK % 2 == users_U[:, None] % 2).all()


def test_recommends_to_a_user_without_history_by_his_profile(planted: Planted, model: HybridModel) -> None:
    ranking = recommender(model, planted, np.arange(WARM)).recommend(
        np.array([NEWCOMER]), 5, known_UN=planted.nothing_known[[NEWCOMER]]
    )
    assert (ranking.items_UK % 2 == 0).all()  # his one item is even


def test_what_training_never_met_says_nothing(planted: Planted, model: HybridModel) -> None:
    assert not model.users_HD[[NEWCOMER, STRANGER]].any()
    assert not model.items_JD[WARM:ITEMS].any()
    assert model.users_HD[:NEWCOMER].any(axis=1).all()
    assert model.items_JD[ITEMS:].any(axis=1).all()
    scores_P = recommender(model, planted, np.arange(ITEMS)).score(
        np.arange(USERS), np.full(USERS, UNDESCRIBED)
    )
    assert not scores_P.any()


def test_one_seed_one_result(planted: Planted, model: HybridModel) -> None:
    np.testing.assert_array_equal(fit(planted).items_JD, model.items_JD)
    assert not np.array_equal(fit(planted, seed=1).items_JD, model.items_JD)


def test_how_often_does_not_matter(planted: Planted, model: HybridModel) -> None:
    once_UN = planted.train_UN.copy()
    once_UN.data[:] = 1
    once = fit_hybrid(once_UN, planted.audience, planted.versions, planted.version_of_N, planted.settings)
    np.testing.assert_array_equal(once.items_JD, model.items_JD)


def test_comes_back_from_a_folder(model: HybridModel, tmp_path: Path) -> None:
    model.save(tmp_path)
    np.testing.assert_array_equal(HybridModel.load(tmp_path).users_HD, model.users_HD)


def test_says_what_to_install(planted: Planted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "dlrs.baselines.warp", raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtra, match=r"dlrs\[train\]"):
        fit(planted)


class TestHybrid(RecommenderContract):
    @pytest.fixture
    def case(self, planted: Planted, model: HybridModel) -> Case:
        return Case(
            lambda items_A: recommender(model, planted, items_A),
            users=USERS,
            items=ITEMS,
            twins=TWINS,
            stranger=STRANGER,
        )
