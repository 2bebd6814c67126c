"""Erasures have numbers, so that every process can follow them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2"
down_revision = "1"

NUMBERED = """
UPDATE user_record SET erasure = numbered.place FROM (
    SELECT user_id, row_number() OVER (ORDER BY erased, user_id) AS place
    FROM user_record WHERE erased IS NOT NULL
) AS numbered WHERE numbered.user_id = user_record.user_id
"""
LAST = """
INSERT INTO number (name, last)
SELECT 'user_record', count(*) FROM user_record WHERE erased IS NOT NULL
"""


def upgrade() -> None:
    """Number the erasures that there were, in the order of their times."""
    op.add_column("user_record", sa.Column("erasure", sa.BigInteger))
    op.execute(NUMBERED)
    op.create_index("user_erasure", "user_record", ["erasure"], unique=True)
    op.execute(LAST)
    op.execute("INSERT INTO number (name, last) VALUES ('erasure followed', 0)")
