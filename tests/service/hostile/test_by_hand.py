"""What no client of good will sends: each is refused for what it is, and none ends in a 5xx."""

from __future__ import annotations

import json
import socket
import time
from itertools import product

import httpx
import pytest

JSON = {"Content-Type": "application/json"}
EVENT = {"id": "a", "user_id": "u", "item_id": "i", "type": "view"}
PATHS = (
    ("GET", "/recommendations/{}", None),
    ("GET", "/items/{}", None),
    ("GET", "/items/{}/similar", None),
    ("PUT", "/items/{}", {"features": {}}),
    ("PATCH", "/items/{}", {"features": {}}),
    ("DELETE", "/items/{}", None),
    ("GET", "/users/{}/profile", None),
    ("PUT", "/users/{}/profile/overrides", {"filters": []}),
    ("DELETE", "/users/{}", None),
    ("GET", "/decisions/{}", None),
)
IDS = (
    "..%2f..%2f..%2fetc%2fpasswd",
    "%2e%2e/%2e%2e/etc/passwd",
    "%00",
    "%ff%fe",
    "%ed%a0%80",
    "%0d%0aSet-Cookie:%20x=1",
    "%20",
    ".",
    "a" * 1000,
    "%F0%9F%98%80" * 512,
)


def sent(client: httpx.Client, method: str, path: str, body: str) -> httpx.Response:
    answer = client.request(method, path, content=body.encode(), headers=JSON)
    assert answer.status_code < 500, (method, path, body[:100])
    return answer


@pytest.mark.parametrize("id", IDS)
def test_ids_in_paths(client: httpx.Client, id: str) -> None:
    for method, path, body in PATHS:
        url = httpx.URL(str(client.base_url), raw_path=path.format(id).encode())
        content = None if body is None else json.dumps(body).encode()
        answer = client.send(client.build_request(method, url, content=content, headers=JSON))
        assert answer.status_code < 500, (method, path)
        assert "root:" not in answer.text
        assert "set-cookie" not in answer.headers
        if id in ("a" * 1000, "%00"):
            assert answer.status_code in (404, 422), (method, path)


@pytest.mark.parametrize("key", EVENT)
@pytest.mark.parametrize("value", [r'"\ud800"', r'"\u0000"', f'"{"x" * 1000}"', '""', "1", "null", "[]"])
def test_events(client: httpx.Client, key: str, value: str) -> None:
    def with_value(*names: str) -> str:
        return json.dumps({n: "@" if n == key else EVENT[n] for n in names}).replace('"@"', value)

    whole = with_value(*EVENT)
    for body in (whole, f'{{"events": [{whole}]}}'):
        answer = sent(client, "POST", "/events", body)
        assert answer.status_code == 422 or len(answer.json()["refused"]) == 1
    sent(client, "POST", "/guest-profile", f'{{"events": [{whole}]}}')
    sent(client, "POST", "/recommendations", f'{{"events": [{with_value("item_id", "type")}]}}')
    sent(client, "POST", "/rank", f'{{"items": ["a", {value}], "events": [{with_value("item_id", "type")}]}}')


@pytest.mark.parametrize(
    "features",
    [
        r'{"\ud800": 1}',
        r'{"fuel": "\ud800"}',
        r'{"fuel": "\u0000"}',
        '{"wings": 2}',
        '{"price": 1e38}',
        '{"price": -1e999}',
        f'{{"price": {"9" * 4000}}}',
        f'{{"price": {"9" * 5000}}}',
        '{"price": Infinity}',
        '{"price": []}',
        '{"fuel": {"a": 1}}',
        '{"price": ' + "[" * 30 + "]" * 30 + "}",
    ],
)
def test_features(client: httpx.Client, features: str) -> None:
    before = client.get("/items-gone").json()["seq"]
    for method in ("PUT", "PATCH"):
        answer = sent(client, method, "/items/hostile", f'{{"features": {features}}}')
        assert answer.status_code in (400, 422)
    bulk = sent(client, "POST", "/items", f'{{"upsert": {{"hostile": {features}}}}}')
    assert bulk.status_code in (400, 422) or bulk.json()["upserted"] == 0
    assert client.get("/items-gone").json()["seq"] == before
    assert client.get("/items/hostile").status_code == 404


