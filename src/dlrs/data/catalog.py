"""Catalog: every version of every item, and which one held at a given time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from dlrs.arrays import Bools, Ints

FOREVER = np.iinfo(np.int64).max
"""End of a version that still holds."""


@dataclass(frozen=True)
class Catalog:
    """V versions of N items, sorted by (item row, valid_from). Times: microseconds since the epoch."""

    items: int
    item_V: Ints
    valid_from_V: Ints
    valid_to_V: Ints

    @cached_property
    def first_N(self) -> Ints:
        """First version row of each item, and V at the end: N + 1 numbers."""
        return np.searchsorted(self.item_V, np.arange(self.items + 1))

    def version_at(self, items_P: Ints, times_P: Ints) -> Ints:
        """Return the version of each item that held at the time, or else the nearest one.

        Before an item's first version that is its first, after its end its last (method §9 wants a
        version for every negative, whenever it was drawn).
        """
        first_P, end_P = self.first_N[items_P], self.first_N[items_P + 1]
        last_P: Ints = first_P
        # steps of 2ᵏ, …, 2, 1 versions onward, each taken where the version there held already
        step = 1 << int((end_P - first_P).max(initial=1)).bit_length()
        while step := step >> 1:
            ahead_P = last_P + step
            begun_P = self.valid_from_V[np.minimum(ahead_P, len(self.valid_from_V) - 1)] <= times_P
            last_P = np.where((ahead_P < end_P) & begun_P, ahead_P, last_P)
        return last_P

    def last_before(self, time: int) -> Ints:
        """Return each item's last version that began before a time, of later items the first one: (N,)."""
        return self.version_at(np.arange(self.items), np.full(self.items, time - 1))

    def alive_at(self, time: int) -> Ints:
        """Return the version rows that hold at `time`: one for each item alive then, by item row."""
        return np.flatnonzero((self.valid_from_V <= time) & (time < self.valid_to_V))

    def alive_between(self, since: int, until: int) -> Ints:
        """Return each item's first version that holds at any moment of [since, until), by item row."""
        alive_V: Bools = (self.valid_from_V < until) & (since < self.valid_to_V)
        versions = np.flatnonzero(alive_V)
        first: Ints = versions[np.diff(self.item_V[versions], prepend=-1) != 0]
        return first
