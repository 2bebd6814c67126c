"""`dlrs keys new` and `dlrs replay`, and what `dlrs serve` refuses to begin with."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dlrs.cli import app
from dlrs.errors import RequestError
from dlrs.folders import RunFolder
from dlrs.service.http.access import open_access
from dlrs.service.settings import Settings
from dlrs.service.wiring import opened, read
from service_stub import app as stub
from service_stub import over_http

ADDRESS = "https://candidates.example"


def run(*words: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, words)
    return done.exit_code, done.stdout, done.stderr or str(done.exception)


def test_a_new_key_is_printed_once_and_opens_the_service(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    status, key, _ = run("keys", "new", "--scopes", "read, events", "--to", str(file), "--name", "shop")
    assert status == 0
    assert key.strip() not in file.read_text()
    assert json.loads(file.read_text())["keys"][0]["scopes"] == ["events", "read"]
    with over_http(stub(open_access(file))) as client:
        headers = {"X-API-Key": key.strip()}
        assert client.get("/small", headers=headers).status_code == 200
        assert client.delete("/users/7", headers=headers).status_code == 403
    status, _, told = run("keys", "new", "--scopes", "everything", "--to", str(file))
    assert status != 0
    assert "read, events, items, admin" in told


@pytest.fixture
def decisions(world: RunFolder, tmp_path: Path) -> list[str]:
    """Ids of an answer from a profile, of popular, of more and of similar items; the service has stopped."""
    settings = Settings(world.registry, tmp_path / "state", as_of="watermark", deadline=10)
    settings.state.mkdir()
    with opened(settings, read(settings)) as service, over_http(service.app) as client:
        items = client.get("/recommendations/nobody").json()["items"]
        new, gone = items[3], items[0]["id"]
        assert client.put("/items/new", json={"features": new["features"]}).is_success
        assert client.delete(f"/items/{gone}").is_success
        items = items[1:]
        guest = {"events": [{"item_id": one["id"], "type": "view"} for one in items[:3]], "k": 4}
        paths = ("/recommendations/nobody", "/recommendations/nobody?k=500", "/items/new/similar?k=10")
        answers = [client.post("/recommendations", json=guest), *map(client.get, paths)]
        lists = [[item["id"] for item in answer.json()["items"]] for answer in answers]
        assert [gone in one for one in lists] == [False] * 4
        assert new["id"] in lists[3]  # the same features
        return [answer.json()["decision_id"] for answer in answers]


def test_a_list_is_rebuilt(decisions: list[str], world: RunFolder, tmp_path: Path) -> None:
    where = ("--from", str(world.path), "--state", str(tmp_path / "state"))
    for decision, count in zip(decisions, (4, 20, 500, 10), strict=True):
        status, text, told = run("replay", decision, *where)
        assert status == 0, told
        assert f"gives the same {count} items in the same order" in text
    for words, expected in (
        (("nothing", *where), "the id of a decision that is kept"),
        ((decisions[0], *where, "--against", "nowhere"), "nowhere"),
        ((decisions[0], *where[:2], "--state", str(tmp_path / "other")), "without service.db"),
    ):
        status, _, told = run("replay", *words)
        assert status != 0
        assert expected in told
    assert not (tmp_path / "other").exists()


def test_how_many_decisions_are_kept_is_asked_for(
    world: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Settings] = []

    def start(settings: Settings) -> int:
        asked.append(settings)
        return 0

    monkeypatch.setattr("dlrs.service.starting.start", start)
    where = ("serve", str(world.path), "--state", str(tmp_path / "state"))
    for words in ((), ("--decisions", "2"), ("--decisions", "0")):
        assert run(*where, *words)[0] == 0
    assert [settings.decisions for settings in asked] == [100_000, 2, 0]
    assert run(*where, "--decisions", "-1")[0] != 0
    settings = replace(asked[1], as_of="watermark", deadline=10)
    settings.state.mkdir()
    with opened(settings, read(settings)) as service, over_http(service.app) as client:
        paths = [f"/recommendations/nobody?k={k}" for k in (1, 2, 3)]
        ids = [client.get(path).json()["decision_id"] for path in paths]
        assert "dlrs_decisions_dropped_total 0.0" in client.get("/metrics").text
    statuses = [run("replay", id, "--from", *where[1:])[0] for id in ids]
    assert [status == 0 for status in statuses] == [False, True, True]


def test_who_asks_how_a_part_is_learns_no_address(
    world: RunFolder, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    address = "http://127.0.0.1:1"
    settings = Settings(world.registry, tmp_path, only="profiles", candidates_url=address)
    with opened(settings, read(settings)) as service, over_http(service.app) as client:
        answer = client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["checks"]["candidates"] == "does not answer"
    assert "127.0.0.1" not in answer.text
    lines = [line for line in capfdbinary.readouterr().err.splitlines() if b"not ready" in line]
    assert address in json.loads(lines[0])["error"]


def test_addresses_of_other_services_are_looked_at(tmp_path: Path) -> None:
    settings = Settings(tmp_path, tmp_path, only="profiles", candidates_url=f"{ADDRESS}/")
    assert settings.candidates_url == ADDRESS
    for wrong in (
        {"candidates_url": ADDRESS},
        {"only": "candidates", "profiles_url": ADDRESS},
        {"only": "profiles", "candidates_url": "localhost:8001"},
    ):
        with pytest.raises(RequestError, match="-url: expected"):
            Settings(tmp_path, tmp_path, **wrong)  # type: ignore[arg-type]
