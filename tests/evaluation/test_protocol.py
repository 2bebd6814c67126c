"""Lists that break the protocol are refused."""

import numpy as np
import pytest

from dlrs.evaluation.protocol import ProtocolError, recommend_all
from dlrs.recommenders.recommender import Ranking


@pytest.mark.parametrize(
    ("items", "breach"),
    [
        ([1, 3, 4], "an item outside of the catalogue"),  # item 3 is dead
        ([1, 6, 4], "an item outside of the catalogue"),  # there is no item 6
        ([1, -2, 4], "an item outside of the catalogue"),
        ([1, 0, 4], "a known positive"),
        ([1, 4, 1], "an item twice"),
        ([1, -1, 4], "an item behind padding"),
    ],
)
def test_a_list_that_breaks_the_protocol_is_named(golden, fixed, items, breach):
    with pytest.raises(ProtocolError, match=rf"bad: .* received {breach} for user row 0: \[1, "):
        recommend_all({"bad": fixed({0: items, 2: [0, 1, 4]})}, golden(), 3)


class Wrong:
    """Returns what it was given, whatever was asked."""

    def __init__(self, items_UK, scores_UK):
        self.ranking = Ranking(np.array(items_UK), np.array(scores_UK, dtype=np.float32))

    def recommend(self, users_U, k, *, known_UN):
        return self.ranking


@pytest.mark.parametrize("scores", [[0, 1], [1, np.nan]])
def test_scores_must_fall(golden, scores):
    with pytest.raises(ProtocolError, match="received scores that rise, or NaN for user row 0"):
        recommend_all({"bad": Wrong([[1, 4], [0, 1]], [scores, [1, 0]])}, golden(), 2)


def test_lists_must_have_k_places(golden):
    with pytest.raises(ProtocolError, match=r"expected items and scores \(2, 3\), received \(2, 2\)"):
        recommend_all({"bad": Wrong([[1, 4], [0, 1]], [[1, 0], [1, 0]])}, golden(), 3)
