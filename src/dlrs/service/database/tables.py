"""Tables, as the newest revision of the schema has them; `migrations` makes them.

Texts compare by code points in both databases: a locale would sort, and index, otherwise in PostgreSQL.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, LargeBinary, MetaData, Table, Text

REVISION = 2
"""Of the newest migration; raise it with each new one."""

BYTEWISE = Text().with_variant(Text(collation="C"), "postgresql")

tables = MetaData()

number = Table(  # the last number given out for rows of a table; its row is the lock of that table's writers
    "number",
    tables,
    Column("name", BYTEWISE, primary_key=True),
    Column("last", BigInteger, nullable=False),
)

event = Table(
    "event",
    tables,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("id", BYTEWISE, nullable=False, unique=True),
    Column("user_id", BYTEWISE, nullable=False),
    Column("item_id", BYTEWISE, nullable=False),
    Column("type", BYTEWISE, nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("features", BYTEWISE, nullable=False),
    Index("event_user", "user_id", "seq"),
    Index("event_time", "time"),
    Index("event_features", "features"),  # for erasure: does any event name them still?
)

features = Table(  # by a hash of their JSON: many events are about one version
    "features",
    tables,
    Column("key", BYTEWISE, primary_key=True),
    Column("content", BYTEWISE, nullable=False),
)

user_record = Table(
    "user_record",
    tables,
    Column("user_id", BYTEWISE, primary_key=True),
    Column("overrides", BYTEWISE, nullable=False),  # JSON
    Column("erased", BigInteger),
    Column("revision", BigInteger, nullable=False),
    Column("erasure", BigInteger),  # its number, in the order of commits; NULL: he never was erased
    Index("user_erasure", "erasure", unique=True),
)

FOLLOWED = "erasure followed"
"""In `number`: up to which erasure decisions were deleted, where erasures happen in another database."""

item_change = Table(
    "item_change",
    tables,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("item_id", BYTEWISE, nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("features", BYTEWISE),  # JSON; NULL: deleted
    Index("item_change_item", "item_id", "seq", "time"),
)

decision = Table(
    "decision",
    tables,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("id", BYTEWISE, nullable=False, unique=True),
    Column("time", BigInteger, nullable=False),
    Column("user_id", BYTEWISE),
    Column("content", BYTEWISE, nullable=False),  # JSON: the rest
    Column("profile", LargeBinary, nullable=False),
    Index("decision_user", "user_id"),
)
