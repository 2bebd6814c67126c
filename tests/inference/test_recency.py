"""How short a while tells best what is popular next."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from dlrs.inference.cuts import Cuts
from dlrs.inference.recency import USUAL, HourlyCounts, choose_recent

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
CUTS = Cuts(
    window=2 * DAY,
    refresh=DAY,
    train_from=BEGIN + 2 * DAY,
    validation_from=BEGIN + 12 * DAY,
    test_from=BEGIN + 14 * DAY,
    test_until=BEGIN + 16 * DAY,
)
FIRST = int(BEGIN.timestamp()) // 3600


def _counts(item_E: object, hour_E: object, events_E: object) -> HourlyCounts:
    as_ints = (np.asarray(part, dtype=np.int64) for part in (item_E, hour_E, events_E))
    item_E, hour_E, events_E = as_ints
    return HourlyCounts(item_E, hour_E + FIRST, events_E)


def test_counts_are_of_whole_hours_the_last_one_left_out() -> None:
    counts = _counts([0, 1, 0, 2], [0, 1, 2, 2], [5, 3, 2, 9])
    assert counts.between(BEGIN, BEGIN + 2 * HOUR).tolist() == [5, 3, 0]
    assert counts.between(BEGIN + HOUR, BEGIN + 3 * HOUR).tolist() == [2, 3, 9]


def test_where_stories_change_by_the_hour_the_last_hour_counts() -> None:
    """At midnight eleven stories begin that are told all day; those of the day before were told more."""
    hours = np.arange(14 * 24)
    story_E = np.repeat(hours // 24 * 11, 11) + np.tile(np.arange(11), len(hours))
    early = 23  # in its last hour each day tells of the next day's stories
    story_E = story_E + np.where(np.repeat(hours % 24 == early, 11), 11, 0)
    window, why = choose_recent(CUTS, _counts(story_E, np.repeat(hours, 11), np.ones(len(story_E))))
    assert window == HOUR
    # ten of the eleven are known, and told in 23 of 24 hours: 10 / 11 · 23 / 24 = 87.1 %
    assert why == ("the 10 most popular of this long drew 87.1% of the next 1d's events, those of 3h 0.0%")


def test_of_windows_that_do_alike_the_longest_is_taken() -> None:
    hours = np.arange(14 * 24)
    window, _ = choose_recent(CUTS, _counts(np.zeros_like(hours), hours, np.ones_like(hours)))
    assert window == timedelta(days=7)  # of 28 days there is no log before the first of four periods


def test_nothing_can_be_told_of_an_empty_log() -> None:
    assert choose_recent(CUTS, _counts([], [], []))[0] == USUAL


def test_the_test_is_not_looked_at() -> None:
    hours = np.arange(14 * 24)
    counts = _counts(hours % 5, hours, np.ones_like(hours))
    later = _counts(
        np.concatenate([hours % 5, np.arange(48) % 3]),
        np.concatenate([hours, 14 * 24 + np.arange(48)]),
        np.concatenate([np.ones_like(hours), np.full(48, 100)]),
    )
    assert choose_recent(CUTS, counts) == choose_recent(CUTS, later)
