"""The client against the OpenAPI document: every operation has a method, every method an operation."""

from __future__ import annotations

import inspect
import re
from typing import Any, cast
from urllib.parse import unquote

import httpx
import pytest

from dlrs.client import USUAL, Client
from dlrs.service.candidates.routes import router as candidate_routes
from dlrs.service.http.access import Loopback
from dlrs.service.http.app import Limits, create_app
from dlrs.service.http.logs import start_logs
from dlrs.service.metrics import Metrics
from dlrs.service.profiles.routes import router as profile_routes
from dlrs.service.ranking.quick_lists import QuickLists
from dlrs.service.ranking.routes import router as ranking_routes

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


def test_lists_without_wishes_go_the_quick_way() -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json={})

    quick = QuickLists(cast(Any, None), waits=False)
    with Client("http://service", transport=httpx.MockTransport(answer)) as client:
        client.recommendations("a/b")
        client.recommendations("a/b", k=10)
        client.recommendations("a/b", page="search", where=[{"feature": "price", "max": 9}])
    ways = [quick.known(request.url.path, request.url.query) for request in asked]
    assert [way is not None for way in ways] == [True, True, False]
    assert [dict(request.url.params) for request in asked] == [
        {},
        {"k": "10"},
        {"page": "search", "where": '[{"feature":"price","max":9}]'},
    ]


def test_what_is_not_sent_is_what_the_service_takes() -> None:
    (path,) = (path for path in document()["paths"] if path.startswith("/recommendations/"))
    parameters = document()["paths"][path]["get"]["parameters"]
    taken = {one["name"]: one["schema"].get("default") for one in parameters}
    assert {name: taken[name] for name in USUAL} == USUAL


@pytest.mark.parametrize("id", [".", "..", "a/../b", "a b", "ä?#%"])
def test_ids_never_lead_elsewhere(id: str) -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(unquote(request.url.raw_path.decode()))
        return httpx.Response(204)

    with Client("http://service", transport=httpx.MockTransport(answer)) as client:
        client.erase(id)
    assert asked == [f"/users/{id}"]
