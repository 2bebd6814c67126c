"""A database that goes away under load, and a disk that is full."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psycopg
import pytest

from dlrs.folders import RunFolder
from service.database.conftest import SERVER, postgresql
from service.resilience.running import eventually, ids, serving

END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = ANY(%s)"


class Writer:
    """Sends events of one user without a pause; knows which were acknowledged."""

    def __init__(self, url: str, item: str) -> None:
        self.url, self.item = url, item
        self.stop = threading.Event()
        self.taken: list[list[str]] = [[], []]
        self.statuses: set[int] = set()

    def write(self, user: int) -> None:
        with httpx.Client(base_url=self.url, timeout=30) as client:
            number = 0
            while not self.stop.is_set():
                id = f"{user}-{number}"
                event = {"id": id, "user_id": f"u{user}", "item_id": self.item, "type": "view"}
                status = client.post("/events", json=event).status_code
                self.statuses.add(status)
                if status == 200:
                    self.taken[user].append(id)
                number += 1

    def read(self) -> None:
        with httpx.Client(base_url=self.url, timeout=30) as client:
            while not self.stop.is_set():
                answer = client.get("/recommendations/nobody?k=5")
                assert answer.status_code in (200, 503), answer.text
                assert answer.status_code == 200 or "Retry-After" in answer.headers


def test_postgresql_that_ends_connections_and_goes_away(world: RunFolder, tmp_path: Path) -> None:
    with postgresql() as url, serving(world.registry, tmp_path / "s", "--database", url) as served:
        name = url.rsplit("/", 1)[1]
        # a busy machine may take longer for its first list than a list may take
        assert eventually(lambda: httpx.get(f"{served.url}/recommendations/nobody").is_success)
        item = ids(httpx.get(f"{served.url}/recommendations/nobody").json())[0]
        writer = Writer(served.url, item)
        with (
            psycopg.connect(f"{SERVER}/postgres", autocommit=True) as server,
            ThreadPoolExecutor(3) as pool,
        ):
            asking = [pool.submit(writer.write, user) for user in (0, 1)] + [pool.submit(writer.read)]
            try:
                for _ in range(15):
                    server.execute(END, [[name]])
                    time.sleep(0.1)
                server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
                server.execute(END, [[name]])
                assert eventually(lambda: 503 in writer.statuses)
                time.sleep(1.5)
                server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
                before = sum(map(len, writer.taken))
                assert eventually(lambda: sum(map(len, writer.taken)) > before)
            finally:
                writer.stop.set()
                server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
            for done in asking:
                done.result()
        assert writer.statuses == {200, 503}
        with psycopg.connect(url) as database:
            kept = {row[0] for row in database.execute("SELECT id FROM event")}
        assert {id for taken in writer.taken for id in taken} <= kept

        def is_whole() -> bool:
            return httpx.get(f"{served.url}/recommendations/nobody").json()["degraded"] is None

        assert eventually(is_whole)


@pytest.fixture
def little_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64m", "none", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no right to mount a little disk")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_with_a_full_disk_reads_go_on(world: RunFolder, little_disk: Path) -> None:
    with serving(world.registry, little_disk / "s") as served, httpx.Client(base_url=served.url) as client:
        item = ids(client.get("/recommendations/nobody").json())[0]
        features = client.get(f"/items/{item}").json()["features"]

        def event(id: str) -> int:
            sent = {"id": id, "user_id": "ada", "item_id": item, "type": "view"}
            return client.post("/events", json=sent).status_code

        def put(id: str) -> int:
            return client.put(f"/items/{id}", json={"features": features}).status_code

        def is_whole() -> bool:
            return client.get("/recommendations/ada").json()["degraded"] is None

        assert (event("e0"), put("n0")) == (200, 200)
        filler = little_disk / "filler"
        fill(filler)
        statuses = [event(f"full-{number}") for number in range(300)]
        assert set(statuses) <= {200, 507}
        assert statuses[-1] == 507
        assert put("n1") == 507
        assert len(ids(client.get("/recommendations/ada").json())) == 20
        assert client.get("/users/ada/profile").json()["events"] == 1 + statuses.count(200)
        filler.unlink()
        assert (event("e1"), put("n1")) == (200, 200)
        assert client.get("/users/ada/profile").json()["events"] == 2 + statuses.count(200)
        assert eventually(is_whole)
        assert client.get("/items/n1").status_code == 200


def fill(file: Path) -> None:
    """Take all the room that is left."""
    with file.open("wb", buffering=0) as filler:
        while True:
            try:
                filler.write(bytes(4096))
            except OSError:
                return
