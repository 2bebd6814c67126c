"""Kill -9 of `dlrs serve` while events, items and bundles come: acknowledged is there, nothing twice.

DLRS_KILLS says how many times; 24 unless it does, and a third of that with workers, and on PostgreSQL. Each
life of the service ends at a seeded moment: at its start, or some acknowledgements later, in the middle of
whatever it does. Of several workers all are killed, or one and soon all, or their parent, so that the next
life begins while they stop. Live indexes fold every 25 changes.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, get_args

import psycopg
import pytest

from dlrs import bundle as bundles
from dlrs.client import Client
from dlrs.errors import Unavailable
from dlrs.folders import RunFolder
from dlrs.prepared import open_prepared
from dlrs.service.database.database import Database
from dlrs.service.settings import database_url
from service.database.conftest import postgresql
from service.kill.batch import Batch, check_same

KILLS = int(os.environ.get("DLRS_KILLS", "24"))
FOLD_AT = 25
NURSERY = Path(__file__).with_name("nursery.py")
DAY = 86_400_000_000
HOT = [f"hot-{n}" for n in range(5)]
Way = Literal["all", "a worker", "the parent"]
WAYS: tuple[Way, ...] = get_args(Way)


class Nursery:
    """Lives of one service, over one state."""

    def __init__(self, registry: Path, state: Path, workers: int, database: str | None) -> None:
        command = [sys.executable, str(NURSERY), str(registry), str(state), str(FOLD_AT), str(workers)]
        command += [] if database is None else [database]
        self._database = database
        environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        self._last = 0
        with state.with_name("log").open("wb") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=environment,
            )

    def begin(self) -> int:
        """Begin a life; return its process."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        self._last = int(self._until("pid").split()[1])
        return self._last

    def address(self) -> str:
        """Return where the service is, when it is ready."""
        return self._until("ready:").split()[1]

    def kill(self, pid: int, way: Way = "all") -> None:
        """End a life at once."""
        if way == "a worker":
            with suppress(ProcessLookupError):
                os.kill(children(pid)[0], signal.SIGKILL)
            time.sleep(0.1)  # the other one goes on; soon there will be two again
        if way == "the parent":
            os.kill(pid, signal.SIGKILL)
        else:
            os.killpg(pid, signal.SIGKILL)
        self._until("ended")
        if self._database is not None:
            wait_until_left(self._database)

    def close(self) -> None:
        self._process.kill()
        if self._last:  # what lives on holds the pipe
            with suppress(ProcessLookupError):
                os.killpg(self._last, signal.SIGKILL)
        self._process.communicate()

    def _until(self, word: str) -> str:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith(word):
                return line
            assert not line.startswith("ended"), "the service ended by itself"
        raise AssertionError(f"the nursery ended before {word}")


