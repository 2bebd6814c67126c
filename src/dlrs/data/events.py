"""Events: the log of interactions, each joined to the version of the item that its user saw."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import reduce
from pathlib import Path

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dlrs.data.bounds import first_reason
from dlrs.data.cleaning import REASON, Column, Quarantine, read_typed
from dlrs.data.engine import ROW, Engine, Table, batches
from dlrs.data.interactions import Interactions
from dlrs.data.items import ITEM_ROW, REPEAT, VERSION_ROW, Items, microseconds
from dlrs.data.sources import Source
from dlrs.data.values import coded
from dlrs.errors import DataError
from dlrs.schema import EVENT, ITEM, TIME, TYPE, USER, VALID_FROM, VALID_TO, VERSION, Marketplace

END_OF_TIME = ibis.literal(datetime.max.replace(tzinfo=UTC)).cast("timestamp('UTC')")
TYPE_ROW = "type_row"
NUMBERS = {
    ITEM_ROW: pa.int32(),
    VERSION_ROW: pa.int32(),
    TYPE_ROW: pa.int8(),
    TIME: pa.timestamp("us", "UTC"),
    ROW: pa.int64(),
}
"""What is left of a usable event beside its user."""


@dataclass(frozen=True)
class Events:
    """Usable events as arrays, the id of each of their user rows, and the events that are not usable.

    `negatives` are the events of the marketplace's negative types: of these `type_E` is the position there.
    """

    log: Interactions
    negatives: Interactions
    user_ids: pa.Array
    quarantine: Quarantine
    rows_read: int

    def with_users(self, ids: pa.Array) -> Events:
        """Return the same where users of these ids have rows, too, though they did nothing."""
        code_X, user_ids = coded(pa.chunked_array([self.user_ids, ids.cast(self.user_ids.type)]))
        if len(user_ids) == len(self.user_ids):
            return self
        row_U = code_X[: len(self.user_ids)].astype(np.int64)

        def moved(log: Interactions) -> Interactions:
            return replace(log, user_E=row_U[log.user_E])

        return replace(self, log=moved(self.log), negatives=moved(self.negatives), user_ids=user_ids)


def load_events(connection: Engine, marketplace: Marketplace, folder: Path, items: Items) -> Events:
    """Read and check the log, and join each event to a version: by its name, or by time.

    What is joined streams out of the engine: it never has the whole log, unless
    events have ids, and Python only its numbers.
    """
    source = Source.of(marketplace.events, folder)
    read = read_typed(connection, "events_read", source, _columns(marketplace))
    with connection.reading(source):
        typed = _with_repeats(_with_type_rows(read, marketplace, source))
        usable, left_out = _parted(_join_versions(typed, items, marketplace))
    kept = len(usable[TIME])
    if kept == 0:
        raise DataError(
            f"{source}: expected an event on an item of the item table, received none. Item ids of the log "
            f"look like {_some_ids(read)}, of the item table like {_some_ids(items.known)}; the reason is "
            f"'{left_out[REASON][0]}'."
        )
    log, user_ids = _log(usable)
    log, negatives = _without_negatives(log, len(marketplace.interaction_types))
    return Events(log, negatives, user_ids, Quarantine(left_out), kept + left_out.num_rows)


def _parted(joined: Table) -> tuple[dict[str, pa.ChunkedArray], pa.Table]:
    """Return the usable events as numbers and users, in any order, and those to be left out by `ROW`."""
    usable, left_out = [], []
    for batch in batches(joined):
        is_usable = batch[REASON].is_null()
        left_out.append(batch.filter(pc.invert(is_usable)).select([ROW, USER, ITEM, TIME, REASON]))
        # copied by the filter, for a column that stays as it is would keep the texts of its batch
        usable.append(_numbers(batch.select([USER, *NUMBERS]).filter(is_usable)))
    table = pa.Table.from_batches(usable)
    columns = dict(zip(table.column_names, table.columns, strict=True))
    return columns, pa.Table.from_batches(left_out).sort_by(ROW)


def _numbers(part: pa.RecordBatch) -> pa.RecordBatch:
    columns = [part[name].cast(NUMBERS[name]) for name in NUMBERS]
    return pa.record_batch([part[USER].dictionary_encode(), *columns], names=[USER, *NUMBERS])


def _log(usable: dict[str, pa.ChunkedArray]) -> tuple[Interactions, pa.Array]:
    """Return the events in the order of time, and the users' ids; empties `usable` on the way."""
    time_E, row_E = microseconds(usable.pop(TIME)), usable.pop(ROW).to_numpy()
    # the file's order breaks ties in time, so that the same file gives the same arrays
    later = (time_E[1:] > time_E[:-1]) | ((time_E[1:] == time_E[:-1]) & (row_E[1:] > row_E[:-1]))
    order = slice(None) if later.all() else np.lexsort((row_E, time_E))
    time_E = time_E[order]
    del row_E, later
    code_E, user_ids = coded(usable.pop(USER))
    user_E = code_E[order].astype(np.int64)
    item_E, version_E, type_E = (
        usable.pop(name).to_numpy()[order].astype(np.int64) for name in (ITEM_ROW, VERSION_ROW, TYPE_ROW)
    )
    return Interactions(user_E, item_E, version_E, type_E, time_E), user_ids


