"""EncodedRows: N users or items as the networks take them, and the columns that they share.

    F discrete features, C continuous ones, K columns of the union vocabulary, E entries

The discrete part (categorical, multi-valued and text features) is sparse and packed: entry e says
that its row has weight `weights_E[e]` in column `columns_E[e]`. Entries lie in the order (row,
feature, column), and `offsets` has one place more than there are (row, feature) pairs, so that one
embedding-bag call serves all features of a whole batch. An item has weight 1 in one column of each
known feature (one-hot), or shares it between the values of a multi-valued one; a user has his
relative frequencies, which sum to 1 for each feature (one-many, method §2). A missing or unknown
value leaves the pair without entries. Offsets have 64 bits, or 32 where these are sure to be enough.

Where users have features of their own, their rows go on: behind the 2C numbers of the profile come
their own, and behind its F features theirs, with columns from K on.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from scipy import sparse

from dlrs.arrays import Columns, Floats, GrowingArray, Ints, StoredArrays, gather_ranges

Side = Literal["user", "item"]


@dataclass(frozen=True)
class FeatureSpace:
    """Which features there are and where each one's columns lie: all that the networks' shapes need.

    The `own_` ones are the features that only users have: they are no part of e's coordinates.
    """

    continuous: tuple[str, ...]
    categorical: tuple[str, ...]
    sizes_F: tuple[int, ...]  # |f|: distinct values of each discrete feature, at least 1
    own_continuous: tuple[str, ...] = ()
    own_categorical: tuple[str, ...] = ()
    own_sizes_F: tuple[int, ...] = ()

    @cached_property
    def starts_F(self) -> Ints:
        """First column of each feature, and K at the end: F + 1 numbers."""
        return np.concatenate(([0], np.cumsum(self.sizes_F, dtype=np.int64)))

    @property
    def columns(self) -> int:
        """K: columns of the union vocabulary."""
        return int(self.starts_F[-1])

    @property
    def shared(self) -> FeatureSpace:
        """The same without the users' own features."""
        return FeatureSpace(self.continuous, self.categorical, self.sizes_F)

    def columns_of(self, side: Side) -> int:
        """Columns that a row of this side may have entries in: K, and for users their own behind."""
        return self.columns + (sum(self.own_sizes_F) if side == "user" else 0)

    def own_columns_but(self, name: str) -> Ints:
        """Return the columns of `own_matrix` that are not of this discrete feature."""
        name_C = np.repeat(
            (*self.own_continuous, *self.own_categorical),
            (*[1] * len(self.own_continuous), *self.own_sizes_F),
        )
        return np.flatnonzero(name_C != name)

    @cached_property
    def widths_F(self) -> tuple[int, ...]:
        """d_f = ⌈log2 |f|⌉, at least 1: width of each feature's embedding [T §4.3]."""
        return tuple(_embedding_width(size) for size in self.sizes_F)

    @cached_property
    def own_widths_F(self) -> tuple[int, ...]:
        """The same of the users' own features."""
        return tuple(_embedding_width(size) for size in self.own_sizes_F)

    @property
    def width(self) -> int:
        """|e_u| = |e_v| = |F_cont| + Σ d_f [T eq. 4.16]."""
        return len(self.continuous) + sum(self.widths_F)


def _embedding_width(size: int) -> int:
    return max(1, math.ceil(math.log2(size)))


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
        F, rows_B = self.features, np.asarray(rows_B, dtype=np.int64)
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
    def write(
        cls, folder: Path, parts: Iterable[EncodedRows], offsets: type[np.signedinteger]
    ) -> EncodedRows:
        """Write parts one behind the other, none of which needs to stay in memory, and map the whole.

        `offsets` is the type of the offsets: four bytes are enough for 2³¹ entries, and half of eight.
        """
        folder.mkdir()
        entries = 0
        with ExitStack() as stack:
            numbers, places, columns, weights = (
                stack.enter_context(GrowingArray(folder / f"{field.name}.npy")) for field in fields(cls)
            )
            places.append(np.zeros(1, dtype=offsets))
            for part in parts:
                numbers.append(part.continuous_NC)
                places.append((part.offsets[1:] + entries).astype(offsets))
                columns.append(part.columns_E)
                weights.append(part.weights_E)
                entries += len(part.columns_E)
        return cls.load(folder)

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
        numbers, features = len(space.continuous), len(space.categorical)
        if side == "user":
            numbers = 2 * numbers + len(space.own_continuous)
            features += len(space.own_categorical)
        return cls(
            continuous_NC=np.zeros((count, numbers), dtype=np.float32),
            offsets=np.zeros(count * features + 1, dtype=np.int64),
            columns_E=np.empty(0, dtype=np.int32),
            weights_E=np.empty(0, dtype=np.float32),
        )

    def beside(self, own: EncodedRows, space: FeatureSpace) -> EncodedRows:
        """Return these profiles with the users' own features, one row of `own` for each."""
        lengths_NF = np.hstack(
            [np.diff(rows.offsets).reshape(len(self), rows.features) for rows in (self, own)]
        )
        ends = np.cumsum(lengths_NF.ravel())
        is_own_E = np.repeat(
            np.tile(np.arange(lengths_NF.shape[1]) >= self.features, len(self)), lengths_NF.ravel()
        )
        columns_E = np.empty(len(is_own_E), dtype=np.int32)
        weights_E = np.empty(len(is_own_E), dtype=np.float32)
        for rows, chosen_E, first in ((self, ~is_own_E, 0), (own, is_own_E, space.columns)):
            columns_E[chosen_E] = rows.columns_E + first
            weights_E[chosen_E] = rows.weights_E
        return EncodedRows(
            continuous_NC=np.hstack([self.continuous_NC, own.continuous_NC]),
            offsets=np.concatenate(([0], ends)),
            columns_E=columns_E,
            weights_E=weights_E,
        )

    def matrix(self, space: FeatureSpace, *, side: Side) -> sparse.csr_array:
        """Return the raw input in the columns that users and items share: (N, C + K).

        A user is there without his standard deviations (method §9) and features of his own.
        """
        shared = self._discrete(space, side)[:, : space.columns]
        numbers_NC = sparse.csr_array(self.continuous_NC[:, : len(space.continuous)])
        return sparse.csr_array(sparse.hstack([numbers_NC, shared], format="csr"))

    def own_matrix(self, space: FeatureSpace) -> sparse.csr_array:
        """Return the users' own features, numbers first: (N, own numbers + own columns)."""
        own = self._discrete(space, "user")[:, space.columns :]
        numbers_NC = sparse.csr_array(self.continuous_NC[:, 2 * len(space.continuous) :])
        return sparse.csr_array(sparse.hstack([numbers_NC, own], format="csr"))

    def _discrete(self, space: FeatureSpace, side: Side) -> sparse.csr_array:
        row_offsets = self.offsets[:: max(self.features, 1)] if len(self) else self.offsets
        return sparse.csr_array(
            (self.weights_E, self.columns_E, row_offsets), shape=(len(self), space.columns_of(side))
        )
