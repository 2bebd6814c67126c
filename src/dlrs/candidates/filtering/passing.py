"""Passing: a filter looked up in the columns of a catalogue, and which items pass it.

N items   R rows   V values
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, assert_never, cast

import numpy as np

from dlrs.arrays import Bools, Doubles, Ints, distinct
from dlrs.candidates.filtering.columns import Numbers, Sets
from dlrs.candidates.filtering.filters import AnyOf, Between, Filter, NoneOf, Within
from dlrs.candidates.filtering.sphere import Box, within


class Passing(Protocol):
    """Which of N items pass one filter."""

    @property
    def at_most(self) -> int:
        """How many do, or a little more: known without looking at any of them."""
        ...

    def rows(self) -> Ints:
        """Return those that pass, ascending, in time that grows with `at_most`."""
        ...

    def test(self, rows_R: Ints) -> Bools:
        """Tell which of some items pass, in time that grows with R."""
        ...

    def mask(self) -> Bools:
        """Tell which of all items pass, in time that grows with N, but less for each."""
        ...


@dataclass(frozen=True)
class InRange:
    """Of `Between`."""

    numbers: Numbers
    low: float
    high: float

    @property
    def at_most(self) -> int:
        """Exact."""
        return self.numbers.count(self.low, self.high)

    def rows(self) -> Ints:
        """Those of a run in ascending order."""
        return np.sort(self.numbers.rows(self.low, self.high))

    def test(self, rows_R: Ints) -> Bools:
        """Compare their numbers."""
        return self._holds(self.numbers.number_N[rows_R])

    def mask(self) -> Bools:
        """Compare all numbers."""
        return self._holds(self.numbers.number_N)

    def _holds(self, number_R: Doubles) -> Bools:
        inside_R: Bools = (number_R >= self.low) & (number_R <= self.high)  # false for NaN
        return inside_R


@dataclass(frozen=True)
class HasAny:
    """Of `AnyOf`."""

    sets: Sets
    codes_V: Ints

    @property
    def at_most(self) -> int:
        """Too many only where items have several of the values."""
        return min(len(self.sets), int(self.sets.sizes(self.codes_V).sum()))

    def rows(self) -> Ints:
        """The items of each value."""
        return distinct(self.sets.rows(self.codes_V))

    def test(self, rows_R: Ints) -> Bools:
        """Look at the values of each."""
        return self.sets.test(self.codes_V, rows_R)

    def mask(self) -> Bools:
        """Mark the items of each value."""
        mask_N = np.zeros(len(self.sets), dtype=np.bool_)
        mask_N[self.sets.rows(self.codes_V)] = True
        return mask_N


@dataclass(frozen=True)
class HasNone:
    """Of `NoneOf`."""

    refused: HasAny

    @property
    def at_most(self) -> int:
        """All but those of the most frequent value: too many where there are several."""
        sets = self.refused.sets
        return len(sets) - int(sets.sizes(self.refused.codes_V).max(initial=0))

    def rows(self) -> Ints:
        """Those that are not marked."""
        return np.flatnonzero(self.mask())

    def test(self, rows_R: Ints) -> Bools:
        """Look at the values of each."""
        return ~self.refused.test(rows_R)

    def mask(self) -> Bools:
        """Mark those with a value, and turn it round."""
        return ~self.refused.mask()


@dataclass(frozen=True)
class Near:
    """Of `Within`."""

    latitude: Numbers
    longitude: Numbers
    wanted: Within

    @property
    def at_most(self) -> int:
        """Those in the band of latitude or of longitude, whichever has fewer."""
        box = self._box
        in_longitude = sum(self.longitude.count(*window) for window in box.windows_W2)
        return min(in_longitude, self.latitude.count(box.south, box.north))

    def rows(self) -> Ints:
        """Those of the band that are near enough."""
        box = self._box
        if self.at_most == self.latitude.count(box.south, box.north):
            band_R = self.latitude.rows(box.south, box.north)
        else:
            band_R = np.concatenate([self.longitude.rows(*window) for window in box.windows_W2])
        return np.sort(band_R[self.test(band_R)])

    def test(self, rows_R: Ints) -> Bools:
        """Measure those in the box."""
        return self._holds(self.latitude.number_N[rows_R], self.longitude.number_N[rows_R])

    def mask(self) -> Bools:
        """Measure those in the box."""
        return self._holds(self.latitude.number_N, self.longitude.number_N)

    @property
    def _box(self) -> Box:
        return Box.around(self.wanted.latitude, self.wanted.longitude, self.wanted.within_km)

    def _holds(self, latitude_R: Doubles, longitude_R: Doubles) -> Bools:
        wanted = self.wanted
        return within(latitude_R, longitude_R, wanted.latitude, wanted.longitude, wanted.within_km)


def look_up(wanted: Filter, columns: Mapping[str, Numbers | Sets]) -> Passing:
    """Find the columns and values that a filter speaks of. It fits them: `kinds.check` made sure."""
    match wanted:
        case Between():
            return InRange(cast(Numbers, columns[wanted.feature]), *wanted.bounds)
        case AnyOf():
            sets = cast(Sets, columns[wanted.feature])
            return HasAny(sets, sets.codes(wanted.any_of))
        case NoneOf():
            sets = cast(Sets, columns[wanted.feature])
            return HasNone(HasAny(sets, sets.codes(wanted.none_of)))
        case Within():
            latitude, longitude = columns[wanted.latitude_feature], columns[wanted.longitude_feature]
            return Near(cast(Numbers, latitude), cast(Numbers, longitude), wanted)
        case _:
            assert_never(wanted)
