"""Sets: what a user met without its order, and what of it a step tells from all the rest.

A stretch of a user's events is his set. A piece of it, a few events, is told at a time: so one user comes in
several steps of an epoch, among others each time. If all that he met were told in one step, his own embedding
would be pulled once an epoch, and in a direction that no other step corrects. An item that he met more than
once is told from what is not that item.

    V pieces    B those of a step    E events of their stretches    P events to be told
    X events that show what is to be told
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from dlrs.arrays import Ints, gather_ranges
from dlrs.samples.sequences import Sequences


@dataclass(frozen=True)
class SetBatch:
    """Stretches of users' events, and what is to be told of them."""

    start_B: Ints  # position in the sequences of each stretch's first event
    event_E: Ints  # those of all, stretch by stretch
    row_E: Ints  # which stretch each is of
    target_P: Ints  # positions in the sequences
    row_P: Ints
    same_X: Ints  # places in `event_E` of the item that is told
    asked_X: Ints  # places in `target_P`


@dataclass(frozen=True)
class Pieces:
    """What an epoch tells, piece by piece: events `first` to `first + count` of a stretch."""

    stretches: int
    start_V: Ints  # of its stretch, a position in the sequences
    length_V: Ints
    first_V: Ints
    count_V: Ints

    @classmethod
    def of(cls, offsets_U1: Ints, length: int, spread: int) -> Pieces:
        """Cut each user's events into stretches of about one size, `length` at most.

        Each stretch is cut into `spread` pieces, or as many as it has events.
        """
        counts_U = np.diff(offsets_U1)
        several = np.flatnonzero(counts_U > 1)
        events_U = counts_U[several]
        of_W, begin_W, end_W = _cut(events_U, -(-events_U // max(2, length)))
        start_W, length_W = offsets_U1[several][of_W] + begin_W, end_W - begin_W
        of_V, begin_V, end_V = _cut(length_W, np.minimum(spread, length_W))
        return cls(len(length_W), start_W[of_V], length_W[of_V], start_W[of_V] + begin_V, end_V - begin_V)

    def __len__(self) -> int:
        return len(self.start_V)

    def batches(self, size: int, rng: np.random.Generator) -> list[Ints]:
        """Return which pieces a step has, in random order: it tells as much as `size` stretches hold."""
        return np.array_split(rng.permutation(len(self)), max(1, -(-self.stretches // size)))


def _cut(length_R: Ints, parts_R: Ints) -> tuple[Ints, Ints, Ints]:
    """Cut ranges into so many parts of about one size: which range each is of, its begin and end in it."""
    of_S = np.repeat(np.arange(len(length_R)), parts_R)
    within_S = gather_ranges(np.zeros_like(parts_R), parts_R)
    begin_S, end_S = ((within_S + i) * length_R[of_S] // parts_R[of_S] for i in (0, 1))
    return of_S, begin_S, end_S


def set_batches(sequences: Sequences, pieces: Pieces, batches: Iterable[Ints]) -> Iterator[SetBatch]:
    """Yield a batch of each list of pieces.

    Told is what its user meets there for the first time, if his stretch holds something else besides.
    """
    for chosen in batches:
        yield _batch(sequences, pieces, chosen)


def _batch(sequences: Sequences, pieces: Pieces, chosen_B: Ints) -> SetBatch:
    start_B, length_B = pieces.start_V[chosen_B], pieces.length_V[chosen_B]
    count_B = pieces.count_V[chosen_B]
    event_E, row_E = gather_ranges(start_B, length_B), np.repeat(np.arange(len(chosen_B)), length_B)
    target_P = gather_ranges(pieces.first_V[chosen_B], count_B)
    row_P = np.repeat(np.arange(len(chosen_B)), count_B)
    # the events of a row that show one item are neighbours in this order
    items = int(sequences.item_E.max(initial=0)) + 1
    key_E, key_P = (
        row * items + sequences.item_E[event] for row, event in ((row_E, event_E), (row_P, target_P))
    )
    order_E = np.argsort(key_E, kind="stable")
    begin_P, end_P = (np.searchsorted(key_E[order_E], key_P, side=side) for side in ("left", "right"))
    told_P = sequences.new_E[target_P] & (end_P - begin_P < length_B[row_P])
    begin_P, count_P = begin_P[told_P], (end_P - begin_P)[told_P]
    same_X = order_E[gather_ranges(begin_P, count_P)]
    asked_X = np.repeat(np.arange(len(count_P)), count_P)
    return SetBatch(start_B, event_E, row_E, target_P[told_P], row_P[told_P], same_X, asked_X)
