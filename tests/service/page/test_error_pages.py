"""Errors as people see them: a page where a browser asked for one of the page, JSON for programs."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import psycopg
import pytest
from fastapi import FastAPI

from dlrs.folders import RunFolder
from dlrs.service.as_of import clock_offset
from dlrs.service.http.access import new_key
from dlrs.service.http.turning_away import PLAIN
from dlrs.service.settings import Settings
from dlrs.service.wiring import opened, read
from service.database.conftest import SERVER, postgresql
from service.page.conftest import PATIENT, Visit
from service_stub import over_http

# as Chromium and Firefox send it
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"}
PROGRAM = {"Accept": "*/*"}
FORM = {"event": "e", "item": "i", "type": "view"}


def is_page(answer: httpx.Response, title: str) -> bool:
    """Tell whether this is an error page of this title, with all that pages have."""
    assert answer.headers["content-type"] == "text/html; charset=utf-8", answer.text
    assert "style-src 'self'" in answer.headers["content-security-policy"]
    assert answer.headers.get_list("content-length") == [str(len(answer.content))]
    assert len(answer.headers.get_list("content-type")) == 1
    assert len(answer.headers.get_list("content-security-policy")) == 1
    assert 'role="alert"' in answer.text
    assert answer.text.rstrip().endswith("</html>")
    return re.findall("<h1>(.*)</h1>", answer.text) == [html.escape(title)]


def error(answer: httpx.Response) -> str:
    """Return what a program is told."""
    assert answer.headers["content-type"] == "application/json"
    return str(answer.json()["error"]["message"])


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, httpx.Auth]]:
    file = tmp_path_factory.mktemp("keys") / "keys.json"
    return file, {scope: httpx.BasicAuth("", new_key(file, [scope])) for scope in ("read", "events")}


def test_without_a_key(world: RunFolder, visit: Visit, keys: tuple[Path, dict[str, httpx.Auth]]) -> None:
    visitor = visit(world, keys[0])
    for path in ("/", "/u/7", "/u/7/ad/1", "/report", "/live"):
        answer = visitor.get(path, headers=BROWSER)
        assert answer.status_code == 401
        assert is_page(answer, "A key is needed")
        assert "expected an API key" in answer.text
        # so that the browser asks for one; a line each, as some read the first of a line only
        assert answer.headers.get_list("www-authenticate") == ["Bearer", 'Basic realm="dlrs"']
        assert "expected an API key" in error(visitor.get(path, headers=PROGRAM))
        assert answer.headers["x-request-id"] in answer.text
    for path in ("/recommendations/7", "/items/1", "/users/7/profile", "/metrics"):
        assert "expected an API key" in error(visitor.get(path, headers=BROWSER))


def test_with_a_key_that_opens_something_else(
    world: RunFolder, visit: Visit, keys: tuple[Path, dict[str, httpx.Auth]]
) -> None:
    visitor, (_, auths) = visit(world, keys[0]), keys
    for answer in (
        visitor.get("/u/7", headers=BROWSER, auth=auths["events"]),
        visitor.post("/u/7/did", data=FORM, headers=BROWSER, auth=auths["read"]),
        visitor.post("/u/7/erase", data={}, headers=BROWSER, auth=auths["events"]),
    ):
        assert answer.status_code == 403
        assert is_page(answer, "Not with this key, or not from here")
        assert "expected scope" in answer.text
    assert "expected scope" in error(visitor.post("/u/7/did", data=FORM, auth=auths["read"]))


def test_a_form_of_another_site(visitor: httpx.Client) -> None:
    answer = visitor.post("/u/7/did", data=FORM, headers={**BROWSER, "Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert is_page(answer, "Not with this key, or not from here")


def test_what_is_not_there(visitor: httpx.Client) -> None:
    for path in ("/nowhere", "/u/", "/u/7/other", "/<script>alert(1)"):
        answer = visitor.get(path, headers=BROWSER)
        assert answer.status_code == 404
        assert is_page(answer, "Nothing is here")
        assert "<script>alert" not in answer.text
        assert error(visitor.get(path, headers=PROGRAM)) == "Not Found"
    assert "received one that is not" in error(visitor.get("/items/none", headers=BROWSER))


def test_what_a_part_of_a_page_is_told(visitor: httpx.Client) -> None:
    """htmx asks for a part, or for a whole page to put in the place of the one that is there."""
    part = visitor.get("/u/7/other", headers={"HX-Request": "true"})
    assert part.text.strip() == '<p class="warning" role="alert">Not Found</p>'
    whole = visitor.get("/u/7/other", headers={"HX-Request": "true", "HX-Boosted": "true"})
    assert is_page(whole, "Nothing is here")


@pytest.fixture(scope="module")
def parted(world: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[FastAPI, str]]:
    """A service whose database a test may take away, and the URL of that."""
    state = tmp_path_factory.mktemp("state")
    with postgresql() as url:
        settings = Settings(world.registry, state, database=url, deadline=PATIENT)
        loaded = read(settings)
        offset = clock_offset(state, "watermark", loaded.bundle.watermark)
        with opened(replace(settings, clock_offset=offset), loaded) as service:
            yield service.app, url


def test_with_too_much_to_do(parted: tuple[FastAPI, str]) -> None:
    app, _ = parted
    gate = app.state.gates.reads
    with over_http(app) as visitor:
        assert visitor.get("/u/7", headers=BROWSER).status_code == 200
        gate.busy, gate.longest_wait = gate.places, -1.0  # as if somebody held every place
        try:
            shown, told = visitor.get("/u/7?a=1&b=2", headers=BROWSER), visitor.get("/u/7", headers=PROGRAM)
            listed = visitor.get("/recommendations/7", headers=BROWSER)
        finally:
            gate.busy, gate.longest_wait = 0, 0.1
    for answer in (shown, told, listed):
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) >= 1
    assert is_page(shown, "Not now")
    assert '<a href="/u/7?a=1&amp;b=2">Try again</a>' in shown.text
    assert error(told) == error(listed) == "More requests than can be answered. Ask again soon."


def test_programs_alone_are_turned_away_before_they_are_read() -> None:
    head = b"GET /u/7 HTTP/1.1\r\nHost: localhost\r\n%s\r\n"
    assert PLAIN.fullmatch(head % b"Accept: */*\r\n")
    assert PLAIN.fullmatch(head % b"Accept: application/json\r\n")
    assert not PLAIN.fullmatch(head % b"Accept: application/json, Text/HTML\r\n")
    assert not PLAIN.fullmatch(head % b"HX-Request: true\r\n")


def test_zz_without_its_database(parted: tuple[FastAPI, str]) -> None:
    app, url = parted
    name = url.rsplit("/", 1)[1]
    with over_http(app) as visitor, psycopg.connect(f"{SERVER}/postgres", autocommit=True) as server:
        assert visitor.get("/u/7", headers=BROWSER).status_code == 200
        server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        shown, told = visitor.get("/u/7", headers=BROWSER), visitor.get("/u/7", headers=PROGRAM)
    for answer in (shown, told):
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) >= 1
    assert is_page(shown, "Not now")
    assert '<a href="/u/7">Try again</a>' in shown.text
    assert "expected an answer" in html.unescape(shown.text)
    assert "expected an answer" in error(told)
