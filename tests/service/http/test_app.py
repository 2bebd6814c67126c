"""What every route has around it: errors, names, headers, sizes, health, metrics, log lines."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator

import httpx
import pytest

from dlrs.errors import Unavailable
from dlrs.service.http import health
from dlrs.service.http.access import Loopback
from dlrs.service.http.app import Limits
from dlrs.service.http.health import Check
from service_stub import FAILURES, app, over_http

EXPECTED = {
    "request": (422, "RequestError"),
    "data": (422, "DataError"),
    "bundle": (409, "WrongBundle"),
    "away": (503, "Unavailable"),
    "full": (507, "StorageFull"),
    "disk": (507, "StorageFull"),
    "deep": (422, "RequestError"),
    "fault": (500, "InternalError"),
}


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with over_http(app(Loopback(), limits=Limits(largest_body=1000))) as opened:
        yield opened


@pytest.mark.parametrize("how", FAILURES)
def test_each_error_has_its_status_and_one_form(client: httpx.Client, how: str) -> None:
    answer = client.get(f"/fails/{how}", headers={"X-Request-Id": "abc"})
    error = answer.json()["error"]
    assert (answer.status_code, error["type"]) == EXPECTED[how]
    assert error["request_id"] == "abc" == answer.headers["X-Request-Id"]
    assert ("Retry-After" in answer.headers) == (how == "away")
    for secret in ("insides", "/secret/place"):
        assert secret not in answer.text
    assert set(EXPECTED) == set(FAILURES)


def test_a_wrong_bundle_names_those_that_are_held(client: httpx.Client) -> None:
    error = client.get("/fails/bundle").json()["error"]
    assert (error["asked"], error["held"]) == ("b", ["a"])


def test_a_request_that_does_not_fit_says_where_and_repeats_nothing_of_it(client: httpx.Client) -> None:
    answer = client.post("/events", json={"id": "secret" * 10, "weight": 1})
    assert answer.status_code == 422
    assert "body.id" in answer.json()["error"]["message"]
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 422),
        (b"\xff\xfe", 422),
        (b"[" * 990, 422),
        (b'{"id": "a", "weight": NaN}', 422),
        (b'{"id": "a", "weight": 1e999}', 422),
        (b'{"id": "a", "weight": ' + b"9" * 900 + b"}", 422),
        (b'{"id": "a", "more": 1}', 422),
        (b"", 422),
    ],
)
def test_hostile_bodies_are_refused(client: httpx.Client, body: bytes, status: int) -> None:
    answer = client.post("/events", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    assert set(answer.json()) == {"error"}


def test_very_deep_bodies_are_refused() -> None:
    with over_http(app(Loopback())) as client:
        deep = b'{"id": ' + b"[" * 500_000 + b"]" * 500_000 + b"}"
        answer = client.post("/events", content=deep, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422


def test_large_bodies_are_refused_by_their_announced_length_and_in_parts(client: httpx.Client) -> None:
    taken: list[int] = []

    def parts() -> Iterator[bytes]:
        for part in range(100):
            taken.append(part)
            yield b" " * 100

    assert client.post("/events", content=b" " * 1001).status_code == 413
    assert client.post("/events", content=parts()).status_code == 413
    whole = client.post("/events", json={"id": "a"})
    assert whole.json() == {"new": 1, "id": "a"}


def test_a_body_of_another_type_is_told_so(client: httpx.Client) -> None:
    answer = client.post("/events", content=b'{"id": "a"}', headers={"Content-Type": "text/plain"})
    assert answer.status_code == 422
    assert "expected application/json, received 'text/plain'" in answer.json()["error"]["message"]


def test_insane_request_ids_are_replaced(client: httpx.Client) -> None:
    for wild in ("two words", "x" * 65, "a\tb"):
        assert client.get("/small", headers={"X-Request-Id": wild}).headers["X-Request-Id"] != wild


def test_answers_carry_headers_that_keep_browsers_safe(client: httpx.Client) -> None:
    for path in ("/small", "/nothing", "/fails/fault"):
        headers = client.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


def test_unknown_paths_and_methods_have_the_form_of_errors(client: httpx.Client) -> None:
    assert client.get("/nothing").json()["error"]["type"] == "HTTPError"
    assert client.get("/nothing").status_code == 404
    assert client.put("/small").status_code == 405


def test_a_log_line_has_the_route_and_no_id(
    client: httpx.Client, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    with over_http(app(Loopback())) as logged:
        logged.get("/recommendations/somebody?k=1", headers={"X-Request-Id": "abc"})
        logged.get("/recommendations/somebody?k=2")
    text = capfdbinary.readouterr().err
    lines = [json.loads(line) for line in text.splitlines()]
    first, second = (line for line in lines if line["event"] == "request")
    assert (first["route"], first["status"], first["request_id"]) == ("/recommendations/{user}", 200, "abc")
    assert first["user"] == second["user"]
    assert b"somebody" not in text


def test_a_fault_is_logged_with_its_request(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    with over_http(app(Loopback())) as client:
        client.get("/fails/fault", headers={"X-Request-Id": "abc"})
    lines = [json.loads(line) for line in capfdbinary.readouterr().err.splitlines()]
    (fault,) = (line for line in lines if line["event"] == "fault")
    assert fault["request_id"] == "abc"
    assert "ValueError: insides" in fault["exception"]


def raising(error: Exception) -> Check:
    def raises() -> str | None:
        raise error

    return raises


def test_health_says_what_is_missing() -> None:
    checks = {
        "database": raising(FAILURES["away"]),
        "disk": raising(FAILURES["disk"]),
        "bundle": lambda: None,
        "index": lambda: "7 changes behind",
    }
    with over_http(app(Loopback(), checks=checks)) as client:
        assert client.get("/health/live").json() == {"status": "live"}
        answer = client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json() == {
        "status": "not ready",
        "checks": {
            "database": "does not answer",
            "disk": "OSError",
            "bundle": "good",
            "index": "7 changes behind",
        },
    }


def test_why_a_check_fails_stands_in_the_log_once(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    why = "postgresql://dlrs:***@10.0.0.7/shop: connection refused"
    failing: list[Exception] = [Unavailable(why)]

    def database() -> str | None:
        if failing:
            raise failing[0]
        return None

    with over_http(app(Loopback(), checks={"database": database})) as client:
        texts = [client.get("/health/ready").text for _ in range(3)]
        failing.clear()
        assert client.get("/health/ready").is_success
    assert "10.0.0.7" not in "".join(texts)
    lines = [json.loads(line) for line in capfdbinary.readouterr().err.splitlines()]
    told = [(line["event"], line.get("error")) for line in lines if line.get("check") == "database"]
    assert told == [("not ready", f"Unavailable: {why}"), ("ready again", None)]


def test_a_check_that_hangs_keeps_no_other_from_its_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "PATIENCE", 0.2)
    go_on = threading.Event()

    def hangs() -> str | None:
        go_on.wait(60)
        return None

    checks = {"database": hangs, "bundle": lambda: None}
    with over_http(app(Loopback(), checks=checks)) as client:
        try:
            found = [client.get("/health/ready").json()["checks"] for _ in range(4)]
        finally:
            go_on.set()
    assert found == [{"database": "no answer in time", "bundle": "good"}] * 4


def test_metrics_count_requests_by_route(client: httpx.Client) -> None:
    client.get("/recommendations/a")
    client.get("/recommendations/b")
    client.get("/made/up/path")
    text = client.get("/metrics").text
    assert 'dlrs_request_seconds_count{method="GET",route="/recommendations/{user}",status="200"} 2.0' in text
    assert "made" not in text


def test_the_document_and_its_page_name_every_operation(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    page = client.get("/docs")
    for path, operations in document["paths"].items():
        for method in operations:
            assert f"{method.upper()} {path}" in page.text
    assert {"/recommendations/{user}", "/metrics", "/health/ready"} <= set(document["paths"])
    assert "<script" not in page.text
    assert "http://" not in page.text
