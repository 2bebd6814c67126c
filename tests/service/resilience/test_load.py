"""More than it can do, and a stop in the middle of it."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from dlrs.folders import RunFolder
from service.resilience.running import eventually, ids, serving


def test_far_too_many_requests_are_refused_and_nothing_hangs(world: RunFolder, tmp_path: Path) -> None:
    with serving(world.registry, tmp_path / "s") as served:
        statuses: list[int] = []

        def ask() -> None:
            with httpx.Client(base_url=served.url, timeout=20) as client:
                for number in range(10):
                    answer = client.get(f"/recommendations/{number}?k=100")
                    assert answer.status_code in (200, 429, 503), answer.text
                    assert answer.status_code == 200 or int(answer.headers["Retry-After"]) >= 1
                    statuses.append(answer.status_code)

        with ThreadPoolExecutor(100) as pool:
            for done in [pool.submit(ask) for _ in range(100)]:
                done.result()
        assert len(statuses) == 1000
        assert 200 in statuses
        assert len(set(statuses)) > 1
        answer = httpx.get(f"{served.url}/recommendations/1")
        assert (answer.status_code, answer.json()["degraded"]) == (200, None)


class Writer:
    """Sends events, a connection for each, until one is not answered."""

    def __init__(self, url: str, item: str) -> None:
        self._url, self._item = url, item
        self.taken: list[str] = []
        self.unanswered: list[str] = []

    def event(self, id: str) -> dict[str, str]:
        return {"id": id, "user_id": "ada", "item_id": self._item, "type": "view"}

    def write(self, name: str) -> None:
        for number in range(100_000):
            event = self.event(f"{name}-{number}")
            try:
                status = httpx.post(f"{self._url}/events", json=event, timeout=20).status_code
            except (httpx.ConnectError, httpx.ReadError, httpx.RemoteProtocolError):
                self.unanswered.append(event["id"])
                return
            assert status in (200, 503)
            if status == 200:
                self.taken.append(event["id"])

    def again(self, url: str, sent: list[str]) -> tuple[int, int]:
        """Send events once more; return how many were new, and how many known."""
        events = [self.event(id) for id in sent]
        answer = httpx.post(f"{url}/events", json={"events": events}, timeout=20).json()
        return answer["new"], answer["repeated"]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_stop_under_load_answers_what_was_begun(workers: str, world: RunFolder, tmp_path: Path) -> None:
    with serving(world.registry, tmp_path / "s", "--workers", workers) as served:
        item = ids(httpx.get(f"{served.url}/recommendations/nobody").json())[0]
        writer = Writer(served.url, item)
        with ThreadPoolExecutor(4) as pool:
            writing = [pool.submit(writer.write, name) for name in "abcd"]
            assert eventually(lambda: len(writer.taken) > 40)
            served.process.send_signal(signal.SIGTERM)
            assert served.process.wait(20) == 0
            for done in writing:
                done.result()
    with serving(world.registry, tmp_path / "s") as served:
        assert writer.again(served.url, writer.taken) == (0, len(writer.taken))
        # a connection that had not asked yet may be closed; a request that was begun has its answer
        assert len(writer.unanswered) == 4
        assert writer.again(served.url, writer.unanswered) == (4, 0)
