"""What users had done before any moment: what reading the log up to it gives."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dlrs.data.interactions import ALL_TIME, Interactions
from dlrs.user_times import UserTimes

USERS, ITEMS = 3, 4
Events = list[tuple[int, int, int]]
EVENTS = st.lists(
    st.tuples(st.integers(-9, 9), st.integers(0, USERS - 1), st.integers(0, ITEMS - 1)), max_size=20
)


def times_of(events: Events) -> UserTimes:
    """Return the times of a log of (time, user, item) events; those of one time stay in their order."""
    events = sorted(events, key=lambda event: event[0])
    time_E, user_E, item_E = np.array(events, dtype=np.int64).reshape(-1, 3).T
    log = Interactions(user_E, item_E, item_E, np.zeros(len(events), dtype=np.int64), time_E)
    return UserTimes(log, USERS, ITEMS)


def test_an_event_is_known_from_the_moment_after_it() -> None:
    times = times_of([(10, 1, 3), (20, 0, 2), (20, 1, 0), (30, 1, 3)])
    users_R, until_R = np.array([1, 1, 1, 0, 2]), np.array([10, 11, 31, 21, 99])
    assert times.counts(users_R, until_R).tolist() == [0, 1, 3, 1, 0]
    offsets_R1, event_E = times.events(users_R, until_R)
    assert offsets_R1.tolist() == [0, 0, 1, 4, 5, 5]
    assert event_E.tolist() == [0, 0, 2, 3, 1]
    assert times.events(users_R, until_R, last=2)[1].tolist() == [0, 2, 3, 1]
    assert times.met(users_R, until_R).toarray().tolist() == [
        [0, 0, 0, 0],
        [0, 0, 0, 1],
        [1, 0, 0, 2],
        [0, 0, 1, 0],
        [0, 0, 0, 0],
    ]


def test_first_meetings_leave_out_what_a_user_met_again() -> None:
    times = times_of([(1, 0, 2), (2, 1, 2), (3, 0, 2), (3, 0, 1), (4, 1, 2)])
    assert times.first_meetings().tolist() == [True, True, False, True, False]


@settings(deadline=None)
@given(EVENTS, st.integers(-12, 12))
def test_what_was_met_is_what_the_log_before_the_moment_holds(events: Events, until: int) -> None:
    times, users_R = times_of(events), np.arange(USERS)
    before = times.log.between(ALL_TIME, until)
    met_RN = times.met(users_R, np.array(until))
    assert (met_RN.toarray() == before.matrix(USERS, ITEMS).toarray()).all()
    assert (
        times.counts(users_R, np.array(until)).tolist()
        == np.bincount(before.user_E, minlength=USERS).tolist()
    )


@settings(deadline=None)
@given(EVENTS, EVENTS, st.integers(-12, 12))
def test_what_happens_later_changes_nothing(events: Events, more: Events, until: int) -> None:
    later = events + [(abs(time) + until, user, item) for time, user, item in more]
    users_R, moment = np.arange(USERS), np.array(until)
    item_E, item_F = (
        times.log.item_E[times.events(users_R, moment)[1]].tolist()
        for times in (times_of(events), times_of(later))
    )
    assert item_E == item_F
