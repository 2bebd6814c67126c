"""One user with very many events: the lists of all others stay as they were."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import numpy as np

from dlrs.bundle import current_bundle
from dlrs.data.interactions import micros
from dlrs.folders import RunFolder
from dlrs.prepared import open_prepared
from dlrs.service.bundle import ServingBundle
from dlrs.service.database.database import Database
from dlrs.service.seams import Event
from dlrs.service.settings import database_url
from service.hostile.conftest import whole

EVENTS = int(os.environ.get("DLRS_FLOOD", "50000"))
AT_ONCE = 10_000


def test_a_flood_moves_no_other_list(world: RunFolder, tmp_path: Path) -> None:
    users = [*open_prepared(world.prepared).user_ids.to_pylist()[:200], *(f"new-{n}" for n in range(20))]
    watermark = micros(ServingBundle.load(current_bundle(world.registry)).watermark)

    def lists() -> list[list[str]]:
        answers = [client.get(f"/recommendations/{user}?k=20").json() for user in users]
        assert all(answer["degraded"] is None for answer in answers)
        return [[item["id"] for item in answer["items"]] for answer in answers]

    with whole(world, tmp_path / "state") as client:
        before = lists()
        ids = [item["id"] for item in client.get("/recommendations/nobody?k=5").json()["items"]]
        told = client.post("/items/get", json={"ids": ids}).json()["items"]
        features = {one["id"]: one["features"] for one in told}
    # through the store in bulk, as it is what all of them would end in
    with closing(Database.open(database_url(None, tmp_path / "state"))) as database:
        for first in range(0, EVENTS, AT_ONCE):
            numbers = range(first, min(first + AT_ONCE, EVENTS))
            rows = [
                (Event(f"f{n}", "flood", ids[n % 5], "contact", watermark - 1 - n), features[ids[n % 5]])
                for n in numbers
            ]
            assert database.events.add(rows) == len(rows)
    with whole(world, tmp_path / "state") as client:
        assert client.get("/users/flood/profile").json()["events"] == min(EVENTS, AT_ONCE)
        assert client.get("/recommendations/flood?k=20").json()["degraded"] is None
        after = lists()
    moved = np.mean(
        [a != b for old, new in zip(before, after, strict=True) for a, b in zip(old, new, strict=True)]
    )
    assert moved < 0.01
