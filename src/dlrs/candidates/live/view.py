"""View: a live index as it is after one change, whatever comes later.

A *place* is a position in it: 0 … N − 1 in the snapshot, from N on in the delta.

    N items of the snapshot    n items of the delta    A both, gone or not
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import pyarrow as pa

from dlrs.arrays import NO_ITEM, Bools, Floats, Ints
from dlrs.candidates.filtering.filters import Filter
from dlrs.candidates.filtering.growing import AttributeRows
from dlrs.candidates.index import ExcludingIndex
from dlrs.candidates.live.delta import DeltaRows
from dlrs.candidates.live.items import Ids, LiveItems, positions_of
from dlrs.candidates.live.snapshot import Snapshot
from dlrs.candidates.metric import nearest_first

SPARE = 32
"""Items of the snapshot asked for beyond those wanted and the share that is gone."""

MORE = 8
"""Where too few are left, so many times more are asked for."""


@dataclass(frozen=True)
class View:
    """Snapshot, delta and tombstones at one moment; it proposes as an index does."""

    snapshot: Snapshot
    delta: DeltaRows
    seq: int
    """The last change that it sees."""
    died_N: Ints
    """The change by which each item of the snapshot went, 0 for none; later changes stand in it, too."""
    dead_rows: Ints  # items of the snapshot that are gone
    alive: int  # items that are not, of both
    rows_of: Mapping[bytes, Sequence[int]]  # where an id stands in the delta, ascending; later rows, too
    attributes: AttributeRows | None  # of the delta; of later rows, too
    tables: Sequence[pa.Table]  # what these are made of
    mark: int = 0  # the caller's number of the last change that had one

    def __len__(self) -> int:
        return self.alive

    @property
    def dead(self) -> int:
        """How many items of the snapshot are gone."""
        return len(self.dead_rows)

    @property
    def places(self) -> int:
        """A."""
        return len(self.snapshot) + len(self.delta)

    def propose(self, queries_UD: Floats, count: int) -> tuple[Ints, Floats]:
        """Return the places of the nearest items that are alive; see `candidates.index.Proposes`."""
        count = min(count, self.alive)
        near = self._of_snapshot(queries_UD, count, self.snapshot.index.propose)
        if len(self.delta) == 0:
            return near
        return self.with_delta(queries_UD, count, *near, ~self._went(self.delta.died_n))

    def propose_without(self, queries_UD: Floats, count: int, known: Ints) -> tuple[Ints, Floats]:
        """Return what `propose` does, but none of the known places, each named once.

        Only where the snapshot's index can leave rows out.
        """
        index, N = self.snapshot.index, len(self.snapshot)
        assert isinstance(index, ExcludingIndex)
        without = known[known < N]
        propose = partial(index.propose_without, without=without) if len(without) else index.propose
        near = self._of_snapshot(queries_UD, min(count, self.alive), propose)
        chosen_n = ~self._went(self.delta.died_n)
        chosen_n[known[known >= N] - N] = False
        return self.with_delta(queries_UD, count, *near, chosen_n)

    def with_delta(
        self, queries_UD: Floats, count: int, places_UK: Ints, similarity_UK: Floats, chosen_n: Bools
    ) -> tuple[Ints, Floats]:
        """Merge what was found in the snapshot, nearest first, with items of the delta: (U, count or less).

        `NO_ITEM` and −∞ are where nothing was found.
        """
        if len(self.delta) == 0:
            places_UK = np.where(np.isneginf(similarity_UK), NO_ITEM, places_UK)
            return places_UK[:, :count], similarity_UK[:, :count]
        added_Un = self.delta.similarity(queries_UD, self.snapshot.kept.settings.metric)
        np.copyto(added_Un, -np.inf, where=~chosen_n)
        if count and similarity_UK.shape[1] == count:  # only those nearer than the last one matter
            new = np.flatnonzero((added_Un >= similarity_UK[:, -1:]).any(axis=0))
        else:
            new = np.arange(len(self.delta))
        new_Un = np.broadcast_to(new + len(self.snapshot), (len(queries_UD), len(new)))
        both_UK = np.hstack([np.maximum(places_UK, 0), new_Un])
        places_UK, similarity_UK = nearest_first(both_UK, np.hstack([similarity_UK, added_Un[:, new]]))
        places_UK = np.where(np.isneginf(similarity_UK), NO_ITEM, places_UK)
        return places_UK[:, :count], similarity_UK[:, :count]

    def gone_N(self) -> Bools:
        """Tell of each item of the snapshot whether it is gone."""
        gone_N = np.zeros(len(self.snapshot), dtype=np.bool_)
        gone_N[self.dead_rows] = True
        return gone_N

    def passing(self, filters: Sequence[Filter]) -> Bools:
        """Tell which items of the delta are alive and pass filters: (n,). RequestError as `kinds.check`."""
        assert self.attributes is not None
        alive_n = ~self._went(self.delta.died_n)
        return alive_n & self.attributes.mask(filters)[: len(alive_n)]

    def gone(self, places: Ints) -> Bools:
        """Tell of each place whether its item was deleted, or replaced by a newer version; of any shape."""
        N = len(self.snapshot)
        in_snapshot, in_delta = (places >= 0) & (places < N), places >= N
        died = np.zeros(places.shape, dtype=np.int64)
        died[in_snapshot] = self.died_N[places[in_snapshot]]
        died[in_delta] = self.delta.died_n[places[in_delta] - N]
        return self._went(died)

    def take(self, places_B: Ints) -> LiveItems:
        """Return the items at some places, in the order given."""
        if len(self.delta) == 0 or not (places_B >= len(self.snapshot)).any():
            return self.snapshot.items.take(places_B)
        old, new, back_B = self._rows(places_B)
        parts = self.snapshot.items.take(old), self.delta.items.take(new)
        return LiveItems.concatenate(parts).take(back_B)

    def facts(self, places_B: Ints) -> pa.Table | None:
        """Return the raw features of the items at some places, those in the snapshot ascending."""
        if self.snapshot.facts is None:
            return None
        old, new, back_B = self._rows(places_B)
        first = int(old[0]) if len(old) else 0  # a slice first: to take from many chunks is slow
        span = self.snapshot.facts.slice(first, int(old[-1]) - first + 1 if len(old) else 0)
        return pa.concat_tables([span.take(old - first), self._came.take(new)]).take(back_B)

    def _rows(self, places_B: Ints) -> tuple[Ints, Ints, Ints]:
        """Return rows of the snapshot, rows of the delta, and where each place is in both put together."""
        in_delta_B = places_B >= len(self.snapshot)
        back_B = np.empty(len(places_B), dtype=np.int64)
        back_B[np.argsort(in_delta_B, kind="stable")] = np.arange(len(places_B))
        return places_B[~in_delta_B], places_B[in_delta_B] - len(self.snapshot), back_B

    @cached_property
    def _came(self) -> pa.Table:
        assert self.snapshot.facts is not None
        return pa.concat_tables([self.snapshot.facts.slice(0, 0), *self.tables]).combine_chunks()

    def find(self, ids_B: Ids) -> Ints:
        """Return the place of each id, −1 for those that were never there; it may be that of a gone item."""
        n, rows_of = len(self.delta), self.rows_of
        old_B = positions_of(self.snapshot.items.ids_N, ids_B)
        if not rows_of:
            return old_B
        delta_B = np.full(len(ids_B), -1, dtype=np.int64)
        for place, id in enumerate(ids_B.tolist()):
            if id in rows_of:  # few are
                delta_B[place] = next((row for row in reversed(rows_of[id]) if row < n), -1)
        return np.where(delta_B >= 0, len(self.snapshot) + delta_B, old_B)

    def in_order(self) -> Ints:
        """Return the places of all items that are alive, ascending by id."""
        old = np.flatnonzero(~self._went(self.died_N))
        new = np.flatnonzero(~self._went(self.delta.died_n))
        ids = self.delta.items.ids_N[new]
        sorted_new = new[np.argsort(ids)]
        before = np.searchsorted(self.snapshot.items.ids_N, self.delta.items.ids_N[sorted_new])
        order = np.argsort(np.concatenate([2 * old + 1, 2 * before]), kind="stable")
        return np.concatenate([old, len(self.snapshot) + sorted_new])[order]

    def _of_snapshot(
        self, queries_UD: Floats, count: int, propose: Callable[[Floats, int], tuple[Ints, Floats]]
    ) -> tuple[Ints, Floats]:
        """Return `count` of its items that are alive, or as many as there are; `NO_ITEM` and −∞ elsewhere."""
        N, spare = len(self.snapshot), SPARE + self.dead * count // max(1, len(self.snapshot))
        while True:
            spare = min(spare, self.dead)
            rows_UK, similarity_UK = propose(queries_UD, min(count + spare, N))
            if self.dead == 0:
                return rows_UK[:, :count], similarity_UK[:, :count]
            gone_UK = self._went(self.died_N[rows_UK])
            if spare == self.dead or (np.count_nonzero(~gone_UK, axis=1) >= count).all():
                break
            spare *= MORE
        similarity_UK[gone_UK] = -np.inf
        rows_UK, similarity_UK = nearest_first(rows_UK, similarity_UK)
        rows_UK = np.where(np.isneginf(similarity_UK), NO_ITEM, rows_UK)
        return rows_UK[:, :count], similarity_UK[:, :count]

    def _went(self, died: Ints) -> Bools:
        went: Bools = (died > 0) & (died <= self.seq)
        return went
