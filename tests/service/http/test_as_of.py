"""The clock of an old log: set once, and it goes on."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dlrs.errors import RequestError
from dlrs.service.as_of import clock_offset

WATERMARK = datetime(2017, 5, 8, tzinfo=UTC)


def now_at(offset: float) -> datetime:
    return datetime.fromtimestamp(time.time() + offset, UTC)


def test_it_starts_at_the_time_asked_for_and_goes_on(tmp_path: Path) -> None:
    assert clock_offset(tmp_path, None, WATERMARK) == 0.0
    offset = clock_offset(tmp_path, "watermark", WATERMARK)
    assert abs(now_at(offset) - WATERMARK) < timedelta(minutes=1)
    later = WATERMARK + timedelta(days=7)  # of the next bundle
    assert clock_offset(tmp_path, None, later) == offset
    assert clock_offset(tmp_path, "watermark", later) == offset
    other = clock_offset(tmp_path, "2018-01-01T00:00:00", later)
    assert abs(now_at(other) - datetime(2018, 1, 1, tzinfo=UTC)) < timedelta(minutes=1)
    assert clock_offset(tmp_path, "now", later) == 0.0


def test_what_is_no_time_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="yesterday"):
        clock_offset(tmp_path, "yesterday", WATERMARK)
