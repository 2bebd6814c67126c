"""The routes by which items change, over HTTP."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

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
    assert api.delete("/items/a/b").status_code == 404
    assert api.patch("/items/a/b", json={"features": {"price": 18}}).status_code == 404
    assert api.get("/items/a/b").json()["gone"]
    assert api.patch("/items/nobody", json={"features": {"price": 18}}).status_code == 404


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
