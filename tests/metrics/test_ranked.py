"""Metrics against values worked out by hand, against ir-measures, and in their invariants."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from ir_measures import AP, RR, P, Qrel, R, ScoredDoc, Success, evaluator, nDCG

from dlrs.metrics import ranked

KS = (1, 5, 10)

# Three users, five places:
#   user 0   hit, miss, hit, miss, miss   of R = 3 relevant items
#   user 1   all misses                   of R = 2
#   user 2   miss, hit, miss, miss, miss  of R = 1
HITS = np.array([[1, 0, 1, 0, 0], [0, 0, 0, 0, 0], [0, 1, 0, 0, 0]], dtype=bool)
RELEVANT = np.array([3, 2, 1])


def test_precision_divides_by_k_even_when_the_list_is_short():
    assert ranked.precision(HITS, 5).tolist() == [2 / 5, 0, 1 / 5]
    assert ranked.precision(HITS, 10).tolist() == [2 / 10, 0, 1 / 10]


def test_recall_is_the_share_of_the_relevant_items():
    assert ranked.recall(HITS, RELEVANT, 1).tolist() == [1 / 3, 0, 0]
    assert ranked.recall(HITS, RELEVANT, 5).tolist() == [2 / 3, 0, 1]


def test_average_precision_divides_by_the_smaller_of_r_and_k():
    # user 0: precision 1/1 at place 1 and 2/3 at place 3; at k = 2 only the first, and min(3, 2) = 2
    assert ranked.average_precision(HITS, RELEVANT, 2).tolist() == pytest.approx([1 / 2, 0, 1 / 2])
    assert ranked.average_precision(HITS, RELEVANT, 5).tolist() == pytest.approx([(1 + 2 / 3) / 3, 0, 1 / 2])


def test_average_precision_r_divides_by_r():
    assert ranked.average_precision_r(HITS, RELEVANT, 2).tolist() == pytest.approx([1 / 3, 0, 1 / 2])


def test_ndcg_is_the_gain_over_that_of_a_perfect_list():
    # discounts 1, 1/log2 3 = 0.6309, 1/log2 4 = 0.5: user 0 gains 1.5 of 2.1309
    second = 1 / np.log2(3)
    expected = [1.5 / (1.5 + second), 0, second]
    assert ranked.ndcg(HITS, RELEVANT, 5).tolist() == pytest.approx(expected)
    assert ranked.ndcg(HITS, RELEVANT, 2).tolist() == pytest.approx([1 / (1 + second), 0, second])


def test_reciprocal_rank_is_that_of_the_first_hit_within_k():
    assert ranked.reciprocal_rank(HITS, 5).tolist() == [1, 0, 1 / 2]
    assert ranked.reciprocal_rank(HITS, 1).tolist() == [1, 0, 0]


def test_hit_rate_asks_for_any_hit_within_k():
    assert ranked.hit_rate(HITS, 1).tolist() == [1, 0, 0]
    assert ranked.hit_rate(HITS, 2).tolist() == [1, 0, 1]


def test_a_user_without_relevant_items_gets_zero_everywhere():
    values = ranked.per_user(np.zeros((1, 5), dtype=bool), np.array([0]), KS)
    assert {float(value_U[0]) for value_U in values.values()} == {0.0}


def test_keys_are_the_metric_at_k():
    assert set(ranked.per_user(HITS, RELEVANT, (1, 5))) == {
        f"{name}@{k}"
        for name in ("precision", "map", "map_r", "recall", "ndcg", "mrr", "hit_rate")
        for k in (1, 5)
    }


def test_upper_bounds_are_what_a_perfect_list_reaches():
    bounds = ranked.upper_bounds(np.array([3, 20]), (5,))
    assert bounds["precision@5"].tolist() == [3 / 5, 1]
    assert bounds["recall@5"].tolist() == [1, 5 / 20]
    assert bounds["map@5"].tolist() == [1, 1]
    assert bounds["mrr@5"].tolist() == bounds["hit_rate@5"].tolist() == [1, 1]


def test_agrees_with_ir_measures_on_random_rankings():
    rng = np.random.default_rng(7)
    users, items, length = 40, 60, 20
    relevant_UN = rng.random((users, items)) < 0.15
    relevant_UN[:, 0] = True  # everybody has at least one
    lists_UK = np.argsort(rng.random((users, items)), axis=1)[:, :length]
    hits_UK = np.take_along_axis(relevant_UN, lists_UK, axis=1)
    ours = ranked.per_user(hits_UK, relevant_UN.sum(axis=1), KS)

    oracle = {"precision": P, "map_r": AP, "recall": R, "ndcg": nDCG, "mrr": RR, "hit_rate": Success}
    names = {measure @ k: f"{name}@{k}" for name, measure in oracle.items() for k in KS}
    qrels = [Qrel(str(user), str(item), 1) for user, item in np.argwhere(relevant_UN)]
    run = [
        ScoredDoc(str(user), str(item), float(length - place))
        for user, items_K in enumerate(lists_UK)
        for place, item in enumerate(items_K)
    ]
    theirs = list(evaluator(names, qrels).iter_calc(run))
    assert len(theirs) == users * len(names)
    for value in theirs:
        assert ours[names[value.measure]][int(value.query_id)] == pytest.approx(value.value, abs=1e-9)


@st.composite
def judged_lists(draw):
    """Hits of up to 6 users at up to 12 places, and how many items are relevant to each."""
    shape = draw(st.tuples(st.integers(1, 6), st.integers(1, 12)))
    hits_UK = draw(hnp.arrays(np.bool_, shape))
    missed_U = draw(hnp.arrays(np.int64, shape[0], elements=st.integers(0, 8)))
    return hits_UK, np.maximum(hits_UK.sum(axis=1) + missed_U, 1)


@given(judged_lists())
def test_every_metric_lies_between_zero_and_its_bound(judged):
    hits_UK, relevant_U = judged
    bounds = ranked.upper_bounds(relevant_U, KS)
    for key, values_U in ranked.per_user(hits_UK, relevant_U, KS).items():
        assert (values_U >= 0).all(), key
        assert (values_U <= bounds[key] + 1e-12).all(), key
        assert (bounds[key] <= 1).all(), key


@given(judged_lists())
def test_recall_reciprocal_rank_and_hit_rate_never_fall_as_lists_grow(judged):
    hits_UK, relevant_U = judged
    values = ranked.per_user(hits_UK, relevant_U, range(1, 13))
    for metric in ("recall", "mrr", "hit_rate"):
        values_KU = np.array([values[f"{metric}@{k}"] for k in range(1, 13)])
        assert (np.diff(values_KU, axis=0) >= 0).all(), metric


@given(judged_lists())
def test_the_two_average_precisions_agree_where_r_is_at_most_k(judged):
    hits_UK, relevant_U = judged
    few_U = relevant_U <= 5
    by_min = ranked.average_precision(hits_UK, relevant_U, 5)
    by_r = ranked.average_precision_r(hits_UK, relevant_U, 5)
    assert (by_min[few_U] == by_r[few_U]).all()
    assert (by_min >= by_r).all()


@given(judged_lists(), st.integers(0, 11))
def test_moving_a_hit_forward_never_hurts(judged, place):
    hits_UK, relevant_U = judged
    place %= hits_UK.shape[1]
    better_UK = hits_UK.copy()
    better_UK[:, place] = hits_UK[:, 0] & hits_UK[:, place]
    better_UK[:, 0] = hits_UK[:, 0] | hits_UK[:, place]
    before, after = (ranked.per_user(lists, relevant_U, KS) for lists in (hits_UK, better_UK))
    for key in before:
        assert (after[key] >= before[key] - 1e-12).all(), key


@given(hnp.arrays(np.int64, st.integers(1, 6), elements=st.integers(1, 10)))
def test_a_perfect_ranking_finds_everything_where_r_is_at_most_k(relevant_U):
    bounds = ranked.upper_bounds(relevant_U, (10,))
    assert (bounds["recall@10"] == 1).all()
    assert bounds["ndcg@10"] == pytest.approx(1)
    assert bounds["map@10"] == pytest.approx(1)
