from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from threading import Thread
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from dlrs.errors import DlrsError, RequestError, Unavailable
from dlrs.publishing.published import Published
from dlrs.service.bundle import ServingBundle
from dlrs.service.ranking.forms import is_text
from dlrs.service.ranking.routes import router
from service.ranking.conftest import User
from service.ranking.fakes import Stage


@pytest.fixture(scope="module")
def stage(opened: tuple[Published, ServingBundle], users: list[User]) -> Iterator[Stage]:
    stage = Stage(*opened)
    stage.profiles.known = {user.id: user.profile(stage.bundle) for user in users}
    yield stage
    stage.service.stop()


@pytest.fixture(scope="module")
def http(stage: Stage) -> Iterator[httpx.Client]:
    """A real server."""
    app = FastAPI()
    app.include_router(router(stage.service))

    @app.exception_handler(DlrsError)
    def refused(_: Request, error: DlrsError) -> JSONResponse:
        status = 422 if isinstance(error, RequestError) else 503 if isinstance(error, Unavailable) else 500
        return JSONResponse({"detail": str(error)}, status)

    @app.exception_handler(RequestValidationError)
    def unread(_: Request, error: RequestValidationError) -> JSONResponse:
        return JSONResponse({"detail": [problem["msg"] for problem in error.errors()]}, 422)

    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        thread = Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        with httpx.Client(base_url=f"http://127.0.0.1:{listening.getsockname()[1]}", timeout=60) as client:
            yield client
        server.should_exit = True
        thread.join()


def test_a_list(http: httpx.Client, stage: Stage, users: list[User]) -> None:
    stage.service.refresh()
    where = json.dumps([{"feature": "price", "max": 20000}])
    relax = json.dumps([{"feature": "price", "widen": 0.1}])
    answer = http.get(f"/recommendations/{users[0].id}", params={"k": 7, "where": where, "relax": relax})
    assert answer.status_code == 200
    content = answer.json()
    expected = stage.service.recommend(users[0].id, 7)
    assert len(content["items"]) == 7
    assert content["bundle_id"] == expected.bundle_id
    assert content["filters"] == [{"feature": "price", "max": 20000}]
    assert (content["degraded"], content["basis"], content["steps"], content["shortfall"]) == (
        None,
        "profile",
        0,
        None,
    )
    assert all(item["features"]["price"] <= 20000 for item in content["items"])
    assert any("of your last" in (item["reason"] or "") for item in content["items"])
    assert {"profile", "candidates", "rank", "items"} <= set(content["stages"])
    plain = http.get(f"/recommendations/{users[0].id}", params={"explain": False}).json()
    assert {item["reason"] for item in plain["items"]} == {None}


def test_guests(http: httpx.Client, stage: Stage, users: list[User]) -> None:
    profile = stage.profiles.known[users[0].id]
    given = {
        "values": profile.values,
        "numbers": {name: {"mean": n.mean, "std": n.std} for name, n in profile.numbers.items()},
    }
    by_profile = http.post("/recommendations", json={"profile": given, "k": 5, "page": "search"}).json()
    by_id = http.post("/recommendations", json={"user_id": users[0].id, "k": 5, "page": "search"}).json()
    assert [i["id"] for i in by_profile["items"]] == [i["id"] for i in by_id["items"]]
    events = [{"item_id": stage.ids()[0], "type": "view", "time": "2017-05-07T00:00:00Z"}]
    assert http.post("/recommendations", json={"events": events}).json()["basis"] == "popular"  # of the fake
    named = [{**events[0], "id": "e1", "user_id": "visitor"}]  # as the User Profile API takes them
    assert http.post("/recommendations", json={"events": named}).status_code == 200
    seconds = [{**events[0], "time": 1_710_000_000}]
    assert http.post("/recommendations", json={"events": seconds}).status_code == 422


def test_similar_rank_and_decisions(http: httpx.Client, stage: Stage, users: list[User]) -> None:
    ids = stage.ids()
    assert len(http.get(f"/items/{ids[0]}/similar", params={"k": 3}).json()["items"]) == 3
    assert http.get("/items/nothing/similar").status_code == 404
    ranked = http.post("/rank", json={"user_id": users[0].id, "items": [*ids[:4], "nothing"]}).json()
    assert {item["id"] for item in ranked["items"]} == set(ids[:4])
    assert ranked["missing"] == ["nothing"]
    decision = http.get(f"/decisions/{ranked['decision_id']}").json()
    assert [id for id, _ in decision["answer"]] == [item["id"] for item in ranked["items"]]
    assert decision["time"].endswith("+00:00")
    assert http.get("/decisions/nothing").status_code == 404


