"""Profiles: what the events of a trailing window say about each user, before any encoding."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields

import numpy as np
import pyarrow as pa

from dlrs.arrays import AnyArray, Doubles, Floats, Ints, StoredArrays


@dataclass(frozen=True)
class ValueCounts:
    """Weighted counts of one discrete feature's values in long form: E entries."""

    profile_E: AnyArray  # whole numbers
    value_E: pa.Array  # text or a dictionary of it, never null
    weight_E: Doubles


@dataclass(frozen=True)
class ProfileFacts(StoredArrays):
    """Whose the P profiles are, in the order (period, user row), and their numbers.

    Two facts stand beside the values (method §2): `events_P`, how many events there were
    (confidence), and `known_PF`, in what share of them the feature was known (its importance). Means
    and standard deviations are weighted like the counts; NaN where the feature was never known.
    """

    user_P: Ints
    period_P: Ints
    events_P: Ints
    known_PF: Floats
    mean_PC: Doubles
    std_PC: Doubles

    def __len__(self) -> int:
        return len(self.user_P)

    @classmethod
    def concatenate(cls, parts: Iterable[ProfileFacts]) -> ProfileFacts:
        """Return the facts of all parts, one part after the other."""
        columns = zip(*([getattr(part, field.name) for field in fields(cls)] for part in parts), strict=True)
        return cls(*(np.concatenate(column) for column in columns))

    def in_periods(self, until: int) -> ProfileFacts:
        """Return the facts of the profiles before period `until`."""
        rows = self.period_P < until
        return ProfileFacts(*(getattr(self, field.name)[rows] for field in fields(self)))

    def rows(self, periods: int, users: int) -> Ints:
        """Return the profile row of each (period, user row), −1 where there is none: (Q, U)."""
        rows_QU = np.full((periods, users), -1, dtype=np.int64)
        rows_QU[self.period_P, self.user_P] = np.arange(len(self))
        return rows_QU

    @property
    def numbers(self) -> Doubles:
        """The continuous input of UserNet before scaling: means ⊕ standard deviations, (P, 2C)."""
        return np.hstack([self.mean_PC, self.std_PC])


@dataclass(frozen=True)
class Profiles:
    """P profiles: their facts, and the weighted counts by discrete feature."""

    facts: ProfileFacts
    counts: Mapping[str, ValueCounts]

    def __len__(self) -> int:
        return len(self.facts)
