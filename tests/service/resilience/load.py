"""Load: events, items and lists, without a pause, and what was answered to whom."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

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
    """Clients of services that keep asking whatever comes. `ids`: of users that ask for lists."""

    ranking: str
    profiles: str
    candidates: str
    item: str
    features: dict[str, Any]
    ids: tuple[str, ...] = ("ada", "nobody")
    events: list[str] = field(default_factory=list)  # that were acknowledged
    sent: list[str] = field(default_factory=list)
    items: dict[str, float] = field(default_factory=dict)  # id -> price, that was acknowledged
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
                else:  # nobody knows of it
                    self.items.pop(id, None)

    def ask(self, user: str) -> None:
        levels = self.lists.setdefault(user, [])
        with httpx.Client(base_url=self.ranking, timeout=30) as client:
            for _ in self._turns():
                asked = time.monotonic()
                answer = client.get(f"/recommendations/{user}?k=5")
                self._look(answer)
                level = answer.json().get("degraded") if answer.is_success else None
                levels.append(Level(asked, time.monotonic(), answer.status_code, level))

    def again(self) -> tuple[int, int]:
        """Send all acknowledged events once more; return how many were new, and how many known."""
        content = {"events": [self.event(id) for id in self.events]}
        told = httpx.post(f"{self.profiles}/events", json=content, timeout=60).json()
        return told["new"], told["repeated"]

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
        works: list[Callable[[], None]] = [lambda: self.write("ada"), lambda: self.write("bob"), self.put]
        works += [lambda id=id: self.ask(id) for id in self.ids]  # type: ignore[misc]
        with ThreadPoolExecutor(len(works)) as pool:
            asking = [pool.submit(work) for work in works]
            try:
                yield
            finally:
                self._stop.set()
            for done in asking:
                done.result()
