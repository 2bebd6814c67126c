"""The golden log of conftest.py through the whole protocol, and lists that break it."""

import numpy as np
import pytest

from dlrs.evaluation.protocol import ProtocolError, evaluate
from dlrs.recommender import Ranking

SECOND = 1 / np.log2(3)  # discount of place 2; that of place 1 is 1, of place 3 it is 1/2

# ours:  user 0 gets [4, 5, 1] and wants {1, 4}: hit, miss, hit, R = 2
#        user 2 gets [0, 1, 4] and wants {1}:    miss, hit, miss, R = 1
GOLDEN = {
    "precision@1": [1, 0],
    "precision@3": [2 / 3, 1 / 3],
    "map@1": [1, 0],  # min(2, 1) = 1
    "map@3": [(1 + 2 / 3) / 2, (1 / 2) / 1],
    "map_r@1": [1 / 2, 0],  # R = 2
    "map_r@3": [(1 + 2 / 3) / 2, 1 / 2],
    "recall@1": [1 / 2, 0],
    "recall@3": [1, 1],
    "ndcg@1": [1, 0],
    "ndcg@3": [(1 + 1 / 2) / (1 + SECOND), SECOND],
}
# warm: user 0 wants {1}: miss, miss, hit; user 2 as before
GOLDEN_WARM = {
    "precision@1": [0, 0],
    "precision@3": [1 / 3, 1 / 3],
    "map@1": [0, 0],
    "map@3": [1 / 3, 1 / 2],
    "map_r@1": [0, 0],
    "map_r@3": [1 / 3, 1 / 2],
    "recall@1": [0, 0],
    "recall@3": [1, 1],
    "ndcg@1": [0, 0],
    "ndcg@3": [1 / 2, SECOND],
}
# cold: user 0 wants {4}: hit, miss, miss; user 2 wants nothing and is left out
GOLDEN_COLD = {
    "precision@1": [1],
    "precision@3": [1 / 3],
    "map@1": [1],
    "map@3": [1],
    "map_r@1": [1],
    "map_r@3": [1],
    "recall@1": [1],
    "recall@3": [1],
    "ndcg@1": [1],
    "ndcg@3": [1],
}


@pytest.mark.parametrize(
    ("part", "expected"), [("all_items", GOLDEN), ("warm_items", GOLDEN_WARM), ("cold_items", GOLDEN_COLD)]
)
def test_every_metric_of_the_golden_log(golden_judged, part, expected):
    values = getattr(golden_judged["ours"], part)
    assert set(values) == set(expected)
    for key, expected_U in expected.items():
        assert values[key].tolist() == pytest.approx(expected_U), key


def test_coverage_is_the_share_of_the_catalogue_in_the_lists(golden_judged):
    # places 1 and places 1 to 3 hold: ours {4, 0} and {4, 5, 1, 0}, rival {2, 0} and {2, 1, 5, 0} (padding
    # is no item), of five items
    assert golden_judged["ours"].coverage == {"coverage@1": 2 / 5, "coverage@3": 4 / 5}
    assert golden_judged["rival"].coverage == {"coverage@1": 2 / 5, "coverage@3": 4 / 5}


def test_a_short_list_is_judged_as_if_misses_followed(golden_judged):
    # rival: user 0 gets [2, 1, 5] (one hit), user 2 gets [0, 5] and padding (none)
    assert golden_judged["rival"].all_items["precision@3"].tolist() == [1 / 3, 0]


def test_padding_is_never_a_hit_even_beside_the_last_item(golden, fixed, interactions_of):
    # NO_ITEM = -1 of user 1 must not be read as item 5, the last, of user 0
    log = interactions_of([(11, 0, 5), (11, 1, 5)])
    test = golden.func(log, *golden.args[1:], **golden.keywords)
    judged = evaluate({"empty": fixed({0: [], 1: []})}, test, (1, 3))["empty"]
    assert {value for values_U in judged.all_items.values() for value in values_U} == {0.0}
    assert judged.coverage == {"coverage@1": 0, "coverage@3": 0}


def test_blocks_do_not_change_the_result(golden, golden_lists, golden_judged):
    one_by_one = evaluate(golden_lists, golden(), (1, 3), block=1)
    assert golden_lists["ours"].blocks[-2:] == [1, 1]
    for key, values_U in golden_judged["ours"].all_items.items():
        assert one_by_one["ours"].all_items[key].tolist() == values_U.tolist()


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
        evaluate({"bad": fixed({0: items, 2: [0, 1, 4]})}, golden(), (3,))


class Wrong:
    """Returns what it was given, whatever was asked."""

    def __init__(self, items_UK, scores_UK):
        self.ranking = Ranking(np.array(items_UK), np.array(scores_UK, dtype=np.float32))

    def recommend(self, users_U, k, *, known_UN):
        return self.ranking


@pytest.mark.parametrize("scores", [[0, 1], [1, np.nan]])
def test_scores_must_fall(golden, scores):
    with pytest.raises(ProtocolError, match="received scores that rise, or NaN for user row 0"):
        evaluate({"bad": Wrong([[1, 4], [0, 1]], [scores, [1, 0]])}, golden(), (2,))


def test_lists_must_have_k_places(golden):
    with pytest.raises(ProtocolError, match=r"expected items and scores \(2, 3\), received \(2, 2\)"):
        evaluate({"bad": Wrong([[1, 4], [0, 1]], [[1, 0], [1, 0]])}, golden(), (3,))
