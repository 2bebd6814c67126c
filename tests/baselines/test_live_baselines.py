"""Baselines that are asked at any moment. Times are hours; every list is worked out by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import sparse

from dlrs.arrays import NO_ITEM
from dlrs.baselines.cf import Factors
from dlrs.baselines.covisited import SHRINKAGE, Covisited, Transitions
from dlrs.baselines.live_personal import LiveFactors, LiveNeighbours
from dlrs.baselines.live_popular import LiveDecayed, LiveMostPopular, LivePopular
from dlrs.data.interactions import Interactions
from dlrs.recommenders.live import LiveRecommender
from dlrs.recommenders.recommender import Ranking
from dlrs.settings.baselines import Baselines
from dlrs.user_times import UserTimes

HOUR = 3_600_000_000
USERS, ITEMS = 5, 5
NOW = 10 * HOUR
# hour, user, item: item 0 is popular ever, item 1 of late, item 2 just now
LOG = [(1, 0, 0), (2, 1, 0), (3, 2, 0), (7, 0, 1), (8, 1, 1), (9.5, 2, 2), (9.6, 3, 2), (9.7, 3, 1)]
LATER = [(10, 4, 4), (10, 3, 4), (11, 0, 4), (12, 0, 3), (13, 1, 4)]


def times_of(events: list[tuple[float, int, int]]) -> UserTimes:
    time_E, user_E, item_E = np.array(events).T
    user_E, item_E, time_E = (array.astype(np.int64) for array in (user_E, item_E, time_E * HOUR))
    log = Interactions(user_E, item_E, item_E, np.zeros_like(item_E), time_E)
    return UserTimes(log, USERS, ITEMS)


def lists(
    model: LiveRecommender, times: UserTimes, users: list[int], items: list[int], k: int = 3
) -> Ranking:
    users_R = np.array(users)
    known_RN = times.met(users_R, np.array(NOW))
    return model.recommend(NOW, users_R, np.array(items), k, known_RN=known_RN)


def popular(times: UserTimes) -> LiveRecommender:
    return LiveMostPopular.fit(times.log, ITEMS, until=5 * HOUR)


def recent(times: UserTimes) -> LiveRecommender:
    return LivePopular(times.log, ITEMS, window=3 * HOUR)


def decayed(times: UserTimes) -> LiveRecommender:
    return LiveDecayed(times.log, ITEMS, half_life=HOUR)


def covisited(times: UserTimes) -> LiveRecommender:
    transitions = Transitions(times.log, ITEMS)
    return Covisited(times, transitions, window=9 * HOUR, popular_window=3 * HOUR, popular_weight=0.1)


def item_knn(times: UserTimes) -> LiveRecommender:
    train_UN = times.log.between(0, NOW).matrix(USERS, ITEMS)
    return LiveNeighbours.fit(train_UN, Baselines(item_knn_neighbours=3, item_knn_shrinkage=0))


def factors(times: UserTimes) -> LiveRecommender:
    users_UD = np.eye(USERS, 2, dtype=np.float32)
    return LiveFactors(
        Factors(users_UD, np.array([[5, 1], [4, 2], [3, 3], [2, 4], [1, 5]], dtype=np.float32))
    )


Build = Callable[[UserTimes], LiveRecommender]
EVERY = [popular, recent, decayed, covisited, item_knn, factors]


@pytest.mark.parametrize("build", EVERY)
def test_what_happens_at_the_moment_or_later_changes_no_list(build: Build) -> None:
    before, after = times_of(LOG), times_of(LOG + LATER)
    everybody, everything = list(range(USERS)), list(range(ITEMS))
    now = lists(build(before), before, everybody, everything)
    then = lists(build(after), after, everybody, everything)
    assert now.items_UK.tolist() == then.items_UK.tolist()
    assert now.scores_UK.tolist() == then.scores_UK.tolist()


@pytest.mark.parametrize("build", EVERY)
def test_only_living_items_that_the_user_does_not_know_are_listed(build: Build) -> None:
    times = times_of(LOG)
    ranking = lists(build(times), times, [3, 4, 3], [1, 3, 4], k=4)
    assert [sorted(row) for row in ranking.items_UK.tolist()] == [
        [NO_ITEM, NO_ITEM, 3, 4],
        [NO_ITEM, 1, 3, 4],
        [NO_ITEM, NO_ITEM, 3, 4],
    ]
    assert (ranking.scores_UK[:, 1:] <= ranking.scores_UK[:, :-1]).all()
    assert ranking.scores_UK.dtype == np.float32


@pytest.mark.parametrize("build", EVERY)
def test_who_else_is_asked_about_changes_no_list(build: Build) -> None:
    times = times_of(LOG)
    model, everything = build(times), list(range(ITEMS))
    together = lists(model, times, [0, 3, 4, 3], everything)
    alone = [lists(model, times, [user], everything) for user in (0, 3, 4, 3)]
    assert together.items_UK.tolist() == [one.items_UK[0].tolist() for one in alone]
    assert together.scores_UK.tolist() == [one.scores_UK[0].tolist() for one in alone]


def test_popular_counts_all_recent_only_its_window() -> None:
    times, everything = times_of(LOG), list(range(ITEMS))
    assert lists(popular(times), times, [4], everything).items_UK.tolist() == [[0, 1, 2]]
    ranking = lists(recent(times), times, [4], everything)  # the event at 7 is the window's first
    assert ranking.items_UK.tolist() == [[1, 2, 0]]
    assert ranking.scores_UK.tolist() == [[3, 2, 0]]


def test_an_event_halves_with_every_half_life() -> None:
    times = times_of([(1, 0, 0), (8, 0, 1), (9, 1, 2), (9, 2, 2)])
    ranking = lists(decayed(times), times, [4], [0, 1, 2, 3])
    assert ranking.items_UK.tolist() == [[2, 1, 0]]
    assert ranking.scores_UK[0] == pytest.approx([2 / 2, 1 / 4, 1 / 512])


def test_transitions_are_a_users_next_other_item_in_its_time() -> None:
    events = [(1, 0, 0), (2, 1, 0), (3, 0, 0), (4, 0, 1), (5, 1, 2), (6, 0, 0), (7, 1, 3)]
    transitions = Transitions(times_of(events).log, ITEMS)
    # user 0: 0 → 1 at 4 (his second look at 0 is none), 1 → 0 at 6; user 1: 0 → 2 at 5, 2 → 3 at 7
    counts_LN = transitions.counts(np.array([0, 1, 2, 0]), 0, 7 * HOUR)
    assert counts_LN.toarray().tolist() == [
        [0, 1, 1, 0, 0],
        [1, 0, 0, 0, 0],
        [0, 0, 0, 0, 0],
        [0, 1, 1, 0, 0],
    ]
    assert transitions.counts(np.array([0]), 5 * HOUR, 8 * HOUR).toarray().tolist() == [[0, 0, 1, 0, 0]]


def test_covisited_follows_from_the_last_items() -> None:
    # before 10: 0 → 1 by users 0 and 1, 0 → 2 by user 2, 2 → 1 by user 3
    times = times_of(LOG)
    ranking = lists(covisited(times), times, [2, 4], list(range(ITEMS)))
    # popularity of the last 3 hours: item 1 has 3 of 5 events, item 2 has 2 of them
    # user 2 stands at 2, and half at 0
    of_one = 1 / (1 + SHRINKAGE) + 0.5 * 2 / (3 + SHRINKAGE) + 0.1 * 3 / 5
    assert ranking.items_UK.tolist() == [[1, 3, 4], [1, 2, 0]]
    assert ranking.scores_UK[0] == pytest.approx([of_one, 0, 0])
    assert ranking.scores_UK[1] == pytest.approx([0.1 * 3 / 5, 0.1 * 2 / 5, 0])


def test_item_knn_asks_the_history_of_the_moment() -> None:
    fitted = LiveNeighbours.fit(
        sparse.csr_array(np.array([[1, 1, 0], [1, 1, 0], [0, 1, 1]], dtype=np.float32)),
        Baselines(item_knn_neighbours=2, item_knn_shrinkage=0),
    )
    # by users: 0 and 1 share two of 2 and 3, 1 and 2 share one of 3 and 1; nobody met both 0 and 2
    known_RN = sparse.csr_array(np.array([[1, 0, 0], [0, 3, 0], [0, 0, 0]], dtype=np.float32))
    ranking = fitted.recommend(0, np.array([5, 6, 7]), np.array([0, 1, 2]), 2, known_RN=known_RN)
    assert ranking.items_UK.tolist() == [[1, 2], [0, 2], [0, 1]]
    near, far = 2 / np.sqrt(6), 1 / np.sqrt(3)
    expected = np.array([[np.log(2) * near, 0], [np.log(4) * near, np.log(4) * far], [0, 0]])
    assert ranking.scores_UK == pytest.approx(expected)


def test_cf_knows_users_as_they_were_fitted() -> None:
    times = times_of(LOG)
    ranking = lists(factors(times), times, [0, 1, 4], list(range(ITEMS)))
    # user 0 has (1, 0) and knows 0 and 1; user 1 has (0, 1) and knows the same; user 4 has nothing
    assert ranking.items_UK.tolist() == [[2, 3, 4], [4, 3, 2], [0, 1, 2]]
    assert ranking.scores_UK.tolist() == [[3, 2, 1], [5, 4, 3], [0, 0, 0]]
