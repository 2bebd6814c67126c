import numpy as np
import pytest

from dlrs.errors import DataError


def stored(matrix_UN):
    return [sorted(matrix_UN[[row]].indices.tolist()) for row in range(matrix_UN.shape[0])]


def test_window_universe_of_the_golden_log(golden):
    test = golden()
    assert test.users_U.tolist() == [0, 2]
    assert stored(test.known_UN) == [[0, 3], [2]]
    assert stored(test.relevant_UN) == [[1, 4], [1]]
    assert test.items_A.tolist() == [0, 1, 2, 4, 5]
    assert test.versions_A.tolist() == [0, 1, 2, 4, 6]  # of item 4 the first version in the window
    assert test.cold_N.tolist() == [False, False, False, False, True, True]


def test_facts_account_for_every_user_and_pair_of_the_golden_log(golden):
    assert golden().facts == {
        "users": 2,
        "items": 5,
        "cold_items": 2,
        "pairs": 3,
        "pairs_of_cold_items": 1,
        "users_with_warm_positive": 2,
        "users_with_cold_positive": 1,
        "users_without_profile": 1,  # user 3
        "users_without_new_positive": 1,  # user 1
        "users_beyond_sample": 0,
        "pairs_known": 1,  # event 5
        "pairs_outside_catalogue": 1,  # event 8
    }


def test_cut_universe_leaves_out_what_was_born_in_the_window(golden):
    test = golden(universe="cut")
    assert test.items_A.tolist() == [0, 1, 2, 5]
    assert stored(test.relevant_UN) == [[1], [1]]
    assert test.left_out.pairs_outside_catalogue == 2  # events 7 and 8


def test_relevant_pairs_are_unique_and_known_ones_are_counted(golden, interactions_of):
    log = interactions_of([(1, 0, 0), (2, 0, 0), (11, 0, 1), (12, 0, 1)])
    test = golden.func(log, *golden.args[1:], **golden.keywords)
    assert test.relevant_UN.toarray().astype(int).tolist() == [[0, 1, 0, 0, 0, 0]]
    assert test.known_UN.toarray().tolist() == [[2, 0, 0, 0, 0, 0]]


def test_window_holds_its_start_and_not_its_end(golden, interactions_of):
    log = interactions_of([(10, 0, 0), (20, 1, 0)])
    test = golden.func(log, *golden.args[1:], **golden.keywords)
    assert test.users_U.tolist() == [0]
    assert stored(test.known_UN) == [[]]


def test_sample_is_seeded_sorted_and_counted(golden, interactions_of):
    log = interactions_of([(11, user, 0) for user in range(50)])
    many = {**golden.keywords, "users": 50, "profiled_users": np.arange(50), "max_users": 20}
    first, again, other = (golden.func(log, *golden.args[1:], **{**many, "seed": seed}) for seed in (1, 1, 2))
    assert len(first.users_U) == first.relevant_UN.shape[0] == first.known_UN.shape[0] == 20
    assert (np.diff(first.users_U) > 0).all()
    assert first.users_U.tolist() == again.users_U.tolist() != other.users_U.tolist()
    assert first.left_out.users_beyond_sample == 30


def test_rows_follow_their_users_when_a_sample_is_taken(golden, interactions_of):
    log = interactions_of([(user % 9, user, user % 3) for user in range(30)])
    log = log.take(np.argsort(log.time_E, kind="stable"))
    later = interactions_of([(11, user, 5 if user % 2 else 4) for user in range(30)])
    both = type(log)(*(np.concatenate([getattr(log, name), getattr(later, name)]) for name in vars(log)))
    many = {**golden.keywords, "users": 30, "profiled_users": np.arange(30), "max_users": 10}
    test = golden.func(both, *golden.args[1:], **many)
    assert stored(test.known_UN) == [[user % 3] for user in test.users_U]
    assert stored(test.relevant_UN) == [[5 if user % 2 else 4] for user in test.users_U]


def test_a_test_without_users_is_an_error_that_says_so(golden):
    with pytest.raises(DataError, match=r"expected at least one user .* received none among 4 active users"):
        golden(profiled_users=np.array([], dtype=np.int64))
