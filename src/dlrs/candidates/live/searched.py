"""Searched: what whoever holds a live index may ask of it, the one who writes and those who follow."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Self

from dlrs.arrays import Floats
from dlrs.candidates.filtering.filters import Filter
from dlrs.candidates.filtering.shortfall import Shortfall
from dlrs.candidates.live.filtered import explain
from dlrs.candidates.live.searching import Found, Known, search
from dlrs.candidates.live.view import View


class Searched(ABC):
    """Search and explain, by what there is at this moment."""

    @abstractmethod
    def view(self) -> View:
        """Return what there is now: a moment that no later change touches."""

    @abstractmethod
    def close(self) -> None:
        """Let everything go."""

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def __len__(self) -> int:
        return len(self.view())

    @property
    def mark(self) -> int:
        """The number that came with the last changes that had one; 0 before."""
        return self.view().mark

    def search(
        self, queries_UD: Floats, count: int, *, known: Known | None = None, filters: Sequence[Filter] = ()
    ) -> Found:
        """Return the `count` nearest items that are there, pass all filters and are not known to the user.

        A list is shorter than that only if these run out (`explain` says why), or if some went again
        and again while it was made.

        Raises:
            RequestError: a filter does not fit; see `filtering.kinds.check`.
        """
        return search(self.view, queries_UD, count, known, filters)

    def explain(self, filters: Sequence[Filter], asked: int, found: int) -> Shortfall | None:
        """Return why only so many were found, by what is there now; None if that is what was asked for."""
        return explain(self.view(), filters, asked, found)
