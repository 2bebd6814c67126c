"""Admission: places, a queue in the order of arrival, and an answer at once to the rest."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import httpx
import pytest

from dlrs.service.http.access import Loopback
from dlrs.service.http.admission import Gate, Gates
from dlrs.service.http.app import Limits
from dlrs.service.http.nesting import is_too_deep
from dlrs.service.metrics import Metrics
from service_stub import app, over_http


def test_the_wait_follows_from_the_queue_and_the_pace() -> None:
    async def scenario() -> None:
        gate = Gate(2, longest_wait=0.05, seconds=0.02)
        assert gate.wait == 0
        await gate.enter()
        await gate.enter()
        assert gate.wait == pytest.approx(0.01)  # 1 in 2 places at 0.02 s
        waiting = [asyncio.create_task(gate.enter()) for _ in range(5)]
        await asyncio.sleep(0)
        assert gate.wait == pytest.approx(0.06)  # 6 · 0.02 / 2
        assert gate.is_full
        waiting[0].cancel()
        await asyncio.sleep(0)
        assert gate.wait == pytest.approx(0.05)
        gate.leave(0.02)
        await asyncio.sleep(0)
        assert [task.done() for task in waiting] == [True, True, False, False, False]
        for _ in range(5):
            gate.leave(0.02)
            await asyncio.sleep(0)
        assert gate.busy == 0
        assert gate.wait == 0
        gate.leave(5.0)  # a stall: as 0.05 s, the longest wait, with weight 0.05
        assert gate.seconds == pytest.approx(0.0215)

    asyncio.run(scenario())


def test_reads_and_writes_have_places_of_their_own() -> None:
    gates = Gates(1, 1, 0.0)
    for method, path, writes in (
        ("GET", "/recommendations/7", False),
        ("POST", "/recommendations", False),
        ("POST", "/events", True),
        ("POST", "/items", True),
        ("POST", "/items/get", False),
        ("POST", "/items/versions", True),  # a write of the User Profile API waits for it
        ("POST", "/u/7/erase", True),
        ("GET", "/u/7", False),
        ("DELETE", "/users/7", True),
    ):
        found = gates.of({"method": method, "path": path})
        assert (found is gates.writes) == writes, (method, path)


def test_who_does_not_read_his_answers_keeps_nobody_waiting() -> None:
    with over_http(app(Loopback(), limits=Limits(reads=1, writes=1, longest_wait=1.0))) as client:
        address = client.base_url
        request = f"GET /openapi.json HTTP/1.1\r\nHost: {address.host}\r\n\r\n".encode()
        with socket.socket() as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.connect((address.host, address.port))
            deaf.settimeout(1.0)
            with suppress(TimeoutError):
                deaf.sendall(request * 5_000)  # answers beyond what buffers on the way can hold
            time.sleep(1)  # until all buffers are full
            assert client.get("/recommendations/7", timeout=5).status_code == 200


def test_what_is_too_much_is_refused_at_once_and_health_is_not() -> None:
    metrics = Metrics()
    limits = Limits(reads=1, writes=1, longest_wait=0.0)
    served = app(Loopback(), pause=1.0, limits=limits, metrics=metrics)
    with over_http(served) as client:
        address = str(client.base_url)
        first = threading.Thread(target=httpx.get, args=(f"{address}/recommendations/7",))
        first.start()
        while served.state.gates.reads.busy == 0:
            time.sleep(0.001)
        refused = client.get("/recommendations/8")
        assert served.state.gates.reads.busy == 1  # it did not wait for the first one
        assert refused.status_code == 503
        assert metrics.registry.get_sample_value("dlrs_refused_total") == 1
        assert int(refused.headers["Retry-After"]) >= 1
        assert refused.json()["error"]["type"] == "Overloaded"
        assert client.get("/health/live").status_code == 200
        assert client.post("/events", json={"id": "a"}).status_code == 200
        first.join()
        assert client.get("/small").status_code == 200


def test_all_that_fit_are_answered() -> None:
    limits = Limits(reads=2, longest_wait=10.0)
    with over_http(app(Loopback(), pause=0.01, limits=limits)) as client, ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: client.get(f"/recommendations/{n}?k=1").status_code, range(40)))
    assert answers == [200] * 40


@pytest.mark.parametrize(
    ("body", "deep"),
    [
        (b"[" * 32 + b"]" * 32, False),
        (b"[" * 33 + b"]" * 33, True),
        (b'{"a":' * 33, True),
        (b'["' + b"[" * 100 + b'"]', False),
        (b'["' + b"]" * 100 + b'",' + b"[" * 33, True),
        (b'["\\"' + b"[" * 100 + b'"]', False),
        (b'["\\\\",' + b"[" * 33, True),
        (b"[1]," * 100, False),
    ],
)
def test_levels_are_counted_outside_texts(body: bytes, deep: bool) -> None:
    assert is_too_deep(body) == deep
