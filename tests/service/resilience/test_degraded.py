"""Services that are slow, hang or are dead: answers say so, and full ones come back by themselves."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from dlrs.client import Client
from dlrs.folders import RunFolder
from dlrs.service.ranking.guard import PAUSE
from service.resilience.proxy import Proxy, proxied
from service.resilience.running import Served, eventually, ids, serving

LEVELS = {None, "stale", "cosine", "cached", "popular"}


@dataclass
class Parts:
    candidates: Served
    profiles: Served
    to_candidates: Proxy
    to_profiles: Proxy
    ranking: Client

    def levels(self, user: str, asked: int = 8) -> set[str | None]:
        """Ask some times; each answer is a whole list, or the 503 that the ladder ends in."""
        levels: set[str | None] = set()
        for _ in range(asked):
            answer = httpx.get(f"{self.ranking._http.base_url}/recommendations/{user}?k=5", timeout=10)
            if answer.status_code == 503:
                assert int(answer.headers["Retry-After"]) >= 1
                levels.add("503")
                continue
            assert answer.status_code == 200, answer.text
            listed = answer.json()
            assert len(ids(listed)) == 5
            levels.add(listed["degraded"])
        return levels

    def falls_to(self, user: str, level: str) -> bool:
        """Tell whether lists are of this level. A busy machine may make one worse; none is whole."""
        levels = self.levels(user)
        return level in levels and None not in levels

    def is_whole(self) -> bool:
        return self.levels("ada", 3) == self.levels("nobody", 3) == {None}

    def calls(self, outcome: str) -> int:
        """Return how many calls of the Candidate Service came to this, as the Ranking Service counts."""
        text = httpx.get(f"{self.ranking._http.base_url}/metrics", timeout=10).text
        name = rf'dlrs_calls_total{{outcome="{outcome}",service="candidates"}} (\S+)'
        return int(float(re.findall(name, text)[0]))


@pytest.fixture
def parts(world: RunFolder, tmp_path: Path) -> Iterator[Parts]:
    registry, state = world.registry, tmp_path
    with ExitStack() as stack:
        candidates = stack.enter_context(serving(registry, state / "c", "--only", "candidates"))
        to_candidates = stack.enter_context(proxied(candidates.url))
        there = ("--candidates-url", to_candidates.url)
        profiles = stack.enter_context(
            serving(registry, state / "p", "--only", "profiles", "--candidates-url", candidates.url)
        )
        to_profiles = stack.enter_context(proxied(profiles.url))
        both = (*there, "--profiles-url", to_profiles.url)
        ranking = stack.enter_context(serving(registry, state / "r", "--only", "ranking", *both))
        client = stack.enter_context(Client(ranking.url))
        made = Parts(candidates, profiles, to_candidates, to_profiles, client)
        item = ids(client.recommendations("nobody", 1))[0]
        with Client(profiles.url) as events:
            events.events([{"id": "e", "user_id": "ada", "item_id": item, "type": "view"}])
        assert eventually(made.is_whole)
        yield made


def test_slow_hanging_and_killed_candidates(parts: Parts) -> None:
    parts.to_candidates.delay = 0.5
    assert parts.falls_to("ada", "cached")
    assert parts.falls_to("eve", "popular")
    parts.to_candidates.delay = 0
    assert eventually(parts.is_whole)
    parts.candidates.process.send_signal(signal.SIGSTOP)
    assert parts.falls_to("ada", "cached")
    assert parts.falls_to("eve", "popular")
    parts.candidates.process.send_signal(signal.SIGCONT)
    assert eventually(parts.is_whole)
    parts.candidates.process.kill()
    parts.candidates.process.wait()
    assert parts.falls_to("ada", "cached")
    assert parts.falls_to("eve", "popular")


def test_slow_hanging_and_killed_profiles(parts: Parts) -> None:
    parts.to_profiles.delay = 0.5
    assert parts.falls_to("ada", "stale")
    assert parts.falls_to("eve", "popular")
    parts.to_profiles.delay = 0
    assert eventually(parts.is_whole)
    parts.profiles.process.send_signal(signal.SIGSTOP)
    assert parts.falls_to("ada", "stale")
    parts.profiles.process.send_signal(signal.SIGCONT)
    assert eventually(parts.is_whole)
    parts.profiles.process.kill()
    parts.profiles.process.wait()
    assert parts.falls_to("ada", "stale")
    assert parts.falls_to("eve", "popular")


def test_a_little_slow_is_still_some_list(parts: Parts) -> None:
    parts.to_candidates.delay = parts.to_profiles.delay = 0.05
    assert parts.levels("ada") <= LEVELS
    parts.to_candidates.delay = parts.to_profiles.delay = 0
    assert eventually(parts.is_whole)


def test_a_breaker_lets_one_call_a_second_try_until_one_is_answered(parts: Parts) -> None:
    """While candidates are slow, and while they hang: nearly all calls are spared; then all go through."""

    def slow(seconds: float) -> None:
        parts.to_candidates.delay = seconds

    process = parts.candidates.process
    ways: list[tuple[Callable[[], None], Callable[[], None]]] = [
        (lambda: slow(0.5), lambda: slow(0)),
        (lambda: process.send_signal(signal.SIGSTOP), lambda: process.send_signal(signal.SIGCONT)),
    ]
    for worsen, mend in ways:
        worsen()
        try:
            assert eventually(lambda: not all_go_through(parts, 1))
            while_it_is_open(parts)
            answered = parts.calls("answered")
        finally:
            mend()
        assert eventually(parts.is_whole)
        assert eventually(lambda: all_go_through(parts))
        assert parts.calls("answered") > answered


def all_go_through(parts: Parts, asked: int = 8) -> bool:
    """Tell whether the breaker is closed."""
    spared = parts.calls("spared")
    parts.levels("ada", asked)
    return parts.calls("spared") == spared


def while_it_is_open(parts: Parts) -> None:
    """Eight ask at a time, for some pauses of the breaker."""
    began, failed, spared = time.monotonic(), parts.calls("failed"), parts.calls("spared")
    with ThreadPoolExecutor(8) as pool:
        while parts.calls("failed") < failed + 3:
            for levels in pool.map(lambda _: parts.levels("ada", 2), range(8)):
                assert levels <= {"cached", "popular", "503"}
            assert time.monotonic() < began + 60
    tries = parts.calls("failed") - failed
    assert tries <= (time.monotonic() - began) / PAUSE + 1
    assert parts.calls("spared") - spared > 10 * tries
