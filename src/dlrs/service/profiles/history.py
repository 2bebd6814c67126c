"""History: the events of a user's window, put into words only where somebody looks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
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

    def mets(self) -> list[Met]:
        """Return the events as others see them."""
        items = [*self.past.item_ids(self.past.arrays.item_M[self.version_P]), *self.items]
        first = len(self.time_E) - self.described
        raw_of = self._raws(np.unique(self.version_E[max(0, first) :]))
        columns = (self.version_E, self.type_E, self.time_E, self.weight_T[self.type_E])
        rows = zip(*(column.tolist() for column in columns), strict=True)
        return [
            Met(items[version], self.kinds[kind], time, weight, raw_of[version] if place >= first else None)
            for place, (version, kind, time, weight) in enumerate(rows)
        ]

    def _raws(self, versions: Ints) -> dict[int, Raw]:
        count = len(self.version_P)
        of_past, newer = versions[versions < count], versions[versions >= count].tolist()
        raws = self.past.raws(self.version_P[of_past])
        found: dict[int, Raw] = dict(zip(of_past.tolist(), raws, strict=True))
        return found | {version: self.raws[version - count] for version in newer}


class History(Sequence[Met]):
    """Events, oldest first. Most requests ask for their number and no more."""

    def __init__(self, window: Window) -> None:
        self._window = window

    @cached_property
    def _mets(self) -> list[Met]:
        return self._window.mets()

    def __len__(self) -> int:
        return len(self._window.time_E)

    @overload
    def __getitem__(self, place: int) -> Met: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Met]: ...
    def __getitem__(self, place: int | slice) -> Met | Sequence[Met]:
        return self._mets[place]

    def __iter__(self) -> Iterator[Met]:
        return iter(self._mets)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return self._mets == list(other)

    __hash__ = None  # type: ignore[assignment]
