"""Live past: all that has happened until now: a bundle's stored past, and what came since.

New events are sorted in stretches. The last one is sorted anew with every few that come; where it is full,
the next begins, and stretches of like size are put together, so that there are few of them however many
events there are.

    P pairs of an item and a moment    N items    E events
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from dlrs.arrays import AnyArray, Ints
from dlrs.ranking.known import Followed
from dlrs.ranking.layers import LayeredSuccessions, Layers
from dlrs.ranking.live_facts import LiveFacts
from dlrs.ranking.stored_past import StoredPast
from dlrs.ranking.stretch import Events, Stretch
from dlrs.ranking.successions import MOST

TAIL = 512
"""Events of the last stretch, which is sorted again with each that comes."""

ALIKE = 8
"""A stretch is put together with the next while it is less than so many times as long."""


@dataclass(frozen=True)
class Now:
    """What is known at one moment, whatever comes later; see `known.Known`."""

    windows: tuple[int, ...]
    stored: StoredPast
    stretches: tuple[Stretch, ...]
    facts: LiveFacts

    @property
    def began(self) -> int | None:
        """When the first event happened; None without any."""
        firsts = [int(stretch.events.time_E[0]) for stretch in self.stretches]
        return self.stored.began if self.stored.began is not None else min(firsts, default=None)

    @cached_property
    def item_times(self) -> Layers:
        """The events by item."""
        return Layers([self.stored.item_times, *(stretch.item_times for stretch in self.stretches)])

    @cached_property
    def category_times(self) -> Layers:
        """The events by category + 1."""
        return Layers([self.stored.category_times, *(stretch.category_times for stretch in self.stretches)])

    @cached_property
    def arrivals(self) -> Layers:
        """Those of them with which users came."""
        return Layers([self.stored.arrivals, *(stretch.arrivals for stretch in self.stretches)])

    @cached_property
    def successions(self) -> LayeredSuccessions:
        """What came within a few events after an item."""
        return _layered(self.stored.successions, [stretch.successions for stretch in self.stretches])

    @cached_property
    def nexts(self) -> LayeredSuccessions:
        """What came at once after an item."""
        return _layered(self.stored.nexts, [stretch.nexts for stretch in self.stretches])

    @cached_property
    def category_nexts(self) -> LayeredSuccessions:
        """The same of categories + 1."""
        return _layered(self.stored.category_nexts, [stretch.category_nexts for stretch in self.stretches])

    def drew(self, since: int, until: int) -> Ints:
        """Return how many events each item drew in [since, until): (N,)."""
        arrays = self.stored.arrays
        counts_N = _counted(arrays.item_E, arrays.time_E, since, until, self.facts.items)
        for stretch in self.stretches:
            events = stretch.events
            counts_N += _counted(events.item_E, events.time_E, since, until, self.facts.items)
        return counts_N


def _layered(stored: Followed, later: Sequence[Followed]) -> LayeredSuccessions:
    return LayeredSuccessions([stored, *later], MOST)


def _counted(item_E: AnyArray, time_E: Ints, since: int, until: int, items: int) -> Ints:
    low, high = np.searchsorted(time_E, [since, until])
    return np.bincount(item_E[low:high], minlength=items)


class LivePast:
    """Takes events and facts as they come; `now` is what is known. One thread writes, any number read."""

    def __init__(self, stored: StoredPast, windows: tuple[int, ...]) -> None:
        """Begin at the end of what is stored."""
        self._stored, self._windows = stored, windows
        self.now = Now(windows, stored, (), LiveFacts(stored))

    def add(self, events: Events) -> None:
        """Take events that came, in any order; those of before the end are stored already, and left out."""
        events = events.take(events.time_E >= self._stored.end)
        if not len(events):
            return
        stretches = list(self.now.stretches)
        if stretches and len(stretches[-1]) < TAIL:
            events = Events.together([stretches.pop().events, events])
        stretches.append(self._sorted(stretches, events))
        while len(stretches) > 1 and len(stretches[-1]) >= TAIL and _alike(*stretches[-2:]):
            last, before = stretches.pop(), stretches.pop()
            stretches.append(self._sorted(stretches, Events.together([before.events, last.events])))
        self.now = Now(self._windows, self._stored, tuple(stretches), self.now.facts)

    def update(self, facts: LiveFacts) -> None:
        """Take what the items are now."""
        self.now = Now(self._windows, self._stored, self.now.stretches, facts)

    def _sorted(self, before: Sequence[Stretch], events: Events) -> Stretch:
        users_X = np.unique(events.user_E)
        parts = [self._stored.last_of(users_X), *(stretch.last_of(users_X) for stretch in before)]
        return Stretch(events, Events.together(parts), self._windows[-1])


def _alike(before: Stretch, last: Stretch) -> bool:
    return len(before) < ALIKE * len(last)
