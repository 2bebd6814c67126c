"""Profiles: what the events of a trailing window say about each user, before any encoding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from dlrs.arrays import Doubles, Floats, Ints


@dataclass(frozen=True)
class ValueCounts:
    """Weighted counts of one categorical feature's values in long form: E entries."""

    profile_E: Ints
    value_E: pa.Array  # text, never null
    weight_E: Doubles


@dataclass(frozen=True)
class Profiles:
    """P profiles, in the order (period, user row).

    Two facts stand beside the values (method §2): `events_P`, how many events there were
    (confidence), and `known_PF`, in what share of them the feature was known (its importance). Means
    and standard deviations are weighted like the counts; NaN where the feature was never known.
    """

    user_P: Ints
    period_P: Ints
    events_P: Ints
    counts: Mapping[str, ValueCounts]  # by categorical feature
    known_PF: Floats
    mean_PC: Doubles
    std_PC: Doubles

    def __len__(self) -> int:
        return len(self.user_P)
