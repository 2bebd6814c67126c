"""History: the events of a user's window, put into words only where somebody looks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np

from dlrs.arrays import AnyArray, Doubles, Ints
from dlrs.past.stored import Past
from dlrs.service.seams import Met, Raw


@dataclass(frozen=True)
class Window:
    """E events, oldest first, as numbers. A version is one of P of the past or, from P on, a newer one."""

    kinds: Sequence[str]
    weight_T: Doubles
    past: Past
    version_P: AnyArray  # rows of the past
    items: Sequence[str]  # of the newer versions
    raws: Sequence[Raw]
    time_E: Ints
    type_E: AnyArray
    version_E: Ints
    described: int  # how many of the newest events come with features

    def newest(self, count: int) -> list[Met]:
        """Return the newest events as others see them, oldest first."""
        shown = slice(max(0, len(self.time_E) - count), None)
        version_E, type_E, time_E = self.version_E[shown], self.type_E[shown], self.time_E[shown]
        first = len(version_E) - self.described
        item_of = self._items(np.unique(version_E))
        raw_of = self._raws(np.unique(version_E[max(0, first) :]))
        columns = (version_E, type_E, time_E, self.weight_T[type_E])
        rows = zip(*(column.tolist() for column in columns), strict=True)
        return [
            Met(item_of[version], self.kinds[kind], time, weight, raw_of[version] if place >= first else None)
            for place, (version, kind, time, weight) in enumerate(rows)
        ]

    def _items(self, versions: Ints) -> dict[int, str]:
        count = len(self.version_P)
        of_past, newer = versions[versions < count], versions[versions >= count].tolist()
        ids = self.past.item_ids(self.past.arrays.item_M[self.version_P[of_past]])
        found = dict(zip(of_past.tolist(), ids, strict=True))
        return found | {version: self.items[version - count] for version in newer}

    def _raws(self, versions: Ints) -> dict[int, Raw]:
        count = len(self.version_P)
        of_past, newer = versions[versions < count], versions[versions >= count].tolist()
        raws = self.past.raws(self.version_P[of_past])
        found: dict[int, Raw] = dict(zip(of_past.tolist(), raws, strict=True))
        return found | {version: self.raws[version - count] for version in newer}


class History(Sequence[Met]):
    """Events, oldest first. Most requests ask for their number and the newest few, and no more."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._known: list[Met] = []  # the newest ones; replaced, never changed

    def newest(self, count: int) -> list[Met]:
        """Return the newest `count` events, or all, oldest first."""
        count, known = min(count, len(self)), self._known
        if len(known) < count:
            known = self._known = self._window.newest(count)
        return known[len(known) - count :]

    def __len__(self) -> int:
        return len(self._window.time_E)

    @overload
    def __getitem__(self, place: int) -> Met: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Met]: ...
    def __getitem__(self, place: int | slice) -> Met | Sequence[Met]:
        if isinstance(place, slice):
            begin, end, step = place.indices(len(self))
            places = range(begin, end, step)
            least = min(places, default=len(self))
            newest = self.newest(len(self) - least)
            return [newest[at - least] for at in places]
        at = range(len(self))[place]
        return self.newest(len(self) - at)[0]

    def __iter__(self) -> Iterator[Met]:
        return iter(self.newest(len(self)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]
