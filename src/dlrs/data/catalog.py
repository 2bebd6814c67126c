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
    def _moments(self) -> Ints:
        return np.unique(self.valid_from_V)

    @cached_property
    def _keys_V(self) -> Ints:
        """(item, valid_from) as one ascending number, exact: times are replaced by their ranks."""
        ranks_V = np.searchsorted(self._moments, self.valid_from_V)
        return self.item_V * (len(self._moments) + 1) + ranks_V + 1

    @cached_property
    def first_N(self) -> Ints:
        """First version row of each item, and V at the end: N + 1 numbers."""
        return np.searchsorted(self.item_V, np.arange(self.items + 1))

    def version_at(self, items_P: Ints, times_P: Ints) -> Ints:
        """Return the version of each item that held at the time, or else the nearest one.

        Before an item's first version that is its first, after its end its last (method §9 wants a
        version for every negative, whenever it was drawn).
        """
        ranks_P = np.searchsorted(self._moments, times_P, side="right")
        last_P = np.searchsorted(self._keys_V, items_P * (len(self._moments) + 1) + ranks_P, side="right") - 1
        return np.maximum(last_P, self.first_N[items_P])

    def alive_at(self, time: int) -> Ints:
        """Return the version rows that hold at `time`: one for each item alive then, by item row."""
        return np.flatnonzero((self.valid_from_V <= time) & (time < self.valid_to_V))

    def alive_between(self, since: int, until: int) -> Ints:
        """Return each item's first version that holds at any moment of [since, until), by item row."""
        alive_V: Bools = (self.valid_from_V < until) & (since < self.valid_to_V)
        versions = np.flatnonzero(alive_V)
        _, first = np.unique(self.item_V[versions], return_index=True)
        return versions[first]
