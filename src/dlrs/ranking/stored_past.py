"""Stored past: what a log says at its end and later, as arrays that are mapped from a bundle.

*.npy                                        the arrays below
successions/, nexts/, category_nexts/        the last successions of each item, or category + 1

Nobody asks about a moment before the end, so that of a user only his last events are kept, and of an item
only its last successions.

    E events    A arrivals    N items    U users    X last events of users, user by user    Z entries
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
from scipy import sparse

from dlrs.arrays import AnyArray, Bools, Columns, Floats, Ints, StoredArrays, gather_ranges
from dlrs.ranking.past import NEAR, Past
from dlrs.ranking.stretch import Events
from dlrs.ranking.successions import LastSuccessions
from dlrs.ranking.timelines import Timelines

MOMENT = "moment"
SUCCESSIONS, NEXTS, CATEGORY_NEXTS = "successions", "nexts", "category_nexts"


@dataclass(frozen=True)
class PastArrays(StoredArrays):
    """What is in the .npy files."""

    end: Ints  # (1,): microseconds since 1970; all events are before it
    time_E: Ints
    item_E: Columns
    by_item_E: Ints  # see `Timelines.sorted_E`
    by_category_E: Ints
    arrival_time_A: Ints
    arrival_A: Ints
    starts_U1: Ints  # of each user's last events
    item_X: Columns
    category_X: Columns
    time_X: Ints
    first_from_N: Ints
    category_N: Columns  # of the version that held at the end, or else the nearest one
    alive_N: Bools
    starts_Z: AnyArray  # N + 1: features of length 1 of the items that are alive
    column_Z: AnyArray
    weight_Z: Floats
    width: Ints  # (1,): columns


@dataclass(frozen=True)
class StoredPast:
    """The arrays as what is asked. Reading only: shared by threads and, as it is mapped, by processes."""

    arrays: PastArrays
    successions: LastSuccessions
    nexts: LastSuccessions
    category_nexts: LastSuccessions

    @classmethod
    def of(cls, past: Past, end: int) -> Self:
        """Take what a past says at `end`, before which all of its events are."""
        log, items = past.log, past.items
        N = items.catalog.items
        version_N = items.version_at(np.arange(N), np.full(N, end))
        alive_N = items.alive(np.arange(N), np.full(N, end))
        kept = sparse.diags_array(alive_N.astype(np.float32)) @ items.units(version_N)
        unit_NK = sparse.csr_array(kept)
        unit_NK.eliminate_zeros()
        starts_U1, event_X = _last_events(past)
        arrays = PastArrays(
            end=np.array([end]),
            time_E=log.time_E,
            item_E=log.item_E.astype(np.int32),
            by_item_E=past.item_times.sorted_E,
            by_category_E=past.category_times.sorted_E,
            arrival_time_A=past.arrivals.time_E,
            arrival_A=past.arrivals.sorted_E,
            starts_U1=starts_U1,
            item_X=log.item_E[event_X].astype(np.int32),
            category_X=(items.category_V[log.version_E[event_X]] + 1).astype(np.int32),
            time_X=log.time_E[event_X],
            first_from_N=items.first_from_N,
            category_N=items.category_V[version_N].astype(np.int32),
            alive_N=alive_N,
            starts_Z=unit_NK.indptr,
            column_Z=unit_NK.indices,
            weight_Z=unit_NK.data.astype(np.float32),
            width=np.array([unit_NK.shape[1]]),
        )
        stored = (past.successions, past.nexts, past.category_nexts)
        return cls(arrays, *(each.stored() for each in stored))

    def save(self, folder: Path) -> None:
        """Write everything into a folder."""
        self.arrays.save(folder)
        for name in (SUCCESSIONS, NEXTS, CATEGORY_NEXTS):
            stored: LastSuccessions = getattr(self, name)
            stored.save(folder / name)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Map what `save` wrote."""
        names = (SUCCESSIONS, NEXTS, CATEGORY_NEXTS)
        return cls(PastArrays.load(folder), *(LastSuccessions.load(folder / name) for name in names))

    @property
    def end(self) -> int:
        """All events are before it."""
        return int(self.arrays.end[0])

    @property
    def began(self) -> int | None:
        """When the first event happened; None without any."""
        return int(self.arrays.time_E[0]) if len(self.arrays.time_E) else None

    @cached_property
    def item_times(self) -> Timelines:
        """The events by item."""
        return Timelines.sorted_before(self.arrays.time_E, self.arrays.by_item_E)

    @cached_property
    def category_times(self) -> Timelines:
        """The events by category + 1."""
        return Timelines.sorted_before(self.arrays.time_E, self.arrays.by_category_E)

    @cached_property
    def arrivals(self) -> Timelines:
        """Those of them with which users came."""
        return Timelines.sorted_before(self.arrays.arrival_time_A, self.arrays.arrival_A)

    @cached_property
    def unit_NK(self) -> sparse.csr_array:
        """The features of the items that are alive, as rows of length 1."""
        arrays = self.arrays
        entries = (arrays.weight_Z, arrays.column_Z, arrays.starts_Z)
        return sparse.csr_array(entries, shape=(len(arrays.first_from_N), int(arrays.width[0])), copy=False)

    def last_of(self, users_X: Ints) -> Events:
        """Return the last events of some users, by user row; of rows that are not here none."""
        arrays = self.arrays
        here = users_X[users_X < len(arrays.starts_U1) - 1]
        length_U = arrays.starts_U1[here + 1] - arrays.starts_U1[here]
        found = gather_ranges(arrays.starts_U1[here], length_U)
        return Events(
            np.repeat(here, length_U),
            arrays.item_X[found].astype(np.int64),
            arrays.category_X[found].astype(np.int64),
            arrays.time_X[found],
        )


def _last_events(past: Past) -> tuple[Ints, Ints]:
    """Return where each user's last events begin, and their places in the log: all that successions need."""
    users = int(past.log.user_E.max(initial=-1)) + 1
    first_U = past.users.before(np.arange(users), np.array(0))
    end_U = past.users.before(np.arange(users) + 1, np.array(0))
    length_U = np.minimum(end_U - first_U, max(NEAR))
    event_X = past.users.sorted_E[gather_ranges(end_U - length_U, length_U)] % (len(past.log) + 1)
    return np.concatenate(([0], np.cumsum(length_U))), event_X
