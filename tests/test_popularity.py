"""How often items were interacted with: at any moment, what counting the log up to it gives."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dlrs.data.interactions import Interactions
from dlrs.popularity import ItemTimes, item_counts

ITEMS = 4


def log_of(events: list[tuple[int, int]]) -> Interactions:
    """Return a log of (time, item) events of one user."""
    time_E, item_E = np.array(sorted(events), dtype=np.int64).reshape(-1, 2).T
    nothing_E = np.zeros(len(time_E), dtype=np.int64)
    return Interactions(nothing_E, item_E, item_E, nothing_E, time_E)


def test_an_event_counts_from_the_moment_after_it_until_the_window_has_passed() -> None:
    times = ItemTimes(log_of([(10, 1), (20, 1), (20, 2)]), ITEMS)
    moments_P = np.array([10, 11, 20, 21])
    assert times.counts(np.array([1]), moments_P).tolist() == [0, 1, 1, 2]
    assert times.counts(np.array([1]), moments_P, window=10).tolist() == [0, 1, 1, 1]
    assert times.counts(np.array([0, 1, 2, 3]), np.array(99)).tolist() == [0, 2, 1, 0]


@given(
    st.lists(st.tuples(st.integers(-9, 9), st.integers(0, ITEMS - 1)), max_size=20),
    st.integers(-12, 12),
    st.integers(1, 9),
)
def test_counts_are_those_of_the_log(events: list[tuple[int, int]], until: int, window: int) -> None:
    log = log_of(events)
    times, items_P = ItemTimes(log, ITEMS), np.arange(ITEMS)
    assert times.counts(items_P, np.array(until)).tolist() == item_counts(log, ITEMS, until=until).tolist()
    recent_N = item_counts(log, ITEMS, until=until, since=until - window)
    assert times.counts(items_P, np.array(until), window).tolist() == recent_N.tolist()
