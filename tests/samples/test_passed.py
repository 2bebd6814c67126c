"""What users passed by: distinct, never what they chose, and drawn for themselves only."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dlrs.data.interactions import Interactions
from dlrs.samples.passed import Passed


def events(rows: list[tuple[int, int]]) -> Interactions:
    """Return events of (user, item), one a microsecond; the version is 100 times the item and the moment."""
    user, item = np.array(rows, dtype=np.int64).reshape(-1, 2).T
    time = np.arange(len(rows))
    return Interactions(user, item, 100 * item + time, np.zeros_like(item), time)


def test_pairs_are_distinct_and_what_was_chosen_is_left_out() -> None:
    shown = events([(2, 5), (0, 3), (0, 4), (0, 3), (2, 6)])
    passed = Passed.collect(shown, events([(0, 4), (1, 3), (2, 4)]), 4)
    assert passed.offsets_U1.tolist() == [0, 1, 1, 3, 3]
    assert passed.version_X.tolist() == [301, 500, 604]  # as first seen


def test_who_passed_nothing_by_draws_nothing() -> None:
    passed = Passed.collect(events([(1, 5), (1, 6)]), events([(0, 5)]), 3)
    drawn = passed.draw(np.array([0, 1, 2, 1]), 6, np.random.default_rng(0))
    assert (drawn[[0, 2]] == -1).all()
    assert set(drawn[[1, 3]].ravel().tolist()) == {500, 601}


def test_nothing_at_all() -> None:
    passed = Passed.collect(Interactions.none(), events([(0, 1)]), 2)
    assert passed.draw(np.array([0, 1]), 2, np.random.default_rng(0)).tolist() == [[-1, -1], [-1, -1]]


pairs = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 6)), max_size=30)


@given(pairs, pairs, st.integers(0, 99))
def test_each_draws_of_his_own(
    shown: list[tuple[int, int]], chosen: list[tuple[int, int]], seed: int
) -> None:
    negatives = events(shown)
    drawn = Passed.collect(negatives, events(chosen), 5).draw(np.arange(5), 3, np.random.default_rng(seed))
    item_of = dict(zip(negatives.version_E.tolist(), negatives.item_E.tolist(), strict=True))
    for user, versions in enumerate(drawn.tolist()):
        allowed = {item for owner, item in shown if owner == user} - {
            i for owner, i in chosen if owner == user
        }
        assert {item_of[v] for v in versions if v >= 0} <= allowed
        assert (-1 in versions) == (not allowed)
