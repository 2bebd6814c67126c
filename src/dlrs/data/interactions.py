"""Interactions: the cleaned event log as arrays of rows."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta

import numpy as np
from scipy import sparse

from dlrs.arrays import Bools, Ints, StoredArrays

ALL_TIME = int(np.iinfo(np.int64).min)
"""Before every event: `between(ALL_TIME, cut)` is all that happened before the cut."""


def micros(time: datetime) -> int:
    """Return a time with a zone as microseconds since the epoch, exactly."""
    return (time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


@dataclass(frozen=True)
class Interactions(StoredArrays):
    """E events in the order of time. Times are microseconds since the epoch, UTC."""

    user_E: Ints
    item_E: Ints
    version_E: Ints  # the item version that the user saw
    type_E: Ints  # position in the marketplace's interaction_types
    time_E: Ints

    @classmethod
    def none(cls) -> Interactions:
        """Return no events."""
        return cls(*(np.empty(0, dtype=np.int64) for _ in fields(cls)))

    def __len__(self) -> int:
        return len(self.time_E)

    def take(self, events: Ints | Bools | slice) -> Interactions:
        """Return some of the events, by position or by mask; a slice copies nothing."""
        return Interactions(*(getattr(self, field.name)[events] for field in fields(self)))

    def beside(self, other: Interactions) -> Interactions:
        """Return the events of both in the order of time; of one moment those of `other` stand behind."""
        if len(other) == 0:
            return self
        columns = [(getattr(self, field.name), getattr(other, field.name)) for field in fields(self)]
        both = Interactions(*(np.concatenate(pair) for pair in columns))
        return both.take(np.argsort(both.time_E, kind="stable"))

    def between(self, since: int, until: int) -> Interactions:
        """Return the events with since ≤ time < until."""
        low, high = np.searchsorted(self.time_E, [since, until])
        return self.take(slice(low, high))

    def pairs(self, items: int) -> Ints:
        """Return (user, item) of each event as one number, user · items + item."""
        return self.user_E.astype(np.int64) * items + self.item_E

    def matrix(self, users: int, items: int) -> sparse.csr_array:
        """Return how often each user met each item: (users, items), float32 counts."""
        ones = np.ones(len(self), dtype=np.float32)
        return sparse.csr_array(
            sparse.coo_array((ones, (self.user_E, self.item_E)), shape=(users, items)).tocsr()
        )
