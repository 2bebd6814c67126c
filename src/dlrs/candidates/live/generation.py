"""Generation: a snapshot and everything that happened since; what the one writer changes.

Whoever searches is given a `View` of it, which later changes do not touch: each item that goes is marked with
the number of the change, and a view looks at the numbers up to its own only.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from dlrs.arrays import Bools, Ints
from dlrs.candidates.filtering.growing import AttributeRows
from dlrs.candidates.live.changes import Changes
from dlrs.candidates.live.delta import Column, Delta
from dlrs.candidates.live.items import Ids, positions_of
from dlrs.candidates.live.snapshot import Snapshot
from dlrs.candidates.live.view import View


class Generation:
    """One snapshot, its tombstones, and a delta."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.seq = snapshot.seq
        self.mark = 0
        """The caller's number of how far he is; see `Log.mark`."""
        self._delta = Delta(snapshot.items)
        self._died_N = np.zeros(len(snapshot), dtype=np.int64)
        self._dead_rows = Column(np.empty(0, dtype=np.int64))
        self._in_delta = 0
        self._rows_of: dict[bytes, list[int]] = {}
        attributes = snapshot.attributes
        self._attributes = None if attributes is None else AttributeRows(attributes.kinds)
        self._tables: list[pa.Table] = []

    def apply(self, changes: Changes, last: int) -> None:
        """Take changes of distinct ids, the last of which has this number; views from now on see them."""
        ids = changes.items.ids_N
        self._bury(ids, last)
        came_B = ~changes.gone_B
        if self._attributes is not None and changes.facts is not None:
            facts = changes.facts.filter(came_B)
            self._attributes.extend(facts)
            self._tables.append(facts)
        for row, id in enumerate(ids[came_B].tolist(), start=len(self._delta)):
            self._rows_of.setdefault(id, []).append(row)
        self._delta.append(changes.items.take(came_B))
        self._in_delta += int(np.count_nonzero(came_B))
        self.seq = last

    def view(self) -> View:
        """Return what there is now."""
        return View(
            self.snapshot,
            self._delta.rows(),
            self.seq,
            self._died_N,
            self._dead_rows.filled,
            len(self.snapshot) - len(self._dead_rows) + self._in_delta,
            self._rows_of,
            self._attributes,
            self._tables,
            self.mark,
        )

    def holds(self, ids_B: Ids) -> Bools:
        """Tell which ids are there."""
        rows_B, delta_B = self._alive(ids_B)
        return (rows_B >= 0) | (delta_B >= 0)

    def _bury(self, ids_B: Ids, seq: int) -> None:
        rows_B, delta_B = self._alive(ids_B)
        rows, delta = rows_B[rows_B >= 0], delta_B[delta_B >= 0]
        self._died_N[rows] = seq
        self._delta.bury(delta, seq)
        self._dead_rows.append(rows)
        self._in_delta -= len(delta)

    def _alive(self, ids_B: Ids) -> tuple[Ints, Ints]:
        """Return where each id is alive, as a row of the snapshot and of the delta; −1 where it is not."""
        rows_B = positions_of(self.snapshot.items.ids_N, ids_B)
        last = [self._rows_of.get(id, [-1])[-1] for id in ids_B.tolist()]
        delta_B = np.array(last, dtype=np.int64)
        return _where_alive(rows_B, self._died_N), _where_alive(delta_B, self._delta.rows().died_n)


def _where_alive(rows_B: Ints, died: Ints) -> Ints:
    alive_B = rows_B >= 0
    alive_B[alive_B] = died[rows_B[alive_B]] == 0
    return np.where(alive_B, rows_B, -1)
