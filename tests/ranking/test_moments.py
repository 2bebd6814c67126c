"""The features of a moment: worked out by hand, and blind to what comes at it or later."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.ranking.small_past import WINDOWS, items_of, log_of, past_of

from dlrs.arrays import NO_ITEM, Floats, Ints
from dlrs.ranking.moments import FLOOR, OWN_FLOOR, features, names_of
from dlrs.ranking.past import windows_of
from dlrs.ranking.requests import Requests

ITEMS = items_of([0, 0, 40, 95, 200], [0, 1, 1, 0, -1])
EVENTS = [(10, 0, 0), (50, 0, 1), (51, 1, 1), (92, 1, 2), (93, 2, 2), (95, 0, 2)]
NAMES = names_of(WINDOWS).all


def at(moment: int, user: int, item: int, events: list[tuple[int, int, int]] = EVENTS) -> dict[str, float]:
    past = past_of(events, ITEMS)
    requests = Requests(np.array([user]), np.array([moment]))
    values = features(past, requests, np.array([[item]]))
    assert values.shape == (1, 1, len(NAMES))
    return dict(zip(NAMES, values[0, 0].tolist(), strict=True))


def test_popularity_is_the_share_of_each_window() -> None:
    found = at(96, 0, 2)
    assert found["ever"] == pytest.approx(math.log(4))
    assert found["share 1e-05s"] == pytest.approx(math.log(3.5 / 4))  # all 3 of [86, 96)
    assert found["share 0.0001s"] == pytest.approx(math.log(3.5 / 7))
    assert at(95, 0, 2)["share 1e-05s"] == pytest.approx(math.log(2.5 / 3))  # its third is at 95 itself
    assert at(96, 0, 1)["share 1e-05s"] == pytest.approx(math.log(0.5 / 4))


def test_arrivals_are_events_after_a_pause() -> None:
    # a user's first event, and those that are 10 or more after his last one: here all
    found = at(96, 0, 2)
    assert found["arrivals 1e-05s"] == pytest.approx(math.log(3.5 / 4))
    events = [(90, 0, 1), (95, 0, 2)]
    assert at(96, 1, 2, events)["arrivals 1e-05s"] == pytest.approx(math.log(0.5 / 2))


def test_age_is_counted_in_shortest_windows() -> None:
    assert at(60, 0, 2)["age"] == pytest.approx(math.log1p(2))
    unborn = at(60, 0, 3)
    assert (unborn["age"], unborn["unborn"]) == (0, 1)


def test_category_counts_all_of_its_items() -> None:
    assert at(96, 0, 1)["category 1e-05s"] == pytest.approx(math.log(3.5 / 4))
    assert at(96, 0, 3)["category 1e-05s"] == pytest.approx(math.log(0.5 / 4))


def test_what_follows_the_last_items() -> None:
    # user 2 stands at item 2; nothing ever followed it. User 1 stands at 2, then 1: 1 → 2 twice by two users
    assert at(96, 2, 1)["follows last"] == pytest.approx(math.log(FLOOR))
    found = at(94, 0, 2)  # user 0 stands at 1; 1 → 2 by user 1 alone, at 92
    assert found["next"] == pytest.approx(math.log(FLOOR + 1 / 2))
    assert found["category follows"] > math.log(FLOOR)  # 0 → 1 by user 0


def test_content_and_own_category() -> None:
    found, other = at(96, 0, 1), at(96, 0, 3)
    weights = 1 / np.sqrt([1, 2, 3])  # of items 2, 1, 0
    of_one, of_zero = weights[:2].sum() / weights.sum(), weights[2] / weights.sum()
    assert found["own category"] == pytest.approx(math.log(OWN_FLOOR + of_one))
    assert other["own category"] == pytest.approx(math.log(OWN_FLOOR + of_zero))
    assert found["content"] == pytest.approx(of_one / math.hypot(of_one, of_zero))
    assert at(96, 0, 4)["content"] == 0


def test_what_a_user_passed_over_and_what_he_was_away_for() -> None:
    found = at(94, 0, 2)  # since item 2 began at 40 he had one event, at 50; after that 51, 92 and 93
    assert found["passed over"] == pytest.approx(math.log(2))
    assert found["while away"] == pytest.approx(math.log(2.5 / 5))


def test_the_user_himself() -> None:
    found, stranger = at(96, 0, 1), at(96, 9, 1)
    assert found["events"] == pytest.approx(math.log(4))
    assert found["since last"] == pytest.approx(math.log1p(0.1))
    assert found["taste for the popular"] == pytest.approx(np.log([0.5, 0.5 / 2, 2.5 / 6]).mean())
    assert found["taste for the old"] == pytest.approx(np.log1p([1, 5, 5.5]).mean())
    assert stranger["events"] == stranger["taste for the popular"] == 0
    assert stranger["since last"] == pytest.approx(math.log1p(8.6))  # since the log began


class Given:
    """A first stage that gives what it was given."""

    def __init__(self, scores_RC: Floats) -> None:
        self._scores_RC = scores_RC

    def scores(self, requests: Requests, items_RC: Ints) -> Floats:
        return self._scores_RC[: len(requests)]

    def nearest(self, requests: Requests, most: int) -> Ints:
        return np.full((len(requests), most), NO_ITEM)


def test_a_retrieval_score_is_a_feature() -> None:
    past, requests = past_of(EVENTS, ITEMS), Requests(np.array([0, 1]), np.array([60, 61]))
    items = np.array([[0, 1], [1, NO_ITEM]])
    given_RC = np.array([[1, 2], [3, 4]], dtype=np.float32)
    found: Floats = features(past, requests, items, Given(given_RC))
    assert found[..., -1].tolist() == given_RC.tolist()
    assert len(names_of(WINDOWS, retrieval=True).all) == found.shape[-1]


EVENT = st.tuples(st.integers(0, 60), st.integers(0, 2), st.integers(0, 4))


@settings(deadline=None)  # machines are busy at times
@given(st.lists(EVENT, max_size=15), st.lists(EVENT, max_size=8), st.integers(1, 60))
def test_nothing_at_the_moment_or_later_is_known(
    earlier: list[tuple[int, int, int]], later: list[tuple[int, int, int]], moment: int
) -> None:
    requests = Requests(np.arange(3), np.full(3, moment))
    items_RC = np.tile(np.arange(5), (3, 1))
    known = [event for event in earlier if event[0] < moment]
    more = [(moment + time, user, item) for time, user, item in later]
    before = features(past_of(known, ITEMS), requests, items_RC)
    after = features(past_of(known + more, ITEMS), requests, items_RC)
    assert before.tobytes() == after.tobytes()


@settings(deadline=None)  # machines are busy at times
@given(st.lists(EVENT, max_size=15), st.lists(st.integers(0, 60), min_size=1, max_size=6))
def test_requests_do_not_look_at_one_another(events: list[tuple[int, int, int]], moments: list[int]) -> None:
    past, items_RC = past_of(events, ITEMS), np.tile(np.arange(5), (len(moments), 1))
    requests = Requests(np.zeros(len(moments), dtype=np.int64), np.array(moments))
    together = features(past, requests, items_RC)
    alone = [features(past, requests.take(slice(r, r + 1)), items_RC[:1])[0] for r in range(len(moments))]
    assert together == pytest.approx(np.stack(alone), abs=1e-6)


def test_windows_fit_the_length_of_the_log() -> None:
    busy = log_of([(time, 0, 0) for time in range(0, 40_000, 10)])  # 4,000 events: 1,000, then 250 too few
    assert windows_of(busy) == (9997,)
    assert windows_of(log_of([])) == (1,)
    denser = log_of([(time, 0, 0) for time in range(40_000)])
    assert windows_of(denser) == (10_000, 2_500, 625)
