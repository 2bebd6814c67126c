"""The replay of a log by hand. Times are minutes; the window is [10, 20), the delay 2, a step 1.

item  alive      event  time  user  item   what becomes of it
0     0 – ∞      0      1     0     0      before the window
1     0 – ∞      1      5     1     0      before the window
2     12 – ∞     2      9     2     3      before the window
3     0 – 15     3      10    0     1      request 0: cold
                 4      10.5  1     1      request 1: cold still, for event 3 is known from 12 on
                 5      12    2     1      request 2: cold still, event 3 is at 12 − 2
                 6      13    0     2      request 3: cold
                 7      13.5  2     1      left out: user 2 met it at 12, though nobody knows yet
                 8      14    3     1      request 4: warm, of a new user
                 9      16    1     3      left out: gone since 15
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from scipy import sparse

from dlrs.arrays import NO_ITEM, Ints
from dlrs.data.catalog import FOREVER, Catalog
from dlrs.data.interactions import Interactions
from dlrs.errors import DataError
from dlrs.evaluation.prequential import NotJudged, Requests, Timing, judge_live, live_requests
from dlrs.evaluation.protocol import ProtocolError
from dlrs.recommenders.live import LiveRecommender
from dlrs.recommenders.recommender import Ranking
from dlrs.user_times import UserTimes

MINUTE = 60_000_000
TIMING = Timing(delay=2 * MINUTE, step=MINUTE, retrain=3 * MINUTE)
BEFORE = [(1, 0, 0), (5, 1, 0), (9, 2, 3)]
WINDOW = [(10, 0, 1), (10.5, 1, 1), (12, 2, 1), (13, 0, 2), (13.5, 2, 1), (14, 3, 1), (16, 1, 3)]


def minutes(*values: float) -> list[int]:
    return [int(value * MINUTE) for value in values]


def log_of(events: list[tuple[float, int, int]]) -> Interactions:
    time_E, user_E, item_E = np.array(events).T
    user_E, item_E, time_E = (array.astype(np.int64) for array in (user_E, item_E, time_E * MINUTE))
    return Interactions(user_E, item_E, item_E, np.zeros_like(item_E), time_E)


@pytest.fixture
def times() -> UserTimes:
    return UserTimes(log_of(BEFORE + WINDOW), users=4, items=4)


@pytest.fixture
def catalog() -> Catalog:
    return Catalog(
        items=4,
        item_V=np.arange(4),
        valid_from_V=np.array([0, 0, 12, 0]) * MINUTE,
        valid_to_V=np.array([FOREVER, FOREVER, FOREVER, 15 * MINUTE]),
    )


def requests_of(times: UserTimes, catalog: Catalog, timing: Timing = TIMING, most: int = 99) -> Requests:
    return live_requests(
        times,
        catalog,
        since=10 * MINUTE,
        until=20 * MINUTE,
        timing=timing,
        max_requests=most,
        seed=0,
    )


@dataclass
class Spy:
    """Lists the alive items that are not known, the last first, and remembers what it was asked."""

    fitted: list[int] = field(default_factory=list)
    asked: list[tuple[int, list[int], list[int], list[list[int]]]] = field(default_factory=list)

    def fit(self, until: int) -> LiveRecommender:
        self.fitted.append(until)
        return self

    def recommend(
        self, until: int, users_R: Ints, items_A: Ints, k: int, *, known_RN: sparse.csr_array
    ) -> Ranking:
        known = [known_RN[[row]].indices.tolist() for row in range(len(users_R))]
        self.asked.append((until, users_R.tolist(), items_A.tolist(), known))
        lists = [[item for item in items_A[::-1].tolist() if item not in knows] for knows in known]
        items_RK = np.array([(one + [NO_ITEM] * k)[:k] for one in lists])
        return Ranking(items_RK, np.where(items_RK == NO_ITEM, -np.inf, 0).astype(np.float32))


def test_requests_are_the_first_meetings_with_living_items(times: UserTimes, catalog: Catalog) -> None:
    requests = requests_of(times, catalog)
    assert requests.user_R.tolist() == [0, 1, 2, 0, 3]
    assert requests.item_R.tolist() == [1, 1, 1, 2, 1]
    assert requests.moment_R.tolist() == minutes(10, 10, 12, 13, 14)
    assert requests.until_R.tolist() == minutes(8, 8, 10, 11, 12)
    assert requests.not_judged == NotJudged(met_before=1, not_alive=1, beyond_sample=0)


def test_cold_is_what_nobody_had_met_before_the_moment_less_the_delay(
    times: UserTimes, catalog: Catalog
) -> None:
    requests = requests_of(times, catalog)
    assert requests.cold_R.tolist() == [True, True, True, True, False]
    assert requests.new_user_R.tolist() == [False, False, False, False, True]


def test_a_model_is_told_what_is_alive_and_known_at_the_moment(times: UserTimes, catalog: Catalog) -> None:
    spy = Spy()
    judge_live({"spy": spy.fit}, requests_of(times, catalog), times, catalog, 3)
    assert spy.asked == [
        (8 * MINUTE, [0, 1], [0, 1, 3], [[0], [0]]),
        (10 * MINUTE, [2], [0, 1, 2, 3], [[3]]),  # event 2 at 9 is known, event 3 at 10 is not
        (11 * MINUTE, [0], [0, 1, 2, 3], [[0, 1]]),
        (12 * MINUTE, [3], [0, 1, 2, 3], [[]]),
    ]


def test_models_are_fitted_at_the_start_and_at_each_retraining(times: UserTimes, catalog: Catalog) -> None:
    spy = Spy()
    judge_live({"spy": spy.fit}, requests_of(times, catalog), times, catalog, 3)
    assert spy.fitted == minutes(8, 11)  # at 10 and 13, with what was known two minutes before


def test_places_count_from_the_best_item_on(times: UserTimes, catalog: Catalog) -> None:
    requests = requests_of(times, catalog)
    places = judge_live({"spy": Spy().fit}, requests, times, catalog, 3)["spy"]
    # lists: [3, 1], [3, 1], [2, 1, 0], [3, 2], [3, 2, 1]
    assert places.tolist() == [1, 1, 1, 1, 2]
    assert judge_live({"spy": Spy().fit}, requests, times, catalog, 2)["spy"].tolist() == [1, 1, 1, 1, -1]


def test_within_a_step_all_are_asked_as_of_its_start(times: UserTimes, catalog: Catalog) -> None:
    spy = Spy()
    requests = requests_of(times, catalog, replace(TIMING, step=4 * MINUTE))
    # the item of 12 is not alive at 10, so that nobody could be told of it at 13
    assert requests.item_R.tolist() == [1, 1, 1, 1]
    assert requests.not_judged.not_alive == 2
    judge_live({"spy": spy.fit}, requests, times, catalog, 3)
    assert [(until, users) for until, users, _, _ in spy.asked] == [
        (8 * MINUTE, [0, 1, 2]),
        (12 * MINUTE, [3]),
    ]


def test_a_sample_is_seeded_and_counted(times: UserTimes, catalog: Catalog) -> None:
    some, again = (requests_of(times, catalog, most=2) for _ in range(2))
    assert len(some) == 2
    assert some.not_judged.beyond_sample == 3
    assert some.moment_R.tolist() == sorted(some.moment_R)
    assert (some.user_R.tolist(), some.item_R.tolist()) == (again.user_R.tolist(), again.item_R.tolist())


def test_an_empty_window_says_what_to_mend(times: UserTimes, catalog: Catalog) -> None:
    with pytest.raises(DataError, match=r"none among 0. Move the split"):
        live_requests(
            times, catalog, since=50 * MINUTE, until=60 * MINUTE, timing=TIMING, max_requests=9, seed=0
        )


class Forbidden(Spy):
    """Lists an item whatever is alive or known."""

    def __init__(self, item: int) -> None:
        super().__init__()
        self.item = item

    def recommend(
        self, until: int, users_R: Ints, items_A: Ints, k: int, *, known_RN: sparse.csr_array
    ) -> Ranking:
        return Ranking(np.full((len(users_R), 1), self.item), np.zeros((len(users_R), 1), dtype=np.float32))


@pytest.mark.parametrize(
    ("item", "breach"), [(2, "an item outside of the catalogue"), (0, "a known positive")]
)
def test_items_of_later_and_known_ones_are_a_breach(
    times: UserTimes, catalog: Catalog, item: int, breach: str
) -> None:
    with pytest.raises(ProtocolError, match=breach):
        judge_live({"bad": Forbidden(item).fit}, requests_of(times, catalog), times, catalog, 1)
