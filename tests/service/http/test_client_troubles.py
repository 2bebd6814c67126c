"""The client in trouble: errors of the service, of a proxy before it, of the line, of its own use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from dlrs.client import Client, _pause
from dlrs.errors import DataError, RequestError, StorageFull, Unavailable, WrongBundle
from dlrs.service.http.access import Loopback
from service_stub import app, over_http


@pytest.mark.parametrize(
    ("how", "error"),
    [
        ("request", RequestError),
        ("data", DataError),
        ("bundle", WrongBundle),
        ("away", Unavailable),
        ("full", StorageFull),
        ("disk", StorageFull),
        ("fault", Unavailable),
    ],
)
def test_errors_come_back_as_what_they_were(how: str, error: type[Exception]) -> None:
    with (
        over_http(app(Loopback())) as http,
        Client(str(http.base_url), attempts=1) as client,
        pytest.raises(error) as raised,
    ):
        client._ask("GET", f"/fails/{how}")
    if isinstance(raised.value, WrongBundle):
        assert raised.value.held == ("a",)


def answering(*answers: httpx.Response, url: str = "http://service") -> tuple[Client, list[httpx.Request]]:
    """Give a client that gets these answers, the last one ever again, and what it asks."""
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return answers[min(len(asked), len(answers)) - 1]

    return Client(url, transport=httpx.MockTransport(answer)), asked


def from_proxy(status: int, **content: Any) -> httpx.Response:
    return httpx.Response(status, headers={"Retry-After": "0"}, **content)


def test_a_fault_names_the_id_that_the_log_has_it_under() -> None:
    told = {"type": "InternalError", "message": "It failed.", "request_id": "r1"}
    client, asked = answering(httpx.Response(500, json={"error": told}))
    with client, pytest.raises(Unavailable, match=r"It failed\. The id is r1"):
        client.events([{"id": "a"}])
    assert len(asked) == 1


@pytest.mark.parametrize("status", [408, 429, 502, 503, 504])
def test_what_is_not_there_now_is_asked_again(status: int) -> None:
    away = from_proxy(status, text="<html>upstream</html>")
    client, asked = answering(away, away, httpx.Response(200, json={"new": 1}))
    with client:
        assert client.events([{"id": "a"}]) == {"new": 1}
    assert len({request.content for request in asked}) == 1


@pytest.mark.parametrize("status", [408, 429, 502, 503, 504])
def test_what_stays_away_is_no_fault_of_the_request(status: int) -> None:
    told = {"type": "RequestError", "message": "body: expected within 20 s, received a part."}
    for away in (from_proxy(status), from_proxy(status, json={"error": told})):
        client, asked = answering(away)
        with client, pytest.raises(Unavailable):
            client.events([{"id": "a"}])
        assert len(asked) == 3


def test_a_lost_connection_is_asked_again() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        if len(asked) == 1:
            raise httpx.ReadError("reset", request=request)
        return httpx.Response(200, json={"deleted": []})

    asked: list[httpx.Request] = []
    with Client("http://service", transport=httpx.MockTransport(answer)) as client:
        client.delete_item("i")
    assert [request.method for request in asked] == ["DELETE", "DELETE"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "ask", [lambda c: c.events([]), lambda c: c.erase("7"), Client.metrics, Client.ready]
)
def test_a_redirect_is_no_success(status: int, ask: Callable[[Client], object]) -> None:
    client, asked = answering(httpx.Response(status, headers={"Location": "https://there/x"}))
    with client, pytest.raises(Unavailable) as raised:
        ask(client)
    for part in (str(status), "https://there/x", "give the client that address"):
        assert part in str(raised.value)
    assert len(asked) == 1


def test_a_redirect_to_nowhere_is_none_either() -> None:
    client, _ = answering(httpx.Response(304))
    with client, pytest.raises(Unavailable, match="received 304, which points to nowhere"):
        client.erase("7")


BODIES: tuple[dict[str, Any], ...] = (
    {"json": {"error": "upstream timeout"}},
    {"json": {"error": {"code": 5}}},
    {"json": {"error": {"type": "WrongBundle"}}},
    {"json": {"error": {"type": "DataError", "message": None}}},
    {"json": {"message": "upstream timeout"}},
    {"json": ["upstream timeout"]},
    {"json": None},
    {"text": "<html>upstream timeout</html>"},
    {"content": b""},
    {"content": b"\xff\xfe"},
)


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize(
    ("status", "error"),
    [(400, RequestError), (404, RequestError), (413, RequestError), (500, Unavailable), (504, Unavailable)],
)
def test_an_error_of_somebody_else_is_told(body: dict[str, Any], status: int, error: type[Exception]) -> None:
    for ask in (Client.live, Client.ready):
        client, _ = answering(from_proxy(status, **body))
        with client, pytest.raises(error, match=f"service, received {status} and ") as raised:
            ask(client)
        assert type(raised.value) is error
        start = from_proxy(status, **body).text[:200]
        assert repr(start) in str(raised.value)


def test_of_a_long_error_the_start_is_told() -> None:
    client, _ = answering(httpx.Response(500, text="start" + "x" * 10_000))
    with client, pytest.raises(Unavailable, match="'startx") as raised:
        client.live()
    assert len(str(raised.value)) < 500


@pytest.mark.parametrize("body", [{"text": "<html>Log in</html>"}, {"content": b""}, {"json": [1]}])
@pytest.mark.parametrize("ask", [lambda c: c.events([]), lambda c: c.erase("7"), Client.live, Client.ready])
def test_what_the_service_never_says_is_no_success(
    body: dict[str, Any], ask: Callable[[Client], object]
) -> None:
    client, _ = answering(httpx.Response(200, **body))
    with client, pytest.raises(Unavailable, match="received 200"):
        ask(client)


def test_events_that_are_answered_with_nothing_were_not_taken() -> None:
    client, _ = answering(httpx.Response(204))
    with client, pytest.raises(Unavailable, match="received 204"):
        client.events([])


def test_what_is_not_ready_says_what_it_lacks() -> None:
    lacks = {"status": "not ready", "checks": {"database": "no answer in time"}}
    client, asked = answering(httpx.Response(503, json=lacks))
    with client:
        assert client.ready() == lacks
    assert len(asked) == 1


def test_messages_hold_no_password() -> None:
    place = "http://somebody:secret@service"
    elsewhere = httpx.Response(301, headers={"Location": "/login"})
    for answer in (httpx.Response(500), elsewhere):
        client, _ = answering(answer, url=place)
        with client, pytest.raises(Unavailable, match="http://service/") as raised:
            client.live()
        assert "secret" not in str(raised.value)
    with (
        Client("http://somebody:secret@127.0.0.1:9", attempts=1) as client,
        pytest.raises(
            Unavailable, match=r"http://127\.0\.0\.1:9: expected an answer, received none"
        ) as raised,
    ):
        client.live()
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("url", ["", "localhost:8000", "ftp://service", "http://", "http://[::1"])
def test_an_address_of_no_service_is_no_outage(url: str) -> None:
    with pytest.raises(RequestError, match=r"url: expected one like http://127\.0\.0\.1:8000, received"):
        Client(url)


@pytest.mark.parametrize("key", ["", "dlrs_a\n", "dlrs_ a", "dlrs_é"])
def test_a_key_that_cannot_be_sent_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(RequestError, match="key: expected one as") as raised:
        Client("http://service", key=key)
    assert not key or key not in str(raised.value)


def test_at_least_one_attempt() -> None:
    with pytest.raises(RequestError, match="attempts: expected 1 or more, received 0"):
        Client("http://service", attempts=0)


@pytest.mark.parametrize(
    ("said", "seconds"), [("0", 0), ("3", 3), ("600", 5), ("", 1), ("Wed, 21 Oct 2026 07:28:00 GMT", 1)]
)
def test_how_long_it_waits(said: str, seconds: float) -> None:
    assert _pause(said) == seconds


@pytest.mark.parametrize("ask", [Client.live, Client.ready])
def test_nobody_there_is_unavailable(ask: Callable[[Client], object]) -> None:
    with Client("http://127.0.0.1:9", attempts=1) as client, pytest.raises(Unavailable):
        ask(client)
