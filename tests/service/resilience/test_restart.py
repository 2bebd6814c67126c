"""PostgreSQL crashes and comes back under load: nothing acknowledged is lost, and lists go on meanwhile."""

from __future__ import annotations

import time
from collections import Counter
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
    """Return what will ask, when lists come and the first event is there."""
    assert eventually(lambda: httpx.get(f"{url}/recommendations/nobody").is_success)
    item = ids(httpx.get(f"{url}/recommendations/nobody").json())[0]
    load = Load(url, url, url, item, httpx.get(f"{url}/items/{item}").json()["features"])
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
    assert "expected an answer" in checks["database"]
    end = time.monotonic()
    for user in load.ids:
        levels = load.levels(user, begin, end)
        assert levels  # there are lists,
        assert None not in levels  # and none says that it is as good as ever
    before = len(load.events), len(load.items)
    server.start()
    assert eventually(lambda: ready(url)[0] == 200)
    assert eventually(lambda: len(load.events) > before[0] and len(load.items) > before[1])


@pytest.mark.parametrize("workers", ["1", "2"])
def test_postgresql_crashes_and_comes_back(workers: str, world: RunFolder, tmp_path: Path) -> None:
    with (
        cluster() as server,
        serving(world.registry, tmp_path / "s", "--database", server.url, "--workers", workers) as served,
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
        check(load, server, served.url)


def check(load: Load, server: Cluster, url: str) -> None:
    """What was acknowledged is there, once; what was not is there once or not at all."""
    with psycopg.connect(server.url) as database:
        kept = Counter(row[0] for row in database.execute("SELECT id FROM event"))
    assert kept.keys() >= set(load.events)
    assert kept.keys() <= {*load.sent, "ada-first"}
    assert set(kept.values()) == {1}
    assert load.again() == (0, len(load.events))
    for user in ("ada", "bob"):
        told = httpx.get(f"{url}/users/{user}/profile").json()
        assert told["events"] == sum(id.startswith(user) for id in kept)
    told = httpx.post(f"{url}/items/get", json={"ids": list(load.items)}).json()["items"]
    assert {one["id"]: one["features"]["price"] for one in told} == load.items
    near = httpx.get(f"{url}/items/{next(iter(load.items))}/similar?k=500").json()
    assert set(load.items) - set(ids(near)) <= {next(iter(load.items))}
