"""Novelty and its kin against values worked out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import sparse

from dlrs.metrics import beyond

# two users, three places of five items: user 1's list is one item short
POSITIONS = np.array([[0, 1, 2], [4, 0, -1]])
COUNTS = np.array([3, 1, 1, 6, 0])  # p: 4, 2, 2, 7, 1 of 16


def test_self_information_is_in_bits_and_finite_for_what_nobody_met():
    expected = [2, 3, 3, 4 - np.log2(7), 4]
    assert beyond.self_information(COUNTS).tolist() == pytest.approx(expected)


def test_probabilities_sum_to_one():
    assert (2.0 ** -beyond.self_information(COUNTS)).sum() == pytest.approx(1)


def test_novelty_is_the_mean_over_what_is_listed():
    information_A = beyond.self_information(COUNTS)
    assert beyond.list_mean(information_A, POSITIONS, 3).tolist() == pytest.approx([8 / 3, 3])
    assert beyond.list_mean(information_A, POSITIONS, 1).tolist() == pytest.approx([2, 4])
    assert beyond.list_mean(information_A, np.array([[-1, -1]]), 2).tolist() == [0]


def test_head_holds_the_most_met_items_and_at_least_one():
    assert beyond.head(COUNTS).tolist() == [False, False, False, True, False]
    assert beyond.head(COUNTS, 0.6).tolist() == [True, True, False, True, False]  # of the tie the first
    assert beyond.list_mean(beyond.head(COUNTS, 0.6), POSITIONS, 3).tolist() == pytest.approx([2 / 3, 1 / 2])


def test_diversity_is_one_minus_the_mean_cosine():
    unit_AK = sparse.csr_array(np.array([[1, 0], [0, 1], [0.6, 0.8], [-1, 0], [0, 0]]))
    # user 0: cosines 0, .6, .8; user 1: the zero row's is 0
    assert beyond.diversity(unit_AK, POSITIONS, 3).tolist() == pytest.approx([1 - 1.4 / 3, 1])
    assert beyond.diversity(unit_AK, np.array([[0, 3]]), 2).tolist() == pytest.approx([2])
    assert beyond.diversity(unit_AK, POSITIONS, 1).tolist() == [0, 0]
    assert beyond.mean_dissimilarity(unit_AK[:3]) == pytest.approx(1 - 1.4 / 3)


def test_diversity_in_blocks_is_the_same(monkeypatch):
    rng = np.random.default_rng(0)
    unit_AK = sparse.csr_array(np.linalg.qr(rng.normal(size=(12, 12)))[0][:, :5])
    positions_UK = np.argsort(rng.random((9, 12)), axis=1)[:, :4]
    whole = beyond.diversity(unit_AK, positions_UK, 4)
    monkeypatch.setattr(beyond, "BLOCK", 2)
    assert beyond.diversity(unit_AK, positions_UK, 4).tolist() == whole.tolist()


def test_serendipity_counts_hits_that_the_primitive_model_lacks():
    hits_UK = np.array([[True, False, True], [True, True, False]])
    items_UK = np.array([[7, 5, 9], [7, 9, -1]])
    expected_UK = np.array([[9, 7, 1], [3, 4, -1]])
    # k = 2: 7 is expected of user 0; user 1 gets two surprises. k = 3: all of user 0's hits are expected
    assert beyond.serendipity(hits_UK, items_UK, expected_UK, 2).tolist() == [0, 1]
    assert beyond.serendipity(hits_UK, items_UK, expected_UK, 3).tolist() == pytest.approx([0, 2 / 3])
    assert beyond.serendipity(hits_UK, items_UK, expected_UK, 1).tolist() == [1, 1]


def test_exposure_counts_the_lists_that_show_an_item():
    assert beyond.exposure(POSITIONS, 5, 3).tolist() == [2, 1, 1, 0, 1]
    assert beyond.exposure(POSITIONS, 5, 1).tolist() == [1, 0, 0, 0, 1]


def test_gini_by_hand():
    assert beyond.gini(np.array([2, 2, 2])) == pytest.approx(0)
    assert beyond.gini(np.array([0, 0, 5, 0])) == pytest.approx(3 / 4)
    assert beyond.gini(np.array([1, 3])) == pytest.approx(1 / 4)  # mean difference 1 over twice the mean
    assert beyond.gini(np.zeros(3, dtype=int)) == 0


counts = hnp.arrays(np.int64, st.integers(1, 12), elements=st.integers(0, 9))


@given(counts)
def test_gini_equals_the_mean_difference_of_all_couples(counts_A):
    difference = np.abs(counts_A[:, None] - counts_A[None]).mean()
    expected = difference / (2 * counts_A.mean()) if counts_A.any() else 0
    assert beyond.gini(counts_A) == pytest.approx(expected, abs=1e-12)


@given(counts)
def test_top_shares_rise_ever_more_slowly_to_one(counts_A):
    shares = beyond.top_shares(counts_A, np.linspace(0, 1, 11))
    assert shares[0] == 0
    assert shares[-1] == pytest.approx(1 if counts_A.any() else 0)
    assert (np.diff(shares) >= -1e-12).all()
    assert (np.diff(shares, 2) <= 1e-9).all()


@given(counts, st.integers(1, 12))
def test_nothing_is_rarer_than_what_nobody_met(counts_A, k):
    information_A = beyond.self_information(counts_A)
    assert (information_A >= 0).all()
    assert (np.diff(information_A[np.argsort(counts_A)]) <= 0).all()