def test_numbers_that_are_odd_but_fine(client: httpx.Client) -> None:
    for text, kept in (("-0.0", 0.0), ("NaN", None), ('" 7e2 "', 700.0), ("true", 1.0)):
        sent(client, "PUT", "/items/odd", f'{{"features": {{"price": {text}}}}}')
        assert client.get("/items/odd").json()["features"]["price"] == kept
    client.delete("/items/odd")


@pytest.mark.parametrize("number", ["1" * 1_500_000 + "x", "1." + "1" * 1_500_000 + "x", " " * 1_500_000])
def test_a_long_text_that_is_no_number_takes_no_time(client: httpx.Client, number: str) -> None:
    began = time.process_time()
    sent(client, "PUT", "/items/hostile", json.dumps({"features": {"price": number, "wings": 2}}))
    sent(
        client,
        "PUT",
        "/users/u/profile/overrides",
        json.dumps({"filters": [{"feature": "price", "min": number}]}),
    )
    assert time.process_time() - began < 5  # it was hours


FILTERS = (
    '{"feature": %s, "any_of": ["a"]}',
    '{"feature": "fuel", "any_of": [%s]}',
    '{"feature": "item_id", "none_of": [%s]}',
    '{"feature": "price", "min": %s}',
    '{"feature": "price", "max": 1, %s: 1}',
    '{"within_km": %s, "latitude": 1, "longitude": 1}',
    '{"within_km": 1, "latitude": 1, "longitude": 1, "latitude_feature": %s}',
)
VALUES = (
    r'"\ud800"',
    r'"\u0000"',
    '"0001-01-01T00:00:00+23:59"',
    '"9999-12-31T23:59:59-23:59"',
    "1e308",
    "1e999",
    "1e-320",
    "NaN",
    "9" * 400,
    "{}",
    '"fuel"',
)


@pytest.mark.parametrize("value", VALUES)
def test_filters(client: httpx.Client, bundle_id: str, value: str) -> None:
    for form in FILTERS:
        filters = f"[{form % value}]"
        sent(client, "POST", "/recommendations", f'{{"user_id": "f", "k": 2, "filters": {filters}}}')
        sent(client, "POST", "/items-popular", f'{{"bundle_id": "{bundle_id}", "filters": {filters}}}')
        body = f'{{"bundle_id": "{bundle_id}", "popular": 1, "count": 2, "filters": {filters}}}'
        sent(client, "POST", "/candidates", body)
        sent(client, "PUT", "/users/f/profile/overrides", f'{{"filters": {filters}}}')
        for path in ("/users/f/profile", "/recommendations/f?k=2"):
            assert client.get(path).status_code == 200
        assert client.get("/recommendations/f", params={"k": 2, "where": filters}).status_code < 500


@pytest.mark.parametrize("relax", ["widen", "by"])
def test_steps_that_are_too_long(client: httpx.Client, relax: str) -> None:
    where = '[{"feature": "price", "min": 1e300, "max": 1e308}]'
    for value in ("1e308", "1e999", "-1", "NaN"):
        asked = {"where": where, "relax": f'[{{"feature": "price", "{relax}": {value}}}]', "k": 2}
        assert client.get("/recommendations/f", params=asked).status_code < 500


@pytest.mark.parametrize(
    "profile",
    [
        '{"numbers": {"price": {"mean": 1e300, "std": 1e300}}}',
        '{"numbers": {"price": {"mean": 1e38}, "mileage": {"mean": -1e38}}}',
        '{"values": {"fuel": {"DIESEL": 1e12, "no such fuel": 1e-320}}}',
        '{"values": {"fuel": {"DIESEL": 5e-324}}}',
        '{"values": {"fuel": {}}}',
        "{}",
    ],
)
def test_profiles_at_the_end_of_numbers_are_ranked_with_numbers(client: httpx.Client, profile: str) -> None:
    answer = sent(client, "POST", "/recommendations", f'{{"profile": {profile}, "k": 3}}').json()
    assert answer["degraded"] is None
    assert len(answer["items"]) == 3
    assert all(isinstance(item["score"], float) for item in answer["items"])


