"""The event log as a Parquet file: who did what with which version of which ad, in the order of time.

It is written in row groups, so that only one of them is in memory in the form of the file.

Shapes: E events, V versions, N ads, U users.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dlrs.arrays import Ints
from dlrs.progress import track
from dlrs.schema import ITEM, TIME, TYPE, USER, VERSION
from dlrs.simulator.chains import TYPES, Events
from dlrs.simulator.history import History
from dlrs.simulator.tables import MOMENT, moments

ROWS = 1_000_000  # of a group
SCHEMA = pa.schema(
    {
        USER: pa.int64(),
        ITEM: pa.int64(),
        VERSION: pa.int32(),
        TIME: MOMENT,
        TYPE: pa.dictionary(pa.int8(), pa.string()),
    }
)


def write_events(
    events: Events, history: History, user_ids_U: Ints, item_ids_N: Ints, start: datetime, file: Path
) -> None:
    """Write all events; the same events give the same bytes."""
    seen = _VersionsSeen(history)
    groups = range(0, max(len(events), 1), ROWS)
    with pq.ParquetWriter(file, SCHEMA, compression="zstd", store_schema=False) as writer:
        for at in track(groups, "writing events", total=len(groups)):
            part = events.take(slice(at, at + ROWS))
            columns = {
                USER: pa.array(user_ids_U[part.user_E]),
                ITEM: pa.array(item_ids_N[part.item_E]),
                VERSION: pa.array(seen.numbers(part).astype(np.int32)),
                TIME: moments(part.time_E, start),
                TYPE: pa.DictionaryArray.from_arrays(pa.array(part.type_E), pa.array(TYPES)),
            }
            writer.write_table(pa.table(columns, schema=SCHEMA), row_group_size=ROWS)


class _VersionsSeen:
    """Which version of its ad each event saw: the last one before it."""

    def __init__(self, history: History) -> None:
        self._number_V = history.number_V
        self._first = int(history.time_V.min())
        self._span = int(history.time_V.max()) - self._first + 1
        self._key_V = history.item_V.astype(np.int64) * self._span + (history.time_V - self._first)

    def numbers(self, events: Events) -> Ints:
        """Return the versions' numbers. Looking them up by ad is several times as fast as by time."""
        offset_E = np.minimum(events.time_E.astype(np.int64) - self._first, self._span - 1)
        key_E = events.item_E.astype(np.int64) * self._span + offset_E
        order_E = np.argsort(key_E)
        version_E = np.searchsorted(self._key_V, key_E[order_E], side="right") - 1
        number_E = np.empty_like(key_E)
        number_E[order_E] = self._number_V[version_E]
        return number_E
