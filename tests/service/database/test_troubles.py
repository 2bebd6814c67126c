"""A database that is full, locked, or goes away: said as what it is, and over when it is over."""

from __future__ import annotations

import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from dlrs.errors import StorageFull, Unavailable
from dlrs.service.database import Database, engines
from dlrs.service.seams import Event
from service.database.conftest import Opens


def event(id: object, user: str = "ann") -> Event:
    return Event(f"e{id}", user, "car", "view", 5)


def bulk(name: str, size: int = 500) -> list[tuple[Event, dict[str, str]]]:
    return [(event(f"{name}-{n}"), {"text": f"{name}-{n} " * 20}) for n in range(size)]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MB; skips where it cannot be mounted."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no file system of its own size can be mounted: {error}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def fill(database: Database) -> int:
    """Add until it is full; return how many batches of 500 were acknowledged."""
    for n in range(1000):
        try:
            assert database.events.add(bulk(str(n))) == 500
        except StorageFull:
            return n
    raise AssertionError("it is never full")


def check_full(database: Database, whole: int) -> None:
    """Nothing of what failed is there, all else is, and reads go on."""
    found = database.events.of_user("ann")
    assert len(found) == whole * 500
    assert len(database.events.features([each.features for each in found])) == whole * 500
    assert database.events.popular(0, 1) == [("car", 1)]
    with pytest.raises(StorageFull, match="make room"):
        database.items.put({f"i{n}": {"text": "x" * 1000} for n in range(1000)}, 5)
    assert database.items.last() == 0


def test_a_disk_that_is_full(small_disk: Path, opens: Opens) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(1 << 20))
    database = opens(f"sqlite:///{small_disk}/dlrs.db")
    whole = fill(database)
    check_full(database, whole)
    ballast.unlink()
    assert database.events.add(bulk(str(whole))) == 500
    assert database.items.put({"car": {}}, 5) == 1


def test_a_file_that_may_not_grow(sqlite_url: str, opens: Opens) -> None:
    database = opens(sqlite_url)
    with database._engines[1].connect() as connection:  # the only connection that writes
        connection.exec_driver_sql("PRAGMA max_page_count = 300")
    whole = fill(database)
    check_full(database, whole)
    database.users.erase("ann", 5)  # deleting makes room by itself
    assert database.events.add(bulk(str(whole), 200)) == 200


def test_a_full_postgresql(postgresql_url: str, opens: Opens) -> None:
    """The server says so by its code 53100, here by a trigger's hand."""
    database = opens(postgresql_url)
    database.events.add(bulk("before"))
    with psycopg.connect(postgresql_url, autocommit=True) as other:
        other.execute(
            "CREATE FUNCTION full_() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE 'could not extend file' USING ERRCODE = 'disk_full'; END $$"
        )
        for table in ("features", "item_change"):
            other.execute(f"CREATE TRIGGER full_ BEFORE INSERT ON {table} EXECUTE FUNCTION full_()")
        with pytest.raises(StorageFull):
            database.events.add(bulk("meanwhile"))
        check_full(database, 1)
        other.execute("DROP FUNCTION full_ CASCADE")
    assert database.events.add(bulk("meanwhile")) == 500


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_lock_that_another_process_holds_too_long(
    kind: str, request: pytest.FixtureRequest, opens: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "PATIENCE", 0.2)
    url = str(request.getfixturevalue(f"{kind}_url"))
    database = opens(url)
    database.events.add([(event(1), {})])
    other: Any
    if kind == "sqlite":
        other = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    else:
        other = psycopg.connect(url, autocommit=True)
    other.execute("BEGIN")
    other.execute("UPDATE number SET last = last")
    for write in (
        lambda: database.events.add([(event(2), {})]),
        lambda: database.items.put({"car": {}}, 5),
        lambda: database.users.erase("ann", 5),
    ):
        with pytest.raises(Unavailable):
            write()
    assert len(database.events.of_user("ann")) == 1
    other.execute("ROLLBACK")
    other.close()
    assert database.events.add([(event(2), {})]) == 1
    database.users.erase("ann", 5)
    assert database.events.of_user("ann") == []


def test_nobody_answers() -> None:
    with pytest.raises(Unavailable, match=r"postgresql://me:\*\*\*@127.0.0.1:1/x") as caught:
        Database.open("postgresql://me:secret@127.0.0.1:1/x")
    assert "secret" not in str(caught.value)


def test_connections_ended_under_load(postgresql_url: str, opens: Opens) -> None:
    """As when the server restarts: what was acknowledged is there, and all goes on by itself."""
    database = opens(postgresql_url)
    acknowledged: list[str] = []
    stop = threading.Event()
    refused = []

    def write(k: int) -> None:
        n = 0
        while not stop.is_set():
            one, n = event(f"{k}-{n}", f"u{k}"), n + 1
            try:
                database.events.add([(one, {"n": n})])
                acknowledged.append(one.id)
                database.events.of_user(f"u{k}")
            except Unavailable as error:
                refused.append(error)

    end = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = %s AND pid <> pg_backend_pid()"
    )
    name = postgresql_url.rpartition("/")[2]
    with psycopg.connect(postgresql_url, autocommit=True) as other, ThreadPoolExecutor(4) as pool:
        writers = [pool.submit(write, k) for k in range(4)]
        try:
            for _ in range(8):
                seen = len(acknowledged)
                other.execute(end, [name])
                while len(acknowledged) < seen + 8 and not any(each.done() for each in writers):
                    time.sleep(0.001)
        finally:
            stop.set()
        for writer in writers:
            writer.result()
        other.execute(end, [name])
    assert database.events.of_user("u0")  # the next read needs nobody's help either
    assert database.events.add([(event("after"), {})]) == 1
    stored = {each.event.id for k in range(4) for each in database.events.of_user(f"u{k}")}
    assert stored >= set(acknowledged)
    assert len(stored) <= len(acknowledged) + len(refused)  # in doubt are those only whose caller was told


def test_what_was_erased_is_overwritten(sqlite_url: str, opens: Opens) -> None:
    database = opens(sqlite_url)
    secret = "seen by ann alone"
    database.events.add([(event(f"{secret} {n}"), {"text": secret * 300}) for n in range(50)])
    folder = Path(sqlite_url.removeprefix("sqlite:///")).parent

    def said() -> bool:
        return any(secret.encode() in file.read_bytes() for file in folder.iterdir())

    assert said()
    database.users.erase("ann", 5)
    assert not said()


def test_a_commit_waits_for_the_disk(sqlite_url: str, postgresql_url: str, opens: Opens) -> None:
    with opens(sqlite_url)._engines[1].connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
    with opens(postgresql_url)._engines[1].connect() as connection:
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"


def test_a_request_looks_up_by_index(sqlite_url: str, opens: Opens) -> None:
    opens(sqlite_url)
    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as connection:
        sql = "EXPLAIN QUERY PLAN SELECT * FROM event WHERE user_id = 'ann' AND seq > 5 ORDER BY seq"
        plan = [row[-1] for row in connection.execute(sql)]
    assert plan == ["SEARCH event USING INDEX event_user (user_id=? AND seq>?)"]
