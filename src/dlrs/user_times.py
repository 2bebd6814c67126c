"""User times: what any users had done before any moment."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from dlrs.arrays import Bools, Ints, gather_ranges
from dlrs.data.interactions import Interactions


class UserTimes:
    """When each user did what: his events before any moment, by binary search.

    Like `popularity.ItemTimes`: one sorted array of (user, place in the log) answers everything.

        R requests, each by a user at a moment; one user may make several
    """

    def __init__(self, log: Interactions, users: int, items: int) -> None:
        """Take the log, in the order of time, and the numbers of user and item rows."""
        self.log = log
        self.users = users
        self.items = items
        self._span = len(log) + 1
        self._event_E = np.argsort(log.user_E, kind="stable")  # keeps the order of time
        self._key_E = log.user_E[self._event_E].astype(np.int64) * self._span + self._event_E

    def counts(self, users_R: Ints, until_R: Ints) -> Ints:
        """Return how many events each user had before the moment, itself outside: broadcast, (R,)."""
        return self._before(users_R, until_R) - self._first(users_R)

    def events(self, users_R: Ints, until_R: Ints, last: int | None = None) -> tuple[Ints, Ints]:
        """Return where the events of each request begin and end, and their places in the log.

        Args:
            users_R: user rows.
            until_R: moments, themselves outside, in microseconds since the epoch, UTC; or one for all.
            last: the newest so many of each; without it all of them.

        Returns:
            offsets_R1 and event_E: request r knows event_E[offsets_R1[r] : offsets_R1[r + 1]], oldest first.
        """
        end_R, start_R = self._before(users_R, until_R), self._first(users_R)
        if last is not None:
            start_R = np.maximum(start_R, end_R - last)
        lengths_R = end_R - start_R
        offsets_R1 = np.concatenate(([0], np.cumsum(lengths_R)))
        return offsets_R1, self._event_E[gather_ranges(start_R, lengths_R)]

    def met(self, users_R: Ints, until_R: Ints) -> sparse.csr_array:
        """Return how often the user of each request had met each item by then: (R, items), float32."""
        offsets_R1, event_E = self.events(users_R, until_R)
        row_E = np.repeat(np.arange(len(users_R)), np.diff(offsets_R1))
        ones_E = np.ones(len(event_E), dtype=np.float32)
        shape = (len(users_R), self.items)
        return sparse.csr_array(
            sparse.coo_array((ones_E, (row_E, self.log.item_E[event_E])), shape=shape).tocsr()
        )

    def first_meetings(self) -> Bools:
        """Tell of each event whether it is the first of its user with its item, in the log's order: (E,)."""
        pairs_E = self.log.pairs(self.items)
        order_E = np.argsort(pairs_E, kind="stable")
        first_E = np.zeros(len(pairs_E), dtype=np.bool_)
        first_E[order_E] = np.diff(pairs_E[order_E], prepend=-1) != 0
        return first_E

    def _before(self, users_R: Ints, until_R: Ints) -> Ints:
        places_R = np.searchsorted(self.log.time_E, until_R)
        found_R: Ints = np.searchsorted(self._key_E, users_R * self._span + places_R)
        return found_R

    def _first(self, users_R: Ints) -> Ints:
        first_R: Ints = np.searchsorted(self._key_E, users_R * self._span)
        return first_R
