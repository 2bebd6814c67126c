"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1"
down_revision = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
NUMBERED = ("event", "item_change", "decision")


def upgrade() -> None:
    """Make all tables."""
    number = op.create_table(
        "number",
        sa.Column("name", TEXT, primary_key=True),
        sa.Column("last", sa.BigInteger, nullable=False),
    )
    op.bulk_insert(number, [{"name": name, "last": 0} for name in NUMBERED])
    _events()
    _others()


def _events() -> None:
    op.create_table(
        "event",
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("id", TEXT, nullable=False, unique=True),
        sa.Column("user_id", TEXT, nullable=False),
        sa.Column("item_id", TEXT, nullable=False),
        sa.Column("type", TEXT, nullable=False),
        sa.Column("time", sa.BigInteger, nullable=False),
        sa.Column("features", TEXT, nullable=False),
    )
    op.create_index("event_user", "event", ["user_id", "seq"])
    op.create_index("event_time", "event", ["time"])
    op.create_index("event_features", "event", ["features"])
    op.create_table(
        "features",
        sa.Column("key", TEXT, primary_key=True),
        sa.Column("content", TEXT, nullable=False),
    )


def _others() -> None:
    op.create_table(
        "user_record",
        sa.Column("user_id", TEXT, primary_key=True),
        sa.Column("overrides", TEXT, nullable=False),
        sa.Column("erased", sa.BigInteger),
        sa.Column("revision", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "item_change",
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("item_id", TEXT, nullable=False),
        sa.Column("time", sa.BigInteger, nullable=False),
        sa.Column("features", TEXT),
    )
    op.create_index("item_change_item", "item_change", ["item_id", "seq", "time"])
    op.create_table(
        "decision",
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("id", TEXT, nullable=False, unique=True),
        sa.Column("time", sa.BigInteger, nullable=False),
        sa.Column("user_id", TEXT),
        sa.Column("content", TEXT, nullable=False),
        sa.Column("profile", sa.LargeBinary, nullable=False),
    )
    op.create_index("decision_user", "decision", ["user_id"])
