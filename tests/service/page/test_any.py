"""Any name, any form, any marketplace: what the page does with what its authors did not think of."""

from __future__ import annotations

import html
import re
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest

from dlrs import pipeline
from dlrs.folders import RunFolder
from dlrs.service.http.access import new_key
from every_kind import RECIPE, write_games
from service.page.conftest import HOSTILE, Visit

NAMES = (
    "a/b",
    "a?b#c",
    "50%",
    "ünï 漢字",
    "\u202ertl",
    HOSTILE,
    "' or 1=1 --",
    "&amp;",
    "..",
    "%2F",
    "a/ad/b",
)


def shown(visitor: httpx.Client, path: str) -> str:
    answer = visitor.get(path)
    assert answer.status_code == 200, answer.text
    return answer.text


def examples(visitor: httpx.Client) -> list[str]:
    return re.findall(r'href="(/u/[^"]+)"', shown(visitor, "/"))


def cards(page: str) -> list[str]:
    return [html.unescape(id) for id in re.findall(r'<li class="card" data-item="([^"]*)"', page)]


def events(page: str) -> int:
    [count] = re.findall(r'id="events">(\d+)<', page)
    return int(count)


def act(visitor: httpx.Client, user: str, item: str, kind: str, **more: str) -> httpx.Response:
    form = {"event": uuid4().hex, "item": item, "type": kind, "next": user, **more}
    return visitor.post(f"{user}/did", data=form)


@pytest.fixture(scope="module")
def keyed(
    world: RunFolder, visit: Visit, tmp_path_factory: pytest.TempPathFactory
) -> tuple[httpx.Client, httpx.Auth]:
    """A visitor of a service with keys, and the key as a browser sends it: with whatever form."""
    file = tmp_path_factory.mktemp("keys") / "keys.json"
    auth = httpx.BasicAuth("", new_key(file, ["admin"]))
    return visit(world, file), auth


def test_a_new_user_gets_what_is_popular(visitor: httpx.Client) -> None:
    page = shown(visitor, "/u/nobody-yet")
    assert len(cards(page)) > 3
    assert "popular" in page
    assert events(page) == 0


@pytest.mark.parametrize(
    "body", [b"\xff\xfe%00=%ff", b"&".join([b"a=1"] * 5000), b"event=%ud800", b"=" * 4000]
)
def test_no_form_is_a_fault(visitor: httpx.Client, body: bytes) -> None:
    for path in ("did", "never"):
        sent = visitor.post(
            f"/u/nobody-yet/{path}",
            content=body,
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )
        assert 400 <= sent.status_code < 500


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://evil.example"},  # of a browser without Sec-Fetch-Site
        {"Origin": "null"},
        {"Origin": "http://["},
    ],
)
def test_a_password_that_a_browser_keeps_lets_no_other_site_in(
    keyed: tuple[httpx.Client, httpx.Auth], headers: dict[str, str]
) -> None:
    visitor, auth = keyed
    user, form = f"/u/{uuid4().hex}", {"event": uuid4().hex, "type": "view"}
    form["item"] = cards(visitor.get(user, auth=auth).text)[0]
    for path in ("did", "never", "erase"):
        refused = visitor.post(f"{user}/{path}", data=form, headers=headers, auth=auth)
        assert refused.status_code == 403, path
    assert events(visitor.get(user, auth=auth).text) == 0
    own = {"Origin": str(visitor.base_url), "Sec-Fetch-Site": "same-origin"}
    assert visitor.post(f"{user}/did", data=form, headers=own, auth=auth).status_code == 303
    assert visitor.post(f"{user}/did", data=form, headers=own).status_code == 401


@pytest.mark.parametrize(
    "given", ["fuel=%3Cb%3E", "km=-1&latitude=91&longitude=7", "price.min=1e400", "x=%00%ff"]
)
def test_no_filter_is_a_fault(visitor: httpx.Client, given: str) -> None:
    answer = visitor.get(f"/u/nobody-yet?{given}")
    assert answer.status_code in (200, 422)
    assert "text/html" in answer.headers["content-type"]
    assert "<b>" not in re.sub(r"<b>[\d.]+ %</b>|<b>\w+</b>", "", answer.text)


@pytest.mark.parametrize("name", NAMES)
def test_any_name_of_a_user_and_of_an_item_works_and_is_escaped(
    visitor: httpx.Client, hostile: dict[str, str], name: str
) -> None:
    assert visitor.post("/items", json={"upsert": {name: hostile}}).status_code == 200
    user = visitor.get("/", params={"user": name}).headers["location"]
    assert act(visitor, user, name, "contact").status_code == 303
    listed = shown(visitor, user)
    assert events(listed) == 1
    [address] = re.findall(r'href="([^"]+/ad/[^"]+)"', listed)  # of the history
    assert set(re.findall(r'name="next" value="([^"]+)"', listed)) >= {user}
    for page in (listed, shown(visitor, address)):
        assert name in html.unescape(page)
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert(&#39;&amp;&#34;`{{7*7}}&lt;/script&gt;" in page
    assert visitor.post("/items", json={"delete": [name]}).status_code == 200
    assert "is gone" in shown(visitor, address)


def test_nothing_runs_in_the_page_but_its_own_files(visitor: httpx.Client) -> None:
    user = examples(visitor)[0]
    for path in (
        "/",
        user,
        f"{user}/ad/{cards(shown(visitor, user))[0]}",
        "/report",
        "/live",
        "/u/x/ad/never-was",
    ):
        answer = visitor.get(path)
        policy = answer.headers["content-security-policy"]
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy
        assert not re.search(r"<script(?! src=)|<style|\sstyle=|\son\w+=|https?://", answer.text)
        for file in re.findall(r'(?:src|href)="(/static/[^"]+)"', answer.text):
            assert visitor.get(file).status_code == 200
    assert visitor.get("/static/..%2froutes.py").status_code == 404


def test_another_marketplace_is_shown_as_well(tmp_path_factory: pytest.TempPathFactory, visit: Visit) -> None:
    run = RunFolder(tmp_path_factory.mktemp("games"))
    write_games(run.path)
    (run.path / "recipe.toml").write_text(RECIPE)
    pipeline.prepare(run.path / "recipe.toml", run.prepared)
    pipeline.train(run.prepared, run.trained)
    pipeline.publish(run.prepared, run.trained, run.registry)
    visitor = visit(run)
    user = examples(visitor)[0]
    page = shown(visitor, f"{user}?genre=puzzle&price.max=100000")
    assert "puzzle" in page
    assert "km" not in re.findall(r'name="([^"]+)"', page)  # it has no places
    assert cards(page)
    item = cards(shown(visitor, user))[0]
    assert shown(visitor, f"{user}/ad/{quote(item, safe='')}")
