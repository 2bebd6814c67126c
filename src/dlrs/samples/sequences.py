"""Sequences: what users met, in the order of time, and the stretches of it that a step learns from.

A stretch is up to L + 1 events of one user: every event but the first is to be told from those before it in
the stretch. Events that lie in the same span of time may stand in any order (a whole shelf listed on one
day says nothing about order), so each epoch puts them in another one.

    E events    W stretches    L events that a network looks back at
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from dlrs.arrays import AnyArray, Bools, Ints, StoredArrays, gather_ranges
from dlrs.data.interactions import Interactions

TOGETHER = 16
"""Batches whose stretches are sorted by length together: little padding, and still much of a random order."""


@dataclass(frozen=True)
class Sequences(StoredArrays):
    """The events of U users, user by user, each in the order of time."""

    offsets_U1: Ints
    item_E: AnyArray  # int32, for there may be tens of millions of events
    version_E: AnyArray  # int32: the item version that the user saw
    time_E: Ints  # microseconds since the epoch
    type_E: AnyArray  # int8

    @classmethod
    def collect(cls, log: Interactions, users: int) -> Sequences:
        """Sort a log by user row; an item that follows itself, unchanged, counts once."""
        order_E = np.argsort(log.user_E, kind="stable")
        user_E = log.user_E[order_E]
        kept_E = ~repeated(user_E, log.version_E[order_E])
        order_E, user_E = order_E[kept_E], user_E[kept_E]
        offsets_U1 = np.concatenate(([0], np.cumsum(np.bincount(user_E, minlength=users))))
        return cls(
            offsets_U1,
            item_E=log.item_E[order_E].astype(np.int32),
            version_E=log.version_E[order_E].astype(np.int32),
            time_E=log.time_E[order_E],
            type_E=log.type_E[order_E].astype(np.int8),
        )

    def __len__(self) -> int:
        return len(self.item_E)

    @cached_property
    def new_E(self) -> Bools:
        """Which events are the first of their user and item, in the order that they stand in."""
        user_E = np.repeat(np.arange(len(self.offsets_U1) - 1), np.diff(self.offsets_U1))
        _, first = np.unique(user_E * (int(self.item_E.max(initial=0)) + 1) + self.item_E, return_index=True)
        new_E = np.zeros(len(self), dtype=np.bool_)
        new_E[first] = True
        return new_E

    def some(self, users: int, rng: np.random.Generator) -> Sequences:
        """Return those of so many users, drawn from who has two events or more; all if there are fewer."""
        several_U = np.flatnonzero(np.diff(self.offsets_U1) > 1)
        if len(several_U) <= users:
            return self
        lengths_U = np.zeros(len(self.offsets_U1) - 1, dtype=np.int64)
        drawn = rng.choice(several_U, users, replace=False)
        lengths_U[drawn] = np.diff(self.offsets_U1)[drawn]
        events = gather_ranges(self.offsets_U1[:-1], lengths_U)
        offsets_U1 = np.concatenate(([0], np.cumsum(lengths_U)))
        columns = (self.item_E, self.version_E, self.time_E, self.type_E)
        return Sequences(offsets_U1, *(column[events] for column in columns))

    def mixed(self, span: int, rng: np.random.Generator) -> Sequences:
        """Return them with the events of a user within a span (microseconds) in random order; 0: as is."""
        if span == 0:
            return self
        user_E = np.repeat(np.arange(len(self.offsets_U1) - 1), np.diff(self.offsets_U1))
        order_E = np.lexsort((rng.random(len(self)), self.time_E // span, user_E))
        columns = (self.item_E, self.version_E, self.time_E, self.type_E)
        return Sequences(self.offsets_U1, *(column[order_E] for column in columns))

    def batches(self, length: int, size: int) -> int:
        """Return about how many batches of so many stretches an epoch has."""
        steps_U = np.maximum(np.diff(self.offsets_U1) - 1, 0)
        return max(1, int((-(-steps_U // length)).sum()) // size)

    def stretches(self, length: int, rng: np.random.Generator) -> tuple[Ints, Ints]:
        """Return start and length of stretches of 2 to `length` + 1 events that hold every transition once.

        A user's stretches overlap by one event. Where a long history is cut is drawn anew each time, so that
        no event always lacks what came before it.
        """
        counts_U = np.diff(self.offsets_U1)
        several_U = np.flatnonzero(counts_U > 1)
        steps_U = counts_U[several_U] - 1
        # the first stretch of a longer history has a random part of the length
        shift_U = np.where(steps_U > length, rng.integers(0, length, len(steps_U)), 0)
        pieces_U = -(-(steps_U + shift_U) // length)
        within_W = gather_ranges(np.zeros_like(pieces_U), pieces_U)
        begin_W = within_W * length - np.repeat(shift_U, pieces_U)
        end_W = np.minimum(begin_W + length, np.repeat(steps_U, pieces_U))
        begin_W = np.maximum(begin_W, 0)
        starts_W = np.repeat(self.offsets_U1[several_U], pieces_U) + begin_W
        return starts_W, end_W - begin_W + 1


@dataclass(frozen=True)
class SequenceBatch:
    """B stretches side by side, each at the right edge: event `event_BL` comes after those to its left.

    What is to be told after place l of a row is `target_BL`, −1 where there is nothing.
    """

    event_BL: Ints  # positions in the sequences, −1 for padding
    target_BL: Ints

    @property
    def known_BL(self) -> Bools:
        """Where there is an event."""
        return self.event_BL >= 0


def sequence_batches(
    starts_W: Ints, lengths_W: Ints, size: int, rng: np.random.Generator
) -> Iterator[SequenceBatch]:
    """Yield stretches of similar length together, in random order, `size` of them at a time."""
    order_W = rng.permutation(len(starts_W))
    groups = np.array_split(order_W, max(1, -(-len(order_W) // (size * TOGETHER))))
    batches = [
        batch
        for group in groups
        for batch in _chopped(group[np.argsort(lengths_W[group], kind="stable")], size)
    ]
    for chosen in rng.permutation(len(batches)):
        rows_B = batches[chosen]
        yield _side_by_side(starts_W[rows_B], lengths_W[rows_B])


def repeated(user_E: Ints, version_E: Ints) -> Bools:
    """Tell which events show their user what the one before showed him. They stand user by user."""
    again_E = np.zeros(len(user_E), dtype=np.bool_)
    again_E[1:] = (user_E[1:] == user_E[:-1]) & (version_E[1:] == version_E[:-1])
    return again_E


def _chopped(rows: Ints, size: int) -> list[Ints]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def _side_by_side(starts_B: Ints, lengths_B: Ints) -> SequenceBatch:
    longest = int(lengths_B.max()) - 1
    place_BL = np.arange(longest) - (longest - (lengths_B[:, None] - 1))
    event_BL = np.where(place_BL >= 0, starts_B[:, None] + place_BL, -1)
    return SequenceBatch(event_BL, np.where(place_BL >= 0, event_BL + 1, -1))
