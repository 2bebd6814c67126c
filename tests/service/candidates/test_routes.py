"""The routes by which items change, over HTTP."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from dlrs.errors import Unavailable
from dlrs.service.seams import Item
from service.candidates.conftest import Market


@pytest.fixture
def api(market: Market) -> httpx.Client:
    return market.client


@pytest.fixture
def item_id(market: Market) -> str:
    return market.catalogue.live.view().snapshot.items.ids_N[5].decode()


HALF = "\ud800"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/items/x", {"features": {HALF: 1}}),
        ("PUT", "/items/x", {"features": {"color": HALF}}),
        ("PATCH", "/items/x", {"features": {HALF: 1}}),
        ("POST", "/items", {"upsert": {"x": {HALF: 1}}}),
        ("POST", "/items", {"upsert": {HALF: {}}}),
        ("POST", "/items", {"delete": [HALF]}),
        ("POST", "/items/get", {"ids": [HALF]}),
    ],
)
def test_half_a_character_is_refused(api: httpx.Client, method: str, path: str, body: Any) -> None:
    headers = {"Content-Type": "application/json"}
    answer = api.request(method, path, content=json.dumps(body), headers=headers)
    assert answer.status_code == 422


def test_no_id_is_taken_for_another(market: Market, item_id: str) -> None:
    assert market.catalogue.items.features([item_id, f"{item_id}\0"]).keys() == {item_id}
    assert market.catalogue.items.features([f"{item_id}\0", "\ud800"]) == {}


def test_an_item_comes_changes_and_goes(api: httpx.Client, item_id: str) -> None:
    features = api.get(f"/items/{item_id}").json()["features"]
    assert api.put("/items/a/b", json={"features": features}).json() == {"seq": 1}
    assert api.patch("/items/a/b", json={"features": {"price": 17}}).json() == {"seq": 2}
    assert api.get("/items/a/b").json() == {"id": "a/b", "features": features | {"price": 17}, "gone": False}
    assert api.delete("/items/a/b").json() == {"deleted": ["a/b"]}
    assert api.delete("/items/a/b").json() == {"deleted": []}  # asked again, for its answer was lost, say
    assert api.delete("/items/a/c").status_code == 404
    assert api.patch("/items/a/b", json={"features": {"price": 18}}).status_code == 404
    assert api.get("/items/a/b").json()["gone"]
    assert api.patch("/items/nobody", json={"features": {"price": 18}}).status_code == 404


def test_what_comes_and_goes_in_bulk_does_so_in_one_step(
    market: Market, api: httpx.Client, item_id: str
) -> None:
    features = api.get(f"/items/{item_id}").json()["features"]
    body = {"upsert": {"new": features, "both": features}, "delete": [item_id, "both", "unheard of", item_id]}
    answer = api.post("/items", json=body).json()
    assert answer == {"seq": 3, "upserted": 2, "deleted": [item_id, "both"], "refused": []}
    assert len({change.time for change in market.store.after(0, 10)}) == 1
    assert api.post("/items", json={"delete": [item_id]}).json()["deleted"] == []


def test_what_goes_in_bulk_goes_even_if_what_comes_is_not_found_yet(
    market: Market, api: httpx.Client, item_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    features = api.get(f"/items/{item_id}").json()["features"]

    def slow(seq: int) -> None:
        raise Unavailable("not found yet")

    monkeypatch.setattr(market.catalogue, "wait_for", slow)
    answer = api.post("/items", json={"upsert": {"new": features}, "delete": [item_id]})
    assert answer.status_code == 503
    assert api.get(f"/items/{item_id}").json()["gone"]


def test_changes_of_one_item_at_the_same_time_are_all_there(
    api: httpx.Client, market: Market, item_id: str
) -> None:
    features = market.service.items([item_id])[item_id].features
    names = list(market.catalogue.bundle.recipe.marketplace.features.continuous)[:2]
    for round in range(5):
        value = round + 1.0
        with ThreadPoolExecutor(2) as pool:
            bodies = [{"features": {name: value}} for name in names]
            answers = list(pool.map(lambda body: api.patch(f"/items/{item_id}", json=body), bodies))
        assert {answer.status_code for answer in answers} == {200}
        features = {**features, **dict.fromkeys(names, value)}
        assert market.service.items([item_id])[item_id].features == features


def test_a_change_that_meets_a_deletion_does_not_undo_it(
    market: Market, item_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = market.service.items

    def then_deleted(ids: Sequence[str]) -> Mapping[str, Item]:
        found = items(ids)
        monkeypatch.undo()
        market.service.delete([item_id])
        return found

    monkeypatch.setattr(market.service, "items", then_deleted)
    assert market.service.patch(item_id, {"price": 3.0}) is None
    assert market.service.items([item_id])[item_id].gone
