"""What is kept live says what the whole log would: whatever came before the bundle, and in which pieces."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.ranking.small_past import WINDOWS, items_of, log_of, past_of

from dlrs.arrays import Ints
from dlrs.data.interactions import Interactions
from dlrs.ranking import live_past
from dlrs.ranking.live_past import LivePast
from dlrs.ranking.moments import features, features_of
from dlrs.ranking.past import Past
from dlrs.ranking.requests import Requests
from dlrs.ranking.shortlist import Sizes, following, shared
from dlrs.ranking.stored_past import StoredPast
from dlrs.ranking.stretch import Events

ITEMS = items_of([0, 0, 10, 20, 25], [0, 1, 1, 0, -1])
USERS, END, LATEST = 4, 40, 80
WIDE = (4000, 1000)

EVENT = st.tuples(st.integers(0, END - 1), st.integers(0, USERS - 1), st.integers(0, 4))
LATER = st.tuples(st.integers(END, LATEST - 1), st.integers(0, USERS), st.integers(0, 4))


def events_of(log: Interactions) -> Events:
    return Events(log.user_E, log.item_E, ITEMS.category_V[log.version_E] + 1, log.time_E)


def live_of(past: Past, later: Interactions, cuts: list[int]) -> LivePast:
    """Return a live past that took the later events in pieces."""
    live = LivePast(StoredPast.of(past, END), WINDOWS)
    for piece in np.split(np.arange(len(later)), sorted(cut % (len(later) + 1) for cut in cuts)):
        live.add(events_of(later.take(piece)))
    return live


def asked(moment: int) -> tuple[Requests, Ints]:
    users = np.arange(USERS + 2)  # one of them nobody ever met
    return Requests(users, np.full(len(users), moment)), np.tile(np.arange(5), (len(users), 1))


@settings(deadline=None)  # machines are busy at times
@given(
    st.lists(EVENT, max_size=30),
    st.lists(LATER, max_size=20),
    st.lists(st.integers(0, 20), max_size=4),
    st.sampled_from([1, 2, 5, 512]),
)
def test_features_and_shortlists_are_those_of_the_whole_log(
    earlier: list[tuple[int, int, int]], later: list[tuple[int, int, int]], cuts: list[int], tail: int
) -> None:
    # events of one moment are in the order of the log, which pieces do not say: each has its own here
    earlier = [(time * 100 + place, *rest) for place, (time, *rest) in enumerate(earlier)]
    later = [(time * 100 + place, *rest) for place, (time, *rest) in enumerate(later)]
    items = items_of([0, 0, 1000, 2000, 2500], [0, 1, 1, 0, -1])
    before, whole = (Past(log_of(log), items, windows=WIDE) for log in (earlier, [*earlier, *later]))
    stored = StoredPast.of(before, END * 100)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(live_past, "TAIL", tail)
        live = LivePast(stored, WIDE)
        log = log_of(later)
        for piece in np.split(np.arange(len(log)), sorted(cut % (len(log) + 1) for cut in cuts)):
            live.add(events_of(log.take(piece)))
    requests, items_RC = asked(LATEST * 100)
    met = whole.last_met(requests)
    np.testing.assert_allclose(
        features_of(live.now, met, items_RC), features(whole, requests, items_RC), atol=1e-6
    )
    np.testing.assert_array_equal(following(live.now, met, 3), following(whole, met, 3))
    sizes = Sizes(popular=2, newest=1, following=0)
    for tick in (END * 100 + 50, LATEST * 100):
        np.testing.assert_array_equal(shared(live.now, tick, sizes), shared(whole, tick, sizes))


def test_what_is_stored_comes_back_mapped(tmp_path: Path) -> None:
    past = past_of([(1, 0, 0), (3, 1, 0), (5, 0, 1), (7, 1, 2)], ITEMS)
    stored = StoredPast.of(past, END)
    stored.save(tmp_path)
    again = StoredPast.load(tmp_path)
    requests, items_RC = asked(END + 5)
    met = past.last_met(requests)
    found = [features_of(LivePast(one, WINDOWS).now, met, items_RC) for one in (stored, again)]
    np.testing.assert_array_equal(*found)
    assert again.successions.latest(np.array([0, 4, 99]), np.array([END] * 3))[:, :2].tolist() == [
        [2, 1],
        [-1, -1],
        [-1, -1],
    ]


def test_what_happened_before_the_end_is_stored_already() -> None:
    past = past_of([(1, 0, 0)], ITEMS)
    live = live_of(past, log_of([(1, 0, 0), (END, 0, 1)]), [])
    assert live.now.drew(0, LATEST).tolist() == [1, 1, 0, 0, 0]


def test_late_events_count_at_their_own_time() -> None:
    live = LivePast(StoredPast.of(past_of([], ITEMS), END), WINDOWS)
    live.add(events_of(log_of([(60, 0, 2), (70, 1, 2)])))
    live.add(events_of(log_of([(50, 2, 2), (50, 0, 1)])))
    assert live.now.drew(END, 55).tolist() == [0, 1, 1, 0, 0]
    assert live.now.drew(55, LATEST).tolist() == [0, 0, 2, 0, 0]
