"""Batches: pairs in a random order, with each distinct profile and item version of a batch once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from dlrs.arrays import Floats, Ints
from dlrs.features.rows import EncodedRows
from dlrs.samples.order import shuffled
from dlrs.samples.pairs import Pairs


@dataclass(frozen=True)
class Batch:
    """B pairs. `user_B` and `item_B` are rows of `users` and `items`, which hold nothing twice.

    They are one worker's share of a batch of `whole` pairs; of a few pairs he may have none.
    """

    users: EncodedRows
    items: EncodedRows
    user_B: Ints
    item_B: Ints
    label_B: Floats
    whole: int

    def __len__(self) -> int:
        return len(self.label_B)


@dataclass(frozen=True)
class Batches:
    """All pairs once an epoch, in an order that depends on (seed, epoch) alone.

    So (epoch, step) is all that must be remembered to go on in the middle of an epoch. Of several workers
    each takes its part of every batch.
    """

    pairs: Pairs
    profiles: EncodedRows
    versions: EncodedRows
    size: int
    seed: int
    together: int = 1  # pairs of one profile that stand side by side, at most
    worker: int = 0
    workers: int = 1

    def __len__(self) -> int:
        """Return the steps of an epoch; the last batch may be smaller than `size`."""
        return -(-len(self.pairs) // self.size)

    def epoch(self, epoch: int, *, step: int = 0) -> Iterator[Batch]:
        """Yield the batches of an epoch from `step` on."""
        order_P = shuffled(self.pairs.profile_P, self.together, np.random.default_rng([self.seed, epoch]))
        for start in range(step * self.size, len(order_P), self.size):
            whole = order_P[start : start + self.size]
            share_B = np.array_split(whole, self.workers)[self.worker]
            yield self.at(share_B, whole=len(whole))

    def at(self, rows_B: Ints, *, whole: int | None = None) -> Batch:
        """Return the batch of the pairs in these rows, in the order given: a share of so many, or all."""
        profiles, user_B = np.unique(self.pairs.profile_P[rows_B], return_inverse=True)
        versions, item_B = np.unique(self.pairs.version_P[rows_B], return_inverse=True)
        return Batch(
            users=self.profiles.take(profiles),
            items=self.versions.take(versions),
            user_B=user_B,
            item_B=item_B,
            label_B=self.pairs.label_P[rows_B],
            whole=len(rows_B) if whole is None else whole,
        )
