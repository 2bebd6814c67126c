from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from baselines.planted import ITEMS, NEWCOMER, STRANGER, TWINS, USERS, WARM, Planted
from contracts.recommender import Case, RecommenderContract
from dlrs.baselines.cf import Factors, cf_recommender, fit_cf
from dlrs.errors import MissingExtra


@pytest.fixture(scope="module")
def factors(planted: Planted) -> Factors:
    return fit_cf(planted.train_UN, planted.settings)


def test_recovers_the_groups(planted: Planted, factors: Factors) -> None:
    recommender = cf_recommender(factors, np.arange(WARM))
    users_U = np.arange(NEWCOMER)
    ranking = recommender.recommend(users_U, 4, known_UN=planted.train_UN[users_U])
    assert (ranking.items_UK % 2 == users_U[:, None] % 2).all()


def test_whom_nobody_met_scores_zero(planted: Planted, factors: Factors) -> None:
    recommender = cf_recommender(factors, np.arange(ITEMS))
    assert recommender.score(np.arange(NEWCOMER), np.full(NEWCOMER, WARM)).tolist() == [0] * NEWCOMER
    assert recommender.score(np.full(ITEMS, STRANGER), np.arange(ITEMS)).tolist() == [0] * ITEMS


def test_items_outside_of_the_catalogue_score_minus_infinity(factors: Factors) -> None:
    recommender = cf_recommender(factors, np.array([2, 4]))
    assert np.isneginf(recommender.score(np.zeros(3, dtype=np.int64), np.array([0, 3, 5]))).all()


def test_one_seed_one_result(planted: Planted, factors: Factors) -> None:
    again = fit_cf(planted.train_UN, planted.settings)
    np.testing.assert_array_equal(again.users_UD, factors.users_UD)
    other = fit_cf(planted.train_UN, planted.settings.model_copy(update={"seed": 1}))
    assert not np.array_equal(other.users_UD, factors.users_UD)


def test_leaves_the_counts_alone(planted: Planted) -> None:
    train_UN = planted.train_UN.copy()
    fit_cf(train_UN, planted.settings)
    np.testing.assert_array_equal(train_UN.data, planted.train_UN.data)


def test_comes_back_from_a_folder(factors: Factors, tmp_path: Path) -> None:
    factors.save(tmp_path)
    np.testing.assert_array_equal(Factors.load(tmp_path).items_ND, factors.items_ND)


def test_says_what_to_install(planted: Planted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "implicit.als", None)
    with pytest.raises(MissingExtra, match=r"dlrs\[baselines\]"):
        fit_cf(planted.train_UN, planted.settings)


class TestCf(RecommenderContract):
    @pytest.fixture
    def case(self, factors: Factors) -> Case:
        return Case(
            lambda items_A: cf_recommender(factors, items_A),
            users=USERS,
            items=ITEMS,
            twins=TWINS,
            stranger=STRANGER,
        )
