"""Where: the items of a catalogue that a request may get: they pass its filters and are not gone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from dlrs.arrays import Bools, Ints
from dlrs.candidates.filtering.attributes import Attributes, Selection
from dlrs.candidates.filtering.filters import Filter

SAMPLE = 4096
"""Items that the share of those that pass is estimated from: a share of a percent to a fifth of it."""


@dataclass(frozen=True)
class Where:
    """Filters over N items, of which some may be gone for everybody. RequestError if filters do not fit.

    What is worked out is kept: several users of one request share it.
    """

    attributes: Attributes
    filters: tuple[Filter, ...] = ()
    gone_N: Bools | None = None  # deleted, or replaced elsewhere

    def __len__(self) -> int:
        return len(self.attributes)

    def with_filters(self, filters: Sequence[Filter]) -> Where:
        """Return the same with other filters."""
        return Where(self.attributes, tuple(filters), self.gone_N)

    @cached_property
    def selection(self) -> Selection:
        """The items that pass all filters, gone ones included."""
        return self.attributes.passing(self.filters)

    @property
    def at_most(self) -> int:
        """How many items there are, or more."""
        return self.selection.at_most

    @cached_property
    def share(self) -> float:
        """About which share of all items: of a sample."""
        if len(self) == 0:
            return 0.0
        rows_R = np.random.default_rng(0).integers(len(self), size=SAMPLE)
        return float(self.test(rows_R).mean())

    @cached_property
    def rows_R(self) -> Ints:
        """The items, ascending."""
        rows_R = self.selection.rows()
        return rows_R if self.gone_N is None else rows_R[~self.gone_N[rows_R]]

    @cached_property
    def mask_N(self) -> Bools:
        """True for the items."""
        mask_N = self.selection.mask()
        return mask_N if self.gone_N is None else mask_N & ~self.gone_N

    def test(self, rows_R: Ints) -> Bools:
        """Tell whether each of some items, given by their rows, is among them: (R,)."""
        passed_R = self.selection.test(rows_R)
        return passed_R if self.gone_N is None else passed_R & ~self.gone_N[rows_R]