def test_vectors_at_the_end_of_numbers(client: httpx.Client, bundle_id: str) -> None:
    item = client.get("/recommendations/nobody?k=1").json()["items"][0]["id"]
    found = client.post("/items/represent", json={"bundle_id": bundle_id, "ids": [item]}).json()
    width = len(found["embedding"][0])
    for number, share in product((1e18, 0.0, -0.0, 1e-45), (1.0, 0.0, 1e-320, 1e6)):
        queries = [{"vector": [number] * width, "share": share}]
        answer = client.post("/candidates", json={"bundle_id": bundle_id, "queries": queries, "count": 3})
        assert answer.status_code == 200
        assert all(isinstance(one, float) for one in answer.json()["similarity"])


@pytest.mark.parametrize(
    "kind",
    [
        None,
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/JSON",
        "application/json; charset=utf-16",
        "garbage/\\",
    ],
)
def test_content_types(client: httpx.Client, kind: str | None) -> None:
    headers = {} if kind is None else {"Content-Type": kind}
    bodies = (b'{"a": 1}', b"\xff\xfe{\x00", b"[" * 100_000 + b"]" * 100_000, b"--x\r\n", b"")
    for path, body in product(("/events", "/recommendations", "/items", "/candidates"), bodies):
        answer = client.post(path, content=body, headers=headers)
        assert 400 <= answer.status_code < 500, (path, body[:10])


def test_a_body_of_ten_megabytes_is_refused_in_words(client: httpx.Client) -> None:
    for content in (b" " * 10_000_000, iter([b" " * 1_000_000] * 10)):
        answer = client.post("/events", content=content, headers=JSON)
        assert answer.status_code == 413
        assert "2,000,000 bytes" in answer.json()["error"]["message"]
        assert answer.headers["Connection"] == "close"


def over_socket(client: httpx.Client, *parts: bytes) -> bytes:
    """Return the first words of the answer to raw bytes."""
    with socket.create_connection((client.base_url.host, client.base_url.port or 80), timeout=10) as raw:
        for part in parts:
            raw.sendall(part)
        return raw.recv(4000)


HOST = b"Host: 127.0.0.1\r\n"


@pytest.mark.parametrize(
    "head",
    [
        b"GET /items/\xff\xfe HTTP/1.1\r\n" + HOST,
        b"GET /recommendations/x?where=\xff HTTP/1.1\r\n" + HOST,
        b"GET /../../etc/passwd HTTP/1.1\r\n" + HOST,
        b"POST /events HTTP/1.1\r\n" + HOST + b"Content-Length: " + b"9" * 5000 + b"\r\n",
        b"POST /events HTTP/1.1\r\n" + HOST + b"Content-Length: -5\r\n",
        b"POST /events HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\nContent-Length: 6\r\n",
        b"GET /health/live HTTP/1.1\r\n" + HOST + b"X-Request-Id: a\x00b\r\n",
        b"BREW /health/live HTTP/1.1\r\n" + HOST,
        b"PUT /items/a HTTP/1.1\r\nHost: [\r\nContent-Length: 0\r\n",
        b"PUT /items/a HTTP/1.1\r\n" + HOST + b"Origin: http://[\r\nContent-Length: 0\r\n",
        b"PUT /items/a HTTP/1.1\r\n" + HOST + b"Origin: null\r\nContent-Length: 0\r\n",
        b"\x16\x03\x01\x00\x00",
    ],
)
def test_heads_that_are_none(client: httpx.Client, head: bytes) -> None:
    answer = over_socket(client, head + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 4"), answer[:100]
    assert b"root:" not in answer


def test_a_request_id_adds_no_header(client: httpx.Client) -> None:
    answer = over_socket(
        client, b"GET /health/live HTTP/1.1\r\n", HOST, b"X-Request-Id: a%0d%0aSet-Cookie: b\r\n\r\n"
    )
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"set-cookie" not in answer.lower()


def test_half_a_request_keeps_nobody_waiting(client: httpx.Client) -> None:
    address = client.base_url.host, client.base_url.port or 80
    held = [socket.create_connection(address) for _ in range(50)]
    try:
        for number, raw in enumerate(held):
            length = b"" if number % 2 else b"Content-Length: 100\r\n\r\n{"
            raw.sendall(b"POST /events HTTP/1.1\r\n" + HOST + length)
        assert client.get("/recommendations/x?k=1").status_code == 200
        assert client.post("/events", json=EVENT).status_code == 200
    finally:
        for raw in held:
            raw.close()
