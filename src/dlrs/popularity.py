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
