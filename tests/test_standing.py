"""How items stand at a moment, by hand."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from dlrs.data.catalog import Catalog
from dlrs.data.interactions import Interactions
from dlrs.standing import DAY, standing_at


def test_events_before_the_moment_count_and_an_item_is_no_older_than_the_log() -> None:
    # three items: there since long before the log, begun on day 2 with a version of day 4, begun on day 9
    begins_V = np.array([-50, 2, 4, 9]) * DAY
    ends_V = np.array([100, 4, 100, 100]) * DAY
    catalog = Catalog(3, np.array([0, 1, 1, 2]), begins_V, ends_V)
    item_E = np.array([0, 0, 1, 0, 2])
    time_E = np.array([1, 3, 5, 8, 9]) * DAY
    nothing_E = np.zeros_like(item_E)
    log = Interactions(nothing_E, item_E, np.array([0, 0, 2, 0, 3]), nothing_E, time_E)

    standing = standing_at(log, catalog, 8 * DAY, timedelta(days=4))

    assert standing.met_N.tolist() == [2, 1, 0]  # the event at the moment itself is not before it
    assert standing.recent_N.tolist() == [0, 1, 0]
    assert standing.days_N.tolist() == [7, 6, 0]


def test_without_a_log_nothing_was_met_and_all_is_of_today() -> None:
    catalog = Catalog(1, np.array([0]), np.array([0]), np.array([DAY]))
    standing = standing_at(Interactions.none(), catalog, DAY, timedelta(days=1))
    assert (standing.met_N.tolist(), standing.days_N.tolist()) == ([0], [0])
