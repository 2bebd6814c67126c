"""Kill -9 while events and items are written: what was acknowledged is there, nothing twice or in part."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

from service.database.conftest import Opens

WRITER = Path(__file__).with_name("killed_writer.py")
MOMENTS = 24


def test_killed_at_seeded_moments(url: str, opens: Opens) -> None:
    command = [sys.executable, str(WRITER), url, "11", str(MOMENTS)]
    said = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    database = opens(url)
    stored = [each for n in range(4) for each in database.events.of_user(f"u{n}")]
    ids = Counter(each.event.id for each in stored)
    assert len(said["events"]) >= MOMENTS
    assert set(said["events"]) <= set(ids)
    assert set(ids.values()) == {1}
    assert len({each.seq for each in stored}) == len(stored)
    # a batch is whole or not there, and so is an event with its features
    assert set(Counter(id.rpartition("-")[0] for id in ids).values()) == {4}
    features = database.events.features([each.features for each in stored])
    assert all(features[each.features] == {"of": each.event.id} for each in stored)

    changes = database.items.after(0, 1_000_000)
    numbered = {each.seq: each.item_id for each in changes}
    assert len(numbered) == len(changes)
    assert len(said["items"]) > 0
    for last, item in said["items"]:
        assert (numbered[last - 1], numbered[last]) == (item, "all")
    assert Counter(each.item_id == "all" for each in changes)[True] * 2 == len(changes)

    with database._engines[1].connect() as connection:
        if connection.dialect.name == "sqlite":
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
