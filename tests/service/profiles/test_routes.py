"""What the routes of the User Profile API take, refuse and tell."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dlrs.service.metrics import Metrics
from dlrs.service.profiles.source import UserProfiles
from dlrs.service.seams import Event
from service.profiles.fakes import FakeCandidates, FakeEvents, FakeUsers
from service.profiles.little import DAY, END, Clock, bundle, item_id, past_of, raw_then
from service.profiles.serving import app_of, running

BASE = [
    Event("", "ann", item_id(0), "view", END - 3 * DAY),
    Event("", "ann", item_id(1), "contact", END - 2 * DAY),
]
EVENT = {"id": "e", "user_id": "u", "item_id": item_id(0), "type": "view"}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    events, clock = FakeEvents(), Clock(END + 5)
    current = bundle(), past_of(BASE, Path(tmp_path_factory.mktemp("bundle")))
    profiles = UserProfiles(
        lambda: current, events, FakeUsers(events), FakeCandidates(raw_then), clock, Metrics()
    )
    with running(app_of(profiles, clock)) as address, httpx.Client(base_url=address) as client:
        yield client


def test_one_event_and_many(api: httpx.Client) -> None:
    one = api.post("/events", json={**EVENT, "user_id": "one"})
    assert (one.status_code, one.json()) == (200, {"new": 1, "repeated": 0, "refused": []})
    many = [{**EVENT, "id": f"e{n}", "user_id": "one", "type": ["view", "adore"][n]} for n in range(2)]
    answer = api.post("/events", json={"events": many}).json()
    assert (answer["new"], [one["id"] for one in answer["refused"]]) == (1, ["e1"])
    history = api.get("/users/one/profile").json()["history"]
    assert [met["time"] for met in history] == ["2020-02-03T00:00:00.000005+00:00"] * 2  # now


def test_a_profile_for_people(api: httpx.Client) -> None:
    told = api.get("/users/ann/profile", params={"history": 1}).json()
    assert told["events"] == 2
    assert told["discrete"]["colour"] == {
        "known": 0.5,
        "values": [{"value": "red", "count": 1.25, "frequency": 1.0}],
    }
    assert [one["value"] for one in told["discrete"]["tags"]["values"]] == ["c", "a"]
    assert told["discrete"]["tags"]["values"][0]["frequency"] == 31 / 32.25
    assert told["continuous"]["built"]["words"] == "2008-05-24 ± 2.6 years"
    assert told["continuous"]["price"]["words"] == "148,421 ×÷ 8.17"
    assert [met["item_id"] for met in told["history"]] == [item_id(1)]
    assert told["history"][0]["features"]["tags"] == ["c"]
    assert told["own"] == {"age": 33.0, "country": "de"}
    assert told["known_items"] == 2
    assert "known_ids" not in told
    assert api.get("/users/ann/profile", params={"history": 0}).json()["history"] == []


def test_overrides_are_filters(api: httpx.Client) -> None:
    filters = [{"feature": "colour", "none_of": ["red"]}, {"feature": "price", "max": 15000.0}]
    answer = api.put("/users/wish/profile/overrides", json={"filters": filters})
    assert (answer.status_code, answer.json()["filters"]) == (200, filters)
    assert api.get("/users/wish/profile").json()["overrides"] == filters
    wrong = api.put("/users/wish/profile/overrides", json={"filters": [{"feature": "prize", "max": 1}]})
    assert wrong.status_code == 422
    assert "price" in wrong.json()["error"]["message"]
    assert api.get("/users/wish/profile").json()["overrides"] == filters


def test_erasing(api: httpx.Client) -> None:
    api.post("/events", json={**EVENT, "id": "gone", "user_id": "gone"})
    assert api.delete("/users/gone").status_code == 204
    assert api.get("/users/gone/profile").json()["known_items"] == 0


WRONG: list[Any] = [
    None,
    [],
    "x",
    {},
    {**EVENT, "more": 1},
    {**EVENT, "id": 5},
    {**EVENT, "time": 5},
    {**EVENT, "time": "yesterday"},
    {**EVENT, "time": "2020"},
    {**EVENT, "time": "2020-01-01T00:00:00"},  # without a zone
    {"events": [EVENT, {**EVENT, "type": None}]},
    {"events": {}},
    {"events": [EVENT] * 10_001},
]


@pytest.mark.parametrize("body", WRONG, ids=range(len(WRONG)))
def test_a_wrong_form_is_refused_whole(api: httpx.Client, body: Any) -> None:
    assert api.post("/events", json=body).status_code == 422
    assert api.get("/users/u/profile").json()["events"] == 0


@pytest.mark.parametrize("name", ["id", "user_id", "item_id", "type"])
def test_half_a_character_is_refused(api: httpx.Client, name: str) -> None:
    for path, body in (
        ("/events", EVENT | {name: "\ud800"}),
        ("/guest-profile", {"events": [{name: "\ud800"}]}),
    ):
        answer = api.post(path, content=json.dumps(body), headers={"Content-Type": "application/json"})
        assert answer.status_code == 422


@pytest.mark.parametrize(
    "path", ["/users//profile", "/users/a%00b/profile", "/users/" + "x" * 513 + "/profile"]
)
def test_no_id(api: httpx.Client, path: str) -> None:
    assert api.get(path).status_code == 422


@pytest.mark.parametrize("asked", [{"history": -1}, {"history": 10_001}, {"described": "x"}])
def test_wrong_numbers(api: httpx.Client, asked: dict[str, Any]) -> None:
    assert api.get("/users/ann/profile", params=asked).status_code == 422


anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(), children, max_size=4),
    max_leaves=8,
)
texts = st.text() | st.just("2020-01-01T00:00:00+23:59") | st.just("0001-01-01T00:00:00+14:00")
texts = texts | st.just("\ud800") | anything
near = st.fixed_dictionaries(
    {"id": texts, "user_id": texts, "item_id": texts | st.just(item_id(0)), "type": texts | st.just("view")},
    optional={"time": texts},
)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(anything | near | st.fixed_dictionaries({"events": st.lists(near, max_size=3)}))
def test_whatever_comes_is_answered(api: httpx.Client, body: Any) -> None:
    for path in ("/events", "/guest-profile"):
        content = json.dumps(body).encode()
        answer = api.post(path, content=content, headers={"Content-Type": "application/json"})
        assert answer.status_code in (200, 422)


@pytest.mark.parametrize("path", ["kept/", "kept/profile", "kept/profile/overrides", "a/b"])
def test_nobody_else_is_erased(api: httpx.Client, path: str) -> None:
    assert api.delete(f"/users/{path}").status_code == 404


def test_an_id_may_have_slashes(api: httpx.Client) -> None:
    api.post("/events", json={**EVENT, "id": "of a/b", "user_id": "a/b"})
    assert api.get("/users/a%2Fb/profile").json()["events"] == 1
    assert api.delete("/users/a%2Fb").status_code == 204
    assert api.get("/users/a%2Fb/profile").json()["events"] == 0
