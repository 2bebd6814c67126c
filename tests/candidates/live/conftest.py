"""A live index for the tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from candidates.live.market import make


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five items, `ad-0` to `ad-4`."""
    return make(tmp_path / "live", 5)
