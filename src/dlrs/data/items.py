"""Items: the item storage as versions that each hold from one moment to the next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import reduce
from pathlib import Path

import ibis
import numpy as np
import pyarrow as pa

from dlrs.arrays import AnyArray, Ints
from dlrs.data.catalog import FOREVER, Catalog
from dlrs.data.cleaning import REASON, Column, Quarantine, read_typed
from dlrs.data.engine import ROW, Connection, Table, kept
from dlrs.errors import DataError
from dlrs.schema import DELETE, ITEM, OPERATION, VALID_FROM, VALID_TO, VERSION, Marketplace

ITEM_ROW = "item_row"
VERSION_ROW = "version_row"
REPEAT = "repeat"
ALWAYS = datetime(1, 1, 1, tzinfo=UTC)
"""When a row of a table without `valid_from` begins to hold."""
LARGEST = 1e100
"""Larger numbers are typing errors, and their squares would be infinite."""


@dataclass(frozen=True)
class Items:
    """Usable versions (with rows, sorted by item and time), and the versions that are not."""

    versions: Table  # VERSION_ROW, ITEM_ROW, ITEM, VALID_FROM, VALID_TO (null: it still holds), features
    quarantine: Quarantine
    rows_read: int


def load_items(connection: Connection, marketplace: Marketplace, folder: Path) -> Items:
    """Read, check and number the item table.

    A version holds until the next row of its item, whatever that row is: an update, a deletion, or
    a row that goes to quarantine. So a version out of bounds leaves a gap, and no event falls back on
    features that its user did not see.
    """
    file = folder / marketplace.items.table
    read = read_typed(connection, "items_read", file, _columns(marketplace))
    rows = kept(connection, "items_reasoned", _reasons(_with_starts(read, marketplace), marketplace))
    usable = rows.filter(rows[REASON].isnull() & ~_deleted(rows))
    by_item = ibis.window(order_by=usable[ITEM])
    by_version = ibis.window(order_by=[usable[ITEM], usable[VALID_FROM]])
    numbered = usable.mutate(
        ibis.dense_rank().over(by_item).name(ITEM_ROW), ibis.row_number().over(by_version).name(VERSION_ROW)
    )
    versions = kept(connection, "versions", numbered.order_by(VERSION_ROW).drop(ROW, REASON))
    if versions.count().to_pyarrow().as_py() == 0:
        raise DataError(f"{file}: expected at least one usable item, received none. Check the bounds.")
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
    source, features = marketplace.items, marketplace.features
    columns = [Column(ITEM, source.id, "text", required=True)]
    if source.valid_from is not None:
        columns.append(Column(VALID_FROM, source.valid_from, "time", required=True))
    if source.version is not None:
        columns.append(Column(VERSION, source.version, "text", required=True))
    if source.operation is not None:
        columns.append(Column(OPERATION, source.operation, "text", required=True))
    for name, feature in features.continuous.items():
        columns.append(Column(name, name, "seconds" if feature.kind == "time" else "number"))
    return columns + [Column(name, name, "text") for name in features.categorical]


def _with_starts(read: Table, marketplace: Marketplace) -> Table:
    if marketplace.items.valid_from is None:
        read = read.mutate(ibis.literal(ALWAYS).cast("timestamp('UTC')").name(VALID_FROM))
    return read


def _reasons(rows: Table, marketplace: Marketplace) -> Table:
    """Add `REASON`: the first thing that makes a row unusable, or null; and `VALID_TO`."""
    rows = rows.mutate(_out_of_bounds(rows, marketplace).name(REASON))
    # Of several rows at one moment the last usable one in the file holds: where times are dates, it
    # is the day's last word.
    usable_first = [ibis.ifelse(rows[REASON].isnull(), 0, 1), rows[ROW].desc()]
    at_moment = ibis.window(group_by=[rows[ITEM], rows[VALID_FROM]], order_by=usable_first)
    rows = rows.mutate((ibis.row_number().over(at_moment) > 0).name(REPEAT))
    of_item = ibis.window(group_by=[rows[ITEM], rows[REPEAT]], order_by=rows[VALID_FROM])
    rows = rows.mutate(rows[VALID_FROM].lead().over(of_item).name(VALID_TO))
    rows = _add_reason(rows, rows[REPEAT], "a later row of this item has the same time")
    if VERSION in rows.columns:
        usable = ibis.ifelse(rows[REASON].isnull() & ~_deleted(rows), 0, 1)
        named = ibis.window(group_by=[rows[ITEM], rows[VERSION]], order_by=[usable, rows[VALID_FROM].desc()])
        again = (ibis.row_number().over(named) > 0) & (usable == 0)
        rows = _add_reason(rows, again, "a later row of this item has the same version")
    return rows.drop(REPEAT)


def _add_reason(rows: Table, wrong: Table, reason: str) -> Table:
    return rows.mutate(ibis.ifelse(rows[REASON].isnull() & wrong, reason, rows[REASON]).name(REASON))


def _out_of_bounds(rows: Table, marketplace: Marketplace) -> Table:
    checks = []
    for name, feature in marketplace.features.continuous.items():
        value, (low, high) = rows[name], feature.bounds
        checks.append((value.abs() > LARGEST, f"{name} is infinite or beyond {LARGEST:g}"))
        if low is not None:
            checks.append((value < low, f"{name} below {_shown(feature.min)}"))
        if high is not None:
            checks.append((value > high, f"{name} above {_shown(feature.max)}"))
    applicable = [(check.fill_null(False) & ~_deleted(rows), reason) for check, reason in checks]
    no_reason = ibis.null("string")
    return reduce(lambda rest, c: ibis.ifelse(c[0], c[1], rest), reversed(applicable), no_reason)


def _deleted(rows: Table) -> Table:
    if OPERATION not in rows.columns:
        return ibis.literal(False)
    return rows[OPERATION].lower() == DELETE


def _shown(bound: object) -> str:
    return f"{bound:,.12g}" if isinstance(bound, float) else str(bound)
