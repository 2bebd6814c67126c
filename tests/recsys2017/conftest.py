"""The challenge's five files in little, written and loaded."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.recsys2017.official_sample import EVENT_ROWS, ITEM_ROWS, USER_ROWS, Write, table

from dlrs.recsys2017.loading import load
from dlrs.recsys2017.official import INTERACTIONS, ITEMS, USERS


@pytest.fixture
def write_official(tmp_path: Path) -> Write:
    """Write the five files; a keyword replaces the text of one."""

    def write(**texts: str) -> Path:
        folder = tmp_path / "official"
        folder.mkdir(exist_ok=True)
        files = {
            "users": table("users", USERS, USER_ROWS),
            "items": table("items", ITEMS, ITEM_ROWS),
            "interactions": table("interactions", INTERACTIONS, EVENT_ROWS),
            "targetUsers": "user_id\n1\n2\n3\n",
            "targetItems": "12\n13\n",
        }
        for name, text in (files | texts).items():
            (folder / f"{name}.csv").write_text(text)
        return folder

    return write


@pytest.fixture
def data(write_official: Write, tmp_path: Path) -> Path:
    """The data folder of all of it, impressions included."""
    return load(write_official(), tmp_path / "data", impressions=1).path
