"""Rules: what a cell of each kind may hold, whether a table or a request brings it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from dlrs.schema.features import DatePart

Kind = Literal["text", "number", "time", "seconds", "values"] | DatePart

_TIME = "a time like 2017-10-14T03:00:00Z"
EXPECTED: dict[Kind, str] = {
    "text": "text",
    "number": "a number",
    "time": _TIME,
    "seconds": _TIME,
    "values": "a list of values",
    "year": _TIME,
    "month": _TIME,
    "day": _TIME,
    "weekday": _TIME,
    "hour": _TIME,
}
CALENDAR = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)
"""Times outside of it, infinity among them, are no times to Python."""
PATTERNS: dict[str, str] = {"year": "%Y", "month": "%m", "day": "%d", "weekday": "%A", "hour": "%H"}
"""How the part of a date is written: two digits sort as they follow each other."""
LARGEST = 1e100
"""Larger numbers are typing errors, and their squares would be infinite."""
