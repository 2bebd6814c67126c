"""Items: the item storage as versions that each hold from one moment to the next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import ibis
import numpy as np
import pyarrow as pa

from dlrs.arrays import AnyArray, Ints
from dlrs.data.bounds import first_reason, out_of_bounds
from dlrs.data.catalog import FOREVER, Catalog
from dlrs.data.cells import TIMESTAMP
from dlrs.data.cleaning import REASON, Column, Quarantine, feature_columns, read_typed
from dlrs.data.engine import ROW, Connection, Table, kept
from dlrs.data.sources import Source
from dlrs.errors import DataError
from dlrs.schema import DELETE, ITEM, OPERATION, VALID_FROM, VALID_TO, VERSION, Marketplace

ITEM_ROW = "item_row"
VERSION_ROW = "version_row"
REPEAT = "repeat"
ENDS = "ends"
ALWAYS = datetime(1, 1, 1, tzinfo=UTC)
"""When a row without `valid_from` begins to hold."""


@dataclass(frozen=True)
class Items:
    """Usable versions (with rows, sorted by item and time), and the versions that are not."""

    versions: Table  # VERSION_ROW, ITEM_ROW, ITEM, VALID_FROM, VALID_TO (null: it still holds), features
    quarantine: Quarantine
    rows_read: int


def load_items(connection: Connection, marketplace: Marketplace, folder: Path) -> Items:
    """Read, check and number the item table.

    A version holds until the next row of its item, whatever that row is: an update, a deletion, or
    a row that goes to quarantine; or until its own `valid_to`, if that comes first. So a version out of
    bounds leaves a gap, and no event falls back on features that its user did not see.
    """
    source = Source.of(marketplace.items, folder)
    read = read_typed(connection, "items_read", source, _columns(marketplace))
    rows = kept(connection, "items_reasoned", _reasons(_with_starts(read, marketplace), marketplace))
    usable = rows.filter(rows[REASON].isnull() & ~_deleted(rows))
    by_item = ibis.window(order_by=usable[ITEM])
    by_version = ibis.window(order_by=[usable[ITEM], usable[VALID_FROM]])
    numbered = usable.mutate(
        ibis.dense_rank().over(by_item).name(ITEM_ROW), ibis.row_number().over(by_version).name(VERSION_ROW)
    )
    versions = kept(connection, "versions", numbered.order_by(VERSION_ROW).drop(ROW, REASON, ENDS))
    if versions.count().to_pyarrow().as_py() == 0:
        raise DataError(f"{source}: expected at least one usable item, received none. Check the bounds.")
    left_out = rows.filter(rows[REASON].notnull()).select(ROW, ITEM, VALID_FROM, REASON).order_by(ROW)
    return Items(versions, Quarantine(left_out.to_pyarrow()), read.count().to_pyarrow().as_py())


def catalog(versions: pa.Table) -> Catalog:
    """Return the versions as arrays: `versions` has a row for each, in the order of their rows."""
    table = versions.select([ITEM_ROW, VALID_FROM, VALID_TO])
    item_V = table[ITEM_ROW].to_numpy().astype(np.int64)
    return Catalog(
        items=int(item_V[-1]) + 1,
        item_V=item_V,
        valid_from_V=microseconds(table[VALID_FROM]),
        valid_to_V=microseconds(table[VALID_TO].fill_null(pa.scalar(FOREVER, table[VALID_TO].type))),
    )


def microseconds(times: pa.ChunkedArray) -> Ints:
    """Return times without nulls as microseconds since the epoch."""
    numbers: AnyArray = times.cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_numpy()
    return numbers


def _columns(marketplace: Marketplace) -> list[Column]:
    table = marketplace.items
    columns = [Column(ITEM, table.id, "text", required=True)]
    if table.valid_from is not None:
        required = table.has_versions
        columns.append(Column(VALID_FROM, table.valid_from, "time", required, detail=table.time_format))
    if table.valid_to is not None:
        columns.append(Column(ENDS, table.valid_to, "time", detail=table.time_format))
    if table.version is not None:
        columns.append(Column(VERSION, table.version, "text", required=True))
    if table.operation is not None:
        columns.append(Column(OPERATION, table.operation, "text", required=True))
    # the id may be a feature, too
    named = {column.name for column in columns}
    return columns + [c for c in feature_columns(marketplace.features) if c.name not in named]


def _with_starts(read: Table, marketplace: Marketplace) -> Table:
    always = ibis.literal(ALWAYS).cast(TIMESTAMP)
    starts = always if marketplace.items.valid_from is None else read[VALID_FROM].fill_null(always)
    read = read.mutate(starts.name(VALID_FROM))
    if marketplace.items.valid_to is None:
        read = read.mutate(ibis.null(TIMESTAMP).name(ENDS))
    return read


def _reasons(rows: Table, marketplace: Marketplace) -> Table:
    """Add `REASON`: the first thing that makes a row unusable, or null; and `VALID_TO`."""
    wrong = [
        *out_of_bounds(rows, marketplace.features),
        (rows[ENDS] <= rows[VALID_FROM], "it ends before it begins"),
    ]
    reason = first_reason([(check.fill_null(False) & ~_deleted(rows), reason) for check, reason in wrong])
    rows = rows.mutate(reason.name(REASON))
    # Of several rows at one moment the last usable one in the file holds: where times are dates, it
    # is the day's last word.
    usable_first = [ibis.ifelse(rows[REASON].isnull(), 0, 1), rows[ROW].desc()]
    at_moment = ibis.window(group_by=[rows[ITEM], rows[VALID_FROM]], order_by=usable_first)
    rows = rows.mutate((ibis.row_number().over(at_moment) > 0).name(REPEAT))
    of_item = ibis.window(group_by=[rows[ITEM], rows[REPEAT]], order_by=rows[VALID_FROM])
    following = rows[VALID_FROM].lead().over(of_item)
    rows = rows.mutate(ibis.least(following, rows[ENDS]).name(VALID_TO))
    rows = _add_reason(rows, rows[REPEAT], "a later row of this item has the same time")
    if VERSION in rows.columns:
        usable = ibis.ifelse(rows[REASON].isnull() & ~_deleted(rows), 0, 1)
        named = ibis.window(group_by=[rows[ITEM], rows[VERSION]], order_by=[usable, rows[VALID_FROM].desc()])
        again = (ibis.row_number().over(named) > 0) & (usable == 0)
        rows = _add_reason(rows, again, "a later row of this item has the same version")
    return rows.drop(REPEAT)


def _add_reason(rows: Table, wrong: Table, reason: str) -> Table:
    return rows.mutate(ibis.ifelse(rows[REASON].isnull() & wrong, reason, rows[REASON]).name(REASON))


def _deleted(rows: Table) -> Table:
    if OPERATION not in rows.columns:
        return ibis.literal(False)
    return rows[OPERATION].lower() == DELETE