def _without_negatives(log: Interactions, positive: int) -> tuple[Interactions, Interactions]:
    """Part the log: what users turned to, and what they passed by or refused."""
    negative_E = log.type_E >= positive
    if not negative_E.any():
        return log, Interactions.none()
    negatives = log.take(negative_E)
    return log.take(~negative_E), replace(negatives, type_E=negatives.type_E - positive)


def _columns(marketplace: Marketplace) -> list[Column]:
    table = marketplace.events
    columns = [
        Column(USER, table.user, "text", required=True),
        Column(ITEM, table.item, "text", required=True),
        Column(TIME, table.time, "time", required=True, detail=table.time_format),
    ]
    if table.id is not None:
        columns.append(Column(EVENT, table.id, "text", required=True))
    if table.type is not None:
        columns.append(Column(TYPE, table.type, "text", required=True))
    if table.version is not None:
        columns.append(Column(VERSION, table.version, "text", required=True))
    return columns


def _with_type_rows(read: Table, marketplace: Marketplace, source: Source) -> Table:
    types = marketplace.event_types
    if marketplace.events.type is None:
        return read.mutate(ibis.literal(0).cast("int64").name(TYPE_ROW))
    unknown = read.filter(read[TYPE].notin(types)).order_by(ROW).limit(1).select(ROW, TYPE)
    for row in unknown.to_pyarrow().to_pylist():
        raise DataError.at(
            file=str(source), column=marketplace.events.type, row=row[ROW],
            expected=f"one of the interaction_types ({', '.join(types)})", received=f"'{row[TYPE]}'",
            mend="Add it to interaction_types, weakest first, or to negative_types, or leave such rows out.",
        )  # fmt: skip
    first = ibis.literal(0).cast("int64")
    number = reduce(lambda rest, i: ibis.ifelse(read[TYPE] == types[i], i, rest), range(1, len(types)), first)
    return read.mutate(number.name(TYPE_ROW))


def _with_repeats(events: Table) -> Table:
    """Add `REPEAT`: whether an earlier row of the file tells of the same event."""
    if EVENT not in events.columns:
        return events.mutate(ibis.literal(False).name(REPEAT))
    same = ibis.window(group_by=events[EVENT], order_by=events[ROW])
    return events.mutate((ibis.row_number().over(same) > 0).name(REPEAT))


def _join_versions(events: Table, items: Items, marketplace: Marketplace) -> Table:
    """Join on the version's name if the log has it, else on valid_from ≤ time < valid_to."""
    names = [VERSION_ROW, VALID_FROM, VALID_TO]
    versions = items.versions.select(*names, seen_item=items.versions[ITEM_ROW], seen=_names(items.versions))
    known = items.known.select(ITEM_ROW, known_item=items.known[ITEM])
    events = events.join(known, events[ITEM] == known["known_item"], how="left")
    if marketplace.events.version is not None:
        holds = [events[VERSION] == versions["seen"]]
    else:
        holds = [
            events[TIME] >= versions[VALID_FROM],
            events[TIME] < versions[VALID_TO].fill_null(END_OF_TIME),
        ]
    both = events.join(versions, [events[ITEM_ROW] == versions["seen_item"], *holds], how="left")
    checks = [
        (both[REPEAT], "an earlier row has the same event id"),
        (both[ITEM_ROW].isnull(), "no usable row of this item in the item table"),
        (both[VERSION_ROW].isnull(), "no usable version of the item at that time"),
        # only a log that names versions can do so; taken at its word it would let the future in
        (both[VALID_FROM] > both[TIME], "the version begins after the event"),
    ]
    both = both.mutate(first_reason(checks).name(REASON))
    return both.select(ROW, USER, ITEM, TIME, TYPE_ROW, ITEM_ROW, VERSION_ROW, REASON)


def _names(versions: Table) -> Table:
    return versions[VERSION] if VERSION in versions.columns else ibis.null("string")


def _some_ids(table: Table) -> str:
    ids = table.select(ITEM).distinct().order_by(ITEM).limit(2).to_pyarrow()[ITEM].to_pylist()
    return " and ".join(f"'{id}'" for id in ids)