BAD_LISTS: list[dict[str, Any]] = [
    {"k": 0},
    {"k": 501},
    {"k": "NaN"},
    {"page": "attic"},
    {"where": "["},
    {"where": "{}"},
    {"where": "[1]"},
    {"where": '[{"feature": "price", "max": NaN}]'},
    {"where": '[{"feature": "price", "max": 1e999}]'},
    {"where": '[{"feature": "fuel", "any_of": ["\\u0000"]}]'},
    {"where": '[{"feature": "fuel", "any_of": ["\\ud800"]}]'},
    {"where": '[{"feature": "wings", "any_of": ["2"]}]'},
    {"where": "[" * 5000},
    {"where": json.dumps([{"feature": "price", "max": 1}] * 51)},
    {"relax": '[{"feature": "price", "drop": true}]'},
    {"relax": "null"},
]


@pytest.mark.parametrize("params", BAD_LISTS)
def test_bad_lists_are_refused(http: httpx.Client, params: dict[str, Any]) -> None:
    assert http.get("/recommendations/somebody", params=params).status_code == 422


BAD_BODIES: list[str] = [
    "{}",
    '{"user_id": "a", "events": []}',
    '{"user_id": "a", "color": 1}',
    '{"user_id": ""}',
    '{"user_id": "\\u0000"}',
    '{"user_id": "' + "a" * 513 + '"}',
    '{"profile": {"values": {"wings": {"2": 1}}}}',
    '{"profile": {"values": {"fuel": {"DIESEL": -1}}}}',
    '{"profile": {"values": {"fuel": {"DIESEL": 1e999}}}}',
    '{"profile": {"numbers": {"price": {"mean": 1e999}}}}',
    '{"profile": {"numbers": {"price": {"mean": 1' + "0" * 400 + "}}}}",
    '{"profile": {"numbers": {"fuel": {"mean": 1}}}}',
    '{"events": [{"item_id": "a", "type": "view", "time": "2017-05-07T00:00:00"}]}',
    '{"user_id": "a", "filters": [{"feature": "price", "max": 1' + "0" * 400 + "}]}",
    '{"user_id": "a", "k": 1' + "0" * 400 + "}",
]


@pytest.mark.parametrize("body", BAD_BODIES, ids=range(len(BAD_BODIES)))
def test_bad_bodies_are_refused(http: httpx.Client, body: str) -> None:
    answer = http.post("/recommendations", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422


@pytest.mark.parametrize("mean", [1e300, -1e300, 1e38, 1e-300])
def test_extreme_profiles_get_a_list(http: httpx.Client, mean: float) -> None:
    body = {
        "profile": {
            "values": {"fuel": {"no such fuel": 1e12}},
            "numbers": {"price": {"mean": mean, "std": 1e300}},
        }
    }
    answer = http.post("/recommendations", json=body)
    assert answer.status_code == 200
    assert len(answer.json()["items"]) == 20


def test_user_ids_may_hold_anything_that_is_text(http: httpx.Client) -> None:
    for user in ("a%2Fb", "..%2F..%2Fetc", "%F0%9F%9A%97", "a b"):
        assert http.get(f"/recommendations/{user}").status_code == 200
    assert http.get("/recommendations/a%00b").status_code == 422
    assert not is_text({"a": ["\ud83d"]})


def test_nothing_left_is_unavailable(http: httpx.Client, stage: Stage) -> None:
    stage.candidates.weather.error = Unavailable("down")
    assert http.get(f"/items/{stage.ids()[0]}/similar").status_code == 503
    stage.candidates.weather.error = None


@pytest.mark.parametrize("path", ["/recommendations/u", "/items/i/similar", "/decisions/d"])
def test_parameters_that_nobody_knows_are_refused(http: httpx.Client, path: str) -> None:
    answer = http.get(path, params={"filters": "[]"})
    assert answer.status_code == 422
    assert "received 'filters'" in answer.json()["detail"]
