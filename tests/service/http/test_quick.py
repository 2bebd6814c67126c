"""Plain lists on their way round the framework: the same shell as all other requests have."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256

import httpx
import pytest

from dlrs.service.http.access import Access, Key, Keys, Loopback
from dlrs.service.http.app import Limits, create_app
from dlrs.service.http.logs import start_logs
from dlrs.service.http.quick import Known
from dlrs.service.metrics import Metrics
from service_stub import FAILURES, over_http, router

PATH = "/recommendations/{user}"


@dataclass
class Lists:
    """Knows every list without a query, and makes it of the thread that it is asked on."""

    waits: bool = False
    path: str = PATH
    pause: float = 0.0
    asked: list[str] = field(default_factory=list)

    def known(self, path: str, query: bytes) -> Known | None:
        user = path.removeprefix("/recommendations/")
        return None if query or user == path else Known({"user": user}, partial(self._make, user))

    def _make(self, user: str) -> bytes:
        self.asked.append(threading.current_thread().name)
        time.sleep(self.pause)
        if user in FAILURES:
            raise FAILURES[user]
        return json.dumps({"quick": user}).encode()


@contextmanager
def shop(
    lists: Lists, access: Access | None = None, metrics: Metrics | None = None
) -> Iterator[httpx.Client]:
    app = create_app(
        [router()],
        access=access or Loopback(),
        metrics=metrics or Metrics(),
        log=start_logs(),
        checks={},
        limits=Limits(),
        quickly=lists,
    )
    with over_http(app) as client:
        yield client


@pytest.fixture
def lists() -> Lists:
    return Lists()


@pytest.fixture
def client(lists: Lists) -> Iterator[httpx.Client]:
    with shop(lists) as opened:
        yield opened


def test_what_is_known_goes_round_and_all_else_the_usual_way(client: httpx.Client) -> None:
    assert client.get("/recommendations/a").json() == {"quick": "a"}
    assert client.get("/recommendations/a?k=1").json()["user"] == "a"
    assert client.get("/small").json() == {"good": True}
    assert client.head("/recommendations/a").status_code == 405
    with_body = client.request("GET", "/recommendations/a", content=b"{}")
    assert with_body.json()["user"] == "a"


def test_both_ways_answer_with_the_same_headers(client: httpx.Client) -> None:
    quick, usual = (
        client.get(path, headers={"X-Request-Id": "n-1"}) for path in ("/recommendations/a", "/small")
    )
    assert quick.headers["X-Request-Id"] == "n-1"
    changing = {"content-length", "date"}
    assert {k: v for k, v in quick.headers.items() if k not in changing} == {
        k: v for k, v in usual.headers.items() if k not in changing
    }


@pytest.mark.parametrize("how", FAILURES)
def test_an_error_is_the_same_both_ways(client: httpx.Client, how: str) -> None:
    quick = client.get(f"/recommendations/{how}", headers={"X-Request-Id": "n"})
    usual = client.get(f"/fails/{how}", headers={"X-Request-Id": "n"})
    assert (quick.status_code, quick.json()) == (usual.status_code, usual.json())
    assert quick.headers.get("Retry-After") == usual.headers.get("Retry-After")


def test_it_needs_the_scope_that_reads(lists: Lists) -> None:
    keys = Keys([Key(name, sha256(name.encode()).digest(), frozenset({name})) for name in ("read", "events")])
    with shop(lists, keys) as client:
        statuses = [
            client.get("/recommendations/a", headers={"X-API-Key": key} if key else {}).status_code
            for key in ("", "other", "events", "read")
        ]
        assert statuses == [401, 401, 403, 200]
        assert len(lists.asked) == 1


def test_it_is_counted_and_logged_by_its_route(
    lists: Lists, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    metrics = Metrics()
    with shop(lists, metrics=metrics) as client:
        client.get("/recommendations/somebody", headers={"X-Request-Id": "n-2"})
    line = f'dlrs_request_seconds_count{{method="GET",route="{PATH}",status="200"}} 1.0'
    assert line in metrics.text().decode()
    written = capfdbinary.readouterr().err.decode()
    logged = [json.loads(line) for line in written.splitlines() if '"n-2"' in line]
    assert [(one["event"], one["route"], one["status"], one["level"]) for one in logged] == [
        ("request", PATH, 200, "info")
    ]
    assert "somebody" not in written


@pytest.mark.parametrize("waits", [False, True])
def test_what_waits_for_nobody_stays_on_the_thread_of_the_loop(waits: bool) -> None:
    lists = Lists(waits)
    with shop(lists) as client:
        client.get("/recommendations/a")
        client.get("/recommendations/b")
    assert all(("AnyIO" in name) == waits for name in lists.asked)
    assert len(lists.asked) == 2


@pytest.mark.parametrize("waits", [False, True])
def test_of_too_many_at_once_some_are_refused(waits: bool) -> None:
    lists = Lists(waits, pause=0.05)
    with shop(lists) as client, ThreadPoolExecutor(40) as threads:
        answers = list(threads.map(client.get, [f"/recommendations/{n}" for n in range(40)]))
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) == {200, 503}
    assert len(lists.asked) == statuses.count(200)
    assert all("Retry-After" in answer.headers for answer in answers if answer.status_code == 503)
