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
from dlrs.data.engine import ROW, Engine, Table, batches
from dlrs.data.placing import column_of
from dlrs.data.sources import Source
from dlrs.data.versions import Versions
from dlrs.errors import DataError
from dlrs.schema import (
    DELETE,
    ITEM,
    LONGEST_ID,
    OPERATION,
    OPERATIONS,
    VALID_FROM,
    VALID_TO,
    VERSION,
    Marketplace,
)

ITEM_ROW = "item_row"
VERSION_ROW = "version_row"
REPEAT = "repeat"
DELETED = "deleted"
UNKNOWN = "unknown"
ENDS = "ends"
KEYS = "item_keys"
ALWAYS = datetime(1, 1, 1, tzinfo=UTC)
"""When a row without `valid_from` begins to hold."""


@dataclass(frozen=True)
class Items:
    """Which rows of the item table are usable versions, since when and until when; and which are not."""

    known: Table  # ITEM, ITEM_ROW: the items that have a version
    versions: Table  # ROW, VERSION_ROW, ITEM_ROW, VALID_FROM, VALID_TO (null: it still holds), VERSION
    features: Table  # ROW and the features of every row that was read, in any order
    connection: Engine
    source: Source
    quarantine: Quarantine
    rows_read: int


def load_items(connection: Engine, marketplace: Marketplace, folder: Path) -> Items:
    """Read, check and number the item table.

    A version holds until the next row of its item, whatever that row is: an update, a deletion, or
    a row that goes to quarantine; or until its own `valid_to`, if that comes first. So a version out of
    bounds leaves a gap, and no event falls back on features that its user did not see.

    Sorting takes a row's keys alone: its features stay where they are until `version_table`.
    """
    source = Source.of(marketplace.items, folder)
    read = _with_starts(read_typed(connection, "items_read", source, _columns(marketplace)), marketplace)
    with connection.reading(source):
        rows = connection.kept(KEYS, _reasons(_keys(read, marketplace)))
    _require_operations(rows, marketplace, source)
    left_out = rows.filter(rows[REASON].notnull()).select(ROW, ITEM, VALID_FROM, REASON).order_by(ROW)
    quarantine = Quarantine(left_out.to_pyarrow())
    rows_read = rows.count().to_pyarrow().as_py()
    usable = rows.filter(rows[REASON].isnull() & ~rows[DELETED]).drop(REASON, ENDS, DELETED, UNKNOWN)
    known = connection.kept("items", _numbered(usable.select(ITEM).distinct(), ITEM_ROW, [ITEM]))
    with_items = usable.join(known, ITEM).drop(ITEM)
    versions = connection.kept("versions", _numbered(with_items, VERSION_ROW, [ITEM_ROW, VALID_FROM]))
    connection.forget(KEYS)
    if versions.count().to_pyarrow().as_py() == 0:
        raise DataError(f"{source}: expected at least one usable item, received none. Check the bounds.")
    features = read.select(ROW, *marketplace.features.names)
    return Items(known, versions, features, connection, source, quarantine, rows_read)


def _numbered(rows: Table, name: str, order: list[str]) -> Table:
    return rows.mutate(ibis.row_number().over(ibis.window(order_by=order)).name(name))


def version_table(items: Items) -> pa.Table:
    """Return the usable versions in the order of their rows: ITEM, the other keys, and their features.

    Texts are dictionaries: of millions of versions few values are different ones.
    """
    keys = items.versions.order_by(VERSION_ROW).to_pyarrow()
    version_R = np.full(items.rows_read + 1, -1, dtype=np.int32)
    version_R[keys[ROW].to_numpy()] = np.arange(keys.num_rows, dtype=np.int32)
    ids = items.known.order_by(ITEM_ROW).to_pyarrow()[ITEM].combine_chunks()
    item_row, version_row = (keys[name].cast(pa.int32()).combine_chunks() for name in (ITEM_ROW, VERSION_ROW))
    columns = {
        ITEM: pa.DictionaryArray.from_arrays(item_row, ids),
        ITEM_ROW: item_row,
        VERSION_ROW: version_row,
    }
    columns |= {name: keys[name] for name in (VALID_FROM, VALID_TO)}
    if VERSION in keys.column_names:
        columns[VERSION] = keys[VERSION].dictionary_encode()
    versions = keys.num_rows
    del keys
    names = [name for name in items.features.columns if name not in (ROW, *columns)]
    placed = {name: column_of(items.features[name].type().to_pyarrow(), versions) for name in names}
    with items.connection.reading(items.source):
        for batch in batches(items.features):
            version_N = version_R[batch[ROW].to_numpy()]
            usable = pa.array(version_N >= 0)
            version_N = version_N[version_N >= 0]
            for name, column in placed.items():
                column.put(version_N, batch[name].filter(usable))
    for name in names:
        columns[name] = placed.pop(name).finished()
    return pa.table(columns)


