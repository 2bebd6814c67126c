from __future__ import annotations

import numpy as np
import pytest

from dlrs.arrays import Doubles, Ints
from dlrs.baselines import catalogue
from dlrs.baselines.scored import ScoredRecommender


def test_pairs_are_scored_in_their_order_however_many_users_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(catalogue, "CELLS", 2 * 3)  # two users, three items
    asked: list[int] = []

    def score_users(users_U: Ints) -> Doubles:
        asked.append(len(users_U))
        return users_U[:, None] * 10.0 + np.arange(3)

    recommender = ScoredRecommender(np.array([2, 5, 9]), score_users)
    scores_P = recommender.score(np.array([7, 1, 7, 3, 1]), np.array([9, 2, 2, 5, 4]))
    assert scores_P.tolist() == [72, 10, 70, 31, -np.inf]  # item 4 is outside of the catalogue
    assert asked == [2, 1]
