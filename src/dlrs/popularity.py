"""Popularity: how often items were interacted with, at any moment and over any window."""

from __future__ import annotations

import numpy as np

from dlrs.arrays import Ints
from dlrs.data.interactions import ALL_TIME, Interactions


def item_counts(interactions: Interactions, items: int, *, until: int, since: int = ALL_TIME) -> Ints:
    """Return how many events each item row drew with since ≤ time < until: (items,).

    Args:
        interactions: the log, in the order of time.
        items: number of item rows.
        until: end of the window, itself outside, in microseconds since the epoch, UTC.
        since: its start; without it all that happened before `until` counts.
    """
    low, high = np.searchsorted(interactions.time_E, [since, until])
    return np.bincount(interactions.item_E[low:high], minlength=items)


class ItemTimes:
    """When each item drew its events: counts at any moment, over any window, of any items at once.

    An event is known by its place in the log, which is in the order of time: so one sorted array of
    (item, place) answers everything by binary search.
    """

    def __init__(self, log: Interactions, items: int) -> None:
        """Take the log, in the order of time, and the number of item rows."""
        self._time_E = log.time_E
        self._span = len(log) + 1
        order_E = np.argsort(log.item_E, kind="stable")  # keeps the order of time
        self._key_E = log.item_E[order_E].astype(np.int64) * self._span + order_E
        self.items = items

    def counts(self, items_P: Ints, until_P: Ints, window: int | None = None) -> Ints:
        """Return how many events each item drew in [until − window, until): broadcast, (P,).

        Args:
            items_P: item rows.
            until_P: moments, themselves outside, in microseconds since the epoch, UTC.
            window: its length in microseconds; without it all before the moment counts.
        """
        events_P = self._before(items_P, until_P)
        if window is None:
            return events_P - np.searchsorted(self._key_E, items_P * self._span)
        return events_P - self._before(items_P, until_P - window)

    def _before(self, items_P: Ints, until_P: Ints) -> Ints:
        """Return how many events lie before (item, moment) in the order of items and times."""
        places_P = np.searchsorted(self._time_E, until_P)
        found_P: Ints = np.searchsorted(self._key_E, items_P * self._span + places_P)
        return found_P
