"""The clock of a service: the time of now, or one that was set back for a log of the past."""

from __future__ import annotations

import time
from collections.abc import Callable

Clock = Callable[[], int]
"""Microseconds since 1970, UTC."""


def clock(offset: float = 0.0) -> Clock:
    """Return a clock that is `offset` seconds ahead of the machine's."""
    ahead = round(offset * 1e6)
    return lambda: time.time_ns() // 1000 + ahead
