"""Description: a part of a TOML, and the values that several parts have in common."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field


class Description(BaseModel):
    """A part of a TOML: frozen, and any key that it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _duration(value: object) -> object:
    if not isinstance(value, str) or value.startswith("P"):  # ISO 8601, as manifests keep it: P30D
        return value
    match = re.fullmatch(r"\s*(\d+)\s*(d|h|m)\s*", value)
    if match is None:
        raise ValueError(f"expected a duration like '30d', '12h' or '15m', received '{value}'")
    unit = {"d": "days", "h": "hours", "m": "minutes"}[match.group(2)]
    return timedelta(**{unit: int(match.group(1))})


def written(duration: timedelta) -> str:
    """Return a duration as a recipe has it: in days, else hours, else minutes, whichever are whole.

    What has a part of a minute is rounded.

    >>> written(timedelta(days=4)), written(timedelta(hours=36)), written(timedelta(minutes=5, seconds=20))
    ('4d', '36h', '5m')
    """
    for unit, letter in ((timedelta(days=1), "d"), (timedelta(hours=1), "h")):
        if duration and duration % unit == timedelta(0):
            return f"{duration // unit}{letter}"
    return f"{duration / timedelta(minutes=1):.0f}m"


def _zoned(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError(f"expected a time with its zone, like 2017-10-14T03:00:00Z, received '{value}'")
    return value


def _positive(value: timedelta) -> timedelta:
    if value <= timedelta(0):
        raise ValueError("expected a duration longer than zero")
    return value


Duration = Annotated[timedelta, BeforeValidator(_duration), AfterValidator(_positive)]
Instant = Annotated[datetime, AfterValidator(_zoned)]

EPOCH_UNITS = {"seconds": 1, "milliseconds": 1_000, "microseconds": 1_000_000}
"""Time formats that count from 1970-01-01 UTC, and how many of their units a second has."""


def _time_format(value: str) -> str:
    if "%" not in value and value not in EPOCH_UNITS:
        raise ValueError(
            f"expected a pattern like '%Y%m' or '%d.%m.%Y', or {', '.join(EPOCH_UNITS)} since 1970, "
            f"received '{value}'"
        )
    return value


TimeFormat = Annotated[
    str,
    AfterValidator(_time_format),
    Field(description="strptime pattern ('%Y%m'), or seconds, milliseconds, microseconds since 1970"),
]
