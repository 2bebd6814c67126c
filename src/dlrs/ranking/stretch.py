"""Stretch: events that came since a bundle, sorted: what `Past` does for a whole log, for some of it.

E events    X users
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Self

import numpy as np

from dlrs.arrays import Bools, Ints
from dlrs.ranking.past import AT_ONCE, NEAR, NEAR_CATEGORIES, arrivals
from dlrs.ranking.successions import Successions
from dlrs.ranking.timelines import NO_EVENT, Timelines

LATER = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Events:
    """E events. Times are microseconds since 1970, UTC."""

    user_E: Ints
    item_E: Ints
    category_E: Ints  # of the item then, + 1; 0 where it is missing
    time_E: Ints

    def __len__(self) -> int:
        return len(self.time_E)

    def take(self, events: Ints | Bools) -> Self:
        """Return some of the events, in the order given."""
        return type(self)(*(getattr(self, field.name)[events] for field in fields(self)))

    @classmethod
    def together(cls, parts: Sequence[Events]) -> Self:
        """Return the events of all parts, one part after the other."""
        nothing = [np.empty(0, dtype=np.int64)]
        return cls(
            *(
                np.concatenate([getattr(part, field.name) for part in parts] or nothing)
                for field in fields(cls)
            )
        )


class Stretch:
    """Events by item, category, user and succession. Reading only: shared by threads."""

    def __init__(self, events: Events, before: Events, away: int) -> None:
        """Sort them.

        Args:
            events: in any order.
            before: the last events of the same users that are not of the stretch: where successions begin.
            away: microseconds after which who comes back has arrived.
        """
        events = events.take(np.argsort(events.time_E, kind="stable"))
        both = Events.together([before, events])
        new_E = np.arange(len(both)) >= len(before)
        order_E = np.argsort(both.time_E, kind="stable")
        both, new_E = both.take(order_E), new_E[order_E]
        self.events = events
        self.item_times = Timelines(events.item_E, events.time_E)
        self.category_times = Timelines(events.category_E, events.time_E)
        self.users = Timelines(events.user_E, events.time_E)
        come_E = np.zeros(len(both), dtype=np.bool_)
        come_E[arrivals(both.user_E, both.time_E, away)] = True
        came = both.take(come_E & new_E)
        self.arrivals = Timelines(came.item_E, came.time_E)
        user_E, item_E, category_E, time_E = both.user_E, both.item_E, both.category_E, both.time_E
        self.successions = Successions(user_E, item_E, time_E, steps=NEAR, new_E=new_E)
        self.nexts = Successions(user_E, item_E, time_E, steps=AT_ONCE, new_E=new_E)
        self.category_nexts = Successions(user_E, category_E, time_E, steps=NEAR_CATEGORIES, new_E=new_E)

    def __len__(self) -> int:
        return len(self.events)

    def last_of(self, users_X: Ints) -> Events:
        """Return the last events of some users: as many as successions need."""
        places_XH = self.users.last(users_X, np.full(len(users_X), LATER), max(NEAR))
        return self.events.take(places_XH[places_XH != NO_EVENT])
