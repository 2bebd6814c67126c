"""Shortlists and requests: who is proposed, and who asks."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.ranking.small_past import items_of, log_of, past_of

from dlrs.arrays import NO_ITEM
from dlrs.ranking.requests import Requests, answered, interactions_as_requests
from dlrs.ranking.shortlist import Shortlists, Sizes, distinct_rows
from dlrs.ranking.successions import Shares

ITEMS = items_of([0, 0, 40, 95, 200], [0, 1, 1, 0, -1])
EVENTS = [(10, 0, 0), (50, 0, 1), (51, 1, 1), (52, 1, 2), (93, 2, 2), (96, 0, 2)]


def proposed(sizes: Sizes, user: int, moment: int, ends: list[int] | None = None) -> list[int]:
    items = items_of([0, 0, 40, 95, 200], [0, 1, 1, 0, -1], ends)
    requests = Requests(np.array([user]), np.array([moment]))
    return Shortlists(past_of(EVENTS, items), sizes)(requests)[0].tolist()


def test_each_source_proposes_its_best() -> None:
    # the tick of 99 is 90: in [80, 90) nothing, in [-10, 90) item 1 twice, ever item 1
    assert proposed(Sizes(popular=1, newest=0, following=0), 0, 99) == [1]
    assert proposed(Sizes(popular=0, newest=1, following=0), 0, 99) == [2]
    assert proposed(Sizes(popular=0, newest=1, following=0), 0, 100) == [
        3
    ]  # begun at 95, before the next tick
    # user 9 has no last items; user 0 stood at 1 by 60, which user 1 left for 2
    assert proposed(Sizes(popular=0, newest=0, following=3), 9, 60) == []
    # like item 0 of category 0, which user 0 had met by 50: it alone; item 3 of the same begins at 95
    assert proposed(Sizes(popular=0, newest=0, following=0, near=2), 0, 50) == [0]
    assert proposed(Sizes(popular=0, newest=0, following=0, near=9), 0, 109) == [0, 1, 2, 3]
    assert proposed(Sizes(popular=0, newest=0, following=0, near=9), 9, 109) == []
    assert proposed(Sizes(popular=0, newest=0, following=3), 0, 60) == [1, 2]  # 0 → 1 was his own way


def test_what_is_gone_is_not_proposed() -> None:
    assert proposed(Sizes(popular=5, newest=5, following=5), 0, 99, [999, 98, 999, 999, 999]) == [0, 2]


def test_rows_are_made_distinct() -> None:
    items = np.array([[3, 1, 3, NO_ITEM], [2, 2, 0, 1]])
    wanted = np.array([[True, True, True, True], [True, True, True, False]])
    assert distinct_rows(items, wanted).tolist() == [[1, 3], [0, 2]]
    assert distinct_rows(items, np.zeros_like(wanted)).shape == (2, 0)


def test_the_best_of_rows_come_first_and_ties_by_column() -> None:
    rows, items, values = np.array([0, 0, 0, 2]), np.array([0, 1, 2, 3]), np.array([0.1, 0.5, 0.5, 0.2])
    best = Shares(3, rows, items, values).best(2)
    assert best.tolist() == [[1, 2], [NO_ITEM, NO_ITEM], [3, NO_ITEM]]


def test_who_asks_at_a_moment_and_what_he_seeks() -> None:
    asked = answered(log_of(EVENTS), [50, 60], horizon=40, active=45, users=3, items=5, most=9, seed=0)
    # at 50 user 0 was there and turns to 1, user 1 was not; at 60 both were, and user 0 comes to 2 at 96
    assert asked.requests.user_R.tolist() == [0, 0]
    assert asked.requests.moment_R.tolist() == [50, 60]
    assert [row.nonzero()[0].tolist() for row in asked.sought_RN.toarray()] == [[1], [2]]


def test_interactions_ask_before_they_happen() -> None:
    events = [*EVENTS, (97, 0, 2)]
    asked = interactions_as_requests(
        log_of(events), since=50, until=99, step=10, delay=5, items=5, most=99, seed=0
    )
    assert asked.requests.user_R.tolist() == [0, 1, 1, 2, 0]  # the last one met item 2 before
    assert asked.requests.moment_R.tolist() == [45, 45, 45, 85, 85]
    assert asked.sought_RN.nonzero()[1].tolist() == [1, 1, 2, 2, 2]
    some = interactions_as_requests(
        log_of(events), since=50, until=99, step=10, delay=5, items=5, most=2, seed=0
    )
    assert len(some.requests) == 2


EVENT = st.tuples(st.integers(0, 60), st.integers(0, 2), st.integers(0, 4))


@settings(deadline=None)  # machines are busy at times
@given(st.lists(EVENT, max_size=15), st.lists(EVENT, max_size=8), st.integers(1, 60))
def test_nothing_at_the_moment_or_later_is_known(
    earlier: list[tuple[int, int, int]], later: list[tuple[int, int, int]], moment: int
) -> None:
    requests, sizes = Requests(np.arange(3), np.full(3, moment)), Sizes(2, 1, 2, 2)
    known = [event for event in earlier if event[0] < moment]
    more = [(moment + time, user, item) for time, user, item in later]
    before = Shortlists(past_of(known, ITEMS), sizes)(requests)
    after = Shortlists(past_of(known + more, ITEMS), sizes)(requests)
    assert before.tolist() == after.tolist()
