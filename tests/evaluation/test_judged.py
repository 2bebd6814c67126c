"""What lists and scores on the golden log of conftest.py are worth, each metric worked out by hand."""

from dataclasses import replace

import numpy as np
import pytest

from dlrs.evaluation.judged import evaluate

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
    "mrr@1": [1, 0],
    "mrr@3": [1, 1 / 2],
    "hit_rate@1": [1, 0],
    "hit_rate@3": [1, 1],
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
    "mrr@1": [0, 0],
    "mrr@3": [1 / 3, 1 / 2],
    "hit_rate@1": [0, 0],
    "hit_rate@3": [1, 1],
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
    "mrr@1": [1],
    "mrr@3": [1],
    "hit_rate@1": [1],
    "hit_rate@3": [1],
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
    for judged in golden_judged.values():
        assert judged.together["coverage@1"] == 2 / 5
        assert judged.together["coverage@3"] == 4 / 5


def test_gini_is_that_of_the_whole_catalogue(golden_judged):
    # ours shows at place 1 the items 4 and 0 once each: 0 0 0 1 1, so 2 (4 + 5) / (5 · 2) − 6 / 5
    assert golden_judged["ours"].together["gini@1"] == pytest.approx(3 / 5)
    # in all places 4 and 1 twice, 5 and 0 once: 0 1 1 2 2, so 2 (2 + 3 + 8 + 10) / (5 · 6) − 6 / 5
    assert golden_judged["ours"].together["gini@3"] == pytest.approx(1 / 3)


def test_beyond_accuracy_on_the_golden_log(golden_judged):
    # met before the cut: items 0, 1, 2 once, 4 and 5 never, so p = 2, 2, 2, 1, 1 of 8; the head is item 0;
    # cosines: 4 with 1 .8, with 0 .6, 0 with 1 0, and 0 with item 5, of which nothing is known
    expected = {
        "novelty@1": [3, 2],
        "novelty@3": [8 / 3, 7 / 3],
        "diversity@3": [1 - 0.8 / 3, 1 - 1.4 / 3],
        "head@1": [0, 1],
        "head@3": [0, 1 / 3],
        # expected are 2, 1, 5 of user 0 and 0, 5 of user 2: the 1 surprises him alone
        "serendipity@1": [1, 0],
        "serendipity@3": [1 / 3, 1 / 3],
    }
    values = golden_judged["ours"].beyond_accuracy
    assert set(values) == set(expected)
    for key, expected_U in expected.items():
        assert values[key].tolist() == pytest.approx(expected_U), key


def test_nothing_surprises_in_the_primitive_lists(golden_judged):
    values = golden_judged["rival"].beyond_accuracy
    assert values["serendipity@1"].tolist() == values["serendipity@3"].tolist() == [0, 0]


def test_pairs_of_the_golden_log(golden_judged):
    # scored by item row: of user 0's couples only 4 > 2 is in order, of his better half {5, 4} one is right
    judged = golden_judged["ours"]
    assert judged.pairs["auc"].tolist() == [1 / 4, 1]
    assert judged.pairs["accuracy"].tolist() == [1 / 2, 1]
    assert judged.together["accuracy_at_half"] == 2 / 6  # above 1.5: 5, 4, 2; right are 4 and 0
    assert "accuracy_at_half" not in golden_judged["rival"].together


def test_without_pairs_there_is_no_auc(golden, golden_lists, no_pairs):
    judged = evaluate(golden_lists, golden(), no_pairs, (1,))["ours"]
    assert {metric: len(values) for metric, values in judged.pairs.items()} == {"auc": 0, "accuracy": 0}
    assert "accuracy_at_half" not in judged.together


def test_a_short_list_is_judged_as_if_misses_followed(golden_judged):
    # rival: user 0 gets [2, 1, 5] (one hit), user 2 gets [0, 5] and padding (none)
    assert golden_judged["rival"].all_items["precision@3"].tolist() == [1 / 3, 0]


def test_padding_is_never_a_hit_even_beside_the_last_item(golden, fixed, interactions_of, no_pairs):
    # NO_ITEM = -1 of user 1 must not be read as item 5, the last, of user 0
    log = interactions_of([(11, 0, 5), (11, 1, 5)])
    test = golden.func(log, *golden.args[1:], **golden.keywords)
    yardsticks = replace(no_pairs, primitive="empty")
    judged = evaluate({"empty": fixed({0: [], 1: []})}, test, yardsticks, (1, 3))["empty"]
    assert {value for values_U in judged.all_items.values() for value in values_U} == {0.0}
    assert {value for values_U in judged.beyond_accuracy.values() for value in values_U} == {0.0}
    assert set(judged.together.values()) == {0.0}


def test_blocks_do_not_change_the_result(golden, golden_lists, golden_judged, yardsticks):
    one_by_one = evaluate(golden_lists, golden(), yardsticks, (1, 3), block=1)
    assert golden_lists["ours"].blocks[-2:] == [1, 1]
    for key, values_U in golden_judged["ours"].all_items.items():
        assert one_by_one["ours"].all_items[key].tolist() == values_U.tolist()
