"""History: the events of a user's window, put into words only where somebody looks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import overload

from dlrs.service.seams import Met


class History(Sequence[Met]):
    """Events, oldest first. Most requests ask for their number and the newest few, and no more."""

    def __init__(self, events: int, describe: Callable[[int], list[Met]]) -> None:
        """Take how many there are, and what describes so many of the newest ones, oldest first."""
        self._events, self._describe = events, describe
        self._known: list[Met] = []  # the newest ones; replaced, never changed

    def newest(self, count: int) -> list[Met]:
        """Return the newest `count` events, or all, oldest first."""
        count, known = min(count, self._events), self._known
        if len(known) < count:
            known = self._known = self._describe(count)
        return known[len(known) - count :]

    def __len__(self) -> int:
        return self._events

    @overload
    def __getitem__(self, place: int) -> Met: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Met]: ...
    def __getitem__(self, place: int | slice) -> Met | Sequence[Met]:
        if isinstance(place, slice):
            begin, end, step = place.indices(self._events)
            places = range(begin, end, step)
            least = min(places, default=self._events)
            newest = self.newest(self._events - least)
            return [newest[at - least] for at in places]
        at = range(self._events)[place]
        return self.newest(self._events - at)[0]

    def __iter__(self) -> Iterator[Met]:
        return iter(self.newest(self._events))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]
