"""Users: the features of their own, where a marketplace has any."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import ibis
import pyarrow as pa
import pyarrow.compute as pc

from dlrs.data.bounds import first_reason, out_of_bounds
from dlrs.data.cleaning import REASON, Column, Quarantine, feature_columns, read_typed
from dlrs.data.engine import ROW, Engine
from dlrs.data.sources import Source
from dlrs.schema import USER, UserTable


@dataclass(frozen=True)
class Users:
    """The features of each user row, null for users whom the table lacks; and the rows left out."""

    table: pa.Table
    quarantine: Quarantine
    rows_read: int


def listed_users(connection: Engine, described: UserTable, folder: Path) -> pa.Array:
    """Return the ids of all users whom the table has, each once: some may have done nothing yet."""
    source = Source.of(described, folder)
    with connection.reading(source):
        named = Column(USER, described.id, "text", required=True)
        rows = read_typed(connection, "users_listed", source, [named])
        ids: pa.Array = rows.select(USER).distinct().to_pyarrow()[USER].combine_chunks()
    return ids


def load_users(connection: Engine, described: UserTable, folder: Path, user_ids: pa.Array) -> Users:
    """Read and check the user table; of several rows of one user the last usable one counts.

    `user_ids` is the id of each user row; others are not kept.
    """
    features = described.features
    named = Column(USER, described.id, "text", required=True)
    columns = [named, *(c for c in feature_columns(features) if c.name != USER)]
    source = Source.of(described, folder)
    rows = read_typed(connection, "users_read", source, columns)
    reason = first_reason([(c.fill_null(False), why) for c, why in out_of_bounds(rows, features)])
    rows = rows.mutate(reason.name(REASON))
    usable_last = [ibis.ifelse(rows[REASON].isnull(), 0, 1), rows[ROW].desc()]
    again = ibis.row_number().over(ibis.window(group_by=rows[USER], order_by=usable_last)) > 0
    again &= rows[REASON].isnull()
    rows = rows.mutate(ibis.ifelse(again, "a later row has the same user", rows[REASON]).name(REASON))
    with connection.reading(source):
        rows = connection.kept("users_reasoned", rows)
    usable = rows.filter(rows[REASON].isnull()).to_pyarrow()
    left_out = rows.filter(rows[REASON].notnull()).select(ROW, USER, REASON).order_by(ROW)
    return Users(
        table=usable.take(pc.index_in(user_ids, value_set=usable[USER])).select(features.names),
        quarantine=Quarantine(left_out.to_pyarrow()),
        rows_read=rows.count().to_pyarrow().as_py(),
    )
