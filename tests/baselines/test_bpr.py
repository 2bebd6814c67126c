from __future__ import annotations

import sys

import numpy as np
import pytest

from baselines.planted import ITEMS, NEWCOMER, STRANGER, TWINS, USERS, WARM, Planted
from contracts.recommender import Case, RecommenderContract
from dlrs.baselines.bpr import fit_bpr
from dlrs.baselines.cf import Factors, cf_recommender
from dlrs.errors import MissingExtra


@pytest.fixture(scope="module")
def factors(planted: Planted) -> Factors:
    settings = planted.settings.model_copy(update={"bpr_factors": 8, "bpr_iterations": 100})
    return fit_bpr(planted.train_UN, settings)


def test_recovers_the_groups(planted: Planted, factors: Factors) -> None:
    users_U = np.arange(NEWCOMER)
    ranking = cf_recommender(factors, np.arange(WARM)).recommend(
        users_U, 4, known_UN=planted.train_UN[users_U]
    )
    assert (ranking.items_UK % 2 == users_U[:, None] % 2).mean() > 0.95


def test_every_item_has_a_bias(planted: Planted, factors: Factors) -> None:
    assert factors.users_UD.shape[1] == factors.items_ND.shape[1] == 9
    assert (factors.users_UD[:NEWCOMER, -1] == 1).all()
    assert factors.items_ND[:WARM, -1].all()


def test_whom_nobody_met_scores_zero(factors: Factors) -> None:
    recommender = cf_recommender(factors, np.arange(ITEMS))
    assert recommender.score(np.arange(NEWCOMER), np.full(NEWCOMER, WARM)).tolist() == [0] * NEWCOMER
    assert recommender.score(np.full(ITEMS, STRANGER), np.arange(ITEMS)).tolist() == [0] * ITEMS


def test_one_seed_one_result(planted: Planted) -> None:
    first, again = (fit_bpr(planted.train_UN, planted.settings) for _ in range(2))
    np.testing.assert_array_equal(again.users_UD, first.users_UD)
    other = fit_bpr(planted.train_UN, planted.settings.model_copy(update={"seed": 1}))
    assert not np.array_equal(other.users_UD, first.users_UD)


def test_says_what_to_install(planted: Planted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "implicit.bpr", None)
    with pytest.raises(MissingExtra, match=r"dlrs\[baselines\]"):
        fit_bpr(planted.train_UN, planted.settings)


class TestBpr(RecommenderContract):
    @pytest.fixture
    def case(self, factors: Factors) -> Case:
        return Case(
            lambda items_A: cf_recommender(factors, items_A),
            users=USERS,
            items=ITEMS,
            twins=TWINS,
            stranger=STRANGER,
        )
