"""Known: all that a user ever met, in little room."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import overload

from dlrs.candidates.filtering.columns import Texts
from dlrs.past.stored import texts_of


class KnownIds(Sequence[str]):
    """Ids of items, each once: those of a bundle's past as they lie there, then those met since.

    Made texts whenever somebody looks. Kept as texts, they would take six times the room, and each collection
    of garbage would look at each of them: of users who met thousands, for longer than a list takes.
    """

    def __init__(self, past: Texts, later: Iterable[str]) -> None:
        """Take the ids of the past, and those since, of which some may be of the past, too."""
        self._past = past
        there = set(texts_of(past)) if later else ()
        self._later = tuple(id for id in later if id not in there)

    def __len__(self) -> int:
        return len(self._past) + len(self._later)

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[str]: ...
    def __getitem__(self, place: int | slice) -> str | Sequence[str]:
        return [*self][place]

    def __iter__(self) -> Iterator[str]:
        return chain(texts_of(self._past), self._later)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]
