"""Timelines: the events of each key (a user, an item, a pair of both) in the order of time.

Everything is strictly before the moment that is asked about: an event at that very moment is not known yet.

    E events    P pairs of a key and a moment    C most events of each
"""

from __future__ import annotations

from typing import Self

import numpy as np

from dlrs.arrays import NO_ITEM, Ints

NO_EVENT = NO_ITEM
"""Pads the events of a key that has fewer than were asked for."""


class Timelines:
    """E events by key: how many came before a moment, and which were the last.

    An event is known by its place in the log, which is in the order of time: so one sorted array of
    (key, place) answers everything by binary search.
    """

    def __init__(self, key_E: Ints, time_E: Ints) -> None:
        """Take each event's key, 0 or more, and its time, ascending.

        Raises:
            ValueError: the times fall.
        """
        if (np.diff(time_E) < 0).any():
            raise ValueError("Timelines: expected events in the order of time, received some that go back.")
        place_E = np.argsort(key_E, kind="stable")  # keeps the order of time
        self._hold(time_E, key_E[place_E].astype(np.int64) * (len(key_E) + 1) + place_E)

    @classmethod
    def sorted_before(cls, time_E: Ints, sorted_E: Ints) -> Self:
        """Return those whose `sorted_E` was kept: nothing is looked at, so both may be mapped."""
        self = cls.__new__(cls)
        self._hold(time_E, sorted_E)
        return self

    def _hold(self, time_E: Ints, sorted_E: Ints) -> None:
        self.time_E, self._span = time_E, len(time_E) + 1
        self.sorted_E = sorted_E  # key · (E + 1) + place, ascending

    def __len__(self) -> int:
        return len(self.time_E)

    def places(self, moments_P: Ints) -> Ints:
        """Return how many events of the whole log lie before each moment: what `before` takes, (P,)."""
        places_P: Ints = np.searchsorted(self.time_E, moments_P)
        return places_P

    def none(self, keys_P: Ints) -> Ints:
        """Return the place of before all events, for each key: (P,)."""
        return np.zeros(keys_P.shape, dtype=np.int64)

    def between(self, since_P: Ints, until_P: Ints) -> Ints:
        """Return how many events of the whole log lie between places: broadcast, (P,)."""
        return until_P - since_P

    def before(self, keys_P: Ints, places_P: Ints) -> Ints:
        """Return how many events lie before (key, place) in the order of keys and places: broadcast, (P,).

        The difference of two is how many events of a key lie between two places. Many are found faster when
        they come in the order of the keys.
        """
        found_P: Ints = np.searchsorted(self.sorted_E, keys_P * self._span + places_P)
        return found_P

    def counts(self, keys_P: Ints, until_P: Ints) -> Ints:
        """Return how many events of each key lie before each moment: broadcast, (P,)."""
        return self.before(keys_P, self.places(until_P)) - self.before(keys_P, np.array(0))

    def last(self, keys_P: Ints, until_P: Ints, most: int) -> Ints:
        """Return the places in the log of each key's last events before each moment, latest first: (P, C).

        Args:
            keys_P: the keys.
            until_P: a moment for each, itself outside, in the unit of the log's times.
            most: C; a key with fewer events is padded with NO_EVENT.
        """
        ends_P1 = self.before(keys_P, self.places(until_P))[:, None]
        found_PC = ends_P1 - 1 - np.arange(most)
        there_PC = found_PC >= self.before(keys_P, np.array(0))[:, None]
        if not len(self):
            return np.full(found_PC.shape, NO_EVENT, dtype=np.int64)
        return np.where(there_PC, self.sorted_E[np.where(there_PC, found_PC, 0)] % self._span, NO_EVENT)
