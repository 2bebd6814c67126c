"""Hostile texts stay texts; forms of other sites are refused; any recipe has a page."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest

from dlrs.folders import RunFolder
from dlrs.service.page.routes import segment
from service.http.test_serving import serving

HOSTILE = "\"><script>alert(1)</script>'; ‮<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def http(world: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    state = tmp_path_factory.mktemp("state")
    with (
        serving(world.path, state, "--as-of", "watermark") as (_, _, said),
        httpx.Client(base_url=said[-1].split()[1]) as client,
    ):
        yield client


def some_item(http: httpx.Client) -> str:
    return str(http.get("/recommendations/nobody?k=1").json()["items"][0]["id"])


def test_hostile_features_are_shown_as_they_are(http: httpx.Client) -> None:
    item = some_item(http)
    assert http.patch(
        f"/items/{item}", json={"features": {"color": HOSTILE, "model_id": HOSTILE * 150}}
    ).is_success
    event = {"id": "h1", "user_id": HOSTILE, "item_id": item, "type": "view"}
    assert http.post("/events", json=event).json()["new"] == 1
    for path in (f"/u/{segment(HOSTILE)}", f"/u/x/ad/{item}"):
        answer = http.get(path)
        assert answer.status_code == 200
        assert "<script>alert" not in answer.text
        assert "<img" not in answer.text
        assert "script-src 'self'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_forms_of_other_sites_are_refused(http: httpx.Client, site: str) -> None:
    form = {"event": "e", "item": some_item(http), "type": "view"}
    assert http.post("/u/x/did", data=form, headers={"Sec-Fetch-Site": site}).status_code == 403
    assert http.get("/users/x/profile").json()["events"] == 0


def test_a_double_click_is_one_event(http: httpx.Client) -> None:
    form = {"event": "twice", "item": some_item(http), "type": "view", "next": "/u/y?fuel=DIESEL"}
    for _ in range(2):
        answer = http.post("/u/y/did", data=form)
        assert (answer.status_code, answer.headers["location"]) == (303, "/u/y?fuel=DIESEL")
    assert http.get("/users/y/profile").json()["events"] == 1


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/u/x/ad/none", 404),
        ("/static/..%2F..%2Fwiring.py", 404),
        ("/static/other.js", 404),
        ("/?user=a/b", 303),
    ],
)
def test_what_is_not_there(http: httpx.Client, path: str, status: int) -> None:
    assert http.get(path).status_code == status


def test_wrong_events_are_told(http: httpx.Client) -> None:
    for form in (
        {},
        {"event": "e", "item": "none", "type": "view"},
        {"event": "e", "item": some_item(http), "type": "?"},
    ):
        answer = http.post("/u/x/did", data=form)
        assert answer.status_code == 422
        assert "expected" in answer.text or "item" in answer.text


def test_erased_users_begin_anew(http: httpx.Client) -> None:
    http.post("/u/z/did", data={"event": "z1", "item": some_item(http), "type": "view"})
    answer = http.post("/u/z/erase", data={})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert http.get("/users/z/profile").json()["events"] == 0


def test_erased_users_are_not_offered(http: httpx.Client) -> None:
    first, *others = re.findall(r'href="(/u/[^"]+)"', http.get("/").text)
    http.post(f"{first}/erase", data={})
    assert re.findall(r'href="(/u/[^"]+)"', http.get("/").text) == others
