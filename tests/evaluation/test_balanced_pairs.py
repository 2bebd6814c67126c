"""Which pairs AUC and accuracy look at."""

import numpy as np
import pytest

from dlrs.evaluation.pairs import balanced_pairs, judge_pairs

ALIKE = np.zeros(5, dtype=np.int64)  # every item of the golden catalogue in one category


def listed(pairs):
    return list(zip(pairs.user_P.tolist(), pairs.item_P.tolist(), pairs.positive_P.tolist(), strict=True))


@pytest.fixture
def chosen(golden, interactions_of):
    """Make a test of what users turned to on day 11, after what they met on day 1."""

    def make(before, after):
        log = interactions_of([(1, *pair) for pair in before] + [(11, *pair) for pair in after])
        return golden.func(log, *golden.args[1:], **golden.keywords)

    return make


def test_a_negative_is_what_others_chose_in_the_category(golden):
    # user 0 chose all that was chosen, 1 and 4; user 2 chose 1, so 4 is left for him
    assert listed(balanced_pairs(golden(), ALIKE, seed=0)) == [(1, 1, True), (1, 4, False)]


def test_no_negative_comes_from_another_category_or_from_none(golden):
    category_A = np.array([0, 0, 0, 1, 0])  # item 4 apart
    assert len(balanced_pairs(golden(), category_A, seed=0)) == 0
    assert len(balanced_pairs(golden(), np.full(5, -1), seed=0)) == 0


def test_a_known_item_is_no_negative(chosen):
    test = chosen(before=[(0, 1)], after=[(0, 0), (1, 1)])
    # user 0 could only draw 1, which he knew; user 1 draws 0
    assert listed(balanced_pairs(test, ALIKE, seed=0)) == [(1, 1, True), (1, 0, False)]


def test_pairs_are_balanced_for_each_user_seeded_and_in_order(chosen):
    test = chosen(before=[], after=[(0, 0), (0, 1), (1, 2), (1, 4), (2, 5), (2, 0)])
    first, again, other = (balanced_pairs(test, ALIKE, seed) for seed in (1, 1, 2))
    assert listed(first) == listed(again) != listed(other)
    assert (np.diff(first.user_P) >= 0).all()
    assert np.bincount(first.user_P[first.positive_P]).tolist() == [2, 2, 2]
    assert np.bincount(first.user_P[~first.positive_P]).tolist() == [2, 2, 2]
    relevant_UN = test.relevant_UN.toarray()
    assert (relevant_UN[first.user_P, first.item_P] == first.positive_P).all()


def test_scores_are_asked_for_user_rows_in_blocks(golden, fixed, monkeypatch):
    asked = []

    class Asked(fixed):
        def score(self, users_P, items_P):
            asked.append(users_P.tolist())
            return super().score(users_P, items_P)

    test = golden()
    pairs = balanced_pairs(test, ALIKE, seed=0)
    monkeypatch.setattr("dlrs.evaluation.pairs.BLOCK", 1)
    scores_P, values = judge_pairs(Asked({}), test, pairs)
    assert asked == [[2], [2]]  # the row of the user at position 1
    assert scores_P.tolist() == [1, 4]
    assert values["auc"].tolist() == values["accuracy"].tolist() == [0]