def catalog(versions: pa.Table | Versions) -> Catalog:
    """Return the versions as arrays: `versions` has a row for each, in the order of their rows."""
    item_V = versions[ITEM_ROW].to_numpy().astype(np.int64)
    until = versions[VALID_TO]
    return Catalog(
        items=int(item_V[-1]) + 1,
        item_V=item_V,
        valid_from_V=microseconds(versions[VALID_FROM]),
        valid_to_V=microseconds(until.fill_null(pa.scalar(FOREVER, until.type))),
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


def _keys(read: Table, marketplace: Marketplace) -> Table:
    """Return what decides about a row, and `REASON`: the first thing that makes it unusable, or null."""
    deleted, unknown = _operations(read)
    wrong = [
        *out_of_bounds(read, marketplace.features),
        (read[ENDS] <= read[VALID_FROM], "it ends before it begins"),
        # in bytes it may be longer still; an index refuses it then, naming it
        (read[ITEM].length() > LONGEST_ID, f"its id is longer than {LONGEST_ID:,} characters"),
    ]
    reason = first_reason([(check.fill_null(False) & ~deleted, reason) for check, reason in wrong])
    names = [name for name in (ROW, ITEM, VALID_FROM, ENDS, VERSION) if name in read.columns]
    return read.select(*names, deleted.name(DELETED), unknown.name(UNKNOWN), reason.name(REASON))


def _reasons(rows: Table) -> Table:
    """Complete `REASON` by what other rows of the item say, and add `VALID_TO`."""
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
        usable = ibis.ifelse(rows[REASON].isnull() & ~rows[DELETED], 0, 1)
        named = ibis.window(group_by=[rows[ITEM], rows[VERSION]], order_by=[usable, rows[VALID_FROM].desc()])
        again = (ibis.row_number().over(named) > 0) & (usable == 0)
        rows = _add_reason(rows, again, "a later row of this item has the same version")
    return rows.drop(REPEAT)


def _add_reason(rows: Table, wrong: Table, reason: str) -> Table:
    return rows.mutate(ibis.ifelse(rows[REASON].isnull() & wrong, reason, rows[REASON]).name(REASON))


def _operations(rows: Table) -> tuple[Table, Table]:
    """Return whether each row ends its item's life, and what it says if that is no operation."""
    if OPERATION not in rows.columns:
        return ibis.literal(False), ibis.null("string")
    named = rows[OPERATION].lower()
    return named == DELETE, ibis.ifelse(named.isin(OPERATIONS), ibis.null("string"), rows[OPERATION])


def _require_operations(rows: Table, marketplace: Marketplace, source: Source) -> None:
    """Raise a DataError at the first row whose operation is none: a deletion called otherwise is lost."""
    if marketplace.items.operation is None:
        return
    unknown = rows.filter(rows[UNKNOWN].notnull()).order_by(ROW).limit(1).select(ROW, UNKNOWN)
    for row in unknown.to_pyarrow().to_pylist():
        raise DataError.at(
            file=str(source), column=marketplace.items.operation, row=row[ROW],
            expected=f"one of the operations ({', '.join(OPERATIONS)})", received=f"'{row[UNKNOWN]}'",
            mend=f"Write '{DELETE}' where an item's life ends, or leave 'operation' out of the recipe.",
        )  # fmt: skip
