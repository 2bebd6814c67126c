"""The column names of every table inside dlrs."""

from __future__ import annotations

USER = "user_id"
ITEM = "item_id"
EVENT = "event_id"
TIME = "time"
TYPE = "type"
VERSION = "version"
OPERATION = "operation"
VALID_FROM = "valid_from"
VALID_TO = "valid_to"

RESERVED = frozenset(
    (
        USER,
        ITEM,
        VERSION,
        OPERATION,
        VALID_FROM,
        VALID_TO,
        "_row",
        "item_row",
        "user_row",
        "version_row",
        "reason",
        "repeat",
        "rows",
        "ends",
    )
)
"""Columns that stand beside the features in tables inside dlrs."""

DELETE = "delete"
"""The operation that ends an item's life."""

OPERATIONS = ("create", "insert", "update", DELETE)
"""All of them, in small letters or others; the others create or update an item."""

LONGEST_ID = 1024
"""Bytes of an item's id. In an index each takes as many as the longest: one of a megabyte would ruin all."""
