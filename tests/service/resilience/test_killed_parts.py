"""Kill -9 of one of three services under load: what the others do meanwhile; it comes back by itself."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from dlrs.folders import RunFolder
from service.database.conftest import postgresql
from service.resilience.load import Load
from service.resilience.running import Served, eventually, ids, serving

AWAY = 2.0  # seconds that a service is not there

PATIENT = ("--deadline", "5")  # who is not there refuses at once; what is slow here is the machine

NEEDS = {"ranking": {"candidates", "profiles"}, "profiles": {"candidates"}, "candidates": set[str]()}


@dataclass
class Parts:
    """Three services, each at an address that it keeps."""

    registry: Path
    state: Path
    database: tuple[str, ...]
    stack: ExitStack
    served: dict[str, Served] = field(default_factory=dict)

    def begin(self, part: str, port: str = "0") -> None:
        """Start a service; it finds those that it needs."""
        others = [word for name in sorted(NEEDS[part]) for word in (f"--{name}-url", self.url(name))]
        options = ("--only", part, "--port", port, *others, *self.database, *PATIENT)
        self.served[part] = self.stack.enter_context(serving(self.registry, self.state / part, *options))

    def kill(self, part: str) -> None:
        self.served[part].process.kill()
        self.served[part].process.wait()

    def again(self, part: str) -> None:
        """Start a service that was killed, where it was."""
        self.begin(part, str(urlsplit(self.url(part)).port))

    def url(self, part: str) -> str:
        return self.served[part].url

    def ready(self) -> Mapping[str, int]:
        """Return how each one that is there answers."""
        there = [part for part, served in self.served.items() if served.process.poll() is None]
        return {part: httpx.get(f"{self.url(part)}/health/ready", timeout=10).status_code for part in there}

    def whole(self, user: str) -> bool:
        asked = [httpx.get(f"{self.url('ranking')}/recommendations/{user}?k=5", timeout=10) for _ in range(3)]
        return all(answer.is_success and answer.json()["degraded"] is None for answer in asked)


@pytest.fixture(scope="module", params=["a database each", "one database"])
def parts(
    request: pytest.FixtureRequest, world: RunFolder, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Parts]:
    with ExitStack() as stack:
        one = request.param == "one database"
        database = ("--database", stack.enter_context(postgresql())) if one else ()
        made = Parts(world.registry, tmp_path_factory.mktemp("parts"), database, stack)
        for part in ("candidates", "profiles", "ranking"):
            made.begin(part)
        yield made


def loaded(parts: Parts, user: str) -> Load:
    """Return what will ask, once there are whole lists for a user who did something."""
    assert eventually(lambda: parts.whole("nobody"))
    urls = [parts.url(part) for part in ("ranking", "profiles", "candidates")]
    item = ids(httpx.get(f"{urls[0]}/recommendations/nobody").json())[0]
    features = httpx.get(f"{urls[2]}/items/{item}").json()["features"]
    load = Load(*urls, item, features, users=(user, f"{user}2"), asking=(user, "nobody"))
    load.sent.append(f"{user}-first")
    assert httpx.post(f"{urls[1]}/events", json=load.event(f"{user}-first")).status_code == 200
    assert eventually(lambda: parts.whole(user))
    return load


def without(parts: Parts, part: str, load: Load) -> tuple[float, float]:
    """Kill a service; return from when until when it was not there. Then it is back, and all is well."""
    parts.kill(part)
    begin = time.monotonic()
    time.sleep(AWAY)
    end = time.monotonic()
    expected = {one: 503 if part in needs else 200 for one, needs in NEEDS.items() if one != part}
    assert eventually(lambda: parts.ready() == expected)
    parts.again(part)
    assert eventually(lambda: set(parts.ready().values()) == {200})
    assert load.gets_on()
    assert eventually(lambda: parts.whole(load.users[0]))
    return begin, end


def test_without_candidates_lists_are_kept_ones(parts: Parts) -> None:
    load = loaded(parts, "ada")
    with load.going_on():
        begin, end = without(parts, "candidates", load)
    for user in load.asking:
        levels = load.levels(user, begin, end)
        assert levels
        assert levels <= {"cached", "popular"}
    assert "cached" in load.levels("ada", begin, end)
    assert load.statuses == {0, 200, 503}  # 0: items, of which nobody answers; 503: events of items
    assert load.hasty == []
    load.settle()


def test_without_profiles_lists_are_of_the_last_one_known(parts: Parts) -> None:
    load = loaded(parts, "eve")
    with load.going_on():
        begin, end = without(parts, "profiles", load)
    for user in load.asking:
        levels = load.levels(user, begin, end)
        assert levels
        assert None not in levels
    assert "stale" in load.levels("eve", begin, end)
    assert load.statuses <= {0, 200, 503}
    assert load.hasty == []
    load.settle()


def test_without_ranking_the_others_go_on(parts: Parts) -> None:
    load = loaded(parts, "kim")
    with load.going_on():
        events = len(load.events)
        begin, end = without(parts, "ranking", load)
    assert load.levels("kim", begin, end) == set()
    assert 0 not in load.statuses
    assert len(load.events) > events
    load.settle()