def children(pid: int) -> list[int]:
    """Return the processes that a process has forked and that are there."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def wait_until_left(url: str) -> None:
    """Wait until a server has seen that nobody is connected: until then it may still do what was asked."""
    server, name = url.rsplit("/", 1)
    others = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        while connection.execute(others, [name]).fetchone() != (0,):
            time.sleep(0.01)


@dataclass
class Known:
    """What was acknowledged, and the one batch and the one change of which nobody knows."""

    draw: random.Random
    users: list[str]
    there: list[str]  # items of the bundle; those at the end get deleted
    features: dict[str, dict[str, Any]]  # of items that events are of
    watermark: int
    events: dict[str, dict[str, Any]] = field(default_factory=dict)
    unsure_events: list[dict[str, Any]] = field(default_factory=list)
    items: dict[str, Any] = field(default_factory=dict)  # id -> features, None: deleted
    unsure_items: dict[str, Any] = field(default_factory=dict)
    puts: list[tuple[str, int]] = field(default_factory=list)  # see `prices`
    sent_events: int = 0
    sent_changes: int = 0

    def batch(self) -> list[dict[str, Any]]:
        user = self.draw.choice(self.users)
        made = []
        for _ in range(self.draw.choice((1, 3, 40))):
            self.sent_events += 1
            # most of them late, as the bundle knows of the time before its watermark
            time = self.watermark + self.draw.randrange(-10 * DAY, DAY // 2)
            kind = self.draw.choice(("view", "contact"))
            item = self.draw.choice(list(self.features))
            made.append(
                {"id": f"e{self.sent_events}", "user_id": user, "item_id": item, "type": kind, "time": time}
            )
        return made

    def change(self) -> dict[str, Any]:
        self.sent_changes += 1
        if self.draw.random() < 0.15:
            return {self.there.pop(): None}
        base = self.features[self.draw.choice(list(self.features))]
        ids = [
            self.draw.choice(HOT) if self.draw.random() < 0.3 else f"new-{self.sent_changes}-{n}"
            for n in range(3)
        ]
        return {id: {**base, "price": float(self.sent_changes)} for id in ids}


def prices(items: Mapping[str, Any]) -> list[tuple[str, int]]:
    """Return the ids of changed items with what tells one version from the next."""
    return [(id, int(features["price"])) for id, features in items.items() if features is not None]


def sent(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return events as JSON has them."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return [{**e, "time": (epoch + timedelta(microseconds=e["time"])).isoformat()} for e in events]


def send_events(client: Client, known: Known, count: Callable[[], None]) -> None:
    while True:
        known.unsure_events = known.batch()
        client.events(sent(known.unsure_events))
        known.events |= {event["id"]: event for event in known.unsure_events}
        known.unsure_events = []
        count()


def send_items(client: Client, known: Known, count: Callable[[], None]) -> None:
    while True:
        known.unsure_items = known.change()
        gone = [id for id, features in known.unsure_items.items() if features is None]
        if gone:
            client.delete_item(gone[0])
        else:
            client.bulk_items(known.unsure_items)
        known.items |= known.unsure_items
        known.puts += prices(known.unsure_items)
        known.unsure_items = {}
        count()


def flip(registry: Path, names: list[str], stop: threading.Event, draw: random.Random) -> None:
    """Publish and roll back, again and again."""
    while not stop.wait(draw.random() * 0.3):
        bundles.make_current(registry, draw.choice(names))


@contextmanager
def working(address: str, known: Known, registry: Path, names: list[str], seed: int) -> Iterator[list[int]]:
    """Write events and items, and flip bundles, until the service is gone; count acknowledgements."""
    stop, acknowledged = threading.Event(), [0]

    def count() -> None:
        acknowledged[0] += 1

    def run(work: Callable[[Client, Known, Callable[[], None]], None]) -> None:
        with Client(address, attempts=1) as client:
            try:
                work(client, known, count)
            except Unavailable:
                return

    draw = random.Random(seed)
    threads = [threading.Thread(target=run, args=(work,)) for work in (send_events, send_items)]
    if draw.random() < 0.5:
        threads.append(threading.Thread(target=flip, args=(registry, names, stop, draw)))
    for thread in threads:
        thread.start()
    try:
        yield acknowledged
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def check(client: Client, known: Known, batch: Batch) -> None:
    """Hold a service that came back against what was acknowledged."""
    names = list(batch.marketplace.features.continuous)
    unsure = known.unsure_events
    user = unsure[0]["user_id"] if unsure else known.draw.choice(known.users)
    told = client.profile(user)
    acknowledged = [event for event in known.events.values() if event["user_id"] == user]
    before = batch.profile(user, acknowledged, known.features)
    count = 0 if not len(before) else int(before.facts.events_P[0])
    is_there = told["events"] != count
    check_same(
        told, before if not is_there else batch.profile(user, acknowledged + unsure, known.features), names
    )
    if unsure:  # whole, or not there
        answer = client.events(sent(unsure))
        expected = (0, len(unsure)) if is_there else (len(unsure), 0)
        assert (answer["new"], answer["repeated"]) == expected
        known.events |= {event["id"]: event for event in unsure}
        known.unsure_events = []
        check_same(client.profile(user), batch.profile(user, acknowledged + unsure, known.features), names)
    again = list(known.events.values())[-40:]
    if again:
        assert client.events(sent(again))["new"] == 0
    check_items(client, known)


def check_items(client: Client, known: Known) -> None:
    told = {one["id"]: one for one in client.items([*known.items, *known.unsure_items])["items"]}
    done = []
    for id, features in known.unsure_items.items():  # whole, or not there
        is_as_sent = id in told and (
            told[id]["gone"] if features is None else told[id]["features"]["price"] == features["price"]
        )
        done.append(is_as_sent)
    assert len(set(done)) <= 1
    if any(done):
        known.items |= known.unsure_items
        known.puts += prices(known.unsure_items)
    known.unsure_items = {}
    for id, features in known.items.items():
        assert told[id]["gone"] == (features is None)
        assert features is None or told[id]["features"]["price"] == features["price"]
    bundle = client.recommendations("nobody", 1)["bundle_id"]
    alive = [id for id, features in known.items.items() if features is not None]
    for first in range(0, len(alive), 5000):
        part = alive[first : first + 5000]
        assert client.represent(bundle, part)["ids"] == part
    gone = [id for id, features in known.items.items() if features is None]
    assert client.represent(bundle, gone)["ids"] == []


@pytest.fixture
def registry(world: RunFolder, tmp_path: Path) -> tuple[Path, list[str]]:
    """A registry with two bundles that differ by name alone."""
    registry = tmp_path / "bundles"
    shutil.copytree(world.registry, registry)
    first = bundles.current_bundle(registry)
    content = tmp_path / "content"
    shutil.copytree(first.path, content)
    (content / bundles.MANIFEST).unlink()
    second = bundles.publish(registry, content, facts={**first.facts, "again": True})
    assert second.path.name != first.path.name
    return registry, [first.path.name, second.path.name]


@pytest.mark.parametrize(
    ("on", "workers"), [("sqlite", 1), ("sqlite", 2), ("postgresql", 1), ("postgresql", 2)]
)
def test_killed_at_seeded_moments(
    on: str, workers: int, world: RunFolder, registry: tuple[Path, list[str]], tmp_path: Path
) -> None:
    with ExitStack() as stack:
        database = stack.enter_context(postgresql()) if on == "postgresql" else None
        kills = KILLS if database is None and workers == 1 else -(-KILLS // 3)
        lives(world, registry, tmp_path, kills, workers, database)


def lives(
    world: RunFolder,
    registry: tuple[Path, list[str]],
    folder: Path,
    kills: int,
    workers: int,
    database: str | None,
) -> None:
    """Live and be killed, again and again; then look at all that there is."""
    place, names = registry
    facts = bundles.current_bundle(place).facts
    watermark = datetime.fromisoformat(facts["watermark"])
    batch = Batch(open_prepared(world.prepared), watermark, facts["interaction_weights"])
    draw, state = random.Random(6), folder / "state"
    nursery = Nursery(place, state, workers, database)
    try:
        known = first_look(nursery, draw, batch, open_prepared(world.prepared).user_ids.to_pylist())
        for life in range(kills):
            way = WAYS[life % len(WAYS)] if workers > 1 else "all"
            live(nursery, known, batch, place, names, life, way)
        pid = nursery.begin()
        with Client(nursery.address(), attempts=20) as client:
            check(client, known, batch)
            for user in known.users:
                events = [event for event in known.events.values() if event["user_id"] == user]
                check_same(
                    client.profile(user),
                    batch.profile(user, events, known.features),
                    list(batch.marketplace.features.continuous),
                )
        nursery.kill(pid)
    finally:
        nursery.close()
    check_database(database_url(database, state), known)
    assert len(known.events) > kills
    assert len(known.items) > FOLD_AT


def first_look(nursery: Nursery, draw: random.Random, batch: Batch, users: list[str]) -> Known:
    """Learn what there is to write about, in a life of its own."""
    pid = nursery.begin()
    with Client(nursery.address(), attempts=20) as client:
        there = [item["id"] for item in client.recommendations("nobody", 300)["items"]]
        told = client.items(there[:20])["items"]
    nursery.kill(pid)
    features = {one["id"]: one["features"] for one in told}
    with_past = [user for user in users if len(batch.past(user)) > 5][:3]
    width_before = batch.border - DAY
    return Known(draw, [*with_past, "new-a", "new-b", "new-c"], there[20:], features, width_before)


def live(
    nursery: Nursery, known: Known, batch: Batch, registry: Path, names: list[str], life: int, way: Way
) -> None:
    """Live once: come back, be checked, work, and be killed."""
    draw = random.Random(1000 + life)
    pid = nursery.begin()
    if draw.random() < 0.2:  # at the start, in the middle of what recovers
        time.sleep(draw.random() * 0.6)
        nursery.kill(pid)
        return
    address = nursery.address()
    with Client(address, attempts=20) as client:
        check(client, known, batch)
    with working(address, known, registry, names, life) as acknowledged:
        enough, until = draw.randrange(1, 25), time.monotonic() + 10
        while acknowledged[0] < enough and time.monotonic() < until:
            time.sleep(0.001)
        time.sleep(draw.random() * 0.05)
        nursery.kill(pid, way)


def check_database(url: str, known: Known) -> None:
    """Nothing is there twice, and nothing that nobody sent."""
    database = Database.open(url)
    try:
        stored = [one for user in known.users for one in database.events.of_user(user)]
        assert Counter(one.event.id for one in stored) == Counter(list(known.events))
        for one in stored:
            sent = known.events[one.event.id]
            assert (one.event.item_id, one.event.type, one.event.time) == (
                sent["item_id"],
                sent["type"],
                sent["time"],
            )
        changes = database.items.after(0, 1_000_000)
        put = Counter((c.item_id, int(c.features["price"])) for c in changes if c.features is not None)
        assert set(put.values()) <= {1}
        assert put.keys() >= set(known.puts)
        assert json.dumps(sorted(c.seq for c in changes)) == json.dumps(list(range(1, len(changes) + 1)))
    finally:
        database.close()
