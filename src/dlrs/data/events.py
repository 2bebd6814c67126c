"""Events: the log of interactions, each joined to the version of the item that its user saw."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import reduce
from pathlib import Path

import ibis
import numpy as np
import pyarrow as pa

from dlrs.data.bounds import first_reason
from dlrs.data.cleaning import REASON, Column, Quarantine, read_typed
from dlrs.data.engine import ROW, Connection, Table, kept
from dlrs.data.interactions import Interactions
from dlrs.data.items import ITEM_ROW, REPEAT, VERSION_ROW, Items, microseconds
from dlrs.data.sources import Source
from dlrs.errors import DataError
from dlrs.schema import EVENT, ITEM, TIME, TYPE, USER, VALID_FROM, VALID_TO, VERSION, Marketplace

END_OF_TIME = ibis.literal(datetime.max.replace(tzinfo=UTC)).cast("timestamp('UTC')")
USER_ROW = "user_row"
TYPE_ROW = "type_row"


@dataclass(frozen=True)
class Events:
    """Usable events with the rows of user, item, version and type, and the events that are not."""

    table: Table  # USER_ROW, ITEM_ROW, VERSION_ROW, TYPE_ROW, TIME, ROW
    user_ids: pa.Array
    quarantine: Quarantine
    rows_read: int


def load_events(connection: Connection, marketplace: Marketplace, folder: Path, items: Items) -> Events:
    """Read and check the log, and join each event to a version: by its name, or by time."""
    source = Source.of(marketplace.events, folder)
    read = read_typed(connection, "events_read", source, _columns(marketplace))
    typed = _with_repeats(_with_type_rows(read, marketplace, source))
    joined = kept(connection, "events_joined", _join_versions(typed, items.versions, marketplace))
    usable = joined.filter(joined[REASON].isnull())
    users = kept(connection, "users", _numbered_users(usable))
    rows = usable.join(users, USER).select(USER_ROW, ITEM_ROW, VERSION_ROW, TYPE_ROW, TIME, ROW)
    events = kept(connection, "events", rows)
    if events.count().to_pyarrow().as_py() == 0:
        raise DataError(
            f"{source}: expected an event on an item of the item table, received none. Item ids of the log "
            f"look like {_some_ids(read)}, of the item table like {_some_ids(items.versions)}; the reason is "
            f"'{joined.limit(1).to_pyarrow()[REASON][0]}'."
        )
    left_out = joined.filter(joined[REASON].notnull()).select(ROW, USER, ITEM, TIME, REASON).order_by(ROW)
    return Events(
        table=events,
        user_ids=users.order_by(USER_ROW).to_pyarrow()[USER].combine_chunks(),
        quarantine=Quarantine(left_out.to_pyarrow()),
        rows_read=read.count().to_pyarrow().as_py(),
    )


def interactions(events: Events) -> Interactions:
    """Return the events as arrays, in the order of time."""
    # the file's order breaks ties, so that the same file gives the same arrays
    table = events.table.order_by(TIME, ROW).drop(ROW).to_pyarrow()
    user, item, version, kind = (
        table[name].to_numpy().astype(np.int64) for name in (USER_ROW, ITEM_ROW, VERSION_ROW, TYPE_ROW)
    )
    return Interactions(user, item, version, kind, microseconds(table[TIME]))


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
    types = marketplace.interaction_types
    if marketplace.events.type is None:
        return read.mutate(ibis.literal(0).cast("int64").name(TYPE_ROW))
    unknown = read.filter(read[TYPE].notin(types)).order_by(ROW).limit(1).select(ROW, TYPE)
    for row in unknown.to_pyarrow().to_pylist():
        raise DataError.at(
            file=str(source), column=marketplace.events.type, row=row[ROW],
            expected=f"one of the interaction_types ({', '.join(types)})", received=f"'{row[TYPE]}'",
            mend="Add it to interaction_types, weakest first, or leave such rows out of the file.",
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


def _join_versions(events: Table, versions: Table, marketplace: Marketplace) -> Table:
    """Join on the version's name if the log has it, else on valid_from ≤ time < valid_to."""
    keys = [ITEM_ROW, VERSION_ROW, ITEM, VALID_FROM, VALID_TO]
    if marketplace.events.version is not None:
        seen = versions.select(*keys, VERSION)
        matched = events.join(seen, [ITEM, VERSION], how="left")
    else:
        seen = versions.select(*keys)
        holds = [
            events[ITEM] == seen[ITEM],
            events[TIME] >= seen[VALID_FROM],
            events[TIME] < seen[VALID_TO].fill_null(END_OF_TIME),
        ]
        matched = events.join(seen, holds, how="left")
    known = versions.select(known_item=versions[ITEM]).distinct()
    matched = matched.select(ROW, USER, ITEM, TIME, TYPE_ROW, REPEAT, ITEM_ROW, VERSION_ROW, VALID_FROM)
    both = matched.join(known, matched[ITEM] == known["known_item"], how="left")
    checks = [
        (both[REPEAT], "an earlier row has the same event id"),
        (both["known_item"].isnull(), "no usable row of this item in the item table"),
        (both[VERSION_ROW].isnull(), "no usable version of the item at that time"),
        # only a log that names versions can do so; taken at its word it would let the future in
        (both[VALID_FROM] > both[TIME], "the version begins after the event"),
    ]
    return both.mutate(first_reason(checks).name(REASON)).drop("known_item", REPEAT)


def _some_ids(table: Table) -> str:
    ids = table.select(ITEM).distinct().order_by(ITEM).limit(2).to_pyarrow()[ITEM].to_pylist()
    return " and ".join(f"'{id}'" for id in ids)


def _numbered_users(events: Table) -> Table:
    users = events.select(USER).distinct()
    return users.mutate(ibis.row_number().over(ibis.window(order_by=users[USER])).name(USER_ROW))
