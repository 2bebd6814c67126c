from __future__ import annotations

import numpy as np
import pytest

from baselines.planted import ITEMS, NEWCOMER, STRANGER, TWINS, USERS, WARM, Planted
from contracts.recommender import Case, RecommenderContract
from dlrs.baselines.cf import Factors, cf_recommender
from dlrs.baselines.cf_warp import fit_cf_warp


@pytest.fixture(scope="module")
def factors(planted: Planted) -> Factors:
    update = {"warp_factors": 8, "warp_epochs": 30, "warp_learning_rate": 0.1}
    return fit_cf_warp(planted.train_UN, planted.settings.model_copy(update=update))


def test_recovers_the_groups(planted: Planted, factors: Factors) -> None:
    users_U = np.arange(NEWCOMER)
    ranking = cf_recommender(factors, np.arange(WARM)).recommend(
        users_U, 4, known_UN=planted.train_UN[users_U]
    )
    assert (ranking.items_UK % 2 == users_U[:, None] % 2).mean() > 0.95


def test_every_item_has_a_bias(factors: Factors) -> None:
    assert factors.users_UD.shape[1] == factors.items_ND.shape[1] == 9
    assert factors.items_ND[:WARM, -1].any()


def test_whom_nobody_met_scores_zero(factors: Factors) -> None:
    recommender = cf_recommender(factors, np.arange(ITEMS))
    assert recommender.score(np.arange(NEWCOMER), np.full(NEWCOMER, WARM)).tolist() == [0] * NEWCOMER
    assert recommender.score(np.full(ITEMS, STRANGER), np.arange(ITEMS)).tolist() == [0] * ITEMS


class TestCfWarp(RecommenderContract):
    @pytest.fixture
    def case(self, factors: Factors) -> Case:
        return Case(
            lambda items_A: cf_recommender(factors, items_A),
            users=USERS,
            items=ITEMS,
            twins=TWINS,
            stranger=STRANGER,
        )
