"""PostgreSQL crashes and comes back under load: nothing acknowledged is lost, and lists go on meanwhile."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from dlrs.folders import RunFolder
from service.resilience.cluster import Cluster, cluster
from service.resilience.load import Load
from service.resilience.running import eventually, ids, serving

AWAY = 2.5  # seconds that the server is not there


def ready(url: str) -> tuple[int, dict[str, Any]]:
    answer = httpx.get(f"{url}/health/ready", timeout=10)
    return answer.status_code, answer.json()["checks"]


def whole(url: str) -> bool:
    """Tell whether lists are made by the whole path, by whichever worker."""
    levels = [httpx.get(f"{url}/recommendations/{user}?k=5", timeout=10) for user in ("ada", "nobody") * 3]
    return all(answer.is_success and answer.json()["degraded"] is None for answer in levels)


def loaded(url: str) -> Load:
    """Return what will ask, once there are whole lists and a first event."""
    assert eventually(lambda: httpx.get(f"{url}/recommendations/nobody").is_success)
    item = ids(httpx.get(f"{url}/recommendations/nobody").json())[0]
    load = Load(url, url, url, item, httpx.get(f"{url}/items/{item}").json()["features"])
    load.sent.append("ada-first")
    assert httpx.post(f"{url}/events", json=load.event("ada-first")).status_code == 200
    assert eventually(lambda: whole(url))
    return load


def crash(server: Cluster, load: Load, url: str) -> None:
    """Stop the server, look at what the service does without it, and start it again."""
    server.stop()
    assert eventually(lambda: ready(url)[0] == 503)
    begin = time.monotonic()
    time.sleep(AWAY)
    status, checks = ready(url)
    assert (status, checks["bundle"]) == (503, "good")
    assert checks["database"] == "does not answer"
    end = time.monotonic()
    for user in load.asking:
        levels = load.levels(user, begin, end)
        assert levels  # there are lists,
        assert None not in levels  # and none says that it is as good as ever
    server.start()
    assert eventually(lambda: ready(url)[0] == 200)
    assert load.gets_on()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_postgresql_crashes_and_comes_back(workers: str, world: RunFolder, tmp_path: Path) -> None:
    with (
        cluster() as server,
        serving(
            world.registry, tmp_path / "s", "--database", server.url, "--workers", workers, "--deadline", "5"
        ) as served,
    ):
        load = loaded(served.url)
        with load.going_on():
            time.sleep(0.5)
            for _ in range(2):
                crash(server, load, served.url)
        assert eventually(lambda: whole(served.url))
        assert load.statuses == {200, 503}
        assert load.hasty == []
        assert served.process.poll() is None
        with psycopg.connect(server.url) as database:
            kept = [row[0] for row in database.execute("SELECT id FROM event")]
        assert set(load.events) <= set(kept) <= set(load.sent)
        load.settle()
