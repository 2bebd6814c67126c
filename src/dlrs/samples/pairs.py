"""Pairs: what the networks are trained on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dlrs.arrays import AnyArray, Floats, Ints, StoredArrays


@dataclass(frozen=True)
class Pairs(StoredArrays):
    """P labelled pairs of a user's profile and an item's version.

    `profile_P` and `version_P` are rows of the encoded profiles and of the encoded item versions. Rows
    and periods have 32 bits, for there are many pairs: widen them before you multiply.
    """

    profile_P: AnyArray
    version_P: AnyArray
    label_P: Floats  # 1 positive, 0 negative
    period_P: AnyArray

    def __len__(self) -> int:
        return len(self.label_P)

    def take(self, rows: Ints) -> Pairs:
        """Return some of the pairs, in the order given."""
        return Pairs(self.profile_P[rows], self.version_P[rows], self.label_P[rows], self.period_P[rows])

    def in_periods(self, first: int, until: int) -> Pairs:
        """Return the pairs of the periods first, …, until − 1."""
        return self.take(np.flatnonzero((self.period_P >= first) & (self.period_P < until)))
