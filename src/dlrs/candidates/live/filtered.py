"""FilteredView: of what a view sees, the items that pass filters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from dlrs.arrays import Bools, Floats, Ints
from dlrs.candidates.filtering.filters import Filter
from dlrs.candidates.filtering.planner import Filtered
from dlrs.candidates.filtering.shortfall import Shortfall
from dlrs.candidates.filtering.where import Where
from dlrs.candidates.live.view import View
from dlrs.errors import RequestError


@dataclass(frozen=True)
class FilteredView:
    """It proposes as an index does. The snapshot's planner chooses how; the delta is tested row by row."""

    view: View
    filters: tuple[Filter, ...]

    def __len__(self) -> int:
        """Return how many pass, or more."""
        return min(len(self.view), self._where.at_most + int(np.count_nonzero(self._passing_n)))

    def propose(self, queries_UD: Floats, count: int) -> tuple[Ints, Floats]:
        """Return the nearest items that pass and are alive, as places, and their similarity.

        Both have the shape (U, min(count, len)), padded with `NO_ITEM` and −∞.
        """
        count = min(count, len(self))
        near = Filtered(self.view.snapshot.index, self._where).propose(queries_UD, count)
        return self.view.with_delta(queries_UD, count, *near, self._passing_n)

    def admits(self, places_B: Ints) -> Bools:
        """Tell which places hold items that pass and are alive: (B,)."""
        N = len(self.view.snapshot)
        admitted_B = ~self.view.gone(places_B) & (places_B >= 0)
        old_B, new_B = admitted_B & (places_B < N), admitted_B & (places_B >= N)
        admitted_B[old_B] = self._where.test(places_B[old_B])
        admitted_B[new_B] = self._passing_n[places_B[new_B] - N]
        return admitted_B

    def matching(self) -> int:
        """Return how many items pass and are alive."""
        return len(self._where.rows_R) + int(np.count_nonzero(self._passing_n))

    @cached_property
    def _where(self) -> Where:
        attributes = self.view.snapshot.attributes
        if attributes is None:
            raise RequestError(
                "filters: expected none, for this live index was created without features, received "
                f"{len(self.filters)}. Create it with features to filter by."
            )
        return Where(attributes, self.filters, self.view.gone_N())

    @cached_property
    def _passing_n(self) -> Bools:
        return self.view.passing(self.filters)


def explain(view: View, filters: Sequence[Filter], asked: int, found: int) -> Shortfall | None:
    """Return why only so many were found, as `filtering.shortfall.explain` does; None if none is missing."""
    if found >= asked:
        return None
    matching = _matching(view, filters)
    others = [[*filters[:place], *filters[place + 1 :]] for place in range(len(filters))]
    return Shortfall(
        "known" if matching >= asked else "few pass",
        asked,
        found,
        matching,
        tuple(_matching(view, [one]) for one in filters),
        tuple(_matching(view, some) for some in others),
    )


def _matching(view: View, filters: Sequence[Filter]) -> int:
    if not filters:  # also where there is nothing to filter by
        return len(view)
    return FilteredView(view, tuple(filters)).matching()
