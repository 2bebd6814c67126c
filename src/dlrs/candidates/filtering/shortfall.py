"""Shortfall: why a list is shorter than asked for, as numbers that a program can act on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dlrs.candidates.filtering.where import Where


@dataclass(frozen=True)
class Shortfall:
    """Of `asked` items `found` were found, and no more exist.

    `alone` and `without` have a number for each filter: how many items pass it whatever the others say, and
    how many pass all others. Gone items count nowhere.
    """

    reason: Literal["few pass", "known"]  # "known": enough pass, but the user knows too many of them
    asked: int
    found: int
    matching: int  # items that pass all filters, those that the user knows included
    alone: tuple[int, ...]
    without: tuple[int, ...]

    @property
    def tightest(self) -> int | None:
        """The place of the filter that keeps the most items out that pass all others; None without filters.

        Where several keep out as many, the one that fewest pass.
        """
        places = range(len(self.alone))
        return min(places, key=lambda place: (-self.without[place], self.alone[place]), default=None)


def explain(where: Where, asked: int, found: int) -> Shortfall | None:
    """Return why only so many were found; None if that is what was asked for."""
    if found >= asked:
        return None
    matching, filters = len(where.rows_R), where.filters
    return Shortfall(
        "known" if matching >= asked else "few pass",
        asked,
        found,
        matching,
        tuple(len(where.with_filters([one]).rows_R) for one in filters),
        tuple(len(where.with_filters([*filters[:i], *filters[i + 1 :]]).rows_R) for i in range(len(filters))),
    )
