"""Load: events, items and lists, without a pause, and what was answered to whom."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import httpx

from service.resilience.running import eventually

PAUSE = 0.002  # seconds after an answer: a test is no benchmark


@dataclass(frozen=True)
class Level:
    """An answered list: when it was asked for and answered, and how good it was."""

    asked: float
    answered: float
    status: int
    degraded: str | None

    def within(self, begin: float, end: float) -> bool:
        return begin <= self.asked and self.answered <= end


@dataclass
class Load:
    """Clients of services that keep on whatever comes: of what `users` do, and of lists for `asking`."""

    ranking: str
    profiles: str
    candidates: str
    item: str
    features: dict[str, Any]
    users: tuple[str, ...] = ("ada", "bob")
    asking: tuple[str, ...] = ("ada", "nobody")
    events: list[str] = field(default_factory=list)  # that were acknowledged
    sent: list[str] = field(default_factory=list)
    items: dict[str, float] = field(default_factory=dict)  # id -> price, that was acknowledged
    changes: int = 0  # of items, that were acknowledged
    lists: dict[str, list[Level]] = field(default_factory=dict)
    statuses: set[int] = field(default_factory=set)  # of what was written; 0: no answer at all
    hasty: list[str] = field(default_factory=list)  # refusals that do not say when to ask again
    _stop: threading.Event = field(default_factory=threading.Event)

    def event(self, id: str) -> dict[str, str]:
        return {"id": id, "user_id": id.split("-")[0], "item_id": self.item, "type": "view"}

    def write(self, user: str) -> None:
        with httpx.Client(base_url=self.profiles, timeout=30) as client:
            for number in self._turns():
                id = f"{user}-{number}"
                self.sent.append(id)
                if self._status(client, "POST", "/events", json=self.event(id)) == 200:
                    self.events.append(id)

    def put(self) -> None:
        with httpx.Client(base_url=self.candidates, timeout=30) as client:
            for number in self._turns():
                id, price = f"new-{number % 20}", 1000.0 + number
                content = {"features": {**self.features, "price": price}}
                if self._status(client, "PUT", f"/items/{id}", json=content) == 200:
                    self.items[id] = price
                    self.changes += 1
                else:  # nobody knows of it
                    self.items.pop(id, None)

    def ask(self, user: str) -> None:
        levels = self.lists.setdefault(user, [])
        with httpx.Client(base_url=self.ranking, timeout=30) as client:
            for _ in self._turns():
                asked = time.monotonic()
                try:
                    answer = client.get(f"/recommendations/{user}?k=5")
                except httpx.TransportError:
                    levels.append(Level(asked, time.monotonic(), 0, None))
                    continue
                self._look(answer)
                level = answer.json().get("degraded") if answer.is_success else None
                levels.append(Level(asked, time.monotonic(), answer.status_code, level))

    def settle(self) -> None:
        """Hold the service against what was acknowledged: events are there once, or not at all."""
        before = {user: self._told(user) for user in self.users}
        for user, count in before.items():
            assert _of(user, self.events) <= count <= _of(user, self.sent)
        assert self._again(self.events) == (0, len(self.events))
        there = sum(before.values())
        assert self._again(self.sent) == (len(self.sent) - there, there)
        assert {user: self._told(user) for user in self.users} == {
            user: _of(user, self.sent) for user in self.users
        }
        told = httpx.post(f"{self.candidates}/items/get", json={"ids": list(self.items)}, timeout=60).json()
        assert {one["id"]: one["features"]["price"] for one in told["items"]} == self.items
        bundle = httpx.get(f"{self.ranking}/recommendations/nobody?k=1", timeout=60).json()["bundle_id"]
        asked = {"bundle_id": bundle, "ids": list(self.items)}
        found = httpx.post(f"{self.candidates}/items/represent", json=asked, timeout=60).json()
        assert found["ids"] == list(self.items)

    def _told(self, user: str) -> int:
        told = httpx.get(f"{self.profiles}/users/{user}/profile", timeout=60)
        assert told.status_code == 200, told.text
        return int(told.json()["events"])

    def _again(self, ids: Sequence[str]) -> tuple[int, int]:
        """Send events once more; return how many were new, and how many known."""
        content = {"events": [self.event(id) for id in ids]}
        told = httpx.post(f"{self.profiles}/events", json=content, timeout=60)
        assert told.status_code == 200, told.text
        return told.json()["new"], told.json()["repeated"]

    def gets_on(self) -> bool:
        """Tell whether events and items are acknowledged from now on."""
        events, changes = len(self.events), self.changes
        return eventually(lambda: len(self.events) > events and self.changes > changes)

    def levels(self, user: str, begin: float, end: float) -> set[str | None]:
        """Return how good the lists were that were asked for and answered in between."""
        return {one.degraded for one in self.lists[user] if one.within(begin, end) and one.status == 200}

    def _turns(self) -> Iterator[int]:
        number = 0
        while not self._stop.wait(PAUSE):
            yield number
            number += 1

    def _status(self, client: httpx.Client, method: str, path: str, **content: Any) -> int:
        try:
            answer = client.request(method, path, **content)
        except httpx.TransportError:
            self.statuses.add(0)
            self._stop.wait(0.05)
            return 0
        self._look(answer)
        self.statuses.add(answer.status_code)
        return answer.status_code

    def _look(self, answer: httpx.Response) -> None:
        if answer.status_code == 503 and int(answer.headers.get("Retry-After", 0)) < 1:
            self.hasty.append(answer.text)

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Ask and write in the block, in threads."""
        works: list[Callable[[], None]] = [self.put]
        works += [partial(self.write, user) for user in self.users]
        works += [partial(self.ask, user) for user in self.asking]
        with ThreadPoolExecutor(len(works)) as pool:
            asking = [pool.submit(work) for work in works]
            try:
                yield
            finally:
                self._stop.set()
            for done in asking:
                done.result()


def _of(user: str, ids: Sequence[str]) -> int:
    return sum(id.startswith(f"{user}-") for id in ids)
