"""AUC and accuracy against values worked out by hand and against counting every couple."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dlrs.metrics.pairs import accuracy, accuracy_at, auc

# user 0: positives 3 and 1, negatives 2 and 0: of 4 couples 3 are in order; the better half {3, 2}
# user 1: a positive and a negative with the same score
# user 2: one positive alone
SCORES = np.array([3, 2, 1, 0, 7, 7, 5], dtype=np.float32)
POSITIVE = np.array([1, 0, 1, 0, 1, 0, 1], dtype=bool)
USER = np.array([0, 0, 0, 0, 1, 1, 2])


def test_auc_by_hand():
    assert auc(SCORES, POSITIVE, USER, 3)[:2].tolist() == [3 / 4, 1 / 2]


def test_a_user_without_both_labels_has_no_auc():
    assert np.isnan(auc(SCORES, POSITIVE, USER, 4)[2:]).all()


def test_accuracy_by_hand():
    # of user 0's better half one is a positive: one positive and one negative are called right
    assert accuracy(SCORES[:6], POSITIVE[:6], USER[:6], 2).tolist() == [1 / 2, 1 / 2]


def test_scores_tied_at_the_median_share_the_places_left():
    # places 3 and 4 are the better half: the positive 9 has one, the three 5 share the other
    scores = np.array([9, 5, 5, 5], dtype=np.float32)
    positive = np.array([1, 1, 0, 0], dtype=bool)
    assert accuracy(scores, positive, np.zeros(4, dtype=int), 1).tolist() == pytest.approx([(1 + 1 / 3) / 2])


def test_accuracy_at_a_threshold_counts_every_pair_alike():
    # above 1.5: right are 3, 1 is missed, 2 and 0: wrong and right; of user 1 one of two
    assert accuracy_at(SCORES[:6], POSITIVE[:6], 1.5) == 3 / 6


def test_outside_of_the_catalogue_is_the_lowest_score():
    scores = np.array([-np.inf, 0], dtype=np.float32)
    labels = np.array([0, 1], dtype=bool)
    assert auc(scores, labels, np.zeros(2, dtype=int), 1).tolist() == [1]
    assert accuracy(scores, labels, np.zeros(2, dtype=int), 1).tolist() == [1]


def test_no_pairs_no_values():
    nothing = np.empty(0, dtype=np.int64)
    assert np.isnan(auc(nothing.astype(np.float32), nothing > 0, nothing, 2)).all()


@st.composite
def balanced_pairs(draw):
    """Scores with ties of up to 4 users, each with as many positives as negatives, in any order."""
    pairs_U = draw(st.lists(st.integers(1, 5), min_size=1, max_size=4))
    user_P = np.repeat(np.arange(len(pairs_U)), 2 * np.array(pairs_U))
    positive_P = np.concatenate([np.arange(2 * n) < n for n in pairs_U])
    scores_P = draw(hnp.arrays(np.float32, len(user_P), elements=st.integers(0, 4)))
    order_P = np.array(draw(st.permutations(range(len(user_P)))))
    return scores_P[order_P], positive_P[order_P], user_P[order_P], len(pairs_U)


@given(balanced_pairs())
def test_auc_equals_counting_all_couples(pairs):
    scores_P, positive_P, user_P, _ = pairs
    for user, value in enumerate(auc(*pairs)):
        mine = user_P == user
        above = scores_P[mine & positive_P][:, None] - scores_P[mine & ~positive_P][None]
        assert value == pytest.approx(((above > 0) + 0.5 * (above == 0)).mean())


@given(balanced_pairs())
def test_one_score_more_for_the_positives_never_hurts_and_turning_all_round_mirrors(pairs):
    scores_P, positive_P, user_P, users = pairs
    better = scores_P + positive_P
    for metric in (auc, accuracy):
        value_U = metric(*pairs)
        assert ((value_U >= 0) & (value_U <= 1)).all()
        assert (metric(better, positive_P, user_P, users) >= value_U - 1e-12).all()
        np.testing.assert_allclose(metric(-scores_P, positive_P, user_P, users), 1 - value_U, atol=1e-12)


@given(balanced_pairs())
def test_only_the_order_within_a_user_counts(pairs):
    scores_P, positive_P, user_P, users = pairs
    moved_P = 3 * scores_P + 100 * user_P
    for metric in (auc, accuracy):
        np.testing.assert_array_equal(metric(moved_P, positive_P, user_P, users), metric(*pairs))
