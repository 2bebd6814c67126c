"""Groups: the items and the users that a report judges apart, and the same lists judged on some of them.

`N` counts every item row there is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dlrs.arrays import Bools, Doubles, Ints
from dlrs.evaluation.static import StaticTest
from dlrs.metrics import ranked

ALL, WARM, COLD = "all", "warm", "cold"
"""Groups of items: a cold one is met by nobody before the cut."""

NO_EVENT, FEW, SOME, MANY = "no event", "few events", "some events", "many events"
"""Groups of users: those with any event before the cut in three parts, as equal as ties allow."""


@dataclass(frozen=True)
class UserGroup:
    """Users who had between `least` and `most` events before the cut."""

    name: str
    least: int
    most: int
    member_U: Bools


def item_groups(test: StaticTest) -> dict[str, Bools]:
    """Return which item rows count in each group: (N,)."""
    return {ALL: np.ones_like(test.cold_N), WARM: ~test.cold_N, COLD: test.cold_N}


def per_user(
    hits_UK: Bools, items_UK: Ints, test: StaticTest, counted_N: Bools, ks: Sequence[int]
) -> dict[str, Doubles]:
    """Return every metric of `metrics.ranked`, judging lists on the counted items alone.

    Users are those to whom at least one counted item is relevant.
    """
    relevant_U = test.positives(counted_N)
    some_U = relevant_U > 0
    counted_UK = hits_UK & counted_N[items_UK]  # at padding NO_ITEM reads the last item: no hit there anyway
    return ranked.per_user(counted_UK[some_U], relevant_U[some_U], ks)


def user_groups(events_U: Ints) -> list[UserGroup]:
    """Put the users into groups by how many events each had before the cut; empty groups are left out.

    The bounds are the terciles of those with any event. Users with equally many stay together.

    >>> [(group.name, group.least, group.most) for group in user_groups(np.array([0, 1, 2, 2, 3, 9, 9]))]
    [('no event', 0, 0), ('few events', 1, 2), ('some events', 3, 3), ('many events', 9, 9)]
    """
    active_U = events_U[events_U > 0]
    first, second = np.quantile(active_U, [1 / 3, 2 / 3], method="inverted_cdf") if len(active_U) else (0, 0)
    bounds = {
        NO_EVENT: events_U == 0,
        FEW: (events_U > 0) & (events_U <= first),
        SOME: (events_U > first) & (events_U <= second),
        MANY: (events_U > second) & (events_U > 0),
    }
    return [
        UserGroup(name, int(events_U[member_U].min()), int(events_U[member_U].max()), member_U)
        for name, member_U in bounds.items()
        if member_U.any()
    ]
