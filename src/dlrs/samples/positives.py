"""Positives: what users chose, once per user, item and period (method §3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dlrs.arrays import Ints
from dlrs.data.interactions import Interactions


@dataclass(frozen=True)
class Positives:
    """E positives, ordered by (period, user row, item row): each the first event of its kind."""

    period_E: Ints
    user_E: Ints
    item_E: Ints
    version_E: Ints  # the version that the user saw
    profile_E: Ints
    time_E: Ints  # microseconds since the epoch

    def __len__(self) -> int:
        return len(self.user_E)


def unique_positives(interactions: Interactions, period_starts_Q: Ints, profile_of_QU: Ints) -> Positives:
    """Return the positives of the periods between the starts; the last start ends the last period.

    `profile_of_QU` gives the profile row of each (period, user), −1 where there is none: a user
    without a profile has nothing to learn from, so his events make no positives.
    """
    inside = interactions.between(int(period_starts_Q[0]), int(period_starts_Q[-1]))
    period_E = np.searchsorted(period_starts_Q, inside.time_E, side="right") - 1
    items = int(inside.item_E.max(initial=-1)) + 1
    users = profile_of_QU.shape[1]
    keys_E = (period_E * users + inside.user_E) * max(items, 1) + inside.item_E
    _, first = np.unique(keys_E, return_index=True)  # the first event: events are in the order of time
    profile = profile_of_QU[period_E[first], inside.user_E[first]]
    chosen = first[profile >= 0]
    return Positives(
        period_E=period_E[chosen],
        user_E=inside.user_E[chosen],
        item_E=inside.item_E[chosen],
        version_E=inside.version_E[chosen],
        profile_E=profile[profile >= 0],
        time_E=inside.time_E[chosen],
    )
