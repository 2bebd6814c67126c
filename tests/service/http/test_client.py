"""The client against the OpenAPI document: every operation has a method, every method an operation."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any, cast
from urllib.parse import unquote

import httpx
import pytest

from dlrs.client import Client, _pause
from dlrs.errors import DataError, RequestError, StorageFull, Unavailable, WrongBundle
from dlrs.service.candidates.routes import router as candidate_routes
from dlrs.service.http.access import Loopback
from dlrs.service.http.app import Limits, create_app
from dlrs.service.http.logs import start_logs
from dlrs.service.metrics import Metrics
from dlrs.service.profiles.routes import router as profile_routes
from dlrs.service.ranking.routes import router as ranking_routes
from service_stub import app, over_http

CALLS: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "recommendations": (("a/b",), {}),
    "recommend": ((), {"user_id": "u"}),
    "guest": (([],), {}),
    "similar": (("i",), {}),
    "users_for": (("i",), {}),
    "rank": ((["i"],), {"user_id": "u"}),
    "decision": (("d",), {}),
    "events": (([],), {}),
    "profile": (("u",), {}),
    "override": (("u", []), {}),
    "erase": (("u",), {}),
    "erased": ((), {}),
    "active": ((), {}),
    "guest_profile": (([],), {}),
    "popular_items": ((), {}),
    "item": (("i",), {}),
    "items": ((["i"],), {}),
    "put_item": (("i", {}), {}),
    "patch_item": (("i", {}), {}),
    "delete_item": (("i",), {}),
    "bulk_items": (({},), {}),
    "versions": (([],), {}),
    "gone": ((0,), {}),
    "candidates": (("b", []), {}),
    "represent": (("b", []), {}),
    "popular_before": (("b",), {}),
    "live": ((), {}),
    "ready": ((), {}),
    "metrics": ((), {}),
}


def document() -> dict[str, Any]:
    nobody = cast(Any, None)  # routes are looked at, not called
    served = create_app(
        [
            ranking_routes(nobody),
            profile_routes(nobody, nobody, nobody),
            candidate_routes(nobody, nobody),
        ],
        access=Loopback(),
        metrics=Metrics(),
        log=start_logs(),
        checks={},
        limits=Limits(),
    )
    return served.openapi()


def test_every_operation_has_a_method_and_every_method_an_operation() -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json={})

    methods = {name for name, _ in inspect.getmembers(Client, inspect.isfunction) if name[0] != "_"}
    assert methods - {"close"} == set(CALLS)
    with Client("http://service", transport=httpx.MockTransport(answer)) as client:
        for name, (given, named) in CALLS.items():
            getattr(client, name)(*given, **named)
    operations = {
        (method.upper(), path): operation
        for path, methods_of_path in document()["paths"].items()
        for method, operation in methods_of_path.items()
    }
    met = {_operation(request, operations) for request in asked}
    assert met == set(operations)


def _operation(request: httpx.Request, operations: dict[tuple[str, str], Any]) -> tuple[str, str]:
    path = request.url.raw_path.decode().partition("?")[0]
    fitting = [
        (method, template)
        for method, template in operations
        if method == request.method and re.fullmatch(re.sub(r"\{[^}]*\}", "[^/]+", template), path)
    ]
    found = min(fitting, key=lambda one: one[1].count("{"))  # a fixed path before one with a place for ids
    known = {one["name"] for one in operations[found].get("parameters", ())}
    assert set(request.url.params) <= known
    return found


@pytest.mark.parametrize(
    ("how", "error"),
    [
        ("request", RequestError),
        ("data", DataError),
        ("bundle", WrongBundle),
        ("away", Unavailable),
        ("full", StorageFull),
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


def test_what_is_not_there_now_is_asked_again() -> None:
    statuses = iter([503, 503, 200])

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(next(statuses), json={"new": 1}, headers={"Retry-After": "0"})

    with Client("http://service", transport=httpx.MockTransport(answer)) as client:
        assert client.events([{"id": "a"}]) == {"new": 1}


@pytest.mark.parametrize(
    ("said", "seconds"), [("0", 0), ("3", 3), ("600", 5), ("", 1), ("Wed, 21 Oct 2026 07:28:00 GMT", 1)]
)
def test_how_long_it_waits(said: str, seconds: float) -> None:
    assert _pause(said) == seconds


@pytest.mark.parametrize("ask", [Client.live, Client.ready])
def test_nobody_there_is_unavailable(ask: Callable[[Client], object]) -> None:
    with Client("http://127.0.0.1:9", attempts=1) as client, pytest.raises(Unavailable):
        ask(client)


@pytest.mark.parametrize("id", [".", "..", "a/../b", "a b", "ä?#%"])
def test_ids_never_lead_elsewhere(id: str) -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(unquote(request.url.raw_path.decode()))
        return httpx.Response(204)

    with Client("http://service", transport=httpx.MockTransport(answer)) as client:
        client.erase(id)
    assert asked == [f"/users/{id}"]
