"""Timelines: what a key had before a moment, as counting the log gives it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlrs.ranking.timelines import NO_EVENT, Timelines


def test_an_event_is_known_from_the_moment_after_it() -> None:
    timelines = Timelines(np.array([1, 1, 2]), np.array([10, 20, 20]))
    assert timelines.counts(np.array([1, 1, 1, 2, 0]), np.array([10, 11, 21, 20, 99])).tolist() == [
        0,
        1,
        2,
        0,
        0,
    ]


def test_the_last_events_come_first_and_are_padded() -> None:
    timelines = Timelines(np.array([1, 2, 1, 1]), np.array([10, 15, 20, 20]))
    last = timelines.last(np.array([1, 1, 2, 7]), np.array([21, 20, 99, 99]), 2)
    assert last.tolist() == [[3, 2], [0, NO_EVENT], [1, NO_EVENT], [NO_EVENT, NO_EVENT]]


def test_nothing_is_known_of_an_empty_log() -> None:
    nothing = Timelines(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))
    assert nothing.last(np.array([0]), np.array([5]), 2).tolist() == [[NO_EVENT, NO_EVENT]]
    assert nothing.counts(np.array([0]), np.array([5])).tolist() == [0]


def test_times_that_go_back_are_refused() -> None:
    with pytest.raises(ValueError, match="order of time"):
        Timelines(np.array([0, 0]), np.array([2, 1]))


@settings(deadline=None)  # machines are busy at times
@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(0, 3)), max_size=25),
    st.integers(0, 3),
    st.integers(-1, 22),
    st.integers(1, 4),
)
def test_it_is_what_a_scan_of_the_log_finds(
    events: list[tuple[int, int]], key: int, until: int, most: int
) -> None:
    events.sort(key=lambda event: event[0])
    timelines = Timelines(
        np.array([event[1] for event in events], dtype=np.int64),
        np.array([event[0] for event in events], dtype=np.int64),
    )
    places = [place for place, (time, of) in enumerate(events) if of == key and time < until]
    assert timelines.counts(np.array([key]), np.array([until])).tolist() == [len(places)]
    expected = places[::-1][:most] + [NO_EVENT] * max(0, most - len(places))
    assert timelines.last(np.array([key]), np.array([until]), most).tolist() == [expected]
