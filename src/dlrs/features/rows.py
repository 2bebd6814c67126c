"""EncodedRows: N users or items as the networks take them, and the columns that they share.

    F categorical features, C continuous ones, K columns of the union vocabulary, E entries

The categorical part is sparse and packed: entry e says that its row has weight `weights_E[e]` in
column `columns_E[e]`. Entries lie in the order (row, feature, column), and `offsets` has one
place more than there are (row, feature) pairs, so that one embedding-bag call serves all features
of a whole batch. An item has weight 1 in one column of each known feature (one-hot); a user has
his relative frequencies, which sum to 1 for each feature (one-many, method §2). A missing or
unknown value leaves the pair without entries.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from scipy import sparse

from dlrs.arrays import Columns, Floats, Ints, StoredArrays, gather_ranges

Side = Literal["user", "item"]


@dataclass(frozen=True)
class FeatureSpace:
    """Which features there are and where each one's columns lie: all that the networks' shapes need."""

    continuous: tuple[str, ...]
    categorical: tuple[str, ...]
    sizes_F: tuple[int, ...]  # |f|: distinct values of each categorical feature, at least 1

    @cached_property
    def starts_F(self) -> Ints:
        """First column of each feature, and K at the end: F + 1 numbers."""
        return np.concatenate(([0], np.cumsum(self.sizes_F, dtype=np.int64)))

    @property
    def columns(self) -> int:
        """K: columns of the union vocabulary."""
        return int(self.starts_F[-1])

    @cached_property
    def widths_F(self) -> tuple[int, ...]:
        """d_f = ⌈log2 |f|⌉, at least 1: width of each feature's embedding [T §4.3]."""
        return tuple(max(1, math.ceil(math.log2(size))) for size in self.sizes_F)

    @property
    def width(self) -> int:
        """|e_u| = |e_v| = |F_cont| + Σ d_f [T eq. 4.16]."""
        return len(self.continuous) + sum(self.widths_F)


@dataclass(frozen=True)
class EncodedRows(StoredArrays):
    """N rows; see the module's docstring. For users C is twice as large: means ⊕ standard deviations."""

    continuous_NC: Floats
    offsets: Ints
    columns_E: Columns
    weights_E: Floats

    def __len__(self) -> int:
        return len(self.continuous_NC)

    @property
    def features(self) -> int:
        """F."""
        return (len(self.offsets) - 1) // len(self) if len(self) else 0

    def take(self, rows_B: Ints) -> EncodedRows:
        """Return the rows in the order given, repeats included."""
        F = self.features
        bags = (rows_B[:, None] * F + np.arange(F)).ravel()
        lengths = self.offsets[bags + 1] - self.offsets[bags]
        starts_B = self.offsets[rows_B * F]
        positions = gather_ranges(starts_B, self.offsets[(rows_B + 1) * F] - starts_B)
        return EncodedRows(
            continuous_NC=self.continuous_NC[rows_B],
            offsets=np.concatenate(([0], np.cumsum(lengths))),
            columns_E=self.columns_E[positions],
            weights_E=self.weights_E[positions],
        )

    @classmethod
    def concatenate(cls, parts: Sequence[EncodedRows]) -> EncodedRows:
        """Return the rows of all parts, one part after the other."""
        lengths = [np.diff(part.offsets) for part in parts]
        return cls(
            continuous_NC=np.concatenate([part.continuous_NC for part in parts]),
            offsets=np.concatenate([[0], np.cumsum(np.concatenate(lengths))]),
            columns_E=np.concatenate([part.columns_E for part in parts]),
            weights_E=np.concatenate([part.weights_E for part in parts]),
        )

    @classmethod
    def blank(cls, count: int, space: FeatureSpace, *, side: Side) -> EncodedRows:
        """Return rows about which nothing is known: average numbers, no categories."""
        numbers = len(space.continuous) * (2 if side == "user" else 1)
        return cls(
            continuous_NC=np.zeros((count, numbers), dtype=np.float32),
            offsets=np.zeros(count * len(space.categorical) + 1, dtype=np.int64),
            columns_E=np.empty(0, dtype=np.int32),
            weights_E=np.empty(0, dtype=np.float32),
        )

    def matrix(self, space: FeatureSpace, *, side: Side) -> sparse.csr_array:
        """Return the raw input as (N, C + K): a user without his standard deviations (method §9)."""
        numbers_NC = self.continuous_NC[:, : len(space.continuous)] if side == "user" else self.continuous_NC
        row_offsets = self.offsets[:: max(self.features, 1)] if len(self) else self.offsets
        categories = sparse.csr_array(
            (self.weights_E, self.columns_E, row_offsets), shape=(len(self), space.columns)
        )
        return sparse.csr_array(sparse.hstack([sparse.csr_array(numbers_NC), categories], format="csr"))
