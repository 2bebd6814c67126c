"""Ceilings and references of the golden log, worked out by hand."""

import pytest

from dlrs.evaluation.ceilings import ceilings, references


@pytest.fixture
def highest(golden, golden_judged):
    return ceilings(golden(), golden_judged["rival"].items_UK, (1, 3))


def test_a_perfect_ranking_sets_the_ceilings_of_ranked_metrics(highest):
    # user 0 has R = 2, user 2 R = 1
    assert highest["precision@1"] == 1
    assert highest["precision@3"] == pytest.approx((2 / 3 + 1 / 3) / 2)
    assert highest["recall@1"] == pytest.approx((1 / 2 + 1) / 2)
    assert highest["mrr@3"] == highest["hit_rate@3"] == highest["ndcg@3"] == 1
    assert highest["auc"] == highest["accuracy"] == highest["accuracy_at_half"] == 1


def test_what_is_expected_lowers_the_ceiling_of_serendipity(highest):
    # of user 0's items 1 and 4 the primitive model has 1 among its three, at place 2
    assert highest["serendipity@1"] == 1
    assert highest["serendipity@3"] == pytest.approx(1 / 3)


def test_ceilings_beyond_accuracy(highest):
    assert highest["novelty@1"] == 3  # an item that nobody met: 1 of 8
    assert highest["novelty@3"] == pytest.approx((3 + 3 + 2) / 3)  # there are two of these
    assert highest["coverage@1"] == 2 / 5  # two users, five items
    assert highest["coverage@3"] == 1
    assert highest["diversity@3"] == 3 / 2
    assert not {key for key in highest if key.startswith(("gini", "head"))}


def test_no_model_is_above_a_ceiling(highest, golden_judged):
    for judged in golden_judged.values():
        of_users = judged.all_items | judged.beyond_accuracy | judged.pairs
        means = {key: float(values_U.mean()) for key, values_U in of_users.items()} | judged.together
        assert {key for key in means if key in highest and means[key] > highest[key] + 1e-12} == set()


def test_references_of_the_golden_log(golden, yardsticks):
    found = references(golden(), yardsticks.unit_AK)
    # novelty of the five items 2 2 2 3 3; ten couples have cosines 1 .6 .8 .6 and six zeros
    assert found["random items"] == pytest.approx({"novelty": 12 / 5, "diversity": 1 - 3 / 10, "head": 1 / 5})
    # user 0 chose 1 and 4, user 2 chose 1; the head is item 0
    assert found["what users chose"] == pytest.approx({"novelty": (2.5 + 2) / 2, "head": 0})
