"""Who may do what: keys and their scopes, and without keys what comes from this machine."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from dlrs.errors import ArtifactError, RequestError
from dlrs.service.http.access import VARIABLE, Keys, Loopback, new_key, open_access
from service_stub import app, over_http

EVENT = {"id": "a"}


def test_a_key_opens_its_scopes_and_no_others(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    reader, writer, admin = (new_key(file, [scope]) for scope in ("read", "events", "admin"))
    with over_http(app(open_access(file))) as client:
        assert client.get("/small").status_code == 401
        assert client.get("/small", headers={"X-API-Key": "dlrs_wrong"}).status_code == 401
        assert client.get("/small", headers={"X-API-Key": reader}).status_code == 200
        assert client.get("/small", headers={"Authorization": f"Bearer {reader}"}).status_code == 200
        assert client.get("/small", auth=("anybody", reader)).status_code == 200
        assert client.get("/small", headers={"X-API-Key": writer}).status_code == 403
        assert client.post("/events", json=EVENT, headers={"X-API-Key": reader}).status_code == 403
        assert client.post("/events", json=EVENT, headers={"X-API-Key": writer}).status_code == 200
        assert client.delete("/users/7", headers={"X-API-Key": writer}).status_code == 403
        assert client.delete("/users/7", headers={"X-API-Key": admin}).status_code == 200
        assert client.get("/metrics").status_code == 401
        assert client.get("/health/live").status_code == 200


def test_the_file_has_no_key_and_is_for_its_owner(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    first, second = new_key(file, ["read"], "shop"), new_key(file, ["items"])
    text = file.read_text()
    assert first not in text
    assert second not in text
    assert [key["name"] for key in json.loads(text)["keys"]] == ["shop", "key-2"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_keys_come_from_the_environment_too(tmp_path: Path) -> None:
    new_key(tmp_path / "keys.json", ["read"])
    text = (tmp_path / "keys.json").read_text()
    assert isinstance(open_access(None, {VARIABLE: text}), Keys)
    assert isinstance(open_access(None, {}), Loopback)


def test_a_changed_file_counts_soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dlrs.service.http.access.LOOK_AGAIN", 0.0)
    file = tmp_path / "keys.json"
    old = new_key(file, ["read"])
    with over_http(app(open_access(file))) as client:
        assert client.get("/small", headers={"X-API-Key": old}).status_code == 200
        file.unlink()
        new = new_key(file, ["read"])
        assert client.get("/small", headers={"X-API-Key": old}).status_code == 401
        assert client.get("/small", headers={"X-API-Key": new}).status_code == 200


@pytest.mark.parametrize("text", ["{", "[]", '{"keys": [{"name": "a", "sha256": "00", "scopes": ["read"]}]}'])
def test_files_of_something_else_are_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "keys.json"
    file.write_text(text)
    with pytest.raises(ArtifactError):
        open_access(file)
    with pytest.raises(ArtifactError):
        open_access(tmp_path / "nothing")


def test_unknown_scopes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="read, events, items, admin"):
        new_key(tmp_path / "keys.json", ["write"])


def test_without_keys_only_direct_calls_of_this_machine_write() -> None:
    with over_http(app(Loopback())) as client:
        assert client.get("/small").status_code == 200
        assert client.post("/events", json=EVENT).status_code == 200
        for header, value in (
            ("X-Forwarded-For", "10.0.0.7"),
            ("Forwarded", "for=10.0.0.7"),
            ("Host", "dlrs.example"),
            ("Origin", "http://elsewhere.example"),
        ):
            refused = client.post("/events", json=EVENT, headers={header: value})
            assert refused.status_code == 403, header
        own = {"Origin": f"http://{client.base_url.host}:{client.base_url.port}"}
        assert client.post("/events", json=EVENT, headers=own).status_code == 200


@pytest.mark.parametrize("origin", ["http://[", "null", "http://evil.example"])
def test_other_origins_are_refused_whatever_they_look_like(origin: str) -> None:
    with over_http(app(Loopback())) as client:
        assert client.delete("/users/7", headers={"Origin": origin}).status_code == 403


def test_a_file_that_went_bad_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dlrs.service.http.access.LOOK_AGAIN", 0.0)
    file = tmp_path / "keys.json"
    key = new_key(file, ["read"])
    with over_http(app(open_access(file))) as client:
        for _ in range(2):
            file.write_text('{"keys": [')  # half of an edit
            assert client.get("/small", headers={"X-API-Key": key}).status_code == 200
            assert client.get("/small", headers={"X-API-Key": "dlrs_wrong"}).status_code == 401
            file.unlink()
            assert client.get("/small", headers={"X-API-Key": key}).status_code == 200
        new = new_key(file, ["read"])
        assert client.get("/small", headers={"X-API-Key": key}).status_code == 401
        assert client.get("/small", headers={"X-API-Key": new}).status_code == 200
