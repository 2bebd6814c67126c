"""The routes by which items change, over HTTP."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

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
