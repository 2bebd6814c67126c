"""The data's own figures on a log small enough to count."""

import numpy as np
import pytest
from pydantic import TypeAdapter

from dlrs.data.interactions import Interactions
from dlrs.preparing import prepare
from dlrs.statistics import (
    POINTS,
    SHARES_OF_ITEMS,
    DataStatistics,
    Spread,
    data_statistics,
    distribution,
    spread,
    stretch,
    timeline,
)

HOUR = 3_600_000_000
DAY = 24 * HOUR

#   day   user  item  type
LOG = [
    (1, 0, 0, 0),
    (2, 1, 1, 0),
    (10, 0, 0, 0),  # the stretch begins: a known pair
    (11, 0, 0, 1),  # again: an interaction more, no pair more
    (12, 0, 1, 0),  # a new pair of a known user and a known item
    (13, 2, 3, 0),  # a cold user and a cold item
    (20, 1, 4, 1),  # the end: outside
]


@pytest.fixture
def log():
    day_E, user_E, item_E, type_E = np.array(LOG, dtype=np.int64).T
    return Interactions(user_E, item_E, np.zeros_like(day_E), type_E, day_E * DAY)


@pytest.fixture
def middle(log):
    return stretch(log, 10 * DAY, 20 * DAY, items=5, types=["view", "contact"])


def test_a_stretch_in_counts(middle):
    assert (middle.since, middle.until) == ("1970-01-11T00:00:00Z", "1970-01-21T00:00:00Z")
    assert (middle.interactions, middle.pairs, middle.new_pairs) == (4, 3, 2)
    assert (middle.users, middle.cold_users) == (2, 1)
    assert (middle.items, middle.cold_items) == (3, 1)
    assert middle.type_shares == {"view": 3 / 4, "contact": 1 / 4}


def test_a_stretch_by_user_and_by_item(middle):
    # interactions: user 0 three, user 2 one; items 0, 1, 3 two, one, one
    assert middle.interactions_per_user == Spread(2, pytest.approx(2**0.5), 1, 1.5, 2, 2.5, 3)
    assert middle.pairs_per_user == Spread(1.5, pytest.approx(0.5**0.5), 1, 1.25, 1.5, 1.75, 2)
    assert middle.interactions_per_item.mean == pytest.approx(4 / 3)
    assert (middle.pairs_per_item.least, middle.pairs_per_item.most) == (1, 1)
    assert (middle.users_by_interactions.at_least, middle.users_by_interactions.count) == (
        (1, 2, 3),
        (2, 1, 1),
    )
    assert middle.top_shares[-1] == 1
    assert middle.top_shares[SHARES_OF_ITEMS.index(0.35)] == pytest.approx((2 + 0.05) / 4)  # 1.05 items of 3


def test_a_stretch_without_events_is_all_zeros(log):
    empty = stretch(log, 30 * DAY, 40 * DAY, items=5, types=["view", "contact"])
    assert (empty.interactions, empty.pairs, empty.users, empty.items) == (0, 0, 0, 0)
    assert empty.interactions_per_user == spread(np.empty(0, dtype=np.int64)) == Spread(0, 0, 0, 0, 0, 0, 0)
    assert set(empty.type_shares.values()) == {0}
    assert empty.users_by_interactions.at_least == ()


def test_a_distribution_has_few_points_from_one_to_the_largest():
    counts = np.random.default_rng(0).zipf(1.5, 5000)
    found = distribution(counts)
    assert len(found.at_least) <= POINTS
    assert (found.at_least[0], found.count[0]) == (1, 5000)
    assert found.at_least[-1] == counts.max()
    assert all((counts >= n).sum() == count for n, count in zip(found.at_least, found.count, strict=True))


def test_a_timeline_counts_every_event_once(log):
    found = timeline(log, 8 * DAY, 10 * DAY, 21 * DAY)
    assert (found.start, found.width_hours) == ("1970-01-02T00:00:00Z", 6)
    assert len(found.interactions) == 80
    assert {i // 4 + 1: n for i, n in enumerate(found.interactions) if n} == {day: 1 for day, *_ in LOG}
    assert (found.train_from, found.test_from, found.test_until) == (28, 36, 80)


def test_a_timeline_of_years_has_wide_bins(log):
    old = Interactions(*(np.concatenate([part[:1], part]) for part in vars(log).values()))
    old.time_E[0] = -6000 * DAY
    found = timeline(old, 8 * DAY, 10 * DAY, 20 * DAY)
    assert found.width_hours == 365 * 24
    assert sum(found.interactions) == len(LOG) + 1


def test_statistics_of_prepared_data_survive_json(recipe, write_tables, tmp_path):
    items = [(f"i{n}", 1, "2020-01-01T00:00:00Z", "create", 10, "red", "van") for n in range(4)]
    days = ("2020-01-02", "2020-01-08", "2020-01-15", "2020-01-22", "2020-01-29")
    events = [
        (f"u{user}", f"i{(user + week) % 4}", "", f"{day}T0{hour}:00:00Z", "view" if hour else "contact")
        for week, day in enumerate(days)
        for user in range(3)
        for hour in range(2)
    ]
    prepared = prepare(recipe, write_tables(items, events), tmp_path)
    found = data_statistics(prepared)
    assert (found.marketplace, found.users, found.items, found.versions) == ("tiny", 3, 4, 4)
    assert found.versions_per_item.most == 1
    assert (found.train.interactions, found.train.pairs, found.test.interactions) == (18, 9, 6)
    assert found.train.type_shares == {"view": 0.5, "contact": 0.5}
    assert set(found.weights) == {"view", "contact"}
    assert sum(found.timeline.interactions) == len(events)
    assert TypeAdapter(DataStatistics).validate_json(found.to_json()) == found
