"""History: the events of a user's window, put into words only where somebody looks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import overload

from dlrs.service.seams import Met


class History(Sequence[Met]):
    """Events, oldest first. Most requests ask for their number and no more."""

    def __init__(self, events: int, describe: Callable[[], list[Met]]) -> None:
        self._events, self._describe = events, describe

    @cached_property
    def _mets(self) -> list[Met]:
        return self._describe()

    def __len__(self) -> int:
        return self._events

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
